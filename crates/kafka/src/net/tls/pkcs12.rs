//! PKCS12 stores, as keytool and openssl write them.

use p12_keystore::{Certificate, CertificateBag, Pkcs12Archive, PrivateKeyBag};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::store::{About, KeyEntry, Store, StoreError, wrong};

/// Longer chains are cycles.
const MAX_CHAIN: usize = 20;

/// Reads a store; keys in it have the store's password.
pub(super) fn read(content: &[u8], password: Option<&str>) -> Result<Store, StoreError> {
    let archive = match Pkcs12Archive::from_pkcs12(content, password.unwrap_or_default()) {
        Ok(archive) => archive,
        Err(p12_keystore::error::Error::MacError(_) | p12_keystore::error::Error::Pkcs5Error(_)) => {
            let reason = match password {
                Some(_) => "the password is wrong, or the PKCS12 store is damaged",
                None => "the PKCS12 store has a password; set it",
            };
            return wrong(About::Password, reason);
        }
        Err(error) => return wrong(About::Store, format!("the PKCS12 store cannot be read: {error}")),
    };
    let mut store = Store::default();
    for bag in &archive.keys {
        let chain = chain(bag, &archive.certs);
        if chain.is_empty() {
            return wrong(About::Store, "the PKCS12 store holds a private key without its certificate");
        }
        match PrivateKeyDer::try_from(bag.key.as_der().to_vec()) {
            Ok(key) => store.keys.push(KeyEntry { key, chain }),
            Err(reason) => {
                return wrong(About::Store, format!("the PKCS12 store holds a key that cannot be read: {reason}"));
            }
        }
    }
    // openssl does not mark certificates as trusted, as keytool does: alone in a store, they can only be meant for that.
    let all = archive.keys.is_empty() && !archive.certs.iter().any(|bag| bag.trusted);
    store.certificates = archive.certs.iter().filter(|bag| all || bag.trusted).map(|bag| der(&bag.cert)).collect();
    Ok(store)
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.as_der().to_vec())
}

/// The key's own certificate, then each one's issuer.
fn chain(key: &PrivateKeyBag, bags: &[CertificateBag]) -> Vec<CertificateDer<'static>> {
    let own = |bag: &&CertificateBag| match (&key.local_key_id, &bag.local_key_id) {
        (Some(id), Some(of)) => id.as_ref() == of.as_slice(),
        _ => false,
    };
    let mut next = bags.iter().find(own).or_else(|| bags.iter().find(|bag| !bag.trusted));
    let mut chain = Vec::new();
    while let Some(bag) = next.filter(|_| chain.len() < MAX_CHAIN) {
        chain.push(der(&bag.cert));
        let (subject, issuer) = (bag.cert.subject(), bag.cert.issuer());
        next = bags.iter().find(|above| above.cert.subject() == issuer && issuer != subject);
    }
    chain
}
