//! Whether the pieces of a phrase stand at successive positions.

use crate::varint::List;

/// Positions looked at together: a bit for each stays in the processor's cache.
const WINDOW: u32 = 1 << 21;

/// A piece of a phrase whose word boundaries count.
#[derive(Default)]
pub(crate) struct Piece {
    /// How many pieces stand before it.
    offset: u32,
    /// Whether its positions are where the needle is not.
    pub(crate) excludes: bool,
    /// Lists of positions, one behind the other.
    lists: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    pub(crate) fn at(offset: u32) -> Self {
        Self { offset, ..Self::default() }
    }

    pub(crate) fn push(&mut self, list: &[u8]) {
        self.lists.extend_from_slice(list);
        self.ends.push(self.lists.len());
    }

    pub(crate) fn lists(&self) -> impl Iterator<Item = List<'_>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let lists = starts.zip(&self.ends);
        lists.map(|(from, to)| List::new(self.lists.get(*from..*to).unwrap_or(&[])))
    }

    fn cursors(&self) -> Cursors<'_> {
        Cursors { offset: self.offset, lists: self.lists().collect() }
    }
}

/// How far a piece was read.
struct Cursors<'p> {
    offset: u32,
    lists: Vec<List<'p>>,
}

impl Cursors<'_> {
    /// Where the needle begins, if this piece is right, from where the last call ended to `end`.
    #[inline]
    fn each(&mut self, end: u32, mut each: impl FnMut(u32)) {
        let (offset, end) = (self.offset, end.saturating_add(self.offset));
        for list in &mut self.lists {
            list.each_below(end, |at| {
                // The first items of a segment have nothing before them.
                if let Some(start) = at.checked_sub(offset) {
                    each(start);
                }
            });
        }
    }
}

/// Hands the positions below `positions` to `found` at which the pieces stand one behind the
/// other, in no order.
pub(crate) fn successive(mut pieces: Vec<Piece>, positions: u32, mut found: impl FnMut(u32)) {
    // What excludes can only follow; else the fewer come first.
    pieces.sort_by_key(|piece| (piece.excludes, piece.lists.len()));
    let last_excludes = pieces.last().is_some_and(|piece| piece.excludes);
    let mut cursors: Vec<Cursors<'_>> = pieces.iter().map(Piece::cursors).collect();
    let Some((first, rest)) = cursors.split_first_mut() else { return };
    let Some((last, middle)) = rest.split_last_mut() else { return };
    let (mut starts, mut both) = (Bits::new(), Bits::new());
    for window in (0..positions).step_by(WINDOW as usize) {
        let end = window.saturating_add(WINDOW);
        first.each(end, |start| starts.set(start - window));
        for piece in middle.iter_mut() {
            piece.each(end, |start| {
                if starts.has(start - window) {
                    both.set(start - window);
                }
            });
            std::mem::swap(&mut starts, &mut both);
            both.clear();
        }
        if last_excludes {
            last.each(end, |start| starts.unset(start - window));
            starts.each(|start| found(window + start));
        } else {
            last.each(end, |start| {
                if starts.has(start - window) {
                    found(start);
                }
            });
        }
        starts.clear();
    }
}

struct Bits(Vec<u64>);

impl Bits {
    fn new() -> Self {
        Self(vec![0; WINDOW as usize / 64])
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    #[inline]
    fn set(&mut self, at: u32) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            *word |= 1 << (at % 64);
        }
    }

    #[inline]
    fn unset(&mut self, at: u32) {
        if let Some(word) = self.0.get_mut(at as usize / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    #[inline]
    fn has(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn each(&self, mut each: impl FnMut(u32)) {
        for (at, word) in (0u32..).step_by(64).zip(&self.0) {
            let mut word = *word;
            while word != 0 {
                each(at + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }
}
