//! `ConnectorFile`: a connector given to the standalone worker on its command line.
//!
//! Counterpart: `org.apache.kafka.connect.cli.ConnectStandalone.parseConnectorConfigurationFile`.

use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use milena_api::config::ConfigInput;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

use super::parser::{Encoding, PropertiesError, read_properties};
use crate::herder::TargetState;

/// A connector to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorFile {
    /// Its name.
    pub name: String,
    /// Its configuration, `name` included.
    pub config: ConfigInput,
    /// State to create it in; `None` is running.
    pub initial_state: Option<TargetState>,
}

/// Why a connector file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorFileError {
    /// The file could not be read.
    #[error("cannot read connector file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not JSON, and no properties either.
    #[error(transparent)]
    Properties(#[from] PropertiesError),
    /// No `name`.
    #[error("Connector configuration at '{file}' is missing the mandatory 'name' configuration{hint}")]
    NoName {
        /// The file.
        file: String,
        /// For a file that looks like JSON: why it could not be read as such.
        hint: String,
    },
    /// Two names.
    #[error("Connector name configuration in 'config' doesn't match the one specified in 'name' at '{file}'")]
    TwoNames {
        /// The file.
        file: String,
    },
}

impl From<ConnectorFileError> for milena_api::Error {
    fn from(error: ConnectorFileError) -> Self {
        milena_api::Error::fatal(error.to_string()).with_source(error)
    }
}

/// Reads a connector file: a JSON object of texts, a JSON request as `POST /connectors` takes it, or properties, whichever it is.
/// The ending of the file's name is of no importance.
///
/// # Errors
/// The file cannot be read, or has no usable name.
pub fn read_connector_file(file: &Path) -> Result<ConnectorFile, ConnectorFileError> {
    let bytes =
        std::fs::read(file).map_err(|source| ConnectorFileError::Unreadable { file: file.to_owned(), source })?;
    let shown = || file.display().to_string();

    if let Ok(config) = first_json::<Option<Flat>>(&bytes) {
        let config: ConfigInput = config.unwrap_or_default().into_iter().map(|(k, v)| (k, v.0)).collect();
        return named(config, shown(), String::new());
    }
    let malformed = match first_json::<CreateRequest>(&bytes) {
        Ok(request) => return from_request(request, shown()),
        Err(error) => error,
    };
    let properties = read_properties(file, Encoding::Latin1)?;
    let looks_like_json = bytes.trim_ascii_start().first() == Some(&b'{');
    let hint = if looks_like_json { format!(" (it is no JSON that can be used: {malformed})") } else { String::new() };
    named(properties.into_iter().map(|(key, value)| (key, Some(value))).collect(), shown(), hint)
}

fn named(config: ConfigInput, file: String, hint: String) -> Result<ConnectorFile, ConnectorFileError> {
    match config.get("name").cloned().flatten() {
        Some(name) => Ok(ConnectorFile { name, config, initial_state: None }),
        None => Err(ConnectorFileError::NoName { file, hint }),
    }
}

fn from_request(request: CreateRequest, file: String) -> Result<ConnectorFile, ConnectorFileError> {
    let mut config: ConfigInput = request.config.into_iter().map(|(key, value)| (key, value.0)).collect();
    let name = request.name.and_then(|name| name.0);
    match (config.get("name"), name) {
        (Some(inner), outer) if *inner != outer => Err(ConnectorFileError::TwoNames { file }),
        (_, Some(name)) => {
            config.entry("name".to_owned()).or_insert_with(|| Some(name.clone()));
            Ok(ConnectorFile { name, config, initial_state: request.initial_state.map(|state| state.0) })
        }
        (_, None) => Err(ConnectorFileError::NoName { file, hint: String::new() }),
    }
}

/// The first JSON value; what follows it is ignored, as Jackson does.
fn first_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    match serde_json::Deserializer::from_slice(bytes).into_iter().next() {
        Some(result) => result,
        None => Err(serde_json::Error::custom("the file is empty")),
    }
}

type Flat = IndexMap<String, Text>;

/// `POST /connectors`; properties not known here are ignored.
#[derive(Deserialize)]
struct CreateRequest {
    name: Option<Text>,
    config: Flat,
    initial_state: Option<InitialState>,
}

/// A text, or a number or boolean that stands for its text, or null.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, number, boolean or null")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
                Ok(Text(Some(value.to_string())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
                Ok(Text(Some(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
                Ok(Text(Some(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
                Ok(Text(Some(serde_json::Value::from(value).to_string())))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

struct InitialState(TargetState);

impl<'de> Deserialize<'de> for InitialState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.to_uppercase().as_str() {
            "RUNNING" => Ok(InitialState(TargetState::Started)),
            "PAUSED" => Ok(InitialState(TargetState::Paused)),
            "STOPPED" => Ok(InitialState(TargetState::Stopped)),
            _ => Err(D::Error::custom(format!("initial_state `{text}` is none of RUNNING, PAUSED, STOPPED"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<ConnectorFile, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let shown = file.path().display().to_string();
        read_connector_file(file.path()).map_err(|error| error.to_string().replace(&shown, "F"))
    }

    fn config(pairs: &[(&str, Option<&str>)]) -> ConfigInput {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn a_flat_json_object_is_a_configuration() {
        let file = read(r#"{"name":"c","tasks.max":2,"b":true,"n":null} trailing"#).unwrap();
        assert_eq!(file.name, "c");
        assert_eq!(
            file.config,
            config(&[("name", Some("c")), ("tasks.max", Some("2")), ("b", Some("true")), ("n", None)])
        );
        assert_eq!(file.initial_state, None);
    }

    #[test]
    fn a_create_request_gives_name_and_state() {
        let file = read(r#"{"name":"c","config":{"a":"1"},"initial_state":"paused","x":[]}"#).unwrap();
        assert_eq!(file.config, config(&[("a", Some("1")), ("name", Some("c"))]));
        assert_eq!(file.initial_state, Some(TargetState::Paused));
        assert_eq!(
            read(r#"{"name":"c","config":{"name":"d"}}"#).unwrap_err(),
            "Connector name configuration in 'config' doesn't match the one specified in 'name' at 'F'"
        );
    }

    #[test]
    fn anything_else_is_properties() {
        let file = read("name=c\na: 1\n").unwrap();
        assert_eq!((file.name.as_str(), file.config["a"].as_deref()), ("c", Some("1")));
    }

    #[test]
    fn a_missing_name_is_an_error_in_each_form() {
        const MISSING: &str = "Connector configuration at 'F' is missing the mandatory 'name' configuration";
        for content in ["{}", "a=1", "", "null"] {
            assert_eq!(read(content).unwrap_err(), MISSING);
        }
        let malformed = read("{\"name\":\"c\",\n\"config\":{\"a\"}}").unwrap_err();
        assert!(malformed.starts_with(MISSING) && malformed.contains("line 2 column 14"), "{malformed}");
        let state = read(r#"{"name":"c","config":{},"initial_state":"GONE"}"#).unwrap_err();
        assert!(state.starts_with(MISSING) && state.contains("initial_state `GONE`"), "{state}");
    }
}
