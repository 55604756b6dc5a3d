use super::*;
use crate::config::DevBrokerConfig;
use crate::log::Marker;
use crate::log::test_batches::batch;
use crate::sync::now_ms;
use crate::topic_configs::Configs;
use crate::txn::Version;
use kafka_protocol::ResponseError;
use milena_kafka::records::{BatchBuilder, Compression, Level, ProducerId, RecordParts, TimestampType};

fn settings(set: &[(&str, &str)]) -> LogSettings {
    let configs: Configs = set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    LogSettings::new(&configs, &DevBrokerConfig::default())
}

fn memory(set: &[(&str, &str)]) -> Partition {
    Partition::in_memory(settings(set), Arc::new(Memory::new(u64::MAX)))
}

fn plain(count: i32) -> Vec<u8> {
    batch(-1, -1, -1, count, 1000)
}

fn from(offset: i64, max_bytes: usize, at_least_one: bool) -> Read {
    Read { offset, max_bytes, at_least_one, committed: false, last_epoch: -1 }
}

fn read_bases(partition: &Partition, offset: i64, max: usize) -> Vec<i64> {
    let mut out = Vec::new();
    partition.read(from(offset, max, true), &mut out).unwrap();
    let all = out.concat();
    let mut rest: &[u8] = &all;
    let mut bases = Vec::new();
    while !rest.is_empty() {
        let header = BatchHeader::read(rest).unwrap();
        assert!(header.check_crc(rest).is_ok());
        bases.push(header.base_offset);
        rest = &rest[header.total_len()..];
    }
    bases
}

#[test]
fn batches_get_consecutive_offsets_and_are_read_whole() {
    let partition = memory(&[]);
    for expected in [0, 3, 6] {
        assert_eq!(partition.append(&plain(3), 1).unwrap().base_offset, expected);
    }
    let len = plain(3).len();
    assert_eq!(read_bases(&partition, 0, usize::MAX), [0, 3, 6]);
    assert_eq!(read_bases(&partition, 4, usize::MAX), [3, 6]);
    assert_eq!(read_bases(&partition, 0, 2 * len), [0, 3]);
    assert_eq!(read_bases(&partition, 0, 1), [0], "the first batch is given however large it is");
    assert_eq!(partition.read(from(0, 1, false), &mut Vec::new()).unwrap().bytes, 0);
    assert_eq!(partition.read(from(9, 100, true), &mut Vec::new()).unwrap().bytes, 0);
    assert_eq!(partition.read(from(10, 100, true), &mut Vec::new()), Err(ReadError::OutOfRange));
}

#[test]
fn bad_batches_are_refused_and_leave_no_trace() {
    let partition = memory(&[("max.message.bytes", "200")]);
    let mut broken = plain(1);
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(partition.append(&broken, 1).unwrap_err().error, ResponseError::CorruptMessage);
    let two = [plain(1), plain(1)].concat();
    assert_eq!(partition.append(&two, 1).unwrap_err().error, ResponseError::InvalidRecord);
    assert_eq!(partition.append(&plain(1)[..70], 1).unwrap_err().error, ResponseError::CorruptMessage);
    partition.configure(settings(&[("max.message.bytes", "90")]));
    assert_eq!(partition.append(&plain(1), 1).unwrap_err().error, ResponseError::MessageTooLarge);
    partition.configure(settings(&[("min.insync.replicas", "2")]));
    assert_eq!(partition.append(&plain(1), -1).unwrap_err().error, ResponseError::NotEnoughReplicas);
    assert!(partition.append(&plain(1), 1).is_ok());
    assert_eq!(partition.range(), (0, 1));
}

#[test]
fn a_repeated_idempotent_batch_is_answered_with_its_first_place() {
    let partition = memory(&[]);
    let first = batch(9, 0, 0, 2, 1000);
    partition.append(&plain(5), 1).unwrap();
    assert_eq!(partition.append(&first, -1).unwrap().base_offset, 5);
    assert_eq!(partition.append(&first, -1).unwrap().base_offset, 5);
    assert_eq!(partition.range(), (0, 7));
    let gap = batch(9, 0, 4, 1, 1000);
    assert_eq!(partition.append(&gap, -1).unwrap_err().error, ResponseError::OutOfOrderSequenceNumber);
}

#[test]
fn the_brokers_time_replaces_the_producers_where_the_topic_says_so() {
    let partition = memory(&[("message.timestamp.type", "LogAppendTime")]);
    let before = now_ms();
    let appended = partition.append(&plain(2), 1).unwrap();
    assert!(appended.log_append_time >= before);
    let mut out = Vec::new();
    partition.read(from(0, 1000, true), &mut out).unwrap();
    let header = BatchHeader::read(&out[0]).unwrap();
    assert!(header.check_crc(&out[0]).is_ok());
    assert_eq!(
        (header.timestamp_type(), header.max_timestamp),
        (TimestampType::LogAppendTime, appended.log_append_time)
    );
}

#[test]
fn old_batches_are_dropped_but_the_kept_bytes_stay() {
    let len = plain(1).len();
    let partition = memory(&[("retention.bytes", &(2 * len).to_string())]);
    for _ in 0..5 {
        partition.append(&plain(1), 1).unwrap();
    }
    assert_eq!(partition.range(), (3, 5));
    assert_eq!(partition.bytes(), 2 * len as u64);
    let compacted = memory(&[("retention.bytes", "1"), ("cleanup.policy", "compact")]);
    compacted.append(&keyed("a", 10), 1).unwrap();
    compacted.append(&keyed("b", 10), 1).unwrap();
    assert_eq!(compacted.range(), (0, 2));
}

#[test]
fn records_older_than_the_topic_keeps_are_dropped() {
    let partition = memory(&[("retention.ms", "500")]);
    partition.append(&batch(-1, -1, -1, 1, 1000), 1).unwrap();
    partition.append(&batch(-1, -1, -1, 1, 2000), 1).unwrap();
    partition.trim_by_time(2100);
    assert_eq!(partition.range(), (1, 2));
    partition.trim_by_time(9000);
    assert_eq!(partition.range(), (2, 2));
}

#[test]
fn deleted_records_are_out_of_range() {
    let partition = memory(&[]);
    partition.append(&plain(3), 1).unwrap();
    partition.append(&plain(3), 1).unwrap();
    assert_eq!(partition.delete_before(4), Some(4));
    assert_eq!(partition.read(from(3, 100, true), &mut Vec::new()), Err(ReadError::OutOfRange));
    assert_eq!(read_bases(&partition, 4, 1000), [3]);
    assert_eq!(partition.delete_before(7), None);
    assert_eq!(partition.delete_before(-1), Some(6));
    assert_eq!(partition.range(), (6, 6));
}

#[tokio::test]
async fn a_waiting_fetch_is_woken_by_the_next_batch_and_by_the_deletion() {
    let partition = memory(&[]);
    let waiter = Arc::new(Notify::new());
    partition.wait(&waiter);
    partition.wait(&waiter);
    partition.append(&plain(1), 1).unwrap();
    waiter.notified().await;
    partition.wait(&waiter);
    partition.delete();
    waiter.notified().await;
    assert_eq!(partition.read(from(0, 1, true), &mut Vec::new()), Err(ReadError::Deleted));
}

fn on_disk(dir: &std::path::Path, trusted: bool, cache: usize) -> Partition {
    Partition::in_dir(settings(&[("segment.bytes", "1048576")]), dir.to_owned(), trusted, 0, cache).unwrap()
}

#[test]
fn a_log_on_disk_comes_back_and_a_torn_tail_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let partition = on_disk(dir.path(), false, usize::MAX);
    let first = batch(9, 0, 0, 2, 1000);
    partition.append(&first, 1).unwrap();
    partition.append(&plain(3), 1).unwrap();
    drop(partition);

    let again = on_disk(dir.path(), true, usize::MAX);
    assert_eq!(again.range(), (0, 5));
    assert_eq!(read_bases(&again, 0, usize::MAX), [0, 2]);
    assert_eq!(again.append(&first, 1).unwrap().base_offset, 0, "producers are remembered");
    drop(again);

    let file = dir.path().join(format!("{:020}.log", 0));
    let bytes = std::fs::read(&file).unwrap();
    for cut in [1, 50, 100] {
        std::fs::write(&file, &bytes[..bytes.len() - cut]).unwrap();
        let torn = on_disk(dir.path(), true, usize::MAX);
        assert_eq!(torn.range(), (0, 2), "cut {cut}");
    }
    let mut flipped = bytes;
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &flipped).unwrap();
    let damaged = on_disk(dir.path(), false, usize::MAX);
    assert_eq!(damaged.range(), (0, 2));
    assert_eq!(damaged.append(&plain(1), 1).unwrap().base_offset, 2);
}

#[test]
fn batches_that_left_memory_are_read_from_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let len = plain(1).len();
    let partition = on_disk(dir.path(), false, 3 * len);
    for _ in 0..10 {
        partition.append(&plain(1), 1).unwrap();
    }
    assert_eq!(lock(&partition.state).cached, 3 * len);
    assert_eq!(read_bases(&partition, 0, usize::MAX), (0..10).collect::<Vec<_>>());
    assert_eq!(read_bases(&partition, 4, 4 * len), [4, 5, 6, 7]);
}

#[test]
fn files_of_dropped_batches_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let partition = on_disk(dir.path(), false, 1000);
    let mut builder = BatchBuilder::with_capacity(600_100);
    let value = vec![b'v'; 600_000];
    builder.append(&RecordParts { timestamp: 1000, key: None, value: Some(&value), headers: &[] }).unwrap();
    let large = builder.build(Compression::None, Level::default(), None).unwrap();
    for _ in 0..4 {
        partition.append(&large, 1).unwrap();
    }
    let files = || std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files(), 4);
    partition.delete_before(3);
    assert_eq!(files(), 1);
    partition.delete();
    assert!(!dir.path().exists());
}

#[test]
fn logs_in_memory_share_their_limit() {
    let memory = Arc::new(Memory::new(3 * KEPT_PER_PARTITION));
    let new = || Partition::in_memory(settings(&[("retention.bytes", "-1")]), Arc::clone(&memory));
    let (quiet, busy) = (new(), new());
    let value = vec![b'v'; 1 << 20];
    let mut builder = BatchBuilder::with_capacity(1 << 20);
    builder.append(&RecordParts { timestamp: 1000, key: None, value: Some(&value), headers: &[] }).unwrap();
    let mebibyte = builder.build(Compression::None, Level::default(), None).unwrap();
    for partition in [&quiet, &busy] {
        partition.configure(settings(&[("retention.bytes", "-1"), ("max.message.bytes", "2000000")]));
    }
    for _ in 0..6 {
        quiet.append(&mebibyte, 1).unwrap();
    }
    for _ in 0..40 {
        busy.append(&mebibyte, 1).unwrap();
    }
    assert_eq!(quiet.range(), (0, 6), "the other one is not touched");
    let total = quiet.bytes() + busy.bytes();
    assert!(total <= 3 * KEPT_PER_PARTITION + (1 << 20) + 1000, "{total}");
    assert!(busy.bytes() > KEPT_PER_PARTITION);
    busy.delete();
    assert_eq!(memory.excess(), 0);
}

fn keyed(key: &str, size: usize) -> Vec<u8> {
    let value = vec![b'v'; size];
    let mut builder = BatchBuilder::with_capacity(size + 100);
    let parts = RecordParts { timestamp: 1000, key: Some(key.as_bytes()), value: Some(&value), headers: &[] };
    builder.append(&parts).unwrap();
    builder.build(Compression::None, Level::default(), None).unwrap().to_vec()
}

const COMPACT: &[(&str, &str)] = &[("cleanup.policy", "compact")];

#[test]
fn a_compacted_log_keeps_the_newest_record_of_each_key_and_its_offsets() {
    let partition = memory(COMPACT);
    assert_eq!(partition.append(&plain(1), 1).unwrap_err().error, ResponseError::InvalidRecord);
    for number in 0..200 {
        partition.append(&keyed(&format!("key-{}", number % 4), 50_000), 1).unwrap();
    }
    assert!(partition.bytes() < 9 << 20, "{}", partition.bytes());
    lock(&partition.state).compact(now_ms()).unwrap();
    assert_eq!(read_bases(&partition, 0, usize::MAX), [196, 197, 198, 199]);
    assert_eq!(partition.range(), (0, 200));
    assert_eq!(partition.append(&keyed("key-0", 10), 1).unwrap().base_offset, 200);
}

#[test]
fn a_compacted_log_on_disk_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Partition::in_dir(settings(COMPACT), dir.path().to_owned(), false, 0, 100_000).unwrap();
    let partition = open();
    for number in 0..200 {
        partition.append(&keyed(&format!("key-{}", number % 4), 50_000), 1).unwrap();
    }
    let on_disk = || -> u64 {
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    assert!(on_disk() < 9 << 20, "{}", on_disk());
    lock(&partition.state).compact(now_ms()).unwrap();
    assert_eq!(on_disk(), partition.bytes());
    assert_eq!(read_bases(&partition, 0, usize::MAX), [196, 197, 198, 199]);
    assert_eq!(partition.append(&keyed("key-0", 10), 1).unwrap().base_offset, 200);
    drop(partition);
    let again = open();
    assert_eq!(again.range(), (0, 201));
    assert_eq!(read_bases(&again, 0, usize::MAX), [196, 197, 198, 199, 200]);
    assert_eq!(again.append(&keyed("key-0", 10), 1).unwrap().base_offset, 201);
}

fn transactional_keyed(producer: i64, sequence: i32, key: &str) -> Vec<u8> {
    let mut builder = BatchBuilder::with_capacity(200);
    let parts = RecordParts { timestamp: 1000, key: Some(key.as_bytes()), value: Some(b"v"), headers: &[] };
    builder.append(&parts).unwrap();
    let producer = ProducerId { id: producer, epoch: 0, base_sequence: sequence, transactional: true };
    builder.build(Compression::None, Level::default(), Some(producer)).unwrap().to_vec()
}

/// Base offset and number of records of each batch.
fn read_counts(partition: &Partition) -> Vec<(i64, i32)> {
    let mut out = Vec::new();
    partition.read(from(0, usize::MAX, true), &mut out).unwrap();
    let all = out.concat();
    let mut rest: &[u8] = &all;
    let mut found = Vec::new();
    while let Ok(header) = BatchHeader::read(rest) {
        found.push((header.base_offset, header.count));
        rest = &rest[header.total_len()..];
    }
    found
}

#[test]
fn compaction_drops_aborted_records_keeps_open_ones_and_says_so_to_readers() {
    let partition = memory(COMPACT);
    let verified = |batch: &[u8]| partition.append_verified(batch, 1, Version::One).unwrap();
    let end = |producer_id, commit| {
        partition.end_transaction(&Marker { producer_id, producer_epoch: 0, coordinator_epoch: 0, commit }).unwrap()
    };
    partition.append(&keyed("a", 10), 1).unwrap(); // 0
    verified(&transactional_keyed(1, 0, "a")); // 1
    verified(&transactional_keyed(1, 1, "b")); // 2
    end(1, false); // 3
    verified(&transactional_keyed(1, 2, "b")); // 4
    end(1, true); // 5
    verified(&transactional_keyed(2, 0, "a")); // 6, stays open
    partition.append(&keyed("c", 10), 1).unwrap(); // 7
    let aborted = || {
        let mut out = Vec::new();
        let read = Read { committed: true, ..from(0, usize::MAX, true) };
        partition.read(read, &mut out).unwrap().aborted.len()
    };
    assert_eq!((partition.last_stable(), aborted()), (6, 1));
    lock(&partition.state).compact(1001).unwrap();
    // The aborted records do not stand for their keys; the markers stay until tombstones may go. What the open transaction wrote has
    // the newest record of its key, but can still be aborted: the one before stays.
    assert_eq!(read_counts(&partition), [(0, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1)]);
    assert_eq!((partition.last_stable(), aborted()), (6, 0));
    end(2, true); // 8
    partition.append(&keyed("d", 10), 1).unwrap(); // 9
    lock(&partition.state).compact(i64::MAX).unwrap();
    assert_eq!(read_counts(&partition), [(4, 1), (6, 1), (7, 1), (9, 1)]);
}

#[test]
fn compaction_leaves_the_header_of_a_producers_newest_batch() {
    let partition = memory(COMPACT);
    let mut builder = BatchBuilder::with_capacity(200);
    builder.append(&RecordParts { timestamp: 1000, key: Some(b"a"), value: Some(b"v"), headers: &[] }).unwrap();
    let producer = ProducerId { id: 5, epoch: 0, base_sequence: 0, transactional: false };
    let first = builder.build(Compression::Zstd, Level::default(), Some(producer)).unwrap();
    partition.append(&first, 1).unwrap();
    partition.append(&keyed("a", 10), 1).unwrap();
    partition.append(&keyed("b", 10), 1).unwrap();
    lock(&partition.state).compact(now_ms()).unwrap();
    assert_eq!(read_counts(&partition), [(0, 0), (1, 1), (2, 1)]);
    assert_eq!(partition.append(&first, 1).unwrap().base_offset, 0, "a duplicate");
}
