//! Reading and rebuilding structs.

use milena_api::data::{Field, Schema, SchemaBuilder, Struct, Type, Value, validate_value_at};
use milena_api::error::Result;

/// A field's value; where it is null and `replace_null`, its default.
pub(crate) fn read<'s>(from: &'s Struct, field: &'s Field, replace_null: bool) -> &'s Value {
    if replace_null { from.get_field(field) } else { from.raw(field.index) }
}

/// A value that fits a field, but for the null that it may be.
pub(crate) fn unchanged(field: &Field, value: &Value) -> Result<Value> {
    if value.is_null() && !field.schema.is_optional() {
        validate_value_at(&format!("field: \"{}\"", field.name), Some(&field.name), Some(&field.schema), value)?;
    }
    Ok(value.clone())
}

/// A builder with name, version, documentation and parameters of `schema`.
/// Counterpart: `SchemaUtil.copySchemaBasics`.
pub(crate) fn basics(schema: &Schema, mut builder: SchemaBuilder) -> SchemaBuilder {
    if let Some(name) = schema.name() {
        builder = builder.name(name.clone());
    }
    if let Some(version) = schema.version() {
        builder = builder.version(version);
    }
    if let Some(doc) = schema.doc() {
        builder = builder.doc(doc.clone());
    }
    if let Some(parameters) = schema.parameters() {
        builder = builder.parameters(parameters.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    builder
}

/// A builder of the same type and children as `schema`, with its basics.
pub(crate) fn basics_of(schema: &Schema) -> Result<SchemaBuilder> {
    let builder = match schema.ty() {
        Type::Array => match schema.value_schema()? {
            Some(element) => SchemaBuilder::array(element.clone()),
            None => SchemaBuilder::new(Type::Array),
        },
        ty => SchemaBuilder::new(ty),
    };
    Ok(basics(schema, builder))
}
