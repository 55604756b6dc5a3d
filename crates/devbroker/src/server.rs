//! Connections: frames in, frames out, one request of a connection at a time and in order, as a real broker does.

use crate::api::{self, Answer, Reply};
use crate::broker::Shared;
use crate::security::Authentication;
use crate::spawn::spawn;
use crate::sync::stopped;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

/// Largest request, as a real broker's `socket.request.max.bytes`.
const MAX_FRAME: usize = 100 << 20;
/// Most that a read buffer grows at once.
const MAX_STEP: usize = 4 << 20;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// A connection that was used within this time keeps its buffer.
const BUSY: Duration = Duration::from_secs(1);
/// A read buffer that grew beyond this is not kept for the next request.
const KEPT_BUFFER: usize = 4 << 20;

/// Counts open connections, so that a stop can wait for them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: AtomicUsize,
    last_closed: Notify,
}

impl Connections {
    /// Waits until no connection is open.
    pub async fn closed(&self) {
        loop {
            let closed = self.last_closed.notified();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.last_closed.notify_waiters();
        }
    }
}

/// What handlers know of the connection a request came in on.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The node that was reached.
    pub node: i32,
    /// The listener that was reached, by its index.
    pub listener: usize,
    /// Address the client reached, which is the one it is told to use.
    pub host: String,
    /// Address of the client, as group descriptions show it.
    pub client_host: String,
    /// Who the client is, if the listener asks.
    pub authentication: Authentication,
    /// Wakes a parked fetch of this connection.
    pub wake: Arc<Notify>,
}

/// Accepts the connections of one listener of one node.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub shared: Arc<Shared>,
    pub node: i32,
    pub listener: usize,
    pub connections: Arc<Connections>,
    pub stopping: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts connections until told to stop.
    pub async fn run(mut self, listener: TcpListener) {
        loop {
            let (stream, peer) = tokio::select! {
                () = stopped(&mut self.stopping) => return,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        // Out of file descriptors, most likely: give others time to close some.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            self.connections.open.fetch_add(1, Ordering::AcqRel);
            let open = Open(Arc::clone(&self.connections));
            let (shared, mut stopping) = (Arc::clone(&self.shared), self.stopping.clone());
            let (node, listener) = (self.node, self.listener);
            drop(spawn(async move {
                tokio::select! {
                    () = stopped(&mut stopping) => {}
                    served = Box::pin(serve(stream, peer, shared, node, listener)) => {
                        if let Err(error) = served {
                            debug!(%peer, %error, "connection ends");
                        }
                    }
                }
                drop(open);
            }));
        }
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    node: i32,
    listener: usize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let host = match &shared.config.advertised_host {
        Some(host) => host.clone(),
        None => stream.local_addr()?.ip().to_canonical().to_string(),
    };
    let has_sasl = shared.config.listeners().get(listener).is_some_and(|listener| listener.protocol.has_sasl());
    let connection = Connection {
        node,
        listener,
        host,
        client_host: format!("/{}", peer.ip().to_canonical()),
        authentication: Authentication::new(has_sasl),
        wake: Arc::new(Notify::new()),
    };
    match shared.tls.get(listener).and_then(Option::as_ref) {
        None => Box::pin(converse(stream, &shared, &connection)).await,
        Some(tls) => {
            let encrypted = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await??;
            Box::pin(converse(encrypted, &shared, &connection)).await
        }
    }
}

/// A stream whose next bytes can be awaited without a buffer for them.
trait Incoming: AsyncRead + AsyncWrite + Unpin + Send {
    /// Waits until there is something to read, the end included.
    fn ready(&mut self) -> impl Future<Output = std::io::Result<()>> + Send;
}

impl Incoming for TcpStream {
    async fn ready(&mut self) -> std::io::Result<()> {
        self.readable().await
    }
}

impl Incoming for TlsStream<TcpStream> {
    async fn ready(&mut self) -> std::io::Result<()> {
        self.fill_buf().await.map(drop)
    }
}

/// Answers requests until the client or a fault ends the connection.
async fn converse<S: Incoming>(mut stream: S, shared: &Shared, connection: &Connection) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.is_empty() && !wait(&mut stream, &mut buffer, shared.config.max_idle).await? {
            debug!(client = connection.client_host, "connection closed because it was idle");
            break;
        }
        let Some(frame) = read_frame(&mut stream, &mut buffer).await? else { return Ok(()) };
        let Answer { reply, mute } = Box::pin(api::handle(shared, connection, frame)).await;
        match reply {
            Reply::Frame(frame) => stream.write_all(&frame).await?,
            Reply::Parts(parts) => stream.write_all_buf(&mut Parts::new(parts)).await?,
            Reply::Nothing => {}
            Reply::Piece(piece) => {
                stream.write_all(&piece).await?;
                break;
            }
            Reply::Close(reason) => {
                debug!(client = connection.client_host, reason, "connection closed by the broker");
                break;
            }
        }
        // What TLS still holds goes out now.
        stream.flush().await?;
        if !mute.is_zero() {
            tokio::time::sleep(mute).await;
        }
        if buffer.capacity() > KEPT_BUFFER {
            buffer = BytesMut::new();
        }
    }
    stream.shutdown().await
}

/// Waits for the next request; false if none came for too long. An idle connection keeps no buffer.
async fn wait<S: Incoming>(stream: &mut S, buffer: &mut BytesMut, max_idle: Duration) -> std::io::Result<bool> {
    let busy = BUSY.min(max_idle);
    if let Ok(ready) = tokio::time::timeout(busy, stream.ready()).await {
        return ready.map(|()| true);
    }
    *buffer = BytesMut::new();
    match tokio::time::timeout(max_idle.saturating_sub(busy), stream.ready()).await {
        Ok(ready) => ready.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Reads one request, without its length; `None` when the client has closed the connection between requests.
async fn read_frame<S: Incoming>(stream: &mut S, buffer: &mut BytesMut) -> std::io::Result<Option<Bytes>> {
    while buffer.len() < 4 {
        buffer.reserve(4096);
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    let length = buffer.get_i32();
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= MAX_FRAME) else {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("a request of {length} bytes is announced: not a Kafka client, or one that wants TLS"),
        ));
    };
    while buffer.len() < length {
        // What is announced is not allocated before it comes.
        buffer.reserve((length - buffer.len()).min(MAX_STEP));
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Several slices as one buffer, so that stored batches go to the socket without being copied.
struct Parts {
    parts: VecDeque<Bytes>,
    remaining: usize,
}

impl Parts {
    fn new(parts: Vec<Bytes>) -> Self {
        let parts: VecDeque<Bytes> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let remaining = parts.iter().map(Bytes::len).sum();
        Self { parts, remaining }
    }
}

impl Buf for Parts {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        while let Some(front) = self.parts.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.parts.pop_front();
            if count == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_as_one_buffer_wherever_a_write_stops() {
        let parts = vec![Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cde"), Bytes::from_static(b"f")];
        for step in 1..=6 {
            let mut buffer = Parts::new(parts.clone());
            let mut seen = Vec::new();
            while buffer.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = buffer.chunks_vectored(&mut slices);
                let flat: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(flat.len(), buffer.remaining());
                let take = step.min(flat.len());
                seen.extend_from_slice(&flat[..take]);
                buffer.advance(take);
            }
            assert_eq!(seen, b"abcdef");
        }
    }
}
