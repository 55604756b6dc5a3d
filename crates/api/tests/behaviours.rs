//! Schemas, structs, logical types, headers and records: what Kafka's own unit tests expect of the classes that these stand for, as far as no
//! golden case can say it.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure there is a failure of the test")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use milena_api::converter::ConverterRole;
use milena_api::data::{
    DATE_NAME, DECIMAL_NAME, Decimal, MILLIS_PER_DAY, Map, Schema, SchemaBuilder, Str, Struct, TIME_NAME,
    TIMESTAMP_NAME, Type, Value, date, decimal, time, timestamp, validate_value_at,
};
use milena_api::header::{Header, Headers};
use milena_api::record::{ConnectRecord, SinkRecord, TimestampType};
use milena_api::{Error, Result};

const PRIMITIVES: [Type; 9] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
    Type::Bytes,
];

const DAY: i64 = MILLIS_PER_DAY;

/// The message of an error; empty without one.
fn message<T>(result: Result<T>) -> String {
    result.err().and_then(|error| error.message().map(str::to_owned)).unwrap_or_default()
}

fn hash(value: &impl Hash) -> u64 {
    let mut state = DefaultHasher::new();
    value.hash(&mut state);
    state.finish()
}

fn structure(fields: &[(&'static str, Schema)]) -> Schema {
    let empty = SchemaBuilder::structure();
    fields.iter().fold(empty, |builder, (name, schema)| builder.field(*name, schema.clone())).build().unwrap()
}

fn with_default(ty: Type, default: impl Into<Value>) -> Schema {
    SchemaBuilder::new(ty).default_value(default).build().unwrap()
}

fn number(unscaled: i32, scale: i32) -> Value {
    Value::Decimal(Arc::new(Decimal::new(unscaled, scale)))
}

/// One value of each class.
fn values() -> Vec<Value> {
    vec![
        Value::I8(1),
        Value::I16(1),
        Value::I32(1),
        Value::I64(1),
        Value::F32(1.0),
        Value::F64(1.0),
        Value::Bool(true),
        Value::from("1"),
        Value::Bytes(Bytes::from_static(b"1")),
        Value::array(Vec::new()),
        Value::map(Map::new()),
        number(1, 0),
        Value::Date(1),
    ]
}

#[test]
fn the_place_of_a_value_is_named_even_if_a_collection_is_empty() {
    let at = |schema: &Schema, value: &Value| {
        message(validate_value_at("field: \"field\"", Some("field"), Some(schema), value))
    };
    let list = Value::array(Vec::new());
    let map = Value::map(Map::new());
    assert_eq!(at(&Schema::array_of(None), &list), "No schema defined for element of array field: \"field\"");
    let no_key = Schema::map_of(None, Some(Schema::string()));
    assert_eq!(at(&no_key, &map), "No schema defined for key of map field: \"field\"");
    let no_value = Schema::map_of(Some(Schema::string()), None);
    assert_eq!(at(&no_value, &map), "No schema defined for value of map field: \"field\"");
    assert_eq!(
        at(&Schema::int8(), &Value::from("x")),
        "Invalid Java object for schema with type INT8: class java.lang.String for field: \"field\""
    );
    assert_eq!(
        at(&Schema::int8(), &Value::Null),
        "Invalid value: null used for required field: \"field\", schema type: INT8"
    );
}

#[test]
fn schemas_with_different_defaults_are_not_equal() {
    assert_eq!(with_default(Type::Int32, 1), with_default(Type::Int32, 1));
    assert_ne!(with_default(Type::Int32, 1), with_default(Type::Int32, 2));
    assert_ne!(with_default(Type::Int32, 1), Schema::int32());
    let list = |items: &[&str]| {
        let default = Value::array(items.iter().map(|&item| Value::from(item)).collect());
        SchemaBuilder::array(Schema::string()).default_value(default).build().unwrap()
    };
    assert_eq!(list(&["a", "b"]), list(&["a", "b"]));
    assert_eq!(hash(&list(&["a", "b"])), hash(&list(&["a", "b"])));
    assert_ne!(list(&["a", "b"]), list(&["b", "a"]));
    let bytes = |content: &'static [u8]| with_default(Type::Bytes, Bytes::from_static(content));
    assert_eq!(bytes(b"12"), bytes(b"12"));
    assert_ne!(bytes(b"12"), bytes(b"13"));
}

#[test]
fn every_attribute_of_a_schema_takes_part_in_equality() {
    let make = || SchemaBuilder::new(Type::Int32).name("n").version(1).doc("d").parameter("a", "1");
    let same = make().build().unwrap();
    assert_eq!(make().build().unwrap(), same);
    assert_eq!(hash(&make().build().unwrap()), hash(&same));
    assert_ne!(make().optional().build().unwrap(), same);
    assert_ne!(make().parameter("b", "2").build().unwrap(), same);
    assert_ne!(make().default_value(1).build().unwrap(), same);
    let bare = || SchemaBuilder::new(Type::Int32);
    assert_ne!(bare().name("a").build().unwrap(), bare().name("b").build().unwrap());
    assert_ne!(bare().version(1).build().unwrap(), bare().version(2).build().unwrap());
    assert_ne!(bare().doc("a").build().unwrap(), bare().doc("b").build().unwrap());
    assert_ne!(Schema::int32(), Schema::int64());
    assert_ne!(Schema::array_of(Some(Schema::int8())), Schema::array_of(Some(Schema::int16())));
    let map = |key: Schema, value: Schema| SchemaBuilder::map(key, value).build().unwrap();
    assert_ne!(map(Schema::int8(), Schema::int8()), map(Schema::int16(), Schema::int8()));
    assert_ne!(map(Schema::int8(), Schema::int8()), map(Schema::int8(), Schema::int16()));
}

#[test]
fn structs_are_equal_only_with_the_same_fields_in_the_same_order() {
    let (a, b) = (("a", Schema::int8()), ("b", Schema::int16()));
    assert_eq!(structure(&[a.clone(), b.clone()]), structure(&[a.clone(), b.clone()]));
    assert_ne!(structure(&[a.clone(), b.clone()]), structure(&[b, a.clone()]));
    assert_ne!(structure(std::slice::from_ref(&a)), structure(&[("a", Schema::int16())]));
    assert_ne!(structure(&[a]), structure(&[("b", Schema::int8())]));
}

#[test]
fn a_field_is_its_name_its_position_and_its_schema() {
    let schema = structure(&[("a", Schema::int8()), ("b", Schema::int8())]);
    let reversed = structure(&[("b", Schema::int8()), ("a", Schema::int8())]);
    let other = structure(&[("a", Schema::int16())]);
    let field = |schema: &Schema, name: &str| schema.field(name).unwrap().cloned().unwrap();
    assert_eq!(field(&schema, "a"), field(&structure(&[("a", Schema::int8())]), "a"));
    assert_eq!(field(&schema, "b").index, 1);
    assert_ne!(field(&schema, "a"), field(&reversed, "a"));
    assert_ne!(field(&schema, "a"), field(&other, "a"));
    assert_ne!(field(&schema, "a"), field(&reversed, "b"));
    assert_eq!(schema.field("c").unwrap(), None);
}

#[test]
fn a_struct_may_be_without_fields() {
    let schema = SchemaBuilder::structure().build().unwrap();
    assert_eq!(schema.fields().unwrap().len(), 0);
    assert_eq!(schema.field_count(), 0);
    let empty = Struct::new(schema).unwrap();
    assert_eq!(message(empty.validate()), "");
    assert_eq!(empty.to_string(), "Struct{}");
}

#[test]
fn a_default_must_be_of_the_class_of_its_type() {
    for ty in PRIMITIVES {
        for value in values() {
            let built = SchemaBuilder::new(ty).default_value(value.clone()).build();
            if value.schema_type() == Some(ty) {
                assert_eq!(built.unwrap().default_value(), Some(&value), "{ty}");
                continue;
            }
            let error = built.unwrap_err();
            assert_eq!(error.java_class(), "org.apache.kafka.connect.errors.SchemaBuilderException", "{ty} {value:?}");
            assert_eq!(error.message(), Some("Invalid default value"), "{ty} {value:?}");
        }
    }
    let items = SchemaBuilder::array(Schema::int8()).default_value(Value::array(vec![Value::from("x")]));
    assert_eq!(message(items.build()), "Invalid default value");
    let null = SchemaBuilder::new(Type::Int8).default_value(Value::Null);
    assert_eq!(message(null.build()), "Invalid default value");
}

#[test]
fn a_builder_refuses_what_is_no_field_and_what_has_no_children() {
    let refused = |builder: SchemaBuilder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.java_class(), "org.apache.kafka.connect.errors.SchemaBuilderException");
        error.message().unwrap().to_owned()
    };
    assert_eq!(refused(SchemaBuilder::structure().field("", Schema::int8())), "fieldName cannot be null.");
    assert_eq!(refused(SchemaBuilder::new(Type::Int8).field("a", Schema::int8())), "Cannot create fields on type INT8");
    assert_eq!(refused(SchemaBuilder::new(Type::Array)), "valueSchema cannot be null.");
    assert_eq!(refused(SchemaBuilder::new(Type::Map)), "keySchema cannot be null.");
}

#[test]
fn an_attribute_may_be_set_again_to_what_it_is() {
    let schema = SchemaBuilder::new(Type::String)
        .name("n")
        .name("n")
        .version(1)
        .version(1)
        .doc("d")
        .doc("d")
        .optional()
        .optional()
        .build()
        .unwrap();
    assert_eq!(schema.to_string(), "Schema{n:STRING}");
    let bare = || SchemaBuilder::new(Type::String);
    let again = [
        (bare().name("a").name("b"), "name"),
        (bare().version(1).version(2), "version"),
        (bare().doc("a").doc("b"), "doc"),
        (bare().optional().required(), "optional"),
        (bare().required().optional(), "optional"),
        (bare().default_value("a").default_value("b"), "default"),
    ];
    for (builder, what) in again {
        assert_eq!(message(builder.build()), format!("Invalid SchemaBuilder call: {what} has already been set."));
    }
}

#[test]
fn parameters_of_several_calls_add_up() {
    let schema = SchemaBuilder::new(Type::Int8)
        .parameter("a", "1")
        .parameters([("b", "2"), ("c", "3")])
        .parameter("a", "4")
        .build()
        .unwrap();
    let all: Vec<(&str, &str)> =
        schema.parameters().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(all, [("a", "4"), ("b", "2"), ("c", "3")]);
    assert!(Schema::int8().parameters().is_none());
}

#[test]
fn no_parameters_are_none_at_all() {
    let none: [(&str, &str); 0] = [];
    let schema = SchemaBuilder::new(Type::Int8).parameters(none).build().unwrap();
    assert!(schema.parameters().is_none());
    assert_eq!(schema, Schema::int8());
}

#[test]
fn fields_and_children_are_asked_of_the_types_that_have_them() {
    assert_eq!(message(Schema::int8().fields()), "Cannot list fields on non-struct type");
    assert_eq!(message(Schema::int8().field("a")), "Cannot look up fields on non-struct type");
    assert_eq!(message(Schema::int8().key_schema()), "Cannot look up key schema on non-map type");
    assert_eq!(message(Schema::int8().value_schema()), "Cannot look up value schema on non-array and non-map type");
    let list = SchemaBuilder::array(Schema::int8()).build().unwrap();
    assert_eq!(message(list.key_schema()), "Cannot look up key schema on non-map type");
    assert_eq!(list.value_schema().unwrap(), Some(&Schema::int8()));
}

#[test]
fn a_field_that_is_not_set_reads_as_its_default() {
    let schema = structure(&[
        ("default", with_default(Type::Int32, 7)),
        ("optional", Schema::optional_int32()),
        ("required", Schema::int32()),
    ]);
    let unset = Struct::new(schema).unwrap();
    assert_eq!(unset.get("default").unwrap(), &Value::I32(7));
    assert_eq!(unset.get_without_default("default").unwrap(), &Value::Null);
    assert_eq!(unset.get("optional").unwrap(), &Value::Null);
    assert_eq!(unset.get("required").unwrap(), &Value::Null);
    assert_eq!(message(unset.get("other")), "other is not a valid field name");
}

#[test]
fn validation_names_the_first_field_that_is_missing() {
    let schema = structure(&[
        ("default", with_default(Type::Int32, 7)),
        ("optional", Schema::optional_int32()),
        ("first", Schema::int8()),
        ("second", Schema::int8()),
    ]);
    let mut value = Struct::new(schema).unwrap();
    assert_eq!(message(value.validate()), "Invalid value: null used for required field: \"first\", schema type: INT8");
    value.put("first", 1i8).unwrap();
    assert_eq!(message(value.validate()), "Invalid value: null used for required field: \"second\", schema type: INT8");
    value.put("second", 1i8).unwrap();
    assert_eq!(message(value.validate()), "");
}

#[test]
fn what_is_put_must_fit_its_field() {
    let schema = structure(&[("a", Schema::int8()), ("default", with_default(Type::Int32, 7))]);
    let mut value = Struct::new(schema).unwrap();
    assert_eq!(message(value.put("other", 1i8)), "other is not a valid field name");
    assert_eq!(
        message(value.put("a", Value::Null)),
        "Invalid value: null used for required field: \"a\", schema type: INT8"
    );
    assert_eq!(
        message(value.put("default", Value::Null)),
        "Invalid value: null used for required field: \"default\", schema type: INT32"
    );
    assert_eq!(
        message(value.put("a", 1i16)),
        "Invalid Java object for schema with type INT8: class java.lang.Short for field: \"a\""
    );
    assert_eq!(value.raw(0), &Value::Null);
    assert_eq!(message(Struct::new(Schema::int8())), "Not a struct schema: Schema{INT8}");
    assert_eq!(message(value.get_typed("a", Type::Int16)), "Field 'a' is not of type INT16");
}

#[test]
fn a_nested_struct_is_checked_where_it_is_put() {
    let inner = structure(&[("x", Schema::int8())]);
    let mut outer = Struct::new(structure(&[("inner", inner.clone())])).unwrap();
    let other = Struct::new(structure(&[("x", Schema::int16())])).unwrap();
    assert_eq!(message(outer.put("inner", Value::structure(other))), "Struct schemas do not match.");
    let mut nested = Struct::new(inner).unwrap();
    assert_eq!(
        message(outer.put("inner", Value::structure(nested.clone()))),
        "Invalid value: null used for required field: \"x\", schema type: INT8"
    );
    nested.put("x", 1i8).unwrap();
    assert_eq!(message(outer.put("inner", Value::structure(nested))), "");
    assert_eq!(outer.to_string(), "Struct{inner=Struct{x=1}}");
}

#[test]
fn structs_with_the_same_bytes_are_equal() {
    let schema = structure(&[("bytes", Schema::bytes()), ("list", Schema::array_of(Some(Schema::bytes())))]);
    let make = |content: &[u8]| {
        let bytes = || Value::Bytes(Bytes::copy_from_slice(content));
        let mut value = Struct::new(schema.clone()).unwrap();
        value.put("bytes", bytes()).unwrap().put("list", Value::array(vec![bytes()])).unwrap();
        value
    };
    let (abc, same, other) = (make(b"abc"), make(b"abc"), make(b"abd"));
    assert_eq!(abc, same);
    assert_eq!(hash(&abc), hash(&same));
    assert_ne!(abc, other);
    let unset = || Struct::new(schema.clone()).unwrap();
    assert_eq!(unset(), unset());
    assert_ne!(unset(), abc);
}

#[test]
fn a_date_has_no_time_of_day_and_a_time_no_date() {
    let (day, hour) = (date::builder().build().unwrap(), time::builder().build().unwrap());
    assert_eq!(date::from_logical(&day, 10_000 * DAY).unwrap(), 10_000);
    assert_eq!(date::from_logical(&day, -DAY).unwrap(), -1);
    assert_eq!(date::to_logical(&day, 10_000).unwrap(), 10_000 * DAY);
    for millis in [1, DAY + 1, -1] {
        let refused = "Kafka Connect Date type should not have any time fields set to non-zero values.";
        assert_eq!(message(date::from_logical(&day, millis)), refused);
    }
    assert_eq!(time::from_logical(&hour, 14_400_000).unwrap(), 14_400_000);
    assert_eq!(time::to_logical(&hour, 14_400_000).unwrap(), 14_400_000);
    for millis in [DAY + 1, -1, 10_000 * DAY] {
        let refused = "Kafka Connect Time type should not have any date fields set to non-zero values.";
        assert_eq!(message(time::from_logical(&hour, millis)), refused);
    }
    let outside = "Time values must use number of milliseconds greater than 0 and less than 86400000";
    assert_eq!(message(time::to_logical(&hour, 86_400_001)), outside);
    assert_eq!(message(time::to_logical(&hour, -1)), outside);
}

#[test]
fn a_logical_type_is_told_by_its_name() {
    for schema in [Schema::int32(), SchemaBuilder::new(Type::Int32).name("other").build().unwrap()] {
        let of = |what: &str| format!("Requested conversion of {what} object but the schema does not match.");
        assert_eq!(message(date::from_logical(&schema, 0)), of("Date"));
        assert_eq!(message(date::to_logical(&schema, 0)), of("Date"));
        assert_eq!(message(time::from_logical(&schema, 0)), of("Time"));
        assert_eq!(message(time::to_logical(&schema, 0)), of("Date"));
        assert_eq!(message(timestamp::check(&schema)), of("Timestamp"));
    }
    assert_eq!(message(timestamp::check(&timestamp::builder().build().unwrap())), "");
}

#[test]
fn a_decimal_is_its_unscaled_value() {
    let schema = decimal::builder(2).build().unwrap();
    for (unscaled, bytes) in [(156, [0x00_u8, 0x9c]), (-156, [0xff, 0x64])] {
        let value = Decimal::new(unscaled, 2);
        assert_eq!(decimal::to_bytes(&schema, &value).unwrap(), bytes);
        assert_eq!(decimal::from_bytes(&schema, &bytes).unwrap(), value);
    }
    assert_eq!(decimal::to_bytes(&schema, &Decimal::new(0, 2)).unwrap(), [0_u8]);
    assert_eq!(
        message(decimal::to_bytes(&schema, &Decimal::new(156, 3))),
        "Decimal value has mismatching scale for given Decimal schema. Schema has scale 2, value has scale 3."
    );
    let no_number = SchemaBuilder::new(Type::Bytes).name(DECIMAL_NAME).parameter("scale", "x").build().unwrap();
    assert_eq!(message(decimal::scale(&no_number)), "Invalid scale parameter found in Decimal schema: ");
    let no_scale = SchemaBuilder::new(Type::Bytes).name(DECIMAL_NAME).parameter("other", "1").build().unwrap();
    assert_eq!(message(decimal::scale(&no_scale)), "Invalid Decimal schema: scale parameter not found.");
}

#[test]
fn builders_of_logical_types_set_name_and_version() {
    let all = [
        (date::builder(), Type::Int32, DATE_NAME),
        (time::builder(), Type::Int32, TIME_NAME),
        (timestamp::builder(), Type::Int64, TIMESTAMP_NAME),
        (decimal::builder(3), Type::Bytes, DECIMAL_NAME),
    ];
    for (builder, ty, name) in all {
        let schema = builder.build().unwrap();
        assert_eq!(schema.ty(), ty);
        assert_eq!(schema.name().map(Str::as_str), Some(name));
        assert_eq!(schema.version(), Some(1));
        assert!(!schema.is_optional());
    }
    assert_eq!(decimal::scale(&decimal::builder(3).build().unwrap()).unwrap(), 3);
}

#[test]
fn headers_without_any_are_equal() {
    let mut emptied = Headers::new();
    emptied.add("a", None, 1i8).unwrap();
    assert_ne!(emptied, Headers::new());
    emptied.clear();
    assert_eq!(emptied, Headers::new());
    assert_eq!(Headers::default(), Headers::new());
    assert_eq!(emptied.to_string(), Headers::new().to_string());
}

#[test]
fn a_header_of_a_null_text_is_the_latest_of_its_name() {
    let mut headers = Headers::new();
    headers.add("a", Some(Schema::string()), "x").unwrap();
    headers.add("a", Some(Schema::optional_string()), Value::Null).unwrap();
    let last = headers.last_with_name("a").unwrap();
    assert_eq!((last.schema.as_ref(), &last.value), (Some(&Schema::optional_string()), &Value::Null));
    headers.retain_latest_of("a");
    assert_eq!(headers.len(), 1);
    assert_eq!(headers.last_with_name("a").map(|header| &header.value), Some(&Value::Null));
}

#[test]
fn headers_can_be_renamed_where_they_stand() {
    let mut headers = Headers::new();
    headers.add("a", None, 1i8).unwrap().add("b", None, 2i8).unwrap().add("a", None, 3i8).unwrap();
    headers
        .apply(|header| match header.key.as_str() {
            "a" => Ok(Some(Header { key: Str::from("header.a"), ..header.clone() })),
            _ => Ok(Some(header.clone())),
        })
        .unwrap();
    let names: Vec<&str> = headers.iter().map(|header| header.key.as_str()).collect();
    assert_eq!(names, ["header.a", "b", "header.a"]);
    let before = headers.clone();
    assert_eq!(message(headers.apply(|_| Err(Error::data("no")))), "no");
    assert_eq!(headers, before);
}

#[test]
fn headers_take_every_date_and_every_scale() {
    let mut headers = Headers::new();
    for schema in [date::builder(), time::builder(), timestamp::builder()] {
        headers.add("d", Some(schema.build().unwrap()), Value::Date(DAY + 1)).unwrap();
    }
    let cents = decimal::builder(2).build().unwrap();
    headers.add("n", Some(cents), number(5, 7)).unwrap();
    assert_eq!(headers.len(), 4);
}

#[test]
fn a_copy_of_a_record_has_its_own_headers() {
    let mut record = ConnectRecord::new("topic", Some(Schema::int8()), Value::I8(1));
    record.headers.add("a", None, 1i8).unwrap();
    let mut copy = record.clone();
    assert_eq!(copy, record);
    copy.headers.add("b", None, 2i8).unwrap();
    assert_eq!(record.headers.len(), 1);
    assert_ne!(copy, record);
}

#[test]
fn a_sink_record_keeps_where_it_came_from() {
    let record = ConnectRecord::new("topic", None, Value::Null);
    let mut sink = SinkRecord::new(record, 3, 42, TimestampType::CreateTime);
    for topic in ["one", "two"] {
        sink.topic = topic.into();
        sink.kafka_partition = Some(9);
    }
    let copy = sink.clone();
    assert_eq!(copy.topic.as_ref(), "two");
    assert_eq!((copy.original.topic.as_ref(), copy.original.partition, copy.original.offset), ("topic", 3, 42));
    assert_eq!(copy, sink);
}

#[test]
fn the_roles_of_converters_have_java_s_names() {
    let names = [ConverterRole::Key, ConverterRole::Value, ConverterRole::Header].map(ConverterRole::name);
    assert_eq!(names, ["key", "value", "header"]);
}
