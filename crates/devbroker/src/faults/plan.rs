//! A mixture of faults from one seed, for long runs.

use super::api::Api;
use super::fault::FaultAction;
use super::rules::Arrived;
use super::seeded;
use std::collections::HashMap;
use std::time::Duration;

/// Faults of all kinds, as a seed decides: the same seed and the same requests give the same faults, however clients interleave.
///
/// Without further words one request in twenty is hit: delayed, dropped, applied without an answer, answered by half, or refused with an
/// error of its API that clients retry.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    seed: u64,
    chance: f64,
    apis: Vec<Api>,
    actions: Option<Vec<FaultAction>>,
    client_id: Option<String>,
    pub(super) left: Option<usize>,
    seen: HashMap<(String, Api), u64>,
}

impl FaultPlan {
    /// The default mixture.
    pub fn from_seed(seed: u64) -> Self {
        Self { seed, chance: 0.05, apis: Vec::new(), actions: None, client_id: None, left: None, seen: HashMap::new() }
    }

    /// The probability that a request is hit.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    /// Only requests of these APIs.
    #[must_use]
    pub fn apis(mut self, apis: &[Api]) -> Self {
        self.apis = apis.to_vec();
        self
    }

    /// Only these actions, each as likely as the others.
    #[must_use]
    pub fn actions(mut self, actions: &[FaultAction]) -> Self {
        self.actions = Some(actions.to_vec());
        self
    }

    /// Only requests with this `client.id`.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Ends after this many faults.
    #[must_use]
    pub fn at_most(mut self, faults: usize) -> Self {
        self.left = Some(faults);
        self
    }

    /// The fault of a request, if it gets one.
    pub(super) fn decide(&mut self, arrived: &Arrived<'_>) -> Option<FaultAction> {
        let wanted = (self.apis.is_empty() || self.apis.contains(&arrived.api))
            && self.client_id.as_deref().is_none_or(|id| id == arrived.client_id)
            && self.left != Some(0);
        if !wanted {
            return None;
        }
        let count = self.seen.entry((arrived.client_id.to_owned(), arrived.api)).or_default();
        *count += 1;
        let drawn = seeded::draw(self.seed, arrived.client_id, arrived.api, *count);
        if !drawn.is_below(self.chance) {
            return None;
        }
        let drawn = drawn.next(1);
        let action = match &self.actions {
            Some(actions) => actions.get(drawn.index(actions.len())).copied()?,
            None => match (drawn.index(6), retried(arrived.api)) {
                (0, _) => FaultAction::Delay(Duration::from_millis(5 + drawn.next(2).index(100) as u64)),
                (1, _) => FaultAction::ApplyThenDrop,
                (2, _) => FaultAction::HalfAnswer,
                (3, _) | (_, &[]) => FaultAction::Drop,
                (_, codes) => FaultAction::Error(codes.get(drawn.next(3).index(codes.len())).copied()?),
            },
        };
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(action)
    }
}

/// Errors of an API that mean no more than "try again".
fn retried(api: Api) -> &'static [i16] {
    const LEADER_NOT_AVAILABLE: i16 = 5;
    const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    const NOT_COORDINATOR: i16 = 16;
    const NOT_ENOUGH_REPLICAS: i16 = 19;
    const CONCURRENT_TRANSACTIONS: i16 = 51;
    match api {
        Api::Produce => &[NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS],
        Api::Fetch | Api::ListOffsets | Api::OffsetForLeaderEpoch | Api::DeleteRecords => &[NOT_LEADER_OR_FOLLOWER],
        Api::Metadata => &[LEADER_NOT_AVAILABLE],
        Api::FindCoordinator => &[COORDINATOR_NOT_AVAILABLE],
        Api::AddPartitionsToTxn | Api::AddOffsetsToTxn | Api::EndTxn => {
            &[COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS]
        }
        Api::JoinGroup
        | Api::SyncGroup
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::OffsetCommit
        | Api::OffsetFetch
        | Api::OffsetDelete
        | Api::DescribeGroups
        | Api::DeleteGroups
        | Api::InitProducerId
        | Api::TxnOffsetCommit => &[COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR],
        _ => &[],
    }
}
