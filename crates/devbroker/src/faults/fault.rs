//! One fault: which requests it hits, how often, and what happens to them.

use super::api::Api;
use super::rules::Arrived;
use super::seeded;
use std::collections::HashMap;
use std::time::Duration;

/// What happens to a request that a fault is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// The request waits this long, then goes on as usual.
    Delay(Duration),
    /// The connection is closed, the request has no effect.
    Drop,
    /// The request takes effect, then the connection is closed instead of answering.
    ApplyThenDrop,
    /// The request takes effect, the first half of the answer is sent, then the connection is closed.
    HalfAnswer,
    /// The request has no effect and is answered with this Kafka error code, at the place where its answer has room for it: per
    /// partition, topic, group or resource where the API has that; where the fault names a partition, on that one only.
    Error(i16),
    /// The request takes effect and is answered with this Kafka error code all the same.
    ApplyThenError(i16),
    /// The request takes effect, the answer says that the client is throttled for so long (`throttle_time_ms`), and for that time
    /// nothing more is read from its connection.
    Throttle(Duration),
    /// The request waits until [`Faults::release`](super::Faults::release), then goes on as usual. A hung broker.
    Stall,
    /// The request takes effect, the answer waits until [`Faults::release`](super::Faults::release).
    ApplyThenStall,
}

/// A fault: which requests, how many of them, and what happens. It hits the next matching request unless told otherwise.
#[derive(Debug, Clone)]
pub struct Fault {
    api: Option<Api>,
    client_id: Option<String>,
    node: Option<i32>,
    topic: Option<String>,
    partition: Option<i32>,
    pub(super) action: FaultAction,
    /// How many requests are still let pass.
    pass: usize,
    /// How many are still to be hit; `None` is all.
    pub(super) left: Option<usize>,
    chance: Option<(f64, u64)>,
    /// Matching requests so far, by client and API: what the seed's decisions are drawn from.
    seen: HashMap<(String, Api), u64>,
}

impl Fault {
    /// Hits the next request of an API.
    pub fn on(api: Api, action: FaultAction) -> Self {
        Self { api: Some(api), ..Self::on_any(action) }
    }

    /// Hits the next request of any API.
    pub fn on_any(action: FaultAction) -> Self {
        Self {
            api: None,
            client_id: None,
            node: None,
            topic: None,
            partition: None,
            action,
            pass: 0,
            left: Some(1),
            chance: None,
            seen: HashMap::new(),
        }
    }

    /// Only requests with this `client.id`.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Only requests that reach this node.
    #[must_use]
    pub fn node(mut self, node: i32) -> Self {
        self.node = Some(node);
        self
    }

    /// Only requests that name this topic. An error is then answered for this topic only.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Only requests that name this partition of a topic. An error is then answered for this partition only.
    #[must_use]
    pub fn partition(mut self, topic: impl Into<String>, partition: i32) -> Self {
        self.partition = Some(partition);
        self.topic(topic)
    }

    /// Hits this many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Hits all requests until [`Faults::clear`](super::Faults::clear).
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.pass = requests;
        self
    }

    /// Hits a matching request with this probability only. The seed, the client id, the API and how many requests of them there were
    /// before decide, so the same requests meet the same faults however clients interleave.
    #[must_use]
    pub fn chance(mut self, chance: f64, seed: u64) -> Self {
        self.chance = Some((chance, seed));
        self
    }

    /// Where an error goes, if not everywhere.
    pub(super) fn place(&self) -> Option<(String, Option<i32>)> {
        self.topic.as_ref().map(|topic| (topic.clone(), self.partition))
    }

    /// Whether it hits a request; counts those that it could.
    pub(super) fn hits(&mut self, arrived: &Arrived<'_>) -> bool {
        let matches = self.api.is_none_or(|api| api == arrived.api)
            && self.node.is_none_or(|node| node == arrived.node)
            && self.client_id.as_deref().is_none_or(|id| id == arrived.client_id)
            && self.topic.as_deref().is_none_or(|topic| {
                arrived.touched().iter().any(|(name, index)| {
                    name == topic && self.partition.is_none_or(|wanted| index.is_none_or(|index| index == wanted))
                })
            });
        if !matches {
            return false;
        }
        if self.pass > 0 {
            self.pass -= 1;
            return false;
        }
        if let Some((chance, seed)) = self.chance {
            let count = self.seen.entry((arrived.client_id.to_owned(), arrived.api)).or_default();
            *count += 1;
            if !seeded::draw(seed, arrived.client_id, arrived.api, *count).is_below(chance) {
                return false;
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        true
    }
}

/// A request that a fault hit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// Its API.
    pub api: Api,
    /// The API version it was sent in.
    pub version: i16,
    /// Its `client.id`, empty for none.
    pub client_id: String,
    /// The node it reached.
    pub node: i32,
    /// What happened to it.
    pub action: FaultAction,
}
