//! `ShortConverter`, `IntegerConverter`, `LongConverter`, `FloatConverter`, `DoubleConverter`: big-endian numbers of fixed size.
//!
//! Counterpart: `org.apache.kafka.connect.converters.NumberConverter` and its subclasses. The schema is not looked at when writing; the
//! class of the value must be the converter's own.

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole, HeaderConverter};
use milena_api::data::{Schema, SchemaAndValue, Value};
use milena_api::error::{Error, Result};

use crate::converter_type;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $ty:ty, $variant:ident, $schema:ident, $word:literal, $deserializer:literal) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name;

        impl $name {
            fn to_bytes(value: &Value) -> Result<Option<Bytes>> {
                match value {
                    Value::Null => Ok(None),
                    Value::$variant(number) => Ok(Some(Bytes::copy_from_slice(&number.to_be_bytes()))),
                    other => {
                        Err(Error::data(format!(concat!("Failed to serialize to ", $word, " (was class {}): "), other.java_class())))
                    }
                }
            }

            fn to_value(bytes: Option<Bytes>) -> Result<SchemaAndValue> {
                const SIZE: usize = size_of::<$ty>();
                let value = match bytes {
                    None => Value::Null,
                    Some(bytes) => match <[u8; SIZE]>::try_from(bytes.as_ref()) {
                        Ok(raw) => Value::$variant(<$ty>::from_be_bytes(raw)),
                        Err(_) => {
                            let why = format!(concat!("Size of data received by ", $deserializer, " is not {}"), SIZE);
                            return Err(Error::data(concat!("Failed to deserialize ", $word, ": "))
                                .with_source(converter_type::serialization_error(why)));
                        }
                    },
                };
                Ok(SchemaAndValue { schema: Some(Schema::$schema()), value })
            }
        }

        converter_type::both_roles!($name, |_this, _schema, value| $name::to_bytes(value), |bytes| $name::to_value(bytes));
    };
}

number!(
    /// 16-bit integers.
    ShortConverter, i16, I16, optional_int16, "short", "ShortDeserializer"
);
number!(
    /// 32-bit integers.
    IntegerConverter, i32, I32, optional_int32, "integer", "IntegerDeserializer"
);
number!(
    /// 64-bit integers.
    LongConverter, i64, I64, optional_int64, "long", "LongDeserializer"
);
number!(
    /// 32-bit floating-point numbers.
    FloatConverter, f32, F32, optional_float32, "float", "Deserializer"
);
number!(
    /// 64-bit floating-point numbers.
    DoubleConverter, f64, F64, optional_float64, "double", "Deserializer"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_other_classes_are_refused() {
        let mut long = LongConverter;
        let bytes = long.from_connect_data("t", None, &Value::I64(-2)).unwrap().unwrap();
        assert_eq!(bytes.as_ref(), (-2i64).to_be_bytes());
        assert_eq!(long.to_connect_data("t", Some(bytes)).unwrap().value, Value::I64(-2));
        let error = long.from_connect_data("t", None, &Value::I32(1)).unwrap_err();
        assert_eq!(error.message(), Some("Failed to serialize to long (was class java.lang.Integer): "));
        let error = FloatConverter.to_connect_data("t", Some(Bytes::from_static(b"abc"))).unwrap_err();
        assert!(error.trace().contains("Size of data received by Deserializer is not 4"), "{error:?}");
    }
}
