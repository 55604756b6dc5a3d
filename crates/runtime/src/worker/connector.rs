//! `WorkerConnector`: one connector instance and its life.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.WorkerConnector`. An actor owns the plug-in. Each call runs on a thread of its own, so
//! that one that blocks holds up nothing but this connector; when the time to stop is over, the instance is abandoned with its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use milena_api::config::{ConfigInput, ConfigMap, ConfigValue};
use milena_api::connector::{ConnectorContext, ConnectorHost, OffsetChanges, TaskConfigs};
use milena_api::error::{Error, Result};
use milena_api::metrics::PluginMetrics;
use milena_api::sink::SinkOffsetChanges;
use milena_api::sink::erased::DynSinkConnector;
use milena_api::source::OffsetReader;
use milena_api::source::erased::DynSourceConnector;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::Transformed;
use crate::herder::{State, TargetState};
use crate::logging::LogContext;
use crate::storage::StatusStore;
use crate::tasks::{CallError, Handle, Kind, Spawner};

/// Time for a connector to stop; then it is abandoned.
const GRACEFUL_STOP: Duration = Duration::from_secs(5);

/// A connector of either kind.
pub enum AnyConnector {
    /// Reads from elsewhere.
    Source(Box<dyn DynSourceConnector>),
    /// Writes elsewhere.
    Sink(Box<dyn DynSinkConnector>),
}

macro_rules! either {
    ($self:ident, $connector:ident => $call:expr) => {
        match $self {
            AnyConnector::Source($connector) => $call,
            AnyConnector::Sink($connector) => $call,
        }
    };
}

impl AnyConnector {
    /// True for a sink.
    pub fn is_sink(&self) -> bool {
        matches!(self, AnyConnector::Sink(_))
    }

    /// As the trait's method.
    ///
    /// # Errors
    /// The plug-in's.
    pub fn version(&self) -> Result<String> {
        either!(self, connector => connector.version())
    }

    /// As the trait's method.
    ///
    /// # Errors
    /// The plug-in's.
    pub fn config(&self) -> Result<milena_api::config::ConfigDef> {
        either!(self, connector => connector.config())
    }

    /// As the trait's method.
    pub fn validate<'a>(&'a self, config: &'a ConfigInput) -> BoxFuture<'a, Result<Vec<ConfigValue>>> {
        either!(self, connector => connector.validate(config))
    }

    fn initialize(&mut self, context: ConnectorContext) -> BoxFuture<'_, Result<()>> {
        either!(self, connector => connector.initialize(context))
    }

    fn start(&mut self, config: ConfigMap) -> BoxFuture<'_, Result<()>> {
        either!(self, connector => connector.start(config))
    }

    fn stop(&mut self) -> BoxFuture<'_, Result<()>> {
        either!(self, connector => connector.stop())
    }

    fn task_class(&self) -> Result<String> {
        either!(self, connector => connector.task_class())
    }

    fn task_configs(&mut self, max_tasks: usize) -> BoxFuture<'_, Result<TaskConfigs>> {
        either!(self, connector => connector.task_configs(max_tasks))
    }
}

/// Offsets that users want changed.
pub enum AnyOffsetChanges {
    /// Of a source.
    Source(OffsetChanges),
    /// Of a sink.
    Sink(SinkOffsetChanges),
}

/// Asks a connector's own instance, or one made for the purpose, to take note of changed offsets.
///
/// # Errors
/// The plug-in's.
pub async fn alter_offsets(
    connector: &mut AnyConnector,
    config: &ConfigMap,
    changes: &AnyOffsetChanges,
) -> Result<bool> {
    match (connector, changes) {
        (AnyConnector::Source(connector), AnyOffsetChanges::Source(changes)) => {
            connector.alter_offsets(config, changes).await
        }
        (AnyConnector::Sink(connector), AnyOffsetChanges::Sink(changes)) => {
            connector.alter_offsets(config, changes).await
        }
        _ => Err(Error::fatal("offsets of one kind of connector were given to the other")),
    }
}

/// What a connector is started with.
pub struct ConnectorStart {
    /// Name.
    pub name: Arc<str>,
    /// The plug-in.
    pub connector: AnyConnector,
    /// Version for statuses.
    pub version: Option<String>,
    /// Configuration with references resolved.
    pub config: Arc<Transformed>,
    /// Stored offsets, for a source.
    pub offsets: Option<OffsetReader>,
    /// Statuses.
    pub statuses: Arc<StatusStore>,
    /// Called when the connector wants its tasks configured anew.
    pub reconfigure: Arc<dyn Fn() + Send + Sync>,
}

type Reply<T> = oneshot::Sender<Result<T>>;

enum Command {
    Transition(TargetState, Reply<TargetState>),
    TaskConfigs(usize, Reply<(String, TaskConfigs)>),
    Raised(Error),
    Shutdown,
}

/// Handle on a running connector.
pub struct WorkerConnector {
    name: Arc<str>,
    sink: bool,
    commands: mpsc::UnboundedSender<Command>,
    abandoned: CancellationToken,
    running: Arc<AtomicBool>,
    actor: Handle<()>,
    host: Arc<Host>,
    statuses: Arc<StatusStore>,
    version: Option<String>,
}

impl WorkerConnector {
    /// Starts the actor; the plug-in is initialised before its first transition.
    pub fn spawn(start: ConnectorStart, spawner: &Spawner) -> Self {
        // Unbounded: commands come from the herder, which waits for most of them.
        let (commands, inbox) = mpsc::unbounded_channel();
        let abandoned = CancellationToken::new();
        let running = Arc::new(AtomicBool::new(false));
        let (name, sink) = (Arc::clone(&start.name), start.connector.is_sink());
        let (statuses, version) = (Arc::clone(&start.statuses), start.version.clone());
        let host = Arc::new(Host {
            name: Arc::clone(&name),
            offsets: start.offsets.clone(),
            reconfigure: Arc::clone(&start.reconfigure),
            commands: commands.downgrade(),
            closed: AtomicBool::new(false),
        });
        let log = LogContext::connector(&name);
        let actor = Actor {
            connector: Some(start.connector),
            name: start.name,
            config: start.config.to_map(),
            secrets: start.config,
            statuses: start.statuses,
            version: start.version,
            host: Arc::clone(&host),
            initialized: false,
            started: false,
            state: None,
            failed: false,
            running: Arc::clone(&running),
            abandoned: abandoned.clone(),
            spawner: spawner.clone(),
            log: log.clone(),
        };
        let actor = spawner.spawn(Kind::Control, &log, actor.run(inbox));
        WorkerConnector { name, sink, commands, abandoned, running, actor, host, statuses, version }
    }

    /// True for a sink.
    pub fn is_sink(&self) -> bool {
        self.sink
    }

    /// True if it is started.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Asks for a state; resolves when it is reached.
    pub fn transition(&self, state: TargetState) -> oneshot::Receiver<Result<TargetState>> {
        let (reply, answer) = oneshot::channel();
        // A closed mailbox drops the reply, which the receiver sees.
        _ = self.commands.send(Command::Transition(state, reply));
        answer
    }

    /// Class of the tasks and configurations for at most `max_tasks` of them.
    pub fn task_configs(&self, max_tasks: usize) -> oneshot::Receiver<Result<(String, TaskConfigs)>> {
        let (reply, answer) = oneshot::channel();
        _ = self.commands.send(Command::TaskConfigs(max_tasks, reply));
        answer
    }

    /// Stops the instance, in 5 s at most; then it is abandoned and says no more.
    pub async fn shutdown(mut self) {
        // From here on it asks for no other tasks, also where it hangs in a call.
        self.host.closed.store(true, Ordering::Release);
        _ = self.commands.send(Command::Shutdown);
        if self.actor.join_within(GRACEFUL_STOP).await.is_none() {
            tracing::error!(connector = %self.name, "the connector did not stop in time and is left to itself");
            self.abandoned.cancel();
            self.statuses.put_connector(&self.name, State::Unassigned, None, self.version.clone());
        }
    }
}

struct Actor {
    /// Away while a call runs.
    connector: Option<AnyConnector>,
    name: Arc<str>,
    config: ConfigMap,
    /// What config providers gave, to be kept out of traces and answers (invariant 8).
    secrets: Arc<Transformed>,
    statuses: Arc<StatusStore>,
    version: Option<String>,
    host: Arc<Host>,
    initialized: bool,
    started: bool,
    state: Option<TargetState>,
    failed: bool,
    running: Arc<AtomicBool>,
    abandoned: CancellationToken,
    spawner: Spawner,
    log: LogContext,
}

impl Actor {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let mut waiting: Option<Command> = None;
        loop {
            let command = match waiting.take() {
                Some(command) => command,
                None => tokio::select! {
                    command = inbox.recv() => match command {
                        Some(command) => command,
                        None => break,
                    },
                    () = self.abandoned.cancelled() => return,
                },
            };
            match command {
                Command::Transition(state, reply) => {
                    // Only the latest of several pending transitions counts.
                    if let Ok(next) = inbox.try_recv() {
                        if let Command::Transition(newer, _) = &next {
                            _ = reply.send(Err(preempted(state, *newer)));
                        } else if !matches!(next, Command::Shutdown) {
                            let result = self.transition(state).await;
                            _ = reply.send(result);
                        }
                        waiting = Some(next);
                        continue;
                    }
                    let result = self.transition(state).await;
                    _ = reply.send(result);
                }
                Command::TaskConfigs(max_tasks, reply) => {
                    let result = self
                        .call(move |connector, runtime| {
                            let class = connector.task_class()?;
                            Ok((class, runtime.block_on(connector.task_configs(max_tasks))?))
                        })
                        .await;
                    _ = reply.send(result);
                }
                Command::Raised(error) => {
                    let error = self.secrets.mask_error(error);
                    self.fail(&error);
                }
                Command::Shutdown => break,
            }
            if self.abandoned.is_cancelled() {
                return;
            }
        }
        self.shut_down().await;
    }

    async fn shut_down(&mut self) {
        self.set_running(false);
        if std::mem::take(&mut self.started) {
            let stopped = self.call(|connector, runtime| runtime.block_on(connector.stop())).await;
            if let Err(error) = stopped {
                self.fail(&error);
                return;
            }
        }
        self.put(State::Unassigned, None);
    }

    async fn transition(&mut self, target: TargetState) -> Result<TargetState> {
        if self.failed && target != TargetState::Stopped {
            let name = match target {
                TargetState::Started => "STARTED",
                TargetState::Paused => "PAUSED",
                TargetState::Stopped => "STOPPED",
            };
            return Err(Error::fatal(format!(
                "{} Cannot transition connector to {name} since it has failed",
                self.name
            )));
        }
        if self.state == Some(target) && !self.failed {
            return Ok(target);
        }
        match self.change(target).await {
            Ok(()) => {
                self.state = Some(target);
                self.failed = false;
                self.put(
                    match target {
                        TargetState::Started => State::Running,
                        TargetState::Paused => State::Paused,
                        TargetState::Stopped => State::Stopped,
                    },
                    None,
                );
                Ok(target)
            }
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
        }
    }

    async fn change(&mut self, target: TargetState) -> Result<()> {
        if !self.initialized {
            let context = ConnectorContext::new(Arc::clone(&self.host) as _);
            self.call(move |connector, runtime| runtime.block_on(connector.initialize(context))).await?;
            self.initialized = true;
        }
        match target {
            TargetState::Started if !self.started => {
                let config = self.config.clone();
                self.call(move |connector, runtime| runtime.block_on(connector.start(config))).await?;
                self.started = true;
                self.set_running(true);
                Ok(())
            }
            TargetState::Started => Ok(()),
            TargetState::Paused | TargetState::Stopped => {
                self.set_running(false);
                if !std::mem::take(&mut self.started) {
                    return Ok(());
                }
                let stopped = self.call(|connector, runtime| runtime.block_on(connector.stop())).await;
                match stopped {
                    Err(error) if target == TargetState::Stopped => {
                        tracing::warn!(%error, "the connector failed to stop; it counts as stopped all the same");
                        Ok(())
                    }
                    stopped => stopped,
                }
            }
        }
    }

    /// Lends the connector to a thread for one call.
    async fn call<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&mut AnyConnector, &tokio::runtime::Handle) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(mut connector) = self.connector.take() else {
            return Err(Error::fatal(format!("connector {} is not available any more", self.name)));
        };
        let running = self.spawner.call(&self.log, None, move |runtime| {
            let result = call(&mut connector, runtime);
            (connector, result)
        });
        let called = tokio::select! {
            called = running => called,
            () = self.abandoned.cancelled() => return Err(Error::fatal("the connector was abandoned")),
        };
        match called {
            Ok((connector, result)) => {
                self.connector = Some(connector);
                result.map_err(|error| self.secrets.mask_error(error))
            }
            Err(CallError::Panicked(text)) => Err(Error::fatal(format!("the connector panicked: {text}"))),
            Err(CallError::TimedOut) => Err(Error::fatal("the connector did not answer")),
        }
    }

    fn fail(&mut self, error: &Error) {
        self.failed = true;
        self.set_running(false);
        tracing::error!(
            target: "org.apache.kafka.connect.runtime.WorkerConnector",
            "connector {} failed\n{}", self.name, error.trace().trim_end()
        );
        self.put(State::Failed, Some(error.trace()));
    }

    fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Release);
    }

    fn put(&self, state: State, trace: Option<String>) {
        if !self.abandoned.is_cancelled() {
            self.statuses.put_connector(&self.name, state, trace, self.version.clone());
        }
    }
}

fn preempted(state: TargetState, newer: TargetState) -> Error {
    let name = |state| match state {
        TargetState::Started => "STARTED",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    };
    Error::fatal(format!(
        "Could not begin changing connector state to {} before another request to change state was made; \
         the new request (which is to change the state to {}) has pre-empted this one",
        name(state),
        name(newer)
    ))
}

/// The worker's side of a connector's context.
struct Host {
    name: Arc<str>,
    offsets: Option<OffsetReader>,
    reconfigure: Arc<dyn Fn() + Send + Sync>,
    commands: mpsc::WeakUnboundedSender<Command>,
    closed: AtomicBool,
}

impl ConnectorHost for Host {
    fn name(&self) -> &str {
        &self.name
    }

    fn request_task_reconfiguration(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::fatal(
                "The request for task reconfiguration has been rejected because this instance of the connector has already been shut down.",
            ));
        }
        (self.reconfigure)();
        Ok(())
    }

    fn raise_error(&self, error: Error) {
        if let Some(commands) = self.commands.upgrade() {
            _ = commands.send(Command::Raised(error));
        }
    }

    fn offset_reader(&self) -> Option<OffsetReader> {
        self.offsets.clone()
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::discard()
    }
}
