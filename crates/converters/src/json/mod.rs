//! `JsonConverter` and its parts: a parser that fills a flat tape, readers and writers of values and schemas.

mod cache;
mod config;
mod converter;
mod encoding;
mod escape;
mod keys;
mod number;
mod read;
mod schema;
mod tape;
mod write;

pub use converter::JsonConverter;

#[cfg(test)]
mod tests;
