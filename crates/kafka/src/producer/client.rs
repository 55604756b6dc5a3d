//! The handle of a producer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::accumulator::{Accumulator, Lifecycle, Listener};
use super::completion::Completions;
use super::record::{Append, ProducerRecord, RecordMetadata};
use super::sender::Sender;
use crate::config::ProducerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::metrics::{Buffer, Call, Metric, Readings};
use crate::net::{Cluster, TopicsWanted};
use crate::spawn::Owned;

/// What handles and the sender task share.
pub(super) struct Shared {
    pub config: ProducerConfig,
    pub cluster: Arc<Cluster>,
    accumulator: Mutex<Accumulator>,
    /// There is something to send.
    pub wake: Notify,
    /// A batch has ended, or the producer.
    pub progress: Notify,
    /// Those who wait for memory get it in turn.
    turn: Semaphore,
    ended: AtomicBool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Accumulator> {
        self.accumulator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ended(&self) {
        self.ended.store(true, Ordering::Release);
        self.progress.notify_waiters();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Writes records. Clones share batches, memory and connections.
///
/// A producer that is dropped without [`close`](Producer::close) gives up what it has not sent.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    _sender: Arc<Owned>,
}

impl Producer {
    /// Starts a producer; does no I/O. Must be called on a Tokio runtime, which runs its task.
    ///
    /// # Errors
    /// None today; kept for what only shows when a producer starts.
    pub fn new(config: ProducerConfig) -> Result<(Self, Completions)> {
        let (completions, receiver) = mpsc::unbounded_channel();
        let cluster = Cluster::new(config.client.clone());
        let shared = Arc::new(Shared {
            accumulator: Mutex::new(Accumulator::new(&config, completions, Arc::clone(cluster.metrics()))),
            cluster,
            config,
            wake: Notify::new(),
            progress: Notify::new(),
            turn: Semaphore::new(1),
            ended: AtomicBool::new(false),
        });
        let sender = Owned::spawn(Sender::new(Arc::clone(&shared)).run());
        Ok((Self { shared, _sender: Arc::new(sender) }, Completions { receiver }))
    }

    /// Waits until there is memory for records, in turn with others, and gives a place to put them: one lock and one
    /// clock reading for all records of a poll. Do not hold the appender across an `await`.
    ///
    /// # Errors
    /// No memory within `max.block.ms`, or a closed producer.
    ///
    /// # Cancel safety
    /// Nothing is lost, only the place in the queue.
    pub async fn begin(&self) -> Result<Appender<'_>> {
        self.begin_before(Instant::now().checked_add(self.shared.config.max_block)).await
    }

    async fn begin_before(&self, deadline: Option<Instant>) -> Result<Appender<'_>> {
        let shared = &*self.shared;
        let memory = until_memory(shared);
        let waited = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, memory).await,
            None => Ok(memory.await),
        };
        let Ok(waited) = waited else {
            let limit = shared.config.max_block.as_millis();
            let reason = format!("Failed to allocate memory within the configured max blocking time {limit} ms.");
            return Err(Error::timeout("cannot write records", reason));
        };
        Ok(Appender { shared, accumulator: waited?, now: now(), last_topic: None, wake: false })
    }

    /// Number of a topic's partitions; waits until the topic is known, `max.block.ms` at most. Brokers that create topics
    /// on demand are asked to.
    ///
    /// # Errors
    /// A topic that is not there in time, or that this client may not use.
    pub async fn ensure_topic(&self, topic: &str) -> Result<i32> {
        self.ensure_topic_before(topic, Instant::now().checked_add(self.shared.config.max_block)).await
    }

    async fn ensure_topic_before(&self, topic: &str, deadline: Option<Instant>) -> Result<i32> {
        let shared = &*self.shared;
        if let Some(count) = shared.lock().partitions(topic) {
            return Ok(i32::try_from(count).unwrap_or(i32::MAX));
        }
        let started = Instant::now();
        let found = self.wait_for_topic(topic, deadline).await;
        shared.cluster.metrics().called(Call::MetadataWait, started.elapsed());
        found
    }

    async fn wait_for_topic(&self, topic: &str, deadline: Option<Instant>) -> Result<i32> {
        let shared = &*self.shared;
        let name: Arc<str> = Arc::from(topic);
        let wanted = TopicsWanted::These(vec![Arc::clone(&name)]);
        let doing =
            || format!("Topic {topic} not present in metadata after {} ms", shared.config.max_block.as_millis());
        let mut attempts = 0;
        loop {
            attempts += 1;
            let refreshed = shared.cluster.refresh_until(&wanted, true, deadline).await;
            let metadata = refreshed.map_err(|error| match error {
                Error::Timeout { reason, .. } => Error::timeout(doing(), reason),
                // Tried again until the time was over.
                passing if passing.is_retriable() => Error::timeout(doing(), passing.to_string()),
                other => other,
            })?;
            let code = match metadata.errors.get(&name) {
                Some(code) => *code,
                None => {
                    let mut accumulator = shared.lock();
                    accumulator.update_topic(&name, &metadata);
                    if let Some(count) = accumulator.partitions(topic) {
                        return Ok(i32::try_from(count).unwrap_or(i32::MAX));
                    }
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                }
            };
            if !code.is_retriable() {
                return Err(Error::broker(format!("cannot use topic {topic}"), code, None));
            }
            let next = Instant::now() + shared.cluster.config().retry_backoff.after(attempts);
            if deadline.is_some_and(|deadline| next >= deadline) {
                return Err(Error::timeout(doing(), format!("the last answer was {code}")));
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// Sends everything appended so far without lingering, and waits until each batch has ended, well or not.
    ///
    /// # Errors
    /// A producer that ends meanwhile.
    pub async fn flush(&self) -> Result<()> {
        let started = Instant::now();
        let below = self.shared.lock().flush();
        self.shared.wake.notify_one();
        let flushed = self.until_complete(below).await;
        self.shared.cluster.metrics().called(Call::Flush, started.elapsed());
        flushed
    }

    async fn until_complete(&self, below: u64) -> Result<()> {
        loop {
            let progress = self.shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if self.shared.lock().ends.are_complete_below(below) {
                return Ok(());
            }
            if self.shared.has_ended() {
                return Err(Error::illegal("cannot flush", "the producer was closed"));
            }
            progress.await;
        }
    }

    /// Writes one record and waits for it; for stores and dead letters, not for the record path.
    ///
    /// # Errors
    /// What kept it from being written.
    pub async fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<RecordMetadata> {
        self.enqueue(topic, partition, timestamp, key, value, headers).await?.await
    }

    /// The first half of [`send`](Producer::send): gives what resolves when the record is written. Records enqueued one after the
    /// other are written in that order, whoever waits for them.
    ///
    /// # Errors
    /// What kept it from a place in a batch.
    pub async fn enqueue(
        &self,
        topic: &str,
        partition: Option<i32>,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<BoxFuture<'static, Result<RecordMetadata>>> {
        let record = ProducerRecord { topic, partition, timestamp, key, value, headers };
        let (reply, answer) = oneshot::channel();
        let mut reply = Some(reply);
        let deadline = Instant::now().checked_add(self.shared.config.max_block);
        let sent_at = loop {
            self.ensure_topic_before(topic, deadline).await?;
            let mut appender = self.begin_before(deadline).await?;
            let sent_at = timestamp.unwrap_or(appender.now.1);
            if appender.put(&record, Listener::Reply(&mut reply))? == Append::Appended {
                break sent_at;
            }
        };
        let topic = topic.to_owned();
        Ok(Box::pin(async move {
            let closed = || Error::illegal(format!("cannot write to topic {topic}"), "the producer was closed");
            let (partition, ack) = answer.await.unwrap_or_else(|_| Err(closed()))?;
            let offset = (ack.base_offset >= 0).then_some(ack.base_offset);
            Ok(RecordMetadata { partition, offset, timestamp: ack.log_append_time.unwrap_or(sent_at) })
        }))
    }

    /// What this client measures, as it is now, under the names of Java's `Producer.metrics()`.
    pub fn metrics(&self) -> Vec<Metric> {
        let buffer = {
            let accumulator = self.shared.lock();
            let (total, available) = (self.shared.config.buffer_memory, accumulator.available);
            Buffer { total, available, waiting: accumulator.memory_waiters }
        };
        self.shared
            .cluster
            .metrics()
            .snapshot(&self.shared.config.client.client_id, Readings { buffer, ..Readings::default() })
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Like [`close`](Producer::close), for an owner that keeps the handle. A transaction that is still open is aborted.
    ///
    /// # Errors
    /// What could not be sent in time; it has ended with an error then.
    pub async fn shutdown(&self, timeout: Duration) -> Result<()> {
        let started = Instant::now();
        self.end_transaction(timeout).await;
        let left = timeout.saturating_sub(started.elapsed());
        {
            let mut accumulator = self.shared.lock();
            if accumulator.state == Lifecycle::Open {
                accumulator.state = Lifecycle::Closing;
            }
        }
        self.shared.wake.notify_one();
        self.shared.progress.notify_waiters();
        if tokio::time::timeout(left, self.until_complete(u64::MAX)).await.is_ok() {
            return Ok(());
        }
        self.shared.lock().state = Lifecycle::Aborted;
        self.shared.wake.notify_one();
        let reason = format!("records were not acknowledged within {} ms", timeout.as_millis());
        Err(Error::timeout("cannot close the producer", reason))
    }

    /// Sends what is pending, `timeout` at most, and closes.
    ///
    /// # Errors
    /// What could not be sent in time; it has ended with an error then.
    pub async fn close(self, timeout: Duration) -> Result<()> {
        self.shutdown(timeout).await
    }
}

/// Waits in turn; the guard is taken before the turn is given on, so that nobody else gets the memory.
async fn until_memory(shared: &Shared) -> Result<MutexGuard<'_, Accumulator>> {
    let closed = || Error::illegal("cannot write records", "the producer was closed");
    let mut waited = Waited { shared, since: None };
    let _turn = match shared.turn.try_acquire() {
        Ok(turn) => turn,
        Err(_) => {
            waited.begun();
            shared.turn.acquire().await.map_err(|_| closed())?
        }
    };
    loop {
        let progress = shared.progress.notified();
        tokio::pin!(progress);
        progress.as_mut().enable();
        let (_waiting, granted) = {
            let mut accumulator = shared.lock();
            let refusal = accumulator.refusal().or_else(|| shared.has_ended().then(closed));
            if let Some(refusal) = refusal {
                accumulator.prepaid = None;
                return Err(refusal);
            }
            let needed = accumulator.wanted.max(shared.config.batch_size).min(shared.config.buffer_memory);
            let enough = accumulator.available >= needed;
            if enough && (!accumulator.governed || accumulator.prepaid.is_some()) {
                (accumulator.wanted, accumulator.governed) = (0, false);
                waited.ended(true);
                return Ok(accumulator);
            }
            accumulator.memory_waiters += 1;
            (MemoryWaiter(shared), enough.then_some(needed))
        };
        waited.begun();
        shared.wake.notify_one();
        let Some(needed) = granted else {
            progress.await;
            continue;
        };
        let grant = shared.config.memory.acquire(needed).await;
        shared.lock().prepaid = Some(grant);
    }
}

/// Measures a wait for memory, if there is one.
struct Waited<'a> {
    shared: &'a Shared,
    since: Option<Instant>,
}

impl Waited<'_> {
    fn begun(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn ended(&mut self, got_it: bool) {
        if let Some(since) = self.since.take() {
            let now = Instant::now();
            self.shared.cluster.metrics().waited_for_room(now, now.saturating_duration_since(since), got_it);
        }
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        self.ended(false);
    }
}

/// Counts itself out when the waiting ends, however it ends.
struct MemoryWaiter<'a>(&'a Shared);

impl Drop for MemoryWaiter<'_> {
    fn drop(&mut self) {
        let mut accumulator = self.0.lock();
        accumulator.memory_waiters = accumulator.memory_waiters.saturating_sub(1);
    }
}

fn now() -> (Instant, i64) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (Instant::now(), i64::try_from(wall.as_millis()).unwrap_or(i64::MAX))
}

/// Puts records into batches; the producer is locked while it lives.
pub struct Appender<'a> {
    shared: &'a Shared,
    accumulator: MutexGuard<'a, Accumulator>,
    now: (Instant, i64),
    last_topic: Option<usize>,
    wake: bool,
}

impl Appender<'_> {
    /// Copies a record into a batch. `tag` comes back in the batch's [`Completion`](super::Completion); of a record that is not
    /// [`Append::Appended`] it does not.
    ///
    /// # Errors
    /// A record that no batch can take: larger than `max.request.size` or `buffer.memory`, or for a partition that is not there.
    #[inline]
    pub fn append(&mut self, record: &ProducerRecord<'_>, tag: u64) -> Result<Append> {
        self.put(record, Listener::Tag(tag))
    }

    #[inline]
    fn put(&mut self, record: &ProducerRecord<'_>, listener: Listener<'_>) -> Result<Append> {
        let Some(topic) = self.accumulator.find(record.topic, self.last_topic) else { return Ok(Append::UnknownTopic) };
        self.last_topic = Some(topic);
        self.accumulator.append(&self.shared.config, topic, record, self.now, listener, &mut self.wake)
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        // What was not needed goes to others.
        self.accumulator.prepaid = None;
        if self.wake {
            self.shared.wake.notify_one();
        }
    }
}
