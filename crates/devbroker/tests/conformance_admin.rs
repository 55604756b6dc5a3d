//! Metadata, topics and configurations, as every Kafka broker answers them.
//!
//! Runs against an embedded broker, or against the real one that `MILENA_TEST_BOOTSTRAP` names: both must pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as ReplacedResource, AlterableConfig as ReplacedConfig,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;
use std::collections::HashMap;
use std::time::Duration;

const TOPIC: i8 = 2;

fn code(error: ResponseError) -> i16 {
    error.code()
}

fn metadata(topic: MetadataRequestTopic, create: bool) -> MetadataRequest {
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(create)
}

fn named(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(topic_name(name)))
}

#[tokio::test]
async fn a_client_that_is_too_new_is_told_the_versions_in_the_oldest_format() {
    let target = target().await;
    let mut client = target.client().await;
    let response = client
        .send(
            3,
            &ApiVersionsRequest::default().with_client_software_name(text("t")).with_client_software_version(text("1")),
        )
        .await;
    assert_eq!(response.error_code, 0);
    let fetch = response.api_keys.iter().find(|api| api.api_key == 1).unwrap();
    assert_eq!((fetch.min_version, fetch.max_version), (4, 18));

    use tokio::io::AsyncWriteExt;
    let frame = [0, 0, 0, 11, 0, 18, 0x7f, 0, 0, 0, 0, 9, 0xff, 0xff, 0];
    client.stream.write_all(&frame).await.unwrap();
    let answer = client.read_frame().await.unwrap();
    assert_eq!(answer[..6], [0, 0, 0, 9, 0, 35], "correlation id and UNSUPPORTED_VERSION");
    assert!(answer.len() >= 16, "the versions of ApiVersions itself are told");
}

#[tokio::test]
async fn topics_are_found_by_name_and_id_and_created_only_if_allowed() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("meta", 3).await;
    let response = client.send(13, &metadata(named(&topic.name), false)).await;
    assert!(response.cluster_id.is_some_and(|id| id.len() == 22));
    assert!(response.brokers.iter().any(|broker| broker.node_id == response.topics[0].partitions[0].leader_id));
    assert_eq!((response.topics[0].topic_id, response.topics[0].partitions.len()), (topic.id, 3));
    let by_id = MetadataRequestTopic::default().with_name(None).with_topic_id(topic.id);
    let response = client.send(12, &metadata(by_id, false)).await;
    assert_eq!(response.topics[0].name.as_ref().unwrap().to_string(), topic.name);
    let unknown = MetadataRequestTopic::default().with_name(None).with_topic_id(uuid::Uuid::new_v4());
    let response = client.send(12, &metadata(unknown, false)).await;
    assert_eq!(response.topics[0].error_code, code(ResponseError::UnknownTopicId));

    let name = unique("auto");
    let response = client.send(12, &metadata(named(&name), false)).await;
    assert_eq!(response.topics[0].error_code, code(ResponseError::UnknownTopicOrPartition));
    client.send(12, &metadata(named(&name), true)).await;
    client.await_leaders(&name, 1).await;
    let response = client.send(12, &metadata(named("not valid"), true)).await;
    assert_eq!(response.topics[0].error_code, code(ResponseError::InvalidTopicException));
    for version in 0..=13 {
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let response = client.send(version, &MetadataRequest::default().with_topics(all)).await;
        assert!(
            response.topics.iter().any(|one| one.name.as_ref().is_some_and(|one| one.as_str() == name)),
            "{version}"
        );
    }
}

#[tokio::test]
async fn the_cluster_and_its_topics_are_described() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("described", 3).await;
    let response = client.send(1, &DescribeClusterRequest::default().with_endpoint_type(1)).await;
    assert_eq!((response.error_code, response.cluster_id.len(), response.brokers.len()), (0, 22, 1));
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(vec![
            TopicRequest::default().with_name(topic_name(&topic.name)),
            TopicRequest::default().with_name(topic_name("zzz-no-such")),
        ])
        .with_response_partition_limit(2)
        .with_cursor(None);
    let response = client.send(0, &request).await;
    assert_eq!((response.topics[0].topic_id, response.topics[0].partitions.len()), (topic.id, 2));
    let cursor = response.next_cursor.unwrap();
    assert_eq!((cursor.topic_name.to_string(), cursor.partition_index), (topic.name.clone(), 2));
    let cursor = kafka_protocol::messages::describe_topic_partitions_request::Cursor::default()
        .with_topic_name(topic_name(&topic.name))
        .with_partition_index(2);
    let response = client.send(0, &request.with_cursor(Some(cursor))).await;
    assert_eq!(response.topics[0].partitions[0].partition_index, 2);
    assert_eq!(response.topics[1].error_code, code(ResponseError::UnknownTopicOrPartition));
}

fn create(topic: CreatableTopic) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![topic])
}

fn new_topic(name: &str) -> CreatableTopic {
    CreatableTopic::default().with_name(topic_name(name)).with_num_partitions(1).with_replication_factor(1)
}

#[tokio::test]
async fn topics_that_cannot_be_are_refused_with_the_reason() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("once", 1).await;
    let mut refused = async |wanted: CreatableTopic| {
        let result = client.send(7, &create(wanted)).await.topics.remove(0);
        (result.error_code, result.error_message.map(|message| message.to_string()).unwrap_or_default())
    };
    let exists = refused(new_topic(&topic.name)).await;
    assert_eq!(exists, (code(ResponseError::TopicAlreadyExists), format!("Topic '{}' already exists.", topic.name)));
    assert_eq!(refused(new_topic("a b")).await.0, code(ResponseError::InvalidTopicException));
    let none = new_topic(&unique("t")).with_num_partitions(0);
    assert_eq!(refused(none).await.0, code(ResponseError::InvalidPartitions));
    let many = refused(new_topic(&unique("t")).with_replication_factor(3)).await;
    assert_eq!(many.0, code(ResponseError::InvalidReplicationFactor));
    assert!(many.1.contains("3 time(s)") && many.1.contains("only 1 broker(s)"), "{}", many.1);
    let config =
        |name: &str, value: &str| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let bad = refused(new_topic(&unique("t")).with_configs(vec![config("no.such", "1")])).await;
    assert_eq!(bad, (code(ResponseError::InvalidConfig), "Unknown topic config name: no.such".into()));
    let bad = refused(new_topic(&unique("t")).with_configs(vec![config("retention.ms", "soon")])).await;
    assert_eq!(bad.0, code(ResponseError::InvalidConfig));
    assert_eq!(bad.1, "Invalid value soon for configuration retention.ms: Not a number of type LONG");
    let assignment =
        |index| CreatableReplicaAssignment::default().with_partition_index(index).with_broker_ids(vec![BrokerId(1)]);
    let gap = new_topic(&unique("t"))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(vec![assignment(0), assignment(2)]);
    assert_eq!(refused(gap).await.0, code(ResponseError::InvalidReplicaAssignment));
}

#[tokio::test]
async fn topics_are_created_with_defaults_only_tried_and_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let name = unique("life");
    let wanted = new_topic(&name).with_num_partitions(-1).with_replication_factor(-1);
    let tried = client.send(7, &create(wanted.clone()).with_validate_only(true)).await.topics.remove(0);
    assert_eq!((tried.error_code, tried.num_partitions, tried.replication_factor), (0, 1, 1));
    assert!(tried.configs.unwrap().iter().any(|config| config.name.as_str() == "cleanup.policy"));
    let made = client.send(7, &create(wanted)).await.topics.remove(0);
    assert_eq!(made.error_code, 0);
    client.await_leaders(&name, 1).await;

    let by_id = DeleteTopicsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![DeleteTopicState::default().with_name(None).with_topic_id(made.topic_id)]);
    let deleted = client.send(6, &by_id).await.responses.remove(0);
    assert_eq!((deleted.error_code, deleted.name.unwrap().to_string()), (0, name.clone()));
    for _ in 0..200 {
        let response = client.send(12, &metadata(named(&name), false)).await;
        if response.topics[0].error_code == code(ResponseError::UnknownTopicOrPartition) {
            let by_name =
                DeleteTopicsRequest::default().with_timeout_ms(10_000).with_topic_names(vec![topic_name(&name)]);
            let again = client.send(5, &by_name).await.responses.remove(0);
            assert_eq!(again.error_code, code(ResponseError::UnknownTopicOrPartition));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the topic is still there");
}

#[tokio::test]
async fn partitions_are_added_but_never_taken_away() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create("grow", 2).await;
    let grow = |count: i32| {
        CreatePartitionsRequest::default().with_timeout_ms(10_000).with_topics(vec![
            CreatePartitionsTopic::default()
                .with_name(topic_name(&topic.name))
                .with_count(count)
                .with_assignments(None),
        ])
    };
    assert_eq!(client.send(3, &grow(4)).await.results[0].error_code, 0);
    client.await_leaders(&topic.name, 4).await;
    let same = client.send(3, &grow(4)).await.results.remove(0);
    assert_eq!(same.error_code, code(ResponseError::InvalidPartitions));
    assert_eq!(same.error_message.unwrap().as_str(), "Topic already has 4 partition(s).");
    let fewer = client.send(3, &grow(3)).await.results.remove(0);
    assert_eq!(fewer.error_code, code(ResponseError::InvalidPartitions));
    assert_eq!(
        fewer.error_message.unwrap().as_str(),
        format!("The topic {} currently has 4 partition(s); 3 would not be an increase.", topic.name)
    );
    let unknown = CreatePartitionsRequest::default().with_timeout_ms(1000).with_topics(vec![
        CreatePartitionsTopic::default().with_name(topic_name(&unique("none"))).with_count(2).with_assignments(None),
    ]);
    let missing = client.send(3, &unknown).await.results.remove(0);
    assert_eq!(missing.error_code, code(ResponseError::UnknownTopicOrPartition));
}

/// Values and sources of a topic's configurations.
async fn configs(client: &mut Client, topic: &str) -> HashMap<String, (String, i8)> {
    let request = DescribeConfigsRequest::default().with_resources(vec![
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(topic))
            .with_configuration_keys(None),
    ]);
    let result = client.send(4, &request).await.results.remove(0);
    assert_eq!(result.error_code, 0);
    let entry = |config: &describe_configs_response::DescribeConfigsResourceResult| {
        (config.name.to_string(), (config.value.as_ref().unwrap().to_string(), config.config_source))
    };
    result.configs.iter().map(entry).collect()
}

/// A real broker shows a change a moment after it answered.
async fn await_config(client: &mut Client, topic: &str, name: &str, value: &str) {
    for _ in 0..200 {
        if configs(client, topic).await[name].0 == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} did not become {value}: {:?}", configs(client, topic).await[name]);
}

#[tokio::test]
async fn configurations_are_described_set_appended_to_and_deleted() {
    let target = target().await;
    let mut client = target.client().await;
    let topic = client.create_with("configured", 1, &[("segment.bytes", "2000000")]).await;
    let all = configs(&mut client, &topic.name).await;
    assert_eq!(all.len(), 33, "{:?}", all.keys());
    assert_eq!(all["segment.bytes"], ("2000000".into(), 1));
    assert_eq!(all["cleanup.policy"], ("delete".into(), 5));

    let change = |name: &str, operation: i8, value: Option<&str>| {
        IncrementalAlterConfigsRequest::default().with_resources(vec![
            AlterConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(&topic.name))
                .with_configs(vec![
                    AlterableConfig::default()
                        .with_name(text(name))
                        .with_config_operation(operation)
                        .with_value(value.map(text)),
                ]),
        ])
    };
    let mut altered = async |request: IncrementalAlterConfigsRequest| {
        let result = client.send(1, &request).await.responses.remove(0);
        (result.error_code, result.error_message.map(|message| message.to_string()).unwrap_or_default())
    };
    assert_eq!(altered(change("retention.ms", 0, Some("12345"))).await.0, 0);
    assert_eq!(altered(change("cleanup.policy", 2, Some("compact"))).await.0, 0);
    assert_eq!(altered(change("segment.bytes", 1, None)).await.0, 0);
    let refused = altered(change("retention.ms", 2, Some("1"))).await;
    assert_eq!(refused.0, code(ResponseError::InvalidConfig));
    let refused = altered(change("retention.ms", 0, Some("x"))).await;
    assert_eq!(
        refused,
        (
            code(ResponseError::InvalidConfig),
            "Invalid value x for configuration retention.ms: Not a number of type LONG".into()
        )
    );
    assert_eq!(altered(change("no.such", 0, Some("1"))).await.0, code(ResponseError::InvalidConfig));
    await_config(&mut client, &topic.name, "retention.ms", "12345").await;
    await_config(&mut client, &topic.name, "cleanup.policy", "delete,compact").await;
    await_config(&mut client, &topic.name, "segment.bytes", "1073741824").await;

    let replace = AlterConfigsRequest::default().with_resources(vec![
        ReplacedResource::default().with_resource_type(TOPIC).with_resource_name(text(&topic.name)).with_configs(vec![
            ReplacedConfig::default().with_name(text("retention.ms")).with_value(Some(text("777"))),
        ]),
    ]);
    assert_eq!(client.send(2, &replace).await.responses[0].error_code, 0);
    await_config(&mut client, &topic.name, "retention.ms", "777").await;
    await_config(&mut client, &topic.name, "cleanup.policy", "delete").await;

    let missing = DescribeConfigsRequest::default().with_resources(vec![
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(&unique("none")))
            .with_configuration_keys(None),
    ]);
    let result = client.send(4, &missing).await.results.remove(0);
    assert_eq!(result.error_code, code(ResponseError::UnknownTopicOrPartition));
}

#[tokio::test]
async fn features_are_told_with_their_levels() {
    let target = target().await;
    let request =
        ApiVersionsRequest::default().with_client_software_name(text("t")).with_client_software_version(text("1"));
    for version in [3, 4] {
        let response = target.client().await.send(version, &request).await;
        let level = |name: &str| {
            response.finalized_features.iter().find(|one| &*one.name == name).map(|one| one.max_version_level)
        };
        assert_eq!(level("transaction.version"), Some(2));
        assert_eq!(level("group.version"), Some(1));
        assert!(level("metadata.version").is_some_and(|level| level >= 25));
        let lowest =
            |name: &str| response.supported_features.iter().find(|one| &*one.name == name).map(|one| one.min_version);
        assert_eq!(lowest("metadata.version"), Some(7));
        assert!(response.finalized_features_epoch >= 0);
        // Before version 4 clients cannot read a lowest level of 0, so such features are left out.
        assert_eq!(lowest("transaction.version"), (version == 4).then_some(0), "version {version}");
    }
}

#[tokio::test]
async fn sasl_has_no_place_where_nobody_asked_for_it() {
    let target = target().await;
    let mut client = target.client().await;
    let response = client.send(1, &SaslHandshakeRequest::default().with_mechanism(text("PLAIN"))).await;
    assert_eq!((response.error_code, response.mechanisms.len()), (ResponseError::IllegalSaslState.code(), 0));
    let response = client.send(2, &SaslAuthenticateRequest::default()).await;
    assert_eq!(response.error_code, ResponseError::IllegalSaslState.code());
    assert_eq!(
        response.error_message.as_deref(),
        Some("SaslAuthenticate request received after successful authentication")
    );
}
