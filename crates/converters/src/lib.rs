//! The converters that ship with the worker: one file per converter, JSON in a folder of its own.
//!
//! Texts and bytes pass without a copy in both directions; what must be written goes into large shared buffers.

mod boolean;
mod byte_array;
mod charset;
mod converter_type;
mod json;
mod numbers;
mod output;
mod plugins;
mod simple_header;
mod string;

pub use boolean::BooleanConverter;
pub use byte_array::ByteArrayConverter;
pub use json::JsonConverter;
pub use numbers::{DoubleConverter, FloatConverter, IntegerConverter, LongConverter, ShortConverter};
pub use plugins::plugins;
pub use simple_header::SimpleHeaderConverter;
pub use string::StringConverter;
