//! What can go wrong between Milena and Kafka.

use std::sync::Arc;

use crate::error_code::ErrorCode;
use crate::records::InvalidRecords;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the Kafka client. Cloneable, because one answer may concern many records.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A property cannot be used.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Config {
        /// Name of the property.
        key: String,
        /// Its value as text; passwords are hidden.
        value: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// A broker refused.
    #[error("{doing}: {code}{}", message.as_deref().map(|m| format!(": {m}")).unwrap_or_default())]
    Broker {
        /// What was being done, to what.
        doing: String,
        /// Kafka's reason.
        code: ErrorCode,
        /// The broker's own words, if it had any.
        message: Option<String>,
    },
    /// Not done within the time allowed.
    #[error("{doing}: {reason}")]
    Timeout {
        /// What was being done, to what.
        doing: String,
        /// Which limit passed, and what was awaited.
        reason: String,
    },
    /// No connection, or one that broke.
    #[error("{doing}: {reason}")]
    Disconnected {
        /// What was being done, to what.
        doing: String,
        /// What the operating system or the broker said.
        reason: String,
    },
    /// A batch that cannot be read.
    #[error("cannot read records of topic {topic}, partition {partition}, offset {offset}")]
    Records {
        /// Topic.
        topic: Arc<str>,
        /// Partition.
        partition: i32,
        /// Offset of the batch.
        offset: i64,
        /// What is wrong with it.
        source: InvalidRecords,
    },
    /// A record larger than the producer may send.
    #[error(
        "the message is {size} bytes when serialized which is larger than {limit}, which is the value of the {key} configuration"
    )]
    RecordTooLarge {
        /// Bytes of the record in the wire format, at most.
        size: usize,
        /// Bytes allowed.
        limit: usize,
        /// The property that allows them.
        key: &'static str,
    },
    /// The committed position is gone and `auto.offset.reset` is `none`.
    #[error("{doing}: {reason}")]
    NoOffset {
        /// What was being done, to what.
        doing: String,
        /// What is missing.
        reason: String,
        /// Whether there is a position, but out of range.
        out_of_range: bool,
    },
    /// The leader's log has lost records before the position, and `auto.offset.reset` is `none` (KIP-320).
    #[error(
        "the log of topic {topic}, partition {partition} was truncated: the record before offset {offset} was written in leader epoch \
         {epoch}, and the leader's log {}; records that were read are gone, or were replaced by others; seek to an offset to go on, \
         or set auto.offset.reset",
        match diverges_at { Some(at) => format!("ends that epoch before offset {at}"), None => "does not know that epoch".to_owned() }
    )]
    LogTruncated {
        /// Topic.
        topic: Arc<str>,
        /// Partition.
        partition: i32,
        /// Offset that was to be read next.
        offset: i64,
        /// Epoch of the leader that wrote the record before it.
        epoch: i32,
        /// First offset from which on the leader's log is another one, if it can tell.
        diverges_at: Option<i64>,
    },
    /// Offsets of a member that is no longer in its group.
    #[error("cannot commit offsets of group {group}: {reason}")]
    CommitFailed {
        /// The group.
        group: String,
        /// Why it is out.
        reason: String,
    },
    /// A transaction that cannot go on as it is.
    #[error("{doing}: {reason}")]
    Transaction {
        /// What was being done, by whom.
        doing: String,
        /// Why it cannot be done, and the way out.
        reason: String,
        /// Kafka's code, if a broker's refusal is the reason.
        code: Option<ErrorCode>,
        /// Whether not even an abort helps.
        fatal: bool,
    },
    /// The broker refused who this client is, or this client the broker; trying again does not help.
    #[error("{doing}: {reason}")]
    Authentication {
        /// What was being done, to what.
        doing: String,
        /// What was refused, and the way out; never a secret.
        reason: String,
        /// At which step.
        kind: AuthenticationKind,
    },
    /// The broker cannot do it, or not in a version that this client speaks.
    #[error("{doing}: {reason}")]
    Unsupported {
        /// What was being done, to what.
        doing: String,
        /// What is missing.
        reason: String,
    },
    /// An answer that cannot be read.
    #[error("{doing}: {reason}")]
    Protocol {
        /// What was being done, to what.
        doing: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The client was closed, or is used in a way that cannot work.
    #[error("{doing}: {reason}")]
    IllegalState {
        /// What was being done, to what.
        doing: String,
        /// Why it cannot be done.
        reason: String,
    },
}

/// What of an [`Error::Authentication`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationKind {
    /// TLS: certificates, host name, versions or ciphers.
    Ssl,
    /// User name or password.
    Sasl,
    /// The broker does not do this SASL mechanism.
    UnsupportedMechanism,
    /// The listener does not do SASL, or not now.
    IllegalSaslState,
}

impl AuthenticationKind {
    fn java_class(self) -> &'static str {
        match self {
            Self::Ssl => "org.apache.kafka.common.errors.SslAuthenticationException",
            Self::Sasl => "org.apache.kafka.common.errors.SaslAuthenticationException",
            Self::UnsupportedMechanism => "org.apache.kafka.common.errors.UnsupportedSaslMechanismException",
            Self::IllegalSaslState => "org.apache.kafka.common.errors.IllegalSaslStateException",
        }
    }
}

impl Error {
    pub(crate) fn broker(doing: impl Into<String>, code: ErrorCode, message: Option<String>) -> Self {
        Self::Broker { doing: doing.into(), code, message }
    }

    pub(crate) fn disconnected(doing: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Disconnected { doing: doing.into(), reason: reason.to_string() }
    }

    pub(crate) fn timeout(doing: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Timeout { doing: doing.into(), reason: reason.into() }
    }

    pub(crate) fn protocol(doing: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Protocol { doing: doing.into(), reason: reason.to_string() }
    }

    pub(crate) fn illegal(doing: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::IllegalState { doing: doing.into(), reason: reason.into() }
    }

    /// Kafka's code, if a broker refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::Transaction { code, .. } => *code,
            _ => None,
        }
    }

    /// Whether the transaction must be aborted, after which another one may work.
    pub fn requires_abort(&self) -> bool {
        matches!(self, Self::Transaction { fatal: false, .. })
    }

    /// Whether a transactional producer is of no use any more, for instance because another one with its id has taken over.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Transaction { fatal, .. } => *fatal,
            other => other.code() == Some(ErrorCode::PRODUCER_FENCED),
        }
    }

    /// Whether the same call may succeed later, as Kafka defines it.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker { code, .. } => code.is_retriable(),
            Self::Timeout { .. } | Self::Disconnected { .. } => true,
            _ => false,
        }
    }

    /// Whether the broker refused who this client is, or this client the broker.
    pub fn is_authentication(&self) -> bool {
        matches!(self, Self::Authentication { .. })
    }

    /// Whether a topic could not be created because there is one.
    pub fn is_topic_exists(&self) -> bool {
        self.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS)
    }

    /// Whether a group could not be changed because it has members.
    pub fn is_group_not_empty(&self) -> bool {
        self.code() == Some(ErrorCode::NON_EMPTY_GROUP)
    }

    /// Whether the coordinator does not know the member, for instance because offsets of an active group were to be changed.
    pub fn is_unknown_member(&self) -> bool {
        self.code() == Some(ErrorCode::UNKNOWN_MEMBER_ID)
    }

    /// Whether there is no such group.
    pub fn is_group_id_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND)
    }

    /// Whether a topic or partition is not there (yet).
    pub fn is_unknown_topic(&self) -> bool {
        self.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// The exception that Java's clients throw in this case.
    pub fn java_class(&self) -> &'static str {
        match self {
            Self::Config { .. } => "org.apache.kafka.common.config.ConfigException",
            Self::Broker { code, .. } => code.java_class(),
            Self::Timeout { .. } => "org.apache.kafka.common.errors.TimeoutException",
            Self::Disconnected { .. } => "org.apache.kafka.common.errors.DisconnectException",
            Self::Records { .. } | Self::Protocol { .. } => "org.apache.kafka.common.KafkaException",
            Self::RecordTooLarge { .. } => "org.apache.kafka.common.errors.RecordTooLargeException",
            Self::NoOffset { out_of_range: true, .. } => "org.apache.kafka.clients.consumer.OffsetOutOfRangeException",
            Self::NoOffset { .. } => "org.apache.kafka.clients.consumer.NoOffsetForPartitionException",
            Self::LogTruncated { .. } => "org.apache.kafka.clients.consumer.LogTruncationException",
            Self::CommitFailed { .. } => "org.apache.kafka.clients.consumer.CommitFailedException",
            Self::Transaction { code: Some(code), .. } if *code == ErrorCode::PRODUCER_FENCED => code.java_class(),
            Self::Transaction { .. } => "org.apache.kafka.common.KafkaException",
            Self::Authentication { kind, .. } => kind.java_class(),
            Self::Unsupported { .. } => "org.apache.kafka.common.errors.UnsupportedVersionException",
            Self::IllegalState { .. } => "java.lang.IllegalStateException",
        }
    }
}
