//! Kafka's error codes: names, Java classes, and which of them a retry may cure.
//!
//! Counterpart: org.apache.kafka.common.protocol.Errors.

use std::fmt;

/// An error code of the Kafka protocol. Prints as Kafka's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(i16);

/// One row: code, name, Java class, whether it is retriable.
type Row = (i16, &'static str, &'static str, bool);

impl ErrorCode {
    /// From the wire; `None` for 0, which says that there is no error.
    pub fn from_wire(code: i16) -> Option<Self> {
        (code != 0).then_some(Self(code))
    }

    /// Number on the wire.
    pub fn code(self) -> i16 {
        self.0
    }

    fn row(self) -> &'static Row {
        static UNKNOWN: Row = UNKNOWN_ROW;
        ROWS.binary_search_by_key(&self.0, |row| row.0).ok().and_then(|at| ROWS.get(at)).unwrap_or(&UNKNOWN)
    }

    /// Kafka's name, for instance `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The exception that Java's clients throw for it.
    pub fn java_class(self) -> &'static str {
        self.row().2
    }

    /// Whether Kafka calls it retriable.
    pub fn is_retriable(self) -> bool {
        self.row().3
    }

    /// Whether the client's metadata is out of date.
    pub(crate) fn is_stale_metadata(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN_TOPIC_OR_PARTITION
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::REPLICA_NOT_AVAILABLE
                | Self::NETWORK_EXCEPTION
                | Self::KAFKA_STORAGE_ERROR
                | Self::LISTENER_NOT_FOUND
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
                | Self::UNKNOWN_TOPIC_ID
                | Self::INCONSISTENT_TOPIC_ID
                | Self::PREFERRED_LEADER_NOT_AVAILABLE
                | Self::ELIGIBLE_LEADERS_NOT_AVAILABLE
                | Self::ELECTION_NOT_NEEDED
        )
    }

    /// Whether the transaction must be aborted, after which the next may succeed.
    pub fn needs_abort(self) -> bool {
        self == Self::TRANSACTION_ABORTABLE
    }

    /// Whether whoever got it is no longer who the broker takes it for, and must begin anew: a member that was replaced, a producer that was fenced.
    pub fn needs_fresh_start(self) -> bool {
        matches!(
            self,
            Self::ILLEGAL_GENERATION
                | Self::UNKNOWN_MEMBER_ID
                | Self::INVALID_PRODUCER_EPOCH
                | Self::INVALID_PRODUCER_ID_MAPPING
                | Self::FENCED_INSTANCE_ID
                | Self::PRODUCER_FENCED
        )
    }

    /// Whether an ACL is in the way.
    pub fn is_authorization(self) -> bool {
        matches!(
            self,
            Self::TOPIC_AUTHORIZATION_FAILED
                | Self::GROUP_AUTHORIZATION_FAILED
                | Self::CLUSTER_AUTHORIZATION_FAILED
                | Self::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                | Self::DELEGATION_TOKEN_AUTHORIZATION_FAILED
        )
    }

    /// Whether the broker does not believe who this client is.
    pub fn is_authentication(self) -> bool {
        matches!(self, Self::SASL_AUTHENTICATION_FAILED | Self::UNSUPPORTED_SASL_MECHANISM | Self::ILLEGAL_SASL_STATE)
    }

    /// Whether another broker is the group's coordinator by now.
    pub(crate) fn is_coordinator_moved(self) -> bool {
        matches!(self, Self::NOT_COORDINATOR | Self::COORDINATOR_NOT_AVAILABLE)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.row().0 == self.0 { Ok(()) } else { write!(f, " (code {})", self.0) }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const UNKNOWN_ROW: Row = (-1, "UNKNOWN_SERVER_ERROR", "org.apache.kafka.common.errors.UnknownServerException", false);

macro_rules! codes {
    ($($code:literal $name:ident $class:literal $retriable:literal)*) => {
        impl ErrorCode {
            $(#[doc = concat!("Kafka's `", stringify!($name), "`.")] pub const $name: Self = Self($code);)*
        }

        /// Sorted by code.
        static ROWS: &[Row] = &[$(($code, stringify!($name), concat!("org.apache.kafka.common.", $class), $retriable)),*];
    };
}

codes! {
    -1 UNKNOWN_SERVER_ERROR "errors.UnknownServerException" false
    1 OFFSET_OUT_OF_RANGE "errors.OffsetOutOfRangeException" false
    2 CORRUPT_MESSAGE "errors.CorruptRecordException" true
    3 UNKNOWN_TOPIC_OR_PARTITION "errors.UnknownTopicOrPartitionException" true
    4 INVALID_FETCH_SIZE "errors.InvalidFetchSizeException" false
    5 LEADER_NOT_AVAILABLE "errors.LeaderNotAvailableException" true
    6 NOT_LEADER_OR_FOLLOWER "errors.NotLeaderOrFollowerException" true
    7 REQUEST_TIMED_OUT "errors.TimeoutException" true
    8 BROKER_NOT_AVAILABLE "errors.BrokerNotAvailableException" false
    9 REPLICA_NOT_AVAILABLE "errors.ReplicaNotAvailableException" true
    10 MESSAGE_TOO_LARGE "errors.RecordTooLargeException" false
    11 STALE_CONTROLLER_EPOCH "errors.ControllerMovedException" false
    12 OFFSET_METADATA_TOO_LARGE "errors.OffsetMetadataTooLarge" false
    13 NETWORK_EXCEPTION "errors.NetworkException" true
    14 COORDINATOR_LOAD_IN_PROGRESS "errors.CoordinatorLoadInProgressException" true
    15 COORDINATOR_NOT_AVAILABLE "errors.CoordinatorNotAvailableException" true
    16 NOT_COORDINATOR "errors.NotCoordinatorException" true
    17 INVALID_TOPIC_EXCEPTION "errors.InvalidTopicException" false
    18 RECORD_LIST_TOO_LARGE "errors.RecordBatchTooLargeException" false
    19 NOT_ENOUGH_REPLICAS "errors.NotEnoughReplicasException" true
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND "errors.NotEnoughReplicasAfterAppendException" true
    21 INVALID_REQUIRED_ACKS "errors.InvalidRequiredAcksException" false
    22 ILLEGAL_GENERATION "errors.IllegalGenerationException" false
    23 INCONSISTENT_GROUP_PROTOCOL "errors.InconsistentGroupProtocolException" false
    24 INVALID_GROUP_ID "errors.InvalidGroupIdException" false
    25 UNKNOWN_MEMBER_ID "errors.UnknownMemberIdException" false
    26 INVALID_SESSION_TIMEOUT "errors.InvalidSessionTimeoutException" false
    27 REBALANCE_IN_PROGRESS "errors.RebalanceInProgressException" false
    28 INVALID_COMMIT_OFFSET_SIZE "errors.InvalidCommitOffsetSizeException" false
    29 TOPIC_AUTHORIZATION_FAILED "errors.TopicAuthorizationException" false
    30 GROUP_AUTHORIZATION_FAILED "errors.GroupAuthorizationException" false
    31 CLUSTER_AUTHORIZATION_FAILED "errors.ClusterAuthorizationException" false
    32 INVALID_TIMESTAMP "errors.InvalidTimestampException" false
    33 UNSUPPORTED_SASL_MECHANISM "errors.UnsupportedSaslMechanismException" false
    34 ILLEGAL_SASL_STATE "errors.IllegalSaslStateException" false
    35 UNSUPPORTED_VERSION "errors.UnsupportedVersionException" false
    36 TOPIC_ALREADY_EXISTS "errors.TopicExistsException" false
    37 INVALID_PARTITIONS "errors.InvalidPartitionsException" false
    38 INVALID_REPLICATION_FACTOR "errors.InvalidReplicationFactorException" false
    39 INVALID_REPLICA_ASSIGNMENT "errors.InvalidReplicaAssignmentException" false
    40 INVALID_CONFIG "errors.InvalidConfigurationException" false
    41 NOT_CONTROLLER "errors.NotControllerException" true
    42 INVALID_REQUEST "errors.InvalidRequestException" false
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT "errors.UnsupportedForMessageFormatException" false
    44 POLICY_VIOLATION "errors.PolicyViolationException" false
    45 OUT_OF_ORDER_SEQUENCE_NUMBER "errors.OutOfOrderSequenceException" false
    46 DUPLICATE_SEQUENCE_NUMBER "errors.DuplicateSequenceException" false
    47 INVALID_PRODUCER_EPOCH "errors.InvalidProducerEpochException" false
    48 INVALID_TXN_STATE "errors.InvalidTxnStateException" false
    49 INVALID_PRODUCER_ID_MAPPING "errors.InvalidPidMappingException" false
    50 INVALID_TRANSACTION_TIMEOUT "errors.InvalidTxnTimeoutException" false
    51 CONCURRENT_TRANSACTIONS "errors.ConcurrentTransactionsException" true
    52 TRANSACTION_COORDINATOR_FENCED "errors.TransactionCoordinatorFencedException" false
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED "errors.TransactionalIdAuthorizationException" false
    54 SECURITY_DISABLED "errors.SecurityDisabledException" false
    55 OPERATION_NOT_ATTEMPTED "errors.OperationNotAttemptedException" false
    56 KAFKA_STORAGE_ERROR "errors.KafkaStorageException" true
    57 LOG_DIR_NOT_FOUND "errors.LogDirNotFoundException" false
    58 SASL_AUTHENTICATION_FAILED "errors.SaslAuthenticationException" false
    59 UNKNOWN_PRODUCER_ID "errors.UnknownProducerIdException" false
    60 REASSIGNMENT_IN_PROGRESS "errors.ReassignmentInProgressException" false
    61 DELEGATION_TOKEN_AUTH_DISABLED "errors.DelegationTokenDisabledException" false
    62 DELEGATION_TOKEN_NOT_FOUND "errors.DelegationTokenNotFoundException" false
    63 DELEGATION_TOKEN_OWNER_MISMATCH "errors.DelegationTokenOwnerMismatchException" false
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED "errors.UnsupportedByAuthenticationException" false
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED "errors.DelegationTokenAuthorizationException" false
    66 DELEGATION_TOKEN_EXPIRED "errors.DelegationTokenExpiredException" false
    67 INVALID_PRINCIPAL_TYPE "errors.InvalidPrincipalTypeException" false
    68 NON_EMPTY_GROUP "errors.GroupNotEmptyException" false
    69 GROUP_ID_NOT_FOUND "errors.GroupIdNotFoundException" false
    70 FETCH_SESSION_ID_NOT_FOUND "errors.FetchSessionIdNotFoundException" true
    71 INVALID_FETCH_SESSION_EPOCH "errors.InvalidFetchSessionEpochException" true
    72 LISTENER_NOT_FOUND "errors.ListenerNotFoundException" true
    73 TOPIC_DELETION_DISABLED "errors.TopicDeletionDisabledException" false
    74 FENCED_LEADER_EPOCH "errors.FencedLeaderEpochException" true
    75 UNKNOWN_LEADER_EPOCH "errors.UnknownLeaderEpochException" true
    76 UNSUPPORTED_COMPRESSION_TYPE "errors.UnsupportedCompressionTypeException" false
    77 STALE_BROKER_EPOCH "errors.StaleBrokerEpochException" false
    78 OFFSET_NOT_AVAILABLE "errors.OffsetNotAvailableException" true
    79 MEMBER_ID_REQUIRED "errors.MemberIdRequiredException" false
    80 PREFERRED_LEADER_NOT_AVAILABLE "errors.PreferredLeaderNotAvailableException" true
    81 GROUP_MAX_SIZE_REACHED "errors.GroupMaxSizeReachedException" false
    82 FENCED_INSTANCE_ID "errors.FencedInstanceIdException" false
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE "errors.EligibleLeadersNotAvailableException" true
    84 ELECTION_NOT_NEEDED "errors.ElectionNotNeededException" true
    85 NO_REASSIGNMENT_IN_PROGRESS "errors.NoReassignmentInProgressException" false
    86 GROUP_SUBSCRIBED_TO_TOPIC "errors.GroupSubscribedToTopicException" false
    87 INVALID_RECORD "InvalidRecordException" false
    88 UNSTABLE_OFFSET_COMMIT "errors.UnstableOffsetCommitException" true
    89 THROTTLING_QUOTA_EXCEEDED "errors.ThrottlingQuotaExceededException" true
    90 PRODUCER_FENCED "errors.ProducerFencedException" false
    91 RESOURCE_NOT_FOUND "errors.ResourceNotFoundException" false
    92 DUPLICATE_RESOURCE "errors.DuplicateResourceException" false
    93 UNACCEPTABLE_CREDENTIAL "errors.UnacceptableCredentialException" false
    94 INCONSISTENT_VOTER_SET "errors.InconsistentVoterSetException" false
    95 INVALID_UPDATE_VERSION "errors.InvalidUpdateVersionException" false
    96 FEATURE_UPDATE_FAILED "errors.FeatureUpdateFailedException" false
    97 PRINCIPAL_DESERIALIZATION_FAILURE "errors.PrincipalDeserializationException" false
    98 SNAPSHOT_NOT_FOUND "errors.SnapshotNotFoundException" false
    99 POSITION_OUT_OF_RANGE "errors.PositionOutOfRangeException" false
    100 UNKNOWN_TOPIC_ID "errors.UnknownTopicIdException" true
    101 DUPLICATE_BROKER_REGISTRATION "errors.DuplicateBrokerRegistrationException" false
    102 BROKER_ID_NOT_REGISTERED "errors.BrokerIdNotRegisteredException" false
    103 INCONSISTENT_TOPIC_ID "errors.InconsistentTopicIdException" true
    104 INCONSISTENT_CLUSTER_ID "errors.InconsistentClusterIdException" false
    105 TRANSACTIONAL_ID_NOT_FOUND "errors.TransactionalIdNotFoundException" false
    106 FETCH_SESSION_TOPIC_ID_ERROR "errors.FetchSessionTopicIdException" true
    107 INELIGIBLE_REPLICA "errors.IneligibleReplicaException" false
    108 NEW_LEADER_ELECTED "errors.NewLeaderElectedException" false
    109 OFFSET_MOVED_TO_TIERED_STORAGE "errors.OffsetMovedToTieredStorageException" false
    110 FENCED_MEMBER_EPOCH "errors.FencedMemberEpochException" false
    111 UNRELEASED_INSTANCE_ID "errors.UnreleasedInstanceIdException" false
    112 UNSUPPORTED_ASSIGNOR "errors.UnsupportedAssignorException" false
    113 STALE_MEMBER_EPOCH "errors.StaleMemberEpochException" false
    114 MISMATCHED_ENDPOINT_TYPE "errors.MismatchedEndpointTypeException" false
    115 UNSUPPORTED_ENDPOINT_TYPE "errors.UnsupportedEndpointTypeException" false
    116 UNKNOWN_CONTROLLER_ID "errors.UnknownControllerIdException" false
    117 UNKNOWN_SUBSCRIPTION_ID "errors.UnknownSubscriptionIdException" false
    118 TELEMETRY_TOO_LARGE "errors.TelemetryTooLargeException" false
    119 INVALID_REGISTRATION "errors.InvalidRegistrationException" false
    120 TRANSACTION_ABORTABLE "errors.TransactionAbortableException" false
    121 INVALID_RECORD_STATE "errors.InvalidRecordStateException" false
    122 SHARE_SESSION_NOT_FOUND "errors.ShareSessionNotFoundException" true
    123 INVALID_SHARE_SESSION_EPOCH "errors.InvalidShareSessionEpochException" true
    124 FENCED_STATE_EPOCH "errors.FencedStateEpochException" false
    125 INVALID_VOTER_KEY "errors.InvalidVoterKeyException" false
    126 DUPLICATE_VOTER "errors.DuplicateVoterException" false
    127 VOTER_NOT_FOUND "errors.VoterNotFoundException" false
    128 INVALID_REGULAR_EXPRESSION "errors.InvalidRegularExpression" false
    129 REBOOTSTRAP_REQUIRED "errors.RebootstrapRequiredException" false
    130 STREAMS_INVALID_TOPOLOGY "errors.StreamsInvalidTopologyException" false
    131 STREAMS_INVALID_TOPOLOGY_EPOCH "errors.StreamsInvalidTopologyEpochException" false
    132 STREAMS_TOPOLOGY_FENCED "errors.StreamsTopologyFencedException" false
    133 SHARE_SESSION_LIMIT_REACHED "errors.ShareSessionLimitReachedException" true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_kafka_is_known_with_its_class_and_what_helps() {
        let golden = include_str!("../tests/data/errors.tsv");
        let mut codes = 0;
        for line in golden.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let code = ErrorCode::from_wire(fields[0].parse().unwrap()).unwrap();
            let flags = [
                code.is_retriable(),
                // Kafka's own clients look again after this one, though its class does not say so.
                code.is_stale_metadata() && code != ErrorCode::UNKNOWN_LEADER_EPOCH,
                code.needs_abort(),
                code.needs_fresh_start(),
                code.is_authorization(),
                code.is_authentication(),
            ];
            let ours = [code.name(), code.java_class()].map(str::to_owned).into_iter();
            let ours: Vec<String> = ours.chain(flags.map(|flag| flag.to_string())).collect();
            assert_eq!(ours, fields[1..], "{line}");
            codes += 1;
        }
        assert_eq!(codes, ROWS.len());
    }

    #[test]
    fn codes_are_sorted_so_that_every_one_is_found() {
        assert!(ROWS.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn a_code_of_a_newer_kafka_is_shown_by_its_number() {
        let code = ErrorCode::from_wire(31_000).unwrap();
        assert_eq!(code.to_string(), "UNKNOWN_SERVER_ERROR (code 31000)");
        assert!(!code.is_retriable());
        assert_eq!(ErrorCode::from_wire(0), None);
    }
}
