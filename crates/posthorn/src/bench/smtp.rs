//! Deliveries over LMTP, SMTP or submission: messages per second on some connections.
//!
//! A connection has one message under way: the next is offered when the last is acknowledged,
//! as a relay in front does it. MAIL, RCPT and DATA go out together where the server offers
//! PIPELINING (RFC 2920 §3.1), and the message with them where it offers CHUNKING too (RFC 3030
//! §4.2), unless DATA is asked for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::BenchError;
use super::memory::own_cpu_secs;
use super::message::Texts;
use super::race::race;
use super::report::{Report, Row, Unit, per_second};
use super::target::{Credentials, Target};
use super::wire::Wire;

/// Which of the three is spoken.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// LHLO, and one reply for each recipient.
    Lmtp,
    /// EHLO.
    Smtp,
    /// EHLO, signed in.
    Submission,
}

impl Dialect {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lmtp => "LMTP",
            Self::Smtp => "SMTP",
            Self::Submission => "submission",
        }
    }
}

/// What is to be measured.
pub(crate) struct SmtpPlan {
    pub(crate) dialect: Dialect,
    /// Only submission signs in.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) sender: String,
    /// Each message goes to one of them, in turn.
    pub(crate) recipients: Vec<String>,
    pub(crate) messages: usize,
    /// Texts that are made; the other messages have one of these.
    pub(crate) distinct: usize,
    pub(crate) size_bytes: usize,
    /// A row for each of these numbers.
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
    /// Messages go out with DATA even where CHUNKING is offered.
    pub(crate) data: bool,
}

/// Delivers, `rounds` times on each number of connections.
pub(crate) fn measure(target: &Target, plan: &SmtpPlan) -> Result<Report, BenchError> {
    if plan.recipients.is_empty() {
        return Err(BenchError::Plan("nobody to deliver to".to_owned()));
    }
    let mut texts = Texts::new(plan.seed, plan.size_bytes);
    let distinct = plan.distinct.clamp(1, plan.messages.max(1));
    let mut rows = Vec::new();
    for connections in &plan.connections {
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            let elapsed = deliver(target, plan, *connections, &texts.take(distinct))?;
            runs.push(per_second(plan.messages, elapsed));
        }
        let means = if plan.data { " with DATA" } else { "" };
        let name = format!("{}{means}, connections: {connections}", plan.dialect.as_str());
        rows.push(Row::new(name, Unit::MessagesPerSecond, runs));
    }
    Ok(Report {
        bench: "smtp",
        server: target.name(),
        messages: plan.messages,
        size_bytes: plan.size_bytes,
        seed: plan.seed,
        client_cpu_secs: own_cpu_secs(),
        rows,
    })
}

fn deliver(
    target: &Target,
    plan: &SmtpPlan,
    connections: usize,
    messages: &[Vec<u8>],
) -> Result<Duration, BenchError> {
    let open = |_| {
        let mut client = Client::open(target, plan.dialect, plan.credentials.as_ref())?;
        client.chunking &= !plan.data;
        Ok::<_, BenchError>(client)
    };
    let clients: Vec<Client> = (0..connections).map(open).collect::<Result<_, _>>()?;
    race(clients, plan.messages, |client, number| {
        let recipient = plan.recipients.get(number % plan.recipients.len());
        let message = messages.get(number % messages.len());
        client.deliver(
            &plan.sender,
            recipient.map_or("", String::as_str),
            message.map_or(&[][..], Vec::as_slice),
        )
    })
}

/// A connection on which single messages are delivered over LMTP.
pub(super) struct LmtpClient(Client);

impl LmtpClient {
    pub(super) fn open(target: &Target) -> Result<Self, BenchError> {
        Client::open(target, Dialect::Lmtp, None).map(Self)
    }

    /// Comes back when the message is acknowledged.
    pub(super) fn deliver(
        &mut self,
        from: &str,
        to: &str,
        message: &[u8],
    ) -> Result<(), BenchError> {
        self.0.deliver(from, to, message)
    }
}

/// One connection that has said its greeting.
struct Client {
    wire: Wire,
    pipelining: bool,
    /// BDAT may be used, and the server offers it.
    chunking: bool,
    /// The server takes the SIZE parameter (RFC 1870 §6).
    size: bool,
    /// Commands or a message with its final dot, to be sent in one piece.
    out: Vec<u8>,
}

impl Client {
    fn open(
        target: &Target,
        dialect: Dialect,
        credentials: Option<&Credentials>,
    ) -> Result<Self, BenchError> {
        let wire = target.connect()?;
        let mut client =
            Self { wire, pipelining: false, chunking: false, size: false, out: Vec::new() };
        client.expect("the connection", b'2')?;
        client.greet(dialect)?;
        if target.wants_starttls() {
            client.wire.send(b"STARTTLS\r\n")?;
            client.expect("STARTTLS", b'2')?;
            client.wire = target.encrypt(client.wire)?;
            client.greet(dialect)?;
        }
        if let (Dialect::Submission, Some(credentials)) = (dialect, credentials) {
            let Credentials { user, password } = credentials;
            let response = STANDARD.encode(format!("\0{user}\0{password}"));
            client.wire.send(format!("AUTH PLAIN {response}\r\n").as_bytes())?;
            client.expect("AUTH PLAIN", b'2')?;
        }
        Ok(client)
    }

    fn greet(&mut self, dialect: Dialect) -> Result<(), BenchError> {
        let verb = if dialect == Dialect::Lmtp { "LHLO" } else { "EHLO" };
        self.wire.send(format!("{verb} bench.example.test\r\n").as_bytes())?;
        (self.pipelining, self.chunking, self.size) = (false, false, false);
        loop {
            let line = self.wire.line()?;
            if line.first() != Some(&b'2') {
                return Err(BenchError::refused(verb, line));
            }
            let keyword = line.get(4..).unwrap_or_default();
            let mut words = keyword.split(|byte| *byte == b' ');
            match words.next().map(<[u8]>::to_ascii_uppercase).as_deref() {
                Some(b"PIPELINING") => self.pipelining = true,
                Some(b"CHUNKING") => self.chunking = true,
                Some(b"SIZE") => self.size = true,
                _ => {}
            }
            if line.get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    fn deliver(&mut self, from: &str, to: &str, message: &[u8]) -> Result<(), BenchError> {
        let size = if self.size { format!(" SIZE={}", message.len()) } else { String::new() };
        let mail = format!("MAIL FROM:<{from}>{size}\r\n");
        let rcpt = format!("RCPT TO:<{to}>\r\n");
        if self.pipelining && self.chunking {
            // RFC 3030 §2: a refused recipient would leave the chunk to be refused too.
            let bdat = format!("BDAT {} LAST\r\n", message.len());
            let pieces = [mail.as_bytes(), rcpt.as_bytes(), bdat.as_bytes(), message];
            self.send(&pieces)?;
            self.expect("MAIL", b'2')?;
            self.expect("RCPT", b'2')?;
        } else if self.pipelining {
            self.send(&[mail.as_bytes(), rcpt.as_bytes(), b"DATA\r\n"])?;
            self.expect("MAIL", b'2')?;
            self.expect("RCPT", b'2')?;
            self.expect("DATA", b'3')?;
            self.send(&[message, b".\r\n"])?;
        } else {
            self.send(&[mail.as_bytes()])?;
            self.expect("MAIL", b'2')?;
            self.send(&[rcpt.as_bytes()])?;
            self.expect("RCPT", b'2')?;
            self.send(&[b"DATA\r\n"])?;
            self.expect("DATA", b'3')?;
            // No line of the generated texts starts with a dot, so none has to be doubled.
            self.send(&[message, b".\r\n"])?;
        }
        // RFC 2033 §4.2: one reply for each accepted recipient, and there is one.
        self.expect("the message", b'2')
    }

    /// Sends the pieces as one.
    fn send(&mut self, pieces: &[&[u8]]) -> Result<(), BenchError> {
        self.out.clear();
        pieces.iter().for_each(|piece| self.out.extend_from_slice(piece));
        self.wire.send(&self.out)
    }

    /// Reads one reply with all its lines; its first digit has to be that one.
    fn expect(&mut self, step: &str, class: u8) -> Result<(), BenchError> {
        loop {
            let line = self.wire.line()?;
            if line.first() != Some(&class) {
                return Err(BenchError::refused(step, line));
            }
            if line.get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::super::target::Tls;
    use super::*;

    fn plan() -> SmtpPlan {
        SmtpPlan {
            dialect: Dialect::Lmtp,
            credentials: None,
            sender: "a@example.org".to_owned(),
            recipients: vec!["b@example.test".to_owned()],
            messages: 2,
            distinct: 2,
            size_bytes: 2048,
            connections: vec![1],
            rounds: 1,
            seed: 1,
            data: false,
        }
    }

    /// Answers in the order given, each after so many lines have come, and gives back what came.
    fn server(answers: Vec<(&'static [u8], &'static str)>) -> (u16, impl FnOnce() -> Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut all = Vec::new();
            let mut byte = [0];
            for (until, answer) in answers {
                let start = all.len();
                while !all[start..].ends_with(until) {
                    assert_eq!(socket.read(&mut byte).unwrap(), 1, "ended before {until:?}");
                    all.push(byte[0]);
                }
                socket.write_all(answer.as_bytes()).unwrap();
            }
            // Closing before all has come would take the answers back.
            socket.read_to_end(&mut all).unwrap();
            all
        });
        (port, move || thread.join().unwrap())
    }

    #[test]
    fn commands_go_out_together_where_offered() {
        let (port, received) = server(vec![
            (b"", "220 hello\r\n"),
            (b"LHLO bench.example.test\r\n", "250-hello\r\n250-PIPELINING\r\n250 SIZE\r\n"),
            (b"DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
            (b"\r\n.\r\n", "250 ok\r\n"),
            (b"DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"),
            (b"\r\n.\r\n", "250-two\r\n250 lines\r\n"),
        ]);
        let target = Target::new("127.0.0.1", port, Tls::Off).unwrap();
        let report = measure(&target, &plan()).unwrap();
        assert_eq!(report.rows.len(), 1);
        assert_eq!(report.rows[0].name, "LMTP, connections: 1");
        let text = String::from_utf8(received()).unwrap();
        assert_eq!(text.matches("MAIL FROM:<a@example.org> SIZE=").count(), 2);
        assert_eq!(text.matches("RCPT TO:<b@example.test>\r\nDATA\r\n").count(), 2);
    }

    #[test]
    fn messages_go_out_in_one_piece_where_offered() {
        let (port, received) = server(vec![
            (b"", "220 hello\r\n"),
            (b"LHLO bench.example.test\r\n", "250-hello\r\n250-CHUNKING\r\n250 PIPELINING\r\n"),
            (b" LAST\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"),
        ]);
        let target = Target::new("127.0.0.1", port, Tls::Off).unwrap();
        measure(&target, &SmtpPlan { messages: 1, ..plan() }).unwrap();
        let text = String::from_utf8(received()).unwrap();
        let commands = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.test>\r\nBDAT ";
        assert!(text.contains(commands), "{text}");
        assert!(!text.contains("DATA\r\n"), "{text}");
    }

    #[test]
    fn a_refused_recipient_ends_the_run() {
        let (port, received) = server(vec![
            (b"", "220 hello\r\n"),
            (b"LHLO bench.example.test\r\n", "250 hello\r\n"),
            (b"\r\n", "250 ok\r\n"),
            (b"\r\n", "550 5.1.1 nobody\r\n"),
        ]);
        let target = Target::new("127.0.0.1", port, Tls::Off).unwrap();
        let error = measure(&target, &plan()).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the server answered RCPT with: 550 5.1.1 nobody");
        received();
    }
}
