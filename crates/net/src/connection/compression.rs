//! Raw DEFLATE on both ways of a connection (RFC 4978), between the queues and the stream.
//!
//! What is sent ends in a flush each time, so that a peer that inflates what has arrived has all
//! of it: QUIRK(iOS Mail, 18): it stalls on anything less.
//!
//! **Invariant:** while it waits, a connection holds no compressor (256 KiB), only the end of
//! what it sent, for the next one to refer to. The peer need not know: after a flush a fresh
//! compressor continues the stream.
//! **Invariant:** one read gives a bounded number of bytes, however well they were compressed.

use std::io;

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

use crate::error::NotDeflate;

/// LIMIT: so much of what was sent is kept for a compressor to begin with. Responses repeat those
/// just before them.
const TAIL_BYTES: usize = 2 * 1024;

/// LIMIT: shorter output goes uncompressed where there is no compressor: waking thousands of idle
/// connections with a line each costs no more than without compression.
const STORED_BYTES_MAX: usize = 192;

/// LIMIT: what one read adds at least before it stops; what bombs unfold to comes in such pieces.
const INFLATED_BYTES: usize = 64 * 1024;

/// LIMIT: bytes of the end of a block, before the mark.
const BEFORE_MARK: usize = 3;

/// What a flush leaves at the end (RFC 1951 §3.2.4: an empty stored block).
const FLUSH_MARK: [u8; 4] = [0, 0, 0xff, 0xff];

/// Both directions of a compressed connection.
pub(super) struct Compression {
    deflate: Option<Compress>,
    /// The end of what was sent, uncompressed.
    tail: Vec<u8>,
    inflate: Decompress,
    /// What arrived, compressed; taken up to `taken`.
    arrived: Vec<u8>,
    taken: usize,
    /// There may be more to come out without more going in.
    is_full: bool,
    /// The peer ended its stream.
    is_over: bool,
    /// The last bytes that were inflated.
    last: [u8; FLUSH_MARK.len()],
}

impl Compression {
    /// Begins with what has arrived behind the command that began it.
    pub(super) fn new(arrived: Vec<u8>) -> Self {
        Self {
            deflate: None,
            tail: Vec::new(),
            inflate: Decompress::new(false),
            arrived,
            taken: 0,
            is_full: false,
            is_over: false,
            last: FLUSH_MARK,
        }
    }

    /// Appends `plain` to `out`, compressed, with all that a peer needs to have it whole.
    pub(super) fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if self.deflate.is_none() && plain.len() <= STORED_BYTES_MAX {
            store(plain, out);
        } else {
            let deflate = match self.deflate.take() {
                Some(deflate) => deflate,
                None => compressor(&self.tail)?,
            };
            compress_all(self.deflate.insert(deflate), plain, out)?;
        }
        let rest = TAIL_BYTES.saturating_sub(plain.len());
        self.tail.drain(..self.tail.len().saturating_sub(rest));
        let new = plain.get(plain.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        self.tail.extend_from_slice(new);
        Ok(())
    }

    /// Adds what arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.arrived.drain(..self.taken);
        self.taken = 0;
        self.arrived.extend_from_slice(bytes);
    }

    /// Inflates up to the next place where the peer flushed; whether anything came out.
    ///
    /// It goes no further because what follows may be plain: a client that leaves compression
    /// and goes on at once (RFC 8437 §4.1).
    pub(super) fn inflate(&mut self, plain: &mut Vec<u8>) -> io::Result<bool> {
        let before = plain.len();
        let mut space = [0; 8 * 1024];
        while !self.is_over && plain.len() - before < INFLATED_BYTES {
            let waiting = self.arrived.get(self.taken..).unwrap_or_default();
            if waiting.is_empty() && !self.is_full {
                break;
            }
            let piece = waiting.get(..end_of_piece(waiting)).unwrap_or(waiting);
            let (was_in, was_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(piece, &mut space, FlushDecompress::Sync);
            let status = status.map_err(|_| NotDeflate)?;
            let consumed = (self.inflate.total_in() - was_in) as usize;
            let made = (self.inflate.total_out() - was_out) as usize;
            let is_flushed = consumed == piece.len() && piece.ends_with(&FLUSH_MARK);
            plain.extend_from_slice(space.get(..made).unwrap_or_default());
            for byte in piece.iter().take(consumed).rev().take(FLUSH_MARK.len()).rev() {
                self.last.rotate_left(1);
                let [.., end] = &mut self.last;
                *end = *byte;
            }
            self.taken += consumed;
            self.is_full = made == space.len();
            self.is_over = status == Status::StreamEnd;
            if consumed == 0 && made == 0 || is_flushed && !self.is_full && plain.len() > before {
                break;
            }
        }
        Ok(plain.len() > before)
    }

    /// Whether the peer has ended its stream and nothing more can come out.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether nothing is waiting to be inflated.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.arrived.len()
    }

    /// What arrived behind the last flush that was inflated, and what may still come of that.
    pub(super) fn into_rest(mut self) -> (Vec<u8>, FlushRest) {
        self.arrived.drain(..self.taken);
        let is_whole = self.is_over || self.last == FLUSH_MARK;
        let mut rest =
            FlushRest { bytes_max: if is_whole { 0 } else { BEFORE_MARK + FLUSH_MARK.len() } };
        let arrived = rest.strip(&self.arrived).to_vec();
        (arrived, rest)
    }

    /// Gives memory back while nothing is going on.
    pub(super) fn release(&mut self) {
        self.deflate = None;
        self.tail.shrink_to_fit();
        if self.is_empty() {
            self.arrived = Vec::new();
            self.taken = 0;
        }
    }
}

/// The end of the flush behind a peer's last compressed command, which may come after the command
/// itself: the end of its block, and the mark. No plain command has such bytes at its beginning.
#[derive(Debug, Default)]
pub(super) struct FlushRest {
    bytes_max: usize,
}

impl FlushRest {
    /// What follows it in what has arrived.
    pub(super) fn strip<'b>(&mut self, arrived: &'b [u8]) -> &'b [u8] {
        let of_flush = |byte: &&u8| FLUSH_MARK.contains(byte);
        let begun = || arrived.iter().take(self.bytes_max).take_while(of_flush).count();
        // Of a block with codes of its own, the end may be any bytes.
        let at = arrived
            .windows(FLUSH_MARK.len())
            .take(BEFORE_MARK + 1)
            .position(|window| window == FLUSH_MARK);
        let whole = at.filter(|_| self.bytes_max > 0).map(|at| at + FLUSH_MARK.len());
        let count = whole.unwrap_or_else(begun);
        let rest = arrived.get(count..).unwrap_or_default();
        self.bytes_max = if rest.is_empty() { self.bytes_max.saturating_sub(count) } else { 0 };
        rest
    }
}

/// How far inflating may go at once.
fn end_of_piece(waiting: &[u8]) -> usize {
    let mark = waiting.windows(FLUSH_MARK.len()).position(|window| window == FLUSH_MARK);
    mark.map_or(waiting.len(), |at| at + FLUSH_MARK.len())
}

/// A compressor that may refer to what was sent last.
fn compressor(tail: &[u8]) -> io::Result<Compress> {
    let mut deflate = Compress::new(Level::fast(), false);
    if !tail.is_empty() {
        deflate.set_dictionary(tail).map_err(io::Error::other)?;
    }
    Ok(deflate)
}

fn compress_all(deflate: &mut Compress, mut plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    loop {
        out.reserve(plain.len() / 2 + 128);
        let was_in = deflate.total_in();
        deflate.compress_vec(plain, out, FlushCompress::Sync).map_err(io::Error::other)?;
        let consumed = (deflate.total_in() - was_in) as usize;
        plain = plain.get(consumed..).unwrap_or_default();
        // Room left means that the flush is out as well.
        if plain.is_empty() && out.len() < out.capacity() {
            return Ok(());
        }
    }
}

/// RFC 1951 §3.2.4: a block that is not the last and not compressed. It begins on a byte, as
/// every flush before it ended on one.
fn store(plain: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(plain.len()) else { return };
    out.push(0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(plain);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectionError;

    /// What a peer that inflates all that has arrived makes of it.
    fn inflated(inflate: &mut Decompress, compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(1 << 20);
        inflate.decompress_vec(compressed, &mut plain, FlushDecompress::Sync).unwrap();
        plain
    }

    #[test]
    fn every_burst_arrives_whole_whatever_was_forgotten() {
        let mut rng = fastrand::Rng::with_seed(4978);
        let (mut ours, mut theirs) = (Compression::new(Vec::new()), Decompress::new(false));
        let text = "* 12 FETCH (UID 4711 FLAGS (\\Seen) MODSEQ (123456))\r\n".repeat(3000);
        for round in 0..400 {
            let from = rng.usize(0..text.len() / 2);
            let length = [1, 30, 192, 193, 4_000, 70_000][rng.usize(0..6)];
            let mut plain = text.as_bytes()[from..from + length].to_vec();
            if rng.bool() {
                plain.iter_mut().for_each(|byte| *byte ^= rng.u8(..) & 7);
            }
            let mut wire = Vec::new();
            ours.compress(&plain, &mut wire).unwrap();
            assert!(inflated(&mut theirs, &wire) == plain, "round {round}");
            if rng.bool() {
                ours.release();
                assert!(ours.tail.capacity() <= TAIL_BYTES && ours.deflate.is_none());
            }
        }
    }

    #[test]
    fn a_fresh_compressor_refers_to_what_was_sent() {
        let line = |uid: u32| format!("* 12 FETCH (UID {uid} FLAGS (\\Seen $Forwarded))\r\n");
        let answer: String = (1000..1010).map(line).collect();
        let mut ours = Compression::new(Vec::new());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        ours.compress(answer.as_bytes(), &mut first).unwrap();
        ours.release();
        ours.compress(answer.as_bytes(), &mut second).unwrap();
        assert!(second.len() * 2 < first.len(), "{} after {}", second.len(), first.len());
    }

    fn deflated(pieces: &[&[u8]], last: FlushCompress) -> Vec<u8> {
        let mut deflate = Compress::new(Level::default(), false);
        let mut wire = Vec::with_capacity(1 << 20);
        for (at, piece) in pieces.iter().enumerate() {
            let flush = if at + 1 == pieces.len() { last } else { FlushCompress::Sync };
            deflate.compress_vec(piece, &mut wire, flush).unwrap();
        }
        wire
    }

    #[test]
    fn commands_come_one_flush_at_a_time_in_any_pieces() {
        let wire = deflated(&[b"a NOOP\r\n", b"b NOOP\r\n"], FlushCompress::Sync);
        for cut in 0..wire.len() {
            let mut ours = Compression::new(wire[..cut].to_vec());
            let mut plain = Vec::new();
            while ours.inflate(&mut plain).unwrap() {}
            ours.feed(&wire[cut..]);
            while ours.inflate(&mut plain).unwrap() {}
            assert_eq!(plain, b"a NOOP\r\nb NOOP\r\n");
            assert!(ours.is_empty() && !ours.is_over());
        }
        let mut ours = Compression::new(wire);
        let mut plain = Vec::new();
        assert!(ours.inflate(&mut plain).unwrap());
        assert_eq!(plain, b"a NOOP\r\n");
    }

    #[test]
    fn what_follows_compression_is_left_alone() {
        for last in [FlushCompress::Sync, FlushCompress::Finish] {
            let mut wire = deflated(&[b"a UNAUTHENTICATE\r\n"], last);
            wire.extend_from_slice(b"b NOOP\r\n");
            let mut ours = Compression::new(wire);
            let mut plain = Vec::new();
            assert!(ours.inflate(&mut plain).unwrap());
            assert_eq!(plain, b"a UNAUTHENTICATE\r\n");
            assert_eq!(ours.into_rest().0, b"b NOOP\r\n");
        }
    }

    /// Wherever the wire is cut behind the command, and, of what is short, cut again.
    #[test]
    fn the_end_of_a_flush_may_come_after_the_command() {
        let mut rng = fastrand::Rng::with_seed(8437);
        for _ in 0..300 {
            let tag: String = (0..rng.usize(1..9)).map(|_| rng.alphanumeric()).collect();
            let before = "* 1 FETCH (FLAGS (\\Seen))\r\n".repeat(rng.usize(0..9) * rng.usize(0..9));
            let command = format!("{before}{tag} UNAUTHENTICATE\r\n");
            let mut wire = deflated(&[command.as_bytes()], FlushCompress::Sync);
            let flushed = wire.len();
            wire.extend_from_slice(b"b NOOP\r\n");
            for cut in flushed - 8..=flushed {
                let mut ours = Compression::new(wire[..cut].to_vec());
                let mut plain = Vec::new();
                while ours.inflate(&mut plain).unwrap() {}
                if plain != command.as_bytes() {
                    continue;
                }
                let (mut rest, mut flush) = ours.into_rest();
                rest.extend_from_slice(flush.strip(&wire[cut..]));
                assert_eq!(rest.escape_ascii().to_string(), "b NOOP\\r\\n", "{command} {cut}");
            }
        }
        let mut rest = FlushRest { bytes_max: BEFORE_MARK + FLUSH_MARK.len() };
        let pieces: [&[u8]; 4] = [&[0], &[0, 0], &[0xff, 0xff], b"b\xff"];
        let left: Vec<&[u8]> = pieces.iter().map(|piece| rest.strip(piece)).collect();
        assert_eq!(left, [b"", b"", b"", &b"b\xff"[..]]);
    }

    #[test]
    fn bombs_unfold_in_pieces_and_garbage_is_refused() {
        let bomb = deflated(&[&vec![b'x'; 10_000_000]], FlushCompress::Finish);
        assert!(bomb.len() < 20_000);
        let mut ours = Compression::new(bomb);
        let mut total = 0;
        loop {
            let mut plain = Vec::new();
            if !ours.inflate(&mut plain).unwrap() {
                break;
            }
            assert!(plain.len() <= INFLATED_BYTES + 8 * 1024);
            total += plain.len();
        }
        assert!(total == 10_000_000 && ours.is_over());
        let mut ours = Compression::new(b"c LOGIN a b\r\n".to_vec());
        let refused = loop {
            match ours.inflate(&mut Vec::new()) {
                Ok(true) => {}
                other => break other,
            }
        };
        assert!(ConnectionError::from(refused.unwrap_err()).is_not_deflate());
    }
}
