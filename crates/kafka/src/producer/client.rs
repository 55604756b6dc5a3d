//! The handle of a producer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::accumulator::{Accumulator, Lifecycle, Listener};
use super::completion::Completions;
use super::record::{Append, ProducerRecord, RecordMetadata};
use super::room::until_memory;
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
    pub turn: Semaphore,
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
pub struct Producer {
    shared: Arc<Shared>,
    sender: Arc<Owned>,
    /// Memory for the record that this handle was last refused; the next to begin waits for that much.
    wanted: AtomicUsize,
}

impl Clone for Producer {
    fn clone(&self) -> Self {
        // Nobody waits for the records of another.
        Self { shared: Arc::clone(&self.shared), sender: Arc::clone(&self.sender), wanted: AtomicUsize::new(0) }
    }
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
        let producer = Self { shared, sender: Arc::new(sender), wanted: AtomicUsize::new(0) };
        Ok((producer, Completions { receiver }))
    }

    /// Waits until there is memory for records, in turn with others, and gives a place to put them: one lock and one
    /// clock reading for all records of a poll. Do not hold the appender across an `await`.
    ///
    /// # Errors
    /// No memory within `max.block.ms`; a producer that is closed or that cannot go on, also while this waits.
    ///
    /// # Cancel safety
    /// Nothing is lost, only the place in the queue.
    pub async fn begin(&self) -> Result<Appender<'_>> {
        let wanted = self.wanted.swap(0, Ordering::Relaxed);
        self.begin_before(Instant::now().checked_add(self.shared.config.max_block), wanted).await
    }

    async fn begin_before(&self, deadline: Option<Instant>, wanted: usize) -> Result<Appender<'_>> {
        let shared = &*self.shared;
        let memory = until_memory(shared, wanted);
        let waited = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, memory).await,
            None => Ok(memory.await),
        };
        let Ok(waited) = waited else {
            let limit = shared.config.max_block.as_millis();
            let reason = format!("Failed to allocate memory within the configured max blocking time {limit} ms.");
            return Err(Error::timeout("cannot write records", reason));
        };
        Ok(Appender { producer: self, accumulator: waited?, now: now(), last_topic: None, wanted: 0, wake: false })
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
        let mut wanted = 0;
        let sent_at = loop {
            self.ensure_topic_before(topic, deadline).await?;
            let mut appender = self.begin_before(deadline, wanted).await?;
            let sent_at = timestamp.unwrap_or(appender.now.1);
            if appender.put(&record, Listener::Reply(&mut reply))? == Append::Appended {
                break sent_at;
            }
            wanted = std::mem::take(&mut appender.wanted);
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

    async fn until_ended(&self) {
        loop {
            let progress = self.shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if self.shared.has_ended() {
                return;
            }
            progress.await;
        }
    }

    /// Like [`close`](Producer::close), for an owner that keeps the handle.
    ///
    /// # Errors
    /// As those of [`close`](Producer::close).
    ///
    /// # Cancel safety
    /// It goes on without the future, but not without the handle.
    pub async fn shutdown(&self, timeout: Duration) -> Result<()> {
        {
            let mut accumulator = self.shared.lock();
            if accumulator.state == Lifecycle::Open {
                accumulator.state = Lifecycle::Closing;
            }
        }
        self.shared.wake.notify_one();
        self.shared.progress.notify_waiters();
        let ended = tokio::time::timeout(timeout, self.until_ended()).await.is_ok();
        let doing = "cannot close the producer";
        let mut accumulator = self.shared.lock();
        if ended {
            return match accumulator.abandoned {
                0 => Ok(()),
                count => Err(Error::illegal(doing, format!("its task ended before {count} records were acknowledged"))),
            };
        }
        accumulator.state = Lifecycle::Aborted;
        let (count, limit) = (accumulator.unacknowledged(), timeout.as_millis());
        let open = accumulator.transaction.as_ref().is_some_and(|transaction| transaction.is_open());
        drop(accumulator);
        self.shared.wake.notify_one();
        if count == 0 && !open {
            // All that is left to end is its task.
            return Ok(());
        }
        let mut reason = format!("{count} records were not acknowledged within {limit} ms");
        if open {
            reason += ", and its transaction is still open; the broker ends it after transaction.timeout.ms";
        }
        Err(Error::timeout(doing, reason))
    }

    /// Sends what is pending, aborts a transaction that nobody has ended, `timeout` at most, and closes.
    ///
    /// # Errors
    /// What could not be sent or aborted in time, with the number of records; they have ended with an error then.
    pub async fn close(self, timeout: Duration) -> Result<()> {
        self.shutdown(timeout).await
    }
}

fn now() -> (Instant, i64) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (Instant::now(), i64::try_from(wall.as_millis()).unwrap_or(i64::MAX))
}

/// Puts records into batches; the producer is locked while it lives.
pub struct Appender<'a> {
    producer: &'a Producer,
    accumulator: MutexGuard<'a, Accumulator>,
    now: (Instant, i64),
    last_topic: Option<usize>,
    /// Memory that a refused record needs.
    wanted: usize,
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
        let appended =
            self.accumulator.append(&self.producer.shared.config, topic, record, self.now, listener, &mut self.wake);
        if matches!(appended, Ok(Append::Full)) {
            self.wanted = std::mem::take(&mut self.accumulator.wanted);
        }
        appended
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        // What was not needed goes to others.
        self.accumulator.prepaid = None;
        if self.wanted > 0 {
            self.producer.wanted.store(self.wanted, Ordering::Relaxed);
        }
        if self.wake {
            self.producer.shared.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::tests::one_partition;
    use super::*;
    use crate::memory::MemoryGovernor;

    /// A producer that knows its topic and reaches no broker.
    fn producer(pairs: &[(&str, &str)], governor: &MemoryGovernor) -> (Producer, Completions) {
        let base = [("bootstrap.servers", "127.0.0.1:1"), ("batch.size", "2000"), ("buffer.memory", "20000")];
        let properties =
            base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = ProducerConfig::from_properties(&properties).unwrap().with_memory(governor.clone());
        let (producer, completions) = Producer::new(config).unwrap();
        producer.shared.lock().update_topic(&Arc::from("t"), &one_partition());
        (producer, completions)
    }

    fn append(producer: &Producer, bytes: usize) -> Append {
        let value = vec![b'x'; bytes];
        let (value, topic) = (Some(value.as_slice()), "t");
        let record = ProducerRecord { topic, partition: Some(0), timestamp: None, key: None, value, headers: &[] };
        let mut appender = producer.begin().now_or_never().unwrap().unwrap();
        appender.append(&record, 7).unwrap()
    }

    #[tokio::test]
    async fn memory_that_nobody_waits_for_any_more_holds_nobody_up() {
        let governor = MemoryGovernor::new(80_000);
        for governed in [false, true] {
            let (producer, _completions) = producer(&[], &governor);
            let other = producer.clone();
            let held = match governed {
                true => Some((governor.acquire(70_000).await, governor.acquire_to_send(10_000).await)),
                false => None,
            };
            if !governed {
                assert_eq!(append(&producer, 15_000), Append::Appended);
            }
            assert_eq!(append(&producer, 15_000), Append::Full);
            assert!(other.begin().now_or_never().is_some(), "another's record is none of its business");
            assert!(producer.begin().now_or_never().is_none());
            // Who waited has gone, and what it waited for with it.
            assert!(producer.begin().now_or_never().is_some_and(|begun| begun.is_ok()));
            assert!(other.begin().now_or_never().is_some_and(|begun| begun.is_ok()));
            drop(held);
            assert!(!governed || governor.used() == 0, "nothing is kept for who is gone");
        }
    }

    #[tokio::test]
    async fn who_waits_for_memory_hears_when_the_producer_ends() {
        let governor = MemoryGovernor::new(80_000);
        let _held = (governor.acquire(70_000).await, governor.acquire_to_send(10_000).await);
        for fenced in [false, true] {
            let (producer, _completions) = producer(&[], &governor);
            assert_eq!(append(&producer, 100), Append::Full);
            let (waiting, next) = (producer.clone(), producer.clone());
            waiting.wanted.store(2000, Ordering::Relaxed);
            let ends = async {
                while producer.shared.lock().memory_waiters == 0 {
                    tokio::task::yield_now().await;
                }
                if fenced {
                    let error = Error::broker("cannot write", ErrorCode::PRODUCER_FENCED, None);
                    producer.shared.lock().fail_for_good(error);
                    producer.shared.progress.notify_waiters();
                } else {
                    producer.shutdown(Duration::from_secs(10)).await.unwrap();
                }
            };
            let all = async { tokio::join!(waiting.begin(), next.begin(), ends) };
            let (first, second, ()) = tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
            for waited in [first, second] {
                let error = waited.err().unwrap();
                match fenced {
                    true => assert_eq!(error.code(), Some(ErrorCode::PRODUCER_FENCED)),
                    false => assert!(error.to_string().contains("the producer was closed"), "{error}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn closing_names_how_many_records_were_not_sent_also_when_the_task_is_dead() {
        for dead in [true, false] {
            let (mut producer, mut completions) = producer(&[], &MemoryGovernor::unlimited());
            for _ in 0..3 {
                assert_eq!(append(&producer, 10), Append::Appended);
            }
            let mut patience = Duration::from_millis(10);
            if dead {
                producer.sender = Arc::new(Owned::spawn(async {}));
                patience = Duration::from_secs(20);
            }
            let error = producer.shutdown(patience).await.unwrap_err();
            assert!(error.to_string().contains(" 3 records"), "{error}");
            let end = completions.next().await.unwrap();
            assert!(end.result.is_err() && !end.maybe_written && end.tags.len() == 3);
            assert!(producer.begin().await.is_err());
            drop(producer);
            assert!(completions.next().await.is_none());
        }
    }
}
