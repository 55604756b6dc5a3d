//! The loops of source and sink tasks on a development broker: what happens at their edges.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong fails the test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use milena_api::config::{ConfigDef, ConfigInput, ConfigMap};
use milena_api::connector::{ConnectorContext, TaskConfigs};
use milena_api::data::Value;
use milena_api::plugin::Plugin;
use milena_api::record::{ConnectRecord, SinkRecord, SourceRecord, TopicPartition};
use milena_api::sink::{Offsets, SinkConnector, SinkTask, SinkTaskContext};
use milena_api::source::{SourceConnector, SourceTask, SourceTaskContext};
use milena_api::{Error, Result};
use milena_devbroker::{Api, DevBroker, DevBrokerConfig, Fault, FaultAction};
use milena_kafka::admin::Admin;
use milena_kafka::config::{AdminConfig, ConsumerConfig, ProducerConfig};
use milena_kafka::consumer::{Consumer, Polled, StartOffset, Subscription};
use milena_kafka::producer::Producer;
use milena_runtime::config::{StandaloneConfig, worker_admin};
use milena_runtime::herder::Herder;
use milena_runtime::logging::{JavaLevel, Loggers};
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::standalone::{StandaloneHerder, StandaloneParts};
use milena_runtime::storage::{FileOffsetStore, OffsetCodec, StatusStore};
use milena_runtime::tasks::Spawner;
use milena_runtime::validation::Validator;
use milena_runtime::worker::{TaskBuilder, Worker, WorkerParts};
use tokio::sync::Semaphore;

const STRINGS: &str = "org.apache.kafka.connect.storage.StringConverter";

/// No event of these tests takes longer.
async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(Duration::from_secs(30), event).await else { panic!("{what} did not happen") };
    done
}

async fn signal(what: &str, signal: &Semaphore) {
    soon(what, signal.acquire()).await.unwrap().forget();
}

struct Fixture {
    broker: DevBroker,
    herder: StandaloneHerder,
    properties: ConfigMap,
    _dir: tempfile::TempDir,
}

impl Fixture {
    async fn start(broker: DevBrokerConfig, more: &[(&str, &str)]) -> Self {
        let broker = DevBroker::start(broker).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (bootstrap, offsets) = (broker.bootstrap(), dir.path().join("offsets"));
        let own = [
            ("bootstrap.servers", &*bootstrap),
            ("key.converter", STRINGS),
            ("value.converter", STRINGS),
            ("offset.storage.file.filename", offsets.to_str().unwrap()),
        ];
        let properties: ConfigMap =
            own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut plugins = milena_converters::plugins();
        plugins.push(Plugin::source::<PoisonSource>("test.PoisonSource"));
        plugins.push(Plugin::source::<BlockedSource>("test.BlockedSource"));
        plugins.push(Plugin::sink::<CountingSink>("test.CountingSink"));
        plugins.push(Plugin::sink::<ReportingSink>("test.ReportingSink"));
        plugins.push(Plugin::sink::<SlowSink>("test.SlowSink"));
        let registry = Arc::new(PluginRegistry::new(plugins));
        let StandaloneConfig { worker: config, offsets_file } =
            StandaloneConfig::parse(&properties, &registry).unwrap();
        let (config, spawner) = (Arc::new(config), Spawner::current());
        let kind = milena_api::plugin::PluginKind::Converter;
        let json = registry.plugin(kind, "org.apache.kafka.connect.json.JsonConverter", None).unwrap();
        let milena_api::plugin::Factory::Converter(json) = &json.factory else { panic!("no converter") };
        let statuses = Arc::new(StatusStore::new("test:0"));
        let kafka_cluster_id = Arc::new(OnceLock::new());
        let builder = TaskBuilder::new(WorkerParts {
            config: Arc::clone(&config),
            registry: Arc::clone(&registry),
            kafka_cluster_id: Arc::clone(&kafka_cluster_id),
            offsets: FileOffsetStore::open(&offsets_file, &spawner).unwrap(),
            codec: Arc::new(OffsetCodec::new(json().unwrap()).unwrap()),
            statuses: Arc::clone(&statuses),
            spawner: spawner.clone(),
        });
        let timeout = config.task_shutdown_timeout;
        let herder = StandaloneHerder::new(StandaloneParts {
            worker: Arc::new(Worker::new(builder, spawner.clone(), Arc::clone(&statuses), timeout)),
            statuses,
            validator: Arc::new(Validator::new(registry, config, spawner.clone())),
            loggers: Loggers::new(JavaLevel::from_name("OFF").unwrap()),
            spawner,
            kafka_cluster_id,
            topic_tracking: true,
            topic_tracking_reset: true,
        });
        Fixture { broker, herder, properties, _dir: dir }
    }

    async fn create(&self, name: &str, class: &str, more: &[(&str, &str)]) {
        let own = [("name", name), ("connector.class", class), ("tasks.max", "1")];
        let config: ConfigInput =
            own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect();
        soon("creation", self.herder.put_connector_config(name, config, None, false)).await.unwrap();
    }

    async fn produce(&self, topic: &str, count: usize) {
        let properties = ConfigMap::from_iter([("bootstrap.servers".to_owned(), self.broker.bootstrap())]);
        let (producer, _) = Producer::new(ProducerConfig::from_properties(&properties).unwrap()).unwrap();
        for number in 0..count {
            producer.send(topic, None, None, None, Some(number.to_string().as_bytes()), &[]).await.unwrap();
        }
    }

    async fn values_in(&self, topic: &str, count: usize) -> Vec<usize> {
        let properties = ConfigMap::from_iter([("bootstrap.servers".to_owned(), self.broker.bootstrap())]);
        let mut consumer = Consumer::new(ConsumerConfig::from_properties(&properties).unwrap()).unwrap();
        consumer.assign(vec![(TopicPartition::new(topic, 0), StartOffset::Earliest)]);
        let mut values = Vec::new();
        while values.len() < count {
            if let Polled::Records(batches) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
                for batch in &batches {
                    let texts = batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap());
                    values.extend(texts.map(|text| text.parse::<usize>().unwrap()));
                }
            }
        }
        values
    }

    async fn records_in(&self, topic: &str) -> i64 {
        let registry = PluginRegistry::new(milena_converters::plugins());
        let config = StandaloneConfig::parse(&self.properties, &registry).unwrap();
        let admin = Admin::new(AdminConfig::from_properties(&worker_admin(&config.worker)).unwrap()).unwrap();
        let partition = TopicPartition::new(topic, 0);
        let wanted = [(partition.clone(), milena_kafka::admin::OffsetSpec::Latest)].into_iter().collect();
        admin.list_offsets(&wanted).await.unwrap()[&partition].as_ref().unwrap().offset
    }
}

macro_rules! connector {
    ($name:ident, $trait:ident, $task:ty) => {
        #[derive(Default)]
        struct $name(ConfigMap);

        impl $trait for $name {
            type Task = $task;

            fn version(&self) -> Result<String> {
                Ok("1".to_owned())
            }

            fn config(&self) -> Result<ConfigDef> {
                Ok(ConfigDef::new())
            }

            async fn initialize(&mut self, _: ConnectorContext) -> Result<()> {
                Ok(())
            }

            async fn start(&mut self, config: ConfigMap) -> Result<()> {
                self.0 = config;
                Ok(())
            }

            fn task_class(&self) -> Result<String> {
                Ok("test.Task".to_owned())
            }

            async fn task_configs(&mut self, _: usize) -> Result<TaskConfigs> {
                Ok(vec![self.0.clone()])
            }

            async fn stop(&mut self) -> Result<()> {
                Ok(())
            }
        }
    };
}

macro_rules! source_task {
    ($name:ident, $stopped:ident, $records:expr) => {
        #[derive(Default)]
        struct $name {
            context: Option<SourceTaskContext>,
            polled: bool,
        }

        impl SourceTask for $name {
            fn version(&self) -> Result<String> {
                Ok("1".to_owned())
            }

            async fn initialize(&mut self, context: SourceTaskContext) -> Result<()> {
                self.context = Some(context);
                Ok(())
            }

            async fn start(&mut self, _: ConfigMap) -> Result<()> {
                Ok(())
            }

            async fn poll(&mut self) -> Result<Option<Vec<SourceRecord>>> {
                if std::mem::replace(&mut self.polled, true) {
                    self.context.as_ref().unwrap().wakeup().await;
                    return Ok(None);
                }
                Ok(Some($records))
            }

            async fn stop(&mut self) -> Result<()> {
                $stopped.add_permits(1);
                Ok(())
            }
        }
    };
}

fn record(topic: &str, timestamp: Option<i64>) -> SourceRecord {
    let mut record = ConnectRecord::new(topic, None, Value::from("value"));
    record.timestamp = timestamp;
    SourceRecord::new(record, None, None)
}

static POISON_STOPPED: Semaphore = Semaphore::const_new(0);
connector!(PoisonSource, SourceConnector, PoisonTask);
source_task!(
    PoisonTask,
    POISON_STOPPED,
    vec![record("poison", None), record("poison", Some(5)), record("poison", Some(-7)), record("poison", None),]
);

#[tokio::test]
async fn records_before_one_that_fails_the_task_are_written() {
    let fixture = Fixture::start(DevBrokerConfig::default(), &[]).await;
    fixture.create("poison", "test.PoisonSource", &[]).await;
    signal("the end of the task", &POISON_STOPPED).await;
    assert_eq!(fixture.records_in("poison").await, 2);
}

static BLOCKED_POLLED: Semaphore = Semaphore::const_new(0);
static BLOCKED_STOPPED: Semaphore = Semaphore::const_new(0);
connector!(BlockedSource, SourceConnector, BlockedTask);
source_task!(BlockedTask, BLOCKED_STOPPED, {
    BLOCKED_POLLED.add_permits(1);
    vec![record("missing", None)]
});

#[tokio::test]
async fn a_task_that_waits_for_its_topic_without_end_is_given_up() {
    let broker = DevBrokerConfig { auto_create_topics: false, ..DevBrokerConfig::default() };
    let worker = [("topic.creation.enable", "false"), ("task.shutdown.graceful.timeout.ms", "50")];
    let fixture = Fixture::start(broker, &worker).await;
    fixture.create("blocked", "test.BlockedSource", &[]).await;
    signal("poll", &BLOCKED_POLLED).await;
    soon("deletion", fixture.herder.delete_connector("blocked")).await.unwrap();
    signal("the end of the task", &BLOCKED_STOPPED).await;
}

static PUTS: AtomicUsize = AtomicUsize::new(0);
static PUTS_AT_COMMIT: LazyLock<std::sync::Mutex<Vec<usize>>> = LazyLock::new(Default::default);
static COMMITS: Semaphore = Semaphore::const_new(0);
connector!(CountingSink, SinkConnector, CountingTask);

#[derive(Default)]
struct CountingTask;

impl SinkTask for CountingTask {
    fn version(&self) -> Result<String> {
        Ok("1".to_owned())
    }

    async fn initialize(&mut self, _: SinkTaskContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, _: &[SinkRecord]) -> Result<()> {
        PUTS.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: &Offsets) -> Result<Offsets> {
        if offsets.values().any(|offset| *offset > 0) {
            PUTS_AT_COMMIT.lock().unwrap().push(PUTS.load(Ordering::SeqCst));
            COMMITS.add_permits(1);
        }
        Ok(offsets.clone())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_does_not_spin_while_a_commit_is_under_way() {
    let fixture = Fixture::start(DevBrokerConfig::default(), &[("offset.flush.interval.ms", "10")]).await;
    fixture.produce("slow-commits", 1).await;
    fixture.broker.faults().next(Api::OffsetCommit, 1, FaultAction::Delay(Duration::from_secs(1)));
    fixture.create("spin", "test.CountingSink", &[("topics", "slow-commits")]).await;
    signal("a commit", &COMMITS).await;
    // The next one begins when the answer to the first has come.
    signal("another commit", &COMMITS).await;
    let puts = PUTS_AT_COMMIT.lock().unwrap().clone();
    assert!(puts[1] - puts[0] < 100, "{} calls of put between two commits", puts[1] - puts[0]);
}

#[tokio::test]
async fn a_dead_letter_queue_that_takes_its_time_holds_up_nobody_else() {
    let fixture = Fixture::start(DevBrokerConfig::default(), &[]).await;
    let action = FaultAction::Delay(Duration::from_secs(60));
    let fault = Fault::on(Api::CreateTopics, action).client("connector-dlq-adminclient-dlq-0");
    fixture.broker.faults().add(fault);
    let queue = [
        ("topics", "none"),
        ("errors.deadletterqueue.topic.name", "dead-letters"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ];
    fixture.create("dlq", "test.CountingSink", &queue).await;
    soon("the health check", fixture.herder.health_check()).await.unwrap();
}

static SLOW_OPENED: Semaphore = Semaphore::const_new(0);
static SLOW_FLUSHING: Semaphore = Semaphore::const_new(0);
static SLOW_MAY_FLUSH: Semaphore = Semaphore::const_new(0);
static SLOW_CLOSES: AtomicUsize = AtomicUsize::new(0);
connector!(SlowSink, SinkConnector, SlowTask);

#[derive(Default)]
struct SlowTask;

impl SinkTask for SlowTask {
    fn version(&self) -> Result<String> {
        Ok("1".to_owned())
    }

    async fn initialize(&mut self, _: SinkTaskContext) -> Result<()> {
        Ok(())
    }

    async fn start(&mut self, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn open(&mut self, _: &[TopicPartition]) -> Result<()> {
        SLOW_OPENED.add_permits(1);
        Ok(())
    }

    async fn put(&mut self, _: &[SinkRecord]) -> Result<()> {
        Ok(())
    }

    async fn flush(&mut self, _: &Offsets) -> Result<()> {
        SLOW_FLUSHING.add_permits(1);
        signal("leave to flush", &SLOW_MAY_FLUSH).await;
        Ok(())
    }

    async fn close(&mut self, _: &[TopicPartition]) -> Result<()> {
        SLOW_CLOSES.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn partitions_that_were_given_up_too_late_are_not_closed_twice() {
    let fixture = Fixture::start(DevBrokerConfig::default(), &[]).await;
    fixture.produce("slow-flush", 1).await;
    let hasty =
        [("consumer.override.max.poll.interval.ms", "1500"), ("consumer.override.heartbeat.interval.ms", "100")];
    let config: Vec<_> = [("topics", "slow-flush")].iter().chain(&hasty).copied().collect();
    fixture.create("slow", "test.SlowSink", &config).await;
    signal("the first assignment", &SLOW_OPENED).await;
    // Another member joins, and gets the partition while the task still flushes.
    let own = [("bootstrap.servers", fixture.broker.bootstrap()), ("group.id", "connect-slow".to_owned())];
    let properties: ConfigMap = own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut other = Consumer::new(ConsumerConfig::from_properties(&properties).unwrap()).unwrap();
    other.subscribe(Subscription::Topics(vec!["slow-flush".to_owned()]));
    let joined = async { while !matches!(other.poll(Duration::from_secs(1)).await.unwrap(), Polled::Assigned(_)) {} };
    soon("the other's assignment", joined).await;
    signal("flush", &SLOW_FLUSHING).await;
    SLOW_MAY_FLUSH.add_permits(1000);
    other.close(Duration::from_secs(5)).await;
    signal("the second assignment", &SLOW_OPENED).await;
    assert_eq!(SLOW_CLOSES.load(Ordering::SeqCst), 1);
}

connector!(ReportingSink, SinkConnector, ReportingTask);

#[derive(Default)]
struct ReportingTask(Option<SinkTaskContext>);

impl SinkTask for ReportingTask {
    fn version(&self) -> Result<String> {
        Ok("1".to_owned())
    }

    async fn initialize(&mut self, context: SinkTaskContext) -> Result<()> {
        self.0 = Some(context);
        Ok(())
    }

    async fn start(&mut self, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let reporter = self.0.as_ref().unwrap().errant_record_reporter().unwrap();
        for record in records {
            // Not waited for: the framework does that before it commits.
            drop(reporter.report(record.clone(), Error::data("not wanted")));
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dead_letters_keep_the_order_of_the_reports() {
    let fixture = Fixture::start(DevBrokerConfig::default(), &[]).await;
    fixture.produce("unwanted", 300).await;
    let queue = [
        ("topics", "unwanted"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "unwanted-dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ];
    fixture.create("reporting", "test.ReportingSink", &queue).await;
    let values = soon("dead letters", fixture.values_in("unwanted-dead", 300)).await;
    assert_eq!(values, (0..300).collect::<Vec<_>>());
}
