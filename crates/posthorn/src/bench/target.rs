//! The server that is measured, how it is reached, and the account to sign in to.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::line_stream::LineStream;
use super::wire::Wire;
use super::{BenchError, tls};

/// LIMIT: a server that takes longer for one answer is not slow but stuck.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a connection is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tls {
    /// Not at all.
    Off,
    /// From the first byte.
    Implicit,
    /// After STARTTLS.
    Starttls,
}

/// The address of a server and the way to speak to it.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    tls: Tls,
    config: Option<Arc<ClientConfig>>,
}

impl Target {
    /// Looks the host up; the certificate will not be verified.
    pub(crate) fn new(host: &str, port: u16, tls: Tls) -> Result<Self, BenchError> {
        let address = (host, port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| BenchError::Plan(format!("{host} has no address")))?;
        let config = match tls {
            Tls::Off => None,
            Tls::Implicit | Tls::Starttls => Some(tls::client_config()?),
        };
        Ok(Self { address, tls, config })
    }

    /// The address as it stands in the report.
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    /// Whether the protocol has to send STARTTLS after the greeting.
    pub(super) fn wants_starttls(&self) -> bool {
        self.tls == Tls::Starttls
    }

    /// Opens a connection, encrypted already where TLS is implicit.
    pub(super) fn connect(&self) -> Result<Wire, BenchError> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let wire = Wire::new(socket);
        if self.tls == Tls::Implicit { self.encrypt(wire) } else { Ok(wire) }
    }

    /// Connects without blocking, for a connection that shares its thread with others.
    pub(super) async fn connect_shared(&self) -> Result<LineStream, BenchError> {
        let socket = tokio::net::TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let stream = LineStream::new(socket);
        if self.tls == Tls::Implicit { self.encrypt_shared(stream).await } else { Ok(stream) }
    }

    /// [`Self::encrypt`] for a connection that shares its thread.
    pub(super) async fn encrypt_shared(
        &self,
        stream: LineStream,
    ) -> Result<LineStream, BenchError> {
        match &self.config {
            Some(config) => stream.into_tls(Arc::clone(config), self.address.ip().into()).await,
            None => Ok(stream),
        }
    }

    /// Goes on under TLS on an open connection.
    pub(super) fn encrypt(&self, wire: Wire) -> Result<Wire, BenchError> {
        match &self.config {
            Some(config) => wire.into_tls(Arc::clone(config), self.address.ip()),
            None => Ok(wire),
        }
    }
}

/// The user who signs in. Never shown, never logged.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}
