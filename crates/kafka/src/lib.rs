//! Milena's own Kafka client: everything that talks to a Kafka cluster.

pub mod records;
