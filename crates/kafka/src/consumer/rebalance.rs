//! What a consumer does when its group rebalances.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerRebalanceListenerInvoker.

use std::collections::BTreeSet;
use std::sync::Arc;

use milena_api::record::TopicPartition;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{Consumer, Polled};
use super::subscription::StartOffset;
use crate::config::ConsumerConfig;
use crate::error::Result;
use crate::group::{Change, Coordinator, Done, Event, Membership};

/// A consumer's side of its membership.
pub(super) struct Group {
    pub membership: Membership<Change>,
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Partitions of an assignment that the owner has not heard of yet.
    pub untold: Option<BTreeSet<TopicPartition>>,
    /// What the owner was told to give up, and does until it polls again.
    pub giving_up: Option<(Vec<TopicPartition>, Done)>,
    /// Topics that the group's leader has to keep an eye on.
    pub watch: Vec<Arc<str>>,
}

impl Group {
    pub(super) fn start(coordinator: &Arc<Coordinator>, config: &Arc<ConsumerConfig>) -> Self {
        let (membership, events) = crate::group::start(coordinator, config);
        Self { membership, events, untold: None, giving_up: None, watch: Vec::new() }
    }

    /// Partitions that go: those that the owner knows of. It need not hear of the others at all.
    fn known_of(&mut self, partitions: Vec<TopicPartition>) -> Vec<TopicPartition> {
        let Some(untold) = &mut self.untold else { return partitions };
        let known = partitions.into_iter().filter(|at| !untold.remove(at)).collect();
        if untold.is_empty() {
            self.untold = None;
        }
        known
    }
}

pub(super) async fn next_event(group: &mut Option<Group>) -> Event {
    match group {
        Some(group) => match group.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

impl Consumer {
    pub(super) fn tell(&self, change: Change) {
        if let Some(group) = &self.group {
            group.membership.change(change);
        }
    }

    /// What an event means to the owner; `None` if it need not hear of it (yet).
    pub(super) fn take_event(&mut self, event: Event) -> Option<Result<Polled>> {
        match event {
            Event::Assigned { added, generation, watch } => {
                if let Some(coordinator) = &self.coordinator {
                    coordinator.own(&added, generation);
                }
                if let Some(group) = &mut self.group {
                    group.untold.get_or_insert_default().extend(added.iter().cloned());
                    if watch.iter().any(|topic| !group.watch.contains(topic)) {
                        self.refresh_at = Instant::now();
                    }
                    group.watch = watch;
                }
                self.assignment.extend(added.iter().cloned());
                self.fetching.add(added.into_iter().map(|at| (at, StartOffset::Committed)).collect());
                None
            }
            Event::Revoke(partitions, done) => {
                let known = self.group.as_mut().map(|group| group.known_of(partitions.clone())).unwrap_or_default();
                let unknown: Vec<_> = partitions.into_iter().filter(|at| !known.contains(at)).collect();
                self.stop_reading(&unknown);
                if known.is_empty() {
                    // The membership may be gone.
                    done.send(()).unwrap_or(());
                    return None;
                }
                if let Some(group) = &mut self.group {
                    group.giving_up = Some((known.clone(), done));
                }
                Some(Ok(Polled::Revoking(known)))
            }
            Event::Lost(partitions, done) => {
                let known = self.group.as_mut().map(|group| {
                    group.giving_up = None;
                    group.known_of(partitions.clone())
                });
                self.stop_reading(&partitions);
                done.send(()).unwrap_or(());
                known.filter(|known| !known.is_empty()).map(|known| Ok(Polled::Lost(known)))
            }
            Event::Failed(error) => {
                self.failed = Some(error.clone());
                Some(Err(error))
            }
        }
    }

    /// The owner is done with what it was to give up.
    pub(super) fn given_up(&mut self) {
        let Some((partitions, done)) = self.group.as_mut().and_then(|group| group.giving_up.take()) else { return };
        self.stop_reading(&partitions);
        done.send(()).unwrap_or(());
    }

    fn stop_reading(&mut self, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        if let Some(coordinator) = &self.coordinator {
            coordinator.disown(partitions);
        }
        for at in partitions {
            self.assignment.remove(at);
        }
        self.fetching.remove(partitions);
    }
}
