//! `SchemaBuilder`: makes schemas, with Java's rules and messages.
//!
//! Counterpart: `org.apache.kafka.connect.data.SchemaBuilder`. Calls chain; the first mistake is kept and reported by
//! [`SchemaBuilder::build`], so that a chain needs one check only.

use super::schema::{Fields, Parts};
use super::{Field, Logical, Schema, Str, Type, Value, validate_value};
use crate::error::{Error, Result};

/// Makes one [`Schema`].
#[must_use]
#[derive(Debug)]
pub struct SchemaBuilder {
    parts: Parts,
    optional: Option<bool>,
    error: Option<Error>,
}

impl SchemaBuilder {
    /// A builder of this type. ARRAY and MAP need their children: [`SchemaBuilder::array`], [`SchemaBuilder::map`].
    pub fn new(ty: Type) -> Self {
        SchemaBuilder { parts: Parts::bare(ty, false), optional: None, error: None }
    }

    /// A STRUCT.
    pub fn structure() -> Self {
        SchemaBuilder::new(Type::Struct)
    }

    /// An ARRAY of `element`s.
    pub fn array(element: Schema) -> Self {
        let mut builder = SchemaBuilder::new(Type::Array);
        builder.parts.value_schema = Some(element);
        builder
    }

    /// A MAP of `key` to `value`.
    pub fn map(key: Schema, value: Schema) -> Self {
        let mut builder = SchemaBuilder::new(Type::Map);
        builder.parts.key_schema = Some(key);
        builder.parts.value_schema = Some(value);
        builder
    }

    /// A copy of `schema` to go on from: name, version, doc, parameters, optional and default; fields of a STRUCT are left out.
    pub fn like(schema: &Schema) -> Self {
        let of = schema.parts();
        SchemaBuilder {
            parts: Parts {
                ty: of.ty,
                optional: of.optional,
                version: of.version,
                name: of.name.clone(),
                doc: of.doc.clone(),
                default: of.default.clone(),
                fields: Fields::default(),
                key_schema: of.key_schema.clone(),
                value_schema: of.value_schema.clone(),
                parameters: of.parameters.clone(),
                logical: of.logical,
            },
            optional: Some(of.optional),
            error: None,
        }
    }

    /// As [`SchemaBuilder::like`], with the fields of a STRUCT.
    pub fn copy(schema: &Schema) -> Self {
        let mut builder = SchemaBuilder::like(schema);
        builder.parts.fields = schema.parts().fields.clone();
        builder
    }

    /// Allows null.
    pub fn optional(self) -> Self {
        self.set_optional(true)
    }

    /// Forbids null (which is also what an untouched builder does).
    pub fn required(self) -> Self {
        self.set_optional(false)
    }

    fn set_optional(mut self, optional: bool) -> Self {
        if self.optional.is_some_and(|before| before != optional) {
            return self.fail(already_set("optional"));
        }
        self.optional = Some(optional);
        self.parts.optional = optional;
        self
    }

    /// Sets the default, checked against the schema as built so far. A struct must be of exactly that schema: in Java, only one made from the
    /// builder itself is.
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        let value = value.into();
        if self.parts.default.is_some() {
            return self.fail(already_set("default"));
        }
        let parts = std::mem::replace(&mut self.parts, Parts::bare(Type::Boolean, false));
        let schema = Schema::from_parts(parts);
        let checked = validate_value(Some(&schema), &value);
        self.parts = schema.into_parts();
        match checked {
            Ok(()) => {
                self.parts.default = (!value.is_null()).then_some(value);
                self
            }
            Err(cause) => self.fail(builder_error("Invalid default value").with_source(cause)),
        }
    }

    /// Sets the name; one of the four logical names makes it that logical type.
    pub fn name(mut self, name: impl Into<Str>) -> Self {
        let name = name.into();
        if self.parts.name.as_ref().is_some_and(|before| *before != name) {
            return self.fail(already_set("name"));
        }
        self.parts.logical = Logical::of_name(&name);
        self.parts.name = Some(name);
        self
    }

    /// Sets the version.
    pub fn version(mut self, version: i32) -> Self {
        if self.parts.version.is_some_and(|before| before != version) {
            return self.fail(already_set("version"));
        }
        self.parts.version = Some(version);
        self
    }

    /// Sets the documentation.
    pub fn doc(mut self, doc: impl Into<Str>) -> Self {
        let doc = doc.into();
        if self.parts.doc.as_ref().is_some_and(|before| *before != doc) {
            return self.fail(already_set("doc"));
        }
        self.parts.doc = Some(doc);
        self
    }

    /// Adds a parameter.
    pub fn parameter(mut self, key: impl Into<Str>, value: impl Into<Str>) -> Self {
        self.parts.parameters.get_or_insert_default().0.insert(key.into(), value.into());
        self
    }

    /// Adds parameters; an empty list leaves a schema without parameters as it is.
    pub fn parameters<K: Into<Str>, V: Into<Str>>(self, parameters: impl IntoIterator<Item = (K, V)>) -> Self {
        parameters.into_iter().fold(self, |builder, (key, value)| builder.parameter(key, value))
    }

    /// Adds a field to a STRUCT.
    pub fn field(mut self, name: impl Into<Str>, schema: Schema) -> Self {
        let name = name.into();
        if self.parts.ty != Type::Struct {
            let message = format!("Cannot create fields on type {}", self.parts.ty);
            return self.fail(builder_error(message));
        }
        if name.is_empty() {
            return self.fail(builder_error("fieldName cannot be null."));
        }
        let index = self.parts.fields.0.len();
        if self.parts.fields.0.contains_key(name.as_str()) {
            let message = format!("Cannot create field because of field name duplication {name}");
            return self.fail(builder_error(message));
        }
        self.parts.fields.0.insert(name.clone(), Field { name, index, schema });
        self
    }

    /// The type built.
    pub fn ty(&self) -> Type {
        self.parts.ty
    }

    /// True if a field of that name was added.
    pub fn has_field(&self, name: &str) -> bool {
        self.parts.fields.0.contains_key(name)
    }

    /// The schema.
    ///
    /// # Errors
    /// The first mistake of the chain, as Java's `SchemaBuilderException`; `valueSchema cannot be null.` for an ARRAY or MAP without children.
    pub fn build(self) -> Result<Schema> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.parts.ty == Type::Map && self.parts.key_schema.is_none() {
            return Err(builder_error("keySchema cannot be null."));
        }
        if matches!(self.parts.ty, Type::Array | Type::Map) && self.parts.value_schema.is_none() {
            return Err(builder_error("valueSchema cannot be null."));
        }
        Ok(Schema::from_parts(self.parts))
    }

    fn fail(mut self, error: Error) -> Self {
        self.error.get_or_insert(error);
        self
    }
}

fn already_set(what: &str) -> Error {
    builder_error(format!("Invalid SchemaBuilder call: {what} has already been set."))
}

fn builder_error(message: impl Into<String>) -> Error {
    Error::data(message).with_class("org.apache.kafka.connect.errors.SchemaBuilderException")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reports_its_first_mistake() {
        let error =
            SchemaBuilder::structure().field("a", Schema::int8()).field("a", Schema::int8()).field("", Schema::int8());
        assert_eq!(
            error.build().unwrap_err().message(),
            Some("Cannot create field because of field name duplication a")
        );
        let error = Schema::builder(Type::Int32).default_value("x").build().unwrap_err();
        assert_eq!(error.message(), Some("Invalid default value"));
        assert!(Schema::builder(Type::Int32).optional().required().build().is_err());
    }

    #[test]
    fn equality_is_by_structure_and_takes_part_in_default_and_doc() {
        let make =
            |doc: &str| SchemaBuilder::structure().name("s").field("a", Schema::int8()).doc(doc.to_owned()).build();
        assert_eq!(make("x").unwrap(), make("x").unwrap());
        assert_ne!(make("x").unwrap(), make("y").unwrap());
    }
}
