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

/// The newest version of both messages; older readers take what they know of it.
const NEWEST: i16 = 3;

/// What a member wants and has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub topics: Vec<Arc<str>>,
    /// For the assignor.
    pub user_data: Option<Bytes>,
    pub owned: Vec<TopicPartition>,
    /// In which `owned` was given; `None` if it is not known.
    pub generation: Option<i32>,
    pub rack: Option<String>,
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(super) fn write_subscription(subscription: &Subscription) -> Result<Bytes> {
    let mut topics = subscription.topics.clone();
    topics.sort();
    let owned = by_topic(&subscription.owned).into_iter();
    let message = ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(|topic| StrBytes::from_string(topic.to_string())).collect())
        .with_user_data(subscription.user_data.clone())
        .with_owned_partitions(
            owned.map(|(topic, all)| OwnedTopic::default().with_topic(name(topic)).with_partitions(all)).collect(),
        )
        .with_generation_id(subscription.generation.unwrap_or(-1))
        .with_rack_id(subscription.rack.clone().map(StrBytes::from_string));
    write(NEWEST, &message, "subscription")
}

pub(super) fn read_subscription(mut bytes: Bytes) -> Result<Subscription> {
    let version = read_version(&mut bytes, "subscription")?.min(NEWEST);
    check_subscription(version, &bytes)
        .map_err(|error| Error::protocol("cannot read a member's subscription", error))?;
    let message = ConsumerProtocolSubscription::decode(&mut bytes, version)
        .map_err(|error| Error::protocol("cannot read a member's subscription", error))?;
    let mut owned = Vec::new();
    for topic in message.owned_partitions {
        let name: Arc<str> = Arc::from(topic.topic.0.as_str());
        owned.extend(topic.partitions.into_iter().map(|partition| TopicPartition::new(Arc::clone(&name), partition)));
    }
    Ok(Subscription {
        topics: message.topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
        user_data: message.user_data,
        owned,
        generation: (version >= 2 && message.generation_id >= 0).then_some(message.generation_id),
        rack: message.rack_id.map(|rack| rack.to_string()),
    })
}

/// What a member gets.
pub(super) fn write_assignment(partitions: &[TopicPartition]) -> Result<Bytes> {
    let topics = by_topic(partitions).into_iter();
    let message = ConsumerProtocolAssignment::default().with_assigned_partitions(
        topics.map(|(topic, all)| AssignedTopic::default().with_topic(name(topic)).with_partitions(all)).collect(),
    );
    write(NEWEST, &message, "assignment")
}

/// The partitions a member gets; none if the leader wrote none.
pub(crate) fn read_assignment(mut bytes: Bytes) -> Result<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let version = read_version(&mut bytes, "assignment")?.min(NEWEST);
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

/// What the sticky assignor remembers of a member's last assignment (its user data, version 1).
pub(super) fn write_sticky_memory(partitions: &[TopicPartition], generation: i32) -> Bytes {
    let topics = by_topic(partitions);
    let mut out = BytesMut::new();
    put_len(&mut out, topics.len());
    for (topic, numbers) in topics {
        // A topic's name has 249 characters at most.
        out.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        out.put_slice(topic.as_bytes());
        put_len(&mut out, numbers.len());
        for number in numbers {
            out.put_i32(number);
        }
    }
    out.put_i32(generation);
    out.freeze()
}

fn put_len(out: &mut BytesMut, len: usize) {
    out.put_i32(i32::try_from(len).unwrap_or(i32::MAX));
}

/// Reads [`write_sticky_memory`]; version 0 has no generation. `None` if it is neither.
pub(super) fn read_sticky_memory(mut bytes: Bytes) -> Option<(Vec<TopicPartition>, Option<i32>)> {
    let mut partitions = Vec::new();
    for _ in 0..bytes.try_get_i32().ok()? {
        let len = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if bytes.len() < len {
            return None;
        }
        let topic: Arc<str> = Arc::from(std::str::from_utf8(&bytes.split_to(len)).ok()?);
        for _ in 0..bytes.try_get_i32().ok()? {
            partitions.push(TopicPartition::new(Arc::clone(&topic), bytes.try_get_i32().ok()?));
        }
    }
    Some((partitions, bytes.try_get_i32().ok()))
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

    fn partitions() -> Vec<TopicPartition> {
        vec![TopicPartition::new("a", 0), TopicPartition::new("a", 2), TopicPartition::new("b", 1)]
    }

    #[test]
    fn assignments_and_subscriptions_survive() {
        assert_eq!(read_assignment(write_assignment(&partitions()).unwrap()).unwrap(), partitions());
        assert_eq!(read_assignment(Bytes::new()).unwrap(), []);
        let subscription = Subscription {
            topics: vec![Arc::from("x"), Arc::from("y")],
            user_data: Some(Bytes::from_static(b"for the assignor")),
            owned: partitions(),
            generation: Some(7),
            rack: Some("r1".to_owned()),
        };
        assert_eq!(read_subscription(write_subscription(&subscription).unwrap()).unwrap(), subscription);
        assert!(read_assignment(Bytes::from_static(b"\0")).is_err());
        assert!(read_subscription(Bytes::from_static(b"\0\x01\0\0\0\x09")).is_err());
    }

    #[test]
    fn subscriptions_of_older_and_newer_members_are_read_as_far_as_they_are_known() {
        // Version 0: one topic, no user data. Version 7: like version 3, with something behind it.
        let old = read_subscription(Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff")).unwrap();
        assert_eq!((old.topics, old.generation, old.rack), (vec![Arc::from("t")], None, None));
        let mut newer =
            write_subscription(&Subscription { generation: Some(3), ..Subscription::default() }).unwrap().to_vec();
        newer[1] = 7;
        newer.extend_from_slice(b"news");
        assert_eq!(read_subscription(Bytes::from(newer)).unwrap().generation, Some(3));
    }

    #[test]
    fn what_sticky_members_remember_survives_and_its_first_version_has_no_generation() {
        let written = write_sticky_memory(&partitions(), 5);
        assert_eq!(read_sticky_memory(written.clone()), Some((partitions(), Some(5))));
        let first = written.slice(..written.len() - 4);
        assert_eq!(read_sticky_memory(first), Some((partitions(), None)));
        assert_eq!(read_sticky_memory(Bytes::from_static(b"\x7f\xff\xff\xff\0\x01a")), None);
    }
}
