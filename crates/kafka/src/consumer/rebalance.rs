//! What a consumer does when its group rebalances.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerRebalanceListenerInvoker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use milena_api::record::TopicPartition;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{Consumer, Polled};
use super::subscription::StartOffset;
use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::group::{Change, Coordinator, Done, Event, Membership};

/// Partitions that an error names one by one.
const NAMED: usize = 10;

/// A consumer's side of its membership.
pub(super) struct Group {
    pub membership: Membership<Change>,
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Partitions of an assignment that the owner has not heard of yet.
    pub untold: Option<BTreeSet<TopicPartition>>,
    /// When their positions have to be known.
    positions_by: Instant,
    /// What the owner was told to give up, and does until it polls again.
    pub giving_up: Option<(Vec<TopicPartition>, Done)>,
    /// Topics that the group's leader has to keep an eye on.
    pub watch: Vec<Arc<str>>,
}

impl Group {
    pub(super) fn start(coordinator: &Arc<Coordinator>, config: &Arc<ConsumerConfig>) -> Self {
        let (membership, events) = crate::group::start(coordinator, config);
        Self { membership, events, untold: None, positions_by: Instant::now(), giving_up: None, watch: Vec::new() }
    }

    /// The owner has not polled for so long.
    pub(super) fn rested(&mut self, time: Duration) {
        self.positions_by += time;
    }

    /// When the owner is to hear that positions cannot be found.
    pub(super) fn positions_by(&self) -> Option<Instant> {
        self.untold.as_ref().map(|_| self.positions_by)
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
                    if group.untold.is_none() || !added.is_empty() {
                        group.positions_by = Instant::now() + self.config.api_timeout;
                    }
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

    /// Tells the owner of an assignment once the positions of all that is new in it are known. As in Java, where `position` of a new
    /// partition waits so long, `default.api.timeout.ms` without one is an error; they are looked for further all the same.
    pub(super) fn tell_assigned(&mut self) -> Option<Result<Polled>> {
        let group = self.group.as_mut()?;
        let untold = group.untold.as_ref()?;
        let missing: Vec<_> = untold.iter().filter(|at| self.fetching.position(at).is_none()).collect();
        if missing.is_empty() {
            return Some(Ok(Polled::Assigned(group.untold.take()?.into_iter().collect())));
        }
        let now = Instant::now();
        if now < group.positions_by {
            return None;
        }
        let mut names: Vec<String> = missing.iter().take(NAMED).map(ToString::to_string).collect();
        if missing.len() > NAMED {
            names.push(format!("{} more", missing.len() - NAMED));
        }
        let limit = self.config.api_timeout;
        group.positions_by = now + limit;
        let reason = format!(
            "neither what the group has committed nor their leaders' offsets could be had within {} ms (default.api.timeout.ms); \
             polling again goes on looking for them",
            limit.as_millis()
        );
        Some(Err(Error::timeout(format!("cannot find the position of {}", names.join(", ")), reason)))
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
