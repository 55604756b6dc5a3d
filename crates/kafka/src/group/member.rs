//! A member of a group, of whatever type: a task that joins, keeps the membership alive, and leaves.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractCoordinator. The task owns the protocol with the coordinator; what
//! members tell each other, and what the owner has to do at each step, is the [`Protocol`]'s. Nothing is joined before the owner
//! has given up what it must not hold; meanwhile the membership is kept alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{HeartbeatRequest, LeaveGroupRequest};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::coordinator::{Coordinator, Identity, Phase};
use super::join::{Round, join};
use crate::config::Backoff;
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::net::{Lane, Target};
use crate::spawn::spawn;

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    pub session: Duration,
    /// For owners to give up what they hold, and between two polls of an owner.
    pub rebalance: Duration,
    pub heartbeat: Duration,
    pub backoff: Backoff,
}

/// What the members of one type of group do. All futures may be dropped: the membership has ended then, or the owner is gone.
pub(crate) trait Protocol: Send + 'static {
    /// Protocol type on the wire.
    const TYPE: &'static str;
    /// What the owner changes while it is a member.
    type Change: Send + 'static;

    /// Whether there is anything to join for.
    fn ready(&self) -> bool;
    /// Takes over a change; the reason for another round if it needs one.
    fn change(&mut self, change: Self::Change) -> Option<&'static str>;
    /// Lets the owner give up what it must not hold while it joins.
    fn prepare(&mut self) -> impl Future<Output = ()> + Send;
    /// What this member tells the leader, by the names that it offers, best first.
    fn offers(&mut self) -> Result<Vec<(String, Bytes)>>;
    /// Shares out among the members of a round, as its leader: what each member gets.
    fn lead(&mut self, round: &Round) -> impl Future<Output = Result<Vec<(StrBytes, Bytes)>>> + Send;
    /// A round was joined whose shares this member never learnt.
    fn missed(&mut self);
    /// Takes over this member's share; the reason for another round if one is due at once.
    fn complete(&mut self, round: &Round, share: Bytes) -> impl Future<Output = Result<Option<&'static str>>> + Send;
    /// The membership is gone, and all that it gave; returns when the owner knows.
    fn lost(&mut self) -> impl Future<Output = ()> + Send;
    /// Nothing can be done about it.
    fn failed(&mut self, error: Error);
}

/// What an owner asks of its membership.
pub(crate) enum Command<C> {
    Change(C),
    /// Another round, and why.
    Rejoin(String),
    Leave(oneshot::Sender<()>),
}

/// An owner's handle of its membership. Dropping it leaves the group in the background.
pub(crate) struct Membership<C> {
    commands: mpsc::UnboundedSender<Command<C>>,
    clock: Arc<PollClock>,
}

impl<C: Send + 'static> Membership<C> {
    /// Starts it; nothing happens before the protocol is ready.
    pub(crate) fn start<P: Protocol<Change = C>>(coordinator: Arc<Coordinator>, timings: Timings, protocol: P) -> Self {
        // Not bounded: an owner sends little, and never waits for it.
        let (commands, queue) = mpsc::unbounded_channel();
        let clock = Arc::new(PollClock { start: Instant::now(), last: AtomicU64::new(0) });
        let core = Core {
            coordinator,
            timings,
            commands: queue,
            clock: Arc::clone(&clock),
            next_beat: Instant::now(),
            rejoin: None,
        };
        // It ends by itself when this handle is gone, after it has left the group.
        drop(spawn(Member { core, protocol, queued: Vec::new() }.run()));
        Self { commands, clock }
    }

    /// The owner polls, for as long as it keeps what this returns; it is alive until then, and has polled last when it drops it.
    pub(crate) fn polling(&self) -> Polling {
        self.clock.last.store(POLLING, Ordering::Relaxed);
        Polling(Arc::clone(&self.clock))
    }

    pub(crate) fn change(&self, change: C) {
        self.tell(Command::Change(change));
    }

    pub(crate) fn rejoin(&self, reason: String) {
        self.tell(Command::Rejoin(reason));
    }

    /// Leaves; returns when the coordinator knows, or cannot be told.
    pub(crate) async fn leave(&self) {
        let (told, left) = oneshot::channel();
        self.tell(Command::Leave(told));
        // An error says that the member has gone already.
        drop(left.await);
    }

    fn tell(&self, command: Command<C>) {
        // A member that is gone does not listen any more, and has said so.
        drop(self.commands.send(command));
    }
}

/// When the owner polled last.
struct PollClock {
    start: Instant,
    /// Milliseconds, or [`POLLING`].
    last: AtomicU64,
}

const POLLING: u64 = u64::MAX;

/// An owner that polls.
pub(crate) struct Polling(Arc<PollClock>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.set(Instant::now());
    }
}

impl PollClock {
    fn set(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_millis();
        self.last.store(u64::try_from(since).unwrap_or(POLLING), Ordering::Relaxed);
    }

    /// `None` while it polls.
    fn last(&self) -> Option<Instant> {
        match self.last.load(Ordering::Relaxed) {
            POLLING => None,
            last => Some(self.start + Duration::from_millis(last)),
        }
    }
}

/// Why a stage of the membership ended.
pub(super) enum Ended {
    /// Another round is due.
    Rejoin(String),
    /// The coordinator no longer knows the member.
    Lost(&'static str),
    Failed(Error),
    Leave(Option<oneshot::Sender<()>>),
}

struct Member<P: Protocol> {
    core: Core<P::Change>,
    protocol: P,
    /// Changes that came while the protocol was busy.
    queued: Vec<P::Change>,
}

impl<P: Protocol> Member<P> {
    async fn run(mut self) {
        let told = self.live().await;
        self.core.leave("the consumer is being closed").await;
        if let Some(told) = told {
            // The owner may have stopped waiting.
            told.send(()).unwrap_or(());
        }
    }

    /// Ends when the member is to leave.
    async fn live(&mut self) -> Option<oneshot::Sender<()>> {
        while !self.protocol.ready() {
            match self.core.commands.recv().await? {
                Command::Change(change) => drop(self.protocol.change(change)),
                Command::Leave(told) => return Some(told),
                Command::Rejoin(_) => {}
            }
        }
        let mut reason = "the member is new".to_owned();
        loop {
            reason = match self.round(&reason).await {
                Ended::Rejoin(reason) => reason,
                Ended::Lost(why) => {
                    tracing::info!(group = %self.core.coordinator.group, reason = why, "no longer a member of the group");
                    self.core.coordinator.set_phase(Phase::Out);
                    if let Err(Ended::Leave(told)) = self.core.while_busy(self.protocol.lost(), &mut self.queued).await
                    {
                        return told;
                    }
                    why.to_owned()
                }
                Ended::Failed(error) => {
                    tracing::debug!(group = %self.core.coordinator.group, %error, "the membership has failed");
                    self.core.coordinator.set_phase(Phase::Out);
                    self.protocol.failed(error);
                    loop {
                        if let Command::Leave(told) = self.core.commands.recv().await? {
                            return Some(told);
                        }
                    }
                }
                Ended::Leave(told) => return told,
            };
        }
    }

    /// One generation, from before its join to its end.
    async fn round(&mut self, reason: &str) -> Ended {
        if let Err(ended) = self.core.while_busy(self.protocol.prepare(), &mut self.queued).await {
            return ended;
        }
        // What these ask for is about to happen anyway.
        self.apply_queued();
        self.core.rejoin = None;
        let coordinator = Arc::clone(&self.core.coordinator);
        let timings = self.core.timings;
        coordinator.set_phase(Phase::Joining);
        let joining = join(&coordinator, timings, &mut self.protocol, reason);
        let (round, share) = match self.core.while_busy(joining, &mut self.queued).await {
            Ok(Ok(joined)) => joined,
            Ok(Err(ended)) | Err(ended) => return ended,
        };
        if let Some(why) = self.apply_queued() {
            self.protocol.missed();
            return Ended::Rejoin(why.to_owned());
        }
        coordinator.set_phase(Phase::Stable);
        self.core.next_beat = Instant::now() + timings.heartbeat;
        match self.core.while_busy(self.protocol.complete(&round, share), &mut self.queued).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(why))) => return Ended::Rejoin(why.to_owned()),
            Ok(Err(error)) => return Ended::Failed(error),
            Err(ended) => return ended,
        }
        if let Some(why) = self.apply_queued() {
            return Ended::Rejoin(why.to_owned());
        }
        if let Some(why) = self.core.rejoin.take() {
            return Ended::Rejoin(why);
        }
        let protocol = &mut self.protocol;
        let mut ended = self.core.keep_alive(false, &mut |change| protocol.change(change)).await;
        if let Ended::Rejoin(why) = &mut ended {
            tracing::info!(group = %coordinator.group, reason = %why, "joining the group again");
        }
        ended
    }

    fn apply_queued(&mut self) -> Option<&'static str> {
        let mut reason = None;
        for change in std::mem::take(&mut self.queued) {
            reason = self.protocol.change(change).or(reason);
        }
        reason
    }
}

/// The part of a membership that is the same for all types of groups.
struct Core<C> {
    coordinator: Arc<Coordinator>,
    timings: Timings,
    commands: mpsc::UnboundedReceiver<Command<C>>,
    clock: Arc<PollClock>,
    next_beat: Instant,
    /// Somebody has asked for another round while this one was not settled yet.
    rejoin: Option<String>,
}

impl<C: Send> Core<C> {
    /// Does something while the membership is kept alive; another round, and changes, wait for its end.
    async fn while_busy<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
        queued: &mut Vec<C>,
    ) -> std::result::Result<T, Ended> {
        tokio::pin!(work);
        let mut queue = |change| {
            queued.push(change);
            None
        };
        tokio::select! {
            biased;
            done = &mut work => Ok(done),
            ended = self.keep_alive(true, &mut queue) => Err(ended),
        }
    }

    /// Sends heartbeats until something ends this; while `busy`, another round does not.
    async fn keep_alive(&mut self, busy: bool, change: &mut (dyn FnMut(C) -> Option<&'static str> + Send)) -> Ended {
        let mut failures = 0;
        let mut beating: Option<BoxFuture<'static, (Identity, Result<Beat>)>> = None;
        loop {
            let phase = self.coordinator.phase();
            let overdue = match phase {
                Phase::Stable => self.overdue(),
                // An owner is not missed before there is anything that it could hold up.
                Phase::Out | Phase::Joining | Phase::Leading => None,
            };
            // A join is seen to end, or to become this member's to lead, by looking at times.
            let next = if beating.is_none() && phase != Phase::Out { Some(self.next_beat) } else { None };
            let wake = next.into_iter().chain(overdue).min();
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return Ended::Leave(None),
                    Some(Command::Leave(told)) => return Ended::Leave(Some(told)),
                    Some(Command::Rejoin(reason)) if busy => self.rejoin = Some(reason),
                    Some(Command::Rejoin(reason)) => return Ended::Rejoin(reason),
                    Some(Command::Change(changed)) => if let Some(reason) = change(changed) {
                        return Ended::Rejoin(reason.to_owned());
                    },
                },
                (identity, beat) = beaten(&mut beating) => {
                    beating = None;
                    // An answer to an earlier generation says nothing about this one.
                    if identity != self.coordinator.identity() {
                        continue;
                    }
                    match beat {
                        Ok(Beat::Alive) => failures = 0,
                        Ok(Beat::Rebalancing) if busy => {
                            failures = 0;
                            self.rejoin.get_or_insert_with(|| "the group is rebalancing".to_owned());
                        }
                        Ok(Beat::Rebalancing) => return Ended::Rejoin("the group is rebalancing".to_owned()),
                        Ok(Beat::Gone(identity)) => {
                            self.coordinator.set_identity(identity);
                            return Ended::Lost("the coordinator has removed this member");
                        }
                        Err(error) if error.is_retriable() => {
                            failures += 1;
                            tracing::debug!(group = %self.coordinator.group, %error, "a heartbeat failed");
                            let pause = self.timings.backoff.after(failures).min(self.timings.heartbeat);
                            self.next_beat = Instant::now() + pause;
                        }
                        Err(error) => return Ended::Failed(error),
                    }
                }
                () = sleep_until(wake) => {
                    let now = Instant::now();
                    if overdue.is_some() && self.overdue().is_some_and(|overdue| now >= overdue) {
                        tracing::warn!(
                            group = %self.coordinator.group,
                            limit_ms = self.timings.rebalance.as_millis(),
                            "leaving the group: the time between polls was longer than max.poll.interval.ms (of a worker: \
                             rebalance.timeout.ms); raise it, or do less between two polls, for instance with a lower max.poll.records"
                        );
                        if let Some(farewell) = self.resign("the time between polls was too long") {
                            // Whoever waits here may stop waiting at any time, but not between resigning and saying so.
                            drop(spawn(farewell.say(Lane::Offsets)));
                        }
                        return Ended::Lost("the time between polls was too long");
                    }
                    if beating.is_none() && now >= self.next_beat {
                        self.next_beat = now + self.timings.heartbeat;
                        if matches!(self.coordinator.phase(), Phase::Stable | Phase::Leading) {
                            beating = Some(Box::pin(beat(Arc::clone(&self.coordinator))));
                        }
                    }
                }
            }
        }
    }

    /// When an owner that does not poll is taken for stuck.
    fn overdue(&self) -> Option<Instant> {
        Some(self.clock.last()? + self.timings.rebalance)
    }

    /// Tells the coordinator, which then need not wait for the session to time out. Nothing waits for another try.
    async fn leave(&self, reason: &'static str) {
        let Some(farewell) = self.resign(reason) else { return };
        let node = farewell.node;
        farewell.say(Lane::Group).await;
        self.coordinator.cluster.disconnect(Target::Node(node), Lane::Group);
    }

    /// From now on this is no member. Gives what is to be said to the coordinator; static members say nothing, as they are expected back.
    fn resign(&self, reason: &'static str) -> Option<Farewell> {
        let Identity { member_id, .. } = self.coordinator.identity();
        self.coordinator.set_identity(Identity::default());
        self.coordinator.set_phase(Phase::Out);
        let node = self.coordinator.known()?;
        // A join that is held would hold this too; its connection is no use any more.
        self.coordinator.cluster.disconnect(Target::Node(node), Lane::Group);
        if member_id.is_empty() || self.coordinator.instance.is_some() {
            return None;
        }
        Some(Farewell { coordinator: Arc::clone(&self.coordinator), node, member_id, reason })
    }
}

/// A LeaveGroup request.
struct Farewell {
    coordinator: Arc<Coordinator>,
    node: i32,
    member_id: String,
    reason: &'static str,
}

impl Farewell {
    async fn say(self, lane: Lane) {
        let group_id = self.coordinator.group_id();
        let member_id = StrBytes::from_string(self.member_id);
        let build = |version| {
            let request = LeaveGroupRequest::default().with_group_id(group_id);
            if version < 3 {
                return request.with_member_id(member_id);
            }
            let mut member = MemberIdentity::default().with_member_id(member_id);
            if version >= 5 {
                member = member.with_reason(Some(StrBytes::from_static_str(self.reason)));
            }
            request.with_members(vec![member])
        };
        let left = self.coordinator.cluster.call_within(Target::Node(self.node), lane, Duration::ZERO, build).await;
        match left {
            Ok(response) => {
                let code = ErrorCode::from_wire(response.error_code);
                if let Some(code) = code {
                    tracing::debug!(group = %self.coordinator.group, %code, "the coordinator did not let this member leave");
                }
            }
            Err(error) => {
                tracing::debug!(group = %self.coordinator.group, %error, "could not tell the coordinator of leaving");
            }
        }
    }
}

/// What a heartbeat brought.
enum Beat {
    Alive,
    Rebalancing,
    /// Not a member; who it is from now on.
    Gone(Identity),
}

async fn beaten(beating: &mut Option<BoxFuture<'static, (Identity, Result<Beat>)>>) -> (Identity, Result<Beat>) {
    match beating {
        Some(beating) => beating.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn beat(coordinator: Arc<Coordinator>) -> (Identity, Result<Beat>) {
    let identity = coordinator.identity();
    let beat = beat_as(&coordinator, &identity).await;
    (identity, beat)
}

async fn beat_as(coordinator: &Coordinator, identity: &Identity) -> Result<Beat> {
    let request = HeartbeatRequest::default()
        .with_group_id(coordinator.group_id())
        .with_generation_id(identity.generation)
        .with_member_id(StrBytes::from_string(identity.member_id.clone()))
        .with_group_instance_id(coordinator.instance_id());
    let (metrics, asked) = (coordinator.cluster.metrics(), Instant::now());
    metrics.heartbeat_sent(asked);
    let response = coordinator.ask(Lane::Control, Duration::ZERO, |_| request).await?;
    let now = Instant::now();
    metrics.heartbeat_answered(now, now - asked);
    match ErrorCode::from_wire(response.error_code) {
        None => Ok(Beat::Alive),
        Some(ErrorCode::REBALANCE_IN_PROGRESS) => Ok(Beat::Rebalancing),
        Some(ErrorCode::ILLEGAL_GENERATION) => {
            Ok(Beat::Gone(Identity { member_id: identity.member_id.clone(), generation: -1 }))
        }
        Some(ErrorCode::UNKNOWN_MEMBER_ID) => Ok(Beat::Gone(Identity::default())),
        Some(code) => Err(coordinator.refused("cannot send a heartbeat", code)),
    }
}
