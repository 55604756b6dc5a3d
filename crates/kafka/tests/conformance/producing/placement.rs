//! Which partition and which topic a record goes to, and whether its write is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use milena_devbroker::{Api, DevBrokerConfig, Fault, FaultAction};
use milena_kafka::consumer::StartOffset;
use milena_testkit::reference;

use super::support::{append, ends};
use crate::support::{Harness, PATIENCE, at, read, rule};

rule!(keys_go_where_java_puts_them: real);
async fn keys_go_where_java_puts_them(on: Harness) {
    let (theirs, ours) = (on.topic(7, &[]).await, on.topic(7, &[]).await);
    let keys: Vec<String> = (0..200).map(|n| format!("{}{n}", "kä".repeat(n % 9))).collect();
    let lines: String = keys.iter().map(|key| format!("{key}\t{key}\n")).collect();
    let arguments = [
        "org.apache.kafka.tools.ConsoleProducer",
        "--bootstrap-server",
        on.bootstrap(),
        "--topic",
        &theirs,
        "--property",
        "parse.key=true",
    ];
    reference::run_tool(&arguments, Some(lines.as_bytes())).await.unwrap();
    let (producer, _) = on.producer(&[]);
    let mut sent = Vec::new();
    for key in &keys {
        let key = key.as_bytes();
        sent.push(producer.enqueue(&ours, None, None, Some(key), Some(key), &[]).await.unwrap());
    }
    for sent in sent {
        sent.await.unwrap();
    }
    let mut places = Vec::new();
    for topic in [&theirs, &ours] {
        let mut consumer = on.consumer(&[]);
        consumer.assign((0..7).map(|partition| (at(topic, partition), StartOffset::Earliest)).collect());
        let by_key: BTreeMap<String, i32> =
            read(&mut consumer, keys.len()).await.into_iter().map(|(partition, _, key)| (key, partition)).collect();
        places.push(by_key);
    }
    assert_eq!(places[0], places[1]);
    producer.close(PATIENCE).await.unwrap();
}

/// Records per partition of a topic with four, written without a partition.
async fn spread(on: &Harness, settings: &[(&str, &str)], key: Option<&[u8]>) -> [usize; 4] {
    let topic = on.topic(4, &[]).await;
    let (producer, _) = on.producer(settings);
    let mut counts = [0; 4];
    let mut sent = Vec::new();
    for _ in 0..2000 {
        sent.push(producer.enqueue(&topic, None, None, key, Some(&[b'v'; 50]), &[]).await.unwrap());
    }
    for sent in sent {
        counts[usize::try_from(sent.await.unwrap().partition).unwrap()] += 1;
    }
    producer.close(PATIENCE).await.unwrap();
    counts
}

rule!(records_without_key_go_everywhere_in_batches: dev, real);
async fn records_without_key_go_everywhere_in_batches(on: Harness) {
    let small = [("batch.size", "1000")];
    let counts = spread(&on, &small, None).await;
    assert!(counts.iter().all(|count| (100..1200).contains(count)), "{counts:?}");
    let plain = [("batch.size", "1000"), ("partitioner.adaptive.partitioning.enable", "false")];
    let counts = spread(&on, &plain, None).await;
    assert!(counts.iter().all(|count| (100..1200).contains(count)), "{counts:?}");
    // One key has one place, unless keys are of no interest.
    let counts = spread(&on, &small, Some(b"key")).await;
    assert!(counts.contains(&2000), "{counts:?}");
    let counts = spread(&on, &[("batch.size", "1000"), ("partitioner.ignore.keys", "true")], Some(b"key")).await;
    assert!(counts.iter().all(|count| (100..1200).contains(count)), "{counts:?}");
    let class = ("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner");
    assert_eq!(spread(&on, &[class], Some(b"key")).await, [500; 4]);
}

rule!(each_kind_of_acks_works: dev, real, secure);
async fn each_kind_of_acks_works(on: Harness) {
    for (acks, known) in [("0", false), ("1", true), ("all", true)] {
        let topic = on.topic(1, &[]).await;
        let (producer, mut completions) = on.producer(&[("acks", acks)]);
        append(&producer, &topic, 1, 0..100).await;
        producer.flush().await.unwrap();
        for end in ends(&mut completions, 100).await {
            assert_eq!(end.result.unwrap().base_offset >= 0, known);
        }
        let mut consumer = on.consumer(&[]);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        let values: Vec<String> = read(&mut consumer, 100).await.into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
        producer.close(PATIENCE).await.unwrap();
    }
}

rule!(a_topic_that_is_made_anew_is_written_from_its_beginning: dev, real, cluster);
async fn a_topic_that_is_made_anew_is_written_from_its_beginning(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let (producer, mut completions) = on.producer(&[("linger.ms", "0")]);
    append(&producer, &topic, 1, 0..10).await;
    ends(&mut completions, 10).await;
    on.admin(&[]).delete_topic(&topic).await.unwrap();
    on.make_anew(&topic).await;
    append(&producer, &topic, 1, 10..20).await;
    for end in ends(&mut completions, 10).await {
        end.result.unwrap();
    }
    let mut consumer = on.consumer(&[]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
    let values: Vec<String> = read(&mut consumer, 10).await.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, (10..20).map(|number| number.to_string()).collect::<Vec<_>>());
    producer.close(PATIENCE).await.unwrap();
}

rule!(a_broker_that_takes_nothing_gets_no_records_without_key: dev; fault);
async fn a_broker_that_takes_nothing_gets_no_records_without_key(_on: Harness) {
    let on = Harness::dev_with(DevBrokerConfig { nodes: 2, ..DevBrokerConfig::default() }).await;
    let topic = on.topic(2, &[("min.insync.replicas", "1")]).await;
    let admin = on.admin(&[]);
    let described = admin.describe_topic(&topic).await.unwrap();
    let leader = described.partitions[1].leader.unwrap();
    assert_ne!(described.partitions[0].leader.unwrap(), leader, "each leads one partition");
    on.dev_broker().faults().add(Fault::on(Api::Produce, FaultAction::Stall).node(leader).always());
    let settings = [("batch.size", "200"), ("linger.ms", "0"), ("partitioner.availability.timeout.ms", "100")];
    let (producer, _) = on.producer(&settings);
    let mut stuck = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // As soon as the client knows, it writes where records are taken: twenty in a row would else be a wonder.
    let mut in_a_row = 0;
    while in_a_row < 20 {
        let mut sending = producer.enqueue(&topic, None, None, None, Some(&[b'v'; 150]), &[]).await.unwrap();
        match tokio::time::timeout(Duration::from_millis(300), &mut sending).await {
            Ok(sent) => {
                assert_eq!(sent.unwrap().partition, 0);
                in_a_row += 1;
            }
            Err(_) => {
                in_a_row = 0;
                stuck.push(sending);
            }
        }
        assert!(tokio::time::Instant::now() < deadline, "{} records are stuck", stuck.len());
    }
    on.dev_broker().faults().clear();
    for sending in stuck {
        sending.await.unwrap();
    }
    producer.close(PATIENCE).await.unwrap();
}
