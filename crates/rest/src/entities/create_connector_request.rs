//! Body of `POST /connectors`. Counterpart: …rest.entities.CreateConnectorRequest.

use milena_api::config::ConfigInput;
use milena_runtime::herder::TargetState;

use crate::json::{self, Node};
use crate::reply::Failure;

const CLASS: &str = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest";

/// A connector to be created.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CreateConnectorRequest {
    /// As given, blanks included.
    pub name: Option<String>,
    /// `None` if the request has none.
    pub config: Option<ConfigInput>,
    /// State to start in (KIP-980).
    pub initial_state: Option<TargetState>,
}

impl CreateConnectorRequest {
    /// Reads a body; `None` if it is null.
    ///
    /// # Errors
    /// It has a field that the request does not know, or one of the wrong type.
    pub fn read(node: &Node<'_>) -> Result<Option<Self>, Failure> {
        if node.is_null() {
            return Ok(None);
        }
        let mut request = CreateConnectorRequest::default();
        for (name, raw) in &json::object(node, CLASS)? {
            let value = node.field(CLASS, name, raw);
            match name.as_str() {
                "name" => request.name = json::string(&value)?,
                "config" => request.config = json::string_map(&value)?,
                "initial_state" => request.initial_state = initial_state(&value)?,
                _ => {
                    let known = ["config", "name", "initial_state"];
                    return Err(Failure::internal(node.unknown_field(CLASS, name, raw, &known)));
                }
            }
        }
        Ok(Some(request))
    }
}

fn initial_state(value: &Node<'_>) -> Result<Option<TargetState>, Failure> {
    let Some(text) = json::string(value)? else {
        return Ok(None);
    };
    match text.to_uppercase().as_str() {
        "RUNNING" => Ok(Some(TargetState::Started)),
        "PAUSED" => Ok(Some(TargetState::Paused)),
        "STOPPED" => Ok(Some(TargetState::Stopped)),
        unknown => Err(Failure::internal(value.error(&format!(
            "Cannot construct instance of `{CLASS}$InitialState`, problem: No enum constant {CLASS}.InitialState.{unknown}"
        )))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Option<CreateConnectorRequest>, String> {
        let (body, raw) = json::parse(body.as_bytes()).unwrap().unwrap();
        CreateConnectorRequest::read(&Node::root(body, raw)).map_err(|failure| failure.message.unwrap())
    }

    #[test]
    fn states_are_read_whatever_their_case() {
        let request = read(r#"{"name":1,"config":{"a":2},"initial_state":"Paused"}"#).unwrap().unwrap();
        assert_eq!(request.name.as_deref(), Some("1"));
        assert_eq!(request.config.unwrap()["a"].as_deref(), Some("2"));
        assert_eq!(request.initial_state, Some(TargetState::Paused));
        assert_eq!(
            read(r#"{"initial_state":null,"config":null}"#).unwrap().unwrap(),
            CreateConnectorRequest::default()
        );
        assert_eq!(read("null").unwrap(), None);
    }

    #[test]
    fn what_the_request_does_not_know_is_named_with_its_place() {
        let place = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";
        assert_eq!(
            read(r#"{"name":"a","config":{},"initial_state":"nope"}"#).unwrap_err(),
            format!(
                "Cannot construct instance of `{CLASS}$InitialState`, problem: No enum constant {CLASS}.InitialState.NOPE\n at {place}41] (through reference chain: {CLASS}[\"initial_state\"])"
            )
        );
        assert_eq!(
            read(r#"{"name":"a","config":{"b":[]}}"#).unwrap_err(),
            format!(
                "Cannot deserialize value of type `java.lang.String` from Array value (token `JsonToken.START_ARRAY`)\n at {place}27] (through reference chain: {CLASS}[\"config\"]->java.util.LinkedHashMap[\"b\"])"
            )
        );
        let unknown = read(r#"{"offsets":[],"name":"a"}"#).unwrap_err();
        assert!(unknown.starts_with(&format!("Unrecognized field \"offsets\" (class {CLASS}), not marked as ignorable (3 known properties: \"config\", \"name\", \"initial_state\")\n at {place}")), "{unknown}");
        assert!(unknown.ends_with(&format!("] (through reference chain: {CLASS}[\"offsets\"])")), "{unknown}");
    }
}
