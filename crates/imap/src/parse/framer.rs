//! Cuts commands off the stream, with their literals, within the limits.
//!
//! It does no I/O: it is given what was read and says what is to be done. A command that cannot
//! be taken is skipped to its end in bounded memory, so that the next one is found.

use std::fmt;

use super::announced::{Announced, announced_literal, inside_quotes};
use super::{Limits, ParseError, Rejection, purpose};
use crate::types::Tag;

/// One command: its text up to CRLF, and the contents of its literals in order.
///
/// In `text` the CRLF behind each `{n}` stays and the literal's octets are gone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The text without the closing CRLF.
    pub text: Vec<u8>,
    /// The contents of the literals, in the order of the text.
    pub literals: Vec<Vec<u8>>,
    /// Whether the line ended in LF alone; the parser refuses it with its tag.
    pub bare_lf: bool,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // LOGIN carries a password: show sizes only.
        let sizes: Vec<usize> = self.literals.iter().map(Vec::len).collect();
        write!(f, "Frame({} bytes, literals {sizes:?})", self.text.len())
    }
}

/// The next step of whoever feeds the framer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All input was taken; read more.
    NeedMore,
    /// A synchronising literal of this size is acceptable: send a continuation request and go
    /// on, or [`Framer::refuse_literal`] and send a tagged reply.
    Continue {
        /// Octets the client will send.
        size_bytes: u64,
    },
    /// A whole command.
    Command(Frame),
    /// A whole line ([`Framer::advance_line`]), without CRLF.
    Line(Vec<u8>),
    /// A command that was skipped: answer it and go on.
    Refused(Rejection),
    /// The client cannot be followed any more: say BYE and end the connection.
    End(ParseError),
}

#[derive(Debug)]
enum State {
    /// Reading text; the current stretch, since the last literal, starts at this offset.
    Text { stretch: usize },
    /// Reading a literal into the last of `literals`.
    Literal { remaining: usize },
    /// Throwing a literal away.
    SkipLiteral { remaining: u64 },
    /// Throwing text away; the last bytes of the line, to see a literal announced.
    SkipText { tail: Vec<u8> },
}

/// An incremental framer. Its memory is bounded by [`Limits`].
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    unasked_bytes_max: Option<u64>,
    signed_in: bool,
    frame: Frame,
    state: State,
    argument_bytes: usize,
    appended_bytes: u64,
    appended_messages: usize,
    skipped_bytes: u64,
    rejection: Option<Rejection>,
}

/// LIMIT: longer than any literal's announcement whose size is a number below 2^64.
const TAIL_BYTES: usize = 40;

/// LIMIT: memory taken for a literal before any of it arrived.
const RESERVE_BYTES_MAX: u64 = 1024 * 1024;

impl Framer {
    /// A framer at the start of a connection, before sign-in.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            unasked_bytes_max: Some(u64::MAX),
            signed_in: false,
            frame: Frame::default(),
            state: State::Text { stretch: 0 },
            argument_bytes: 0,
            appended_bytes: 0,
            appended_messages: 0,
            skipped_bytes: 0,
            rejection: None,
        }
    }

    /// From here on a literal that comes without being asked for (RFC 7888) has at most so many
    /// octets; `None`: none may come.
    pub fn set_unasked_bytes_max(&mut self, max: Option<u64>) {
        self.unasked_bytes_max = max;
    }

    /// Applies the limits that hold after sign-in.
    pub fn signed_in(&mut self) {
        self.signed_in = true;
    }

    /// From here on those before sign-in do, as in a new session.
    pub fn signed_out(&mut self) {
        self.signed_in = false;
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The text of the command so far: after [`Step::Continue`], all up to the literal.
    pub fn text(&self) -> &[u8] {
        &self.frame.text
    }

    /// Whether nothing of a next command has arrived.
    pub fn is_between_commands(&self) -> bool {
        self.frame.text.is_empty() && matches!(self.state, State::Text { .. })
    }

    /// The literal being read and how many octets it lacks, so that a caller may read into it
    /// directly; [`Self::literal_extended`] says what it added.
    pub fn literal_in_progress(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        match self.state {
            State::Literal { remaining } => self.frame.literals.last_mut().map(|l| (l, remaining)),
            _ => None,
        }
    }

    /// `count` octets were appended to [`Self::literal_in_progress`].
    pub fn literal_extended(&mut self, count: usize) {
        if let State::Literal { remaining } = &mut self.state {
            *remaining = remaining.saturating_sub(count);
        }
    }

    /// Octets of literals held.
    pub fn literal_bytes(&self) -> usize {
        self.frame.literals.iter().map(Vec::len).sum()
    }

    /// Drops the command under way with all that was read of it; what is still to come of its
    /// literal is skipped.
    pub fn give_up(&mut self, error: ParseError) {
        let State::Literal { remaining } = self.state else { return };
        self.refuse(error);
        // Should it be too much to skip, the end of the line tells.
        let _end = self.skip_literal(remaining as u64);
    }

    /// Gives a parsed frame's buffer back for the next command.
    pub fn recycle(&mut self, mut frame: Frame) {
        if self.frame.text.capacity() == 0 && frame.text.capacity() <= 4096 {
            frame.text.clear();
            self.frame.text = frame.text;
        }
    }

    /// Drops the command whose literal [`Step::Continue`] offered. RFC 9051 §4.3: a client that
    /// gets a tagged reply in place of the continuation sends no literal.
    pub fn refuse_literal(&mut self) {
        self.reset();
    }

    /// Takes input from the front of `input` up to the next thing to be done.
    pub fn advance(&mut self, input: &mut &[u8]) -> Step {
        loop {
            let step = match &mut self.state {
                State::Text { .. } => self.read_text(input),
                State::Literal { .. } => self.read_literal(input),
                State::SkipLiteral { remaining } => {
                    let count = input.len().min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                    *remaining -= count as u64;
                    let done = *remaining == 0;
                    take(input, count);
                    if done {
                        self.state = State::SkipText { tail: Vec::new() };
                        None
                    } else {
                        Some(Step::NeedMore)
                    }
                }
                State::SkipText { .. } => self.skip_text(input),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Takes one line that is no command: a SASL response or the DONE of IDLE.
    pub fn advance_line(&mut self, input: &mut &[u8]) -> Step {
        if !matches!(self.state, State::Text { .. }) {
            // What was too long is skipped to its end, literals included.
            return self.advance(input);
        }
        let end = input.iter().position(|&b| b == b'\n');
        let taken = take(input, end.map_or(input.len(), |at| at + 1));
        if self.frame.text.len() + taken.len() > self.line_bytes_max() {
            let mut tail = Vec::new();
            extend_tail(&mut tail, &self.frame.text);
            extend_tail(&mut tail, taken);
            self.refuse(ParseError::LineTooLong);
            self.state = State::SkipText { tail };
            if let Some(rejection) = &mut self.rejection {
                rejection.tag = None;
            }
            if let Some(end) = self.skipped(taken.len() as u64) {
                return end;
            }
            if end.is_none() {
                return Step::NeedMore;
            }
            return self.line_skipped().unwrap_or_else(|| self.advance(input));
        }
        self.frame.text.extend_from_slice(taken);
        if end.is_none() {
            return Step::NeedMore;
        }
        let mut line = std::mem::take(&mut self.frame.text);
        self.reset();
        line.pop();
        // A lone LF ends such a line too: base64 and DONE hold none, so nothing can hide in it.
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Step::Line(line)
    }

    /// A line ([`Step::Line`]) is none that was waited for, but a command that announces a literal:
    /// the command is refused, with what it announces, so that no text is taken for commands.
    ///
    /// The rejection is here where the client waits for an answer before it sends more, and else
    /// comes at the end of the command, from [`Self::advance`].
    pub fn refuse_line(&mut self, line: &[u8], error: ParseError) -> Option<Rejection> {
        let announced = announced_literal(line).filter(|_| !inside_quotes(line))?;
        self.frame.text.extend_from_slice(line);
        self.refuse(error);
        if announced.synchronising {
            let rejection = self.rejection.take();
            self.reset();
            return rejection;
        }
        // Should it be too much to skip, the end of the line tells.
        let _end = self.skip_literal(announced.size_bytes);
        None
    }

    fn line_bytes_max(&self) -> usize {
        if self.signed_in {
            self.limits.line_bytes_max
        } else {
            self.limits.line_bytes_max_before_login
        }
    }

    fn read_text(&mut self, input: &mut &[u8]) -> Option<Step> {
        let end = input.iter().position(|&b| b == b'\n');
        let taken = take(input, end.map_or(input.len(), |at| at + 1));
        let room =
            self.line_bytes_max().saturating_sub(self.frame.text.len() + self.argument_bytes);
        if taken.len() > room {
            // Enough for the tag; the rest is of no use.
            let kept = taken.get(..room.min(Tag::BYTES_MAX + 1)).unwrap_or(taken);
            let text = &self.frame.text;
            let mut tail =
                text.get(text.len().saturating_sub(TAIL_BYTES)..).unwrap_or(text).to_vec();
            extend_tail(&mut tail, taken);
            self.frame.text.extend_from_slice(kept);
            self.refuse(ParseError::LineTooLong);
            self.state = State::SkipText { tail };
            if let Some(end) = self.skipped((taken.len() - room) as u64) {
                return Some(end);
            }
            return if end.is_some() { self.line_skipped() } else { Some(Step::NeedMore) };
        }
        self.frame.text.extend_from_slice(taken);
        if end.is_none() {
            return Some(Step::NeedMore);
        }
        let State::Text { stretch } = self.state else { return None };
        let stretch = self.frame.text.get(stretch..).unwrap_or_default();
        match stretch.strip_suffix(b"\r\n") {
            None => {
                self.frame.text.pop();
                self.frame.bare_lf = true;
            }
            Some(line) => {
                if let Some(announced) = announced_literal(line).filter(|_| !inside_quotes(line)) {
                    return self.begin_literal(announced);
                }
                let length = self.frame.text.len() - 2;
                self.frame.text.truncate(length);
            }
        }
        let frame = std::mem::take(&mut self.frame);
        self.reset();
        Some(Step::Command(frame))
    }

    fn begin_literal(&mut self, announced: Announced) -> Option<Step> {
        if let Err(error) = self.admit(&announced) {
            self.refuse(error);
            if announced.synchronising {
                // RFC 9051 §4.3: without a continuation request the literal is not sent.
                return Some(self.finish_refusal());
            }
            return self.skip_literal(announced.size_bytes);
        }
        let size = usize::try_from(announced.size_bytes).unwrap_or(usize::MAX);
        let reserve = announced.size_bytes.min(RESERVE_BYTES_MAX) as usize;
        self.frame.literals.push(Vec::with_capacity(reserve));
        self.state = State::Literal { remaining: size };
        announced.synchronising.then_some(Step::Continue { size_bytes: announced.size_bytes })
    }

    /// Whether a literal may come, counting it if so.
    fn admit(&mut self, announced: &Announced) -> Result<(), ParseError> {
        let size = announced.size_bytes;
        let may_be_unasked = self.unasked_bytes_max.is_some_and(|max| size <= max);
        if !announced.synchronising && !may_be_unasked {
            return Err(ParseError::Syntax("LITERAL+ is switched off"));
        }
        if self.frame.literals.len() >= self.limits.literals_max {
            return Err(ParseError::TooMany("too many literals"));
        }
        let has_literals = !self.frame.literals.is_empty();
        if self.signed_in && purpose::is_message(&self.frame.text, has_literals) {
            let total = self.appended_bytes.saturating_add(size);
            if size > self.limits.append_bytes_max || total > self.limits.append_total_bytes_max {
                return Err(ParseError::MessageTooBig);
            }
            if self.appended_messages >= self.limits.append_messages_max {
                return Err(ParseError::TooMany("too many messages"));
            }
            self.appended_bytes = total;
            self.appended_messages += 1;
            return Ok(());
        }
        let limit = if self.signed_in {
            self.limits.literal_bytes_max
        } else {
            self.limits.literal_bytes_max_before_login
        };
        let room =
            self.line_bytes_max().saturating_sub(self.frame.text.len() + self.argument_bytes);
        if size > limit || size > room as u64 {
            let is_value = self.signed_in && size > self.limits.metadata_value_bytes_max;
            return Err(match is_value {
                true => purpose::too_big(&self.frame.text, &self.limits),
                false => ParseError::LiteralTooBig,
            });
        }
        self.argument_bytes += size as usize;
        Ok(())
    }

    fn read_literal(&mut self, input: &mut &[u8]) -> Option<Step> {
        let State::Literal { remaining } = &mut self.state else { return None };
        let taken = take(input, (*remaining).min(input.len()));
        *remaining -= taken.len();
        let done = *remaining == 0;
        if let Some(literal) = self.frame.literals.last_mut() {
            literal.extend_from_slice(taken);
        }
        if !done {
            return Some(Step::NeedMore);
        }
        self.state = State::Text { stretch: self.frame.text.len() };
        None
    }

    fn skip_literal(&mut self, size_bytes: u64) -> Option<Step> {
        self.state = State::SkipLiteral { remaining: size_bytes };
        if size_bytes == 0 {
            self.state = State::SkipText { tail: Vec::new() };
        }
        // RFC 7888 §4: a server that will not take a non-synchronizing literal reads and drops
        // it, or ends the connection.
        self.skipped(size_bytes)
    }

    fn skip_text(&mut self, input: &mut &[u8]) -> Option<Step> {
        let State::SkipText { tail } = &mut self.state else { return None };
        let end = input.iter().position(|&b| b == b'\n');
        let taken = take(input, end.map_or(input.len(), |at| at + 1));
        extend_tail(tail, taken);
        if let Some(end) = self.skipped(taken.len() as u64) {
            return Some(end);
        }
        if end.is_some() { self.line_skipped() } else { Some(Step::NeedMore) }
    }

    /// The end of a line that is thrown away: another literal may be announced there.
    fn line_skipped(&mut self) -> Option<Step> {
        let State::SkipText { tail } = &self.state else { return None };
        match tail.strip_suffix(b"\r\n").and_then(announced_literal) {
            Some(announced) if !announced.synchronising => self.skip_literal(announced.size_bytes),
            _ => Some(self.finish_refusal()),
        }
    }

    /// Counts bytes thrown away; the connection ends when they are too many.
    fn skipped(&mut self, count: u64) -> Option<Step> {
        self.skipped_bytes = self.skipped_bytes.saturating_add(count);
        (self.skipped_bytes > self.limits.skip_bytes_max).then_some(Step::End(ParseError::Flood))
    }

    fn refuse(&mut self, error: ParseError) {
        let word = self.frame.text.split(|&b| matches!(b, b' ' | b'\r' | b'\n')).next();
        let tag = word.and_then(Tag::new);
        self.rejection = Some(Rejection { tag, error });
        self.frame = Frame::default();
        self.state = State::SkipText { tail: Vec::new() };
    }

    fn finish_refusal(&mut self) -> Step {
        let rejection = self.rejection.take();
        self.reset();
        match rejection {
            Some(rejection) => Step::Refused(rejection),
            None => Step::NeedMore,
        }
    }

    fn reset(&mut self) {
        self.frame.text.clear();
        self.frame.literals.clear();
        self.frame.bare_lf = false;
        self.state = State::Text { stretch: 0 };
        self.argument_bytes = 0;
        self.appended_bytes = 0;
        self.appended_messages = 0;
        self.skipped_bytes = 0;
        self.rejection = None;
    }
}

/// Keeps the last bytes of a line that is thrown away.
fn extend_tail(tail: &mut Vec<u8>, taken: &[u8]) {
    tail.extend_from_slice(taken.get(taken.len().saturating_sub(TAIL_BYTES)..).unwrap_or(taken));
    let surplus = tail.len().saturating_sub(TAIL_BYTES);
    tail.drain(..surplus);
}

/// Takes `count` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    taken
}
