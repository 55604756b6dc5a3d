//! SaslHandshake and SaslAuthenticate: at the start of a connection, and again before a session ends (KIP-368).
//!
//! Counterpart: org.apache.kafka.common.security.authenticator.SaslClientAuthenticator.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest};
use kafka_protocol::protocol::{Request, StrBytes};

use super::context::{Mechanism, SaslContext};
use super::scram::Scram;
use crate::error::{AuthenticationKind, Error, Result};
use crate::error_code::ErrorCode;
use crate::net::frame::{decode_response, encode_request};
use crate::net::versions::Versions;

/// A connection on which nothing else is sent meanwhile.
pub(in crate::net) trait Exchange: Send {
    /// Number of the next request, and the client's name.
    fn next(&mut self) -> (i32, StrBytes);

    /// One request and its answer, which must come in time.
    fn exchange(&mut self, frame: Bytes, correlation_id: i32) -> impl Future<Output = Result<Bytes>> + Send;
}

/// Proves who the client is. How long the broker takes that for granted, if not for ever.
pub(in crate::net) async fn authenticate(
    context: &SaslContext,
    versions: &Versions,
    broker: &str,
    on: &mut impl Exchange,
) -> Result<Option<Duration>> {
    let mut session = Session { context, doing: format!("cannot authenticate {broker}"), on };
    session.handshake(versions.pick::<SaslHandshakeRequest>(&broker)?).await?;
    // Without it, old brokers take SASL's bytes outside of Kafka's frames; none that is supported does.
    let version = versions.pick::<SaslAuthenticateRequest>(&broker)?;
    let last = match context.mechanism {
        Mechanism::Plain => {
            let message = format!("\0{}\0{}", context.username, context.password.reveal());
            session.send(version, message.into_bytes()).await?
        }
        Mechanism::ScramSha256 | Mechanism::ScramSha512 => {
            let scram = Scram::new(context);
            let answer = session.send(version, scram.first_message()).await?;
            let (message, expected) =
                scram.last_message(&answer.auth_bytes).map_err(|reason| session.failed(reason))?;
            let answer = session.send(version, message).await?;
            expected.check(&answer.auth_bytes).map_err(|reason| session.failed(reason))?;
            answer
        }
    };
    let lifetime = u64::try_from(last.session_lifetime_ms).ok().filter(|millis| *millis > 0);
    Ok(lifetime.map(Duration::from_millis))
}

struct Session<'a, E> {
    context: &'a SaslContext,
    doing: String,
    on: &'a mut E,
}

impl<E: Exchange> Session<'_, E> {
    fn refused(&self, kind: AuthenticationKind, reason: String) -> Error {
        Error::Authentication { doing: self.doing.clone(), reason, kind }
    }

    fn failed(&self, reason: String) -> Error {
        self.refused(AuthenticationKind::Sasl, reason)
    }

    async fn ask<R>(&mut self, request: &R, version: i16) -> Result<R::Response>
    where
        R: Request + Sync,
        R::Response: Send,
    {
        let (correlation_id, client_id) = self.on.next();
        let frame = encode_request(request, version, correlation_id, &client_id, 0)?;
        let answer = self.on.exchange(frame.freeze(), correlation_id).await?;
        decode_response::<R>(answer, version, correlation_id)
            .map_err(|reason| Error::protocol(self.doing.clone(), reason))
    }

    async fn handshake(&mut self, version: i16) -> Result<()> {
        let name = self.context.mechanism.name();
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(name));
        let answer = self.ask(&request, version).await?;
        match ErrorCode::from_wire(answer.error_code) {
            None => Ok(()),
            Some(ErrorCode::UNSUPPORTED_SASL_MECHANISM) => {
                let enabled: Vec<&str> = answer.mechanisms.iter().map(|name| name.as_str()).collect();
                Err(self.refused(
                    AuthenticationKind::UnsupportedMechanism,
                    format!(
                        "Client SASL mechanism '{name}' not enabled in the server, enabled mechanisms are [{}]; set sasl.mechanism to one of them",
                        enabled.join(", ")
                    ),
                ))
            }
            Some(ErrorCode::ILLEGAL_SASL_STATE) => Err(self.refused(
                AuthenticationKind::IllegalSaslState,
                "the listener does not use SASL; set security.protocol to PLAINTEXT or SSL, or use another port"
                    .to_owned(),
            )),
            Some(code) => Err(self.failed(format!("the broker refused the SASL handshake with {code}"))),
        }
    }

    async fn send(&mut self, version: i16, message: Vec<u8>) -> Result<SaslAuthenticateResponse> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let answer = self.ask(&request, version).await?;
        match ErrorCode::from_wire(answer.error_code) {
            None => Ok(answer),
            Some(ErrorCode::ILLEGAL_SASL_STATE) => {
                Err(self.refused(AuthenticationKind::IllegalSaslState, words(&answer, "the broker did not expect it")))
            }
            Some(code) if code.is_retriable() => Err(Error::broker(self.doing.clone(), code, None)),
            Some(code) => {
                let reason = words(&answer, &code.to_string());
                Err(self
                    .failed(format!("{reason}; check username and password in sasl.jaas.config, and the mechanism")))
            }
        }
    }
}

fn words(answer: &SaslAuthenticateResponse, or: &str) -> String {
    answer.error_message.as_ref().filter(|text| !text.is_empty()).map_or(or, |text| text.as_str()).to_owned()
}
