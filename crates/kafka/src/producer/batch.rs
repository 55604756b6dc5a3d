//! One batch on its way through the producer.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.ProducerBatch.

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::completion::{BatchAck, TagRuns};
use crate::error::Result;
use crate::records::{
    BatchBuilder, BatchHeader, Compression, HEADER_LEN, InvalidRecords, Level, ProducerId, RecordIter, RecordParts,
};

/// Answer for [`Producer::send`](super::Producer::send): the partition, the record's offset and its append time.
pub(super) type Reply = oneshot::Sender<Result<(i32, BatchAck)>>;

/// Whom to tell when a batch ends.
#[derive(Debug)]
pub(super) enum Listeners {
    /// Its owner, by tags.
    Tags(TagRuns),
    /// Each sender of a single record.
    Replies(Vec<Reply>),
}

/// Where the records are.
#[derive(Debug)]
enum Content {
    Open(BatchBuilder),
    Sealed(Bytes),
}

/// A batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub id: u64,
    pub listeners: Listeners,
    /// Bytes of buffer memory that it holds.
    pub reserved: usize,
    pub created: Instant,
    /// Times that it was sent.
    pub attempts: u32,
    pub identity: Option<ProducerId>,
    pub count: i32,
    content: Content,
}

impl Batch {
    pub(super) fn new(id: u64, listeners: Listeners, capacity: usize, reserved: usize, created: Instant) -> Self {
        let content = Content::Open(BatchBuilder::with_capacity(capacity));
        Self { id, listeners, reserved, created, attempts: 0, identity: None, count: 0, content }
    }

    /// The builder; `None` once it is sealed.
    #[inline]
    pub(super) fn builder(&mut self) -> Option<&mut BatchBuilder> {
        match &mut self.content {
            Content::Open(builder) => Some(builder),
            Content::Sealed(_) => None,
        }
    }

    /// Bytes as they are now.
    pub(super) fn len(&self) -> usize {
        match &self.content {
            Content::Open(builder) => builder.len(),
            Content::Sealed(bytes) => bytes.len(),
        }
    }

    /// The batch as it goes over the wire; compressed and summed the first time.
    pub(super) fn wire(&mut self, compression: Compression, level: Level) -> Result<Bytes, InvalidRecords> {
        match &mut self.content {
            Content::Sealed(bytes) => Ok(bytes.clone()),
            Content::Open(builder) => {
                let builder = std::mem::replace(builder, BatchBuilder::with_capacity(0));
                let bytes = builder.build(compression, level, self.identity)?;
                self.content = Content::Sealed(bytes.clone());
                Ok(bytes)
            }
        }
    }

    /// Forgets who wrote it; it goes out under another identity.
    pub(super) fn forget_identity(&mut self) -> Result<(), InvalidRecords> {
        self.identity = None;
        let Content::Sealed(bytes) = &self.content else { return Ok(()) };
        let mut builder = BatchBuilder::with_capacity(bytes.len());
        for_each_record(bytes, |parts| builder.append(parts))?;
        self.content = Content::Open(builder);
        Ok(())
    }

    /// Two batches with half of the records each, for a broker that found the whole too large.
    ///
    /// # Errors
    /// Records that cannot be read again; gives back whom to tell.
    pub(super) fn split(self) -> Result<(Self, Self), (InvalidRecords, Listeners)> {
        let Self { id, listeners, reserved, created, attempts, count, content, .. } = self;
        let half = count / 2;
        let (mut first, mut second) = (BatchBuilder::with_capacity(0), BatchBuilder::with_capacity(0));
        if let Content::Sealed(bytes) = &content {
            let divided =
                for_each_record(
                    bytes,
                    |parts| {
                        if first.count() < half { first.append(parts) } else { second.append(parts) }
                    },
                );
            if let Err(error) = divided {
                return Err((error, listeners));
            }
        }
        let (head, tail) = match listeners {
            Listeners::Tags(mut tags) => {
                let tail = tags.split_off(half as usize);
                (Listeners::Tags(tags), Listeners::Tags(tail))
            }
            Listeners::Replies(mut replies) => {
                let tail = replies.split_off(half as usize);
                (Listeners::Replies(replies), Listeners::Replies(tail))
            }
        };
        let share = reserved / 2;
        let part = |listeners, reserved, count, builder| Self {
            id,
            listeners,
            reserved,
            created,
            attempts,
            identity: None,
            count,
            content: Content::Open(builder),
        };
        Ok((part(head, reserved - share, half, first), part(tail, share, count - half, second)))
    }
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
        let headers: Vec<_> = view.headers().collect();
        let timestamp = view.timestamp.unwrap_or(-1);
        each(&RecordParts { timestamp, key: view.key, value: view.value, headers: &headers })?;
    }
    Ok(())
}
