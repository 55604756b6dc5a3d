//! `ErrantRecordSink`: reports every record as one that cannot be written.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use milena_api::TopicPartition;
use milena_api::config::ConfigMap;
use milena_api::record::SinkRecord;
use milena_api::sink::{ErrantRecordReporter, Offsets, SinkTask, SinkTaskContext};
use milena_api::{Error, Result};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::channel::Probe;
use crate::testable_sink::TestableSinkTask;

/// How long a stop waits for the reports that another thread makes.
const LAST_REPORTS: Duration = Duration::from_secs(4);

/// The sink task: records with an even offset are reported at once, those with an odd one from another thread.
#[derive(Default)]
pub struct ErrantRecordSinkTask {
    testable: TestableSinkTask,
    reporter: Option<ErrantRecordReporter>,
    others: Option<Others>,
}

/// The other thread.
struct Others {
    records: mpsc::Sender<SinkRecord>,
    done: oneshot::Receiver<()>,
}

impl ErrantRecordSinkTask {
    /// A task that reports to `probe`.
    pub fn new(probe: &Probe) -> Self {
        ErrantRecordSinkTask { testable: TestableSinkTask::new(probe, false), ..Self::default() }
    }
}

impl SinkTask for ErrantRecordSinkTask {
    fn version(&self) -> Result<String> {
        self.testable.version()
    }

    async fn initialize(&mut self, context: SinkTaskContext) -> Result<()> {
        self.reporter = context.errant_record_reporter();
        self.testable.initialize(context).await
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        if let Some(reporter) = self.reporter.clone() {
            self.others = Some(Others::start(reporter)?);
        }
        self.testable.start(config).await
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.testable.open(partitions).await
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        for record in records {
            self.testable.instance.count("task.records", 1);
            self.testable.count(record);
            let (Some(reporter), Some(others)) = (&self.reporter, &self.others) else {
                return Err(Error::fatal(
                    "there is no errant record reporter: configure a dead-letter queue or error logging",
                ));
            };
            if record.original.offset % 2 == 0 {
                // Not awaited: the runtime waits for reports before it commits.
                drop(reporter.report(record.clone(), errant()));
            } else {
                others.records.send(record.clone()).map_err(|_| Error::fatal("the reporting thread is gone"))?;
            }
        }
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: &Offsets) -> Result<Offsets> {
        self.testable.pre_commit(offsets).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.testable.close(partitions).await
    }

    async fn stop(&mut self) -> Result<()> {
        if let Some(Others { records, done }) = self.others.take() {
            drop(records);
            // Late or not, the task is over.
            _ = timeout(LAST_REPORTS, done).await;
        }
        Ok(())
    }
}

impl Others {
    fn start(reporter: ErrantRecordReporter) -> Result<Self> {
        let (records, received) = mpsc::channel();
        let (finished, done) = oneshot::channel();
        let report = move || {
            for record in received {
                drop(reporter.report(record, errant()));
            }
            _ = finished.send(());
        };
        thread::Builder::new().name("errant-records".to_owned()).spawn(report)?;
        Ok(Others { records, done })
    }
}

fn errant() -> Error {
    Error::fatal("").with_class("java.lang.Throwable").without_message()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use milena_api::data::Value;
    use milena_api::record::{ConnectRecord, TimestampType};
    use milena_api::sink::ErrantRecordHost;

    use super::*;
    use crate::testing::{Tests, map};

    /// Remembers which offsets were reported, and from which thread.
    #[derive(Default)]
    struct Reports(Mutex<Vec<(i64, thread::ThreadId)>>);

    impl ErrantRecordHost for Reports {
        fn report(&self, record: SinkRecord, _error: Error) -> BoxFuture<'static, Result<()>> {
            self.0.lock().unwrap().push((record.original.offset, thread::current().id()));
            async { Ok(()) }.boxed()
        }
    }

    fn record(offset: i64) -> SinkRecord {
        SinkRecord::new(ConnectRecord::new("t", None, Value::from("v")), 0, offset, TimestampType::CreateTime)
    }

    #[tokio::test]
    async fn odd_offsets_are_reported_from_another_thread_and_all_before_the_stop_ends() {
        let (probe, mut tests) = Tests::connect();
        let reports = Arc::new(Reports::default());
        let mut task = ErrantRecordSinkTask::new(&probe);
        task.reporter = Some(ErrantRecordReporter::new(Arc::clone(&reports) as Arc<dyn ErrantRecordHost>));
        task.start(map(&[("connector.name", "c"), ("task.id", "c-0")])).await.unwrap();
        task.put(&[record(2), record(3)]).await.unwrap();
        task.stop().await.unwrap();
        let mut reported = reports.0.lock().unwrap().clone();
        reported.sort_by_key(|(offset, _)| *offset);
        let here = thread::current().id();
        let from_here: Vec<_> = reported.iter().map(|(offset, thread)| (*offset, *thread == here)).collect();
        assert_eq!(from_here, [(2, true), (3, false)]);
        let events: Vec<_> = (0..3).map(|_| tests.next()["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(events, ["task.start", "task.records", "task.records"]);
    }

    #[tokio::test]
    async fn without_a_reporter_the_task_fails() {
        let mut task = ErrantRecordSinkTask::default();
        task.start(map(&[])).await.unwrap();
        assert!(task.put(&[record(2)]).await.unwrap_err().to_string().contains("dead-letter queue"));
    }
}
