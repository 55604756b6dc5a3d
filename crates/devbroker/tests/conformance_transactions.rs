//! Transactions, as every Kafka broker runs them.
//!
//! Runs against an embedded broker, or against the real one that `MILENA_TEST_BOOTSTRAP` names: both must pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::transactional::*;
use common::*;
use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, ApiVersionsRequest, BrokerId, DescribeProducersRequest, DescribeTransactionsRequest,
    GroupId, ListOffsetsRequest, ListTransactionsRequest, OffsetCommitRequest, OffsetFetchRequest,
    ProducerId as WireProducerId, TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};
use milena_kafka::records::{Compression, ProducerId};
use std::time::{Duration, Instant};

async fn list_offset(client: &mut Client, topic: &TestTopic, timestamp: i64, isolation: i8) -> i64 {
    let one = ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation)
        .with_topics(vec![ListOffsetsTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one])]);
    let answer = client.send(7, &request).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    answer.topics[0].partitions[0].offset
}

#[tokio::test]
async fn transaction_version_2_is_announced() {
    let target = target().await;
    let mut client = target.client().await;
    let answer = client
        .send(
            4,
            &ApiVersionsRequest::default()
                .with_client_software_name(text("test"))
                .with_client_software_version(text("1")),
        )
        .await;
    let feature = answer.finalized_features.iter().find(|one| one.name.as_str() == "transaction.version").unwrap();
    assert_eq!((feature.min_version_level, feature.max_version_level), (2, 2));
    assert!(answer.finalized_features_epoch >= 0);
}

#[tokio::test]
async fn committed_and_aborted_transactions_look_so_to_both_kinds_of_consumers() {
    let target = target().await;
    let mut client = target.client().await;
    for v2 in [false, true] {
        let topic = client.create("transactions", 1).await;
        let mut producer = Producer::new(&target, &unique("tx"), v2).await;
        let first = producer.producer_id;
        assert_eq!(producer.send(&topic, 0, &["a", "b"]).await, 0);
        let open = see(&mut client, &topic, 0, 0, true).await;
        assert_eq!(open, Seen { end: 2, stable: 0, aborted: Some(vec![]), batches: vec![] });
        let open = see(&mut client, &topic, 0, 0, false).await;
        assert_eq!(open, Seen { end: 2, stable: 0, aborted: None, batches: vec![(0, false)] });
        assert_eq!(list_offset(&mut client, &topic, -1, 1).await, 0);
        assert_eq!(list_offset(&mut client, &topic, -1, 0).await, 2);
        assert_eq!(list_offset(&mut client, &topic, now_ms() - 3_600_000, 1).await, -1);
        assert_eq!(list_offset(&mut client, &topic, now_ms() - 3_600_000, 0).await, 0);
        assert_eq!(producer.end(true).await, 0);
        settled(&mut client, &topic, 0, 3).await;

        assert_eq!(producer.send(&topic, 0, &["c"]).await, 3);
        assert_eq!(producer.end(false).await, 0);
        settled(&mut client, &topic, 0, 5).await;
        assert_eq!(producer.send(&topic, 0, &["d"]).await, 5);
        assert_eq!(producer.end(true).await, 0);
        settled(&mut client, &topic, 0, 7).await;
        assert_eq!(producer.producer_id, first);
        assert_eq!(producer.epoch, if v2 { 3 } else { 0 });

        let seen = see(&mut client, &topic, 0, 0, true).await;
        assert_eq!(seen.aborted, Some(vec![(first, 3)]), "v2: {v2}");
        assert_eq!(seen.batches, [(0, false), (2, true), (3, false), (4, true), (5, false), (6, true)]);
        assert_eq!(see(&mut client, &topic, 0, 4, true).await.aborted, Some(vec![(first, 3)]));
        assert_eq!(see(&mut client, &topic, 0, 5, true).await.aborted, Some(vec![]));
        assert_eq!(list_offset(&mut client, &topic, -1, 1).await, 7);
    }
}

#[tokio::test]
async fn markers_say_how_and_in_which_epoch_a_transaction_ended() {
    let target = target().await;
    let mut client = target.client().await;
    for v2 in [false, true] {
        let topic = client.create("markers", 1).await;
        let mut producer = Producer::new(&target, &unique("tx"), v2).await;
        for commit in [true, false] {
            producer.send(&topic, 0, &["a"]).await;
            assert_eq!(producer.end(commit).await, 0);
        }
        settled(&mut client, &topic, 0, 4).await;
        let fetched = client.fetch(&topic, 0, 0).await;
        let found = batches(&fetched.records.unwrap());
        let markers: Vec<_> = found.iter().filter(|(header, _)| header.is_control()).collect();
        for ((header, batch), commit) in markers.iter().zip([true, false]) {
            assert!(header.is_transactional());
            assert_eq!((header.count, header.last_offset_delta, header.base_sequence), (1, 0, -1));
            assert_eq!(header.producer_id, producer.producer_id);
            // Length, attributes, timestamp, offset; then key and value with their lengths.
            let record = &batch[61..];
            assert_eq!(record[4..9], [8, 0, 0, 0, u8::from(commit)]);
            assert_eq!(record[9..16], [12, 0, 0, 0, 0, 0, 0]);
        }
        let epochs: Vec<i16> = markers.iter().map(|(header, _)| header.producer_epoch).collect();
        assert_eq!(epochs, if v2 { [1, 2] } else { [0, 0] });
    }
}

#[tokio::test]
async fn open_transactions_of_others_hold_the_last_stable_offset_back() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("overlap", 1).await;
    let mut one = Producer::new(&target, &unique("one"), true).await;
    let mut two = Producer::new(&target, &unique("two"), true).await;
    let ids = (one.producer_id, two.producer_id);
    assert_eq!(one.send(&topic, 0, &["a"]).await, 0);
    assert_eq!(two.send(&topic, 0, &["b"]).await, 1);
    assert_eq!(two.end(false).await, 0);
    client.produce(&topic, 0, timed_batch(&[(now_ms(), "plain")], Compression::None, None)).await;
    for _ in 0..1000 {
        if see(&mut client, &topic, 0, 0, false).await.end == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = see(&mut client, &topic, 0, 0, true).await;
    assert_eq!((seen.end, seen.stable, seen.batches.len()), (4, 0, 0));
    assert_eq!(one.end(false).await, 0);
    settled(&mut client, &topic, 0, 5).await;
    let mut aborted = see(&mut client, &topic, 0, 0, true).await.aborted.unwrap();
    aborted.sort_unstable_by_key(|(_, first)| *first);
    assert_eq!(aborted, [(ids.0, 0), (ids.1, 1)]);
}

#[tokio::test]
async fn a_new_producer_of_the_same_id_fences_the_old_one() {
    let target = target().await;
    let mut client = target.client().await;
    for v2 in [false, true] {
        let topic = client.create("fenced", 1).await;
        let id = unique("tx");
        let mut old = Producer::new(&target, &id, v2).await;
        old.send(&topic, 0, &["a"]).await;
        let mut new = Producer::new(&target, &id, v2).await;
        assert_eq!((new.producer_id, new.epoch), (old.producer_id, old.epoch + 2), "v2: {v2}");
        settled(&mut client, &topic, 0, 2).await;
        assert_eq!(see(&mut client, &topic, 0, 0, true).await.aborted, Some(vec![(old.producer_id, 0)]));
        let late = old.batch(old.sequence, &["late"]);
        let (code, _) = old.send_batch(if v2 { 13 } else { 11 }, &topic, 0, late).await;
        assert_eq!(code, E::InvalidProducerEpoch.code(), "v2: {v2}");
        assert_eq!(old.add(&topic, &[0]).await, [E::ProducerFenced.code()]);
        assert_eq!(old.end(true).await, E::ProducerFenced.code());
        let expected = (old.producer_id, old.epoch);
        assert_eq!(old.init_with(60_000, expected).await, E::ProducerFenced.code());
        assert_eq!(new.send(&topic, 0, &["b"]).await, 2);
        assert_eq!(new.end(true).await, 0);
    }
}

#[tokio::test]
async fn a_producer_that_says_who_it_is_gets_the_next_epoch_and_may_ask_again() {
    let target = target().await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    let expected = (producer.producer_id, producer.epoch);
    assert_eq!(producer.init_with(60_000, expected).await, 0);
    assert_eq!((producer.producer_id, producer.epoch), (expected.0, 1));
    assert_eq!(producer.init_with(60_000, expected).await, 0);
    assert_eq!((producer.producer_id, producer.epoch), (expected.0, 1));
    assert_eq!(producer.init().await, 0);
    assert_eq!(producer.epoch, 2);
    assert_eq!(producer.init_with(60_000, expected).await, E::ProducerFenced.code());
    assert_eq!(producer.init_with(60_000, (expected.0 + 1_000_000, 2)).await, E::ProducerFenced.code());
    assert_eq!(producer.init_with(60_000, (expected.0, -1)).await, E::InvalidRequest.code());
}

#[tokio::test]
async fn initializations_that_cannot_be_are_refused() {
    let target = target().await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    assert_eq!(producer.init_with(16 * 60_000, (-1, -1)).await, E::InvalidTransactionTimeout.code());
    assert_eq!(producer.init_with(0, (-1, -1)).await, E::InvalidTransactionTimeout.code());
    producer.id = String::new();
    assert_eq!(producer.init().await, E::InvalidRequest.code());
}

#[tokio::test]
async fn requests_that_do_not_fit_the_transaction_are_refused() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("refused", 2).await;
    let mut producer = Producer::new(&target, &unique("tx"), false).await;
    // Not part of a transaction.
    let stray = producer.batch(0, &["a"]);
    assert_eq!(producer.send_batch(10, &topic, 0, stray.clone()).await.0, E::InvalidTxnState.code());
    assert_eq!(producer.send_batch(11, &topic, 0, stray).await.0, E::TransactionAbortable.code());
    assert_eq!(producer.end_as(3, true).await.0, E::InvalidTxnState.code());
    assert_eq!(producer.end_as(3, false).await.0, E::InvalidTxnState.code());
    assert_eq!(producer.end_as(5, true).await.0, E::InvalidTxnState.code());
    // Partitions: all or none.
    let unknown = [E::OperationNotAttempted.code(), E::UnknownTopicOrPartition.code()];
    let mut added = producer.add(&topic, &[0, 9]).await;
    // A real broker lists what it does not know first.
    added.sort_unstable_by_key(|code| *code == E::UnknownTopicOrPartition.code());
    assert_eq!(added, unknown);
    assert_eq!(producer.add(&topic, &[0]).await, [0]);
    let stray = producer.batch(0, &["b"]);
    assert_eq!(producer.send_batch(11, &topic, 1, stray).await.0, E::TransactionAbortable.code());
    // Somebody else's.
    let id = producer.producer_id;
    producer.producer_id += 1_000_000;
    assert_eq!(producer.add(&topic, &[0]).await, [E::InvalidProducerIdMapping.code()]);
    assert_eq!(producer.end(true).await, E::InvalidProducerIdMapping.code());
    producer.producer_id = id;
    producer.epoch += 1;
    assert_eq!(producer.add(&topic, &[0]).await, [E::ProducerFenced.code()]);
    assert_eq!(producer.end(true).await, E::ProducerFenced.code());
    producer.epoch -= 1;
    producer.id = unique("nobody");
    assert_eq!(producer.add(&topic, &[0]).await, [E::InvalidProducerIdMapping.code()]);
    assert_eq!(producer.end(true).await, E::InvalidProducerIdMapping.code());
    let stray = producer.batch(0, &["c"]);
    assert_eq!(producer.send_batch(13, &topic, 0, stray.clone()).await.0, E::InvalidProducerIdMapping.code());
    // Transactional records in a request that names no transactional id.
    let request = produce_request(13, -1, &topic, 0, stray);
    let answer = producer.client.send(13, &request).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, E::TransactionalIdAuthorizationFailed.code());
}

#[tokio::test]
async fn an_end_that_is_repeated_is_answered_as_the_first() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("repeated", 1).await;
    let mut one = Producer::new(&target, &unique("one"), false).await;
    one.send(&topic, 0, &["a"]).await;
    assert_eq!(one.end(true).await, 0);
    assert_eq!(one.end(true).await, 0);
    assert_eq!(one.end(false).await, E::InvalidTxnState.code());

    let mut two = Producer::new(&target, &unique("two"), true).await;
    two.send(&topic, 0, &["a"]).await;
    let id = two.producer_id;
    assert_eq!(two.end_as(5, true).await, (0, id, 1));
    assert_eq!(two.end_as(5, true).await, (0, id, 1));
    assert_eq!(two.end_as(5, false).await.0, E::InvalidTxnState.code());
    two.epoch = 1;
    assert_eq!(two.end_as(5, true).await.0, E::InvalidTxnState.code());
    // An empty abort bumps the epoch.
    assert_eq!(two.end_as(5, false).await, (0, id, 2));
    assert_eq!(two.end_as(5, false).await, (0, id, 2));
    two.epoch = 0;
    assert_eq!(two.end_as(5, false).await.0, E::ProducerFenced.code());
}

#[tokio::test]
async fn sequences_go_on_in_version_1_and_begin_again_in_version_2() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("sequences", 1).await;
    let mut one = Producer::new(&target, &unique("one"), false).await;
    one.send(&topic, 0, &["a"]).await;
    assert_eq!(one.end(true).await, 0);
    assert_eq!(one.add(&topic, &[0]).await, [0]);
    let gap = one.batch(2, &["gap"]);
    assert_eq!(one.send_batch(11, &topic, 0, gap).await.0, E::OutOfOrderSequenceNumber.code());
    one.sequence = 1;
    assert_eq!(one.send(&topic, 0, &["b"]).await, 2);
    assert_eq!(one.end(true).await, 0);

    let topic = client.create("sequences", 1).await;
    let mut two = Producer::new(&target, &unique("two"), true).await;
    two.send(&topic, 0, &["a"]).await;
    assert_eq!(two.end(true).await, 0);
    settled(&mut client, &topic, 0, 2).await;
    let gap = two.batch(1, &["gap"]);
    assert_eq!(two.send_batch(13, &topic, 0, gap).await.0, E::OutOfOrderSequenceNumber.code());
    assert_eq!(two.send(&topic, 0, &["b"]).await, 2);
    let again = two.batch(0, &["b"]);
    assert_eq!(two.send_batch(13, &topic, 0, again).await, (0, 2), "a duplicate is answered with its place");
    let plain = ProducerId { id: two.producer_id, epoch: two.epoch, base_sequence: 1, transactional: false };
    let plain = timed_batch(&[(now_ms(), "plain")], Compression::None, Some(plain));
    let answer = client.produce(&topic, 0, plain).await;
    assert_eq!(answer.error_code, E::InvalidTxnState.code());
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let target = target().await;
    let mut client = target.client().await;
    let topics = [client.create("timeout", 1).await, client.create("timeout", 1).await];
    let mut one = Producer::new(&target, &unique("one"), false).await;
    let mut two = Producer::new(&target, &unique("two"), true).await;
    assert_eq!(one.init_with(500, (-1, -1)).await, 0);
    assert_eq!(two.init_with(500, (-1, -1)).await, 0);
    one.send(&topics[0], 0, &["a"]).await;
    two.send(&topics[1], 0, &["a"]).await;
    for (topic, id) in topics.iter().zip([one.producer_id, two.producer_id]) {
        // A real broker looks every ten seconds.
        let deadline = Instant::now() + Duration::from_secs(20);
        while see(&mut client, topic, 0, 0, true).await.stable != 2 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(see(&mut client, topic, 0, 0, true).await.aborted, Some(vec![(id, 0)]));
    }
    assert_eq!(one.end(true).await, E::ProducerFenced.code());
    let late = one.batch(1, &["late"]);
    assert_eq!(one.send_batch(11, &topics[0], 0, late).await.0, E::InvalidProducerEpoch.code());
    assert_eq!(two.end(true).await, E::InvalidTxnState.code());
    let late = two.batch(1, &["late"]);
    assert_eq!(two.send_batch(13, &topics[1], 0, late).await.0, E::InvalidProducerEpoch.code());
    // In version 2 the abort that the producer asks for has been done already.
    let epoch = two.epoch;
    assert_eq!(two.end(false).await, 0);
    assert_eq!(two.epoch, epoch + 1);
    assert_eq!(two.send(&topics[1], 0, &["b"]).await, 2);
    assert_eq!(two.end(true).await, 0);
}

fn txn_commit(producer: &Producer, group: &str, topic: &TestTopic, offset: i64) -> TxnOffsetCommitRequest {
    let one = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("note")));
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional_id(&producer.id))
        .with_group_id(GroupId(text(group)))
        .with_producer_id(WireProducerId(producer.producer_id))
        .with_producer_epoch(producer.epoch)
        .with_generation_id(-1)
        .with_topics(vec![
            TxnOffsetCommitRequestTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one]),
        ])
}

async fn commit_in_transaction(producer: &mut Producer, version: i16, request: TxnOffsetCommitRequest) -> i16 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = producer.client.send(version, &request).await;
        let code = answer.topics[0].partitions[0].error_code;
        if is_passing(code) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        return code;
    }
}

async fn add_offsets(producer: &mut Producer, group: &str) -> i16 {
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(transactional_id(&producer.id))
        .with_producer_id(WireProducerId(producer.producer_id))
        .with_producer_epoch(producer.epoch)
        .with_group_id(GroupId(text(group)));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let code = producer.client.send(3, &request).await.error_code;
        if is_passing(code) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        return code;
    }
}

/// Code and offset of partition 0.
async fn committed(client: &mut Client, group: &str, topic: &TestTopic, stable: bool) -> (i16, i64) {
    let wanted = OffsetFetchRequestTopics::default().with_name(topic_name(&topic.name)).with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group))).with_topics(Some(vec![wanted]));
    let request = OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
    let answer = client.send(8, &request).await;
    let one = &answer.groups[0].topics[0].partitions[0];
    (one.error_code, one.committed_offset)
}

async fn await_committed(client: &mut Client, group: &str, topic: &TestTopic, offset: i64) {
    for _ in 0..1000 {
        if committed(client, group, topic, true).await == (0, offset) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(committed(client, group, topic, true).await, (0, offset));
}

#[tokio::test]
async fn offsets_of_a_transaction_count_once_it_is_committed() {
    let target = target().await;
    let mut client = target.client().await;
    let unstable = (E::UnstableOffsetCommit.code(), -1);
    for v2 in [false, true] {
        let topic = client.create("offsets", 1).await;
        let group = unique("group");
        find(&mut client, &group, 0).await;
        let mut producer = Producer::new(&target, &unique("tx"), v2).await;
        let version = if v2 { 5 } else { 3 };
        if !v2 {
            let request = txn_commit(&producer, &group, &topic, 1);
            let code = commit_in_transaction(&mut producer, 3, request.clone()).await;
            assert_eq!(code, E::InvalidTxnState.code());
            let code = commit_in_transaction(&mut producer, 4, request).await;
            assert_eq!(code, E::TransactionAbortable.code());
            assert_eq!(add_offsets(&mut producer, &group).await, 0);
        }
        let request = txn_commit(&producer, &group, &topic, 10);
        assert_eq!(commit_in_transaction(&mut producer, version, request).await, 0);
        assert_eq!(committed(&mut client, &group, &topic, true).await, unstable);
        assert_eq!(committed(&mut client, &group, &topic, false).await, (0, -1));
        assert_eq!(producer.end(true).await, 0);
        await_committed(&mut client, &group, &topic, 10).await;

        if !v2 {
            assert_eq!(add_offsets(&mut producer, &group).await, 0);
        }
        let request = txn_commit(&producer, &group, &topic, 20);
        assert_eq!(commit_in_transaction(&mut producer, version, request).await, 0);
        assert_eq!(committed(&mut client, &group, &topic, true).await, unstable);
        assert_eq!(committed(&mut client, &group, &topic, false).await, (0, 10));
        assert_eq!(producer.end(false).await, 0);
        await_committed(&mut client, &group, &topic, 10).await;
    }
}

#[tokio::test]
async fn a_plain_commit_after_that_of_a_transaction_stays() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("plain", 1).await;
    let group = unique("group");
    find(&mut client, &group, 0).await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    let request = txn_commit(&producer, &group, &topic, 10);
    assert_eq!(commit_in_transaction(&mut producer, 5, request).await, 0);
    let one = OffsetCommitRequestPartition::default().with_committed_offset(7).with_committed_leader_epoch(-1);
    let plain = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(&group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![
            OffsetCommitRequestTopic::default().with_name(topic_name(&topic.name)).with_partitions(vec![one]),
        ]);
    assert_eq!(client.send(8, &plain).await.topics[0].partitions[0].error_code, 0);
    assert_eq!(committed(&mut client, &group, &topic, true).await.0, E::UnstableOffsetCommit.code());
    assert_eq!(producer.end(true).await, 0);
    await_committed(&mut client, &group, &topic, 7).await;
}

#[tokio::test]
async fn offsets_of_a_transaction_are_refused_to_strangers() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("strangers", 1).await;
    let group = unique("group");
    find(&mut client, &group, 0).await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    let request = txn_commit(&producer, &group, &topic, 10);
    let member = request.clone().with_member_id(text("ghost")).with_generation_id(3);
    assert_eq!(commit_in_transaction(&mut producer, 5, member).await, E::IllegalGeneration.code());
    assert_eq!(commit_in_transaction(&mut producer, 5, request.clone()).await, 0);
    let member = request.clone().with_member_id(text("ghost")).with_generation_id(3);
    assert_eq!(commit_in_transaction(&mut producer, 5, member).await, E::UnknownMemberId.code());
    let unnamed = request.clone().with_group_id(GroupId(text("")));
    assert_eq!(commit_in_transaction(&mut producer, 5, unnamed).await, E::InvalidGroupId.code());
    let fenced = request.clone().with_producer_epoch(producer.epoch + 1);
    assert_eq!(commit_in_transaction(&mut producer, 5, fenced).await, E::InvalidProducerEpoch.code());
    let mapped = request.with_producer_id(WireProducerId(producer.producer_id + 1_000_000));
    assert_eq!(commit_in_transaction(&mut producer, 5, mapped).await, E::InvalidProducerIdMapping.code());
    assert_eq!(producer.end(false).await, 0);
}

#[tokio::test]
async fn transactions_are_described_and_listed() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("described", 2).await;
    let group = unique("group");
    find(&mut client, &group, 0).await;
    let mut producer = Producer::new(&target, &unique("tx"), true).await;
    let id = producer.id.clone();
    let describe = async |client: &mut Client, id: &str| {
        let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id(id)]);
        client.send(0, &request).await.transaction_states[0].clone()
    };
    let empty = describe(&mut client, &id).await;
    assert_eq!(
        (empty.error_code, empty.transaction_state.as_str(), empty.transaction_timeout_ms),
        (0, "Empty", 60_000)
    );
    assert_eq!((empty.transaction_start_time_ms, empty.topics.len()), (-1, 0));
    let before = now_ms();
    producer.send(&topic, 1, &["a"]).await;
    producer.send_on(&topic, 0, 0, &["b"]).await;
    let request = txn_commit(&producer, &group, &topic, 1);
    assert_eq!(commit_in_transaction(&mut producer, 5, request).await, 0);
    let open = describe(&mut client, &id).await;
    assert_eq!((open.transaction_state.as_str(), open.producer_epoch), ("Ongoing", 0));
    assert_eq!(open.producer_id.0, producer.producer_id);
    assert!((before - 1000..=now_ms() + 1000).contains(&open.transaction_start_time_ms));
    let mut topics: Vec<(String, Vec<i32>)> =
        open.topics.iter().map(|one| (one.topic.to_string(), one.partitions.clone())).collect();
    topics.iter_mut().for_each(|(_, partitions)| partitions.sort_unstable());
    topics.sort();
    assert_eq!((topics[0].0.as_str(), topics[0].1.len()), ("__consumer_offsets", 1));
    assert_eq!(topics[1], (topic.name.clone(), vec![0, 1]));

    let list = async |client: &mut Client, states: &[&str], longer_than| {
        let request = ListTransactionsRequest::default()
            .with_state_filters(states.iter().map(|state| text(state)).collect())
            .with_producer_id_filters(vec![open.producer_id])
            .with_duration_filter(longer_than);
        let answer = client.send(1, &request).await;
        let ids: Vec<String> = answer.transaction_states.iter().map(|one| one.transactional_id.to_string()).collect();
        (ids, answer.unknown_state_filters.len())
    };
    assert_eq!(list(&mut client, &[], -1).await, (vec![id.clone()], 0));
    assert_eq!(list(&mut client, &["Ongoing"], -1).await, (vec![id.clone()], 0));
    assert_eq!(list(&mut client, &["Empty", "Odd"], -1).await, (vec![], 1));
    assert_eq!(list(&mut client, &["Ongoing"], 1_000_000).await, (vec![], 0));
    assert_eq!(producer.end(false).await, 0);
    assert_eq!(describe(&mut client, &unique("none")).await.error_code, E::TransactionalIdNotFound.code());
    assert_eq!(describe(&mut client, "").await.error_code, E::InvalidRequest.code());
}

#[tokio::test]
async fn producers_of_a_partition_are_described_and_a_hanging_transaction_is_ended_by_hand() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("hanging", 1).await;
    let mut producer = Producer::new(&target, &unique("tx"), false).await;
    producer.send(&topic, 0, &["a", "b"]).await;
    let wanted = TopicRequest::default().with_name(topic_name(&topic.name)).with_partition_indexes(vec![0, 7]);
    let describe = DescribeProducersRequest::default().with_topics(vec![wanted]);
    let answer = client.send(0, &describe).await;
    let partitions = &answer.topics[0].partitions;
    assert_eq!(partitions[1].error_code, E::UnknownTopicOrPartition.code());
    let seen = &partitions[0].active_producers;
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].producer_id.0, seen[0].producer_epoch), (producer.producer_id, 0));
    assert_eq!((seen[0].last_sequence, seen[0].coordinator_epoch, seen[0].current_txn_start_offset), (1, -1, 0));

    let on = WritableTxnMarkerTopic::default().with_name(topic_name(&topic.name)).with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(WireProducerId(producer.producer_id))
        .with_producer_epoch(0)
        .with_transaction_result(false)
        .with_coordinator_epoch(0)
        .with_topics(vec![on]);
    let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
    let answer = client.send(1, &request).await;
    assert_eq!(answer.markers[0].topics[0].partitions[0].error_code, 0);
    settled(&mut client, &topic, 0, 3).await;
    assert_eq!(see(&mut client, &topic, 0, 0, true).await.aborted, Some(vec![(producer.producer_id, 0)]));
    let answer = client.send(0, &describe).await;
    let seen = &answer.topics[0].partitions[0].active_producers;
    assert_eq!((seen[0].last_sequence, seen[0].coordinator_epoch, seen[0].current_txn_start_offset), (1, 0, -1));
    assert_eq!(producer.end(false).await, 0);
}
