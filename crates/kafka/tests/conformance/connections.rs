//! Rules of connections: servers that are dead, slow, silent, elsewhere, or want to be left alone for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{ApiKey, DescribeGroupsResponse, FindCoordinatorResponse};
use milena_devbroker::{Api, Fault, FaultAction};
use milena_kafka::Error;
use milena_kafka::admin::Admin;
use milena_kafka::config::{AdminConfig, ConsumerConfig};
use milena_kafka::consumer::{Consumer, StartOffset, Subscription};
use tokio::net::TcpListener;

use crate::fake_broker::{Asked, FakeBroker, Reply, body, metadata, topics};
use crate::support::*;

const KEYS: &[(ApiKey, i16, i16)] =
    &[(ApiKey::Metadata, 0, 13), (ApiKey::FindCoordinator, 0, 6), (ApiKey::DescribeGroups, 0, 5)];

fn admin(bootstrap: &str, pairs: &[(&str, &str)]) -> Admin {
    Admin::new(AdminConfig::from_properties(&properties(bootstrap, pairs)).unwrap()).unwrap()
}

/// A server that takes connections and never says a word.
async fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Answers Metadata with these brokers.
fn knows(asked: &Asked, brokers: &[(i32, u16)]) -> Reply {
    Reply::Body(body(&metadata(asked, brokers), asked.version))
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

rule!(a_dead_first_bootstrap_server_costs_milliseconds: dev, real);
async fn a_dead_first_bootstrap_server_costs_milliseconds(on: Harness) {
    let (_mute, silent) = mute().await;
    let bootstrap = format!("127.0.0.1:1,{silent},{}", on.bootstrap());
    for _ in 0..5 {
        let start = Instant::now();
        admin(&bootstrap, &[]).topic_exists("none").await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    }
}

rule!(a_request_has_its_deadline_also_while_connecting_and_authenticating: dev);
async fn a_request_has_its_deadline_also_while_connecting_and_authenticating(_on: Harness) {
    let (_mute, silent) = mute().await;
    // Tells its versions, and nothing more.
    let reticent = FakeBroker::start(&[(ApiKey::SaslHandshake, 0, 1)], |_| Reply::Silence).await;
    let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";";
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem");
    let tls = [("ssl.truststore.type", "PEM"), ("ssl.truststore.location", authority)];
    let sasl = [("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", jaas)];
    for (bootstrap, protocol) in
        [(&silent, "PLAINTEXT"), (&silent, "SSL"), (&silent, "SASL_PLAINTEXT"), (&reticent.address(), "SASL_PLAINTEXT")]
    {
        let mut pairs = vec![("security.protocol", protocol), ("request.timeout.ms", "500"), ("retries", "0")];
        pairs.extend(tls.iter().chain(&sasl));
        let start = Instant::now();
        let error = admin(bootstrap, &pairs).topic_exists("none").await.unwrap_err();
        let took = start.elapsed();
        assert!(took > Duration::from_millis(450) && took < Duration::from_millis(2000), "{protocol} {took:?}");
        assert!(matches!(error, Error::Timeout { .. }), "{protocol} {error:?}");
    }
}

rule!(a_request_without_answer_ends_in_time_and_the_next_gets_a_new_connection: dev, proxy; fault);
async fn a_request_without_answer_ends_in_time_and_the_next_gets_a_new_connection(on: Harness) {
    if on.is_real() {
        let admin = on.admin(&[("request.timeout.ms", "1000"), ("retries", "0")]);
        admin.list_topics().await.unwrap();
        // Answers are held back.
        on.proxied().toxic(&["timeout", "timeout=0", "stream=downstream"]).unwrap();
        let start = Instant::now();
        let error = admin.list_topics().await.unwrap_err();
        assert!(error.is_retriable() && start.elapsed() >= Duration::from_secs(1), "{error} {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        on.proxied().clear().unwrap();
        admin.list_topics().await.unwrap();
        return;
    }
    let count = AtomicUsize::new(0);
    let fake = FakeBroker::start(KEYS, move |asked| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Silence,
        _ => knows(asked, &[(1, 1)]),
    })
    .await;
    let start = Instant::now();
    admin(&fake.address(), &[("request.timeout.ms", "400")]).describe_topic("t").await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(400) && start.elapsed() < Duration::from_secs(3));
    let connections: Vec<usize> = fake.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 1]);
}

rule!(a_connection_that_the_broker_closes_when_it_is_idle_fails_no_call: dev, proxy; fault);
async fn a_connection_that_the_broker_closes_when_it_is_idle_fails_no_call(on: Harness) {
    if on.if_dev().is_some() {
        let fake =
            FakeBroker::start(KEYS, |asked| Reply::BodyAndClose(body(&metadata(asked, &[(1, 1)]), asked.version)))
                .await;
        let admin = admin(&fake.address(), &[("retries", "0")]);
        for _ in 0..100 {
            admin.describe_topic("t").await.unwrap();
        }
        return;
    }
    let admin = on.admin(&[("retries", "0")]);
    for _ in 0..3 {
        admin.list_topics().await.unwrap();
        on.proxied().cut().unwrap();
        on.proxied().mend().unwrap();
    }
    admin.list_topics().await.unwrap();
}

rule!(a_connection_that_nobody_uses_is_closed_after_its_time: dev);
async fn a_connection_that_nobody_uses_is_closed_after_its_time(_on: Harness) {
    let fake = FakeBroker::start(KEYS, |asked| knows(asked, &[(1, 1)])).await;
    let admin = admin(&fake.address(), &[("connections.max.idle.ms", "1000"), ("retries", "0")]);
    let start = Instant::now();
    // In use it stays.
    while start.elapsed() < Duration::from_millis(2500) {
        admin.describe_topic("t").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(fake.connections(), (1, 0));
    let unused = Instant::now();
    until("the connection is closed", || fake.connections().1 == 1).await;
    assert!(unused.elapsed() > Duration::from_millis(800) && unused.elapsed() < Duration::from_secs(5));
    admin.describe_topic("t").await.unwrap();
    assert_eq!(fake.connections().0, 2);
}

rule!(while_the_broker_wants_silence_nothing_is_sent: dev);
async fn while_the_broker_wants_silence_nothing_is_sent(_on: Harness) {
    let fake = FakeBroker::start(KEYS, |asked| {
        Reply::Body(body(&metadata(asked, &[(1, 1)]).with_throttle_time_ms(700), asked.version))
    })
    .await;
    // The time of a request does not run while it must wait.
    let admin = admin(&fake.address(), &[("request.timeout.ms", "300"), ("retries", "0")]);
    for _ in 0..3 {
        admin.describe_topic("t").await.unwrap();
    }
    let asked = fake.asked();
    assert!(asked.len() >= 3);
    for pair in asked.windows(2) {
        let pause = pair[1].at - pair[0].at;
        assert!(pause >= Duration::from_millis(690), "{pause:?}");
    }
    assert_eq!(fake.connections().0, 1);
}

rule!(a_broker_that_wants_silence_is_not_asked_where_another_will_do: dev);
async fn a_broker_that_wants_silence_is_not_asked_where_another_will_do(_on: Harness) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let other = FakeBroker::start(KEYS, move |asked| knows(asked, &[(1, own)])).await;
    let (throttles, other_port) = (Arc::new(AtomicBool::new(false)), other.port());
    let now = Arc::clone(&throttles);
    let first = FakeBroker::on(listener, KEYS, move |asked| match asked.key {
        ApiKey::Metadata => {
            let time = if now.load(Ordering::Relaxed) { 20_000 } else { 0 };
            let answer = metadata(asked, &[(1, own), (2, other_port)]).with_throttle_time_ms(time);
            Reply::Body(body(&answer, asked.version))
        }
        ApiKey::FindCoordinator => coordinator(asked, 1),
        _ => described(asked, 0),
    });
    let admin = admin(&first.address(), &[]);
    // From here on both brokers are known, and there is a connection to the first.
    admin.describe_group("g").await.unwrap();
    throttles.store(true, Ordering::Relaxed);
    admin.describe_topic("t").await.unwrap();
    let (asked_before, start) = (first.asked().len(), Instant::now());
    for _ in 0..3 {
        admin.describe_topic("t").await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((first.asked().len(), other.asked().len()), (asked_before, 3));
}

/// Names `node` the coordinator of every group.
fn coordinator(asked: &Asked, node: i32) -> Reply {
    let found = Coordinator::default().with_node_id(node.into());
    Reply::Body(body(&FindCoordinatorResponse::default().with_coordinators(vec![found]), asked.version))
}

fn described(asked: &Asked, code: i16) -> Reply {
    let group = DescribedGroup::default().with_error_code(code);
    Reply::Body(body(&DescribeGroupsResponse::default().with_groups(vec![group]), asked.version))
}

rule!(bootstrap_servers_are_never_taken_for_brokers: dev);
async fn bootstrap_servers_are_never_taken_for_brokers(_on: Harness) {
    let (first, second) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (first_port, second_port) = (first.local_addr().unwrap().port(), second.local_addr().unwrap().port());
    // The first server of the list is broker 1, the second broker 0, which coordinates.
    let script = move |asked: &Asked| match asked.key {
        ApiKey::Metadata => knows(asked, &[(1, first_port), (0, second_port)]),
        ApiKey::FindCoordinator => coordinator(asked, 0),
        _ => described(asked, 0),
    };
    let (first, second) = (FakeBroker::on(first, KEYS, script), FakeBroker::on(second, KEYS, script));
    for _ in 0..5 {
        let bootstrap = format!("{},{}", first.address(), second.address());
        admin(&bootstrap, &[]).describe_group("g").await.unwrap();
    }
    let groups = |fake: &FakeBroker| fake.asked().iter().filter(|asked| asked.key == ApiKey::DescribeGroups).count();
    assert_eq!((groups(&first), groups(&second)), (0, 5));
}

/// A broker of groups, which `node` coordinates.
async fn coordinating(node: i32) -> FakeBroker {
    FakeBroker::start(KEYS, move |asked| match asked.key {
        ApiKey::FindCoordinator => coordinator(asked, node),
        ApiKey::DescribeGroups => described(asked, 0),
        _ => Reply::Close,
    })
    .await
}

rule!(a_broker_that_moves_to_another_address_is_followed: dev);
async fn a_broker_that_moves_to_another_address_is_followed(_on: Harness) {
    let (old, new) = (coordinating(5).await, coordinating(5).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, own) = (Arc::new(AtomicU16::new(old.port())), listener.local_addr().unwrap().port());
    let now = Arc::clone(&port);
    let other = FakeBroker::on(listener, KEYS, move |asked| match asked.key {
        ApiKey::Metadata => knows(asked, &[(1, own), (5, now.load(Ordering::Relaxed))]),
        _ => coordinator(asked, 5),
    });
    let admin = admin(&other.address(), &[]);
    admin.describe_group("g").await.unwrap();
    assert_eq!(old.asked().len(), 1);
    port.store(new.port(), Ordering::Relaxed);
    drop(old);
    let start = Instant::now();
    admin.describe_group("g").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(new.asked().last().map(|asked| asked.key), Some(ApiKey::DescribeGroups));
}

rule!(metadata_is_asked_for_the_topics_in_use_only: dev);
async fn metadata_is_asked_for_the_topics_in_use_only(_on: Harness) {
    let port = Arc::new(AtomicU16::new(0));
    let own = Arc::clone(&port);
    let fake = FakeBroker::start(KEYS, move |asked| knows(asked, &[(1, own.load(Ordering::Relaxed))])).await;
    port.store(fake.port(), Ordering::Relaxed);
    let pairs = [("metadata.max.age.ms", "100"), ("default.api.timeout.ms", "300"), ("request.timeout.ms", "300")];
    let config = ConsumerConfig::from_properties(&properties(&fake.address(), &pairs)).unwrap();
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign(vec![(at("one", 0), StartOffset::Offset(0)), (at("two", 0), StartOffset::Offset(0))]);
    let metadata = || fake.asked().into_iter().filter(|asked| asked.key == ApiKey::Metadata).collect::<Vec<_>>();
    let start = Instant::now();
    while metadata().len() < 3 {
        assert!(start.elapsed() < PATIENCE);
        // The fake has no records to give; what the consumer makes of that does not matter here.
        drop(consumer.poll(Duration::from_millis(50)).await);
    }
    for asked in metadata() {
        let mut names = topics(&asked);
        names.sort();
        assert_eq!(names, ["one", "two"], "and an empty list, or none, would mean all");
    }
}

rule!(brokers_that_are_gone_are_given_up_for_the_bootstrap_servers: dev);
async fn brokers_that_are_gone_are_given_up_for_the_bootstrap_servers(_on: Harness) {
    for (strategy, finds_it) in [("rebootstrap", true), ("none", false)] {
        let (old, new) = (coordinating(7).await, coordinating(7).await);
        let port = Arc::new(AtomicU16::new(old.port()));
        let now = Arc::clone(&port);
        let seed = FakeBroker::start(KEYS, move |asked| match asked.key {
            ApiKey::Metadata => knows(asked, &[(7, now.load(Ordering::Relaxed))]),
            _ => coordinator(asked, 7),
        })
        .await;
        let pairs = [
            ("metadata.recovery.strategy", strategy),
            ("default.api.timeout.ms", "3000"),
            ("request.timeout.ms", "3000"),
        ];
        let admin = admin(&seed.address(), &pairs);
        admin.describe_group("g").await.unwrap();
        let asked_at_first = seed.asked().len();
        admin.describe_group("g").await.unwrap();
        assert_eq!(seed.asked().len(), asked_at_first, "the client has left the seed for the broker");
        port.store(new.port(), Ordering::Relaxed);
        drop(old);
        let result = admin.describe_group("g").await;
        assert_eq!((result.is_ok(), new.asked().is_empty()), (finds_it, !finds_it), "{strategy} {result:?}");
    }
}

rule!(a_client_that_is_told_to_starts_from_its_bootstrap_servers_again: dev);
async fn a_client_that_is_told_to_starts_from_its_bootstrap_servers_again(_on: Harness) {
    let told = FakeBroker::start(KEYS, |asked| match asked.key {
        ApiKey::Metadata => {
            let answer = metadata(asked, &[]).with_error_code(129);
            Reply::Body(body(&answer, asked.version))
        }
        ApiKey::FindCoordinator => coordinator(asked, 4),
        _ => described(asked, 0),
    })
    .await;
    let (told_port, count) = (told.port(), AtomicUsize::new(0));
    let seed = FakeBroker::start(KEYS, move |asked| match asked.key {
        ApiKey::Metadata if count.fetch_add(1, Ordering::Relaxed) == 0 => knows(asked, &[(4, told_port)]),
        ApiKey::Metadata => knows(asked, &[(9, 1)]),
        _ => coordinator(asked, 4),
    })
    .await;
    let admin = admin(&seed.address(), &[]);
    admin.describe_group("g").await.unwrap();
    assert_eq!(told.asked().last().map(|asked| asked.key), Some(ApiKey::DescribeGroups));
    // Broker 4 now only says that it is the wrong one to ask.
    let described = admin.describe_topic("t").await.unwrap();
    assert_eq!(described.partitions.len(), 1);
    assert_eq!(told.asked().iter().filter(|asked| asked.key == ApiKey::Metadata).count(), 1);
}

rule!(brokers_without_metadata_for_too_long_are_given_up: dev);
async fn brokers_without_metadata_for_too_long_are_given_up(_on: Harness) {
    // Takes every request and answers none: alone, it would be asked for ever.
    let stuck = FakeBroker::start(KEYS, |_| Reply::Silence).await;
    let (stuck_port, count) = (stuck.port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let seed = FakeBroker::start(KEYS, move |asked| {
        counted.fetch_add(1, Ordering::Relaxed);
        knows(asked, &[(3, stuck_port)])
    })
    .await;
    let pairs = [
        ("metadata.max.age.ms", "100"),
        ("request.timeout.ms", "200"),
        ("metadata.recovery.rebootstrap.trigger.ms", "600"),
    ];
    let config = ConsumerConfig::from_properties(&properties(&seed.address(), &pairs)).unwrap();
    let mut consumer = Consumer::new(config).unwrap();
    consumer.assign(vec![(at("t", 0), StartOffset::Offset(0))]);
    let start = Instant::now();
    while count.load(Ordering::Relaxed) < 3 {
        assert!(start.elapsed() < PATIENCE, "{} {}", count.load(Ordering::Relaxed), stuck.asked().len());
        drop(consumer.poll(Duration::from_millis(50)).await);
    }
    assert!(start.elapsed() > Duration::from_millis(1000), "not before its time: {:?}", start.elapsed());
    assert!(!stuck.asked().is_empty());
}

rule!(a_client_that_rested_does_not_give_up_its_brokers: dev);
async fn a_client_that_rested_does_not_give_up_its_brokers(_on: Harness) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own, stuck) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
    let now = Arc::clone(&stuck);
    let broker = FakeBroker::on(listener, KEYS, move |asked| match asked.key {
        ApiKey::Metadata if now.load(Ordering::Relaxed) => Reply::Silence,
        ApiKey::Metadata => knows(asked, &[(3, own)]),
        _ => coordinator(asked, 9),
    });
    let seed = FakeBroker::start(KEYS, move |asked| match asked.key {
        ApiKey::Metadata => knows(asked, &[(3, own)]),
        _ => coordinator(asked, 9),
    })
    .await;
    let pairs = [
        ("request.timeout.ms", "150"),
        ("retry.backoff.ms", "20"),
        ("retry.backoff.max.ms", "20"),
        ("default.api.timeout.ms", "400"),
        ("metadata.recovery.rebootstrap.trigger.ms", "600"),
    ];
    let admin = admin(&seed.address(), &pairs);
    // The coordinator is not there, so metadata is asked for again and again.
    admin.describe_group("g").await.unwrap_err();
    let (asked_of_seed, asked_of_broker) = (seed.asked().len(), broker.asked().len());
    assert!(asked_of_broker > 0, "the client has left the seed");
    stuck.store(true, Ordering::Relaxed);
    admin.describe_group("g").await.unwrap_err();
    // Long after that, the broker answers again.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stuck.store(false, Ordering::Relaxed);
    admin.describe_group("g").await.unwrap_err();
    assert_eq!(seed.asked().len(), asked_of_seed, "what failed once is no reason to start anew");
    assert!(broker.asked().len() > asked_of_broker);
}

rule!(a_broker_that_hangs_up_is_left_alone_for_the_backoff: dev);
async fn a_broker_that_hangs_up_is_left_alone_for_the_backoff(_on: Harness) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let pairs = [
        ("reconnect.backoff.ms", "100"),
        ("reconnect.backoff.max.ms", "400"),
        ("retry.backoff.ms", "1"),
        ("retry.backoff.max.ms", "1"),
        ("default.api.timeout.ms", "2000"),
        ("request.timeout.ms", "2000"),
    ];
    let error = admin(&address, &pairs).topic_exists("t").await.unwrap_err();
    server.abort();
    assert!(matches!(error, Error::Timeout { .. } | Error::Disconnected { .. }), "{error:?}");
    // At 0, 100, 300, 700, 1,100, 1,500 and 1,900 ms, a fifth more or less.
    let attempts = count.load(Ordering::Relaxed);
    assert!((4..=9).contains(&attempts), "{attempts}");
}

rule!(a_broker_of_another_age_is_spoken_to_in_its_versions: dev);
async fn a_broker_of_another_age_is_spoken_to_in_its_versions(_on: Harness) {
    const OLD: &[(ApiKey, i16, i16)] = &[(ApiKey::Metadata, 0, 4)];
    const FUTURE: &[(ApiKey, i16, i16)] = &[(ApiKey::Metadata, 900, 901)];
    let old = FakeBroker::start(OLD, |asked| knows(asked, &[(1, 1)])).await;
    admin(&old.address(), &[]).describe_topic("t").await.unwrap();
    assert_eq!(old.asked().first().map(|asked| asked.version), Some(4));
    let future = FakeBroker::start(FUTURE, |_| Reply::Close).await;
    let error = admin(&future.address(), &[]).describe_topic("t").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("900 to 901"), "{error}");
}

rule!(a_long_poll_delays_nothing_else_of_its_client: dev, real);
async fn a_long_poll_delays_nothing_else_of_its_client(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let group = unique("group");
    let mut consumer = on.consumer(&[("group.id", &group), ("fetch.max.wait.ms", "5000")]);
    consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(0))]);
    // The fetch is on its way, and is held.
    consumer.poll(Duration::from_millis(300)).await.unwrap();
    let start = Instant::now();
    let offsets = [(at(&topic, 0), milena_kafka::OffsetAndMetadata::new(0))].into();
    consumer.commit_sync(&offsets).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

rule!(a_stuck_or_throttled_neighbour_delays_nobody: dev);
async fn a_stuck_or_throttled_neighbour_delays_nobody(on: Harness) {
    for action in [FaultAction::Stall, FaultAction::Throttle(Duration::from_secs(60))] {
        let topic = on.topic(1, &[]).await;
        for api in [Api::Metadata, Api::Produce, Api::Fetch, Api::JoinGroup] {
            on.dev_broker().faults().add(Fault::on(api, action).client("stuck").always());
        }
        let stuck = on.admin(&[("client.id", "stuck")]);
        let group = unique("group");
        let mut member = on.consumer(&[("client.id", "stuck"), ("group.id", &group)]);
        member.subscribe(Subscription::Topics(vec![topic.clone()]));
        let stuck_calls = async {
            // The first may get through; the next waits.
            for _ in 0..2 {
                drop(tokio::join!(stuck.topic_exists(&topic), member.poll(Duration::from_secs(1))));
            }
        };
        let before = on.dev_broker().faults().history().len();
        let others = async {
            on.dev_broker().faults().hits(before + 1).await;
            let start = Instant::now();
            on.write(&topic, 0, 0..10).await;
            let mut consumer = on.consumer(&[("group.id", &group)]);
            consumer.assign(vec![(at(&topic, 0), StartOffset::Offset(0))]);
            assert_eq!(read(&mut consumer, 10).await.len(), 10);
            start.elapsed()
        };
        tokio::select! {
            biased;
            took = others => assert!(took < Duration::from_secs(10), "{took:?}"),
            () = stuck_calls => panic!("the stuck one was faster"),
        }
        on.dev_broker().faults().clear();
        on.dev_broker().faults().release();
    }
}

rule!(topics_are_made_by_asking_for_them_only_where_that_is_wanted: dev, real);
async fn topics_are_made_by_asking_for_them_only_where_that_is_wanted(on: Harness) {
    let admin = on.admin(&[]);
    for (wanted, pairs) in
        [(false, [("allow.auto.create.topics", "false")]), (true, [("allow.auto.create.topics", "true")])]
    {
        let topic = unique("made-by-asking");
        let mut consumer = on.consumer(&pairs);
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(if wanted { 30 } else { 2 })
            && !admin.topic_exists(&topic).await.unwrap()
        {
            // Where the topic is not there, polls may say so.
            drop(consumer.poll(Duration::from_millis(100)).await);
        }
        assert_eq!(admin.topic_exists(&topic).await.unwrap(), wanted);
    }
}
