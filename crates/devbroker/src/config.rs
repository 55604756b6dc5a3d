//! Options of the development broker.

use crate::faults::Api;
use crate::security::{Listener, Protocol, Security};
use crate::txn::Version;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Options of [`DevBroker`](crate::DevBroker); the defaults suit tests and `milena dev`.
#[derive(Debug, Clone)]
pub struct DevBrokerConfig {
    /// Address to listen on; port 0 takes any free one. Further nodes take the ports after it, or any. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// What `listen` speaks. Default PLAINTEXT.
    pub protocol: Protocol,
    /// Further listeners of every node; clients are told the addresses of the one they came in on.
    pub more_listeners: Vec<Listener>,
    /// Certificates and users of listeners other than PLAINTEXT.
    pub security: Security,
    /// How long a connection may be idle before it is closed (`connections.max.idle.ms`). Default 10 min.
    pub max_idle: Duration,
    /// Nodes that are simulated, with ids from 1 on. Default 1.
    pub nodes: usize,
    /// Rack of each node, in their order (`broker.rack`); an empty or missing one is none.
    pub racks: Vec<String>,
    /// Replicas of a topic that does not say (`default.replication.factor`); `None` is 3, or as many as there are nodes.
    pub default_replicas: Option<usize>,
    /// Whether consumers are sent to a replica in their own rack (`replica.selector.class=…RackAwareReplicaSelector`). Default false.
    pub follower_fetching: bool,
    /// Host name that clients are told to connect to; without it, the address they came in on.
    pub advertised_host: Option<String>,
    /// Folder that keeps topics, logs and group offsets; without it everything is in memory only.
    pub dir: Option<PathBuf>,
    /// Partitions of a topic that does not say (`num.partitions`). Default 1.
    pub default_partitions: i32,
    /// Whether a metadata request creates unknown topics (`auto.create.topics.enable`). Default true.
    pub auto_create_topics: bool,
    /// Bytes a partition keeps when its topic does not say (`log.retention.bytes`); -1 keeps all. Default 1 GiB: unlike a real
    /// broker this one usually holds its logs in memory.
    pub retention_bytes: i64,
    /// Without a data folder: bytes that all logs together may take. Beyond it a partition that is written to drops its oldest records,
    /// down to 8 MiB, whatever its topic says; topics that are only compacted keep theirs. Default 2 GiB.
    pub memory_limit: u64,
    /// Milliseconds a record is kept when its topic does not say (`log.retention.ms`); -1 keeps it forever. Default 7 days.
    pub retention_ms: i64,
    /// Largest batch a topic takes when it does not say (`message.max.bytes`). Default 1048588.
    pub max_message_bytes: i32,
    /// How long the first rebalance of an empty group waits for more members (`group.initial.rebalance.delay.ms`). Default 0.
    pub initial_rebalance_delay: Duration,
    /// Smallest session time-out a group member may ask for (`group.min.session.timeout.ms`). Default 6 s.
    pub min_session_timeout: Duration,
    /// Longest transaction a producer may ask for (`transaction.max.timeout.ms`). Default 15 min.
    pub max_transaction_timeout: Duration,
    /// Highest `transaction.version` that clients are told of: 2, or 1 to have them speak the older protocol. Default 2.
    pub transaction_version: i16,
    /// How long after the end of a transaction its markers are written; until then its producer is told to wait
    /// (`CONCURRENT_TRANSACTIONS`). Default 0.
    pub transaction_marker_delay: Duration,
    /// Highest versions of APIs that the broker admits to, where they are not its own; see [`cap`](Self::cap) and the presets.
    pub caps: BTreeMap<Api, i16>,
    /// Whether ApiVersions tells features, as Kafka does since 2.7. Default true.
    pub features: bool,
    /// With a data folder: bytes of each partition's newest batches that stay in memory beside the files. Default 32 MiB.
    pub cached_bytes_per_partition: usize,
}

impl DevBrokerConfig {
    /// All listeners of a node, the first one first.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        let mut listeners = vec![Listener { protocol: self.protocol, address: self.listen }];
        listeners.extend_from_slice(&self.more_listeners);
        listeners
    }

    /// The defaults with this many nodes.
    pub fn nodes(nodes: usize) -> Self {
        Self { nodes, ..Self::default() }
    }
}

impl Default for DevBrokerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            protocol: Protocol::Plaintext,
            more_listeners: Vec::new(),
            security: Security::default(),
            max_idle: Duration::from_secs(600),
            nodes: 1,
            racks: Vec::new(),
            default_replicas: None,
            follower_fetching: false,
            advertised_host: None,
            dir: None,
            default_partitions: 1,
            auto_create_topics: true,
            retention_bytes: 1 << 30,
            memory_limit: 2 << 30,
            retention_ms: 7 * 24 * 3_600_000,
            max_message_bytes: 1_048_588,
            initial_rebalance_delay: Duration::ZERO,
            min_session_timeout: Duration::from_secs(6),
            max_transaction_timeout: Duration::from_secs(15 * 60),
            transaction_version: 2,
            transaction_marker_delay: Duration::ZERO,
            caps: BTreeMap::new(),
            features: true,
            cached_bytes_per_partition: 32 << 20,
        }
    }
}

impl DevBrokerConfig {
    /// The transaction protocol that the broker speaks where no request says which.
    pub(crate) fn transaction_version(&self) -> Version {
        if self.transaction_version >= 2 { Version::Two } else { Version::One }
    }
}
