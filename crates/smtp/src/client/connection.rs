//! The bytes of a connection to another server, moved as the state machines say.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::{
    Connection, ConnectionError, ConnectionSettings, Stream, TlsClient, TlsDemand, TlsFault,
};
use storage::spool_destination;
use tokio::time::timeout;

use super::content::Piece;
use super::reply::LINE_BYTES_MAX;
use super::transaction::RECIPIENTS_AT_ONCE;
use super::{
    Act, Capabilities, Failure, Opening, OpeningSettings, Outbound, OutboundContent, Outcome,
    ReplyReader, ServerReply, Step, TlsUse, Transaction, Wait,
};

/// LIMIT: content that is sent before it is known whether somebody wants it.
pub(super) const EAGER_BYTES_MAX: usize = 64 * 1024;
/// LIMIT: RFC 5321 §4.5.3.2 sets none; TCP itself gives up after two minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// LIMIT: bytes that are read of one reply.
const REPLY_BYTES_READ_MAX: usize = 4 * 1024 * 1024;
/// LIMIT: RFC 5321 §4.5.3.2.5, for one block of the content.
const WRITE_TIMEOUT: Duration = Duration::from_secs(180);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// LIMIT: from the greeting to where mail can be sent. RFC 5321 §4.5.3.2 gives each reply five
/// minutes; not all of them together take many times that.
const OPENING_TIMEOUT: Duration = Duration::from_secs(600);
/// LIMIT: one message, whatever the server does: some keep those they suspect waiting for hours.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long a server that does not listen any more may take to say why.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(5);
/// RFC 5321 §4.1.1.10: the reply to QUIT should be waited for; the mail is sent, so not long.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The code of the reply to QUIT.
const GOODBYE: u16 = 221;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name, or its address as text where it has none.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The local address to connect from; `None`: the system's choice.
    pub source: Option<IpAddr>,
}

/// `mx.example.org[192.0.2.1]:25`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]:{}", self.name, self.address.ip(), self.address.port())
    }
}

/// Why a server could not be used.
#[derive(Debug)]
pub enum ConnectError {
    /// The network, or a server that does not speak SMTP.
    Broken(String),
    /// The TLS handshake; without TLS it may do.
    Handshake {
        /// What went wrong, in words.
        text: String,
        /// What went wrong, as reports of TLS tell it.
        fault: TlsFault,
    },
    /// The server refused, or is none that may be used.
    Refused(Failure),
}

/// A connection on which mail can be sent.
pub struct Client {
    connection: Connection,
    server: Capabilities,
    reader: ReplyReader,
    needs_reset: bool,
    messages: u64,
    /// Domains named on it, where the server bounds them.
    domains: BTreeSet<String>,
}

impl Client {
    /// Connects to a server and brings it to where mail can be sent.
    ///
    /// # Errors
    /// As [`ConnectError`] says; of the handshake alone it may go without TLS.
    pub async fn connect(
        host: &Host,
        settings: &OpeningSettings,
        tls: &TlsClient,
        demand: &TlsDemand,
    ) -> Result<Self, ConnectError> {
        let stream = Self::dial(host).await?;
        Self::open(stream, &host.name, settings, tls, demand).await
    }

    /// Connects to a server, of which nothing is read yet.
    ///
    /// # Errors
    /// [`ConnectError::Broken`] where the network says no.
    pub async fn dial(host: &Host) -> Result<Stream, ConnectError> {
        net::connect(host.address, host.source, CONNECT_TIMEOUT)
            .await
            .map_err(|error| ConnectError::Broken(format!("connecting: {error}")))
    }

    /// Like [`connect`](Self::connect), on a stream that is connected already.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn open(
        stream: Stream,
        name: &str,
        settings: &OpeningSettings,
        tls: &TlsClient,
        demand: &TlsDemand,
    ) -> Result<Self, ConnectError> {
        let connection = Connection::new(
            stream,
            ConnectionSettings {
                write_timeout: WRITE_TIMEOUT,
                handshake_timeout: HANDSHAKE_TIMEOUT,
                ..ConnectionSettings::default()
            },
        );
        let mut client = Self {
            connection,
            server: Capabilities::default(),
            reader: ReplyReader::default(),
            needs_reset: false,
            messages: 0,
            domains: BTreeSet::new(),
        };
        let opened = timeout(OPENING_TIMEOUT, client.begin(name, settings, tls, demand)).await;
        opened
            .unwrap_or_else(|_| Err(ConnectError::Broken("the server is too slow".to_owned())))?;
        Ok(client)
    }

    async fn begin(
        &mut self,
        name: &str,
        settings: &OpeningSettings,
        tls: &TlsClient,
        demand: &TlsDemand,
    ) -> Result<(), ConnectError> {
        if settings.tls == TlsUse::FromTheStart {
            self.handshake(name, tls, demand).await?;
        }
        self.server = self.negotiate(name, settings, tls, demand).await?;
        Ok(())
    }

    /// The capabilities that the server announced.
    pub fn server(&self) -> &Capabilities {
        &self.server
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }

    /// Messages sent on it.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether the server takes another message on this connection (RFC 9422 §4.1).
    pub fn takes_more(&self) -> bool {
        self.server.messages_max.is_none_or(|max| self.messages < max)
    }

    /// Whether the server takes one of these recipients on this connection (RFC 9422 §4,
    /// RCPTDOMAINMAX).
    pub fn may_name<'a>(&self, mut forward_paths: impl Iterator<Item = &'a str>) -> bool {
        let named = u64::try_from(self.domains.len()).unwrap_or(u64::MAX);
        self.server.domains_max.is_none_or(|max| named < max)
            || forward_paths.any(|path| self.domains.contains(&spool_destination(path)))
    }

    async fn handshake(
        &mut self,
        name: &str,
        tls: &TlsClient,
        demand: &TlsDemand,
    ) -> Result<(), ConnectError> {
        let done = self.connection.start_tls_as_client(tls, demand, name).await;
        done.map_err(|error| {
            let fault = match &error {
                ConnectionError::Handshake(error) => TlsFault::of(error),
                _ => TlsFault::Other,
            };
            ConnectError::Handshake { text: error.to_string(), fault }
        })
    }

    async fn negotiate(
        &mut self,
        name: &str,
        settings: &OpeningSettings,
        tls: &TlsClient,
        demand: &TlsDemand,
    ) -> Result<Capabilities, ConnectError> {
        let broken = |error: Broken| ConnectError::Broken(error.to_string());
        let mut opening = Opening::new(settings.clone());
        let mut out = Vec::new();
        let mut act = Act::Reply(Wait::Greeting);
        loop {
            match act {
                Act::Reply(wait) => {
                    let reply = self.exchange(&mut out, &[], wait).await.map_err(broken)?;
                    act = opening.reply(&reply, &mut out);
                }
                Act::StartTls => {
                    self.handshake(name, tls, demand).await?;
                    act = opening.tls_started(&mut out);
                }
                Act::Ready(capabilities) => return Ok(capabilities),
                Act::Failed(failure) => {
                    self.part().await;
                    return Err(ConnectError::Refused(failure));
                }
            }
        }
    }

    /// Sends one message. After an outcome that says so, the connection is of no more use.
    pub async fn send(&mut self, message: &Outbound, content: &OutboundContent) -> Outcome {
        let server = std::mem::take(&mut self.server);
        let reset = std::mem::replace(&mut self.needs_reset, true);
        let mut transaction = Transaction::new(&server, message, content.len(), reset)
            .with_domains(std::mem::take(&mut self.domains));
        let driven = match self.connection.has_unread() {
            // Said unasked: taken for a reply, it would shift all that follow, and a message that
            // was refused would count as taken. Mostly it is 421, which ends the connection anyhow.
            true => Ok(Err(Broken::Unasked)),
            false => timeout(MESSAGE_TIMEOUT, self.drive(&mut transaction, content)).await,
        };
        let whole = matches!(driven, Ok(Ok(())));
        if let Ok(Err(error)) = driven {
            tracing::debug!(%error, server = server.name, "sending");
        }
        self.needs_reset = transaction.needs_reset();
        self.domains = transaction.take_domains();
        self.messages += 1;
        let outcome = transaction.into_outcome(whole);
        self.server = server;
        outcome
    }

    async fn drive(
        &mut self,
        transaction: &mut Transaction<'_>,
        content: &OutboundContent,
    ) -> Result<(), Broken> {
        let mut out = Vec::new();
        let mut step = transaction.start(&mut out);
        loop {
            let read = match step {
                Step::Done => return Ok(()),
                Step::Reply(wait) => self.exchange(&mut out, &[], wait).await,
                Step::Data => self.exchange(&mut out, &content.data_pieces(), Wait::End).await,
                Step::Chunk => self.exchange(&mut out, &content.raw_pieces(), Wait::End).await,
            };
            step = match read {
                Ok(reply) => transaction.reply(reply, &mut out),
                Err(Broken::Reply(fault)) if transaction.is_content_out() => {
                    transaction.hear_out(self.read_to_goodbye().await?);
                    return Err(fault.into());
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// All replies up to that to QUIT, which has a code that no other command is answered with
    /// (RFC 5321 §4.3.2), so that it is known which is the last one before.
    async fn read_to_goodbye(&mut self) -> Result<Vec<ServerReply>, Broken> {
        self.reader = ReplyReader::default();
        self.write(b"QUIT\r\n", &[]).await?;
        let mut replies = Vec::new();
        loop {
            let reply = self.read_reply(Wait::End).await?;
            if reply.code == GOODBYE {
                return Ok(replies);
            }
            // Who says more than there is to answer is not understood.
            if replies.len() > RECIPIENTS_AT_ONCE {
                return Ok(Vec::new());
            }
            replies.push(reply);
        }
    }

    /// Sends what is in the buffer and these pieces, and reads one reply.
    async fn exchange(
        &mut self,
        out: &mut Vec<u8>,
        pieces: &[Piece<'_>],
        wait: Wait,
    ) -> Result<ServerReply, Broken> {
        let written = self.write(out, pieces).await;
        out.clear();
        if let Err(error) = written {
            // A server that closed in the middle may have said why before.
            let last = timeout(LAST_WORDS_TIMEOUT, self.read_reply(wait)).await;
            return last.unwrap_or(Err(error.into()));
        }
        self.read_reply(wait).await
    }

    async fn write(&mut self, out: &[u8], pieces: &[Piece<'_>]) -> Result<(), ConnectionError> {
        self.connection.write(out).await?;
        for piece in pieces {
            self.connection.write(piece.0).await?;
        }
        self.connection.flush().await
    }

    /// The time is that of the whole reply, however many lines or bytes it comes in.
    async fn read_reply(&mut self, wait: Wait) -> Result<ServerReply, Broken> {
        let time = Duration::from_secs(wait.secs());
        // Longer than that: it never ends a line that this does not.
        self.connection.set_read_timeout(2 * time);
        let read = timeout(time, self.read_lines()).await;
        read.unwrap_or_else(|_| Err(ConnectionError::TimedOut.into()))
    }

    async fn read_lines(&mut self) -> Result<ServerReply, Broken> {
        let mut room = REPLY_BYTES_READ_MAX;
        loop {
            let line = self.read_line(&mut room).await?;
            if let Some(reply) = self.reader.line(&line)? {
                return Ok(reply);
            }
        }
    }

    /// The next line, as much of it as is kept. RFC 5321 §4.2.5: the code alone says what became of
    /// a message, which would be sent again where it is not heard for the length of the text.
    async fn read_line(&mut self, reply_room: &mut usize) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        loop {
            let waiting = self.connection.fill().await?;
            // A bare LF ends a line here as well: what a server means is plain, and nothing
            // of it is passed on.
            let end = waiting.iter().position(|&byte| byte == b'\n');
            let part = waiting.get(..end.unwrap_or(waiting.len())).unwrap_or_default();
            let room = LINE_BYTES_MAX.saturating_sub(line.len());
            line.extend_from_slice(part.get(..room).unwrap_or(part));
            let taken = part.len() + usize::from(end.is_some());
            self.connection.consume(taken);
            let left = reply_room.checked_sub(taken);
            *reply_room = left.ok_or(Broken::Network(ConnectionError::Flood))?;
            if end.is_some() {
                line.pop_if(|last| *last == b'\r');
                return Ok(line);
            }
        }
    }

    /// Sends QUIT and waits for the reply.
    pub async fn quit(mut self) {
        self.part().await;
        self.connection.close().await;
    }

    async fn part(&mut self) {
        // Whatever comes of it, the connection is over.
        let mut out = b"QUIT\r\n".to_vec();
        let _ = timeout(QUIT_TIMEOUT, self.exchange(&mut out, &[], Wait::Command)).await;
    }
}

/// Why a connection ended in the middle.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Network(#[from] ConnectionError),
    #[error("{0}")]
    Reply(#[from] super::ReplyFault),
    #[error("the server says something unasked")]
    Unasked,
}
