//! Which version of each request a broker and this client both speak.
//!
//! Counterpart: org.apache.kafka.clients.NodeApiVersions.

use std::collections::HashMap;

use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};
use kafka_protocol::protocol::Request;

use crate::error::{Error, Result};

/// The versions one broker speaks.
#[derive(Debug, Default)]
pub(crate) struct Versions(HashMap<i16, (i16, i16)>);

/// From these versions on, topics go by id instead of name, which this client does not track yet.
fn newest(key: i16) -> i16 {
    const PRODUCE: i16 = ApiKey::Produce as i16;
    const FETCH: i16 = ApiKey::Fetch as i16;
    const OFFSET_COMMIT: i16 = ApiKey::OffsetCommit as i16;
    const OFFSET_FETCH: i16 = ApiKey::OffsetFetch as i16;
    match key {
        PRODUCE | FETCH => 12,
        OFFSET_COMMIT | OFFSET_FETCH => 9,
        _ => i16::MAX,
    }
}

impl Versions {
    pub(crate) fn new(response: &ApiVersionsResponse) -> Self {
        Self(response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect())
    }

    /// The newest version of `R` that both sides speak.
    pub(crate) fn pick<R: Request>(&self, broker: &dyn std::fmt::Display) -> Result<i16> {
        let name = ApiKey::try_from(R::KEY).map_or_else(|()| format!("request {}", R::KEY), |key| format!("{key:?}"));
        let doing = || format!("cannot send {name} to broker {broker}");
        let Some((min, max)) = self.0.get(&R::KEY).copied() else {
            return Err(Error::Unsupported {
                doing: doing(),
                reason: "the broker does not know this request".to_owned(),
            });
        };
        let version = max.min(R::VERSIONS.max).min(newest(R::KEY));
        if version < min.max(R::VERSIONS.min) {
            let reason = format!(
                "the broker speaks versions {min} to {max}, this client {} to {}",
                R::VERSIONS.min,
                R::VERSIONS.max
            );
            return Err(Error::Unsupported { doing: doing(), reason });
        }
        Ok(version)
    }
}
