//! The client's side of SCRAM (RFC 5802), without channel binding.
//!
//! Counterpart: org.apache.kafka.common.security.scram.internals.ScramSaslClient.

use std::num::NonZeroU32;
use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use super::context::{Mechanism, SaslContext};

/// What Kafka takes at least.
const MIN_ITERATIONS: u32 = 4096;
/// A broker may not make its clients compute for longer; Kafka itself stores 16,384 at most.
const MAX_ITERATIONS: u32 = 131_072;

/// What a password comes to with one salt.
pub(super) struct SaltedKeys {
    salt: Vec<u8>,
    iterations: u32,
    client: Vec<u8>,
    server: hmac::Key,
}

/// A conversation, after its first message.
pub(super) struct Scram<'a> {
    context: &'a SaslContext,
    nonce: String,
    first_bare: String,
}

/// What the broker must answer to the last message.
pub(super) struct Expected {
    key: hmac::Key,
    auth_message: String,
}

impl<'a> Scram<'a> {
    pub(super) fn new(context: &'a SaslContext) -> Self {
        let random: [u8; 18] = rand::random();
        Self::with_nonce(context, STANDARD.encode(random))
    }

    pub(super) fn with_nonce(context: &'a SaslContext, nonce: String) -> Self {
        let name = context.username.replace('=', "=3D").replace(',', "=2C");
        let extensions = if context.token { ",tokenauth=true" } else { "" };
        let first_bare = format!("n={name},r={nonce}{extensions}");
        Self { context, nonce, first_bare }
    }

    pub(super) fn first_message(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare).into_bytes()
    }

    /// The last message, and what must come back.
    pub(super) fn last_message(&self, server_first: &[u8]) -> Result<(Vec<u8>, Expected), String> {
        let text = std::str::from_utf8(server_first).map_err(|_| "the broker's first SCRAM message is no text")?;
        let attribute = |name: &str| text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        if let Some(error) = attribute("e") {
            return Err(format!("the broker refused: {error}"));
        }
        let nonce = attribute("r").filter(|nonce| nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len());
        let nonce = nonce.ok_or("the broker's SCRAM nonce does not continue this client's")?;
        let salt = attribute("s").and_then(|salt| STANDARD.decode(salt).ok()).filter(|salt| !salt.is_empty());
        let salt = salt.ok_or("the broker's first SCRAM message has no salt")?;
        let iterations: u32 = attribute("i").and_then(|count| count.parse().ok()).unwrap_or(0);
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(format!(
                "Requested iterations {iterations} is not between {MIN_ITERATIONS} and {MAX_ITERATIONS} for {}",
                self.context.mechanism.name()
            ));
        }
        // "n,," in base64: no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{text},{without_proof}", self.first_bare);
        let (digest, hmac_of) = algorithms(self.context.mechanism);
        let (client_key, server_key) = self.keys(salt, iterations)?;
        let stored_key = digest::digest(digest, &client_key);
        let signature = hmac::sign(&hmac::Key::new(hmac_of, stored_key.as_ref()), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let message = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((message.into_bytes(), Expected { key: server_key, auth_message }))
    }

    fn keys(&self, salt: Vec<u8>, iterations: u32) -> Result<(Vec<u8>, hmac::Key), String> {
        let mut kept = self.context.salted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = kept.as_ref().filter(|keys| keys.salt == salt && keys.iterations == iterations) {
            return Ok((keys.client.clone(), keys.server.clone()));
        }
        let (digest, hmac_of) = algorithms(self.context.mechanism);
        let algorithm = match self.context.mechanism {
            Mechanism::ScramSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut salted = vec![0; digest.output_len()];
        let rounds = NonZeroU32::new(iterations).ok_or("no iterations")?;
        pbkdf2::derive(algorithm, rounds, &salt, self.context.password.reveal().as_bytes(), &mut salted);
        let salted = hmac::Key::new(hmac_of, &salted);
        let client = hmac::sign(&salted, b"Client Key").as_ref().to_vec();
        let server = hmac::Key::new(hmac_of, hmac::sign(&salted, b"Server Key").as_ref());
        *kept = Some(SaltedKeys { salt, iterations, client: client.clone(), server: server.clone() });
        Ok((client, server))
    }
}

fn algorithms(mechanism: Mechanism) -> (&'static digest::Algorithm, hmac::Algorithm) {
    match mechanism {
        Mechanism::ScramSha512 => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => (&digest::SHA256, hmac::HMAC_SHA256),
    }
}

impl Expected {
    /// Whether the broker knows the password too.
    pub(super) fn check(&self, server_final: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(server_final).map_err(|_| "the broker's last SCRAM message is no text")?;
        if let Some(error) = text.split(',').find_map(|part| part.strip_prefix("e=")) {
            return Err(format!("the broker refused: {error}"));
        }
        let signature = text.split(',').find_map(|part| part.strip_prefix("v="));
        let signature = signature.and_then(|signature| STANDARD.decode(signature).ok());
        match signature {
            Some(signature) if hmac::verify(&self.key, self.auth_message.as_bytes(), &signature).is_ok() => Ok(()),
            _ => Err("Invalid server signature in server final message: the broker does not know this user's password"
                .to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use milena_api::config::Secret;

    use super::*;

    /// The example of RFC 7677.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_example_of_the_standard_comes_out() {
        let context = SaslContext::shared(Mechanism::ScramSha256, "user", Secret::new("pencil"), false);
        for _ in 0..2 {
            let scram = Scram::with_nonce(&context, NONCE.to_owned());
            assert_eq!(scram.first_message(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
            let (last, expected) = scram.last_message(SERVER_FIRST).unwrap();
            assert_eq!(
                String::from_utf8(last).unwrap(),
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            );
            expected.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
            assert!(expected.check(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_err());
            assert!(expected.check(b"e=other-error").unwrap_err().contains("other-error"));
        }
    }

    #[test]
    fn a_broker_that_does_not_keep_to_the_rules_is_refused() {
        let context = SaslContext::shared(Mechanism::ScramSha512, "a=b,c", Secret::new("secret"), true);
        let scram = Scram::with_nonce(&context, "abc".to_owned());
        assert_eq!(scram.first_message(), b"n,,n=a=3Db=2Cc,r=abc,tokenauth=true");
        for wrong in [
            "",
            "r=abc,s=AAAA,i=4096",
            "r=xabcx,s=AAAA,i=4096",
            "r=abcd,s=,i=4096",
            "r=abcd,s=AAAA,i=4095",
            "r=abcd,s=AAAA,i=131073",
            "r=abcd,s=AAAA",
            "e=unknown-user",
        ] {
            assert!(scram.last_message(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(scram.last_message(b"r=abcd,s=AAAA,i=4096").is_ok());
    }
}
