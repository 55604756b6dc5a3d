//! Reading and rebuilding structs.

use std::sync::Arc;

use milena_api::data::{Field, Schema, SchemaBuilder, Struct, Type, Value, validate_value_at};
use milena_api::error::{Error, Result};

/// A field's value; where it is null and `replace_null`, its default.
pub(crate) fn read<'s>(from: &'s Struct, field: &'s Field, replace_null: bool) -> &'s Value {
    if replace_null { from.get_field(field) } else { from.raw(field.index) }
}

/// A value that fits a field, but for the null that it may be.
pub(crate) fn unchanged(field: &Field, value: &Value) -> Result<Value> {
    if value.is_null() {
        check_null(field)?;
    }
    Ok(value.clone())
}

/// What goes into the field `to` for a null of the field `from`: the default of `from` if `replace_null`, else null where `to` allows it.
pub(crate) fn instead_of_null(from: &Field, to: &Field, replace_null: bool) -> Result<Value> {
    match from.schema.default_value() {
        Some(default) if replace_null => Ok(default.clone()),
        _ => check_null(to).map(|()| Value::Null),
    }
}

fn check_null(field: &Field) -> Result<()> {
    if field.schema.is_optional() {
        return Ok(());
    }
    validate_value_at(&format!("field: \"{}\"", field.name), Some(&field.name), Some(&field.schema), &Value::Null)
}

/// The values of a struct, moved out if no one else holds it.
pub(crate) fn into_values(from: Arc<Struct>) -> Vec<Value> {
    match Arc::try_unwrap(from) {
        Ok(own) => own.into_parts().1,
        Err(shared) => shared.values().to_vec(),
    }
}

/// As [`into_values`], with each null settled by [`instead_of_null`]: for values that stay in fields like their own.
pub(crate) fn into_settled_values(from: Arc<Struct>, replace_null: bool) -> Result<Vec<Value>> {
    let schema = from.schema().clone();
    let mut values = into_values(from);
    for (index, value) in values.iter_mut().enumerate().filter(|(_, value)| value.is_null()) {
        if let Some(field) = schema.field_at(index) {
            *value = instead_of_null(field, field, replace_null)?;
            // The schema of a default does not have the default itself, which Kafka takes for another schema.
            if let Value::Struct(default) = value
                && *default.schema() != field.schema
            {
                return Err(Error::data("Struct schemas do not match."));
            }
        }
    }
    Ok(values)
}

/// A builder with name, version, documentation and parameters of `schema`.
/// Counterpart: `SchemaUtil.copySchemaBasics`.
pub(crate) fn basics(schema: &Schema, builder: SchemaBuilder) -> SchemaBuilder {
    let builder = unnamed_basics(schema, builder);
    match schema.name() {
        Some(name) => builder.name(name.clone()),
        None => builder,
    }
}

/// As [`basics`], for what gets a name of its own.
pub(crate) fn unnamed_basics(schema: &Schema, mut builder: SchemaBuilder) -> SchemaBuilder {
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

/// The same schema, but null is allowed.
pub(crate) fn optional(schema: &Schema) -> Result<Schema> {
    let mut builder = match schema.ty() {
        Type::Map => match (schema.key_schema()?, schema.value_schema()?) {
            (Some(key), Some(value)) => basics(schema, SchemaBuilder::map(key.clone(), value.clone())),
            _ => basics(schema, SchemaBuilder::new(Type::Map)),
        },
        Type::Struct => {
            let fields = schema.fields()?.cloned();
            fields.fold(basics_of(schema)?, |builder, field| builder.field(field.name, field.schema))
        }
        _ => basics_of(schema)?,
    };
    if let Some(default) = schema.default_value() {
        builder = builder.default_value(default.clone());
    }
    builder.optional().build()
}
