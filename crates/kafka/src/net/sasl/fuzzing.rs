//! A broker's side of SCRAM, for fuzzing.

use milena_api::config::Secret;

use super::context::{Mechanism, SaslContext};
use super::scram::Scram;

/// Answers both messages of a broker, which a line break separates.
pub(crate) fn scram(data: &[u8]) {
    let context = SaslContext::shared(Mechanism::ScramSha256, "user", Secret::new("pencil"), false);
    let scram = Scram::with_nonce(&context, "n".to_owned());
    let mut messages = data.splitn(2, |byte| *byte == b'\n');
    if let Ok((_, expected)) = scram.last_message(messages.next().unwrap_or_default()) {
        drop(expected.check(messages.next().unwrap_or_default()));
    }
}
