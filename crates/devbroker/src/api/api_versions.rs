//! ApiVersions: what this broker can do.

use super::{Context, Reply, wire};
use crate::broker::Shared;
use crate::faults::Api;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

/// Features with the lowest and highest level that is supported, as Kafka 4.3 has them.
const FEATURES: &[(&str, i16, i16)] = &[
    ("eligible.leader.replicas.version", 0, 1),
    ("group.version", 0, 1),
    ("metadata.version", 7, 30),
    (TRANSACTIONS, 0, 2),
];
const TRANSACTIONS: &str = "transaction.version";

pub(super) fn handle(cx: &Context<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    let answer = ApiVersionsResponse::default()
        .with_api_keys(cx.shared.versions.iter().map(version).collect())
        .with_throttle_time_ms(cx.throttle_ms());
    if cx.version < 3 || !cx.shared.config.features {
        return answer;
    }
    // Features that are at level 0 are not told.
    let level = |name: &str, highest: i16| {
        if name == TRANSACTIONS { cx.shared.config.transaction_version.clamp(0, highest) } else { highest }
    };
    // Before version 4 clients cannot read a lowest level of 0.
    let supported = FEATURES.iter().filter(|(_, min, _)| cx.version >= 4 || *min > 0).map(|(name, min, max)| {
        let name = StrBytes::from_static_str(name);
        SupportedFeatureKey::default().with_name(name).with_min_version(*min).with_max_version(*max)
    });
    let finalized = FEATURES.iter().map(|(name, _, max)| (name, level(name, *max))).filter(|(_, level)| *level > 0);
    let finalized = finalized.map(|(name, level)| {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_static_str(name))
            .with_min_version_level(level)
            .with_max_version_level(level)
    });
    answer
        .with_supported_features(supported.collect())
        .with_finalized_features_epoch(0)
        .with_finalized_features(finalized.collect())
}

/// The answer to a client that is newer than this broker: in version 0, which every client can read.
pub(super) fn unsupported(shared: &Shared, correlation: i32) -> Reply {
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(shared.versions.iter().filter(|(api, _, _)| *api == Api::ApiVersions).map(version).collect());
    wire::encode(correlation, 0, &response).unwrap_or(Reply::Close("the answer cannot be written"))
}

fn version(&(api, min, max): &(Api, i16, i16)) -> ApiVersion {
    ApiVersion::default().with_api_key(api as i16).with_min_version(min).with_max_version(max)
}
