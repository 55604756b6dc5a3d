//! Who leads and who coordinates: the part of a cluster's metadata that moves.

use crate::api::FetchSessions;
use crate::log::Partition;
use crate::sync::{read, write};
use crate::topics::Topic;
use kafka_protocol::ResponseError;
use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use uuid::Uuid;

/// Partitions of `__consumer_offsets` and `__transaction_state`: coordinators are led in that many slots.
const SLOTS: usize = 50;

/// What a coordinator is responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coordinated<'a> {
    /// A consumer or `connect` group, by its id.
    Group(&'a str),
    /// A transactional id.
    Transaction(&'a str),
}

impl Coordinated<'_> {
    fn key(self) -> (bool, String) {
        match self {
            Self::Group(id) => (false, id.to_owned()),
            Self::Transaction(id) => (true, id.to_owned()),
        }
    }

    /// As Kafka places them: by Java's hash of the id.
    fn slot(self) -> usize {
        let (Self::Group(id) | Self::Transaction(id)) = self;
        let hash = id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
        usize::try_from(hash & i32::MAX).unwrap_or(0) % SLOTS
    }
}

/// Where the replicas of a partition are. Its epoch is the partition's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The nodes that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Its leader; -1 while no replica is up.
    pub leader: i32,
}

/// One simulated node. Nodes are numbered from 1.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: i32,
    pub rack: Option<String>,
    /// One per listener of the broker, in their order.
    ports: RwLock<Vec<u16>>,
    up: AtomicBool,
    pub sessions: FetchSessions,
}

impl Node {
    /// Whether it takes requests.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Port of its listener of that index.
    pub fn port(&self, listener: usize) -> u16 {
        read(&self.ports).get(listener).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
struct State {
    topics: HashMap<Uuid, Vec<Placement>>,
    /// Leaders of the coordinators' slots.
    slots: Vec<i32>,
    /// Coordinators that were moved one by one; true for transactions.
    moved: HashMap<(bool, String), i32>,
}

/// The nodes and what they are responsible for.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    default_replicas: usize,
    follower_fetching: bool,
    state: RwLock<State>,
    /// Counts changes; answers that are held back look again after each.
    changes: watch::Sender<u64>,
}

impl Cluster {
    /// As many nodes as `ports` has entries, all up.
    pub fn new(
        ports: Vec<Vec<u16>>,
        racks: &[String],
        default_replicas: Option<usize>,
        follower_fetching: bool,
    ) -> Self {
        let count = ports.len();
        let nodes: Vec<Node> = (1..)
            .zip(ports)
            .zip(0_usize..)
            .map(|((id, ports), index)| Node {
                id,
                rack: racks.get(index).filter(|rack| !rack.is_empty()).cloned(),
                ports: RwLock::new(ports),
                up: AtomicBool::new(true),
                sessions: FetchSessions::default(),
            })
            .collect();
        let slots = nodes.iter().map(|node| node.id).cycle().take(SLOTS).collect();
        Self {
            default_replicas: default_replicas.unwrap_or(3).clamp(1, count.max(1)),
            follower_fetching,
            nodes,
            state: RwLock::new(State { topics: HashMap::new(), slots, moved: HashMap::new() }),
            changes: watch::Sender::new(0),
        }
    }

    /// All nodes, those that are down included.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of that id.
    pub fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// The nodes that are up.
    pub fn up(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_up())
    }

    fn is_up(&self, id: i32) -> bool {
        self.node(id).is_some_and(Node::is_up)
    }

    /// The node that clients are told is the controller.
    pub fn controller(&self) -> i32 {
        self.up().next().map_or(-1, |node| node.id)
    }

    /// Replicas of a partition whose topic does not say (`default.replication.factor`).
    pub fn default_replicas(&self) -> usize {
        self.default_replicas
    }

    fn default_placement(&self, topic: &Topic, index: usize, replicas: usize) -> Placement {
        let first = usize::try_from(topic.id.as_u128() % self.nodes.len().max(1) as u128).unwrap_or(0);
        let replicas =
            self.nodes.iter().cycle().skip(first + index % self.nodes.len().max(1)).take(replicas).map(|node| node.id);
        self.placed(replicas.collect())
    }

    fn placed(&self, replicas: Vec<i32>) -> Placement {
        let leader = replicas.iter().copied().find(|&id| self.is_up(id)).unwrap_or(-1);
        Placement { replicas, leader }
    }

    /// Where a partition is.
    pub fn placement(&self, topic: &Topic, index: i32) -> Placement {
        let at = usize::try_from(index).unwrap_or(0);
        if let Some(placement) = read(&self.state).topics.get(&topic.id).and_then(|known| known.get(at)) {
            return placement.clone();
        }
        self.with_topic(topic, |placements| placements.get(at).cloned())
            .unwrap_or(Placement { replicas: Vec::new(), leader: -1 })
    }

    /// Changes the placements of a topic, which are all there.
    fn with_topic<T>(&self, topic: &Topic, change: impl FnOnce(&mut Vec<Placement>) -> T) -> T {
        let mut state = write(&self.state);
        let placements = state.topics.entry(topic.id).or_default();
        let replicas = placements.first().map_or(self.default_replicas, |first| first.replicas.len().max(1));
        for (index, partition) in topic.partitions().iter().enumerate().skip(placements.len()) {
            let placement = self.default_placement(topic, index, replicas);
            self.tell(&placement, partition);
            placements.push(placement);
        }
        change(placements)
    }

    /// The partition's log refuses acks=all while too few replicas are in sync.
    fn tell(&self, placement: &Placement, partition: &Partition) {
        partition.set_in_sync(self.in_sync(placement).len());
    }

    /// The replicas that are up.
    pub fn in_sync(&self, placement: &Placement) -> Vec<i32> {
        placement.replicas.iter().copied().filter(|&id| self.is_up(id)).collect()
    }

    /// Places a new topic: so many replicas each, or exactly these.
    pub fn place(&self, topic: &Topic, replicas: usize, exactly: &[Vec<i32>]) {
        let partitions = topic.partitions();
        let placements = partitions.iter().enumerate().map(|(index, partition)| {
            let placement = match exactly.get(index) {
                Some(replicas) => self.placed(replicas.clone()),
                None => self.default_placement(topic, index, replicas.clamp(1, self.nodes.len().max(1))),
            };
            self.tell(&placement, partition);
            placement
        });
        let placements = placements.collect();
        write(&self.state).topics.insert(topic.id, placements);
    }

    /// Forgets a deleted topic.
    pub fn forget(&self, topic: &Topic) {
        write(&self.state).topics.remove(&topic.id);
    }

    /// Whether a node takes requests that only the leader takes; `epoch` is the one the client knows, -1 for none.
    pub fn check_leader(
        &self,
        node: i32,
        topic: &Topic,
        index: i32,
        partition: &Partition,
        epoch: i32,
    ) -> Result<(), ResponseError> {
        self.check(node, topic, index, partition, epoch, true)
    }

    /// Whether a node gives records of a partition to a consumer: as its leader, or as any replica to those that know what that is.
    pub fn check_replica(
        &self,
        node: i32,
        topic: &Topic,
        index: i32,
        partition: &Partition,
        epoch: i32,
    ) -> Result<(), ResponseError> {
        self.check(node, topic, index, partition, epoch, false)
    }

    fn check(
        &self,
        node: i32,
        topic: &Topic,
        index: i32,
        partition: &Partition,
        epoch: i32,
        leader_only: bool,
    ) -> Result<(), ResponseError> {
        let placement = self.placement(topic, index);
        if !placement.replicas.contains(&node) {
            return Err(ResponseError::NotLeaderOrFollower);
        }
        let current = partition.leader_epoch();
        if epoch > current {
            return Err(ResponseError::UnknownLeaderEpoch);
        }
        if epoch >= 0 && epoch < current {
            return Err(ResponseError::FencedLeaderEpoch);
        }
        if leader_only && placement.leader != node { Err(ResponseError::NotLeaderOrFollower) } else { Ok(()) }
    }

    /// The replica in the client's rack that it should rather read from, if the leader `node` is in another one.
    pub fn preferred_replica(&self, node: i32, topic: &Topic, index: i32, rack: &str) -> Option<i32> {
        if !self.follower_fetching || rack.is_empty() {
            return None;
        }
        let placement = self.placement(topic, index);
        let in_rack = |id: i32| self.node(id).is_some_and(|node| node.rack.as_deref() == Some(rack));
        if placement.leader != node || in_rack(node) {
            return None;
        }
        self.in_sync(&placement).into_iter().find(|&id| in_rack(id))
    }

    /// Makes a node the leader of a partition, with the next epoch. A node that held no replica gets one.
    pub fn move_leader(&self, topic: &Topic, index: i32, partition: &Partition, node: i32) {
        self.with_topic(topic, |placements| {
            if let Some(placement) = usize::try_from(index).ok().and_then(|index| placements.get_mut(index)) {
                if !placement.replicas.contains(&node) {
                    placement.replicas.retain(|&id| id != placement.leader);
                    placement.replicas.push(node);
                }
                placement.leader = node;
                self.tell(placement, partition);
                partition.bump_leader_epoch();
            }
        });
        partition.wake();
        self.changed();
    }

    /// The node that coordinates; -1 while none is up.
    pub fn coordinator(&self, of: Coordinated<'_>) -> i32 {
        let state = read(&self.state);
        if !state.moved.is_empty()
            && let Some(&node) = state.moved.get(&of.key())
            && self.is_up(node)
        {
            return node;
        }
        state.slots.get(of.slot()).copied().unwrap_or(-1)
    }

    /// Makes a node the coordinator of one group or transactional id.
    pub fn move_coordinator(&self, of: Coordinated<'_>, node: i32) {
        write(&self.state).moved.insert(of.key(), node);
        self.changed();
    }

    /// Waits until `node` does not coordinate any more.
    pub async fn coordinator_left(&self, of: Coordinated<'_>, node: i32) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if self.coordinator(of) != node {
                return;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Takes a node down or up: its partitions and slots get another leader, or theirs back if they have none.
    pub fn set_up(&self, id: i32, up: bool, topics: &[std::sync::Arc<Topic>]) {
        let Some(node) = self.node(id) else { return };
        node.up.store(up, Ordering::Release);
        if !up {
            node.sessions.clear();
        }
        for topic in topics {
            let partitions = topic.partitions();
            self.with_topic(topic, |placements| {
                for (placement, partition) in placements.iter_mut().zip(&partitions) {
                    if !self.is_up(placement.leader) {
                        let leader = self.placed(placement.replicas.clone()).leader;
                        if leader != placement.leader {
                            placement.leader = leader;
                            partition.bump_leader_epoch();
                        }
                    }
                    self.tell(placement, partition);
                }
            });
            partitions.iter().for_each(|partition| partition.wake());
        }
        {
            let mut state = write(&self.state);
            let up: Vec<i32> = self.up().map(|node| node.id).collect();
            let mut next = up.iter().copied().cycle();
            for slot in state.slots.iter_mut().filter(|slot| !up.contains(slot)) {
                *slot = next.next().unwrap_or(-1);
            }
        }
        self.changed();
    }

    /// A node comes back at other ports.
    pub fn set_ports(&self, id: i32, ports: Vec<u16>) {
        if let Some(node) = self.node(id) {
            *write(&node.ports) = ports;
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
