//! `Endpoint`: what endpoints work with, and the time-out around every call of the herder. `Call`: one request.
//!
//! Counterpart: org.apache.kafka.connect.runtime.rest.HerderRequestHandler.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use milena_runtime::herder::{Herder, HerderResult};

use crate::query::Query;
use crate::reply::Failure;
use crate::timeouts::Timeouts;

/// What endpoints work with.
pub struct Endpoint {
    /// The worker.
    pub herder: Arc<dyn Herder>,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// One request, as far as endpoints need it.
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Its parameters.
    pub query: Query,
    /// Its body; empty where the endpoint reads none.
    pub body: Bytes,
    /// `http://host:port` as the client sees the worker.
    pub base: String,
}

impl Endpoint {
    /// Waits for the herder.
    ///
    /// # Errors
    /// What the herder says, or a 500 that tells what the worker is doing if it takes too long. The herder goes on in that case.
    pub async fn complete<T>(&self, request: impl Future<Output = HerderResult<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeouts.request(), request).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(self.timed_out(".")),
        }
    }

    /// The 500 of a request that took too long; `end` ends the sentence about the worker's stage.
    pub fn timed_out(&self, end: &str) -> Failure {
        Failure::internal(match self.herder.stage() {
            Some(stage) => format!("Request timed out. {}{end}", stage.summary()),
            None => "Request timed out".to_owned(),
        })
    }
}
