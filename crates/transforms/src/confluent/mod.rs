//! Transformations that users know from Confluent's packages, by their class names and with their configuration.

mod drop;
mod extract_topic;
mod filter;
mod gzip_decompress;
mod message_timestamp_router;
mod tombstone_handler;
mod topic_regex_router;

pub use drop::Drop;
pub use extract_topic::{ExtractTopic, ExtractTopicFromHeader};
pub use filter::Filter;
pub use gzip_decompress::GzipDecompress;
pub use message_timestamp_router::MessageTimestampRouter;
pub use tombstone_handler::TombstoneHandler;
pub use topic_regex_router::TopicRegexRouter;
