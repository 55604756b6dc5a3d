//! The fetches that are with each broker, and how long it may wait for records.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractFetch (the part that keeps a node's session).
//!
//! A broker answers one request of a connection at a time, so a fetch that waits delays whatever is asked behind it. A consumer that
//! has nothing to read lets the broker wait longer and longer, to cost nearly nothing; as soon as there is something else to ask for
//! (a seek, a resumed or a new partition), a long wait is cut short by closing the connection.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::fetch::{Fetched, Means, Order, fetch};
use super::session::{Asked, Session};
use crate::config::ConsumerConfig;
use crate::net::Lane;

/// Answers without records before a wait grows.
const PATIENT: u32 = 4;
/// Longest wait of a fetch whose user has not set one.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// For how long leaders alone are asked once a replica has failed; twice as long each time that it fails again.
const LEADERS_ONLY: Duration = Duration::from_secs(5);
/// Sessions that a broker may refuse one after the other before it is asked more slowly.
const RENEWALS: u32 = 3;

#[derive(Default)]
struct Broker {
    /// `None` while a fetch is under way.
    session: Option<Session>,
    /// The session that the broker keeps.
    session_id: Option<i32>,
    /// Until when the fetch under way may wait, if it is with the broker.
    waits_until: Option<Instant>,
    /// Gives up the fetch under way, if that may wait long.
    cut: Option<oneshot::Sender<()>>,
    /// Answers without records in a row.
    idle: u32,
    /// Refused sessions in a row.
    refused: u32,
}

impl Broker {
    fn free() -> Self {
        Self { session: Some(Session::default()), ..Self::default() }
    }
}

/// A fetch that is due.
pub(super) struct Wanted {
    pub node: i32,
    /// Sorted.
    pub partitions: Vec<Asked>,
    /// Whether the broker may name a replica in the consumer's rack instead of answering.
    pub rack: bool,
    /// Whether every partition that can be read is, so that the broker may wait long for records.
    pub quiet: bool,
}

/// Whether replicas that leaders would rather have this consumer read from (KIP-392) can be read from. A leader goes on naming one that
/// only this consumer cannot reach, and answers with nothing else; so after a failure leaders are not told the rack for a while.
/// By node id: one that works says nothing of another.
#[derive(Default)]
pub(super) struct Replicas(HashMap<i32, Trouble>);

/// A replica that could not be read from.
struct Trouble {
    /// In a row.
    failures: u32,
    avoided_until: Instant,
}

impl Replicas {
    /// Whether one could not be read from, and has not worked since.
    pub(super) fn has_failed(&self, node: i32) -> bool {
        self.0.contains_key(&node)
    }

    /// Whether leaders are to answer themselves.
    pub(super) fn are_avoided_at(&self, now: Instant) -> bool {
        self.0.values().any(|trouble| now < trouble.avoided_until)
    }

    /// One could not be read from.
    pub(super) fn failed(&mut self, node: i32, now: Instant, longest: Duration) {
        let trouble = self.0.entry(node).or_insert(Trouble { failures: 0, avoided_until: now });
        let time = LEADERS_ONLY.saturating_mul(1 << trouble.failures.min(16)).min(longest);
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.avoided_until = now + time;
    }

    /// One could be read from.
    pub(super) fn worked(&mut self, node: i32) {
        self.0.remove(&node);
    }
}

/// By node id.
#[derive(Default)]
pub(super) struct Brokers(HashMap<i32, Broker>);

impl Brokers {
    /// Whether no fetch is under way.
    pub(super) fn is_free(&self, node: i32) -> bool {
        self.0.get(&node).is_none_or(|broker| broker.session.is_some())
    }

    /// Something else is to be fetched than what the fetch under way asks for: if that may wait long, it is given up.
    pub(super) fn cut(&mut self, means: &Means, node: i32, now: Instant) {
        let Some(broker) = self.0.get_mut(&node) else { return };
        let long = broker.waits_until.is_none_or(|until| until > now + means.config.fetch_max_wait);
        if long && let Some(cut) = broker.cut.take() {
            // It may just have ended.
            cut.send(()).unwrap_or(());
        }
    }

    /// A fetch from a broker that is free.
    pub(super) fn fetch(
        &mut self,
        means: &Means,
        wanted: Wanted,
        now: Instant,
    ) -> impl Future<Output = Fetched> + Send + 'static + use<> {
        let Wanted { node, partitions, rack, quiet } = wanted;
        let broker = self.0.entry(node).or_insert_with(Broker::free);
        let session = broker.session.take().unwrap_or_default();
        let wait = wait(&means.config, if quiet { broker.idle } else { 0 });
        let mut given_up = None;
        broker.cut = None;
        if wait > means.config.fetch_max_wait {
            let (sender, receiver) = oneshot::channel();
            (broker.cut, given_up) = (Some(sender), Some(receiver));
            // How long it takes to connect is not known.
            let is_open = means.cluster.open_connection(node, Lane::Fetch).is_some();
            broker.waits_until = is_open.then(|| now + wait);
        }
        fetch(means, Order { node, session, wanted: partitions, wait, rack, given_up })
    }

    /// A fetch has been answered.
    pub(super) fn answered(&mut self, node: i32, session: Session, records: bool) {
        let broker = self.0.entry(node).or_default();
        broker.session_id = session.id();
        broker.session = Some(session);
        broker.refused = 0;
        broker.idle = if records { 0 } else { broker.idle.saturating_add(1) };
    }

    /// A fetch has come to nothing.
    pub(super) fn failed(&mut self, node: i32, session: Session) {
        let broker = self.0.entry(node).or_default();
        broker.session = Some(session);
        broker.idle = 0;
    }

    /// Whether a session that was refused is renewed at once.
    pub(super) fn may_renew(&mut self, node: i32) -> bool {
        let broker = self.0.entry(node).or_default();
        broker.refused += 1;
        broker.refused <= RENEWALS
    }

    /// Brokers, and the sessions that they keep.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (i32, i32)> {
        self.0.iter().filter_map(|(node, broker)| Some((*node, broker.session_id?)))
    }
}

/// How long a broker may wait for records after so many answers without any.
fn wait(config: &ConsumerConfig, idle: u32) -> Duration {
    let first = config.fetch_max_wait;
    // A broker that waits for more than one byte holds back what there is.
    if !config.fetch_wait_may_grow || config.fetch_min_bytes > 1 {
        return first;
    }
    let longest = LONGEST_WAIT.min(config.client.request_timeout / 2).max(first);
    first.saturating_mul(1 << idle.saturating_sub(PATIENT).min(10)).min(longest)
}
