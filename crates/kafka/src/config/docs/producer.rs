//! Properties of producers.

use super::consumer::CONVERTERS;
use super::{Doc, honoured, refused};

pub(super) static DOCS: &[Doc] = &[
    honoured(
        "acks",
        "Who must have a record before it counts as written: nobody (0), the leader (1), or all replicas in sync (all or -1).",
    ),
    honoured(
        "batch.size",
        "Bytes of records for one partition that are collected into a batch; a larger record has one of its own.",
    ),
    honoured(
        "buffer.memory",
        "Bytes of records that may wait to be sent; when it is full, more have to wait for max.block.ms at most.",
    ),
    honoured("compression.type", "How batches are compressed."),
    honoured("compression.gzip.level", "Effort of gzip from 1 to 9; -1 is the library's own choice."),
    honoured("compression.lz4.level", "Effort of lz4 from 1 to 17."),
    honoured("compression.zstd.level", "Effort of zstd; negative levels are faster."),
    honoured(
        "delivery.timeout.ms",
        "Milliseconds from when a record is put into a batch to when it is given up; at least linger.ms and request.timeout.ms together.",
    ),
    honoured(
        "enable.idempotence",
        "Whether brokers recognise records that were sent twice. On, unless acks or retries exclude it; connect's producers have it off.",
    ),
    honoured("linger.ms", "Milliseconds that a batch waits for more records if it is not full."),
    honoured(
        "max.block.ms",
        "Milliseconds that a call waits for room in the buffer, for metadata, or for a transaction's step.",
    ),
    honoured(
        "max.in.flight.requests.per.connection",
        "Requests that may be on their way to a broker at the same time. Without idempotence, more than one may change the order of records when one is repeated.",
    ),
    honoured("max.request.size", "Bytes that a record, and a request, may have at most."),
    honoured(
        "metadata.max.idle.ms",
        "Milliseconds without records after which a topic's metadata is no longer kept up to date.",
    ),
    honoured(
        "partitioner.adaptive.partitioning.enable",
        "Whether records without key go less to partitions whose brokers are slow.",
    ),
    honoured(
        "partitioner.availability.timeout.ms",
        "Milliseconds that a batch may wait for its broker before records without key avoid the partition; 0 for never.",
    ),
    honoured(
        "partitioner.class",
        "Who chooses partitions. Only org.apache.kafka.clients.producer.RoundRobinPartitioner is there beside the default.",
    ),
    honoured("partitioner.ignore.keys", "Whether keys have no say in the choice of the partition."),
    honoured(
        "transactional.id",
        "Name of the producer across restarts, with which it can write transactions; an older one of that name is fenced off.",
    ),
    honoured(
        "transaction.timeout.ms",
        "Milliseconds after which the coordinator aborts a transaction that was left open.",
    ),
    refused(
        "transaction.two.phase.commit.enable",
        "Whether transactions may stay prepared until an outside coordinator decides on them.",
        &["false"],
        "two-phase commit is not supported; remove the property",
    ),
    refused(
        "key.serializer",
        "Class that keys are written with.",
        &["org.apache.kafka.common.serialization.ByteArraySerializer"],
        CONVERTERS,
    ),
    refused(
        "value.serializer",
        "Class that values are written with.",
        &["org.apache.kafka.common.serialization.ByteArraySerializer"],
        CONVERTERS,
    ),
];
