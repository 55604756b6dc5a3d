//! Properties of consumers.

use super::{Doc, harmless, honoured, refused};

pub(super) static DOCS: &[Doc] = &[
    honoured(
        "group.id",
        "The group that the consumer reads and commits for; a sink connector's is connect- and its name.",
    ),
    honoured(
        "group.instance.id",
        "Name of this very member: one that comes back under it within session.timeout.ms keeps its partitions without a rebalance.",
    ),
    honoured(
        "group.protocol",
        "How members find their partitions. Only classic is there; consumer (KIP-848) is refused by name.",
    ),
    refused(
        "group.remote.assignor",
        "The broker's assignor under the consumer protocol.",
        &[],
        "group.remote.assignor cannot be set when group.protocol=CLASSIC",
    ),
    honoured(
        "session.timeout.ms",
        "Milliseconds without a heartbeat after which the group goes on without this member.",
    ),
    honoured(
        "heartbeat.interval.ms",
        "Milliseconds between two heartbeats; less than session.timeout.ms, a third of it is usual.",
    ),
    honoured(
        "partition.assignment.strategy",
        "Assignors that the member offers, the preferred one first, by Java's class names: RangeAssignor, RoundRobinAssignor, StickyAssignor, CooperativeStickyAssignor.",
    ),
    honoured(
        "max.poll.records",
        "Records that one poll hands out at most; what is fetched beyond that waits in memory.",
    ),
    honoured(
        "max.poll.interval.ms",
        "Milliseconds between two polls after which the member leaves its group, since its owner seems stuck.",
    ),
    honoured(
        "enable.auto.commit",
        "Whether positions are committed without being asked to; a worker's sinks have it off.",
    ),
    honoured("auto.commit.interval.ms", "Milliseconds between two commits of enable.auto.commit."),
    honoured("fetch.min.bytes", "Bytes that a broker waits for before it answers a fetch, fetch.max.wait.ms at most."),
    honoured(
        "fetch.max.bytes",
        "Bytes that one answer to a fetch may have; a first batch that is larger comes all the same.",
    ),
    honoured("fetch.max.wait.ms", "Milliseconds that a broker may wait for fetch.min.bytes."),
    honoured(
        "max.partition.fetch.bytes",
        "Bytes that one answer to a fetch may have per partition; a first batch that is larger comes all the same.",
    ),
    honoured("client.rack", "Where this client is, so that a replica nearby is read instead of the leader."),
    honoured("isolation.level", "Whether records of open and aborted transactions are seen."),
    honoured("check.crcs", "Whether the checksum of every batch is verified."),
    honoured("exclude.internal.topics", "Whether a subscribed pattern passes Kafka's own topics by."),
    honoured(
        "allow.auto.create.topics",
        "Whether topics that are subscribed or assigned may be created by brokers that do so.",
    ),
    honoured(
        "auto.offset.reset",
        "Where to begin without a committed offset, and where to go on if it is out of range; none makes that an error.",
    ),
    refused(
        "key.deserializer",
        "Class that keys are read with.",
        &["org.apache.kafka.common.serialization.ByteArrayDeserializer"],
        CONVERTERS,
    ),
    refused(
        "value.deserializer",
        "Class that values are read with.",
        &["org.apache.kafka.common.serialization.ByteArrayDeserializer"],
        CONVERTERS,
    ),
    harmless(
        "internal.throw.on.fetch.stable.offset.unsupported",
        "Whether a broker that cannot leave out offsets of open transactions is an error.",
        "it is one whenever stable offsets are asked for",
    ),
    refused(
        "share.acknowledgement.mode",
        "How records of a share group are acknowledged.",
        &[],
        "share.acknowledgement.mode cannot be set when group.protocol=CLASSIC",
    ),
    refused(
        "share.acquire.mode",
        "How records of a share group are acquired.",
        &[],
        "share.acquire.mode cannot be set when group.protocol=CLASSIC",
    ),
];

pub(super) const CONVERTERS: &str = "records are bytes here; remove the property and choose a converter instead";
