//! `RestServer`: listeners and connections, from the first bind to the graceful stop.
//!
//! Counterpart: org.apache.kafka.connect.runtime.rest.RestServer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use milena_runtime::herder::Herder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::RestConfig;
use crate::cors::Cors;
use crate::error::Result;
use crate::listeners::{self, ADMIN, Advertised, Bound, MAIN};
use crate::response_headers::ResponseHeaders;
use crate::router::Scope;
use crate::service::Service;
use crate::spawn::spawn;
use crate::timeouts::Timeouts;

/// How long requests in flight may take once the server stops.
const GRACEFUL_STOP: Duration = Duration::from_secs(60);
/// How long a connection may be silent between requests or within a request's head.
const IDLE: Duration = Duration::from_secs(30);
/// Pause after a failed accept: the process has no file descriptors left, and trying at once would spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The REST server. It listens from [`RestServer::bind`] on, answers 404 until [`RestServer::serve_resources`], and stops with
/// [`RestServer::stop`] or, without waiting for requests in flight, when it is dropped.
pub struct RestServer {
    advertised: Advertised,
    main: Vec<SocketAddr>,
    admin: Vec<SocketAddr>,
    herder: Arc<OnceLock<Arc<dyn Herder>>>,
    timeouts: Timeouts,
    stop: watch::Sender<bool>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

impl RestServer {
    /// Opens all listeners and takes connections on the current Tokio runtime.
    ///
    /// # Errors
    /// A property cannot be used, or an address is taken or not this machine's.
    pub async fn bind(config: RestConfig) -> Result<Self> {
        let cors = Cors::new(&config)?;
        let response_headers = ResponseHeaders::parse(&config.response_headers)?;
        let main = bind_all(MAIN, listeners::parse(MAIN, &config.listeners)?).await?;
        let admin = match &config.admin_listeners {
            Some(texts) => bind_all(ADMIN, listeners::parse(ADMIN, texts)?).await?,
            None => Vec::new(),
        };
        let Some(first) = main.first() else {
            let reason = "at least one URL is expected".to_owned();
            return Err(crate::Error::Config { key: MAIN, reason });
        };
        let advertised = Advertised::new(&config, first)?;
        let (herder, timeouts) = (Arc::new(OnceLock::new()), Timeouts::default());
        let (stop, stopped) = watch::channel(false);
        let scope = if config.admin_listeners.is_none() { Scope::All } else { Scope::WithoutAdmin };
        let service = |scope, cors, response_headers| {
            let (herder, timeouts) = (Arc::clone(&herder), timeouts.clone());
            Arc::new(Service { scope, cors, response_headers, herder, timeouts })
        };
        let of_main = service(scope, cors, response_headers);
        let of_admin = service(Scope::AdminOnly, None, ResponseHeaders::default());
        let addresses = |bound: &[Bound]| bound.iter().map(|bound| bound.address).collect::<Vec<_>>();
        let (main_addresses, admin_addresses) = (addresses(&main), addresses(&admin));
        let sockets =
            main.into_iter().map(|bound| (bound, &of_main)).chain(admin.into_iter().map(|bound| (bound, &of_admin)));
        let accepting =
            sockets.map(|(bound, service)| spawn(accept(bound.socket, Arc::clone(service), stopped.clone()))).collect();
        tracing::info!(target: "org.apache.kafka.connect.runtime.rest.RestServer",
            "REST server listening at {}, advertising URL {}", joined(&main_addresses), advertised.url());
        if !admin_addresses.is_empty() {
            tracing::info!(target: "org.apache.kafka.connect.runtime.rest.RestServer",
                "REST admin endpoints at {}", joined(&admin_addresses));
        }
        Ok(RestServer {
            advertised,
            main: main_addresses,
            admin: admin_addresses,
            herder,
            timeouts,
            stop,
            accepting: Mutex::new(accepting),
        })
    }

    /// From now on requests reach the herder. Only the first call counts.
    pub fn serve_resources(&self, herder: Arc<dyn Herder>) {
        if self.herder.set(herder).is_ok() {
            tracing::info!(target: "org.apache.kafka.connect.runtime.rest.RestServer",
                "REST resources initialized; server is started and ready to handle requests");
        }
    }

    /// `host:port` that statuses and other workers know this worker by.
    pub fn worker_id(&self) -> String {
        self.advertised.worker_id()
    }

    /// URL that other workers are told; ends with a slash.
    pub fn advertised_url(&self) -> String {
        self.advertised.url()
    }

    /// Where the main listeners are, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.main
    }

    /// Where listeners for `/admin` alone are.
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin
    }

    /// How long requests wait for the herder, to be changed while the server runs.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts.clone()
    }

    /// Takes no more requests and waits for those in flight, up to 60 s.
    ///
    /// # Cancel safety
    /// Safe: listeners are closed all the same, requests in flight are then no longer waited for.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let accepting = std::mem::take(&mut *self.accepting.lock().unwrap_or_else(PoisonError::into_inner));
        for listener in accepting {
            if let Err(error) = listener.await {
                tracing::warn!(%error, "a listener ended badly");
            }
        }
        tracing::info!(target: "org.apache.kafka.connect.runtime.rest.RestServer", "REST server stopped");
    }
}

async fn bind_all(key: &'static str, listeners: Vec<listeners::Listener>) -> Result<Vec<Bound>> {
    let mut bound = Vec::with_capacity(listeners.len());
    for listener in listeners {
        bound.push(listeners::bind(key, listener).await?);
    }
    Ok(bound)
}

fn joined(addresses: &[SocketAddr]) -> String {
    let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}/")).collect();
    urls.join(", ")
}

/// Takes connections until the server stops, then waits for the requests on them.
async fn accept(listener: TcpListener, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = until(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(connection(stream, client, Arc::clone(&service), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACEFUL_STOP, drained).await.is_err() {
        tracing::warn!("requests in flight did not end in time, closing their connections");
    }
}

async fn connection(stream: TcpStream, client: SocketAddr, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off Nagle's algorithm");
    }
    let serve = service_fn(|request| service.serve(local, client, request));
    let mut http = http1::Builder::new();
    // A client that says no more (`nc`, shell scripts) still gets its answer.
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).title_case_headers(true).half_close(true);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), serve));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = until(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%client, %error, "a connection ended badly");
    }
}

/// Waits for the stop of the server. The guard that the channel gives is dropped here: none may be held while others wait.
async fn until(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}
