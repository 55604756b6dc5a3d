//! What is configured: listeners, certificates, users.

use super::tls::Authority;
use crate::error::Result;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What a listener speaks, by Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// `PLAINTEXT`
    #[default]
    Plaintext,
    /// `SSL`
    Ssl,
    /// `SASL_PLAINTEXT`
    SaslPlaintext,
    /// `SASL_SSL`
    SaslSsl,
}

impl Protocol {
    /// Whether its connections are encrypted.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether its clients authenticate.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Kafka's name (`security.protocol`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

/// A further listener of every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where node 1 listens; port 0 takes any free one. Further nodes take the ports after it, or any.
    pub address: SocketAddr,
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// `PLAIN`
    Plain,
    /// `SCRAM-SHA-256`
    ScramSha256,
    /// `SCRAM-SHA-512`
    ScramSha512,
}

impl Mechanism {
    /// All that the broker has.
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Somebody who may authenticate, by any of the enabled mechanisms.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub(super) name: String,
    pub(super) password: String,
}

impl User {
    /// A user and the password.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), password: password.into() }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("password", &"[hidden]").finish()
    }
}

/// Whether clients show a certificate (`ssl.client.auth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    None,
    /// They are asked, and may have none.
    Requested,
    /// They must.
    Required,
}

/// Certificates of the encrypted listeners.
#[derive(Clone)]
pub struct Tls {
    /// The broker's certificate and those above it, as PEM.
    pub certificates: String,
    /// The broker's private key, as PEM (PKCS#8, PKCS#1 or SEC1, not encrypted).
    pub key: String,
    /// Whether clients show a certificate.
    pub clients: ClientCertificates,
    /// Whom clients' certificates must come from, as PEM; needed if they are asked for one.
    pub client_authorities: Option<String>,
}

impl Tls {
    /// A certificate for `localhost` and this machine's loopback addresses from an authority of the caller's.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub fn of(authority: &Authority) -> Result<Self> {
        let identity = authority.issue("localhost", &["localhost", "127.0.0.1", "::1"])?;
        Ok(Self {
            certificates: identity.certificate,
            key: identity.key,
            clients: ClientCertificates::None,
            client_authorities: Some(authority.certificate().to_owned()),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).field("key", &"[hidden]").finish_non_exhaustive()
    }
}

/// How listeners other than plain ones are secured.
#[derive(Debug, Clone)]
pub struct Security {
    /// Certificates of the encrypted listeners.
    pub tls: Option<Tls>,
    /// Who may authenticate at the listeners with SASL.
    pub users: Vec<User>,
    /// The mechanisms they may use (`sasl.enabled.mechanisms`). Default all three.
    pub mechanisms: Vec<Mechanism>,
    /// How long an authentication holds before the client has to renew it (`connections.max.reauth.ms`). Default for ever.
    pub max_reauth: Option<Duration>,
}

impl Default for Security {
    fn default() -> Self {
        Self { tls: None, users: Vec::new(), mechanisms: Mechanism::ALL.to_vec(), max_reauth: None }
    }
}
