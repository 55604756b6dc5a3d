//! The embedded development broker: it speaks the Kafka protocol from memory, or from a data folder, as one node or as several simulated
//! ones in the same process.
//!
//! It is what `milena dev` runs and what hermetic tests talk to. It is for development, not for production: nothing is replicated, all
//! nodes share one storage (see [`BANNER`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), milena_devbroker::Error> {
//! use milena_devbroker::{DevBroker, DevBrokerConfig};
//!
//! let broker = DevBroker::start(DevBrokerConfig::default()).await?;
//! println!("bootstrap.servers={}", broker.bootstrap());
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Map: `server` reads frames and keeps the order of one connection; `api` has one file per API; `log` stores batches;
//! `nodes` says which node leads and coordinates what; `group` is the classic group coordinator, `txn` that of transactions; `journal`
//! keeps topics, configs, group offsets and transactional ids in the data folder; `faults` makes requests fail on demand;
//! `quotas` throttles; `security` is TLS and SASL.
//!
//! Not there yet: the new group protocol.

mod alarm;
mod api;
mod broker;
mod config;
mod error;
mod faults;
mod group;
mod journal;
mod log;
mod loss;
mod nodes;
mod quotas;
mod security;
mod server;
mod spawn;
mod sync;
mod topic_configs;
mod topics;
mod txn;

pub use broker::{BANNER, DevBroker};
pub use config::DevBrokerConfig;
pub use error::{Error, Result};
pub use faults::{Api, Fault, FaultAction, FaultPlan, Faults, Hit};

pub use nodes::Coordinated;
pub use quotas::Quota;
pub use security::{Authority, ClientCertificates, Identity, Listener, Mechanism, Protocol, Security, Tls, User};
