//! `MemoryConfigStore`: configurations of a standalone worker; they live as long as it does.
//!
//! Counterpart: `org.apache.kafka.connect.storage.MemoryConfigBackingStore`. The herder that owns the store is the only writer, so
//! what Java does in callbacks it does itself after each change.

use std::collections::BTreeMap;

use milena_api::config::ConfigMap;

use crate::herder::{ConnectorTaskId, TargetState};

/// What is configured of one connector.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigSnapshot {
    /// Configuration, references to config providers unresolved.
    pub config: ConfigMap,
    /// What the connector is to do.
    pub target_state: TargetState,
    /// Configurations of its tasks, unresolved.
    pub tasks: Vec<ConfigMap>,
    /// The connector's configuration, resolved, when the tasks' were made.
    pub applied: Option<ConfigMap>,
}

/// All connectors, by name.
#[derive(Default)]
pub struct MemoryConfigStore(BTreeMap<String, ConfigSnapshot>);

impl MemoryConfigStore {
    /// Names, sorted.
    pub fn connectors(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// True if the connector is configured.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A connector.
    pub fn get(&self, name: &str) -> Option<&ConfigSnapshot> {
        self.0.get(name)
    }

    /// Sets a connector's configuration; without a target state it keeps its own, a new one is to run.
    pub fn put(&mut self, name: &str, config: ConfigMap, target_state: Option<TargetState>) {
        match self.0.get_mut(name) {
            Some(known) => {
                known.config = config;
                known.target_state = target_state.unwrap_or(known.target_state);
            }
            None => {
                let target_state = target_state.unwrap_or(TargetState::Started);
                let new = ConfigSnapshot { config, target_state, tasks: Vec::new(), applied: None };
                self.0.insert(name.to_owned(), new);
            }
        }
    }

    /// Sets the configurations of a connector's tasks.
    pub fn put_tasks(&mut self, name: &str, tasks: Vec<ConfigMap>, applied: ConfigMap) {
        if let Some(known) = self.0.get_mut(name) {
            known.tasks = tasks;
            known.applied = Some(applied);
        }
    }

    /// Removes the configurations of a connector's tasks; gives the tasks there were.
    pub fn remove_tasks(&mut self, name: &str) -> Vec<ConnectorTaskId> {
        let ids = self.task_ids(name);
        if let Some(known) = self.0.get_mut(name) {
            known.tasks.clear();
        }
        ids
    }

    /// Tasks of a connector.
    pub fn task_ids(&self, name: &str) -> Vec<ConnectorTaskId> {
        let count = self.0.get(name).map_or(0, |known| known.tasks.len());
        (0..count).map(|task| ConnectorTaskId::new(name, task as u32)).collect()
    }

    /// Sets what a connector is to do; gives what it was to do before, `None` for an unknown connector.
    pub fn put_target_state(&mut self, name: &str, state: TargetState) -> Option<TargetState> {
        let known = self.0.get_mut(name)?;
        Some(std::mem::replace(&mut known.target_state, state))
    }

    /// Removes a connector.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}
