//! One HTTP request on one connection, for tests: nothing is pooled, retried or followed.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than Connect's own 90 s limit per request, so that its time-out answer is seen and not ours.
const LIMIT: Duration = Duration::from_secs(100);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in the order sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Bytes,
}

impl Response {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON; the text shows the body.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not a JSON body: {}", self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request to `http://host:port/path?query`.
///
/// # Errors
/// When the address is not an `http` URL, no connection comes about, or the answer does not end within 100 s.
pub async fn request(method: &str, url: &str, headers: &[(String, String)], body: Bytes) -> Result<Response> {
    tokio::time::timeout(LIMIT, exchange(method, url, headers, body))
        .await
        .unwrap_or_else(|_| Err(anyhow!("no answer within {} s", LIMIT.as_secs())))
        .with_context(|| format!("{method} {url}"))
}

/// `GET url` without headers.
///
/// # Errors
/// As [`request`].
pub async fn get(url: &str) -> Result<Response> {
    request("GET", url, &[], Bytes::new()).await
}

/// A request with a JSON body.
///
/// # Errors
/// As [`request`].
pub async fn send_json(method: &str, url: &str, body: &serde_json::Value) -> Result<Response> {
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    request(method, url, &headers, Bytes::from(body.to_string())).await
}

async fn exchange(method: &str, url: &str, headers: &[(String, String)], body: Bytes) -> Result<Response> {
    let uri: Uri = url.parse().context("not a URL")?;
    let authority = uri.authority().context("a URL without host")?.to_string();
    let stream = TcpStream::connect(&authority).await.context("cannot connect")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder =
        Request::builder().method(Method::from_bytes(method.as_bytes())?).uri(path).header("host", &authority);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let request = builder.body(Full::new(body)).context("a request that cannot be sent")?;
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::Ok(Response { status, headers, body })
    };
    tokio::pin!(answer, connection);
    // The connection future moves the bytes. A server may keep it open behind its answer: that is not waited for.
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}

/// Sends raw bytes to `host:port`, closes the sending side and reads whatever comes back; for requests that no HTTP client would build.
///
/// # Errors
/// When no connection comes about, nothing comes back within 100 s, or it does not begin with an HTTP status line.
pub async fn raw(authority: &str, bytes: &[u8]) -> Result<Response> {
    let talk = async {
        let mut stream = TcpStream::connect(authority).await.context("cannot connect")?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer =
        tokio::time::timeout(LIMIT, talk).await.map_err(|_| anyhow!("no answer within {} s", LIMIT.as_secs()))??;
    parse_raw(&answer).with_context(|| format!("not an HTTP answer: {}", String::from_utf8_lossy(&answer)))
}

/// Splits an answer into its parts; a chunked body is left as it came.
fn parse_raw(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse::<u16>().ok()?;
    StatusCode::from_u16(status).ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response { status, headers, body: Bytes::copy_from_slice(&answer[end + 4..]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_answer_is_split_into_status_headers_and_body() {
        let response = parse_raw(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<p>no</p>").unwrap();
        assert_eq!(response.status, 400);
        assert_eq!(response.header("content-type"), Some("text/html"));
        assert_eq!(response.text(), "<p>no</p>");
    }

    #[test]
    fn bytes_that_are_not_http_are_no_answer() {
        assert!(parse_raw(b"hello").is_none());
        assert!(parse_raw(b"HTTP/1.1 abc\r\n\r\n").is_none());
    }
}
