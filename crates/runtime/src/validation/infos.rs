//! `ConfigInfos`: what validation answers, as REST shows it.
//!
//! Counterpart: `org.apache.kafka.connect.runtime.rest.entities.{ConfigInfos, ConfigInfo, ConfigValueInfo}`.

use milena_api::config::{ConfigKeyInfo, ConfigValue, HIDDEN, Type};

use crate::herder::RequestError;

/// Answer of a validation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigInfos {
    /// `connector.class` as it was given.
    pub name: String,
    /// How many errors there are. Of the connector's own keys every message counts, of converters and clients every key.
    pub error_count: usize,
    /// Groups of the keys.
    pub groups: Vec<String>,
    /// The keys.
    pub configs: Vec<ConfigInfo>,
}

/// One key: its definition, if it has one, and what was found about its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigInfo {
    /// Definition; `None` for a key that nothing defines.
    pub definition: Option<ConfigKeyInfo>,
    /// Value; `None` for a key of the connector that its validation left out.
    pub value: Option<ConfigValueInfo>,
}

/// What was found about the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValueInfo {
    /// Key.
    pub name: String,
    /// Value as text; secrets are hidden.
    pub value: Option<String>,
    /// Values that would fit.
    pub recommended_values: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// False if the key is of no use as things are.
    pub visible: bool,
}

impl ConfigInfos {
    /// Checks that the configuration may be used.
    ///
    /// # Errors
    /// There are errors: the answer to the request that creates or changes the connector.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.error_count == 0 {
            return Ok(());
        }
        let mut message =
            format!("Connector configuration is invalid and contains the following {} error(s):", self.error_count);
        for error in self.configs.iter().filter_map(|config| config.value.as_ref()).flat_map(|value| &value.errors) {
            message.push('\n');
            message.push_str(error);
        }
        message.push_str(
            "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
        );
        Err(RequestError::bad_request(message))
    }

    /// Adds the keys of another part.
    pub(super) fn append(&mut self, part: ConfigInfos) {
        self.error_count += part.error_count;
        for group in part.groups {
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
        self.configs.extend(part.configs);
    }
}

impl ConfigValueInfo {
    /// A value as text; `ty` is the type of its key, if it has one.
    pub(super) fn new(value: &ConfigValue, ty: Option<&str>) -> Self {
        let hidden = ty == Some(Type::Password.name());
        let text = |text: &milena_api::config::Parsed| {
            text.text().map(|text| if hidden { HIDDEN.to_owned() } else { text.into_owned() })
        };
        ConfigValueInfo {
            name: value.name.clone(),
            value: text(&value.value),
            recommended_values: value.recommended_values.iter().filter_map(text).collect(),
            errors: value.errors.clone(),
            visible: value.visible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lists_every_message() {
        let value = ConfigValueInfo {
            name: "k".to_owned(),
            value: None,
            recommended_values: Vec::new(),
            errors: vec!["a".to_owned(), "b".to_owned()],
            visible: true,
        };
        let configs =
            vec![ConfigInfo { definition: None, value: Some(value) }, ConfigInfo { definition: None, value: None }];
        let infos = ConfigInfos { error_count: 2, configs, ..ConfigInfos::default() };
        assert_eq!(
            infos.check().unwrap_err().message.as_deref(),
            Some(
                "Connector configuration is invalid and contains the following 2 error(s):\na\nb\nYou can also find the above \
                 list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
            )
        );
        assert_eq!(ConfigInfos::default().check(), Ok(()));
    }
}
