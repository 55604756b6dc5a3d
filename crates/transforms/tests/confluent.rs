//! The transformations of Confluent's packages, as their public documentation describes them.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use milena_api::config::ConfigMap;
use milena_api::data::{Map, Schema, SchemaBuilder, Struct, Type, Value};
use milena_api::error::Result;
use milena_api::plugin::Factory;
use milena_api::record::{ConnectRecord, SourceRecord};
use milena_api::transform::{Outcome, Transformation};

const PACKAGE: &str = "io.confluent.connect.transforms";

fn made(class: &str, config: &[(&str, &str)]) -> Result<Box<dyn Transformation>> {
    let plugin = milena_transforms::plugins().into_iter().find(|plugin| plugin.class == class).unwrap();
    let Factory::Transformation(make) = plugin.factory else { unreachable!("{class}") };
    let mut made = make()?;
    let config: ConfigMap = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    made.configure(&config)?;
    Ok(made)
}

fn transformation(name: &str, config: &[(&str, &str)]) -> Box<dyn Transformation> {
    made(&format!("{PACKAGE}.{name}"), config).unwrap()
}

fn kept(transformation: &mut Box<dyn Transformation>, record: &mut SourceRecord) {
    assert_eq!(transformation.apply(record).unwrap(), Outcome::Keep);
}

fn record(schema: Option<Schema>, value: impl Into<Value>) -> SourceRecord {
    let mut record = ConnectRecord::new("t", None, Value::Null);
    record.value_schema = schema;
    record.value = value.into();
    SourceRecord::new(record, None, None)
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect::<Map>())
}

fn order(amount: i32) -> Value {
    map(&[("order", map(&[("amt", Value::I32(amount))]))])
}

/// The same as a struct.
fn order_struct(amount: i32) -> (Schema, Value) {
    let order = SchemaBuilder::structure().field("amt", Schema::int32()).build().unwrap();
    let schema = SchemaBuilder::structure().field("order", order.clone()).build().unwrap();
    let mut inner = Struct::new(order).unwrap();
    inner.put("amt", Value::I32(amount)).unwrap();
    let mut outer = Struct::new(schema.clone()).unwrap();
    outer.put("order", Value::structure(inner)).unwrap();
    (schema, Value::structure(outer))
}

#[test]
fn drop_leaves_null_and_the_schema_that_was_asked_for() {
    let text = || record(Some(Schema::string()), "x");
    for (behavior, expected) in
        [("nullify", None), ("retain", Some(Schema::string())), ("force_optional", Some(Schema::optional_string()))]
    {
        let mut record = text();
        assert_eq!(
            transformation("Drop$Value", &[("schema.behavior", behavior)]).apply(&mut record).unwrap(),
            Outcome::Keep
        );
        assert!(record.value.is_null());
        assert_eq!(record.value_schema, expected, "{behavior}");
    }
    let mut validating = transformation("Drop$Value", &[("schema.behavior", "validate")]);
    assert!(validating.apply(&mut text()).unwrap_err().to_string().contains("not optional"));
    let mut optional = record(Some(Schema::optional_string()), "x");
    kept(&mut validating, &mut optional);
    assert_eq!((&optional.value, optional.value_schema.clone()), (&Value::Null, Some(Schema::optional_string())));
    // A struct keeps its fields.
    let (schema, value) = order_struct(1);
    let mut record = record(Some(schema.clone()), value);
    kept(&mut transformation("Drop$Value", &[("schema.behavior", "force_optional")]), &mut record);
    let forced = record.value_schema.clone().unwrap();
    assert!(forced.is_optional() && forced.ty() == Type::Struct && forced.field_count() == schema.field_count());
}

#[test]
fn a_topic_comes_from_a_field_a_path_a_whole_value_or_a_header() {
    let value = map(&[("t", Value::from("a")), ("x", map(&[("t", Value::from("c"))])), ("n", Value::I32(1))]);
    for (field, format, topic) in
        [("t", "PLAIN", "a"), ("$[\"x\"][\"t\"]", "JSON_PATH", "c"), ("$.t", "json_path", "a")]
    {
        let mut extract = transformation("ExtractTopic$Value", &[("field", field), ("field.format", format)]);
        for _ in 0..2 {
            let mut record = record(None, value.clone());
            kept(&mut extract, &mut record);
            assert_eq!(&*record.topic, topic);
        }
    }
    let mut whole = record(None, "b");
    kept(&mut transformation("ExtractTopic$Value", &[]), &mut whole);
    assert_eq!(&*whole.topic, "b");

    let error =
        transformation("ExtractTopic$Value", &[("field", "zz")]).apply(&mut record(None, value.clone())).unwrap_err();
    assert!(error.to_string().contains("zz") && error.to_string().contains("skip.missing.or.null"), "{error}");
    let mut skipped = record(None, value.clone());
    kept(&mut transformation("ExtractTopic$Value", &[("field", "zz"), ("skip.missing.or.null", "true")]), &mut skipped);
    assert_eq!(&*skipped.topic, "t");
    let number =
        transformation("ExtractTopic$Value", &[("field", "n")]).apply(&mut record(None, value.clone())).unwrap_err();
    assert!(number.to_string().contains("java.lang.Integer"), "{number}");
    assert!(
        made(&format!("{PACKAGE}.ExtractTopic$Value"), &[("field", "$..t"), ("field.format", "JSON_PATH")]).is_err()
    );

    let mut with_header = record(None, value);
    with_header.headers.add("h", None, "y").unwrap().add("h", None, "z").unwrap();
    kept(&mut transformation("ExtractTopic$Header", &[("field", "h")]), &mut with_header);
    assert_eq!(&*with_header.topic, "z");
}

#[test]
fn a_filter_keeps_or_drops_what_its_path_finds() {
    let cases = [
        ("include", "$[?(@.order.amt > 5)]", "fail", Some(Outcome::Keep)),
        ("include", "$[?(@.order.amt > 9)]", "fail", Some(Outcome::Drop)),
        ("exclude", "$[?(@.order.amt > 5)]", "fail", Some(Outcome::Drop)),
        ("exclude", "$[?(@.order.zz > 5)]", "fail", Some(Outcome::Keep)),
        ("include", "$.zz.y", "fail", None),
        ("include", "$.zz.y", "include", Some(Outcome::Keep)),
        ("include", "$.zz.y", "exclude", Some(Outcome::Drop)),
        ("exclude", "$.zz.y", "include", Some(Outcome::Keep)),
    ];
    for (kind, condition, missing, expected) in cases {
        let config = [("filter.condition", condition), ("filter.type", kind), ("missing.or.null.behavior", missing)];
        let mut filter = transformation("Filter$Value", &config);
        let (schema, value) = order_struct(7);
        for mut record in [record(None, order(7)), record(Some(schema), value)] {
            match (filter.apply(&mut record), expected) {
                (Ok(outcome), Some(expected)) => assert_eq!(outcome, expected, "{kind} {condition} {missing}"),
                (Err(error), None) => {
                    assert!(error.to_string().contains("`$.zz.y` because the path could not be found"), "{error}")
                }
                (found, _) => panic!("{kind} {condition} {missing}: {found:?}"),
            }
        }
        assert_eq!(filter.apply(&mut record(None, Value::Null)).unwrap(), Outcome::Keep);
        assert!(filter.apply(&mut record(None, "text")).is_err());
    }
    let Err(error) =
        made(&format!("{PACKAGE}.Filter$Value"), &[("filter.condition", "$["), ("filter.type", "include")])
    else {
        panic!("a bad path was taken");
    };
    assert!(error.to_string().contains("Invalid json path defined"), "{error}");
}

#[test]
fn gzip_is_unpacked_member_by_member() {
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let mut unpack = transformation("GzipDecompress$Value", &[]);
    let two = [packed("a"), packed("b")].concat();
    let padded = [packed("a"), vec![0; 7]].concat();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..257 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = Value::Bytes(bomb.finish().unwrap().into());
    assert!(unpack.apply(&mut record(None, bomb)).unwrap_err().to_string().contains("more than"));
    for (bytes, schema, text) in [
        (packed("hi"), Some(Schema::bytes()), "hi"),
        (packed("hi"), None, "hi"),
        (two, None, "ab"),
        (padded, None, "a"),
    ] {
        let mut record = record(schema.clone(), Value::Bytes(Bytes::from(bytes)));
        kept(&mut unpack, &mut record);
        assert_eq!(record.value, Value::Bytes(Bytes::copy_from_slice(text.as_bytes())));
        assert_eq!(record.value_schema, schema);
    }
    assert!(unpack.apply(&mut record(None, Value::Bytes(Bytes::from_static(b"no gzip")))).is_err());
    assert!(unpack.apply(&mut record(None, Value::Bytes(Bytes::from(packed("cut")[..12].to_vec())))).is_err());
    assert!(unpack.apply(&mut record(None, "text")).is_err());
    assert_eq!(unpack.apply(&mut record(None, Value::Null)).unwrap(), Outcome::Keep);
}

#[test]
fn a_time_in_the_value_becomes_part_of_the_topic() {
    let config = [
        ("topic.format", "foo-${topic}-${timestamp}"),
        ("message.timestamp.format", "yyyy-MM-dd"),
        ("topic.timestamp.format", "yyyy.MM.dd"),
        ("message.timestamp.keys", "timestamp,time,ts"),
    ];
    let mut router = transformation("MessageTimestampRouter", &config);
    for entries in [vec![("time", "2019-08-06")], vec![("ts", "2020-01-02"), ("time", "2019-08-06")]] {
        let entries: Vec<_> = entries.into_iter().map(|(key, text)| (key, Value::from(text))).collect();
        let mut record = record(None, map(&entries));
        kept(&mut router, &mut record);
        assert_eq!(&*record.topic, "foo-t-2019.08.06");
    }
    assert!(router.apply(&mut record(None, map(&[("x", Value::I32(1))]))).is_err());
    assert!(router.apply(&mut record(None, map(&[("time", Value::from("never"))]))).is_err());
    let (schema, value) = order_struct(1);
    assert!(router.apply(&mut record(Some(schema), value)).is_err());
}

#[test]
fn tombstones_are_dropped_or_fail() {
    for (behavior, dropped) in [("warn", true), ("ignore", true), ("fail", false)] {
        let mut handler = transformation("TombstoneHandler", &[("behavior", behavior)]);
        let outcome = handler.apply(&mut record(Some(Schema::optional_string()), Value::Null));
        assert_eq!(matches!(outcome, Ok(Outcome::Drop)), dropped);
        assert_eq!(outcome.is_err(), !dropped);
        assert_eq!(handler.apply(&mut record(None, "x")).unwrap(), Outcome::Keep);
    }
}

#[test]
fn topics_are_routed_by_expressions_of_re2() {
    let class = "io.confluent.connect.cloud.transforms.TopicRegexRouter";
    for (regex, replacement, topic) in [
        ("(.*)", "pre-$1", "pre-orders"),
        ("ord", "x", "orders"),
        (".*", "x", "x"),
        ("(?P<all>.*)", "${all}!", "orders!"),
        ("(?P<a_ll>[[:alpha:]]+)", "${a_ll}?", "orders?"),
    ] {
        let mut router = made(class, &[("regex", regex), ("replacement", replacement)]).unwrap();
        let mut record = record(None, "v");
        record.topic = "orders".into();
        kept(&mut router, &mut record);
        assert_eq!(&*record.topic, topic);
    }
    assert!(made(class, &[("regex", "(?=a)"), ("replacement", "x")]).is_err());
}
