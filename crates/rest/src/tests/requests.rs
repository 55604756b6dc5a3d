//! What endpoints make of parameters and bodies, and how they print answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::client::Running;

#[tokio::test]
async fn creating_answers_with_location_and_injects_the_name() {
    let running = Running::local().await;
    let answer = running
        .json("POST /connectors", r#"{"name":" x y ","config":{"tasks.max":1},"initial_state":"stopped"}"#)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("location"), Some("http://test:1/connectors/x%20y"));
    let call = r#"put x y {"tasks.max": Some("1"), "name": Some("x y")} Some(Stopped) false"#;
    assert_eq!(running.herder.last_call(), call);
    assert_eq!(
        answer.body,
        r#"{"name":"x y","config":{"name":"x y"},"tasks":[{"connector":"a","task":0}],"type":"sink"}"#
    );
}

#[tokio::test]
async fn replacing_is_200_and_creating_201() {
    let running = Running::local().await;
    assert_eq!(running.json("PUT /connectors/a/config", "{}").await.status, 200);
    let created = running.json("PUT /connectors/b/config", r#"{"name":null}"#).await;
    assert_eq!((created.status, created.header("location")), (201, Some("http://test:1/connectors/b")));
    let mismatch = running.json("PUT /connectors/b/config", r#"{"name":"c"}"#).await;
    assert_eq!(mismatch.status, 400);
    assert!(mismatch.body.contains("Connector name configuration (c) doesn't match connector name in the URL (b)"));
}

#[tokio::test]
async fn bodies_that_are_missing_or_no_json_are_500() {
    let running = Running::local().await;
    for line in [
        "POST /connectors",
        "PUT /connectors/a/config",
        "PATCH /connectors/a/config",
        "PATCH /connectors/a/offsets",
        "PUT /connector-plugins/x/config/validate",
        "PUT /admin/loggers/x",
        "POST /connectors/a/tasks",
    ] {
        for body in ["", "null", "{", "[{]", "\"x\"", "1"] {
            let answer = running.json(line, body).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (500, Some("application/json")),
                "{line} {body}"
            );
            let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert!(json["message"].as_str().is_some_and(|text| !text.is_empty()), "{line} {body}: {json}");
        }
    }
    assert_eq!(running.ask("POST /connectors", &[], "{}").await.status, 415);
}

#[tokio::test]
async fn lists_expand_and_skip_what_vanished() {
    let running = Running::local().await;
    assert_eq!(running.get("/connectors").await.body, r#"["a","gone"]"#);
    let expanded = running.get("/connectors?expand=info&expand=status&expand=x").await;
    let json: serde_json::Value = serde_json::from_str(&expanded.body).unwrap();
    assert_eq!(json["a"]["info"]["name"], "a");
    assert_eq!(json["a"]["status"]["type"], "sink");
    assert!(json.get("gone").is_none());
    assert_eq!(running.get("/connectors?expand=info").await.body.matches("null").count(), 1);
    assert_eq!(running.get("/connectors?expand=x").await.body, r#"{"a":{},"gone":{}}"#);
}

#[tokio::test]
async fn statuses_leave_out_what_they_do_not_have() {
    let running = Running::local().await;
    let expected = r#"{"name":"a","connector":{"state":"RUNNING","worker_id":"h:1","version":"1"},"tasks":[{"id":0,"state":"FAILED","worker_id":"h:1","version":null,"trace":"boom"},{"id":1,"state":"RUNNING","worker_id":"h:1"}],"type":"sink"}"#;
    assert_eq!(running.get("/connectors/a/status").await.body, expected);
}

#[tokio::test]
async fn task_numbers_are_java_ints() {
    let running = Running::local().await;
    assert_eq!(running.get("/connectors/a/tasks/+1/status").await.status, 200);
    let unknown = running.get("/connectors/a/tasks/-1/status").await;
    assert_eq!(unknown.body, r#"{"error_code":404,"message":"No status found for task a--1"}"#);
    for task in ["abc", "99999999999", "1.0"] {
        let answer = running.get(&format!("/connectors/a/tasks/{task}/status")).await;
        assert_eq!(answer.body, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn restarts_depend_on_their_parameters() {
    let running = Running::local().await;
    for (query, status, call) in [
        ("", 204, "restart a"),
        ("?includeTasks=1&onlyFailed=no", 204, "restart a"),
        ("?includeTasks=TRUE", 202, "restart a false true"),
        ("?onlyFailed=true", 202, "restart a true false"),
    ] {
        assert_eq!(running.ask(&format!("POST /connectors/a/restart{query}"), &[], "").await.status, status);
        assert_eq!(running.herder.last_call(), call);
    }
}

#[tokio::test]
async fn the_other_endpoints_reach_the_herder() {
    let running = Running::local().await;
    for (line, status, call) in [
        ("PUT /connectors/a/pause", 202, "pause a"),
        ("PUT /connectors/a/resume", 202, "resume a"),
        ("PUT /connectors/a/stop", 204, "stop a"),
        ("DELETE /connectors/a", 204, "delete a"),
        ("POST /connectors/a/tasks/3/restart", 204, "restart task a-3"),
        ("GET /connectors/a/tasks", 200, "tasks a"),
        ("PUT /connectors/a/topics/reset", 202, "reset topics a"),
        ("DELETE /connectors/a/offsets", 200, "reset a"),
        ("GET /connector-plugins/p/config?version=", 200, "keys p Some(\"\")"),
        ("GET /connector-plugins/p/config", 200, "keys p None"),
    ] {
        let answer = running.ask(line, &[], "").await;
        assert_eq!((answer.status, running.herder.last_call()), (status, call.to_owned()), "{line}");
        assert_eq!(answer.body.is_empty(), status != 200, "{line}");
    }
    assert_eq!(running.get("/connectors/a/topics").await.body, r#"{"a":{"topics":["t"]}}"#);
    assert_eq!(running.get("/connectors/a/offsets").await.body, r#"{"offsets":[]}"#);
    let altered =
        running.json("PATCH /connectors/a/offsets", r#"{"offsets":[{"partition":{"f":1},"offset":null}]}"#).await;
    assert_eq!((altered.body.as_str(), running.herder.last_call().as_str()), (r#"{"message":"altered"}"#, "alter a 1"));
    assert_eq!(running.json("PATCH /connectors/a/offsets", "{}").await.status, 400);
}

#[tokio::test]
async fn plugins_and_validation_print_as_kafka_connect_does() {
    let running = Running::local().await;
    assert_eq!(running.get("/connector-plugins").await.body, r#"[{"class":"c.Sink","type":"sink","version":"1"}]"#);
    let all = running.get("/connector-plugins?connectorsOnly=false").await.body;
    assert!(all.ends_with(r#",{"class":"t.Cast","type":"transformation"}]"#), "{all}");
    let keys = running.get("/connector-plugins/p/config").await.body;
    assert!(keys.starts_with(r#"[{"name":"file","type":"STRING","required":false,"default_value":null,"#), "{keys}");
    let valid =
        running.json("PUT /connector-plugins/XConnector/config/validate", r#"{"connector.class":"a.b.X"}"#).await;
    let expected = r#"{"name":"a.b.X","error_count":1,"groups":["Common"],"configs":[{"definition":null,"value":{"name":"x","value":null,"recommended_values":[],"errors":["wrong"],"visible":true}}]}"#;
    assert_eq!(valid.body, expected);
    let other = running.json("PUT /connector-plugins/Y/config/validate", r#"{"connector.class":"X"}"#).await;
    assert_eq!(other.body, r#"{"error_code":400,"message":"Included connector type X does not match request type Y"}"#);
    let failed = running.json("PUT /connector-plugins/Y/config/validate", "{}").await;
    let text = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: no connector type";
    assert_eq!(failed.body, format!("{{\"error_code\":500,\"message\":\"{text}\"}}"));
}

#[tokio::test]
async fn log_levels_are_checked_and_normalised() {
    let running = Running::local().await;
    assert_eq!(running.get("/admin/loggers").await.body, r#"{"root":{"level":"INFO","last_modified":null}}"#);
    assert_eq!(running.get("/admin/loggers/root").await.body, r#"{"level":"INFO","last_modified":5}"#);
    assert_eq!(running.get("/admin/loggers/x").await.body, r#"{"error_code":404,"message":"Logger x not found."}"#);
    for (body, status, text) in [
        (r#"{"level":" warn "}"#, 200, r#"["x"]"#),
        (r#"{"level":null}"#, 400, "Desired 'level' parameter was not specified in request."),
        (r#"{"level":""}"#, 500, "Illegal null or empty Level name."),
        (r#"{"level":"loud"}"#, 404, "invalid log level 'loud'."),
    ] {
        let answer = running.json("PUT /admin/loggers/x?scope=bogus", body).await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains(text), "{}", answer.body);
    }
    assert_eq!(running.herder.last_call(), "level x WARN");
    let cluster = running.json("PUT /admin/loggers/x?scope=CLUSTER", r#"{"level":"debug"}"#).await;
    assert_eq!((cluster.status, running.herder.last_call().as_str()), (204, "cluster level x DEBUG"));
}

#[tokio::test]
async fn time_outs_say_what_the_worker_is_doing() {
    let running = Running::local().await;
    running.server.timeouts().set_request(Duration::from_millis(1));
    running.server.timeouts().set_health_check(Duration::from_millis(1));
    running.herder.hangs.store(true, Ordering::SeqCst);
    let text = r#"{"error_code":500,"message":"Request timed out"}"#;
    assert_eq!(running.get("/connectors").await.body, text);
    let stage = running.herder.stages.enter("reading the config topic");
    let summary = running.herder.stages.current().unwrap().summary();
    assert_eq!(
        running.get("/connectors").await.body,
        format!("{{\"error_code\":500,\"message\":\"Request timed out. {summary}.\"}}")
    );
    let validate = running.json("PUT /connector-plugins/X/config/validate", "{}").await;
    assert_eq!(validate.body, format!("{{\"error_code\":500,\"message\":\"Request timed out. {summary}\"}}"));
    let starting = running.get("/health").await;
    assert_eq!(
        (starting.status, starting.body),
        (503, format!("{{\"status\":\"starting\",\"message\":\"Worker is still starting up. {summary}.\"}}"))
    );
    running.herder.ready.store(true, Ordering::SeqCst);
    let unhealthy = running.get("/health").await;
    assert!(unhealthy.status == 500 && unhealthy.body.contains(r#""status":"unhealthy""#), "{unhealthy:?}");
    drop(stage);
    running.herder.hangs.store(false, Ordering::SeqCst);
    let healthy = r#"{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}"#;
    assert_eq!(running.get("/health").await.body, healthy);
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_request_alone() {
    let running = Running::local().await;
    running.herder.panics.store(true, Ordering::SeqCst);
    assert_eq!(running.get("/connectors").await.status, 500);
    running.herder.panics.store(false, Ordering::SeqCst);
    assert_eq!(running.get("/connectors").await.status, 200);
}
