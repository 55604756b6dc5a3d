//! The broker as a whole: start, stop, and what all requests share.

use crate::config::DevBrokerConfig;
use crate::error::{Error, Result};
use crate::faults::{Api, Faults};
use crate::group::{Groups, KeptGroups};
use crate::journal::{Entry, Journal};
use crate::log::Partition;
use crate::nodes::{Cluster, Reserved, Sockets};
use crate::quotas::{Quota, Quotas};
use crate::security::{Encryption, Listener, Protocol, Users};
use crate::spawn::spawn;
use crate::sync::{lock, now_ms, stopped};
use crate::topic_configs::Configs;
use crate::topics::{KeptTopic, Topics};
use crate::txn::{Transaction, Transactions};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::info;
use uuid::Uuid;

/// What a user is told when the broker starts.
pub const BANNER: &str = "Development broker: for trying things out and for tests, not for production. \
No replication; without a data folder everything is in memory and gone at the end.";

const SYNC_INTERVAL: Duration = Duration::from_secs(5);
const RETENTION_INTERVAL: Duration = Duration::from_secs(300);
const PRODUCER_ID_BLOCK: i64 = 1000;
const CLEAN_MARKER: &str = "stopped-cleanly";

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub config: Arc<DevBrokerConfig>,
    pub cluster_id: String,
    pub cluster: Cluster,
    pub topics: Topics,
    pub groups: Groups,
    pub transactions: Transactions,
    pub faults: Faults,
    pub quotas: Quotas,
    pub users: Users,
    /// APIs with the lowest and highest version that clients are told of.
    pub versions: Vec<(Api, i16, i16)>,
    /// By listener; `None` for those that are not encrypted.
    pub tls: Vec<Option<Encryption>>,
    pub journal: Arc<Journal>,
    producer_ids: Mutex<ProducerIds>,
}

#[derive(Debug)]
struct ProducerIds {
    next: i64,
    reserved: i64,
}

impl Shared {
    /// A producer id that was never given out.
    pub fn next_producer_id(&self) -> std::io::Result<i64> {
        let mut ids = lock(&self.producer_ids);
        if ids.next >= ids.reserved {
            let next = ids.next + PRODUCER_ID_BLOCK;
            self.journal.append(&[Entry::ProducerIds { next }])?;
            ids.reserved = next;
        }
        ids.next += 1;
        Ok(ids.next - 1)
    }

    /// Remembers that records below an offset have been deleted.
    pub fn keep_log_start(&self, topic: &str, partition: i32, offset: i64) -> std::io::Result<()> {
        self.journal.append(&[Entry::LogStart { topic: topic.to_owned(), partition, offset }])
    }

    fn partitions(&self) -> impl Iterator<Item = Arc<Partition>> {
        self.topics.all().into_iter().flat_map(|topic| topic.partitions())
    }

    fn sync(&self) {
        for partition in self.partitions() {
            if let Some(segment) = partition.take_unsynced() {
                segment.sync();
            }
        }
        self.journal.sync();
    }
}

/// A running development broker. Dropping it stops it without forcing the last writes to the disk; [`DevBroker::stop`] does.
#[derive(Debug)]
pub struct DevBroker {
    pub(crate) shared: Arc<Shared>,
    /// By node.
    pub(crate) sockets: tokio::sync::Mutex<BTreeMap<i32, Sockets>>,
    ip: IpAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    // Held for as long as the broker uses the folder.
    _dir_lock: Option<File>,
}

impl DevBroker {
    /// Opens the data folder, if any, and listens.
    ///
    /// # Errors
    /// The address cannot be listened on, or the data folder is in use or cannot be read.
    pub async fn start(config: DevBrokerConfig) -> Result<Self> {
        let config = Arc::new(config);
        let kept = match &config.dir {
            Some(dir) => open_dir(dir)?,
            None => Kept::default(),
        };
        let tls = encryption(&config)?;
        let reserved = (0..config.nodes.max(1))
            .map(|index| {
                let listeners = config.listeners().into_iter();
                Reserved::bind(&listeners.map(|listener| node_address(listener.address, index)).collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>>>()?;
        let ports: Vec<Vec<u16>> = reserved.iter().map(Reserved::ports).collect();
        let cluster = Cluster::new(ports, &config.racks, config.default_replicas, config.follower_fetching);

        let cluster_id = kept.cluster_id.unwrap_or_else(new_cluster_id);
        let journal = match &config.dir {
            Some(dir) => {
                let mut entries = vec![Entry::ClusterId(cluster_id.clone())];
                entries.push(Entry::ProducerIds { next: kept.next_producer_id });
                entries.extend(topic_entries(&kept.topics));
                entries.extend(kept.groups.entries());
                entries.extend(transaction_entries(&kept.transactions));
                Journal::create(dir, &entries)?
            }
            None => Journal::default(),
        };
        let journal = Arc::new(journal);
        let topics = Topics::open(Arc::clone(&config), Arc::clone(&journal), kept.topics, kept.clean)?;
        let groups = Groups::new(Arc::clone(&config), Arc::clone(&journal), kept.groups);
        let transactions = Transactions::new(Arc::clone(&config), Arc::clone(&journal), kept.transactions);
        let shared = Arc::new(Shared {
            cluster_id,
            cluster,
            topics,
            groups,
            transactions,
            faults: Faults::default(),
            quotas: Quotas::default(),
            users: Users::new(&config.security),
            versions: config.versions(),
            tls,
            journal,
            producer_ids: Mutex::new(ProducerIds { next: kept.next_producer_id, reserved: kept.next_producer_id }),
            config,
        });
        let (stop, stopping) = watch::channel(false);
        let mut tasks = vec![spawn(housekeeping(Arc::clone(&shared), stopping.clone()))];
        let timers = Arc::clone(&shared);
        let groups_stopping = stopping.clone();
        tasks.push(spawn(async move { timers.groups.run_timers(groups_stopping).await }));
        let timers = Arc::clone(&shared);
        tasks.push(spawn(async move { timers.transactions.run_timers(&timers, stopping).await }));
        let mut sockets = BTreeMap::new();
        for (node, reserved) in (1..).zip(reserved) {
            sockets.insert(node, Sockets::Up(reserved.listen(node, &shared)?));
        }
        let ip = shared.config.listen.ip();
        let broker = Self { shared, sockets: tokio::sync::Mutex::new(sockets), ip, stop, tasks, _dir_lock: kept.lock };
        info!(bootstrap = broker.bootstrap(), dir = ?broker.shared.config.dir, "development broker listens");
        Ok(broker)
    }

    /// `bootstrap.servers` of this broker: all nodes.
    pub fn bootstrap(&self) -> String {
        self.all(0)
    }

    /// `bootstrap.servers` of the first listener that speaks this; `None` if there is none.
    pub fn bootstrap_of(&self, protocol: Protocol) -> Option<String> {
        let listener = self.shared.config.listeners().iter().position(|listener| listener.protocol == protocol)?;
        Some(self.all(listener))
    }

    fn all(&self, listener: usize) -> String {
        let nodes = self.shared.cluster.nodes().iter();
        nodes.map(|node| self.host_and_port(node.port(listener))).collect::<Vec<_>>().join(",")
    }

    fn host_and_port(&self, port: u16) -> String {
        let host = self
            .shared
            .config
            .advertised_host
            .clone()
            .unwrap_or_else(|| if self.ip.is_unspecified() { "127.0.0.1".to_owned() } else { self.ip.to_string() });
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Host and port of one node; `None` if there is no such node.
    pub fn address(&self, node: i32) -> Option<String> {
        self.port_of(node).map(|port| self.host_and_port(port))
    }

    /// The port that node 1 listens on.
    pub fn port(&self) -> u16 {
        self.port_of(1).unwrap_or(0)
    }

    /// The port that a node listens on; `None` if there is no such node.
    pub fn port_of(&self, node: i32) -> Option<u16> {
        self.shared.cluster.node(node).map(|node| node.port(0))
    }

    /// Kafka's id of the cluster; kept in the data folder.
    pub fn cluster_id(&self) -> &str {
        &self.shared.cluster_id
    }

    /// Faults to be injected.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Sets a quota for one client id, or for each client that has none of its own; `None` removes it. What was used before is
    /// forgotten.
    pub fn set_quota(&self, quota: Quota, client_id: Option<&str>, limit: Option<f64>) {
        self.shared.quotas.set(quota, client_id, limit);
    }

    /// Closes all connections and forces everything to the disk.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            // A task that panicked has stopped as well.
            drop(task.await);
        }
        for sockets in std::mem::take(self.sockets.get_mut()).into_values() {
            if let Sockets::Up(listening) = sockets {
                drop(listening.stop().await);
            }
        }
        if let Some(dir) = self.shared.config.dir.clone() {
            self.shared.sync();
            if let Err(error) = File::create(dir.join(CLEAN_MARKER)).and_then(|file| file.sync_all()) {
                tracing::warn!(%error, "cannot mark the clean stop, the next start checks the logs");
            }
        }
    }
}

impl Drop for DevBroker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// What encrypts each of the listeners; `None` for those that are not.
fn encryption(config: &DevBrokerConfig) -> Result<Vec<Option<Encryption>>> {
    let encryption = config.security.tls.as_ref().map(Encryption::new).transpose()?;
    let of = |listener: &Listener| {
        if !listener.protocol.is_encrypted() {
            return Ok(None);
        }
        let name = listener.protocol.name();
        let missing =
            || Error::Tls { reason: format!("a listener speaks {name} and there are no certificates for it") };
        encryption.clone().map(Some).ok_or_else(missing)
    };
    config.listeners().iter().map(of).collect()
}

/// Where the node of that index listens: at consecutive ports, unless any port will do.
fn node_address(listen: SocketAddr, index: usize) -> SocketAddr {
    let step = if listen.port() == 0 { 0 } else { u16::try_from(index).unwrap_or(u16::MAX) };
    SocketAddr::new(listen.ip(), listen.port().saturating_add(step))
}

/// Forces writes to the disk and drops what is too old.
async fn housekeeping(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let interval = if shared.journal.is_kept() { SYNC_INTERVAL } else { RETENTION_INTERVAL };
    let rounds = RETENTION_INTERVAL.as_secs() / interval.as_secs();
    let mut round = 0;
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => return,
            () = tokio::time::sleep(interval) => {}
        }
        round += 1;
        if shared.journal.is_kept() {
            let syncing = Arc::clone(&shared);
            drop(tokio::task::spawn_blocking(move || syncing.sync()).await);
        }
        if round % rounds == 0 {
            let now = now_ms();
            shared.partitions().for_each(|partition| partition.trim_by_time(now));
        }
    }
}

/// What a data folder says at start.
#[derive(Debug, Default)]
struct Kept {
    cluster_id: Option<String>,
    topics: BTreeMap<String, KeptTopic>,
    groups: KeptGroups,
    transactions: BTreeMap<String, Transaction>,
    next_producer_id: i64,
    clean: bool,
    lock: Option<File>,
}

fn open_dir(dir: &Path) -> Result<Kept> {
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    let lock_path: PathBuf = dir.join("lock");
    let lock = File::create(&lock_path).map_err(|error| Error::io("create", &lock_path, error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::DirInUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", lock_path, error)),
    }
    let mut kept = Kept { lock: Some(lock), ..Kept::default() };
    for entry in Journal::load(dir)? {
        kept.apply(entry);
    }
    let marker = dir.join(CLEAN_MARKER);
    kept.clean = marker.exists();
    if kept.clean {
        std::fs::remove_file(&marker).map_err(|error| Error::io("remove", marker, error))?;
    }
    Ok(kept)
}

impl Kept {
    fn apply(&mut self, entry: Entry) {
        self.groups.apply(&entry);
        match entry {
            Entry::ClusterId(id) => self.cluster_id = Some(id),
            Entry::Topic { name, id, partitions, configs } => match self.topics.get_mut(&name) {
                Some(topic) if topic.id == id => {
                    topic.partitions = partitions;
                    topic.configs = configs;
                }
                _ => {
                    self.topics.insert(name, KeptTopic { id, partitions, configs, log_starts: BTreeMap::new() });
                }
            },
            Entry::TopicDeleted { name } => {
                self.topics.remove(&name);
            }
            Entry::LogStart { topic, partition, offset } => {
                if let Some(topic) = self.topics.get_mut(&topic) {
                    topic.log_starts.insert(partition, offset);
                }
            }
            Entry::Transaction { id, transaction } => {
                self.transactions.insert(id, *transaction);
            }
            Entry::ProducerIds { next } => self.next_producer_id = next,
            // Those are of groups.
            Entry::Offset { .. }
            | Entry::OffsetDeleted { .. }
            | Entry::GroupDeleted { .. }
            | Entry::TxnOffset { .. }
            | Entry::TxnOffsetsEnded { .. } => {}
        }
    }
}

fn topic_entries(topics: &BTreeMap<String, KeptTopic>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (name, topic) in topics {
        let configs: Configs = topic.configs.clone();
        entries.push(Entry::Topic { name: name.clone(), id: topic.id, partitions: topic.partitions, configs });
        for (&partition, &offset) in &topic.log_starts {
            entries.push(Entry::LogStart { topic: name.clone(), partition, offset });
        }
    }
    entries
}

fn transaction_entries(transactions: &BTreeMap<String, Transaction>) -> impl Iterator<Item = Entry> {
    let entry =
        |(id, one): (&String, &Transaction)| Entry::Transaction { id: id.clone(), transaction: Box::new(one.clone()) };
    transactions.iter().map(entry)
}

/// A cluster id as Kafka makes them: a random UUID in URL-safe base64 without padding.
fn new_cluster_id() -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = Uuid::new_v4().as_u128();
    (0..22)
        .map(|place| {
            // 128 bits are 21 digits of six and one of two, which stands for its upper bits.
            let digit = if place < 21 { bits >> (122 - 6 * place) } else { bits << 4 } & 0x3f;
            usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit)).map_or('A', |&digit| char::from(digit))
        })
        .collect()
}
