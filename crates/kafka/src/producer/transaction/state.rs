//! Where a transaction stands, and what is to be done next about it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use milena_api::record::TopicPartition;

use super::super::accumulator::Accumulator;
use super::super::partition_queue::{Enrolled, Identity};
use crate::error::{Error, Result};
use crate::error_code::ErrorCode;
use crate::group_metadata::GroupMetadata;
use crate::offset_and_metadata::OffsetAndMetadata;

/// A call of the owner that takes several requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Init,
    Commit,
    Abort,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init_transactions",
            Self::Commit => "commit_transaction",
            Self::Abort => "abort_transaction",
        }
    }
}

/// The outcome of a call; it outlives the caller's future, so that another call can still learn of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    result: OnceLock<Result<()>>,
    taken: AtomicBool,
}

impl Answer {
    /// The result if it is there; the next call of its kind is a new one then.
    pub(super) fn take(&self) -> Option<Result<()>> {
        let result = self.result.get()?.clone();
        self.taken.store(true, Ordering::Release);
        Some(result)
    }

    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    fn give(&self, result: Result<()>) {
        // The first result counts.
        self.result.get_or_init(|| result);
    }
}

#[derive(Debug, Clone)]
enum State {
    Uninitialized,
    /// A producer id is being asked for; under an identity if its epoch is to be raised.
    Initializing {
        raise: bool,
    },
    Ready,
    InTransaction,
    Committing,
    Aborting,
    /// Only an abort helps.
    Failed(Error),
    /// Only another producer helps.
    Over(Error),
}

/// Offsets to commit with the transaction.
#[derive(Debug, Clone)]
pub(in crate::producer) struct Offsets {
    pub offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    pub group: GroupMetadata,
    /// The coordinator knows that the group takes part.
    pub enrolled: bool,
    answer: Arc<Answer>,
}

/// Something to ask a coordinator.
#[derive(Debug)]
pub(in crate::producer) enum Job {
    Identify {
        current: Option<Identity>,
    },
    AddPartitions {
        identity: Identity,
        partitions: Vec<(usize, usize)>,
        names: Vec<(Arc<str>, i32)>,
    },
    SendOffsets {
        identity: Identity,
        v2: bool,
        offsets: Offsets,
    },
    /// `in_doubt`: the coordinator may know of no transaction.
    End {
        identity: Identity,
        v2: bool,
        commit: bool,
        in_doubt: bool,
    },
}

impl Job {
    fn kind(&self) -> Kind {
        match self {
            Self::Identify { .. } => Kind::Identify,
            Self::AddPartitions { .. } | Self::SendOffsets { .. } => Kind::Enlarge,
            Self::End { .. } => Kind::End,
        }
    }

    /// Offsets that were being sent.
    pub(super) fn into_offsets(self) -> Option<Offsets> {
        match self {
            Self::SendOffsets { offsets, .. } => Some(offsets),
            _ => None,
        }
    }
}

/// What a job means for the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Identify,
    /// Something is to take part.
    Enlarge,
    End,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::producer) enum Done {
    Identified(Identity),
    Added(Vec<(usize, usize)>),
    OffsetsSent(Offsets),
    /// Transactions of version 2 go on under another epoch.
    Ended(Option<Identity>),
}

/// What is left to do after a final refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::producer) enum Remedy {
    Abort,
    /// Ask again once the rights are there.
    InitAgain,
    /// It was given up because the transaction is over; in doubt if the coordinator may have done it all the same.
    Stopped {
        in_doubt: bool,
    },
    None,
}

/// A final refusal.
#[derive(Debug)]
pub(in crate::producer) struct Failure {
    pub error: Error,
    pub remedy: Remedy,
    /// Offsets that were being sent.
    pub offsets: Option<Offsets>,
}

/// The transactional half of a producer.
#[derive(Debug)]
pub(in crate::producer) struct Transaction {
    id: Arc<str>,
    state: State,
    call: Option<(Call, Arc<Answer>)>,
    /// Version 2 (KIP-890): partitions enrol with the first write, every end raises the epoch.
    v2: bool,
    /// The coordinator may know of it.
    started: bool,
    /// It may as well not, as nothing that it was asked was answered.
    in_doubt: bool,
    /// A request that was given up may still arrive, and would begin a transaction that nobody ends; a raised epoch keeps it out.
    may_reopen: bool,
    /// The epoch must be raised before the next transaction.
    needs_raise: bool,
    /// To be told to the coordinator before anything is written there.
    new_partitions: Vec<(usize, usize)>,
    enrolled: Vec<(usize, usize)>,
    offsets: VecDeque<Offsets>,
    /// What is being asked of a coordinator.
    job: Option<Kind>,
}

impl Transaction {
    pub(in crate::producer) fn new(id: &Arc<str>) -> Self {
        Self {
            id: Arc::clone(id),
            state: State::Uninitialized,
            call: None,
            v2: false,
            started: false,
            in_doubt: false,
            may_reopen: false,
            needs_raise: false,
            new_partitions: Vec::new(),
            enrolled: Vec::new(),
            offsets: VecDeque::new(),
            job: None,
        }
    }

    pub(in crate::producer) fn is_v2(&self) -> bool {
        self.v2
    }

    fn doing(&self, what: &str) -> String {
        format!("{what}: producer with transactional id {}", self.id)
    }

    fn illegal(&self, what: &str, reason: impl Into<String>) -> Error {
        Error::illegal(self.doing(&format!("cannot {what}")), reason)
    }

    /// The error state as an error of a call.
    fn error(&self, what: &str) -> Option<Error> {
        let (cause, fatal) = match &self.state {
            State::Failed(cause) => (cause, false),
            State::Over(cause) => (cause, true),
            _ => return None,
        };
        let reason = match (fatal, cause.code()) {
            (true, Some(code @ ErrorCode::PRODUCER_FENCED)) => {
                format!("it was fenced by another producer with the same transactional id, close this one ({code})")
            }
            (true, _) => format!("it cannot go on, close it; {cause}"),
            (false, _) => format!("the transaction failed and must be aborted; {cause}"),
        };
        Some(Error::Transaction { doing: self.doing(&format!("cannot {what}")), reason, code: cause.code(), fatal })
    }

    fn in_the_way(&self, what: &str) -> Option<Error> {
        let (call, answer) = self.call.as_ref()?;
        if answer.is_taken() {
            return None;
        }
        let name = call.name();
        Some(self.illegal(what, format!("the outcome of {name} is not known yet; call {name} again first")))
    }

    /// Begins a call, or finds the one of its kind whose outcome nobody has taken.
    pub(super) fn call(&mut self, call: Call) -> Result<Arc<Answer>> {
        match &self.call {
            Some((known, answer)) if *known == call && !answer.is_taken() => return Ok(Arc::clone(answer)),
            _ => {}
        }
        let what = call.name();
        if let Some(error) = self.in_the_way(what) {
            return Err(error);
        }
        let failed = matches!(self.state, State::Failed(_));
        if let Some(error) = self.error(what).filter(|_| !(failed && call == Call::Abort)) {
            return Err(error);
        }
        self.state = match (call, &self.state) {
            (Call::Init, State::Uninitialized) => State::Initializing { raise: false },
            (Call::Commit, State::InTransaction) => State::Committing,
            (Call::Abort, State::InTransaction | State::Failed(_)) => {
                self.new_partitions.clear();
                State::Aborting
            }
            _ => return Err(self.illegal(what, self.hint())),
        };
        let answer = Arc::new(Answer::default());
        self.call = Some((call, Arc::clone(&answer)));
        Ok(answer)
    }

    fn hint(&self) -> &'static str {
        match self.state {
            State::Uninitialized => "call init_transactions first",
            State::Initializing { .. } => "it is being initialized",
            State::Ready => "no transaction was begun",
            State::InTransaction => "a transaction is in progress",
            State::Committing => "the transaction is being committed",
            State::Aborting => "the transaction is being aborted",
            State::Failed(_) | State::Over(_) => "it has failed",
        }
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        let what = "begin_transaction";
        if let Some(error) = self.in_the_way(what).or_else(|| self.error(what)) {
            return Err(error);
        }
        if !matches!(self.state, State::Ready) {
            return Err(self.illegal(what, self.hint()));
        }
        self.state = State::InTransaction;
        Ok(())
    }

    pub(super) fn add_offsets(
        &mut self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        group: GroupMetadata,
    ) -> Result<Arc<Answer>> {
        let what = "send_offsets_to_transaction";
        if let Some(error) = self.in_the_way(what).or_else(|| self.error(what)) {
            return Err(error);
        }
        if !matches!(self.state, State::InTransaction) {
            return Err(self.illegal(what, self.hint()));
        }
        let answer = Arc::new(Answer::default());
        self.started |= self.v2;
        self.offsets.push_back(Offsets { offsets, group, enrolled: self.v2, answer: Arc::clone(&answer) });
        Ok(answer)
    }

    /// Whether a transaction would be left open if the producer went away now.
    pub(in crate::producer) fn is_open(&self) -> bool {
        match self.state {
            State::InTransaction | State::Committing | State::Aborting | State::Failed(_) => true,
            State::Initializing { .. } => self.may_reopen,
            State::Uninitialized | State::Ready | State::Over(_) => false,
        }
    }

    /// The producer is being closed: what nobody will end any more is aborted, whatever call has an outcome that was not asked for.
    pub(in crate::producer) fn wind_up(&mut self) {
        if matches!(self.state, State::InTransaction | State::Failed(_)) {
            tracing::info!(transactional_id = &*self.id, "aborting a transaction, as its producer is being closed");
            self.new_partitions.clear();
            self.call = Some((Call::Abort, Arc::default()));
            self.state = State::Aborting;
        }
    }

    /// Whether the coordinator is being asked for something that has no use any more.
    pub(in crate::producer) fn job_is_unwanted(&self) -> bool {
        match self.state {
            State::Failed(_) | State::Aborting => self.job == Some(Kind::Enlarge),
            State::Over(_) => self.job.is_some(),
            _ => false,
        }
    }

    /// Why no record can be taken now, if so.
    pub(in crate::producer) fn refusal_of_records(&self) -> Option<Error> {
        let what = "write records";
        self.error(what).or_else(|| match self.state {
            State::InTransaction => None,
            _ => Some(self.illegal(what, self.hint())),
        })
    }

    /// A partition takes part.
    pub(in crate::producer) fn enrol(&mut self, topic: usize, partition: usize) -> Enrolled {
        self.enrolled.push((topic, partition));
        if self.v2 {
            self.started = true;
            return Enrolled::Yes;
        }
        self.new_partitions.push((topic, partition));
        Enrolled::Asked
    }

    /// Batches are not waited for, as their end is.
    pub(in crate::producer) fn is_completing(&self) -> bool {
        matches!(self.state, State::Committing | State::Aborting)
    }

    /// Why batches that were never sent are given up, if so.
    pub(in crate::producer) fn aborts_batches(&self) -> Option<Error> {
        match &self.state {
            State::Failed(error) => Some(error.clone()),
            State::Aborting => Some(self.illegal("write records", "the transaction is being aborted")),
            _ => None,
        }
    }

    /// A batch could not be written, so the transaction would be incomplete.
    pub(in crate::producer) fn batch_failed(&mut self, error: &Error) {
        if !self.is_completing() || matches!(self.state, State::Committing) {
            self.needs_raise |= !self.v2;
        }
        self.fail(error.clone());
    }

    /// Nobody knows whether some records were written, and nobody will ask again.
    pub(in crate::producer) fn lost_records(&mut self) {
        // Also while it is being aborted: their sequence numbers are missing.
        self.needs_raise |= !self.v2;
        let reason = "the broker has not acknowledged records, which are not sent again";
        self.batch_failed(&Error::timeout(self.doing("cannot write records"), reason));
    }

    fn fail(&mut self, error: Error) {
        if !matches!(self.state, State::InTransaction | State::Committing | State::Initializing { .. }) {
            return;
        }
        tracing::warn!(transactional_id = &*self.id, %error, "the transaction has failed and must be aborted");
        self.state = State::Failed(error);
        self.answer_with_error();
        self.drop_offsets();
    }

    /// Answers a call that the error state ends.
    fn answer_with_error(&mut self) {
        let Some((call, answer)) = &self.call else { return };
        if let Some(error) = self.error(call.name()) {
            answer.give(Err(error));
        }
    }

    fn drop_offsets(&mut self) {
        for dropped in std::mem::take(&mut self.offsets) {
            let error = self.error("send_offsets_to_transaction");
            let aborted = || self.illegal("send_offsets_to_transaction", "the transaction is being aborted");
            dropped.answer.give(Err(error.unwrap_or_else(aborted)));
        }
    }

    /// Nothing helps any more.
    pub(in crate::producer) fn fail_for_good(&mut self, error: Error) {
        if matches!(self.state, State::Over(_)) {
            return;
        }
        tracing::error!(transactional_id = &*self.id, %error, "the transactional producer cannot go on");
        self.state = State::Over(error);
        self.answer_with_error();
        self.drop_offsets();
    }
}

impl Accumulator {
    /// What is to be asked of a coordinator now; one thing at a time.
    pub(in crate::producer) fn next_job(&mut self) -> Option<Job> {
        let idle = self.active.is_empty();
        let identity = self.identities.current;
        let transaction = self.transaction.as_mut()?;
        if transaction.job.is_some() {
            return None;
        }
        if transaction.is_completing() && idle && !transaction.started {
            if matches!(transaction.state, State::Aborting) {
                transaction.drop_offsets();
            }
            // A group that is still to be enrolled starts it yet.
            if transaction.offsets.is_empty() {
                self.complete(false);
                self.told = true;
            }
        }
        let transaction = self.transaction.as_mut()?;
        let job = match (&transaction.state, identity) {
            (State::Initializing { raise }, identity) => Job::Identify { current: identity.filter(|_| *raise) },
            (State::InTransaction | State::Committing, Some(identity)) if !transaction.new_partitions.is_empty() => {
                let partitions = std::mem::take(&mut transaction.new_partitions);
                let names = partitions.iter().filter_map(|(topic, partition)| {
                    Some((Arc::clone(&self.topics.get(*topic)?.name), i32::try_from(*partition).ok()?))
                });
                Job::AddPartitions { identity, names: names.collect(), partitions }
            }
            (State::InTransaction | State::Committing, Some(identity)) if !transaction.offsets.is_empty() => {
                let offsets = transaction.offsets.pop_front()?;
                Job::SendOffsets { identity, v2: transaction.v2, offsets }
            }
            (State::Committing | State::Aborting, Some(identity)) if idle && transaction.started => {
                transaction.drop_offsets();
                let commit = matches!(transaction.state, State::Committing);
                Job::End { identity, v2: transaction.v2, commit, in_doubt: transaction.in_doubt }
            }
            _ => return None,
        };
        transaction.job = Some(job.kind());
        Some(job)
    }

    /// Takes note of what came of a job; `v2` says whether the cluster has agreed on transactions of version 2 by now.
    pub(in crate::producer) fn job_done(&mut self, done: Result<Done, Failure>, v2: bool) {
        let Some(transaction) = &mut self.transaction else { return };
        let kind = transaction.job.take();
        match done {
            Ok(Done::Identified(identity)) => {
                if matches!(transaction.state, State::Initializing { .. }) {
                    transaction.may_reopen = false;
                    transaction.v2 = v2;
                    transaction.state = State::Ready;
                    if let Some((_, answer)) = &transaction.call {
                        answer.give(Ok(()));
                    }
                }
                self.reset_sequences(identity);
            }
            Ok(Done::Added(partitions)) => {
                transaction.started = true;
                for (topic, partition) in partitions {
                    let queue = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
                    if let Some(queue) = queue {
                        queue.enrolled = Enrolled::Yes;
                    }
                }
            }
            Ok(Done::OffsetsSent(offsets)) => {
                transaction.started = true;
                offsets.answer.give(Ok(()));
            }
            Ok(Done::Ended(identity)) => {
                if let Some(identity) = identity {
                    self.reset_sequences(identity);
                }
                self.complete(v2);
            }
            Err(failure) => self.job_failed(failure, kind),
        }
    }

    fn job_failed(&mut self, failure: Failure, kind: Option<Kind>) {
        let Failure { error, remedy, offsets } = failure;
        let Some(transaction) = &mut self.transaction else { return };
        if let Some(offsets) = &offsets {
            // The coordinator may know of the group already.
            transaction.started |= offsets.enrolled;
        }
        match remedy {
            Remedy::InitAgain if matches!(transaction.state, State::Initializing { .. }) => {
                transaction.state = State::Uninitialized;
                if let Some((_, answer)) = &transaction.call {
                    answer.give(Err(error.clone()));
                }
            }
            Remedy::Stopped { in_doubt } => {
                let in_doubt = in_doubt && !transaction.v2;
                transaction.in_doubt = in_doubt && !transaction.started;
                transaction.started |= in_doubt;
                transaction.may_reopen |= in_doubt;
                transaction.needs_raise |= in_doubt;
            }
            // It is being aborted already, and what failed was not that.
            Remedy::Abort if matches!(transaction.state, State::Aborting) && kind != Some(Kind::End) => {
                transaction.needs_raise |= !transaction.v2;
            }
            Remedy::Abort if !matches!(transaction.state, State::Aborting) => {
                transaction.needs_raise |= !transaction.v2;
                transaction.fail(error.clone());
            }
            _ => self.fail_for_good(error.clone()),
        }
        if let (Some(offsets), Some(transaction)) = (offsets, &self.transaction) {
            let error = transaction.error("send_offsets_to_transaction").unwrap_or(error);
            offsets.answer.give(Err(error));
        }
    }

    /// The transaction has ended; the next may begin, after the epoch was raised if that is necessary.
    fn complete(&mut self, v2: bool) {
        let Some(transaction) = &mut self.transaction else { return };
        // The first transaction of version 2 needs an epoch that none of version 1 had.
        let upgraded = v2 && !transaction.v2;
        (transaction.started, transaction.in_doubt) = (false, false);
        transaction.new_partitions.clear();
        for (topic, partition) in std::mem::take(&mut transaction.enrolled) {
            let queue = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
            if let Some(queue) = queue {
                queue.enrolled = Enrolled::No;
            }
        }
        if std::mem::take(&mut transaction.needs_raise) || upgraded {
            transaction.state = State::Initializing { raise: true };
            return;
        }
        transaction.state = State::Ready;
        if let Some((_, answer)) = &transaction.call {
            answer.give(Ok(()));
        }
    }
}
