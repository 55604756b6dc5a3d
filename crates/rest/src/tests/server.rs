//! Start and stop.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;

use super::client::{Running, ask, local};
use crate::{RestConfig, RestServer};

#[tokio::test]
async fn every_path_is_unknown_until_the_herder_is_there() {
    let server = RestServer::bind(local()).await.unwrap();
    let address = server.addresses()[0];
    let early = ask(address, "GET /", &[], "").await;
    assert_eq!((early.status, early.header("content-type")), (404, Some("text/html;charset=iso-8859-1")));
    server.serve_resources(Arc::new(super::fake_herder::FakeHerder::default()));
    let root = ask(address, "GET /", &[], "").await;
    assert!(root.body.starts_with(r#"{"version":"4.3.1","commit":""#), "{}", root.body);
    assert!(root.body.ends_with(r#"","kafka_cluster_id":"cluster"}"#), "{}", root.body);
    assert_eq!(server.worker_id(), address.to_string());
}

#[tokio::test]
async fn an_empty_admin_list_switches_admin_off() {
    let running = Running::start(RestConfig { admin_listeners: Some(Vec::new()), ..local() }).await;
    assert_eq!(running.get("/admin/loggers").await.status, 404);
    assert_eq!(running.get("/connectors").await.status, 200);
    assert!(running.server.admin_addresses().is_empty());
}

#[tokio::test]
async fn several_listeners_serve_the_same() {
    let listeners = vec!["http://127.0.0.1:0".to_owned(), "http://localhost:0".to_owned()];
    let running = Running::start(RestConfig { listeners, ..RestConfig::default() }).await;
    for address in running.server.addresses() {
        assert_eq!(ask(*address, "GET /connectors", &[], "").await.status, 200);
    }
}

#[tokio::test]
async fn stopping_waits_for_requests_in_flight_and_closes_idle_connections() {
    let running = Arc::new(Running::local().await);
    let address = running.server.addresses()[0];
    let idle = TcpStream::connect(address).await.unwrap();
    running.herder.hangs.store(true, Ordering::SeqCst);
    let asking = crate::spawn::spawn(async move { ask(address, "GET /connectors/a", &[], "").await });
    running.herder.hanging.notified().await;
    let stopping = {
        let running = Arc::clone(&running);
        crate::spawn::spawn(async move { running.server.stop().await })
    };
    // The idle connection ends as soon as the server stops.
    idle.readable().await.unwrap();
    assert_eq!(idle.try_read(&mut [0; 1]).unwrap(), 0);
    assert!(!stopping.is_finished());
    running.herder.release.notify_one();
    assert_eq!(asking.await.unwrap().status, 200);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
