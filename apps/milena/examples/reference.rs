//! Writes `docs/reference` from the definitions that validation uses, so that the tables cannot drift from the code. `cargo xtask docs`
//! runs it; with `--check` it writes nothing and fails where a file is not what it would write.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use milena_api::config::{ConfigDef, ConfigKey};
use milena_api::plugin::{Factory, Plugin, PluginKind};
use milena_kafka::config::{ADMIN_KEYS, CONSUMER_KEYS, Check, ClientConfigKey, DefaultValue, PRODUCER_KEYS, Support};
use milena_runtime::config::{Defaults, Side, common_keys, connector_keys, standalone_keys};

const HEAD: &str = "<!-- Written by `cargo xtask docs` from the definitions in the code; changes here are lost. -->\n";

fn main() -> Result<()> {
    let check = std::env::args().any(|argument| argument == "--check");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let pages = [
        ("clients.md", clients()?),
        ("connectors.md", connectors()?),
        ("converters.md", converters()?),
        ("transforms.md", transforms()?),
        ("worker.md", worker()?),
    ];
    let mut stale = Vec::new();
    for (name, text) in pages {
        let file = folder.join(name);
        if check {
            if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
                stale.push(name);
            }
        } else {
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    if !stale.is_empty() {
        bail!("docs/reference is not what the code says: {}; run `cargo xtask docs` and commit", stale.join(", "));
    }
    Ok(())
}

fn connectors() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Connectors\nWhat each connector does and how to use it: [docs/connectors](../connectors). A class is named in `connector.class` by its \
         full name, its simple name, or the simple name without `Connector`.\n"
    );
    let common = common_keys(None, &Defaults::default())?;
    page.push_str("\n## Every connector\nConverters default to the worker's.\n\n");
    table(&mut page, common.keys())?;
    for (side, title) in [(Side::Sink, "Every sink"), (Side::Source, "Every source")] {
        write!(page, "\n## {title}\n\n")?;
        let all = connector_keys(side, None, &Defaults::default())?;
        table(&mut page, all.keys().filter(|key| !common.contains(key.name())))?;
    }
    for plugin in of_kinds(&[PluginKind::Sink, PluginKind::Source]) {
        let definition = match &plugin.factory {
            Factory::Sink { connector, .. } => connector()?.config()?,
            Factory::Source { connector, .. } => connector()?.config()?,
            _ => continue,
        };
        section(&mut page, plugin.simple_name(), &plugin, &format!("A {}.", plugin.kind().name()), &definition)?;
    }
    Ok(page)
}

fn converters() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Converters\nA worker or connector names them in `key.converter`, `value.converter` and `header.converter`; their settings carry that prefix, as \
         `value.converter.schemas.enable`.\n"
    );
    let header: Vec<String> = of_kinds(&[PluginKind::HeaderConverter]).into_iter().map(|plugin| plugin.class).collect();
    let mut all = of_kinds(&[PluginKind::Converter, PluginKind::HeaderConverter]);
    all.sort_by(|left, right| left.class.cmp(&right.class));
    all.dedup_by(|later, earlier| later.class == earlier.class);
    for plugin in &all {
        let definition = match &plugin.factory {
            Factory::Converter(make) => make()?.config()?,
            Factory::HeaderConverter(make) => make()?.config()?,
            _ => continue,
        };
        let roles = match (plugin.kind(), header.contains(&plugin.class)) {
            (PluginKind::Converter, true) => "For keys, values and headers.",
            (PluginKind::Converter, false) => "For keys and values.",
            _ => "For headers.",
        };
        section(&mut page, plugin.simple_name(), plugin, roles, &definition.unwrap_or_default())?;
    }
    Ok(page)
}

fn transforms() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Transformations and predicates\nSettings carry the prefix `transforms.<alias>.` or `predicates.<alias>.`. Every transformation also has \
         `predicate`, the alias of a predicate that decides which records it sees, and `negate`.\n"
    );
    let plugins = of_kinds(&[PluginKind::Transformation, PluginKind::Predicate]);
    let mut at = 0;
    while let Some(plugin) = plugins.get(at) {
        let (base, nested) = plugin.class.split_once('$').unwrap_or((&plugin.class, ""));
        let definition = definition_of(plugin)?;
        // `$Key` and `$Value` have one definition where they differ only in what they look at.
        let mut forms = vec![nested];
        while let Some(next) = plugins.get(at + forms.len()) {
            let form = next.class.strip_prefix(base).and_then(|rest| rest.strip_prefix('$'));
            let Some(form) = form.filter(|_| !nested.is_empty()) else { break };
            if names(&definition_of(next)?) != names(&definition) {
                break;
            }
            forms.push(form);
        }
        at += forms.len();
        let about = match (plugin.kind(), &*forms) {
            (PluginKind::Predicate, _) => "A predicate.".to_owned(),
            (_, [_]) => "A transformation.".to_owned(),
            _ => {
                let form = |form: &&str| format!("`{base}${form}` for the {}", form.to_lowercase());
                format!("A transformation, as {}.", forms.iter().map(form).collect::<Vec<_>>().join(" and "))
            }
        };
        let class = if forms.len() > 1 { base } else { &plugin.class };
        let named = Plugin::new(class, plugin.version.clone(), plugin.factory.clone());
        // Two packages may have a class of one name.
        let same = |other: &&Plugin| {
            other
                .class
                .split('$')
                .next()
                .is_some_and(|other| other != base && other.rsplit('.').next() == base.rsplit('.').next())
        };
        let simple = class.rsplit('.').next().unwrap_or(class);
        let title = match plugins.iter().find(same) {
            Some(_) if base.starts_with("io.confluent.") => format!("{simple} of Confluent"),
            _ => simple.to_owned(),
        };
        section(&mut page, &title, &named, &about, &definition)?;
    }
    Ok(page)
}

fn definition_of(plugin: &Plugin) -> Result<ConfigDef> {
    Ok(match &plugin.factory {
        Factory::Transformation(make) => make()?.config()?,
        Factory::Predicate(make) => make()?.config()?,
        _ => ConfigDef::new(),
    })
}

fn names(definition: &ConfigDef) -> Vec<String> {
    definition.keys().map(|key| format!("{} {:?}", key.name(), key.default_parsed())).collect()
}

fn worker() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Standalone worker\nThe properties file of `milena connect-standalone`. Settings of Kafka clients carry the prefixes `producer.`, `consumer.` \
         and `admin.` ([clients](clients.md)); those of the worker's own clients have none. What this version refuses is in \
         [compatibility](../compatibility.md).\n\n"
    );
    table(&mut page, standalone_keys()?.keys())?;
    Ok(page)
}

fn clients() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Kafka clients\nProperties of the clients that a worker uses, by Kafka's names: `producer.`, `consumer.` and `admin.` in a worker's file, \
         `producer.override.`, `consumer.override.` and `admin.override.` in a connector's. All of Kafka 4.3.1's are known and checked: each is \
         honoured, or taken without effect, or refused by name, which the last column says where it is not the first. Defaults are \
         Kafka's; Connect sets some of them differently.\n"
    );
    for (title, keys) in [("Producer", PRODUCER_KEYS), ("Consumer", CONSUMER_KEYS), ("Admin", ADMIN_KEYS)] {
        write!(
            page,
            "\n## {title}\n\n| property | type | default | importance | what it does |\n|---|---|---|---|---|\n"
        )?;
        for key in keys {
            let default = match key.default {
                DefaultValue::Required => "required".to_owned(),
                DefaultValue::Null => "–".to_owned(),
                DefaultValue::Value(text) => code(text),
            };
            let (kind, importance) = (key.kind.name().to_lowercase(), key.importance.name().to_lowercase());
            writeln!(page, "| `{}` | {kind} | {default} | {importance} | {} |", key.name, about_client_key(key))?;
        }
    }
    Ok(page)
}

fn about_client_key(key: &ClientConfigKey) -> String {
    let mut text = escaped(key.doc());
    let allowed = allowed(key);
    match key.support() {
        Support::Honoured if allowed.is_empty() => {}
        Support::Honoured => text += &format!(" Allowed: {}.", escaped(&allowed)),
        Support::Harmless(why) => text += &format!(" **No effect**: {}.", escaped(why)),
        Support::Refused { unless, why } => {
            text += &format!(" **Refused**: {}.", escaped(why));
            if !unless.is_empty() {
                let unless: Vec<String> = unless.iter().map(|value| code(value)).collect();
                text += &format!(" Taken without effect: {}.", unless.join(", "));
            }
        }
    }
    text
}

fn allowed(key: &ClientConfigKey) -> String {
    match key.check {
        Check::Any => String::new(),
        Check::AtLeast(least) => format!("{least} and more"),
        Check::Range(least, most) => format!("{least} to {most}"),
        Check::RangeOr(least, most, other) => format!("{least} to {most}, or {other}"),
        Check::Between(least, most) => format!("{least} to {most}"),
        Check::Choice(texts) => texts.join(", "),
        Check::ChoiceIgnoringCase(texts) => format!("{} (in any case)", texts.join(", ")),
        Check::NonEmpty => "not empty".to_owned(),
        Check::OffsetReset => "earliest, latest, none, by_duration:<ISO 8601 duration>".to_owned(),
    }
}

/// Plug-ins of these kinds, one kind after the other, by class.
fn of_kinds(kinds: &[PluginKind]) -> Vec<Plugin> {
    let mut found: Vec<Plugin> =
        milena_bundle::plugins().into_iter().filter(|plugin| plugin.listed && kinds.contains(&plugin.kind())).collect();
    found.sort_by(|left, right| (left.kind(), &left.class).cmp(&(right.kind(), &right.class)));
    found
}

fn section(page: &mut String, title: &str, plugin: &Plugin, about: &str, definition: &ConfigDef) -> Result<()> {
    write!(page, "\n## {title}\n`{}`, version {}. {about}\n\n", plugin.class, plugin.version)?;
    if definition.is_empty() {
        page.push_str("It declares no settings.\n");
        return Ok(());
    }
    table(page, definition.keys())
}

fn table<'a>(page: &mut String, keys: impl Iterator<Item = &'a ConfigKey>) -> Result<()> {
    page.push_str("| key | type | default | importance | what it does |\n|---|---|---|---|---|\n");
    for key in keys {
        let info = key.info();
        let default = match (&info.default_value, info.required) {
            (_, true) => "required".to_owned(),
            (None, false) => "–".to_owned(),
            (Some(text), false) => code(text),
        };
        let mut doc = escaped(&info.documentation);
        let values = key.validator_of().map(ToString::to_string).unwrap_or_default();
        if !values.is_empty() {
            write!(doc, " Allowed: {}.", escaped(values.trim_end_matches('.')))?;
        }
        let (kind, importance) = (info.ty.to_lowercase(), info.importance.to_lowercase());
        writeln!(page, "| `{}` | {kind} | {default} | {importance} | {} |", info.name, doc.trim())?;
    }
    Ok(())
}

fn code(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{}`", text.replace('|', "\\|")) }
}

/// Text that Markdown shows as it is, in one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(' '),
            '<' | '*' | '|' | '[' | ']' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}
