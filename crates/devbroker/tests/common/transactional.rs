//! A transactional producer by raw requests, and what its transactions look like.

use super::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest,
    ProducerId as WireProducerId, TransactionalId,
};
use std::time::Instant;

/// Records of the day: a real broker begins another file, which ends a fetch, when records and markers lie far apart in time.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

/// A transactional producer that speaks one version of the protocol.
pub struct Producer {
    pub client: Client,
    pub id: String,
    pub producer_id: i64,
    pub epoch: i16,
    pub sequence: i32,
    pub v2: bool,
}

impl Producer {
    pub async fn new(target: &Target, id: &str, v2: bool) -> Self {
        Self::at(&target.address, id, v2).await
    }

    /// A producer of the broker at that address.
    pub async fn at(address: &str, id: &str, v2: bool) -> Self {
        let mut client = Client::connect(address).await;
        find(&mut client, id, 1).await;
        let mut producer = Self { client, id: id.to_owned(), producer_id: -1, epoch: -1, sequence: 0, v2 };
        assert_eq!(producer.init().await, 0);
        producer
    }

    /// Initializes, waiting for the end of what an earlier producer has left.
    pub async fn init(&mut self) -> i16 {
        self.init_with(60_000, (-1, -1)).await
    }

    pub async fn init_with(&mut self, timeout_ms: i32, expected: (i64, i16)) -> i16 {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional_id(&self.id)))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(WireProducerId(expected.0))
            .with_producer_epoch(expected.1);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.client.send(4, &request).await;
            if answer.error_code == 0 {
                (self.producer_id, self.epoch, self.sequence) = (answer.producer_id.0, answer.producer_epoch, 0);
            } else if is_passing(answer.error_code) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            return answer.error_code;
        }
    }

    pub fn batch(&self, sequence: i32, values: &[&str]) -> Bytes {
        let records: Vec<(i64, &str)> = values.iter().map(|value| (now_ms(), *value)).collect();
        let producer =
            ProducerId { id: self.producer_id, epoch: self.epoch, base_sequence: sequence, transactional: true };
        timed_batch(&records, Compression::None, Some(producer))
    }

    pub async fn add(&mut self, topic: &TestTopic, partitions: &[i32]) -> Vec<i16> {
        let wanted =
            AddPartitionsToTxnTopic::default().with_name(topic_name(&topic.name)).with_partitions(partitions.to_vec());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(&self.id))
            .with_v3_and_below_producer_id(WireProducerId(self.producer_id))
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![wanted]);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.client.send(3, &request).await;
            let results = &answer.results_by_topic_v3_and_below[0].results_by_partition;
            let codes: Vec<i16> = results.iter().map(|result| result.partition_error_code).collect();
            if codes.iter().any(|code| is_passing(*code)) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            return codes;
        }
    }

    pub async fn send_batch(&mut self, version: i16, topic: &TestTopic, partition: i32, batch: Bytes) -> (i16, i64) {
        let request = produce_request(version, -1, topic, partition, batch)
            .with_transactional_id(Some(transactional_id(&self.id)));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.client.send(version, &request).await;
            let answer = &answer.responses[0].partition_responses[0];
            if is_passing(answer.error_code) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            return (answer.error_code, answer.base_offset);
        }
    }

    /// Sends the next batch, adding its partition as the version does.
    pub async fn send(&mut self, topic: &TestTopic, partition: i32, values: &[&str]) -> i64 {
        if !self.v2 {
            assert_eq!(self.add(topic, &[partition]).await, [0]);
        }
        let batch = self.batch(self.sequence, values);
        let version = if self.v2 { 13 } else { 11 };
        let (code, offset) = self.send_batch(version, topic, partition, batch).await;
        assert_eq!(code, 0);
        self.sequence += i32::try_from(values.len()).unwrap();
        offset
    }

    /// Sends a batch of its own sequence number, as a producer counts per partition.
    pub async fn send_on(&mut self, topic: &TestTopic, partition: i32, sequence: i32, values: &[&str]) -> i64 {
        if !self.v2 {
            assert_eq!(self.add(topic, &[partition]).await, [0]);
        }
        let batch = self.batch(sequence, values);
        let (code, offset) = self.send_batch(if self.v2 { 13 } else { 11 }, topic, partition, batch).await;
        assert_eq!(code, 0);
        offset
    }

    pub async fn end_as(&mut self, version: i16, commit: bool) -> (i16, i64, i16) {
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional_id(&self.id))
            .with_producer_id(WireProducerId(self.producer_id))
            .with_producer_epoch(self.epoch)
            .with_committed(commit);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.client.send(version, &request).await;
            if is_passing(answer.error_code) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            return (answer.error_code, answer.producer_id.0, answer.producer_epoch);
        }
    }

    pub async fn end(&mut self, commit: bool) -> i16 {
        let (code, producer_id, epoch) = self.end_as(if self.v2 { 5 } else { 3 }, commit).await;
        if code == 0 && self.v2 {
            if (producer_id, epoch) != (self.producer_id, self.epoch) {
                self.sequence = 0;
            }
            (self.producer_id, self.epoch) = (producer_id, epoch);
        }
        code
    }
}

/// What goes away by itself: the last transaction is still ending, or the coordinator is not ready.
pub fn is_passing(code: i16) -> bool {
    [E::ConcurrentTransactions, E::CoordinatorNotAvailable, E::NotCoordinator, E::CoordinatorLoadInProgress]
        .iter()
        .any(|error| error.code() == code)
}

pub async fn find(client: &mut Client, key: &str, key_type: i8) {
    let request = FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(vec![text(key)]);
    for _ in 0..500 {
        let answer = client.send(4, &request).await;
        if answer.coordinators[0].error_code == 0 {
            assert_eq!(answer.coordinators[0].key.as_str(), key);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no coordinator for {key}");
}

/// What a fetch of a partition says: end, last stable offset, aborted transactions, and per batch the base offset and whether it is
/// a marker.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub end: i64,
    pub stable: i64,
    pub aborted: Option<Vec<(i64, i64)>>,
    pub batches: Vec<(i64, bool)>,
}

pub async fn see(client: &mut Client, topic: &TestTopic, partition: i32, offset: i64, committed: bool) -> Seen {
    let request = fetch_request(17, topic, &[(partition, offset, 1 << 20)])
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_isolation_level(i8::from(committed));
    let answer = client.send(17, &request).await;
    let one = &answer.responses[0].partitions[0];
    assert_eq!((answer.error_code, one.error_code), (0, 0));
    Seen {
        end: one.high_watermark,
        stable: one.last_stable_offset,
        aborted: one
            .aborted_transactions
            .as_ref()
            .map(|aborted| aborted.iter().map(|one| (one.producer_id.0, one.first_offset)).collect()),
        batches: batches(one.records.as_ref().unwrap_or(&Bytes::new()))
            .iter()
            .map(|(header, _)| (header.base_offset, header.is_control()))
            .collect(),
    }
}

/// Waits until the markers of everything that ends have been written.
pub async fn settled(client: &mut Client, topic: &TestTopic, partition: i32, end: i64) {
    for _ in 0..1000 {
        let seen = see(client, topic, partition, 0, false).await;
        if seen.end == end && seen.stable == end {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the log does not end at {end}: {:?}", see(client, topic, partition, 0, false).await);
}
