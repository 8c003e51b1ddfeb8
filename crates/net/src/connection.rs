//! A stream with bounded reading, batched writing and time limits: what a session works on.
//!
//! Three rules make it safe to use in `select!` and cheap when idle:
//! - [`Connection::read_line`], [`Connection::fill`] and [`Connection::flush`] may be dropped
//!   at any point and called again; nothing is lost, and time limits go on running.
//! - Reading flushes first, but only when it would have to wait, so the replies to pipelined
//!   commands leave together.
//! - While it waits, a connection holds no buffer: bytes are read into the stack and only what
//!   arrived is kept.

mod compression;
mod input;
mod output;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tokio::{io::AsyncReadExt, io::AsyncWriteExt, time::Instant};

use crate::{
    ChannelBindings, ConnectionCounters, ConnectionError, Stream, TlsClient, TlsDemand, TlsFacts,
    TlsKeys, TlsProfile,
};

pub use input::LineEnding;

/// LIMIT: after the goodbye, what the peer still sends is read and dropped up to this many
/// bytes and this long. Closing with unread input would make TCP discard the goodbye itself.
const LINGER_BYTES_MAX: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// Time and size limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// How long a peer may take for one line, or for the next piece of a message.
    pub read_timeout: Duration,
    /// How long a peer may take to accept one full output buffer.
    pub write_timeout: Duration,
    /// How long a TLS handshake or a PROXY header may take.
    pub handshake_timeout: Duration,
    /// How many bytes of output are gathered before they are sent.
    pub output_bytes_max: usize,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            // RFC 5321 §4.5.3.2.7: a server waits at least five minutes for a command; IMAP
            // sets its own, longer time after sign-in.
            read_timeout: Duration::from_secs(300),
            write_timeout: Duration::from_secs(120),
            handshake_timeout: Duration::from_secs(30),
            // LIMIT: four TLS records; more gains nothing in throughput.
            output_bytes_max: 64 * 1024,
        }
    }
}

/// One peer and everything said to it and by it.
pub struct Connection {
    stream: Stream,
    settings: ConnectionSettings,
    start_tls: Option<(Arc<TlsKeys>, TlsProfile)>,
    counters: Arc<ConnectionCounters>,
    input: input::Input,
    output: output::Output,
    compression: Option<Box<compression::Compression>>,
    /// What may still come of the compression that was ended.
    flush_rest: compression::FlushRest,
    /// When the read under way is over; set when it first waits, kept when it is dropped.
    read_deadline: Option<Instant>,
}

impl Connection {
    /// A connection that cannot be upgraded to TLS.
    pub fn new(stream: Stream, settings: ConnectionSettings) -> Self {
        Self {
            stream,
            settings,
            start_tls: None,
            counters: Arc::default(),
            input: input::Input::default(),
            output: output::Output::default(),
            compression: None,
            flush_rest: Default::default(),
            read_deadline: None,
        }
    }

    /// The same connection, with a certificate to offer in STARTTLS.
    pub fn with_start_tls(mut self, keys: Arc<TlsKeys>, profile: TlsProfile) -> Self {
        self.start_tls = Some((keys, profile));
        self
    }

    /// The same connection, counting its failures in the counters of its listener.
    pub(crate) fn with_counters(mut self, counters: Arc<ConnectionCounters>) -> Self {
        self.counters = counters;
        self
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// The address the peer connected to.
    pub fn local(&self) -> SocketAddr {
        self.stream.local()
    }

    /// Whether the peer's bytes are encrypted.
    pub fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// The facts of TLS, if it is active.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.stream.tls()
    }

    /// What signing in over this connection can be bound to.
    pub fn channel_bindings(&self) -> ChannelBindings {
        self.stream.channel_bindings()
    }

    /// The mail addresses the client's certificate was issued to, if it presented one.
    pub fn client_mail_addresses(&self) -> Vec<String> {
        self.stream.client_mail_addresses()
    }

    /// Whether STARTTLS is to be offered now.
    pub fn can_start_tls(&self) -> bool {
        self.start_tls.is_some() && !self.is_tls()
    }

    /// Sets the time allowed for reading, from the next read on.
    pub fn set_read_timeout(&mut self, read_timeout: Duration) {
        self.settings.read_timeout = read_timeout;
        self.read_deadline = None;
    }

    /// Upgrades to TLS after the reply that says so was queued. After an error the connection
    /// is of no more use.
    ///
    /// # Errors
    /// [`ConnectionError::PlaintextBeforeTls`] where more came with the command;
    /// [`ConnectionError::Handshake`].
    pub async fn start_tls(&mut self) -> Result<(), ConnectionError> {
        self.flush().await?;
        let Some((keys, profile)) = self.start_tls.clone() else {
            return Err(ConnectionError::Handshake(std::io::Error::other("TLS is not offered")));
        };
        // RFC 3207 §4.2: what came before TLS counts for nothing. A client has no reason to
        // send anything between its command and its handshake, so whoever does is injecting
        // commands, and the connection ends.
        if !self.input.is_empty() || self.compression.as_ref().is_some_and(|c| !c.is_empty()) {
            return Err(ConnectionError::PlaintextBeforeTls);
        }
        self.handshake(&keys, profile).await
    }

    /// Starts TLS as the client, after the server said that it is ready. After an error the
    /// connection is of no more use.
    ///
    /// # Errors
    /// As for [`start_tls`](Self::start_tls).
    pub async fn start_tls_as_client(
        &mut self,
        client: &TlsClient,
        demand: &TlsDemand,
        name: &str,
    ) -> Result<(), ConnectionError> {
        // RFC 3207 §4.2 from the other side: what stands behind the server's reply and is not
        // TLS was put there by somebody in between.
        if !self.input.is_empty() {
            return Err(ConnectionError::PlaintextBeforeTls);
        }
        let handshake = self.stream.start_tls_as_client(client, demand, name);
        match tokio::time::timeout(self.settings.handshake_timeout, handshake).await {
            Ok(done) => done.map_err(ConnectionError::Handshake),
            Err(_) => Err(ConnectionError::TimedOut),
        }
    }

    /// Compresses both ways from here on (RFC 4978), after the reply that says so was queued. What
    /// has arrived behind the command is taken as compressed.
    ///
    /// # Errors
    /// Where the reply cannot be sent.
    pub async fn start_compression(&mut self) -> Result<(), ConnectionError> {
        self.flush().await?;
        let arrived = self.input.take_all();
        self.compression = Some(Box::new(compression::Compression::new(arrived)));
        Ok(())
    }

    /// Ends compression both ways, after the last reply under it was queued; the peer ended its
    /// own with the flush behind its last command.
    ///
    /// # Errors
    /// Where the reply cannot be sent.
    pub async fn stop_compression(&mut self) -> Result<(), ConnectionError> {
        self.flush().await?;
        if let Some(compression) = self.compression.take() {
            let (rest, flush_rest) = compression.into_rest();
            self.input.put(&rest);
            self.flush_rest = flush_rest;
        }
        Ok(())
    }

    /// Whether both ways are compressed.
    pub fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// Runs a TLS handshake in the time allowed, counting failures.
    pub(crate) async fn handshake(
        &mut self,
        keys: &TlsKeys,
        profile: TlsProfile,
    ) -> Result<(), ConnectionError> {
        let timeout = self.settings.handshake_timeout;
        let result = tokio::time::timeout(timeout, self.stream.start_tls(keys, profile)).await;
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                ConnectionCounters::count(&self.counters.tls_failed);
                Err(ConnectionError::Handshake(error))
            }
            Err(_) => {
                ConnectionCounters::count(&self.counters.tls_failed);
                Err(ConnectionError::TimedOut)
            }
        }
    }

    /// Says goodbye: sends what is queued, ends TLS and TCP in order, and waits a moment for
    /// the peer to do the same.
    pub async fn close(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let ending = async {
            self.stream.shutdown().await?;
            let mut scrap = [0; 1024];
            let mut dropped = 0;
            while dropped < LINGER_BYTES_MAX {
                match self.stream.read(&mut scrap).await? {
                    0 => break,
                    count => dropped += count,
                }
            }
            std::io::Result::Ok(())
        };
        // Whatever goes wrong here, the connection is over.
        let _ = tokio::time::timeout(LINGER, ending).await;
    }

    /// Hands the bare stream over, to a protocol that does its own buffering. Fails when input
    /// was read already.
    pub fn into_stream(self) -> Option<Stream> {
        (self.input.is_empty() && self.output.is_empty()).then_some(self.stream)
    }

    /// Counts a failure in the listener's counters.
    pub(crate) fn count(&self, counter: impl Fn(&ConnectionCounters) -> &AtomicU64) {
        ConnectionCounters::count(counter(&self.counters));
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }
}

impl fmt::Debug for Connection {
    /// Names the peer; what is in the buffers may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("stream", &self.stream).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
