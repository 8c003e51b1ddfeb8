//! A POP3 client: commands out, responses in.

use std::io;
use std::net::SocketAddr;

use super::stream::{Security, Stream};

/// A connection to a POP3 server.
#[derive(Debug)]
pub struct Pop3Client {
    stream: Stream,
    /// The greeting.
    pub greeting: String,
}

impl Pop3Client {
    /// Connects and reads the greeting; with [`Security::StartTls`] says STLS too.
    pub fn connect(address: SocketAddr, security: Security) -> io::Result<Self> {
        let mut stream = Stream::connect(address, security)?;
        let greeting = read_text(&mut stream)?;
        let mut client = Self { stream, greeting };
        if security == Security::StartTls {
            let reply = client.command("STLS")?;
            if !reply.starts_with("+OK") {
                return Err(io::Error::other(format!("STLS: {reply}")));
            }
            client.stream.start_tls()?;
        }
        Ok(client)
    }

    /// Sends one line and reads the first line of its response.
    pub fn command(&mut self, line: &str) -> io::Result<String> {
        self.stream.send(format!("{line}\r\n").as_bytes())?;
        self.read_line()
    }

    /// Sends a command whose response goes over several lines (RFC 1939 §3). They come without
    /// their dots; none come after `-ERR`.
    pub fn listing(&mut self, line: &str) -> io::Result<(String, Vec<Vec<u8>>)> {
        let first = self.command(line)?;
        let mut lines = Vec::new();
        while first.starts_with("+OK") {
            let line = self.stream.read_line()?;
            if line == b"." {
                break;
            }
            lines.push(line.strip_prefix(b".").unwrap_or(&line).to_vec());
        }
        Ok((first, lines))
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.send(bytes)
    }

    /// The next line.
    pub fn read_line(&mut self) -> io::Result<String> {
        read_text(&mut self.stream)
    }
}

fn read_text(stream: &mut Stream) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&stream.read_line()?).into_owned())
}
