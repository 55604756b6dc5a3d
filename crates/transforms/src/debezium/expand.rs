//! `Expander`: makes structs of JSON texts, with a schema inferred from the text.
//!
//! Counterpart: `io.debezium.transforms.outbox.JsonSchemaData`.

use std::mem::{Discriminant, discriminant};

use milena_api::data::{Field, Schema, SchemaBuilder, Str, Struct, Type, Value};

use super::adjust::Adjust;
use super::json::{self, Node};
use crate::structs;

/// Schemas kept, so that texts of one shape share one schema object.
const CAPACITY: usize = 16;

/// Expands texts.
#[derive(Default)]
pub(super) struct Expander {
    inference: Inference,
    /// Schemas of the last shapes, the one used last first.
    shapes: Vec<Schema>,
}

/// Objects of an array that have nothing in common have all fields of all of them, so that a small text could take all memory: such a text stays one.
const MAX_SHAPES: usize = 300;
const MAX_FIELDS: usize = 4_000_000;
const TOO_MANY: usize = usize::MAX;

/// What a schema is inferred by.
#[derive(Default)]
struct Inference {
    /// Whether a null becomes optional BYTES; else it is left out.
    null_as_bytes: bool,
    names: Adjust,
}

/// What became of a text. Java changes schema and value one after the other: where the second step fails, the schema is new all the same.
pub(super) enum Expanded {
    /// It is no JSON, or none that a schema can be inferred of.
    Unchanged,
    /// There is a schema (or, of an empty array, none), but no value of it.
    SchemaOnly(Option<Schema>),
    /// Schema and value.
    Both(Schema, Value),
}

impl Expander {
    pub(super) fn new(null_as_bytes: bool, names: Adjust) -> Self {
        Expander { inference: Inference { null_as_bytes, names }, shapes: Vec::new() }
    }

    /// Expands a text; `name` is what the schema is called. Texts in the result share the buffer of `text` where they can.
    pub(super) fn expand(&mut self, name: &str, text: &Str) -> Expanded {
        let Some(document) = json::parse(text) else { return Expanded::Unchanged };
        let schema = match self.known(&document) {
            Some(schema) => schema,
            None => match self.inference.schema(Some(name), &document) {
                Err(NoSchema) => return Expanded::Unchanged,
                Ok(None) => return Expanded::SchemaOnly(None),
                Ok(Some(schema)) => self.keep(schema),
            },
        };
        // Only an object can be expanded; the schema of an array is set in Java before it finds out.
        let mut left = MAX_FIELDS;
        let value = match &document {
            Node::Object(_) => convert(&document, &schema, text, &mut left),
            _ => None,
        };
        if left == TOO_MANY {
            return Expanded::Unchanged;
        }
        match value {
            Some(value) => Expanded::Both(schema, value),
            None => Expanded::SchemaOnly(Some(schema)),
        }
    }

    /// The schema of an earlier document of the same shape.
    fn known(&mut self, document: &Node<'_>) -> Option<Schema> {
        let at = self.shapes.iter().position(|schema| self.inference.is_shape_of(schema, document))?;
        self.shapes[..=at].rotate_right(1);
        self.shapes.first().cloned()
    }

    fn keep(&mut self, schema: Schema) -> Schema {
        match self.shapes.iter().position(|known| *known == schema) {
            Some(at) => self.shapes[..=at].rotate_right(1),
            None => {
                self.shapes.truncate(CAPACITY - 1);
                self.shapes.insert(0, schema.clone());
            }
        }
        self.shapes.first().cloned().unwrap_or(schema)
    }
}

/// There is no schema for such a document.
struct NoSchema;

impl Inference {
    /// The schema of a node; `None` where a field of it is left out. `path` names the structs in it, unless it is inside of an array of arrays.
    fn schema(&self, path: Option<&str>, node: &Node<'_>) -> Result<Option<Schema>, NoSchema> {
        Ok(Some(match node {
            Node::Text(_) => Schema::optional_string(),
            Node::Bool(_) => Schema::optional_boolean(),
            Node::Int(_) => Schema::optional_int32(),
            Node::Long(_) => Schema::optional_int64(),
            Node::Big | Node::Double(_) => Schema::optional_float64(),
            Node::Null if self.null_as_bytes => Schema::optional_bytes(),
            Node::Null => return Ok(None),
            Node::Array(items) if items.is_empty() => return Ok(None),
            Node::Array(items) => {
                let element = self.element(path, items)?;
                SchemaBuilder::array(element).optional().build().map_err(|_| NoSchema)?
            }
            Node::Object(fields) => {
                let mut builder = SchemaBuilder::structure().optional();
                if let Some(path) = path {
                    builder = builder.name(path);
                }
                let prefix = path.filter(|path| !super::options::java_trim(path).is_empty());
                for (name, node) in fields {
                    let name = self.names.field_name(name);
                    let place = prefix.map_or_else(|| name.to_string(), |prefix| format!("{prefix}.{name}"));
                    if let Some(schema) = self.schema(Some(&place), node)?
                        && !builder.has_field(&name)
                    {
                        builder = builder.field(&*name, schema);
                    }
                }
                builder.build().map_err(|_| NoSchema)?
            }
        }))
    }

    /// The schema of the elements of an array: the first that is not null decides the kind; objects may differ and are merged.
    fn element(&self, path: Option<&str>, items: &[Node<'_>]) -> Result<Schema, NoSchema> {
        let mut present = items.iter().filter(|item| **item != Node::Null);
        let Some(first) = present.next() else { return self.schema(None, &Node::Null)?.ok_or(NoSchema) };
        let kind = kind(first);
        for item in present {
            // Numbers of two sizes are two kinds; Java tells them apart by their schemas.
            if self::kind(item) != kind {
                return Err(NoSchema);
            }
        }
        if !matches!(first, Node::Object(_)) {
            return self.schema(None, first)?.ok_or(NoSchema);
        }
        let mut merged: Option<Schema> = None;
        let mut seen: Vec<Schema> = Vec::new();
        for item in items.iter().filter(|item| matches!(item, Node::Object(_))) {
            let Some(schema) = self.schema(path, item)? else { continue };
            if seen.contains(&schema) {
                continue;
            }
            if seen.len() == MAX_SHAPES {
                return Err(NoSchema);
            }
            merged = Some(match merged {
                None => schema.clone(),
                Some(left) => merge(&left, &schema).ok_or(NoSchema)?,
            });
            seen.push(schema);
        }
        merged.ok_or(NoSchema)
    }

    /// True if `schema` is surely what a node's schema would be, given that the names of structs fit. Cheaper than to make one.
    fn is_shape_of(&self, schema: &Schema, node: &Node<'_>) -> bool {
        match node {
            Node::Object(entries) => {
                // A struct merged of several shapes is not optional.
                if self.names != Adjust::None || schema.ty() != Type::Struct || !schema.is_optional() {
                    return false;
                }
                let mut index = 0;
                for (name, node) in entries {
                    if matches!(node, Node::Null) && !self.null_as_bytes {
                        continue;
                    }
                    if matches!(node, Node::Array(items) if items.is_empty()) {
                        continue;
                    }
                    let Some(field) = schema.field_at(index) else { return false };
                    if field.name != **name || !self.is_shape_of(&field.schema, node) {
                        return false;
                    }
                    index += 1;
                }
                index == schema.field_count()
            }
            Node::Array(items) => {
                let Ok(Some(element)) = schema.value_schema() else { return false };
                !items.is_empty() && items.iter().all(|item| self.is_shape_of(element, item))
            }
            Node::Null => self.null_as_bytes && schema.ty() == Type::Bytes,
            Node::Bool(_) => schema.ty() == Type::Boolean,
            Node::Int(_) => schema.ty() == Type::Int32,
            Node::Long(_) => schema.ty() == Type::Int64,
            Node::Big | Node::Double(_) => schema.ty() == Type::Float64,
            Node::Text(_) => schema.ty() == Type::String,
        }
    }
}

/// What the elements of an array have to have in common.
fn kind(node: &Node<'_>) -> Discriminant<Node<'static>> {
    discriminant(&match node {
        Node::Null => Node::Null,
        Node::Bool(_) => Node::Bool(true),
        Node::Int(_) => Node::Int(0),
        Node::Long(_) => Node::Long(0),
        Node::Big | Node::Double(_) => Node::Big,
        Node::Text(_) => Node::Text("".into()),
        Node::Array(_) => Node::Array(Vec::new()),
        Node::Object(_) => Node::Object(indexmap::IndexMap::new()),
    })
}

/// The fields of both; of two of one name the first, unless only the second is more than a null.
fn merge(left: &Schema, right: &Schema) -> Option<Schema> {
    let mut builder = structs::basics(left, SchemaBuilder::structure());
    let of_right = |name: &str| right.field(name).ok().flatten();
    for field in left.fields().ok()? {
        let chosen = match of_right(&field.name) {
            Some(other) if field.schema.ty() == Type::Bytes && other.schema.ty() != Type::Bytes => other,
            _ => field,
        };
        builder = builder.field(chosen.name.clone(), chosen.schema.clone());
    }
    for field in right.fields().ok()?.filter(|field| matches!(left.field(&field.name), Ok(None))) {
        builder = builder.field(field.name.clone(), field.schema.clone());
    }
    builder.build().ok()
}

/// The value of a node; `None` if the schema does not allow it, or there would be more than `left` fields.
fn convert(node: &Node<'_>, schema: &Schema, whole: &Str, left: &mut usize) -> Option<Value> {
    Some(match (node, schema.ty()) {
        (Node::Null, _) => return schema.is_optional().then_some(Value::Null),
        (Node::Bool(value), Type::Boolean) => Value::Bool(*value),
        (Node::Int(value), Type::Int32) => Value::I32(*value),
        (Node::Long(value), Type::Int64) => Value::I64(*value),
        (Node::Double(value), Type::Float64) => Value::F64(*value),
        (Node::Text(text), Type::String) => Value::Str(match text {
            std::borrow::Cow::Borrowed(text) => whole.slice_ref(text),
            std::borrow::Cow::Owned(text) => Str::from(text.as_str()),
        }),
        (Node::Array(items), Type::Array) => {
            let element = schema.value_schema().ok()??;
            Value::array(items.iter().map(|item| convert(item, element, whole, left)).collect::<Option<_>>()?)
        }
        (Node::Object(entries), Type::Struct) => {
            let Some(rest) = left.checked_sub(schema.field_count()) else {
                *left = TOO_MANY;
                return None;
            };
            *left = rest;
            let field = |field: &Field| match entries.get(field.name.as_str()) {
                Some(node) => convert(node, &field.schema, whole, left),
                None => Some(Value::Null),
            };
            let values = schema.fields().ok()?.map(field).collect::<Option<_>>()?;
            Value::structure(Struct::from_values(schema.clone(), values))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_without_anything_in_common_stay_a_text() {
        for count in [301, 30_000] {
            let items: Vec<String> = (0..count).map(|n| format!("{{\"k{n}\":0}}")).collect();
            let text = format!("{{\"a\":[{}]}}", items.join(","));
            let expanded = Expander::new(false, Adjust::None).expand("payload", &Str::from(text));
            assert!(matches!(expanded, Expanded::Unchanged));
        }
        let items: Vec<String> = (0..290).map(|n| format!("{{\"k{n}\":0}}")).collect();
        let lists: Vec<String> = (0..60).map(|n| format!("\"l{n}\":[{}]", items.join(","))).collect();
        let text = format!("{{{}}}", lists.join(","));
        let expanded = Expander::new(false, Adjust::None).expand("payload", &Str::from(text));
        assert!(matches!(expanded, Expanded::Unchanged));
    }

    fn expand(expander: &mut Expander, text: &str) -> (Schema, Value) {
        match expander.expand("payload", &Str::from(text)) {
            Expanded::Both(schema, value) => (schema, value),
            _ => panic!("{text} is not expanded"),
        }
    }

    #[test]
    fn texts_of_one_shape_share_one_schema_object() {
        let mut expander = Expander::default();
        let (first, _) = expand(&mut expander, r#"{"a":1,"b":[{"c":"x"}],"n":null}"#);
        let (other, _) = expand(&mut expander, r#"{"a":1.5}"#);
        let (second, value) = expand(&mut expander, r#"{"a":2,"n":null,"b":[{"c":"y"},{"c":"z"}]}"#);
        assert!(first.same(&second));
        assert!(!first.same(&other));
        assert_eq!(value.to_string(), "Struct{a=2,b=[Struct{c=y}, Struct{c=z}]}");
    }

    #[test]
    fn objects_of_an_array_are_merged_in_the_order_in_which_their_fields_come() {
        let mut expander = Expander::default();
        let (schema, value) = expand(&mut expander, r#"{"l":[{"b":1},{"a":"x","b":2},{"c":true}]}"#);
        let element = schema.field("l").unwrap().unwrap().schema.value_schema().unwrap().unwrap().clone();
        let names: Vec<_> = element.fields().unwrap().map(|field| field.name.to_string()).collect();
        assert_eq!(names, ["b", "a", "c"]);
        assert_eq!(value.to_string(), "Struct{l=[Struct{b=1}, Struct{b=2,a=x}, Struct{c=true}]}");
        // The same again, as a shape that is known is not taken for the merged one.
        assert!(expand(&mut expander, r#"{"l":[{"b":1},{"a":"x","b":2},{"c":true}]}"#).0.same(&schema));
    }

    #[test]
    fn deep_texts_do_not_use_the_stack_up() {
        let mut expander = Expander::new(true, Adjust::None);
        for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("{\"a\":[", "]}")] {
            for depth in [json::DEPTH - 1, 100_000] {
                let depth = depth / open.matches(['{', '[']).count();
                let text = format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth));
                for _ in 0..2 {
                    let expanded = expander.expand("payload", &Str::from(text.as_str()));
                    assert_eq!(matches!(expanded, Expanded::Unchanged), depth > json::DEPTH, "{open} {depth}");
                }
            }
        }
    }
}
