//! Opens connections: all addresses of a host, a deadline, and the broker's versions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Decodable, Request, StrBytes};
use tokio::net::{TcpSocket, TcpStream};

use super::address::Address;
use super::connection::{Connection, decode_response, encode_request};
use super::untrusted::check_answer;
use super::versions::Versions;
use crate::config::ClientConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;

/// A second server is asked if the first is not there by then.
const STAGGER: Duration = Duration::from_millis(200);
/// From version 4 on, features that start at level 0 are told too.
const API_VERSIONS: i16 = 4;

/// Connects to one broker and learns its versions, within `socket.connection.setup.timeout.ms`.
pub(super) async fn connect(config: &ClientConfig, address: &Address) -> Result<Connection> {
    let doing = || format!("cannot connect to broker {address}");
    match tokio::time::timeout(config.connect_timeout, open(config, address)).await {
        Ok(opened) => opened,
        Err(_) => {
            Err(Error::disconnected(doing(), format!("no connection within {} ms", config.connect_timeout.as_millis())))
        }
    }
}

/// Connects to whichever answers first; each gets a short start over the next, so that a dead one costs little.
pub(super) async fn connect_any(config: &ClientConfig, addresses: &[Address]) -> Result<Connection> {
    let mut attempts = FuturesUnordered::new();
    let mut addresses = addresses.iter();
    let mut last = Error::disconnected("cannot connect to a broker", "none is known");
    loop {
        match addresses.next() {
            Some(address) => attempts.push(connect(config, address)),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let stagger = if addresses.len() == 0 { Duration::MAX } else { STAGGER };
        match tokio::time::timeout(stagger, attempts.next()).await {
            Ok(Some(Ok(connection))) => return Ok(connection),
            Ok(Some(Err(error))) => last = error,
            Ok(None) | Err(_) => {}
        }
    }
}

async fn open(config: &ClientConfig, address: &Address) -> Result<Connection> {
    let doing = || format!("cannot connect to broker {address}");
    let resolved = tokio::net::lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(|error| Error::disconnected(doing(), format!("cannot resolve the host name: {error}")))?;
    let mut last = Error::disconnected(doing(), "the host name has no address");
    for target in resolved {
        match open_socket(config, target).await {
            Ok(stream) => {
                let connection = Connection::new(stream, address.clone(), &config.client_id);
                let versions = versions(&connection, config.request_timeout).await?;
                return Ok(connection.with_versions(versions));
            }
            Err(error) => last = Error::disconnected(doing(), format!("{error} ({target})")),
        }
    }
    Err(last)
}

async fn open_socket(config: &ClientConfig, target: std::net::SocketAddr) -> std::io::Result<TcpStream> {
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

async fn versions(connection: &Connection, timeout: Duration) -> Result<Arc<Versions>> {
    let mut response = ask_versions(connection, API_VERSIONS, timeout).await?;
    if response.error_code == ErrorCode::UNSUPPORTED_VERSION.code() {
        // Old brokers answer what they do not know in version 0. Those from 2.4 on name the version they would understand.
        let own = response.api_keys.iter().find(|api| api.api_key == ApiVersionsRequest::KEY);
        let version = own.map_or(0, |api| api.max_version.clamp(0, API_VERSIONS - 1));
        response = ask_versions(connection, version, timeout).await?;
    }
    match ErrorCode::from_wire(response.error_code) {
        Some(code) => Err(Error::broker(connection.doing(ApiVersionsRequest::KEY), code, None)),
        None => Ok(Versions::of(&response)),
    }
}

async fn ask_versions(connection: &Connection, version: i16, timeout: Duration) -> Result<ApiVersionsResponse> {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request = request
            .with_client_software_name(StrBytes::from_static_str("milena"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
    }
    let correlation_id = connection.correlation_id();
    let frame = encode_request(&request, version, correlation_id, connection.client_id(), 0)?;
    let reply = connection.send(vec![frame.freeze()], correlation_id);
    let Ok(answer) = tokio::time::timeout(timeout, reply).await else {
        return Err(Error::timeout(connection.doing(ApiVersionsRequest::KEY), "no answer"));
    };
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
