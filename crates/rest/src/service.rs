//! `Service`: what happens to one request, around its endpoint.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use milena_runtime::herder::Herder;

use crate::cors::Cors;
use crate::media::{self, ContentType};
use crate::path;
use crate::query::Query;
use crate::reply::{Body, Failure, Reply};
use crate::request_log;
use crate::response_headers::ResponseHeaders;
use crate::router::{Resource, Scope};
use crate::routes::{Call, Endpoint};
use crate::timeouts::Timeouts;

/// The longest body that is read; no configuration or list of offsets comes near it.
const MAX_BODY: usize = 64 << 20;

/// Answers the requests of a kind of listeners.
pub struct Service {
    /// What they serve.
    pub scope: Scope,
    /// Cross-origin answers, on main listeners.
    pub cors: Option<Cors>,
    /// Headers for every response, on main listeners.
    pub response_headers: ResponseHeaders,
    /// The worker; until it is there, every path is unknown.
    pub herder: Arc<OnceLock<Arc<dyn Herder>>>,
    /// How long requests may take.
    pub timeouts: Timeouts,
}

impl Service {
    /// Answers a request.
    ///
    /// # Errors
    /// Never: every failure is a response.
    pub async fn serve(
        &self,
        local: SocketAddr,
        client: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let entry = request_log::Entry::start(client.ip(), &request);
        let mut headers = HeaderMap::new();
        if let Some(cors) = &self.cors {
            cors.answer(request.method(), request.headers(), &mut headers);
        }
        self.response_headers.apply(&mut headers);
        let head = request.method() == Method::HEAD;
        let reply = match AssertUnwindSafe(self.answer(local, request)).catch_unwind().await {
            Ok(reply) => reply,
            Err(_) => {
                Failure::internal("The request failed because of a defect of the worker, see its log").into_reply()
            }
        };
        let Reply { status, headers: own, body } = reply;
        // What the endpoint sets wins over what the configuration sets.
        for (name, value) in own.iter() {
            headers.insert(name, value.clone());
        }
        if status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        if let Some(entry) = entry {
            entry.finish(status.as_u16(), if head { 0 } else { body.len() });
        }
        let body = if head { Bytes::new() } else { body };
        Ok(Reply { status, headers, body }.into_response())
    }

    async fn answer(&self, local: SocketAddr, request: Request<Incoming>) -> Reply {
        let Some(herder) = self.herder.get() else {
            return not_there_yet();
        };
        if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
            return closing(Failure::bad_request("No Host").into_reply());
        }
        if request.method() == Method::CONNECT {
            return closing(Failure::bad_request("Bad Request").into_reply());
        }
        let segments = match path::segments(request.uri().path()) {
            Ok(segments) => segments,
            Err(reason) => return closing(Failure::bad_request(reason).into_reply()),
        };
        let endpoint = Endpoint { herder: Arc::clone(herder), timeouts: self.timeouts.clone() };
        match self.route(&endpoint, &segments, local, request).await {
            Ok(reply) => reply,
            Err(failure) => failure.into_reply(),
        }
    }

    /// In the order of JAX-RS: path, method, content type, accepted types, body.
    async fn route(
        &self,
        endpoint: &Endpoint,
        segments: &[String],
        local: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Reply, Failure> {
        let (parts, body) = request.into_parts();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.filter(|value| !value.trim().is_empty()).map(ContentType::of);
        if content_type == Some(ContentType::Malformed) {
            return Err(Failure::bad_request("Bad Request"));
        }
        let resource = Resource::find(self.scope, segments).ok_or_else(|| Failure::refused(StatusCode::NOT_FOUND))?;
        let accept = accept(&parts.headers);
        if parts.method == Method::OPTIONS {
            return Ok(options(&resource, &accept));
        }
        if !resource.methods().contains(&parts.method.as_str()) {
            return Err(Failure::refused(StatusCode::METHOD_NOT_ALLOWED));
        }
        let mut accepted = media::JSON.to_owned();
        if !resource.is_internal(&parts.method) {
            if content_type == Some(ContentType::Other) {
                return Err(Failure::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
            accepted = media::accepted(&accept).ok_or_else(|| Failure::refused(StatusCode::NOT_ACCEPTABLE))?;
        }
        let mut bytes = Bytes::new();
        if resource.reads_body(&parts.method) {
            bytes = read(body, self.timeouts.request()).await?;
            if content_type != Some(ContentType::Json) && !bytes.is_empty() && !resource.is_internal(&parts.method) {
                return Err(Failure::http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
        }
        let base = base(&parts.headers, local);
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let call = Call { method: parts.method, query, body: bytes, base };
        let mut reply = resource.call(endpoint, &call).await.unwrap_or_else(Failure::into_reply);
        if accepted != media::JSON
            && reply.headers.contains_key(CONTENT_TYPE)
            && let Ok(accepted) = HeaderValue::from_str(&accepted)
        {
            reply.headers.insert(CONTENT_TYPE, accepted);
        }
        Ok(reply)
    }
}

/// A whole body, within its limits of length and time.
async fn read(body: Incoming, within: Duration) -> Result<Bytes, Failure> {
    let too_long = || {
        let text = format!("The body is longer than {MAX_BODY} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE.as_u16(), text)
    };
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_long());
    }
    match tokio::time::timeout(within, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
        Ok(Err(error)) => Err(Failure::bad_request(format!("The body could not be read: {error}"))),
        Err(_) => Err(Failure::http(StatusCode::REQUEST_TIMEOUT)),
    }
}

fn accept(headers: &HeaderMap) -> String {
    let all: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    all.join(",")
}

/// The methods of a resource: as a text for clients that take any, else, as in JAX-RS, in the header alone.
fn options(resource: &Resource, accept: &str) -> Reply {
    let methods = resource.methods();
    let reply = match media::first_named(accept) {
        Some(named) if !named.eq_ignore_ascii_case("text/plain") => {
            let mut reply = Reply::empty(StatusCode::OK);
            if let Ok(named) = HeaderValue::from_str(&named) {
                reply.headers.insert(CONTENT_TYPE, named);
            }
            reply
        }
        _ => Reply::text(StatusCode::OK, "text/plain", methods.join(", ")),
    };
    reply.with_allow(&methods.join(","))
}

/// The worker as the client sees it.
fn base(headers: &HeaderMap, local: SocketAddr) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    host.map_or_else(|| format!("http://{local}"), |host| format!("http://{host}"))
}

/// What the HTTP server says of every path before the worker serves.
fn not_there_yet() -> Reply {
    let page = "<html>\n<head><title>Error 404 Not Found</title></head>\n<body><h2>HTTP ERROR 404 Not Found</h2>\n\
                <p>The worker is starting and serves no resources yet.</p></body>\n</html>\n";
    Reply::text(StatusCode::NOT_FOUND, "text/html;charset=iso-8859-1", page)
}

/// A refusal after which the connection ends, as nothing else on it can be trusted.
fn closing(mut reply: Reply) -> Reply {
    reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}
