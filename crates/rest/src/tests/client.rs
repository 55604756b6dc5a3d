//! A server on a free port, and requests to it, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fake_herder::FakeHerder;
use crate::{RestConfig, RestServer};

/// A server with its herder.
pub struct Running {
    pub server: RestServer,
    pub herder: Arc<FakeHerder>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

pub fn local() -> RestConfig {
    RestConfig { listeners: vec!["http://127.0.0.1:0".to_owned()], ..RestConfig::default() }
}

impl Running {
    pub async fn start(config: RestConfig) -> Self {
        let server = RestServer::bind(config).await.unwrap();
        let herder = Arc::new(FakeHerder::default());
        server.serve_resources(Arc::clone(&herder) as _);
        Running { server, herder }
    }

    pub async fn local() -> Self {
        Running::start(local()).await
    }

    /// `GET /path`, or `PUT /path` with headers and body.
    pub async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        ask(self.server.addresses()[0], line, headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    /// With a JSON body.
    pub async fn json(&self, line: &str, body: &str) -> Answer {
        self.ask(line, &["Content-Type: application/json"], body).await
    }
}

pub async fn ask(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> Answer {
    let mut request = format!("{line} HTTP/1.1\r\nHost: test:1\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    Answer::parse(&raw(address, &request).await)
}

/// Sends text and reads until the server closes.
pub async fn raw(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}
