//! Records on their way to and from Kafka.
//!
//! Counterpart: `org.apache.kafka.connect.{connector.ConnectRecord, source.SourceRecord, sink.SinkRecord}`.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use crate::converter::RawHeaders;
use crate::data::{Map, Schema, Value};
use crate::header::Headers;

/// A partition of a topic. Prints as `topic-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A source partition or source offset: text keys, values of any schemaless class.
pub type SourceMap = Map;

/// What both kinds of record have.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectRecord {
    /// Topic; transforms may change it.
    pub topic: Arc<str>,
    /// Partition; `None` lets the producer choose.
    pub kafka_partition: Option<i32>,
    /// Schema of the key; `None` for a schemaless key.
    pub key_schema: Option<Schema>,
    /// Key.
    pub key: Value,
    /// Schema of the value; `None` for a schemaless value.
    pub value_schema: Option<Schema>,
    /// Value.
    pub value: Value,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Headers.
    pub headers: Headers,
}

impl ConnectRecord {
    /// A record without key, timestamp and headers.
    pub fn new(topic: impl Into<Arc<str>>, value_schema: Option<Schema>, value: Value) -> Self {
        ConnectRecord {
            topic: topic.into(),
            kafka_partition: None,
            key_schema: None,
            key: Value::Null,
            value_schema,
            value,
            timestamp: None,
            headers: Headers::new(),
        }
    }
}

/// `ConnectRecord{topic='t', kafkaPartition=0, …}`.
impl fmt::Display for ConnectRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ConnectRecord{{topic='{}', kafkaPartition={}, key={}, keySchema={}, value={}, valueSchema={}, timestamp={}, headers={}}}",
            self.topic,
            or_null(self.kafka_partition.as_ref()),
            self.key,
            or_null(self.key_schema.as_ref()),
            self.value,
            or_null(self.value_schema.as_ref()),
            or_null(self.timestamp.as_ref()),
            self.headers
        )
    }
}

fn or_null<T: fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "null".to_owned(), T::to_string)
}

/// What a record says about the transaction it is in, for connectors that define transaction boundaries themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionAction {
    /// Commit after this record.
    Commit,
    /// Abort after this record.
    Abort,
}

/// A record from a source task.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRecord {
    /// What is sent to Kafka.
    pub record: ConnectRecord,
    /// Which stream of the source system this is part of; `None` if its place is not to be remembered.
    pub source_partition: Option<Arc<SourceMap>>,
    /// Where in that stream to go on behind this record; `None` is stored as "no offset".
    pub source_offset: Option<Arc<SourceMap>>,
    /// Ends the transaction here (KIP-618); only heeded with `transaction.boundary=connector`.
    pub transaction: Option<TransactionAction>,
}

impl SourceRecord {
    /// A record with its place in the source.
    pub fn new(record: ConnectRecord, partition: Option<Arc<SourceMap>>, offset: Option<Arc<SourceMap>>) -> Self {
        SourceRecord { record, source_partition: partition, source_offset: offset, transaction: None }
    }
}

impl Deref for SourceRecord {
    type Target = ConnectRecord;

    fn deref(&self) -> &ConnectRecord {
        &self.record
    }
}

impl DerefMut for SourceRecord {
    fn deref_mut(&mut self) -> &mut ConnectRecord {
        &mut self.record
    }
}

impl fmt::Display for SourceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SourceRecord{{sourcePartition={}, sourceOffset={}}} {}",
            or_null(self.source_partition.as_deref()),
            or_null(self.source_offset.as_deref()),
            self.record
        )
    }
}

/// Whose clock a timestamp is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// Messages of format 0.
    NoTimestampType,
    /// The producer's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

impl TimestampType {
    /// Java's text.
    pub const fn name(self) -> &'static str {
        match self {
            TimestampType::NoTimestampType => "NoTimestampType",
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

/// Topic, partition and offset that a record had in Kafka, before transforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalPosition {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Key, value and headers as they were in Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Headers.
    pub headers: RawHeaders,
    /// Milliseconds since the epoch; `None` if the log has none.
    pub timestamp: Option<i64>,
}

/// A record for a sink task.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkRecord {
    /// What was read from Kafka.
    pub record: ConnectRecord,
    /// Offset in the topic partition.
    pub kafka_offset: i64,
    /// Whose clock the timestamp is from.
    pub timestamp_type: TimestampType,
    /// Where the record came from (KIP-793); transforms never change it.
    pub original: OriginalPosition,
    /// What it was made from: only there if failed records are reported somewhere.
    pub raw: Option<Arc<RawRecord>>,
}

impl SinkRecord {
    /// A record as read from Kafka, at its own position.
    pub fn new(record: ConnectRecord, partition: i32, offset: i64, timestamp_type: TimestampType) -> Self {
        let original = OriginalPosition { topic: Arc::clone(&record.topic), partition, offset };
        SinkRecord {
            record: ConnectRecord { kafka_partition: Some(partition), ..record },
            kafka_offset: offset,
            timestamp_type,
            original,
            raw: None,
        }
    }
}

impl Deref for SinkRecord {
    type Target = ConnectRecord;

    fn deref(&self) -> &ConnectRecord {
        &self.record
    }
}

impl DerefMut for SinkRecord {
    fn deref_mut(&mut self) -> &mut ConnectRecord {
        &mut self.record
    }
}

impl fmt::Display for SinkRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SinkRecord{{kafkaOffset={}, timestampType={}, originalTopic={}, originalKafkaPartition={}, originalKafkaOffset={}}} {}",
            self.kafka_offset,
            self.timestamp_type.name(),
            self.original.topic,
            self.original.partition,
            self.original.offset,
            self.record
        )
    }
}

/// Either kind of record, as transformations and predicates see it.
pub trait Record: DerefMut<Target = ConnectRecord> + fmt::Display + Send {
    /// Offset in Kafka; `None` for a record from a source.
    fn kafka_offset(&self) -> Option<i64>;
    /// Full name of the Java class, for messages.
    fn java_class(&self) -> &'static str;
}

impl Record for SourceRecord {
    fn kafka_offset(&self) -> Option<i64> {
        None
    }

    fn java_class(&self) -> &'static str {
        "org.apache.kafka.connect.source.SourceRecord"
    }
}

impl Record for SinkRecord {
    fn kafka_offset(&self) -> Option<i64> {
        Some(self.kafka_offset)
    }

    fn java_class(&self) -> &'static str {
        "org.apache.kafka.connect.sink.SinkRecord"
    }
}

/// Where Kafka put a record that a source sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Topic and partition.
    pub topic_partition: TopicPartition,
    /// Offset; `None` if it is not known (`acks=0`).
    pub offset: Option<i64>,
    /// Timestamp in the log, milliseconds since the epoch.
    pub timestamp: Option<i64>,
}
