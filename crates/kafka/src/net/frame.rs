//! Requests as frames, and answers out of frames.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use super::untrusted::check_answer;
use crate::error::{Error, Result};

/// A request as a frame; its length also counts `extra` bytes that the caller sends behind it.
pub(crate) fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &StrBytes,
    extra: usize,
) -> Result<BytesMut> {
    let encode = || -> Result<BytesMut, String> {
        let mut frame = BytesMut::with_capacity(256);
        frame.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(client_id.clone()));
        header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
        request.encode(&mut frame, version).map_err(|error| error.to_string())?;
        let len = i32::try_from(frame.len() - 4 + extra).map_err(|_| "it is larger than 2 GiB".to_owned())?;
        frame[..4].copy_from_slice(&len.to_be_bytes());
        Ok(frame)
    };
    encode().map_err(|reason| Error::protocol(format!("cannot write request {} version {version}", R::KEY), reason))
}

/// The answer to `R`; slices of `answer` where it holds bytes.
pub(crate) fn decode_response<R: Request>(
    mut answer: Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, String> {
    let header_version = R::Response::header_version(version);
    check_answer(R::KEY, version, header_version, &answer)
        .map_err(|error| format!("cannot read the answer: {error}"))?;
    let header = ResponseHeader::decode(&mut answer, header_version)
        .map_err(|error| format!("cannot read the answer's header: {error}"))?;
    if header.correlation_id != correlation_id {
        return Err(format!("the answer has correlation id {} instead of {correlation_id}", header.correlation_id));
    }
    R::Response::decode(&mut answer, version).map_err(|error| format!("cannot read the answer: {error}"))
}
