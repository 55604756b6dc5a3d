//! One batch on its way through the producer.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.ProducerBatch.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::completion::{BatchAck, TagRuns};
use crate::error::Result;
use crate::memory::Grant;
use crate::net::Departure;
use crate::records::{
    BatchBuilder, BatchHeader, Compression, HEADER_LEN, InvalidRecords, Level, ProducerId, RecordIter, RecordParts,
    set_producer,
};

/// Answer for [`Producer::send`](super::Producer::send): the partition, the record's offset and its append time.
pub(super) type Reply = oneshot::Sender<Result<(i32, BatchAck)>>;

/// Place of a batch among all of its producer: the number it was created under, and which of that batch's records is its first, since
/// batches can be split.
pub(super) type Order = (u64, i32);

/// Whom to tell when a batch ends.
#[derive(Debug)]
pub(super) enum Listeners {
    /// Its owner, by tags.
    Tags(TagRuns),
    /// Each sender of a single record.
    Replies(Vec<Reply>),
}

impl Listeners {
    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Tags(tags) => Self::Tags(tags.split_off(at)),
            Self::Replies(replies) => Self::Replies(replies.split_off(at)),
        }
    }
}

/// Where the records are.
#[derive(Debug)]
enum Content {
    Open(BatchBuilder),
    /// In the wire format, with the identity written into it.
    Sealed(Bytes, Option<ProducerId>),
    /// Being sealed; the sender brings it back.
    Away,
}

/// The content of a batch while it is made ready for the wire, which happens without the accumulator's lock.
#[derive(Debug)]
pub(super) struct Draft {
    content: Content,
    identity: Option<ProducerId>,
}

impl Draft {
    /// The batch as it goes over the wire; compressed and summed the first time, with a new header when its identity has changed.
    pub(super) fn seal(self, compression: Compression, level: Level) -> Result<Sealed, InvalidRecords> {
        let identity = self.identity;
        match self.content {
            Content::Open(builder) => {
                let uncompressed = builder.len();
                let bytes = builder.build(compression, level, identity)?;
                Ok(Sealed { bytes, identity, uncompressed: Some(uncompressed) })
            }
            Content::Sealed(bytes, written) => match identity {
                Some(identity) if written != Some(identity) => {
                    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| shared.as_ref().into());
                    set_producer(&mut bytes, &identity)?;
                    Ok(Sealed { bytes: bytes.freeze(), identity: Some(identity), uncompressed: None })
                }
                _ => Ok(Sealed { bytes, identity: written, uncompressed: None }),
            },
            Content::Away => Err(InvalidRecords::malformed("the batch is already on its way")),
        }
    }
}

/// A batch ready for the wire.
#[derive(Debug)]
pub(super) struct Sealed {
    pub bytes: Bytes,
    identity: Option<ProducerId>,
    /// Bytes before compression, if it was sealed just now.
    pub uncompressed: Option<usize>,
}

/// A batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub order: Order,
    pub listeners: Listeners,
    /// Bytes of buffer memory that it holds.
    pub reserved: usize,
    /// Its part of the process's memory.
    pub grant: Grant,
    pub created: Instant,
    /// Bytes that its largest record would have in a batch of its own, at most.
    pub largest_record: usize,
    /// Times that it was sent.
    pub attempts: u32,
    /// An earlier attempt may have been written although the broker did not say so.
    pub maybe_written: bool,
    /// Of the request that it was last sent with.
    pub departure: Option<Arc<Departure>>,
    /// Not to be sent again before.
    pub retry_at: Option<Instant>,
    /// Epoch of the leader that it was last sent to.
    pub leader_epoch: i32,
    /// Who writes it and under which sequence number, once that is settled.
    pub identity: Option<ProducerId>,
    /// Its sequence number was changed after it was sent.
    pub renumbered: bool,
    /// Whoever waits for it was told already; only the broker's answer is still to come.
    pub told: bool,
    pub count: i32,
    content: Content,
}

impl Batch {
    pub(super) fn new(order: Order, listeners: Listeners, capacity: usize, created: Instant) -> Self {
        Self {
            order,
            listeners,
            reserved: capacity,
            grant: Grant::default(),
            created,
            largest_record: 0,
            attempts: 0,
            maybe_written: false,
            departure: None,
            retry_at: None,
            leader_epoch: -1,
            identity: None,
            renumbered: false,
            told: false,
            count: 0,
            content: Content::Open(BatchBuilder::with_capacity(capacity)),
        }
    }

    /// The builder; `None` once it is sealed.
    #[inline]
    pub(super) fn builder(&mut self) -> Option<&mut BatchBuilder> {
        match &mut self.content {
            Content::Open(builder) => Some(builder),
            Content::Sealed(..) | Content::Away => None,
        }
    }

    /// Bytes as they are now.
    pub(super) fn len(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.len(),
            Content::Sealed(bytes, _) => bytes.len(),
            Content::Away => 0,
        }
    }

    /// Gives the content away to be sealed.
    pub(super) fn draft(&mut self) -> Draft {
        Draft { content: std::mem::replace(&mut self.content, Content::Away), identity: self.identity }
    }

    /// Takes it back, for another attempt.
    pub(super) fn keep(&mut self, sealed: &Sealed) {
        self.content = Content::Sealed(sealed.bytes.clone(), sealed.identity);
        // From here on the broker judges it under the numbers that it has now.
        self.renumbered = false;
    }

    /// Holds back the request that it is part of. `false` if that has left, so that the broker may have got it.
    pub(super) fn is_held_back(&self) -> bool {
        self.departure.as_ref().is_some_and(|departure| departure.hold_back())
    }

    /// The sequence number of its last record.
    pub(super) fn last_sequence(&self) -> Option<i32> {
        self.identity.map(|identity| sequence_after(identity.base_sequence, self.count - 1))
    }

    /// The identity that the broker saw, if it was sent.
    pub(super) fn sent_identity(&self) -> Option<ProducerId> {
        match &self.content {
            Content::Sealed(_, identity) => *identity,
            Content::Open(_) | Content::Away => self.identity,
        }
    }

    /// Two batches with half of the records each, for a broker that found the whole too large. They keep the sequence numbers.
    ///
    /// # Errors
    /// Records that cannot be read again; gives back whom to tell.
    pub(super) fn split(self) -> Result<(Self, Self), (InvalidRecords, Listeners)> {
        let Self {
            order,
            mut listeners,
            reserved,
            grant,
            created,
            largest_record,
            attempts,
            maybe_written,
            identity,
            renumbered,
            count,
            content,
            ..
        } = self;
        let half = count / 2;
        let (mut first, mut second) = (BatchBuilder::with_capacity(0), BatchBuilder::with_capacity(0));
        let divided =
            match &content {
                Content::Sealed(bytes, _) => for_each_record(bytes, |parts| {
                    if first.count() < half { first.append(parts) } else { second.append(parts) }
                }),
                Content::Open(_) | Content::Away => Err(InvalidRecords::malformed("it was not sent")),
            };
        if let Err(error) = divided {
            return Err((error, listeners));
        }
        let tail = listeners.split_off(usize::try_from(half).unwrap_or(0));
        let share = reserved / 2;
        let part = |order, listeners, reserved, grant, count, identity, builder| Self {
            order,
            listeners,
            reserved,
            grant,
            created,
            largest_record,
            attempts,
            maybe_written,
            departure: None,
            retry_at: None,
            leader_epoch: -1,
            identity,
            renumbered,
            told: false,
            count,
            content: Content::Open(builder),
        };
        let behind = identity
            .map(|identity| ProducerId { base_sequence: sequence_after(identity.base_sequence, half), ..identity });
        let (created_as, at) = order;
        Ok((
            part(order, listeners, reserved - share, grant, half, identity, first),
            part((created_as, at + half), tail, share, Grant::default(), count - half, behind, second),
        ))
    }
}

/// The sequence number `count` records behind another. Behind the greatest comes 0.
pub(super) fn sequence_after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

fn for_each_record(
    batch: &[u8],
    mut each: impl FnMut(&RecordParts<'_>) -> Result<(), InvalidRecords>,
) -> Result<(), InvalidRecords> {
    let header = BatchHeader::read(batch)?;
    let records = header.compression()?.decompress(&batch[HEADER_LEN..])?;
    let mut iter = RecordIter::new(&header, &records);
    while let Some(view) = iter.next_checked() {
        let view = view?;
        // The keys are those that the producer was given, as text.
        let headers = view.headers().map(|(key, value)| std::str::from_utf8(key).map(|key| (key, value)));
        let headers: Result<Vec<_>, _> = headers.collect();
        let headers = headers.map_err(|_| InvalidRecords::malformed("the key of a header is no text"))?;
        let timestamp = view.timestamp.unwrap_or(-1);
        each(&RecordParts { timestamp, key: view.key, value: view.value, headers: &headers })?;
    }
    Ok(())
}
