//! What can go wrong, sorted by whose business it is: the operator's or the peer's.

use std::{io, net::SocketAddr, path::PathBuf};

/// Something the operator has to put right before a listener can serve.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A listener could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address from the configuration.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// A TLS file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A TLS file is there but holds the wrong thing.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// Making a certificate failed.
    #[error("cannot make a self-signed certificate for {names}: {reason}")]
    SelfSigned {
        /// The names it was to hold.
        names: String,
        /// What is wrong with the names.
        reason: String,
    },
    /// The DNS servers cannot be set up.
    #[error("DNS cannot be set up: {0}")]
    Dns(String),
    /// The TLS library refuses our own settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why reading from or writing to a peer ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The peer closed the connection.
    #[error("connection closed by peer")]
    Closed,
    /// The peer sent nothing complete, or took nothing, for the time allowed.
    #[error("timed out")]
    TimedOut,
    /// A line was longer than allowed. It has been skipped to its end; the next read starts
    /// with the line after it.
    #[error("line too long")]
    LineTooLong,
    /// A line was so long that skipping it is not worth it; the connection should be closed.
    #[error("endless line")]
    Flood,
    /// Plain text followed the command that starts TLS. It was not looked at, and the
    /// connection has to be closed.
    #[error("plain text after the command that starts TLS")]
    PlaintextBeforeTls,
    /// The TLS handshake failed.
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
    /// Anything else the network does.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What came over a connection that is compressed cannot be inflated.
#[derive(Debug, thiserror::Error)]
#[error("not DEFLATE")]
pub(crate) struct NotDeflate;

impl From<NotDeflate> for io::Error {
    fn from(error: NotDeflate) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl ConnectionError {
    /// Whether what came over a compressed connection is no DEFLATE. What TLS cannot read is of
    /// the same kind of [`io::Error`].
    pub fn is_not_deflate(&self) -> bool {
        matches!(self, Self::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<NotDeflate>()))
    }
}
