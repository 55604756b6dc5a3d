//! Admin: topics, configurations, groups, offsets, transactions, the cluster.
//!
//! Counterpart: `org.apache.kafka.clients.admin.KafkaAdminClient`. Calls are made again on errors that pass until `default.api.timeout.ms` is over;
//! each finds its broker anew, so leaders and coordinators may move meanwhile. Calls about several things ask all brokers at once and give
//! each thing its own outcome.

mod acl_operation;
mod call;
mod client;
mod cluster;
mod configs;
mod group_offsets;
mod groups;
mod offsets;
mod topic_changes;
mod topics;
mod transactions;

pub use acl_operation::AclOperation;
pub use client::{Admin, DescribeOptions};
pub use cluster::{ClusterDescription, Node};
pub use configs::{AlterConfigOp, ConfigEntry, ConfigResource, ConfigSource, ResourceKind};
pub use group_offsets::GroupOffsetsOptions;
pub use groups::{GroupDescription, GroupFilter, GroupListing, GroupMember, RemovedMembers};
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{NewTopic, PartitionDescription, TopicDescription};
pub use transactions::{FencedProducer, OpenTransaction, TransactionDescription, TransactionListing};
