//! `delivery.timeout.ms`, `max.block.ms`, `request.timeout.ms` and the fate of records that missed them.

use std::time::{Duration, Instant};

use milena_devbroker::{Api, DevBrokerConfig, Fault, FaultAction};
use milena_kafka::admin::NewTopic;
use milena_kafka::config::ProducerConfig;
use milena_kafka::producer::Producer;
use milena_kafka::{Error, ErrorCode};

use super::support::{append, assert_exact, ends, record, stored};
use crate::support::{Harness, PATIENCE, properties, rule, unique};

/// Not before the deadline, and not much behind it, on a machine that has other things to do.
fn assert_kept(started: Instant, deadline: u64) {
    let (waited, deadline) = (started.elapsed(), Duration::from_millis(deadline));
    assert!(waited >= deadline && waited < deadline + Duration::from_secs(1), "{waited:?} for {deadline:?}");
}

rule!(records_that_are_with_the_broker_end_at_their_deadline_as_possibly_written: own; fault);
async fn records_that_are_with_the_broker_end_at_their_deadline_as_possibly_written(mut on: Harness) {
    let topic = on.topic(1, &[]).await;
    let settings = [("delivery.timeout.ms", "2500"), ("request.timeout.ms", "2400"), ("linger.ms", "0")];
    let (producer, mut completions) = on.producer(&settings);
    append(&producer, &topic, 1, 0..10).await;
    ends(&mut completions, 10).await;
    on.with_real(|broker| broker.pause()).await.unwrap();
    let started = Instant::now();
    append(&producer, &topic, 1, 10..20).await;
    for end in ends(&mut completions, 10).await {
        let error = end.result.unwrap_err();
        assert!(end.maybe_written && error.to_string().contains("may have been written"), "{error}");
        assert_eq!(error.java_class(), "org.apache.kafka.common.errors.TimeoutException");
    }
    assert_kept(started, 2500);
    on.with_real(|broker| broker.resume()).await.unwrap();
    // Whatever became of those, the next ones are written once and in order.
    for number in 20..200 {
        append(&producer, &topic, 1, number..number + 1).await;
    }
    producer.flush().await.unwrap();
    for end in ends(&mut completions, 180).await {
        end.result.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
    let mut values = stored(&on, &topic, 1).await.remove(&0).unwrap();
    values.retain(|value| !(10..20).contains(value));
    assert_eq!(values, (0..10).chain(20..200).collect::<Vec<_>>());
}

rule!(records_that_never_left_end_at_their_deadline_as_not_written: own; fault);
async fn records_that_never_left_end_at_their_deadline_as_not_written(mut on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, mut completions) =
        on.producer(&[("delivery.timeout.ms", "2000"), ("request.timeout.ms", "1000"), ("linger.ms", "0")]);
    producer.ensure_topic(&topic).await.unwrap();
    on.with_real(|broker| broker.kill()).await.unwrap();
    let started = Instant::now();
    append(&producer, &topic, 1, 10..20).await;
    for end in ends(&mut completions, 10).await {
        let error = end.result.unwrap_err();
        assert!(!end.maybe_written && error.to_string().contains("were not written"), "{error}");
    }
    assert_kept(started, 2000);
    on.with_real(|broker| broker.restart()).await.unwrap();
    let (after, mut completions) = on.producer(&[]);
    append(&after, &topic, 1, 0..5).await;
    ends(&mut completions, 5).await;
    assert_exact(&on, &topic, 1, 5).await;
}

rule!(a_request_without_answer_is_given_up_and_sent_again: dev; fault);
async fn a_request_without_answer_is_given_up_and_sent_again(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _) = on.producer(&[("request.timeout.ms", "300"), ("retry.backoff.ms", "10")]);
    producer.send(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    on.dev_broker().faults().next(Api::Produce, 1, FaultAction::Delay(Duration::from_secs(2)));
    let started = Instant::now();
    producer.send(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_millis(1900), "{waited:?}");
    producer.close(PATIENCE).await.unwrap();
}

rule!(retries_are_counted: dev; fault);
async fn retries_are_counted(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let settings = [("retries", "2"), ("enable.idempotence", "false"), ("retry.backoff.ms", "10")];
    let (producer, _) = on.producer(&settings);
    let faults = on.dev_broker().faults();
    producer.send(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    for (times, written) in [(2, true), (3, false)] {
        faults.next(Api::Produce, times, FaultAction::Error(ErrorCode::NOT_ENOUGH_REPLICAS.code()));
        let sent = producer.send(&topic, Some(0), None, None, Some(b"1"), &[]).await;
        assert_eq!(sent.is_ok(), written, "{sent:?}");
        assert_eq!(faults.pending(), 0);
    }
    producer.close(PATIENCE).await.unwrap();
}

rule!(max_block_bounds_the_wait_for_a_topic_and_for_memory_together: dev, real);
async fn max_block_bounds_the_wait_for_a_topic_and_for_memory_together(on: Harness) {
    let (producer, _) = on.producer(&[
        ("max.block.ms", "600"),
        ("buffer.memory", "20000"),
        ("batch.size", "20000"),
        ("linger.ms", "3000"),
        ("delivery.timeout.ms", "60000"),
    ]);
    let topic = on.topic(2, &[]).await;
    // A partition that is not there keeps nobody waiting.
    let error = producer.send(&topic, Some(7), None, None, None, &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "{error}");
    // All the memory is taken by a batch of the other partition, which lingers; those who wait for memory make it go.
    let _first = producer.enqueue(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    let sent = producer.send(&topic, Some(1), None, None, Some(b"1"), &[]).await.unwrap();
    assert_eq!(sent.offset, Some(0));
    producer.close(PATIENCE).await.unwrap();

    let (producer, _) = on.producer(&[("max.block.ms", "600"), ("allow.auto.create.topics", "false")]);
    let started = Instant::now();
    let error = producer.send("no topic has such a name!", None, None, None, None, &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::INVALID_TOPIC_EXCEPTION), "{error}");
    assert!(started.elapsed() < Duration::from_millis(500));
}

rule!(max_block_bounds_the_wait_for_a_broker: dev);
async fn max_block_bounds_the_wait_for_a_broker(_on: Harness) {
    // Nobody listens where a listener was just dropped.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let properties = properties(&nowhere, &[("max.block.ms", "300")]);
    let (producer, _) = Producer::new(ProducerConfig::from_properties(&properties).unwrap()).unwrap();
    let started = Instant::now();
    let error = producer.send("nowhere", None, None, None, None, &[]).await.unwrap_err();
    // An attempt that could not end in time is not made, so it may be over a little earlier.
    assert!(started.elapsed() < Duration::from_millis(1300), "{:?}", started.elapsed());
    assert!(error.is_retriable() && error.to_string().contains("Topic nowhere not present"), "{error}");
    assert!(error.to_string().contains(&nowhere), "{error}");
    assert_eq!(error.java_class(), "org.apache.kafka.common.errors.TimeoutException");
    producer.close(PATIENCE).await.unwrap();
}

rule!(memory_that_does_not_come_ends_the_wait_in_time: own; fault);
async fn memory_that_does_not_come_ends_the_wait_in_time(mut on: Harness) {
    let topic = on.topic(1, &[]).await;
    let settings = [
        ("max.block.ms", "800"),
        ("buffer.memory", "20000"),
        ("batch.size", "20000"),
        ("linger.ms", "0"),
        ("request.timeout.ms", "5000"),
        ("delivery.timeout.ms", "8000"),
    ];
    let (producer, _) = on.producer(&settings);
    producer.ensure_topic(&topic).await.unwrap();
    // A record that is given up gives its memory back.
    on.with_real(|broker| broker.pause()).await.unwrap();
    let waiting = producer.enqueue(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    producer.flush().await.err();
    drop(waiting);
    on.with_real(|broker| broker.resume()).await.unwrap();
    producer.flush().await.unwrap();
    on.with_real(|broker| broker.pause()).await.unwrap();
    let sent = producer.enqueue(&topic, Some(0), None, None, Some(&[b'1'; 15_000]), &[]).await.unwrap();
    let started = Instant::now();
    let error = producer.enqueue(&topic, Some(0), None, None, Some(&[b'2'; 15_000]), &[]).await.err().unwrap();
    assert_kept(started, 800);
    assert!(matches!(error, Error::Timeout { .. }) && error.to_string().contains("800 ms"), "{error}");
    on.with_real(|broker| broker.resume()).await.unwrap();
    sent.await.unwrap();
    producer.close(PATIENCE).await.unwrap();
}

rule!(a_topic_that_comes_later_is_waited_for: dev);
async fn a_topic_that_comes_later_is_waited_for(_on: Harness) {
    // Others make the topic when a producer asks for it.
    let config = DevBrokerConfig { auto_create_topics: false, ..DevBrokerConfig::default() };
    let on = Harness::dev_with(config).await;
    let (producer, _) = on.producer(&[]);
    let name = unique("late");
    let mut sending = Box::pin(producer.send(&name, None, None, None, Some(b"0"), &[]));
    let early = tokio::time::timeout(Duration::from_millis(700), &mut sending).await;
    assert!(early.is_err(), "{early:?} before the topic was there");
    let created = on.admin(&[]).create_topics(vec![NewTopic::new(name.as_str(), 1, -1)]).await.unwrap().remove(0).1;
    created.unwrap();
    assert_eq!(sending.as_mut().await.unwrap().offset, Some(0));
    drop(sending);
    producer.close(PATIENCE).await.unwrap();
}

rule!(those_who_wait_for_memory_get_it_in_their_turn: dev, real);
async fn those_who_wait_for_memory_get_it_in_their_turn(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, _) = on.producer(&[("buffer.memory", "10000"), ("batch.size", "2000"), ("linger.ms", "0")]);
    producer.ensure_topic(&topic).await.unwrap();
    // Ten tasks write small records without end; the one with a record that needs nearly all the memory gets its turn all the same.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut small = Vec::new();
    for _ in 0..10 {
        let (producer, topic, stop) = (producer.clone(), topic.clone(), std::sync::Arc::clone(&stop));
        small.push(tokio::spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let value = [b'1'; 1500];
                {
                    let mut appender = producer.begin().await.unwrap();
                    let _appended = appender.append(&record(&topic, 0, &value), 0).unwrap();
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    for _ in 0..20 {
        let large = producer.send(&topic, Some(0), None, None, Some(&[b'2'; 9000]), &[]);
        tokio::time::timeout(Duration::from_secs(20), large).await.unwrap().unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in small {
        task.await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
}

rule!(requests_behind_a_stuck_one_that_never_left_are_not_written: dev; fault);
async fn requests_behind_a_stuck_one_that_never_left_are_not_written(on: Harness) {
    // The operating system takes 36 MB off our hands.
    const LARGE: usize = 16_000_000;
    let topic = on.topic(1, &[("max.message.bytes", "20000000")]).await;
    let (producer, mut completions) = on.producer(&[
        ("delivery.timeout.ms", "5000"),
        ("request.timeout.ms", "4900"),
        ("linger.ms", "0"),
        // Nothing is sent a second time before it is too late.
        ("retry.backoff.ms", "20000"),
        ("retry.backoff.max.ms", "20000"),
        ("max.request.size", "20000000"),
        ("buffer.memory", "100000000"),
        ("enable.idempotence", "false"),
    ]);
    producer.send(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    on.dev_broker().faults().add(Fault::on(Api::Produce, FaultAction::Stall).always());
    // The first is with the broker; of the others some wait for room on the way to it.
    let value = vec![b'x'; LARGE];
    for tag in 0..5 {
        let mut appender = producer.begin().await.unwrap();
        assert_eq!(appender.append(&record(&topic, 0, &value), tag).unwrap(), milena_kafka::producer::Append::Appended);
    }
    let mut fates = vec![false; 5];
    for end in ends(&mut completions, 5).await {
        let error = end.result.unwrap_err();
        let fate = if end.maybe_written { "may have been written" } else { "were not written" };
        assert!(error.to_string().contains(fate), "{error}");
        for tag in end.tags.iter() {
            fates[usize::try_from(tag).unwrap()] = end.maybe_written;
        }
    }
    // The last one's time is over last, so that it may leave when the one before it has been held back.
    assert!(fates[0] && fates.contains(&false), "{fates:?}");
    producer.close(PATIENCE).await.unwrap();
    on.dev_broker().faults().clear();
    let maybe = fates.iter().filter(|maybe| **maybe).count();
    // What is on its way still arrives, or not; no more than that.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(on.end(&topic).await <= 1 + i64::try_from(maybe).unwrap());
}

rule!(a_producer_above_its_quota_keeps_silent_for_as_long_as_it_is_told: dev; fault);
async fn a_producer_above_its_quota_keeps_silent_for_as_long_as_it_is_told(on: Harness) {
    let topic = on.topic(1, &[]).await;
    // Nothing is read from the connection for longer than a request may take.
    let (producer, _) = on.producer(&[("linger.ms", "0"), ("request.timeout.ms", "2000")]);
    on.dev_broker().faults().add(Fault::on(Api::Produce, FaultAction::Throttle(Duration::from_millis(4000))));
    let begun = Instant::now();
    producer.send(&topic, Some(0), None, None, Some(b"0"), &[]).await.unwrap();
    let sent = producer.send(&topic, Some(0), None, None, Some(b"1"), &[]).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(4000), "{:?}", begun.elapsed());
    assert_eq!(sent.offset, Some(1));
    let metrics = producer.metrics();
    let value = |name: &str| {
        metrics.iter().find(|metric| metric.name == name && metric.tags.len() == 1).unwrap().value.number()
    };
    assert_eq!(value("produce-throttle-time-max"), Some(4000.0));
    assert_eq!(value("record-retry-total"), Some(0.0));
    producer.close(PATIENCE).await.unwrap();
}
