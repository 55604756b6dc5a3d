//! Nothing of an aborted transaction is seen, nothing holds an abort up, and what follows works.

use std::collections::BTreeMap;
use std::time::Duration;

use milena_devbroker::{Api, DevBrokerConfig, Fault, FaultAction};
use milena_kafka::producer::Producer;
use milena_kafka::{ErrorCode, GroupMetadata, OffsetAndMetadata};

use super::support::{commit, committed, numbers, transactional, write};
use crate::support::{Harness, PATIENCE, at, rule, unique};

/// What none of this needs, unless it is stuck.
const SOON: Duration = Duration::from_secs(10);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.unwrap()
}

rule!(nothing_of_an_aborted_transaction_is_seen_and_the_next_one_works: dev, real);
async fn nothing_of_an_aborted_transaction_is_seen_and_the_next_one_works(on: Harness) {
    let topic = on.topic(3, &[]).await;
    let (producer, _) = transactional(&on, &[("linger.ms", "60000")]).await;
    let mut kept = Vec::new();
    for round in 0..3 {
        let from = round * 100;
        commit(&producer, &topic, 0, from..from + 5).await;
        kept.push(from..from + 5);
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, from + 5..from + 10).await.unwrap();
        write(&producer, &topic, 1, from..from + 5).await.unwrap();
        // These linger: they are given up without ever being sent.
        let unsent = producer.enqueue(&topic, Some(2), None, None, Some(b"1"), &[]).await.unwrap();
        producer.abort_transaction().await.unwrap();
        let error = unsent.await.unwrap_err();
        assert!(error.to_string().contains("aborted") && error.to_string().contains("were not written"), "{error}");
    }
    commit(&producer, &topic, 2, 7..8).await;
    producer.close(PATIENCE).await.unwrap();
    // They are in the log all the same, so it is the reader that leaves them out: 30 records and 6 markers.
    assert_eq!(on.end(&topic).await, 36);
    assert_eq!(committed(&on, &topic, 0).await, numbers(&kept));
    assert!(committed(&on, &topic, 1).await.is_empty());
    assert_eq!(committed(&on, &topic, 2).await, [7]);
}

rule!(an_abort_waits_for_what_is_in_flight_and_takes_it_back: dev, real);
async fn an_abort_waits_for_what_is_in_flight_and_takes_it_back(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let (producer, _) = transactional(&on, &[("linger.ms", "0")]).await;
    for round in 0..3 {
        let from = round * 10;
        commit(&producer, &topic, 0, from..from + 1).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 1, from..from + 1).await.unwrap();
        if let Some(broker) = on.if_dev() {
            broker.faults().next(Api::Produce, 1, FaultAction::Delay(Duration::from_millis(300)));
        }
        let flying = producer.enqueue(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap();
        if let Some(broker) = on.if_dev() {
            broker.faults().hit().await;
            soon(producer.abort_transaction()).await.unwrap();
            flying.await.unwrap();
        } else {
            soon(producer.abort_transaction()).await.unwrap();
            // It was faster than the abort or not; it has ended.
            if let Err(error) = flying.await {
                assert!(error.to_string().contains("aborted"), "{error}");
            }
        }
    }
    commit(&producer, &topic, 1, 5..6).await;
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, [0, 10, 20]);
    assert_eq!(committed(&on, &topic, 1).await, [5]);
}

rule!(an_abort_after_records_whose_fate_is_unknown_takes_them_back: dev; fault);
async fn an_abort_after_records_whose_fate_is_unknown_takes_them_back(_on: Harness) {
    for version in [1, 2] {
        let on = with_version(version).await;
        let topic = on.topic(1, &[]).await;
        let settings = [("linger.ms", "0"), ("request.timeout.ms", "400"), ("delivery.timeout.ms", "500")];
        let (producer, _) = transactional(&on, &settings).await;
        for (round, written) in [(0, true), (1, false), (2, true)] {
            let from = round * 10;
            commit(&producer, &topic, 0, from..from + 1).await;
            producer.begin_transaction().unwrap();
            write(&producer, &topic, 0, from + 1..from + 2).await.unwrap();
            let action = if written { FaultAction::ApplyThenStall } else { FaultAction::Stall };
            on.dev_broker().faults().add(Fault::on(Api::Produce, action).always());
            let error = write(&producer, &topic, 0, from + 2..from + 3).await.unwrap_err();
            assert!(error.to_string().contains("may have been written"), "{error}");
            assert!(producer.commit_transaction().await.unwrap_err().requires_abort());
            on.dev_broker().faults().clear();
            soon(producer.abort_transaction()).await.unwrap();
        }
        commit(&producer, &topic, 0, 30..31).await;
        producer.close(PATIENCE).await.unwrap();
        assert_eq!(soon(committed(&on, &topic, 0)).await, [0, 10, 20, 30], "version {version}");
    }
}

/// An embedded broker that speaks transactions of a version.
async fn with_version(version: i16) -> Harness {
    Harness::dev_with(DevBrokerConfig { transaction_version: version, ..DevBrokerConfig::default() }).await
}

/// Begins to send offsets, and goes away.
async fn offsets(producer: &Producer, topic: &str, group: &str) {
    let offsets = BTreeMap::from([(at(topic, 0), OffsetAndMetadata::new(7))]);
    let sent = producer.send_offsets_to_transaction(offsets, GroupMetadata::new(group));
    assert!(tokio::time::timeout(Duration::from_millis(1), sent).await.is_err());
}

rule!(a_coordinator_that_wants_to_be_asked_again_for_ever_holds_up_no_abort: dev; fault);
async fn a_coordinator_that_wants_to_be_asked_again_for_ever_holds_up_no_abort(_on: Harness) {
    let again = FaultAction::Error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.code());
    let all = [Api::AddPartitionsToTxn, Api::AddOffsetsToTxn, Api::TxnOffsetCommit];
    for version in [1, 2] {
        let on = with_version(version).await;
        let faults = on.dev_broker().faults();
        let topic = on.topic(2, &[]).await;
        let (producer, _) = transactional(&on, &[("retry.backoff.ms", "1"), ("retry.backoff.max.ms", "20")]).await;
        let mut expected = Vec::new();
        for (round, (api, action)) in all
            .iter()
            .flat_map(|api| [again, FaultAction::Drop, FaultAction::ApplyThenDrop].map(|one| (*api, one)))
            .enumerate()
        {
            if version == 2 && api != Api::TxnOffsetCommit {
                continue;
            }
            let (from, group) = (u32::try_from(round).unwrap() * 10, unique("group"));
            commit(&producer, &topic, 0, from..from + 1).await;
            expected.push(from);
            let hits = faults.history().len();
            faults.add(Fault::on(api, action).always());
            producer.begin_transaction().unwrap();
            let record = match api {
                Api::AddPartitionsToTxn => {
                    Some(producer.enqueue(&topic, Some(1), None, None, Some(b"1"), &[]).await.unwrap())
                }
                _ => {
                    write_unless(&producer, &topic, round % 2 == 0).await;
                    offsets(&producer, &topic, &group).await;
                    None
                }
            };
            faults.until(|history| history.len() >= hits + 3).await;
            soon(producer.abort_transaction())
                .await
                .unwrap_or_else(|error| panic!("{version} {api:?} {action:?}: {error}"));
            if let Some(record) = record {
                assert!(record.await.unwrap_err().to_string().contains("were not written"));
            }
            faults.clear();
            // Nothing is left open at the coordinator, and nothing of it was taken over.
            none_is_open(&on).await;
            assert!(on.admin(&[]).list_consumer_group_offsets(&group).await.unwrap().is_empty());
        }
        commit(&producer, &topic, 1, 5..6).await;
        producer.close(PATIENCE).await.unwrap();
        assert_eq!(soon(committed(&on, &topic, 0)).await, expected);
        assert_eq!(soon(committed(&on, &topic, 1)).await, [5]);
    }
}

async fn write_unless(producer: &Producer, topic: &str, offsets_only: bool) {
    if !offsets_only {
        write(producer, topic, 1, 1..2).await.unwrap();
    }
}

rule!(a_coordinator_that_cannot_be_found_holds_up_no_abort_of_what_it_does_not_know: dev; fault);
async fn a_coordinator_that_cannot_be_found_holds_up_no_abort_of_what_it_does_not_know(_on: Harness) {
    for version in [1, 2] {
        let on = with_version(version).await;
        let faults = on.dev_broker().faults();
        let topic = on.topic(1, &[]).await;
        let (producer, _) = transactional(&on, &[]).await;
        for action in [FaultAction::Error(ErrorCode::COORDINATOR_NOT_AVAILABLE.code()), FaultAction::Stall] {
            producer.begin_transaction().unwrap();
            write(&producer, &topic, 0, 0..1).await.unwrap();
            faults.add(Fault::on(Api::FindCoordinator, action).always());
            offsets(&producer, &topic, &unique("group")).await;
            faults.hit().await;
            soon(producer.abort_transaction()).await.unwrap();
            faults.clear();
        }
        commit(&producer, &topic, 0, 1..2).await;
        producer.close(PATIENCE).await.unwrap();
        assert_eq!(soon(committed(&on, &topic, 0)).await, [1]);
    }
}

rule!(closing_ends_a_transaction_whatever_is_in_the_way: dev; fault);
async fn closing_ends_a_transaction_whatever_is_in_the_way(_on: Harness) {
    for version in [1, 2] {
        let on = with_version(version).await;
        let faults = on.dev_broker().faults();
        // A failed one, whose commit nobody has waited for.
        let topic = on.topic(1, &[]).await;
        let (producer, _) = transactional(&on, &[("linger.ms", "0"), ("request.timeout.ms", "300")]).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, 0..1).await.unwrap();
        // The first attempt is not answered, the second is refused.
        faults.next(Api::Produce, 1, FaultAction::Stall);
        faults.next(Api::Produce, 1, FaultAction::Error(ErrorCode::INVALID_RECORD.code()));
        let stuck = producer.enqueue(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap();
        faults.hit().await;
        assert!(tokio::time::timeout(Duration::ZERO, producer.commit_transaction()).await.is_err());
        soon(stuck).await.unwrap_err();
        soon(producer.close(PATIENCE)).await.unwrap();
        none_is_open(&on).await;
        assert!(soon(committed(&on, &topic, 0)).await.is_empty());
        faults.clear();

        // A failed one.
        let (producer, _) = transactional(&on, &[("linger.ms", "0")]).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, 1..2).await.unwrap();
        faults.next(Api::Produce, 1, FaultAction::Error(ErrorCode::INVALID_RECORD.code()));
        write(&producer, &topic, 0, 2..3).await.unwrap_err();
        assert!(producer.commit_transaction().await.unwrap_err().requires_abort());
        soon(producer.close(PATIENCE)).await.unwrap();
        none_is_open(&on).await;

        // One that takes more than max.block.ms to end.
        let settings = [("max.block.ms", "200"), ("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let (producer, _) = transactional(&on, &settings).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, 3..4).await.unwrap();
        faults.next(Api::EndTxn, 8, FaultAction::Error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.code()));
        soon(producer.close(PATIENCE)).await.unwrap();
        assert_eq!(faults.pending(), 0);
        none_is_open(&on).await;

        // One that cannot be ended in time: that is said.
        let (producer, _) = transactional(&on, &[]).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, 4..5).await.unwrap();
        faults.add(Fault::on(Api::EndTxn, FaultAction::Error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.code())).always());
        let error = producer.close(Duration::from_millis(300)).await.unwrap_err();
        assert!(error.to_string().contains("transaction is still open"), "{error}");
        faults.clear();
    }
}

async fn none_is_open(on: &Harness) {
    let listed = on.admin(&[]).list_transactions().await.unwrap();
    assert!(listed.iter().all(|one| !one.state.contains("Ongoing")), "{listed:?}");
}
