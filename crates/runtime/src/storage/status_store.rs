//! `StatusStore`: statuses of connectors and tasks, and the topics that connectors use, in memory.
//!
//! Counterpart: `org.apache.kafka.connect.storage.MemoryStatusBackingStore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::herder::{ConnectorTaskId, State, Status, TaskStatus};

/// Statuses of one worker.
pub struct StatusStore {
    worker_id: String,
    /// Counts resets of topics, so that tasks note theirs again.
    resets: AtomicU64,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
}

#[derive(Default)]
struct Entry {
    connector: Option<Status>,
    tasks: BTreeMap<u32, Status>,
    topics: BTreeSet<Arc<str>>,
}

impl StatusStore {
    /// An empty store; `worker_id` stands in every status.
    pub fn new(worker_id: impl Into<String>) -> Self {
        StatusStore { worker_id: worker_id.into(), resets: AtomicU64::new(0), entries: Mutex::default() }
    }

    /// Id of the worker.
    pub fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// Sets a connector's status.
    pub fn put_connector(&self, connector: &str, state: State, trace: Option<String>, version: Option<String>) {
        let status = self.status(state, trace, version);
        self.lock().entry(Arc::from(connector)).or_default().connector = Some(status);
    }

    /// Sets a task's status.
    pub fn put_task(&self, id: &ConnectorTaskId, state: State, trace: Option<String>, version: Option<String>) {
        let status = self.status(state, trace, version);
        self.lock().entry(Arc::clone(&id.connector)).or_default().tasks.insert(id.task, status);
    }

    /// A connector's status.
    pub fn connector(&self, connector: &str) -> Option<Status> {
        self.lock().get(connector)?.connector.clone()
    }

    /// A task's status.
    pub fn task(&self, connector: &str, task: u32) -> Option<TaskStatus> {
        let status = self.lock().get(connector)?.tasks.get(&task)?.clone();
        Some(TaskStatus { id: task, status })
    }

    /// Statuses of a connector's tasks, by number.
    pub fn tasks(&self, connector: &str) -> Vec<TaskStatus> {
        let entries = self.lock();
        let tasks = entries.get(connector).map(|entry| entry.tasks.iter());
        tasks.into_iter().flatten().map(|(id, status)| TaskStatus { id: *id, status: status.clone() }).collect()
    }

    /// Forgets the tasks of a connector.
    pub fn remove_tasks(&self, connector: &str) {
        if let Some(entry) = self.lock().get_mut(connector) {
            entry.tasks.clear();
        }
    }

    /// Forgets a connector and its tasks. Its topics stay until they are reset, as in Java's standalone worker.
    pub fn remove(&self, connector: &str) {
        let mut entries = self.lock();
        if let Some(entry) = entries.get_mut(connector) {
            entry.connector = None;
            entry.tasks.clear();
            if entry.topics.is_empty() {
                entries.remove(connector);
            }
        }
    }

    /// Notes that a connector uses a topic.
    pub fn add_topic(&self, connector: &str, topic: &Arc<str>) {
        self.lock().entry(Arc::from(connector)).or_default().topics.insert(Arc::clone(topic));
    }

    /// Topics that a connector has used.
    pub fn topics(&self, connector: &str) -> Vec<String> {
        let entries = self.lock();
        let topics = entries.get(connector).map(|entry| entry.topics.iter());
        topics.into_iter().flatten().map(|topic| topic.to_string()).collect()
    }

    /// Forgets the topics of a connector; running tasks note theirs again.
    pub fn reset_topics(&self, connector: &str) {
        if let Some(entry) = self.lock().get_mut(connector) {
            entry.topics.clear();
        }
        self.resets.fetch_add(1, Ordering::Release);
    }

    /// How often topics were reset: a task that sees another number than before notes its topics again.
    pub fn topic_resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
    }

    fn status(&self, state: State, trace: Option<String>, version: Option<String>) -> Status {
        Status { state, worker_id: self.worker_id.clone(), trace, version }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
