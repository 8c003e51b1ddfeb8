//! The addresses of scanners: TCP or a Unix socket, and opening a connection to them.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A host and port, or a socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannerAddress {
    /// A host and port, over TCP.
    Inet {
        /// A name or an address.
        host: String,
        /// The port of the scanner.
        port: u16,
    },
    /// A socket on this machine.
    Unix(PathBuf),
}

/// A connection of either kind.
pub(crate) trait Link: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Link for T {}

impl ScannerAddress {
    /// Connects. Whoever calls bounds the time.
    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Link>> {
        match self {
            Self::Inet { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                // What is written is written whole; waiting for more would only add a delay.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

impl fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Inet { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
