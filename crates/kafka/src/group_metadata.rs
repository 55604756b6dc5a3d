//! `GroupMetadata`: who a consumer is in its group.
//!
//! Counterpart: org.apache.kafka.clients.consumer.ConsumerGroupMetadata.

/// A member as its group's coordinator knows it. A producer sends it along with offsets, so that a member that is no longer in the
/// group cannot commit them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group_id: String,
    /// Generation of the group; -1 outside of one.
    pub generation_id: i32,
    /// The id that the coordinator gave; empty outside of a group.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<String>,
}

impl GroupMetadata {
    /// Metadata of somebody who is no member: offsets are committed whatever the group's generation.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self { group_id: group_id.into(), generation_id: -1, member_id: String::new(), group_instance_id: None }
    }
}
