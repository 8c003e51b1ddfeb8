//! Numbers and ascending lists of numbers: seven bits a byte, the lowest first; lists as gaps.

/// Appends a number.
pub(crate) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the front; `None` where there is none or it has more than 64 bits.
pub(crate) fn take(rest: &mut &[u8]) -> Option<u64> {
    let (&first, tail) = rest.split_first()?;
    if first < 0x80 {
        *rest = tail;
        return Some(u64::from(first));
    }
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes a number that counts or measures something in memory.
pub(crate) fn take_size(rest: &mut &[u8]) -> Option<usize> {
    take(rest).and_then(|number| usize::try_from(number).ok())
}

pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

pub(crate) fn unzigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -((code & 1).cast_signed())
}

/// An ascending list being written.
#[derive(Debug, Default, Clone)]
pub(crate) struct ListWriter {
    pub(crate) bytes: Vec<u8>,
    last: u32,
}

impl ListWriter {
    /// Appends a number above those before it.
    pub(crate) fn push(&mut self, number: u32) {
        push(&mut self.bytes, u64::from(number.wrapping_sub(self.last)));
        self.last = number;
    }
}

/// The numbers of a list. Ends where the list is damaged: what it says is then incomplete, which
/// the hash of whoever stores it has to notice.
#[derive(Debug, Clone)]
pub(crate) struct List<'a> {
    rest: &'a [u8],
    last: u32,
}

impl<'a> List<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, last: 0 }
    }
}

impl List<'_> {
    /// Hands the numbers below `end` to `each`; the others stay.
    #[inline]
    pub(crate) fn each_below(&mut self, end: u32, mut each: impl FnMut(u32)) {
        // In registers while it runs.
        let Self { mut rest, mut last } = *self;
        let mut behind = rest;
        while let Some(number) = take_gap(&mut behind).and_then(|gap| last.checked_add(gap)) {
            if number >= end {
                break;
            }
            (rest, last) = (behind, number);
            each(number);
        }
        *self = Self { rest, last };
    }
}

/// Most gaps have one byte or two.
#[inline]
fn take_gap(rest: &mut &[u8]) -> Option<u32> {
    let (gap, behind) = match *rest {
        [a @ ..0x80, behind @ ..] => (u32::from(*a), behind),
        [a, b @ ..0x80, behind @ ..] => (u32::from(a & 0x7f) | u32::from(*b) << 7, behind),
        _ => return take(rest).and_then(|gap| u32::try_from(gap).ok()),
    };
    *rest = behind;
    Some(gap)
}

impl Iterator for List<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.last = self.last.checked_add(take_gap(&mut self.rest)?)?;
        Some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, number);
            let mut rest = out.as_slice();
            assert_eq!((take(&mut rest), rest.len()), (Some(number), 0));
        }
        for bad in [&b""[..], b"\x80", &[0xff; 10], &[0x80; 11]] {
            assert_eq!(take(&mut { bad }), None);
        }
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(number)), number);
        }
    }

    #[test]
    fn lists_round_trip() {
        let numbers = [0, 1, 2, 500, u32::MAX];
        let mut list = ListWriter::default();
        numbers.iter().for_each(|number| list.push(*number));
        assert_eq!(List::new(&list.bytes).collect::<Vec<_>>(), numbers);
        let mut windows = List::new(&list.bytes);
        let mut below = |end| {
            let mut below = Vec::new();
            windows.each_below(end, |number| below.push(number));
            below
        };
        assert_eq!((below(2), below(500), below(501)), (vec![0, 1], vec![2], vec![500]));
        assert_eq!(List::new(&[0xff; 20]).count(), 0);
        assert_eq!(List::new(&[&list.bytes[..], &[1]].concat()).count(), 5, "none above the last");
    }
}
