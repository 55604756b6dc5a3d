//! `milena broker`: the development broker alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use milena_devbroker::{
    Authority, BANNER, ClientCertificates, DevBroker, DevBrokerConfig, Listener, Protocol, Security, Tls, User,
};
use milena_runtime::logging::{self, JavaLevel};

use crate::cli::BrokerOptions;
use crate::process::Runtimes;
use crate::signals;
use crate::standalone::{failed, stopped};

const START_FAILED: u8 = 2;
/// Where the certificate of a broker's own authority is put, in its data folder or that of temporary files.
const AUTHORITY_FILE: &str = "milena-broker-authority.pem";

/// Runs the broker until a signal.
pub fn main(options: BrokerOptions) -> ExitCode {
    logging::install(JavaLevel::Info);
    let runtimes = match Runtimes::new() {
        Ok(runtimes) => runtimes,
        Err(error) => return failed("the broker could not start", &error, START_FAILED),
    };
    runtimes.run(async move {
        let (broker, authority) = match start(&options).await {
            Ok(started) => started,
            Err(error) => return failed("the broker could not start", &error, START_FAILED),
        };
        tell(&broker, authority.as_deref());
        let code = stopped(signals::stop_requested().await);
        broker.stop().await;
        code
    })
}

/// Starts the broker; also says where the certificate is that clients have to trust, if the broker made one.
async fn start(options: &BrokerOptions) -> Result<(DevBroker, Option<PathBuf>)> {
    let mut security = Security::default();
    if let Some(file) = &options.users {
        security.users = users(file)?;
    }
    let mut more_listeners = Vec::new();
    let mut authority = None;
    if let Some(port) = options.tls_port {
        let protocol = if options.users.is_some() { Protocol::SaslSsl } else { Protocol::Ssl };
        more_listeners.push(Listener { protocol, address: local(port) });
        let (tls, file) = tls(options)?;
        security.tls = Some(tls);
        authority = file;
    }
    if let Some(port) = options.sasl_port {
        more_listeners.push(Listener { protocol: Protocol::SaslPlaintext, address: local(port) });
    }
    let config = DevBrokerConfig {
        listen: local(options.port),
        dir: options.dir.clone(),
        default_partitions: options.partitions,
        follower_fetching: !options.racks.is_empty(),
        racks: options.racks.clone(),
        more_listeners,
        security,
        ..DevBrokerConfig::nodes(usize::from(options.nodes))
    };
    let broker = DevBroker::start(config).await.context(
        "could not start the development broker; choose other ports, 0 takes any that is free, and each node takes one more",
    )?;
    Ok((broker, authority))
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))
}

/// Lines `NAME=PASSWORD`; empty ones and those that begin with `#` do not count.
fn users(file: &Path) -> Result<Vec<User>> {
    let text = read(file)?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let users = lines.map(|(number, line)| match line.split_once('=') {
        Some((name, password)) if !name.trim().is_empty() && !password.is_empty() => {
            Ok(User::new(name.trim(), password))
        }
        _ => bail!("line {number} of {} is not NAME=PASSWORD", file.display()),
    });
    let users = users.collect::<Result<Vec<_>>>()?;
    if users.is_empty() {
        bail!("{} names no user: write a line NAME=PASSWORD for each", file.display());
    }
    Ok(users)
}

fn tls(options: &BrokerOptions) -> Result<(Tls, Option<PathBuf>)> {
    if let (Some(certificate), Some(key)) = (&options.tls_certificate, &options.tls_key) {
        let (certificates, key) = (read(certificate)?, read(key)?);
        return Ok((Tls { certificates, key, clients: ClientCertificates::None, client_authorities: None }, None));
    }
    let authority = Authority::new()?;
    let tls = Tls::of(&authority)?;
    let dir = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let file = dir.join(AUTHORITY_FILE);
    std::fs::create_dir_all(&dir)
        .and_then(|()| std::fs::write(&file, authority.certificate()))
        .with_context(|| format!("could not write {}", file.display()))?;
    Ok((tls, Some(file)))
}

fn tell(broker: &DevBroker, authority: Option<&Path>) {
    println!("{BANNER}\nBroker at {}. Ctrl-C stops it.", broker.bootstrap());
    for protocol in [Protocol::Ssl, Protocol::SaslSsl, Protocol::SaslPlaintext] {
        if let Some(bootstrap) = broker.bootstrap_of(protocol) {
            println!("{} at {bootstrap}.", protocol.name());
        }
    }
    if let Some(file) = authority {
        println!("Clients trust it with ssl.truststore.type=PEM and ssl.truststore.location={}.", file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> BrokerOptions {
        BrokerOptions {
            dir: None,
            port: 0,
            partitions: 1,
            nodes: 2,
            racks: Vec::new(),
            tls_port: Some(0),
            tls_certificate: None,
            tls_key: None,
            sasl_port: Some(0),
            users: None,
        }
    }

    #[tokio::test]
    async fn every_listener_that_is_asked_for_is_there() {
        let dir = std::env::temp_dir().join(format!("milena-broker-test-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("users");
        std::fs::write(&file, "# who may\nalice=secret=1\n\nbob=x\n").unwrap();
        let options = BrokerOptions { users: Some(file), dir: Some(dir.clone()), ..options() };
        let (broker, authority) = start(&options).await.unwrap();
        for protocol in [Protocol::Plaintext, Protocol::SaslSsl, Protocol::SaslPlaintext] {
            assert_eq!(broker.bootstrap_of(protocol).unwrap().split(',').count(), 2, "{}", protocol.name());
        }
        assert!(std::fs::read_to_string(authority.unwrap()).unwrap().contains("BEGIN CERTIFICATE"));
        broker.stop().await;
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_of_users_that_makes_no_sense_is_refused_without_its_passwords() {
        let file = std::env::temp_dir().join(format!("milena-broker-users-{}", std::process::id()));
        for text in ["", "# nobody\n", "alice=\n", "topsecret\n"] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", users(&file).unwrap_err());
            assert!(error.contains("NAME=PASSWORD") && !error.contains("topsecret"), "{error}");
        }
        std::fs::remove_file(file).unwrap();
    }
}
