//! ApiVersions: what this broker can do.

use super::{Context, Reply, VERSIONS, wire};
use crate::faults::Api;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) fn handle(cx: &Context<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    const TRANSACTIONS: StrBytes = StrBytes::from_static_str("transaction.version");
    let answer = ApiVersionsResponse::default()
        .with_api_keys(VERSIONS.iter().map(version).collect())
        .with_throttle_time_ms(cx.throttle_ms());
    if cx.version < 3 {
        return answer;
    }
    let level = cx.shared.config.transaction_version.clamp(0, 2);
    answer
        .with_supported_features(vec![
            SupportedFeatureKey::default().with_name(TRANSACTIONS).with_min_version(0).with_max_version(2),
        ])
        .with_finalized_features_epoch(0)
        .with_finalized_features(vec![
            FinalizedFeatureKey::default()
                .with_name(TRANSACTIONS)
                .with_min_version_level(level)
                .with_max_version_level(level),
        ])
}

/// The answer to a client that is newer than this broker: in version 0, which every client can read.
pub(super) fn unsupported(correlation: i32) -> Reply {
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(VERSIONS.iter().filter(|(api, _, _)| *api == Api::ApiVersions).map(version).collect());
    wire::encode(correlation, 0, &response).unwrap_or(Reply::Close("the answer cannot be written"))
}

fn version(&(api, min, max): &(Api, i16, i16)) -> ApiVersion {
    ApiVersion::default().with_api_key(api as i16).with_min_version(min).with_max_version(max)
}
