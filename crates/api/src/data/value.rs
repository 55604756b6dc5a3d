//! `Value`: one Connect value, with or without a schema.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

use super::{Decimal, Map, Schema, Str, Struct, Type, write_double, write_float};

/// One value. The variant is what the Java class is there: the same value without a schema behaves as that object would.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Java `null`.
    #[default]
    Null,
    /// `Boolean`.
    Bool(bool),
    /// `Byte`.
    I8(i8),
    /// `Short`.
    I16(i16),
    /// `Integer`.
    I32(i32),
    /// `Long`.
    I64(i64),
    /// `Float`.
    F32(f32),
    /// `Double`.
    F64(f64),
    /// `String`.
    Str(Str),
    /// `byte[]` or `ByteBuffer`.
    Bytes(Bytes),
    /// `List`.
    Array(Arc<Vec<Value>>),
    /// `Map`, in insertion order.
    Map(Arc<Map>),
    /// `Struct`, with its own schema.
    Struct(Arc<Struct>),
    /// `BigDecimal`.
    Decimal(Arc<Decimal>),
    /// `java.util.Date`: milliseconds since the epoch. One class serves Date, Time and Timestamp; the schema's name tells them apart.
    Date(i64),
}

impl Value {
    /// A text.
    pub fn str(text: impl Into<Str>) -> Value {
        Value::Str(text.into())
    }

    /// A list.
    pub fn array(items: Vec<Value>) -> Value {
        Value::Array(Arc::new(items))
    }

    /// A map.
    pub fn map(map: Map) -> Value {
        Value::Map(Arc::new(map))
    }

    /// A struct.
    pub fn structure(value: Struct) -> Value {
        Value::Struct(Arc::new(value))
    }

    /// True for `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of any of the four integer classes.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::I8(v) => Some(i64::from(v)),
            Value::I16(v) => Some(i64::from(v)),
            Value::I32(v) => Some(i64::from(v)),
            Value::I64(v) => Some(v),
            _ => None,
        }
    }

    /// Full name of the Java class of this value, as messages print it; `null` has none.
    pub fn java_class(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "java.lang.Boolean",
            Value::I8(_) => "java.lang.Byte",
            Value::I16(_) => "java.lang.Short",
            Value::I32(_) => "java.lang.Integer",
            Value::I64(_) => "java.lang.Long",
            Value::F32(_) => "java.lang.Float",
            Value::F64(_) => "java.lang.Double",
            Value::Str(_) => "java.lang.String",
            Value::Bytes(_) => "[B",
            Value::Array(_) => "java.util.ArrayList",
            Value::Map(_) => "java.util.HashMap",
            Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
            Value::Decimal(_) => "java.math.BigDecimal",
            Value::Date(_) => "java.util.Date",
        }
    }

    /// The schema type whose values have this class; none for null, Date and Decimal.
    /// Counterpart: `ConnectSchema.schemaType(Class)`.
    pub fn schema_type(&self) -> Option<Type> {
        Some(match self {
            Value::Null | Value::Decimal(_) | Value::Date(_) => return None,
            Value::Bool(_) => Type::Boolean,
            Value::I8(_) => Type::Int8,
            Value::I16(_) => Type::Int16,
            Value::I32(_) => Type::Int32,
            Value::I64(_) => Type::Int64,
            Value::F32(_) => Type::Float32,
            Value::F64(_) => Type::Float64,
            Value::Str(_) => Type::String,
            Value::Bytes(_) => Type::Bytes,
            Value::Array(_) => Type::Array,
            Value::Map(_) => Type::Map,
            Value::Struct(_) => Type::Struct,
        })
    }

    /// A copy that keeps no fetch buffer alive: for sinks that hold records beyond `put`.
    #[must_use]
    pub fn detach(&self) -> Value {
        match self {
            Value::Str(text) => Value::Str(text.detach()),
            Value::Bytes(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
            Value::Array(items) => Value::array(items.iter().map(Value::detach).collect()),
            Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.detach(), v.detach())).collect()),
            Value::Struct(value) => Value::structure(value.detach()),
            other => other.clone(),
        }
    }
}

/// Java's `equals`: the classes must agree (an `Integer` 5 is not a `Long` 5), NaN equals NaN and 0.0 differs from -0.0.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::I8(a), Value::I8(b)) => a == b,
            (Value::I16(a), Value::I16(b)) => a == b,
            (Value::I32(a), Value::I32(b)) => a == b,
            (Value::I64(a), Value::I64(b)) | (Value::Date(a), Value::Date(b)) => a == b,
            (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Struct(a), Value::Struct(b)) => a == b,
            (Value::Decimal(a), Value::Decimal(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Value::Null => {}
            Value::Bool(v) => v.hash(state),
            Value::I8(v) => v.hash(state),
            Value::I16(v) => v.hash(state),
            Value::I32(v) => v.hash(state),
            Value::I64(v) | Value::Date(v) => v.hash(state),
            Value::F32(v) => if v.is_nan() { f32::NAN } else { *v }.to_bits().hash(state),
            Value::F64(v) => if v.is_nan() { f64::NAN } else { *v }.to_bits().hash(state),
            Value::Str(v) => v.hash(state),
            Value::Bytes(v) => v.hash(state),
            Value::Array(v) => v.hash(state),
            Value::Map(v) => v.hash(state),
            Value::Struct(v) => v.hash(state),
            Value::Decimal(v) => v.hash(state),
        }
    }
}

/// Java's `toString`: `{a=1, b=x}`, `[1, 2]`, `Struct{a=1}`, `1.0E10`. BYTES print as `[B@` and a hash of the content
/// (Java prints an address); dates as `java.util.Date` does, in UTC.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(v) => write!(f, "{v}"),
            Value::I8(v) => write!(f, "{v}"),
            Value::I16(v) => write!(f, "{v}"),
            Value::I32(v) => write!(f, "{v}"),
            Value::I64(v) => write!(f, "{v}"),
            Value::F32(v) => write_float(f, *v),
            Value::F64(v) => write_double(f, *v),
            Value::Str(v) => f.write_str(v),
            Value::Bytes(v) => {
                let hash = v.iter().fold(1u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(*b)));
                write!(f, "[B@{hash:x}")
            }
            Value::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Value::Map(map) => write!(f, "{map}"),
            Value::Struct(value) => write!(f, "{value}"),
            Value::Decimal(v) => write!(f, "{v}"),
            Value::Date(ms) => f.write_str(&super::logical::java_date_text(*ms)),
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident),*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Value::$variant(value)
            }
        }
    )*};
}

from!(bool => Bool, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f32 => F32, f64 => F64, Str => Str, Bytes => Bytes);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Str(Str::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(Str::from(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A value and its schema, if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaAndValue {
    /// `None` for a schemaless value.
    pub schema: Option<Schema>,
    /// The value.
    pub value: Value,
}

impl SchemaAndValue {
    /// No schema and no value.
    pub const NULL: SchemaAndValue = SchemaAndValue { schema: None, value: Value::Null };

    /// A value of this schema.
    pub fn new(schema: impl Into<Option<Schema>>, value: impl Into<Value>) -> Self {
        SchemaAndValue { schema: schema.into(), value: value.into() }
    }
}
