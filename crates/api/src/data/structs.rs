//! `Struct`: a record of named fields.
//!
//! Counterpart: `org.apache.kafka.connect.data.Struct`.

use std::fmt;

use super::validate::class_fits;
use super::{Field, Schema, Type, Value, validate_value_at};
use crate::error::{Error, Result};

/// Values of the fields of one STRUCT schema. An unset field reads as null or as its default, see [`Struct::get`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Struct {
    schema: Schema,
    values: Vec<Value>,
}

impl Struct {
    /// A struct with all fields unset.
    ///
    /// # Errors
    /// `Not a struct schema: …`.
    pub fn new(schema: Schema) -> Result<Self> {
        if schema.ty() != Type::Struct {
            return Err(Error::data(format!("Not a struct schema: {schema}")));
        }
        let values = vec![Value::Null; schema.field_count()];
        Ok(Struct { schema, values })
    }

    /// A struct of values that are known to fit, in field order: for readers that took them from the schema's own plan.
    /// Values are not validated; a list of another length is filled up or cut.
    pub fn from_values(schema: Schema, mut values: Vec<Value>) -> Self {
        values.resize(schema.field_count(), Value::Null);
        Struct { schema, values }
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Sets a field.
    ///
    /// # Errors
    /// Unknown field, or a value that its schema does not allow (a null for a required field even if it has a default).
    pub fn put(&mut self, name: &str, value: impl Into<Value>) -> Result<&mut Self> {
        let index = self.lookup(name)?.index;
        self.put_at(index, value.into())?;
        Ok(self)
    }

    /// As [`Struct::put`], by the field's position.
    ///
    /// # Errors
    /// As `put`; a position outside the schema.
    pub fn put_at(&mut self, index: usize, value: Value) -> Result<()> {
        let Some(field) = self.schema.field_at(index) else {
            return Err(Error::data(format!("{index} is not a valid field position of {}", self.schema)));
        };
        // Primitives that fit are done here: the text of the place is for messages and for what lies deeper.
        if !field.schema.ty().is_primitive() || !class_fits(&field.schema, &value) {
            let place = format!("field: \"{}\"", field.name);
            validate_value_at(&place, Some(&field.name), Some(&field.schema), &value)?;
        }
        self.values[index] = value;
        Ok(())
    }

    /// The field's value, or its default where it is unset or null.
    ///
    /// # Errors
    /// Unknown field.
    pub fn get(&self, name: &str) -> Result<&Value> {
        Ok(self.get_field(self.lookup(name)?))
    }

    /// As [`Struct::get`], for a field of this struct's schema.
    pub fn get_field<'a>(&'a self, field: &'a Field) -> &'a Value {
        match self.raw(field.index) {
            Value::Null => field.schema.default_value().unwrap_or(&Value::Null),
            value => value,
        }
    }

    /// The stored value, without the default.
    ///
    /// # Errors
    /// Unknown field.
    pub fn get_without_default(&self, name: &str) -> Result<&Value> {
        Ok(self.raw(self.lookup(name)?.index))
    }

    /// The stored value at a field's position; null outside the schema.
    pub fn raw(&self, index: usize) -> &Value {
        self.values.get(index).unwrap_or(&Value::Null)
    }

    /// The stored values in field order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Takes the stored value at a field's position out, leaving null; null outside the schema.
    pub fn take_at(&mut self, index: usize) -> Value {
        self.values.get_mut(index).map(std::mem::take).unwrap_or_default()
    }

    /// Takes schema and stored values apart.
    pub fn into_parts(self) -> (Schema, Vec<Value>) {
        (self.schema, self.values)
    }

    /// The stored value of a field that must be of type `ty`, without the default.
    /// Counterpart: `getInt8` … `getStruct`.
    ///
    /// # Errors
    /// Unknown field; `Field 'f' is not of type T`.
    pub fn get_typed(&self, name: &str, ty: Type) -> Result<&Value> {
        let field = self.lookup(name)?;
        if field.schema.ty() != ty {
            return Err(Error::data(format!("Field '{name}' is not of type {ty}")));
        }
        Ok(self.raw(field.index))
    }

    /// Checks all fields: a null is fine if the field is optional or has a default.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn validate(&self) -> Result<()> {
        for field in self.schema.fields()? {
            let value = self.raw(field.index);
            if value.is_null() && (field.schema.is_optional() || field.schema.default_value().is_some()) {
                continue;
            }
            if field.schema.ty().is_primitive() && class_fits(&field.schema, value) {
                continue;
            }
            validate_value_at(&format!("field: \"{}\"", field.name), Some(&field.name), Some(&field.schema), value)?;
        }
        Ok(())
    }

    pub(crate) fn detach(&self) -> Struct {
        Struct { schema: self.schema.clone(), values: self.values.iter().map(Value::detach).collect() }
    }

    fn lookup(&self, name: &str) -> Result<&Field> {
        self.schema.field(name)?.ok_or_else(|| Error::data(format!("{name} is not a valid field name")))
    }
}

/// `Struct{a=1,b=x}`; fields that are null are left out.
impl fmt::Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Struct{")?;
        let mut first = true;
        for (index, value) in self.values.iter().enumerate().filter(|(_, v)| !v.is_null()) {
            let Some(field) = self.schema.field_at(index) else { continue };
            if !std::mem::take(&mut first) {
                f.write_str(",")?;
            }
            write!(f, "{}={value}", field.name)?;
        }
        f.write_str("}")
    }
}
