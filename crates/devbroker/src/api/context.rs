//! What every handler knows of its request: who asks, at which node, and what a fault wants of it.

use super::wire;
use crate::broker::Shared;
use crate::nodes::Node;
use crate::quotas::Quota;
use crate::server::Connection;
use crate::topics::Topic;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::produce_response::NodeEndpoint;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A request on its way to its handler.
pub(crate) struct Context<'a> {
    pub shared: &'a Shared,
    pub connection: &'a Connection,
    pub client_id: &'a str,
    pub version: i16,
    /// Error that a fault wants to be answered instead of the effect; 0 is none.
    pub fault: i16,
    /// The topic, or the partition of it, that the fault is about; without it, all.
    pub fault_place: Option<(String, Option<i32>)>,
    /// Milliseconds that the client is to be throttled.
    pub throttle: AtomicU32,
}

impl Context<'_> {
    /// The node that the client asked.
    pub fn node(&self) -> i32 {
        self.connection.node
    }

    /// Error that a fault wants for a partition; 0 is none.
    pub fn fault_at(&self, topic: &str, index: i32) -> i16 {
        match &self.fault_place {
            Some((name, partition)) if name != topic || partition.is_some_and(|wanted| wanted != index) => 0,
            _ => self.fault,
        }
    }

    /// Error that a fault wants for a topic; 0 is none.
    pub fn fault_of_topic(&self, topic: &str) -> i16 {
        match &self.fault_place {
            Some((name, _)) if name != topic => 0,
            _ => self.fault,
        }
    }

    /// Leader and epoch of a partition, as an answer hints at them.
    pub fn current_leader(&self, topic: &Topic, index: i32) -> Option<(i32, i32)> {
        let epoch = topic.partition(index)?.leader_epoch();
        Some((self.shared.cluster.placement(topic, index).leader, epoch)).filter(|(leader, _)| *leader > 0)
    }

    /// The endpoints of the nodes that answers hint at.
    pub fn endpoints(&self, ids: &BTreeSet<i32>) -> Vec<NodeEndpoint> {
        let nodes = ids.iter().filter_map(|&id| self.shared.cluster.node(id));
        let endpoint = |node: &Node| {
            NodeEndpoint::default()
                .with_node_id(BrokerId(node.id))
                .with_host(wire::text(&self.connection.host))
                .with_port(i32::from(node.port(self.connection.listener)))
                .with_rack(node.rack.as_ref().map(wire::text))
        };
        nodes.map(endpoint).collect()
    }

    /// Whether this node takes requests for a partition that only its leader takes; `epoch` is the one the client knows, -1 for none.
    pub fn check_leader(&self, topic: Option<&Topic>, index: i32, epoch: i32) -> Result<(), ResponseError> {
        let Some((topic, log)) = topic.and_then(|topic| Some((topic, topic.partition(index)?))) else {
            return Err(ResponseError::UnknownTopicOrPartition);
        };
        match self.fault_at(&topic.name, index) {
            0 => self.shared.cluster.check_leader(self.node(), topic, index, &log, epoch),
            code => Err(ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError)),
        }
    }

    /// Milliseconds that the answer tells the client to keep away.
    pub fn throttle_ms(&self) -> i32 {
        i32::try_from(self.throttle.load(Ordering::Relaxed)).unwrap_or(i32::MAX)
    }

    /// Throttles the client at least that long.
    pub fn throttle_for(&self, time: Duration) {
        self.throttle.fetch_max(u32::try_from(time.as_millis()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Notes what a fetch gives to the client; true if it is over its quota, must get nothing and is throttled.
    pub fn consumed(&self, bytes: usize) -> bool {
        let time = self.shared.quotas.record_fetch(self.client_id, bytes);
        self.throttle_for(time);
        !time.is_zero()
    }

    /// Notes the bytes of a produce request, or the time that another request took.
    pub fn used(&self, quota: Quota, amount: f64) {
        self.throttle_for(self.shared.quotas.record(quota, self.client_id, amount));
    }
}
