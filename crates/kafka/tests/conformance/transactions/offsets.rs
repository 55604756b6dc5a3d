//! Offsets that are committed with a transaction.

use std::collections::BTreeMap;

use milena_kafka::{GroupMetadata, OffsetAndMetadata, TopicPartition};

use super::support::{commit, transactional, write};
use crate::support::{Harness, PATIENCE, at, rule, unique};

fn offsets(topic: &str, offset: i64) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
    BTreeMap::from([(at(topic, 0), OffsetAndMetadata::new(offset)), (at(topic, 1), OffsetAndMetadata::new(offset + 1))])
}

async fn of_group(on: &Harness, group: &str, topic: &str) -> Vec<Option<i64>> {
    let committed = on.admin(&[]).list_consumer_group_offsets(group).await.unwrap();
    [0, 1].map(|partition| committed.get(&at(topic, partition)).map(|offset| offset.offset)).to_vec()
}

rule!(offsets_become_visible_with_the_transaction: dev, real, secure);
async fn offsets_become_visible_with_the_transaction(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let group = unique("group");
    let (producer, _) = transactional(&on, &[]).await;
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 0..5).await.unwrap();
    producer.send_offsets_to_transaction(offsets(&topic, 7), GroupMetadata::new(&group)).await.unwrap();
    assert_eq!(of_group(&on, &group, &topic).await, [None, None]);
    producer.commit_transaction().await.unwrap();
    assert_eq!(of_group(&on, &group, &topic).await, [Some(7), Some(8)]);
    // Offsets alone make a transaction as well, and an aborted one leaves the old ones.
    producer.begin_transaction().unwrap();
    producer.send_offsets_to_transaction(offsets(&topic, 9), GroupMetadata::new(&group)).await.unwrap();
    producer.abort_transaction().await.unwrap();
    assert_eq!(of_group(&on, &group, &topic).await, [Some(7), Some(8)]);
    producer.begin_transaction().unwrap();
    producer.send_offsets_to_transaction(offsets(&topic, 11), GroupMetadata::new(&group)).await.unwrap();
    producer.commit_transaction().await.unwrap();
    assert_eq!(of_group(&on, &group, &topic).await, [Some(11), Some(12)]);
    producer.close(PATIENCE).await.unwrap();
}

rule!(offsets_of_a_member_that_is_out_of_its_group_abort_the_transaction: dev, real);
async fn offsets_of_a_member_that_is_out_of_its_group_abort_the_transaction(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let group = unique("group");
    let (producer, _) = transactional(&on, &[]).await;
    let gone = GroupMetadata { generation_id: 3, member_id: "gone".to_owned(), ..GroupMetadata::new(&group) };
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, 0..5).await.unwrap();
    let error = producer.send_offsets_to_transaction(offsets(&topic, 7), gone).await.unwrap_err();
    assert!(error.requires_abort(), "{error}");
    assert!(error.to_string().contains(&group), "{error}");
    assert!(producer.commit_transaction().await.unwrap_err().requires_abort());
    producer.abort_transaction().await.unwrap();
    assert_eq!(of_group(&on, &group, &topic).await, [None, None]);
    commit(&producer, &topic, 0, 5..10).await;
    producer.close(PATIENCE).await.unwrap();
    assert_eq!(super::support::committed(&on, &topic, 0).await, Vec::from_iter(5..10));
}
