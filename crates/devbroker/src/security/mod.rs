//! Who may talk to the broker: TLS, SASL PLAIN and SCRAM, and how long an authentication holds.
//!
//! Counterpart: org.apache.kafka.common.security.authenticator.SaslServerAuthenticator and its friends. There are no ACLs.

mod config;
mod sasl;
mod scram;
mod tls;

pub use config::{ClientCertificates, Listener, Mechanism, Protocol, Security, Tls, User};
pub(crate) use sasl::{Authentication, Denied, Users};
pub(crate) use tls::Encryption;
pub use tls::{Authority, Identity};
