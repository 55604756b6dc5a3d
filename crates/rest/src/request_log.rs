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
        tracing::enabled!(target: "org.apache.kafka.connect.runtime.rest.RestServer", tracing::Level::INFO)
            .then(|| Entry::new(client, request))
    }

    fn new<B>(client: IpAddr, request: &Request<B>) -> Self {
        Entry {
            client: client.to_canonical(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: quoted(request.headers(), &REFERER),
            agent: quoted(request.headers(), &USER_AGENT),
            at: Timestamp::now(),
            since: Instant::now(),
        }
    }

    /// Logs the line.
    pub fn finish(self, status: u16, bytes: usize) {
        let line = self.line(status, bytes, self.since.elapsed().as_millis());
        tracing::info!(target: "org.apache.kafka.connect.runtime.rest.RestServer", "{line}");
    }

    fn line(&self, status: u16, bytes: usize, millis: u128) -> String {
        let Entry { client, method, uri, version, referer, agent, at, .. } = self;
        let at = at.strftime("%d/%b/%Y:%H:%M:%S +0000");
        format!(
            "{client} - - [{at}] \"{method} {uri} {version:?}\" {status} {bytes} \"{referer}\" \"{agent}\" {millis}"
        )
    }
}

fn quoted(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_extended_ncsa_with_milliseconds() {
        let request = Request::get("/connectors?expand=info").header(USER_AGENT, "a \"b\"").body(()).unwrap();
        let client = IpAddr::V6("::ffff:127.0.0.1".parse().unwrap());
        let entry = Entry { at: Timestamp::UNIX_EPOCH, ..Entry::new(client, &request) };
        let expected =
            r#"127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /connectors?expand=info HTTP/1.1" 200 2 "" "a \"b\"" 7"#;
        assert_eq!(entry.line(200, 2, 7), expected);
    }
}
