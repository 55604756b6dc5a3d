//! Bodies of validation and of a plug-in's definitions. Counterparts: …rest.entities.{ConfigInfos, ConfigKeyInfo, ConfigValueInfo}.

use milena_api::config::ConfigKeyInfo;
use milena_runtime::validation::{ConfigInfo, ConfigInfos, ConfigValueInfo};
use serde::Serialize;

/// Answer of a validation.
#[derive(Serialize)]
pub struct ConfigInfosBody<'a> {
    name: &'a str,
    error_count: usize,
    groups: &'a [String],
    configs: Vec<ConfigInfoBody<'a>>,
}

#[derive(Serialize)]
struct ConfigInfoBody<'a> {
    definition: Option<ConfigKeyInfoBody<'a>>,
    value: Option<ConfigValueInfoBody<'a>>,
}

/// Definition of a key.
#[derive(Serialize)]
pub struct ConfigKeyInfoBody<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: &'a str,
    required: bool,
    default_value: Option<&'a str>,
    importance: &'a str,
    documentation: &'a str,
    group: Option<&'a str>,
    order_in_group: i32,
    width: &'a str,
    display_name: &'a str,
    dependents: &'a [String],
}

#[derive(Serialize)]
struct ConfigValueInfoBody<'a> {
    name: &'a str,
    value: Option<&'a str>,
    recommended_values: &'a [String],
    errors: &'a [String],
    visible: bool,
}

impl<'a> From<&'a ConfigInfos> for ConfigInfosBody<'a> {
    fn from(infos: &'a ConfigInfos) -> Self {
        ConfigInfosBody {
            name: &infos.name,
            error_count: infos.error_count,
            groups: &infos.groups,
            configs: infos.configs.iter().map(ConfigInfoBody::from).collect(),
        }
    }
}

impl<'a> From<&'a ConfigInfo> for ConfigInfoBody<'a> {
    fn from(info: &'a ConfigInfo) -> Self {
        ConfigInfoBody {
            definition: info.definition.as_ref().map(ConfigKeyInfoBody::from),
            value: info.value.as_ref().map(ConfigValueInfoBody::from),
        }
    }
}

impl<'a> From<&'a ConfigKeyInfo> for ConfigKeyInfoBody<'a> {
    fn from(key: &'a ConfigKeyInfo) -> Self {
        ConfigKeyInfoBody {
            name: &key.name,
            ty: key.ty,
            required: key.required,
            default_value: key.default_value.as_deref(),
            importance: key.importance,
            documentation: &key.documentation,
            group: key.group.as_deref(),
            order_in_group: key.order_in_group,
            width: key.width,
            display_name: &key.display_name,
            dependents: &key.dependents,
        }
    }
}

impl<'a> From<&'a ConfigValueInfo> for ConfigValueInfoBody<'a> {
    fn from(value: &'a ConfigValueInfo) -> Self {
        ConfigValueInfoBody {
            name: &value.name,
            value: value.value.as_deref(),
            recommended_values: &value.recommended_values,
            errors: &value.errors,
            visible: value.visible,
        }
    }
}
