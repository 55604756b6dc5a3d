//! Keys and certificates as PEM text.
//!
//! Counterpart: org.apache.kafka.common.security.ssl.DefaultSslEngineFactory.PemStore.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::der;
use super::store::{About, KeyEntry, Store, StoreError, wrong};

/// 1.2.840.113549.1.5.13, the one scheme of encrypted keys that is not outdated.
const PBES2: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 5, 13];
const CONVERT: &str = "convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW";

/// Certificates, and with a key in the text the chain of that key.
pub(super) fn read(text: &str, key_password: Option<&str>) -> Result<Store, StoreError> {
    let (mut certificates, mut key) = (Vec::new(), None);
    for (label, body) in sections(text) {
        let key_der = match label {
            "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => {
                certificates.push(CertificateDer::from(decode(label, body)?));
                continue;
            }
            "PRIVATE KEY" => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(decode(label, body)?)),
            "ENCRYPTED PRIVATE KEY" => decrypt(&decode(label, body)?, key_password)?,
            _ if label.ends_with("PRIVATE KEY") && body.contains("ENCRYPTED") => {
                return wrong(About::Store, format!("the private key is encrypted in an outdated way; {CONVERT}"));
            }
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(decode(label, body)?)),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(decode(label, body)?)),
            _ => continue,
        };
        if key.replace(key_der).is_some() {
            return wrong(About::Store, "the PEM text has more than one private key; leave one");
        }
    }
    match key {
        None if certificates.is_empty() => wrong(About::Store, "No matching CERTIFICATE entries in PEM file"),
        None => Ok(Store { keys: Vec::new(), certificates }),
        Some(_) if certificates.is_empty() => {
            wrong(About::Store, "the PEM text has a private key, but no certificate; add the certificate and its chain")
        }
        Some(key) => Ok(Store { keys: vec![KeyEntry { key, chain: certificates }], certificates: Vec::new() }),
    }
}

/// Label and body of each section; line breaks may have become blanks, as in a property on one line.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, rest) = section.split_once("-----")?;
        let (body, _) = rest.split_once("-----END")?;
        Some((label.trim(), body))
    })
}

fn decode(label: &str, body: &str) -> Result<Vec<u8>, StoreError> {
    // Headers, as openssl may write them, have a colon.
    let lines = body.lines().filter(|line| !line.contains(':'));
    let text: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    STANDARD
        .decode(text)
        .or_else(|error| wrong(About::Store, format!("the {label} in the PEM text is damaged: {error}")))
}

fn decrypt(encrypted: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, StoreError> {
    let Some(password) = password else {
        return wrong(About::KeyPassword, "the private key is encrypted; set its password");
    };
    if der::encrypted_key(encrypted).is_some_and(|(scheme, _)| scheme != PBES2) {
        return wrong(About::Store, format!("the private key is encrypted in an outdated way; {CONVERT}"));
    }
    let info = match EncryptedPrivateKeyInfoRef::try_from(encrypted) {
        Ok(info) => info,
        Err(error) => {
            return wrong(About::Store, format!("the encrypted private key cannot be read: {error}; {CONVERT}"));
        }
    };
    match info.decrypt(password) {
        Ok(key) => Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()))),
        Err(_) => wrong(About::KeyPassword, "the password of the private key is wrong"),
    }
}
