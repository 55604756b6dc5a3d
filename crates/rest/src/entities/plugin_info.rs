//! A plug-in of the listing. Counterpart: …rest.entities.PluginInfo.

use milena_api::UNDEFINED_VERSION;
use milena_runtime::herder::PluginInfo;
use serde::Serialize;

/// A plug-in of the listing.
#[derive(Serialize)]
pub struct PluginInfoBody<'a> {
    class: &'a str,
    #[serde(rename = "type")]
    ty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

impl<'a> From<&'a PluginInfo> for PluginInfoBody<'a> {
    fn from(plugin: &'a PluginInfo) -> Self {
        let version = Some(plugin.version.as_str()).filter(|version| *version != UNDEFINED_VERSION);
        PluginInfoBody { class: &plugin.class, ty: plugin.kind.name(), version }
    }
}
