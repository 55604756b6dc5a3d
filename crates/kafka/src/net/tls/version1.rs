//! Brokers' certificates of X.509 version 1, which tools made until lately where no extensions were asked for. Java takes them; webpki, which checks all
//! others, does not. Such a certificate must be signed by one in the trust store itself.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error};
use x509_parser::prelude::{ASN1Time, X509Certificate, X509Version};

use super::der;

/// The certificate, if it has this version.
pub(super) fn parse<'a>(own: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(own).ok()?;
    (parsed.version() == X509Version::V1).then_some(parsed)
}

/// Whether a certificate of the trust store is one of an authority: as in Java, version 3 has to say so, older ones cannot.
pub(super) fn may_sign(anchor: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(anchor) else { return false };
    if parsed.version() != X509Version::V3 {
        return true;
    }
    let is_authority = matches!(parsed.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca);
    let signs = match parsed.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
        Err(_) => false,
    };
    is_authority && signs
}

/// Whether it is valid now and signed by one of `anchors`.
pub(super) fn check(
    own: &X509Certificate<'_>,
    der: &[u8],
    anchors: &[CertificateDer<'_>],
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).ok().and_then(|secs| ASN1Time::from_timestamp(secs).ok());
    match now {
        Some(now) if now < own.validity().not_before => return Err(CertificateError::NotValidYet.into()),
        Some(now) if now <= own.validity().not_after => {}
        _ => return Err(CertificateError::Expired.into()),
    }
    let signed = Signed::of(der).ok_or(CertificateError::BadEncoding)?;
    let issuers = anchors
        .iter()
        .filter(|anchor| may_sign(anchor))
        .filter_map(|anchor| x509_parser::parse_x509_certificate(anchor).ok());
    let mut last = CertificateError::UnknownIssuer;
    for (_, issuer) in issuers.filter(|(_, issuer)| issuer.subject().as_raw() == own.issuer().as_raw()) {
        let Some(key) = Key::of(issuer.public_key().raw) else { continue };
        let fits = |algorithm: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == signed.algorithm
                && algorithm.public_key_alg_id().as_ref() == key.algorithm
        };
        last = CertificateError::BadSignature;
        let verified = |algorithm: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm.verify_signature(key.bits, signed.content, signed.signature).is_ok()
        };
        if algorithms.all.iter().filter(fits).any(verified) {
            return Ok(());
        }
    }
    Err(last.into())
}

/// Whether the broker has the key of this certificate, in TLS 1.3.
pub(super) fn check_tls13(
    own: &X509Certificate<'_>,
    message: &[u8],
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = SubjectPublicKeyInfoDer::from(own.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}

/// The same in TLS 1.2, where a scheme leaves the curve open.
pub(super) fn check_tls12(
    own: &X509Certificate<'_>,
    message: &[u8],
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::from(CertificateError::BadSignature);
    let key = Key::of(own.public_key().raw).ok_or(CertificateError::BadEncoding)?;
    let (_, candidates) = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme).ok_or_else(bad)?;
    let verified = candidates
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm)
        .any(|algorithm| algorithm.verify_signature(key.bits, message, signature.signature()).is_ok());
    if verified { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
}

/// The parts of a certificate around its signature.
struct Signed<'a> {
    content: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn of(mut der: &'a [u8]) -> Option<Self> {
        let whole = der::take(der::SEQUENCE, &mut der)?;
        let mut rest = whole;
        der::take(der::SEQUENCE, &mut rest)?;
        let content = whole.get(..whole.len() - rest.len())?;
        let algorithm = der::take(der::SEQUENCE, &mut rest)?;
        Some(Self { content, algorithm, signature: bits(&mut rest)? })
    }
}

/// A public key and what it is for.
struct Key<'a> {
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl<'a> Key<'a> {
    fn of(mut der: &'a [u8]) -> Option<Self> {
        let mut info = der::take(der::SEQUENCE, &mut der)?;
        Some(Self { algorithm: der::take(der::SEQUENCE, &mut info)?, bits: bits(&mut info)? })
    }
}

/// A bit string of whole bytes.
fn bits<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    match der::take(der::BITS, input)?.split_first()? {
        (0, bits) => Some(bits),
        _ => None,
    }
}
