//! Listeners: parsing, binding, and the URL that is advertised to other workers.
//!
//! Counterpart: the listener half of org.apache.kafka.connect.runtime.rest.RestServer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tokio::net::TcpListener;

use crate::config::RestConfig;
use crate::error::{Error, Result};

/// The property of the main listeners.
pub const MAIN: &str = "listeners";
/// The property of listeners for `/admin` alone.
pub const ADMIN: &str = "admin.listeners";

/// A listener as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Without brackets; empty means all interfaces.
    pub host: String,
    /// 0 means any free port.
    pub port: u16,
}

/// A listener that takes connections.
pub struct Bound {
    /// What was configured.
    pub listener: Listener,
    /// Where it listens.
    pub address: SocketAddr,
    /// The socket.
    pub socket: TcpListener,
}

/// Parses `listeners` or `admin.listeners`.
///
/// # Errors
/// The form is wrong, the protocol unknown or one that this version does not serve.
pub fn parse(key: &'static str, listeners: &[String]) -> Result<Vec<Listener>> {
    let invalid = |reason: String| Error::Config { key, reason };
    if listeners.is_empty() && key == MAIN {
        let reason = "Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.";
        return Err(invalid(reason.to_owned()));
    }
    let parse = |text: &String| {
        if text.trim().is_empty() {
            return Err(invalid("Empty URL found when parsing listeners list.".to_owned()));
        }
        parse_one(text.trim()).map_err(invalid)
    };
    listeners.iter().map(parse).collect()
}

fn parse_one(text: &str) -> Result<Listener, String> {
    let wrong_form = || format!("{text}: Listener doesn't have the right format (protocol://hostname:port).");
    let (protocol, rest) = text.rsplit_once("://").ok_or_else(wrong_form)?;
    let (host, port) = rest.rsplit_once(':').ok_or_else(wrong_form)?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let digits = port.strip_prefix('-').unwrap_or(port);
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-%._:".contains(c))
        || digits.is_empty()
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(wrong_form());
    }
    if protocol.eq_ignore_ascii_case("https") {
        return Err(format!(
            "{text}: this version serves http:// only, https:// comes later. Put a proxy that ends TLS before the worker"
        ));
    }
    if !protocol.eq_ignore_ascii_case("http") {
        return Err(format!("{text}: Listener protocol must be either \"http\" or \"https\"."));
    }
    let port = port.parse().map_err(|_| format!("{text}: the port must be between 0 and 65535"))?;
    Ok(Listener { host: host.to_owned(), port })
}

/// Opens a listener's socket.
///
/// # Errors
/// The address is in use, unknown or not allowed.
pub async fn bind(key: &'static str, listener: Listener) -> Result<Bound> {
    let opened = open(&listener).await.and_then(|socket| Ok((socket.local_addr()?, socket)));
    match opened {
        Ok((address, socket)) => Ok(Bound { listener, address, socket }),
        Err(source) => {
            let listener = format!("http://{}:{}", bracketed(&listener.host), listener.port);
            if source.kind() == io::ErrorKind::AddrInUse {
                return Err(Error::AddressInUse { key, listener, source });
            }
            Err(Error::Listen { key, listener, source })
        }
    }
}

async fn open(listener: &Listener) -> io::Result<TcpListener> {
    if !listener.host.is_empty() {
        return TcpListener::bind((listener.host.as_str(), listener.port)).await;
    }
    // One socket for both families; machines without IPv6 refuse it.
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, listener.port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, listener.port)).await
        }
        bound => bound,
    }
}

/// Scheme, host and port that other workers and clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Advertised {
    /// From the configuration and the first main listener.
    ///
    /// # Errors
    /// `rest.advertised.listener` is neither `http` nor `https`.
    pub fn new(config: &RestConfig, first: &Bound) -> Result<Self> {
        let scheme = match config.advertised_listener.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "http") => "http",
            Some("https") => "https",
            Some(other) => {
                let reason = format!("{other}: must be either \"http\" or \"https\"");
                return Err(Error::Config { key: "rest.advertised.listener", reason });
            }
        };
        let host = match config.advertised_host.as_deref().filter(|host| !host.is_empty()) {
            Some(host) => host.to_owned(),
            None if !first.listener.host.is_empty() => first.listener.host.clone(),
            None => local_address().to_string(),
        };
        Ok(Advertised { scheme, host: bracketed(&host), port: config.advertised_port.unwrap_or(first.address.port()) })
    }

    /// `http://host:port/`.
    pub fn url(&self) -> String {
        format!("{}://{}:{}/", self.scheme, self.host, self.port)
    }

    /// `host:port`.
    pub fn worker_id(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// An IPv6 address in brackets, anything else as it is.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// The address by which this machine reaches others. Connecting a datagram socket chooses it and sends nothing; the address
/// is one that is reserved for documentation.
fn local_address() -> IpAddr {
    let chosen = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    match chosen {
        Ok(address) if !address.ip().is_unspecified() => address.ip(),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Listener, String> {
        parse(MAIN, &[text.to_owned()]).map(|mut all| all.remove(0)).map_err(|error| error.to_string())
    }

    #[test]
    fn hosts_ports_and_brackets_are_understood() {
        let listener = |host: &str, port| Ok(Listener { host: host.to_owned(), port });
        assert_eq!(one("http://:8083"), listener("", 8083));
        assert_eq!(one("HTTP://example.org:80"), listener("example.org", 80));
        assert_eq!(one("http://[::1]:0"), listener("::1", 0));
        assert_eq!(one(" http://127.0.0.1:1 "), listener("127.0.0.1", 1));
    }

    #[test]
    fn wrong_listeners_are_named() {
        for (text, part) in [
            ("localhost:8083", "localhost:8083: Listener doesn't have the right format"),
            ("http://host:80/", "right format"),
            ("http://host", "right format"),
            ("ftp://host:80", "must be either \"http\" or \"https\""),
            ("https://host:443", "comes later"),
            ("http://host:70000", "between 0 and 65535"),
            ("http://host:-1", "between 0 and 65535"),
            ("", "Empty URL found"),
        ] {
            let error = one(text).unwrap_err();
            assert!(error.starts_with("invalid value for `listeners`: ") && error.contains(part), "{text}: {error}");
        }
        assert!(parse(MAIN, &[]).is_err());
        assert_eq!(parse(ADMIN, &[]).unwrap(), []);
    }

    #[tokio::test]
    async fn the_advertised_url_prefers_what_is_configured() {
        let bound = bind(MAIN, one("http://127.0.0.1:0").unwrap()).await.unwrap();
        let port = bound.address.port();
        let plain = Advertised::new(&RestConfig::default(), &bound).unwrap();
        assert_eq!(plain.url(), format!("http://127.0.0.1:{port}/"));
        assert_eq!(plain.worker_id(), format!("127.0.0.1:{port}"));
        let config = RestConfig {
            advertised_host: Some("::2".to_owned()),
            advertised_port: Some(9),
            advertised_listener: Some("HTTPS".to_owned()),
            ..RestConfig::default()
        };
        assert_eq!(Advertised::new(&config, &bound).unwrap().url(), "https://[::2]:9/");
        let config = RestConfig { advertised_listener: Some("gopher".to_owned()), ..RestConfig::default() };
        assert!(Advertised::new(&config, &bound).is_err());
    }

    #[tokio::test]
    async fn a_listener_without_host_listens_everywhere_and_advertises_an_address() {
        let bound = bind(MAIN, one("http://:0").unwrap()).await.unwrap();
        tokio::net::TcpStream::connect(("127.0.0.1", bound.address.port())).await.unwrap();
        let advertised = Advertised::new(&RestConfig::default(), &bound).unwrap();
        assert!(!advertised.worker_id().starts_with(':') && !advertised.worker_id().starts_with("0.0.0.0"));
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let bound = bind(MAIN, one("http://127.0.0.1:0").unwrap()).await.unwrap();
        let again = Listener { host: "127.0.0.1".to_owned(), port: bound.address.port() };
        let error = bind(MAIN, again).await.err().unwrap().to_string();
        assert!(error.contains(&format!("http://127.0.0.1:{}", bound.address.port())), "{error}");
        assert!(error.contains("in use") && error.contains("`listeners`"), "{error}");
    }
}
