//! SaslHandshake and SaslAuthenticate: the conversation itself is in `security`.

use super::Context;
use super::wire::{self, Reply, encode, text};
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};

pub(super) fn handshake(cx: &Context<'_>, correlation: i32, request: &SaslHandshakeRequest) -> wire::Result<Reply> {
    let users = &cx.shared.users;
    let result = cx.connection.authentication.handshake(users, &request.mechanism);
    let response = SaslHandshakeResponse::default();
    match result {
        Ok(()) => encode(correlation, cx.version, &response.with_mechanisms(users.mechanisms().map(text).collect())),
        Err(refused) => {
            let response = response.with_error_code(refused.error.code());
            let response = if refused.closes {
                response.with_mechanisms(users.mechanisms().map(text).collect())
            } else {
                response
            };
            last(encode(correlation, cx.version, &response)?, refused.closes)
        }
    }
}

pub(super) fn authenticate(
    cx: &Context<'_>,
    correlation: i32,
    request: &SaslAuthenticateRequest,
) -> wire::Result<Reply> {
    let response = SaslAuthenticateResponse::default();
    match cx.connection.authentication.step(&cx.shared.users, &request.auth_bytes) {
        Ok(step) => {
            let lifetime = i64::try_from(step.lifetime.as_millis()).unwrap_or(i64::MAX);
            let lifetime = if cx.version >= 1 { lifetime } else { 0 };
            let response = response.with_auth_bytes(step.token.into()).with_session_lifetime_ms(lifetime);
            encode(correlation, cx.version, &response)
        }
        Err(refused) => {
            let response =
                response.with_error_code(refused.error.code()).with_error_message(Some(text(refused.message)));
            last(encode(correlation, cx.version, &response)?, refused.closes)
        }
    }
}

/// The connection may end with this answer.
fn last(reply: Reply, closes: bool) -> wire::Result<Reply> {
    match reply {
        Reply::Frame(frame) if closes => Ok(Reply::Piece(frame.freeze())),
        other => Ok(other),
    }
}
