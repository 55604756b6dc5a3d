//! Schemas that transformations make: which of them are one object, as Kafka's unit tests expect it. No golden case can say that.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use milena_api::config::ConfigMap;
use milena_api::data::{Schema, SchemaBuilder, Struct, Value};
use milena_api::plugin::Factory;
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::transform::{Outcome, Transformation};

fn transformation(name: &str, config: &[(&str, &str)]) -> Box<dyn Transformation> {
    let class = format!("org.apache.kafka.connect.transforms.{name}");
    let plugin = milena_transforms::plugins().into_iter().find(|plugin| plugin.class == class).unwrap();
    let Factory::Transformation(make) = plugin.factory else { unreachable!("{class}") };
    let mut made = make().unwrap();
    let config: ConfigMap = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    made.configure(&config).unwrap();
    made
}

/// A record of this schema, which has one field `a`.
fn record(schema: &Schema) -> SourceRecord {
    let mut value = Struct::new(schema.clone()).unwrap();
    value.put("a", 1i8).unwrap();
    SourceRecord::new(ConnectRecord::new("t", Some(schema.clone()), Value::structure(value)), None, None)
}

fn schema() -> Schema {
    SchemaBuilder::structure().field("a", Schema::int8()).build().unwrap()
}

/// The schema of the record after the transformation, which must be the object that the struct has, too.
fn after(transformation: &mut Box<dyn Transformation>, record: &mut SourceRecord) -> Schema {
    assert_eq!(transformation.apply(record).unwrap(), Outcome::Keep);
    let of_record = record.value_schema.clone().unwrap();
    let Value::Struct(value) = &record.value else { unreachable!("no struct") };
    assert!(value.schema().same(&of_record));
    of_record
}

#[test]
fn records_of_one_schema_get_one_schema() {
    for (name, config) in [
        ("InsertField$Value", &[("static.field", "s"), ("static.value", "v")][..]),
        ("SetSchemaMetadata$Value", &[("schema.name", "n")]),
        ("Cast$Value", &[("spec", "a:int16")]),
        ("Flatten$Value", &[]),
        ("ReplaceField$Value", &[("renames", "a:b")]),
        ("HoistField$Value", &[("field", "line")]),
    ] {
        let mut transformation = transformation(name, config);
        let given = schema();
        let first = after(&mut transformation, &mut record(&given));
        assert!(first.same(&after(&mut transformation, &mut record(&given))), "{name}");
    }
}
