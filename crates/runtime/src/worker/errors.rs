//! Kafka's errors as Connect's.

use milena_api::error::{Error, ErrorKind};

/// An error of the Kafka client, with its Java class; retriable where Kafka says so.
pub(crate) fn from_kafka(error: milena_kafka::Error) -> Error {
    let kind = if error.is_retriable() { ErrorKind::Retriable } else { ErrorKind::Fatal };
    let class = error.java_class().to_owned();
    Error::new(kind, error.to_string()).with_class(class)
}
