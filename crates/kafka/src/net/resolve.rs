//! Host names to addresses and back.
//!
//! Counterpart: org.apache.kafka.clients.DefaultHostResolver and ClientUtils.parseAndValidateAddresses.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::address::Address;
use super::lookups::Lookups;

/// Look-ups at the same time in the whole process, each of another name: so many names have to be dead before others wait.
const THREADS: usize = 64;

static ADDRESSES: Lookups<String, Vec<IpAddr>> = Lookups::new(THREADS, addresses);
static NAMES: Lookups<IpAddr, String> = Lookups::new(THREADS, canonical_name);

fn addresses(host: &String) -> Result<Vec<IpAddr>, String> {
    let found = (host.as_str(), 0).to_socket_addrs();
    let found = found.map_err(|error| format!("cannot resolve the host name {host}: {error}"))?;
    let mut all: Vec<IpAddr> = Vec::new();
    for address in found {
        if !all.contains(&address.ip()) {
            all.push(address.ip());
        }
    }
    if all.is_empty() { Err(format!("the host name {host} has no address")) } else { Ok(all) }
}

/// The name of an address if it leads back to the address, else the address as text. Whoever answers for the address alone could name any host.
fn canonical_name(ip: &IpAddr) -> Result<String, String> {
    Ok(confirmed(*ip, dns_lookup::lookup_addr(ip).ok(), addresses))
}

fn confirmed(ip: IpAddr, name: Option<String>, look_up: impl Fn(&String) -> Result<Vec<IpAddr>, String>) -> String {
    let leads_back = |name: &String| look_up(name).is_ok_and(|found| found.contains(&ip));
    name.filter(leads_back).unwrap_or_else(|| ip.to_string())
}

/// Why a host that is still being looked up has no addresses yet.
pub(super) fn waiting(host: &str) -> Option<String> {
    let open = ADDRESSES.open();
    ADDRESSES.is_open(&host.to_owned()).then(|| {
        format!("the name service has not answered for the host name {host}, one of {open} that are being looked up")
    })
}

/// All addresses of a host, in the order in which the operating system gives them.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = ADDRESSES.ask(&host.to_owned()).await?;
    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

/// A server under the names of all its addresses, as Kerberos needs them; none if it cannot be resolved.
pub(super) async fn canonical(server: &Address) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for target in resolve(&server.host, server.port).await.unwrap_or_default() {
        let host = NAMES.ask(&target.ip()).await.unwrap_or_else(|_| target.ip().to_string());
        let address = Address { host, port: server.port };
        if !all.contains(&address) {
            all.push(address);
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
        assert_eq!(waiting("no-such-host.invalid"), None);
        let server = |host: &str| Address { host: host.to_owned(), port: 9 };
        assert_eq!(canonical(&server("127.0.0.1")).await.iter().map(|name| name.port).collect::<Vec<_>>(), [9]);
        assert_eq!(canonical(&server("no-such-host.invalid")).await, []);
    }

    #[test]
    fn a_name_counts_only_if_it_leads_back_to_its_address() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        let look_up = |name: &String| match name.as_str() {
            "honest" => Ok(vec![IpAddr::from([192, 0, 2, 9]), ip]),
            "borrowed" => Ok(vec![IpAddr::from([192, 0, 2, 9])]),
            _ => Err("no such host".to_owned()),
        };
        let name = |name: &str| confirmed(ip, Some(name.to_owned()), look_up);
        assert_eq!((name("honest"), name("borrowed"), name("gone")), ("honest".into(), ip.to_string(), ip.to_string()));
        assert_eq!(confirmed(ip, None, look_up), ip.to_string());
    }
}
