//! The transformations and predicates that ship with the worker: one file each, named like the Java class.
//!
//! A class that exists for keys and for values is one generic type over a [`side`]. What follows from a schema alone (the schema that
//! comes out, which field goes where) is worked out once and kept per schema object; a record then costs moving its values.

mod cast;
mod config;
pub mod confluent;
pub mod debezium;
mod drop_headers;
mod extract_field;
mod field_path;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod json_path;
mod mask_field;
mod names;
mod number;
mod plugins;
pub mod predicates;
mod regex_router;
mod replace_field;
mod replacement;
mod require;
mod schema_cache;
mod set_schema_metadata;
pub mod side;
mod structs;
mod timestamp_converter;
mod timestamp_router;
mod topic_cache;
mod value_to_key;

pub use cast::Cast;
pub use drop_headers::DropHeaders;
pub use extract_field::ExtractField;
pub use filter::Filter;
pub use flatten::Flatten;
pub use header_from::HeaderFrom;
pub use hoist_field::HoistField;
pub use insert_field::InsertField;
pub use insert_header::InsertHeader;
pub use mask_field::MaskField;
pub use plugins::plugins;
pub use regex_router::RegexRouter;
pub use replace_field::ReplaceField;
pub use set_schema_metadata::SetSchemaMetadata;
pub use timestamp_converter::TimestampConverter;
pub use timestamp_router::TimestampRouter;
pub use value_to_key::ValueToKey;
