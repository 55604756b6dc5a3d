//! Runs the REST scenarios of `tests/rest` against a worker: `rest-scenarios --worker java|milena [--broker real|dev] [filter]`.
//!
//! Starts one worker per name in `workers.yaml`, prints one line per scenario and, at the end, `N passed, N failed`. Exit code 1 when one failed.
//! The broker is a real one, namely the one that `MILENA_TEST_BOOTSTRAP` names or one that is started, or the development broker in this process.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use indexmap::IndexMap;
use milena_devbroker::{DevBroker, DevBrokerConfig};
use milena_testkit::kafka::Broker;
use milena_testkit::rest_scenario::{self, Outcome, Scenario, Target};
use milena_testkit::worker::{Kind, Standalone};
use milena_testkit::{port, reference};

/// Scenarios that talk to one worker at the same time. The Java worker gets one: concurrent requests drive its standalone herder into a
/// deadlock between its own lock and that of its config store (see `tests/rest/FINDINGS.md`).
const fn at_once(kind: Kind) -> usize {
    match kind {
        Kind::Java => 1,
        Kind::Milena => 8,
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode> {
    let Arguments { kind, broker, filter } = arguments()?;
    let root = reference::project_root().join("tests/rest");
    let scenarios = rest_scenario::find(&root, &filter)?;
    if scenarios.is_empty() {
        bail!("no scenario below {} has '{filter}' in its name", root.display());
    }
    let workers = rest_scenario::workers(&root)?;
    let mut groups: IndexMap<&str, Vec<&Scenario>> = IndexMap::new();
    for scenario in &scenarios {
        groups.entry(&scenario.worker).or_default().push(scenario);
    }
    let broker = broker.start().await?;
    let (mut passed, mut failed) = (0, 0_usize);
    for (name, group) in &groups {
        let properties = workers.get(*name).with_context(|| format!("no worker '{name}' in workers.yaml"))?;
        match run_group(kind, group, properties, &broker.bootstrap()).await {
            Ok(outcomes) => {
                for outcome in outcomes {
                    if outcome.failure.is_some() { failed += 1 } else { passed += 1 }
                }
            }
            Err(error) => {
                println!("FAILED all {} scenarios of worker '{name}': {error:#}", group.len());
                failed += group.len();
            }
        }
    }
    println!("rest scenarios against {kind:?}: {passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Arguments {
    kind: Kind,
    broker: BrokerKind,
    filter: String,
}

enum BrokerKind {
    Real,
    Dev,
}

/// A broker for as long as the scenarios run.
enum Running {
    Real(Broker),
    Dev(DevBroker),
}

impl BrokerKind {
    async fn start(&self) -> Result<Running> {
        Ok(match self {
            Self::Real => Running::Real(Broker::find_or_start()?),
            Self::Dev => Running::Dev(DevBroker::start(DevBrokerConfig::default()).await?),
        })
    }
}

impl Running {
    fn bootstrap(&self) -> String {
        match self {
            Self::Real(broker) => broker.bootstrap().to_owned(),
            Self::Dev(broker) => broker.bootstrap(),
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { kind: Kind::Milena, broker: BrokerKind::Real, filter: String::new() };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--worker" => arguments.kind = given.next().context("--worker needs java or milena")?.parse()?,
            "--broker" => {
                arguments.broker = match given.next().as_deref() {
                    Some("real") => BrokerKind::Real,
                    Some("dev") => BrokerKind::Dev,
                    _ => bail!("--broker needs real or dev"),
                }
            }
            other if other.starts_with('-') => {
                bail!("unknown option {other}; usage: rest-scenarios --worker java|milena [--broker real|dev] [filter]")
            }
            other => other.clone_into(&mut arguments.filter),
        }
    }
    Ok(arguments)
}

async fn run_group(
    kind: Kind,
    group: &[&Scenario],
    properties: &BTreeMap<String, String>,
    bootstrap: &str,
) -> Result<Vec<Outcome>> {
    let ports = [("port", port::free()?), ("second_port", port::free()?), ("admin_port", port::free()?)];
    let mut worker = Standalone::new(kind, bootstrap);
    for (key, value) in properties {
        let filled = ports
            .iter()
            .fold(value.clone(), |text, (name, port)| text.replace(&format!("{{{{{name}}}}}"), &port.to_string()));
        worker = worker.with(key, &filled);
    }
    let worker = worker.start().await?;
    let target = Target { url: worker.url().to_owned(), bootstrap: bootstrap.to_owned(), ports: ports.to_vec() };
    let mut running = futures_util::stream::iter(group.iter().map(|scenario| rest_scenario::run(scenario, &target)))
        .buffered(at_once(kind));
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.next().await {
        match &outcome.failure {
            None => println!("ok     {} ({} ms)", outcome.name, outcome.took.as_millis()),
            Some(text) => {
                println!("FAILED {} ({} ms)\n  {}", outcome.name, outcome.took.as_millis(), text.replace('\n', "\n  "))
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
