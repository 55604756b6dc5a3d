//! `Input`: a file or a stream, read off the task's thread.
//!
//! Regular files are read in blocks by Tokio's blocking pool: a hand-over costs some microseconds per 512 KiB, and a hung network mount
//! stalls neither the other tasks of the thread nor a stop. What can block for good – standard input, pipes, devices – has a thread of its
//! own, which nothing ever waits for.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::task::spawn_blocking;

/// How much of a file one read asks for.
const BLOCK: usize = 512 * 1024;

/// How much of a stream one read asks for: what a pipe holds.
const STREAM_BLOCK: usize = 64 * 1024;

type Blocks = mpsc::Receiver<io::Result<Vec<u8>>>;

/// What lines are read from.
#[derive(Debug)]
pub enum Input {
    /// A regular file.
    File(FileInput),
    /// A named pipe or a device.
    Stream(Blocks),
    /// The process's standard input, which one task has at a time.
    Stdin(MutexGuard<'static, Blocks>),
}

/// A regular file, read from a position on.
#[derive(Debug)]
pub struct FileInput {
    file: File,
    path: PathBuf,
    /// Where the next read begins.
    cursor: u64,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// More bytes.
    Bytes,
    /// Nothing now; there may be more later.
    Nothing,
    /// Nothing now, and the path leads nowhere any more. The open file can still grow.
    Vanished,
    /// Nothing now, and the path leads to another file.
    Replaced,
    /// The file is shorter than what was read of it.
    Truncated {
        /// Its length in bytes.
        length: u64,
    },
    /// The stream has ended.
    Ended,
}

/// What opening found.
#[derive(Debug)]
pub enum Opened {
    /// Ready to be read.
    Ready(Input),
    /// There is no such file.
    Missing,
    /// The file is shorter than the position to go on from.
    Short {
        /// Its length in bytes.
        length: u64,
    },
}

impl Input {
    /// Opens `path` at `position`. Streams cannot be wound forward: they are read from where they are.
    pub fn open(path: &Path, position: u64) -> io::Result<Opened> {
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Missing),
            metadata => metadata?,
        };
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if !metadata.is_file() {
            let path = path.to_owned();
            return Ok(Opened::Ready(Input::Stream(stream(move || File::open(&path)))));
        }
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Missing),
            file => file?,
        };
        let length = file.metadata()?.len();
        if length < position {
            return Ok(Opened::Short { length });
        }
        file.seek(SeekFrom::Start(position))?;
        Ok(Opened::Ready(Input::File(FileInput { file, path: path.to_owned(), cursor: position })))
    }

    /// Standard input. Waits until no other task has it.
    ///
    /// One thread reads it for the whole life of the process, so that a restarted task misses nothing that the one before asked for.
    pub async fn stdin() -> Input {
        static STDIN: OnceLock<Mutex<Blocks>> = OnceLock::new();
        Input::Stdin(STDIN.get_or_init(|| Mutex::new(stream(|| Ok(io::stdin())))).lock().await)
    }

    /// Reads more bytes to the end of `buffer`. Waits only where a stream has none.
    pub async fn read(mut self, mut buffer: Vec<u8>) -> (Input, Vec<u8>, io::Result<Found>) {
        let blocks = match &mut self {
            Input::File(_) => return self.read_file(buffer).await,
            Input::Stream(blocks) => blocks,
            Input::Stdin(blocks) => &mut **blocks,
        };
        let found = match blocks.recv().await {
            Some(Ok(block)) => {
                buffer.extend_from_slice(&block);
                Ok(Found::Bytes)
            }
            Some(Err(error)) => Err(error),
            None => Ok(Found::Ended),
        };
        (self, buffer, found)
    }

    async fn read_file(self, buffer: Vec<u8>) -> (Input, Vec<u8>, io::Result<Found>) {
        let Input::File(mut input) = self else { return (self, buffer, Ok(Found::Nothing)) };
        let mut buffer = buffer;
        let read = spawn_blocking(move || {
            let found = input.read(&mut buffer);
            (Input::File(input), buffer, found)
        });
        match read.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl FileInput {
    fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Found> {
        buffer.reserve(BLOCK);
        let read = Read::by_ref(&mut self.file).take(BLOCK as u64).read_to_end(buffer)?;
        self.cursor += read as u64;
        if read > 0 {
            return Ok(Found::Bytes);
        }
        // Nothing new: an idle file must not hold the block's memory.
        buffer.shrink_to_fit();
        let open = self.file.metadata()?;
        if open.len() < self.cursor {
            return Ok(Found::Truncated { length: open.len() });
        }
        match std::fs::metadata(&self.path) {
            Ok(named) if same_file(&open, &named) => Ok(Found::Nothing),
            Ok(_) => Ok(Found::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Vanished),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Reads a stream in a thread of its own, one block ahead of the task.
fn stream<R: Read>(open: impl FnOnce() -> io::Result<R> + Send + 'static) -> Blocks {
    let (sender, blocks) = mpsc::channel(1);
    let refused = sender.clone();
    let reading = move || {
        let done = open().and_then(|mut input| {
            let mut block = vec![0; STREAM_BLOCK];
            loop {
                match input.read(&mut block) {
                    Ok(0) => return Ok(()),
                    // Nobody wants it any more.
                    Ok(read) if sender.blocking_send(Ok(block[..read].to_vec())).is_err() => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        if let Err(error) = done {
            _ = sender.blocking_send(Err(error));
        }
    };
    if let Err(error) = thread::Builder::new().name("file-stream-source".to_owned()).spawn(reading) {
        _ = refused.try_send(Err(error));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn ready(opened: Opened) -> Input {
        match opened {
            Opened::Ready(input) => input,
            other => panic!("not ready: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_growing_file_is_read_on_and_a_truncated_one_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input");
        std::fs::write(&path, "0123456789").unwrap();
        let (input, buffer, found) = ready(Input::open(&path, 4).unwrap()).read(Vec::new()).await;
        assert_eq!((buffer.as_slice(), found.unwrap()), (&b"456789"[..], Found::Bytes));
        let (input, buffer, found) = input.read(Vec::new()).await;
        assert_eq!((buffer.len(), found.unwrap()), (0, Found::Nothing));
        File::options().append(true).open(&path).unwrap().write_all(b"ab").unwrap();
        let (input, buffer, found) = input.read(buffer).await;
        assert_eq!((buffer.as_slice(), found.unwrap()), (&b"ab"[..], Found::Bytes));
        std::fs::write(&path, "short").unwrap();
        let (_, _, found) = input.read(Vec::new()).await;
        assert_eq!(found.unwrap(), Found::Truncated { length: 5 });
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_behind_the_same_name_is_told_from_the_open_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input");
        std::fs::write(&path, "").unwrap();
        let input = ready(Input::open(&path, 0).unwrap());
        std::fs::rename(&path, dir.path().join("input.1")).unwrap();
        let (input, _, found) = input.read(Vec::new()).await;
        assert_eq!(found.unwrap(), Found::Vanished);
        std::fs::write(&path, "new").unwrap();
        let (_, _, found) = input.read(Vec::new()).await;
        assert_eq!(found.unwrap(), Found::Replaced);
    }

    #[test]
    fn missing_short_and_unreadable_inputs_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Input::open(&dir.path().join("none"), 0), Ok(Opened::Missing)));
        let path = dir.path().join("short");
        std::fs::write(&path, "abc").unwrap();
        assert!(matches!(Input::open(&path, 4), Ok(Opened::Short { length: 3 })));
        assert!(Input::open(dir.path(), 0).is_err());
    }

    #[tokio::test]
    async fn a_stream_gives_what_comes_and_then_its_end() {
        let input = Input::Stream(stream(|| Ok(&b"some bytes"[..])));
        let (input, buffer, found) = input.read(b"> ".to_vec()).await;
        assert_eq!((buffer.as_slice(), found.unwrap()), (&b"> some bytes"[..], Found::Bytes));
        let (_, _, found) = input.read(buffer).await;
        assert_eq!(found.unwrap(), Found::Ended);
    }
}
