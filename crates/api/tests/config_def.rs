//! Definitions, validators, validation and embedding. The texts are those that Kafka's own classes gave for the same cases.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failure of the test"
)]

use milena_api::config::{
    ConfigDef, ConfigError, ConfigInput, ConfigKey, ConfigMap, ConfigValue, DistinctList, Importance, Parsed,
    ParsedConfig, Recommender, Type, Validator, fixed_values,
};

fn list(items: &[&str]) -> Parsed {
    Parsed::List(items.iter().map(|&item| item.to_owned()).collect())
}

fn text(value: &str) -> Parsed {
    Parsed::from(value)
}

fn map(entries: &[(&str, &str)]) -> ConfigMap {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn input(entries: &[(&str, Option<&str>)]) -> ConfigInput {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.map(str::to_owned))).collect()
}

/// What a validator says of a value of key `k`; empty if it is content.
fn verdict(validator: &Validator, value: &Parsed) -> String {
    validator.ensure_valid("k", value).err().map(|error| error.to_string()).unwrap_or_default()
}

fn check(validator: impl Into<Validator>, shown: &str, cases: &[(Parsed, &str)]) {
    let validator = validator.into();
    assert_eq!(validator.to_string(), shown);
    for (value, expected) in cases {
        assert_eq!(verdict(&validator, value), *expected, "{shown} on {value:?}");
    }
}

fn errors<'a>(values: &'a [ConfigValue], name: &str) -> Vec<&'a str> {
    let value = values.iter().find(|value| value.name == name).expect("an answer for the key");
    value.errors.iter().map(String::as_str).collect()
}

#[test]
fn ranges_compare_numbers_and_refuse_null() {
    check(
        Validator::at_least(1),
        "[1,...]",
        &[
            (Parsed::Int(0), "Invalid value 0 for configuration k: Value must be at least 1"),
            (Parsed::Int(1), ""),
            (Parsed::Long(2), ""),
            (Parsed::Null, "Invalid value null for configuration k: Value must be non-null"),
        ],
    );
    check(
        Validator::between(0.5, 1),
        "[0.5,...,1]",
        &[
            (Parsed::Double(0.4), "Invalid value 0.4 for configuration k: Value must be at least 0.5"),
            (Parsed::Double(0.5), ""),
            (Parsed::Double(1.5), "Invalid value 1.5 for configuration k: Value must be no more than 1"),
        ],
    );
    check(
        Validator::at_least(0.0),
        "[0.0,...]",
        &[(Parsed::Double(-1.0), "Invalid value -1.0 for configuration k: Value must be at least 0.0")],
    );
    check(Validator::at_most(10), "[...,10]", &[(Parsed::Int(10), "")]);
}

#[test]
fn sets_of_texts_name_what_is_allowed() {
    check(
        Validator::one_of(["a", "b"]),
        "[a, b]",
        &[
            (text("a"), ""),
            (text("c"), "Invalid value c for configuration k: String must be one of: a, b"),
            (Parsed::Null, "Invalid value null for configuration k: String must be one of: a, b"),
        ],
    );
    check(
        Validator::one_of_ignoring_case(["requested", "REQUIRED"]),
        "(case insensitive) [REQUIRED, REQUESTED]",
        &[
            (text("Required"), ""),
            (
                text("c"),
                "Invalid value c for configuration k: String must be one of (case insensitive): REQUIRED, REQUESTED",
            ),
        ],
    );
    check(
        Validator::one_of_ignoring_case(["poll", "interval", "connector"]),
        "(case insensitive) [INTERVAL, POLL, CONNECTOR]",
        &[],
    );
    let many = "only_scan hybrid_warn hybrid_fail service_load z1 z2 z3 z4 z5 z6 z7 z8 z9";
    check(
        Validator::one_of_ignoring_case(many.split(' ')),
        "(case insensitive) [ONLY_SCAN, SERVICE_LOAD, HYBRID_FAIL, Z1, Z2, Z3, HYBRID_WARN, Z4, Z5, Z6, Z7, Z8, Z9]",
        &[],
    );
}

#[test]
fn lists_are_checked_for_null_emptiness_repeats_and_items() {
    check(
        DistinctList::of(["a", "b"]).or_empty(),
        "[a, b]",
        &[
            (list(&[]), ""),
            (list(&["a"]), ""),
            (list(&["a", "a"]), "Configuration 'k' values must not be duplicated."),
            (list(&["a", ""]), "Configuration 'k' values must not be empty."),
            (list(&["c"]), "Invalid value c for configuration k: String must be one of: a, b"),
            (list(&["", "", ""]), "Configuration 'k' values must not be duplicated."),
            (Parsed::Null, "Configuration 'k' values must not be null."),
        ],
    );
    check(
        DistinctList::of(["a", "b"]),
        "[a, b]",
        &[(list(&[]), "Configuration 'k' must not be empty. Valid values include: [a, b]")],
    );
    check(
        DistinctList::any(),
        "",
        &[(list(&[]), "Configuration 'k' must not be empty. Valid values include: any non-empty value")],
    );
    check(
        DistinctList::any().or_empty().or_null(),
        "",
        &[(list(&[]), ""), (Parsed::Null, ""), (list(&[""]), "Configuration 'k' values must not be empty.")],
    );
    check(
        Validator::list_size(2),
        "List containing maximum of 2 elements",
        &[
            (list(&["a", "b", "c"]), "Invalid value [a, b, c] for configuration k: exceeds maximum list size of [2]."),
            (list(&["a", "b"]), ""),
        ],
    );
    check(
        Validator::non_empty_list(),
        "non-empty list",
        &[
            (list(&[]), "Invalid value [] for configuration k: Empty list"),
            (Parsed::Null, "Invalid value null for configuration k: Empty list"),
            (list(&["a"]), ""),
        ],
    );
}

#[test]
fn texts_are_checked_for_null_emptiness_and_control_characters() {
    check(
        Validator::non_null(),
        "non-null string",
        &[(text("a"), ""), (Parsed::Null, "Invalid value null for configuration k: entry must be non null")],
    );
    check(
        Validator::non_empty_string(),
        "non-empty string",
        &[(text(""), "Invalid value  for configuration k: String must be non-empty"), (Parsed::Null, "")],
    );
    check(
        Validator::non_empty_string_without_control_chars(),
        "non-empty string without ISO control characters",
        &[
            (text(""), "Invalid value  for configuration k: String may not be empty"),
            (
                text("a\nb\u{7}\u{85}"),
                "Invalid value a\nb\u{7}\u{85} for configuration k: String may not contain control sequences but had the \
                 following ASCII chars: 10, 7, 133",
            ),
            (Parsed::Null, ""),
        ],
    );
    check(
        Validator::regex(),
        "valid regex",
        &[
            (text("a.*"), ""),
            (text("("), "Invalid value ( for configuration k: Invalid regex: Unclosed group near index 1\n("),
        ],
    );
}

#[test]
fn the_first_of_several_validators_that_refuses_speaks() {
    check(
        Validator::all([Validator::non_null(), Validator::non_empty_string()]),
        "non-null string, non-empty string",
        &[
            (Parsed::Null, "Invalid value null for configuration k: entry must be non null"),
            (text(""), "Invalid value  for configuration k: String must be non-empty"),
            (text("a"), ""),
        ],
    );
}

#[test]
fn a_secret_is_hidden_in_what_a_validator_says() {
    let key = ConfigKey::new("p", Type::Password)
        .validator(|name: &str, value: &Parsed| Err(ConfigError::invalid(name, value, "too short")));
    let values = ConfigDef::of([key]).unwrap().validate(&input(&[("p", Some("hunter2"))]));
    assert_eq!(errors(&values, "p"), ["Invalid value [hidden] for configuration p: too short"]);
    assert_eq!(values[0].value.text().as_deref(), Some("[hidden]"));
    assert!(!format!("{values:?}").contains("hunter2"));
}

#[test]
fn a_definition_refuses_keys_that_cannot_be() {
    let refused = |keys: Vec<ConfigKey>| ConfigDef::of(keys).unwrap_err().to_string();
    let n = || ConfigKey::new("n", Type::Int);
    assert_eq!(refused(vec![n(), n()]), "Configuration n is defined twice.");
    assert_eq!(refused(vec![n().default("x")]), "Invalid value x for configuration n: Not a number of type INT");
    assert_eq!(
        refused(vec![n().default(0).validator(Validator::at_least(1))]),
        "Invalid value 0 for configuration n: Value must be at least 1"
    );
    assert_eq!(
        refused(vec![n().default_null().validator(Validator::at_least(1))]),
        "Invalid value null for configuration n: Value must be non-null"
    );
}

/// Three keys that go wrong in their own ways.
fn child() -> ConfigDef {
    ConfigDef::of([
        ConfigKey::new("n", Type::Int).default(1).validator(Validator::at_least(1)).importance(Importance::High),
        ConfigKey::new("l", Type::List).default("x").validator(DistinctList::any()).importance(Importance::High),
        ConfigKey::new("r", Type::String).importance(Importance::High),
    ])
    .unwrap()
}

#[test]
fn parsing_takes_repeats_out_of_a_list_and_validation_refuses_them() {
    let parsed = child().parse(&map(&[("n", "3"), ("l", "x,x , y"), ("r", " v "), ("unknown", "1")])).unwrap();
    assert_eq!(parsed.list("l").unwrap(), ["x", "y"]);
    assert_eq!(parsed.int("n").unwrap(), 3);
    assert_eq!(parsed.string("r").unwrap(), "v");
    assert_eq!(parsed.value("unknown").unwrap_err().to_string(), "Unknown configuration 'unknown'");

    let values = child().validate(&input(&[("l", Some("x,x , y")), ("r", Some("v"))]));
    assert_eq!(errors(&values, "l"), ["Configuration 'l' values must not be duplicated."]);
    assert_eq!(values[1].value, list(&["x", "x", "y"]));
}

#[test]
fn parsing_ends_at_the_first_error_in_the_order_of_definition() {
    let parsed = child().parse(&map(&[("l", ","), ("n", "x")]));
    assert_eq!(parsed.unwrap_err().to_string(), "Invalid value x for configuration n: Not a number of type INT");
    let parsed = child().parse(&map(&[]));
    assert_eq!(parsed.unwrap_err().to_string(), "Missing required configuration \"r\" which has no default value.");
}

#[test]
fn an_unparsable_value_is_also_validated_as_null() {
    let values = child().validate(&input(&[("n", Some("x")), ("r", None)]));
    assert_eq!(
        errors(&values, "n"),
        [
            "Invalid value x for configuration n: Not a number of type INT",
            "Invalid value null for configuration n: Value must be non-null"
        ]
    );
    assert!(errors(&values, "r").is_empty(), "null counts as set");
    assert!(values.iter().all(|value| value.visible));
}

#[test]
fn a_class_is_checked_and_named_in_full_by_the_resolver_alone() {
    let def = ConfigDef::of([ConfigKey::new("c", Type::Class)]).unwrap();
    let classes = |name: &str| (name == "Cast").then(|| "org.example.Cast".to_owned());
    let parse = |class: &str| def.parse_with(&map(&[("c", class)]), &classes);
    assert_eq!(parse(" Cast ").unwrap().string("c").unwrap(), "org.example.Cast");
    assert_eq!(
        parse("Kast").unwrap_err().to_string(),
        "Invalid value Kast for configuration c: Class Kast could not be found."
    );
    assert_eq!(def.parse(&map(&[("c", "Kast")])).unwrap().string("c").unwrap(), "Kast");
    assert_eq!(
        errors(&def.validate_with(&input(&[("c", Some("Kast"))]), &classes), "c"),
        ["Invalid value Kast for configuration c: Class Kast could not be found."]
    );
}

#[test]
fn dependents_are_checked_once_for_each_key_they_depend_on() {
    let def = ConfigDef::of([
        ConfigKey::new("a", Type::Int).dependents(["c", "d"]),
        ConfigKey::new("b", Type::Int).dependents(["c"]),
        ConfigKey::new("c", Type::Int),
    ])
    .unwrap();
    assert_eq!(
        def.parse(&map(&[("a", "1")])).unwrap_err().to_string(),
        "Some configurations in are referred in the dependents, but not defined: d"
    );
    let values = def.validate(&input(&[("a", Some("1"))]));
    assert_eq!(values[0].value, Parsed::Int(1));
    assert_eq!(errors(&values, "c"), ["Missing required configuration \"c\" which has no default value."; 2]);
    assert_eq!(errors(&values, "d"), ["d is referred in the dependents, but not defined."]);
    assert!(!values[3].visible);
}

#[test]
fn keys_that_depend_on_each_other_do_not_go_round() {
    let key = |name: &str, dependent: &str| ConfigKey::new(name, Type::Int).dependents([dependent]);
    let ring = ConfigDef::of([key("a", "b"), key("b", "a")]).unwrap();
    let values = ring.validate(&input(&[]));
    assert!(values.iter().all(|value| value.errors.is_empty() && value.value.is_null()));
    // With a way in, Kafka would go round for ever.
    let entered = ring.define(key("c", "a")).unwrap();
    assert_eq!(errors(&entered.validate(&input(&[])), "b").len(), 1);
}

/// Offers its own name and everything it sees; shown if `x` is set.
struct Witness;

impl Recommender for Witness {
    fn valid_values(&self, name: &str, parsed: &ParsedConfig) -> Result<Vec<Parsed>, ConfigError> {
        let seen: Vec<String> = parsed.iter().map(|(name, value)| format!("{name}={}", value.shown())).collect();
        Ok(vec![text(name), list(&seen.iter().map(String::as_str).collect::<Vec<_>>())])
    }

    fn visible(&self, _: &str, parsed: &ParsedConfig) -> Result<bool, ConfigError> {
        Ok(!parsed.value("x")?.is_null())
    }
}

#[test]
fn an_embedded_recommender_sees_its_own_names_only() {
    let child = ConfigDef::of([
        ConfigKey::new("x", Type::Int).default_null(),
        ConfigKey::new("y", Type::String).default_null().recommender(Witness),
    ])
    .unwrap();
    let def = ConfigDef::of([ConfigKey::new("o", Type::Int).default(1)]).unwrap().embed("p.", "P", 0, &child).unwrap();
    let values = def.validate(&input(&[("p.x", Some("4"))]));
    assert_eq!(values[2].name, "p.y");
    assert_eq!(values[2].recommended_values, [text("y"), list(&["x=4", "y=null"])]);
    assert!(values[2].visible);
    assert!(!def.validate(&input(&[]))[2].visible);
}

#[test]
fn an_error_of_a_recommender_is_one_of_the_key() {
    let failing = |_: &str, _: &ParsedConfig| Err(ConfigError::other("no values"));
    let def = ConfigDef::of([
        ConfigKey::new("y", Type::String).default_null().recommender(failing),
        ConfigKey::new("z", Type::String).default_null().recommender(fixed_values(["a", "b"])),
    ])
    .unwrap();
    let values = def.validate(&input(&[]));
    assert_eq!(errors(&values, "y"), ["no values"]);
    assert!(values[0].visible);
    assert_eq!(values[1].recommended_values, [text("a"), text("b")]);
}

#[test]
fn embedded_validators_name_the_short_key_and_parse_errors_the_full_one() {
    let def = ConfigDef::new().embed("t.a.", "T: a", 0, &child()).unwrap();
    let config = [("t.a.n", "0"), ("t.a.l", "x,x")];
    assert_eq!(
        def.parse(&map(&config)).unwrap_err().to_string(),
        "Missing required configuration \"t.a.r\" which has no default value."
    );
    let values = def.validate(&input(&config.map(|(key, value)| (key, Some(value)))));
    assert_eq!(errors(&values, "t.a.n"), ["Invalid value 0 for configuration n: Value must be at least 1"]);
    assert_eq!(errors(&values, "t.a.l"), ["Configuration 'l' values must not be duplicated."]);
    assert_eq!(errors(&values, "t.a.r"), ["Missing required configuration \"t.a.r\" which has no default value."]);
    let repeats = map(&[("t.a.l", "x,x"), ("t.a.r", "")]);
    assert_eq!(def.parse(&repeats).unwrap_err().to_string(), "Configuration 'l' values must not be duplicated.");
}

#[test]
fn embedding_numbers_the_keys_in_listing_order_and_nests_their_groups() {
    let high = |name: &str| ConfigKey::new(name, Type::Int).importance(Importance::High);
    let child = ConfigDef::of([
        high("z").default(1).importance(Importance::Low),
        high("b.req").importance(Importance::Low),
        high("y").default(1),
        high("g2a").default(1).group("G2", 2),
        high("g1a").default(1).group("G1", 1),
        high("g2b").group("G2", 1),
        high("g1c").default(1).group("G1", 1).importance(Importance::Medium),
        high("g1b").default(1).group("G1", 1).importance(Importance::Medium).display_name("B").dependents(["g1c"]),
    ])
    .unwrap();
    let def = ConfigDef::of([ConfigKey::new("own", Type::String)]).unwrap().embed("p.", "P", 7, &child).unwrap();
    let listed: Vec<String> = def
        .infos()
        .into_iter()
        .map(|key| {
            format!("{} {} {} {}", key.name, key.group.unwrap_or_default(), key.order_in_group, key.display_name)
        })
        .collect();
    assert_eq!(
        listed,
        [
            "own  -1 own",
            "p.b.req P 7 b.req",
            "p.y P 8 y",
            "p.z P 9 z",
            "p.g2b P: G2 10 g2b",
            "p.g2a P: G2 11 g2a",
            "p.g1a P: G1 12 g1a",
            "p.g1b P: G1 13 B",
            "p.g1c P: G1 14 g1c",
        ]
    );
    assert_eq!(def.groups(), ["P", "P: G2", "P: G1"]);
    assert_eq!(def.key("p.g1b").unwrap().info().dependents, ["p.g1c"]);
}

#[test]
fn the_texts_of_a_definition_are_those_of_rest() {
    let info = ConfigKey::new("tasks.max", Type::Int)
        .default(" 1 ")
        .importance(Importance::High)
        .doc("Most tasks.")
        .group("Common", 4)
        .info();
    assert_eq!((info.ty, info.required, info.default_value.as_deref()), ("INT", false, Some("1")));
    assert_eq!((info.importance, info.width, info.display_name.as_str()), ("HIGH", "NONE", "tasks.max"));
    let required = ConfigKey::new("k", Type::List).info();
    assert_eq!((required.required, required.default_value, required.order_in_group), (true, None, -1));
    let optional = ConfigKey::new("k", Type::List).default_null().info();
    assert_eq!((optional.required, optional.default_value), (false, None));
    assert_eq!(ConfigKey::new("k", Type::List).default("a , b").info().default_value.as_deref(), Some("a,b"));
}

#[test]
fn redefining_changes_one_key_in_its_place() {
    let def = child().redefine("n", |key| key.default(5)).unwrap();
    assert_eq!(def.names().collect::<Vec<_>>(), ["n", "l", "r"]);
    assert_eq!(def.key("n").unwrap().default_parsed(), Some(&Parsed::Int(5)));
    assert!(child().redefine("n", |key| key.default(0)).is_err());
}
