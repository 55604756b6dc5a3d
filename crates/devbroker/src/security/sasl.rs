//! The SASL conversation of one connection: what it may ask at each point, and how long an authentication holds.

use super::config::{Mechanism, Security, User};
use super::scram::{Credential, Exchange, First};
use crate::faults::Api;
use crate::sync::lock;
use kafka_protocol::ResponseError;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The users of a broker.
pub(crate) struct Users {
    passwords: HashMap<String, String>,
    mechanisms: Vec<Mechanism>,
    max_reauth: Option<Duration>,
    /// Made when first used.
    credentials: Mutex<HashMap<(Mechanism, String), Credential>>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("names", &self.passwords.keys()).finish_non_exhaustive()
    }
}

impl Users {
    pub fn new(security: &Security) -> Self {
        let known = |user: &User| (user.name.clone(), user.password.clone());
        Self {
            passwords: security.users.iter().map(known).collect(),
            mechanisms: security.mechanisms.clone(),
            max_reauth: security.max_reauth,
            credentials: Mutex::default(),
        }
    }

    /// Names of the mechanisms that clients may use.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'static str> {
        self.mechanisms.iter().map(|mechanism| mechanism.name())
    }

    fn credential(&self, mechanism: Mechanism, user: &str) -> Option<Credential> {
        let password = self.passwords.get(user)?;
        let key = (mechanism, user.to_owned());
        if let Some(known) = lock(&self.credentials).get(&key) {
            return Some(known.clone());
        }
        let credential = Credential::of(mechanism, password)?;
        lock(&self.credentials).insert(key, credential.clone());
        Some(credential)
    }
}

/// How far a connection has come.
enum Stage {
    /// The listener wants no authentication.
    Open,
    /// Nothing was said yet.
    Fresh,
    /// A mechanism was chosen; who was authenticated before, if this is a renewal.
    Chosen {
        mechanism: Mechanism,
        exchange: Option<(String, Box<Exchange>)>,
        renews: Option<(Mechanism, String)>,
    },
    Authenticated {
        mechanism: Mechanism,
        user: String,
        until: Option<Instant>,
    },
    Failed,
}

/// The conversation of one connection.
pub(crate) struct Authentication {
    stage: Mutex<Stage>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authentication")
    }
}

/// A request that must not be answered as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The connection is closed, for this reason.
    Closed(&'static str),
    /// It is told that this is no time for it, then the connection is closed.
    Answered,
}

/// A refused step: the code, a text for the client, and whether the connection ends with it.
pub(crate) struct Refused {
    pub error: ResponseError,
    pub message: String,
    pub closes: bool,
}

fn refused(error: ResponseError, message: impl Into<String>) -> Refused {
    Refused { error, message: message.into(), closes: true }
}

/// A step that went well: what the broker answers, and how long the authentication holds (0 for ever, or while it is not done).
#[derive(Debug)]
pub(crate) struct Step {
    pub token: Vec<u8>,
    pub lifetime: Duration,
}

impl Authentication {
    /// At the start of a connection.
    pub fn new(required: bool) -> Self {
        Self { stage: Mutex::new(if required { Stage::Fresh } else { Stage::Open }) }
    }

    /// Whether a request may be answered now.
    pub fn admits(&self, api: Api) -> Result<(), Denied> {
        let authenticates = matches!(api, Api::SaslHandshake | Api::SaslAuthenticate);
        match &*lock(&self.stage) {
            Stage::Open => Ok(()),
            Stage::Fresh if matches!(api, Api::ApiVersions | Api::SaslHandshake) => Ok(()),
            Stage::Fresh => Err(Denied::Closed("a request before authentication")),
            Stage::Chosen { .. } if api == Api::SaslAuthenticate => Ok(()),
            Stage::Chosen { .. } => Err(Denied::Answered),
            Stage::Authenticated { until: Some(until), .. } if !authenticates && Instant::now() >= *until => {
                Err(Denied::Closed("an authentication that was not renewed in time"))
            }
            Stage::Authenticated { .. } => Ok(()),
            Stage::Failed => Err(Denied::Closed("a request after a failed authentication")),
        }
    }

    /// The client chooses a mechanism.
    pub fn handshake(&self, users: &Users, wanted: &str) -> Result<(), Refused> {
        let mut stage = lock(&self.stage);
        let renews = match &*stage {
            Stage::Fresh => None,
            Stage::Authenticated { mechanism, user, .. } => Some((*mechanism, user.clone())),
            _ => return Err(Refused { closes: false, ..refused(ResponseError::IllegalSaslState, "") }),
        };
        match users.mechanisms.iter().find(|mechanism| mechanism.name() == wanted) {
            Some(&mechanism) => {
                *stage = Stage::Chosen { mechanism, exchange: None, renews };
                Ok(())
            }
            None => {
                *stage = Stage::Failed;
                Err(refused(ResponseError::UnsupportedSaslMechanism, ""))
            }
        }
    }

    /// The client's next token.
    pub fn step(&self, users: &Users, token: &[u8]) -> Result<Step, Refused> {
        let mut stage = lock(&self.stage);
        let (mechanism, exchange, renews) = match std::mem::replace(&mut *stage, Stage::Failed) {
            Stage::Chosen { mechanism, exchange, renews } => (mechanism, exchange, renews),
            other => {
                let text = "SaslAuthenticate request received after successful authentication";
                *stage = other;
                return Err(Refused { closes: false, ..refused(ResponseError::IllegalSaslState, text) });
            }
        };
        let (user, answer) = match (mechanism, exchange) {
            (Mechanism::Plain, _) => (plain(users, token)?, Vec::new()),
            (_, None) => {
                let first = First::read(token).filter(|first| !first.is_for_another());
                let begun = first.and_then(|first| {
                    let user = first.user.clone();
                    let credential = users.credential(mechanism, &user)?;
                    Some((user, Exchange::begin(mechanism, credential, first)?))
                });
                let (user, (exchange, token)) = begun.ok_or_else(|| invalid(mechanism))?;
                *stage = Stage::Chosen { mechanism, exchange: Some((user, Box::new(exchange))), renews };
                return Ok(Step { token, lifetime: Duration::ZERO });
            }
            (_, Some((user, exchange))) => (user, exchange.finish(token).ok_or_else(|| invalid(mechanism))?),
        };
        if let Some((before, who)) = renews
            && (before != mechanism || who != user)
        {
            let text = "Cannot change principals or SASL mechanism during re-authentication";
            return Err(refused(ResponseError::SaslAuthenticationFailed, text));
        }
        let until = users.max_reauth.map(|time| Instant::now() + time);
        *stage = Stage::Authenticated { mechanism, user, until };
        Ok(Step { token: answer, lifetime: users.max_reauth.unwrap_or_default() })
    }
}

/// Kafka's words where it does not want to say more.
fn invalid(mechanism: Mechanism) -> Refused {
    let text = format!(
        "Authentication failed during authentication due to invalid credentials with SASL mechanism {}",
        mechanism.name()
    );
    refused(ResponseError::SaslAuthenticationFailed, text)
}

/// Checks a PLAIN token, and says whose it is.
fn plain(users: &Users, token: &[u8]) -> Result<String, Refused> {
    let failed = |text: &str| refused(ResponseError::SaslAuthenticationFailed, text);
    let text = String::from_utf8_lossy(token);
    let parts: Vec<&str> = text.split('\0').collect();
    let &[authorization, user, password] = parts.as_slice() else {
        let text = format!("Invalid SASL/PLAIN response: expected 3 tokens, got {}", parts.len());
        return Err(failed(&text));
    };
    if user.is_empty() {
        return Err(failed("Authentication failed: username not specified"));
    }
    if password.is_empty() {
        return Err(failed("Authentication failed: password not specified"));
    }
    if users.passwords.get(user).is_none_or(|known| known != password) {
        return Err(failed("Authentication failed: Invalid username or password"));
    }
    if !authorization.is_empty() && authorization != user {
        let text = "Authentication failed: Client requested an authorization id that is different from username";
        return Err(failed(text));
    }
    Ok(user.to_owned())
}
