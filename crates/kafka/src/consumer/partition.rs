//! A partition that is being read: where it is, whether that is sure, and what has been fetched for it.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.SubscriptionState.

use std::sync::Arc;

use milena_api::record::TopicPartition;
use tokio::time::Instant;
use uuid::Uuid;

use super::batch::FetchedBatch;
use super::buffer::{Arrived, Buffer, Place, Rules};
use super::subscription::StartOffset;
use crate::error::{Error, Result};
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::records::InvalidRecords;

/// What is to be done before records can be fetched, if anything.
#[derive(Debug)]
pub(super) enum State {
    /// The group is asked what it has committed.
    Committed,
    /// The leader is asked for an offset.
    Lookup(Lookup),
    /// The leader is asked whether its log still has the record before the position (KIP-320).
    Validate,
    /// Records are fetched.
    Fetch,
    /// Nothing goes on before the owner chooses another position.
    Stuck(Box<Error>),
}

/// Which offset is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Earliest,
    Latest,
    /// The first record of this time (milliseconds since the epoch) or later; the end if there is none.
    Timestamp(i64),
    /// What `auto.offset.reset` says.
    Policy(Why),
}

/// Why `auto.offset.reset` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    NothingCommitted,
    OutOfRange(i64),
    Recreated,
    /// The leader has no record of the position's epoch, or an older one.
    Truncated,
}

/// A leader, and how often the partition has had one.
pub(super) type LeaderAndEpoch = (i32, i32);

/// A partition that is being read.
pub(super) struct Partition {
    topic: Arc<str>,
    partition: i32,
    pub state: State,
    /// The next record to hand out; `None` until it is known.
    position: Option<Place>,
    /// Where the next fetch goes on.
    pub fetch_offset: i64,
    /// Counts jumps; what was asked for an earlier one is of no use.
    pub jump: u64,
    /// Whether an answer that [`State`] waits for is on its way.
    pub asking: bool,
    pub paused: bool,
    pub retry_at: Option<Instant>,
    pub failures: u32,
    /// The leader that the position is known to be good for.
    leader: Option<LeaderAndEpoch>,
    /// The topic that the position is one of; nil until it is known.
    topic_id: Uuid,
    /// A replica that the leader would rather have this consumer read from, and until when (KIP-392).
    pub preferred: Option<(i32, Instant)>,
    /// Broker and offset of the fetch that is under way.
    pub fetching: Option<(i32, i64)>,
    buffer: Buffer,
    /// The first offset that there still is, and the one behind the last that may be read; -1 if not known.
    pub bounds: (i64, i64),
}

impl Partition {
    pub(super) fn new(at: &TopicPartition, start: StartOffset, jump: u64) -> Self {
        let mut partition = Self {
            topic: Arc::clone(&at.topic),
            partition: at.partition,
            state: State::Committed,
            position: None,
            fetch_offset: 0,
            jump,
            asking: false,
            paused: false,
            retry_at: None,
            failures: 0,
            leader: None,
            topic_id: Uuid::nil(),
            preferred: None,
            fetching: None,
            buffer: Buffer::default(),
            bounds: (-1, -1),
        };
        partition.start(start, jump);
        partition
    }

    /// Begins anew.
    pub(super) fn start(&mut self, start: StartOffset, jump: u64) {
        match start {
            StartOffset::Committed => self.forget(State::Committed, jump),
            StartOffset::Earliest => self.forget(State::Lookup(Lookup::Earliest), jump),
            StartOffset::Latest => self.forget(State::Lookup(Lookup::Latest), jump),
            StartOffset::Timestamp(at) => self.forget(State::Lookup(Lookup::Timestamp(at.max(0))), jump),
            StartOffset::Offset(offset) => self.jump_to(Place { offset, epoch: -1 }, jump),
        }
    }

    /// Drops what was fetched, and all that is known of the position.
    pub(super) fn forget(&mut self, state: State, jump: u64) {
        self.restart(state, jump);
        self.position = None;
        self.leader = None;
        self.topic_id = Uuid::nil();
    }

    fn restart(&mut self, state: State, jump: u64) {
        self.state = state;
        self.jump = jump;
        self.asking = false;
        self.retry_at = None;
        self.failures = 0;
        self.fetching = None;
        self.buffer.clear();
    }

    /// Goes on at `place`, where some leader's log is to be trusted only if the epoch is not known; what was fetched is dropped.
    pub(super) fn jump_to(&mut self, place: Place, jump: u64) {
        self.forget(State::Fetch, jump);
        self.position = Some(place);
        self.fetch_offset = place.offset;
    }

    /// Goes on at the position once `state` is over; what was fetched is dropped.
    pub(super) fn recheck(&mut self, state: State, jump: u64) {
        self.restart(state, jump);
        self.fetch_offset = self.position.map_or(0, |place| place.offset);
    }

    /// Nothing goes on before the owner chooses another position.
    pub(super) fn stick(&mut self, error: Error, jump: u64) {
        self.recheck(State::Stuck(Box::new(error)), jump);
    }

    /// The leader's log has the position.
    pub(super) fn validated(&mut self) {
        self.state = State::Fetch;
        self.asking = false;
        self.failures = 0;
        self.retry_at = None;
    }

    /// The next record to hand out, once it is known; not while another one is looked for.
    pub(super) fn position(&self) -> Option<Place> {
        self.position.filter(|_| !matches!(self.state, State::Committed | State::Lookup(_)))
    }

    /// The position as it is committed.
    pub(super) fn committable(&self) -> Option<OffsetAndMetadata> {
        let place = self.position()?;
        let leader_epoch = (place.epoch >= 0).then_some(place.epoch);
        Some(OffsetAndMetadata { offset: place.offset, leader_epoch, metadata: String::new() })
    }

    /// Takes note of who leads which topic. A topic that was deleted and made anew has none of the old offsets; a new leader is to be
    /// asked whether it has the record before the position, if the epoch of that is known.
    pub(super) fn notice(&mut self, topic_id: Uuid, leader: LeaderAndEpoch, jump: u64) {
        let recreated = !self.topic_id.is_nil() && !topic_id.is_nil() && self.topic_id != topic_id;
        if recreated && matches!(self.state, State::Fetch | State::Validate) {
            tracing::info!(
                topic = &*self.topic,
                partition = self.partition,
                position = self.position.map(|place| place.offset),
                "the topic was deleted and made anew; auto.offset.reset decides where reading goes on"
            );
            self.forget(State::Lookup(Lookup::Policy(Why::Recreated)), jump);
        }
        if !topic_id.is_nil() {
            self.topic_id = topic_id;
        }
        if self.leader == Some(leader) {
            return;
        }
        self.leader = Some(leader);
        let Some(place) = self.position else { return };
        match self.state {
            State::Fetch | State::Validate if place.epoch >= 0 && leader.1 >= 0 => self.recheck(State::Validate, jump),
            State::Validate => self.recheck(State::Fetch, jump),
            _ => {}
        }
    }

    pub(super) fn has_records(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Bytes that wait to be handed out.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Drops what was fetched; it is fetched again.
    pub(super) fn give_back(&mut self, jump: u64) {
        self.recheck(State::Fetch, jump);
    }

    fn invalid(&self, (offset, source): (i64, InvalidRecords)) -> Error {
        Error::Records { topic: Arc::clone(&self.topic), partition: self.partition, offset, source }
    }

    /// Takes over what a broker sent for [`fetch_offset`](Self::fetch_offset).
    pub(super) fn absorb(&mut self, arrived: Arrived) -> Result<()> {
        self.fetch_offset = self.buffer.push(self.fetch_offset, arrived).map_err(|invalid| self.invalid(invalid))?;
        Ok(())
    }

    /// Hands out up to `limit` records, and gives how many. An error is of the batch at the position, which stays there.
    pub(super) fn take(&mut self, limit: usize, rules: Rules, out: &mut Vec<FetchedBatch>) -> Result<usize> {
        let Some(place) = &mut self.position else { return Ok(0) };
        let taken = self.buffer.take((&self.topic, self.partition), place, limit, rules, out);
        taken.map_err(|invalid| self.invalid(invalid))
    }
}
