//! An IMAP client: commands out, responses in.

use std::io;
use std::net::SocketAddr;

use super::stream::{Security, Stream};

/// Everything that came between a command and its tagged reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImapReply {
    /// `OK`, `NO` or `BAD`.
    pub status: String,
    /// What follows the status.
    pub text: String,
    /// Untagged responses without `* `, literals included as they came.
    pub untagged: Vec<Vec<u8>>,
}

impl ImapReply {
    /// Whether the command succeeded.
    pub fn is_ok(&self) -> bool {
        self.status == "OK"
    }

    /// The first untagged response that begins with `start`, as text.
    pub fn find(&self, start: &str) -> Option<String> {
        let found = self.untagged.iter().find(|response| response.starts_with(start.as_bytes()));
        found.map(|response| String::from_utf8_lossy(response).into_owned())
    }
}

/// A connection to an IMAP server.
#[derive(Debug)]
pub struct ImapClient {
    stream: Stream,
    next_tag: u32,
    /// The greeting, without `* `.
    pub greeting: String,
}

impl ImapClient {
    /// Connects, reads the greeting, and does STARTTLS where asked to.
    pub fn connect(address: SocketAddr, security: Security) -> io::Result<Self> {
        let stream = Stream::connect(address, security)?;
        let mut client = Self { stream, next_tag: 1, greeting: String::new() };
        let greeting = client.read_response()?;
        client.greeting = String::from_utf8_lossy(&greeting).trim_start_matches("* ").to_owned();
        if security == Security::StartTls {
            expect_ok(client.command("STARTTLS")?)?;
            client.stream.start_tls()?;
        }
        Ok(client)
    }

    /// Sends one command, without a tag and without literals, and reads up to its reply.
    pub fn command(&mut self, command: &str) -> io::Result<ImapReply> {
        self.command_parts(&[command.as_bytes()])
    }

    /// Sends a command whose parts after the first are each announced as a synchronising literal
    /// (RFC 9051 §4.3). Each literal is followed by the part after it: with `["A ", "lit", " B",
    /// "lit2"]` every second part is a literal.
    pub fn command_parts(&mut self, parts: &[&[u8]]) -> io::Result<ImapReply> {
        let tag = format!("t{}", self.next_tag);
        self.next_tag += 1;
        let mut line = format!("{tag} ").into_bytes();
        let mut reply = ImapReply::default();
        for (index, part) in parts.iter().enumerate() {
            if index % 2 == 0 {
                line.extend_from_slice(part);
                continue;
            }
            line.extend_from_slice(format!("{{{}}}\r\n", part.len()).as_bytes());
            self.stream.send(&line)?;
            line.clear();
            if !self.read_until_tagged(&tag, &mut reply, true)? {
                return Ok(reply);
            }
            line.extend_from_slice(part);
        }
        line.extend_from_slice(b"\r\n");
        self.stream.send(&line)?;
        self.read_until_tagged(&tag, &mut reply, false)?;
        Ok(reply)
    }

    /// Signs in with LOGIN and quoted strings.
    pub fn login(&mut self, user: &str, password: &str) -> io::Result<ImapReply> {
        self.command(&format!("LOGIN {} {}", quoted(user), quoted(password)))
    }

    /// Appends one message; `flags` as they stand on the wire, such as `(\Seen)`.
    pub fn append(&mut self, mailbox: &str, flags: &str, message: &[u8]) -> io::Result<ImapReply> {
        let head = format!("APPEND {} {flags} ", quoted(mailbox));
        self.command_parts(&[head.as_bytes(), message])
    }

    /// Begins IDLE; returns once the server agrees (RFC 2177 §3).
    pub fn idle(&mut self) -> io::Result<()> {
        self.stream.send(b"idle IDLE\r\n")?;
        let mut reply = ImapReply::default();
        match self.read_until_tagged("idle", &mut reply, true)? {
            true => Ok(()),
            false => Err(io::Error::other(format!("IDLE refused: {}", reply.text))),
        }
    }

    /// The next untagged response while idle, without `* `.
    pub fn next_update(&mut self) -> io::Result<Vec<u8>> {
        let response = self.read_response()?;
        Ok(response.strip_prefix(b"* ").map_or_else(|| response.clone(), <[u8]>::to_vec))
    }

    /// Ends IDLE.
    pub fn done(&mut self) -> io::Result<ImapReply> {
        self.stream.send(b"DONE\r\n")?;
        let mut reply = ImapReply::default();
        self.read_until_tagged("idle", &mut reply, false)?;
        Ok(reply)
    }

    /// What SCRAM can be bound to (`tls-exporter`); fails the test where there is no TLS.
    pub fn exporter(&self) -> Vec<u8> {
        self.stream.exporter()
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.send(bytes)
    }

    /// One response with its literals, without the last CRLF.
    pub fn read_response(&mut self) -> io::Result<Vec<u8>> {
        let mut response = self.stream.read_line()?;
        let mut line_at = 0;
        while let Some(size) = announced_literal(&response[line_at..]) {
            response.extend_from_slice(b"\r\n");
            response.extend(self.stream.read_exact(size)?);
            line_at = response.len();
            response.extend(self.stream.read_line()?);
        }
        Ok(response)
    }

    /// Reads responses into `reply` until the tagged one (false), or, where the command waits for
    /// it, a continuation request (true).
    fn read_until_tagged(
        &mut self,
        tag: &str,
        reply: &mut ImapReply,
        may_continue: bool,
    ) -> io::Result<bool> {
        loop {
            let response = self.read_response()?;
            if let Some(untagged) = response.strip_prefix(b"* ") {
                reply.untagged.push(untagged.to_vec());
            } else if may_continue && response.starts_with(b"+") {
                return Ok(true);
            } else {
                let text = String::from_utf8_lossy(&response).into_owned();
                let rest = text.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' '));
                let Some(rest) = rest else {
                    return Err(io::Error::other(format!("waited for {tag}, got {text}")));
                };
                let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
                reply.status = status.to_owned();
                reply.text = text.to_owned();
                return Ok(false);
            }
        }
    }
}

/// RFC 9051 §4.3: a line that ends in `{n}` is followed by n bytes.
fn announced_literal(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let at = inside.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&inside[at + 1..]).ok()?.parse().ok()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn expect_ok(reply: ImapReply) -> io::Result<()> {
    match reply.is_ok() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{} {}", reply.status, reply.text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn sends_a_literal_when_asked_and_reads_literals() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut expect = |text: &[u8], answer: &[u8]| {
                let mut got = vec![0; text.len()];
                socket.read_exact(&mut got).unwrap();
                assert_eq!(got, text, "{}", got.escape_ascii());
                socket.write_all(answer).unwrap();
            };
            expect(b"", b"* OK ready\r\n");
            expect(b"t1 APPEND \"a\\\"b\" (\\Seen) {5}\r\n", b"* 1 EXISTS\r\n+ go on\r\n");
            expect(b"a\r\nb\n\r\n", b"t1 OK [APPENDUID 1 2] done\r\n");
            expect(
                b"t2 FETCH\r\n",
                b"* 1 FETCH (BODY[] {4}\r\n\r\n}\r X {1}\r\nq)\r\nt2 NO not\r\n",
            );
        });
        let mut client = ImapClient::connect(address, Security::Plain).unwrap();
        assert_eq!(client.greeting, "OK ready");
        let reply = client.append("a\"b", "(\\Seen)", b"a\r\nb\n").unwrap();
        assert!(reply.is_ok());
        assert_eq!(reply.find("1 EX").as_deref(), Some("1 EXISTS"));
        let reply = client.command("FETCH").unwrap();
        assert_eq!((reply.status.as_str(), reply.text.as_str()), ("NO", "not"));
        assert_eq!(reply.untagged, [b"1 FETCH (BODY[] {4}\r\n\r\n}\r X {1}\r\nq)".to_vec()]);
        server.join().unwrap();
    }
}
