//! Times the JSON converter on records of some 200 bytes: `cargo run --release -p milena-converters --example json_speed`.
//!
//! Prints nanoseconds per record for reading and writing, with and without schema.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use milena_api::Result;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::SchemaAndValue;
use milena_converters::JsonConverter;

const RECORDS: usize = 1_000_000;
const BATCH: usize = 1000;

fn payload(i: usize) -> String {
    format!(
        "{{\"id\":{i},\"name\":\"customer-{}\",\"email\":\"customer{}@example.com\",\"amount\":{}.25,\"active\":{},\"country\":\"DE\",\
         \"tags\":[\"a\",\"b\"],\"created\":{}}}",
        i % 5000,
        i % 5000,
        i % 1000,
        i.is_multiple_of(2),
        1_700_000_000_000u64 + i as u64,
    )
}

const SCHEMA: &str = "{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":false,\"field\":\"id\"},\
    {\"type\":\"string\",\"optional\":false,\"field\":\"name\"},{\"type\":\"string\",\"optional\":true,\"field\":\"email\"},\
    {\"type\":\"double\",\"optional\":false,\"field\":\"amount\"},{\"type\":\"boolean\",\"optional\":false,\"field\":\"active\"},\
    {\"type\":\"string\",\"optional\":true,\"field\":\"country\"},\
    {\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":false},\"optional\":true,\"field\":\"tags\"},\
    {\"type\":\"int64\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1,\"field\":\"created\"}],\
    \"optional\":false,\"name\":\"com.example.Customer\"}";

fn main() -> Result<()> {
    for enable in ["false", "true"] {
        let mut converter = JsonConverter::default();
        let config = ConfigMap::from([("schemas.enable".to_owned(), enable.to_owned())]);
        converter.configure(&config, ConverterRole::Value)?;
        // One buffer for the whole batch, as a fetch gives it.
        let texts: Vec<String> = (0..BATCH)
            .map(|i| {
                if enable == "true" {
                    format!("{{\"schema\":{SCHEMA},\"payload\":{}}}", payload(i))
                } else {
                    payload(i)
                }
            })
            .collect();
        let whole = Bytes::from(texts.concat());
        let mut at = 0;
        let batch: Vec<Bytes> = texts
            .iter()
            .map(|text| {
                at += text.len();
                whole.slice(at - text.len()..at)
            })
            .collect();
        let (mut reading, mut writing) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..RECORDS / BATCH {
            let start = Instant::now();
            let values: Result<Vec<SchemaAndValue>> =
                batch.iter().map(|bytes| converter.to_connect_data("t", Some(bytes.clone()))).collect();
            let values = values?;
            reading += start.elapsed();
            let start = Instant::now();
            for value in &values {
                black_box(converter.from_connect_data("t", value.schema.as_ref(), &value.value)?);
            }
            writing += start.elapsed();
            let start = Instant::now();
            drop(values);
            reading += start.elapsed();
        }
        let per = |time: Duration| time.as_nanos() / RECORDS as u128;
        let bytes = texts[0].len();
        println!("schemas.enable={enable}, {bytes} B: read and drop {} ns, write {} ns", per(reading), per(writing));
    }
    Ok(())
}
