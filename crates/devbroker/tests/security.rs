//! TLS, SASL, re-authentication and idle connections, with Milena's own client and with raw requests.
//!
//! What a refused client is told is compared with the real broker whose SASL_PLAINTEXT listener `MILENA_TEST_SASL` names; its user is
//! `alice`, with the password `alice-secret`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use milena_devbroker::{
    Authority, ClientCertificates, DevBroker, DevBrokerConfig, Error, Listener, Mechanism, Protocol, Security, Tls,
    User,
};
use milena_kafka::AuthenticationKind;
use milena_kafka::admin::Admin;
use milena_kafka::config::{AdminConfig, Properties};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn users() -> Vec<User> {
    vec![User::new("alice", "alice-secret"), User::new("bob", "bob-secret")]
}

async fn with_sasl(mechanisms: &[Mechanism], max_reauth: Option<Duration>) -> DevBroker {
    let security = Security { users: users(), mechanisms: mechanisms.to_vec(), max_reauth, ..Security::default() };
    let config = DevBrokerConfig { protocol: Protocol::SaslPlaintext, security, ..DevBrokerConfig::default() };
    DevBroker::start(config).await.unwrap()
}

/// The SASL_PLAINTEXT listener of the real broker, or of an embedded one.
async fn sasl_target() -> (String, Option<DevBroker>) {
    match std::env::var("MILENA_TEST_SASL") {
        Ok(address) if !address.is_empty() => (address, None),
        _ => {
            let broker = with_sasl(&Mechanism::ALL, None).await;
            (broker.bootstrap(), Some(broker))
        }
    }
}

async fn handshake(client: &mut Client, mechanism: &str) -> SaslHandshakeResponse {
    client.send(1, &SaslHandshakeRequest::default().with_mechanism(text(mechanism))).await
}

async fn plain(client: &mut Client, token: &str) -> SaslAuthenticateResponse {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token.as_bytes().to_vec().into());
    client.send(2, &request).await
}

async fn authenticate(client: &mut Client, user: &str) -> SaslAuthenticateResponse {
    assert_eq!(handshake(client, "PLAIN").await.error_code, 0);
    plain(client, &format!("\0{user}\0{user}-secret")).await
}

async fn is_closed(client: &mut Client) -> bool {
    client.read_frame().await.is_none()
}

fn metadata() -> MetadataRequest {
    MetadataRequest::default().with_topics(None)
}

#[tokio::test]
async fn nothing_but_versions_is_told_before_authentication() {
    let (address, _broker) = sasl_target().await;
    let mut client = Client::connect(&address).await;
    let versions = client.send(0, &ApiVersionsRequest::default()).await;
    assert!(versions.api_keys.iter().any(|one| one.api_key == 36));
    client.write(12, &metadata()).await;
    assert!(is_closed(&mut client).await);

    let mut client = Client::connect(&address).await;
    assert_eq!(authenticate(&mut client, "alice").await.error_code, 0);
    assert_eq!(client.send(12, &metadata()).await.brokers.len(), 1);
    let illegal = ResponseError::IllegalSaslState.code();
    assert_eq!(plain(&mut client, "\0alice\0alice-secret").await.error_code, illegal);
}

#[tokio::test]
async fn an_authentication_is_not_interrupted_by_other_requests() {
    let (address, _broker) = sasl_target().await;
    let mut client = Client::connect(&address).await;
    assert_eq!(handshake(&mut client, "PLAIN").await.error_code, 0);
    let response = client.send(5, &ListGroupsRequest::default()).await;
    assert_eq!(response.error_code, ResponseError::IllegalSaslState.code());
    assert!(is_closed(&mut client).await);
}

#[tokio::test]
async fn a_scram_client_that_is_not_known_or_has_no_proof_is_told_no_more_than_that() {
    let (address, _broker) = sasl_target().await;
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for user in ["alice", "nobody"] {
            let mut client = Client::connect(&address).await;
            assert_eq!(handshake(&mut client, mechanism).await.error_code, 0);
            let mut response = plain(&mut client, &format!("n,,n={user},r=abcdef")).await;
            if user == "alice" {
                assert_eq!(response.error_code, 0);
                let first = String::from_utf8(response.auth_bytes.to_vec()).unwrap();
                assert!(first.starts_with("r=abcdef") && first.contains(",s=") && first.contains(",i="), "{first}");
                let nonce = first.split(',').next().unwrap();
                let size = if mechanism.ends_with("256") { 43 } else { 86 };
                let padding = if size == 43 { "=" } else { "==" };
                let forged = format!("c=biws,{nonce},p={}{padding}", "A".repeat(size));
                response = plain(&mut client, &forged).await;
            }
            assert_eq!(response.error_code, ResponseError::SaslAuthenticationFailed.code(), "{user}");
            let words = format!(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
            );
            assert_eq!(response.error_message.as_deref(), Some(words.as_str()), "{user}");
            assert!(is_closed(&mut client).await);
        }
    }
}

#[tokio::test]
async fn a_mechanism_that_is_not_enabled_is_refused_with_those_that_are() {
    let broker = with_sasl(&[Mechanism::ScramSha512, Mechanism::Plain], None).await;
    let mut client = Client::connect(&broker.bootstrap()).await;
    let response = handshake(&mut client, "SCRAM-SHA-256").await;
    assert_eq!(response.error_code, ResponseError::UnsupportedSaslMechanism.code());
    let told: Vec<_> = response.mechanisms.iter().map(|one| one.to_string()).collect();
    assert_eq!(told, ["SCRAM-SHA-512", "PLAIN"]);
    assert!(is_closed(&mut client).await);
    broker.stop().await;
}

#[tokio::test]
async fn wrong_passwords_are_told_in_kafkas_words_and_end_the_connection() {
    let (address, _broker) = sasl_target().await;
    for (token, words) in [
        ("\0alice\0wrong", "Authentication failed: Invalid username or password"),
        ("\0nobody\0alice-secret", "Authentication failed: Invalid username or password"),
        ("\0\0x", "Authentication failed: username not specified"),
        ("\0alice\0", "Authentication failed: password not specified"),
        ("alice", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
        (
            "bob\0alice\0alice-secret",
            "Authentication failed: Client requested an authorization id that is different from username",
        ),
    ] {
        let mut client = Client::connect(&address).await;
        handshake(&mut client, "PLAIN").await;
        let response = plain(&mut client, token).await;
        assert_eq!(response.error_code, ResponseError::SaslAuthenticationFailed.code());
        assert_eq!(response.error_message.as_deref(), Some(words));
        assert!(is_closed(&mut client).await);
    }
}

#[tokio::test]
async fn who_is_authenticated_or_need_not_be_is_told_that_sasl_has_no_place() {
    let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let illegal = ResponseError::IllegalSaslState.code();
    assert_eq!(handshake(&mut client, "PLAIN").await.error_code, illegal);
    assert_eq!(plain(&mut client, "\0a\0b").await.error_code, illegal);
    assert_eq!(client.send(12, &metadata()).await.brokers.len(), 1, "and may go on");
    broker.stop().await;
}

#[tokio::test]
async fn an_authentication_ends_unless_it_is_renewed_by_the_same_user() {
    let broker = with_sasl(&Mechanism::ALL, Some(Duration::from_millis(400))).await;
    let mut renewed = Client::connect(&broker.bootstrap()).await;
    let response = authenticate(&mut renewed, "alice").await;
    assert_eq!((response.error_code, response.session_lifetime_ms), (0, 400));
    let mut expired = Client::connect(&broker.bootstrap()).await;
    authenticate(&mut expired, "alice").await;
    let mut other = Client::connect(&broker.bootstrap()).await;
    authenticate(&mut other, "alice").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(authenticate(&mut renewed, "alice").await.error_code, 0, "late is not too late for a renewal");
    assert_eq!(renewed.send(12, &metadata()).await.brokers.len(), 1);
    expired.write(12, &metadata()).await;
    assert!(is_closed(&mut expired).await);
    let changed = authenticate(&mut other, "bob").await;
    assert_eq!(changed.error_code, ResponseError::SaslAuthenticationFailed.code());
    assert!(is_closed(&mut other).await);
    broker.stop().await;
}

fn admin(bootstrap: &str, more: &[(&str, &str)]) -> Admin {
    let mut properties = Properties::new();
    properties.insert("bootstrap.servers".into(), bootstrap.into());
    properties.insert("default.api.timeout.ms".into(), "5000".into());
    properties.insert("request.timeout.ms".into(), "5000".into());
    properties.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Admin::new(AdminConfig::from_properties(&properties).unwrap()).unwrap()
}

fn jaas(mechanism: &str, password: &str) -> String {
    let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
    format!("org.apache.kafka.common.security.{module} required username=\"alice\" password=\"{password}\";")
}

#[tokio::test]
async fn the_own_client_gets_in_through_every_door() {
    let authority = Authority::new().unwrap();
    let security = Security { tls: Some(Tls::of(&authority).unwrap()), users: users(), ..Security::default() };
    let protocols = [Protocol::Ssl, Protocol::SaslPlaintext, Protocol::SaslSsl];
    let more_listeners = protocols.iter().map(|&protocol| Listener { protocol, address: any() }).collect();
    let config = DevBrokerConfig { more_listeners, security, ..DevBrokerConfig::nodes(2) };
    let broker = DevBroker::start(config).await.unwrap();
    let trust = [("ssl.truststore.type", "PEM"), ("ssl.truststore.certificates", authority.certificate())];
    for protocol in [Protocol::Plaintext, Protocol::Ssl, Protocol::SaslPlaintext, Protocol::SaslSsl] {
        let bootstrap = broker.bootstrap_of(protocol).unwrap();
        for mechanism in Mechanism::ALL {
            let login = jaas(mechanism.name(), "alice-secret");
            let mut settings = vec![("security.protocol", protocol.name())];
            if protocol.is_encrypted() {
                settings.extend(trust);
            }
            if protocol.has_sasl() {
                settings.extend([("sasl.mechanism", mechanism.name()), ("sasl.jaas.config", login.as_str())]);
            }
            let found = admin(&bootstrap, &settings).describe_cluster().await.unwrap();
            let told: Vec<_> = found.nodes.iter().map(|node| format!("{}:{}", node.host, node.port)).collect();
            assert_eq!(told.join(","), bootstrap, "clients stay with the listener they came in on");
        }
    }
    let bootstrap = broker.bootstrap_of(Protocol::SaslSsl).unwrap();
    for mechanism in Mechanism::ALL {
        let login = jaas(mechanism.name(), "wrong");
        let mut settings = vec![("security.protocol", "SASL_SSL"), ("sasl.mechanism", mechanism.name())];
        settings.extend(trust);
        settings.push(("sasl.jaas.config", &login));
        match admin(&bootstrap, &settings).describe_cluster().await {
            Err(milena_kafka::Error::Authentication { kind: AuthenticationKind::Sasl, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    broker.stop().await;
}

#[tokio::test]
async fn client_certificates_are_checked_where_they_are_required() {
    let authority = Authority::new().unwrap();
    let stranger = Authority::new().unwrap();
    let tls = Tls { clients: ClientCertificates::Required, ..Tls::of(&authority).unwrap() };
    let security = Security { tls: Some(tls), ..Security::default() };
    let config = DevBrokerConfig { protocol: Protocol::Ssl, security, ..DevBrokerConfig::default() };
    let broker = DevBroker::start(config).await.unwrap();
    let trust = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", authority.certificate()),
    ];
    assert!(admin(&broker.bootstrap(), &trust).describe_cluster().await.is_err());
    for (issuer, right) in [(&authority, true), (&stranger, false)] {
        let identity = issuer.issue("alice", &[]).unwrap();
        let mut settings = trust.to_vec();
        settings.extend([
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.certificate.chain", identity.certificate.as_str()),
            ("ssl.keystore.key", identity.key.as_str()),
        ]);
        assert_eq!(admin(&broker.bootstrap(), &settings).describe_cluster().await.is_ok(), right);
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_listener_without_certificates_does_not_start_and_secrets_are_not_shown() {
    let config = DevBrokerConfig { protocol: Protocol::Ssl, ..DevBrokerConfig::default() };
    let error = DevBroker::start(config).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }) && error.to_string().contains("SSL"), "{error}");
    let tls = Tls::of(&Authority::new().unwrap()).unwrap();
    let security = Security { tls: Some(tls.clone()), users: users(), ..Security::default() };
    let shown = format!("{:?}", DevBrokerConfig { security: security.clone(), ..DevBrokerConfig::default() });
    assert!(!shown.contains("secret") && !shown.contains("PRIVATE"), "{shown}");
    let garbage = Security { tls: Some(Tls { key: "no key".into(), ..tls }), ..Security::default() };
    let config = DevBrokerConfig { protocol: Protocol::Ssl, security: garbage, ..DevBrokerConfig::default() };
    assert!(matches!(DevBroker::start(config).await, Err(Error::Tls { .. })));
}

#[tokio::test]
async fn idle_connections_are_closed_and_busy_ones_are_not() {
    let max_idle = Duration::from_secs(2);
    let broker = DevBroker::start(DevBrokerConfig { max_idle, ..DevBrokerConfig::default() }).await.unwrap();
    let mut idle = Client::connect(&broker.bootstrap()).await;
    idle.send(12, &metadata()).await;
    let mut busy = Client::connect(&broker.bootstrap()).await;
    let begun = std::time::Instant::now();
    let closed = is_closed(&mut idle);
    tokio::pin!(closed);
    loop {
        tokio::select! {
            closed = &mut closed => {
                assert!(closed);
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                busy.send(12, &metadata()).await;
            }
        }
    }
    assert!(begun.elapsed() >= max_idle / 2, "after {:?}", begun.elapsed());
    busy.send(12, &metadata()).await;
    broker.stop().await;
}

#[tokio::test]
async fn versions_can_be_those_of_older_brokers() {
    let broker = DevBroker::start(DevBrokerConfig::default().like_kafka_2_1()).await.unwrap();
    let mut client = Client::connect(&broker.bootstrap()).await;
    let named = ApiVersionsRequest::default().with_client_software_name(text("t"));
    client.write(4, &named.with_client_software_version(text("1"))).await;
    let mut frame = client.read_frame().await.unwrap();
    // The answer comes in version 0: correlation id, error code, one entry.
    assert_eq!(&bytes::Buf::copy_to_bytes(&mut frame, 10)[4..], [0, 35, 0, 0, 0, 1]);
    let versions = client.send(2, &ApiVersionsRequest::default()).await;
    assert!(versions.finalized_features.is_empty());
    let of = |key: i16| versions.api_keys.iter().find(|one| one.api_key == key).map(|one| one.max_version);
    assert_eq!((of(0), of(1), of(3), of(44)), (Some(7), Some(10), Some(7), None));
    let topic = client.create_old("old").await;
    assert!(client.send(7, &metadata()).await.topics.iter().any(|one| one.name == Some(topic_name(&topic))));
    client.write(12, &metadata()).await;
    assert!(is_closed(&mut client).await, "newer versions are refused");
    broker.stop().await;
}
