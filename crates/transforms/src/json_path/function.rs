//! Functions at the end of a path.

use milena_api::data::Value;

use super::{NoResult, len};
use crate::json_path::filter::number;

/// What is worked out from what a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Keys,
    Min,
    Max,
    Sum,
    Average,
    StandardDeviation,
    First,
    Last,
}

impl Function {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Self::Length,
            "keys" => Self::Keys,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "avg" => Self::Average,
            "stddev" => Self::StandardDeviation,
            "first" => Self::First,
            "last" => Self::Last,
            _ => return None,
        })
    }

    pub(super) fn apply(self, input: &Value) -> Result<Value, NoResult> {
        match self {
            Self::Length => {
                Ok(len(input).map_or(Value::Null, |len| Value::I32(i32::try_from(len).unwrap_or(i32::MAX))))
            }
            Self::Keys => Ok(match input {
                Value::Map(map) => Value::array(map.iter().map(|(key, _)| key.clone()).collect()),
                Value::Struct(value) => {
                    let fields = value.schema().fields().map_err(|_| NoResult::Nothing)?;
                    Value::array(fields.map(|field| Value::from(&*field.name)).collect())
                }
                _ => Value::Null,
            }),
            Self::First => items(input)?.first().cloned().ok_or(NoResult::Nothing),
            Self::Last => items(input)?.last().cloned().ok_or(NoResult::Nothing),
            Self::Min | Self::Max | Self::Sum | Self::Average | Self::StandardDeviation => {
                let numbers: Vec<f64> = items(input)?.iter().filter_map(number).collect();
                self.of_numbers(&numbers).map(Value::F64).ok_or(NoResult::Nothing)
            }
        }
    }

    /// `None` of no numbers.
    fn of_numbers(self, numbers: &[f64]) -> Option<f64> {
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        if numbers.is_empty() {
            return None;
        }
        Some(match self {
            Self::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Average => sum / count,
            Self::StandardDeviation => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                (squares / count - sum * sum / count / count).sqrt()
            }
            _ => sum,
        })
    }
}

fn items(input: &Value) -> Result<&[Value], NoResult> {
    match input {
        Value::Array(items) => Ok(items),
        _ => Err(NoResult::Nothing),
    }
}
