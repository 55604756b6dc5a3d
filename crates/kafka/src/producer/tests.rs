//! Batches of one partition against a broker that is played by the test: sequence numbers, order, and who is told what.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::accumulator::{Accumulator, Listener};
use super::answers::{PartitionAnswer, SentBatch};
use super::completion::Completion;
use super::drain::Room;
use super::record::ProducerRecord;
use crate::config::ProducerConfig;
use crate::error::Error;
use crate::error_code::ErrorCode;
use crate::metrics::{ClientKind, ClientMetrics, Windows};
use crate::net::{Metadata, TopicsWanted};
use crate::records::{BatchHeader, Compression};

/// A batch as the broker got it: its epoch, first sequence number and number of records.
type Seen = (i16, i32, i32);

/// Topic `t` with one partition, led by broker 1.
pub(super) fn one_partition() -> Metadata {
    let partition = MetadataResponsePartition::default().with_leader_id(1.into()).with_leader_epoch(0);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
        .with_partitions(vec![partition]);
    let broker =
        MetadataResponseBroker::default().with_node_id(1.into()).with_host(StrBytes::from_static_str("h")).with_port(1);
    let response = MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic]);
    Metadata::default().updated(&TopicsWanted::All, &response)
}

struct Play {
    config: ProducerConfig,
    accumulator: Accumulator,
    metadata: Metadata,
    completions: mpsc::UnboundedReceiver<Completion>,
    /// Moves on so that no pause before a retry is in the way.
    now: Instant,
    tag: u64,
    /// Requests wait in the queue of their connection.
    stuck: bool,
}

impl Play {
    fn new(pairs: &[(&str, &str)]) -> Self {
        let base = [
            ("bootstrap.servers", "h:1"),
            ("linger.ms", "0"),
            ("retry.backoff.ms", "1"),
            ("retry.backoff.max.ms", "1"),
        ];
        let properties =
            base.iter().chain(pairs).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = ProducerConfig::from_properties(&properties).unwrap();
        let metadata = one_partition();
        let (sender, completions) = mpsc::unbounded_channel();
        let metrics = Arc::new(ClientMetrics::new(ClientKind::Producer, Windows { length_ms: 30_000, count: 2 }));
        let mut accumulator = Accumulator::new(&config, sender, metrics);
        accumulator.update_topic(&Arc::from("t"), &metadata);
        accumulator.set_identity((7, 0));
        Self { config, accumulator, metadata, completions, now: Instant::now(), tag: 0, stuck: false }
    }

    /// Appends a batch of `count` records of its own.
    fn append(&mut self, count: u64) {
        for _ in 0..count {
            let record = ProducerRecord {
                topic: "t",
                partition: Some(0),
                timestamp: None,
                key: None,
                value: Some(b"v"),
                headers: &[],
            };
            let (now, tag) = ((self.now, 0), self.tag);
            let appended =
                self.accumulator.append(&self.config, 0, &record, now, Listener::Tag(tag), &mut false).unwrap();
            assert_eq!(appended, super::Append::Appended);
            self.tag += 1;
        }
        self.accumulator.flush();
    }

    /// What is sent now, and how the broker reads it.
    fn send(&mut self) -> Vec<(SentBatch, Seen)> {
        self.now += Duration::from_millis(10);
        let drained = self.accumulator.drain(&self.config, self.now, &self.metadata, |_| Room::Yes);
        let mut all = Vec::new();
        for sending in drained.requests.into_iter().flat_map(|request| request.batches) {
            let sent = SentBatch {
                topic: sending.topic,
                topic_index: sending.topic_index,
                partition: sending.partition,
                order: sending.order,
            };
            let sealed = sending.draft.seal(Compression::None, None).unwrap();
            let header = BatchHeader::read(&sealed.bytes).unwrap();
            header.check_crc(&sealed.bytes).unwrap();
            assert!(!self.config.idempotence || header.producer_id == 7);
            let departure = Arc::default();
            self.accumulator.keep_sealed(&sent, &sealed, &departure);
            if !self.stuck {
                assert!(departure.leave());
            }
            all.push((sent, (header.producer_epoch, header.base_sequence, header.count)));
        }
        all
    }

    /// The only batch that is sent now.
    fn send_one(&mut self) -> (SentBatch, Seen) {
        let mut all = self.send();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn answer(&mut self, sent: &SentBatch, code: Option<ErrorCode>) {
        let answer = PartitionAnswer { code, append_time: -1, log_start: 0, ..PartitionAnswer::default() };
        self.accumulator.answered(&self.config, sent, answer, self.now);
    }

    fn lose(&mut self, sent: &SentBatch) {
        let error = Error::disconnected("cannot write", "gone");
        self.accumulator.unanswered(&self.config, sent, &error, self.now);
    }

    /// Tags that have ended since, and whether they are written.
    fn ended(&mut self) -> Vec<(Vec<u64>, bool)> {
        std::iter::from_fn(|| self.completions.try_recv().ok())
            .map(|completion| (completion.tags.iter().collect(), completion.result.is_ok()))
            .collect()
    }

    /// Writes one batch of one record, after which the partition is known to the broker.
    fn open(&mut self) {
        self.append(1);
        let (first, seen) = self.send_one();
        assert_eq!(seen, (0, 0, 1));
        self.answer(&first, None);
        assert_eq!(self.ended(), [(vec![0], true)]);
    }
}

#[test]
fn the_first_batch_goes_alone_and_later_ones_side_by_side() {
    let mut play = Play::new(&[]);
    play.append(2);
    play.append(3);
    let (first, seen) = play.send_one();
    assert_eq!(seen, (0, 0, 2));
    assert!(play.send().is_empty());
    play.answer(&first, None);
    play.append(4);
    let second = play.send_one();
    let third = play.send_one();
    assert_eq!((second.1, third.1), ((0, 2, 3), (0, 5, 4)));
    play.answer(&second.0, None);
    play.answer(&third.0, None);
    assert_eq!(play.ended(), [(vec![0, 1], true), (vec![2, 3, 4], true), (vec![5, 6, 7, 8], true)]);
    assert!(play.accumulator.active.len() <= 1 && play.send().is_empty());
    assert_eq!(play.accumulator.available, play.config.buffer_memory);
}

#[test]
fn batches_in_flight_keep_their_numbers_and_order_through_a_lost_connection() {
    let mut play = Play::new(&[]);
    play.open();
    let sent: Vec<_> = (1..=3)
        .map(|count| {
            play.append(count);
            play.send_one()
        })
        .collect();
    // The answers get lost in any order.
    for at in [2, 0, 1] {
        play.lose(&sent[at].0);
    }
    for (index, (_, seen)) in sent.iter().enumerate() {
        let (again, now_seen) = play.send_one();
        assert_eq!(now_seen, *seen);
        assert!(play.send().is_empty(), "the next goes when this one is written");
        if index == 2 {
            // Nothing is to be sent again any more, so what is new need not wait.
            play.append(9);
            assert_eq!(play.send_one().1, (0, 7, 9));
        }
        play.answer(&again, Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    }
    assert_eq!(play.ended().len(), 3);
}

#[test]
fn a_batch_ahead_that_fails_makes_those_behind_wait_for_it() {
    let mut play = Play::new(&[]);
    play.open();
    let (first, second) = {
        play.append(1);
        let first = play.send_one().0;
        play.append(1);
        (first, play.send_one().0)
    };
    play.answer(&first, Some(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    play.answer(&second, Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    let (again, seen) = play.send_one();
    assert_eq!(seen, (0, 1, 1));
    play.answer(&again, None);
    assert_eq!(play.send_one().1, (0, 2, 1));
    assert_eq!(play.ended(), [(vec![1], true)]);
}

#[test]
fn a_batch_refused_for_good_raises_the_epoch_and_those_behind_begin_anew() {
    let mut play = Play::new(&[]);
    play.open();
    let (first, second) = {
        play.append(1);
        let first = play.send_one().0;
        play.append(2);
        (first, play.send_one().0)
    };
    play.answer(&first, Some(ErrorCode::INVALID_TIMESTAMP));
    // The broker waits for the number that will not come.
    play.append(3);
    assert!(play.send().is_empty());
    play.answer(&second, Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    let (again, seen) = play.send_one();
    assert_eq!(seen, (1, 0, 2));
    play.answer(&again, None);
    assert_eq!(play.send_one().1, (1, 2, 3));
    assert_eq!(play.ended(), [(vec![1], false), (vec![2, 3], true)]);
}

#[test]
fn a_batch_whose_fate_is_unknown_holds_up_new_ones_until_it_is_known() {
    for written in [true, false] {
        let mut play = Play::new(&[("retries", "1"), ("enable.idempotence", "true")]);
        play.open();
        play.append(2);
        for _ in 0..2 {
            let lost = play.send_one().0;
            play.append(1);
            play.lose(&lost);
        }
        assert_eq!(play.ended(), [(vec![1, 2], false)]);
        // Nothing was in flight behind it, so nobody will ever tell: the numbers begin anew under another epoch.
        let (next, seen) = play.send_one();
        assert_eq!(seen, (1, 0, 1));
        play.answer(&next, None);
        if written {
            assert_eq!(play.send_one().1, (1, 1, 1));
        }
    }
}

#[test]
fn a_late_answer_settles_what_was_given_up_meanwhile() {
    let mut play = Play::new(&[("delivery.timeout.ms", "1000"), ("request.timeout.ms", "900")]);
    play.open();
    play.append(2);
    let late = play.send_one().0;
    play.now += Duration::from_secs(2);
    play.append(1);
    assert!(play.send().is_empty(), "nothing new goes while that is open");
    assert_eq!(play.ended(), [(vec![1, 2], false)]);
    play.answer(&late, None);
    assert_eq!(play.ended(), []);
    assert_eq!(play.send_one().1, (0, 3, 1));
}

#[test]
fn halves_of_a_split_batch_keep_the_numbers_of_the_whole() {
    let mut play = Play::new(&[]);
    play.open();
    play.append(5);
    let whole = play.send_one().0;
    play.append(1);
    let behind = play.send_one().0;
    play.answer(&whole, Some(ErrorCode::MESSAGE_TOO_LARGE));
    play.answer(&behind, Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    for expected in [(0, 1, 2), (0, 3, 3), (0, 6, 1)] {
        let (sent, seen) = play.send_one();
        assert_eq!(seen, expected);
        play.answer(&sent, None);
    }
    assert_eq!(play.ended(), [(vec![1, 2], true), (vec![3, 4, 5], true), (vec![6], true)]);
}

#[test]
fn a_producer_that_the_broker_forgot_begins_anew() {
    let mut play = Play::new(&[]);
    play.open();
    play.append(2);
    let forgotten = play.send_one().0;
    play.answer(&forgotten, Some(ErrorCode::UNKNOWN_PRODUCER_ID));
    assert_eq!(play.send_one().1, (1, 0, 2));
}

#[test]
fn numbers_begin_at_zero_behind_the_greatest() {
    let mut play = Play::new(&[]);
    play.open();
    let queue = play.accumulator.queue(0, 0).unwrap();
    queue.sequences.next = i32::MAX - 1;
    queue.sequences.acknowledged_for_test(i32::MAX - 2);
    play.append(4);
    let (across, seen) = play.send_one();
    assert_eq!(seen, (0, i32::MAX - 1, 4));
    play.answer(&across, None);
    play.append(1);
    assert_eq!(play.send_one().1, (0, 2, 1));
}

#[test]
fn used_up_epochs_need_a_new_id() {
    let mut play = Play::new(&[]);
    play.accumulator.set_identity((7, i16::MAX));
    play.append(1);
    let first = play.send_one().0;
    play.answer(&first, Some(ErrorCode::INVALID_TIMESTAMP));
    play.append(1);
    let drained = play.accumulator.drain(&play.config, play.now, &play.metadata, |_| Room::Yes);
    assert!(drained.needs_identity && drained.requests.is_empty());
    play.accumulator.set_identity((7, 0));
    assert_eq!(play.send_one().1, (0, 0, 1));
}

#[test]
fn without_idempotence_a_single_request_keeps_order() {
    let mut play = Play::new(&[("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")]);
    play.append(1);
    play.append(2);
    let first = play.send_one().0;
    assert!(play.send().is_empty());
    play.lose(&first);
    assert_eq!(play.send_one().1, (-1, -1, 1));
}

#[test]
fn what_never_left_was_not_written_whatever_ends_it() {
    let settings = [("delivery.timeout.ms", "1000"), ("request.timeout.ms", "900"), ("retries", "1")];
    for (ended_by_deadline, left_before) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut play = Play::new(&settings);
        play.open();
        play.append(2);
        // The first attempt may have been written, or was stuck as well.
        play.stuck = !left_before;
        let first = play.send_one().0;
        play.lose(&first);
        play.stuck = true;
        let second = play.send_one().0;
        if ended_by_deadline {
            play.now += Duration::from_secs(1);
            assert!(play.send().is_empty());
            let batch = play.accumulator.queue(0, 0).unwrap().sent_mut(second.order).unwrap();
            assert!(!batch.departure.as_ref().unwrap().leave(), "what is given up is held back");
        } else {
            play.lose(&second);
        }
        let end = play.completions.try_recv().unwrap();
        assert_eq!(end.maybe_written, left_before);
        let fate = if left_before { "may have been written" } else { "were not written" };
        assert!(end.result.unwrap_err().to_string().contains(fate));
        if ended_by_deadline {
            play.lose(&second);
        }
        // Later records begin under numbers that the broker takes.
        play.append(1);
        play.stuck = false;
        assert_eq!(play.send_one().1, (1, 0, 1));
        assert_eq!(play.accumulator.available, play.config.buffer_memory - play.config.batch_size);
    }
}
