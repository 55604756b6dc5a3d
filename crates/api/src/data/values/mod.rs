//! `Values`: conversions between values and text, with the rules of header inference.
//!
//! Counterpart: `org.apache.kafka.connect.data.Values`.

mod digits;

pub use digits::java_digit;
