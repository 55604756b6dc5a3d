//! All of one client's connections, and its view of the cluster.
//!
//! Counterpart: org.apache.kafka.clients.ClusterConnectionStates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use rand::seq::SliceRandom;
use tokio::time::Instant;

use super::address::Address;
use super::connect::{connect, connect_any};
use super::connection::Connection;
use super::metadata::{Endpoint, Metadata, NewLeader, TopicsWanted};
use super::versions::Versions;
use crate::config::{ClientConfig, RecoveryStrategy};
use crate::error::{Error, Result};
use crate::metrics::ClientMetrics;

/// What a connection is for. A broker answers one request per connection at a time, so what may wait there has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Short questions.
    Control,
    Fetch,
    Group,
    Offsets,
    Produce,
    Transaction,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Any,
    Node(i32),
}

/// Where a connection leads; bootstrap servers have no id, so they cannot be taken for a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Bootstrap,
    Node(i32),
}

#[derive(Default)]
struct State {
    metadata: Arc<Metadata>,
    /// Whatever broker knows the newest feature levels.
    versions: Option<Arc<Versions>>,
    connections: HashMap<(Place, Lane), Arc<Connection>>,
    failures: HashMap<Place, Failures>,
}

/// Failed attempts in a row, and when the next may be made.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    not_before: Instant,
}

/// One client's side of the cluster.
pub(crate) struct Cluster {
    config: ClientConfig,
    metrics: Arc<ClientMetrics>,
    state: Mutex<State>,
}

impl Cluster {
    pub(crate) fn new(config: ClientConfig) -> Arc<Self> {
        let metrics = Arc::new(ClientMetrics::new(config.kind, config.windows));
        Arc::new(Self { config, metrics, state: Mutex::default() })
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// What this client measures of itself.
    pub(crate) fn metrics(&self) -> &Arc<ClientMetrics> {
        &self.metrics
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub(crate) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.state().metadata)
    }

    /// The level of a feature that the cluster has agreed on, by the broker that knows the newest; `None` if it is off or no broker
    /// has been connected to yet.
    pub(crate) fn finalized_feature(&self, name: &str) -> Option<i16> {
        self.state().versions.as_ref()?.features().level(name)
    }

    /// Takes over leaders that a Fetch or Produce answer named (KIP-951). Tells whether any of them was news.
    pub(crate) fn learn_leaders(&self, leaders: &[NewLeader<'_>], endpoints: &[Endpoint]) -> bool {
        if leaders.is_empty() {
            return false;
        }
        let mut state = self.state();
        let Some(metadata) = state.metadata.with_leaders(leaders, endpoints) else { return false };
        state.metadata = Arc::new(metadata);
        true
    }

    /// Asks `target` and waits for the answer, `request.timeout.ms` and `extra` at most.
    pub(crate) async fn call_within<R>(
        &self,
        target: Target,
        lane: Lane,
        extra: Duration,
        build: impl FnOnce(i16) -> R + Send,
    ) -> Result<R::Response>
    where
        R: Request + Send + Sync,
        R::Response: Send,
    {
        let connection = self.connection(target, lane).await?;
        let version = connection.version::<R>()?;
        connection.call(&build(version), version, self.config.request_timeout.saturating_add(extra)).await
    }

    /// Asks `target` on its control connection.
    pub(crate) async fn call<R: Request + Send + Sync>(
        &self,
        target: Target,
        build: impl FnOnce(i16) -> R + Send,
    ) -> Result<R::Response>
    where
        R::Response: Send,
    {
        self.call_within(target, Lane::Control, Duration::ZERO, build).await
    }

    /// An open connection, an existing one if there is.
    ///
    /// # Cancel safety
    /// Dropping gives up the attempt.
    pub(crate) async fn connection(&self, target: Target, lane: Lane) -> Result<Arc<Connection>> {
        match target {
            Target::Node(node) => self.node_connection(node, lane).await,
            Target::Any => self.any_connection(lane).await,
        }
    }

    fn existing(&self, place: Place, lane: Lane, address: Option<&Address>) -> Option<Arc<Connection>> {
        let mut state = self.state();
        let connection = state.connections.get(&(place, lane))?;
        // A broker may have moved to another address.
        if connection.is_closed() || address.is_some_and(|address| address != connection.address()) {
            state.connections.remove(&(place, lane));
            return None;
        }
        Some(Arc::clone(connection))
    }

    /// A connection to a broker that is open already.
    pub(crate) fn open_connection(&self, node: i32, lane: Lane) -> Option<Arc<Connection>> {
        let metadata = self.metadata();
        self.existing(Place::Node(node), lane, Some(&metadata.brokers.get(&node)?.address))
    }

    async fn node_connection(&self, node: i32, lane: Lane) -> Result<Arc<Connection>> {
        let metadata = self.metadata();
        let Some(broker) = metadata.brokers.get(&node) else {
            return Err(Error::disconnected(format!("cannot connect to broker {node}"), "its address is not known"));
        };
        if let Some(connection) = self.existing(Place::Node(node), lane, Some(&broker.address)) {
            return Ok(connection);
        }
        self.wait_backoff(Place::Node(node)).await;
        let connected = connect(&self.config, &broker.address).await;
        self.settle(Place::Node(node), lane, connected)
    }

    async fn any_connection(&self, lane: Lane) -> Result<Arc<Connection>> {
        let metadata = self.metadata();
        let mut nodes: Vec<i32> = metadata.brokers.keys().copied().collect();
        nodes.shuffle(&mut rand::rng());
        let open = |node: &i32| self.existing(Place::Node(*node), lane, metadata.brokers.get(node).map(|b| &b.address));
        if let Some(connection) = nodes.iter().find_map(open).or_else(|| self.existing(Place::Bootstrap, lane, None)) {
            return Ok(connection);
        }
        // Brokers that failed last come last.
        nodes.sort_by_key(|node| self.state().failures.get(&Place::Node(*node)).map_or(0, |failures| failures.count));
        let mut last = None;
        for node in nodes {
            match self.node_connection(node, lane).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last.filter(|_| self.config.recovery == RecoveryStrategy::None) {
            return Err(error);
        }
        self.wait_backoff(Place::Bootstrap).await;
        let mut bootstrap = self.config.bootstrap.clone();
        bootstrap.shuffle(&mut rand::rng());
        let connected = connect_any(&self.config, &bootstrap).await;
        self.settle(Place::Bootstrap, lane, connected)
    }

    async fn wait_backoff(&self, place: Place) {
        let not_before = self.state().failures.get(&place).map(|failures| failures.not_before);
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before).await;
        }
    }

    /// Keeps a new connection, or counts a failure; says once that a broker cannot be reached, and once that it can again.
    fn settle(&self, place: Place, lane: Lane, connected: Result<Connection>) -> Result<Arc<Connection>> {
        let client = self.config.client_id.as_str();
        let mut state = self.state();
        match connected {
            Ok(connection) => {
                if state.failures.remove(&place).is_some() {
                    tracing::info!(client, broker = %connection.address(), "connected to the broker again");
                }
                let connection = Arc::new(connection);
                let features = connection.versions().features();
                if state.versions.as_ref().is_none_or(|known| features.is_newer_than(known.features())) {
                    state.versions = Some(Arc::clone(connection.versions()));
                }
                state.connections.insert((place, lane), Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                let count = state.failures.get(&place).map_or(0, |failures| failures.count) + 1;
                let not_before = Instant::now() + self.config.reconnect_backoff.after(count);
                state.failures.insert(place, Failures { count, not_before });
                if count == 1 {
                    tracing::warn!(client, %error, "a broker cannot be reached; trying again until it can");
                }
                Err(error)
            }
        }
    }

    /// Asks any broker for metadata once. Afterwards bootstrap connections are closed: brokers are known by id.
    pub(crate) async fn refresh(&self, wanted: &TopicsWanted, auto_create: bool) -> Result<Arc<Metadata>> {
        let connection = self.any_connection(Lane::Control).await?;
        let version = connection.version::<MetadataRequest>()?;
        let topics = match wanted {
            // Before version 1 an empty list meant all topics; no broker that is supported speaks it.
            TopicsWanted::None => Some(Vec::new()),
            TopicsWanted::All => None,
            TopicsWanted::These(topics) => Some(topics.iter().map(|topic| asked(topic)).collect()),
        };
        let mut request = MetadataRequest::default().with_topics(topics);
        if version >= 4 {
            request = request.with_allow_auto_topic_creation(auto_create);
        }
        let response = connection.call(&request, version, self.config.request_timeout).await;
        if response.as_ref().is_err_and(Error::is_retriable) {
            connection.close();
        }
        let response = response?;
        let mut state = self.state();
        let metadata = Arc::new(state.metadata.updated(wanted, &response));
        if metadata.brokers.is_empty() {
            return Err(Error::disconnected(
                connection.doing(MetadataRequest::KEY),
                "the broker knows of no brokers yet",
            ));
        }
        state.metadata = Arc::clone(&metadata);
        self.metrics.metadata_refreshed(Instant::now());
        // Keep the connection under the broker's id if it is one of the known addresses, so that no second one is opened.
        if let Some(bootstrap) = state.connections.remove(&(Place::Bootstrap, Lane::Control))
            && let Some((node, _)) = metadata.brokers.iter().find(|(_, broker)| broker.address == *bootstrap.address())
        {
            state.connections.entry((Place::Node(*node), Lane::Control)).or_insert(bootstrap);
        }
        Ok(metadata)
    }

    /// Refreshes until it works, or `deadline`.
    pub(crate) async fn refresh_until(
        &self,
        wanted: &TopicsWanted,
        auto_create: bool,
        deadline: Option<Instant>,
    ) -> Result<Arc<Metadata>> {
        let mut failures = 0;
        loop {
            let refreshed = match deadline {
                Some(deadline) => match tokio::time::timeout_at(deadline, self.refresh(wanted, auto_create)).await {
                    Ok(refreshed) => refreshed,
                    Err(_) => return Err(Error::timeout("cannot get metadata", "no broker answered in time")),
                },
                None => self.refresh(wanted, auto_create).await,
            };
            match refreshed {
                Err(error) if error.is_retriable() => {
                    failures += 1;
                    let next = Instant::now() + self.config.retry_backoff.after(failures);
                    if deadline.is_some_and(|deadline| next >= deadline) {
                        return Err(error);
                    }
                    tokio::time::sleep_until(next).await;
                }
                done => return done,
            }
        }
    }

    /// Closes a connection, if it is open.
    pub(crate) fn disconnect(&self, target: Target, lane: Lane) {
        let Target::Node(node) = target else { return };
        if let Some(connection) = self.state().connections.remove(&(Place::Node(node), lane)) {
            connection.close();
        }
    }

    /// Closes everything.
    pub(crate) fn close(&self) {
        self.state().connections.clear();
    }
}

fn asked(topic: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(topic.to_owned()))))
}
