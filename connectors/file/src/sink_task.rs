//! `FileStreamSinkTask`: appends a line for each record.
//!
//! Counterpart: `org.apache.kafka.connect.file.FileStreamSinkTask`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::{Path, PathBuf};

use milena_api::config::ConfigMap;
use milena_api::data::Value;
use milena_api::record::SinkRecord;
use milena_api::sink::{Offsets, SinkTask, SinkTaskContext};
use milena_api::{Error, KAFKA_VERSION, Result};
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::config::SinkConfig;

/// Lines are written out when there is this much of them, and at the end of each batch.
const BLOCK: usize = 256 * 1024;

#[cfg(windows)]
const LINE_END: &[u8] = b"\r\n";
#[cfg(not(windows))]
const LINE_END: &[u8] = b"\n";

/// Writes the text of each value, as Java prints it, and a line end. What `put` was given is in the file when it returns, so that it can be
/// watched; a write that fails fails the task, and the records come again.
#[derive(Default)]
pub struct FileStreamSinkTask {
    filename: Option<String>,
    output: Output,
    lines: Vec<u8>,
}

#[derive(Debug, Default)]
enum Output {
    #[default]
    Closed,
    File(File),
    Stdout,
}

impl SinkTask for FileStreamSinkTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, _context: SinkTaskContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.filename = SinkConfig::parse(&config)?.filename;
        let Some(filename) = self.filename.clone() else {
            self.output = Output::Stdout;
            return Ok(());
        };
        let path = PathBuf::from(&filename);
        let opened = spawn_blocking(move || open(&path)).await.unwrap_or_else(|error| Err(error.into()));
        let file = opened.map_err(|error| {
            Error::fatal(format!("Couldn't find or create file '{filename}' for FileStreamSinkTask")).with_source(error)
        })?;
        self.output = Output::File(file);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        for record in records {
            match &record.value {
                Value::Str(text) => self.lines.extend_from_slice(text.as_bytes()),
                value => write!(self.lines, "{value}").map_err(|error| self.failed(error))?,
            }
            self.lines.extend_from_slice(LINE_END);
            if self.lines.len() >= BLOCK {
                self.write().await?;
            }
        }
        self.write().await
    }

    async fn flush(&mut self, _offsets: &Offsets) -> Result<()> {
        self.write().await
    }

    async fn stop(&mut self) -> Result<()> {
        self.output = Output::Closed;
        self.lines = Vec::new();
        Ok(())
    }
}

impl FileStreamSinkTask {
    /// Writes the lines out, off this thread: a disk that is full or far away holds up nobody else.
    async fn write(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let (mut output, mut lines) = (mem::take(&mut self.output), mem::take(&mut self.lines));
        let written = spawn_blocking(move || {
            let done = output.write(&lines);
            lines.clear();
            (output, lines, done)
        });
        let (output, lines, done) = written.await.map_err(|error| self.failed(error.into()))?;
        (self.output, self.lines) = (output, lines);
        done.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        let to = self.filename.as_deref().map_or_else(|| "standard output".to_owned(), |name| format!("file '{name}'"));
        Error::fatal(format!(
            "cannot write to {to}: {error}; the records are not committed: make the file writable (or make room), then restart the task"
        ))
        .with_source(error)
    }
}

impl Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Output::File(file) => file.write_all(lines),
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Output::Closed => Err(io::Error::other("it is not open")),
        }
    }
}

/// Opens `path` to append to it. A last line without an end – the rest of a write that a crash or a full disk cut short – gets one, so that
/// the record which comes again stands on a line of its own.
fn open(path: &Path) -> io::Result<File> {
    let mut file = File::options().read(true).append(true).create(true).open(path).or_else(|_| {
        // Not readable: a pipe, a device, or a file for writing only.
        File::options().append(true).create(true).open(path)
    })?;
    // Tasks of one connector share the file: whoever is alone with it may judge its end. Other programs are not asked, and a file
    // system without locks only loses the repair.
    if file.metadata()?.is_file() && file.try_lock().is_ok() {
        if ends_within_a_line(&mut file).unwrap_or(false) {
            warn!(file = %path.display(), "the file ends within a line; the next record goes on a new one");
            file.write_all(LINE_END)?;
        }
        _ = file.unlock();
    }
    _ = file.try_lock_shared();
    Ok(file)
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use milena_api::data::{Map, Schema, SchemaBuilder, Struct};

    use super::*;
    use crate::testing::{map, sink_record};

    async fn start(file: &Path) -> Result<FileStreamSinkTask> {
        let mut task = FileStreamSinkTask::default();
        task.start(map(&[("file", file.to_str().unwrap())])).await?;
        Ok(task)
    }

    #[tokio::test]
    async fn each_value_is_a_line_as_java_prints_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        let schema =
            SchemaBuilder::structure().field("a", Schema::int32()).field("b", Schema::string()).build().unwrap();
        let mut value = Struct::new(schema).unwrap();
        value.put("a", 1).unwrap().put("b", "x").unwrap();
        let entries: Map = [("k".into(), 1.into()), ("l".into(), 2.5.into())].into_iter().collect();
        let mut task = start(&file).await.unwrap();
        task.put(&[
            sink_record("text"),
            sink_record(Value::Null),
            sink_record(1e10),
            sink_record(true),
            sink_record(Value::map(entries)),
            sink_record(Value::array(vec![1.into(), "b".into()])),
            sink_record(Value::Struct(Arc::new(value))),
        ])
        .await
        .unwrap();
        let expected = "text\nnull\n1.0E10\ntrue\n{k=1, l=2.5}\n[1, b]\nStruct{a=1,b=x}\n";
        assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    }

    #[tokio::test]
    async fn tasks_append_to_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        fs::write(&file, "before\n").unwrap();
        let mut one = start(&file).await.unwrap();
        let mut two = start(&file).await.unwrap();
        one.put(&[sink_record("1")]).await.unwrap();
        two.put(&[sink_record("2")]).await.unwrap();
        one.put(&[sink_record("3")]).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before\n1\n2\n3\n");
    }

    #[tokio::test]
    async fn a_line_that_was_cut_short_is_ended_before_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        fs::write(&file, "whole\ncut sh").unwrap();
        let mut task = start(&file).await.unwrap();
        task.put(&[sink_record("cut short")]).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole\ncut sh\ncut short\n");
    }

    #[tokio::test]
    async fn a_batch_larger_than_the_buffer_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        let mut task = start(&file).await.unwrap();
        let records: Vec<SinkRecord> = (0..100_000).map(|n| sink_record(format!("line {n}"))).collect();
        task.put(&records).await.unwrap();
        let expected: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        assert!(fs::read_to_string(&file).unwrap() == expected);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("no folder/out");
        let error = start(&file).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("Couldn't find or create file '{}' for FileStreamSinkTask", file.display())
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_fails_put_and_names_the_file() {
        let mut task = start(Path::new("/dev/full")).await.unwrap();
        let error = task.put(&[sink_record("lost?")]).await.unwrap_err();
        assert!(error.to_string().contains("'/dev/full'") && error.to_string().contains("No space left"), "{error}");
        assert!(!error.is_retriable());
    }
}
