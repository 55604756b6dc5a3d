//! Times the transformations of Debezium's change events:
//! `cargo run --release -p milena-transforms --example event_speed`. Prints nanoseconds per record.

use std::fs;
use std::time::Instant;

use milena_api::Result;
use milena_api::config::ConfigMap;
use milena_api::data::{Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::transform::{Outcome, Transformation};
use milena_transforms::debezium::{ByLogicalTableRouter, EventRouter, ExtractNewRecordState};

const RECORDS: usize = 1_000_000;
const BATCH: usize = 500;
const COLUMNS: [&str; 8] = ["id", "aggregatetype", "aggregateid", "type", "payload", "a", "b", "c"];
const PAYLOAD: &str =
    r#"{"order":17,"customer":"Ann","total":25.5,"paid":true,"items":[{"sku":"A7","n":2},{"sku":"B1","n":1}]}"#;

struct Schemas {
    row: Schema,
    source: Schema,
    envelope: Schema,
}

fn schemas() -> Result<Schemas> {
    let mut row = SchemaBuilder::structure().name("shop.public.t.Value").optional();
    for column in COLUMNS {
        row = row.field(column, Schema::optional_string());
    }
    let row = row.build()?;
    let source = SchemaBuilder::structure()
        .name("source")
        .field("ts_ms", Schema::int64())
        .field("table", Schema::string())
        .field("lsn", Schema::optional_int64())
        .build()?;
    let envelope = SchemaBuilder::structure()
        .name("shop.public.t.Envelope")
        .field("before", row.clone())
        .field("after", row.clone())
        .field("source", source.clone())
        .field("op", Schema::string())
        .field("ts_ms", Schema::optional_int64())
        .build()?;
    Ok(Schemas { row, source, envelope })
}

fn record(schemas: &Schemas, i: usize) -> SourceRecord {
    // As a converter does it: the texts of a record are parts of one buffer.
    let buffer = Str::from(PAYLOAD);
    let row = COLUMNS.map(|column| {
        let text = if column == "payload" { &buffer[..] } else { &buffer[2..7] };
        Value::Str(buffer.slice_ref(text))
    });
    let source = vec![Value::I64(i as i64), Value::Str(Str::from_static("t")), Value::I64(7)];
    let event = vec![
        Value::Null,
        Value::structure(Struct::from_values(schemas.row.clone(), row.to_vec())),
        Value::structure(Struct::from_values(schemas.source.clone(), source)),
        Value::Str(Str::from_static("c")),
        Value::I64(1_700_000_000_000),
    ];
    let value = Value::structure(Struct::from_values(schemas.envelope.clone(), event));
    SourceRecord::new(ConnectRecord::new("shop.public.t", Some(schemas.envelope.clone()), value), None, None)
}

/// Nanoseconds that this thread has had a processor for, where the system tells; else those that have passed. Other programs do not count then.
fn busy(start: Instant) -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let busy = stat.split(' ').next().and_then(|first| first.parse().ok());
    busy.unwrap_or_else(|| u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

fn main() -> Result<()> {
    let started = Instant::now();
    let schemas = schemas()?;
    let outbox = || Box::new(EventRouter::default());
    let unwrap = || Box::new(ExtractNewRecordState::default());
    type Case = (&'static str, Box<dyn Transformation>, &'static [(&'static str, &'static str)]);
    let cases: Vec<Case> = vec![
        ("EventRouter", outbox(), &[]),
        ("EventRouter, type in a header", outbox(), &[("table.fields.additional.placement", "type:header")]),
        ("EventRouter, JSON", outbox(), &[("table.expand.json.payload", "true")]),
        ("ExtractNewRecordState", unwrap(), &[]),
        ("ExtractNewRecordState, fields", unwrap(), &[("add.fields", "op,lsn"), ("add.headers", "op")]),
        ("ExtractNewRecordState, rewrite", unwrap(), &[("delete.tombstone.handling.mode", "rewrite")]),
        (
            "ByLogicalTableRouter",
            Box::new(ByLogicalTableRouter::default()),
            &[("topic.regex", "(.*)\\.t"), ("topic.replacement", "$1")],
        ),
    ];
    for (name, mut transformation, config) in cases {
        let config: ConfigMap = config.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        transformation.configure(&config)?;
        let mut time = 0;
        for _ in 0..RECORDS / BATCH {
            let mut batch: Vec<SourceRecord> = (0..BATCH).map(|i| record(&schemas, i)).collect();
            let start = busy(started);
            for record in &mut batch {
                if transformation.apply(record)? == Outcome::Drop {
                    println!("dropped");
                }
            }
            time += busy(started) - start;
        }
        println!("{name}: {} ns", time / RECORDS as u64);
    }
    Ok(())
}
