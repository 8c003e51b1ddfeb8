//! What of many objects is in memory at a time.

/// LIMIT: objects of which the data is in memory at a time.
const COUNT_MAX: usize = 200;
/// LIMIT: bytes of the objects of one piece; a single larger object is a piece by itself.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Parts of `items`, in their order, each small enough to be in memory at once.
pub(super) fn pieces<'i, T>(
    items: &'i [T],
    size_bytes: impl Fn(&T) -> u64 + 'i,
) -> impl Iterator<Item = &'i [T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0_u64;
        let fitting = rest.iter().take(COUNT_MAX).take_while(|item| {
            bytes = bytes.saturating_add(size_bytes(item));
            bytes <= BYTES_MAX
        });
        let count = fitting.count().max(1).min(rest.len());
        let (piece, behind) = rest.split_at(count);
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_by_count_and_bytes() {
        let lengths =
            |sizes: &[u64]| pieces(sizes, |size| *size).map(<[u64]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [0_usize; 0]);
        assert_eq!(lengths(&[1; 401]), [200, 200, 1]);
        assert_eq!(lengths(&[BYTES_MAX, 1, BYTES_MAX + 1, u64::MAX, 1, 1]), [1, 1, 1, 1, 2]);
        assert_eq!(lengths(&[BYTES_MAX / 2; 5]), [2, 2, 1]);
    }
}
