//! The shape of a scenario file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// One scenario file.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `folder/name` below the folder of scenarios, without the suffix.
    pub name: String,
    /// What the scenario shows, in one sentence.
    pub about: String,
    /// Which of the workers in `workers.yaml` it talks to; scenarios with the same name share one.
    pub worker: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    about: String,
    #[serde(default = "default_worker")]
    worker: String,
    steps: Vec<Step>,
}

fn default_worker() -> String {
    "default".to_owned()
}

/// Worker properties beyond the common ones, by worker name.
pub type Workers = BTreeMap<String, BTreeMap<String, String>>;

/// Name of the file in the folder of scenarios that defines [`Workers`].
const WORKERS: &str = "workers.yaml";

/// Reads the workers that scenarios below `root` may name.
///
/// # Errors
/// When `workers.yaml` cannot be read or is not a map of maps of texts.
pub fn workers(root: &Path) -> Result<Workers> {
    let path = root.join(WORKERS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_yaml_ng::from_str(&text).with_context(|| format!("not a map of worker properties: {}", path.display()))
}

/// One step; exactly one of its actions is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// `METHOD /path`, or `METHOD http://…` for another listener.
    pub request: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub json: Option<Value>,
    pub text: Option<String>,
    /// Raw bytes instead of a request; line ends are written as `\r\n`.
    pub tcp: Option<String>,
    /// Writes `text` to this path.
    pub write: Option<String>,
    /// Adds `text` to the end of this path.
    pub append: Option<String>,
    /// Runs a class of Kafka's jars with these arguments.
    pub tool: Option<Vec<String>>,
    /// Waits until the file at this path holds exactly `text`.
    pub file: Option<String>,
    pub expect: Option<Expect>,
    /// Variable name → JSON pointer into the body.
    pub capture: BTreeMap<String, String>,
}

/// What an answer has to be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    pub status: Option<u16>,
    pub headers: BTreeMap<String, Value>,
    pub body: Option<Value>,
    /// The body as text, whole.
    pub text: Option<Value>,
    /// The body has no bytes.
    pub empty: bool,
    /// Ask again until the answer fits or time is up.
    pub eventually: bool,
}

impl Scenario {
    /// Reads one file; `root` is cut off its name.
    ///
    /// # Errors
    /// When it cannot be read, is not YAML or holds an unknown field; the text names the file and the line.
    pub fn read(path: &Path, root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file: ScenarioFile =
            serde_yaml_ng::from_str(&text).with_context(|| format!("not a scenario: {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(path).with_extension("").display().to_string();
        Ok(Self { name, about: file.about, worker: file.worker, steps: file.steps })
    }
}

/// All scenarios below `root` whose name contains `filter`, sorted by name.
///
/// # Errors
/// As [`Scenario::read`], and when the folder cannot be listed.
pub fn find(root: &Path, filter: &str) -> Result<Vec<Scenario>> {
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let scenario = Scenario::read(&path, root)?;
        if scenario.name.contains(filter) {
            found.push(scenario);
        }
    }
    Ok(found)
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") && !path.ends_with(WORKERS) {
            into.push(path);
        }
    }
    Ok(())
}
