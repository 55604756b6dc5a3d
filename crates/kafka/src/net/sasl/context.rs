//! Who a client is, shared by all that are the same.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use milena_api::config::Secret;

use super::scram::SaltedKeys;

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A user and a password. What SCRAM makes of the password, which takes thousands of hashes, is kept for the next connection.
pub(crate) struct SaslContext {
    pub(super) mechanism: Mechanism,
    pub(super) username: String,
    pub(super) password: Secret,
    /// Whether this is a delegation token (KIP-48).
    pub(super) token: bool,
    pub(super) salted: Mutex<Option<SaltedKeys>>,
}

impl fmt::Debug for SaslContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslContext")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl SaslContext {
    /// The one context of this user.
    pub(crate) fn shared(mechanism: Mechanism, username: &str, password: Secret, token: bool) -> Arc<Self> {
        static KNOWN: Mutex<Vec<Weak<SaslContext>>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |context: &Arc<Self>| {
            context.mechanism == mechanism
                && context.username == username
                && context.password == password
                && context.token == token
        };
        if let Some(same) = known.iter().filter_map(Weak::upgrade).find(same) {
            return same;
        }
        known.retain(|context| context.strong_count() > 0);
        let new =
            Arc::new(Self { mechanism, username: username.to_owned(), password, token, salted: Mutex::default() });
        known.push(Arc::downgrade(&new));
        new
    }
}
