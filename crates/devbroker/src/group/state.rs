//! The state machine of one group.
//!
//! Counterpart: org.apache.kafka.coordinator.group.classic.ClassicGroup.

use super::kept::{Offsets, TxnOffsets};
use super::member::{JoinAnswer, Member, SyncAnswer};
use bytes::Bytes;
use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

/// Where a group is between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No members; there may be offsets.
    Empty,
    /// Waiting for all members to join.
    Preparing,
    /// Waiting for the leader's assignment.
    Completing,
    Stable,
    /// Removed; whoever still holds it looks it up again.
    Dead,
}

impl Phase {
    /// Kafka's name of the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Preparing => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// One group; all methods run under its lock.
#[derive(Debug)]
pub(crate) struct Group {
    pub id: String,
    pub phase: Phase,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    pub members: IndexMap<String, Member>,
    /// Instance id to member id.
    pub statics: HashMap<String, String>,
    /// Members that were given an id and have not come back with it yet, and until when they may.
    pub pending: HashMap<String, Instant>,
    /// When the rebalance goes on without those that have not joined.
    pub join_deadline: Option<Instant>,
    /// When members that have not synced are removed.
    pub sync_deadline: Option<Instant>,
    /// While the first members of an empty group gather.
    pub gathering: bool,
    unsynced: HashSet<String>,
    pub offsets: Offsets,
    /// Offsets that wait for the end of a transaction.
    pub txn_offsets: TxnOffsets,
}

impl Group {
    /// An empty group.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: IndexMap::new(),
            statics: HashMap::new(),
            pending: HashMap::new(),
            join_deadline: None,
            sync_deadline: None,
            gathering: false,
            unsynced: HashSet::new(),
            offsets: Offsets::new(),
            txn_offsets: TxnOffsets::new(),
        }
    }

    /// Whether a member with these protocols fits in: same type, and one protocol that all members have.
    pub fn accepts(&self, protocol_type: &str, protocols: &[(String, Bytes)]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        if self.members.is_empty() {
            return true;
        }
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(|(name, _)| self.all_support(name))
    }

    fn all_support(&self, protocol: &str) -> bool {
        self.members.values().all(|member| member.protocols.iter().any(|(name, _)| name == protocol))
    }

    /// Adds a member that waits for its join to be answered.
    pub fn add(&mut self, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        if let Some(instance) = &member.instance_id {
            self.statics.insert(instance.clone(), member.id.clone());
        }
        self.pending.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member, answers what it waited for, and finds another leader if it led.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(mut member) = self.members.shift_remove(id) else { return false };
        member.answer_join(JoinAnswer::error(id, ResponseError::UnknownMemberId));
        member.answer_sync(SyncAnswer::error(ResponseError::UnknownMemberId));
        if let Some(instance) = &member.instance_id
            && self.statics.get(instance).is_some_and(|current| current == id)
        {
            self.statics.remove(instance);
        }
        self.unsynced.remove(id);
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        true
    }

    /// Starts a rebalance, or goes on with the one that runs.
    pub fn rebalance(&mut self, initial_delay: Duration) {
        if self.phase == Phase::Completing {
            self.fail_syncs(ResponseError::RebalanceInProgress);
        }
        let now = Instant::now();
        match self.phase {
            Phase::Preparing => {}
            Phase::Empty if !initial_delay.is_zero() => {
                self.gathering = true;
                self.join_deadline = Some(now + initial_delay);
            }
            _ => self.join_deadline = Some(now + self.longest_rebalance()),
        }
        self.phase = Phase::Preparing;
        self.sync_deadline = None;
        self.unsynced.clear();
        self.complete_join_if_all_are_there();
    }

    fn longest_rebalance(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    /// Ends the join phase once every member has joined.
    pub fn complete_join_if_all_are_there(&mut self) {
        let all = self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if self.phase == Phase::Preparing && !self.gathering && all {
            self.complete_join();
        }
    }

    /// Ends the join phase: who has not joined is out, unless it is a static member.
    pub fn complete_join(&mut self) {
        self.gathering = false;
        let late: Vec<String> = self
            .members
            .values()
            .filter(|member| member.joining.is_none() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        for id in late {
            self.remove(&id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members that are away: wait for one of them.
            self.join_deadline = Some(Instant::now() + self.longest_rebalance());
            return;
        }
        self.join_deadline = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.protocol = self.vote();
        self.phase = Phase::Completing;
        self.sync_deadline = Some(Instant::now() + self.longest_rebalance());
        self.unsynced = self.members.keys().cloned().collect();
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.join_answer(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.touch();
                member.assignment = Bytes::new();
                member.answer_join(answer);
            }
        }
    }

    fn elect_joined_leader(&mut self) -> bool {
        let joined = |member: &Member| member.joining.is_some();
        let current = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if current.is_some_and(joined) {
            return true;
        }
        match self.members.values().find(|member| joined(member)) {
            Some(member) => {
                self.leader = Some(member.id.clone());
                true
            }
            None => false,
        }
    }

    /// Each member votes for the first protocol on its list that all members have.
    fn vote(&self) -> Option<String> {
        let mut votes: IndexMap<&str, usize> = IndexMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| self.all_support(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Whether the members would choose the same protocol again.
    pub fn keeps_protocol(&self) -> bool {
        self.vote() == self.protocol
    }

    /// What a member is told of the generation.
    pub fn join_answer(&self, id: &str) -> JoinAnswer {
        let leader = self.leader.clone().unwrap_or_default();
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = if leader == id {
            let entry = |member: &Member| (member.id.clone(), member.instance_id.clone(), member.metadata(protocol));
            self.members.values().map(entry).collect()
        } else {
            Vec::new()
        };
        JoinAnswer {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader,
            member_id: id.to_owned(),
            skip_assignment: false,
            members,
        }
    }

    /// What a member is told of its assignment.
    pub fn sync_answer(&self, id: &str) -> SyncAnswer {
        SyncAnswer {
            error: None,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// Notes that a member has asked for its assignment.
    pub fn synced(&mut self, id: &str) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            self.sync_deadline = None;
        }
    }

    /// Takes the leader's assignment and hands it out. Members without one get an empty one.
    pub fn assign(&mut self, mut assignments: HashMap<String, Bytes>) {
        self.phase = Phase::Stable;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignments.remove(&id).unwrap_or_default();
            }
            let answer = self.sync_answer(&id);
            if let Some(member) = self.members.get_mut(&id)
                && member.syncing.is_some()
            {
                member.touch();
                member.answer_sync(answer);
            }
        }
    }

    fn fail_syncs(&mut self, error: ResponseError) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if member.syncing.is_some() {
                member.touch();
                member.answer_sync(SyncAnswer::error(error));
            }
        }
    }

    /// Acts on what has run out, and says when the next thing does.
    pub fn tick(&mut self, now: Instant, initial_delay: Duration) -> Option<Instant> {
        let before = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        if self.pending.len() < before {
            self.complete_join_if_all_are_there();
        }
        let gone: Vec<String> = self
            .members
            .values()
            .filter(|member| !member.is_waiting() && member.expires <= now)
            .map(|member| member.id.clone())
            .collect();
        if !gone.is_empty() {
            for id in &gone {
                tracing::info!(group = self.id, member = id, "group member's session has ended");
                self.remove(id);
            }
            self.after_removal(initial_delay);
        }
        if self.phase == Phase::Preparing && self.join_deadline.is_some_and(|deadline| deadline <= now) {
            self.end_join_phase(now);
        }
        if self.phase != Phase::Preparing && self.sync_deadline.is_some_and(|deadline| deadline <= now) {
            self.sync_deadline = None;
            let missing: Vec<String> = self.unsynced.drain().collect();
            for id in &missing {
                self.remove(id);
            }
            if !missing.is_empty() {
                self.after_removal(initial_delay);
            }
        }
        self.next_deadline()
    }

    fn end_join_phase(&mut self, now: Instant) {
        if !self.gathering {
            self.complete_join();
            return;
        }
        self.gathering = false;
        self.join_deadline = Some(now + self.longest_rebalance());
        self.complete_join_if_all_are_there();
    }

    /// What a departure means for the others.
    pub fn after_removal(&mut self, initial_delay: Duration) {
        match self.phase {
            Phase::Stable | Phase::Completing => self.rebalance(initial_delay),
            Phase::Preparing => self.complete_join_if_all_are_there(),
            Phase::Empty | Phase::Dead => {}
        }
    }

    /// Whether an open transaction may change the committed offset.
    pub fn is_unstable(&self, partition: &(String, i32)) -> bool {
        self.txn_offsets.values().any(|offsets| offsets.contains_key(partition))
    }

    /// When the group needs to be looked at again.
    pub fn next_deadline(&self) -> Option<Instant> {
        let sessions = self.members.values().filter(|member| !member.is_waiting()).map(|member| member.expires);
        let joins = self.join_deadline.filter(|_| self.phase == Phase::Preparing);
        let syncs = self.sync_deadline.filter(|_| self.phase != Phase::Preparing);
        sessions.chain(self.pending.values().copied()).chain(joins).chain(syncs).min()
    }

    /// Whether nothing would be lost by forgetting the group.
    pub fn is_forgettable(&self) -> bool {
        let idle = self.members.is_empty() && self.pending.is_empty() && self.generation == 0;
        idle && self.offsets.is_empty() && self.txn_offsets.is_empty()
    }

    /// Topics that members of a `consumer` group subscribe to; `None` if that cannot be told.
    pub fn subscribed_topics(&self) -> Option<HashSet<String>> {
        if self.protocol_type.as_deref() != Some("consumer") {
            return None;
        }
        let mut topics = HashSet::new();
        for member in self.members.values() {
            for (_, metadata) in &member.protocols {
                topics.extend(super::offsets::subscription_topics(metadata)?);
            }
        }
        Some(topics)
    }
}
