//! `milena transform try`: what a connector's transformations make of records, without Kafka and without the connector.

mod record_json;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use milena_api::config::ConfigMap;
use milena_api::transform::Outcome;
use milena_runtime::config::{ConnectorConfig, Side};
use milena_runtime::plugins::PluginRegistry;
use milena_runtime::properties::{Encoding, read_properties};
use milena_runtime::worker::TransformationChain;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use self::record_json::{RecordJson, TriedRecord};

/// Options of `milena transform try`.
#[derive(clap::Args, Clone, Debug)]
pub struct TryOptions {
    /// Connector file, JSON or properties; only its transforms and predicates count.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// File with records as JSON, one or many; - is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    records: PathBuf,
    /// What to print: each step, or one line of JSON with what becomes of each record (null: dropped).
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Output {
    #[default]
    Steps,
    Json,
}

/// Sends all records through the chain; the status is 1 if one of them failed, 2 if nothing could be tried.
pub fn main(options: &TryOptions) -> ExitCode {
    match try_all(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("milena transform try: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether none failed.
fn try_all(options: &TryOptions) -> Result<bool> {
    let registry = Arc::new(PluginRegistry::new(milena_bundle::plugins()));
    let mut json = RecordJson::new(&registry)?;
    let mut chain = chain(&connector_config(&options.config)?, &registry)
        .with_context(|| format!("cannot set up the transformations of {}", options.config.display()))?;
    let mut out = std::io::stdout().lock();
    let mut all_well = true;
    let read = |(number, record): (usize, Box<RawValue>)| {
        let record = json.read(&record).with_context(|| format!("record {number}"))?;
        Ok((number, record))
    };
    let records: Vec<(usize, TriedRecord)> = (1..).zip(records(&options.records)?).map(read).collect::<Result<_>>()?;
    for (number, mut record) in records {
        let tried = try_one(&mut chain, &mut record, &mut json);
        all_well &= tried.failure.is_none();
        let printed = match options.output {
            Output::Steps => write_steps(&mut out, number, &tried),
            Output::Json => match &tried.failure {
                None => writeln!(out, "{}", tried.after.unwrap_or_default()),
                Some(failure) => {
                    eprintln!("record {number}: {failure}");
                    writeln!(out, "{}", json!({"error": failure}))
                }
            },
        };
        if printed.is_err() {
            // Nobody reads on, as with head.
            break;
        }
    }
    chain.close();
    Ok(all_well)
}

/// What became of one record.
struct Tried {
    before: Json,
    /// Title of each step, and the record after it if that says more than the title.
    steps: Vec<(String, Option<Json>)>,
    /// The record in the end, null if it was dropped; none if JSON cannot hold it.
    after: Option<Json>,
    failure: Option<String>,
}

fn try_one(chain: &mut TransformationChain, record: &mut TriedRecord, json: &mut RecordJson) -> Tried {
    let before = json.write(record).unwrap_or_default();
    let mut tried = Tried { after: Some(before.clone()), before, steps: Vec::new(), failure: None };
    let mut unwritable = None;
    for stage in chain.stages() {
        let title = format!("{} ({})", stage.alias, stage.class);
        match stage.applies(record.get()) {
            Ok(true) => {}
            Ok(false) => {
                tried.steps.push((format!("{title}: passed by, as its predicate says"), None));
                continue;
            }
            Err(error) => {
                tried.failure = Some(format!("predicate of {title}: {}", error.trace()));
                return tried;
            }
        }
        match stage.transformation.apply(record.get_mut()) {
            Ok(Outcome::Keep) => {
                let after = json.write(record).map_err(|why| format!("JSON cannot hold what comes of it: {why:#}"));
                tried.steps.push(match &after {
                    Ok(after) if Some(after) == tried.after.as_ref() => (format!("{title}: unchanged"), None),
                    Ok(after) => (title, Some(after.clone())),
                    Err(why) => (format!("{title}: {why}"), None),
                });
                (tried.after, unwritable) = match after {
                    Ok(after) => (Some(after), None),
                    Err(why) => (None, Some(why)),
                };
            }
            Ok(Outcome::Drop) => {
                tried.steps.push((format!("{title}: dropped"), None));
                tried.after = Some(Json::Null);
                return tried;
            }
            Err(error) => {
                tried.failure = Some(format!("{title}: {}", error.trace()));
                return tried;
            }
        }
    }
    tried.failure = unwritable;
    tried
}

fn write_steps(out: &mut impl Write, number: usize, tried: &Tried) -> std::io::Result<()> {
    writeln!(out, "record {number}\n{:#}", tried.before)?;
    for (title, after) in &tried.steps {
        writeln!(out, "-> {title}")?;
        if let Some(after) = after {
            writeln!(out, "{after:#}")?;
        }
    }
    if let Some(failure) = &tried.failure {
        writeln!(out, "-> {failure}")?;
    }
    writeln!(out)
}

/// The configuration in a connector file, which need not be complete.
fn connector_config(file: &Path) -> Result<ConfigMap> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Ok(read_properties(file, Encoding::Latin1)?);
    }
    let mut json: Map<String, Json> =
        serde_json::from_slice(&text).with_context(|| format!("{} is no JSON object", file.display()))?;
    if let Some(Json::Object(inner)) = json.remove("config") {
        json = inner;
    }
    let text = |value: Json| match value {
        Json::String(text) => text,
        other => other.to_string(),
    };
    Ok(json.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, text(value))).collect())
}

fn chain(connector: &ConfigMap, registry: &Arc<PluginRegistry>) -> Result<TransformationChain> {
    if connector.get("transforms").is_none_or(|all| all.trim().is_empty()) {
        bail!("it has none; name them in 'transforms'");
    }
    let ours = |key: &str| ["transforms", "predicates"].iter().any(|part| key.split('.').next() == Some(part));
    let mut config: ConfigMap =
        connector.iter().filter(|(key, _)| ours(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    // What every configuration must have, and no transformation sees.
    for key in ["name", "connector.class"] {
        config.insert(key.to_owned(), connector.get(key).cloned().unwrap_or_else(|| "try".to_owned()));
    }
    let parsed = ConnectorConfig::parse(config.clone(), Side::Source, registry)?;
    Ok(TransformationChain::build(registry, &config, &parsed)?)
}

/// The records of a file: values one after the other, or in lists.
fn records(file: &Path) -> Result<Vec<Box<RawValue>>> {
    let doing = || format!("cannot read records from {}", file.display());
    let mut text = Vec::new();
    match file == Path::new("-") {
        true => std::io::stdin().lock().read_to_end(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text)),
    }
    .with_context(doing)?;
    let mut records = Vec::new();
    for value in serde_json::Deserializer::from_slice(&text).into_iter::<Box<RawValue>>() {
        let value = value.with_context(doing)?;
        match value.get().starts_with('[') {
            true => records.extend(serde_json::from_str::<Vec<Box<RawValue>>>(value.get()).with_context(doing)?),
            false => records.push(value),
        }
    }
    if records.is_empty() {
        bail!("there is no record in {}", file.display());
    }
    Ok(records)
}
