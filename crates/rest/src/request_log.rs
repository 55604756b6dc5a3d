//! The request log: one line per request, in the extended form of NCSA with the milliseconds it took.
//!
//! Counterpart: the CustomRequestLog of org.apache.kafka.connect.runtime.rest.RestServer.

use std::net::IpAddr;
use std::time::Instant;

use hyper::header::{HeaderMap, HeaderName, REFERER, USER_AGENT};
use hyper::{Method, Request, Uri, Version};
use jiff::Timestamp;

/// What the line tells of a request, taken before the request is consumed.
pub struct Entry {
    client: IpAddr,
    method: Method,
    uri: Uri,
    version: Version,
    referer: String,
    agent: String,
    at: Timestamp,
    since: Instant,
}

impl Entry {
    /// Starts the clock. `None` if nobody wants the line.
    pub fn start<B>(client: IpAddr, request: &Request<B>) -> Option<Self> {
        if !tracing::enabled!(target: "org.apache.kafka.connect.runtime.rest.RestServer", tracing::Level::INFO) {
            return None;
        }
        Some(Entry {
            client: client.to_canonical(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: quoted(request.headers(), &REFERER),
            agent: quoted(request.headers(), &USER_AGENT),
            at: Timestamp::now(),
            since: Instant::now(),
        })
    }

    /// Logs the line.
    pub fn finish(self, status: u16, bytes: usize) {
        let Entry { client, method, uri, version, referer, agent, at, since } = self;
        let (at, took) = (at.strftime("%d/%b/%Y:%H:%M:%S +0000"), since.elapsed().as_millis());
        tracing::info!(
            target: "org.apache.kafka.connect.runtime.rest.RestServer",
            "{client} - - [{at}] \"{method} {uri} {version:?}\" {status} {bytes} \"{referer}\" \"{agent}\" {took}"
        );
    }
}

fn quoted(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\"")
}
