//! Host and port of a broker.
//!
//! Counterpart: org.apache.kafka.clients.ClientUtils.

use std::fmt;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub host: String,
    pub port: u16,
}

impl Address {
    /// `host:port`, `[ipv6]:port`, or either behind a `PROTOCOL://`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let port = port.parse().ok()?;
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_java_reads_them() {
        let read = |text| Address::parse(text).map(|a| a.to_string());
        assert_eq!(read("localhost:9092").as_deref(), Some("localhost:9092"));
        assert_eq!(read("PLAINTEXT://127.0.0.1:1").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(read("[::1]:9092").as_deref(), Some("[::1]:9092"));
        for wrong in ["", "host", "host:", ":9092", "::1:9092", "host:99999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
