//! The embedded broker with TLS and SASL, and its clients under the names that those of the secured real broker have.

use std::path::Path;
use std::time::Duration;

use milena_devbroker::{
    Authority, ClientCertificates, DevBroker, DevBrokerConfig, Listener, Protocol, Security, Tls, User,
};

/// How long an authentication holds.
const SESSION: Duration = Duration::from_secs(2);

/// A broker and the folder with its clients' certificates.
pub struct DevSecure {
    pub broker: DevBroker,
    tls: tempfile::TempDir,
}

impl DevSecure {
    pub async fn start() -> Self {
        let tls = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(tls.path().join(name), text).unwrap();
        let authority = Authority::new().unwrap();
        let alice = authority.issue("alice", &["alice"]).unwrap();
        write("ca.pem", authority.certificate());
        write("other-ca.pem", Authority::new().unwrap().certificate());
        write("alice.pem", &format!("{}{}", alice.certificate, authority.certificate()));
        write("alice.key", &alice.key);
        write("alice-bundle.pem", &format!("{}{}", alice.key, alice.certificate));
        let any = ([127, 0, 0, 1], 0).into();
        let listener = |protocol| Listener { protocol, address: any };
        let security = Security {
            tls: Some(Tls { clients: ClientCertificates::Requested, ..Tls::of(&authority).unwrap() }),
            users: vec![User::new("alice", "alice-secret")],
            max_reauth: Some(SESSION),
            ..Security::default()
        };
        let broker = DevBroker::start(DevBrokerConfig {
            protocol: Protocol::SaslSsl,
            more_listeners: vec![listener(Protocol::Ssl), listener(Protocol::SaslPlaintext)],
            security,
            ..DevBrokerConfig::default()
        });
        Self { broker: broker.await.unwrap(), tls }
    }

    /// The folder with certificates and keys.
    pub fn tls_dir(&self) -> &Path {
        self.tls.path()
    }

    /// Properties of a client by name.
    pub fn client(&self, name: &str) -> Vec<(String, String)> {
        let (protocol, authority) = match name {
            "wrong-ca" => (Protocol::SaslSsl, "other-ca.pem"),
            "scram256-alice" => (Protocol::SaslPlaintext, "ca.pem"),
            "mtls-pem-alice" | "tls-anonymous" => (Protocol::Ssl, "ca.pem"),
            _ => (Protocol::SaslSsl, "ca.pem"),
        };
        let jaas = |module: &str, password: &str| {
            format!("org.apache.kafka.common.security.{module} required username=\"alice\" password=\"{password}\";")
        };
        let scram = "scram.ScramLoginModule";
        let sasl = match name {
            "scram512-alice" | "wrong-ca" => Some(("SCRAM-SHA-512", jaas(scram, "alice-secret"))),
            "wrong-password" => Some(("SCRAM-SHA-512", jaas(scram, "wrong"))),
            "scram256-alice" => Some(("SCRAM-SHA-256", jaas(scram, "alice-secret"))),
            "plain-alice" => Some(("PLAIN", jaas("plain.PlainLoginModule", "alice-secret"))),
            "mtls-pem-alice" | "tls-anonymous" => None,
            _ => panic!("the embedded broker has no client {name}"),
        };
        let file = |name: &str| self.tls.path().join(name).to_str().unwrap().to_owned();
        let mut all = vec![
            ("bootstrap.servers", self.broker.bootstrap_of(protocol).unwrap()),
            ("security.protocol", protocol.name().to_owned()),
            ("ssl.truststore.type", "PEM".to_owned()),
            ("ssl.truststore.location", file(authority)),
        ];
        if let Some((mechanism, jaas)) = sasl {
            all.extend([("sasl.mechanism", mechanism.to_owned()), ("sasl.jaas.config", jaas)]);
        }
        if name == "mtls-pem-alice" {
            all.extend([("ssl.keystore.type", "PEM".to_owned()), ("ssl.keystore.location", file("alice-bundle.pem"))]);
        }
        all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
