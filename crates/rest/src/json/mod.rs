//! Reading bodies as Jackson does in Kafka Connect: what it takes, what it coerces, and its error texts.

mod error;
mod node;
mod read;

pub use error::no_content;
pub use node::Node;
pub use read::{array, object, parse, string, string_map};
