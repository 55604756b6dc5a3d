//! The journal: one append-only file that keeps what is not a record – topics, their configurations, group offsets.
//!
//! An entry is written before its request is answered, so it survives the death of the process. Layout: a magic line, then entries of
//! `length u32, crc32c u32, kind u8, fields`; a torn or damaged tail is cut off at start. The file is rewritten at start with what still
//! counts, which keeps it small.

use crate::error::{Error, Result};
use crate::group::TxnOffset;
use crate::sync::lock;
use crate::txn::{Phase, Transaction, Version};
use bytes::{Buf, BufMut};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing::{error, warn};
use uuid::Uuid;

const MAGIC: &[u8] = b"milena-devbroker journal 1\n";
const NAME: &str = "journal";

/// A committed offset of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
}

/// A change that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    ClusterId(String),
    Topic {
        name: String,
        id: Uuid,
        partitions: u32,
        configs: BTreeMap<String, String>,
    },
    TopicDeleted {
        name: String,
    },
    LogStart {
        topic: String,
        partition: i32,
        offset: i64,
    },
    Offset {
        group: String,
        topic: String,
        partition: i32,
        committed: Committed,
    },
    OffsetDeleted {
        group: String,
        topic: String,
        partition: i32,
    },
    GroupDeleted {
        group: String,
    },
    /// Producer ids below this may have been handed out.
    ProducerIds {
        next: i64,
    },
    /// The state of a transactional id.
    Transaction {
        id: String,
        transaction: Box<Transaction>,
    },
    /// An offset that is committed when the producer's transaction is.
    TxnOffset {
        producer_id: i64,
        group: String,
        topic: String,
        partition: i32,
        offset: TxnOffset,
    },
    /// The transaction of the producer's offsets has ended.
    TxnOffsetsEnded {
        producer_id: i64,
        commit: bool,
    },
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::ClusterId(id) => {
                out.put_u8(0);
                put(&mut out, id);
            }
            Self::Topic { name, id, partitions, configs } => {
                out.put_u8(1);
                put(&mut out, name);
                out.put_slice(id.as_bytes());
                out.put_u32(*partitions);
                out.put_u32(u32::try_from(configs.len()).unwrap_or(0));
                for (key, value) in configs {
                    put(&mut out, key);
                    put(&mut out, value);
                }
            }
            Self::TopicDeleted { name } => {
                out.put_u8(2);
                put(&mut out, name);
            }
            Self::LogStart { topic, partition, offset } => {
                out.put_u8(3);
                put(&mut out, topic);
                out.put_i32(*partition);
                out.put_i64(*offset);
            }
            Self::Offset { group, topic, partition, committed } => {
                out.put_u8(4);
                put(&mut out, group);
                put(&mut out, topic);
                out.put_i32(*partition);
                put_committed(&mut out, committed);
            }
            Self::OffsetDeleted { group, topic, partition } => {
                out.put_u8(5);
                put(&mut out, group);
                put(&mut out, topic);
                out.put_i32(*partition);
            }
            Self::GroupDeleted { group } => {
                out.put_u8(6);
                put(&mut out, group);
            }
            Self::ProducerIds { next } => {
                out.put_u8(7);
                out.put_i64(*next);
            }
            Self::Transaction { id, transaction } => {
                out.put_u8(8);
                put(&mut out, id);
                put_transaction(&mut out, transaction);
            }
            Self::TxnOffset { producer_id, group, topic, partition, offset } => {
                out.put_u8(9);
                out.put_i64(*producer_id);
                put(&mut out, group);
                put(&mut out, topic);
                out.put_i32(*partition);
                put_committed(&mut out, &offset.committed);
                out.put_u8(u8::from(offset.superseded));
            }
            Self::TxnOffsetsEnded { producer_id, commit } => {
                out.put_u8(10);
                out.put_i64(*producer_id);
                out.put_u8(u8::from(*commit));
            }
        }
        out
    }

    fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        Some(match input.try_get_u8().ok()? {
            0 => Self::ClusterId(text(input)?),
            1 => {
                let name = text(input)?;
                let id = Uuid::from_u128(input.try_get_u128().ok()?);
                let partitions = input.try_get_u32().ok()?;
                let count = input.try_get_u32().ok()?;
                let mut configs = BTreeMap::new();
                for _ in 0..count {
                    configs.insert(text(input)?, text(input)?);
                }
                Self::Topic { name, id, partitions, configs }
            }
            2 => Self::TopicDeleted { name: text(input)? },
            3 => Self::LogStart {
                topic: text(input)?,
                partition: input.try_get_i32().ok()?,
                offset: input.try_get_i64().ok()?,
            },
            4 => Self::Offset {
                group: text(input)?,
                topic: text(input)?,
                partition: input.try_get_i32().ok()?,
                committed: committed(input)?,
            },
            5 => Self::OffsetDeleted { group: text(input)?, topic: text(input)?, partition: input.try_get_i32().ok()? },
            6 => Self::GroupDeleted { group: text(input)? },
            7 => Self::ProducerIds { next: input.try_get_i64().ok()? },
            8 => Self::Transaction { id: text(input)?, transaction: Box::new(transaction(input)?) },
            9 => Self::TxnOffset {
                producer_id: input.try_get_i64().ok()?,
                group: text(input)?,
                topic: text(input)?,
                partition: input.try_get_i32().ok()?,
                offset: TxnOffset { committed: committed(input)?, superseded: input.try_get_u8().ok()? != 0 },
            },
            10 => {
                Self::TxnOffsetsEnded { producer_id: input.try_get_i64().ok()?, commit: input.try_get_u8().ok()? != 0 }
            }
            _ => return None,
        })
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.put_u32(u32::try_from(text.len()).unwrap_or(0));
    out.put_slice(text.as_bytes());
}

fn text(input: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(input.try_get_u32().ok()?).ok()?;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn put_committed(out: &mut Vec<u8>, committed: &Committed) {
    out.put_i64(committed.offset);
    out.put_i32(committed.leader_epoch);
    put(out, &committed.metadata);
}

fn committed(input: &mut &[u8]) -> Option<Committed> {
    Some(Committed {
        offset: input.try_get_i64().ok()?,
        leader_epoch: input.try_get_i32().ok()?,
        metadata: text(input)?,
    })
}

fn put_transaction(out: &mut Vec<u8>, one: &Transaction) {
    out.put_i64(one.producer_id);
    out.put_i64(one.previous_producer_id);
    out.put_i64(one.next_producer_id);
    out.put_i16(one.epoch);
    out.put_i16(one.last_epoch);
    out.put_i32(one.timeout_ms);
    out.put_u8(one.phase as u8);
    out.put_u8(u8::from(one.version == Version::Two));
    out.put_i64(one.started_ms);
    out.put_i64(one.updated_ms);
    out.put_u32(u32::try_from(one.partitions.len()).unwrap_or(0));
    for (topic, partition) in &one.partitions {
        put(out, topic);
        out.put_i32(*partition);
    }
    out.put_u32(u32::try_from(one.groups.len()).unwrap_or(0));
    one.groups.iter().for_each(|group| put(out, group));
}

fn transaction(input: &mut &[u8]) -> Option<Transaction> {
    let mut one = Transaction::new(input.try_get_i64().ok()?, 0, 0);
    one.previous_producer_id = input.try_get_i64().ok()?;
    one.next_producer_id = input.try_get_i64().ok()?;
    one.epoch = input.try_get_i16().ok()?;
    one.last_epoch = input.try_get_i16().ok()?;
    one.timeout_ms = input.try_get_i32().ok()?;
    one.phase = *Phase::ALL.get(usize::from(input.try_get_u8().ok()?))?;
    one.version = if input.try_get_u8().ok()? == 0 { Version::One } else { Version::Two };
    one.started_ms = input.try_get_i64().ok()?;
    one.updated_ms = input.try_get_i64().ok()?;
    for _ in 0..input.try_get_u32().ok()? {
        one.partitions.insert((text(input)?, input.try_get_i32().ok()?));
    }
    for _ in 0..input.try_get_u32().ok()? {
        one.groups.insert(text(input)?);
    }
    Some(one)
}

fn frame(out: &mut Vec<u8>, entry: &Entry) {
    let body = entry.encode();
    out.put_u32(u32::try_from(body.len()).unwrap_or(0));
    out.put_u32(crc32c::crc32c(&body));
    out.put_slice(&body);
}

/// Where changes are written; without a data folder it forgets them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    file: Option<(PathBuf, Mutex<File>)>,
}

impl Journal {
    /// Reads the entries of the folder's journal; none when there is no journal yet.
    pub fn load(dir: &Path) -> Result<Vec<Entry>> {
        let path = dir.join(NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
            return Err(Error::Journal { path, reason: "its first line is different".into() });
        };
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let Some((entry, tail)) = next_entry(rest) else {
                warn!(path = %path.display(), lost_bytes = rest.len(), "journal ends in a damaged entry, cut off");
                break;
            };
            entries.push(entry);
            rest = tail;
        }
        Ok(entries)
    }

    /// Replaces the folder's journal by these entries and keeps it open for more.
    pub fn create(dir: &Path, entries: &[Entry]) -> Result<Self> {
        let path = dir.join(NAME);
        let fresh = dir.join("journal.new");
        let mut bytes = MAGIC.to_vec();
        for entry in entries {
            frame(&mut bytes, entry);
        }
        let mut file = File::create(&fresh).map_err(|error| Error::io("create", &fresh, error))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|error| Error::io("write", &fresh, error))?;
        std::fs::rename(&fresh, &path).map_err(|error| Error::io("replace", &path, error))?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| Error::io("open for appending", &path, error))?;
        Ok(Self { file: Some((path, Mutex::new(file))) })
    }

    /// Whether changes are kept at all.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// Appends changes. After a failed write the file ends where it did before.
    ///
    /// # Errors
    /// What the system said; it is logged here, the caller only has to answer its client.
    pub fn append(&self, entries: &[Entry]) -> std::io::Result<()> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let mut bytes = Vec::new();
        for entry in entries {
            frame(&mut bytes, entry);
        }
        let mut file = lock(file);
        let before = file.metadata()?.len();
        file.write_all(&bytes).inspect_err(|error| {
            error!(path = %path.display(), %error, "cannot write the journal");
            if let Err(error) = file.set_len(before) {
                error!(path = %path.display(), %error, "cannot cut off a half-written journal entry");
            }
        })
    }

    /// Forces what was appended to the disk.
    pub fn sync(&self) {
        if let Some((path, file)) = &self.file
            && let Err(error) = lock(file).sync_data()
        {
            error!(path = %path.display(), %error, "cannot flush the journal");
        }
    }
}

fn next_entry(mut input: &[u8]) -> Option<(Entry, &[u8])> {
    let length = usize::try_from(input.try_get_u32().ok()?).ok()?;
    let crc = input.try_get_u32().ok()?;
    let (body, rest) = input.split_at_checked(length)?;
    if crc32c::crc32c(body) != crc {
        return None;
    }
    Some((Entry::decode(body)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_transaction() -> Transaction {
        let mut one = Transaction::new(4, 60_000, 5);
        one.bump(None, 60_000, 6).unwrap();
        one.begin(Version::Two, 7);
        one.partitions.insert(("t".into(), 3));
        one.groups.insert("g".into());
        one
    }

    fn entries() -> Vec<Entry> {
        vec![
            Entry::ClusterId("c".into()),
            Entry::Topic {
                name: "t".into(),
                id: Uuid::from_u128(7),
                partitions: 3,
                configs: BTreeMap::from([("retention.ms".into(), "1".into())]),
            },
            Entry::TopicDeleted { name: "old".into() },
            Entry::LogStart { topic: "t".into(), partition: 1, offset: 9 },
            Entry::Offset {
                group: "g".into(),
                topic: "t".into(),
                partition: 0,
                committed: Committed { offset: 5, leader_epoch: -1, metadata: "m".into() },
            },
            Entry::OffsetDeleted { group: "g".into(), topic: "t".into(), partition: 2 },
            Entry::GroupDeleted { group: "h".into() },
            Entry::Transaction { id: "x".into(), transaction: Box::new(open_transaction()) },
            Entry::TxnOffset {
                producer_id: 4,
                group: "g".into(),
                topic: "t".into(),
                partition: 1,
                offset: TxnOffset {
                    committed: Committed { offset: 6, leader_epoch: 2, metadata: String::new() },
                    superseded: true,
                },
            },
            Entry::TxnOffsetsEnded { producer_id: 4, commit: true },
            Entry::ProducerIds { next: 1000 },
        ]
    }

    #[test]
    fn entries_come_back_and_a_torn_tail_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path(), &entries()[..2]).unwrap();
        journal.append(&entries()[2..]).unwrap();
        assert_eq!(Journal::load(dir.path()).unwrap(), entries());

        let path = dir.path().join(NAME);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 1..10 {
            std::fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            assert_eq!(Journal::load(dir.path()).unwrap(), entries()[..entries().len() - 1]);
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), "hello").unwrap();
        assert!(matches!(Journal::load(dir.path()), Err(Error::Journal { .. })));
    }
}
