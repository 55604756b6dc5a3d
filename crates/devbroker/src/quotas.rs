//! Client quotas: bytes produced and consumed, and time of request handling, per client id.
//!
//! Counterpart: org.apache.kafka.server.quota.ClientQuotaManager. Rates are kept over eleven windows of a second; who is above its quota is
//! told to keep away until the rate has come down, and its connection is not read for that time.

use crate::sync::lock;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: u32 = 11;

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Bytes per second of produce requests (`producer_byte_rate`).
    Produce,
    /// Bytes per second of fetched records (`consumer_byte_rate`).
    Consume,
    /// Time of request handling, in per cent of one thread (`request_percentage`).
    Request,
}

/// The quotas of one broker and what clients have used.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    state: Mutex<State>,
    // Requests read these first, so that a broker without quotas takes no lock.
    any: AtomicBool,
    requests: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// By client id; `None` is for each client that has none of its own.
    limits: HashMap<(Quota, Option<String>), f64>,
    used: HashMap<(Quota, String), Rate>,
}

impl Quotas {
    /// Sets or removes a quota.
    pub fn set(&self, quota: Quota, client_id: Option<&str>, limit: Option<f64>) {
        let mut state = lock(&self.state);
        let key = (quota, client_id.map(str::to_owned));
        match limit {
            Some(limit) => state.limits.insert(key, limit),
            None => state.limits.remove(&key),
        };
        // What was used before does not count against the new limit.
        state.used.retain(|(used, client), _| *used != quota || client_id.is_some_and(|id| id != client));
        self.any.store(!state.limits.is_empty(), Ordering::Release);
        self.requests.store(state.limits.keys().any(|(quota, _)| *quota == Quota::Request), Ordering::Release);
    }

    /// Whether the time of requests has to be taken.
    pub fn limits_requests(&self) -> bool {
        self.requests.load(Ordering::Acquire)
    }

    /// Notes an amount and says how long the client must keep away.
    pub fn record(&self, quota: Quota, client_id: &str, amount: f64) -> Duration {
        self.note(quota, client_id, amount, false)
    }

    /// Notes the bytes of a fetch, unless they are too much now: then they are not given, and do not count.
    pub fn record_fetch(&self, client_id: &str, bytes: usize) -> Duration {
        self.note(Quota::Consume, client_id, bytes as f64, true)
    }

    fn note(&self, quota: Quota, client_id: &str, amount: f64, takes_back: bool) -> Duration {
        if !self.any.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        let mut state = lock(&self.state);
        let own = state.limits.get(&(quota, Some(client_id.to_owned())));
        let Some(limit) = own.or_else(|| state.limits.get(&(quota, None))).copied() else { return Duration::ZERO };
        let rate = state.used.entry((quota, client_id.to_owned())).or_default();
        let now = Instant::now();
        rate.add(now, amount);
        let time = rate.throttle(now, limit);
        if takes_back && !time.is_zero() {
            rate.add(now, -amount);
        }
        // Request time is never held against a client for longer than one window.
        if quota == Quota::Request { time.min(WINDOW) } else { time }
    }
}

/// Amounts by window, oldest first.
#[derive(Debug, Default)]
struct Rate {
    windows: VecDeque<(Instant, f64)>,
}

impl Rate {
    fn add(&mut self, now: Instant, amount: f64) {
        self.forget(now);
        match self.windows.back_mut() {
            Some((start, sum)) if now.duration_since(*start) < WINDOW => *sum += amount,
            _ => self.windows.push_back((now, amount)),
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.windows.front().is_some_and(|(start, _)| now.duration_since(*start) >= WINDOW * WINDOWS) {
            self.windows.pop_front();
        }
    }

    /// Time over which the rate is taken: at least all but one of the windows, so that a first burst does not count too much.
    fn span(&self, now: Instant) -> Duration {
        let elapsed = self.windows.front().map_or(Duration::ZERO, |(start, _)| now.duration_since(*start));
        let full = u32::try_from(elapsed.as_secs()).unwrap_or(WINDOWS);
        elapsed + WINDOW * (WINDOWS - 1).saturating_sub(full)
    }

    /// How long nothing may be added until the rate is within the limit.
    fn throttle(&self, now: Instant, limit: f64) -> Duration {
        let span = self.span(now).as_secs_f64();
        let sum: f64 = self.windows.iter().map(|(_, sum)| sum).sum();
        let rate = sum / span;
        if rate <= limit {
            return Duration::ZERO;
        }
        let millis = ((rate - limit) / limit.max(f64::MIN_POSITIVE) * span * 1000.0).round();
        // A limit of next to nothing must not make an endless time of it.
        Duration::from_millis(millis.clamp(0.0, 3_600_000.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_above_its_rate_waits_until_the_rate_has_come_down() {
        let quotas = Quotas::default();
        quotas.set(Quota::Produce, None, Some(1000.0));
        assert_eq!(quotas.record(Quota::Produce, "c", 10_000.0), Duration::ZERO, "ten seconds' worth fit");
        // 15,000 in ten seconds are half as much again as allowed: five more seconds.
        assert_eq!(quotas.record(Quota::Produce, "c", 5_000.0), Duration::from_secs(5));
        assert_eq!(quotas.record(Quota::Produce, "other", 1.0), Duration::ZERO, "each client has its own");
        assert_eq!(quotas.record(Quota::Consume, "c", 1e9), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(quotas.record(Quota::Produce, "c", 1.0), Duration::ZERO, "old windows are forgotten");
        quotas.set(Quota::Produce, Some("c"), Some(1.0));
        assert_eq!(quotas.record(Quota::Produce, "c", 20.0), Duration::from_secs(10));
        quotas.set(Quota::Produce, Some("c"), None);
        quotas.set(Quota::Produce, None, None);
        assert_eq!(quotas.record(Quota::Produce, "c", 1e9), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_is_too_much_does_not_count_and_request_time_is_bounded() {
        let quotas = Quotas::default();
        quotas.set(Quota::Consume, Some("c"), Some(100.0));
        assert_eq!(quotas.record_fetch("c", 900), Duration::ZERO);
        assert!(quotas.record_fetch("c", 900) > Duration::ZERO);
        assert_eq!(quotas.record_fetch("c", 100), Duration::ZERO, "the refused bytes were not counted");
        quotas.set(Quota::Request, None, Some(1.0));
        assert!(quotas.limits_requests());
        assert_eq!(quotas.record(Quota::Request, "c", 1e6), WINDOW);
    }
}
