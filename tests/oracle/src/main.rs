//! `diff < PAIRS`: compares Milena's answers with Kafka's, prints the first differences side by side, then counts.
//!
//! The last line is `cases=N excused=N different=N`; with a difference the exit code is 1.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::{Context, Result};
use milena_oracle::{Milena, Verdict};

/// How many differences are printed; the others are counted.
const SHOWN: usize = 5;

fn main() -> Result<ExitCode> {
    let milena = Milena::default();
    let mut excused: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut cases, mut different) = (0, 0);
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read the cases")?;
        let pair = serde_json::from_str(&line).with_context(|| format!("no case: {line}"))?;
        cases += 1;
        // One that panics is a difference like any other.
        let verdict = catch_unwind(AssertUnwindSafe(|| milena.check(&pair)));
        match verdict.unwrap_or_else(|_| Verdict::Different("ours   panics".to_owned())) {
            Verdict::Same => {}
            Verdict::Excused(reason) => *excused.entry(reason).or_default() += 1,
            Verdict::Different(found) => {
                different += 1;
                if different <= SHOWN {
                    println!("  case   {}\n  {found}\n", pair["case"]);
                }
            }
        }
    }
    for (reason, count) in &excused {
        println!("  excused: {count} ({reason})");
    }
    println!("cases={cases} excused={} different={different}", excused.values().sum::<usize>());
    Ok(if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
