//! The writing half of a connection: responses are gathered in a buffer and sent when it is full or
//! flushed.

use std::{fmt, future::poll_fn, pin::Pin};

use tokio::{
    io::AsyncWrite,
    time::{Instant, timeout_at},
};

use super::Connection;
use crate::{ConnectionCounters, ConnectionError, Stream};

/// Bytes queued for the peer.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    sent: usize,
    /// What is still to be compressed, behind those.
    plain: Vec<u8>,
    /// Something was given to the stream and not flushed yet.
    unflushed: bool,
    /// When the queue being sent has to be gone; kept when sending is dropped half-way.
    deadline: Option<Instant>,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.queued() == 0 && !self.unflushed
    }

    /// Bytes waiting to be sent.
    fn queued(&self) -> usize {
        self.bytes.len().saturating_add(self.plain.len())
    }

    /// Memory held now.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.plain.capacity()
    }

    /// Gives the memory back when nothing is queued.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        if self.plain.is_empty() {
            self.plain = Vec::new();
        }
    }
}

impl Connection {
    /// Queues a short reply. It leaves with the next flush, which reading brings about; a
    /// command that will take long flushes itself.
    pub fn push(&mut self, bytes: &[u8]) {
        match self.compression {
            Some(_) => self.output.plain.extend_from_slice(bytes),
            None => self.output.bytes.extend_from_slice(bytes),
        }
    }

    /// Queues bytes, sending the queue whenever it is full, so that any amount may be written.
    /// Not to be dropped half-way.
    ///
    /// A peer that takes one full queue no faster than the time allowed is cut off, however
    /// steadily it trickles.
    ///
    /// # Errors
    /// [`ConnectionError::TimedOut`] where the peer takes nothing, or what the network says.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        let full = self.settings.output_bytes_max.max(1);
        if self.output.queued().saturating_add(bytes.len()) <= full {
            self.push(bytes);
            return Ok(());
        }
        self.send_queued().await?;
        if bytes.len() < full {
            self.push(bytes);
            return Ok(());
        }
        for piece in bytes.chunks(full) {
            if self.compression.is_some() {
                self.push(piece);
                self.send_queued().await?;
                continue;
            }
            let deadline = Instant::now() + self.settings.write_timeout;
            let mut sent = 0;
            while let Some(rest) = piece.get(sent..).filter(|rest| !rest.is_empty()) {
                let count = send_some(&mut self.stream, rest, deadline).await?;
                ConnectionCounters::add(&self.counters.sent_bytes, count);
                sent += count;
                self.output.unflushed = true;
            }
        }
        Ok(())
    }

    /// Sends everything queued.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        self.send_queued().await?;
        if self.output.unflushed {
            let deadline = Instant::now() + self.settings.write_timeout;
            let flushing = poll_fn(|cx| Pin::new(&mut self.stream).poll_flush(cx));
            timeout_at(deadline, flushing).await.map_err(|_| ConnectionError::TimedOut)??;
            self.output.unflushed = false;
        }
        Ok(())
    }

    async fn send_queued(&mut self) -> Result<(), ConnectionError> {
        self.send_bytes().await?;
        if let Some(compression) = &mut self.compression
            && !self.output.plain.is_empty()
        {
            compression.compress(&self.output.plain, &mut self.output.bytes)?;
            self.output.plain.clear();
            self.send_bytes().await?;
        }
        Ok(())
    }

    async fn send_bytes(&mut self) -> Result<(), ConnectionError> {
        let Self { stream, output, settings, counters, .. } = self;
        while let Some(rest) = output.bytes.get(output.sent..).filter(|rest| !rest.is_empty()) {
            let deadline =
                *output.deadline.get_or_insert_with(|| Instant::now() + settings.write_timeout);
            let count = send_some(stream, rest, deadline).await?;
            ConnectionCounters::add(&counters.sent_bytes, count);
            output.sent += count;
            output.unflushed = true;
        }
        output.bytes.clear();
        output.sent = 0;
        output.deadline = None;
        Ok(())
    }
}

async fn send_some(
    stream: &mut Stream,
    bytes: &[u8],
    deadline: Instant,
) -> Result<usize, ConnectionError> {
    let sending = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes));
    match timeout_at(deadline, sending).await {
        Ok(Ok(0)) => Err(ConnectionError::Closed),
        Ok(Ok(count)) => Ok(count),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ConnectionError::TimedOut),
    }
}

/// Formatted text is queued like [`Connection::push`]; it never fails.
impl fmt::Write for Connection {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
