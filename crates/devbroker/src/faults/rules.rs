//! The faults of one broker: what is set, what was hit, and what is held back.

use super::api::Api;
use super::fault::{Fault, FaultAction, Hit};
use super::plan::FaultPlan;
use crate::sync::lock;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Hits that are remembered; older ones are only counted.
const REMEMBERED: usize = 100_000;

/// The faults of one broker. For requests that several faults match, the one that was set first is used first.
#[derive(Debug)]
pub struct Faults {
    set: Mutex<Set>,
    // Requests read this first, so that a broker without faults takes no lock.
    armed: AtomicUsize,
    /// How many requests were hit.
    hits: watch::Sender<usize>,
    /// How often stalled requests were let go.
    releases: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Set {
    rules: VecDeque<Fault>,
    plans: Vec<FaultPlan>,
    history: VecDeque<Hit>,
    /// Hits in all, forgotten ones included.
    total: usize,
    /// Hits that [`Faults::hit`] gave out.
    given: usize,
}

/// Topics and partitions that a request names; no index where it names all of a topic.
pub(crate) type Touched = Vec<(String, Option<i32>)>;

/// A request as faults see it.
pub(crate) struct Arrived<'a> {
    pub api: Api,
    pub version: i16,
    pub client_id: &'a str,
    pub node: i32,
    /// Reads what it names; called only if a fault asks for it.
    pub touches: &'a dyn Fn() -> Touched,
    touched: OnceCell<Touched>,
}

impl<'a> Arrived<'a> {
    pub fn new(api: Api, version: i16, client_id: &'a str, node: i32, touches: &'a dyn Fn() -> Touched) -> Self {
        Self { api, version, client_id, node, touches, touched: OnceCell::new() }
    }

    pub(super) fn touched(&self) -> &Touched {
        self.touched.get_or_init(self.touches)
    }
}

/// What happens to a request, and where an error goes if not everywhere.
#[derive(Debug)]
pub(crate) struct Taken {
    pub action: FaultAction,
    pub place: Option<(String, Option<i32>)>,
    /// Counts releases; taken before the hit is told, so that a release right after it is not missed.
    releases: watch::Receiver<u64>,
}

impl Taken {
    /// Waits until what is stalled is let go.
    pub async fn released(&mut self) {
        // An error means that the broker is gone, which lets go as well.
        drop(self.releases.changed().await);
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            set: Mutex::default(),
            armed: AtomicUsize::new(0),
            hits: watch::Sender::new(0),
            releases: watch::Sender::new(0),
        }
    }
}

impl Faults {
    /// Hits the next `times` requests of `api`, of any client.
    pub fn next(&self, api: Api, times: usize, action: FaultAction) {
        self.add(Fault::on(api, action).times(times));
    }

    /// Adds a fault behind those that are set.
    pub fn add(&self, fault: Fault) {
        let mut set = lock(&self.set);
        set.rules.push_back(fault);
        self.arm(&mut set);
    }

    /// Follows a plan for all requests that no single fault hits.
    pub fn follow(&self, plan: FaultPlan) {
        let mut set = lock(&self.set);
        set.plans.push(plan);
        self.arm(&mut set);
    }

    /// Removes all faults and plans and lets go what they stalled.
    pub fn clear(&self) {
        let mut set = lock(&self.set);
        set.rules.clear();
        set.plans.clear();
        self.arm(&mut set);
        drop(set);
        self.release();
    }

    /// Lets go of all requests and answers that are stalled now; later ones are stalled again.
    pub fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// How many requests are still to be hit by faults with a number of times.
    pub fn pending(&self) -> usize {
        lock(&self.set).rules.iter().filter_map(|rule| rule.left).sum()
    }

    /// What was hit, oldest first (of the last 100,000).
    pub fn history(&self) -> Vec<Hit> {
        lock(&self.set).history.iter().cloned().collect()
    }

    /// The next hit that this function has not given out yet; waits for it. A request counts as hit when its fault begins, before a
    /// delay or a stall and before it takes effect.
    ///
    /// # Cancel safety
    /// A hit is given out only by a call that returns.
    pub async fn hit(&self) -> Hit {
        let mut hits = self.hits.subscribe();
        loop {
            hits.borrow_and_update();
            {
                let mut set = lock(&self.set);
                let forgotten = set.total - set.history.len();
                let next = set.given.max(forgotten);
                if let Some(hit) = set.history.get(next - forgotten).cloned() {
                    set.given = next + 1;
                    return hit;
                }
            }
            // The sender is in `self`, so it is there.
            drop(hits.changed().await);
        }
    }

    /// Waits until so many requests were hit since the start.
    pub async fn hits(&self, count: usize) {
        // The sender is in `self`, so it is there.
        drop(self.hits.subscribe().wait_for(|hits| *hits >= count).await);
    }

    /// Waits until the history is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[Hit]) -> bool) {
        let mut hits = self.hits.subscribe();
        loop {
            hits.borrow_and_update();
            if wanted(lock(&self.set).history.make_contiguous()) {
                return;
            }
            drop(hits.changed().await);
        }
    }

    fn arm(&self, set: &mut Set) {
        set.rules.retain(|rule| rule.left != Some(0));
        set.plans.retain(|plan| plan.left != Some(0));
        self.armed.store(set.rules.len() + set.plans.len(), Ordering::Release);
    }

    /// The fault of the request that just arrived, if it gets one.
    pub(crate) fn take(&self, arrived: &Arrived<'_>) -> Option<Taken> {
        if self.armed.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut set = lock(&self.set);
        let taken = match set.rules.iter_mut().find_map(|rule| rule.hits(arrived).then(|| (rule.action, rule.place())))
        {
            Some(taken) => Some(taken),
            None => set.plans.iter_mut().find_map(|plan| plan.decide(arrived)).map(|action| (action, None)),
        };
        self.arm(&mut set);
        let (action, place) = taken?;
        if set.history.len() >= REMEMBERED {
            set.history.pop_front();
        }
        set.history.push_back(Hit {
            api: arrived.api,
            version: arrived.version,
            client_id: arrived.client_id.to_owned(),
            node: arrived.node,
            action,
        });
        set.total += 1;
        let total = set.total;
        drop(set);
        let taken = Taken { action, place, releases: self.releases.subscribe() };
        self.hits.send_replace(total);
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
