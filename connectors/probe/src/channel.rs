//! `Probe`: the channel to the tests. One TCP connection, one JSON object per line in both directions.
//!
//! Events are written by the call that they report, so that their order is that of what happened. All of it is blocking and small: lines of
//! some hundred bytes to a socket on the same machine, in a process that is under test.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::watch;
use tracing::warn;

/// Names the address to connect to.
const VARIABLE: &str = "MILENA_TEST_EVENTS";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Handle on the channel. Without a connection, events go nowhere.
#[derive(Clone, Default)]
pub struct Probe(Arc<Inner>);

struct Inner {
    stream: Mutex<Option<TcpStream>>,
    next_id: AtomicI64,
    /// How often everything that blocked was let go: for those who wait in a future, and for those who hold a thread.
    released: watch::Sender<u64>,
    released_threads: (Mutex<u64>, Condvar),
    timeouts: Mutex<Timeouts>,
}

#[derive(Default)]
struct Timeouts {
    wanted: Option<RestTimeouts>,
    apply: Option<Box<dyn Fn(RestTimeouts) + Send>>,
}

/// What a test asks of the REST server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestTimeouts {
    /// How long a request may take.
    pub request: Duration,
    /// How long `/health` may take.
    pub health: Duration,
}

impl Default for Inner {
    fn default() -> Self {
        Inner {
            stream: Mutex::default(),
            next_id: AtomicI64::new(1),
            released: watch::channel(0).0,
            released_threads: Default::default(),
            timeouts: Mutex::default(),
        }
    }
}

impl Probe {
    /// The channel that the environment asks for; `None` if it asks for none. If the tests cannot be reached, the plug-ins are there all the
    /// same, and say nothing.
    pub fn from_env() -> Option<Probe> {
        let address = std::env::var(VARIABLE).ok()?;
        Some(Probe::connect(&address).unwrap_or_else(|error| {
            warn!(address, %error, "cannot connect to the tests named by MILENA_TEST_EVENTS; going on without events");
            Probe::default()
        }))
    }

    /// Connects and says hello.
    ///
    /// # Errors
    /// The address is none, or nobody listens there.
    pub fn connect(address: &str) -> io::Result<Probe> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Probe::over(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn over(stream: TcpStream) -> io::Result<Probe> {
        stream.set_nodelay(true)?;
        let controls = BufReader::new(stream.try_clone()?);
        let probe = Probe::default();
        *lock(&probe.0.stream) = Some(stream);
        probe.emit("hello", [("pid", std::process::id().into())]);
        let served = probe.clone();
        // A thread of its own: controls must be served whatever state the worker's executors are in.
        thread::Builder::new().name("test-controls".to_owned()).spawn(move || served.serve(controls))?;
        Ok(probe)
    }

    /// Has `apply` called with the REST time-outs that tests ask for, and at once with those they have asked for already.
    pub fn on_rest_timeouts(&self, apply: impl Fn(RestTimeouts) + Send + 'static) {
        let mut timeouts = lock(&self.0.timeouts);
        if let Some(wanted) = timeouts.wanted {
            apply(wanted);
        }
        timeouts.apply = Some(Box::new(apply));
    }

    /// A number for an instance.
    pub(crate) fn next_id(&self) -> i64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Reports an event; it is with the kernel when this returns.
    pub(crate) fn emit<const N: usize>(&self, event: &str, fields: [(&str, Json); N]) {
        self.emit_object(event, fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    }

    /// As [`Probe::emit`].
    pub(crate) fn emit_object(&self, event: &str, fields: Map<String, Json>) {
        let mut object = Map::with_capacity(fields.len() + 1);
        object.insert("event".to_owned(), event.into());
        object.extend(fields);
        let mut line = Json::Object(object).to_string();
        line.push('\n');
        let mut stream = lock(&self.0.stream);
        let written = stream.as_mut().map_or(Ok(()), |stream| stream.write_all(line.as_bytes()));
        if let Err(error) = written {
            warn!(%error, "the connection to the tests is lost; going on without events");
            *stream = None;
        }
    }

    /// How often everything that blocked was let go so far.
    pub(crate) fn releases(&self) -> u64 {
        *lock(&self.0.released_threads.0)
    }

    /// Waits for a release later than the first `since`.
    pub(crate) async fn block(&self, since: u64) {
        // The sender lives in this handle, so waiting cannot fail.
        _ = self.0.released.subscribe().wait_for(|count| *count > since).await;
    }

    /// As [`Probe::block`], but holds the thread: for calls that cannot wait.
    pub(crate) fn block_thread(&self, since: u64) {
        let (count, changed) = &self.0.released_threads;
        drop(changed.wait_while(lock(count), |count| *count <= since));
    }

    fn release(&self) {
        let (count, changed) = &self.0.released_threads;
        let mut count = lock(count);
        *count += 1;
        self.0.released.send_replace(*count);
        changed.notify_all();
    }

    fn serve(&self, controls: BufReader<TcpStream>) {
        for line in controls.lines() {
            let Ok(line) = line else { return };
            let Ok(control) = serde_json::from_str::<Json>(&line) else { continue };
            match control.get("control").and_then(Json::as_str) {
                Some("release") => self.release(),
                Some("rest.timeouts") => self.set_timeouts(&control),
                _ => continue,
            }
            self.emit("ack", [("request", control.get("request").cloned().unwrap_or(json!(null)))]);
        }
    }

    fn set_timeouts(&self, control: &Json) {
        let millis =
            |key: &str, default| Duration::from_millis(control.get(key).and_then(Json::as_u64).unwrap_or(default));
        let wanted =
            RestTimeouts { request: millis("request.timeout.ms", 90_000), health: millis("health.timeout.ms", 10_000) };
        let mut timeouts = lock(&self.0.timeouts);
        timeouts.wanted = Some(wanted);
        if let Some(apply) = &timeouts.apply {
            apply(wanted);
        }
    }
}

/// Locks, also behind a panic of another holder: what is behind these locks is never half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::testing::Tests;

    #[test]
    fn the_first_line_is_hello() {
        let (_probe, mut tests) = Tests::connect();
        assert_eq!(tests.hello["pid"], std::process::id());
        tests.send(json!({"control": "unknown", "request": 1}));
        tests.send(json!({"control": "release", "request": 2}));
        assert_eq!(tests.next(), json!({"event": "ack", "request": 2}));
    }

    #[test]
    fn a_release_lets_go_what_blocks_and_nothing_that_blocks_later() {
        let (probe, mut tests) = Tests::connect();
        let (blocked, gone) = mpsc::channel();
        let thread = thread::spawn(move || {
            let since = probe.releases();
            probe.emit("block.reached", []);
            probe.block_thread(since);
            blocked.send(()).unwrap();
            probe
        });
        assert_eq!(tests.next()["event"], "block.reached");
        assert!(gone.try_recv().is_err());
        tests.send(json!({"control": "release", "request": 1}));
        assert_eq!(tests.next()["event"], "ack");
        gone.recv().unwrap();
        let probe = thread.join().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let since = probe.releases();
            let waits = tokio::time::timeout(Duration::from_millis(20), probe.block(since)).await;
            assert!(waits.is_err(), "an earlier release does not count");
            tokio::join!(probe.block(since), async { probe.release() });
        });
    }

    #[test]
    fn rest_timeouts_reach_the_server_also_if_it_comes_later() {
        let (probe, mut tests) = Tests::connect();
        tests.send(
            json!({"control": "rest.timeouts", "request": 1, "request.timeout.ms": 1000, "health.timeout.ms": 2000}),
        );
        assert_eq!(tests.next()["request"], 1);
        let (sender, applied) = mpsc::channel();
        probe.on_rest_timeouts(move |timeouts| sender.send(timeouts).unwrap());
        let expected = RestTimeouts { request: Duration::from_secs(1), health: Duration::from_secs(2) };
        assert_eq!(applied.recv().unwrap(), expected);
        tests.send(
            json!({"control": "rest.timeouts", "request": 2, "request.timeout.ms": 3000, "health.timeout.ms": 2000}),
        );
        assert_eq!(tests.next()["request"], 2);
        assert_eq!(applied.try_recv().unwrap().request, Duration::from_secs(3));
    }

    #[test]
    fn tests_that_are_not_there_are_an_error() {
        assert!(Probe::connect("127.0.0.1:1").is_err());
    }
}
