//! Behaviour of the converter as a whole that the golden files do not show.

use bytes::Bytes;
use milena_api::config::ConfigMap;
use milena_api::converter::{Converter, ConverterRole};
use milena_api::data::{SchemaAndValue, Value};

use super::JsonConverter;

fn converter(settings: &[(&str, &str)]) -> JsonConverter {
    let mut converter = JsonConverter::default();
    let config: ConfigMap = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    converter.configure(&config, ConverterRole::Value).unwrap();
    converter
}

fn read(converter: &mut JsonConverter, text: &str) -> SchemaAndValue {
    converter.to_connect_data("t", Some(Bytes::copy_from_slice(text.as_bytes()))).unwrap()
}

#[test]
fn texts_are_slices_of_the_input_and_repeated_names_are_shared() {
    let mut converter = converter(&[("schemas.enable", "false")]);
    let input = Bytes::from_static(b"{\"name\":\"some text\",\"escaped\":\"a\\tb\"}");
    let range = input.as_ptr_range();
    // The names are kept from the second record on.
    converter.to_connect_data("t", Some(input.clone())).unwrap();
    let one = converter.to_connect_data("t", Some(input.clone())).unwrap();
    let two = converter.to_connect_data("t", Some(input)).unwrap();
    let (Value::Map(one), Value::Map(two)) = (one.value, two.value) else { panic!("no maps") };
    let text = one.get_str("name").and_then(Value::as_str).unwrap();
    assert!(range.contains(&text.as_ptr()));
    assert_eq!(one.get_str("escaped"), Some(&Value::from("a\tb")));
    let key = |map: &milena_api::data::Map| map.iter().next().and_then(|(k, _)| k.as_str().map(str::as_ptr));
    assert_eq!(key(&one), key(&two));
}

#[test]
fn records_with_the_same_schema_text_share_the_schema() {
    let mut converter = converter(&[]);
    let record = |n: i32| format!("{{\"schema\":{{\"type\":\"int32\",\"name\":\"n\"}},\"payload\":{n}}}");
    let first = read(&mut converter, &record(1));
    let other = read(&mut converter, "{\"payload\":\"x\",\"schema\":{\"type\":\"string\"}}");
    let third = read(&mut converter, &record(3));
    let fourth = read(&mut converter, &record(4));
    let (first, third, fourth) = (first.schema.unwrap(), third.schema.unwrap(), fourth.schema.unwrap());
    assert!(first.same(&third) && third.same(&fourth));
    assert_eq!(other.value, Value::from("x"));
}

#[test]
fn a_payload_that_looks_like_the_schema_is_data() {
    let mut converter = converter(&[]);
    let text = "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"string\"},\"values\":{\"type\":\"string\"}},\
                \"payload\":{\"type\":\"string\"}}";
    for _ in 0..2 {
        assert_eq!(read(&mut converter, text).value.to_string(), "{type=string}");
    }
    let text = "{\"schema\":{\"type\":\"string\"},\"payload\":{\"type\":\"string\"}}";
    for _ in 0..2 {
        assert_eq!(read(&mut converter, text).value, Value::Null);
    }
}

#[test]
fn the_deepest_document_is_read_written_and_dropped() {
    let mut converter = converter(&[("schemas.enable", "false")]);
    let text = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let value = read(&mut converter, &text);
    let written = converter.from_connect_data("t", None, &value.value).unwrap().unwrap();
    assert_eq!(written, text.as_bytes());
}

/// A fixed sequence that looks random.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

#[test]
fn damaged_documents_give_errors_or_values_and_what_is_read_can_be_written() {
    let seeds: [&[u8]; 4] = [
        b"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"},{\"type\":\"array\",\"items\":\
          {\"type\":\"string\"},\"optional\":true,\"field\":\"b\"}]},\"payload\":{\"a\":1,\"b\":[\"x\"]}}",
        b"{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int8\"},\"values\":{\"type\":\"bytes\"},\"default\":[[1,\"AQ==\"]]},\"payload\":null}",
        "{\"a\":[1,-2.5e3,true,null,\"\\u00e9\\ud83d\\ude00é😀\"],\"b\":{\"c\":{}}}".as_bytes(),
        b"\xff\xfe{\0}\0",
    ];
    let mut noise = Noise(7);
    for round in 0..20_000 {
        let mut converter = converter(&[("schemas.enable", if round % 2 == 0 { "true" } else { "false" })]);
        let mut text = seeds[round % seeds.len()].to_vec();
        for _ in 0..=noise.next(4) {
            let at = noise.next(text.len());
            match noise.next(3) {
                0 => text[at] = noise.next(256) as u8,
                1 => text.truncate(at.max(1)),
                _ => text.insert(at, b"{}[]\",:\\0-e"[noise.next(11)]),
            }
        }
        // The second time the schema's text is known.
        for _ in 0..2 {
            if let Ok(read) = converter.to_connect_data("t", Some(Bytes::from(text.clone()))) {
                converter.from_connect_data("t", read.schema.as_ref(), &read.value).unwrap();
            }
        }
    }
}
