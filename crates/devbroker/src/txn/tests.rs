//! Transitions that take too long to reach by requests: epochs that run out.

use super::state::End;
use super::*;
use kafka_protocol::ResponseError;

fn open(epoch: i16, version: Version) -> Transaction {
    let mut one = Transaction::new(7, 60_000, 0);
    one.epoch = epoch;
    one.begin(version, 1);
    one
}

#[test]
fn the_end_of_a_transaction_of_version_2_gives_a_new_id_when_epochs_run_out() {
    let last = i16::MAX - 1;
    let mut one = open(last, Version::Two);
    assert!(one.needs_new_id(None));
    one.prepare(true, false, Version::Two, Some(8), 2);
    assert_eq!((one.producer_id, one.epoch), (7, i16::MAX), "the marker has the last epoch of all");
    assert_eq!(one.after_completion(), (8, 0));
    one.complete(3);
    assert_eq!((one.phase, one.producer_id, one.epoch), (Phase::CompleteCommit, 8, 0));
    // The producer has not got the answer and asks again, under its old name.
    assert_eq!(one.judge_end(7, last, true, Version::Two), Ok(End::Done));
    assert_eq!(one.judge_end(7, last - 1, true, Version::Two), Err(ResponseError::InvalidProducerIdMapping));
    assert!(one.accepts_init(Some((7, last))) && !one.accepts_init(Some((7, 3))));
}

#[test]
fn an_initialization_gives_a_new_id_when_epochs_run_out() {
    let mut one = Transaction::new(7, 60_000, 0);
    one.epoch = i16::MAX - 1;
    assert!(one.needs_new_id(None) && one.needs_new_id(Some((7, i16::MAX - 1))));
    assert!(!one.needs_new_id(Some((7, 4))));
    one.rotate(8, Some((7, i16::MAX - 1)), 1000, 1);
    assert_eq!((one.producer_id, one.epoch, one.last_epoch), (8, 0, i16::MAX - 1));
    assert_eq!(one.previous_producer_id, 7);
}

#[test]
fn a_fenced_producer_of_version_1_cannot_end_its_transaction() {
    let mut one = open(4, Version::One);
    one.fence();
    one.prepare(false, false, Version::One, None, 2);
    one.complete(3);
    assert_eq!((one.phase, one.epoch), (Phase::CompleteAbort, 5));
    assert_eq!(one.judge_end(7, 4, true, Version::One), Err(ResponseError::ProducerFenced));
}
