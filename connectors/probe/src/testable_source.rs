//! `TestableSource` and `MonitorableSource`: numbered records, and an event for every call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use milena_api::config::{ConfigDef, ConfigMap};
use milena_api::connector::{ConnectorContext, OffsetChanges, TaskConfigs};
use milena_api::data::{Map, Schema, Value};
use milena_api::metrics::{Counter, MetricValue};
use milena_api::record::{ConnectRecord, RecordMetadata, SourceMap, SourceRecord, TransactionAction};
use milena_api::source::{
    ConnectorTransactionBoundaries, ExactlyOnceSupport, SourceConnector, SourceTask, SourceTaskContext,
};
use milena_api::{Error, Result};
use tokio::time::sleep;

use crate::channel::Probe;
use crate::instance::{Instance, flag, inject, named_tasks, text};

/// Version of the connector.
pub const VERSION: &str = "some great version";

/// The source connector; with metrics it is the monitorable one.
#[derive(Default)]
pub struct TestableSourceConnector {
    instance: Instance,
    task_class: String,
    monitored: bool,
    context: Option<ConnectorContext>,
    config: ConfigMap,
}

impl TestableSourceConnector {
    /// A connector that reports to `probe`.
    pub fn new(probe: &Probe, task_class: impl Into<String>, monitored: bool) -> Self {
        let instance = Instance::new(probe.clone());
        TestableSourceConnector { instance, task_class: task_class.into(), monitored, ..Self::default() }
    }
}

impl SourceConnector for TestableSourceConnector {
    type Task = TestableSourceTask;

    fn version(&self) -> Result<String> {
        Ok(VERSION.to_owned())
    }

    fn config(&self) -> Result<ConfigDef> {
        Ok(ConfigDef::new())
    }

    async fn initialize(&mut self, context: ConnectorContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        self.instance.start_connector(&config);
        if let (true, Some(context)) = (self.monitored, &self.context) {
            context.metrics().gauge("start", "description", || MetricValue::Text("started".to_owned()));
        }
        self.config = config;
        inject(&self.config, "connector.start.inject.error", "Injecting errors during connector start")
    }

    fn task_class(&self) -> Result<String> {
        Ok(self.task_class.clone())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<TaskConfigs> {
        let count = match self.config.get("num.tasks") {
            Some(count) => number(&self.config, "num.tasks", count)?,
            None => max_tasks,
        };
        Ok(named_tasks(&self.config, count))
    }

    async fn stop(&mut self) -> Result<()> {
        self.instance.emit("connector.stop", []);
        inject(&self.config, "connector.stop.inject.error", "Injecting errors during connector stop")
    }

    fn exactly_once_support(&self, config: &ConfigMap) -> Result<Option<ExactlyOnceSupport>> {
        match text(config, "custom.exactly.once.support").as_str() {
            "supported" => Ok(Some(ExactlyOnceSupport::Supported)),
            "unsupported" => Ok(Some(ExactlyOnceSupport::Unsupported)),
            "fail" => Err(Error::fatal("oops")),
            _ => Ok(None),
        }
    }

    fn can_define_transaction_boundaries(&self, config: &ConfigMap) -> Result<Option<ConnectorTransactionBoundaries>> {
        match text(config, "custom.transaction.boundaries").as_str() {
            "supported" => Ok(Some(ConnectorTransactionBoundaries::Supported)),
            "null" => Ok(None),
            "fail" => Err(Error::fatal("oh no :(")),
            _ => Ok(Some(ConnectorTransactionBoundaries::Unsupported)),
        }
    }

    async fn alter_offsets(&mut self, config: &ConfigMap, _offsets: &OffsetChanges) -> Result<bool> {
        Ok(flag(config, "alter.offsets.result"))
    }
}

/// The source task.
#[derive(Default)]
pub struct TestableSourceTask {
    instance: Instance,
    monitored: bool,
    context: Option<SourceTaskContext>,
    records: Counter,
    work: Option<Work>,
}

struct Work {
    task: String,
    topic: Arc<str>,
    batch: i64,
    max: i64,
    seqno: i64,
    partition: Arc<SourceMap>,
    pace: Option<Pace>,
    boundary: Option<Boundary>,
}

/// Where transactions end: at 1, 2, 3, 5, 8, …
struct Boundary {
    prior: i64,
    next: i64,
}

struct Pace {
    per_second: f64,
    began: Instant,
    began_at: i64,
}

impl TestableSourceTask {
    /// A task that reports to `probe`.
    pub fn new(probe: &Probe, monitored: bool) -> Self {
        TestableSourceTask { instance: Instance::new(probe.clone()), monitored, ..Self::default() }
    }
}

impl SourceTask for TestableSourceTask {
    const WANTS_COMMIT_RECORD: bool = true;

    fn version(&self) -> Result<String> {
        Ok("unknown".to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let Some(context) = &self.context else { return Ok(()) };
        let task = text(&config, "task.id");
        let partition = one("task.id", Value::from(task.as_str()));
        let stored = context.offset_reader().offset(&partition).await?;
        let seqno = stored.and_then(|offset| offset.get_str("saved").and_then(Value::as_i64)).unwrap_or(0);
        self.instance.start_task(&config);
        if self.monitored {
            self.records = context.metrics().counter("poll", "description");
        }
        inject(&config, &format!("task-{task}.start.inject.error"), "Injecting errors during task start")?;
        let setting =
            |key: &str, default: i64| config.get(key).map_or(Ok(default), |value| number(&config, key, value));
        let throughput = setting("throughput", -1)?;
        self.work = Some(Work {
            topic: config.get("topic").map_or("sequential-topic", String::as_str).into(),
            batch: setting("messages.per.poll", 1)?,
            max: setting("max.messages", i64::MAX)?,
            seqno,
            partition: Arc::new(partition),
            pace: (throughput > 0).then(|| Pace {
                per_second: throughput as f64,
                began: Instant::now(),
                began_at: seqno,
            }),
            boundary: context.transaction_context().map(|_| Boundary::above(seqno)),
            task,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let (Some(work), Some(context)) = (&mut self.work, &self.context) else { return Ok(None) };
        let count = work.batch.min(work.max - work.seqno);
        if count <= 0 {
            context.wakeup().await;
            return Ok(None);
        }
        if let Some(wait) = work.pace.as_ref().and_then(|pace| pace.wait(work.seqno)) {
            tokio::select! {
                () = sleep(wait) => {}
                () = context.wakeup() => return Ok(None),
            }
        }
        self.instance.count("task.records", count as usize);
        self.records.add(count as u64);
        (0..count).map(|_| work.make()).collect::<Result<Vec<_>>>().map(Some)
    }

    async fn commit_record(&mut self, _record: &SourceRecord, _metadata: Option<&RecordMetadata>) -> Result<()> {
        self.instance.count("task.commits", 1);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.instance.emit("task.stop", []);
        self.work = None;
        Ok(())
    }
}

impl Work {
    fn make(&mut self) -> Result<SourceRecord> {
        self.seqno += 1;
        let (task, seqno) = (&self.task, self.seqno);
        let value = Value::from(format!("value-{task}-{seqno}"));
        let mut record = ConnectRecord::new(Arc::clone(&self.topic), Some(Schema::string()), value);
        record.key_schema = Some(Schema::string());
        record.key = Value::from(format!("key-{task}-{seqno}"));
        record.headers.add(format!("header-{seqno}"), Some(Schema::int64()), seqno)?;
        let offset = Arc::new(one("saved", Value::I64(seqno)));
        let mut record = SourceRecord::new(record, Some(Arc::clone(&self.partition)), Some(offset));
        record.transaction = self.boundary.as_mut().and_then(|boundary| boundary.passed(seqno));
        Ok(record)
    }
}

impl Boundary {
    fn above(seqno: i64) -> Self {
        let mut boundary = Boundary { prior: 1, next: 1 };
        boundary.advance(seqno);
        boundary
    }

    fn advance(&mut self, seqno: i64) {
        while self.next <= seqno {
            (self.prior, self.next) = (self.next, self.next.saturating_add(self.prior));
        }
    }

    /// What happens to the transaction behind this record.
    fn passed(&mut self, seqno: i64) -> Option<TransactionAction> {
        if seqno != self.next {
            return None;
        }
        self.advance(seqno);
        Some(if seqno % 2 == 0 { TransactionAction::Abort } else { TransactionAction::Commit })
    }
}

impl Pace {
    /// How long until the record behind `seqno` is due.
    fn wait(&self, seqno: i64) -> Option<Duration> {
        let due = Duration::from_secs_f64((seqno - self.began_at) as f64 / self.per_second);
        due.checked_sub(self.began.elapsed()).filter(|wait| !wait.is_zero())
    }
}

fn number<T: std::str::FromStr>(_config: &ConfigMap, key: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| {
        Error::fatal(format!("For input string: \"{value}\" (property {key})"))
            .with_class("java.lang.NumberFormatException")
    })
}

fn one(key: &str, value: Value) -> Map {
    [(Value::from(key), value)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Tests, map, source_context};

    async fn start(probe: &Probe, stored: Option<i64>, more: &[(&str, &str)]) -> Result<TestableSourceTask> {
        let mut task = TestableSourceTask::new(probe, false);
        task.initialize(source_context(stored.map(|seqno| one("saved", Value::I64(seqno))))).await?;
        let mut properties = vec![("connector.name", "c"), ("task.id", "c-0")];
        properties.extend(more);
        task.start(map(&properties)).await.map(|()| task)
    }

    #[tokio::test]
    async fn a_task_reports_its_start_its_records_its_commits_and_its_end() {
        let (probe, mut tests) = Tests::connect();
        let mut task = start(&probe, Some(5), &[("messages.per.poll", "2")]).await.unwrap();
        let records = task.poll().await.unwrap().unwrap();
        let record = &records[0];
        assert_eq!((record.key.as_str(), record.value.as_str()), (Some("key-c-0-6"), Some("value-c-0-6")));
        assert_eq!(record.headers.last_with_name("header-6").unwrap().value, Value::I64(6));
        assert_eq!(records[1].source_offset.as_deref(), Some(&one("saved", Value::I64(7))));
        assert_eq!(&*record.topic, "sequential-topic");
        task.commit_record(record, None).await.unwrap();
        task.stop().await.unwrap();
        assert_eq!(task.poll().await.unwrap(), None);
        let about = |event: &str| json!({"event": event, "id": 1, "connector": "c", "task": "c-0"});
        assert_eq!(tests.next(), about("task.start"));
        assert_eq!(
            tests.next(),
            json!({"event": "task.records", "id": 1, "connector": "c", "task": "c-0", "count": 2})
        );
        assert_eq!(
            tests.next(),
            json!({"event": "task.commits", "id": 1, "connector": "c", "task": "c-0", "count": 1})
        );
        assert_eq!(tests.next(), about("task.stop"));
    }

    #[tokio::test]
    async fn transactions_end_at_the_fibonacci_numbers_above_the_start() {
        let (probe, _tests) = Tests::connect();
        let mut task = start(&probe, Some(2), &[("messages.per.poll", "20"), ("max.messages", "14")]).await.unwrap();
        let records = task.poll().await.unwrap().unwrap();
        assert_eq!(records.len(), 12);
        let ends: Vec<_> = (3..).zip(&records).filter_map(|(n, record)| Some((n, record.transaction?))).collect();
        let (commit, abort) = (TransactionAction::Commit, TransactionAction::Abort);
        assert_eq!(ends, [(3, commit), (5, commit), (8, abort), (13, commit)]);
        assert_eq!(task.poll().await.unwrap(), None);
    }

    #[tokio::test]
    async fn injected_errors_come_after_their_event() {
        let (probe, mut tests) = Tests::connect();
        let error = start(&probe, None, &[("task-c-0.start.inject.error", "true")]).await.err().unwrap();
        assert_eq!(error.headline(), "java.lang.RuntimeException: Injecting errors during task start");
        assert_eq!(tests.next()["event"], "task.start");
        let mut connector = TestableSourceConnector::new(&probe, "T", false);
        let error = connector.start(map(&[("name", "c"), ("connector.start.inject.error", "true")])).await.unwrap_err();
        assert_eq!(error.headline(), "java.lang.RuntimeException: Injecting errors during connector start");
        assert_eq!(tests.next(), json!({"event": "connector.start", "id": 2, "connector": "c"}));
    }

    #[tokio::test]
    async fn the_number_of_tasks_may_exceed_what_is_allowed() {
        let mut connector = TestableSourceConnector::default();
        connector.start(map(&[("name", "c"), ("num.tasks", "3")])).await.unwrap();
        let configs = connector.task_configs(1).await.unwrap();
        assert_eq!(configs.len(), 3);
        assert_eq!((&configs[2]["task.id"], &configs[2]["connector.name"]), (&"c-2".to_owned(), &"c".to_owned()));
    }
}
