use super::*;

fn text(text: &str) -> String {
    let parsed = parse_string(&Str::from(text));
    match parsed.schema {
        None => format!("{} {}", "none", parsed.value),
        Some(schema) => format!("{} {}", shape(&schema), parsed.value),
    }
}

fn shape(schema: &Schema) -> String {
    let child = |schema: Option<&Schema>| schema.map_or("null".to_owned(), shape);
    match schema.ty() {
        Type::Array => format!("ARRAY<{}>", child(schema.value_schema().unwrap())),
        Type::Map => format!("MAP<{},{}>", child(schema.key_schema().unwrap()), child(schema.value_schema().unwrap())),
        ty => match schema.logical() {
            Some(logical) => format!("{logical:?}"),
            None => ty.to_string(),
        },
    }
}

#[test]
fn numbers_take_the_smallest_class() {
    for (input, expected) in [
        ("1", "INT8 1"),
        ("-129", "INT16 -129"),
        ("2147483648", "INT64 2147483648"),
        ("9223372036854775808", "Decimal 9223372036854775808"),
        ("10000000000000000000.0", "FLOAT32 1.0E19"),
        ("1e5", "INT32 100000"),
        ("1.23456789012345", "FLOAT32 1.2345679"),
        ("3.5e38", "FLOAT64 3.5E38"),
        ("1E400", "Decimal 1E+400"),
        ("1e-400", "FLOAT32 0.0"),
        ("1.", "INT8 1"),
        (".5", "STRING .5"),
        ("5abc", "STRING 5abc"),
        ("٣", "INT8 3"),
        ("1:2", "INT8 1"),
        ("1e99999999", "Decimal 1E+99999999"),
        ("0e99999999999", "STRING 0e99999999999"),
        ("192.168.0.1:80", "STRING 192.168.0.1:80"),
    ] {
        assert_eq!(text(input), expected, "{input}");
    }
}

#[test]
fn lists_and_maps_take_a_common_schema_or_stay_texts() {
    for (input, expected) in [
        ("[1,2,300]", "ARRAY<INT16> [1, 2, 300]"),
        ("[1, \"a\"]", "ARRAY<null> [1, a]"),
        ("[]", "ARRAY<null> []"),
        ("[1,null]", "STRING [1,null]"),
        ("[1,]", "ARRAY<INT8> [1]"),
        ("[1 2]", "STRING [1 2]"),
        ("[1,2]trail", "ARRAY<INT8> [1, 2]"),
        ("[[1],[\"a\"]]", "ARRAY<ARRAY<STRING>> [[1], [a]]"),
        ("{\"a\":\"x\" \"b\":\"y\"}", "MAP<STRING,STRING> {a=x, b=y}"),
        ("{\"a\":1,\"b\":null}", "STRING {\"a\":1,\"b\":null}"),
        ("{1:2,300:4}", "MAP<INT16,INT8> {1=2, 300=4}"),
        ("{1:\"a\",\"b\":2}", "MAP<null,null> {1=a, b=2}"),
        ("{\"a\":null}", "MAP<STRING,null> {a=null}"),
        ("{null:3}", "STRING {null:3}"),
        ("{true: false, false: true}", "MAP<BOOLEAN,BOOLEAN> {true=false, false=true}"),
        ("null", "none null"),
        (" true ", "BOOLEAN true"),
        ("true}", "STRING true}"),
    ] {
        assert_eq!(text(input), expected, "{input}");
    }
}

#[test]
fn dates_are_told_by_their_length() {
    assert_eq!(parse_string(&Str::from("14:34:54.346Z,foo")).value, Value::Date(52_494_346));
    assert_eq!(parse_string(&Str::from("14\\:34\\:54.346Z")).value, Value::Date(52_494_346));
    assert_eq!(parse_string(&Str::from("2019-13-45")).value, Value::Date(1_581_638_400_000));
    assert_eq!(text("2019-8-23"), "STRING 2019-8-23");
    assert_eq!(text("[5,2019-08-23]").split(' ').next(), Some("ARRAY<Date>"));
}
