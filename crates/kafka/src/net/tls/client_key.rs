//! Which of its certificates a client shows.
//!
//! Counterpart: javax.net.ssl.X509KeyManager as Java's SunX509 does it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// Shows the first certificate that one of the broker's authorities has signed and the broker can check; to a broker that names no authority the first
/// it can check. Others learn nothing about who this client is.
#[derive(Debug)]
pub(super) struct ClientKeys(pub Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientKeys {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut usable = self.0.iter().filter(|key| key.key.choose_scheme(schemes).is_some());
        if authorities.is_empty() {
            return usable.next().map(Arc::clone);
        }
        let names: Vec<_> = authorities.iter().filter_map(|authority| canonical_der(authority)).collect();
        let issued = |key: &&Arc<CertifiedKey>| {
            key.cert.iter().any(|certificate| {
                let parsed = x509_parser::parse_x509_certificate(certificate);
                parsed.is_ok_and(|(_, parsed)| {
                    authorities.contains(&parsed.issuer().as_raw()) || names.contains(&canonical(parsed.issuer()))
                })
            })
        };
        let shown = usable.find(issued).map(Arc::clone);
        if shown.is_none() {
            tracing::debug!(
                "no certificate of the key store is shown: the broker names authorities, and none has signed one"
            );
        }
        shown
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A name in the form in which Java compares them: kinds of text, case and extra blanks do not matter.
type Canonical = Vec<BTreeSet<(String, Result<String, Vec<u8>>)>>;

fn canonical(name: &X509Name<'_>) -> Canonical {
    let part = |part: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let text = match part.as_str() {
            Ok(text) => Ok(text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()),
            Err(_) => Err(part.attr_value().data.to_vec()),
        };
        (part.attr_type().to_id_string(), text)
    };
    name.iter().map(|parts| parts.iter().map(part).collect()).collect()
}

fn canonical_der(name: &[u8]) -> Option<Canonical> {
    X509Name::from_der(name).ok().map(|(_, name)| canonical(&name))
}

#[cfg(test)]
pub(super) fn text_of_first_name(name: &[u8]) -> Option<String> {
    let (_, name) = X509Name::from_der(name).ok()?;
    name.iter_common_name().next()?.as_str().ok().map(str::to_owned)
}
