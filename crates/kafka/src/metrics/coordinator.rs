//! A member's dealings with its group.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.GroupCoordinatorMetrics and
//! ConsumerCoordinator.ConsumerCoordinatorMetrics.

use super::sensor::{Sensor, Windows};
use super::snapshot::Page;

/// Values are milliseconds.
#[derive(Default)]
pub(super) struct Coordinator {
    pub commits: Sensor,
    pub joins: Sensor,
    pub syncs: Sensor,
    pub heartbeats: Heartbeats,
    pub rebalances: Rebalances,
    /// How long the owner took over partitions that were given, taken back, or lost.
    pub callbacks: Callbacks,
}

#[derive(Default)]
pub(super) struct Heartbeats {
    sent: Sensor,
    latency: Sensor,
    last: Option<u64>,
}

impl Heartbeats {
    pub(super) fn sent(&mut self, windows: Windows, now: u64) {
        self.sent.record(windows, now, 1.0);
        self.last = Some(now);
    }

    pub(super) fn answered(&mut self, windows: Windows, now: u64, millis: f64) {
        self.latency.record(windows, now, millis);
    }
}

#[derive(Default)]
pub(super) struct Rebalances {
    done: Sensor,
    failed: Sensor,
    last: Option<u64>,
}

impl Rebalances {
    pub(super) fn done(&mut self, windows: Windows, now: u64, millis: f64) {
        self.done.record(windows, now, millis);
        self.last = Some(now);
    }

    pub(super) fn failed(&mut self, windows: Windows, now: u64) {
        self.failed.record(windows, now, 1.0);
    }
}

#[derive(Default)]
pub(super) struct Callbacks {
    pub assigned: Sensor,
    pub revoked: Sensor,
    pub lost: Sensor,
}

impl Coordinator {
    pub(super) fn write(&self, page: &mut Page<'_>, assigned: usize) {
        page.number("assigned-partitions", assigned as f64, "Partitions that the group has given to this member.");
        page.events("commit", "Commits answered", &self.commits);
        page.spread("commit-latency", "Milliseconds from a commit to its answer", &self.commits);
        page.events("join", "Joins of the group", &self.joins);
        page.spread("join-time", "Milliseconds from a join to its answer", &self.joins);
        page.events("sync", "Assignments received", &self.syncs);
        page.spread("sync-time", "Milliseconds from asking for an assignment to having it", &self.syncs);
        page.events("heartbeat", "Heartbeats sent", &self.heartbeats.sent);
        page.most("heartbeat-response-time", "Milliseconds from a heartbeat to its answer", &self.heartbeats.latency);
        page.seconds_ago("last-heartbeat-seconds-ago", self.heartbeats.last, "Seconds since the last heartbeat.");
        let Rebalances { done, failed, last } = &self.rebalances;
        page.seconds_ago("last-rebalance-seconds-ago", *last, "Seconds since the last rebalance was through.");
        let (windows, now) = (page.windows, page.now);
        let per_hour = |sensor: &Sensor| sensor.event_rate(windows, now) * 3600.0;
        page.number("rebalance-rate-per-hour", per_hour(done), "Rebalances that went through, per hour.");
        page.number("rebalance-total", done.total_events(), "Rebalances that went through, in all.");
        page.spread("rebalance-latency", "Milliseconds that a rebalance took", done);
        page.number("rebalance-latency-total", done.total_sum(), "Milliseconds that rebalances took, in all.");
        page.number("failed-rebalance-rate-per-hour", per_hour(failed), "Rebalances that failed, per hour.");
        page.number("failed-rebalance-total", failed.total_events(), "Rebalances that failed, in all.");
        let owner = "Milliseconds that the owner took over";
        page.spread("partition-assigned-latency", &format!("{owner} new partitions"), &self.callbacks.assigned);
        let what = format!("{owner} partitions that the group wanted back");
        page.spread("partition-revoked-latency", &what, &self.callbacks.revoked);
        page.spread("partition-lost-latency", &format!("{owner} partitions that were lost"), &self.callbacks.lost);
    }
}
