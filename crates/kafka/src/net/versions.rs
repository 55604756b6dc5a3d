//! Which version of each request a broker and this client both speak.
//!
//! Counterpart: org.apache.kafka.clients.NodeApiVersions.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};
use kafka_protocol::protocol::Request;

use crate::error::{Error, Result};

/// What one broker speaks. Brokers of one release speak the same, so equal ones are kept once for the whole process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// Key, oldest and newest version, by key.
    keys: Vec<(i16, i16, i16)>,
    features: Features,
}

/// Feature levels that the cluster has agreed on (KIP-584).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// Grows with every change; -1 if the broker does not know.
    epoch: i64,
    levels: Vec<(String, i16)>,
}

/// From these versions on, topics go by id instead of name, which this client does not track yet.
fn newest(key: i16) -> i16 {
    const OFFSET_COMMIT: i16 = ApiKey::OffsetCommit as i16;
    const OFFSET_FETCH: i16 = ApiKey::OffsetFetch as i16;
    match key {
        OFFSET_COMMIT | OFFSET_FETCH => 9,
        _ => i16::MAX,
    }
}

impl Features {
    /// The agreed level of a feature; `None` if the feature is off or unknown.
    pub(crate) fn level(&self, name: &str) -> Option<i16> {
        self.levels.iter().find(|(known, _)| known == name).map(|(_, level)| *level)
    }

    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.epoch > other.epoch || (other.levels.is_empty() && !self.levels.is_empty())
    }
}

impl Versions {
    pub(super) fn of(response: &ApiVersionsResponse) -> Arc<Self> {
        let mut keys: Vec<_> =
            response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        keys.sort_unstable();
        let mut levels: Vec<_> =
            response.finalized_features.iter().map(|f| (f.name.to_string(), f.max_version_level)).collect();
        levels.sort_unstable();
        Self { keys, features: Features { epoch: response.finalized_features_epoch, levels } }.shared()
    }

    fn shared(self) -> Arc<Self> {
        static KNOWN: Mutex<Vec<Weak<Versions>>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.iter().filter_map(Weak::upgrade).find(|same| **same == self) {
            return same;
        }
        known.retain(|versions| versions.strong_count() > 0);
        let new = Arc::new(self);
        known.push(Arc::downgrade(&new));
        new
    }

    pub(super) fn features(&self) -> &Features {
        &self.features
    }

    fn range(&self, key: i16) -> Option<(i16, i16)> {
        let at = self.keys.binary_search_by_key(&key, |(known, _, _)| *known).ok()?;
        self.keys.get(at).map(|(_, min, max)| (*min, *max))
    }

    /// The newest version of `R` that both sides speak.
    pub(crate) fn pick<R: Request>(&self, broker: &dyn std::fmt::Display) -> Result<i16> {
        let name = ApiKey::try_from(R::KEY).map_or_else(|()| format!("request {}", R::KEY), |key| format!("{key:?}"));
        let doing = || format!("cannot send {name} to broker {broker}");
        let Some((min, max)) = self.range(R::KEY) else {
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

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey};
    use kafka_protocol::messages::{FindCoordinatorRequest, HeartbeatRequest};
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn answer(keys: &[(ApiKey, i16, i16)], epoch: i64) -> ApiVersionsResponse {
        let api = |(key, min, max): &(ApiKey, i16, i16)| {
            ApiVersion::default().with_api_key(*key as i16).with_min_version(*min).with_max_version(*max)
        };
        let feature = FinalizedFeatureKey::default()
            .with_name(StrBytes::from_static_str("transaction.version"))
            .with_max_version_level(2);
        ApiVersionsResponse::default()
            .with_api_keys(keys.iter().map(api).collect())
            .with_finalized_features(vec![feature])
            .with_finalized_features_epoch(epoch)
    }

    #[test]
    fn the_newest_version_that_both_speak_is_used() {
        let versions = Versions::of(&answer(&[(ApiKey::Heartbeat, 0, 3), (ApiKey::FindCoordinator, 900, 901)], 1));
        assert_eq!(versions.pick::<HeartbeatRequest>(&"b").unwrap(), 3);
        assert!(versions.pick::<FindCoordinatorRequest>(&"b").unwrap_err().to_string().contains("900 to 901"));
        assert!(versions.range(ApiKey::Fetch as i16).is_none());
    }

    #[test]
    fn equal_brokers_share_what_they_speak() {
        let keys = [(ApiKey::Heartbeat, 0, 4)];
        assert!(Arc::ptr_eq(&Versions::of(&answer(&keys, 3)), &Versions::of(&answer(&keys, 3))));
        let newer = Versions::of(&answer(&keys, 4));
        assert!(newer.features().is_newer_than(Versions::of(&answer(&keys, 3)).features()));
        assert_eq!((newer.features().level("transaction.version"), newer.features().level("x")), (Some(2), None));
    }
}
