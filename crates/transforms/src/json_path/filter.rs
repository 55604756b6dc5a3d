//! Conditions in a path: `[?(@.amount > 5 && @.kind in ['a', 'b'])]`.
//!
//! Counterpart: `com.jayway.jsonpath.internal.filter`.

use std::cmp::Ordering;
use std::sync::Arc;

use fancy_regex::Regex;
use milena_api::data::{Decimal, Value};
use num_bigint::BigInt;

use super::evaluate::Walk;
use super::{JsonPath, NoResult, is_object, len};

/// What has to hold of an item.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Operand, Operator, Operand),
    /// Whether a path leads somewhere.
    Exists(PathOperand, bool),
}

/// A side of a comparison.
#[derive(Debug)]
pub(super) enum Operand {
    Path(PathOperand),
    Literal(Value),
    /// Matches texts as a whole.
    Pattern(Regex),
}

/// A path from the item, or from the root.
#[derive(Debug)]
pub(super) struct PathOperand {
    pub path: JsonPath,
    pub from_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    SameTypeEqual,
    SameTypeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    Contains,
    Size,
    Empty,
}

impl Operator {
    pub(super) fn of(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "==" => Self::Equal,
            "!=" | "<>" => Self::NotEqual,
            "===" => Self::SameTypeEqual,
            "!==" => Self::SameTypeNotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "=~" => Self::Matches,
            "IN" => Self::In,
            "NIN" => Self::NotIn,
            "SUBSETOF" => Self::SubsetOf,
            "ANYOF" => Self::AnyOf,
            "NONEOF" => Self::NoneOf,
            "CONTAINS" => Self::Contains,
            "SIZE" => Self::Size,
            "EMPTY" => Self::Empty,
            _ => return None,
        })
    }
}

impl PathOperand {
    fn start<'v>(&self, item: &'v Value, root: &'v Value) -> &'v Value {
        if self.from_root { root } else { item }
    }

    fn exists(&self, item: &Value, root: &Value) -> Result<bool, NoResult> {
        match self.path.find_from(self.start(item, root), &Walk { root, strict: true }) {
            Ok(_) => Ok(true),
            Err(NoResult::Nothing) => Ok(false),
            Err(undecided) => Err(undecided),
        }
    }

    /// `None` where it leads nowhere.
    fn value(&self, item: &Value, root: &Value) -> Result<Option<Value>, NoResult> {
        let mut found = match self.path.find_from(self.start(item, root), &Walk { root, strict: false }) {
            Ok(found) => found,
            Err(NoResult::Nothing) => return Ok(None),
            Err(undecided) => return Err(undecided),
        };
        let single = self.path.is_definite() || self.path.function.is_some();
        Ok(if single { found.pop() } else { Some(Value::array(found)) })
    }
}

impl Filter {
    /// All of several.
    pub(super) fn all(mut filters: Vec<Filter>) -> Self {
        if filters.len() == 1 { filters.remove(0) } else { Self::All(filters) }
    }

    pub(super) fn accepts(&self, item: &Value, root: &Value) -> Result<bool, NoResult> {
        match self {
            Self::All(filters) => {
                for filter in filters {
                    if !filter.accepts(item, root)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(filters) => {
                for filter in filters {
                    if filter.accepts(item, root)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(filter) => Ok(!filter.accepts(item, root)?),
            Self::Exists(path, expected) => Ok(path.exists(item, root)? == *expected),
            Self::Compare(left, Operator::Matches, right) => match (left, right) {
                (Operand::Pattern(pattern), other) | (other, Operand::Pattern(pattern)) => {
                    match_texts(pattern, other.value(item, root)?.as_ref())
                }
                _ => Ok(false),
            },
            Self::Compare(left, operator, right) => {
                let (left, right) = (left.value(item, root)?, right.value(item, root)?);
                Ok(holds(left.as_ref(), *operator, right.as_ref()))
            }
        }
    }
}

impl Operand {
    fn value(&self, item: &Value, root: &Value) -> Result<Option<Value>, NoResult> {
        match self {
            Self::Path(path) => path.value(item, root),
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::Pattern(_) => Ok(None),
        }
    }
}

/// A text, a number or a boolean as a text matches; of a list one of the items.
fn match_texts(pattern: &Regex, value: Option<&Value>) -> Result<bool, NoResult> {
    let is_match = |value: Option<&Value>| {
        let text = value.and_then(text).unwrap_or_default();
        let undecided = |error| NoResult::Undecided(format!("matching '{text}' with {pattern}: {error}"));
        pattern.is_match(&text).map_err(undecided)
    };
    match value {
        Some(Value::Array(items)) => {
            for item in items.iter() {
                if is_match(Some(item))? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        value => is_match(value),
    }
}

fn holds(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    match operator {
        Operator::NotEqual => return !holds(left, Operator::Equal, right),
        Operator::SameTypeNotEqual => return !holds(left, Operator::SameTypeEqual, right),
        Operator::NotIn => return !holds(left, Operator::In, right),
        _ => {}
    }
    let (Some(left), Some(right)) = (left, right) else { return false };
    match operator {
        Operator::Equal => equal(left, right),
        Operator::SameTypeEqual => kind(left) == kind(right) && equal(left, right),
        Operator::Less => compare(left, right) == Some(Ordering::Less),
        Operator::LessOrEqual => compare(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => compare(left, right) == Some(Ordering::Greater),
        Operator::GreaterOrEqual => compare(left, right).is_some_and(Ordering::is_ge),
        Operator::In => items(right).is_some_and(|list| contains(list, left)),
        Operator::SubsetOf => both_lists(left, right, |left, right| left.iter().all(|item| contains(right, item))),
        Operator::AnyOf => both_lists(left, right, |left, right| left.iter().any(|item| contains(right, item))),
        Operator::NoneOf => both_lists(left, right, |left, right| !left.iter().any(|item| contains(right, item))),
        Operator::Contains => match (left, right) {
            (Value::Str(left), Value::Str(right)) => left.contains(&**right),
            (left, right) => items(left).is_some_and(|list| contains(list, right)),
        },
        Operator::Size => right.as_i64().is_some_and(|size| size_of(left) == usize::try_from(size).ok()),
        Operator::Empty => {
            let Value::Bool(expected) = right else { return false };
            size_of(left).is_some_and(|size| (size == 0) == *expected)
        }
        Operator::NotEqual | Operator::SameTypeNotEqual | Operator::NotIn | Operator::Matches => false,
    }
}

fn both_lists(left: &Value, right: &Value, holds: impl Fn(&[Value], &[Value]) -> bool) -> bool {
    match (items(left), items(right)) {
        (Some(left), Some(right)) => holds(left, right),
        _ => false,
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn contains(list: &[Value], item: &Value) -> bool {
    list.iter().any(|known| equal(known, item))
}

fn size_of(value: &Value) -> Option<usize> {
    match value {
        // Java counts the units of UTF-16.
        Value::Str(text) => Some(text.encode_utf16().count()),
        other => len(other),
    }
}

/// Kinds that `===` tells apart.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Str(_) => 2,
        Value::Array(_) | Value::Map(_) | Value::Struct(_) => 3,
        other if number(other).is_some() => 4,
        _ => 5,
    }
}

/// A number of any class.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::F64(number) => Some(*number),
        // As its shortest text reads, so that 0.1 is 0.1.
        Value::F32(number) => number.to_string().parse().ok(),
        Value::Decimal(number) => Some(number.to_f64()),
        other => other.as_i64().map(|number| number as f64),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(_) => Some(value.to_string()),
        other if number(other).is_some() => Some(other.to_string()),
        _ => None,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Some(left.cmp(&right));
    }
    match (left, right) {
        (Value::Str(left), Value::Str(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        _ => {
            let (approximate, other) = (number(left)?, number(right)?);
            let exact = || Some(compare_exactly(&decimal(left)?, &decimal(right)?));
            // Near each other, or where they may not be whole doubles, numbers are compared digit by digit.
            if (approximate - other).abs() <= approximate.abs() * 1e-9 {
                return exact().or_else(|| approximate.partial_cmp(&other));
            }
            approximate.partial_cmp(&other)
        }
    }
}

/// A number digit by digit; `None` of what is none, or has too many digits.
fn decimal(value: &Value) -> Option<Decimal> {
    const MAX_SCALE: u32 = 1000;
    let decimal = match value {
        Value::Decimal(number) => (**number).clone(),
        Value::F32(number) => number.to_string().parse().ok()?,
        Value::F64(number) => number.to_string().parse().ok()?,
        other => Decimal::new(other.as_i64()?, 0),
    };
    (decimal.scale().unsigned_abs() <= MAX_SCALE).then_some(decimal)
}

fn compare_exactly(left: &Decimal, right: &Decimal) -> Ordering {
    let scale = left.scale().max(right.scale());
    let unscaled = |number: &Decimal| {
        let power = u32::try_from(scale - number.scale()).unwrap_or(0);
        number.unscaled() * BigInt::from(10).pow(power)
    };
    unscaled(left).cmp(&unscaled(right))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Str(left), Value::Str(right)) => left == right,
        // The side on the left decides what the other is read as.
        (Value::Str(left), right) => number(right).is_some() && text(right).is_some_and(|right| right == **left),
        (left, Value::Str(right)) => match right.parse::<Decimal>() {
            Ok(right) => compare(left, &Value::Decimal(Arc::new(right))) == Some(Ordering::Equal),
            Err(_) => false,
        },
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| equal(left, right))
        }
        (left, right) if is_object(left) && is_object(right) => same_members(left, right),
        (left, right) => compare(left, right) == Some(Ordering::Equal),
    }
}

fn same_members(left: &Value, right: &Value) -> bool {
    let (left, right) = (members(left), members(right));
    left.len() == right.len()
        && left.iter().all(|(name, value)| right.iter().any(|(other, theirs)| name == other && equal(value, theirs)))
}

fn members(of: &Value) -> Vec<(String, &Value)> {
    match of {
        Value::Map(map) => map.iter().map(|(name, value)| (name.to_string(), value)).collect(),
        Value::Struct(value) => value
            .schema()
            .fields()
            .map(|fields| fields.map(|field| (field.name.to_string(), value.get_field(field))).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}
