//! `FileStreamSourceTask`: sends each new line of a file.
//!
//! Counterpart: `org.apache.kafka.connect.file.FileStreamSourceTask`.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Schema, Value};
use milena_api::record::{ConnectRecord, SourceMap, SourceRecord};
use milena_api::source::{SourceTask, SourceTaskContext};
use milena_api::{Error, KAFKA_VERSION, Result};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::config::{FILENAME, POSITION, Rotation, SourceConfig};
use crate::input::{Found, Input, Opened};
use crate::lines::{Line, LineCutter};

/// How long to wait for new data, or for the file to appear.
const WAIT: Duration = Duration::from_secs(1);

/// Reads one file, or standard input, line by line. Lines are slices of the blocks that were read.
#[derive(Default)]
pub struct FileStreamSourceTask {
    context: Option<SourceTaskContext>,
    config: SourceConfig,
    topic: Arc<str>,
    /// `{"filename": …}`, the same for all records.
    partition: Arc<SourceMap>,
    lines: LineCutter,
    /// Bytes of the file up to the end of the last line sent.
    position: u64,
    state: State,
    /// A state of the file that was already logged: it is not said again every second.
    logged: Option<Logged>,
}

type Reading = BoxFuture<'static, (Input, Vec<u8>, io::Result<Found>)>;

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Idle(Input),
    /// Also between two polls: giving up the wait for a stream must not lose what it then gives.
    Reading(Reading),
    /// Standard input or a pipe has ended: nothing will come any more.
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Logged {
    Missing,
    Vanished,
    Replaced,
}

impl SourceTask for FileStreamSourceTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.config = SourceConfig::parse(&config)?;
        self.topic = Arc::from(self.config.topic.as_str());
        let filename = self.config.filename.clone();
        self.partition = Arc::new([(Value::Str(FILENAME.clone()), Value::from(filename))].into_iter().collect());
        self.position = self.stored_position().await?;
        info!(file = self.name(), position = self.position, "starting to read lines");
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        loop {
            let records = self.cut();
            if !records.is_empty() {
                return Ok(Some(records));
            }
            match self.read().await? {
                Step::Again => {}
                Step::Records(records) => return Ok(Some(records)),
                Step::Wait => {
                    self.wait().await;
                    return Ok(None);
                }
                Step::Woken => return Ok(None),
            }
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.state = State::Closed;
        Ok(())
    }
}

/// What to do after a read.
enum Step {
    /// There may be whole lines now.
    Again,
    /// These are to be sent.
    Records(Vec<SourceRecord>),
    /// There is nothing new.
    Wait,
    /// The runtime wants control back.
    Woken,
}

impl FileStreamSourceTask {
    /// Records of the whole lines that are there, at most a batch of them.
    fn cut(&mut self) -> Vec<SourceRecord> {
        let Some(first) = self.lines.next() else { return Vec::new() };
        let timestamp = now();
        let mut records = Vec::with_capacity(self.config.batch_size.min(self.lines.remaining() / first.length + 1));
        let mut line = Some(first);
        while let Some(found) = line {
            self.position += found.length as u64;
            records.push(self.record(found, self.position, timestamp));
            line = if records.len() < self.config.batch_size { self.lines.next() } else { None };
        }
        records
    }

    fn record(&self, line: Line, position: u64, timestamp: i64) -> SourceRecord {
        // Nobody can go on in the middle of standard input: its position is null, as in Java.
        let position = self.config.filename.as_ref().map(|_| position as i64);
        let mut offset = Map::with_capacity(1);
        offset.insert(Value::Str(POSITION.clone()), Value::from(position));
        let mut record = ConnectRecord::new(Arc::clone(&self.topic), Some(Schema::string()), Value::Str(line.text));
        record.timestamp = Some(timestamp);
        SourceRecord::new(record, Some(Arc::clone(&self.partition)), Some(Arc::new(offset)))
    }

    /// Opens the input if need be, and reads once.
    async fn read(&mut self) -> Result<Step> {
        let reading = match mem::take(&mut self.state) {
            State::Reading(reading) => reading,
            State::Idle(input) => input.read(self.lines.take_buffer()).boxed(),
            State::Ended => {
                self.state = State::Ended;
                return Ok(Step::Wait);
            }
            State::Closed => match self.config.filename.clone() {
                None => {
                    let buffer = self.lines.take_buffer();
                    async move { Input::stdin().await.read(buffer).await }.boxed()
                }
                Some(filename) => match self.open(filename.into()).await? {
                    Some(input) => input.read(self.lines.take_buffer()).boxed(),
                    None => return Ok(Step::Wait),
                },
            },
        };
        self.state = State::Reading(reading);
        let State::Reading(reading) = &mut self.state else { return Ok(Step::Wait) };
        let (input, buffer, found) = tokio::select! {
            biased;
            done = reading => done,
            () = woken(self.context.as_ref()) => return Ok(Step::Woken),
        };
        self.lines.fill(buffer);
        self.state = State::Idle(input);
        let found = found.map_err(|error| self.failed("reading", error))?;
        self.judge(found)
    }

    fn judge(&mut self, found: Found) -> Result<Step> {
        match found {
            Found::Bytes => {
                self.logged = None;
                Ok(Step::Again)
            }
            Found::Nothing => Ok(Step::Wait),
            Found::Ended => {
                if self.lines.unfinished() > 0 {
                    let bytes = self.lines.unfinished();
                    warn!(file = self.name(), bytes, "the input has ended in the middle of a line, which is not sent");
                }
                self.state = State::Ended;
                Ok(Step::Wait)
            }
            Found::Vanished => {
                if self.first_time(Logged::Vanished) {
                    warn!(
                        file = self.name(),
                        "the file was removed or renamed; reading on from the file that is still open"
                    );
                }
                Ok(Step::Wait)
            }
            Found::Replaced if self.config.rotation == Rotation::Fail => {
                if self.first_time(Logged::Replaced) {
                    warn!(
                        file = self.name(),
                        "another file has taken this one's place and is not read; set file.rotation=restart to go over to such files"
                    );
                }
                Ok(Step::Wait)
            }
            Found::Replaced => Ok(self.start_over()),
            Found::Truncated { length } => {
                let read = self.position + self.lines.unfinished() as u64;
                self.shortened(read, length)?;
                Ok(self.start_over())
            }
        }
    }

    /// The file is shorter than what was read of it: an error, unless such files are to be read again.
    fn shortened(&self, position: u64, length: u64) -> Result<()> {
        if self.config.rotation == Rotation::Restart {
            info!(
                file = self.name(),
                position, length, "the file was truncated or replaced; reading it from its start"
            );
            return Ok(());
        }
        Err(Error::fatal(format!(
            "cannot go on reading file '{}' at position {position}: it is only {length} bytes long, so it was truncated or replaced; \
             set file.rotation=restart to read such files from their start, or reset the connector's offsets",
            self.name()
        )))
    }

    /// Goes over to the start of the file that the path leads to now. The old one will not grow any more: its last line is whole.
    fn start_over(&mut self) -> Step {
        self.state = State::Closed;
        self.position = 0;
        self.logged = None;
        match self.lines.finish() {
            // Behind this line, the new file is the place to go on.
            Some(line) => Step::Records(vec![self.record(line, 0, now())]),
            None => Step::Again,
        }
    }

    /// Opens the file where reading has come to; `None` if there is no such file.
    async fn open(&mut self, path: PathBuf) -> Result<Option<Input>> {
        let mut opened = self.open_at(path.clone()).await?;
        if let Opened::Short { length } = opened {
            self.shortened(self.position, length)?;
            self.position = 0;
            opened = self.open_at(path).await?;
        }
        if let Opened::Ready(input) = opened {
            info!(file = self.name(), position = self.position, "opened the file");
            return Ok(Some(input));
        }
        if self.first_time(Logged::Missing) {
            warn!("Couldn't find file {} for FileStreamSourceTask, sleeping to wait for it to be created", self.name());
        }
        Ok(None)
    }

    async fn open_at(&mut self, path: PathBuf) -> Result<Opened> {
        let position = self.position;
        let opened = spawn_blocking(move || Input::open(&path, position)).await;
        let opened = opened.map_err(|error| self.failed("opening", error.into()))?;
        opened.map_err(|error| self.failed("opening", error))
    }

    /// The position stored for this file; 0 if there is none.
    async fn stored_position(&mut self) -> Result<u64> {
        let Some(context) = &self.context else { return Ok(0) };
        if self.config.filename.is_none() {
            return Ok(0);
        }
        let stored = context.offset_reader().offset(&self.partition).await?;
        match stored.as_ref().and_then(|offset| offset.get_str(&POSITION)) {
            None | Some(Value::Null) => Ok(0),
            Some(Value::I64(position)) if *position >= 0 => Ok(position.unsigned_abs()),
            Some(other) => Err(Error::fatal(format!(
                "Offset position is the incorrect type: the offset stored for file '{}' has the position {other}, but a number of bytes from 0 \
                 on was expected; reset or alter the connector's offsets",
                self.name()
            ))),
        }
    }

    fn failed(&self, doing: &str, error: io::Error) -> Error {
        Error::fatal(format!(
            "{doing} file '{}' failed at position {}; lines up to there are sent, and a restart of the task goes on behind them",
            self.name(),
            self.position
        ))
        .with_source(error)
    }

    fn name(&self) -> &str {
        self.config.filename.as_deref().unwrap_or("stdin")
    }

    /// True if this was not the last thing logged of the file.
    fn first_time(&mut self, logged: Logged) -> bool {
        self.logged.replace(logged) != Some(logged)
    }

    async fn wait(&mut self) {
        tokio::select! {
            () = sleep(WAIT) => {}
            () = woken(self.context.as_ref()) => {}
        }
    }
}

async fn woken(context: Option<&SourceTaskContext>) {
    match context {
        Some(context) => context.wakeup().await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::testing::Host;

    async fn start(host: &Arc<Host>, file: &Path, more: &[(&str, &str)]) -> Result<FileStreamSourceTask> {
        let mut properties = vec![("topic", "t"), ("file", file.to_str().unwrap())];
        properties.extend(more);
        host.start(&properties).await
    }

    /// Polls until records come.
    async fn next(task: &mut FileStreamSourceTask) -> Vec<SourceRecord> {
        loop {
            if let Some(records) = task.poll().await.unwrap() {
                return records;
            }
        }
    }

    fn texts(records: &[SourceRecord]) -> Vec<&str> {
        records.iter().filter_map(|record| record.value.as_str()).collect()
    }

    fn position(record: &SourceRecord) -> Option<i64> {
        record.source_offset.as_ref().unwrap().get_str("position").unwrap().as_i64()
    }

    fn append(file: &Path, text: &str) {
        File::options().append(true).create(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn a_line_becomes_a_record_with_its_place_in_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "grün\r\n\nlast").unwrap();
        let mut task = start(&Arc::default(), &file, &[]).await.unwrap();
        let records = next(&mut task).await;
        assert_eq!(texts(&records), ["grün", ""]);
        let first = &records[0];
        assert_eq!((&*first.topic, &first.key, &first.key_schema), ("t", &Value::Null, &None));
        assert_eq!((&first.value_schema, first.kafka_partition), (&Some(Schema::string()), None));
        assert!(first.timestamp.is_some());
        assert_eq!(first.source_partition.as_ref().unwrap().to_string(), format!("{{filename={}}}", file.display()));
        assert_eq!((position(first), position(&records[1])), (Some(7), Some(8)));
        append(&file, " line\n");
        assert_eq!(texts(&next(&mut task).await), ["last line"]);
    }

    #[tokio::test]
    async fn a_restarted_task_goes_on_behind_the_last_stored_record() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "ä\nö\nü\n").unwrap();
        let host = Arc::new(Host::default());
        let mut task = start(&host, &file, &[("batch.size", "2")]).await.unwrap();
        let records = next(&mut task).await;
        assert_eq!(texts(&records), ["ä", "ö"]);
        host.store(&records[1]);
        let mut task = start(&host, &file, &[]).await.unwrap();
        assert_eq!(texts(&next(&mut task).await), ["ü"]);
    }

    #[tokio::test]
    async fn lines_beyond_a_batch_are_given_before_anything_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "1\n2\n3\n").unwrap();
        let mut task = start(&Arc::default(), &file, &[("batch.size", "2")]).await.unwrap();
        assert_eq!(texts(&task.poll().await.unwrap().unwrap()), ["1", "2"]);
        assert_eq!(texts(&task.poll().await.unwrap().unwrap()), ["3"]);
    }

    #[tokio::test]
    async fn a_missing_file_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        let host = Arc::new(Host::default());
        let mut task = start(&host, &file, &[]).await.unwrap();
        host.wake();
        assert_eq!(task.poll().await.unwrap(), None);
        append(&file, "here\n");
        assert_eq!(texts(&next(&mut task).await), ["here"]);
    }

    #[tokio::test]
    async fn waking_ends_the_wait_for_new_lines() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "").unwrap();
        let host = Arc::new(Host::default());
        let mut task = start(&host, &file, &[]).await.unwrap();
        let began = Instant::now();
        for _ in 0..5 {
            host.wake();
            assert_eq!(task.poll().await.unwrap(), None);
        }
        assert!(began.elapsed() < WAIT * 4);
    }

    #[tokio::test]
    async fn a_line_longer_than_a_block_is_one_record() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        let long = "x".repeat(3_000_000);
        fs::write(&file, format!("{long}\nshort\n")).unwrap();
        let mut task = start(&Arc::default(), &file, &[]).await.unwrap();
        let records = next(&mut task).await;
        assert_eq!(records[0].value.as_str().unwrap().len(), long.len());
        assert_eq!(records[1].value.as_str(), Some("short"));
    }

    #[tokio::test]
    async fn a_shorter_file_fails_the_task_with_both_lengths_and_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "one\ntwo\n").unwrap();
        let mut task = start(&Arc::default(), &file, &[]).await.unwrap();
        next(&mut task).await;
        fs::write(&file, "new\n").unwrap();
        let error = task.poll().await.unwrap_err().to_string();
        for part in [file.to_str().unwrap(), "position 8", "only 4 bytes", "file.rotation=restart"] {
            assert!(error.contains(part), "{error}");
        }
        let host = Arc::new(Host::default());
        host.store_position(file.to_str().unwrap(), 8i64);
        let error = start(&host, &file, &[]).await.unwrap().poll().await.unwrap_err().to_string();
        assert!(error.contains("position 8") && error.contains("only 4 bytes"), "{error}");
    }

    #[tokio::test]
    async fn a_truncated_file_is_read_again_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "one\ntwo\nhalf").unwrap();
        let mut task = start(&Arc::default(), &file, &[("file.rotation", "restart")]).await.unwrap();
        next(&mut task).await;
        assert_eq!(task.poll().await.unwrap(), None);
        fs::write(&file, "new\n").unwrap();
        let rest = next(&mut task).await;
        assert_eq!((texts(&rest), position(&rest[0])), (vec!["half"], Some(0)));
        let records = next(&mut task).await;
        assert_eq!((texts(&records), position(&records[0])), (vec!["new"], Some(4)));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_renamed_file_is_read_to_its_end_before_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "1\n").unwrap();
        let mut task = start(&Arc::default(), &file, &[("file.rotation", "restart")]).await.unwrap();
        assert_eq!(texts(&next(&mut task).await), ["1"]);
        append(&file, "2\n");
        fs::rename(&file, dir.path().join("in.1")).unwrap();
        fs::write(&file, "3\n").unwrap();
        assert_eq!(texts(&next(&mut task).await), ["2"]);
        assert_eq!(texts(&next(&mut task).await), ["3"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn without_the_option_a_renamed_file_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        fs::write(&file, "1\n").unwrap();
        let mut task = start(&Arc::default(), &file, &[]).await.unwrap();
        next(&mut task).await;
        fs::rename(&file, dir.path().join("in.1")).unwrap();
        fs::write(&file, "other\n").unwrap();
        assert_eq!(task.poll().await.unwrap(), None);
        append(&dir.path().join("in.1"), "2\n");
        assert_eq!(texts(&next(&mut task).await), ["2"]);
    }

    #[tokio::test]
    async fn an_input_that_cannot_be_read_fails_the_task_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut task = start(&Arc::default(), dir.path(), &[]).await.unwrap();
        let error = task.poll().await.unwrap_err();
        assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
        assert!(error.trace().contains("directory"), "{}", error.trace());
    }

    #[tokio::test]
    async fn a_stored_position_that_is_no_number_fails_the_task() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("in");
        let host = Arc::new(Host::default());
        host.store_position(file.to_str().unwrap(), "7");
        let error = start(&host, &file, &[]).await.err().unwrap();
        assert!(error.to_string().starts_with("Offset position is the incorrect type"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_named_pipe_is_read_and_waiting_for_it_can_be_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let host = Arc::new(Host::default());
        let mut task = start(&host, &pipe, &[]).await.unwrap();
        host.wake();
        assert_eq!(task.poll().await.unwrap(), None);
        let writer = std::thread::spawn(move || {
            let mut pipe = File::options().write(true).open(pipe).unwrap();
            pipe.write_all(b"through\na pipe\n").unwrap();
        });
        let mut lines = Vec::new();
        while lines.len() < 2 {
            lines.extend(next(&mut task).await);
        }
        assert_eq!(texts(&lines), ["through", "a pipe"]);
        writer.join().unwrap();
        host.wake();
        assert_eq!(task.poll().await.unwrap(), None);
    }
}
