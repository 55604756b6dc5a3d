//! The groups of a broker: finds them, runs their requests under their lock, and keeps their time.

use super::kept::KeptGroups;
use super::member::{JoinAnswer, Member, SyncAnswer};
use super::offsets::{CommitBy, TxnOffset, decided};
use super::state::{Group, Phase};
use crate::alarm::Alarm;
use crate::config::DevBrokerConfig;
use crate::journal::{Committed, Entry, Journal};
use crate::sync::lock;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// Kafka's `group.max.session.timeout.ms`.
const LONGEST_SESSION: Duration = Duration::from_secs(30 * 60);

/// A JoinGroup request.
#[derive(Debug)]
pub(crate) struct Joining {
    pub group: String,
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout: Duration,
    pub rebalance_timeout: Duration,
    pub protocol_type: String,
    pub protocols: Vec<(String, Bytes)>,
    /// Version 4 and newer: a new member is given its id first and joins with it.
    pub needs_known_id: bool,
    /// Version 9 and newer: a static leader that comes back can be told to skip the assignment.
    pub can_skip_assignment: bool,
}

/// A SyncGroup request.
#[derive(Debug)]
pub(crate) struct Syncing {
    pub group: String,
    pub member_id: String,
    pub instance_id: Option<String>,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub assignments: HashMap<String, Bytes>,
}

/// One member of a LeaveGroup request.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub member_id: String,
    pub instance_id: Option<String>,
}

/// An answer now, or later.
#[derive(Debug)]
pub(crate) enum Pending<T> {
    Now(T),
    Later(oneshot::Receiver<T>),
}

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    groups: Mutex<BTreeMap<String, Arc<Mutex<Group>>>>,
    config: Arc<DevBrokerConfig>,
    journal: Arc<Journal>,
    /// Wakes the timer task.
    alarm: Alarm,
}

impl Groups {
    /// The groups that a journal has offsets of.
    pub fn new(config: Arc<DevBrokerConfig>, journal: Arc<Journal>, kept: KeptGroups) -> Self {
        let mut groups = BTreeMap::new();
        for (id, offsets) in kept.offsets.into_iter().filter(|(_, offsets)| !offsets.is_empty()) {
            groups.entry(id.clone()).or_insert_with(|| Group::new(&id)).offsets = offsets;
        }
        for (id, pending) in kept.pending.into_iter().filter(|(_, pending)| !pending.is_empty()) {
            groups.entry(id.clone()).or_insert_with(|| Group::new(&id)).txn_offsets = pending;
        }
        let groups = groups.into_iter().map(|(id, group)| (id, Arc::new(Mutex::new(group)))).collect();
        Self { groups: Mutex::new(groups), config, journal, alarm: Alarm::default() }
    }

    fn find(&self, id: &str) -> Option<Arc<Mutex<Group>>> {
        lock(&self.groups).get(id).map(Arc::clone)
    }

    /// All groups, by id.
    pub fn all(&self) -> Vec<Arc<Mutex<Group>>> {
        lock(&self.groups).values().map(Arc::clone).collect()
    }

    /// Runs something on a group if it exists.
    pub fn with<T>(&self, id: &str, run: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let group = self.find(id)?;
        let mut group = lock(&group);
        if group.phase == Phase::Dead {
            return None;
        }
        let result = run(&mut group);
        self.arm(group.next_deadline());
        Some(result)
    }

    /// Runs something on a group, which is made if it does not exist.
    fn with_new<T>(&self, id: &str, run: impl FnOnce(&mut Group) -> T) -> T {
        loop {
            let entry = Arc::clone(
                lock(&self.groups).entry(id.to_owned()).or_insert_with(|| Arc::new(Mutex::new(Group::new(id)))),
            );
            let mut group = lock(&entry);
            if group.phase == Phase::Dead {
                // Deleted between the two locks; the next round finds or makes another one.
                continue;
            }
            let result = run(&mut group);
            self.arm(group.next_deadline());
            let forget = group.is_forgettable();
            if forget {
                group.phase = Phase::Dead;
            }
            drop(group);
            if forget {
                self.remove(id, &entry);
            }
            return result;
        }
    }

    fn remove(&self, id: &str, entry: &Arc<Mutex<Group>>) {
        let mut groups = lock(&self.groups);
        if groups.get(id).is_some_and(|current| Arc::ptr_eq(current, entry)) {
            groups.remove(id);
        }
    }

    fn arm(&self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.alarm.set(deadline);
        }
    }

    /// Ends sessions and rebalances that have run out, until the broker stops.
    pub async fn run_timers(&self, mut stopping: watch::Receiver<bool>) {
        while self.alarm.rings(&mut stopping).await {
            let now = Instant::now();
            for group in self.all() {
                let mut locked = lock(&group);
                let next = locked.tick(now, self.config.initial_rebalance_delay);
                let forget = locked.is_forgettable();
                if forget {
                    locked.phase = Phase::Dead;
                }
                let id = locked.id.clone();
                drop(locked);
                if forget {
                    self.remove(&id, &group);
                }
                self.arm(next);
            }
        }
    }

    /// Joins a group.
    pub fn join(&self, request: Joining) -> Pending<JoinAnswer> {
        let refuse = |error| Pending::Now(JoinAnswer::error(&request.member_id, error));
        if request.group.is_empty() {
            return refuse(ResponseError::InvalidGroupId);
        }
        if request.session_timeout < self.config.min_session_timeout || request.session_timeout > LONGEST_SESSION {
            return refuse(ResponseError::InvalidSessionTimeout);
        }
        let delay = self.config.initial_rebalance_delay;
        let group = request.group.clone();
        if request.member_id.is_empty() {
            return self.with_new(&group, |group| join_new(group, request, delay));
        }
        let member_id = request.member_id.clone();
        self.with(&group, |group| join_known(group, request, delay))
            .unwrap_or_else(|| Pending::Now(JoinAnswer::error(&member_id, ResponseError::UnknownMemberId)))
    }

    /// Asks for, or as the leader brings, the assignment.
    pub fn sync(&self, request: Syncing) -> Pending<SyncAnswer> {
        let group = request.group.clone();
        self.with(&group, |group| sync(group, request))
            .unwrap_or(Pending::Now(SyncAnswer::error(ResponseError::UnknownMemberId)))
    }

    /// A sign of life.
    pub fn heartbeat(
        &self,
        group: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ResponseError> {
        self.with(group, |group| {
            group.check_member(member_id, instance_id)?;
            if generation != group.generation {
                return Err(ResponseError::IllegalGeneration);
            }
            if let Some(member) = group.members.get_mut(member_id) {
                member.touch();
            }
            match group.phase {
                Phase::Preparing => Err(ResponseError::RebalanceInProgress),
                Phase::Empty | Phase::Dead => Err(ResponseError::UnknownMemberId),
                Phase::Completing | Phase::Stable => Ok(()),
            }
        })
        .unwrap_or(Err(ResponseError::UnknownMemberId))
    }

    /// Members leave; one result each.
    pub fn leave(&self, group: &str, members: &[Leaving]) -> Vec<Result<(), ResponseError>> {
        let delay = self.config.initial_rebalance_delay;
        self.with(group, |group| {
            let results: Vec<_> = members.iter().map(|member| leave(group, member)).collect();
            if results.iter().any(Result::is_ok) {
                group.after_removal(delay);
            }
            results
        })
        .unwrap_or_else(|| members.iter().map(|_| Err(ResponseError::UnknownMemberId)).collect())
    }

    /// Commits offsets; all or none.
    pub fn commit(
        &self,
        group: &str,
        by: CommitBy<'_>,
        offsets: Vec<((String, i32), Committed)>,
    ) -> Result<(), ResponseError> {
        self.with_new(group, |group| {
            group.check_commit(by)?;
            let entries: Vec<Entry> = offsets
                .iter()
                .map(|((topic, partition), committed)| Entry::Offset {
                    group: group.id.clone(),
                    topic: topic.clone(),
                    partition: *partition,
                    committed: committed.clone(),
                })
                .collect();
            self.journal.append(&entries).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
            for pending in group.txn_offsets.values_mut() {
                for (key, _) in &offsets {
                    if let Some(pending) = pending.get_mut(key) {
                        pending.superseded = true;
                    }
                }
            }
            group.offsets.extend(offsets);
            Ok(())
        })
    }

    /// Commits offsets with a transaction: they count once it is committed. All or none.
    pub fn commit_in_transaction(
        &self,
        group: &str,
        by: CommitBy<'_>,
        producer_id: i64,
        offsets: Vec<((String, i32), Committed)>,
    ) -> Result<(), ResponseError> {
        self.with_new(group, |group| {
            group.check_commit(by)?;
            let offsets: Vec<((String, i32), TxnOffset)> =
                offsets.into_iter().map(|(key, committed)| (key, TxnOffset { committed, superseded: false })).collect();
            let entries: Vec<Entry> = offsets
                .iter()
                .map(|((topic, partition), offset)| Entry::TxnOffset {
                    producer_id,
                    group: group.id.clone(),
                    topic: topic.clone(),
                    partition: *partition,
                    offset: offset.clone(),
                })
                .collect();
            self.journal.append(&entries).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
            if !offsets.is_empty() {
                group.txn_offsets.entry(producer_id).or_default().extend(offsets);
            }
            Ok(())
        })
    }

    /// Commits or drops the offsets of a producer's transaction.
    pub fn end_transaction(&self, producer_id: i64, commit: bool) {
        let mut any = false;
        for group in self.all() {
            let mut group = lock(&group);
            let Some(ended) = group.txn_offsets.remove(&producer_id) else { continue };
            any = true;
            if commit {
                group.offsets.extend(decided(ended));
            }
        }
        // A failed write is logged by the journal; the next start has the transaction's end to go by.
        if any && self.journal.append(&[Entry::TxnOffsetsEnded { producer_id, commit }]).is_err() {
            tracing::warn!(producer_id, "the end of a transaction's offsets is not kept");
        }
    }

    /// Deletes offsets of partitions that nobody subscribes to; one result per partition, or one for all.
    pub fn delete_offsets(
        &self,
        group: &str,
        partitions: &[(String, i32)],
    ) -> Result<Vec<Result<(), ResponseError>>, ResponseError> {
        self.with(group, |group| {
            let subscribed = if group.members.is_empty() {
                Default::default()
            } else {
                group.subscribed_topics().ok_or(ResponseError::NonEmptyGroup)?
            };
            let mut results = Vec::with_capacity(partitions.len());
            for (topic, partition) in partitions {
                if subscribed.contains(topic) {
                    results.push(Err(ResponseError::GroupSubscribedToTopic));
                    continue;
                }
                let entry =
                    Entry::OffsetDeleted { group: group.id.clone(), topic: topic.clone(), partition: *partition };
                self.journal.append(&[entry]).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
                group.offsets.remove(&(topic.clone(), *partition));
                results.push(Ok(()));
            }
            Ok(results)
        })
        .unwrap_or(Err(ResponseError::GroupIdNotFound))
    }

    /// Deletes a group without members.
    pub fn delete(&self, id: &str) -> Result<(), ResponseError> {
        let Some(entry) = self.find(id) else { return Err(ResponseError::GroupIdNotFound) };
        {
            let mut group = lock(&entry);
            if group.phase == Phase::Dead {
                return Err(ResponseError::GroupIdNotFound);
            }
            if !group.members.is_empty() || !group.pending.is_empty() {
                return Err(ResponseError::NonEmptyGroup);
            }
            let deleted = Entry::GroupDeleted { group: id.to_owned() };
            self.journal.append(&[deleted]).map_err(|_| ResponseError::CoordinatorNotAvailable)?;
            group.offsets.clear();
            group.txn_offsets.clear();
            group.phase = Phase::Dead;
        }
        self.remove(id, &entry);
        Ok(())
    }

    /// Drops the offsets of a deleted topic; its journal entry says the same.
    pub fn forget_topic(&self, topic: &str) {
        for group in self.all() {
            let mut group = lock(&group);
            group.offsets.retain(|(name, _), _| name != topic);
            group.txn_offsets.values_mut().for_each(|offsets| offsets.retain(|(name, _), _| name != topic));
        }
    }
}

fn join_new(group: &mut Group, mut request: Joining, delay: Duration) -> Pending<JoinAnswer> {
    if !group.accepts(&request.protocol_type, &request.protocols) {
        return Pending::Now(JoinAnswer::error("", ResponseError::InconsistentGroupProtocol));
    }
    let prefix = request.instance_id.as_ref().unwrap_or(&request.client_id);
    request.member_id = format!("{prefix}-{}", Uuid::new_v4());
    if let Some(instance) = &request.instance_id {
        if let Some(old) = group.statics.get(instance).cloned() {
            return replace_static(group, &old, request, delay);
        }
    } else if request.needs_known_id {
        group.pending.insert(request.member_id.clone(), Instant::now() + request.session_timeout);
        return Pending::Now(JoinAnswer::error(&request.member_id, ResponseError::MemberIdRequired));
    }
    add(group, request, delay)
}

fn join_known(group: &mut Group, request: Joining, delay: Duration) -> Pending<JoinAnswer> {
    let id = request.member_id.clone();
    let refuse = |error| Pending::Now(JoinAnswer::error(&id, error));
    if !group.accepts(&request.protocol_type, &request.protocols) && !is_alone(group, &id) {
        return refuse(ResponseError::InconsistentGroupProtocol);
    }
    if group.pending.contains_key(&id) && request.instance_id.is_none() {
        return add(group, request, delay);
    }
    if let Err(error) = group.check_member(&id, request.instance_id.as_deref()) {
        return refuse(error);
    }
    let unchanged = group.members.get(&id).is_some_and(|member| member.protocols == request.protocols);
    let leads = group.leader.as_deref() == Some(id.as_str());
    match group.phase {
        // The answer of the same join got lost, or a follower of a stable group asks again.
        Phase::Completing if unchanged => Pending::Now(group.join_answer(&id)),
        Phase::Stable if unchanged && !leads => {
            let mut answer = group.join_answer(&id);
            answer.members.clear();
            Pending::Now(answer)
        }
        Phase::Preparing | Phase::Completing | Phase::Stable => {
            let (sender, receiver) = oneshot::channel();
            if let Some(member) = group.members.get_mut(&id) {
                member.protocols = request.protocols;
                member.session_timeout = request.session_timeout;
                member.rebalance_timeout = request.rebalance_timeout;
                member.answer_join(JoinAnswer::error(&id, ResponseError::UnknownMemberId));
                member.joining = Some(sender);
            }
            group.rebalance(delay);
            Pending::Later(receiver)
        }
        Phase::Empty | Phase::Dead => refuse(ResponseError::UnknownMemberId),
    }
}

fn is_alone(group: &Group, id: &str) -> bool {
    group.members.len() == 1 && group.members.contains_key(id)
}

fn member(request: Joining) -> (Member, String, oneshot::Receiver<JoinAnswer>) {
    let (sender, receiver) = oneshot::channel();
    let member = Member {
        id: request.member_id,
        instance_id: request.instance_id,
        client_id: request.client_id,
        client_host: request.client_host,
        session_timeout: request.session_timeout,
        rebalance_timeout: request.rebalance_timeout,
        protocols: request.protocols,
        assignment: Bytes::new(),
        joining: Some(sender),
        syncing: None,
        expires: Instant::now() + request.session_timeout,
    };
    (member, request.protocol_type, receiver)
}

fn add(group: &mut Group, request: Joining, delay: Duration) -> Pending<JoinAnswer> {
    let (member, protocol_type, receiver) = member(request);
    group.add(member, &protocol_type);
    group.rebalance(delay);
    Pending::Later(receiver)
}

/// A static member came back under its instance id: it takes over the old one's place, which is fenced.
fn replace_static(group: &mut Group, old: &str, request: Joining, delay: Duration) -> Pending<JoinAnswer> {
    let id = request.member_id.clone();
    let can_skip = request.can_skip_assignment;
    let leads = group.leader.as_deref() == Some(old);
    let (mut member, protocol_type, receiver) = member(request);
    if let Some(mut fenced) = group.members.shift_remove(old) {
        member.assignment = fenced.assignment.clone();
        fenced.answer_join(JoinAnswer::error(old, ResponseError::FencedInstanceId));
        fenced.answer_sync(SyncAnswer::error(ResponseError::FencedInstanceId));
    }
    if leads {
        group.leader = Some(id.clone());
    }
    let waiting = member.joining.take();
    group.add(member, &protocol_type);
    if group.phase == Phase::Stable && group.keeps_protocol() {
        // Nothing changes for the others, even if the member now says something else of itself. A leader that cannot be told to skip
        // gets an answer that names another leader.
        let mut answer = group.join_answer(&id);
        if leads && can_skip {
            answer.skip_assignment = true;
        } else if leads {
            answer.leader = old.to_owned();
            answer.members.clear();
        }
        return Pending::Now(answer);
    }
    if let Some(member) = group.members.get_mut(&id) {
        member.joining = waiting;
    }
    group.rebalance(delay);
    Pending::Later(receiver)
}

fn sync(group: &mut Group, request: Syncing) -> Pending<SyncAnswer> {
    let refuse = |error| Pending::Now(SyncAnswer::error(error));
    if let Err(error) = group.check_member(&request.member_id, request.instance_id.as_deref()) {
        return refuse(error);
    }
    if request.generation != group.generation {
        return refuse(ResponseError::IllegalGeneration);
    }
    let differs = |wanted: &Option<String>, is: &Option<String>| wanted.is_some() && is.is_some() && wanted != is;
    if differs(&request.protocol_type, &group.protocol_type) || differs(&request.protocol_name, &group.protocol) {
        return refuse(ResponseError::InconsistentGroupProtocol);
    }
    let id = request.member_id;
    match group.phase {
        Phase::Empty | Phase::Dead => refuse(ResponseError::UnknownMemberId),
        Phase::Preparing => refuse(ResponseError::RebalanceInProgress),
        Phase::Stable => {
            group.synced(&id);
            if let Some(member) = group.members.get_mut(&id) {
                member.touch();
            }
            Pending::Now(group.sync_answer(&id))
        }
        Phase::Completing => {
            group.synced(&id);
            let (sender, receiver) = oneshot::channel();
            if let Some(member) = group.members.get_mut(&id) {
                member.syncing = Some(sender);
            }
            if group.leader.as_deref() == Some(id.as_str()) {
                group.assign(request.assignments);
            }
            Pending::Later(receiver)
        }
    }
}

fn leave(group: &mut Group, leaving: &Leaving) -> Result<(), ResponseError> {
    let id = match &leaving.instance_id {
        Some(instance) => match group.statics.get(instance) {
            None => return Err(ResponseError::UnknownMemberId),
            // An admin tool removes a static member by its instance id alone.
            Some(current) if leaving.member_id.is_empty() || leaving.member_id == *current => current.clone(),
            Some(_) => return Err(ResponseError::FencedInstanceId),
        },
        None => leaving.member_id.clone(),
    };
    if group.pending.remove(&id).is_some() || group.remove(&id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
}
