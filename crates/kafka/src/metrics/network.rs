//! Connections, requests and answers of one client, in all and per broker.
//!
//! Counterpart: org.apache.kafka.common.network.Selector.SelectorMetrics and org.apache.kafka.clients.NetworkClient.

use super::sensor::{Sensor, Windows};
use super::snapshot::Page;

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Authentication {
    /// A new connection was let in; `renewable` if the broker can ask for it again (KIP-368).
    Accepted { renewable: bool },
    /// A new connection was refused.
    Refused,
    /// An open connection proved itself again, which took so many milliseconds.
    Renewed { millis: f64 },
    /// An open connection failed to prove itself again.
    NotRenewed,
}

/// Requests out and answers in, of all brokers or one.
#[derive(Default)]
struct Traffic {
    /// Values are bytes with the length in front.
    requests: Sensor,
    answers: Sensor,
}

struct Node {
    id: i32,
    traffic: Traffic,
    /// Values are milliseconds.
    latency: Sensor,
}

#[derive(Default)]
struct Handshakes {
    accepted: Sensor,
    /// By brokers that never ask again.
    accepted_for_good: u64,
    refused: Sensor,
    renewed: Sensor,
    not_renewed: Sensor,
}

/// All of it. Bootstrap servers have negative ids, as with Java.
#[derive(Default)]
pub(super) struct Network {
    traffic: Traffic,
    opened: Sensor,
    closed: Sensor,
    open: u64,
    in_flight: u64,
    handshakes: Option<Box<Handshakes>>,
    /// By id.
    nodes: Vec<Node>,
}

impl Network {
    fn node(&mut self, id: i32) -> Option<&mut Node> {
        let at = match self.nodes.binary_search_by_key(&id, |node| node.id) {
            Ok(at) => at,
            Err(at) => {
                self.nodes.reserve_exact(1);
                self.nodes.insert(at, Node { id, traffic: Traffic::default(), latency: Sensor::default() });
                at
            }
        };
        self.nodes.get_mut(at)
    }

    pub(super) fn opened(&mut self, windows: Windows, now: u64) {
        self.open += 1;
        self.opened.record(windows, now, 1.0);
    }

    pub(super) fn closed(&mut self, windows: Windows, now: u64) {
        self.open = self.open.saturating_sub(1);
        self.closed.record(windows, now, 1.0);
    }

    pub(super) fn sent(&mut self, windows: Windows, now: u64, node: i32, bytes: usize, has_answer: bool) {
        self.in_flight += u64::from(has_answer);
        self.traffic.requests.record(windows, now, bytes as f64);
        if let Some(node) = self.node(node) {
            node.traffic.requests.record(windows, now, bytes as f64);
        }
    }

    pub(super) fn answered(&mut self, windows: Windows, now: u64, node: i32, bytes: usize, millis: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.traffic.answers.record(windows, now, bytes as f64);
        if let Some(node) = self.node(node) {
            node.traffic.answers.record(windows, now, bytes as f64);
            node.latency.record(windows, now, millis);
        }
    }

    /// Requests whose answers will not come.
    pub(super) fn given_up(&mut self, requests: u64) {
        self.in_flight = self.in_flight.saturating_sub(requests);
    }

    pub(super) fn authenticated(&mut self, windows: Windows, now: u64, how: Authentication) {
        let handshakes = self.handshakes.get_or_insert_default();
        match how {
            Authentication::Accepted { renewable } => {
                handshakes.accepted.record(windows, now, 1.0);
                handshakes.accepted_for_good += u64::from(!renewable);
            }
            Authentication::Refused => handshakes.refused.record(windows, now, 1.0),
            Authentication::Renewed { millis } => handshakes.renewed.record(windows, now, millis),
            Authentication::NotRenewed => handshakes.not_renewed.record(windows, now, 1.0),
        }
    }

    pub(super) fn write(&self, page: &mut Page<'_>) {
        page.events("connection-creation", "Connections opened", &self.opened);
        page.events("connection-close", "Connections closed", &self.closed);
        page.number("connection-count", self.open as f64, "Connections that are open.");
        self.traffic.write(page);
        let (windows, now) = (page.windows, page.now);
        let rate = |sensor: &Sensor| sensor.event_rate(windows, now);
        let moved = rate(&self.traffic.requests) + rate(&self.traffic.answers);
        page.number("network-io-rate", moved, "Requests and answers, per second.");
        let moved = self.traffic.requests.total_events() + self.traffic.answers.total_events();
        page.number("network-io-total", moved, "Requests and answers, in all.");
        let none = Handshakes::default();
        let handshakes = self.handshakes.as_deref().unwrap_or(&none);
        page.events("successful-authentication", "Connections that brokers let in", &handshakes.accepted);
        page.number(
            "successful-authentication-no-reauth-total",
            handshakes.accepted_for_good as f64,
            "Connections let in by brokers that cannot ask for proof again, in all.",
        );
        page.events("failed-authentication", "Connections that brokers refused", &handshakes.refused);
        let what = "Open connections that proved themselves again";
        page.events("successful-reauthentication", what, &handshakes.renewed);
        let what = "Open connections that could not prove themselves again";
        page.events("failed-reauthentication", what, &handshakes.not_renewed);
        let what = "Milliseconds until an open connection had proved itself again";
        page.spread("reauthentication-latency", what, &handshakes.renewed);
    }

    /// Ids of brokers that were talked to.
    pub(super) fn nodes(&self) -> impl Iterator<Item = i32> {
        self.nodes.iter().map(|node| node.id)
    }

    pub(super) fn write_node(&self, id: i32, page: &mut Page<'_>) {
        if let Some(node) = self.nodes.iter().find(|node| node.id == id) {
            node.traffic.write(page);
            page.spread("request-latency", "Milliseconds from a request to its answer", &node.latency);
        }
    }

    pub(super) fn requests_in_flight(&self) -> f64 {
        self.in_flight as f64
    }
}

impl Traffic {
    fn write(&self, page: &mut Page<'_>) {
        page.events("request", "Requests sent", &self.requests);
        page.spread("request-size", "Bytes of a request", &self.requests);
        page.sums("outgoing-byte", "Bytes sent", &self.requests);
        page.events("response", "Answers received", &self.answers);
        page.sums("incoming-byte", "Bytes received", &self.answers);
    }
}
