//! `Block`: the place where an instance is to block.

use milena_api::Result;
use milena_api::config::{ConfigDef, ConfigKey, ConfigMap, Importance, Type};
use serde_json::Value as Json;

use crate::channel::Probe;

const BLOCK: &str = "block";

/// Where to block: nowhere, until a configuration or the class itself says so.
#[derive(Clone, Default)]
pub struct Block {
    probe: Probe,
    place: Option<String>,
}

impl Block {
    /// Nowhere yet.
    pub fn nowhere(probe: Probe) -> Self {
        Block { probe, place: None }
    }

    /// At this place from the beginning.
    pub fn at(probe: Probe, place: &str) -> Self {
        let mut block = Block::nowhere(probe);
        block.arm(place.to_owned());
        block
    }

    /// At the place that the configuration names from now on.
    pub fn configure(&mut self, config: &ConfigMap) {
        self.arm(config.get(BLOCK).cloned().unwrap_or_default());
    }

    fn arm(&mut self, place: String) {
        self.probe.emit("block.armed", [("block", Json::from(place.as_str()))]);
        self.place = Some(place);
    }

    /// Blocks if this is the place.
    pub async fn reached(&self, place: &str) {
        let Block { probe, place: wanted } = self;
        if wanted.as_deref() == Some(place) {
            let since = reached(probe, place);
            probe.block(since).await;
        }
    }

    /// As [`Block::reached`] where nothing can be awaited: blocks the thread.
    pub fn reached_thread(&self, place: &str) {
        if self.place.as_deref() == Some(place) {
            let since = reached(&self.probe, place);
            self.probe.block_thread(since);
        }
    }

    /// The definition that all blocking connectors have.
    pub fn definition() -> Result<ConfigDef> {
        let block = ConfigKey::new(BLOCK, Type::String).default("").importance(Importance::Medium);
        Ok(ConfigDef::of([block.doc("Place to block at.")])?)
    }
}

/// Says that it blocks now. The count is taken first: a release that answers the event must not be missed.
fn reached(probe: &Probe, place: &str) -> u64 {
    let since = probe.releases();
    probe.emit("block.reached", [("block", Json::from(place))]);
    since
}
