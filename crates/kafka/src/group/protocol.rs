//! What members of consumer groups tell each other through the coordinator.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.ConsumerProtocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::consumer_protocol_assignment::{
    ConsumerProtocolAssignment, TopicPartition as AssignedTopic,
};
use kafka_protocol::messages::consumer_protocol_subscription::{
    ConsumerProtocolSubscription, TopicPartition as OwnedTopic,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use milena_api::record::TopicPartition;

use crate::error::{Error, Result};
use crate::net::{check_assignment, check_subscription};

/// What Java's eager assignors write too; all readers understand it.
const SUBSCRIPTION: i16 = 1;
const ASSIGNMENT: i16 = 0;

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// What a member wants.
pub(super) fn write_subscription(topics: &[Arc<str>], owned: &[TopicPartition]) -> Result<Bytes> {
    let owned = by_topic(owned).into_iter();
    let message = ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(|topic| StrBytes::from_string(topic.to_string())).collect())
        .with_owned_partitions(
            owned.map(|(topic, all)| OwnedTopic::default().with_topic(name(topic)).with_partitions(all)).collect(),
        );
    write(SUBSCRIPTION, &message, "subscription")
}

/// The topics a member wants.
pub(super) fn read_subscription(mut bytes: Bytes) -> Result<Vec<Arc<str>>> {
    let version = read_version(&mut bytes, "subscription")?.min(3);
    check_subscription(version, &bytes)
        .map_err(|error| Error::protocol("cannot read a member's subscription", error))?;
    let message = ConsumerProtocolSubscription::decode(&mut bytes, version)
        .map_err(|error| Error::protocol("cannot read a member's subscription", error))?;
    Ok(message.topics.iter().map(|topic| Arc::from(topic.as_str())).collect())
}

/// What a member gets.
pub(super) fn write_assignment(partitions: &[TopicPartition]) -> Result<Bytes> {
    let topics = by_topic(partitions).into_iter();
    let message = ConsumerProtocolAssignment::default().with_assigned_partitions(
        topics.map(|(topic, all)| AssignedTopic::default().with_topic(name(topic)).with_partitions(all)).collect(),
    );
    write(ASSIGNMENT, &message, "assignment")
}

/// The partitions a member gets; none if the leader wrote none.
pub(super) fn read_assignment(mut bytes: Bytes) -> Result<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let version = read_version(&mut bytes, "assignment")?.min(3);
    check_assignment(version, &bytes).map_err(|error| Error::protocol("cannot read the assignment", error))?;
    let message = ConsumerProtocolAssignment::decode(&mut bytes, version)
        .map_err(|error| Error::protocol("cannot read the assignment", error))?;
    let mut partitions = Vec::new();
    for topic in message.assigned_partitions {
        let name: Arc<str> = Arc::from(topic.topic.0.as_str());
        partitions
            .extend(topic.partitions.into_iter().map(|partition| TopicPartition::new(Arc::clone(&name), partition)));
    }
    partitions.sort();
    partitions.dedup();
    Ok(partitions)
}

fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    topics
}

fn write(version: i16, message: &impl Encodable, what: &str) -> Result<Bytes> {
    let mut out = BytesMut::new();
    out.put_i16(version);
    message.encode(&mut out, version).map_err(|error| Error::protocol(format!("cannot write a {what}"), error))?;
    Ok(out.freeze())
}

fn read_version(bytes: &mut Bytes, what: &str) -> Result<i16> {
    match bytes.try_get_i16() {
        Ok(version) if version >= 0 => Ok(version),
        _ => Err(Error::protocol(format!("cannot read a member's {what}"), "it has no version")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_and_subscriptions_survive() {
        let partitions = vec![TopicPartition::new("a", 0), TopicPartition::new("a", 2), TopicPartition::new("b", 1)];
        assert_eq!(read_assignment(write_assignment(&partitions).unwrap()).unwrap(), partitions);
        assert_eq!(read_assignment(Bytes::new()).unwrap(), []);
        let topics: Vec<Arc<str>> = vec![Arc::from("x"), Arc::from("y")];
        assert_eq!(read_subscription(write_subscription(&topics, &partitions).unwrap()).unwrap(), topics);
        assert!(read_assignment(Bytes::from_static(b"\0")).is_err());
        assert!(read_subscription(Bytes::from_static(b"\0\x01\0\0\0\x09")).is_err());
    }
}
