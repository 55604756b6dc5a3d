//! The examples in `docs/transforms`: what a page says becomes of a record has to become of it, and every transformation has a page.
//!
//! An example is three fenced blocks, `json before`, `properties` with the chain and `json after`, in the form of `milena transform try`. `null`
//! after a chain means that the record is dropped.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an example that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use milena_api::plugin::PluginKind;
use serde_json::Value as Json;

struct Example {
    before: String,
    chain: String,
    after: Json,
}

/// The examples of a page, in order.
fn examples(page: &str) -> Vec<Example> {
    let (mut examples, mut before, mut chain) = (Vec::new(), None, None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n");
        match kind {
            "json before" => before = Some(block),
            "properties" => chain = Some(block),
            "json after" => {
                let after = serde_json::from_str(&block).unwrap_or_else(|why| panic!("{why} in\n{block}"));
                examples.push(Example { before: before.take().unwrap(), chain: chain.take().unwrap(), after });
            }
            _ => {}
        }
    }
    assert!(before.is_none(), "an example has no end");
    examples
}

/// What the program makes of an example's record.
fn tried(example: &Example, place: &str) -> Json {
    let folder = tempfile::tempdir().unwrap();
    let (config, records) = (folder.path().join("connector.properties"), folder.path().join("records.json"));
    std::fs::write(&config, &example.chain).unwrap();
    std::fs::write(&records, &example.before).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_milena"));
    command.args(["transform", "try", "--output", "json", "--config"]).arg(config).arg("--records").arg(records);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_transformation_has_a_page_and_every_example_is_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/transforms");
    let plugins = milena_bundle::plugins().into_iter().filter(|plugin| plugin.kind() == PluginKind::Transformation);
    // A page is about the key and the value form of a class.
    let mut without_example: BTreeSet<String> =
        plugins.map(|plugin| plugin.class.split('$').next().unwrap_or_default().to_owned()).collect();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        for (number, example) in (1..).zip(&examples(&std::fs::read_to_string(&path).unwrap())) {
            let place = format!("{}, example {number}", path.display());
            let after = tried(example, &place);
            assert!(after == example.after, "{place}:\nis       {after}\nexpected {}", example.after);
            let classes = example.chain.lines().filter_map(|line| line.split_once(".type=").map(|(_, class)| class));
            for class in classes {
                without_example.remove(class.split('$').next().unwrap_or_default());
            }
        }
    }
    assert!(without_example.is_empty(), "no page in docs/transforms has an example of {without_example:?}");
}
