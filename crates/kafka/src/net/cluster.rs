//! All of one client's connections, and its view of the cluster.
//!
//! Counterpart: org.apache.kafka.clients.ClusterConnectionStates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiKey, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use rand::seq::SliceRandom;
use tokio::time::Instant;

use super::address::Address;
use super::connect::{Dialer, first_of};
use super::connection::Connection;
use super::metadata::{Endpoint, Metadata, NewLeader, TopicsWanted};
use super::resolve::canonical;
use super::versions::Versions;
use crate::config::{ClientConfig, RecoveryStrategy};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::metrics::{ClientKind, ClientMetrics};

/// Topics are remembered for so long at least; the default of `metadata.max.idle.ms`.
const LEAST_TOPIC_MEMORY: Duration = Duration::from_secs(5 * 60);

/// What a connection is for. A broker answers one request per connection at a time, so what may wait there has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Short questions.
    Control,
    /// Changes of the cluster that an admin asks for.
    Admin,
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
    /// Held by whoever opens a connection, so that it is opened once and requests keep their order.
    opening: HashMap<(Place, Lane), Arc<tokio::sync::Mutex<()>>>,
    /// How long metadata has been wanted in vain.
    wanting: Wanting,
    /// The known brokers are of no use: the next question goes to a bootstrap server.
    rebootstrap: bool,
}

/// Failed attempts in a row, and when the next may be made.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    not_before: Instant,
}

/// Metadata that is wanted and could not be had yet (KIP-1102). Only an unbroken row of attempts counts: Java's clients, which never rest, ask on
/// by themselves; this one asks when somebody wants to know.
#[derive(Default)]
struct Wanting {
    since: Option<Instant>,
    /// Attempts that are under way.
    running: u32,
    /// When the last one ended.
    ended: Option<Instant>,
}

impl Wanting {
    /// Ends the row if the last attempt is longer ago than `pause`.
    fn look(&mut self, now: Instant, pause: Duration) {
        let rested = self.ended.is_none_or(|ended| now.saturating_duration_since(ended) > pause);
        if self.running == 0 && rested {
            self.since = None;
        }
    }

    /// An attempt begins, maybe a new row.
    fn begun(&mut self, now: Instant, pause: Duration) {
        self.look(now, pause);
        self.since.get_or_insert(now);
        self.running += 1;
    }

    fn ended(&mut self, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.ended = Some(now);
    }

    /// Whether it has been in vain for so long, which is told once; then the time begins anew.
    fn is_over(&mut self, now: Instant, pause: Duration, limit: Duration) -> bool {
        self.look(now, pause);
        let over = self.since.is_some_and(|since| now.saturating_duration_since(since) >= limit);
        if over {
            self.since = Some(now);
        }
        over
    }
}

/// An attempt to get metadata, which ends however it ends.
struct Attempt<'a>(&'a Cluster);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.state().wanting.ended(Instant::now());
    }
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

    /// Asks `target` and waits for the answer, `request.timeout.ms` and `extra` at most, the time to connect included.
    ///
    /// A question that met a connection just closed because it was idle is asked again at once on a new one.
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
        let timeout = self.config.request_timeout.saturating_add(extra);
        let deadline = Instant::now() + timeout;
        let known = self.find(target, lane);
        let reused = known.is_some();
        let connection = self.connection_until(known, target, lane, deadline, R::KEY).await?;
        let version = connection.version::<R>()?;
        let request = build(version);
        let asked_at = Instant::now();
        let left = deadline.saturating_duration_since(asked_at);
        // Java's admin counts the time that a quota takes in the call's own time only, which its caller keeps.
        let answer = match self.config.kind {
            ClientKind::Admin => connection.call_patiently(&request, version, left).await,
            ClientKind::Consumer | ClientKind::Producer => connection.call(&request, version, left).await,
        };
        let Err(Error::Disconnected { .. }) = &answer else { return answer };
        if !reused || !can_be_repeated(R::KEY) {
            return answer;
        }
        let connection = self.connection_until(None, target, lane, deadline, R::KEY).await?;
        // The same broker, or one of the same release.
        if connection.version::<R>()? != version {
            return answer;
        }
        connection.call(&request, version, deadline.saturating_duration_since(Instant::now())).await
    }

    /// `known`, or a new connection by the deadline.
    async fn connection_until(
        &self,
        known: Option<Arc<Connection>>,
        target: Target,
        lane: Lane,
        deadline: Instant,
        key: i16,
    ) -> Result<Arc<Connection>> {
        if let Some(known) = known {
            return Ok(known);
        }
        // Boxed: opening is rare and its state large.
        match tokio::time::timeout_at(deadline, Box::pin(self.connection(target, lane))).await {
            Ok(connected) => connected,
            Err(_) => {
                let name = ApiKey::try_from(key).map_or_else(|()| key.to_string(), |key| format!("{key:?}"));
                let whom = match target {
                    Target::Any => "any broker".to_owned(),
                    Target::Node(node) => format!("broker {node}"),
                };
                Err(Error::timeout(format!("{name} request to {whom}"), "no connection within request.timeout.ms"))
            }
        }
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
            Target::Node(node) => {
                // A broker that cannot be reached may have another address by now.
                if self.failures(Place::Node(node)) > 0
                    && self.open_connection(node, lane).is_none()
                    && let Err(error) = Box::pin(self.refresh(&TopicsWanted::None, false)).await
                    && !error.is_retriable()
                {
                    return Err(error);
                }
                self.node_connection(node, lane).await
            }
            Target::Any => self.any_connection(lane).await.map(|(_, connection)| connection),
        }
    }

    fn find(&self, target: Target, lane: Lane) -> Option<Arc<Connection>> {
        match target {
            Target::Node(node) => self.open_connection(node, lane),
            Target::Any => self.find_any(lane).map(|(_, connection)| connection),
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
        let place = Place::Node(node);
        let gate = self.gate(place, lane);
        let turn = gate.lock().await;
        // What was known before the wait may be old.
        let metadata = self.metadata();
        let Some(broker) = metadata.brokers.get(&node) else {
            return Err(Error::disconnected(format!("cannot connect to broker {node}"), "its address is not known"));
        };
        if let Some(connection) = self.existing(place, lane, Some(&broker.address)) {
            return Ok(connection);
        }
        self.wait_backoff(place).await;
        let connected = self.dialer().connect(node, &broker.address, self.failures(place)).await;
        let settled = self.settle(place, lane, connected);
        drop(turn);
        self.close_gate(place, lane, gate);
        settled
    }

    /// Who holds it opens the connection; others wait for that.
    fn gate(&self, place: Place, lane: Lane) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.state().opening.entry((place, lane)).or_default())
    }

    /// Forgets the gate if nobody else waits at it.
    fn close_gate(&self, place: Place, lane: Lane, gate: Arc<tokio::sync::Mutex<()>>) {
        let mut state = self.state();
        // The one in the map and this one.
        if Arc::strong_count(&gate) <= 2 {
            state.opening.remove(&(place, lane));
        }
    }

    fn dialer(&self) -> Dialer<'_> {
        Dialer { config: &self.config, metrics: &self.metrics }
    }

    fn failures(&self, place: Place) -> u32 {
        self.state().failures.get(&place).map_or(0, |failures| failures.count)
    }

    /// An open connection to any broker that takes requests now: the one that was used, if there are several, stays the one.
    fn find_any(&self, lane: Lane) -> Option<(Place, Arc<Connection>)> {
        let taking = |(_, connection): &(Place, Arc<Connection>)| connection.muted_until().is_none();
        self.open_connections(lane).into_iter().find(taking)
    }

    /// The open connection that waits least for its broker's silence to end.
    fn find_silent(&self, lane: Lane) -> Option<(Place, Arc<Connection>)> {
        self.open_connections(lane).into_iter().min_by_key(|(_, connection)| connection.muted_until())
    }

    /// All that are of use now.
    fn open_connections(&self, lane: Lane) -> Vec<(Place, Arc<Connection>)> {
        let metadata = self.metadata();
        let mut nodes: Vec<i32> = match self.state().rebootstrap {
            true => Vec::new(),
            false => metadata.brokers.keys().copied().collect(),
        };
        nodes.sort_unstable();
        let open = |node: i32| {
            let address = metadata.brokers.get(&node).map(|broker| &broker.address);
            Some((Place::Node(node), self.existing(Place::Node(node), lane, address)?))
        };
        let bootstrap = self.existing(Place::Bootstrap, lane, None).map(|open| (Place::Bootstrap, open));
        nodes.into_iter().filter_map(open).chain(bootstrap).collect()
    }

    async fn any_connection(&self, lane: Lane) -> Result<(Place, Arc<Connection>)> {
        let can_rebootstrap = self.config.recovery == RecoveryStrategy::Rebootstrap;
        if !self.must_rebootstrap() {
            if let Some(found) = self.find_any(lane) {
                return Ok(found);
            }
            // All that are open want silence. Another broker is better than to wait, and to wait is better than to start anew.
            let silent = self.find_silent(lane);
            let now = Instant::now();
            let mut nodes: Vec<i32> = self.metadata().brokers.keys().copied().collect();
            nodes.shuffle(&mut rand::rng());
            let known = !nodes.is_empty();
            if can_rebootstrap {
                // Those that have just failed are tried by name again when no other is left.
                let resting = |node: &i32| {
                    let state = self.state();
                    state.failures.get(&Place::Node(*node)).is_some_and(|failures| failures.not_before > now)
                };
                nodes.retain(|node| !resting(node));
            } else {
                nodes.sort_by_key(|node| self.failures(Place::Node(*node)));
            }
            nodes.retain(|node| self.open_connection(*node, lane).is_none());
            let attempts = nodes
                .into_iter()
                .map(|node| async move { Ok((Place::Node(node), self.node_connection(node, lane).await?)) }.boxed());
            let connecting = first_of(attempts);
            // Those that cannot be reached take no longer than the silence.
            let connected = match silent.as_ref().and_then(|(_, connection)| connection.muted_until()) {
                Some(until) => tokio::time::timeout_at(until, connecting).await,
                None => Ok(connecting.await),
            };
            match (connected, silent) {
                (Ok(Ok(found)), _) => return Ok(found),
                // It has let this client in, whatever another broker thinks.
                (_, Some(silent)) => return Ok(silent),
                (Ok(Err(error)), _) if error.is_authentication() => return Err(error),
                (Ok(Err(error)), None) if known && !can_rebootstrap => return Err(error),
                _ => {}
            }
        }
        self.bootstrap_connection(lane).await
    }

    /// Between two attempts in a row: failing callers ask again after the backoff, and may have to wait for another request first.
    fn longest_pause(&self) -> Duration {
        self.config.request_timeout.saturating_add(self.config.retry_backoff.most.saturating_mul(2))
    }

    /// Whether the known brokers are to be given up (KIP-899, KIP-1102).
    fn must_rebootstrap(&self) -> bool {
        if self.config.recovery != RecoveryStrategy::Rebootstrap {
            return false;
        }
        let mut state = self.state();
        let over = state.wanting.is_over(Instant::now(), self.longest_pause(), self.config.rebootstrap_after);
        // One that is open did not help either.
        let left = if over { state.connections.remove(&(Place::Bootstrap, Lane::Control)) } else { None };
        state.rebootstrap |= over;
        let must = state.rebootstrap;
        drop(state);
        drop(left);
        must
    }

    async fn bootstrap_connection(&self, lane: Lane) -> Result<(Place, Arc<Connection>)> {
        let place = Place::Bootstrap;
        let gate = self.gate(place, lane);
        let turn = gate.lock().await;
        if let Some(connection) = self.existing(place, lane, None) {
            return Ok((place, connection));
        }
        self.wait_backoff(place).await;
        let mut servers: Vec<(i32, Address)> =
            (1..).zip(&self.config.bootstrap).map(|(id, address)| (-id, address.clone())).collect();
        servers.shuffle(&mut rand::rng());
        let failures = self.failures(place);
        let attempts = servers.into_iter().map(|(id, address)| self.bootstrap_attempt(id, address, failures).boxed());
        let connected = first_of(attempts).await;
        let settled = self.settle(place, lane, connected);
        drop(turn);
        self.close_gate(place, lane, gate);
        settled.map(|connection| (place, connection))
    }

    async fn bootstrap_attempt(&self, id: i32, address: Address, failures: u32) -> Result<Connection> {
        if !self.config.canonical_bootstrap {
            return self.dialer().connect(id, &address, failures).await;
        }
        let names = canonical(&address).await;
        if names.is_empty() {
            let doing = format!("cannot connect to broker {address}");
            return Err(Error::disconnected(doing, "its host name cannot be resolved (client.dns.lookup)"));
        }
        let attempts =
            names.into_iter().map(|name| async move { self.dialer().connect(id, &name, failures).await }.boxed());
        first_of(attempts).await
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
                state.connections.retain(|_, other| !other.is_closed());
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
        let pause = self.longest_pause();
        self.state().wanting.begun(Instant::now(), pause);
        let _attempt = Attempt(self);
        let refreshed = self.refresh_once(wanted, auto_create).await;
        match refreshed {
            // Told to start from the bootstrap servers, which is what the next attempt does.
            Err(Error::Disconnected { .. }) if self.state().rebootstrap => self.refresh_once(wanted, auto_create).await,
            refreshed => refreshed,
        }
    }

    async fn refresh_once(&self, wanted: &TopicsWanted, auto_create: bool) -> Result<Arc<Metadata>> {
        let deadline = Instant::now() + self.config.request_timeout;
        for last_try in [false, true] {
            // Also a broker that takes connections and never answers is given up.
            self.must_rebootstrap();
            let known = self.find_any(Lane::Control);
            let reused = known.is_some();
            let connecting = Box::pin(self.any_connection(Lane::Control));
            let (place, connection) = match known {
                Some(known) => known,
                None => match tokio::time::timeout_at(deadline, connecting).await {
                    Ok(connected) => connected?,
                    Err(_) => {
                        return Err(Error::timeout("cannot get metadata", "no connection within request.timeout.ms"));
                    }
                },
            };
            let version = connection.version::<MetadataRequest>()?;
            let request = metadata_request(wanted, auto_create, version);
            let left = deadline.saturating_duration_since(Instant::now());
            match connection.call(&request, version, left).await {
                Ok(response) => return self.learn(wanted, place, &connection, &response),
                Err(error) => {
                    // What was not sent for a quota says nothing of the connection.
                    if error.is_retriable() && connection.muted_until().is_none() {
                        connection.close();
                    }
                    // It may just have been closed because it was idle.
                    if last_try || !reused || !matches!(error, Error::Disconnected { .. }) {
                        return Err(error);
                    }
                }
            }
        }
        Err(Error::disconnected("cannot get metadata", "the connection was closed"))
    }

    /// Takes an answer's own error; one that wants the client to start from its bootstrap servers again (KIP-1102) makes it do so.
    pub(crate) fn heed(&self, response: &MetadataResponse) -> Result<()> {
        let doing = "cannot get metadata";
        match ErrorCode::from_wire(response.error_code) {
            None => Ok(()),
            Some(ErrorCode::REBOOTSTRAP_REQUIRED) if self.config.recovery == RecoveryStrategy::Rebootstrap => {
                let mut state = self.state();
                state.rebootstrap = true;
                let left = state.connections.remove(&(Place::Bootstrap, Lane::Control));
                drop(state);
                drop(left);
                Err(Error::disconnected(
                    doing,
                    "the broker wants its clients to start from the bootstrap servers again",
                ))
            }
            Some(code) => Err(Error::broker(doing, code, None)),
        }
    }

    fn learn(
        &self,
        wanted: &TopicsWanted,
        place: Place,
        connection: &Connection,
        response: &MetadataResponse,
    ) -> Result<Arc<Metadata>> {
        if let Err(error) = self.heed(response) {
            connection.close();
            return Err(error);
        }
        let mut state = self.state();
        let metadata = match place {
            // From a bootstrap server, though brokers were known: what it says counts, even if it seems older.
            Place::Bootstrap => state.metadata.without_leaders().updated(wanted, response),
            Place::Node(_) => state.metadata.updated(wanted, response),
        };
        if metadata.brokers.is_empty() {
            return Err(Error::disconnected(
                connection.doing(MetadataRequest::KEY),
                "the broker knows of no brokers yet",
            ));
        }
        let metadata = Arc::new(metadata.without_unwanted(Instant::now(), self.topic_memory()));
        state.metadata = Arc::clone(&metadata);
        state.wanting.since = None;
        state.rebootstrap = false;
        self.metrics.metadata_refreshed(Instant::now());
        // Keep the connection under the broker's id if it is one of the known addresses, so that no second one is opened.
        if let Some(bootstrap) = state.connections.remove(&(Place::Bootstrap, Lane::Control))
            && let Some((node, _)) = metadata.brokers.iter().find(|(_, broker)| broker.address == *bootstrap.address())
        {
            state.connections.entry((Place::Node(*node), Lane::Control)).or_insert(bootstrap);
        }
        // Brokers that are gone need no memory.
        let stays = |place: &Place| match place {
            Place::Bootstrap => true,
            Place::Node(node) => metadata.brokers.contains_key(node),
        };
        state.connections.retain(|(place, _), _| stays(place));
        state.failures.retain(|place, _| stays(place));
        state.opening.retain(|_, gate| Arc::strong_count(gate) > 1);
        Ok(metadata)
    }

    /// For how long a topic is remembered that nobody asks for: topics in use are asked for within each `metadata.max.age.ms`.
    fn topic_memory(&self) -> Duration {
        self.config.metadata_max_age.saturating_mul(2).max(LEAST_TOPIC_MEMORY)
    }

    /// Refreshes until it works, or `deadline`.
    pub(crate) async fn refresh_until(
        &self,
        wanted: &TopicsWanted,
        auto_create: bool,
        deadline: Option<Instant>,
    ) -> Result<Arc<Metadata>> {
        let mut failures = 0;
        let mut last: Option<Error> = None;
        loop {
            let refreshed = match deadline {
                Some(deadline) => match tokio::time::timeout_at(deadline, self.refresh(wanted, auto_create)).await {
                    Ok(refreshed) => refreshed,
                    Err(_) => {
                        let reason = match last {
                            Some(last) => format!("no broker answered in time; at last: {last}"),
                            None => "no broker answered in time".to_owned(),
                        };
                        return Err(Error::timeout("cannot get metadata", reason));
                    }
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
                    last = Some(error);
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

fn metadata_request(wanted: &TopicsWanted, auto_create: bool, version: i16) -> MetadataRequest {
    let topics = match wanted {
        // Before version 1 an empty list meant all topics; no broker that is supported speaks it.
        TopicsWanted::None => Some(Vec::new()),
        TopicsWanted::All => None,
        TopicsWanted::These(topics) => Some(topics.iter().map(|topic| asked(topic)).collect()),
    };
    let request = MetadataRequest::default().with_topics(topics);
    if version >= 4 { request.with_allow_auto_topic_creation(auto_create) } else { request }
}

/// Whether a request that may have been carried out can be sent once more without harm.
fn can_be_repeated(key: i16) -> bool {
    use ApiKey::*;
    let Ok(key) = ApiKey::try_from(key) else { return false };
    matches!(
        key,
        ApiVersions
            | ConsumerGroupDescribe
            | DescribeAcls
            | DescribeCluster
            | DescribeConfigs
            | DescribeGroups
            | DescribeLogDirs
            | DescribeProducers
            | DescribeTopicPartitions
            | DescribeTransactions
            | FindCoordinator
            | Heartbeat
            | ListGroups
            | ListOffsets
            | ListTransactions
            | Metadata
            | OffsetFetch
            | OffsetForLeaderEpoch
    )
}

fn asked(topic: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(topic.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_an_unbroken_row_of_attempts_makes_a_client_give_up_its_brokers() {
        let (start, mut wanting) = (Instant::now(), Wanting::default());
        let at = |seconds: u32| start + SECOND * seconds;
        for seconds in [0, 10, 20] {
            wanting.begun(at(seconds), SECOND * 30);
            assert!(!wanting.is_over(at(seconds + 8), SECOND * 30, SECOND * 30), "{seconds}");
            wanting.ended(at(seconds + 9));
        }
        assert!(!wanting.is_over(at(290), SECOND * 30, SECOND * 30), "other questions are no attempts");
        // Given up at 29, asked again after a long rest: that is no row, whatever was long ago.
        wanting.begun(at(300), SECOND * 30);
        assert!(!wanting.is_over(at(329), SECOND * 30, SECOND * 30));
        // Another one meanwhile, and one that hangs: the row goes on.
        wanting.begun(at(329), SECOND * 30);
        wanting.ended(at(329));
        assert!(wanting.is_over(at(330), SECOND * 30, SECOND * 30));
        assert!(!wanting.is_over(at(331), SECOND * 30, SECOND * 30), "told once");
        assert!(wanting.is_over(at(360), SECOND * 30, SECOND * 30), "and again when that did not help");
    }
}
