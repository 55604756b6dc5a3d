//! ApiVersions: what this broker can do.

use super::{Context, Reply, VERSIONS, wire};
use crate::faults::Api;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

pub(super) fn handle(cx: &Context<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_api_keys(VERSIONS.iter().map(version).collect())
        .with_throttle_time_ms(cx.throttle_ms())
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
