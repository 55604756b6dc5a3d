//! The server's side of SCRAM (RFC 5802) without channel binding.
//!
//! Counterpart: org.apache.kafka.common.security.scram.internals.ScramSaslServer.

use super::config::Mechanism;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// Kafka's default.
const ITERATIONS: u32 = 4096;

/// What is kept of a password.
#[derive(Clone)]
pub(super) struct Credential {
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Algorithms {
    hmac: hmac::Algorithm,
    digest: &'static digest::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

fn algorithms(mechanism: Mechanism) -> Algorithms {
    match mechanism {
        Mechanism::ScramSha512 => {
            Algorithms { hmac: hmac::HMAC_SHA512, digest: &digest::SHA512, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512 }
        }
        _ => Algorithms { hmac: hmac::HMAC_SHA256, digest: &digest::SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 },
    }
}

fn sign(algorithm: hmac::Algorithm, key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), data).as_ref().to_vec()
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

impl Credential {
    /// Derives it; `None` if the system gives no random numbers.
    pub fn of(mechanism: Mechanism, password: &str) -> Option<Self> {
        let with = algorithms(mechanism);
        let salt = random::<20>()?.to_vec();
        let mut salted = vec![0; with.digest.output_len()];
        let iterations = NonZeroU32::new(ITERATIONS)?;
        pbkdf2::derive(with.pbkdf2, iterations, &salt, password.as_bytes(), &mut salted);
        let client_key = sign(with.hmac, &salted, b"Client Key");
        Some(Self {
            salt,
            stored_key: digest::digest(with.digest, &client_key).as_ref().to_vec(),
            server_key: sign(with.hmac, &salted, b"Server Key"),
        })
    }
}

/// The first message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct First {
    /// Who wants to authenticate.
    pub user: String,
    authorization: String,
    /// The header that the client repeats at the end.
    header: String,
    nonce: String,
    /// The message without its header.
    bare: String,
}

impl First {
    /// Reads it; `None` for anything else, and for channel binding, which is not there.
    pub fn read(token: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(token).ok()?;
        let (binding, rest) = text.split_once(',')?;
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let (authorization, bare) = rest.split_once(',')?;
        let header = format!("{binding},{authorization},");
        let authorization = match authorization {
            "" => "",
            named => named.strip_prefix("a=")?,
        };
        let mut fields = bare.split(',');
        let user = fields.next()?.strip_prefix("n=")?;
        let nonce = fields.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
        Some(Self {
            user: unescape(user)?,
            authorization: unescape(authorization)?,
            header,
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
        })
    }

    /// Whether the client wants to act as somebody else.
    pub fn is_for_another(&self) -> bool {
        !self.authorization.is_empty() && self.authorization != self.user
    }
}

/// Commas and equals signs of names are written as `=2C` and `=3D`.
fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) =
            if let Some(rest) = part.strip_prefix("2C") { (',', rest) } else { ('=', part.strip_prefix("3D")?) };
        plain.push(sign);
        plain.push_str(rest);
    }
    Some(plain)
}

/// An exchange after the client's first message.
pub(super) struct Exchange {
    mechanism: Mechanism,
    credential: Credential,
    header: String,
    nonce: String,
    /// Both first messages.
    messages: String,
}

impl Exchange {
    /// Begins it, and says what the broker answers first; `None` if the system gives no random numbers.
    pub fn begin(mechanism: Mechanism, credential: Credential, first: First) -> Option<(Self, Vec<u8>)> {
        let nonce = format!("{}{}", first.nonce, STANDARD.encode(random::<18>()?));
        let answer = format!("r={nonce},s={},i={ITERATIONS}", STANDARD.encode(&credential.salt));
        let messages = format!("{},{answer}", first.bare);
        Some((Self { mechanism, credential, header: first.header, nonce, messages }, answer.into_bytes()))
    }

    /// Checks the client's proof; the broker's own proof if it is right.
    pub fn finish(self, token: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(token).ok()?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut fields = without_proof.split(',');
        let binding = STANDARD.decode(fields.next()?.strip_prefix("c=")?).ok()?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        if binding != self.header.as_bytes() || nonce != self.nonce {
            return None;
        }
        let with = algorithms(self.mechanism);
        let messages = format!("{},{without_proof}", self.messages);
        let proof = STANDARD.decode(proof).ok()?;
        let signature = sign(with.hmac, &self.credential.stored_key, messages.as_bytes());
        if proof.len() != signature.len() {
            return None;
        }
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(proof, signature)| proof ^ signature).collect();
        if digest::digest(with.digest, &client_key).as_ref() != self.credential.stored_key {
            return None;
        }
        let server = sign(with.hmac, &self.credential.server_key, messages.as_bytes());
        Some(format!("v={}", STANDARD.encode(server)).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client answers, from the password alone.
    fn proof(mechanism: Mechanism, password: &str, bare: &str, server_first: &str) -> String {
        let with = algorithms(mechanism);
        let mut fields = server_first.split(',');
        let nonce = fields.next().unwrap().strip_prefix("r=").unwrap();
        let salt = STANDARD.decode(fields.next().unwrap().strip_prefix("s=").unwrap()).unwrap();
        let mut salted = vec![0; with.digest.output_len()];
        let iterations = NonZeroU32::new(ITERATIONS).unwrap();
        pbkdf2::derive(with.pbkdf2, iterations, &salt, password.as_bytes(), &mut salted);
        let client_key = sign(with.hmac, &salted, b"Client Key");
        let stored = digest::digest(with.digest, &client_key);
        let without_proof = format!("c=biws,r={nonce}");
        let signature = sign(with.hmac, stored.as_ref(), format!("{bare},{server_first},{without_proof}").as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        format!("{without_proof},p={}", STANDARD.encode(proof))
    }

    #[test]
    fn the_right_password_is_taken_and_a_wrong_one_is_not() {
        for mechanism in [Mechanism::ScramSha256, Mechanism::ScramSha512] {
            for (password, right) in [("secret", true), ("Secret", false)] {
                let first = First::read(b"n,,n=al=2Cice,r=abc").unwrap();
                assert_eq!(first.user, "al,ice");
                let credential = Credential::of(mechanism, "secret").unwrap();
                let (exchange, answer) = Exchange::begin(mechanism, credential, first).unwrap();
                let answer = String::from_utf8(answer).unwrap();
                let finished = exchange.finish(proof(mechanism, password, "n=al=2Cice,r=abc", &answer).as_bytes());
                assert_eq!(finished.is_some(), right, "{mechanism:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_first_message_is_refused() {
        for token in
            [&b""[..], b"n,,", b"p=tls,,n=a,r=b", b"n,,n=a", b"n,,n=a,r=", b"n,x,n=a,r=b", b"n,,n=a=2,r=b", b"\xff"]
        {
            assert_eq!(First::read(token), None, "{token:?}");
        }
        assert!(First::read(b"n,a=bob,n=alice,r=1").unwrap().is_for_another());
        assert!(!First::read(b"n,a=alice,n=alice,r=1,ext=2").unwrap().is_for_another());
    }
}
