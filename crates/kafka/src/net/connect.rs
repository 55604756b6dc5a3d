//! Opens connections: all addresses of a host, TLS, the broker's versions, SASL, each within its time.
//!
//! Counterpart: org.apache.kafka.common.network.ChannelBuilder and org.apache.kafka.clients.ClientUtils.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Decodable, Request, StrBytes};
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::connection::{Connection, Renewal};
use super::driver::renewal_due;
use super::frame::{decode_response, encode_request};
use super::resolve::{resolve, waiting};
use super::sasl::authenticate;
use super::stream::Stream;
use super::tls::{TlsContext, handshake_failure};
use super::untrusted::check_answer;
use super::versions::Versions;
use crate::config::ClientConfig;
use crate::error::{AuthenticationKind, Error, Result};
use crate::error_code::ErrorCode;
use crate::metrics::{Authentication, ClientMetrics};

/// A second address or server is tried if the first is not there by then.
const STAGGER: Duration = Duration::from_millis(200);
/// From version 4 on, features that start at level 0 are told too.
const API_VERSIONS: i16 = 4;

/// What all connections of one client have in common.
#[derive(Clone, Copy)]
pub(super) struct Dialer<'a> {
    pub config: &'a ClientConfig,
    pub metrics: &'a Arc<ClientMetrics>,
}

/// The first of several attempts that succeeds; each gets a short start over the next, so that a dead one costs little. An attempt that
/// ends in a refusal ends all.
pub(super) async fn first_of<'a, T>(attempts: impl IntoIterator<Item = BoxFuture<'a, Result<T>>>) -> Result<T> {
    let mut running = FuturesUnordered::new();
    let mut attempts = attempts.into_iter().peekable();
    let mut last = Error::disconnected("cannot connect to a broker", "none is known");
    loop {
        match attempts.next() {
            Some(attempt) => running.push(attempt),
            None if running.is_empty() => return Err(last),
            None => {}
        }
        let ended = match attempts.peek() {
            Some(_) => match tokio::time::timeout(STAGGER, running.next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
            None => running.next().await,
        };
        match ended {
            Some(Err(error)) if !error.is_authentication() => last = error,
            Some(ended) => return ended,
            None => {}
        }
    }
}

impl Dialer<'_> {
    /// Connects to one broker, authenticates and learns its versions. `failures` attempts have failed in a row before.
    pub(super) async fn connect(self, node: i32, address: &Address, failures: u32) -> Result<Connection> {
        let stream = self.open_stream(address, failures).await?;
        let timeout = self.config.request_timeout;
        match tokio::time::timeout(timeout, self.shake_hands(stream, node, address)).await {
            Ok(done) => done,
            Err(_) => Err(Error::timeout(
                format!("cannot connect to broker {address}"),
                format!("the connection is open, but the handshake was not done within {} ms", timeout.as_millis()),
            )),
        }
    }

    async fn open_stream(self, address: &Address, failures: u32) -> Result<TcpStream> {
        let timeout = self.config.connect_timeout.after(failures.saturating_add(1));
        let doing = || format!("cannot connect to broker {address}");
        let open = async {
            let mut targets =
                resolve(&address.host, address.port).await.map_err(|reason| Error::disconnected(doing(), reason))?;
            // What answered at first may have been dead all the same.
            let first = usize::try_from(failures).unwrap_or(0) % targets.len().max(1);
            targets.rotate_left(first);
            let attempts = targets.into_iter().map(|target| {
                let attempt = async move {
                    let opened = open_socket(self.config, target).await;
                    opened.map_err(|error| Error::disconnected(doing(), format!("{error} ({target})")))
                };
                attempt.boxed()
            });
            first_of(attempts).await
        };
        match tokio::time::timeout(timeout, open).await {
            Ok(opened) => opened,
            Err(_) => {
                let limit =
                    format!("no connection within {} ms (socket.connection.setup.timeout.ms)", timeout.as_millis());
                let why = waiting(&address.host).map_or_else(String::new, |reason| format!(": {reason}"));
                Err(Error::disconnected(doing(), format!("{limit}{why}")))
            }
        }
    }

    async fn shake_hands(self, stream: TcpStream, node: i32, address: &Address) -> Result<Connection> {
        let security = &self.config.security;
        let client_id = StrBytes::from_string(self.config.client_id.clone());
        let stream = match &security.tls {
            Some(tls) => match start_tls(tls, stream, address).await {
                Ok(stream) => stream,
                Err(error) => {
                    if error.is_authentication() {
                        self.metrics.authenticated(tokio::time::Instant::now(), Authentication::Refused);
                    }
                    return Err(error);
                }
            },
            None => Stream::Plain(stream),
        };
        let mut connection = Connection::new(
            stream,
            address.clone(),
            &client_id,
            self.config.max_idle,
            security.sasl.is_some(),
            (node, self.metrics),
        );
        connection.set_versions(versions(&connection).await?);
        let mut renewable = false;
        if let Some(sasl) = &security.sasl {
            let versions = Arc::clone(connection.versions());
            let proof = authenticate(sasl, &versions, &format!("at broker {address}"), &mut &connection).await;
            if proof.as_ref().is_err_and(Error::is_authentication) {
                self.metrics.authenticated(tokio::time::Instant::now(), Authentication::Refused);
            }
            if let Some(lifetime) = proof? {
                renewable = true;
                connection.renew(Renewal { due: renewal_due(lifetime), sasl: Arc::clone(sasl), versions });
            }
        }
        if security.tls.is_some() || security.sasl.is_some() {
            self.metrics.authenticated(tokio::time::Instant::now(), Authentication::Accepted { renewable });
        }
        Ok(connection)
    }
}

async fn open_socket(config: &ClientConfig, target: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(size) = config.send_buffer {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = config.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn start_tls(tls: &Arc<TlsContext>, stream: TcpStream, address: &Address) -> Result<Stream> {
    let doing = || format!("cannot connect to broker {address}");
    let name = match (ServerName::try_from(address.host.clone()), stream.peer_addr()) {
        (Ok(name), _) => name,
        (Err(_), _) if tls.checks_host() => {
            let reason = "no certificate can have this host name; connect by another, or switch the check off with an empty ssl.endpoint.identification.algorithm";
            return Err(Error::Authentication {
                doing: doing(),
                reason: reason.to_owned(),
                kind: AuthenticationKind::Ssl,
            });
        }
        (Err(_), Ok(peer)) => ServerName::IpAddress(peer.ip().into()),
        (Err(_), Err(error)) => return Err(Error::disconnected(doing(), error)),
    };
    match Box::pin(TlsConnector::from(tls.config().await).connect(name, stream)).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(handshake_failure(doing(), &error)),
    }
}

async fn versions(connection: &Connection) -> Result<Arc<Versions>> {
    let mut response = ask_versions(connection, API_VERSIONS).await?;
    if response.error_code == ErrorCode::UNSUPPORTED_VERSION.code() {
        // Old brokers answer what they do not know in version 0. Those from 2.4 on name the version they would understand.
        let own = response.api_keys.iter().find(|api| api.api_key == ApiVersionsRequest::KEY);
        let version = own.map_or(0, |api| api.max_version.clamp(0, API_VERSIONS - 1));
        response = ask_versions(connection, version).await?;
    }
    match ErrorCode::from_wire(response.error_code) {
        Some(code) => Err(Error::broker(connection.doing(ApiVersionsRequest::KEY), code, None)),
        None => Ok(Versions::of(&response)),
    }
}

async fn ask_versions(connection: &Connection, version: i16) -> Result<ApiVersionsResponse> {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request = request
            .with_client_software_name(StrBytes::from_static_str("milena"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
    }
    let correlation_id = connection.correlation_id();
    let frame = encode_request(&request, version, correlation_id, connection.client_id(), 0)?;
    let answer = connection.send(vec![frame.freeze()], correlation_id).await;
    let answer = answer.map_err(|_| connection.broken(connection.doing(ApiVersionsRequest::KEY)))?;
    // Correlation id, then the error code, whatever the version.
    let refused = answer.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.code().to_be_bytes());
    if refused && version > 0 {
        let mut body = answer.slice(4..);
        let first = check_answer(ApiVersionsRequest::KEY, 0, 0, &answer);
        let read = first.and_then(|()| ApiVersionsResponse::decode(&mut body, 0).map_err(|error| error.to_string()));
        return Ok(read.unwrap_or_else(|_| {
            ApiVersionsResponse::default().with_error_code(ErrorCode::UNSUPPORTED_VERSION.code())
        }));
    }
    decode_response::<ApiVersionsRequest>(answer, version, correlation_id)
        .map_err(|reason| Error::protocol(connection.doing(ApiVersionsRequest::KEY), reason))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    type Attempt = BoxFuture<'static, Result<u8>>;

    fn dead() -> Attempt {
        Box::pin(std::future::pending())
    }

    fn ready(result: Result<u8>) -> Attempt {
        Box::pin(async { result })
    }

    #[tokio::test]
    async fn dead_ones_cost_a_short_start_each_and_refusing_ones_nothing() {
        let lost = || Error::disconnected("a", "b");
        let start = Instant::now();
        assert_eq!(first_of([ready(Err(lost())), ready(Ok(1)), dead()]).await.unwrap(), 1);
        assert!(start.elapsed() < STAGGER, "a refused one has cost time");
        let start = Instant::now();
        assert_eq!(first_of([dead(), dead(), ready(Ok(2))]).await.unwrap(), 2);
        assert!(start.elapsed() >= STAGGER * 2 && start.elapsed() < STAGGER * 10);
        assert!(first_of([ready(Err(lost())), ready(Err(lost()))]).await.unwrap_err().is_retriable());
        assert!(first_of(Vec::<Attempt>::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_refusal_ends_all_attempts() {
        let refused =
            Error::Authentication { doing: "a".to_owned(), reason: "b".to_owned(), kind: AuthenticationKind::Sasl };
        let start = Instant::now();
        assert!(first_of([ready(Err(refused)), dead()]).await.unwrap_err().is_authentication());
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
