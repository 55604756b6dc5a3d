//! What follows from one record to the next: schemas are worked out once.

use std::sync::Arc;

use milena_api::config::ConfigMap;
use milena_api::data::{Schema, SchemaBuilder, Struct, Value};
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::transform::{Outcome, Transformation};

use super::{ByLogicalTableRouter, EventRouter, ExtractNewRecordState};

fn envelope(columns: &[&str]) -> Schema {
    let mut row = SchemaBuilder::structure().name("s.t.Value").optional();
    for column in columns {
        row = row.field(*column, Schema::optional_string());
    }
    let row = row.build().unwrap();
    let envelope = SchemaBuilder::structure().name("s.t.Envelope").field("before", row.clone()).field("after", row);
    envelope.field("op", Schema::string()).field("ts_ms", Schema::int64()).build().unwrap()
}

fn event(envelope: &Schema, values: &[&str]) -> SourceRecord {
    let row = envelope.field("after").unwrap().unwrap().schema.clone();
    let row = Struct::from_values(row, values.iter().map(|value| Value::from(*value)).collect());
    let values = vec![Value::Null, Value::structure(row), Value::from("c"), Value::I64(1)];
    let value = Value::structure(Struct::from_values(envelope.clone(), values));
    SourceRecord::new(ConnectRecord::new("s.t", Some(envelope.clone()), value), None, None)
}

fn configured<T: Transformation + Default>(config: &[(&str, &str)]) -> T {
    let mut transformation = T::default();
    let config: ConfigMap = config.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    transformation.configure(&config).unwrap();
    transformation
}

/// The schema of the value that comes out.
fn schema_after(transformation: &mut impl Transformation, mut record: SourceRecord) -> Schema {
    assert_eq!(transformation.apply(&mut record).unwrap(), Outcome::Keep);
    record.record.value_schema.unwrap()
}

#[test]
fn events_of_one_schema_get_one_schema_object_even_among_others() {
    let (one, other) = (envelope(&["id"]), envelope(&["id", "name"]));
    let rewriting: ExtractNewRecordState =
        configured(&[("delete.tombstone.handling.mode", "rewrite"), ("add.fields", "op")]);
    let routing: ByLogicalTableRouter = configured(&[("topic.regex", "(.*)"), ("topic.replacement", "$1-all")]);
    let mut all: [Box<dyn Transformation>; 2] = [Box::new(rewriting), Box::new(routing)];
    for transformation in &mut all {
        let mut after = |schema: &Schema, values: &[&str]| {
            let mut record = event(schema, values);
            assert_eq!(transformation.apply(&mut record).unwrap(), Outcome::Keep);
            record.record.value_schema.unwrap()
        };
        let first = after(&one, &["1"]);
        let between = after(&other, &["1", "x"]);
        assert_ne!(first, between);
        assert!(after(&one, &["2"]).same(&first));
        assert!(after(&other, &["2", "y"]).same(&between));
        // An equal schema that is another object leads to the same.
        assert!(after(&envelope(&["id"]), &["3"]).same(&first));
    }
}

#[test]
fn routed_events_share_schemas_and_topics() {
    let columns = ["id", "aggregatetype", "aggregateid", "type", "payload"];
    let schema = envelope(&columns);
    let mut wrapping: EventRouter = configured(&[("table.fields.additional.placement", "type:envelope")]);
    let first = schema_after(&mut wrapping, event(&schema, &["1", "order", "7", "Placed", "x"]));
    let second = schema_after(&mut wrapping, event(&schema, &["2", "user", "8", "Left", "y"]));
    // As in Java, the first event names the schema.
    assert!(first.same(&second));
    assert_eq!(first.name().unwrap().as_str(), "s.t.order.Value");

    let mut routing: EventRouter = configured(&[]);
    let topics = ["order", "user", "order"].map(|topic| {
        let mut record = event(&schema, &["1", topic, "7", "Placed", "x"]);
        assert_eq!(routing.apply(&mut record).unwrap(), Outcome::Keep);
        record.record.topic
    });
    assert_eq!(&*topics[1], "outbox.event.user");
    assert!(Arc::ptr_eq(&topics[0], &topics[2]));
}

#[test]
fn lists_of_fields_to_drop_do_not_get_mixed_up() {
    let schema = envelope(&["a", "b", "c"]);
    let mut dropping: ExtractNewRecordState = configured(&[("drop.fields.header.name", "unchanged")]);
    let mut names = |dropped: &[&str]| {
        let mut record = event(&schema, &["1", "2", "3"]);
        let list = Value::array(dropped.iter().map(|name| Value::from(*name)).collect());
        record.headers.add("unchanged", None, list).unwrap();
        let schema = schema_after(&mut dropping, record);
        schema.fields().unwrap().map(|field| field.name.to_string()).collect::<String>()
    };
    for _ in 0..2 {
        assert_eq!(names(&["a"]), "bc");
        assert_eq!(names(&["b", "x"]), "ac");
        assert_eq!(names(&[]), "abc");
    }
}
