//! The produce request, with batches as pieces of their own that are not copied.
//!
//! Counterpart: org.apache.kafka.common.requests.ProduceRequest.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ProduceRequest, RequestHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};

use super::accumulator::InFlight;
use crate::config::Acks;
use crate::error::{Error, Result};
use crate::net::Connection;

/// From this version on strings and lists are in the compact form.
const FLEXIBLE: i16 = 9;

/// A frame with everything in `batches`, whose wire forms are `wires`.
pub(super) fn frame(
    connection: &Connection,
    version: i16,
    correlation_id: i32,
    acks: Acks,
    timeout_ms: i32,
    batches: &[InFlight],
    wires: &[Bytes],
) -> Result<Vec<Bytes>> {
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
    // No transaction.
    if flexible {
        out.put_u8(0);
    } else {
        out.put_i16(-1);
    }
    out.put_i16(acks.id());
    out.put_i32(timeout_ms);

    let by_topic: Vec<&[InFlight]> = batches.chunk_by(|a, b| a.topic_index == b.topic_index).collect();
    put_count(&mut out, flexible, by_topic.len());
    let mut pieces = Vec::with_capacity(2 * batches.len() + 1);
    let mut wires = wires.iter();
    for batches in by_topic {
        let name = batches.first().map_or("", |first| &*first.topic);
        if flexible {
            put_unsigned(&mut out, name.len() + 1);
        } else {
            out.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX));
        }
        out.put_slice(name.as_bytes());
        put_count(&mut out, flexible, batches.len());
        for (batch, wire) in batches.iter().zip(&mut wires) {
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
