//! An SMTP, submission and LMTP client: commands out, replies in.

use std::io;
use std::net::SocketAddr;

use super::stream::{Security, Stream};

/// One reply, of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without code and separator.
    pub lines: Vec<String>,
}

impl SmtpReply {
    /// 2yz or 3yz: RFC 5321 §4.2.1.
    pub const fn is_positive(&self) -> bool {
        self.code >= 200 && self.code < 400
    }
}

/// A connection to an SMTP or LMTP server.
#[derive(Debug)]
pub struct SmtpClient {
    stream: Stream,
    /// The greeting.
    pub greeting: SmtpReply,
}

impl SmtpClient {
    /// Connects and reads the greeting; with [`Security::StartTls`] says EHLO and STARTTLS too.
    pub fn connect(address: SocketAddr, security: Security) -> io::Result<Self> {
        let mut stream = Stream::connect(address, security)?;
        let greeting = read_reply(&mut stream)?;
        let mut client = Self { stream, greeting };
        if security == Security::StartTls {
            client.command("EHLO client.example.test")?;
            let reply = client.command("STARTTLS")?;
            if reply.code != 220 {
                return Err(io::Error::other(format!("STARTTLS: {reply:?}")));
            }
            client.stream.start_tls()?;
        }
        Ok(client)
    }

    /// Sends one line and reads its reply.
    pub fn command(&mut self, line: &str) -> io::Result<SmtpReply> {
        self.stream.send(format!("{line}\r\n").as_bytes())?;
        self.read_reply()
    }

    /// Sends `MAIL`, one `RCPT` for each recipient, `DATA` and the message; the replies are those
    /// to the recipients and, last, what came after the final dot. For LMTP one reply follows for
    /// each accepted recipient (RFC 2033 §4.2), and all of them are returned.
    pub fn deliver(
        &mut self,
        from: &str,
        recipients: &[&str],
        message: &[u8],
        protocol: Protocol,
    ) -> io::Result<Delivery> {
        let mail = self.command(&format!("MAIL FROM:<{from}>"))?;
        let mut delivery = Delivery { mail, recipients: Vec::new(), data: Vec::new() };
        if !delivery.mail.is_positive() {
            return Ok(delivery);
        }
        for recipient in recipients {
            delivery.recipients.push(self.command(&format!("RCPT TO:<{recipient}>"))?);
        }
        let accepted = delivery.recipients.iter().filter(|reply| reply.is_positive()).count();
        let reply = self.command("DATA")?;
        if reply.code != 354 {
            delivery.data.push(reply);
            return Ok(delivery);
        }
        self.stream.send(&stuffed(message))?;
        let replies = if protocol == Protocol::Lmtp { accepted } else { 1 };
        for _ in 0..replies {
            delivery.data.push(self.read_reply()?);
        }
        Ok(delivery)
    }

    /// What SCRAM can be bound to (`tls-exporter`); fails the test where there is no TLS.
    pub fn exporter(&self) -> Vec<u8> {
        self.stream.exporter()
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.send(bytes)
    }

    /// The next reply.
    pub fn read_reply(&mut self) -> io::Result<SmtpReply> {
        read_reply(&mut self.stream)
    }
}

/// Which rules the replies after the message follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One reply for all.
    Smtp,
    /// One reply for each accepted recipient.
    Lmtp,
}

/// The replies to one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To MAIL.
    pub mail: SmtpReply,
    /// To each RCPT, in order.
    pub recipients: Vec<SmtpReply>,
    /// To DATA if it was refused, else to the message.
    pub data: Vec<SmtpReply>,
}

/// RFC 5321 §4.5.2: a line that begins with a dot gets one more; a dot alone ends the message.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// RFC 5321 §4.2.1: every line but the last has a hyphen after the code.
fn read_reply(stream: &mut Stream) -> io::Result<SmtpReply> {
    let mut lines = Vec::new();
    loop {
        let line = stream.read_line()?;
        let text = String::from_utf8_lossy(&line).into_owned();
        let wrong = || io::Error::other(format!("not a reply: {text}"));
        let code: u16 = text.get(..3).ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        lines.push(text.get(4..).unwrap_or("").to_owned());
        match line.get(3) {
            Some(b'-') => {}
            None | Some(b' ') => return Ok(SmtpReply { code, lines }),
            Some(_) => return Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffs_dots() {
        let check = |message: &[u8], wire: &[u8]| assert_eq!(stuffed(message), wire);
        check(b"", b".\r\n");
        check(b"a", b"a\r\n.\r\n");
        check(b".\r\n..x\r\na.\r\n", b"..\r\n...x\r\na.\r\n.\r\n");
    }
}
