//! `Values`: conversions between values and text, with the rules of header inference.
//!
//! Counterpart: `org.apache.kafka.connect.data.Values`. Time zone is UTC, where Java takes the machine's.

mod convert;
mod digits;
mod infer;
mod parse;
mod text;
mod tokens;

pub use convert::{
    convert_to_boolean, convert_to_byte, convert_to_date, convert_to_decimal, convert_to_double, convert_to_float,
    convert_to_integer, convert_to_list, convert_to_long, convert_to_map, convert_to_short, convert_to_struct,
    convert_to_time, convert_to_timestamp,
};
pub use digits::java_digit;
pub use infer::infer_schema;
pub use parse::parse_string;
pub use text::{convert_to_string, date_text};
