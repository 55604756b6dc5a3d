//! Keys and certificates of one store.
//!
//! Counterpart: org.apache.kafka.common.security.ssl.DefaultSslEngineFactory.SecurityStore.

use milena_api::config::Secret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::StoreSource;
use super::{jks, pem, pkcs12};

/// What a store holds.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub keys: Vec<KeyEntry>,
    pub certificates: Vec<CertificateDer<'static>>,
}

/// A private key with its certificate and those of the authorities above it.
#[derive(Debug)]
pub(super) struct KeyEntry {
    pub key: PrivateKeyDer<'static>,
    pub chain: Vec<CertificateDer<'static>>,
}

/// Why a store cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoreError {
    pub about: About,
    pub reason: String,
}

/// Which property the reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Store,
    Password,
    KeyPassword,
}

pub(super) fn wrong<T>(about: About, reason: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError { about, reason: reason.into() })
}

impl Store {
    /// Reads what `source` names.
    pub(super) fn read(source: &StoreSource) -> Result<Self, StoreError> {
        match source {
            StoreSource::Inline { certificates, key, key_password } => {
                let mut text = certificates.reveal().to_owned();
                if let Some(key) = key {
                    text.push('\n');
                    text.push_str(key.reveal());
                }
                pem::read(&text, reveal(key_password))
            }
            StoreSource::File { path, pem, password, key_password } => {
                let content = match std::fs::read(path) {
                    Ok(content) => content,
                    Err(error) => return wrong(About::Store, format!("cannot read the file: {error}")),
                };
                if *pem {
                    let Ok(text) = String::from_utf8(content) else {
                        return wrong(About::Store, "the file is no PEM text; is it a JKS or PKCS12 store?");
                    };
                    return pem::read(&text, reveal(key_password));
                }
                match content.first_chunk::<4>() {
                    Some(&jks::MAGIC) => jks::read(&content, reveal(password), reveal(key_password)),
                    Some([0xce, 0xce, 0xce, 0xce]) => wrong(
                        About::Store,
                        "it is a JCEKS store; convert it with keytool -importkeystore -deststoretype PKCS12",
                    ),
                    Some([0x30, ..]) => pkcs12::read(&content, reveal(password)),
                    Some(b"----") => wrong(About::Store, "it is a PEM file; set the store's type to PEM"),
                    _ => wrong(About::Store, "it is neither a JKS nor a PKCS12 store"),
                }
            }
        }
    }

    /// Certificates to trust: those on their own, and the own one of each key, as Java takes them.
    pub(super) fn into_anchors(self) -> Vec<CertificateDer<'static>> {
        let mut anchors = self.certificates;
        anchors.extend(self.keys.into_iter().filter_map(|entry| entry.chain.into_iter().next()));
        anchors
    }
}

fn reveal(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::reveal)
}
