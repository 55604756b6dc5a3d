//! Configuration of workers and connectors.

mod providers;
mod transformer;

pub use providers::{ConfigData, ConfigProvider};
pub use transformer::{ConfigTransformer, Transformed};
