//! Questions to the operating system that block a thread each, asked once however many want to know.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::spawn::{spawn, start_blocking};

type Answer<V> = Result<V, String>;

/// Who asks what is being asked already waits for that answer: a question that takes long holds one thread, and one that nobody waits for
/// when it is its turn takes none.
pub(super) struct Lookups<K, V> {
    work: fn(&K) -> Answer<V>,
    /// Threads at the same time.
    turns: Semaphore,
    running: Mutex<Option<Running<K, V>>>,
}

type Pending<V> = watch::Receiver<Option<Answer<V>>>;
type Running<K, V> = HashMap<K, Pending<V>>;

impl<K, V> Lookups<K, V>
where
    K: Clone + Display + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) const fn new(threads: usize, work: fn(&K) -> Answer<V>) -> Self {
        Self { work, turns: Semaphore::const_new(threads), running: Mutex::new(None) }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running<K, V>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many different questions are open, those that wait for a thread included.
    pub(super) fn open(&self) -> usize {
        self.running().as_ref().map_or(0, HashMap::len)
    }

    /// Whether this question is open.
    pub(super) fn is_open(&self, key: &K) -> bool {
        self.running().as_ref().is_some_and(|running| running.contains_key(key))
    }

    /// The answer, which may be that of a question that was asked before.
    ///
    /// # Cancel safety
    /// The question goes on for others; nobody has to be there for its answer.
    pub(super) async fn ask(&'static self, key: &K) -> Answer<V> {
        loop {
            let (mut answer, asking) = self.join(key);
            if let Some(asking) = asking {
                spawn(async move {
                    // Never closed.
                    if let Ok(turn) = self.turns.acquire().await {
                        start_blocking(move || asking.run(turn));
                    }
                });
            }
            let found = answer.wait_for(Option::is_some).await.ok().and_then(|answer| Option::clone(&answer));
            match found {
                Some(found) => return found,
                // Nobody waited for it when it was its turn, or the runtime of whoever asked has ended.
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Where the answer will be, and the question itself if this is the first to ask it.
    fn join(&'static self, key: &K) -> (Pending<V>, Option<Asking<K, V>>) {
        let mut running = self.running();
        let running = running.get_or_insert_default();
        if let Some(answer) = running.get(key) {
            return (answer.clone(), None);
        }
        let (sender, answer) = watch::channel(None);
        running.insert(key.clone(), answer.clone());
        (answer, Some(Asking { lookups: self, key: key.clone(), answer: Some(sender) }))
    }
}

/// A question; whoever holds it asks. It is forgotten when it is dropped.
struct Asking<K: Eq + Hash + 'static, V: 'static> {
    lookups: &'static Lookups<K, V>,
    key: K,
    answer: Option<watch::Sender<Option<Answer<V>>>>,
}

impl<K: Eq + Hash, V> Asking<K, V> {
    fn run(mut self, turn: SemaphorePermit<'static>) {
        // One receiver is kept for those who will join; one who joins while this is dropped asks anew.
        if self.answer.as_ref().is_none_or(|answer| answer.receiver_count() < 2) {
            return;
        }
        let found = (self.lookups.work)(&self.key);
        drop(turn);
        let answer = self.answer.take();
        // Who asks from now on gets a new answer.
        drop(self);
        if let Some(answer) = answer {
            answer.send_replace(Some(found));
        }
    }
}

impl<K: Eq + Hash, V> Drop for Asking<K, V> {
    fn drop(&mut self) {
        let mut running = self.lookups.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_mut() {
            running.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static FORSAKEN_ASKED: AtomicBool = AtomicBool::new(false);
    static HELD: (Mutex<bool>, Condvar) = (Mutex::new(true), Condvar::new());

    fn slow_if_dead(name: &str) -> Answer<usize> {
        if name.starts_with("dead") {
            ASKED.fetch_add(1, Ordering::SeqCst);
            FORSAKEN_ASKED.fetch_or(name == "dead and forsaken", Ordering::SeqCst);
            let held = HELD.0.lock().unwrap();
            drop(HELD.1.wait_while(held, |held| *held).unwrap());
            return Err("dead".to_owned());
        }
        Ok(name.len())
    }

    static NAMES: Lookups<String, usize> = Lookups::new(2, |name| slow_if_dead(name));

    async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(200), work).await.ok()
    }

    #[tokio::test]
    async fn a_dead_name_holds_up_no_other_and_takes_one_thread_however_often_it_is_asked_for() {
        let (dead, other) = ("dead".to_owned(), "host".to_owned());
        for _ in 0..5 {
            // Each gives up, as a connection attempt does whose time is over.
            assert_eq!(in_time(NAMES.ask(&dead)).await, None);
        }
        assert_eq!(NAMES.ask(&other).await, Ok(4));
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        // All threads are taken: others wait, and one that gives up keeps its place for who asks the same.
        let (second, forsaken) = ("dead too".to_owned(), "dead and forsaken".to_owned());
        assert_eq!(in_time(NAMES.ask(&second)).await, None);
        assert_eq!(in_time(NAMES.ask(&other)).await, None);
        assert_eq!(in_time(NAMES.ask(&forsaken)).await, None);
        assert_eq!(NAMES.open(), 4);
        let (first, third) = (NAMES.ask(&other), NAMES.ask(&other));
        let release = async {
            tokio::task::yield_now().await;
            *HELD.0.lock().unwrap() = false;
            HELD.1.notify_all();
        };
        let (first, third, ()) = tokio::join!(first, third, release);
        assert_eq!((first, third), (Ok(4), Ok(4)));
        assert_eq!(NAMES.ask(&dead).await, Err("dead".to_owned()));
        while NAMES.open() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(!FORSAKEN_ASKED.load(Ordering::SeqCst), "what nobody waits for when it is its turn is not asked");
    }
}
