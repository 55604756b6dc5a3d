//! The task behind a connection: writes what is queued, reads what comes, closes what is idle.
//!
//! Counterpart: org.apache.kafka.common.network.Selector and KafkaChannel.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::connection::{Cause, Gate, Outgoing, Renewal, Reply, Shared};
use super::fifo::Fifo;
use super::sasl::{Exchange, authenticate};
use super::stream::Stream;
use super::throttle::throttle_time;
use super::tls::refusal;
use crate::error::{AuthenticationKind, Error, Result};
use crate::metrics::{Authentication, ClientMetrics};

/// An answer may be as long as the longest fetch that an int can ask for.
const MAX_FRAME: usize = i32::MAX as usize;
/// Answers up to this length, which hold hardly any records, are read without asking for memory.
const UNCOUNTED: usize = 4096;
/// What is read without a buffer of its own; most answers fit.
const READ_ROOM: usize = 2048;
/// Room that an answer's length alone is good for; a longer one gets more as it comes.
const TRUSTED_LEN: usize = 8 << 20;
/// A renewal that takes longer ends the connection.
const RENEWAL_TIMEOUT: Duration = if cfg!(test) { Duration::from_millis(500) } else { Duration::from_secs(30) };
/// Where nothing limits the time.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// Part of a session after which it is renewed, as with Java: something before its end, not the same for all.
const RENEW_AFTER: std::ops::Range<f64> = 0.85..0.95;

/// When a session of this length is to be renewed.
pub(super) fn renewal_due(lifetime: Duration) -> Instant {
    Instant::now() + lifetime.mul_f64(rand::random_range(RENEW_AFTER))
}

pub(super) struct Driver {
    pub shared: Arc<Shared>,
    pub client_id: StrBytes,
    /// For how long nothing may happen.
    pub max_idle: Option<Duration>,
    /// Whether this client authenticates with SASL; for the explanation of a broker that hangs up.
    pub expects_sasl: bool,
    pub traffic: Traffic,
}

/// What is on its way.
pub(super) struct Traffic {
    node: i32,
    metrics: Arc<ClientMetrics>,
    state: Mutex<TrafficState>,
    /// All answers are there that somebody waits for them to be.
    drained: Notify,
}

struct TrafficState {
    waiting: Fifo<Pending>,
    /// When something was last sent or received.
    last: Instant,
    answers: u64,
    /// Somebody waits until nothing is on its way.
    draining: bool,
}

struct Pending {
    correlation_id: i32,
    key: i16,
    version: i16,
    sent: Instant,
    reply: Reply,
}

impl Traffic {
    pub(super) fn new(node: i32, metrics: Arc<ClientMetrics>) -> Self {
        let state = TrafficState { waiting: Fifo::default(), last: Instant::now(), answers: 0, draining: false };
        metrics.connection_opened(state.last);
        Self { node, metrics, state: Mutex::new(state), drained: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, TrafficState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sending(&self, frame: &[Bytes], correlation_id: i32, reply: Option<Reply>) {
        let now = Instant::now();
        let bytes = frame.iter().map(Bytes::len).sum();
        self.metrics.request_sent(now, self.node, bytes, reply.is_some());
        let mut state = self.state();
        state.last = now;
        if let Some(reply) = reply {
            // Behind the length, a frame starts with these.
            let int = |at: usize| {
                let bytes = frame.first().and_then(|head| head.get(at..at + 2)?.try_into().ok());
                bytes.map_or(-1, i16::from_be_bytes)
            };
            state.waiting.push_back(Pending { correlation_id, key: int(4), version: int(6), sent: now, reply });
        }
    }

    /// The request that this answer is for.
    fn answered(&self, correlation_id: i32, bytes: usize) -> Result<Pending, Cause> {
        let now = Instant::now();
        let pending = {
            let mut state = self.state();
            state.last = now;
            state.answers += 1;
            let pending = state.waiting.pop_front();
            if state.draining && state.waiting.is_empty() {
                self.drained.notify_one();
            }
            pending
        };
        let Some(pending) = pending else {
            return Err(Cause::Lost("the broker sent an answer that was not asked for".to_owned()));
        };
        if pending.correlation_id != correlation_id {
            let reason = format!("the broker answered {correlation_id} where {} was due", pending.correlation_id);
            return Err(Cause::Lost(reason));
        }
        self.metrics.request_answered(now, self.node, bytes, now - pending.sent);
        Ok(pending)
    }

    /// Waits until nothing is on its way.
    async fn until_drained(&self) {
        loop {
            {
                let mut state = self.state();
                state.draining = !state.waiting.is_empty();
                if !state.draining {
                    return;
                }
            }
            self.drained.notified().await;
        }
    }
}

impl TrafficState {
    /// When the first of the answers that nobody waits for any more must be there.
    fn forsaken_until(&self) -> Option<Instant> {
        let forsaken = self.waiting.iter().filter(|pending| pending.reply.to.is_closed());
        forsaken.filter_map(|pending| pending.reply.deadline).min()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        let waiting = self.state().waiting.len();
        self.metrics.requests_given_up(waiting);
        self.metrics.connection_closed(Instant::now());
    }
}

impl Driver {
    /// Moves frames until the handle is gone, the broker closes, or something fails.
    pub(super) async fn run(self, stream: Stream) {
        let is_tls = stream.is_tls();
        let ended = match stream {
            Stream::Plain(mut stream) => {
                let (reader, writer) = stream.split();
                self.both_ways(reader, writer, is_tls).await
            }
            Stream::Tls(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                self.both_ways(reader, writer, is_tls).await
            }
        };
        // The reason is stored before the waiting ones are dropped: they look at it.
        self.shared.end(ended.err());
    }

    async fn both_ways(
        &self,
        reader: impl AsyncRead + Unpin + Send,
        writer: impl AsyncWrite + Unpin + Send,
        is_tls: bool,
    ) -> Result<(), Cause> {
        tokio::select! {
            ended = self.write_frames(writer) => ended,
            ended = self.read_frames(reader, is_tls) => ended,
            () = self.shared.stop.notified() => Err(Cause::Lost("the client closed the connection".to_owned())),
            useless = self.until_useless() => Err(useless),
        }
    }

    /// Waits until the connection is of no more use: idle for too long, or with an answer overdue that nobody waits for.
    async fn until_useless(&self) -> Cause {
        loop {
            let now = Instant::now();
            // What waits for the broker's silence to end is not idle.
            let silent = self.shared.muted_until().is_some();
            let (idle, until) = {
                let state = self.traffic.state();
                match (state.waiting.is_empty() && !silent, self.max_idle) {
                    (true, Some(max_idle)) => (true, state.last + max_idle),
                    (true, None) => (false, now + LONG),
                    // Looked at again then.
                    (false, max_idle) => (false, state.forsaken_until().unwrap_or(now + max_idle.unwrap_or(LONG))),
                }
            };
            if until <= now {
                match idle {
                    false => {
                        return Cause::Lost(
                            "a request that nobody waits for any more got no answer in time".to_owned(),
                        );
                    }
                    true if self.shared.close_if_idle() => {
                        return Cause::Lost("the connection was closed because it was idle".to_owned());
                    }
                    true => {}
                }
            }
            tokio::select! {
                () = tokio::time::sleep_until(until.max(now + Duration::from_millis(1))) => {}
                () = self.shared.forsaken.notified() => {}
            }
        }
    }

    async fn write_frames(&self, mut writer: impl AsyncWrite + Unpin + Send) -> Result<(), Cause> {
        loop {
            // It stays in the queue while it must wait: should the connection end, its owner hears of it only when the reason is stored.
            if !self.shared.has_queued() {
                self.shared.wake.notified().await;
                continue;
            }
            if let Some(until) = self.shared.muted_until() {
                // Boxed, as what follows: large and rare.
                Box::pin(tokio::time::sleep_until(until)).await;
                continue;
            }
            if let Some(renewal) = self.shared.take_renewal() {
                Box::pin(self.renew(&mut writer, renewal)).await?;
            }
            let Some(outgoing) = self.shared.pop() else { continue };
            let Outgoing { frame, correlation_id, reply, departure, written } = outgoing;
            if reply.as_ref().is_some_and(Reply::is_moot) {
                continue;
            }
            if departure.is_some_and(|departure| !departure.leave()) {
                continue;
            }
            let forsaken = reply.as_ref().is_some_and(|reply| reply.to.is_closed());
            self.traffic.sending(&frame, correlation_id, reply);
            if forsaken {
                self.shared.forsaken.notify_one();
            }
            write_all(&mut writer, &frame).await.map_err(|error| cannot("write", &error))?;
            if let Some(written) = written {
                // Nobody has to be interested.
                written.send(()).unwrap_or(());
            }
        }
    }

    /// Proves again who the client is, on the open connection and between two requests (KIP-368).
    async fn renew(
        &self,
        writer: &mut (impl AsyncWrite + Unpin + Send),
        mut renewal: Box<Renewal>,
    ) -> Result<(), Cause> {
        // Answers come in order: one that is held, as of a fetch or a join, is not this exchange's time.
        self.traffic.until_drained().await;
        while let Some(until) = self.shared.muted_until() {
            tokio::time::sleep_until(until).await;
        }
        let started = Instant::now();
        let mut exchange = Renewing { driver: self, writer };
        let proof = authenticate(&renewal.sasl, &renewal.versions, "on an open connection", &mut exchange);
        let renewed = match tokio::time::timeout(RENEWAL_TIMEOUT, proof).await {
            Ok(renewed) => renewed,
            Err(_) => Err(Error::timeout("cannot authenticate again", "no answer in time")),
        };
        let metrics = &self.traffic.metrics;
        match renewed {
            Ok(lifetime) => {
                let millis = started.elapsed().as_secs_f64() * 1000.0;
                metrics.authenticated(Instant::now(), Authentication::Renewed { millis });
                if let Some(lifetime) = lifetime {
                    renewal.due = renewal_due(lifetime);
                    self.shared.set_renewal(renewal);
                }
                Ok(())
            }
            Err(error) => {
                metrics.authenticated(Instant::now(), Authentication::NotRenewed);
                Err(match error {
                    Error::Authentication { kind, reason, .. } => Cause::Refused(kind, reason),
                    error => Cause::Lost(error.to_string()),
                })
            }
        }
    }

    async fn read_frames(&self, mut reader: impl AsyncRead + Unpin + Send, is_tls: bool) -> Result<(), Cause> {
        let mut buffer = BytesMut::new();
        loop {
            self.read_at_least(&mut reader, &mut buffer, 4).await?;
            let head = [buffer[0], buffer[1], buffer[2], buffer[3]];
            let len = u32::from_be_bytes(head) as usize;
            if !is_tls && head[..2] == [0x15, 3] && self.traffic.state().answers == 0 {
                return Err(Cause::Refused(
                    AuthenticationKind::Ssl,
                    "the broker answered with a TLS alert: the listener uses TLS; set security.protocol to SSL or SASL_SSL, or use another port".to_owned(),
                ));
            }
            if !(4..=MAX_FRAME).contains(&len) {
                return Err(Cause::Lost(format!(
                    "an answer says that it has {len} bytes; is this a Kafka broker, and the right security.protocol?"
                )));
            }
            buffer.advance(4);
            let gate = self.traffic.state().waiting.front_mut().and_then(|front| front.reply.memory.take());
            if let Some(gate) = gate.filter(|_| len > UNCOUNTED) {
                // A length alone takes nobody's memory: the answer has to come, too.
                self.read_at_least(&mut reader, &mut buffer, UNCOUNTED).await?;
                self.wait_for_memory(gate, len).await;
            }
            self.read_at_least(&mut reader, &mut buffer, len).await?;
            let answer = buffer.split_to(len).freeze();
            if buffer.is_empty() {
                // An idle connection holds no buffer.
                buffer = BytesMut::new();
            }
            let correlation_id = i32::from_be_bytes([answer[0], answer[1], answer[2], answer[3]]);
            let pending = self.traffic.answered(correlation_id, len + 4)?;
            if let Some(time) = throttle_time(pending.key, pending.version, &answer) {
                self.shared.mute(time);
            }
            // Whoever asked may have gone.
            drop(pending.reply.to.send(answer));
        }
    }

    /// Waits until the answer that comes may take `len` bytes.
    async fn wait_for_memory(&self, gate: Gate, len: usize) {
        let Gate { governor, granted } = gate;
        let grant = match governor.try_acquire(len) {
            Some(grant) => grant,
            None => {
                self.shared.waits_for_memory.store(true, Ordering::Release);
                let grant = governor.acquire(len).await;
                self.shared.waits_for_memory.store(false, Ordering::Release);
                grant
            }
        };
        // Whoever asked may have gone.
        drop(granted.send(grant));
    }

    /// Reads until `buffer` holds `len` bytes; a long answer gets a buffer of its own size and is read into it once.
    async fn read_at_least(
        &self,
        reader: &mut (impl AsyncRead + Unpin + Send),
        buffer: &mut BytesMut,
        len: usize,
    ) -> Result<(), Cause> {
        while buffer.len() < len {
            let missing = len - buffer.len();
            let read = if missing < READ_ROOM {
                read_some(reader, buffer).await
            } else {
                if buffer.capacity() == buffer.len() {
                    buffer.reserve(missing.min(TRUSTED_LEN.max(buffer.len())));
                }
                reader.read_buf(buffer).await
            };
            match read {
                Ok(0) => return Err(Cause::Lost(self.hung_up())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Cause::Lost(self.hung_up())),
                Err(error) => return Err(cannot("read", &error)),
            }
        }
        Ok(())
    }

    fn hung_up(&self) -> String {
        let state = self.traffic.state();
        // Versions are told to anybody; a listener with SASL ends the connection at the next request.
        let suspicious = state.answers == 1 && !state.waiting.is_empty() && !self.expects_sasl;
        match suspicious {
            true => "the broker closed the connection at the first request; does the listener want SASL (security.protocol SASL_PLAINTEXT or SASL_SSL)?",
            false => "the broker closed the connection",
        }
        .to_owned()
    }
}

fn cannot(what: &str, error: &io::Error) -> Cause {
    // With TLS 1.3 the broker looks at the client's certificate only after the client is done.
    match refusal(error) {
        Some(reason) => Cause::Refused(AuthenticationKind::Ssl, reason),
        None => Cause::Lost(format!("cannot {what}: {error}")),
    }
}

/// Reads what there is into the end of `buffer`. While there is nothing, no memory waits for it.
async fn read_some(reader: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut room = [MaybeUninit::uninit(); READ_ROOM];
        let mut read = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut read))?;
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

async fn write_all(writer: &mut (impl AsyncWrite + Unpin), frame: &[Bytes]) -> io::Result<()> {
    if let [piece] = frame {
        writer.write_all(piece).await?;
        return writer.flush().await;
    }
    let mut slices: Vec<IoSlice<'_>> = frame.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let written = writer.write_vectored(slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut slices, written);
    }
    // TLS may hold the last of it back.
    writer.flush().await
}

/// A connection between two requests.
struct Renewing<'a, W> {
    driver: &'a Driver,
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + Send> Exchange for Renewing<'_, W> {
    fn next(&mut self) -> (i32, StrBytes) {
        (self.driver.shared.correlation_id(), self.driver.client_id.clone())
    }

    async fn exchange(&mut self, frame: Bytes, correlation_id: i32) -> Result<Bytes> {
        let doing = "cannot authenticate again";
        let (to, answer) = oneshot::channel();
        let frame = [frame];
        let reply = Reply { to, memory: None, deadline: None };
        self.driver.traffic.sending(&frame, correlation_id, Some(reply));
        write_all(self.writer, &frame).await.map_err(|error| cannot("write", &error).error(doing.to_owned()))?;
        // The reader of this task gets it; if that ends, so does this.
        answer.await.map_err(|_| Error::disconnected(doing, "the connection was closed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ClientKind, Windows};

    /// There is one of these tasks per connection, and most of them wait most of the time.
    #[tokio::test]
    async fn the_task_of_a_connection_is_small() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let metrics = Arc::new(ClientMetrics::new(ClientKind::Admin, Windows { length_ms: 30_000, count: 2 }));
        let driver = Driver {
            shared: Arc::default(),
            client_id: StrBytes::from_static_str("client"),
            max_idle: None,
            expects_sasl: false,
            traffic: Traffic::new(1, metrics),
        };
        let size = size_of_val(&driver.run(Stream::Plain(stream)));
        println!("{size} {} {}", size_of::<crate::net::cluster::Cluster>(), size_of::<crate::config::ClientConfig>());
        assert!(size < 2048, "{size}");
    }
}
