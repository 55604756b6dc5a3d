//! The requests of transactions, each repeated until its outcome is final.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.TransactionManager.TxnRequestHandler.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, GroupId,
    InitProducerIdRequest, ProducerId as WireProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::{Request, StrBytes};
use milena_api::record::TopicPartition;
use tokio::sync::watch;

use super::super::partition_queue::Identity;
use super::state::{Done, Failure, Job, Offsets, Remedy};
use crate::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Cluster, Lane, Target, TopicsWanted};

/// Markers of the transaction before are written within milliseconds, so the first write of the next does not wait longer.
const AFTER_CONCURRENT: Duration = Duration::from_millis(20);
/// The newest version of AddPartitionsToTxn that is meant for clients.
const ADD_PARTITIONS: i16 = 3;
/// The newest versions of before transactions of version 2.
const END_V1: i16 = 4;
const OFFSET_COMMIT_V1: i16 = 4;

/// Who coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Transaction,
    Group(String),
}

/// What stands in the way of an attempt.
enum Trouble {
    Again {
        error: Error,
        /// Another broker may be the coordinator by now.
        moved: Option<Key>,
        pause: Option<Duration>,
    },
    Final(Error, Remedy),
    /// It is not wanted any more.
    Stopped,
}

impl Trouble {
    fn fatal(error: Error) -> Self {
        Self::Final(error, Remedy::None)
    }
}

/// The brokers that coordinate a producer's transactions, and how to ask them.
pub(in crate::producer) struct Coordinators {
    cluster: Arc<Cluster>,
    id: StrBytes,
    timeout_ms: i32,
    known: Mutex<HashMap<Key, i32>>,
    /// What is being asked is not wanted any more.
    stopped: watch::Sender<bool>,
    /// The coordinator may have done what it was asked last, although it did not say so.
    in_doubt: AtomicBool,
}

impl Coordinators {
    pub(in crate::producer) fn new(cluster: &Arc<Cluster>, config: &ProducerConfig) -> Option<Arc<Self>> {
        let id = config.transactional_id.as_ref()?;
        Some(Arc::new(Self {
            cluster: Arc::clone(cluster),
            id: StrBytes::from_string(id.to_string()),
            timeout_ms: i32::try_from(config.transaction_timeout.as_millis()).unwrap_or(i32::MAX),
            known: Mutex::default(),
            stopped: watch::Sender::new(false),
            in_doubt: AtomicBool::new(false),
        }))
    }

    /// To be called before a job is run.
    pub(in crate::producer) fn ready(&self) {
        self.stopped.send_replace(false);
        self.in_doubt.store(false, Ordering::Relaxed);
    }

    /// The job that runs is not wanted any more: it is not asked for again. A request that is on its way is still waited for, since
    /// whatever is asked next must not overtake it.
    pub(in crate::producer) fn stop(&self) {
        self.stopped.send_if_modified(|stopped| !std::mem::replace(stopped, true));
    }

    async fn until_stopped(&self) {
        // The sender is a field of this, so there is no other end.
        drop(self.stopped.subscribe().wait_for(|stopped| *stopped).await);
    }

    /// Whether the cluster has agreed on transactions of version 2.
    pub(in crate::producer) fn v2(&self) -> bool {
        self.cluster.finalized_feature("transaction.version").is_some_and(|level| level >= 2)
    }

    /// Does a job, until its outcome is final or it is not wanted any more.
    pub(in crate::producer) async fn run(&self, mut job: Job) -> Result<Done, Failure> {
        let backoff = self.cluster.config().retry_backoff;
        let mut attempts = 0;
        loop {
            let (error, moved, pause) = match self.attempt(&mut job).await {
                Ok(done) => return Ok(done),
                Err(Trouble::Again { error, moved, pause }) => (error, moved, pause),
                Err(Trouble::Final(error, remedy)) => {
                    return Err(Failure { error, remedy, offsets: job.into_offsets() });
                }
                Err(Trouble::Stopped) => return Err(self.given_up(job)),
            };
            attempts += 1;
            tracing::debug!(transactional_id = &*self.id, attempts, %error, "asking the coordinator again");
            if let Some(key) = moved {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
            let usual = backoff.after(attempts);
            tokio::select! {
                biased;
                () = self.until_stopped() => return Err(self.given_up(job)),
                () = tokio::time::sleep(pause.map_or(usual, |pause| pause.min(usual))) => {}
            }
        }
    }

    fn given_up(&self, job: Job) -> Failure {
        let in_doubt = self.in_doubt.load(Ordering::Relaxed);
        tracing::debug!(
            transactional_id = &*self.id,
            in_doubt,
            "not asking the coordinator again: the transaction is over"
        );
        let error = Error::illegal(self.doing("go on with the transaction"), "it is being aborted");
        Failure { error, remedy: Remedy::Stopped { in_doubt }, offsets: job.into_offsets() }
    }

    async fn attempt(&self, job: &mut Job) -> Result<Done, Trouble> {
        match job {
            Job::Identify { current } => self.identify(*current).await.map(Done::Identified),
            Job::AddPartitions { identity, partitions, names } => {
                self.add_partitions(*identity, names).await?;
                Ok(Done::Added(std::mem::take(partitions)))
            }
            Job::SendOffsets { identity, v2, offsets } => {
                if !offsets.enrolled {
                    self.add_group(*identity, &offsets.group.group_id).await?;
                    offsets.enrolled = true;
                }
                self.commit_offsets(*identity, *v2, offsets).await?;
                Ok(Done::OffsetsSent(offsets.clone()))
            }
            Job::End { identity, v2, commit, in_doubt } => match self.end(*identity, *v2, *commit).await {
                Err(Trouble::Final(error, _)) if *in_doubt && error.code() == Some(ErrorCode::INVALID_TXN_STATE) => {
                    tracing::debug!(transactional_id = &*self.id, %error, "the coordinator knows of nothing to end");
                    Ok(Done::Ended(None))
                }
                ended => ended.map(Done::Ended),
            },
        }
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(self.id.clone())
    }

    fn doing(&self, what: &str) -> String {
        format!("cannot {what} of transactional id {}", &*self.id)
    }

    /// Asks a coordinator, which is found first if it is not known, in a version up to `cap`.
    async fn ask<R>(&self, key: &Key, cap: i16, build: impl FnOnce(i16) -> R + Send) -> Result<R::Response, Trouble>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let lane = match key {
            Key::Transaction => Lane::Transaction,
            Key::Group(_) => Lane::Offsets,
        };
        let failed = |error: Error| match error.is_retriable() {
            true => Trouble::Again { error, moved: Some(key.clone()), pause: None },
            false => Trouble::fatal(error),
        };
        let reached = async {
            let node = self.find(key).await?;
            self.cluster.connection(Target::Node(node), lane).await.map_err(failed)
        };
        let connection = tokio::select! {
            biased;
            () = self.until_stopped() => return Err(Trouble::Stopped),
            reached = reached => reached?,
        };
        let version = connection.version::<R>().map_err(failed)?.min(cap);
        self.in_doubt.store(true, Ordering::Relaxed);
        connection.call(&build(version), version, self.cluster.config().request_timeout).await.map_err(failed)
    }

    async fn find(&self, key: &Key) -> Result<i32, Trouble> {
        if let Some(node) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(*node);
        }
        let again = |error: Error| match error.is_retriable() {
            true => Trouble::Again { error, moved: None, pause: None },
            false => Trouble::fatal(error),
        };
        let (name, kind) = match key {
            Key::Transaction => (self.id.clone(), 1),
            Key::Group(group) => (StrBytes::from_string(group.clone()), 0),
        };
        let doing =
            format!("cannot find the coordinator of {} {}", ["group", "transactional id"][kind as usize], &*name);
        let response = self
            .cluster
            .call(Target::Any, |version| {
                let request = FindCoordinatorRequest::default();
                match version {
                    4.. => request.with_key_type(kind).with_coordinator_keys(vec![name]),
                    1.. => request.with_key_type(kind).with_key(name),
                    _ => request.with_key(name),
                }
            })
            .await
            .map_err(again)?;
        let (code, node) = match response.coordinators.first() {
            Some(found) => (found.error_code, found.node_id.0),
            None => (response.error_code, response.node_id.0),
        };
        if let Some(code) = ErrorCode::from_wire(code) {
            let error = Error::broker(doing, code, None);
            return Err(match code {
                ErrorCode::GROUP_AUTHORIZATION_FAILED | ErrorCode::TRANSACTION_ABORTABLE => {
                    Trouble::Final(error, Remedy::Abort)
                }
                _ => again(error),
            });
        }
        if !self.cluster.metadata().brokers.contains_key(&node) {
            self.cluster.refresh(&TopicsWanted::None, false).await.map_err(again)?;
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), node);
        Ok(node)
    }

    /// What a transaction coordinator's refusal means where the request gives it no meaning of its own.
    fn refused(&self, what: &str, code: ErrorCode, message: Option<String>) -> Trouble {
        let error = Error::broker(self.doing(what), code, message);
        match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                Trouble::Again { error, moved: Some(Key::Transaction), pause: None }
            }
            ErrorCode::CONCURRENT_TRANSACTIONS => Trouble::Again { error, moved: None, pause: Some(AFTER_CONCURRENT) },
            code if code.is_retriable() => Trouble::Again { error, moved: None, pause: None },
            // Brokers used to answer so where they mean the other.
            ErrorCode::INVALID_PRODUCER_EPOCH => {
                Trouble::fatal(Error::broker(self.doing(what), ErrorCode::PRODUCER_FENCED, None))
            }
            ErrorCode::TRANSACTION_ABORTABLE
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::GROUP_AUTHORIZATION_FAILED
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED => Trouble::Final(error, Remedy::Abort),
            _ => Trouble::fatal(error),
        }
    }

    async fn identify(&self, current: Option<Identity>) -> Result<Identity, Trouble> {
        let build = |version| {
            let request = InitProducerIdRequest::default()
                .with_transactional_id(Some(self.transactional_id()))
                .with_transaction_timeout_ms(self.timeout_ms);
            let (id, epoch) = current.unwrap_or((-1, -1));
            if version >= 3 { request.with_producer_id(WireProducerId(id)).with_producer_epoch(epoch) } else { request }
        };
        let response = self.ask(&Key::Transaction, i16::MAX, build).await?;
        let what = "get a producer id";
        match ErrorCode::from_wire(response.error_code) {
            None => Ok((response.producer_id.0, response.producer_epoch)),
            Some(
                code @ (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
            ) => Err(Trouble::Final(Error::broker(self.doing(what), code, None), Remedy::InitAgain)),
            Some(code) => Err(self.refused(what, code, None)),
        }
    }

    async fn add_partitions(&self, (id, epoch): Identity, names: &[(Arc<str>, i32)]) -> Result<(), Trouble> {
        let build = |_| {
            let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for (topic, partition) in names {
                by_topic.entry(topic).or_default().push(*partition);
            }
            let topics = by_topic.into_iter().map(|(topic, partitions)| {
                let name = TopicName(StrBytes::from_string(topic.to_owned()));
                AddPartitionsToTxnTopic::default().with_name(name).with_partitions(partitions)
            });
            AddPartitionsToTxnRequest::default()
                .with_v3_and_below_transactional_id(self.transactional_id())
                .with_v3_and_below_producer_id(WireProducerId(id))
                .with_v3_and_below_producer_epoch(epoch)
                .with_v3_and_below_topics(topics.collect())
        };
        let response = self.ask(&Key::Transaction, ADD_PARTITIONS, build).await?;
        let mut other = None;
        for topic in &response.results_by_topic_v3_and_below {
            for partition in &topic.results_by_partition {
                let Some(code) = ErrorCode::from_wire(partition.partition_error_code) else { continue };
                let what = format!("add {}-{} to the transaction", &*topic.name.0, partition.partition_index);
                match code {
                    // It says only that another partition is the reason.
                    ErrorCode::OPERATION_NOT_ATTEMPTED => {}
                    ErrorCode::INVALID_TXN_STATE
                    | ErrorCode::INVALID_PRODUCER_ID_MAPPING
                    | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                    | ErrorCode::PRODUCER_FENCED
                    | ErrorCode::INVALID_PRODUCER_EPOCH => return Err(self.refused(&what, code, None)),
                    code if code.is_retriable() => return Err(self.refused(&what, code, None)),
                    code => {
                        let error = Error::broker(self.doing(&what), code, None);
                        other.get_or_insert(Trouble::Final(error, Remedy::Abort));
                    }
                }
            }
        }
        other.map_or(Ok(()), Err)
    }

    async fn add_group(&self, (id, epoch): Identity, group: &str) -> Result<(), Trouble> {
        let build = |_| {
            AddOffsetsToTxnRequest::default()
                .with_transactional_id(self.transactional_id())
                .with_producer_id(WireProducerId(id))
                .with_producer_epoch(epoch)
                .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
        };
        let response = self.ask(&Key::Transaction, i16::MAX, build).await?;
        match ErrorCode::from_wire(response.error_code) {
            None => Ok(()),
            Some(code) => Err(self.refused(&format!("add group {group} to the transaction"), code, None)),
        }
    }

    async fn commit_offsets(&self, (id, epoch): Identity, v2: bool, order: &mut Offsets) -> Result<(), Trouble> {
        let group = order.group.clone();
        let key = Key::Group(group.group_id.clone());
        let offsets = &order.offsets;
        let build = |version: i16| {
            let mut topics: Vec<TxnOffsetCommitRequestTopic> = Vec::new();
            for (at, offset) in offsets {
                let metadata = Some(StrBytes::from_string(offset.metadata.clone()));
                let mut partition = TxnOffsetCommitRequestPartition::default()
                    .with_partition_index(at.partition)
                    .with_committed_offset(offset.offset)
                    .with_committed_metadata(metadata);
                if version >= 2 {
                    partition = partition.with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1));
                }
                match topics.last_mut().filter(|topic| *topic.name.0 == *at.topic) {
                    Some(topic) => topic.partitions.push(partition),
                    None => {
                        let name = TopicName(StrBytes::from_string(at.topic.to_string()));
                        let topic = TxnOffsetCommitRequestTopic::default().with_name(name);
                        topics.push(topic.with_partitions(vec![partition]));
                    }
                }
            }
            let request = TxnOffsetCommitRequest::default()
                .with_transactional_id(self.transactional_id())
                .with_group_id(GroupId(StrBytes::from_string(group.group_id.clone())))
                .with_producer_id(WireProducerId(id))
                .with_producer_epoch(epoch)
                .with_topics(topics);
            if version < 3 {
                return request;
            }
            request
                .with_generation_id(group.generation_id)
                .with_member_id(StrBytes::from_string(group.member_id.clone()))
                .with_group_instance_id(group.group_instance_id.clone().map(StrBytes::from_string))
        };
        let cap = if v2 { i16::MAX } else { OFFSET_COMMIT_V1 };
        let response = self.ask(&key, cap, build).await?;
        let mut again = None;
        for topic in &response.topics {
            for partition in &topic.partitions {
                let Some(code) = ErrorCode::from_wire(partition.error_code) else {
                    order.offsets.remove(&TopicPartition::new(topic.name.0.as_str(), partition.partition_index));
                    continue;
                };
                let what = format!("commit offsets of group {} in the transaction", group.group_id);
                let error = Error::broker(self.doing(&what), code, None);
                match code {
                    ErrorCode::NOT_COORDINATOR
                    | ErrorCode::COORDINATOR_NOT_AVAILABLE
                    | ErrorCode::REQUEST_TIMED_OUT => {
                        again = Some(Trouble::Again { error, moved: Some(key.clone()), pause: None });
                    }
                    code if code.is_retriable() => {
                        again.get_or_insert(Trouble::Again { error, moved: None, pause: None });
                    }
                    ErrorCode::FENCED_INSTANCE_ID => return Err(Trouble::Final(error, Remedy::Abort)),
                    ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                        let reason = format!("the member is not in the group's generation any more ({code})");
                        let error = Error::CommitFailed { group: group.group_id.clone(), reason };
                        return Err(Trouble::Final(error, Remedy::Abort));
                    }
                    code => return Err(self.refused(&what, code, None)),
                }
            }
        }
        if again.is_none() && !order.offsets.is_empty() {
            let what = format!("commit offsets of group {} in the transaction", group.group_id);
            let error = Error::protocol(self.doing(&what), "the coordinator did not answer for all of them");
            again = Some(Trouble::Again { error, moved: None, pause: None });
        }
        again.map_or(Ok(()), Err)
    }

    async fn end(&self, (id, epoch): Identity, v2: bool, commit: bool) -> Result<Option<Identity>, Trouble> {
        let build = |_| {
            EndTxnRequest::default()
                .with_transactional_id(self.transactional_id())
                .with_producer_id(WireProducerId(id))
                .with_producer_epoch(epoch)
                .with_committed(commit)
        };
        let cap = if v2 { i16::MAX } else { END_V1 };
        let response = self.ask(&Key::Transaction, cap, build).await?;
        let what = if commit { "commit the transaction" } else { "abort the transaction" };
        match ErrorCode::from_wire(response.error_code) {
            None => {
                let next = (response.producer_id.0, response.producer_epoch);
                Ok((v2 && next.0 >= 0).then_some(next))
            }
            Some(code) => Err(self.refused(what, code, None)),
        }
    }
}
