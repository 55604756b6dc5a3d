use std::collections::BTreeMap;

use milena_kafka::admin::{ConfigResource, NewTopic, OffsetSpec};
use milena_kafka::consumer::OffsetAndMetadata;

use crate::support::*;

#[tokio::test]
async fn offsets_of_a_group_are_altered_deleted_and_gone_with_it() {
    let bootstrap = bootstrap!();
    let (admin, topic, group) = (admin(&bootstrap), topic(&bootstrap, 2, &[]).await, unique("group"));
    let offsets =
        BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(3)), (at(&topic, 1), OffsetAndMetadata::new(4))]);
    admin.alter_consumer_group_offsets(&group, &offsets).await.unwrap();
    assert_eq!(admin.list_consumer_group_offsets(&group).await.unwrap(), offsets);
    admin.delete_consumer_group_offsets(&group, &[at(&topic, 0)]).await.unwrap();
    assert_eq!(admin.list_consumer_group_offsets(&group).await.unwrap().len(), 1);
    assert!(admin.list_groups().await.unwrap().iter().any(|listed| listed.group == group));
    assert_eq!(admin.describe_group(&group).await.unwrap().state, "Empty");
    admin.delete_consumer_group(&group).await.unwrap();
    assert!(admin.delete_consumer_group(&group).await.unwrap_err().is_group_id_not_found());
}

#[tokio::test]
async fn configurations_are_read_and_changed() {
    let bootstrap = bootstrap!();
    let (admin, topic) = (admin(&bootstrap), topic(&bootstrap, 1, &[("cleanup.policy", "compact")]).await);
    let entries = admin.describe_configs(&ConfigResource::topic(topic.as_str())).await.unwrap();
    let policy = entries.iter().find(|entry| entry.name == "cleanup.policy");
    assert_eq!(policy.and_then(|entry| entry.value.as_deref()), Some("compact"));
}

#[tokio::test]
async fn topics_are_created_once_described_and_deleted() {
    let bootstrap = bootstrap!();
    let admin = admin(&bootstrap);
    let name = unique("admin");
    let new = || NewTopic::new(name.as_str(), 2, 1);
    for (_, created) in admin.create_topics(vec![new()]).await.unwrap() {
        created.unwrap();
    }
    for (_, created) in admin.create_topics(vec![new()]).await.unwrap() {
        assert!(created.unwrap_err().is_topic_exists());
    }
    assert!(admin.topic_exists(&name).await.unwrap());
    assert!(admin.list_topics().await.unwrap().iter().any(|topic| **topic == *name));
    write(&bootstrap, &name, 1, 0..5).await;
    let wanted = BTreeMap::from([(at(&name, 1), OffsetSpec::Latest), (at(&name, 0), OffsetSpec::Earliest)]);
    let found = admin.list_offsets(&wanted).await.unwrap();
    assert_eq!(found[&at(&name, 1)].as_ref().unwrap().offset, 5);
    assert_eq!(found[&at(&name, 0)].as_ref().unwrap().offset, 0);
    admin.delete_topic(&name).await.unwrap();
    assert!(admin.delete_topic(&name).await.unwrap_err().is_unknown_topic());
    let cluster = admin.describe_cluster().await.unwrap();
    assert!(!cluster.nodes.is_empty() && cluster.cluster_id.is_some());
}
