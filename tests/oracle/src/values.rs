//! Schemas and values in the oracle's JSON form, both ways.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use milena_api::data::{Decimal, Map, Schema, SchemaBuilder, Str, Struct, Type, Value, validate_value};
use serde_json::{Value as Json, json};

use crate::Unsupported;

type Read<T> = Result<T, Unsupported>;

fn odd(what: impl std::fmt::Display) -> Unsupported {
    Unsupported(what.to_string())
}

/// A text member.
pub(crate) fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_default()
}

/// A schema; JSON null is none.
pub(crate) fn schema(json: &Json) -> Read<Option<Schema>> {
    if json.is_null() {
        return Ok(None);
    }
    let ty = Type::from_name(text(json, "type")).ok_or_else(|| odd("unknown type"))?;
    let child = |key: &str| schema(&json[key]);
    let mut builder = match (ty, child("key_schema")?, child("value_schema")?) {
        (Type::Array, _, Some(element)) => SchemaBuilder::array(element),
        (Type::Map, Some(key), Some(value)) => SchemaBuilder::map(key, value),
        (Type::Array, _, None) => return Ok(Some(Schema::array_of(None))),
        (Type::Map, key, value) => return Ok(Some(Schema::map_of(key, value))),
        _ => SchemaBuilder::new(ty),
    };
    for field in json["fields"].as_array().into_iter().flatten() {
        let inner = schema(&field["schema"])?.ok_or_else(|| odd("field without schema"))?;
        builder = builder.field(text(field, "name").to_owned(), inner);
    }
    if json["optional"] == json!(true) {
        builder = builder.optional();
    }
    if let Some(name) = json["name"].as_str() {
        builder = builder.name(name.to_owned());
    }
    if let Some(version) = json["version"].as_i64() {
        builder = builder.version(version as i32);
    }
    if let Some(doc) = json["doc"].as_str() {
        builder = builder.doc(doc.to_owned());
    }
    if let Some(parameters) = json["parameters"].as_object() {
        builder =
            builder.parameters(parameters.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())));
    }
    let built = builder.build().map_err(|e| odd(e.headline()))?;
    if json["default"].is_null() {
        return Ok(Some(built));
    }
    let default = value(&json["default"], Some(&built))?;
    validate_value(Some(&built), &default).map_err(|e| odd(e.headline()))?;
    SchemaBuilder::copy(&built).default_value(default).build().map(Some).map_err(|e| odd(e.headline()))
}

/// A tagged value; `schema` is that of the place, which structs need.
pub(crate) fn value(json: &Json, place: Option<&Schema>) -> Read<Value> {
    let Some(all) = json.as_object() else {
        return if json.is_null() { Ok(Value::Null) } else { Err(odd(format!("no value: {json}"))) };
    };
    let Some((tag, content)) = all.iter().next() else { return Err(odd("empty value")) };
    let integer =
        || content.as_i64().or_else(|| content.as_str().and_then(|t| t.parse().ok())).ok_or_else(|| odd(json));
    let double = || match content.as_str() {
        Some("NaN") => Ok(f64::NAN),
        Some("Infinity") => Ok(f64::INFINITY),
        Some("-Infinity") => Ok(f64::NEG_INFINITY),
        _ => content.as_f64().ok_or_else(|| odd(json)),
    };
    Ok(match tag.as_str() {
        "i8" => Value::I8(integer()? as i8),
        "i16" => Value::I16(integer()? as i16),
        "i32" => Value::I32(integer()? as i32),
        "i64" => Value::I64(integer()?),
        "f32" => Value::F32(match content.as_str() {
            Some(_) => double()? as f32,
            None => content.to_string().parse().map_err(odd)?,
        }),
        "f64" => Value::F64(double()?),
        "bool" => Value::Bool(content.as_bool().unwrap_or_default()),
        "str" => Value::from(content.as_str().unwrap_or_default()),
        "utf16" => {
            let units: Vec<u16> =
                content.as_array().into_iter().flatten().map(|u| u.as_u64().unwrap_or(0) as u16).collect();
            Value::from(String::from_utf16_lossy(&units))
        }
        "bytes" | "buffer" => {
            Value::Bytes(Bytes::from(STANDARD.decode(content.as_str().unwrap_or_default()).map_err(odd)?))
        }
        "decimal" => {
            let unscaled: num_bigint::BigInt = text(content, "unscaled").parse().map_err(odd)?;
            Value::Decimal(Arc::new(Decimal::new(unscaled, content["scale"].as_i64().unwrap_or(0) as i32)))
        }
        "date" => Value::Date(integer()?),
        "arr" => {
            let element = place.and_then(|s| s.value_schema().ok().flatten());
            let items: Read<Vec<Value>> =
                content.as_array().into_iter().flatten().map(|item| value(item, element)).collect();
            Value::array(items?)
        }
        "map" => {
            let key_schema = place.and_then(|s| s.key_schema().ok().flatten());
            let value_schema = place.and_then(|s| s.value_schema().ok().flatten());
            let mut map = Map::new();
            for entry in content.as_array().into_iter().flatten() {
                map.insert(value(&entry[0], key_schema)?, value(&entry[1], value_schema)?);
            }
            Value::map(map)
        }
        "struct" => {
            let own = schema(&json["schema"])?;
            let schema = own.as_ref().or(place).ok_or_else(|| odd("struct without schema"))?;
            let mut built = Struct::new(schema.clone()).map_err(|e| odd(e.headline()))?;
            let mut values = built.values().to_vec();
            for (name, content) in content.as_object().into_iter().flatten() {
                let field = schema.field(name).ok().flatten().ok_or_else(|| odd(format!("no field {name}")))?;
                values[field.index] = value(content, Some(&field.schema))?;
            }
            built = Struct::from_values(schema.clone(), values);
            Value::structure(built)
        }
        other => return Err(odd(format!("value of kind {other}"))),
    })
}

/// The JSON of a schema.
pub(crate) fn schema_json(schema: Option<&Schema>) -> Json {
    let Some(schema) = schema else { return Json::Null };
    let mut out = json!({"type": schema.ty().name(), "optional": schema.is_optional()});
    let mut set = |key: &str, value: Json| out[key] = value;
    set("name", json!(schema.name().map(Str::as_str)));
    set("version", json!(schema.version()));
    set("doc", json!(schema.doc().map(Str::as_str)));
    if let Some(parameters) = schema.parameters() {
        let parameters: serde_json::Map<String, Json> =
            parameters.iter().map(|(k, v)| (k.to_string(), json!(v.as_str()))).collect();
        set("parameters", Json::Object(parameters));
    }
    if let Some(default) = schema.default_value() {
        // A struct that is a default was made before its schema had one.
        let place = match default {
            Value::Struct(default) => default.schema(),
            _ => schema,
        };
        set("default", value_json(default, Some(place)));
    }
    if let Ok(fields) = schema.fields() {
        let fields = fields.map(|f| json!({"name": f.name.as_str(), "schema": schema_json(Some(&f.schema))}));
        set("fields", Json::Array(fields.collect()));
    }
    if let Ok(key) = schema.key_schema() {
        set("key_schema", schema_json(key));
    }
    if let Ok(value) = schema.value_schema() {
        set("value_schema", schema_json(value));
    }
    out
}

/// The JSON of a value; a struct of another schema than its place's carries its own.
pub(crate) fn value_json(value: &Value, place: Option<&Schema>) -> Json {
    let double = |number: f64, shown: Json| {
        if number.is_finite() { shown } else { json!(milena_api::data::double_text(number)) }
    };
    match value {
        Value::Null => Json::Null,
        Value::Bool(v) => json!({"bool": v}),
        Value::I8(v) => json!({"i8": v}),
        Value::I16(v) => json!({"i16": v}),
        Value::I32(v) => json!({"i32": v}),
        Value::I64(v) => json!({"i64": v.to_string()}),
        Value::F32(v) => {
            let shown: Json = serde_json::from_str(&milena_api::data::float_text(*v)).unwrap_or(Json::Null);
            json!({"f32": double(f64::from(*v), shown)})
        }
        Value::F64(v) => json!({"f64": double(*v, json!(v))}),
        Value::Str(v) => json!({"str": v.as_str()}),
        Value::Bytes(v) => json!({"bytes": STANDARD.encode(v)}),
        Value::Array(items) => {
            let element = place.and_then(|s| s.value_schema().ok().flatten());
            json!({"arr": items.iter().map(|item| value_json(item, element)).collect::<Vec<_>>()})
        }
        Value::Map(map) => {
            let key_schema = place.and_then(|s| s.key_schema().ok().flatten());
            let value_schema = place.and_then(|s| s.value_schema().ok().flatten());
            let entries = map.iter().map(|(k, v)| json!([value_json(k, key_schema), value_json(v, value_schema)]));
            json!({"map": entries.collect::<Vec<_>>()})
        }
        Value::Struct(v) => {
            let mut fields = serde_json::Map::new();
            for field in v.schema().fields().into_iter().flatten() {
                fields.insert(field.name.to_string(), value_json(v.raw(field.index), Some(&field.schema)));
            }
            let mut out = json!({"struct": fields});
            if place != Some(v.schema()) {
                out["schema"] = schema_json(Some(v.schema()));
            }
            out
        }
        Value::Decimal(v) => json!({"decimal": {"unscaled": v.unscaled().to_string(), "scale": v.scale()}}),
        Value::Date(v) => json!({"date": v}),
    }
}
