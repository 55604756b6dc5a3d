//! Sends batches and sees them through: one task per producer.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.Sender.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use super::accumulator::Lifecycle;
use super::answers::SentBatch;
use super::client::Shared;
use super::drain::{Drained, Outgoing, Room};
use super::exchange::{Answered, Parcel, Terms, new_identity, produce};
use super::partition_queue::Identity;
use super::transaction::{Coordinators, Done, Failure};
use crate::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::metrics;
use crate::net::{Cluster, Connection, Departure, Lane, Metadata, Target, TopicsWanted};

/// What came of a request.
struct Sent {
    node: i32,
    started: Instant,
    batches: Vec<SentBatch>,
    result: Result<Answered>,
}

/// A broker, as far as sending to it goes.
#[derive(Default)]
struct Node {
    in_flight: usize,
    /// Batches have waited for it since.
    keeps_waiting: Option<Instant>,
}

pub(super) struct Sender {
    shared: Arc<Shared>,
    coordinators: Option<Arc<Coordinators>>,
    terms: Terms,
    requests: FuturesUnordered<BoxFuture<'static, Sent>>,
    nodes: HashMap<i32, Node>,
    connecting: HashMap<i32, BoxFuture<'static, Result<Arc<Connection>>>>,
    refresh: Option<BoxFuture<'static, Result<Arc<Metadata>>>>,
    refreshed: Instant,
    refresh_failures: u32,
    refresh_not_before: Option<Instant>,
    /// A broker said, or a broken connection suggests, that the metadata is out of date.
    stale: bool,
    identify: Option<BoxFuture<'static, Result<Identity>>>,
    identify_failures: u32,
    identify_not_before: Option<Instant>,
    job: Option<BoxFuture<'static, Result<Done, Failure>>>,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let config = &shared.config;
        Self {
            coordinators: Coordinators::new(&shared.cluster, config),
            terms: Terms {
                acks: config.acks,
                timeout: config.client.request_timeout,
                transactional_id: config.transactional_id.clone(),
                v2: false,
            },
            shared,
            requests: FuturesUnordered::new(),
            nodes: HashMap::new(),
            connecting: HashMap::new(),
            refresh: None,
            refreshed: Instant::now(),
            refresh_failures: 0,
            refresh_not_before: None,
            stale: false,
            identify: None,
            identify_failures: 0,
            identify_not_before: None,
            job: None,
        }
    }

    fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    pub(super) async fn run(mut self) {
        // One timer that is moved only where it would be late; being early costs one more look.
        let timer: Option<Sleep> = None;
        tokio::pin!(timer);
        while let Some(next) = self.step() {
            if let Some(next) = next {
                let late =
                    timer.as_ref().as_pin_ref().is_none_or(|timer| timer.deadline() > next || timer.is_elapsed());
                if late {
                    match timer.as_mut().as_pin_mut() {
                        Some(timer) => timer.reset(next),
                        None => timer.set(Some(tokio::time::sleep_until(next))),
                    }
                }
            }
            let wake = async {
                match timer.as_mut().as_pin_mut() {
                    Some(timer) if next.is_some() => timer.await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.shared.wake.notified() => {}
                Some(sent) = self.requests.next(), if !self.requests.is_empty() => {
                    self.settle(sent);
                    // Those that came together are looked at together.
                    while let Some(Some(sent)) = futures_util::FutureExt::now_or_never(self.requests.next()) {
                        self.settle(sent);
                    }
                }
                refreshed = pending_or(&mut self.refresh) => self.refreshed(refreshed),
                identity = pending_or(&mut self.identify) => self.identified(identity),
                done = pending_or(&mut self.job) => self.job_done(done),
                (node, connected) = any_of(&mut self.connecting) => self.connected(node, connected),
                () = wake => {}
            }
        }
        self.shared.cluster.close();
    }

    /// Sends what is due. `None` says that the producer has ended; else when to look again.
    fn step(&mut self) -> Option<Option<Instant>> {
        let now = Instant::now();
        let metadata = self.shared.cluster.metadata();
        let (mut drained, job, state, complete, told) = {
            let mut accumulator = self.shared.lock();
            accumulator.wind_up_if_closing();
            let drained = accumulator.drain(&self.shared.config, now, &metadata, |node| self.room(node));
            // A batch that has just been given up may have failed a transaction whose commit was waited for.
            accumulator.wind_up_if_closing();
            let job = if self.job.is_none() { accumulator.next_job() } else { None };
            let mut complete = accumulator.ends.are_complete_below(u64::MAX);
            if let (Some(transaction), Some(coordinators)) = (&accumulator.transaction, &self.coordinators) {
                self.terms.v2 = transaction.is_v2();
                complete &= !(transaction.is_open() && accumulator.state == Lifecycle::Closing);
                if transaction.job_is_unwanted() {
                    coordinators.stop();
                }
            }
            let told = std::mem::take(&mut accumulator.told);
            self.stale |= std::mem::take(&mut accumulator.partitions_wanted);
            (drained, job, accumulator.state, complete, told)
        };
        if told {
            self.shared.progress.notify_waiters();
        }
        for request in std::mem::take(&mut drained.requests) {
            self.send(request, &metadata);
        }
        if let (Some(job), Some(coordinators)) = (job, &self.coordinators) {
            let coordinators = Arc::clone(coordinators);
            coordinators.ready();
            self.job = Some(Box::pin(async move { coordinators.run(job).await }));
        }
        if state == Lifecycle::Aborted || (state == Lifecycle::Closing && complete) {
            // Requests in flight end with the connections; their batches' listeners are told by being dropped.
            return None;
        }
        self.connect(&drained);
        self.watch_slow_brokers(&mut drained, now);
        let old = !complete && self.refreshed.elapsed() >= self.shared.cluster.config().metadata_max_age;
        if (drained.needs_metadata || self.stale || old) && self.refresh.is_none() {
            match self.refresh_not_before.filter(|when| *when > now) {
                Some(when) => drained.sooner(when),
                None => self.start_refresh(),
            }
        }
        if drained.needs_identity && self.identify.is_none() && self.coordinators.is_none() {
            match self.identify_not_before.filter(|when| *when > now) {
                Some(when) => drained.sooner(when),
                None => {
                    let cluster = Arc::clone(&self.shared.cluster);
                    self.identify = Some(Box::pin(async move { new_identity(&cluster).await }));
                }
            }
        }
        Some(drained.next)
    }

    fn room(&self, node: i32) -> Room {
        if self.nodes.get(&node).is_some_and(|node| node.in_flight >= self.config().max_in_flight) {
            return Room::Full;
        }
        match self.shared.cluster.open_connection(node, Lane::Produce) {
            Some(connection) => connection.muted_until().map_or(Room::Yes, Room::Until),
            None => Room::Unconnected,
        }
    }

    /// Opens connections that batches wait for. Until there is one, batches are not counted as sent.
    fn connect(&mut self, drained: &Drained) {
        for node in &drained.unconnected {
            let cluster = &self.shared.cluster;
            self.connecting.entry(*node).or_insert_with(|| {
                let (cluster, node) = (Arc::clone(cluster), *node);
                Box::pin(async move { cluster.connection(Target::Node(node), Lane::Produce).await })
            });
        }
    }

    fn connected(&mut self, node: i32, connected: Result<Arc<Connection>>) {
        if let Err(error) = connected {
            tracing::debug!(node, %error, "no connection to a broker");
            if error.is_retriable() {
                self.stale = true;
            } else {
                // Its credentials or its protocol will not do; batches say so when they expire.
                self.refresh_not_before = Some(Instant::now() + self.config().client.retry_backoff.most);
                self.stale = true;
            }
        }
    }

    /// Keeps `partitioner.availability.timeout.ms`.
    fn watch_slow_brokers(&mut self, drained: &mut Drained, now: Instant) {
        let limit = self.config().availability_timeout;
        if limit.is_zero() {
            return;
        }
        let mut slow = Vec::new();
        for (id, node) in &mut self.nodes {
            if !drained.busy.contains(id) && !drained.unconnected.contains(id) {
                node.keeps_waiting = None;
                continue;
            }
            let since = *node.keeps_waiting.get_or_insert(now);
            if now >= since + limit {
                slow.push(*id);
            } else {
                drained.sooner(since + limit);
            }
        }
        self.shared.lock().slow_brokers = slow;
    }

    fn send(&mut self, request: Outgoing, metadata: &Metadata) {
        let Outgoing { node, mut batches, .. } = request;
        // Batches of a topic must be side by side for the request.
        batches.sort_by_key(|batch| (batch.topic_index, batch.partition));
        let (compression, level) = (self.config().compression, self.config().compression_level);
        let mut sealed = Vec::with_capacity(batches.len());
        let mut sent = Vec::with_capacity(batches.len());
        let mut unsendable = Vec::new();
        let mut packed = Vec::with_capacity(sent.capacity());
        for batch in batches {
            let (topic, topic_index) = (batch.topic, batch.topic_index);
            let one = SentBatch { topic, topic_index, partition: batch.partition, order: batch.order };
            match batch.draft.seal(compression, level) {
                Ok(wire) => {
                    sealed.push(wire);
                    sent.push(one);
                }
                Err(error) => unsendable.push((one, error)),
            }
        }
        let departure: Arc<Departure> = Arc::default();
        {
            let mut accumulator = self.shared.lock();
            for (one, wire) in sent.iter().zip(&sealed) {
                packed.push(accumulator.keep_sealed(one, wire, &departure));
            }
            for (one, error) in &unsendable {
                accumulator.unsendable(one, Error::protocol(format!("cannot write to {}", one.topic), error));
            }
        }
        // Compressed batches need less memory than they held, and those that cannot be sent none.
        self.shared.progress.notify_waiters();
        if !unsendable.is_empty() {
            self.shared.wake.notify_one();
        }
        if sent.is_empty() {
            return;
        }
        let now = Instant::now();
        let batches = sent.iter().zip(&packed).map(|(one, packed)| metrics::SentBatch {
            topic: &one.topic,
            records: packed.records,
            bytes: packed.bytes,
            compression_ratio: packed.ratio,
            largest_record: packed.largest_record,
            queued_ms: packed.created.map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64() * 1000.0),
        });
        self.shared.cluster.metrics().batches_sent(now, batches);
        self.nodes.entry(node).or_default().in_flight += 1;
        let ids: Vec<Uuid> = sent.iter().map(|one| metadata.topic_id(&one.topic).unwrap_or(Uuid::nil())).collect();
        let wires: Vec<Bytes> = sealed.into_iter().map(|sealed| sealed.bytes).collect();
        let terms = self.terms.clone();
        let connection = self.shared.cluster.open_connection(node, Lane::Produce);
        let parcel = Parcel { batches: sent, ids, wires, departure };
        self.requests.push(Box::pin(async move {
            let result = match connection {
                Some(connection) => {
                    let result = produce(&connection, &terms, &parcel).await;
                    if let Some(answered) = result.as_ref().ok().filter(|answered| !answered.throttle.is_zero()) {
                        connection.mute(answered.throttle);
                    }
                    result
                }
                None => Err(Error::disconnected("cannot write records", "the connection was closed")),
            };
            Sent { node, started: now, batches: parcel.batches, result }
        }));
    }

    fn settle(&mut self, sent: Sent) {
        let now = Instant::now();
        let node = self.nodes.entry(sent.node).or_default();
        node.in_flight = node.in_flight.saturating_sub(1);
        let mut stale = false;
        match sent.result {
            Ok(mut answered) => {
                let throttled = i32::try_from(answered.throttle.as_millis()).unwrap_or(i32::MAX);
                let latency = now.saturating_duration_since(sent.started);
                self.shared.cluster.metrics().produce_answered(now, latency, throttled);
                answered.learn(&self.shared.cluster, &sent.batches);
                let answers = std::mem::take(&mut answered.batches);
                let mut accumulator = self.shared.lock();
                for (batch, answer) in sent.batches.iter().zip(answers) {
                    stale |= match answer {
                        Some(answer) => accumulator.answered(&self.shared.config, batch, answer, now),
                        None => {
                            let reason = "the broker did not answer for this partition";
                            let error = Error::disconnected("cannot write records", reason);
                            accumulator.unanswered(&self.shared.config, batch, &error, now)
                        }
                    };
                }
            }
            Err(error) => {
                let mut accumulator = self.shared.lock();
                for batch in &sent.batches {
                    stale |= accumulator.unanswered(&self.shared.config, batch, &error, now);
                }
            }
        }
        self.stale |= stale;
        self.shared.progress.notify_waiters();
    }

    fn start_refresh(&mut self) {
        let topics = self.shared.lock().topics_in_use(self.config().metadata_max_idle);
        let cluster: Arc<Cluster> = Arc::clone(&self.shared.cluster);
        let wanted = if topics.is_empty() { TopicsWanted::None } else { TopicsWanted::These(topics) };
        self.refresh = Some(Box::pin(async move { cluster.refresh(&wanted, true).await }));
    }

    fn refreshed(&mut self, refreshed: Result<Arc<Metadata>>) {
        self.refresh = None;
        match refreshed {
            Ok(metadata) => {
                self.refreshed = Instant::now();
                self.refresh_failures = 0;
                self.stale = false;
                let mut accumulator = self.shared.lock();
                for name in metadata.topics.keys() {
                    accumulator.update_topic(name, &metadata);
                }
            }
            Err(_) => self.refresh_failures += 1,
        }
        // Also after an answer: a partition without leader must not be asked for in a tight loop.
        let pause = self.shared.cluster.config().retry_backoff.after(self.refresh_failures.max(1));
        self.refresh_not_before = Some(Instant::now() + pause);
    }

    fn identified(&mut self, identity: Result<Identity>) {
        self.identify = None;
        match identity {
            Ok(identity) => {
                self.identify_failures = 0;
                self.shared.lock().set_identity(identity);
            }
            Err(error) if error.is_retriable() => {
                self.identify_failures += 1;
                let pause = self.shared.cluster.config().retry_backoff.after(self.identify_failures);
                self.identify_not_before = Some(Instant::now() + pause.max(Duration::from_millis(20)));
            }
            Err(error) => {
                self.shared.lock().fail_for_good(error);
                self.shared.progress.notify_waiters();
            }
        }
    }

    fn job_done(&mut self, done: Result<Done, Failure>) {
        self.job = None;
        let v2 = self.coordinators.as_ref().is_some_and(|coordinators| coordinators.v2());
        self.shared.lock().job_done(done, v2);
        self.shared.progress.notify_waiters();
    }
}

/// However the task ends, those who wait for it or for a record hear of it.
impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.lock().abandon(&self.shared.config);
        self.shared.ended();
    }
}

async fn pending_or<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// The first of several that is done; it is taken out.
async fn any_of<T>(futures: &mut HashMap<i32, BoxFuture<'static, T>>) -> (i32, T) {
    let (node, done) = std::future::poll_fn(|cx| {
        let ready = futures.iter_mut().find_map(|(node, future)| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => Some((*node, done)),
            std::task::Poll::Pending => None,
        });
        ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await;
    futures.remove(&node);
    (node, done)
}
