//! A raw client: one request, one answer, in exactly the version that a test asks for.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod transactional;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreateTopicsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest,
    RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use milena_devbroker::{DevBroker, DevBrokerConfig};
use milena_kafka::records::{BatchBuilder, BatchHeader, Compression, Level, ProducerId, RecordParts};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// The broker under test: the one that `MILENA_TEST_BOOTSTRAP` names, or an embedded one of the test's own.
pub struct Target {
    pub address: String,
    embedded: Option<DevBroker>,
}

pub async fn target() -> Target {
    match std::env::var("MILENA_TEST_BOOTSTRAP") {
        Ok(address) if !address.is_empty() => Target { address, embedded: None },
        _ => {
            let broker = DevBroker::start(DevBrokerConfig::default()).await.unwrap();
            Target { address: broker.bootstrap(), embedded: Some(broker) }
        }
    }
}

impl Target {
    pub async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }
}

pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}

pub fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub fn topic_name(value: &str) -> TopicName {
    TopicName(text(value))
}

/// A topic that was created for a test.
#[derive(Clone)]
pub struct TestTopic {
    pub name: String,
    pub id: Uuid,
}

pub struct Client {
    pub stream: TcpStream,
    correlation: i32,
    pub client_id: String,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation: 0, client_id: "conformance".into() }
    }

    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.write(version, request).await;
        self.read::<R>(version).await.expect("the broker closed the connection")
    }

    pub async fn write<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation += 1;
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header_version = ApiKey::try_from(R::KEY).unwrap().request_header_version(version);
        RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(text(&self.client_id)))
            .encode(&mut frame, header_version)
            .unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = i32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The answer; `None` if the connection was closed instead.
    pub async fn read<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let mut frame = self.read_frame().await?;
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation);
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(!frame.has_remaining(), "bytes are left behind the answer of API {} version {version}", R::KEY);
        Some(response)
    }

    pub async fn read_frame(&mut self) -> Option<Bytes> {
        let length = self.stream.read_i32().await.ok()?;
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut frame).await.ok()?;
        Some(Bytes::from(frame))
    }

    pub async fn create(&mut self, prefix: &str, partitions: i32) -> TestTopic {
        self.create_with(prefix, partitions, &[]).await
    }

    /// Creates a topic as an old client does.
    pub async fn create_old(&mut self, prefix: &str) -> String {
        let name = unique(prefix);
        let topic =
            CreatableTopic::default().with_name(topic_name(&name)).with_num_partitions(1).with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![topic]);
        assert_eq!(self.send(3, &request).await.topics[0].error_code, 0);
        name
    }

    /// Creates a topic and waits until every partition has its leader.
    pub async fn create_with(&mut self, prefix: &str, partitions: i32, configs: &[(&str, &str)]) -> TestTopic {
        self.create_named(&unique(prefix), partitions, configs).await
    }

    /// Creates a topic of exactly this name, once one that is being deleted is gone.
    pub async fn create_named(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> TestTopic {
        let request = CreateTopicsRequest::default().with_timeout_ms(10_000).with_topics(vec![
            CreatableTopic::default()
                .with_name(topic_name(name))
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs(
                    configs
                        .iter()
                        .map(|(key, value)| {
                            CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
                        })
                        .collect(),
                ),
        ]);
        let response = self.send(7, &request).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        let id = response.topics[0].topic_id;
        self.await_leaders(name, partitions).await;
        TestTopic { name: name.to_owned(), id }
    }

    /// A real broker answers the creation before all of it has arrived everywhere.
    pub async fn await_leaders(&mut self, name: &str, partitions: i32) {
        for _ in 0..500 {
            let request = MetadataRequest::default()
                .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(topic_name(name)))]))
                .with_allow_auto_topic_creation(false);
            let response = self.send(12, &request).await;
            let topic = &response.topics[0];
            let led = topic.partitions.iter().filter(|one| one.error_code == 0 && one.leader_id.0 >= 0).count();
            let known = topic.error_code == 0 && led == usize::try_from(partitions).unwrap();
            if known && self.leads(name, partitions).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("topic {name} got no leader");
    }

    /// Whether the broker takes requests for all partitions: it knows that it leads before it does.
    async fn leads(&mut self, name: &str, partitions: i32) -> bool {
        let wanted = (0..partitions)
            .map(|index| {
                ListOffsetsPartition::default()
                    .with_partition_index(index)
                    .with_current_leader_epoch(-1)
                    .with_timestamp(-1)
            })
            .collect();
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(wanted)]);
        let response = self.send(8, &request).await;
        response.topics.iter().all(|topic| topic.partitions.iter().all(|partition| partition.error_code == 0))
    }

    pub async fn produce(&mut self, topic: &TestTopic, partition: i32, batch: Bytes) -> PartitionProduceResponse {
        self.produce_as(13, -1, topic, partition, batch).await
    }

    pub async fn produce_as(
        &mut self,
        version: i16,
        acks: i16,
        topic: &TestTopic,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let response = self.send(version, &produce_request(version, acks, topic, partition, batch)).await;
        response.responses[0].partition_responses[0].clone()
    }

    pub async fn fetch(&mut self, topic: &TestTopic, partition: i32, offset: i64) -> PartitionData {
        self.fetch_as(17, topic, partition, offset, 1 << 20, 1 << 20).await
    }

    pub async fn fetch_as(
        &mut self,
        version: i16,
        topic: &TestTopic,
        partition: i32,
        offset: i64,
        partition_max: i32,
        max: i32,
    ) -> PartitionData {
        let request = fetch_request(version, topic, &[(partition, offset, partition_max)])
            .with_max_bytes(max)
            .with_max_wait_ms(0)
            .with_min_bytes(0);
        let response = self.send(version, &request).await;
        assert_eq!(response.error_code, 0);
        response.responses[0].partitions[0].clone()
    }
}

pub fn produce_request(version: i16, acks: i16, topic: &TestTopic, partition: i32, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
    let data = TopicProduceData::default().with_partition_data(vec![data]);
    let data = if version >= 13 { data.with_topic_id(topic.id) } else { data.with_name(topic_name(&topic.name)) };
    ProduceRequest::default().with_acks(acks).with_timeout_ms(10_000).with_topic_data(vec![data])
}

/// A fetch without a session; partition, offset, byte limit.
pub fn fetch_request(version: i16, topic: &TestTopic, partitions: &[(i32, i64, i32)]) -> FetchRequest {
    let partitions = partitions
        .iter()
        .map(|&(partition, offset, max)| {
            FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(max)
                .with_current_leader_epoch(-1)
                .with_last_fetched_epoch(-1)
                .with_log_start_offset(-1)
        })
        .collect();
    let wanted = FetchTopic::default().with_partitions(partitions);
    let wanted =
        if version >= 13 { wanted.with_topic_id(topic.id) } else { wanted.with_topic(topic_name(&topic.name)) };
    FetchRequest::default()
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![wanted])
}

pub fn batch(values: &[&str], compression: Compression) -> Bytes {
    let records: Vec<(i64, &str)> = values.iter().map(|value| (1_700_000_000_000, *value)).collect();
    timed_batch(&records, compression, None)
}

pub fn timed_batch(records: &[(i64, &str)], compression: Compression, producer: Option<ProducerId>) -> Bytes {
    let mut builder = BatchBuilder::with_capacity(1024);
    for (timestamp, value) in records {
        let parts = RecordParts { timestamp: *timestamp, key: Some(b"k"), value: Some(value.as_bytes()), headers: &[] };
        builder.append(&parts).unwrap();
    }
    builder.build(compression, Level::default(), producer).unwrap()
}

/// The whole batches in fetched bytes.
pub fn batches(mut records: &[u8]) -> Vec<(BatchHeader, Vec<u8>)> {
    let mut found = Vec::new();
    while let Ok(header) = BatchHeader::read(records) {
        let Some(batch) = records.get(..header.total_len()) else { break };
        header.check_crc(batch).unwrap();
        found.push((header, batch.to_vec()));
        records = &records[header.total_len()..];
    }
    found
}
