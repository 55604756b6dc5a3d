//! What each property of the clients does, and whether it does so here: one sentence and one class for every key of Kafka's.

mod client;
mod consumer;
mod producer;
mod sasl;
mod ssl;

use super::keys::ClientConfigKey;

/// What this client makes of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Does what it does in Java.
    Honoured,
    /// Taken, and has no effect, for this reason.
    Harmless(&'static str),
    /// Kafka's default and these values are taken, without effect; all others are refused with this reason and way out.
    Refused {
        /// Names of classes may be given with or without their packages.
        unless: &'static [&'static str],
        /// Why, and what to do instead.
        why: &'static str,
    },
}

/// One property.
pub(super) struct Doc {
    pub name: &'static str,
    pub support: Support,
    pub text: &'static str,
}

const fn honoured(name: &'static str, text: &'static str) -> Doc {
    Doc { name, support: Support::Honoured, text }
}

const fn harmless(name: &'static str, text: &'static str, why: &'static str) -> Doc {
    Doc { name, support: Support::Harmless(why), text }
}

const fn refused(name: &'static str, text: &'static str, unless: &'static [&'static str], why: &'static str) -> Doc {
    Doc { name, support: Support::Refused { unless, why }, text }
}

/// Why a property that names Java code is refused.
const JAVA_CODE: &str =
    "it names Java code, which cannot run in this worker; remove the property or keep the connector on a Java worker";

/// All of them; a few names mean something else to a producer than to others, which the texts say.
pub(super) fn all() -> impl Iterator<Item = &'static Doc> {
    [client::DOCS, consumer::DOCS, producer::DOCS, ssl::DOCS, sasl::DOCS].into_iter().flatten()
}

/// The one of a key.
pub(super) fn of(key: &ClientConfigKey) -> Option<&'static Doc> {
    all().find(|doc| doc.name == key.name)
}
