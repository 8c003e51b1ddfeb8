//! A socket with a buffer: lines out of it with one search each, literals skipped unread.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::BenchError;

/// An idle connection keeps this much, so that thousands fit beside the server.
const BUFFER_BYTES_FIRST: usize = 2 * 1024;
/// A connection on which much arrives reads this much at once.
const BUFFER_BYTES_BUSY: usize = 256 * 1024;
/// LIMIT: no server has a reason to send a longer line to these commands.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A connection to the server measured.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    /// What has been read and not yet been consumed.
    unread: Range<usize>,
}

impl Wire {
    /// A connection in clear text.
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { stream: Stream::Plain(socket), buffer: vec![0; BUFFER_BYTES_FIRST], unread: 0..0 }
    }

    /// Makes the handshake on an open connection.
    pub(super) fn into_tls(
        self,
        config: Arc<ClientConfig>,
        host: IpAddr,
    ) -> Result<Self, BenchError> {
        let Stream::Plain(mut socket) = self.stream else {
            return Err(BenchError::Plan("TLS within TLS".to_owned()));
        };
        let mut connection = ClientConnection::new(config, ServerName::from(host))
            .map_err(|error| BenchError::Plan(format!("TLS: {error}")))?;
        // Here and not with the first byte, so that the handshake is measured where it happens.
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let stream = Stream::Tls(Box::new(StreamOwned::new(connection, socket)));
        Ok(Self { stream, buffer: self.buffer, unread: 0..0 })
    }

    /// Sends all of the bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes)?,
            Stream::Tls(stream) => {
                stream.write_all(bytes)?;
                stream.flush()?;
            }
        }
        Ok(())
    }

    /// The next line without its CRLF, consumed.
    pub(super) fn line(&mut self) -> Result<&[u8], BenchError> {
        let mut searched = 0;
        let length = loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let tail = unread.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', tail) {
                break searched + at;
            }
            searched = unread.len();
            if searched > LINE_BYTES_MAX {
                return Err(BenchError::refused("a command", b"a line without end"));
            }
            self.fill()?;
        };
        let start = self.unread.start;
        self.unread.start += length + 1;
        let line = self.buffer.get(start..start + length).unwrap_or_default();
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Consumes so many bytes without looking at them.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), BenchError> {
        let mut left = count;
        loop {
            let here = left.min(self.unread.len() as u64);
            self.unread.start += here as usize;
            left -= here;
            if left == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Consumes so many bytes, and puts them behind what is in `into`.
    pub(super) fn take(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), BenchError> {
        let mut left = count;
        loop {
            let here = left.min(self.unread.len() as u64);
            let end = self.unread.start + here as usize;
            into.extend_from_slice(self.buffer.get(self.unread.start..end).unwrap_or_default());
            self.unread.start = end;
            left -= here;
            if left == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads what is there, at least one byte.
    fn fill(&mut self) -> Result<(), BenchError> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == self.buffer.len() {
            if self.unread.start > 0 {
                self.buffer.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            } else {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        let space = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
        let offered = space.len();
        let count = match &mut self.stream {
            Stream::Plain(socket) => read(socket, space)?,
            Stream::Tls(stream) => read(stream, space)?,
        };
        if count == 0 {
            return Err(BenchError::closed());
        }
        self.unread.end += count;
        if count == offered && self.buffer.len() < BUFFER_BYTES_BUSY {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        Ok(())
    }
}

fn read(stream: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Wire::new(ours), listener.accept().unwrap().0)
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let (mut wire, mut peer) = pair();
        let long = vec![b'x'; 3 * BUFFER_BYTES_FIRST];
        peer.write_all(b"first\r\nsecond\n\r\n").unwrap();
        let writer = std::thread::spawn(move || {
            for piece in long.chunks(700) {
                peer.write_all(piece).unwrap();
            }
            peer.write_all(b"\r\nend\r\n").unwrap();
        });
        assert_eq!(wire.line().unwrap(), b"first");
        assert_eq!(wire.line().unwrap(), b"second");
        assert_eq!(wire.line().unwrap(), b"");
        assert_eq!(wire.line().unwrap().len(), 3 * BUFFER_BYTES_FIRST);
        assert_eq!(wire.line().unwrap(), b"end");
        writer.join().unwrap();
        assert!(matches!(wire.line(), Err(BenchError::Io(_))));
    }

    #[test]
    fn skipping_goes_past_the_buffer() {
        let (mut wire, mut peer) = pair();
        let writer = std::thread::spawn(move || {
            peer.write_all(&vec![b'\n'; 1_000_000]).unwrap();
            peer.write_all(b"after\r\n").unwrap();
        });
        wire.skip(1_000_000).unwrap();
        assert_eq!(wire.line().unwrap(), b"after");
        writer.join().unwrap();
    }
}
