//! What workers of a cluster use between themselves; a standalone worker refuses it.
//!
//! Counterpart: …rest.resources.InternalClusterResource.

use super::Call;
use crate::json::{self, Node};
use crate::reply::{Failure, Reply};

const TASK_CONFIGS: &str = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>";

/// `PUT /connectors/{name}/fence`.
pub fn fence() -> Result<Reply, Failure> {
    Err(Failure::internal("Kafka Connect in standalone mode does not support exactly-once source connectors."))
}

/// `POST /connectors/{name}/tasks`.
pub fn put_task_configs(call: &Call) -> Result<Reply, Failure> {
    let (body, raw) = json::parse(&call.body)?.ok_or_else(|| Failure::internal(json::no_content()))?;
    let root = Node::root(body, raw);
    if !root.is_null() {
        for (index, config) in json::array(&root, TASK_CONFIGS)?.iter().enumerate() {
            json::string_map(&root.item(index, config))?;
        }
    }
    Err(Failure::internal("Kafka Connect in standalone mode does not support externally setting task configurations."))
}
