//! Fetch: stored batches go out as they are, as slices of the log; a fetch that finds too little is parked.
//!
//! The answer is written by hand because the message definitions would copy the records into the frame.

use super::fetch_session::{Key, Session, Wanted};
use super::wire::{self, Reply};
use super::{Context, wire::encode};
use crate::log::{Aborted, Partition, Read, ReadError};
use crate::topics::Topic;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::NodeEndpoint;
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Largest answer, whatever the client allows: frames have a 32-bit length.
const MOST_BYTES: usize = 1 << 30;
/// Smaller batches are copied into the frame instead of becoming a slice of their own.
const COPIED: usize = 2048;

/// Tags of the answer's optional fields.
const NODE_ENDPOINTS: u8 = 0;
const DIVERGING_EPOCH: u8 = 0;
const CURRENT_LEADER: u8 = 1;

/// What a partition gives to one answer.
struct Part {
    key: Key,
    error: i16,
    high_watermark: i64,
    last_stable: i64,
    log_start: i64,
    /// Only for `read_committed`.
    aborted: Option<Vec<Aborted>>,
    records: Vec<Bytes>,
    bytes: usize,
    /// The leader and its epoch, if the error sends the client there.
    leader: Option<(i32, i32)>,
    /// The epoch where the client's log and this one part, and the offset where it ends here.
    diverging: Option<(i32, i64)>,
    /// The replica that the client should rather read from; -1 is none.
    preferred: i32,
}

impl Part {
    fn new(key: Key) -> Self {
        Self {
            key,
            error: 0,
            high_watermark: -1,
            last_stable: -1,
            log_start: -1,
            aborted: None,
            records: Vec::new(),
            bytes: 0,
            leader: None,
            diverging: None,
            preferred: -1,
        }
    }
}

/// What a request wants of all partitions.
#[derive(Clone, Copy)]
struct Asked<'a> {
    rack: &'a str,
    /// Only what no open transaction can still change.
    committed: bool,
}

/// `isolation_level` of clients that want only what is committed.
pub(super) const READ_COMMITTED: i8 = 1;

pub(super) async fn handle(cx: &Context<'_>, correlation: i32, request: FetchRequest) -> wire::Result<Reply> {
    let refuse = |code: i16| encode(correlation, cx.version, &FetchResponse::default().with_error_code(code));
    let Some(sessions) = cx.shared.cluster.node(cx.node()).map(|node| &node.sessions) else {
        return refuse(ResponseError::UnknownServerError.code());
    };
    let mut session = match sessions.begin(&request) {
        Ok(session) => session,
        Err(error) => return refuse(error.code()),
    };
    if session.id != 0 && cx.version >= 13 {
        for (key, wanted) in session.partitions.iter_mut().filter(|(_, wanted)| wanted.name.is_none()) {
            wanted.name = cx.shared.topics.by_id(&key.id).map(|topic| Arc::clone(&topic.name));
        }
    }
    let mut parts = Box::pin(read_or_wait(cx, &request, &session)).await;
    let bytes = parts.iter().map(|part| part.bytes).sum();
    if cx.consumed(bytes) {
        // As Kafka: who is over the quota gets nothing this time.
        parts.clear();
    }
    let leaders = parts.iter().filter_map(|part| part.leader.map(|(id, _)| id)).collect();
    let reply = write(cx.version, correlation, &session, &parts, &cx.endpoints(&leaders));
    finish(&mut session, &parts);
    sessions.end(session);
    reply
}

async fn read_or_wait(cx: &Context<'_>, request: &FetchRequest, session: &Session) -> Vec<Part> {
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0).min(MOST_BYTES);
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0).min(max_bytes.max(1));
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let logs = resolve(cx, session);
    let enough = |parts: &[Part]| {
        parts.iter().map(|part| part.bytes).sum::<usize>() >= min_bytes
            || parts.iter().any(|part| part.error != 0 || part.preferred >= 0 || part.diverging.is_some())
    };
    let asked = Asked { rack: request.rack_id.as_str(), committed: request.isolation_level == READ_COMMITTED };
    let mut parts = read(cx, session, &logs, asked, max_bytes);
    if wait.is_zero() || logs.is_empty() || enough(&parts) {
        return parts;
    }
    let deadline = Instant::now() + wait;
    loop {
        // Waiting is announced before reading again: what is appended in between leaves a permit.
        for (_, log) in logs.iter().flatten() {
            log.wait(&cx.connection.wake);
        }
        parts = read(cx, session, &logs, asked, max_bytes);
        if enough(&parts) || tokio::time::timeout_at(deadline, cx.connection.wake.notified()).await.is_err() {
            return parts;
        }
    }
}

type Log = Result<(Arc<Topic>, Arc<Partition>), ResponseError>;

/// The logs of the session's partitions, in its order.
fn resolve(cx: &Context<'_>, session: &Session) -> Vec<Log> {
    let by_id = cx.version >= 13;
    let mut topics = HashMap::new();
    session
        .partitions
        .iter()
        .map(|(key, wanted)| {
            let topic = topics.entry((&key.name, key.id)).or_insert_with(|| {
                if by_id { cx.shared.topics.by_id(&key.id) } else { cx.shared.topics.by_name(&key.name) }
            });
            match topic {
                Some(topic) => match topic.partition(key.partition) {
                    Some(log) => Ok((Arc::clone(topic), log)),
                    None => Err(ResponseError::UnknownTopicOrPartition),
                },
                // A session knows which name the id stood for.
                None if by_id => Err(match &wanted.name {
                    Some(name) if cx.shared.topics.by_name(name).is_some() => ResponseError::InconsistentTopicId,
                    Some(_) => ResponseError::UnknownTopicOrPartition,
                    None => ResponseError::UnknownTopicId,
                }),
                None => Err(ResponseError::UnknownTopicOrPartition),
            }
        })
        .collect()
}

fn read(cx: &Context<'_>, session: &Session, logs: &[Log], asked: Asked<'_>, max_bytes: usize) -> Vec<Part> {
    let mut left = max_bytes;
    let mut empty = true;
    let mut parts = Vec::with_capacity(logs.len());
    for ((key, wanted), log) in session.partitions.iter().zip(logs) {
        let part = read_one(cx, key, wanted, log, asked, left, empty);
        empty &= part.bytes == 0;
        left = left.saturating_sub(part.bytes);
        parts.push(part);
    }
    parts
}

fn read_one(
    cx: &Context<'_>,
    key: &Key,
    wanted: &Wanted,
    log: &Log,
    asked: Asked<'_>,
    left: usize,
    at_least_one: bool,
) -> Part {
    let committed = asked.committed;
    let mut part = Part::new(key.clone());
    let failed = |mut part: Part, error: ResponseError| {
        part.error = error.code();
        part
    };
    let (topic, log) = match log {
        Ok((topic, log)) => (topic, log),
        Err(error) => return failed(part, *error),
    };
    let cluster = &cx.shared.cluster;
    let fault = cx.fault_at(&topic.name, key.partition);
    // Older clients do not know that followers give records, too.
    let checked = if fault != 0 {
        Err(ResponseError::try_from_code(fault).unwrap_or(ResponseError::UnknownServerError))
    } else if cx.version >= 11 {
        cluster.check_replica(cx.node(), topic, key.partition, log, wanted.leader_epoch)
    } else {
        cluster.check_leader(cx.node(), topic, key.partition, log, wanted.leader_epoch)
    };
    if let Err(error) = checked {
        part.leader =
            cx.current_leader(topic, key.partition).filter(|_| cx.version >= 16 && wire::is_about_leader(error.code()));
        return failed(part, error);
    }
    let preferred = cluster.preferred_replica(cx.node(), topic, key.partition, asked.rack);
    let max_bytes = match preferred {
        Some(replica) => {
            part.preferred = replica;
            0
        }
        None => usize::try_from(wanted.max_bytes).unwrap_or(0).min(left),
    };
    let at_least_one = at_least_one && preferred.is_none();
    match log.read(
        Read { offset: wanted.offset, max_bytes, at_least_one, committed, last_epoch: wanted.last_epoch },
        &mut part.records,
    ) {
        Ok(slice) => {
            part.bytes = slice.bytes;
            part.high_watermark = slice.high_watermark;
            part.last_stable = slice.last_stable;
            part.log_start = slice.log_start;
            part.aborted = committed.then_some(slice.aborted);
            part
        }
        Err(ReadError::Diverging(epoch, end)) => {
            let (start, high_watermark) = log.range();
            (part.log_start, part.high_watermark, part.last_stable) = (start, high_watermark, log.last_stable());
            part.aborted = committed.then(Vec::new);
            part.diverging = Some((epoch, end));
            part
        }
        Err(ReadError::OutOfRange) => failed(part, ResponseError::OffsetOutOfRange),
        Err(ReadError::Deleted) => failed(part, ResponseError::UnknownTopicOrPartition),
        Err(ReadError::Storage) => failed(part, ResponseError::KafkaStorageError),
    }
}

/// Whether the partition is in an incremental answer.
fn is_told(session: &Session, part: &Part) -> bool {
    !session.incremental
        || part.bytes > 0
        || part.error != 0
        || part.preferred >= 0
        || part.diverging.is_some()
        || session.partitions.get(&part.key).is_none_or(|wanted| wanted.told != (part.high_watermark, part.log_start))
}

fn finish(session: &mut Session, parts: &[Part]) {
    if session.id == 0 {
        return;
    }
    let mut served = Vec::new();
    for part in parts {
        if let Some(wanted) = session.partitions.get_mut(&part.key) {
            // After an error the partition is told again, whatever comes.
            wanted.told = if part.error == 0 { (part.high_watermark, part.log_start) } else { (-1, -1) };
        }
        if part.bytes > 0 {
            served.push(part.key.clone());
        }
    }
    session.rotate(&served);
}

fn write(
    version: i16,
    correlation: i32,
    session: &Session,
    parts: &[Part],
    leaders: &[NodeEndpoint],
) -> wire::Result<Reply> {
    let flexible = version >= 12;
    let mut topics: Vec<(&Key, Vec<&Part>)> = Vec::new();
    for part in parts.iter().filter(|part| is_told(session, part)) {
        match topics.last_mut() {
            Some((key, parts)) if key.name == part.key.name && key.id == part.key.id => parts.push(part),
            _ => topics.push((&part.key, vec![part])),
        }
    }
    let mut frame = Frame::default();
    frame.head.put_i32(0);
    frame.head.put_i32(correlation);
    frame.tags(flexible);
    frame.head.put_i32(0); // throttle time
    if version >= 7 {
        frame.head.put_i16(0);
        frame.head.put_i32(session.id);
    }
    frame.length(flexible, topics.len());
    for (key, parts) in topics {
        if version >= 13 {
            frame.head.put_slice(key.id.as_bytes());
        } else {
            frame.name(flexible, &key.name);
        }
        frame.length(flexible, parts.len());
        for part in parts {
            frame.partition(version, part);
        }
        frame.tags(flexible);
    }
    if leaders.is_empty() || version < 16 {
        frame.tags(flexible);
    } else {
        frame.endpoints(leaders);
    }
    frame.finish()
}

/// A frame in the making: bytes of its own between slices of the log.
#[derive(Default)]
struct Frame {
    done: Vec<Bytes>,
    head: BytesMut,
}

impl Frame {
    fn partition(&mut self, version: i16, part: &Part) {
        let flexible = version >= 12;
        self.head.put_i32(part.key.partition);
        self.head.put_i16(part.error);
        self.head.put_i64(part.high_watermark);
        self.head.put_i64(part.last_stable);
        if version >= 5 {
            self.head.put_i64(part.log_start);
        }
        self.aborted(flexible, part.aborted.as_deref());
        if version >= 11 {
            self.head.put_i32(part.preferred);
        }
        if flexible {
            self.varint(part.bytes + 1);
        } else {
            self.head.put_i32(i32::try_from(part.bytes).unwrap_or(i32::MAX));
        }
        for records in &part.records {
            if records.len() <= COPIED {
                self.head.put_slice(records);
            } else {
                self.done.push(self.head.split().freeze());
                self.done.push(records.clone());
            }
        }
        if !flexible {
            return;
        }
        self.head.put_u8(u8::from(part.diverging.is_some()) + u8::from(part.leader.is_some()));
        if let Some((epoch, end)) = part.diverging {
            self.head.put_slice(&[DIVERGING_EPOCH, 13]); // bytes
            self.head.put_i32(epoch);
            self.head.put_i64(end);
            self.tags(true);
        }
        if let Some((id, epoch)) = part.leader {
            self.head.put_slice(&[CURRENT_LEADER, 9]); // bytes
            self.head.put_i32(id);
            self.head.put_i32(epoch);
            self.tags(true);
        }
    }

    /// The tagged field that says where the hinted leaders are.
    fn endpoints(&mut self, leaders: &[NodeEndpoint]) {
        let mut inner = Self::default();
        inner.varint(leaders.len() + 1);
        for leader in leaders {
            inner.head.put_i32(leader.node_id.0);
            inner.name(true, &leader.host);
            inner.head.put_i32(leader.port);
            match &leader.rack {
                Some(rack) => inner.name(true, rack),
                None => inner.head.put_u8(0),
            }
            inner.tags(true);
        }
        self.head.put_slice(&[1, NODE_ENDPOINTS]);
        self.varint(inner.head.len());
        self.head.put_slice(&inner.head);
    }

    fn aborted(&mut self, flexible: bool, aborted: Option<&[Aborted]>) {
        match aborted {
            Some(aborted) => self.length(flexible, aborted.len()),
            // Null, which in the compact form is 0.
            None if flexible => self.head.put_u8(0),
            None => self.head.put_i32(-1),
        }
        for one in aborted.unwrap_or_default() {
            self.head.put_i64(one.producer_id);
            self.head.put_i64(one.first_offset);
            self.tags(flexible);
        }
    }

    fn tags(&mut self, flexible: bool) {
        if flexible {
            self.head.put_u8(0);
        }
    }

    fn length(&mut self, flexible: bool, length: usize) {
        if flexible {
            self.varint(length + 1);
        } else {
            self.head.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
        }
    }

    fn name(&mut self, flexible: bool, name: &str) {
        if flexible {
            self.varint(name.len() + 1);
        } else {
            self.head.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX));
        }
        self.head.put_slice(name.as_bytes());
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.head.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.head.put_u8(value as u8);
    }

    fn finish(mut self) -> wire::Result<Reply> {
        let total: usize = self.done.iter().map(Bytes::len).sum::<usize>() + self.head.len();
        let length = i32::try_from(total - 4)?.to_be_bytes();
        if self.done.is_empty() {
            if let Some(prefix) = self.head.get_mut(..4) {
                prefix.copy_from_slice(&length);
            }
            return Ok(Reply::Frame(self.head));
        }
        self.done.push(self.head.freeze());
        if let Some(first) = self.done.first_mut() {
            let mut bytes = BytesMut::from(std::mem::take(first));
            if let Some(prefix) = bytes.get_mut(..4) {
                prefix.copy_from_slice(&length);
            }
            *first = bytes.freeze();
        }
        Ok(Reply::Parts(self.done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;
    use kafka_protocol::messages::ResponseHeader;
    use kafka_protocol::protocol::{Decodable, HeaderVersion};
    use uuid::Uuid;

    #[test]
    fn the_answer_written_by_hand_reads_as_the_message_definitions_say() {
        for version in 4..=18 {
            let id = if version >= 13 { Uuid::from_u128(9) } else { Uuid::nil() };
            let name = if version >= 13 { String::new() } else { "topic".to_owned() };
            let key = |partition| Key { name: name.clone(), id, partition };
            let part = |partition, records: Vec<Bytes>| Part {
                high_watermark: 77,
                last_stable: 70,
                log_start: 5,
                aborted: (partition == 0).then(|| vec![Aborted::new(9, 33, 40), Aborted::new(8, 34, 41)]),
                bytes: records.iter().map(Bytes::len).sum(),
                records,
                leader: if version >= 16 { Some((2, 7)) } else { None },
                diverging: (version >= 12 && partition == 300).then_some((4, 55)),
                preferred: 3,
                ..Part::new(key(partition))
            };
            let leaders = [NodeEndpoint::default()
                .with_node_id(2.into())
                .with_host(wire::text("h"))
                .with_port(9)
                .with_rack(Some(wire::text("r")))];
            let large = Bytes::from(vec![7_u8; COPIED * 3]);
            let parts = [part(0, vec![Bytes::from_static(b"small"), large.clone()]), part(300, vec![])];
            let session = Session { id: 4, ..Session::default() };
            let Ok(reply) = write(version, 42, &session, &parts, &leaders) else { panic!("not written") };
            let mut bytes = match reply {
                Reply::Parts(parts) => Bytes::from(parts.concat()),
                _ => panic!("expected slices"),
            };
            assert_eq!(bytes.get_i32() as usize, bytes.len());
            let header = ResponseHeader::decode(&mut bytes, FetchResponse::header_version(version)).unwrap();
            assert_eq!(header.correlation_id, 42);
            let response = FetchResponse::decode(&mut bytes, version).unwrap();
            assert!(bytes.is_empty(), "version {version}");
            let topic = &response.responses[0];
            assert_eq!((topic.topic.to_string(), topic.topic_id), (name.clone(), id));
            let partition = &topic.partitions[0];
            assert_eq!((partition.high_watermark, partition.last_stable_offset), (77, 70));
            let aborted = partition.aborted_transactions.as_ref().unwrap();
            assert_eq!((aborted.len(), aborted[1].producer_id.0, aborted[1].first_offset), (2, 8, 34));
            assert_eq!(topic.partitions[1].aborted_transactions, None);
            assert_eq!(partition.records.as_ref().unwrap().len(), 5 + large.len());
            assert_eq!(topic.partitions[1].partition_index, 300);
            if version >= 12 {
                let diverging = &topic.partitions[1].diverging_epoch;
                assert_eq!((diverging.epoch, diverging.end_offset), (4, 55));
            }
            if version >= 11 {
                assert_eq!(partition.preferred_read_replica.0, 3);
            }
            if version >= 16 {
                assert_eq!((partition.current_leader.leader_id.0, partition.current_leader.leader_epoch), (2, 7));
                let node = &response.node_endpoints[0];
                assert_eq!(
                    (node.node_id.0, node.host.as_str(), node.port, node.rack.as_deref()),
                    (2, "h", 9, Some("r"))
                );
            }
            assert_eq!(response.session_id, if version >= 7 { 4 } else { 0 });
        }
    }
}
