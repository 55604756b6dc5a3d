//! Body of offset requests, both ways. Counterparts: …rest.entities.{ConnectorOffsets, ConnectorOffset}.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use milena_api::data::{Decimal, Map, Value};
use milena_runtime::herder::ConnectorOffset;
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use crate::json::{self, Node};
use crate::reply::Failure;

const OFFSETS: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets";
const OFFSET: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset";
const OFFSET_LIST: &str = "java.util.ArrayList<org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset>";
const OBJECT_MAP: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>";

/// Stored offsets.
#[derive(serde::Serialize)]
pub struct ConnectorOffsetsBody<'a> {
    offsets: Vec<OffsetBody<'a>>,
}

#[derive(serde::Serialize)]
struct OffsetBody<'a> {
    partition: Option<Entries<'a>>,
    offset: Option<Entries<'a>>,
}

impl<'a> From<&'a [ConnectorOffset]> for ConnectorOffsetsBody<'a> {
    fn from(offsets: &'a [ConnectorOffset]) -> Self {
        let body = |offset: &'a ConnectorOffset| OffsetBody {
            partition: offset.partition.as_ref().map(Entries),
            offset: offset.offset.as_ref().map(Entries),
        };
        ConnectorOffsetsBody { offsets: offsets.iter().map(body).collect() }
    }
}

/// A map as a JSON object.
struct Entries<'a>(&'a Map);

/// A value as JSON.
struct Json<'a>(&'a Value);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0.iter() {
            match key {
                Value::Str(key) => map.serialize_entry(key.as_str(), &Json(value))?,
                key => map.serialize_entry(&serde_json::to_string(&Json(key)).unwrap_or_default(), &Json(value))?,
            }
        }
        map.end()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I8(value) => serializer.serialize_i8(*value),
            Value::I16(value) => serializer.serialize_i16(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::I64(value) | Value::Date(value) => serializer.serialize_i64(*value),
            Value::F32(value) => serializer.serialize_f32(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::Str(value) => serializer.serialize_str(value.as_str()),
            Value::Bytes(value) => serializer.serialize_str(&STANDARD.encode(value)),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Json)),
            Value::Map(map) => Entries(map).serialize(serializer),
            Value::Decimal(value) => {
                let number = serde_json::value::RawValue::from_string(value.to_string());
                number.map_err(S::Error::custom)?.serialize(serializer)
            }
            Value::Struct(_) => Err(S::Error::custom("a stored offset holds a struct, which has no JSON form here")),
        }
    }
}

/// Reads the body of `PATCH /connectors/{name}/offsets`; `None` if it is null or empty.
///
/// # Errors
/// It has fields that the request does not know, or of the wrong type.
pub fn read_offsets(node: &Node<'_>) -> Result<Option<Vec<ConnectorOffset>>, Failure> {
    if node.is_null() {
        return Ok(None);
    }
    let mut offsets = Vec::new();
    for (name, raw) in &json::object(node, OFFSETS)? {
        if name != "offsets" {
            return Err(Failure::internal(node.unknown_field(OFFSETS, name, raw, &["offsets"])));
        }
        let list = node.field(OFFSETS, name, raw);
        if list.is_null() {
            continue;
        }
        let items = json::array(&list, OFFSET_LIST)?;
        offsets = items
            .iter()
            .enumerate()
            .map(|(index, raw)| read_offset(&list.item(index, raw)))
            .collect::<Result<_, _>>()?;
    }
    Ok(Some(offsets))
}

fn read_offset(node: &Node<'_>) -> Result<ConnectorOffset, Failure> {
    if node.is_null() {
        let text = format!("Cannot invoke \"{OFFSET}.partition()\" because \"offset\" is null");
        return Err(Failure::internal(text));
    }
    let mut offset = ConnectorOffset { partition: None, offset: None };
    for (name, raw) in &json::object(node, OFFSET)? {
        let value = node.field(OFFSET, name, raw);
        match name.as_str() {
            "partition" => offset.partition = read_map(&value)?,
            "offset" => offset.offset = read_map(&value)?,
            _ => return Err(Failure::internal(node.unknown_field(OFFSET, name, raw, &["partition", "offset"]))),
        }
    }
    Ok(offset)
}

fn read_map(node: &Node<'_>) -> Result<Option<Map>, Failure> {
    if node.is_null() {
        return Ok(None);
    }
    json::object(node, OBJECT_MAP)?;
    let object: serde_json::Value =
        serde_json::from_str(node.text()).map_err(|error| Failure::internal(node.error(&error.to_string())))?;
    match to_value(object) {
        Value::Map(map) => Ok(Some(Arc::unwrap_or_clone(map))),
        _ => Ok(None),
    }
}

/// As Jackson reads into `Object`: the smallest of `Integer`, `Long`, `BigInteger` that fits, else `Double`.
fn to_value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => i32::try_from(value).map_or(Value::I64(value), Value::I32),
            None => match number.as_u64() {
                Some(value) => Value::Decimal(Arc::new(Decimal::new(value, 0))),
                None => Value::F64(number.as_f64().unwrap_or(f64::NAN)),
            },
        },
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => Value::Array(Arc::new(items.into_iter().map(to_value).collect())),
        serde_json::Value::Object(fields) => {
            let mut map = Map::with_capacity(fields.len());
            for (name, value) in fields {
                map.insert(name, to_value(value));
            }
            Value::Map(Arc::new(map))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Option<Vec<ConnectorOffset>>, String> {
        let (body, raw) = json::parse(body.as_bytes()).unwrap().unwrap();
        read_offsets(&Node::root(body, raw)).map_err(|failure| failure.message.unwrap())
    }

    #[test]
    fn offsets_come_back_as_they_were_given() {
        let body = r#"{"offsets":[{"partition":{"file":"/a","n":[1,2.5,null,true,{"x":5000000000}]},"offset":{"position":18446744073709551615}},{"partition":null,"offset":null}]}"#;
        let offsets = read(body).unwrap().unwrap();
        let position = offsets[0].offset.as_ref().unwrap().get_str("position").unwrap();
        assert!(matches!(position, Value::Decimal(_)));
        assert_eq!(serde_json::to_string(&ConnectorOffsetsBody::from(offsets.as_slice())).unwrap(), body);
    }

    #[test]
    fn missing_and_null_lists_are_empty() {
        assert_eq!(read("{}").unwrap().unwrap(), []);
        assert_eq!(read(r#"{"offsets":null}"#).unwrap().unwrap(), []);
        assert_eq!(read("null").unwrap(), None);
    }

    #[test]
    fn wrong_fields_are_named_with_the_way_to_them() {
        let error = read(r#"{"offsets":[{"partition":1}]}"#).unwrap_err();
        let chain = format!(
            "column: 26] (through reference chain: {OFFSETS}[\"offsets\"]->java.util.ArrayList[0]->{OFFSET}[\"partition\"])"
        );
        assert!(
            error.starts_with(&format!("Cannot deserialize value of type `{OBJECT_MAP}` from Integer value")),
            "{error}"
        );
        assert!(error.ends_with(&chain), "{error}");
        let error = read(r#"{"offsets":[],"x":1}"#).unwrap_err();
        assert!(
            error.contains("Unrecognized field \"x\"") && error.contains("(one known property: \"offsets\")"),
            "{error}"
        );
        assert!(read(r#"{"offsets":[null]}"#).unwrap_err().contains("because \"offset\" is null"));
    }
}
