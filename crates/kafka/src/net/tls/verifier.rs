//! Whether a broker is who it says it is.
//!
//! Counterpart: sun.security.ssl.X509TrustManagerImpl with PKIX, and sun.security.util.HostnameChecker.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::GeneralName;

use super::version1;

/// Checks chain and host name.
#[derive(Debug)]
pub(super) struct Verifier {
    pub roots: RootCertStore,
    /// Certificates of the trust store: a broker that shows one of these itself needs no further proof.
    pub pinned: Vec<CertificateDer<'static>>,
    pub check_host: bool,
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_pinned = self.pinned.iter().any(|pinned| pinned == own);
        if let Some(old) = version1::parse(own) {
            if !is_pinned {
                version1::check(&old, own, &self.pinned, now, &self.algorithms)?;
            }
            if self.check_host && !is_common_name(own, server_name) {
                return Err(CertificateError::NotValidForName.into());
            }
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(own)?;
        if !is_pinned {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)?;
        }
        if self.check_host
            && let Err(error) = verify_server_name(&parsed, server_name)
            && !is_common_name(own, server_name)
        {
            return Err(error);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version1::parse(own) {
            Some(old) => version1::check_tls12(&old, message, signature, &self.algorithms),
            None => verify_tls12_signature(message, own, signature, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version1::parse(own) {
            Some(old) => version1::check_tls13(&old, message, signature, &self.algorithms),
            None => verify_tls13_signature(message, own, signature, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether the subject's common name is the host's: what counts, as with Java, in a certificate that names no hosts otherwise.
fn is_common_name(own: &CertificateDer<'_>, server_name: &ServerName<'_>) -> bool {
    let ServerName::DnsName(host) = server_name else { return false };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(own) else { return false };
    let names_hosts = match certificate.subject_alternative_name() {
        Ok(Some(names)) => names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(_))),
        Ok(None) => false,
        Err(_) => true,
    };
    !names_hosts
        && certificate
            .subject()
            .iter_common_name()
            .any(|name| name.as_str().is_ok_and(|name| matches(name, host.as_ref())))
}

/// A name, or `*.` and the rest of one below the first dot.
fn matches(name: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match name.strip_prefix("*.") {
        Some(domain) => {
            host.split_once('.').is_some_and(|(_, rest)| rest.contains('.') && rest.eq_ignore_ascii_case(domain))
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

/// What a broker's certificate lacks, and the way out.
pub(super) fn explain(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the broker's certificate is not signed by an authority that this client trusts; add the authority to the trust store (ssl.truststore.location)".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the broker's certificate has expired ({error}); the broker needs a new one")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the broker's certificate is not valid yet ({error}); are the clocks right?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
            "the broker's certificate is for another host ({error}); connect by a name in it, or switch the check off with an empty ssl.endpoint.identification.algorithm"
        ),
        CertificateError::BadSignature => {
            "the broker's certificate does not bear the signature of the authority that it names, or the broker does not have its key; if the authority was made anew under its old name, put its new certificate into the trust store (ssl.truststore.location)".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the broker's certificate is not meant for servers (its extended key usage lacks serverAuth); the broker needs another one".to_owned()
        }
        _ => format!("the broker's certificate cannot be accepted: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_common_name_matches_as_java_matches_it() {
        assert!(matches("Broker.example.com", "broker.example.com."));
        assert!(matches("*.example.com", "broker.example.com"));
        for (name, host) in
            [("*.example.com", "a.b.example.com"), ("*.example.com", "example.com"), ("*.com", "a.com"), ("a", "b")]
        {
            assert!(!matches(name, host), "{name} {host}");
        }
    }
}
