//! A connection that shares its thread with others: what it waits for, they use.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::BenchError;

/// LIMIT: no server has a reason to send a longer line to these commands.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Some replies fit; a connection that waits keeps this much.
const BUFFER_BYTES: usize = 512;
/// LIMIT: a server that takes longer for one answer is not slow but stuck.
const PATIENCE: Duration = Duration::from_secs(300);

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// A connection to the server measured.
pub(super) struct LineStream {
    socket: Box<dyn Socket>,
    /// The lines that came last.
    buffer: Vec<u8>,
    consumed: usize,
}

impl LineStream {
    /// A connection in clear text.
    pub(super) fn new(socket: TcpStream) -> Self {
        Self::on(socket)
    }

    fn on(socket: impl Socket + 'static) -> Self {
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Self { socket: Box::new(socket), buffer, consumed: 0 }
    }

    /// Makes the handshake on an open connection.
    pub(super) async fn into_tls(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, BenchError> {
        let socket = TlsConnector::from(config).connect(name, self.socket).await?;
        Ok(Self::on(socket))
    }

    /// Sends all of the bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.socket.write_all(bytes).await?;
        Ok(self.socket.flush().await?)
    }

    /// The next line without its CRLF, consumed.
    pub(super) async fn line(&mut self) -> Result<&[u8], BenchError> {
        let mut searched = self.consumed;
        let end = loop {
            let tail = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', tail) {
                break searched + at;
            }
            if self.buffer.len() - self.consumed > LINE_BYTES_MAX {
                return Err(BenchError::refused("a command", b"a line without end"));
            }
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
            searched = self.buffer.len();
            self.fill().await?;
        };
        let line = self.buffer.get(self.consumed..end).unwrap_or_default();
        self.consumed = end + 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    async fn fill(&mut self) -> Result<(), BenchError> {
        let reading = self.socket.read_buf(&mut self.buffer);
        let stuck = |_| BenchError::Plan("the server does not answer any more".to_owned());
        match tokio::time::timeout(PATIENCE, reading).await.map_err(stuck)?? {
            0 => Err(BenchError::closed()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn lines_come_whole_however_they_arrive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = LineStream::new(socket);
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"first\r\nsecond\n\r\nha").unwrap();
        for line in [&b"first"[..], b"second", b""] {
            assert_eq!(stream.line().await.unwrap(), line);
        }
        peer.write_all(b"lf\r\n").unwrap();
        assert_eq!(stream.line().await.unwrap(), b"half");
        peer.write_all(&[b'x'; 2 * LINE_BYTES_MAX]).unwrap();
        let error = stream.line().await.map(<[u8]>::to_vec).unwrap_err();
        assert!(matches!(error, BenchError::Refused { .. }), "{error}");
        drop(peer);
    }
}
