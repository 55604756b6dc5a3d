//! The bytes' way to a broker: plain, or through TLS.

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connected stream. TLS is boxed: its state is large, and most connections have none.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}
