//! Measures the broker alone: `throughput [MILLION_RECORDS]` sends ready-made batches of 100-byte records over one connection and reads
//! them back over another, with a broker in the same process.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use milena_devbroker::{DevBroker, DevBrokerConfig};
use milena_kafka::records::{BatchBuilder, BatchHeader, Compression, Level, RecordParts};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Error = Box<dyn std::error::Error>;

struct Client(TcpStream);

impl Client {
    async fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, Error> {
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        header.encode(&mut frame, R::header_version(version))?;
        request.encode(&mut frame, version)?;
        let length = i32::try_from(frame.len() - 4)?;
        (&mut frame[..4]).put_i32(length);
        self.0.write_all(&frame).await?;
        let mut answer = vec![0; usize::try_from(self.0.read_i32().await?)?];
        self.0.read_exact(&mut answer).await?;
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
        Ok(R::Response::decode(&mut answer, version)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    const PER_BATCH: usize = 600;
    const BATCHES: usize = 4;
    let millions: usize = std::env::args().nth(1).map_or(Ok(5), |count| count.parse())?;
    let name = || TopicName(StrBytes::from_static_str("throughput"));
    let broker = DevBroker::start(DevBrokerConfig { retention_bytes: -1, ..DevBrokerConfig::default() }).await?;
    let mut client = Client(TcpStream::connect(broker.bootstrap()).await?);
    let topic = CreatableTopic::default().with_name(name()).with_num_partitions(4).with_replication_factor(1);
    let created: CreateTopicsResponse =
        client.call(7, &CreateTopicsRequest::default().with_topics(vec![topic])).await?;
    let topic_id = created.topics.first().map(|topic| topic.topic_id).unwrap_or_default();

    let value = [b'v'; 100];
    let mut builder = BatchBuilder::with_capacity(PER_BATCH * 110);
    for _ in 0..PER_BATCH {
        builder.append(&RecordParts { timestamp: 1_700_000_000_000, key: None, value: Some(&value), headers: &[] })?;
    }
    let batch = builder.build(Compression::None, Level::default(), None)?;
    let partitions = (0..4)
        .map(|index| PartitionProduceData::default().with_index(index).with_records(Some(batch.clone())))
        .collect();
    let data = TopicProduceData::default().with_topic_id(topic_id).with_partition_data(partitions);
    let produce = ProduceRequest::default().with_acks(-1).with_topic_data(vec![data]);
    let rounds = millions * 1_000_000 / (PER_BATCH * BATCHES);
    let records = rounds * PER_BATCH * BATCHES;
    let started = Instant::now();
    for _ in 0..rounds {
        let answer: ProduceResponse = client.call(13, &produce).await?;
        assert!(answer.responses.iter().all(|topic| topic.partition_responses.iter().all(|one| one.error_code == 0)));
    }
    report("produced", records, started);

    let mut offsets = [0_i64; 4];
    let mut read = 0;
    let started = Instant::now();
    while read < records {
        let partitions = offsets
            .iter()
            .zip(0..)
            .map(|(&offset, index)| {
                FetchPartition::default()
                    .with_partition(index)
                    .with_fetch_offset(offset)
                    .with_partition_max_bytes(1 << 20)
                    .with_current_leader_epoch(-1)
            })
            .collect();
        let fetch = FetchRequest::default()
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(50 << 20)
            .with_session_epoch(-1)
            .with_topics(vec![FetchTopic::default().with_topic_id(topic_id).with_partitions(partitions)]);
        let answer: FetchResponse = client.call(17, &fetch).await?;
        for part in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            let mut bytes = part.records.unwrap_or_default();
            while let Ok(header) = BatchHeader::read(&bytes) {
                bytes.advance(header.total_len());
                read += usize::try_from(header.count)?;
                if let Some(offset) = offsets.get_mut(usize::try_from(part.partition_index)?) {
                    *offset = header.last_offset() + 1;
                }
            }
        }
    }
    report("fetched", read, started);
    broker.stop().await;
    Ok(())
}

fn report(what: &str, records: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what} {records} records in {seconds:.2} s: {:.2} M/s", records as f64 / seconds / 1e6);
}
