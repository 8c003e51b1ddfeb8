//! The reading half of a connection: a bounded buffer, filled from the stream and consumed line by
//! line or in pieces.

use std::{
    future::poll_fn,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, timeout_at},
};

use super::Connection;
use crate::{ConnectionCounters, ConnectionError};

/// LIMIT: most bytes read at once: one TLS record. It is stack, not memory kept.
const READ_BYTES_MAX: usize = 16 * 1024;

/// LIMIT: how much of a line that is too long is skipped before the peer is given up.
pub(super) const SKIP_BYTES_MAX: usize = 1024 * 1024;

/// How a line ended. The bytes themselves are not part of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// CR LF, as every protocol demands.
    CrLf,
    /// A bare LF; whether that is forgiven is the protocol's business.
    Lf,
}

/// Bytes that arrived and nobody took yet, and how far the current line has got.
#[derive(Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    taken: usize,
    /// Bytes of the line under way that were taken already.
    line_bytes: usize,
    /// The last of them is a CR, which may turn out to be part of the line's ending.
    ends_in_cr: bool,
    /// The line under way is too long and is being skipped.
    skipping: bool,
}

impl Input {
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Memory held now.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes everything that is buffered.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        std::mem::take(&mut self.bytes)
    }

    /// Adds bytes at the end.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.bytes.len());
        if self.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
    }

    /// Moves what there is of the current line into `line`; the result once it is complete.
    fn take_line(
        &mut self,
        line: &mut Vec<u8>,
        line_bytes_max: usize,
    ) -> Option<Result<LineEnding, ConnectionError>> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let end = waiting.iter().position(|&byte| byte == b'\n');
        let part = waiting.get(..end.unwrap_or(waiting.len())).unwrap_or_default();
        let count = part.len();
        let before = self.line_bytes;
        self.line_bytes = before.saturating_add(count);
        if let Some(&last) = part.last() {
            self.ends_in_cr = last == b'\r';
        }
        // A CR at the end does not count: it may belong to the line's ending.
        if self.line_bytes - usize::from(self.ends_in_cr) > line_bytes_max && !self.skipping {
            self.skipping = true;
            line.truncate(line.len().saturating_sub(before));
        }
        if !self.skipping {
            line.extend_from_slice(part);
        }
        let Some(end) = end else {
            self.take(count);
            let flood = self.line_bytes > SKIP_BYTES_MAX.max(line_bytes_max);
            return (self.skipping && flood).then_some(Err(ConnectionError::Flood));
        };
        self.take(end + 1);
        self.line_bytes = 0;
        let ends_in_cr = std::mem::take(&mut self.ends_in_cr);
        if std::mem::take(&mut self.skipping) {
            return Some(Err(ConnectionError::LineTooLong));
        }
        if ends_in_cr {
            line.pop();
            return Some(Ok(LineEnding::CrLf));
        }
        Some(Ok(LineEnding::Lf))
    }
}

impl Connection {
    /// Appends the next line to `line`, without its ending.
    ///
    /// The line may have `line_bytes_max` bytes, not counting what stood in `line` before.
    /// A longer one is skipped and answered with [`ConnectionError::LineTooLong`]; the
    /// connection is then ready for the line after it.
    ///
    /// When the future is dropped half-way, `line` holds the part that has arrived; call again
    /// with the same `line` to go on. While nothing arrives and `line` is empty, its memory is
    /// given back.
    ///
    /// # Errors
    /// [`ConnectionError::LineTooLong`], after which reading may go on; any other ends the
    /// connection.
    pub async fn read_line(
        &mut self,
        line: &mut Vec<u8>,
        line_bytes_max: usize,
    ) -> Result<LineEnding, ConnectionError> {
        loop {
            if !self.input.is_empty()
                && let Some(result) = self.input.take_line(line, line_bytes_max)
            {
                self.read_deadline = None;
                return result;
            }
            self.wait_for_input(Some(line)).await?;
        }
    }

    /// Whether something has arrived that nobody took yet.
    pub fn has_unread(&self) -> bool {
        !self.input.is_empty()
    }

    /// Bytes that have arrived, waiting for some if there are none. They stay until
    /// [`Self::consume`] takes them.
    ///
    /// # Errors
    /// [`ConnectionError::Closed`], [`ConnectionError::TimedOut`], or what the network says.
    pub async fn fill(&mut self) -> Result<&[u8], ConnectionError> {
        if self.input.is_empty() {
            self.wait_for_input(None).await?;
            self.read_deadline = None;
        }
        Ok(self.input.waiting())
    }

    /// Takes `count` bytes of those [`Self::fill`] or [`Self::buffered`] showed.
    pub fn consume(&mut self, count: usize) {
        self.input.take(count);
    }

    /// Bytes that have arrived already; empty when the peer waits for us, or when they are
    /// compressed: see [`Self::look_ahead`].
    pub fn buffered(&self) -> &[u8] {
        self.input.waiting()
    }

    /// Bytes that have arrived already, those up to the next flush of a compressed stream
    /// included.
    pub fn look_ahead(&mut self) -> &[u8] {
        if self.input.is_empty()
            && let Some(compression) = &mut self.compression
        {
            // What is wrong with it is told to whoever waits for it.
            let _ = compression.inflate(&mut self.input.bytes);
        }
        self.input.waiting()
    }

    /// Appends exactly `count` bytes to `bytes`; the caller has checked that this is little
    /// enough to hold. Not to be dropped half-way.
    ///
    /// # Errors
    /// As for [`fill`](Self::fill).
    pub async fn read_exact(
        &mut self,
        bytes: &mut Vec<u8>,
        count: usize,
    ) -> Result<(), ConnectionError> {
        let mut left = count;
        while left > 0 {
            let arrived = self.fill().await?;
            let part = arrived.get(..left).unwrap_or(arrived);
            bytes.extend_from_slice(part);
            let taken = part.len();
            left -= taken;
            self.consume(taken);
        }
        Ok(())
    }

    /// Sends what is queued, then waits until something arrives.
    async fn wait_for_input(
        &mut self,
        mut line: Option<&mut Vec<u8>>,
    ) -> Result<(), ConnectionError> {
        self.flush().await?;
        let read_timeout = self.settings.read_timeout;
        let deadline = *self.read_deadline.get_or_insert_with(|| Instant::now() + read_timeout);
        let arrival = poll_fn(|cx| self.poll_input(cx, line.as_deref_mut()));
        match timeout_at(deadline, arrival).await {
            Ok(result) => result,
            Err(_) => Err(ConnectionError::TimedOut),
        }
    }

    fn poll_input(
        &mut self,
        cx: &mut Context<'_>,
        mut line: Option<&mut Vec<u8>>,
    ) -> Poll<Result<(), ConnectionError>> {
        loop {
            if let Some(compression) = &mut self.compression {
                if compression.inflate(&mut self.input.bytes)? {
                    return Poll::Ready(Ok(()));
                }
                if compression.is_over() {
                    return Poll::Ready(Err(ConnectionError::Closed));
                }
            }
            ready!(self.poll_stream(cx, line.as_deref_mut()))?;
            if self.compression.is_none() && !self.input.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads what has arrived, to where it is kept.
    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        line: Option<&mut Vec<u8>>,
    ) -> Poll<Result<(), ConnectionError>> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_BYTES_MAX];
        let mut arrived = ReadBuf::uninit(&mut space);
        match Pin::new(&mut self.stream).poll_read(cx, &mut arrived) {
            Poll::Ready(Ok(())) if arrived.filled().is_empty() => {
                Poll::Ready(Err(ConnectionError::Closed))
            }
            Poll::Ready(Ok(())) => {
                ConnectionCounters::add(&self.counters.received_bytes, arrived.filled().len());
                match &mut self.compression {
                    Some(compression) => compression.feed(arrived.filled()),
                    None => self.input.put(self.flush_rest.strip(arrived.filled())),
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => {
                self.release(line);
                Poll::Pending
            }
        }
    }

    /// Gives back the memory of a connection that waits.
    fn release(&mut self, line: Option<&mut Vec<u8>>) {
        self.input.bytes = Vec::new();
        self.output.release();
        if let Some(compression) = &mut self.compression {
            compression.release();
        }
        if let Some(line) = line
            && line.is_empty()
        {
            *line = Vec::new();
        }
    }
}
