//! The data model: texts to values, conversions, projections, checks.

use milena_api::data::{Schema, Str, Value, project, validate_value, values};
use serde_json::{Value as Json, json};

use crate::values::{schema, schema_json, text, value, value_json};
use crate::{Answer, Unsupported};

pub(crate) fn answer(case: &Json) -> Result<Answer, Unsupported> {
    let given = schema(&case["schema"])?;
    let answer = match text(case, "op") {
        "parse_string" => {
            let parsed = values::parse_string(&Str::from(text(case, "text")));
            match (&parsed.schema, &parsed.value) {
                (None, Value::Null) => Ok(Json::Null),
                (schema, value) => {
                    Ok(json!({"schema": schema_json(schema.as_ref()), "value": value_json(value, schema.as_ref())}))
                }
            }
        }
        "convert" => {
            let value = value(&case["value"], given.as_ref())?;
            convert(case, given.as_ref(), &value)?
        }
        "schema_project" => {
            let (Some(source), Some(target)) = (&given, schema(&case["target"])?) else {
                return Err(Unsupported("projection without schema".to_owned()));
            };
            let value = value(&case["value"], Some(source))?;
            project(source, &value, &target).map(|projected| value_json(&projected, Some(&target)))
        }
        "validate_value" => {
            let value = value(&case["value"], given.as_ref())?;
            validate_value(given.as_ref(), &value).map(|()| json!(true))
        }
        other => return Err(Unsupported(format!("op {other}"))),
    };
    Ok(answer.map_err(|error| (&error).into()))
}

fn convert(case: &Json, schema: Option<&Schema>, value: &Value) -> Result<milena_api::Result<Json>, Unsupported> {
    let scale = case["scale"].as_i64().unwrap_or(0) as i32;
    let converted = match text(case, "to") {
        "string" => values::convert_to_string(value).map(|text| text.map_or(Value::Null, Value::Str)),
        "boolean" => values::convert_to_boolean(schema, value),
        "byte" => values::convert_to_byte(schema, value),
        "short" => values::convert_to_short(schema, value),
        "integer" => values::convert_to_integer(schema, value),
        "long" => values::convert_to_long(schema, value),
        "float" => values::convert_to_float(schema, value),
        "double" => values::convert_to_double(schema, value),
        "list" => values::convert_to_list(schema, value),
        "map" => values::convert_to_map(schema, value),
        "struct" => values::convert_to_struct(schema, value),
        "date" => values::convert_to_date(schema, value),
        "time" => values::convert_to_time(schema, value),
        "timestamp" => values::convert_to_timestamp(schema, value),
        "decimal" => values::convert_to_decimal(schema, value, scale),
        "infer_schema" => {
            return Ok(values::infer_schema(value).map(|schema| schema_json(schema.as_ref())));
        }
        other => return Err(Unsupported(format!("conversion to {other}"))),
    };
    Ok(converted.map(|value| value_json(&value, None)))
}
