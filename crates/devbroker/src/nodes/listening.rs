//! The sockets of one node: taking connections, or only keeping the ports while the node is down.

use crate::broker::Shared;
use crate::error::{Error, Result};
use crate::server::{self, Connections};
use crate::spawn::spawn;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Ports that are bound but not listened on: connecting to them is refused, and nobody else can take them.
#[derive(Debug)]
pub(crate) struct Reserved {
    sockets: Vec<TcpSocket>,
    pub addresses: Vec<SocketAddr>,
}

impl Reserved {
    /// Binds each of the addresses; port 0 takes any free one.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self> {
        let mut reserved = Self { sockets: Vec::new(), addresses: Vec::new() };
        for &address in addresses {
            let failed = |source| Error::Listen { address, source };
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
            // A port whose last connections linger is free all the same.
            socket.set_reuseaddr(true).and_then(|()| socket.bind(address)).map_err(failed)?;
            reserved.addresses.push(socket.local_addr().map_err(failed)?);
            reserved.sockets.push(socket);
        }
        Ok(reserved)
    }

    pub fn ports(&self) -> Vec<u16> {
        self.addresses.iter().map(SocketAddr::port).collect()
    }

    /// Begins to take connections for a node.
    pub fn listen(self, node: i32, shared: &Arc<Shared>) -> Result<Listening> {
        let (stop, stopping) = watch::channel(false);
        let connections = Arc::new(Connections::default());
        let mut tasks = Vec::new();
        for (index, (socket, &address)) in self.sockets.into_iter().zip(&self.addresses).enumerate() {
            let listener = socket.listen(BACKLOG).map_err(|source| Error::Listen { address, source })?;
            let acceptor = server::Acceptor {
                shared: Arc::clone(shared),
                node,
                listener: index,
                connections: Arc::clone(&connections),
                stopping: stopping.clone(),
            };
            tasks.push(spawn(acceptor.run(listener)));
        }
        Ok(Listening { stop, tasks, connections, addresses: self.addresses })
    }
}

/// The running accept loops of a node. Dropping it closes them and their connections a little later.
#[derive(Debug)]
pub(crate) struct Listening {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    connections: Arc<Connections>,
    addresses: Vec<SocketAddr>,
}

impl Listening {
    /// Closes everything, waits until it is closed, and tells the addresses.
    pub async fn stop(mut self) -> Vec<SocketAddr> {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            // A task that panicked has stopped as well.
            drop(task.await);
        }
        self.connections.closed().await;
        std::mem::take(&mut self.addresses)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
