//! Methods, media types, paths, headers.

use super::client::{Running, local, raw};
use crate::RestConfig;

const NOT_FOUND: &str = r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#;

#[tokio::test]
async fn refusals_before_an_endpoint_have_a_body_without_content_type() {
    let running = Running::local().await;
    for (line, headers, status, reason) in [
        ("GET /nope", &[][..], 404, "Not Found"),
        ("GET /connectors/a/tasks-config", &[], 404, "Not Found"),
        ("OPTIONS /nope", &[], 404, "Not Found"),
        ("PATCH /connectors", &[], 405, "Method Not Allowed"),
        ("BREW /connectors", &[], 405, "Method Not Allowed"),
        ("PATCH /connectors", &["Accept: text/html"], 405, "Method Not Allowed"),
        ("GET /connectors", &["Accept: text/html"], 406, "Not Acceptable"),
        ("POST /connectors", &["Content-Type: text/plain"], 415, "Unsupported Media Type"),
        ("PUT /connectors/a/pause", &["Content-Type: text/plain", "Accept: text/html"], 415, "Unsupported Media Type"),
    ] {
        let answer = running.ask(line, headers, "").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(
            answer.body,
            format!("{{\"error_code\":{status},\"message\":\"HTTP {status} {reason}\"}}"),
            "{line}"
        );
        assert_eq!(answer.header("content-type"), None, "{line}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = Running::local().await;
    let answer = running.ask("HEAD /connectors", &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-length"), Some("12"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(running.ask("HEAD /nope", &[], "").await.body, "");
}

#[tokio::test]
async fn options_tells_the_methods_in_header_and_text() {
    let running = Running::local().await;
    for (path, methods) in [
        ("/", "HEAD, GET, OPTIONS"),
        ("/connectors", "HEAD, POST, GET, OPTIONS"),
        ("/connectors/x/config", "HEAD, GET, OPTIONS, PUT, PATCH"),
        ("/connectors/x/offsets", "HEAD, DELETE, GET, OPTIONS, PATCH"),
        ("/connectors/x/tasks/abc/status", "HEAD, GET, OPTIONS"),
        ("/connector-plugins/x/config/validate", "OPTIONS, PUT"),
    ] {
        let answer = running.ask(&format!("OPTIONS {path}"), &["Accept: */*"], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, methods), "{path}");
        assert_eq!(answer.header("allow"), Some(methods.replace(", ", ",").as_str()));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
    let json = running.ask("OPTIONS /connectors", &["Accept: application/json"], "").await;
    assert_eq!((json.header("content-type"), json.body.as_str()), (Some("application/json"), ""));
}

#[tokio::test]
async fn a_client_gets_the_parameters_back_that_it_names() {
    let running = Running::local().await;
    let answer =
        running.ask("GET /connectors/x", &["Accept: text/html, application/json;charset=utf-8;q=0.3"], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json;charset=utf-8")));
}

#[tokio::test]
async fn names_are_decoded_and_ambiguous_paths_refused() {
    let running = Running::local().await;
    running.get("/connectors/a%20b;x=y/status").await;
    assert_eq!(running.herder.last_call(), "status a b");
    for path in ["/connectors/a%2Fb", "//connectors", "/connectors/%2e%2e", "/connectors/%ff"] {
        let answer = running.get(path).await;
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{path}");
    }
    assert_eq!(running.get("/connectors/../connectors").await.body, NOT_FOUND);
    assert_eq!(running.get("/connectors/").await.status, 200);
}

#[tokio::test]
async fn what_is_no_proper_http_is_a_400_and_the_server_goes_on() {
    let running = Running::local().await;
    let address = running.server.addresses()[0];
    for text in [
        "THIS IS NOT HTTP\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = raw(address, text).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{text}: {answer}");
    }
    let two = "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(raw(address, two).await.ends_with(NOT_FOUND));
    assert!(raw(address, "GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn cross_origin_answers_and_configured_headers_come_with_every_response_of_main_listeners() {
    let config = RestConfig {
        allow_origin: "http://a.com".to_owned(),
        response_headers: "set X-A: 1, set Content-Type: foo".to_owned(),
        admin_listeners: Some(vec!["http://127.0.0.1:0".to_owned()]),
        ..local()
    };
    let running = Running::start(config).await;
    let answer = running.ask("GET /", &["Origin: http://a.com"], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://a.com"));
    assert_eq!((answer.header("x-a"), answer.header("content-type")), (Some("1"), Some("application/json")));
    let unknown = running.get("/admin/loggers").await;
    assert_eq!(
        (unknown.status, unknown.header("vary"), unknown.header("content-type")),
        (404, Some("Origin"), Some("foo"))
    );
    let admin = super::client::ask(running.server.admin_addresses()[0], "GET /admin/loggers", &[], "").await;
    assert_eq!((admin.status, admin.header("x-a"), admin.header("vary")), (200, None, None));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let running = Running::local().await;
    let headers = ["Content-Type: application/json", "Content-Length: 99999999"];
    let answer = running.ask("POST /connectors", &headers, "").await;
    assert_eq!((answer.status, running.herder.last_call().as_str()), (413, ""));
}
