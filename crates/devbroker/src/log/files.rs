//! Segment files of one partition: raw batches one after the other, in Kafka's own file format (`kafka-dump-log` reads them).
//!
//! A batch is written before its request is answered, so it survives the death of the process; the disk is forced on a clean stop and
//! every few seconds while something is written. A torn tail is cut off when the files are opened.

use crate::error::{Error, Result};
use milena_kafka::records::{BatchHeader, HEADER_LEN};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{error, warn};

/// Largest file, whatever `segment.bytes` says: whole files are what retention frees.
const LARGEST_SEGMENT: u64 = 64 << 20;

/// One file; batches point to it.
#[derive(Debug)]
pub(crate) struct Segment {
    base: i64,
    path: PathBuf,
    file: File,
}

impl Segment {
    fn open(dir: &Path, base: i64) -> std::io::Result<Self> {
        let path = dir.join(format!("{base:020}.log"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        Ok(Self { base, path, file })
    }

    /// Reads exactly `buffer.len()` bytes at `position`.
    pub fn read(&self, buffer: &mut [u8], position: u64) -> std::io::Result<()> {
        self.file.read_exact_at(buffer, position)
    }
}

/// Where a batch is in the files.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub segment: Arc<Segment>,
    pub position: u64,
}

/// The files of one partition.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    segments: VecDeque<Arc<Segment>>,
    active_len: u64,
    /// The newest file takes no more.
    ended: bool,
    unsynced: bool,
}

impl Files {
    /// Opens the partition's folder, makes it if needed, and reports every batch found, in order. After a clean stop (`trusted`) only
    /// headers are read; otherwise the checksums of the newest file are checked too.
    pub fn open(dir: PathBuf, trusted: bool, mut found: impl FnMut(BatchHeader, Place)) -> Result<Self> {
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        let mut bases = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(|error| Error::io("list", &dir, error))? {
            let entry = entry.map_err(|error| Error::io("list", &dir, error))?;
            let name = entry.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "compacted") {
                // A compaction that did not get to its end.
                std::fs::remove_file(entry.path()).map_err(|error| Error::io("remove", entry.path(), error))?;
            }
            let base =
                name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|name| name.parse::<i64>().ok());
            bases.extend(base);
        }
        bases.sort_unstable();
        let mut files = Self { dir, segments: VecDeque::new(), active_len: 0, ended: false, unsynced: false };
        let newest = bases.last().copied();
        let mut next_offset = None;
        let mut damaged = false;
        for base in bases {
            let segment = Segment::open(&files.dir, base)
                .map_err(|error| Error::io("open", files.dir.join(format!("{base:020}.log")), error))?;
            if damaged {
                // What follows a cut-off tail cannot be placed any more.
                remove(&segment);
                continue;
            }
            let segment = Arc::new(segment);
            let check = !trusted && Some(base) == newest;
            let io = |error| Error::io("read", &segment.path, error);
            let total = segment.file.metadata().map_err(io)?.len();
            let valid = scan(&segment, total, check, &mut next_offset, &mut found).map_err(io)?;
            if valid < total {
                warn!(path = %segment.path.display(), cut_bytes = total - valid, "log ends in a torn batch, cut off");
                segment.file.set_len(valid).map_err(|error| Error::io("truncate", &segment.path, error))?;
                damaged = true;
            }
            files.active_len = valid;
            files.segments.push_back(segment);
        }
        Ok(files)
    }

    /// Writes a batch behind the last one. After a failed write the file ends where it did before.
    pub fn append(&mut self, batch: &[u8], base_offset: i64, segment_bytes: u64) -> std::io::Result<Place> {
        let full = self.active_len + batch.len() as u64 > segment_bytes.min(LARGEST_SEGMENT) && self.active_len > 0;
        if full || self.ended || self.segments.is_empty() {
            if let Some(full) = self.segments.back() {
                full.file.sync_data()?;
            }
            self.segments.push_back(Arc::new(Segment::open(&self.dir, base_offset)?));
            self.active_len = 0;
            self.ended = false;
        }
        let Some(active) = self.segments.back() else { return Err(std::io::ErrorKind::NotFound.into()) };
        let position = self.active_len;
        active.file.write_all_at(batch, position).inspect_err(|error| {
            error!(path = %active.path.display(), %error, "cannot write the log");
            if let Err(error) = active.file.set_len(position) {
                error!(path = %active.path.display(), %error, "cannot cut off a half-written batch");
            }
        })?;
        self.active_len += batch.len() as u64;
        self.unsynced = true;
        Ok(Place { segment: Arc::clone(active), position })
    }

    /// Ends the newest file: the next batch opens another one.
    pub fn roll(&mut self) {
        self.ended = true;
    }

    /// Puts these batches in place of a whole file; none removes it.
    pub fn replace(&mut self, old: &Arc<Segment>, batches: &[&[u8]]) -> std::io::Result<Option<Arc<Segment>>> {
        let Some(index) = self.segments.iter().position(|segment| Arc::ptr_eq(segment, old)) else { return Ok(None) };
        if batches.is_empty() {
            self.segments.remove(index);
            remove(old);
            return Ok(None);
        }
        let fresh = old.path.with_extension("compacted");
        let mut file = File::create(&fresh)?;
        for batch in batches {
            file.write_all(batch)?;
        }
        file.sync_all()?;
        std::fs::rename(&fresh, &old.path)?;
        let segment = Arc::new(Segment::open(&self.dir, old.base)?);
        if let Some(slot) = self.segments.get_mut(index) {
            *slot = Arc::clone(&segment);
        }
        Ok(Some(segment))
    }

    /// Cuts off everything from a batch on.
    pub fn truncate(&mut self, from: &Place) -> std::io::Result<()> {
        let Some(index) = self.segments.iter().position(|segment| Arc::ptr_eq(segment, &from.segment)) else {
            return Ok(());
        };
        from.segment.file.set_len(from.position)?;
        self.segments.drain(index + 1..).for_each(|segment| remove(&segment));
        self.active_len = from.position;
        self.unsynced = true;
        Ok(())
    }

    /// Removes files that hold only offsets below `log_start`.
    pub fn trim(&mut self, log_start: i64) {
        while self.segments.get(1).is_some_and(|second| second.base <= log_start) {
            if let Some(first) = self.segments.pop_front() {
                remove(&first);
            }
        }
    }

    /// The newest file if something was written since the last call; forcing it to the disk makes everything durable.
    pub fn take_unsynced(&mut self) -> Option<Arc<Segment>> {
        if !std::mem::take(&mut self.unsynced) {
            return None;
        }
        self.segments.back().map(Arc::clone)
    }

    /// Removes everything, the folder included.
    pub fn delete(&mut self) {
        self.segments.clear();
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            error!(path = %self.dir.display(), %error, "cannot remove the folder of a deleted partition");
        }
    }
}

impl Segment {
    /// Forces the file to the disk.
    pub fn sync(&self) {
        if let Err(error) = self.file.sync_data() {
            error!(path = %self.path.display(), %error, "cannot flush a log file");
        }
    }
}

fn remove(segment: &Segment) {
    if let Err(error) = std::fs::remove_file(&segment.path) {
        error!(path = %segment.path.display(), %error, "cannot remove a log file");
    }
}

/// Walks the batches of a file and returns how many bytes of it are good.
fn scan(
    segment: &Arc<Segment>,
    total: u64,
    check: bool,
    next_offset: &mut Option<i64>,
    found: &mut impl FnMut(BatchHeader, Place),
) -> std::io::Result<u64> {
    let mut position = 0;
    let mut head = [0_u8; HEADER_LEN];
    let mut body = Vec::new();
    while position + HEADER_LEN as u64 <= total {
        segment.read(&mut head, position)?;
        let Ok(header) = BatchHeader::read(&head) else { break };
        if position + header.total_len() as u64 > total || next_offset.is_some_and(|next| header.base_offset < next) {
            break;
        }
        if check {
            body.resize(header.total_len(), 0);
            segment.read(&mut body, position)?;
            if header.check_crc(&body).is_err() {
                break;
            }
        }
        *next_offset = Some(header.last_offset() + 1);
        found(header, Place { segment: Arc::clone(segment), position });
        position += header.total_len() as u64;
    }
    Ok(position)
}
