//! Frames of answers, and the few things of the protocol that every handler needs.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

/// A message that cannot be read or written, with what the message definitions say.
#[derive(Debug)]
pub(crate) struct Error(String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

// The message definitions report through `anyhow`, which this crate does not name.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What goes back to the client.
#[derive(Debug)]
pub(crate) enum Reply {
    /// One frame, length included.
    Frame(BytesMut),
    /// One frame in slices.
    Parts(Vec<Bytes>),
    /// The request wants no answer.
    Nothing,
    /// A piece of a frame, then the connection is closed.
    Piece(Bytes),
    /// The connection is closed, for this reason.
    Close(&'static str),
}

impl Reply {
    /// Half of it, as if the broker died while it answered.
    pub fn half(self) -> Self {
        let whole = match self {
            Self::Frame(frame) => frame.freeze(),
            Self::Parts(parts) => Bytes::from(parts.concat()),
            other => return other,
        };
        Self::Piece(whole.slice(..whole.len() / 2))
    }
}

/// API key and version at the start of a request.
pub(crate) fn key_and_version(mut frame: &[u8]) -> Option<(i16, i16)> {
    Some((frame.try_get_i16().ok()?, frame.try_get_i16().ok()?))
}

/// Version of the header that a request of this API and version has.
pub(crate) fn request_header_version(key: i16, version: i16) -> i16 {
    ApiKey::try_from(key).map_or(1, |key| key.request_header_version(version))
}

/// An answer as a frame.
pub(crate) fn encode<R: Encodable + HeaderVersion>(correlation: i32, version: i16, response: &R) -> Result<Reply> {
    let mut frame = BytesMut::with_capacity(256);
    frame.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation);
    header.encode(&mut frame, R::header_version(version))?;
    response.encode(&mut frame, version)?;
    let length = i32::try_from(frame.len() - 4)?;
    if let Some(prefix) = frame.get_mut(..4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    Ok(Reply::Frame(frame))
}

/// A text on the wire.
pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// A topic's name on the wire.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Code and text of a result.
pub(crate) fn outcome(result: std::result::Result<(), (ResponseError, String)>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(()) => (0, None),
        Err((error, message)) => (error.code(), Some(text(message))),
    }
}

/// Whether an error sends the client to another leader, so that the answer says which.
pub(crate) fn is_about_leader(code: i16) -> bool {
    code == ResponseError::NotLeaderOrFollower.code() || code == ResponseError::FencedLeaderEpoch.code()
}
