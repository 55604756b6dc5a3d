//! `GeneratorSourceTask`: makes up its share of the records.

use std::num::ParseIntError;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Schema, Str, Value};
use milena_api::record::{ConnectRecord, SourceMap, SourceRecord};
use milena_api::source::{SourceTask, SourceTaskContext};
use milena_api::{Error, KAFKA_VERSION, Result};
use tokio::time::sleep;

use crate::config::{Format, GeneratorConfig, TASK, TASKS};
use crate::data_set::DataSet;

/// The only key of a source offset: records made so far.
pub static COUNT: Str = Str::from_static("count");

/// The only key of a source partition: the number of the task.
static TASK_FIELD: Str = Str::from_static("task");

/// How many records a limited task makes at a time: those of this span, so that it neither wakes for each nor sends in bursts.
const SLICE: Duration = Duration::from_millis(50);

/// Makes records up. What it makes depends on configuration, task and number alone, so that a restart goes on where it stopped.
#[derive(Default)]
pub struct GeneratorSourceTask {
    context: Option<SourceTaskContext>,
    work: Option<Work>,
}

struct Work {
    partition: Arc<SourceMap>,
    batch_size: usize,
    /// Records of this task; `None` without end.
    share: Option<u64>,
    count: u64,
    template: ConnectRecord,
    data_set: Option<DataSet>,
    pace: Option<Pace>,
}

/// Keeps to a number of records per second.
struct Pace {
    per_second: f64,
    since: Instant,
    made: u64,
}

impl SourceTask for GeneratorSourceTask {
    fn version(&self) -> Result<String> {
        Ok(KAFKA_VERSION.to_owned())
    }

    async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
        self.context = Some(context);
        Ok(())
    }

    async fn start(&mut self, config: ConfigMap) -> Result<()> {
        let mut work = Work::new(&config)?;
        if let Some(context) = &self.context {
            let stored = context.offset_reader().offset(&work.partition).await?;
            work.count = stored.as_ref().map_or(Ok(0), stored_count)?;
        }
        self.work = Some(work);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
        let Some(work) = &mut self.work else { return Ok(None) };
        loop {
            let left = work.share.map_or(u64::MAX, |share| share.saturating_sub(work.count));
            let wanted = left.min(work.batch_size as u64);
            if wanted == 0 {
                // All made: there is nothing to do until the runtime wants something.
                woken(self.context.as_ref()).await;
                return Ok(None);
            }
            let Some(pace) = &mut work.pace else { return Ok(Some(work.make(wanted))) };
            match pace.due(wanted) {
                Ok(due) => return Ok(Some(work.make(due))),
                Err(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = woken(self.context.as_ref()) => return Ok(None),
                },
            }
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.work = None;
        Ok(())
    }
}

impl Work {
    fn new(properties: &ConfigMap) -> Result<Self> {
        let config = GeneratorConfig::parse(properties)?;
        let number = |key: &str, without: u64| properties.get(key).map_or(Ok(without), |text| text.parse());
        let bad = |error: ParseIntError| Error::config("the task's number is not one").with_source(error);
        let (task, tasks) = (number(TASK, 0).map_err(bad)?, number(TASKS, 1).map_err(bad)?.max(1));
        let data_set = match &config.quickstart {
            Some(name) => Some(DataSet::new(name, config.key_field.as_deref(), config.seed, task)?),
            None => None,
        };
        Ok(Work {
            partition: Arc::new([(Value::Str(TASK_FIELD.clone()), Value::I64(task as i64))].into_iter().collect()),
            batch_size: config.batch_size,
            share: config.messages.map(|all| all / tasks + u64::from(task < all % tasks)),
            count: 0,
            template: template(&config, data_set.as_ref()),
            data_set,
            pace: config.throughput.map(|all| Pace::new(all as f64 / tasks as f64)),
        })
    }

    fn make(&mut self, wanted: u64) -> Vec<SourceRecord> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64);
        self.template.timestamp = Some(now);
        let mut records = Vec::with_capacity(wanted as usize);
        for number in self.count..self.count + wanted {
            let mut record = self.template.clone();
            if let Some(data_set) = &self.data_set {
                let entry = data_set.entry(number as i64);
                (record.key, record.value) = (entry.key, entry.value);
            }
            let mut offset = Map::with_capacity(1);
            offset.insert(Value::Str(COUNT.clone()), Value::I64(number as i64 + 1));
            records.push(SourceRecord::new(record, Some(Arc::clone(&self.partition)), Some(Arc::new(offset))));
        }
        self.count += wanted;
        if let Some(pace) = &mut self.pace {
            pace.made += wanted;
        }
        records
    }
}

impl Pace {
    fn new(per_second: f64) -> Self {
        Pace { per_second, since: Instant::now(), made: 0 }
    }

    /// How many of the `wanted` records may be made now, or how long until it is worth while.
    fn due(&mut self, wanted: u64) -> Result<u64, Duration> {
        let elapsed = self.since.elapsed();
        let due = (elapsed.as_secs_f64() * self.per_second) as u64;
        let due = due.saturating_sub(self.made);
        let slice = ((SLICE.as_secs_f64() * self.per_second) as u64).clamp(1, wanted);
        if due >= slice {
            return Ok(due.min(wanted));
        }
        let at = (self.made + slice) as f64 / self.per_second;
        Err(Duration::from_secs_f64(at).saturating_sub(elapsed).max(Duration::from_millis(1)))
    }
}

/// What all records have in common. The value of a generator without a data set is one buffer, shared by all.
fn template(config: &GeneratorConfig, data_set: Option<&DataSet>) -> ConnectRecord {
    if let Some(data_set) = data_set {
        let mut record = ConnectRecord::new(config.topic.as_str(), Some(data_set.schema().clone()), Value::Null);
        record.key_schema = Some(data_set.key_schema().clone());
        return record;
    }
    let digits: String = ('0'..='9').cycle().take(config.message_size).collect();
    let (schema, value) = match config.format {
        Format::Text => (Schema::string(), Value::from(digits)),
        Format::Bytes => (Schema::bytes(), Value::Bytes(Bytes::from(digits))),
    };
    ConnectRecord::new(config.topic.as_str(), Some(schema), value)
}

fn stored_count(offset: &SourceMap) -> Result<u64> {
    let count = offset.get_str(&COUNT).and_then(Value::as_i64).and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| {
        Error::fatal(format!("the stored offset {offset} has no 'count' from 0 on; reset the connector's offsets"))
    })
}

async fn woken(context: Option<&SourceTaskContext>) {
    match context {
        Some(context) => context.wakeup().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use milena_api::metrics::PluginMetrics;
    use milena_api::source::{OffsetReader, OffsetStore, SourceConnector, SourceTaskHost, TransactionContext};

    use super::*;
    use crate::GeneratorSourceConnector;

    /// A runtime that always wants control back, with one stored offset.
    struct Host(Option<SourceMap>);

    struct Offsets(Option<SourceMap>);

    impl OffsetStore for Offsets {
        fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>> {
            let found = partitions.iter().map(|_| self.0.clone()).collect();
            async move { Ok(found) }.boxed()
        }
    }

    impl SourceTaskHost for Host {
        fn configs(&self) -> ConfigMap {
            ConfigMap::new()
        }

        fn offset_reader(&self) -> OffsetReader {
            OffsetReader::new(Arc::new(Offsets(self.0.clone())))
        }

        fn transaction_context(&self) -> Option<TransactionContext> {
            None
        }

        fn metrics(&self) -> PluginMetrics {
            PluginMetrics::discard()
        }

        fn wakeup(&self) -> BoxFuture<'_, ()> {
            async {}.boxed()
        }
    }

    async fn tasks(
        properties: &[(&str, &str)],
        max: usize,
        stored: Option<SourceMap>,
    ) -> Result<Vec<GeneratorSourceTask>> {
        let mut config: ConfigMap = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        config.insert("topic".to_owned(), "t".to_owned());
        let mut connector = GeneratorSourceConnector::default();
        connector.start(config).await?;
        let mut tasks = Vec::new();
        for config in connector.task_configs(max).await? {
            let mut task = GeneratorSourceTask::default();
            task.initialize(SourceTaskContext::new(Arc::new(Host(stored.clone())))).await?;
            task.start(config).await?;
            tasks.push(task);
        }
        Ok(tasks)
    }

    /// All records up to the first empty poll.
    async fn drain(task: &mut GeneratorSourceTask) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        while let Some(more) = task.poll().await.unwrap() {
            records.extend(more);
        }
        records
    }

    #[tokio::test]
    async fn the_tasks_together_make_as_many_records_as_were_asked_for() {
        let mut made = Vec::new();
        for task in &mut tasks(&[("messages", "10"), ("batch.size", "2")], 3, None).await.unwrap() {
            made.push(drain(task).await.len());
        }
        assert_eq!(made, [4, 3, 3]);
    }

    #[tokio::test]
    async fn values_have_the_size_and_share_one_buffer() {
        let mut task = tasks(&[("messages", "2"), ("message.size", "12")], 1, None).await.unwrap().remove(0);
        let records = drain(&mut task).await;
        assert_eq!(records[0].value, Value::from("012345678901"));
        assert_eq!(records[0].value_schema, Some(Schema::string()));
        assert_eq!(records[0].value.as_str().unwrap().as_ptr(), records[1].value.as_str().unwrap().as_ptr());
        let mut task = tasks(&[("messages", "1"), ("format", "bytes")], 1, None).await.unwrap().remove(0);
        let records = drain(&mut task).await;
        assert!(matches!(&records[0].value, Value::Bytes(bytes) if bytes.len() == 100));
    }

    #[tokio::test]
    async fn a_restarted_task_makes_what_was_left_and_nothing_twice() {
        let properties = [("messages", "5"), ("quickstart", "orders")];
        let all = drain(&mut tasks(&properties, 1, None).await.unwrap()[0]).await;
        let stored = all[1].source_offset.as_deref().cloned();
        assert_eq!(stored.as_ref().unwrap().to_string(), "{count=2}");
        let rest = drain(&mut tasks(&properties, 1, stored).await.unwrap()[0]).await;
        let values = |records: &[SourceRecord]| records.iter().map(|record| record.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(&rest), values(&all[2..]));
    }

    #[tokio::test]
    async fn a_wrong_key_field_fails_the_connector() {
        let error = tasks(&[("quickstart", "users"), ("key.field", "id")], 1, None).await.err().unwrap();
        assert!(error.to_string().contains("registertime, userid"), "{error}");
    }

    #[test]
    fn a_limited_task_waits_for_its_next_slice() {
        let mut pace = Pace::new(100.0);
        assert!(pace.due(1000).is_err_and(|wait| wait <= SLICE));
        pace.since -= Duration::from_secs(1);
        assert!(pace.due(1000).is_ok_and(|due| (100..200).contains(&due)));
        pace.made = 100;
        assert!(pace.due(1000).is_err());
        assert_eq!(Pace { since: pace.since, made: 0, ..Pace::new(100.0) }.due(7), Ok(7));
    }
}
