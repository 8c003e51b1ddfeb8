//! Counting lines in ranges that lie inside each other, in linear time.

use std::ops::Range;

const BLOCK_BYTES: usize = 4096;

/// Counts line ends; a range that holds many blocks takes them from sums made once.
pub(crate) struct LineCounter<'a> {
    raw: &'a [u8],
    // How many line ends stand before each block; empty until a large range asks.
    before: Vec<usize>,
}

impl<'a> LineCounter<'a> {
    pub(crate) fn new(raw: &'a [u8]) -> Self {
        Self { raw, before: Vec::new() }
    }

    /// The number of LFs in a range.
    pub(crate) fn count(&mut self, range: Range<usize>) -> usize {
        if range.len() <= 4 * BLOCK_BYTES {
            return self.direct(range);
        }
        if self.before.is_empty() {
            let mut sum = 0;
            for block in self.raw.chunks(BLOCK_BYTES) {
                self.before.push(sum);
                sum += count(block);
            }
        }
        self.up_to(range.end) - self.up_to(range.start)
    }

    fn up_to(&self, at: usize) -> usize {
        let block = at / BLOCK_BYTES;
        match self.before.get(block) {
            Some(before) => before + self.direct(block * BLOCK_BYTES..at),
            // The end of the last block, where it is full.
            None => {
                let last = block.saturating_sub(1);
                let before = self.before.get(last).copied().unwrap_or_default();
                before + self.direct(last * BLOCK_BYTES..at)
            }
        }
    }

    fn direct(&self, range: Range<usize>) -> usize {
        count(self.raw.get(range).unwrap_or_default())
    }
}

fn count(bytes: &[u8]) -> usize {
    // Sums of bytes over short chunks are what compilers turn into vector code.
    bytes
        .chunks(255)
        .map(|chunk| usize::from(chunk.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_counting() {
        let mut rng = fastrand::Rng::with_seed(7);
        for len in [0, 4096, 40_960, 50_001] {
            let raw: Vec<u8> = (0..len).map(|_| *rng.choice(b"\na").unwrap()).collect();
            let mut counter = LineCounter::new(&raw);
            for _ in 0..200 {
                let start = rng.usize(..=len);
                let end = rng.usize(start..=len);
                let plain = raw[start..end].iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(counter.count(start..end), plain, "{start}..{end}");
            }
            assert_eq!(counter.count(0..len), count(&raw));
        }
    }
}
