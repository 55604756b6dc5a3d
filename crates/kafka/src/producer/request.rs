//! The produce request, with batches as pieces of their own that are not copied.
//!
//! Counterpart: org.apache.kafka.common.requests.ProduceRequest.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ProduceRequest, RequestHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};
use uuid::Uuid;

use super::answers::SentBatch;
use super::exchange::Terms;
use crate::error::{Error, Result};
use crate::net::Connection;

/// From this version on strings and lists are in the compact form.
const FLEXIBLE: i16 = 9;

/// How a request is written.
pub(super) struct Framing {
    pub version: i16,
    pub correlation_id: i32,
    /// Topics go by id.
    pub by_id: bool,
}

/// A frame with everything in `batches`, whose wire forms are `wires` and whose topics have the ids `ids`.
pub(super) fn frame(
    connection: &Connection,
    framing: &Framing,
    terms: &Terms,
    batches: &[SentBatch],
    ids: &[Uuid],
    wires: &[Bytes],
) -> Result<Vec<Bytes>> {
    let &Framing { version, correlation_id, by_id } = framing;
    let mut out = BytesMut::with_capacity(128 + 64 * batches.len());
    out.put_i32(0);
    RequestHeader::default()
        .with_request_api_key(ProduceRequest::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(connection.client_id().clone()))
        .encode(&mut out, ProduceRequest::header_version(version))
        .map_err(|error| Error::protocol("cannot write a produce request", error))?;
    let flexible = version >= FLEXIBLE;
    match &terms.transactional_id {
        Some(id) => put_text(&mut out, flexible, id),
        None if flexible => out.put_u8(0),
        None => out.put_i16(-1),
    }
    out.put_i16(terms.acks.id());
    out.put_i32(i32::try_from(terms.timeout.as_millis()).unwrap_or(i32::MAX));

    let by_topic: Vec<&[SentBatch]> = batches.chunk_by(|a, b| a.topic_index == b.topic_index).collect();
    put_count(&mut out, flexible, by_topic.len());
    let mut pieces = Vec::with_capacity(2 * batches.len() + 1);
    let mut wires = wires.iter().zip(ids);
    for batches in by_topic {
        let mut wires = wires.by_ref().take(batches.len()).peekable();
        match wires.peek().filter(|_| by_id) {
            Some((_, id)) => out.put_slice(id.as_bytes()),
            None => put_text(&mut out, flexible, batches.first().map_or("", |first| &*first.topic)),
        }
        put_count(&mut out, flexible, batches.len());
        for (batch, (wire, _)) in batches.iter().zip(wires) {
            out.put_i32(batch.partition);
            if flexible {
                put_unsigned(&mut out, wire.len() + 1);
            } else {
                out.put_i32(i32::try_from(wire.len()).unwrap_or(i32::MAX));
            }
            pieces.push(out.split().freeze());
            pieces.push(wire.clone());
            if flexible {
                out.put_u8(0); // tagged fields of the partition
            }
        }
        if flexible {
            out.put_u8(0); // of the topic
        }
    }
    if flexible {
        out.put_u8(0); // of the request
    }
    if !out.is_empty() {
        pieces.push(out.freeze());
    }
    let len = pieces.iter().map(Bytes::len).sum::<usize>() - 4;
    let len = i32::try_from(len).map_err(|error| Error::protocol("cannot write a produce request", error))?;
    if let Some(first) = pieces.first_mut() {
        let mut start = BytesMut::from(&first[..]);
        start[..4].copy_from_slice(&len.to_be_bytes());
        *first = start.freeze();
    }
    Ok(pieces)
}

fn put_text(out: &mut BytesMut, flexible: bool, text: &str) {
    if flexible {
        put_unsigned(out, text.len() + 1);
    } else {
        out.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    }
    out.put_slice(text.as_bytes());
}

fn put_count(out: &mut BytesMut, flexible: bool, count: usize) {
    if flexible {
        put_unsigned(out, count + 1);
    } else {
        out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
    }
}

fn put_unsigned(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
