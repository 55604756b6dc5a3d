//! A broker of one kind, for one rule.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use milena_devbroker::{DevBroker, DevBrokerConfig, Protocol};
use milena_kafka::config::Properties;
use milena_testkit::kafka::{RealKafka, SHARED_BOOTSTRAP};
use milena_testkit::port;
use milena_testkit::secure_kafka::SecureKafka;
use milena_testkit::toxiproxy::Toxiproxy;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::dev_secure::DevSecure;

/// Real brokers that tests start for themselves at the same time: each is a JVM, and two cores carry no more.
const OWN_AT_ONCE: usize = 1;

/// A broker of one kind. What it started for itself ends with it.
pub struct Harness {
    bootstrap: String,
    kind: Kind,
}

enum Kind {
    Dev(DevBroker),
    DevSecure(DevSecure),
    Real,
    Own(Own),
    Cluster(OwnedMutexGuard<RealKafka>),
    Secure(Arc<SecureKafka>),
    Proxy(Own, Toxiproxy),
}

/// A real broker of one test, which may kill it.
struct Own {
    broker: Option<RealKafka>,
    _turn: OwnedSemaphorePermit,
}

impl Own {
    async fn start(settings: Vec<String>) -> Self {
        static TURNS: OnceLock<Arc<Semaphore>> = OnceLock::new();
        let turns = TURNS.get_or_init(|| Arc::new(Semaphore::new(OWN_AT_ONCE)));
        let turn = Arc::clone(turns).acquire_owned().await.unwrap();
        let start = move || RealKafka::start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        Self { broker: Some(blocking(start).await.unwrap()), _turn: turn }
    }
}

/// Runs what blocks off the test's own threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl Harness {
    /// An embedded broker of the test's own, in memory, one node.
    pub async fn dev() -> Self {
        Self::dev_with(DevBrokerConfig {
            min_session_timeout: Duration::from_millis(100),
            ..DevBrokerConfig::default()
        })
        .await
    }

    /// An embedded broker with options: nodes, security, folders.
    pub async fn dev_with(config: DevBrokerConfig) -> Self {
        let broker = DevBroker::start(config).await.unwrap();
        Self { bootstrap: broker.bootstrap(), kind: Kind::Dev(broker) }
    }

    /// An embedded broker with TLS and SASL, and without ACLs: who is in may do everything.
    pub async fn dev_secure() -> Self {
        let secure = DevSecure::start().await;
        Self { bootstrap: secure.broker.bootstrap_of(Protocol::SaslSsl).unwrap(), kind: Kind::DevSecure(secure) }
    }

    /// The real broker that all tests share: it must not be disturbed, and topics and groups on it need names of their own.
    pub async fn real() -> Self {
        static SHARED: OnceCell<String> = OnceCell::const_new();
        let bootstrap = SHARED
            .get_or_init(|| async {
                match std::env::var(SHARED_BOOTSTRAP) {
                    Ok(bootstrap) if !bootstrap.trim().is_empty() => bootstrap,
                    _ => {
                        blocking(|| {
                            let broker = RealKafka::start(&[]).unwrap();
                            broker.wipe_at_exit().unwrap();
                            // Wiped when the process ends; until then it serves.
                            let bootstrap = broker.bootstrap().to_owned();
                            std::mem::forget(broker);
                            bootstrap
                        })
                        .await
                    }
                }
            })
            .await;
        Self { bootstrap: bootstrap.clone(), kind: Kind::Real }
    }

    /// A real broker of the test's own, which it may kill, freeze and restart. Such tests wait for each other.
    pub async fn own() -> Self {
        Self::own_with(&[]).await
    }

    /// As [`own`](Self::own), with lines for its server.properties.
    pub async fn own_with(settings: &[&str]) -> Self {
        let own = Own::start(settings.iter().map(|line| (*line).to_owned()).collect()).await;
        let bootstrap = own.broker.as_ref().unwrap().bootstrap().to_owned();
        Self { bootstrap, kind: Kind::Own(own) }
    }

    /// Three real nodes, replication factor 3, for one test at a time; nodes that it leaves dead are started again for the next.
    pub async fn cluster() -> Self {
        static CLUSTER: OnceCell<Arc<Mutex<RealKafka>>> = OnceCell::const_new();
        let start = || {
            let settings = [
                "default.replication.factor=3",
                "min.insync.replicas=1",
                "replica.lag.time.max.ms=3000",
                "broker.session.timeout.ms=3000",
            ];
            let cluster = RealKafka::start_nodes(3, &settings).unwrap();
            cluster.wipe_at_exit().unwrap();
            Arc::new(Mutex::new(cluster))
        };
        let cluster = CLUSTER.get_or_init(|| async { blocking(start).await }).await;
        let mut cluster = Arc::clone(cluster).lock_owned().await;
        cluster = blocking(move || {
            for node in 1..=cluster.nodes() {
                // Dead ones have no process to wake.
                drop(cluster.signal(node, milena_testkit::kafka::Signal::CONT));
            }
            cluster.restart().unwrap();
            cluster
        })
        .await;
        Self { bootstrap: cluster.bootstrap().to_owned(), kind: Kind::Cluster(cluster) }
    }

    /// A real broker with TLS, SASL and ACLs, shared by the tests of this process.
    pub async fn secure() -> Self {
        static SECURE: OnceCell<Arc<SecureKafka>> = OnceCell::const_new();
        let start = || {
            let broker =
                SecureKafka::start(&["connections.max.reauth.ms=6000", "delegation.token.secret.key=conformance"])
                    .unwrap();
            broker.wipe_at_exit().unwrap();
            Arc::new(broker)
        };
        let broker = SECURE.get_or_init(|| async { blocking(start).await }).await;
        Self { bootstrap: format!("localhost:{}", broker.port()), kind: Kind::Secure(Arc::clone(broker)) }
    }

    /// A real broker of the test's own behind toxiproxy, whose address it advertises.
    pub async fn proxy() -> Self {
        let listen = port::free().unwrap();
        let own = Own::start(vec![format!("advertised.listeners=PLAINTEXT://127.0.0.1:{listen}")]).await;
        let upstream = own.broker.as_ref().unwrap().bootstrap().rsplit(':').next().unwrap().parse().unwrap();
        let proxy = blocking(move || Toxiproxy::start(listen, upstream).unwrap()).await;
        Self { bootstrap: proxy.address(), kind: Kind::Proxy(own, proxy) }
    }

    /// What clients put in `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Properties of a client, `bootstrap.servers` included; on a secured broker those of alice, who may do everything with topics and groups.
    pub fn properties(&self, pairs: &[(&str, &str)]) -> Properties {
        let mut all = super::properties(&self.bootstrap, &[]);
        if let Kind::Secure(_) | Kind::DevSecure(_) = &self.kind {
            all.extend(self.client("scram512-alice", &[]));
        }
        all.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        all
    }

    /// The embedded broker.
    pub fn dev_broker(&self) -> &DevBroker {
        match &self.kind {
            Kind::Dev(broker) => broker,
            _ => panic!("this rule runs on another broker than the embedded one"),
        }
    }

    /// Whether this is Kafka's own broker.
    pub fn is_real(&self) -> bool {
        !matches!(self.kind, Kind::Dev(_) | Kind::DevSecure(_))
    }

    /// The embedded broker, if this is one: for faults that only it can have.
    pub fn if_dev(&self) -> Option<&DevBroker> {
        match &self.kind {
            Kind::Dev(broker) => Some(broker),
            _ => None,
        }
    }

    /// Properties of a ready-made client of a secured broker, with some replaced.
    pub fn client(&self, name: &str, pairs: &[(&str, &str)]) -> Properties {
        let mut all: Properties = match &self.kind {
            Kind::Secure(broker) => broker.client(name).unwrap().into_iter().collect(),
            Kind::DevSecure(secure) => secure.client(name).into_iter().collect(),
            _ => panic!("this broker is not secured"),
        };
        all.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        all
    }

    /// A listener of a secured broker, one that wants no client certificate.
    pub fn listener(&self, protocol: Protocol) -> String {
        match (&self.kind, protocol) {
            (Kind::Secure(broker), Protocol::SaslSsl) => format!("localhost:{}", broker.port()),
            (Kind::Secure(broker), Protocol::Ssl) => format!("localhost:{}", broker.port() + 3),
            (Kind::Secure(broker), Protocol::SaslPlaintext) => format!("localhost:{}", broker.port() + 2),
            (Kind::DevSecure(secure), _) => secure.broker.bootstrap_of(protocol).unwrap(),
            _ => panic!("this broker has no listener for {}", protocol.name()),
        }
    }

    /// Certificates and keys of a secured broker and its clients, as PEM.
    pub fn tls_dir(&self) -> PathBuf {
        match &self.kind {
            Kind::Secure(broker) => broker.tls_dir(),
            Kind::DevSecure(secure) => secure.tls_dir().to_owned(),
            _ => panic!("this broker is not secured"),
        }
    }

    /// The secured real broker.
    pub fn secured(&self) -> &SecureKafka {
        match &self.kind {
            Kind::Secure(broker) => broker,
            _ => panic!("this rule runs on another broker than the secured one"),
        }
    }

    /// The proxy.
    pub fn proxied(&self) -> &Toxiproxy {
        match &self.kind {
            Kind::Proxy(_, proxy) => proxy,
            _ => panic!("this rule runs on a broker without proxy"),
        }
    }

    /// Kills the real broker of this test and starts it again.
    pub async fn kill_and_restart(&mut self) {
        self.with_real(|broker| broker.kill().and_then(|()| broker.restart())).await.unwrap();
    }

    /// Freezes the real broker of this test for a time.
    pub async fn freeze(&mut self, time: Duration) {
        self.with_real(|broker| broker.pause()).await.unwrap();
        tokio::time::sleep(time).await;
        self.with_real(|broker| broker.resume()).await.unwrap();
    }

    /// Does something to the real broker(s) of this test that blocks: kill, pause, restart.
    pub async fn with_real<T: Send + 'static>(&mut self, work: impl FnOnce(&mut RealKafka) -> T + Send + 'static) -> T {
        // The broker moves to the blocking thread and back.
        match &mut self.kind {
            Kind::Own(own) | Kind::Proxy(own, _) => {
                let mut broker = own.broker.take().unwrap();
                let (broker, result) = blocking(move || {
                    let result = work(&mut broker);
                    (broker, result)
                })
                .await;
                own.broker = Some(broker);
                result
            }
            Kind::Cluster(cluster) => tokio::task::block_in_place(|| work(&mut *cluster)),
            Kind::Dev(_) | Kind::DevSecure(_) | Kind::Real | Kind::Secure(_) => {
                panic!("this rule has no real broker of its own")
            }
        }
    }
}
