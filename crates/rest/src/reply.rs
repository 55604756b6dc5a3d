//! `Reply`: what an endpoint answers, and `Failure`: the error bodies of all endpoints.
//!
//! Counterparts: org.apache.kafka.connect.runtime.rest.entities.ErrorMessage, …rest.errors.ConnectExceptionMapper.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use milena_runtime::herder::RequestError;
use serde::Serialize;

/// What a response carries.
pub type Body = Full<Bytes>;

/// What an endpoint answers.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers that it sets.
    pub headers: HeaderMap,
    /// Body; its `Content-Type` is among the headers.
    pub body: Bytes,
}

/// Why a request is refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status and `error_code`.
    pub status: u16,
    /// Prints as JSON null if missing.
    pub message: Option<String>,
    /// False for refusals before an endpoint is found, which have no `Content-Type`.
    pub typed: bool,
}

#[derive(Serialize)]
struct ErrorMessage<'a> {
    error_code: u16,
    message: Option<&'a str>,
}

impl Reply {
    /// A status without a body.
    pub fn empty(status: StatusCode) -> Self {
        Reply { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A JSON body.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(value).map_err(|error| Failure::internal(error.to_string()))?;
        let mut reply = Reply::empty(status);
        reply.body = Bytes::from(body);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(crate::media::JSON));
        Ok(reply)
    }

    /// 200 with a JSON body.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn ok(value: &impl Serialize) -> Result<Self, Failure> {
        Reply::json(StatusCode::OK, value)
    }

    /// A text of this media type.
    pub fn text(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut reply = Reply::empty(status);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        reply.body = body.into();
        reply
    }

    /// With a `Location`.
    #[must_use]
    pub fn with_location(mut self, url: &str) -> Self {
        if let Ok(url) = HeaderValue::from_str(url) {
            self.headers.insert(LOCATION, url);
        }
        self
    }

    /// With an `Allow`.
    #[must_use]
    pub fn with_allow(mut self, methods: &str) -> Self {
        if let Ok(methods) = HeaderValue::from_str(methods) {
            self.headers.insert(ALLOW, methods);
        }
        self
    }

    /// As an HTTP response.
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl Failure {
    /// An endpoint's error.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Failure { status, message: Some(message.into()), typed: true }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Failure::new(400, message)
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Failure::new(500, message)
    }

    /// A refusal before an endpoint is found: `HTTP 404 Not Found`.
    pub fn refused(status: StatusCode) -> Self {
        Failure { typed: false, ..Failure::http(status) }
    }

    /// An endpoint's refusal in the words of HTTP: `HTTP 404 Not Found`.
    pub fn http(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        Failure::new(status.as_u16(), format!("HTTP {} {reason}", status.as_u16()))
    }

    /// As a reply with the error body.
    pub fn into_reply(self) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let message = ErrorMessage { error_code: self.status, message: self.message.as_deref() };
        let mut reply = Reply::json(status, &message).unwrap_or_else(|_| Reply::empty(status));
        if !self.typed {
            reply.headers.remove(CONTENT_TYPE);
        }
        reply
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Failure { status: error.status, message: error.message, typed: true }
    }
}
