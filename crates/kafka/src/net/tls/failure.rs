//! What a failed handshake means, in words, and whether trying again can help.

use std::io;

use rustls::{AlertDescription, Error as TlsError};

use super::verifier;
use crate::error::{AuthenticationKind, Error};

/// The error of a handshake, or of a connection that the broker ended right after it, as TLS 1.3 lets it.
pub(in crate::net) fn handshake_failure(doing: impl Into<String>, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(error) => {
            Error::Authentication { doing: doing.into(), reason: explain(error), kind: AuthenticationKind::Ssl }
        }
        None => Error::disconnected(
            doing,
            format!(
                "the connection broke in the TLS handshake ({error}); is it a listener with TLS (SSL or SASL_SSL)?"
            ),
        ),
    }
}

/// Why TLS refused, if `error` says so.
pub(in crate::net) fn refusal(error: &io::Error) -> Option<String> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()).map(explain)
}

fn explain(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => verifier::explain(error),
        TlsError::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the broker requires a certificate of the client; set ssl.keystore.location and its password; a certificate is shown only if an authority that the broker names has signed it".to_owned()
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => {
                format!("the broker does not accept this client's certificate (alert {alert:?}); check the one in ssl.keystore.location, or set one")
            }
            AlertDescription::ProtocolVersion => {
                "the broker speaks no TLS version of ssl.enabled.protocols".to_owned()
            }
            AlertDescription::HandshakeFailure => {
                "the broker found no common cipher suite or no certificate that it needs (alert HandshakeFailure); check ssl.cipher.suites and ssl.keystore.location".to_owned()
            }
            _ => format!("the broker ended the TLS handshake with alert {alert:?}"),
        },
        TlsError::InvalidMessage(_) => {
            "the answer is not TLS; is it a listener without TLS (security.protocol PLAINTEXT or SASL_PLAINTEXT)?".to_owned()
        }
        TlsError::PeerIncompatible(_) => {
            format!("the broker offers nothing that ssl.enabled.protocols and ssl.cipher.suites allow: {error}")
        }
        _ => format!("TLS handshake failed: {error}"),
    }
}
