//! Running the steps of a scenario against one worker.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::compare::differences;
use super::file::{Expect, Scenario, Step};
use super::variables::Variables;
use crate::http::{self, Response};
use crate::reference;

/// Time for an `eventually` step; Connect's slowest ordinary effect is a task start on a busy machine.
const EVENTUALLY: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The worker that is asked, and the broker behind it.
#[derive(Debug, Clone)]
pub struct Target {
    /// `http://host:port` of the worker.
    pub url: String,
    /// `bootstrap.servers` of its broker.
    pub bootstrap: String,
    /// Ports that the worker's properties may use, by the names that scenarios know them by.
    pub ports: Vec<(&'static str, u16)>,
}

/// How a scenario ended.
#[derive(Debug)]
pub struct Outcome {
    /// Name of the scenario.
    pub name: String,
    /// Time it took.
    pub took: Duration,
    /// The first step that did not go as expected, ready to print; `None` when all did.
    pub failure: Option<String>,
}

/// Runs all steps in order and stops at the first that fails. Connectors it leaves behind are deleted.
pub async fn run(scenario: &Scenario, target: &Target) -> Outcome {
    let begun = Instant::now();
    let failure = match steps(scenario, target).await {
        Ok(()) => None,
        Err(error) => Some(format!("{error:#}")),
    };
    Outcome { name: scenario.name.clone(), took: begun.elapsed(), failure }
}

async fn steps(scenario: &Scenario, target: &Target) -> Result<()> {
    let dir =
        tempfile::Builder::new().prefix("milena-rest-").tempdir().context("cannot make a folder for the scenario")?;
    let id = format!("{:08x}", rand::random::<u32>());
    let mut variables = Variables::default();
    variables.set("id", id.as_str());
    variables.set("tmp", dir.path().display().to_string());
    variables.set("url", target.url.as_str());
    variables.set("host", target.url.split_once("://").map_or(target.url.as_str(), |(_, rest)| rest));
    variables.set("bootstrap", target.bootstrap.as_str());
    for (name, port) in &target.ports {
        variables.set(name, port.to_string());
    }
    let mut result = Ok(());
    for (index, step) in scenario.steps.iter().enumerate() {
        result = one(step, &mut variables, target).await.with_context(|| format!("step {}", index + 1));
        if result.is_err() {
            break;
        }
    }
    clean_up(&id, target).await?;
    result
}

/// Deletes what the scenario created: its connectors carry its id in their names.
async fn clean_up(id: &str, target: &Target) -> Result<()> {
    let Ok(list) = http::get(&format!("{}/connectors", target.url)).await else { return Ok(()) };
    let names = list.json().unwrap_or(Value::Null);
    for name in names.as_array().into_iter().flatten().filter_map(Value::as_str).filter(|name| name.contains(id)) {
        http::request("DELETE", &format!("{}/connectors/{}", target.url, percent_encode(name)), &[], Bytes::new())
            .await?;
    }
    Ok(())
}

fn percent_encode(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(text, "%{byte:02X}").unwrap_or_default();
        }
        text
    })
}

async fn one(step: &Step, variables: &mut Variables, target: &Target) -> Result<()> {
    let text = step.text.as_deref().map(|text| variables.fill(text)).transpose()?;
    if let Some(path) = &step.write {
        let path = variables.fill(path)?;
        if let Some(parent) = Path::new(&path).parent() {
            tokio::fs::create_dir_all(parent).await.with_context(|| format!("cannot make the folder of {path}"))?;
        }
        return tokio::fs::write(&path, text.unwrap_or_default()).await.with_context(|| format!("cannot write {path}"));
    }
    if let Some(path) = &step.append {
        let path = variables.fill(path)?;
        let mut file = tokio::fs::OpenOptions::new().append(true).create(true).open(&path).await?;
        file.write_all(text.unwrap_or_default().as_bytes()).await?;
        return file.flush().await.with_context(|| format!("cannot append to {path}"));
    }
    if let Some(arguments) = &step.tool {
        let arguments = arguments.iter().map(|argument| variables.fill(argument)).collect::<Result<Vec<_>>>()?;
        return reference::run_tool(&arguments, text.as_deref().map(str::as_bytes)).await.map(drop);
    }
    if let Some(path) = &step.file {
        return file_holds(Path::new(&variables.fill(path)?), &text.unwrap_or_default()).await;
    }
    exchange(step, text, variables, target).await
}

async fn file_holds(path: &Path, text: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let have = tokio::fs::read_to_string(path).await.unwrap_or_default();
        if have == text {
            return Ok(());
        }
        if begun.elapsed() > EVENTUALLY {
            bail!("{}: expected {text:?}, holds {have:?}", path.display());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn exchange(step: &Step, text: Option<String>, variables: &mut Variables, target: &Target) -> Result<()> {
    let expect = step.expect.clone().unwrap_or_default();
    let begun = Instant::now();
    loop {
        let (shown, response) = send(step, text.as_deref(), variables, target).await?;
        let differences = check(&expect, &response, variables)?;
        if differences.is_empty() {
            for (name, pointer) in &step.capture {
                let body = response.json()?;
                let value =
                    body.pointer(pointer).with_context(|| format!("nothing at {pointer} to capture in {body}"))?;
                variables.set(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            return Ok(());
        }
        if !expect.eventually || begun.elapsed() > EVENTUALLY {
            bail!("{shown}\n  {}\n  answer: {} {}", differences.join("\n  "), response.status, response.text());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn send(step: &Step, text: Option<&str>, variables: &Variables, target: &Target) -> Result<(String, Response)> {
    if let Some(raw) = &step.tcp {
        let raw = variables.fill(raw)?;
        let authority = target.url.split_once("://").map_or(target.url.as_str(), |(_, rest)| rest);
        return Ok((format!("tcp {raw:?}"), http::raw(authority, raw.as_bytes()).await?));
    }
    let request =
        step.request.as_deref().context("a step without an action: request, tcp, write, append, tool or file")?;
    let request = variables.fill(request)?;
    let (method, path) = request.split_once(' ').with_context(|| format!("'{request}' is not 'METHOD /path'"))?;
    let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", target.url) };
    let mut headers = Vec::new();
    for (name, value) in &step.headers {
        headers.push((name.to_ascii_lowercase(), variables.fill(value)?));
    }
    let body = match (&step.json, text) {
        (Some(value), _) => variables.fill_value(value)?.to_string(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => String::new(),
    };
    let has_body = step.json.is_some() || text.is_some();
    if has_body && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    // An empty value leaves the header out.
    headers.retain(|(_, value)| !value.is_empty());
    let response = http::request(method, &url, &headers, Bytes::from(body)).await?;
    Ok((request, response))
}

fn check(expect: &Expect, response: &Response, variables: &Variables) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if let Some(status) = expect.status
        && status != response.status
    {
        found.push(format!("status: expected {status}, got {}", response.status));
    }
    for (name, value) in &expect.headers {
        let expected = variables.fill_value(value)?;
        // `null` means that the header is not sent at all.
        let actual =
            response.header(&name.to_ascii_lowercase()).map_or(Value::Null, |text| Value::String(text.to_owned()));
        found.extend(differences(&expected, &actual).into_iter().map(|line| format!("header {name} {line}")));
    }
    if let Some(body) = &expect.body {
        let expected = variables.fill_value(body)?;
        match response.json() {
            Ok(actual) => found.extend(differences(&expected, &actual)),
            Err(error) => found.push(format!("{error:#}")),
        }
    }
    if let Some(text) = &expect.text {
        found.extend(differences(&variables.fill_value(text)?, &Value::String(response.text())));
    }
    if expect.empty && !response.body.is_empty() {
        found.push("body: expected none".to_owned());
    }
    Ok(found)
}
