//! `Schema`: a shared, immutable description of a value.
//!
//! Counterpart: `org.apache.kafka.connect.data.{Schema, ConnectSchema, Field}`.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::{Logical, SchemaBuilder, Str, Value};
use crate::error::{Error, Result};

/// The base type of a schema, in the order that numeric promotion follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

impl Type {
    /// Java's enum name, `INT8` … `STRUCT`: what messages print.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Int8 => "INT8",
            Type::Int16 => "INT16",
            Type::Int32 => "INT32",
            Type::Int64 => "INT64",
            Type::Float32 => "FLOAT32",
            Type::Float64 => "FLOAT64",
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Array => "ARRAY",
            Type::Map => "MAP",
            Type::Struct => "STRUCT",
        }
    }

    /// True for everything but ARRAY, MAP and STRUCT.
    pub const fn is_primitive(self) -> bool {
        !matches!(self, Type::Array | Type::Map | Type::Struct)
    }

    /// The type with that Java enum name.
    pub fn from_name(name: &str) -> Option<Type> {
        ALL.into_iter().find(|t| t.name() == name)
    }
}

const ALL: [Type; 12] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
    Type::Bytes,
    Type::Array,
    Type::Map,
    Type::Struct,
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One field of a STRUCT schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Name, unique in its struct.
    pub name: Str,
    /// Position, from 0, in the order of definition.
    pub index: usize,
    /// Schema of the field's values.
    pub schema: Schema,
}

/// Handle on an immutable schema. Clones are cheap; equality compares the pointers first and the structure second.
#[derive(Clone)]
pub struct Schema(Repr);

/// The predefined primitives are never counted: cloning them per record touches no shared cache line.
#[derive(Clone)]
enum Repr {
    Static(&'static Parts),
    Shared(Arc<Parts>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Parts {
    pub(crate) ty: Type,
    pub(crate) optional: bool,
    pub(crate) version: Option<i32>,
    pub(crate) name: Option<Str>,
    pub(crate) doc: Option<Str>,
    pub(crate) default: Option<Value>,
    pub(crate) fields: Fields,
    pub(crate) key_schema: Option<Schema>,
    pub(crate) value_schema: Option<Schema>,
    pub(crate) parameters: Option<Parameters>,
    pub(crate) logical: Option<Logical>,
}

/// Fields by name, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields(pub(crate) IndexMap<Str, Field>);

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.values().zip(other.0.values()).all(|(a, b)| a == b)
    }
}

impl Eq for Fields {}

impl Hash for Fields {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.values().for_each(|f| f.hash(state));
    }
}

/// Parameters compare as maps (order does not matter) and keep their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Parameters(pub(crate) IndexMap<Str, Str>);

impl Hash for Parameters {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
    }
}

macro_rules! primitives {
    ($($(#[$doc:meta])* $name:ident, $optional:ident => $ty:ident;)*) => {
        impl Schema {$(
            $(#[$doc])*
            /// The required form.
            pub fn $name() -> Schema {
                static PARTS: OnceLock<&'static Parts> = OnceLock::new();
                Schema(Repr::Static(PARTS.get_or_init(|| Box::leak(Box::new(Parts::bare(Type::$ty, false))))))
            }

            $(#[$doc])*
            /// The optional form.
            pub fn $optional() -> Schema {
                static PARTS: OnceLock<&'static Parts> = OnceLock::new();
                Schema(Repr::Static(PARTS.get_or_init(|| Box::leak(Box::new(Parts::bare(Type::$ty, true))))))
            }
        )*}
    };
}

primitives! {
    /// `INT8_SCHEMA`.
    int8, optional_int8 => Int8;
    /// `INT16_SCHEMA`.
    int16, optional_int16 => Int16;
    /// `INT32_SCHEMA`.
    int32, optional_int32 => Int32;
    /// `INT64_SCHEMA`.
    int64, optional_int64 => Int64;
    /// `FLOAT32_SCHEMA`.
    float32, optional_float32 => Float32;
    /// `FLOAT64_SCHEMA`.
    float64, optional_float64 => Float64;
    /// `BOOLEAN_SCHEMA`.
    boolean, optional_boolean => Boolean;
    /// `STRING_SCHEMA`.
    string, optional_string => String;
    /// `BYTES_SCHEMA`.
    bytes, optional_bytes => Bytes;
}

impl Parts {
    pub(crate) fn bare(ty: Type, optional: bool) -> Parts {
        Parts {
            ty,
            optional,
            version: None,
            name: None,
            doc: None,
            default: None,
            fields: Fields::default(),
            key_schema: None,
            value_schema: None,
            parameters: None,
            logical: None,
        }
    }
}

impl Schema {
    /// Starts a schema of this type.
    pub fn builder(ty: Type) -> SchemaBuilder {
        SchemaBuilder::new(ty)
    }

    pub(crate) fn from_parts(parts: Parts) -> Schema {
        Schema(Repr::Shared(Arc::new(parts)))
    }

    /// The parts back, for a builder that made this schema only to check a value against it.
    pub(crate) fn into_parts(self) -> Parts {
        match self.0 {
            Repr::Shared(parts) => Arc::try_unwrap(parts).unwrap_or_else(|shared| (*shared).clone()),
            Repr::Static(parts) => parts.clone(),
        }
    }

    pub(crate) fn parts(&self) -> &Parts {
        match &self.0 {
            Repr::Static(parts) => parts,
            Repr::Shared(parts) => parts,
        }
    }

    /// True if both handles lead to the same schema object: what per-batch caches compare.
    pub fn same(&self, other: &Schema) -> bool {
        std::ptr::eq(self.parts(), other.parts())
    }

    /// Address of the schema object, a key for caches that keep the schema alive themselves.
    pub fn id(&self) -> usize {
        std::ptr::from_ref(self.parts()) as usize
    }

    /// The predefined schema of a primitive type, or `None` for ARRAY, MAP and STRUCT.
    pub fn primitive(ty: Type, optional: bool) -> Option<Schema> {
        Some(match (ty, optional) {
            (Type::Int8, false) => Schema::int8(),
            (Type::Int8, true) => Schema::optional_int8(),
            (Type::Int16, false) => Schema::int16(),
            (Type::Int16, true) => Schema::optional_int16(),
            (Type::Int32, false) => Schema::int32(),
            (Type::Int32, true) => Schema::optional_int32(),
            (Type::Int64, false) => Schema::int64(),
            (Type::Int64, true) => Schema::optional_int64(),
            (Type::Float32, false) => Schema::float32(),
            (Type::Float32, true) => Schema::optional_float32(),
            (Type::Float64, false) => Schema::float64(),
            (Type::Float64, true) => Schema::optional_float64(),
            (Type::Boolean, false) => Schema::boolean(),
            (Type::Boolean, true) => Schema::optional_boolean(),
            (Type::String, false) => Schema::string(),
            (Type::String, true) => Schema::optional_string(),
            (Type::Bytes, false) => Schema::bytes(),
            (Type::Bytes, true) => Schema::optional_bytes(),
            _ => return None,
        })
    }

    /// The base type.
    pub fn ty(&self) -> Type {
        self.parts().ty
    }

    /// True if null is a value of this schema.
    pub fn is_optional(&self) -> bool {
        self.parts().optional
    }

    /// The default value; `None` also for a default of null, which Java cannot tell apart.
    pub fn default_value(&self) -> Option<&Value> {
        self.parts().default.as_ref()
    }

    /// Logical or record name.
    pub fn name(&self) -> Option<&Str> {
        self.parts().name.as_ref()
    }

    /// Version of the schema.
    pub fn version(&self) -> Option<i32> {
        self.parts().version
    }

    /// Documentation.
    pub fn doc(&self) -> Option<&Str> {
        self.parts().doc.as_ref()
    }

    /// Parameters in order; `None` where none were ever set, never empty.
    pub fn parameters(&self) -> Option<&IndexMap<Str, Str>> {
        self.parts().parameters.as_ref().map(|p| &p.0)
    }

    /// The logical type that the *name* says this is: it decides the class of values, whatever the base type.
    pub fn logical(&self) -> Option<Logical> {
        self.parts().logical
    }

    /// Fields of a STRUCT, in order.
    ///
    /// # Errors
    /// `Cannot list fields on non-struct type` for any other type.
    pub fn fields(&self) -> Result<impl ExactSizeIterator<Item = &Field> + Clone> {
        if self.ty() != Type::Struct {
            return Err(Error::data("Cannot list fields on non-struct type"));
        }
        Ok(self.parts().fields.0.values())
    }

    /// Number of fields; 0 for a type other than STRUCT.
    pub fn field_count(&self) -> usize {
        self.parts().fields.0.len()
    }

    /// The field at this position.
    pub fn field_at(&self, index: usize) -> Option<&Field> {
        self.parts().fields.0.get_index(index).map(|(_, field)| field)
    }

    /// The field of that name; `None` if the STRUCT has none.
    ///
    /// # Errors
    /// `Cannot look up fields on non-struct type` for any other type.
    pub fn field(&self, name: &str) -> Result<Option<&Field>> {
        if self.ty() != Type::Struct {
            return Err(Error::data("Cannot look up fields on non-struct type"));
        }
        Ok(self.parts().fields.0.get(name))
    }

    /// Schema of a MAP's keys; `None` if the map was inferred from mixed types.
    ///
    /// # Errors
    /// `Cannot look up key schema on non-map type`.
    pub fn key_schema(&self) -> Result<Option<&Schema>> {
        if self.ty() != Type::Map {
            return Err(Error::data("Cannot look up key schema on non-map type"));
        }
        Ok(self.parts().key_schema.as_ref())
    }

    /// Schema of a MAP's values or an ARRAY's elements; `None` if it was inferred from mixed types.
    ///
    /// # Errors
    /// `Cannot look up value schema on non-array and non-map type`.
    pub fn value_schema(&self) -> Result<Option<&Schema>> {
        if !matches!(self.ty(), Type::Map | Type::Array) {
            return Err(Error::data("Cannot look up value schema on non-array and non-map type"));
        }
        Ok(self.parts().value_schema.as_ref())
    }

    /// This schema under another name and version; `None` leaves what is there.
    #[must_use]
    pub fn with_metadata(&self, name: Option<Str>, version: Option<i32>) -> Schema {
        let mut parts = self.parts().clone();
        if let Some(name) = name {
            parts.logical = Logical::of_name(&name);
            parts.name = Some(name);
        }
        parts.version = version.or(parts.version);
        Schema::from_parts(parts)
    }

    /// A schema of nothing but a type, even one that ought to have children: `Values` infers such for nested collections.
    pub(crate) fn bare(ty: Type, optional: bool) -> Schema {
        Schema::from_parts(Parts::bare(ty, optional))
    }

    /// An ARRAY whose element schema may be unknown, as `Values` infers one.
    pub fn array_of(element: Option<Schema>) -> Schema {
        Schema::from_parts(Parts { value_schema: element, ..Parts::bare(Type::Array, false) })
    }

    /// A MAP whose schemas may be unknown, as `Values` infers one.
    pub fn map_of(key: Option<Schema>, value: Option<Schema>) -> Schema {
        Schema::from_parts(Parts { key_schema: key, value_schema: value, ..Parts::bare(Type::Map, false) })
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || self.parts() == other.parts()
    }
}

impl Eq for Schema {}

impl Hash for Schema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut own = DefaultHasher::new();
        self.parts().hash(&mut own);
        state.write_u64(own.finish());
    }
}

/// `Schema{STRING}` or `Schema{name:STRUCT}`: the text many messages contain.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Schema{{{name}:{}}}", self.ty()),
            None => write!(f, "Schema{{{}}}", self.ty()),
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
