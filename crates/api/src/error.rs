//! `Error`: what a plug-in tells the runtime, shaped by what the runtime does next.

use std::borrow::Cow;
use std::fmt;

/// What a plug-in returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of any other type, as a cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the runtime does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The same call may succeed later: it is made again after a back-off. Java: `RetriableException`.
    Retriable,
    /// This record or value cannot be handled: tolerance and the dead-letter queue decide. Java: `DataException`.
    Data,
    /// The configuration is at fault. Java: `ConfigException`.
    Config,
    /// The plug-in does not offer this operation. Java: `UnsupportedOperationException`.
    Unsupported,
    /// Nothing to be done: the connector or task fails. Java: `ConnectException` and everything else.
    Fatal,
}

/// An error with its kind, the Java class that stands for it in traces and dead-letter headers, and its cause.
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    class: Cow<'static, str>,
    message: Option<String>,
    frame: Option<String>,
    source: Option<BoxError>,
}

impl Error {
    /// An error of this kind, named as Java names the kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let class = match kind {
            ErrorKind::Retriable => "org.apache.kafka.connect.errors.RetriableException",
            ErrorKind::Data => "org.apache.kafka.connect.errors.DataException",
            ErrorKind::Config => "org.apache.kafka.common.config.ConfigException",
            ErrorKind::Unsupported => "java.lang.UnsupportedOperationException",
            ErrorKind::Fatal => "org.apache.kafka.connect.errors.ConnectException",
        };
        Error(Box::new(Parts {
            kind,
            class: Cow::Borrowed(class),
            message: Some(message.into()),
            frame: None,
            source: None,
        }))
    }

    /// `RetriableException`.
    pub fn retriable(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Retriable, message)
    }

    /// `DataException`.
    pub fn data(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Data, message)
    }

    /// `ConfigException`.
    pub fn config(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config, message)
    }

    /// `UnsupportedOperationException`.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// `ConnectException`.
    pub fn fatal(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Fatal, message)
    }

    /// Names another Java class, e.g. `java.lang.NullPointerException`, for traces and headers.
    #[must_use]
    pub fn with_class(mut self, class: impl Into<Cow<'static, str>>) -> Self {
        self.0.class = class.into();
        self
    }

    /// Adds the cause; printers walk the chain, `Display` leaves it out.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a place to the trace, printed as Java prints a stack frame: `\tat stage …`.
    #[must_use]
    pub fn with_frame(mut self, frame: impl Into<String>) -> Self {
        self.0.frame = Some(frame.into());
        self
    }

    /// Takes the message away: Java exceptions without one.
    #[must_use]
    pub fn without_message(mut self) -> Self {
        self.0.message = None;
        self
    }

    /// What the runtime does about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// True if the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        self.0.kind == ErrorKind::Retriable
    }

    /// Full name of the Java class that stands for this error.
    pub fn java_class(&self) -> &str {
        &self.0.class
    }

    /// The message, without class and cause.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The trace that statuses and dead-letter headers carry: `class: message`, then each cause behind `Caused by: `.
    /// Causes that are no `Error` are printed by their `Display`.
    pub fn trace(&self) -> String {
        let mut text = self.framed_headline();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str("\nCaused by: ");
            match cause.downcast_ref::<Error>() {
                Some(error) => text.push_str(&error.framed_headline()),
                None => text.push_str(&cause.to_string()),
            }
            source = cause.source();
        }
        text.push('\n');
        text
    }

    fn framed_headline(&self) -> String {
        match &self.0.frame {
            Some(frame) => format!("{}\n\t{frame}", self.headline()),
            None => self.headline(),
        }
    }

    /// A second error that says the same, for two receivers; causes that are no `Error` become texts.
    #[must_use]
    pub fn duplicate(&self) -> Error {
        let source: Option<BoxError> =
            std::error::Error::source(self).map(|cause| match cause.downcast_ref::<Error>() {
                Some(error) => Box::new(error.duplicate()) as BoxError,
                None => cause.to_string().into(),
            });
        let Parts { kind, class, message, frame, .. } = &*self.0;
        Error(Box::new(Parts {
            kind: *kind,
            class: class.clone(),
            message: message.clone(),
            frame: frame.clone(),
            source,
        }))
    }

    /// `class: message`, Java's `Throwable.toString()`.
    pub fn headline(&self) -> String {
        match &self.0.message {
            Some(message) => format!("{}: {message}", self.0.class),
            None => self.0.class.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message.as_deref().unwrap_or(&self.0.class))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.trace().trim_end())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::fatal(error.to_string()).with_class("java.io.IOException").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_walks_the_causes_as_java_prints_them() {
        let error = Error::fatal("Tolerance exceeded in error handler").with_source(Error::data("bad value"));
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
             Caused by: org.apache.kafka.connect.errors.DataException: bad value\n"
        );
    }
}
