//! Java's own store format.
//!
//! Counterpart: sun.security.provider.JavaKeyStore and KeyProtector.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::der;
use super::store::{About, KeyEntry, Store, StoreError, wrong};

pub(super) const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const DIGEST: usize = 20;
/// 1.3.6.1.4.1.42.2.17.1.1, the only way in which the format protects keys.
const PROTECTION: [u8; 10] = [0x2b, 6, 1, 4, 1, 42, 2, 17, 1, 1];

/// Reads a store; without a password its integrity is not checked, and it must hold no keys.
pub(super) fn read(content: &[u8], password: Option<&str>, key_password: Option<&str>) -> Result<Store, StoreError> {
    let damaged =
        || StoreError { about: About::Store, reason: "the JKS store is damaged: it ends too early".to_owned() };
    let (body, digest) = content.split_at_checked(content.len().saturating_sub(DIGEST)).ok_or_else(damaged)?;
    if let Some(password) = password
        && sha1(&[&utf16(password), b"Mighty Aphrodite", body]) != digest
    {
        return wrong(About::Password, "the password is wrong, or the JKS store is damaged");
    }
    let mut input = Input(body.get(MAGIC.len()..).ok_or_else(damaged)?);
    let version = input.int().ok_or_else(damaged)?;
    if !matches!(version, 1 | 2) {
        return wrong(About::Store, format!("the JKS store has version {version}; 1 and 2 can be read"));
    }
    let mut store = Store::default();
    for _ in 0..input.int().ok_or_else(damaged)? {
        let tag = input.int().ok_or_else(damaged)?;
        input.text().and_then(|_| input.bytes(8)).ok_or_else(damaged)?;
        match tag {
            1 => {
                let protected = input.block().ok_or_else(damaged)?;
                let mut chain = Vec::new();
                for _ in 0..input.int().ok_or_else(damaged)? {
                    chain.push(input.certificate(version).ok_or_else(damaged)?);
                }
                let Some(key) = unprotect(protected, key_password.or(password).unwrap_or_default()) else {
                    let about = if key_password.is_some() { About::KeyPassword } else { About::Password };
                    return wrong(
                        about,
                        "the private key in the JKS store cannot be decrypted; it may have a password of its own (ssl.key.password)",
                    );
                };
                match PrivateKeyDer::try_from(key) {
                    Ok(key) => store.keys.push(KeyEntry { key, chain }),
                    Err(reason) => {
                        return wrong(About::Store, format!("the JKS store holds a key that cannot be read: {reason}"));
                    }
                }
            }
            2 => store.certificates.push(input.certificate(version).ok_or_else(damaged)?),
            _ => return wrong(About::Store, format!("the JKS store holds an entry of unknown kind {tag}")),
        }
    }
    Ok(store)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// Salt, key under a keystream of SHA-1 digests, and a digest to tell a wrong password.
fn unprotect(protected: &[u8], password: &str) -> Option<Vec<u8>> {
    let (algorithm, content) = der::encrypted_key(protected)?;
    if algorithm != PROTECTION {
        return None;
    }
    let password = utf16(password);
    let (salt, rest) = content.split_at_checked(DIGEST)?;
    let (hidden, check) = rest.split_at_checked(rest.len().checked_sub(DIGEST)?)?;
    let mut digest = salt.to_vec();
    let mut key = Vec::with_capacity(hidden.len());
    for block in hidden.chunks(DIGEST) {
        digest = sha1(&[&password, &digest]);
        key.extend(block.iter().zip(&digest).map(|(hidden, mask)| hidden ^ mask));
    }
    (sha1(&[&password, &key]) == check).then_some(key)
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn int(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Bytes with their length in front.
    fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.int()?).ok()?;
        self.bytes(len)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)?;
        self.bytes(usize::from(len))
    }

    fn certificate(&mut self, version: u32) -> Option<CertificateDer<'static>> {
        if version == 2 {
            self.text()?;
        }
        self.block().map(|der| CertificateDer::from(der.to_vec()))
    }
}
