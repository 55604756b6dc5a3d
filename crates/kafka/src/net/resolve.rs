//! Host names to addresses and back.
//!
//! Counterpart: org.apache.kafka.clients.DefaultHostResolver and ClientUtils.parseAndValidateAddresses.

use std::net::{IpAddr, SocketAddr};

use tokio::sync::Semaphore;

use super::address::Address;
use crate::spawn::blocking;

/// Look-ups at the same time in the whole process: each takes a thread while it lasts.
static LOOKUPS: Semaphore = Semaphore::const_new(8);

/// All addresses of a host, in the order in which the operating system gives them.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let _turn = LOOKUPS.acquire().await.map_err(|error| error.to_string())?;
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| format!("cannot resolve the host name {host}: {error}"))?;
    let mut targets: Vec<SocketAddr> = Vec::new();
    for target in found {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    if targets.is_empty() { Err(format!("the host name {host} has no address")) } else { Ok(targets) }
}

/// Each server under the names of all its addresses, as Kerberos needs them. Servers that cannot be resolved are left out.
pub(super) async fn canonical(servers: &[Address]) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for server in servers {
        for target in resolve(&server.host, server.port).await.unwrap_or_default() {
            let Ok(_turn) = LOOKUPS.acquire().await else { continue };
            let name = blocking(move || dns_lookup::lookup_addr(&target.ip()).ok()).await.flatten();
            let address = Address { host: name.unwrap_or_else(|| target.ip().to_string()), port: server.port };
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses_are_resolved() {
        assert_eq!(resolve("127.0.0.1", 7).await.unwrap(), [SocketAddr::from(([127, 0, 0, 1], 7))]);
        assert!(resolve("localhost", 7).await.unwrap().iter().all(|target| target.ip().is_loopback()));
        assert!(resolve("no-such-host.invalid", 7).await.unwrap_err().contains("no-such-host.invalid"));
        let server = |host: &str| Address { host: host.to_owned(), port: 9 };
        let names = canonical(&[server("127.0.0.1"), server("no-such-host.invalid")]).await;
        assert_eq!(names.iter().map(|name| name.port).collect::<Vec<_>>(), [9]);
    }
}
