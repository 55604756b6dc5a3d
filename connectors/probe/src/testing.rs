//! The other end of the channel, and the runtime's side of contexts, for the tests of this crate.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use milena_api::Result;
use milena_api::config::ConfigMap;
use milena_api::metrics::PluginMetrics;
use milena_api::record::SourceMap;
use milena_api::source::{
    OffsetReader, OffsetStore, SourceTaskContext, SourceTaskHost, TransactionContext, TransactionHost,
};
use serde_json::Value as Json;

use crate::channel::Probe;

/// The tests of a worker.
pub struct Tests {
    /// The first line.
    pub hello: Json,
    events: BufReader<TcpStream>,
}

impl Tests {
    /// Both ends of a channel.
    pub fn connect() -> (Probe, Tests) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let probe = Probe::connect(&listener.local_addr().unwrap().to_string()).unwrap();
        let events = BufReader::new(listener.accept().unwrap().0);
        let mut tests = Tests { hello: Json::Null, events };
        tests.hello = tests.next();
        assert_eq!(tests.hello["event"], "hello");
        (probe, tests)
    }

    /// The next event.
    pub fn next(&mut self) -> Json {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a control.
    pub fn send(&mut self, control: Json) {
        writeln!(self.events.get_mut(), "{control}").unwrap();
    }
}

/// A configuration.
pub fn map(properties: &[(&str, &str)]) -> ConfigMap {
    properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A source task's context: control is wanted back at once, transactions are the connector's, and this offset is stored.
pub fn source_context(stored: Option<SourceMap>) -> SourceTaskContext {
    SourceTaskContext::new(Arc::new(Host(stored)))
}

struct Host(Option<SourceMap>);

struct Stored(Option<SourceMap>);

impl OffsetStore for Stored {
    fn offsets<'a>(&'a self, partitions: &'a [SourceMap]) -> BoxFuture<'a, Result<Vec<Option<SourceMap>>>> {
        let found = partitions.iter().map(|_| self.0.clone()).collect();
        async move { Ok(found) }.boxed()
    }
}

impl TransactionHost for Host {
    fn commit_batch(&self) {}

    fn abort_batch(&self) {}
}

impl SourceTaskHost for Host {
    fn configs(&self) -> ConfigMap {
        ConfigMap::new()
    }

    fn offset_reader(&self) -> OffsetReader {
        OffsetReader::new(Arc::new(Stored(self.0.clone())))
    }

    fn transaction_context(&self) -> Option<TransactionContext> {
        Some(TransactionContext::new(Arc::new(Host(None))))
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::discard()
    }

    fn wakeup(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
