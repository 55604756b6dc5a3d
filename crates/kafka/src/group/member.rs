//! A member of a consumer group: a task that joins, keeps the membership alive, and leaves.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractCoordinator. The task owns the protocol; its consumer hears of
//! assignments and revocations as events, and says when it has given partitions up. Until then nothing is joined again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatRequest, LeaveGroupRequest};
use kafka_protocol::protocol::StrBytes;
use milena_api::record::TopicPartition;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::coordinator::{Coordinator, Identity};
use super::join::{Joined, join};
use crate::config::ConsumerConfig;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Lane, Target};
use crate::spawn::spawn;

/// What a consumer asks of its membership.
pub(crate) enum Command {
    /// The topics to take part in, for the first time or changed.
    Topics(Vec<Arc<str>>),
    /// What an event told to give up is given up.
    Revoked,
    /// Partition counts may have changed.
    MetadataChanged,
    Leave(oneshot::Sender<()>),
}

/// What a membership tells its consumer.
#[derive(Debug)]
pub(crate) enum Event {
    Assigned(Vec<TopicPartition>),
    /// Partitions are to be given up in good order, then [`Command::Revoked`].
    Revoke,
    /// Partitions are gone; [`Command::Revoked`] when that is seen.
    Lost,
    /// Nothing can be done about it.
    Failed(Error),
}

/// A consumer's handle of its membership.
pub(crate) struct Membership {
    pub commands: mpsc::UnboundedSender<Command>,
    /// Not bounded: at most one event waits for its answer.
    pub events: mpsc::UnboundedReceiver<Event>,
    clock: Arc<PollClock>,
}

impl Membership {
    /// Starts it; nothing happens before the first topics.
    pub(crate) fn start(coordinator: Arc<Coordinator>, config: Arc<ConsumerConfig>) -> Self {
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (event_sender, events) = mpsc::unbounded_channel();
        let clock = Arc::new(PollClock { start: Instant::now(), last: AtomicU64::new(0) });
        let member = Member {
            coordinator,
            config,
            events: event_sender,
            commands: command_queue,
            clock: Arc::clone(&clock),
            topics: Vec::new(),
            counts: None,
        };
        // It ends by itself when this handle is gone, after it has left the group.
        drop(spawn(member.run()));
        Self { commands, events, clock }
    }

    /// The owner is alive.
    pub(crate) fn polled(&self, now: Instant) {
        self.clock.set(now);
    }

    pub(crate) fn tell(&self, command: Command) {
        // A member that has failed does not listen any more, and has said so.
        drop(self.commands.send(command));
    }
}

/// When the owner polled last.
struct PollClock {
    start: Instant,
    last: AtomicU64,
}

impl PollClock {
    fn set(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_millis();
        self.last.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

struct Member {
    coordinator: Arc<Coordinator>,
    config: Arc<ConsumerConfig>,
    events: mpsc::UnboundedSender<Event>,
    commands: mpsc::UnboundedReceiver<Command>,
    clock: Arc<PollClock>,
    topics: Vec<Arc<str>>,
    counts: Option<HashMap<Arc<str>, usize>>,
}

/// Why a stable membership ended.
enum Ended {
    /// Another round is due; partitions are to be given up.
    Rebalance(&'static str),
    /// The coordinator no longer knows the member.
    Lost(&'static str),
    Failed(Error),
    Leave(Option<oneshot::Sender<()>>),
}

impl Member {
    async fn run(mut self) {
        let told = self.live().await;
        self.leave().await;
        if let Some(told) = told {
            // The consumer may have stopped waiting.
            told.send(()).unwrap_or(());
        }
    }

    /// Ends when the member is to leave.
    async fn live(&mut self) -> Option<oneshot::Sender<()>> {
        while self.topics.is_empty() {
            match self.commands.recv().await? {
                Command::Topics(topics) => self.topics = topics,
                Command::Leave(told) => return Some(told),
                Command::Revoked | Command::MetadataChanged => {}
            }
        }
        let mut reason = "the member is new";
        loop {
            let joined = match self.join(reason).await {
                Ok(joined) => joined,
                Err(ended) => return self.fail_or_leave(ended).await,
            };
            self.counts = joined.counts;
            tracing::info!(group = %self.coordinator.group, partitions = joined.partitions.len(), "joined the group");
            self.events.send(Event::Assigned(joined.partitions)).ok()?;
            let (event, why) = match self.keep_alive(false).await {
                Ended::Rebalance(why) => (Event::Revoke, why),
                Ended::Lost(why) => (Event::Lost, why),
                ended => return self.fail_or_leave(ended).await,
            };
            tracing::info!(group = %self.coordinator.group, reason = why, "giving partitions up");
            reason = why;
            let lost = matches!(event, Event::Lost);
            self.events.send(event).ok()?;
            // The membership stays alive while the owner finishes; without one there is nothing to keep alive.
            match self.until_revoked(lost).await {
                Ok(()) => {}
                Err(ended) => return self.fail_or_leave(ended).await,
            }
        }
    }

    async fn fail_or_leave(&mut self, ended: Ended) -> Option<oneshot::Sender<()>> {
        match ended {
            Ended::Leave(told) => told,
            Ended::Failed(error) => {
                self.events.send(Event::Failed(error)).ok()?;
                loop {
                    if let Command::Leave(told) = self.commands.recv().await? {
                        return Some(told);
                    }
                }
            }
            Ended::Rebalance(_) | Ended::Lost(_) => None,
        }
    }

    /// Joins; a wish to leave interrupts it at once.
    async fn join(&mut self, reason: &'static str) -> std::result::Result<Joined, Ended> {
        let (coordinator, config) = (Arc::clone(&self.coordinator), Arc::clone(&self.config));
        loop {
            let topics = self.topics.clone();
            let joining = join(&coordinator, &config, &topics, reason);
            tokio::pin!(joining);
            let mut changed = false;
            loop {
                let command = tokio::select! {
                    joined = &mut joining => match joined {
                        Ok(joined) if !changed => return Ok(joined),
                        Ok(_) => break,
                        Err(error) => return Err(Ended::Failed(error)),
                    },
                    command = self.commands.recv() => command,
                };
                match command {
                    None => return Err(Ended::Leave(None)),
                    Some(Command::Leave(told)) => return Err(Ended::Leave(Some(told))),
                    Some(Command::Topics(topics)) => {
                        changed |= topics != self.topics;
                        self.topics = topics;
                    }
                    Some(Command::Revoked | Command::MetadataChanged) => {}
                }
            }
        }
    }

    async fn until_revoked(&mut self, lost: bool) -> std::result::Result<(), Ended> {
        if !lost {
            return match self.keep_alive(true).await {
                Ended::Rebalance(_) => Ok(()),
                Ended::Lost(_) => {
                    self.events.send(Event::Lost).map_err(|_| Ended::Leave(None))?;
                    Box::pin(self.until_revoked(true)).await
                }
                ended => Err(ended),
            };
        }
        loop {
            match self.commands.recv().await {
                None => return Err(Ended::Leave(None)),
                Some(Command::Leave(told)) => return Err(Ended::Leave(Some(told))),
                Some(Command::Revoked) => return Ok(()),
                Some(Command::Topics(topics)) => self.topics = topics,
                Some(Command::MetadataChanged) => {}
            }
        }
    }

    /// Sends heartbeats until something ends this; while `revoking`, that is the owner's word.
    async fn keep_alive(&mut self, revoking: bool) -> Ended {
        let mut next = Instant::now() + self.config.heartbeat_interval;
        let mut failures = 0;
        loop {
            let overdue = self.clock.last() + self.config.max_poll_interval;
            let command = tokio::select! {
                command = self.commands.recv() => Some(command),
                () = tokio::time::sleep_until(next.min(overdue)) => None,
            };
            match command {
                Some(None) => return Ended::Leave(None),
                Some(Some(Command::Leave(told))) => return Ended::Leave(Some(told)),
                Some(Some(Command::Revoked)) if revoking => return Ended::Rebalance("partitions were given up"),
                Some(Some(Command::Revoked)) => continue,
                Some(Some(Command::Topics(topics))) => {
                    let changed = topics != self.topics;
                    self.topics = topics;
                    if changed && !revoking {
                        return Ended::Rebalance("the subscription has changed");
                    }
                    continue;
                }
                Some(Some(Command::MetadataChanged)) => {
                    if !revoking && self.counts_changed() {
                        return Ended::Rebalance("topics have changed");
                    }
                    continue;
                }
                None => {}
            }
            let now = Instant::now();
            if now >= self.clock.last() + self.config.max_poll_interval {
                tracing::warn!(
                    group = %self.coordinator.group,
                    limit_ms = self.config.max_poll_interval.as_millis(),
                    "leaving the group: the time between polls was longer than max.poll.interval.ms; \
                     raise it, or lower max.poll.records"
                );
                self.leave().await;
                return Ended::Lost("the time between polls was too long");
            }
            if now < next {
                continue;
            }
            let pause = match self.heartbeat().await {
                Ok(None) => {
                    failures = 0;
                    self.config.heartbeat_interval
                }
                Ok(Some(Ended::Rebalance(_))) if revoking => self.config.heartbeat_interval,
                Ok(Some(ended)) => return ended,
                Err(error) => {
                    failures += 1;
                    tracing::debug!(group = %self.coordinator.group, %error, "a heartbeat failed");
                    self.config.client.retry_backoff.after(failures).min(self.config.heartbeat_interval)
                }
            };
            next = Instant::now() + pause;
        }
    }

    /// Whether the shares that this member made as leader are out of date.
    fn counts_changed(&self) -> bool {
        let Some(counts) = &self.counts else { return false };
        let metadata = self.coordinator.cluster.metadata();
        counts
            .iter()
            .any(|(topic, count)| metadata.topics.get(topic).map_or(0, |topic| topic.partitions.len()) != *count)
    }

    async fn heartbeat(&self) -> Result<Option<Ended>> {
        let Identity { member_id, generation } = self.coordinator.identity();
        let request = HeartbeatRequest::default()
            .with_group_id(self.coordinator.group_id())
            .with_generation_id(generation)
            .with_member_id(StrBytes::from_string(member_id));
        let response = self.coordinator.ask(Lane::Group, Duration::ZERO, |_| request).await?;
        match ErrorCode::from_wire(response.error_code) {
            None => Ok(None),
            Some(ErrorCode::REBALANCE_IN_PROGRESS) => Ok(Some(Ended::Rebalance("the group is rebalancing"))),
            Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => {
                self.coordinator.set_identity(Identity::default());
                Ok(Some(Ended::Lost("the coordinator has removed this member")))
            }
            Some(code) => match self.coordinator.refused("cannot send a heartbeat", code) {
                error if error.is_retriable() => Err(error),
                error => Ok(Some(Ended::Failed(error))),
            },
        }
    }

    /// Tells the coordinator, which then need not wait for the session to time out. Nothing waits for another try.
    async fn leave(&self) {
        let Identity { member_id, .. } = self.coordinator.identity();
        let Some(node) = self.coordinator.known().filter(|_| !member_id.is_empty()) else { return };
        self.coordinator.set_identity(Identity::default());
        let group_id = self.coordinator.group_id();
        let member_id = StrBytes::from_string(member_id);
        let build = |version| {
            let request = LeaveGroupRequest::default().with_group_id(group_id);
            if version < 3 {
                return request.with_member_id(member_id);
            }
            let mut member = MemberIdentity::default().with_member_id(member_id);
            if version >= 5 {
                member = member.with_reason(Some(StrBytes::from_static_str("the consumer is being closed")));
            }
            request.with_members(vec![member])
        };
        // A join that is held would hold this too, so it takes another connection and ends that one.
        let left = self.coordinator.cluster.call_within(Target::Node(node), Lane::Offsets, Duration::ZERO, build).await;
        self.coordinator.cluster.disconnect(Target::Node(node), Lane::Group);
        if let Err(error) = left {
            tracing::debug!(group = %self.coordinator.group, %error, "could not tell the coordinator of leaving");
        }
    }
}
