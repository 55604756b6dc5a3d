//! Schemas as JSON, both ways.

use milena_api::data::{Schema, SchemaBuilder, Type};
use milena_api::error::{Error, Result};

use super::escape::write_text;
use super::number;
use super::read::Source;
use super::tape::Kind;
use super::write::Writer;

/// The schema that the node at `at` describes; `None` for JSON null.
pub(super) fn parse(source: &mut Source<'_>, at: usize) -> Result<Option<Schema>> {
    let (tape, text) = (source.tape, source.text);
    if tape.node(at).kind == Kind::Null {
        return Ok(None);
    }
    let present = |name: &str| tape.member(text, at, name);
    let child = |name: &str| present(name).filter(|&node| tape.node(node).kind != Kind::Null);
    let no_type = || Error::data("Schema must contain 'type' field");
    let ty = present("type").filter(|&node| tape.node(node).kind.is_text()).ok_or_else(no_type)?;
    let ty = tape.text(text, ty);
    let mut builder = match ty.as_ref() {
        "array" => {
            let items = child("items").ok_or_else(|| Error::data("Array schema did not specify the element type"))?;
            SchemaBuilder::array(required(source, items)?)
        }
        "map" => {
            let keys = child("keys").ok_or_else(|| Error::data("Map schema did not specify the key type"))?;
            let values = child("values").ok_or_else(|| Error::data("Map schema did not specify the value type"))?;
            let keys = required(source, keys)?;
            SchemaBuilder::map(keys, required(source, values)?)
        }
        "struct" => {
            let fields = present("fields").filter(|&node| tape.node(node).kind == Kind::Array);
            let fields = fields.ok_or_else(|| Error::data("Struct schema's \"fields\" argument is not an array."))?;
            let mut builder = SchemaBuilder::structure();
            for field in tape.elements(fields) {
                let name = tape.member(text, field, "field").filter(|&node| tape.node(node).kind.is_text());
                let name = name.ok_or_else(|| Error::data("Struct schema's field name not specified properly"))?;
                let name = tape.text(text, name).into_owned();
                builder = builder.field(name, required(source, field)?);
            }
            builder
        }
        other => {
            SchemaBuilder::new(primitive(other).ok_or_else(|| Error::data(format!("Unknown schema type: {other}")))?)
        }
    };
    builder = match present("optional") {
        Some(node) if tape.node(node).kind == Kind::True => builder.optional(),
        _ => builder.required(),
    };
    if let Some(node) = present("name").filter(|&node| tape.node(node).kind.is_text()) {
        builder = builder.name(tape.text(text, node).into_owned());
    }
    if let Some(node) = present("version").filter(|&node| tape.node(node).kind == Kind::Int) {
        builder = builder.version(number::wrapping_i64(tape.raw(text, node)) as i32);
    }
    if let Some(node) = present("doc").filter(|&node| tape.node(node).kind.is_text()) {
        builder = builder.doc(tape.text(text, node).into_owned());
    }
    if let Some(node) = present("parameters").filter(|&node| tape.node(node).kind == Kind::Object) {
        for (key, value) in tape.members(node) {
            if !tape.node(value).kind.is_text() {
                return Err(Error::data("Schema parameters must have string values."));
            }
            builder = builder.parameter(tape.text(text, key).into_owned(), tape.text(text, value).into_owned());
        }
    }
    let schema = builder.build()?;
    let Some(node) = present("default") else { return Ok(Some(schema)) };
    let default = source.typed(&schema, node)?;
    if schema.ty() == Type::Struct && !default.is_null() {
        // Java compares the default with a schema that is still being built, and they never match.
        let error =
            Error::data("Invalid default value").with_class("org.apache.kafka.connect.errors.SchemaBuilderException");
        return Err(error.with_source(Error::data("Struct schemas do not match.")));
    }
    SchemaBuilder::copy(&schema).default_value(default).build().map(Some)
}

fn required(source: &mut Source<'_>, at: usize) -> Result<Schema> {
    parse(source, at)?.ok_or_else(|| Error::data("Schema must contain 'type' field"))
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "boolean" => Type::Boolean,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "float" => Type::Float32,
        "double" => Type::Float64,
        "bytes" => Type::Bytes,
        "string" => Type::String,
        _ => return None,
    })
}

fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "boolean",
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Bytes => "bytes",
        Type::String => "string",
        Type::Array => "array",
        Type::Map => "map",
        Type::Struct => "struct",
    }
}

/// Writes the schema; `field` is its name where it is a struct's field.
pub(super) fn write(writer: Writer, out: &mut Vec<u8>, schema: &Schema, field: Option<&str>) -> Result<()> {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(type_name(schema.ty()).as_bytes());
    out.extend_from_slice(b"\"");
    let child = |out: &mut Vec<u8>, key: &[u8], schema: Option<&Schema>| match schema {
        Some(schema) => {
            out.extend_from_slice(key);
            write(writer, out, schema, None)
        }
        None => Err(Error::data("a schema without element schemas has no JSON form")
            .with_class("java.lang.NullPointerException")),
    };
    match schema.ty() {
        Type::Array => child(out, b",\"items\":", schema.value_schema()?)?,
        Type::Map => {
            child(out, b",\"keys\":", schema.key_schema()?)?;
            child(out, b",\"values\":", schema.value_schema()?)?;
        }
        Type::Struct => {
            out.extend_from_slice(b",\"fields\":[");
            for field in schema.fields()? {
                if field.index > 0 {
                    out.extend_from_slice(b",");
                }
                write(writer, out, &field.schema, Some(&field.name))?;
            }
            out.extend_from_slice(b"]");
        }
        _ => {}
    }
    out.extend_from_slice(b",\"optional\":");
    out.extend_from_slice(if schema.is_optional() { b"true" } else { b"false" });
    if let Some(name) = schema.name() {
        out.extend_from_slice(b",\"name\":");
        write_text(out, name);
    }
    if let Some(version) = schema.version() {
        out.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    if let Some(doc) = schema.doc() {
        out.extend_from_slice(b",\"doc\":");
        write_text(out, doc);
    }
    if let Some(parameters) = schema.parameters() {
        out.extend_from_slice(b",\"parameters\":{");
        for (i, (key, value)) in parameters.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b",");
            }
            write_text(out, key);
            out.extend_from_slice(b":");
            write_text(out, value);
        }
        out.extend_from_slice(b"}");
    }
    if let Some(default) = schema.default_value() {
        out.extend_from_slice(b",\"default\":");
        writer.value(out, Some(schema), default)?;
    }
    if let Some(field) = field {
        out.extend_from_slice(b",\"field\":");
        write_text(out, field);
    }
    out.extend_from_slice(b"}");
    Ok(())
}
