//! One connection to a broker: frames out, frames in, in the same order.
//!
//! Counterpart: org.apache.kafka.clients.NetworkClient.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};

use super::address::Address;
use super::untrusted::check_answer;
use super::versions::Versions;
use crate::error::{Error, Result};
use crate::spawn::spawn;

/// An answer may be as long as the longest fetch that an int can ask for.
const MAX_FRAME: usize = i32::MAX as usize;
/// Room that a read has at least; most answers fit.
const READ_ROOM: usize = 2048;

/// A request on its way: the frame in pieces, so that record batches are not copied, and where the answer goes.
struct Outgoing {
    frame: Vec<Bytes>,
    correlation_id: i32,
    reply: Option<oneshot::Sender<Bytes>>,
    /// Told when the frame is with the operating system.
    written: Option<oneshot::Sender<()>>,
}

struct Pending {
    correlation_id: i32,
    reply: oneshot::Sender<Bytes>,
}

#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    stop: Notify,
    /// Why it ended.
    reason: Mutex<Option<String>>,
}

/// A connection; its task ends when this handle is dropped.
pub(crate) struct Connection {
    address: Address,
    client_id: StrBytes,
    next_correlation_id: AtomicI32,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    shared: Arc<Shared>,
    versions: Arc<Versions>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

impl Connection {
    /// Takes over a connected stream.
    pub(super) fn new(stream: TcpStream, address: Address, client_id: &str) -> Self {
        // Not bounded: its users wait for answers, so what they can have in flight bounds it.
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        spawn(drive(stream, queue, Arc::clone(&shared)));
        Self {
            address,
            client_id: StrBytes::from_string(client_id.to_owned()),
            next_correlation_id: AtomicI32::new(0),
            outgoing,
            shared,
            versions: Arc::default(),
        }
    }

    pub(super) fn with_versions(mut self, versions: Arc<Versions>) -> Self {
        self.versions = versions;
        self
    }

    /// The level of a feature that the cluster has agreed on, as this broker knew when the connection was made; `None` if it is off.
    pub(crate) fn finalized_feature(&self, name: &str) -> Option<i16> {
        self.versions.features().level(name)
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

    /// The version of `R` to use here.
    pub(crate) fn version<R: Request>(&self) -> Result<i16> {
        self.versions.pick::<R>(&self.address)
    }

    /// Sends a request and waits for the answer. A request that is not answered in time closes the connection, as
    /// answers come in order and all behind it would wait too.
    ///
    /// # Cancel safety
    /// The request may have been sent; its answer is dropped then.
    pub(crate) async fn call<R: Request>(&self, request: &R, version: i16, timeout: Duration) -> Result<R::Response> {
        let correlation_id = self.correlation_id();
        let frame = encode_request(request, version, correlation_id, &self.client_id, 0)?;
        let doing = || self.doing(R::KEY);
        let reply = self.send(vec![frame.freeze()], correlation_id);
        let Ok(answer) = tokio::time::timeout(timeout, reply).await else {
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
        self.next_correlation_id.fetch_add(1, Ordering::Relaxed) & i32::MAX
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
        let reason = self.shared.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Error::disconnected(doing, reason.as_deref().unwrap_or("the connection was closed"))
    }

    /// Queues a frame (with its length) at once; the receiver gets the whole answer without its length.
    pub(crate) fn send(&self, frame: Vec<Bytes>, correlation_id: i32) -> oneshot::Receiver<Bytes> {
        let (reply, answer) = oneshot::channel();
        // A failed send drops `reply`, which the receiver notices.
        drop(self.outgoing.send(Outgoing { frame, correlation_id, reply: Some(reply), written: None }));
        answer
    }

    /// Queues a frame that gets no answer; the receiver hears when it is with the operating system.
    pub(crate) fn send_unanswered(&self, frame: Vec<Bytes>) -> oneshot::Receiver<()> {
        let (written, told) = oneshot::channel();
        drop(self.outgoing.send(Outgoing { frame, correlation_id: 0, reply: None, written: Some(written) }));
        told
    }
}

/// A request as a frame; its length also counts `extra` bytes that the caller sends behind it.
pub(crate) fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &StrBytes,
    extra: usize,
) -> Result<BytesMut> {
    let encode = || -> Result<BytesMut, String> {
        let mut frame = BytesMut::with_capacity(256);
        frame.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(client_id.clone()));
        header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
        request.encode(&mut frame, version).map_err(|error| error.to_string())?;
        let len = i32::try_from(frame.len() - 4 + extra).map_err(|_| "it is larger than 2 GiB".to_owned())?;
        frame[..4].copy_from_slice(&len.to_be_bytes());
        Ok(frame)
    };
    encode().map_err(|reason| Error::protocol(format!("cannot write request {} version {version}", R::KEY), reason))
}

/// The answer to `R`; slices of `answer` where it holds bytes.
pub(crate) fn decode_response<R: Request>(
    mut answer: Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, String> {
    let header_version = R::Response::header_version(version);
    check_answer(R::KEY, version, header_version, &answer)
        .map_err(|error| format!("cannot read the answer: {error}"))?;
    let header = ResponseHeader::decode(&mut answer, header_version)
        .map_err(|error| format!("cannot read the answer's header: {error}"))?;
    if header.correlation_id != correlation_id {
        return Err(format!("the answer has correlation id {} instead of {correlation_id}", header.correlation_id));
    }
    R::Response::decode(&mut answer, version).map_err(|error| format!("cannot read the answer: {error}"))
}

type Waiting = Mutex<VecDeque<Pending>>;

/// Moves frames until the handle is gone, the broker closes, or something fails.
async fn drive(mut stream: TcpStream, queue: mpsc::UnboundedReceiver<Outgoing>, shared: Arc<Shared>) {
    let (reader, writer) = stream.split();
    let waiting = Waiting::default();
    let ended = tokio::select! {
        ended = write_frames(writer, queue, &waiting) => ended,
        ended = read_frames(reader, &waiting) => ended,
        () = shared.stop.notified() => Err("the client closed the connection".to_owned()),
    };
    if let Err(reason) = ended {
        *shared.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
    // Stored before the waiting ones are dropped: they look at it.
    shared.closed.store(true, Ordering::Release);
}

async fn write_frames(
    mut writer: WriteHalf<'_>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    waiting: &Waiting,
) -> Result<(), String> {
    while let Some(Outgoing { frame, correlation_id, reply, written }) = queue.recv().await {
        if let Some(reply) = reply {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Pending { correlation_id, reply });
        }
        write_all(&mut writer, &frame).await.map_err(|error| format!("cannot write: {error}"))?;
        if let Some(written) = written {
            // Nobody has to be interested.
            written.send(()).unwrap_or(());
        }
    }
    Ok(())
}

async fn write_all(writer: &mut WriteHalf<'_>, frame: &[Bytes]) -> std::io::Result<()> {
    if let [piece] = frame {
        return writer.write_all(piece).await;
    }
    let mut slices: Vec<IoSlice<'_>> = frame.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let written = writer.write_vectored(slices).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

async fn read_frames(mut reader: ReadHalf<'_>, waiting: &Waiting) -> Result<(), String> {
    let mut buffer = BytesMut::new();
    loop {
        read_at_least(&mut reader, &mut buffer, 4).await?;
        let len = u32::from_be_bytes([buffer[0], buffer[1], buffer[2], buffer[3]]) as usize;
        if !(4..=MAX_FRAME).contains(&len) {
            return Err(format!(
                "an answer says that it has {len} bytes; is this a Kafka broker's PLAINTEXT listener?"
            ));
        }
        buffer.advance(4);
        read_at_least(&mut reader, &mut buffer, len).await?;
        let answer = buffer.split_to(len).freeze();
        let correlation_id = i32::from_be_bytes([answer[0], answer[1], answer[2], answer[3]]);
        let Some(pending) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
            return Err("the broker sent an answer that was not asked for".to_owned());
        };
        if pending.correlation_id != correlation_id {
            return Err(format!("the broker answered {correlation_id} where {} was due", pending.correlation_id));
        }
        // Whoever asked may have gone.
        drop(pending.reply.send(answer));
    }
}

/// Reads until `buffer` holds `len` bytes; a long answer gets a buffer of its own size and is read into it once.
async fn read_at_least(reader: &mut ReadHalf<'_>, buffer: &mut BytesMut, len: usize) -> Result<(), String> {
    while buffer.len() < len {
        let missing = len - buffer.len();
        if buffer.capacity() - buffer.len() < missing.max(1) {
            buffer.reserve(missing.max(READ_ROOM));
        }
        let read = reader.read_buf(buffer).await.map_err(|error| format!("cannot read: {error}"))?;
        if read == 0 {
            return Err("the broker closed the connection".to_owned());
        }
    }
    Ok(())
}
