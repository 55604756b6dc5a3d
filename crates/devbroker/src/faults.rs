//! Faults on demand: requests that are slow, lost before or after they took effect, or refused.
//!
//! A fault is set for the next N requests of one API, of all clients or of one client id. Order of several faults for the same API:
//! first set, first used.

use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// APIs of the broker, by their Kafka names; the value is the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
#[expect(missing_docs, reason = "the names are Kafka's own")]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    WriteTxnMarkers = 27,
    TxnOffsetCommit = 28,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    CreatePartitions = 37,
    DeleteGroups = 42,
    IncrementalAlterConfigs = 44,
    OffsetDelete = 47,
    DescribeCluster = 60,
    DescribeProducers = 61,
    DescribeTransactions = 65,
    ListTransactions = 66,
    DescribeTopicPartitions = 75,
}

/// What happens to a request that a fault is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// The request waits this long, then goes on as usual.
    Delay(Duration),
    /// The connection is closed, the request has no effect.
    Drop,
    /// The request takes effect, then the connection is closed instead of answering.
    ApplyThenDrop,
    /// The request has no effect and is answered with this Kafka error code, at the place where its answer has room for it: per
    /// partition, topic, group or resource where the API has that.
    Error(i16),
}

/// A fault: which requests, how many of them, and what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The API whose requests are hit.
    pub api: Api,
    /// Only requests with this `client.id`; `None` hits all.
    pub client_id: Option<String>,
    /// How many requests are hit.
    pub times: usize,
    /// What happens to them.
    pub action: FaultAction,
}

/// The faults of one broker.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<VecDeque<Fault>>,
    // Requests read this first, so that a broker without faults takes no lock.
    armed: AtomicUsize,
}

impl Faults {
    /// Hits the next `times` requests of `api`, of any client.
    pub fn next(&self, api: Api, times: usize, action: FaultAction) {
        self.add(Fault { api, client_id: None, times, action });
    }

    /// Adds a fault behind those that are set.
    pub fn add(&self, fault: Fault) {
        if fault.times == 0 {
            return;
        }
        let mut rules = lock(&self.rules);
        rules.push_back(fault);
        self.armed.store(rules.len(), Ordering::Release);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        lock(&self.rules).clear();
        self.armed.store(0, Ordering::Release);
    }

    /// How many requests are still to be hit.
    pub fn pending(&self) -> usize {
        lock(&self.rules).iter().map(|rule| rule.times).sum()
    }

    /// The fault of the request that just arrived, if one is set.
    pub(crate) fn take(&self, api_key: i16, client_id: Option<&str>) -> Option<FaultAction> {
        if self.armed.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut rules = lock(&self.rules);
        let index = rules.iter().position(|rule| {
            rule.api as i16 == api_key && rule.client_id.as_deref().is_none_or(|wanted| client_id == Some(wanted))
        })?;
        let rule = rules.get_mut(index)?;
        let action = rule.action;
        rule.times -= 1;
        if rule.times == 0 {
            rules.remove(index);
        }
        self.armed.store(rules.len(), Ordering::Release);
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_its_api_and_client_as_often_as_set() {
        let faults = Faults::default();
        faults.add(Fault { api: Api::Fetch, client_id: Some("a".into()), times: 2, action: FaultAction::Drop });
        faults.next(Api::Fetch, 1, FaultAction::ApplyThenDrop);
        assert_eq!(faults.take(Api::Produce as i16, Some("a")), None);
        assert_eq!(faults.take(Api::Fetch as i16, Some("b")), Some(FaultAction::ApplyThenDrop));
        assert_eq!(faults.take(Api::Fetch as i16, Some("b")), None);
        assert_eq!(faults.take(Api::Fetch as i16, Some("a")), Some(FaultAction::Drop));
        assert_eq!(faults.pending(), 1);
        assert_eq!(faults.take(Api::Fetch as i16, Some("a")), Some(FaultAction::Drop));
        assert_eq!(faults.take(Api::Fetch as i16, Some("a")), None);
    }
}
