//! Which of its certificates a client shows.
//!
//! Counterpart: javax.net.ssl.X509KeyManager as Java's SunX509 does it.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// Shows the first certificate that the broker's authorities have signed, else the first it can check at all.
#[derive(Debug)]
pub(super) struct ClientKeys(pub Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientKeys {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = || self.0.iter().filter(|key| key.key.choose_scheme(schemes).is_some());
        let asked_for = |key: &&Arc<CertifiedKey>| {
            key.cert.iter().any(|certificate| {
                x509_parser::parse_x509_certificate(certificate)
                    .is_ok_and(|(_, parsed)| authorities.contains(&parsed.issuer().as_raw()))
            })
        };
        usable().find(asked_for).or_else(|| usable().next()).map(Arc::clone)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
