//! Connections to a peer that says exactly what a test wants.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, MetadataRequest, MetadataResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use milena_api::config::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::address::Address;
use super::connection::{Connection, Renewal};
use super::sasl::{Mechanism, SaslContext};
use super::stream::Stream;
use super::versions::Versions;
use crate::error::Error;
use crate::metrics::{ClientKind, ClientMetrics, Windows};

const METADATA: i16 = 8;

/// A connection and the broker's end of it.
async fn connected(max_idle: Option<Duration>) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(at), listener.accept());
    let metrics = Arc::new(ClientMetrics::new(ClientKind::Consumer, Windows { length_ms: 30_000, count: 2 }));
    let address = Address { host: "127.0.0.1".to_owned(), port: at.port() };
    let client = StrBytes::from_static_str("client");
    let connection = Connection::new(Stream::Plain(near.unwrap()), address, &client, max_idle, false, (1, &metrics));
    (connection, far.unwrap().0)
}

/// The next request: its key, and its number.
async fn asked(broker: &mut TcpStream) -> (ApiKey, i32) {
    let mut frame = vec![0; usize::try_from(broker.read_i32().await.unwrap()).unwrap()];
    broker.read_exact(&mut frame).await.unwrap();
    let mut frame = Bytes::from(frame);
    let (key, _version, number) = (frame.get_i16(), frame.get_i16(), frame.get_i32());
    (ApiKey::try_from(key).unwrap(), number)
}

async fn answer(broker: &mut TcpStream, number: i32, answer: &impl Encodable, version: i16) {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    frame.put_i32(number);
    answer.encode(&mut frame, version).unwrap();
    let len = i32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&len.to_be_bytes());
    broker.write_all(&frame).await.unwrap();
}

fn metadata(throttle_ms: i32) -> MetadataResponse {
    MetadataResponse::default().with_throttle_time_ms(throttle_ms)
}

async fn call(connection: &Connection, timeout: u64) -> crate::error::Result<MetadataResponse> {
    connection.call(&MetadataRequest::default(), METADATA, Duration::from_millis(timeout)).await
}

async fn closed_after(connection: &Connection) -> Duration {
    let start = Instant::now();
    while !connection.is_closed() {
        assert!(start.elapsed() < Duration::from_secs(20), "the connection stays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn a_request_whose_caller_has_gone_still_has_its_time() {
    for max_idle in [None, Some(Duration::from_secs(600))] {
        let (connection, mut broker) = connected(max_idle).await;
        let start = Instant::now();
        tokio::select! {
            biased;
            _ = call(&connection, 400) => unreachable!("nobody answers"),
            (key, _) = asked(&mut broker) => assert_eq!(key, ApiKey::Metadata),
        }
        closed_after(&connection).await;
        let took = start.elapsed();
        assert!(took > Duration::from_millis(350) && took < Duration::from_secs(5), "{took:?}");
        let error = call(&connection, 400).await.unwrap_err().to_string();
        assert!(error.contains("nobody waits for"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_costs_nothing_if_it_comes_in_time() {
    let (connection, mut broker) = connected(None).await;
    let forsaken = tokio::time::timeout(Duration::from_millis(50), call(&connection, 500)).await;
    assert!(forsaken.is_err());
    let (_, number) = asked(&mut broker).await;
    answer(&mut broker, number, &metadata(0), METADATA).await;
    let (answered, ()) = tokio::join!(call(&connection, 5000), async {
        let (_, number) = asked(&mut broker).await;
        // Longer than the first one had.
        tokio::time::sleep(Duration::from_millis(800)).await;
        answer(&mut broker, number, &metadata(0), METADATA).await;
    });
    answered.unwrap();
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn a_call_has_its_deadline_also_while_the_broker_wants_silence() {
    let (connection, mut broker) = connected(None).await;
    let (answered, ()) = tokio::join!(call(&connection, 5000), async {
        let (_, number) = asked(&mut broker).await;
        answer(&mut broker, number, &metadata(1500), METADATA).await;
    });
    answered.unwrap();
    let start = Instant::now();
    let error = call(&connection, 200).await.unwrap_err();
    let took = start.elapsed();
    assert!(matches!(error, Error::Timeout { .. }) && error.to_string().contains("quota"), "{error}");
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(1200), "{took:?}");
    assert!(!connection.is_closed(), "nothing was sent that could be overdue");
    // Who has the time waits for it.
    let (answered, ()) = tokio::join!(call(&connection, 5000), async {
        let (_, number) = asked(&mut broker).await;
        answer(&mut broker, number, &metadata(0), METADATA).await;
    });
    answered.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(1400));
}

#[tokio::test]
async fn an_answer_that_is_held_does_not_count_as_time_of_a_renewal_behind_it() {
    let (connection, mut broker) = connected(None).await;
    let api = |key: ApiKey, max| ApiVersion::default().with_api_key(key as i16).with_max_version(max);
    let apis = vec![api(ApiKey::SaslHandshake, 1), api(ApiKey::SaslAuthenticate, 1)];
    let versions = Versions::of(&ApiVersionsResponse::default().with_api_keys(apis));
    let held = tokio::time::timeout(Duration::from_millis(50), call(&connection, 20_000)).await;
    assert!(held.is_err());
    let sasl = SaslContext::shared(Mechanism::Plain, "user", Secret::new("password"), false);
    connection.renew(Renewal { due: Instant::now(), sasl, versions });
    let (answered, ()) = tokio::join!(call(&connection, 20_000), async {
        let (key, first) = asked(&mut broker).await;
        assert_eq!(key, ApiKey::Metadata);
        // More than twice the time of a renewal, in tests.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        answer(&mut broker, first, &metadata(0), METADATA).await;
        let (key, number) = asked(&mut broker).await;
        assert_eq!(key, ApiKey::SaslHandshake);
        answer(&mut broker, number, &SaslHandshakeResponse::default(), 1).await;
        let (key, number) = asked(&mut broker).await;
        assert_eq!(key, ApiKey::SaslAuthenticate);
        answer(&mut broker, number, &SaslAuthenticateResponse::default(), 1).await;
        let (key, number) = asked(&mut broker).await;
        assert_eq!(key, ApiKey::Metadata);
        answer(&mut broker, number, &metadata(0), METADATA).await;
    });
    answered.unwrap();
}

#[tokio::test]
async fn a_renewal_that_is_not_answered_ends_the_connection() {
    let (connection, mut broker) = connected(None).await;
    let apis = [ApiKey::SaslHandshake, ApiKey::SaslAuthenticate]
        .map(|key| ApiVersion::default().with_api_key(key as i16).with_max_version(1));
    let versions = Versions::of(&ApiVersionsResponse::default().with_api_keys(apis.to_vec()));
    let sasl = SaslContext::shared(Mechanism::Plain, "user", Secret::new("password"), false);
    connection.renew(Renewal { due: Instant::now(), sasl, versions });
    let (refused, (key, _)) = tokio::join!(call(&connection, 20_000), asked(&mut broker));
    assert_eq!(key, ApiKey::SaslHandshake);
    assert!(matches!(refused.unwrap_err(), Error::Disconnected { .. }));
}
