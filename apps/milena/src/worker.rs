//! A standalone worker, wired: plug-ins, stores, REST, herder.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use milena_api::config::ConfigMap;
use milena_bundle::Probe;
use milena_kafka::admin::Admin;
use milena_kafka::config::AdminConfig;
use milena_rest::{RestConfig, RestServer};
use milena_runtime::config::{StandaloneConfig, worker_admin};
use milena_runtime::herder::Herder;
use milena_runtime::logging::Loggers;
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::properties::read_connector_file;
use milena_runtime::standalone::{StandaloneHerder, StandaloneParts};
use milena_runtime::storage::{FileOffsetStore, OffsetCodec, StatusStore};
use milena_runtime::tasks::Spawner;
use milena_runtime::validation::Validator;
use milena_runtime::worker::{TaskBuilder, Worker, WorkerParts};

/// Time for connectors and tasks to stop; tasks have their own limit within it.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Time for REST requests in flight when the worker stops.
const REST_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one attempt to reach Kafka takes at most.
const ATTEMPT: &str = "5000";
/// The converter of the worker's own stores.
const INTERNAL_CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";

/// A worker that serves REST. Connectors can be created once Kafka is reached.
pub struct StandaloneWorker {
    rest: RestServer,
    herder: StandaloneHerder,
    admin: Admin,
    bootstrap: String,
    cluster_id: Arc<OnceLock<String>>,
}

impl StandaloneWorker {
    /// Reads the configuration, opens stores and listeners. REST answers when this returns; Kafka has not been asked yet.
    pub async fn start(properties: &ConfigMap, loggers: Loggers, spawner: Spawner) -> Result<Self> {
        // The test kit's channel is open before REST listens.
        let probe = Probe::from_env();
        let mut plugins = milena_bundle::plugins();
        plugins.extend(probe.iter().flat_map(Probe::plugins));
        let registry = Arc::new(PluginRegistry::new(plugins));
        let config =
            StandaloneConfig::parse(properties, &registry).context("the worker's properties cannot be used")?;
        let rest = RestServer::bind(RestConfig::try_from(&config.worker.rest)?)
            .await
            .context("could not start the REST server")?;
        if let Some(probe) = &probe {
            let timeouts = rest.timeouts();
            probe.on_rest_timeouts(move |wanted| {
                timeouts.set_request(wanted.request);
                timeouts.set_health_check(wanted.health);
            });
        }
        let StandaloneConfig { worker, offsets_file } = config;
        let worker = Arc::new(worker);
        let admin = {
            let mut properties = worker_admin(&worker);
            properties.entry("request.timeout.ms".to_owned()).or_insert_with(|| ATTEMPT.to_owned());
            properties.entry("default.api.timeout.ms".to_owned()).or_insert_with(|| ATTEMPT.to_owned());
            Admin::new(AdminConfig::from_properties(&properties)?)?
        };
        let statuses = Arc::new(StatusStore::new(rest.worker_id()));
        let offsets = FileOffsetStore::open(&offsets_file, &spawner)?;
        let codec = Arc::new(OffsetCodec::new(internal_converter(&registry)?)?);
        let cluster_id = Arc::new(OnceLock::new());
        let parts = WorkerParts {
            config: Arc::clone(&worker),
            registry: Arc::clone(&registry),
            kafka_cluster_id: Arc::clone(&cluster_id),
            offsets,
            codec,
            statuses: Arc::clone(&statuses),
            spawner: spawner.clone(),
        };
        let herder = StandaloneHerder::new(StandaloneParts {
            worker: Arc::new(Worker::new(
                TaskBuilder::new(parts),
                spawner.clone(),
                Arc::clone(&statuses),
                worker.task_shutdown_timeout,
            )),
            statuses,
            validator: Arc::new(Validator::new(registry, Arc::clone(&worker), spawner.clone())),
            loggers,
            spawner,
            kafka_cluster_id: Arc::clone(&cluster_id),
            topic_tracking: worker.topic_tracking,
            topic_tracking_reset: worker.topic_tracking_reset,
        });
        let bootstrap = worker.bootstrap_servers.clone();
        Ok(StandaloneWorker { rest, herder, admin, bootstrap, cluster_id })
    }

    /// Serves requests from now on; those that change something wait until Kafka is reached.
    ///
    /// # Errors
    /// Kafka answered in a way that trying again cannot mend.
    pub async fn reach_kafka(&self) -> Result<()> {
        let hold = self.herder.hold(&format!("connecting to the Kafka cluster at {}", self.bootstrap)).await;
        self.rest.serve_resources(Arc::new(self.herder.clone()));
        let mut pause = Duration::from_millis(250);
        let mut told: Option<tokio::time::Instant> = None;
        loop {
            match self.admin.describe_cluster().await {
                Ok(cluster) => {
                    let id = cluster.cluster_id.unwrap_or_default();
                    tracing::info!(target: "org.apache.kafka.connect.runtime.WorkerConfig", "Kafka cluster ID: {id}");
                    // Set once, here.
                    self.cluster_id.get_or_init(|| id);
                    drop(hold);
                    return Ok(());
                }
                Err(error) if error.is_retriable() => {
                    if told.is_none_or(|told| told.elapsed() > Duration::from_secs(60)) {
                        tracing::error!(
                            target: "org.apache.kafka.connect.runtime.WorkerConfig",
                            "Failed to connect to and describe Kafka cluster at {} ({error}). Check worker's broker connection and security \
                             properties. The worker keeps trying; until then GET /health answers 'starting'",
                            self.bootstrap
                        );
                        told = Some(tokio::time::Instant::now());
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) => {
                    return Err(anyhow!(error).context(
                        "Failed to connect to and describe Kafka cluster. Check worker's broker connection and security properties.",
                    ));
                }
            }
        }
    }

    /// Creates a connector from a file of the command line.
    ///
    /// # Errors
    /// The file cannot be read, or the connector cannot be created.
    pub async fn create_from_file(&self, file: &Path) -> Result<()> {
        let connector = read_connector_file(file)?;
        self.herder
            .put_connector_config(&connector.name, connector.config, connector.initial_state, false)
            .await
            .map_err(|error| anyhow!("{error}"))?;
        tracing::info!(target: "org.apache.kafka.connect.cli.ConnectStandalone", "Created connector {}", connector.name);
        Ok(())
    }

    /// Everything asked for at the start is there.
    pub fn set_ready(&self) {
        self.herder.set_ready();
        tracing::info!(target: "org.apache.kafka.connect.runtime.Connect", "Kafka Connect started");
    }

    /// The herder.
    pub fn herder(&self) -> &StandaloneHerder {
        &self.herder
    }

    /// URL of the REST API.
    pub fn url(&self) -> String {
        self.rest.advertised_url()
    }

    /// REST intake first, then connectors and tasks.
    pub async fn stop(&self) {
        if tokio::time::timeout(REST_STOP_TIMEOUT, self.rest.stop()).await.is_err() {
            tracing::warn!("REST requests were still in flight and are given up");
        }
        self.herder.shutdown(STOP_TIMEOUT).await;
        tracing::info!(target: "org.apache.kafka.connect.runtime.Connect", "Kafka Connect stopped");
    }
}

fn internal_converter(registry: &PluginRegistry) -> Result<Box<dyn milena_api::converter::Converter>> {
    let plugin = registry.plugin(milena_api::plugin::PluginKind::Converter, INTERNAL_CONVERTER, None)?;
    match &plugin.factory {
        milena_api::plugin::Factory::Converter(make) => Ok(make()?),
        _ => Err(anyhow!("{INTERNAL_CONVERTER} is not a converter")),
    }
}
