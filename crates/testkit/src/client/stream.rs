//! A connection with or without TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::PATIENCE;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// TLS from the first byte.
    Tls,
    /// TLS after the protocol's own STARTTLS.
    StartTls,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Between the two, while STARTTLS replaces one by the other.
    Gone,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Reads lines and counted bytes; writes at once.
#[derive(Debug)]
pub(super) struct Stream(BufReader<Transport>);

impl Stream {
    pub(super) fn connect(address: SocketAddr, security: Security) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut stream = Self(BufReader::new(Transport::Plain(socket)));
        if security == Security::Tls {
            stream.start_tls()?;
        }
        Ok(stream)
    }

    /// Starts TLS on this connection. What the server sent before it, beyond the reply that
    /// agreed to TLS, is an error: RFC 3501 §6.2.1 and RFC 3207 §4.2 leave no room for it.
    pub(super) fn start_tls(&mut self) -> io::Result<()> {
        if !self.0.buffer().is_empty() {
            return Err(io::Error::other("the server sent more before TLS began"));
        }
        let Transport::Plain(socket) = std::mem::replace(self.0.get_mut(), Transport::Gone) else {
            return Err(io::Error::other("TLS has begun already"));
        };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(any_certificate(), name).map_err(io::Error::other)?;
        let mut tls = StreamOwned::new(connection, socket);
        tls.flush()?;
        *self.0.get_mut() = Transport::Tls(Box::new(tls));
        Ok(())
    }

    /// `tls-exporter` of this connection (RFC 9266 §4); fails the test where there is no TLS.
    pub(super) fn exporter(&self) -> Vec<u8> {
        let Transport::Tls(tls) = self.0.get_ref() else { panic!("no TLS, no exporter") };
        let label = b"EXPORTER-Channel-Binding";
        let exporter = tls.conn.export_keying_material(vec![0; 32], label, Some(b""));
        exporter.unwrap_or_else(|error| panic!("TLS has begun: {error}"))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.0.get_mut() {
            Transport::Plain(stream) => stream.write_all(bytes),
            Transport::Tls(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
            Transport::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// One line without its CRLF.
    pub(super) fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(text.to_vec()),
            None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(io::Error::other(format!("not a CRLF line: {}", line.escape_ascii()))),
        }
    }

    pub(super) fn read_exact(&mut self, size_bytes: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size_bytes];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn any_certificate() -> Arc<ClientConfig> {
    let config = certificate::client_config(certificate::Anyone);
    Arc::new(config.unwrap_or_else(|error| panic!("the provider knows TLS: {error}")))
}
