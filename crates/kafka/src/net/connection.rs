//! One connection to a broker: requests go out, and answers come back, in the same order.
//!
//! Counterpart: org.apache.kafka.clients.NetworkClient.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::address::Address;
use super::departure::Departure;
use super::driver::{Driver, Traffic};
use super::fifo::Fifo;
use super::frame::{decode_response, encode_request};
use super::sasl::{Exchange, SaslContext};
use super::stream::Stream;
use super::versions::Versions;
use crate::error::{AuthenticationKind, Error, Result};
use crate::memory::{Grant, MemoryGovernor};
use crate::metrics::ClientMetrics;
use crate::spawn::spawn;

/// A request on its way: the frame in pieces, so that record batches are not copied, and where the answer goes.
pub(super) struct Outgoing {
    pub frame: Vec<Bytes>,
    pub correlation_id: i32,
    pub reply: Option<Reply>,
    /// Asked before it is written.
    pub departure: Option<Arc<Departure>>,
    /// Told when the frame is with the operating system.
    pub written: Option<oneshot::Sender<()>>,
}

/// Where an answer goes.
pub(super) struct Reply {
    pub to: oneshot::Sender<Bytes>,
    pub memory: Option<Gate>,
    /// By when it must be there if nobody waits for it any more; who waits keeps the time himself.
    pub deadline: Option<Instant>,
}

impl Reply {
    /// Whether nobody waits for the answer, and it would be too late for anybody.
    pub(super) fn is_moot(&self) -> bool {
        self.to.is_closed() && self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// What a request that is answered may ask of the connection.
#[derive(Default)]
struct Terms {
    memory: Option<Gate>,
    /// As [`Reply::deadline`].
    deadline: Option<Instant>,
    /// As [`Outgoing::departure`].
    departure: Option<Arc<Departure>>,
}

/// Grants the memory that an answer takes, before it is read.
pub(super) struct Gate {
    pub governor: MemoryGovernor,
    pub granted: oneshot::Sender<Grant>,
}

/// Why a connection ended.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    Lost(String),
    Refused(AuthenticationKind, String),
}

impl Cause {
    pub(super) fn error(self, doing: String) -> Error {
        match self {
            Self::Lost(reason) => Error::disconnected(doing, reason),
            Self::Refused(kind, reason) => Error::Authentication { doing, reason, kind },
        }
    }
}

/// When and as whom a connection must prove itself again.
pub(super) struct Renewal {
    pub due: Instant,
    pub sasl: Arc<SaslContext>,
    pub versions: Arc<Versions>,
}

/// What the handle and the task have in common.
#[derive(Default)]
pub(super) struct Shared {
    next_correlation_id: AtomicI32,
    closed: AtomicBool,
    queue: Mutex<Fifo<Outgoing>>,
    /// Something was queued.
    pub wake: Notify,
    pub stop: Notify,
    /// Somebody has stopped waiting for an answer.
    pub forsaken: Notify,
    /// An answer is there, and is not read before there is memory for it.
    pub waits_for_memory: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cause: Option<Cause>,
    muted_until: Option<Instant>,
    renewal: Option<Box<Renewal>>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Fifo<Outgoing>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn correlation_id(&self) -> i32 {
        self.next_correlation_id.fetch_add(1, Ordering::Relaxed) & i32::MAX
    }

    /// Queues it; on a closed connection it is dropped, which its owner notices.
    fn push(&self, outgoing: Outgoing) {
        let mut queue = self.queue();
        if !self.closed.load(Ordering::Acquire) {
            queue.push_back(outgoing);
            drop(queue);
            self.wake.notify_one();
        }
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue().is_empty()
    }

    pub(super) fn pop(&self) -> Option<Outgoing> {
        self.queue().pop_front()
    }

    /// Closes it, unless something is queued.
    pub(super) fn close_if_idle(&self) -> bool {
        let queue = self.queue();
        if queue.is_empty() {
            self.closed.store(true, Ordering::Release);
        }
        queue.is_empty()
    }

    /// Nothing more goes out. What was queued is dropped after the reason is there for its owners to see.
    pub(super) fn end(&self, cause: Option<Cause>) {
        if let Some(cause) = cause {
            self.state().cause.get_or_insert(cause);
        }
        let dropped = {
            let mut queue = self.queue();
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *queue)
        };
        drop(dropped);
    }

    pub(super) fn mute(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.state();
        state.muted_until = Some(state.muted_until.map_or(until, |known| known.max(until)));
    }

    pub(super) fn muted_until(&self) -> Option<Instant> {
        let mut state = self.state();
        state.muted_until = state.muted_until.filter(|until| *until > Instant::now());
        state.muted_until
    }

    /// Takes the renewal if it is time for it.
    pub(super) fn take_renewal(&self) -> Option<Box<Renewal>> {
        self.state().renewal.take_if(|renewal| renewal.due <= Instant::now())
    }

    pub(super) fn set_renewal(&self, renewal: Box<Renewal>) {
        self.state().renewal = Some(renewal);
    }
}

/// A connection; its task ends when this handle is dropped.
pub(crate) struct Connection {
    address: Address,
    client_id: StrBytes,
    shared: Arc<Shared>,
    versions: Arc<Versions>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Somebody who waits for an answer; who goes before it is there leaves its time to the connection.
struct Waiting<'a>(Option<&'a Shared>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.forsaken.notify_one();
        }
    }
}

impl Connection {
    /// Takes over a connected stream. `node` is for metrics: the broker's id, or a negative one of a bootstrap server.
    pub(super) fn new(
        stream: Stream,
        address: Address,
        client_id: &StrBytes,
        max_idle: Option<Duration>,
        expects_sasl: bool,
        (node, metrics): (i32, &Arc<ClientMetrics>),
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let driver = Driver {
            shared: Arc::clone(&shared),
            client_id: client_id.clone(),
            max_idle,
            expects_sasl,
            traffic: Traffic::new(node, Arc::clone(metrics)),
        };
        spawn(driver.run(stream));
        Self { address, client_id: client_id.clone(), shared, versions: Arc::default() }
    }

    pub(super) fn set_versions(&mut self, versions: Arc<Versions>) {
        self.versions = versions;
    }

    pub(super) fn renew(&self, renewal: Renewal) {
        self.shared.set_renewal(Box::new(renewal));
    }

    pub(super) fn versions(&self) -> &Arc<Versions> {
        &self.versions
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Ends it; requests in flight fail.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.stop.notify_one();
    }

    /// Keeps silent for this long, as the broker wants it.
    pub(crate) fn mute(&self, time: Duration) {
        self.shared.mute(time);
    }

    /// Until when the broker wants nothing; requests that are sent before wait here.
    pub(crate) fn muted_until(&self) -> Option<Instant> {
        self.shared.muted_until()
    }

    /// The version of `R` to use here.
    pub(crate) fn version<R: Request>(&self) -> Result<i16> {
        self.versions.pick::<R>(&self.address)
    }

    /// Sends a request and waits for the answer. A request that is not answered in time closes the connection, as
    /// answers come in order and all behind it would wait too. Time for which the broker wants silence counts too, but a request that was not sent
    /// for it leaves the connection open.
    ///
    /// # Cancel safety
    /// The request may have been sent; its answer is dropped then, and must still come in time.
    pub(crate) async fn call<R: Request>(&self, request: &R, version: i16, timeout: Duration) -> Result<R::Response> {
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            return self.call_patiently(request, version, timeout).await;
        };
        while let Some(until) = self.muted_until() {
            if until > deadline {
                tokio::time::sleep_until(deadline).await;
                let reason = format!(
                    "not sent within {} ms: the broker holds this client back for another {} ms, as the client has used up a quota",
                    timeout.as_millis(),
                    until.saturating_duration_since(deadline).as_millis()
                );
                return Err(Error::timeout(self.doing(R::KEY), reason));
            }
            tokio::time::sleep_until(until).await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // A request that cannot be answered in time would only cost others their connection.
            return Err(Error::timeout(self.doing(R::KEY), format!("not sent within {} ms", timeout.as_millis())));
        }
        self.ask(request, version, left).await
    }

    /// As [`call`](Self::call), but the time begins when the broker does not want silence any more.
    pub(crate) async fn call_patiently<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<R::Response> {
        while let Some(until) = self.muted_until() {
            tokio::time::sleep_until(until).await;
        }
        self.ask(request, version, timeout).await
    }

    async fn ask<R: Request>(&self, request: &R, version: i16, timeout: Duration) -> Result<R::Response> {
        let correlation_id = self.correlation_id();
        let frame = encode_request(request, version, correlation_id, &self.client_id, 0)?;
        let doing = || self.doing(R::KEY);
        // Declared first: the receiver is gone before this tells of it.
        let mut waiting = Waiting(Some(&self.shared));
        let terms = Terms { deadline: Instant::now().checked_add(timeout), ..Terms::default() };
        let reply = self.queue(vec![frame.freeze()], correlation_id, terms);
        let answered = tokio::time::timeout(timeout, reply).await;
        waiting.0 = None;
        let Ok(answer) = answered else {
            self.close();
            return Err(Error::timeout(doing(), format!("no answer within {} ms", timeout.as_millis())));
        };
        match answer {
            Ok(answer) => {
                decode_response::<R>(answer, version, correlation_id).map_err(|e| Error::protocol(doing(), e))
            }
            Err(_) => Err(self.broken(doing())),
        }
    }

    /// A number for the next request of this connection.
    pub(crate) fn correlation_id(&self) -> i32 {
        self.shared.correlation_id()
    }

    pub(crate) fn client_id(&self) -> &StrBytes {
        &self.client_id
    }

    pub(crate) fn doing(&self, key: i16) -> String {
        let name =
            kafka_protocol::messages::ApiKey::try_from(key).map_or_else(|()| key.to_string(), |key| format!("{key:?}"));
        format!("{name} request to broker {}", self.address)
    }

    /// Why requests fail here, for the error of one.
    pub(crate) fn broken(&self, doing: String) -> Error {
        let cause = self.shared.state().cause.clone();
        cause.unwrap_or_else(|| Cause::Lost("the connection was closed".to_owned())).error(doing)
    }

    /// Queues a frame (with its length) at once; the receiver gets the whole answer without its length.
    pub(crate) fn send(&self, frame: Vec<Bytes>, correlation_id: i32) -> oneshot::Receiver<Bytes> {
        self.queue(frame, correlation_id, Terms::default())
    }

    /// As [`send`](Self::send), for a request that may be held back while it is in the queue.
    pub(crate) fn send_unless_held_back(
        &self,
        frame: Vec<Bytes>,
        correlation_id: i32,
        departure: &Arc<Departure>,
    ) -> oneshot::Receiver<Bytes> {
        self.queue(frame, correlation_id, Terms { departure: Some(Arc::clone(departure)), ..Terms::default() })
    }

    fn queue(&self, frame: Vec<Bytes>, correlation_id: i32, terms: Terms) -> oneshot::Receiver<Bytes> {
        let Terms { memory, deadline, departure } = terms;
        let (to, answer) = oneshot::channel();
        let reply = Some(Reply { to, memory, deadline });
        self.shared.push(Outgoing { frame, correlation_id, reply, departure, written: None });
        answer
    }

    /// As [`send`](Self::send), but the answer is not read before `governor` has granted the memory for it. The grant is there when
    /// the answer is, unless the answer is so short that it needs none.
    pub(crate) fn send_governed(
        &self,
        frame: Vec<Bytes>,
        correlation_id: i32,
        governor: MemoryGovernor,
    ) -> (oneshot::Receiver<Bytes>, oneshot::Receiver<Grant>) {
        let (granted, grant) = oneshot::channel();
        let terms = Terms { memory: Some(Gate { governor, granted }), ..Terms::default() };
        (self.queue(frame, correlation_id, terms), grant)
    }

    /// Whether an answer waits for memory, so that its lateness is not the broker's.
    pub(crate) fn waits_for_memory(&self) -> bool {
        self.shared.waits_for_memory.load(Ordering::Acquire)
    }

    /// Queues a frame that gets no answer; the receiver hears when it is with the operating system.
    pub(crate) fn send_unanswered(&self, frame: Vec<Bytes>, departure: &Arc<Departure>) -> oneshot::Receiver<()> {
        let (written, told) = oneshot::channel();
        let (departure, written) = (Some(Arc::clone(departure)), Some(written));
        self.shared.push(Outgoing { frame, correlation_id: 0, reply: None, departure, written });
        told
    }
}

/// A connection before its first request, on which it authenticates; its maker keeps the deadline.
impl Exchange for &Connection {
    fn next(&mut self) -> (i32, StrBytes) {
        (self.correlation_id(), self.client_id.clone())
    }

    async fn exchange(&mut self, frame: Bytes, correlation_id: i32) -> Result<Bytes> {
        let answer = self.send(vec![frame], correlation_id).await;
        answer.map_err(|_| self.broken(format!("cannot authenticate at broker {}", self.address)))
    }
}
