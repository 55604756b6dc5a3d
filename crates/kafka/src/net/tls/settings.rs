//! What of the configuration shapes TLS.

use std::path::PathBuf;

use milena_api::config::Secret;
use rustls::SupportedCipherSuite;
use rustls::crypto::ring::ALL_CIPHER_SUITES;

/// Everything that makes two TLS configurations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    /// Who this client is.
    pub keystore: Option<StoreSource>,
    /// Whom it trusts; `None`: the authorities of the operating system.
    pub truststore: Option<StoreSource>,
    /// Whether the certificate must be of the host that was connected to.
    pub check_host: bool,
    pub versions: TlsVersions,
    /// Java's names; empty: all.
    pub suites: Vec<String>,
}

/// Where keys and certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreSource {
    /// A file: PEM, or JKS and PKCS12, which are told apart by their content.
    File { path: PathBuf, pem: bool, password: Option<Secret>, key_password: Option<Secret> },
    /// PEM in the configuration itself.
    Inline { certificates: Secret, key: Option<Secret>, key_password: Option<Secret> },
}

/// Protocol versions to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TlsVersions {
    pub v12: bool,
    pub v13: bool,
}

impl TlsSettings {
    /// Java's names of all cipher suites that there are.
    pub(crate) fn suites() -> Vec<String> {
        ALL_CIPHER_SUITES.iter().map(|suite| java_name(*suite)).collect()
    }

    pub(crate) fn knows_suite(name: &str) -> bool {
        ALL_CIPHER_SUITES.iter().any(|suite| java_name(*suite) == name)
    }

    pub(super) fn enabled_suites(&self) -> Vec<SupportedCipherSuite> {
        let enabled = |suite: &SupportedCipherSuite| self.suites.is_empty() || self.suites.contains(&java_name(*suite));
        ALL_CIPHER_SUITES.iter().copied().filter(enabled).collect()
    }
}

/// Suites of TLS 1.3 have `TLS13_` in front in rustls, `TLS_` in Java; the others are called alike.
fn java_name(suite: SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    name.strip_prefix("TLS13_").map_or_else(|| name.clone(), |rest| format!("TLS_{rest}"))
}
