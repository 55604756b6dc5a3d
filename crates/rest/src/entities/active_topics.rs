//! Body of `GET /connectors/{name}/topics`. Counterpart: …rest.entities.ActiveTopicsInfo.

use serde_json::{Value, json};

/// `{"name":{"topics":[…]}}`.
pub fn active_topics(connector: &str, topics: &[String]) -> Value {
    json!({ connector: { "topics": topics } })
}
