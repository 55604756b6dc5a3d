//! `FileOffsetStore`: source offsets in a file that a Java worker reads and writes too.
//!
//! Counterpart: `org.apache.kafka.connect.storage.FileOffsetBackingStore`. Unlike there, the file is replaced in one step, so that a
//! crash while writing leaves the old one.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use milena_api::error::{Error, Result};
use tokio::sync::{mpsc, oneshot};

use super::java_serialization::{read_map, write_map};
use crate::logging::LogContext;
use crate::tasks::{Kind, Spawner};

/// Raw offsets: key bytes to value bytes; a null value is kept as such.
pub type RawOffsets = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// The file and what is in it. Reads never touch the file; writes of many tasks at a time become one.
pub struct FileOffsetStore {
    path: PathBuf,
    data: Mutex<RawOffsets>,
    writer: mpsc::UnboundedSender<oneshot::Sender<Result<()>>>,
}

impl FileOffsetStore {
    /// Reads the file; one that is missing or empty is an empty store.
    ///
    /// # Errors
    /// A file that cannot be read or is something else.
    pub fn open(path: &Path, spawner: &Spawner) -> Result<std::sync::Arc<Self>> {
        let data = load(path).map_err(|error| {
            Error::fatal(format!(
                "could not read the source offsets in {} (offset.storage.file.filename): {error}; \
                 restore the file, or move it away to begin without offsets",
                path.display()
            ))
        })?;
        // Unbounded, as each sender waits for its answer: there are never more requests than tasks.
        let (writer, requests) = mpsc::unbounded_channel();
        let store = std::sync::Arc::new(FileOffsetStore { path: path.to_owned(), data: Mutex::new(data), writer });
        // Weak, so that the writer ends with the last user of the store.
        let weak = std::sync::Arc::downgrade(&store);
        spawner.spawn(Kind::Control, &LogContext::worker(), write_requests(weak, requests));
        Ok(store)
    }

    /// The stored values of these keys: outer `None` if there never was one.
    pub fn get(&self, keys: &[Vec<u8>]) -> Vec<Option<Option<Vec<u8>>>> {
        let data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| data.get(key).cloned()).collect()
    }

    /// All keys whose value is not null, with their values.
    pub fn all(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect()
    }

    /// Stores values; resolves when they are in the file.
    ///
    /// # Errors
    /// The file cannot be written; the values count for later reads and writes all the same, as in Java.
    pub async fn set(&self, values: RawOffsets) -> Result<()> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
        let (done, answer) = oneshot::channel();
        let gone = || Error::fatal("the writer of the offset file has stopped");
        self.writer.send(done).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    fn save(&self) -> io::Result<()> {
        let bytes = {
            let data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
            write_map(data.iter().map(|(key, value)| (key.as_slice(), value.as_deref())))
        };
        replace(&self.path, &bytes)
    }
}

async fn write_requests(
    store: std::sync::Weak<FileOffsetStore>,
    mut requests: mpsc::UnboundedReceiver<oneshot::Sender<Result<()>>>,
) {
    let mut waiting = Vec::new();
    while requests.recv_many(&mut waiting, usize::MAX).await > 0 {
        let Some(store) = store.upgrade() else { return };
        let path = store.path.clone();
        // Off the runtime's threads: the disk may be slow.
        let saved = tokio::task::spawn_blocking(move || store.save()).await;
        let error = match saved {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        for done in waiting.drain(..) {
            let result = match &error {
                None => Ok(()),
                Some(error) => {
                    Err(Error::retriable(format!("could not write the source offsets to {}: {error}", path.display())))
                }
            };
            // A task that no longer waits has been stopped.
            _ = done.send(result);
        }
    }
}

fn load(path: &Path) -> io::Result<RawOffsets> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RawOffsets::new()),
        Err(error) => return Err(error),
    };
    match read_map(&bytes) {
        Ok(entries) => Ok(entries.into_iter().map(|(key, value)| (key.unwrap_or_default(), value)).collect()),
        // Java takes a file cut off at any place for an empty one; only an empty one is that harmless.
        Err(_) if bytes.is_empty() => Ok(RawOffsets::new()),
        Err(error) => Err(error),
    }
}

/// Writes beside the file and renames; where that is not possible, writes in place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let beside = target.with_file_name(name);
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        // Who may read the file stays as the user has set it.
        if let Ok(old) = std::fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_data()
    });
    let replaced = written.and_then(|()| std::fs::rename(&beside, &target));
    let Err(error) = replaced else { return Ok(()) };
    // What is left, of a full disk for instance, must not stay beside the good file.
    _ = std::fs::remove_file(&beside);
    // A folder that may not be written to, or a file that is a mount of its own, as in containers.
    let in_place = [io::ErrorKind::PermissionDenied, io::ErrorKind::ResourceBusy, io::ErrorKind::CrossesDevices];
    if in_place.contains(&error.kind()) { std::fs::write(&target, bytes) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_replaced_file_keeps_its_permissions_and_its_links() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("offsets"), dir.path().join("link"));
        std::fs::write(&file, b"old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_is_made() {
        let dir = tempfile::tempdir().unwrap();
        replace(&dir.path().join("offsets"), b"new").unwrap();
        assert_eq!(std::fs::read(dir.path().join("offsets")).unwrap(), b"new");
    }
}
