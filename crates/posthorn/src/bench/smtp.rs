//! Deliveries over LMTP, SMTP or submission: messages per second on some connections.
//!
//! A connection has one message under way: the next is offered when the last is acknowledged,
//! as a relay in front does it. MAIL, RCPT and DATA go out together where the server offers
//! PIPELINING (RFC 2920 §3.1), and the message with them where it offers CHUNKING too
//! (RFC 3030 §4.2), unless DATA is asked for. All connections share one thread, so that the
//! processors are left to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::BenchError;
use super::line_stream::LineStream;
use super::memory::own_cpu_secs;
use super::message::Texts;
use super::report::{Report, Row, Unit, per_second};
use super::target::{Credentials, Target};

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

/// What to measure over SMTP and LMTP.
pub(crate) struct SmtpPlan {
    pub(crate) dialect: Dialect,
    /// Only submission signs in.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) sender: String,
    /// The recipients; each message goes to one of them, in turn.
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

/// Makes a text one of its sender: a server takes no others from who signs in.
fn name_author(text: &mut Vec<u8>, sender: &str) {
    const START: &[u8] = b"\r\nFrom: ";
    let Some(start) = memchr::memmem::find(text, START).map(|at| at + START.len()) else { return };
    let rest = text.get(start..).unwrap_or_default();
    let end = start + memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
    text.splice(start..end, sender.bytes());
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
            let mut texts = texts.take(distinct);
            if plan.dialect == Dialect::Submission {
                texts.iter_mut().for_each(|text| name_author(text, &plan.sender));
            }
            let elapsed = deliver(target, plan, *connections, texts)?;
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

/// What all connections of a run have in common.
struct Work {
    sender: String,
    recipients: Vec<String>,
    messages: Vec<Vec<u8>>,
    count: usize,
    /// The number of the next message.
    next: AtomicUsize,
}

/// Delivers all messages of a run; answers how long that took from the first to the last.
fn deliver(
    target: &Target,
    plan: &SmtpPlan,
    connections: usize,
    messages: Vec<Vec<u8>>,
) -> Result<Duration, BenchError> {
    let work = Arc::new(Work {
        sender: plan.sender.clone(),
        recipients: plan.recipients.clone(),
        messages,
        count: plan.messages,
        next: AtomicUsize::new(0),
    });
    one_thread()?.block_on(async {
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            let mut client = Client::open(target, plan.dialect, plan.credentials.as_ref()).await?;
            client.chunking &= !plan.data;
            clients.push(client);
        }
        let start = Instant::now();
        let mut working = JoinSet::new();
        for client in clients {
            working.spawn(client.work(Arc::clone(&work)));
        }
        // The clients come back, so that closing their connections is not in the time.
        let mut finished = Vec::with_capacity(connections);
        while let Some(outcome) = working.join_next().await {
            let ended = |_| BenchError::Plan("a connection's task panicked".to_owned());
            // The first reason is the one told; the others are given up.
            finished.push(outcome.map_err(ended)??);
        }
        Ok(start.elapsed())
    })
}

fn one_thread() -> Result<Runtime, BenchError> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A connection on which single messages are delivered over LMTP, by a thread that waits for them.
pub(super) struct LmtpClient {
    client: Client,
    runtime: Runtime,
}

impl LmtpClient {
    pub(super) fn open(target: &Target) -> Result<Self, BenchError> {
        let runtime = one_thread()?;
        let client = runtime.block_on(Client::open(target, Dialect::Lmtp, None))?;
        Ok(Self { client, runtime })
    }

    /// Comes back when the message is acknowledged.
    pub(super) fn deliver(
        &mut self,
        from: &str,
        to: &str,
        message: &[u8],
    ) -> Result<(), BenchError> {
        self.runtime.block_on(self.client.deliver(from, to, message))
    }
}

/// A connection after the greeting.
struct Client {
    wire: LineStream,
    pipelining: bool,
    /// BDAT may be used, and the server offers it.
    chunking: bool,
    /// The server takes the SIZE parameter (RFC 1870 §6).
    size: bool,
    /// Commands or a message with its final dot, to be sent in one piece.
    out: Vec<u8>,
}

impl Client {
    async fn open(
        target: &Target,
        dialect: Dialect,
        credentials: Option<&Credentials>,
    ) -> Result<Self, BenchError> {
        let wire = target.connect_shared().await?;
        let mut client =
            Self { wire, pipelining: false, chunking: false, size: false, out: Vec::new() };
        client.expect("the connection", b'2').await?;
        client.greet(dialect).await?;
        if target.wants_starttls() {
            client.wire.send(b"STARTTLS\r\n").await?;
            client.expect("STARTTLS", b'2').await?;
            client.wire = target.encrypt_shared(client.wire).await?;
            client.greet(dialect).await?;
        }
        if let (Dialect::Submission, Some(credentials)) = (dialect, credentials) {
            let Credentials { user, password } = credentials;
            let response = STANDARD.encode(format!("\0{user}\0{password}"));
            client.wire.send(format!("AUTH PLAIN {response}\r\n").as_bytes()).await?;
            client.expect("AUTH PLAIN", b'2').await?;
        }
        Ok(client)
    }

    /// Takes messages until none is left; the client comes back with its connection.
    async fn work(mut self, work: Arc<Work>) -> Result<Self, BenchError> {
        loop {
            let number = work.next.fetch_add(1, Ordering::Relaxed);
            if number >= work.count {
                return Ok(self);
            }
            let recipient = work.recipients.get(number % work.recipients.len());
            let message = work.messages.get(number % work.messages.len());
            let (recipient, message) = (recipient.map_or("", String::as_str), message);
            self.deliver(&work.sender, recipient, message.map_or(&[][..], Vec::as_slice)).await?;
        }
    }

    async fn greet(&mut self, dialect: Dialect) -> Result<(), BenchError> {
        let verb = if dialect == Dialect::Lmtp { "LHLO" } else { "EHLO" };
        self.wire.send(format!("{verb} bench.example.test\r\n").as_bytes()).await?;
        (self.pipelining, self.chunking, self.size) = (false, false, false);
        loop {
            let line = self.wire.line().await?;
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

    async fn deliver(&mut self, from: &str, to: &str, message: &[u8]) -> Result<(), BenchError> {
        let size = if self.size { format!(" SIZE={}", message.len()) } else { String::new() };
        let mail = format!("MAIL FROM:<{from}>{size}\r\n");
        let rcpt = format!("RCPT TO:<{to}>\r\n");
        if self.pipelining && self.chunking {
            // RFC 3030 §2: a refused recipient would leave the chunk to be refused too.
            let bdat = format!("BDAT {} LAST\r\n", message.len());
            let pieces = [mail.as_bytes(), rcpt.as_bytes(), bdat.as_bytes(), message];
            self.send(&pieces).await?;
            self.expect("MAIL", b'2').await?;
            self.expect("RCPT", b'2').await?;
        } else if self.pipelining {
            self.send(&[mail.as_bytes(), rcpt.as_bytes(), b"DATA\r\n"]).await?;
            self.expect("MAIL", b'2').await?;
            self.expect("RCPT", b'2').await?;
            self.expect("DATA", b'3').await?;
            self.send(&[message, b".\r\n"]).await?;
        } else {
            self.send(&[mail.as_bytes()]).await?;
            self.expect("MAIL", b'2').await?;
            self.send(&[rcpt.as_bytes()]).await?;
            self.expect("RCPT", b'2').await?;
            self.send(&[b"DATA\r\n"]).await?;
            self.expect("DATA", b'3').await?;
            // No line of the generated texts starts with a dot, so none has to be doubled.
            self.send(&[message, b".\r\n"]).await?;
        }
        // RFC 2033 §4.2: one reply for each accepted recipient, and there is one.
        self.expect("the message", b'2').await
    }

    /// Sends the pieces as one.
    async fn send(&mut self, pieces: &[&[u8]]) -> Result<(), BenchError> {
        self.out.clear();
        pieces.iter().for_each(|piece| self.out.extend_from_slice(piece));
        self.wire.send(&self.out).await
    }

    /// Reads one reply with all its lines; its first digit has to be that one.
    async fn expect(&mut self, step: &str, class: u8) -> Result<(), BenchError> {
        loop {
            let line = self.wire.line().await?;
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
