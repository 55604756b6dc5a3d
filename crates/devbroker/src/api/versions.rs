//! Older and other brokers: the API versions that this one admits to.

use super::VERSIONS;
use crate::config::DevBrokerConfig;
use crate::faults::Api;

/// Highest versions of Apache Kafka 2.1; what is not here came later.
const KAFKA_2_1: &[(Api, i16)] = &[
    (Api::Produce, 7),
    (Api::Fetch, 10),
    (Api::ListOffsets, 4),
    (Api::Metadata, 7),
    (Api::OffsetCommit, 6),
    (Api::OffsetFetch, 5),
    (Api::FindCoordinator, 2),
    (Api::JoinGroup, 3),
    (Api::Heartbeat, 2),
    (Api::LeaveGroup, 2),
    (Api::SyncGroup, 2),
    (Api::DescribeGroups, 2),
    (Api::ListGroups, 2),
    (Api::SaslHandshake, 1),
    (Api::ApiVersions, 2),
    (Api::CreateTopics, 3),
    (Api::DeleteTopics, 3),
    (Api::DeleteRecords, 1),
    (Api::InitProducerId, 1),
    (Api::OffsetForLeaderEpoch, 2),
    (Api::AddPartitionsToTxn, 1),
    (Api::AddOffsetsToTxn, 1),
    (Api::EndTxn, 1),
    (Api::WriteTxnMarkers, 0),
    (Api::TxnOffsetCommit, 2),
    (Api::DescribeConfigs, 2),
    (Api::AlterConfigs, 1),
    (Api::SaslAuthenticate, 0),
    (Api::CreatePartitions, 1),
    (Api::DeleteGroups, 1),
];

/// Highest versions of servers that speak Kafka's protocol but follow it late, after Redpanda's: no topic ids in Produce and Fetch, no
/// batched coordinators, no fenced or stable offsets by newer versions.
const REDPANDA: &[(Api, i16)] = &[
    (Api::Produce, 7),
    (Api::Fetch, 11),
    (Api::ListOffsets, 4),
    (Api::Metadata, 8),
    (Api::OffsetCommit, 7),
    (Api::OffsetFetch, 7),
    (Api::FindCoordinator, 3),
    (Api::JoinGroup, 6),
    (Api::Heartbeat, 4),
    (Api::LeaveGroup, 4),
    (Api::SyncGroup, 4),
    (Api::DescribeGroups, 4),
    (Api::ListGroups, 4),
    (Api::SaslHandshake, 1),
    (Api::ApiVersions, 3),
    (Api::CreateTopics, 6),
    (Api::DeleteTopics, 4),
    (Api::DeleteRecords, 2),
    (Api::InitProducerId, 3),
    (Api::OffsetForLeaderEpoch, 4),
    (Api::AddPartitionsToTxn, 3),
    (Api::AddOffsetsToTxn, 3),
    (Api::EndTxn, 3),
    (Api::TxnOffsetCommit, 3),
    (Api::DescribeConfigs, 4),
    (Api::AlterConfigs, 2),
    (Api::SaslAuthenticate, 2),
    (Api::CreatePartitions, 3),
    (Api::DeleteGroups, 2),
    (Api::IncrementalAlterConfigs, 1),
    (Api::OffsetDelete, 0),
    (Api::DescribeCluster, 0),
    (Api::DescribeProducers, 0),
    (Api::DescribeTransactions, 0),
    (Api::ListTransactions, 0),
];

impl DevBrokerConfig {
    /// Admits to no higher version of an API than this; below its lowest one, the API is not there at all.
    #[must_use]
    pub fn cap(mut self, api: Api, highest: i16) -> Self {
        self.caps.insert(api, highest);
        self
    }

    /// Leaves out an API.
    #[must_use]
    pub fn without(self, api: Api) -> Self {
        self.cap(api, -1)
    }

    /// Admits to the API versions of Apache Kafka 2.1, as far as the broker still speaks them. Without features.
    #[must_use]
    pub fn like_kafka_2_1(self) -> Self {
        self.like(KAFKA_2_1)
    }

    /// Admits to the API versions of a Redpanda-like server. Without features.
    #[must_use]
    pub fn like_redpanda(self) -> Self {
        self.like(REDPANDA)
    }

    fn like(mut self, known: &[(Api, i16)]) -> Self {
        for (api, _, _) in VERSIONS {
            let highest = known.iter().find(|(one, _)| one == api).map_or(-1, |(_, highest)| *highest);
            self.caps.insert(*api, highest);
        }
        self.features = false;
        self.transaction_version = self.transaction_version.min(1);
        self
    }

    /// The APIs and versions that the broker admits to.
    pub(crate) fn versions(&self) -> Vec<(Api, i16, i16)> {
        let capped = |&(api, min, max): &(Api, i16, i16)| (api, min, max.min(*self.caps.get(&api).unwrap_or(&max)));
        VERSIONS.iter().map(capped).filter(|(_, min, max)| min <= max).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_brokers_had_is_spoken_here_as_far_as_the_messages_go() {
        let old = DevBrokerConfig::default().like_kafka_2_1().versions();
        let missing: Vec<_> = KAFKA_2_1.iter().filter(|(api, _)| !old.iter().any(|(one, _, _)| one == api)).collect();
        assert_eq!(missing, [&(Api::WriteTxnMarkers, 0)]);
        assert!(!old.iter().any(|(api, _, _)| *api == Api::IncrementalAlterConfigs));
        let config = DevBrokerConfig::default().cap(Api::Fetch, 12).without(Api::DescribeCluster);
        let versions = config.versions();
        assert!(versions.contains(&(Api::Fetch, 4, 12)));
        assert_eq!(versions.len(), VERSIONS.len() - 1);
    }
}
