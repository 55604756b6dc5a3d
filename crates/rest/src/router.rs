//! `Resource`: what a path means, which methods it has, and the endpoint behind each.

use hyper::Method;

use crate::reply::{Failure, Reply};
use crate::routes::{
    Call, Endpoint, connector_plugins, connectors, health, internal, loggers, offsets, root, tasks, topics,
};

/// What a path means, see [`Resource::find`]. The texts are names from the path, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    Root,
    Health,
    Connectors,
    Connector(String),
    ConnectorConfig(String),
    ConnectorFence(String),
    ConnectorOffsets(String),
    ConnectorPause(String),
    ConnectorRestart(String),
    ConnectorResume(String),
    ConnectorStatus(String),
    ConnectorStop(String),
    ConnectorTasks(String),
    ConnectorTopics(String),
    ConnectorTopicsReset(String),
    TaskRestart(String, String),
    TaskStatus(String, String),
    Plugins,
    PluginConfig(String),
    PluginValidate(String),
    Loggers,
    Logger(String),
}

/// Which resources a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// All but `/admin`.
    WithoutAdmin,
    /// `/admin` alone.
    AdminOnly,
}

impl Scope {
    fn serves(self, resource: &Resource) -> bool {
        let admin = matches!(resource, Resource::Loggers | Resource::Logger(_));
        match self {
            Scope::All => true,
            Scope::WithoutAdmin => !admin,
            Scope::AdminOnly => admin,
        }
    }
}

impl Resource {
    /// The resource of a path, if this listener serves it.
    pub fn find(scope: Scope, segments: &[String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let resource = match *segments.as_slice() {
            [] => Resource::Root,
            ["health"] => Resource::Health,
            ["connectors"] => Resource::Connectors,
            ["connectors", name] => Resource::Connector(name.to_owned()),
            ["connectors", name, sub] => {
                let name = name.to_owned();
                match sub {
                    "config" => Resource::ConnectorConfig(name),
                    "fence" => Resource::ConnectorFence(name),
                    "offsets" => Resource::ConnectorOffsets(name),
                    "pause" => Resource::ConnectorPause(name),
                    "restart" => Resource::ConnectorRestart(name),
                    "resume" => Resource::ConnectorResume(name),
                    "status" => Resource::ConnectorStatus(name),
                    "stop" => Resource::ConnectorStop(name),
                    "tasks" => Resource::ConnectorTasks(name),
                    "topics" => Resource::ConnectorTopics(name),
                    _ => return None,
                }
            }
            ["connectors", name, "topics", "reset"] => Resource::ConnectorTopicsReset(name.to_owned()),
            ["connectors", name, "tasks", task, "restart"] => Resource::TaskRestart(name.to_owned(), task.to_owned()),
            ["connectors", name, "tasks", task, "status"] => Resource::TaskStatus(name.to_owned(), task.to_owned()),
            ["connector-plugins"] => Resource::Plugins,
            ["connector-plugins", name, "config"] => Resource::PluginConfig(name.to_owned()),
            ["connector-plugins", name, "config", "validate"] => Resource::PluginValidate(name.to_owned()),
            ["admin", "loggers"] => Resource::Loggers,
            ["admin", "loggers", name] => Resource::Logger(name.to_owned()),
            _ => return None,
        };
        scope.serves(&resource).then_some(resource)
    }

    /// The methods it has, in the order of `Allow`.
    pub const fn methods(&self) -> &'static [&'static str] {
        match self {
            Resource::Connectors | Resource::ConnectorTasks(_) => &["HEAD", "POST", "GET", "OPTIONS"],
            Resource::Connector(_) => &["HEAD", "DELETE", "GET", "OPTIONS"],
            Resource::ConnectorConfig(_) => &["HEAD", "GET", "OPTIONS", "PUT", "PATCH"],
            Resource::ConnectorOffsets(_) => &["HEAD", "DELETE", "GET", "OPTIONS", "PATCH"],
            Resource::ConnectorRestart(_) | Resource::TaskRestart(..) => &["POST", "OPTIONS"],
            Resource::ConnectorFence(_)
            | Resource::ConnectorPause(_)
            | Resource::ConnectorResume(_)
            | Resource::ConnectorStop(_)
            | Resource::ConnectorTopicsReset(_)
            | Resource::PluginValidate(_) => &["OPTIONS", "PUT"],
            Resource::Logger(_) => &["HEAD", "GET", "OPTIONS", "PUT"],
            Resource::Root
            | Resource::Health
            | Resource::ConnectorStatus(_)
            | Resource::ConnectorTopics(_)
            | Resource::TaskStatus(..)
            | Resource::Plugins
            | Resource::PluginConfig(_)
            | Resource::Loggers => &["HEAD", "GET", "OPTIONS"],
        }
    }

    /// True for what workers use between themselves: no media type is asked for there.
    pub fn is_internal(&self, method: &Method) -> bool {
        matches!(self, Resource::ConnectorFence(_))
            || matches!(self, Resource::ConnectorTasks(_) if method == Method::POST)
    }

    /// True if the endpoint reads a body.
    pub fn reads_body(&self, method: &Method) -> bool {
        match self {
            Resource::Connectors | Resource::ConnectorTasks(_) => method == Method::POST,
            Resource::ConnectorConfig(_) => method == Method::PUT || method == Method::PATCH,
            Resource::ConnectorOffsets(_) => method == Method::PATCH,
            Resource::PluginValidate(_) | Resource::Logger(_) => method == Method::PUT,
            _ => false,
        }
    }

    /// Calls the endpoint; `HEAD` calls that of `GET`.
    ///
    /// # Errors
    /// What the client is told.
    pub async fn call(&self, endpoint: &Endpoint, call: &Call) -> Result<Reply, Failure> {
        let method = if call.method == Method::HEAD { "GET" } else { call.method.as_str() };
        match (self, method) {
            (Resource::Root, "GET") => root::get(endpoint),
            (Resource::Health, "GET") => health::get(endpoint).await,
            (Resource::Connectors, "GET") => connectors::list(endpoint, call).await,
            (Resource::Connectors, "POST") => connectors::create(endpoint, call).await,
            (Resource::Connector(name), "GET") => connectors::get(endpoint, name).await,
            (Resource::Connector(name), "DELETE") => connectors::delete(endpoint, name).await,
            (Resource::ConnectorConfig(name), "GET") => connectors::config(endpoint, name).await,
            (Resource::ConnectorConfig(name), "PUT") => connectors::put_config(endpoint, call, name).await,
            (Resource::ConnectorConfig(name), "PATCH") => connectors::patch_config(endpoint, call, name).await,
            (Resource::ConnectorFence(_), "PUT") => internal::fence(),
            (Resource::ConnectorOffsets(name), "GET") => offsets::get(endpoint, name).await,
            (Resource::ConnectorOffsets(name), "PATCH") => offsets::alter(endpoint, call, name).await,
            (Resource::ConnectorOffsets(name), "DELETE") => offsets::reset(endpoint, name).await,
            (Resource::ConnectorPause(name), "PUT") => connectors::pause(endpoint, name).await,
            (Resource::ConnectorRestart(name), "POST") => connectors::restart(endpoint, call, name).await,
            (Resource::ConnectorResume(name), "PUT") => connectors::resume(endpoint, name).await,
            (Resource::ConnectorStatus(name), "GET") => connectors::status(endpoint, name).await,
            (Resource::ConnectorStop(name), "PUT") => connectors::stop(endpoint, name).await,
            (Resource::ConnectorTasks(name), "GET") => tasks::list(endpoint, name).await,
            (Resource::ConnectorTasks(_), "POST") => internal::put_task_configs(call),
            (Resource::ConnectorTopics(name), "GET") => topics::get(endpoint, name).await,
            (Resource::ConnectorTopicsReset(name), "PUT") => topics::reset(endpoint, name).await,
            (Resource::TaskRestart(name, task), "POST") => tasks::restart(endpoint, name, task).await,
            (Resource::TaskStatus(name, task), "GET") => tasks::status(endpoint, name, task).await,
            (Resource::Plugins, "GET") => connector_plugins::list(endpoint, call),
            (Resource::PluginConfig(name), "GET") => connector_plugins::config(endpoint, call, name).await,
            (Resource::PluginValidate(name), "PUT") => connector_plugins::validate(endpoint, call, name).await,
            (Resource::Loggers, "GET") => loggers::list(endpoint),
            (Resource::Logger(name), "GET") => loggers::get(endpoint, name),
            (Resource::Logger(name), "PUT") => loggers::set(endpoint, call, name).await,
            _ => Err(Failure::refused(hyper::StatusCode::METHOD_NOT_ALLOWED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(scope: Scope, path: &str) -> Option<Resource> {
        Resource::find(scope, &crate::path::segments(path).unwrap())
    }

    #[test]
    fn names_may_be_words_of_paths() {
        assert_eq!(find(Scope::All, "/connectors/tasks/tasks"), Some(Resource::ConnectorTasks("tasks".to_owned())));
        assert_eq!(
            find(Scope::All, "/connectors/topics/topics/reset"),
            Some(Resource::ConnectorTopicsReset("topics".to_owned()))
        );
        assert_eq!(find(Scope::All, "/connectors/a/tasks-config"), None);
        assert_eq!(find(Scope::All, "/connectors/./x"), None);
        assert_eq!(find(Scope::All, "/Connectors"), None);
    }

    #[test]
    fn scopes_split_admin_from_the_rest() {
        assert_eq!(find(Scope::WithoutAdmin, "/admin/loggers"), None);
        assert_eq!(find(Scope::AdminOnly, "/admin/loggers/"), Some(Resource::Loggers));
        assert_eq!(find(Scope::AdminOnly, "/"), None);
    }
}
