//! Errors say whether an abort helps.

use milena_kafka::ErrorCode;

use super::support::{commit, committed, numbers, transactional, write};
use crate::support::{Harness, PATIENCE, rule, unique};

rule!(a_second_producer_fences_the_first_for_good: dev, real);
async fn a_second_producer_fences_the_first_for_good(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let id = unique("transaction");
    let (zombie, _) = on.producer(&[("transactional.id", id.as_str())]);
    zombie.init_transactions().await.unwrap();
    commit(&zombie, &topic, 0, 0..5).await;
    zombie.begin_transaction().unwrap();
    write(&zombie, &topic, 0, 5..10).await.unwrap();

    let (successor, _) = on.producer(&[("transactional.id", id.as_str())]);
    successor.init_transactions().await.unwrap();
    commit(&successor, &topic, 0, 10..15).await;

    // Writing may fail already, the commit has to.
    let written = write(&zombie, &topic, 0, 15..20).await;
    let mut error = zombie.commit_transaction().await.unwrap_err();
    if error.requires_abort() {
        assert!(written.is_err());
        error = zombie.abort_transaction().await.unwrap_err();
    }
    assert!(error.is_fatal() && !error.requires_abort(), "{error}");
    assert_eq!(error.code(), Some(ErrorCode::PRODUCER_FENCED), "{error}");
    assert_eq!(error.java_class(), "org.apache.kafka.common.errors.ProducerFencedException");
    for error in [
        zombie.begin_transaction().unwrap_err(),
        zombie.abort_transaction().await.unwrap_err(),
        zombie.send(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap_err(),
    ] {
        assert!(error.is_fatal(), "{error}");
    }
    zombie.close(PATIENCE).await.unwrap();
    commit(&successor, &topic, 0, 20..25).await;
    successor.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, numbers(&[0..5, 10..15, 20..25]));
}

rule!(after_a_failed_send_only_an_abort_is_left: dev, real);
async fn after_a_failed_send_only_an_abort_is_left(on: Harness) {
    let topic = on.topic(1, &[("max.message.bytes", "2000")]).await;
    let other = on.topic(1, &[]).await;
    let (producer, _) = transactional(&on, &[("linger.ms", "0")]).await;
    for round in 0..3 {
        let from = round * 100;
        commit(&producer, &topic, 0, from..from + 10).await;
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, from + 10..from + 20).await.unwrap();
        write(&producer, &other, 0, from..from + 10).await.unwrap();
        let refused = producer.send(&topic, Some(0), None, None, Some(&[b'x'; 4000]), &[]).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
        let more = producer.send(&other, Some(0), None, None, Some(b"7"), &[]).await.unwrap_err();
        assert!(more.requires_abort(), "{more}");
        let error = producer.commit_transaction().await.unwrap_err();
        assert!(error.requires_abort() && !error.is_fatal(), "{error}");
        assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE), "{error}");
        assert!(producer.begin_transaction().unwrap_err().requires_abort());
        producer.abort_transaction().await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, numbers(&[0..10, 100..110, 200..210]));
    assert!(committed(&on, &other, 0).await.is_empty());
}

rule!(calls_in_the_wrong_state_are_refused_and_do_no_harm: dev, real);
async fn calls_in_the_wrong_state_are_refused_and_do_no_harm(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (plain, _) = on.producer(&[]);
    assert!(plain.init_transactions().await.unwrap_err().to_string().contains("transactional.id"));
    let id = unique("transaction");
    let (producer, _) = on.producer(&[("transactional.id", id.as_str())]);
    assert!(producer.begin_transaction().unwrap_err().to_string().contains("init_transactions"));
    producer.init_transactions().await.unwrap();
    let error = producer.send(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap_err();
    assert!(error.to_string().contains("no transaction was begun"), "{error}");
    assert_eq!(error.java_class(), "java.lang.IllegalStateException");
    for error in [
        producer.init_transactions().await.unwrap_err(),
        producer.commit_transaction().await.unwrap_err(),
        producer.abort_transaction().await.unwrap_err(),
    ] {
        assert_eq!(error.java_class(), "java.lang.IllegalStateException", "{error}");
    }
    producer.begin_transaction().unwrap();
    assert!(producer.begin_transaction().unwrap_err().to_string().contains("in progress"));
    write(&producer, &topic, 0, 0..5).await.unwrap();
    producer.commit_transaction().await.unwrap();
    // One without records costs nothing and is fine.
    producer.begin_transaction().unwrap();
    producer.commit_transaction().await.unwrap();
    producer.begin_transaction().unwrap();
    producer.abort_transaction().await.unwrap();
    commit(&producer, &topic, 0, 5..10).await;
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(committed(&on, &topic, 0).await, Vec::from_iter(0..10));
}
