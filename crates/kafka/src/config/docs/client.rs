//! Properties that several clients have.

use super::{Doc, JAVA_CODE, harmless, honoured, refused};

pub(super) static DOCS: &[Doc] = &[
    honoured(
        "bootstrap.servers",
        "Brokers to begin with, host:port separated by commas; the rest of the cluster is learned from whichever answers first.",
    ),
    refused(
        "bootstrap.controllers",
        "Controllers to begin with, for an admin that passes the brokers by.",
        &[],
        "asking controllers directly is not supported; use bootstrap.servers",
    ),
    honoured(
        "client.dns.lookup",
        "How host names are resolved: all addresses of a name are tried one after the other, or bootstrap names are first replaced by their canonical names.",
    ),
    honoured(
        "client.id",
        "Name of the client, which brokers log, count and apply quotas by. Without one it is numbered.",
    ),
    honoured(
        "metadata.max.age.ms",
        "Milliseconds after which topics and leaders are asked for again, even if nothing went wrong; new partitions are seen by then.",
    ),
    honoured(
        "metadata.recovery.strategy",
        "Whether the client begins anew with bootstrap.servers (rebootstrap) when no broker it knows can be reached, or keeps trying those (none).",
    ),
    honoured(
        "metadata.recovery.rebootstrap.trigger.ms",
        "Milliseconds without an answer to a question for metadata after which the client begins anew with bootstrap.servers.",
    ),
    honoured(
        "send.buffer.bytes",
        "Size of the socket's send buffer; -1 or not given leaves it to the operating system.",
    ),
    honoured(
        "receive.buffer.bytes",
        "Size of the socket's receive buffer; -1 or not given leaves it to the operating system.",
    ),
    honoured(
        "reconnect.backoff.ms",
        "Milliseconds before a broker that could not be reached is tried again; doubled with each failure.",
    ),
    honoured(
        "reconnect.backoff.max.ms",
        "The longest wait that reconnect.backoff.ms grows to; a fifth more or less by chance.",
    ),
    honoured("retry.backoff.ms", "Milliseconds before a request that failed is sent again; doubled with each failure."),
    honoured(
        "retry.backoff.max.ms",
        "The longest wait that retry.backoff.ms grows to; a fifth more or less by chance.",
    ),
    honoured(
        "request.timeout.ms",
        "Milliseconds that a request is waited for. Then its connection is closed, and the request fails or is sent again.",
    ),
    honoured(
        "socket.connection.setup.timeout.ms",
        "Milliseconds that opening a connection may take at first; doubled with each failure.",
    ),
    honoured(
        "socket.connection.setup.timeout.max.ms",
        "The longest time that socket.connection.setup.timeout.ms grows to.",
    ),
    honoured(
        "connections.max.idle.ms",
        "Milliseconds without use after which a connection is closed; negative for never.",
    ),
    honoured(
        "default.api.timeout.ms",
        "Milliseconds that a call may take with all its attempts, where it has no limit of its own.",
    ),
    honoured(
        "retries",
        "How often something that failed and may succeed later is tried again; time limits usually end the attempts first.",
    ),
    harmless(
        "enable.metrics.push",
        "Whether the client sends its metrics to brokers that ask for them.",
        "metrics stay with the client; brokers do not need them",
    ),
    honoured("metrics.sample.window.ms", "Milliseconds of one window of which rates, averages and maxima are made."),
    honoured("metrics.num.samples", "How many windows rates, averages and maxima are made of."),
    harmless(
        "metrics.recording.level",
        "How detailed metrics are.",
        "the clients have no metrics beyond level INFO, in Java neither",
    ),
    refused(
        "metric.reporters",
        "Classes that metrics are passed on to.",
        &["org.apache.kafka.common.metrics.JmxReporter"],
        JAVA_CODE,
    ),
    refused("interceptor.classes", "Classes that see, and may change, every record.", &[], JAVA_CODE),
    refused(
        "config.providers",
        "Providers of values that other properties refer to.",
        &[],
        "a worker resolves references before its clients see them; configure the providers in the worker's own properties",
    ),
];
