//! What tests do to the cluster: nodes go and come, leaders and coordinators move.

use super::{Coordinated, Listening, Reserved};
use crate::broker::DevBroker;
use crate::error::{Error, Result};
use crate::log::Partition;
use crate::topics::Topic;
use std::net::SocketAddr;
use std::sync::Arc;

/// The sockets of a node.
#[derive(Debug)]
pub(crate) enum Sockets {
    Up(Listening),
    /// Keeps the ports, so that the node can come back where it was.
    Down(Reserved),
    /// Between two states; stays so if a port could not be had again.
    Gone(Vec<SocketAddr>),
}

impl DevBroker {
    /// The ids of all nodes, those that are down included: 1, 2, ….
    pub fn node_ids(&self) -> Vec<i32> {
        self.shared.cluster.nodes().iter().map(|node| node.id).collect()
    }

    /// The node that leads a partition; `None` while there is no such partition or none of its replicas is up.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let (topic, _) = self.find(topic, partition).ok()?;
        Some(self.shared.cluster.placement(&topic, partition).leader).filter(|&leader| leader > 0)
    }

    /// The nodes that hold a partition, the preferred leader first.
    pub fn replicas(&self, topic: &str, partition: i32) -> Vec<i32> {
        self.find(topic, partition)
            .map(|(topic, _)| self.shared.cluster.placement(&topic, partition).replicas)
            .unwrap_or_default()
    }

    /// The epoch of a partition's leader.
    pub fn leader_epoch(&self, topic: &str, partition: i32) -> Option<i32> {
        self.find(topic, partition).ok().map(|(_, log)| log.leader_epoch())
    }

    /// Makes a node the leader of a partition, with the next epoch. A node that holds no replica takes the place of the old leader.
    ///
    /// # Errors
    /// There is no such partition or node, or the node is down.
    pub fn move_leader(&self, topic: &str, partition: i32, node: i32) -> Result<()> {
        self.up_node(node)?;
        let (topic, log) = self.find(topic, partition)?;
        self.shared.cluster.move_leader(&topic, partition, &log, node);
        Ok(())
    }

    /// The node that coordinates a group or a transactional id; `None` while all are down.
    pub fn coordinator(&self, of: Coordinated<'_>) -> Option<i32> {
        Some(self.shared.cluster.coordinator(of)).filter(|&node| node > 0)
    }

    /// Makes a node the coordinator of a group or a transactional id. Joins and syncs that wait at the old one are told so.
    ///
    /// # Errors
    /// There is no such node, or it is down.
    pub fn move_coordinator(&self, of: Coordinated<'_>, node: i32) -> Result<()> {
        self.up_node(node)?;
        self.shared.cluster.move_coordinator(of, node);
        Ok(())
    }

    /// Stops a node as if it were killed: its connections break, requests of its that wait are lost, other replicas take over what it
    /// led and coordinated. Its ports refuse connections until it is started again. Nothing happens if it is down already.
    ///
    /// # Errors
    /// There is no such node.
    pub async fn stop_node(&self, node: i32) -> Result<()> {
        self.take_down(node, None).await
    }

    async fn take_down(&self, node: i32, losing: Option<i64>) -> Result<()> {
        self.check_node(node)?;
        let mut sockets = self.sockets.lock().await;
        let Some(of_node) = sockets.get_mut(&node) else { return Ok(()) };
        if let Sockets::Up(listening) = std::mem::replace(of_node, Sockets::Gone(Vec::new())) {
            let addresses = listening.stop().await;
            *of_node = match Reserved::bind(&addresses) {
                Ok(reserved) => Sockets::Down(reserved),
                Err(_) => Sockets::Gone(addresses),
            };
            // Before others lead: what they write stays.
            let lost = losing.map_or(Ok(()), |records| self.lose(node, records));
            self.shared.cluster.set_up(node, false, &self.shared.topics.all());
            lost?;
        }
        Ok(())
    }

    /// Starts a stopped node at the ports it had. It leads again only what nobody else took over. Nothing happens if it is up already.
    ///
    /// # Errors
    /// There is no such node, or one of its ports cannot be listened on.
    pub async fn start_node(&self, node: i32) -> Result<()> {
        self.check_node(node)?;
        let mut sockets = self.sockets.lock().await;
        let Some(of_node) = sockets.get_mut(&node) else { return Ok(()) };
        *of_node = match std::mem::replace(of_node, Sockets::Gone(Vec::new())) {
            Sockets::Up(listening) => {
                *of_node = Sockets::Up(listening);
                return Ok(());
            }
            Sockets::Down(reserved) => Sockets::Up(reserved.listen(node, &self.shared)?),
            Sockets::Gone(addresses) => Sockets::Up(Reserved::bind(&addresses)?.listen(node, &self.shared)?),
        };
        self.shared.cluster.set_up(node, true, &self.shared.topics.all());
        Ok(())
    }

    /// [`stop_node`](Self::stop_node) and [`start_node`](Self::start_node).
    ///
    /// # Errors
    /// There is no such node, or one of its ports cannot be listened on.
    pub async fn restart_node(&self, node: i32) -> Result<()> {
        self.stop_node(node).await?;
        self.start_node(node).await
    }

    /// [`restart_node`](Self::restart_node) of a node that had not brought its newest records anywhere: each partition that it leads
    /// loses about so many of them, in whole batches. The leaders' epochs tell clients (KIP-320).
    ///
    /// # Errors
    /// There is no such node, one of its ports cannot be listened on, or the files of a log cannot be cut.
    pub async fn restart_node_losing(&self, node: i32, records: i64) -> Result<()> {
        self.take_down(node, Some(records)).await?;
        self.start_node(node).await
    }

    fn lose(&self, node: i32, records: i64) -> Result<()> {
        for topic in self.shared.topics.all() {
            for (index, log) in (0..).zip(topic.partitions()) {
                if self.shared.cluster.placement(&topic, index).leader != node {
                    continue;
                }
                let (start, end) = log.range();
                let kept = end.saturating_sub(records.max(0)).max(start);
                log.truncate_to(kept).map_err(|error| Error::io("cut off the log of", &*topic.name, error))?;
            }
        }
        Ok(())
    }

    /// Moves a node to other ports of the same address, as a broker that comes back elsewhere: clients find it by its id.
    /// Returns the port of its first listener.
    ///
    /// # Errors
    /// There is no such node, or no port can be listened on.
    pub async fn change_port(&self, node: i32) -> Result<u16> {
        self.stop_node(node).await?;
        let ports = {
            let mut sockets = self.sockets.lock().await;
            let Some(of_node) = sockets.get_mut(&node) else { return Ok(0) };
            let old = match of_node {
                Sockets::Down(reserved) => reserved.addresses.clone(),
                Sockets::Gone(addresses) => addresses.clone(),
                Sockets::Up(_) => return Ok(0),
            };
            let any: Vec<SocketAddr> = old.iter().map(|address| SocketAddr::new(address.ip(), 0)).collect();
            // The old ports are let go only when the new ones are there, so they differ.
            let reserved = Reserved::bind(&any)?;
            let ports = reserved.ports();
            *of_node = Sockets::Down(reserved);
            ports
        };
        let port = ports.first().copied().unwrap_or(0);
        self.shared.cluster.set_ports(node, ports);
        self.start_node(node).await?;
        Ok(port)
    }

    fn check_node(&self, node: i32) -> Result<()> {
        match self.shared.cluster.node(node) {
            Some(_) => Ok(()),
            None => Err(Error::NoSuchNode { node, nodes: self.shared.cluster.nodes().len() }),
        }
    }

    fn up_node(&self, node: i32) -> Result<()> {
        self.check_node(node)?;
        if self.shared.cluster.up().any(|up| up.id == node) { Ok(()) } else { Err(Error::NodeIsDown { node }) }
    }

    fn find(&self, name: &str, partition: i32) -> Result<(Arc<Topic>, Arc<Partition>)> {
        let missing = || Error::NoSuchPartition { topic: name.to_owned(), partition };
        let topic = self.shared.topics.by_name(name).ok_or_else(missing)?;
        let log = topic.partition(partition).ok_or_else(missing)?;
        Ok((topic, log))
    }
}
