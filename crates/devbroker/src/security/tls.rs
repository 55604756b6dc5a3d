//! Certificates: those of the listeners, and an authority that makes them.

use super::config::{ClientCertificates, Tls};
use crate::error::{Error, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use std::fmt;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

fn unusable(reason: impl fmt::Display) -> Error {
    Error::Tls { reason: reason.to_string() }
}

/// What encrypts the connections of a listener.
#[derive(Clone)]
pub(crate) struct Encryption(TlsAcceptor);

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryption")
    }
}

impl Encryption {
    /// Prepares the certificates for handshakes.
    pub fn new(tls: &Tls) -> Result<Self> {
        acceptor(tls).map(Self)
    }

    /// The broker's side of a handshake.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        Box::pin(self.0.accept(stream)).await
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let certificates = pem(&tls.certificates, "the broker's certificates")?;
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes())
        .map_err(|error| unusable(format!("the broker's private key cannot be read: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let config = match tls.clients {
        ClientCertificates::None => config.with_no_client_auth(),
        asked => {
            let authorities = tls.client_authorities.as_deref().unwrap_or_default();
            let mut roots = RootCertStore::empty();
            for certificate in pem(authorities, "the authorities of clients' certificates")? {
                roots.add(certificate).map_err(unusable)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match asked {
                ClientCertificates::Required => verifier,
                _ => verifier.allow_unauthenticated(),
            };
            config.with_client_cert_verifier(verifier.build().map_err(unusable)?)
        }
    };
    let config = config.with_single_cert(certificates, key).map_err(unusable)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn pem(text: &str, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<std::result::Result<Vec<_>, _>>();
    let certificates = read.map_err(|error| unusable(format!("{what} cannot be read: {error}")))?;
    if certificates.is_empty() { Err(unusable(format!("{what} are missing"))) } else { Ok(certificates) }
}

/// A certificate and its private key, as PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("key", &"[hidden]").finish_non_exhaustive()
    }
}

/// A certificate authority of one's own, for trying things out: clients trust its certificate, the broker gets one from it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "milena development broker authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(unusable)?;
        let certificate = params.self_signed(&key).map_err(unusable)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Its certificate as PEM: what clients put into `ssl.truststore.certificates`.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Makes a certificate for a broker or a client: its common name, and the host names and addresses that it is valid for.
    ///
    /// # Errors
    /// A name cannot be put into a certificate.
    pub fn issue(&self, common_name: &str, hosts: &[&str]) -> Result<Identity> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).map_err(unusable)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(unusable)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(unusable)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}
