//! Rules of security: who gets in, who does not, and what they are told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeResponse};
use kafka_protocol::protocol::{Decodable, StrBytes};

use milena_devbroker::Protocol;
use milena_kafka::admin::Admin;
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use milena_kafka::consumer::{Consumer, StartOffset};

use milena_kafka::producer::Producer;
use milena_kafka::{AuthenticationKind, Error, ErrorCode, Metric, MetricValue, Result};
use milena_testkit::reference::run_tool;
use tokio::net::{TcpListener, TcpStream};

use crate::fake_broker::{Asked, FakeBroker, Reply, body, metadata};
use crate::support::*;

fn admin(properties: &Properties) -> Admin {
    Admin::new(AdminConfig::from_properties(properties).unwrap()).unwrap()
}

/// Describes a topic that everybody may ask for, and nobody may see.
async fn ask(properties: &Properties) -> Result<bool> {
    admin(properties).topic_exists("not-there").await
}

/// It must come soon, though retries would go on for a minute.
async fn refused(properties: &Properties) -> (AuthenticationKind, String) {
    let start = Instant::now();
    let error = ask(properties).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let text = error.to_string();
    assert!(!text.contains("secret") && !text.contains("milena-test-pw"), "{text}");
    match error {
        Error::Authentication { kind, .. } => (kind, text),
        error => panic!("{error:?}"),
    }
}

rule!(every_way_in_works: dev_secure, secure);
async fn every_way_in_works(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let mut names = vec!["scram512-alice", "plain-alice", "scram256-alice", "mtls-pem-alice"];
    if on.is_real() {
        // Java's tools have made these stores.
        names.extend(["mtls-alice", "mtls-jks-alice"]);
    }
    for (written, name) in (1..).zip(names) {
        let properties = on.client(name, &[]);
        let (producer, mut completions) = Producer::new(ProducerConfig::from_properties(&properties).unwrap()).unwrap();
        produce(&producer, &mut completions, &topic, 0, 0..1).await;
        let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties).unwrap()).unwrap();
        consumer.assign(vec![(at(&topic, 0), StartOffset::Earliest)]);
        assert_eq!(read(&mut consumer, written).await.len(), written, "{name}");
    }
    if !on.is_real() {
        return;
    }
    // Without a certificate it is nobody, who may see nothing.
    let error = admin(&on.client("tls-anonymous", &[])).describe_topic(&topic).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{error}");
}

rule!(certificates_and_keys_can_stand_in_the_properties: dev_secure, secure);
async fn certificates_and_keys_can_stand_in_the_properties(on: Harness) {
    let tls = on.tls_dir();
    let text = |name: &str| std::fs::read_to_string(tls.join(name)).unwrap();
    let (chain, key, authority) = (text("alice.pem"), text("alice.key").replace('\n', " "), text("ca.pem"));
    let encrypted = tls.join("alice-encrypted.key");
    let made = std::process::Command::new("openssl")
        .args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:milena-test-pw", "-in"])
        .arg(tls.join("alice.key"))
        .arg("-out")
        .arg(&encrypted)
        .status()
        .unwrap();
    assert!(made.success());
    let encrypted = std::fs::read_to_string(encrypted).unwrap();
    let bootstrap = on.client("mtls-pem-alice", &[])["bootstrap.servers"].clone();
    let base = [
        ("security.protocol", "SSL"),
        ("ssl.keystore.type", "PEM"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.keystore.certificate.chain", &chain),
        ("ssl.truststore.certificates", &authority),
    ];
    for pairs in [
        vec![("ssl.keystore.key", key.as_str())],
        vec![("ssl.keystore.key", encrypted.as_str()), ("ssl.key.password", "milena-test-pw")],
    ] {
        let all: Vec<_> = base.iter().chain(&pairs).copied().collect();
        assert!(!ask(&properties(&bootstrap, &all)).await.unwrap());
    }
}

rule!(a_wrong_password_is_refused_at_once_and_not_told: dev_secure, secure);
async fn a_wrong_password_is_refused_at_once_and_not_told(on: Harness) {
    let wrong = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"milena-test-pw\";";
    for properties in [on.client("wrong-password", &[]), on.client("plain-alice", &[("sasl.jaas.config", wrong)])] {
        let (kind, text) = refused(&properties).await;
        assert_eq!(kind, AuthenticationKind::Sasl);
        assert!(text.contains("Authentication failed") && text.contains("sasl.jaas.config"), "{text}");
        let error = ask(&properties).await.unwrap_err();
        assert_eq!(error.java_class(), "org.apache.kafka.common.errors.SaslAuthenticationException");
        // Consumers and producers hear of it too, and do not go on trying.
        let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties).unwrap()).unwrap();
        consumer.assign(vec![(at("t", 0), StartOffset::Earliest)]);
        let start = Instant::now();
        let error = loop {
            match consumer.poll(Duration::from_millis(200)).await {
                Err(error) => break error,
                Ok(_) => assert!(start.elapsed() < Duration::from_secs(10), "the consumer hears nothing"),
            }
        };
        assert!(error.is_authentication(), "{error:?}");
        let (producer, _completions) = Producer::new(ProducerConfig::from_properties(&properties).unwrap()).unwrap();
        let error = producer.ensure_topic("t").await.unwrap_err();
        assert!(error.is_authentication() && start.elapsed() < Duration::from_secs(15), "{error:?}");
    }
}

rule!(a_broker_of_an_unknown_authority_is_refused: dev_secure, secure);
async fn a_broker_of_an_unknown_authority_is_refused(on: Harness) {
    let (kind, text) = refused(&on.client("wrong-ca", &[])).await;
    assert_eq!(kind, AuthenticationKind::Ssl);
    assert!(text.contains("ssl.truststore.location"), "{text}");
}

rule!(a_client_whose_certificate_is_missing_or_expired_is_told_so: secure);
async fn a_client_whose_certificate_is_missing_or_expired_is_told_so(on: Harness) {
    let mtls = format!("localhost:{}", on.secured().port() + 1);
    for versions in ["TLSv1.3", "TLSv1.2"] {
        let pairs = [("bootstrap.servers", mtls.as_str()), ("ssl.enabled.protocols", versions)];
        let (kind, text) = refused(&on.client("tls-anonymous", &pairs)).await;
        assert_eq!(kind, AuthenticationKind::Ssl);
        assert!(text.contains("ssl.keystore.location"), "{versions} {text}");
        let (kind, text) = refused(&on.client("mtls-expired", &pairs[1..])).await;
        assert_eq!(kind, AuthenticationKind::Ssl);
        assert!(text.contains("certificate"), "{versions} {text}");
    }
}

rule!(the_certificate_must_be_of_the_host_unless_that_is_switched_off: dev_secure, secure);
async fn the_certificate_must_be_of_the_host_unless_that_is_switched_off(on: Harness) {
    // The same listener under an address that its certificate does not have.
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let elsewhere = listener.local_addr().unwrap().to_string();
    let port: u16 = on.bootstrap().rsplit(':').next().unwrap().parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    let forward = tokio::spawn(async move {
        let mut all = tokio::task::JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut broker = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            all.spawn(async move { drop(tokio::io::copy_bidirectional(&mut client, &mut broker).await) });
        }
    });
    let (kind, text) = refused(&on.client("scram512-alice", &[("bootstrap.servers", &elsewhere)])).await;
    assert_eq!(kind, AuthenticationKind::Ssl);
    assert!(text.contains("another host") && text.contains("ssl.endpoint.identification.algorithm"), "{text}");
    let off = [("bootstrap.servers", elsewhere.as_str()), ("ssl.endpoint.identification.algorithm", "")];
    assert!(!ask(&on.client("scram512-alice", &off)).await.unwrap());
    forward.abort();
    let by_address = format!("127.0.0.1:{port}");
    assert!(!ask(&on.client("scram512-alice", &[("bootstrap.servers", &by_address)])).await.unwrap());
}

rule!(a_wrong_security_protocol_is_told: dev_secure, secure);
async fn a_wrong_security_protocol_is_told(on: Harness) {
    let (tls, plain) = (on.listener(Protocol::Ssl), on.listener(Protocol::SaslPlaintext));
    // Plain text to a listener with TLS.
    let (kind, text) = refused(&properties(&tls, &[])).await;
    assert!(kind == AuthenticationKind::Ssl && text.contains("security.protocol"), "{text}");
    // SASL to a listener without.
    let (kind, text) = refused(&on.client("scram512-alice", &[("bootstrap.servers", &tls)])).await;
    assert!(kind == AuthenticationKind::IllegalSaslState && text.contains("security.protocol"), "{text}");
    // These two look like a broker that goes away: they are tried again until the time is over, and say what it may be.
    let short = [("default.api.timeout.ms", "1500"), ("request.timeout.ms", "1500"), ("retries", "1")];
    let error = ask(&properties(&plain, &short)).await.unwrap_err().to_string();
    assert!(error.contains("SASL_PLAINTEXT"), "{error}");
    let tls = on.client("tls-anonymous", &[&short[..], &[("bootstrap.servers", &plain)]].concat());
    let error = ask(&tls).await.unwrap_err().to_string();
    assert!(error.contains("is it a listener with TLS"), "{error}");
}

rule!(what_the_broker_denies_is_told_by_kafkas_names: secure);
async fn what_the_broker_denies_is_told_by_kafkas_names(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let bob = on.client("scram512-bob", &[("group.id", "not-his")]);
    let error = admin(&bob).describe_topic(&topic).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{error}");
    let error = admin(&bob).describe_group("not-his").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED), "{error}");
    let (producer, _completions) = Producer::new(ProducerConfig::from_properties(&bob).unwrap()).unwrap();
    let error = producer.ensure_topic(&topic).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED), "{error}");
}

/// A total of this client, over all brokers.
fn total(metrics: &[Metric], name: &str) -> f64 {
    let found = metrics.iter().find(|metric| metric.name == name && !metric.group.contains("node"));
    match found.map(|metric| &metric.value) {
        Some(MetricValue::Number(number)) => *number,
        other => panic!("{name}: {other:?}"),
    }
}

rule!(a_session_is_renewed_on_the_open_connection: dev_secure, secure);
async fn a_session_is_renewed_on_the_open_connection(on: Harness) {
    let topic = on.topic(1, &[]).await;
    // The broker ends sessions after some seconds; a connection that went on without proof would be closed.
    for name in ["scram512-alice", "plain-alice"] {
        let properties = on.client(name, &[("retries", "0"), ("linger.ms", "0")]);
        let admin = admin(&properties);
        let start = Instant::now();
        // A session is renewed by the first call in its last part.
        while total(&admin.metrics(), "successful-reauthentication-total") < 2.0 {
            assert!(start.elapsed() < PATIENCE, "{name}");
            admin.describe_topic(&topic).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        admin.describe_topic(&topic).await.unwrap();
        assert_eq!(total(&admin.metrics(), "connection-creation-total"), 1.0, "{name}");
    }
}

rule!(changed_stores_are_used_for_new_connections: dev_secure, secure);
async fn changed_stores_are_used_for_new_connections(on: Harness) {
    let tls = on.tls_dir();
    let store = tls.join(format!("{}.pem", unique("trust")));
    std::fs::copy(tls.join("other-ca.pem"), &store).unwrap();
    let location = store.to_str().unwrap().to_owned();
    let pairs = [("ssl.truststore.location", location.as_str())];
    let properties = on.client("wrong-ca", &pairs);
    let admin = admin(&properties);
    assert!(admin.list_topics().await.unwrap_err().is_authentication());
    std::fs::write(&store, "broken").unwrap();
    std::fs::copy(tls.join("ca.pem"), &store).unwrap();
    let start = Instant::now();
    while let Err(error) = admin.list_topics().await {
        assert!(error.is_authentication() && start.elapsed() < Duration::from_secs(15), "{error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

rule!(a_delegation_token_lets_its_holder_in: secure);
async fn a_delegation_token_lets_its_holder_in(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let alice = on.secured().dir().join("clients/scram512-alice.properties");
    let create = ["--create", "--max-life-time-period", "-1", "--command-config", alice.to_str().unwrap()];
    let tool = ["org.apache.kafka.tools.DelegationTokenCommand", "--bootstrap-server", on.bootstrap()];
    let text = run_tool(&[&tool[..], &create].concat(), None).await.unwrap();
    // A table: token id, HMAC and more.
    let row = text.lines().find(|line| line.contains("User:alice")).unwrap_or_else(|| panic!("{text}"));
    let mut cells = row.split_whitespace();
    let (id, hmac) = (cells.next().unwrap(), cells.next().unwrap());
    let jaas = |extra: &str| {
        format!(
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{id}\" password=\"{hmac}\"{extra};"
        )
    };
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let with_token = jaas(" tokenauth=\"true\"");
        let pairs = [("sasl.mechanism", mechanism), ("sasl.jaas.config", with_token.as_str())];
        // What alice may see, the holder of her token may see.
        admin(&on.client("scram512-alice", &pairs)).describe_topic(&topic).await.unwrap();
        let as_password = jaas("");
        let pairs = [("sasl.mechanism", mechanism), ("sasl.jaas.config", as_password.as_str())];
        assert_eq!(refused(&on.client("scram512-alice", &pairs)).await.0, AuthenticationKind::Sasl);
    }
}

const SASL_KEYS: &[(ApiKey, i16, i16)] =
    &[(ApiKey::Metadata, 0, 13), (ApiKey::SaslHandshake, 0, 1), (ApiKey::SaslAuthenticate, 0, 2)];

fn as_user(bootstrap: &str, mechanism: &str, pairs: &[(&str, &str)]) -> Properties {
    let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"a-secret\";";
    let base = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", mechanism),
        ("sasl.jaas.config", jaas),
        ("retries", "0"),
    ];
    properties(bootstrap, &base.iter().chain(pairs).copied().collect::<Vec<_>>())
}

fn greeted(asked: &Asked) -> Reply {
    Reply::Body(body(&SaslHandshakeResponse::default(), asked.version))
}

fn sasl_answer(asked: &Asked, text: &str, lifetime: i64) -> Reply {
    let answer = SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from(text.to_owned()));
    let answer = if asked.version >= 1 { answer.with_session_lifetime_ms(lifetime) } else { answer };
    Reply::Body(body(&answer, asked.version))
}

rule!(a_broker_that_does_not_know_the_password_itself_is_refused: dev);
async fn a_broker_that_does_not_know_the_password_itself_is_refused(_on: Harness) {
    for (salt_and_rounds, reason) in [
        ("s=c2FsdA==,i=4096", "Invalid server signature"),
        ("s=c2FsdA==,i=1", "iterations"),
        ("s=c2FsdA==,i=2000000000", "iterations"),
    ] {
        let fake = FakeBroker::start(SASL_KEYS, move |asked| match asked.key {
            ApiKey::SaslHandshake => greeted(asked),
            ApiKey::SaslAuthenticate => {
                let request = SaslAuthenticateRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
                let text = String::from_utf8(request.auth_bytes.to_vec()).unwrap();
                match text.strip_prefix("n,,n=u,r=") {
                    Some(nonce) => sasl_answer(asked, &format!("r={nonce}more,{salt_and_rounds}"), 0),
                    None => sasl_answer(asked, "v=bm90IHRoZSBzaWduYXR1cmU=", 0),
                }
            }
            _ => Reply::Close,
        })
        .await;
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let (kind, text) = refused(&as_user(&fake.address(), mechanism, &[])).await;
            assert!(kind == AuthenticationKind::Sasl && text.contains(reason), "{text}");
        }
    }
}

rule!(a_mechanism_that_the_broker_does_not_do_is_refused_with_those_it_does: dev);
async fn a_mechanism_that_the_broker_does_not_do_is_refused_with_those_it_does(_on: Harness) {
    let fake = FakeBroker::start(SASL_KEYS, |asked| {
        let names = ["SCRAM-SHA-512", "GSSAPI"].map(StrBytes::from_static_str);
        let answer = SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(names.to_vec());
        Reply::Body(body(&answer, asked.version))
    })
    .await;
    let (kind, text) = refused(&as_user(&fake.address(), "PLAIN", &[])).await;
    assert_eq!(kind, AuthenticationKind::UnsupportedMechanism);
    assert!(text.contains("enabled mechanisms are [SCRAM-SHA-512, GSSAPI]"), "{text}");
}

rule!(a_connection_that_cannot_renew_its_session_is_replaced: dev);
async fn a_connection_that_cannot_renew_its_session_is_replaced(_on: Harness) {
    const SESSION: Duration = Duration::from_secs(2);
    let last = AtomicUsize::new(usize::MAX);
    let fake = FakeBroker::start(SASL_KEYS, move |asked| match asked.key {
        // The first of each connection is taken, the second, which renews, is not.
        ApiKey::SaslHandshake if last.swap(asked.connection, Ordering::Relaxed) == asked.connection => Reply::Close,
        ApiKey::SaslHandshake => greeted(asked),
        ApiKey::SaslAuthenticate => sasl_answer(asked, "", SESSION.as_millis().try_into().unwrap()),
        _ => Reply::Body(body(&metadata(asked, &[(1, 1)]), asked.version)),
    })
    .await;
    let admin = admin(&as_user(&fake.address(), "PLAIN", &[]));
    for connections in 1..=3 {
        admin.describe_topic("t").await.unwrap();
        assert_eq!(fake.connections().0, connections);
        tokio::time::sleep(SESSION).await;
    }
}

rule!(failed_logins_are_not_repeated_without_pause: dev);
async fn failed_logins_are_not_repeated_without_pause(_on: Harness) {
    let fake = FakeBroker::start(SASL_KEYS, |asked| match asked.key {
        ApiKey::SaslHandshake => greeted(asked),
        _ => {
            let answer = SaslAuthenticateResponse::default()
                .with_error_code(58)
                .with_error_message(Some(StrBytes::from_static_str("Authentication failed: invalid credentials")));
            Reply::Body(body(&answer, asked.version))
        }
    })
    .await;
    let pairs = [("reconnect.backoff.ms", "100"), ("reconnect.backoff.max.ms", "400")];
    let admin = admin(&as_user(&fake.address(), "PLAIN", &pairs));
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_secs(2) {
        assert!(admin.topic_exists("t").await.unwrap_err().is_authentication());
        calls += 1;
    }
    assert!(calls <= 9, "{calls}");
    assert_eq!(fake.connections().0, calls);
}
