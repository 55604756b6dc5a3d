//! Times five transformations on schemaless records and on structs of eight fields:
//! `cargo run --release -p milena-transforms --example chain_speed`. Prints nanoseconds per record for each and for the chain.

use std::time::{Duration, Instant};

use milena_api::Result;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::record::{ConnectRecord, SinkRecord, TimestampType};
use milena_api::transform::{Outcome, Transformation};
use milena_transforms::side::ValueSide;
use milena_transforms::{Cast, InsertField, MaskField, RegexRouter, ReplaceField};

const RECORDS: usize = 500_000;
const BATCH: usize = 500;

/// Name, transformation, configuration.
type Stage = (&'static str, Box<dyn Transformation>, &'static [(&'static str, &'static str)]);

fn fields(i: usize) -> Vec<(&'static str, Value)> {
    vec![
        ("id", Value::I64(i as i64)),
        ("name", Value::from("customer")),
        ("email", Value::from("customer@example.com")),
        ("amount", Value::F64(12.25)),
        ("active", Value::Bool(true)),
        ("country", Value::from("DE")),
        ("city", Value::from("Berlin")),
        ("created", Value::I64(1_700_000_000_000)),
    ]
}

fn record(i: usize, schema: Option<&Schema>) -> SinkRecord {
    let value = match schema {
        Some(schema) => {
            Value::structure(Struct::from_values(schema.clone(), fields(i).into_iter().map(|(_, v)| v).collect()))
        }
        None => {
            let entries = fields(i).into_iter().map(|(k, v)| (Value::Str(Str::from_static(k)), v));
            Value::map(Map::from_distinct(entries.collect()))
        }
    };
    let mut record = ConnectRecord::new("orders", schema.cloned(), value);
    record.timestamp = Some(1_700_000_000_000);
    SinkRecord::new(record, 0, i as i64, TimestampType::CreateTime)
}

fn main() -> Result<()> {
    let mut builder = SchemaBuilder::structure().name("Customer");
    for (name, value) in fields(0) {
        let ty = value.schema_type().unwrap_or(milena_api::data::Type::String);
        builder = builder.field(name, Schema::builder(ty).optional().build()?);
    }
    let schema = builder.build()?;
    for (what, schema) in [("maps", None), ("structs", Some(&schema))] {
        let mut chain: Vec<Stage> = vec![
            (
                "InsertField",
                Box::new(InsertField::<ValueSide>::default()),
                &[("topic.field", "topic"), ("timestamp.field", "ts")],
            ),
            (
                "ReplaceField",
                Box::new(ReplaceField::<ValueSide>::default()),
                &[("exclude", "city"), ("renames", "name:customer")],
            ),
            ("MaskField", Box::new(MaskField::<ValueSide>::default()), &[("fields", "email")]),
            ("Cast", Box::new(Cast::<ValueSide>::default()), &[("spec", "id:string,amount:float32")]),
            ("RegexRouter", Box::new(RegexRouter::default()), &[("regex", "(.*)"), ("replacement", "x-$1")]),
        ];
        for (_, transformation, config) in &mut chain {
            let config: ConfigMap = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            transformation.configure(&config)?;
        }
        let mut times = vec![Duration::ZERO; chain.len()];
        for _ in 0..RECORDS / BATCH {
            let mut batch: Vec<SinkRecord> = (0..BATCH).map(|i| record(i, schema)).collect();
            for ((_, transformation, _), time) in chain.iter_mut().zip(&mut times) {
                let start = Instant::now();
                for record in &mut batch {
                    if transformation.apply(record)? == Outcome::Drop {
                        println!("dropped");
                    }
                }
                *time += start.elapsed();
            }
        }
        for ((name, _, _), time) in chain.iter().zip(&times) {
            println!("{what} {name}: {} ns", time.as_nanos() / RECORDS as u128);
        }
        println!("{what} all: {} ns", times.iter().sum::<Duration>().as_nanos() / RECORDS as u128);
    }
    Ok(())
}
