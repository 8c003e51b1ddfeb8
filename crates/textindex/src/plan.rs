//! How one needle is found: which keys, and what their lists then say.

use std::cmp::Reverse;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use crate::block::{At, Lists, key_around};
use crate::characters::has_list;
use crate::documents::{self, Places};
use crate::head::Head;
use crate::item::{items, word};
use crate::phrase::{Piece, successive};
use crate::query::{Asked, BLOCKS_AT_ONCE, Counts, Needle, Source, What, read_apart};
use crate::varint::List;
use crate::{Corrupt, END, Field};

/// LIMIT: pieces of a needle that are looked at: each costs the decoding of its positions. Where
/// the first so many do not stand, the needle does not; where they do, nobody knows.
const PIECES_MAX: usize = 32;

/// Keys that are looked for.
pub(crate) struct Pattern<'n> {
    /// The bytes that the keys begin with.
    pub(crate) prefix: Vec<u8>,
    test: Test<'n>,
    /// Block and place in it of each that was found, ascending.
    hits: Vec<(usize, usize)>,
}

enum Test<'n> {
    /// This stands in the bytes of a key and of the end behind it.
    Holds(Box<Finder<'static>>),
    /// The word in front of an item.
    Word(&'n dyn Fn(&str) -> bool),
}

/// How one needle is found.
pub(crate) struct Plan<'n> {
    pub(crate) field: Field,
    /// Pieces at successive positions, or one key of a list of documents; none for an empty text.
    pieces: Vec<Pattern<'n>>,
    lists_documents: bool,
    /// Whether the first piece is a blank alone: its list then says where there is none.
    starts_with_blank: bool,
    /// Whether the needle goes on behind the pieces.
    is_cut: bool,
    /// The key of the positions that are in header fields of the name asked for.
    name: Option<Pattern<'n>>,
}

impl<'n> Plan<'n> {
    pub(crate) fn of(needle: Needle<'n>) -> Self {
        let field = needle.field;
        match needle.what {
            What::Text(text) => match listed(field, text) {
                Some(pattern) => {
                    Self { lists_documents: true, ..Self::nothing(field, vec![pattern]) }
                }
                None => Self::of_pieces(field, text),
            },
            What::Named(name, text) => {
                let key = [&[Field::NAMES_KEY], name.as_bytes(), &[END]].concat();
                let name = Some(Pattern::key(key));
                Self { name, ..Self::of_pieces(field, text) }
            }
            What::Word(start, accepts) => {
                let prefix = [&[field.items_key()], start.as_bytes()].concat();
                let test = Test::Word(accepts);
                Self::nothing(field, vec![Pattern { prefix, test, hits: Vec::new() }])
            }
        }
    }

    fn of_pieces(field: Field, text: &str) -> Self {
        let pieces: Vec<&str> = items(text).collect();
        let last = pieces.len().saturating_sub(1);
        let starts_with_blank =
            field.no_blank_key().is_some() && last > 0 && pieces.first() == Some(&" ");
        let patterns = pieces.iter().take(PIECES_MAX).enumerate().map(|(at, piece)| {
            if at == 0
                && starts_with_blank
                && let Some(key) = field.no_blank_key()
            {
                return Pattern::key(vec![key, END]);
            }
            let kind = [field.items_key()];
            let (is_start, is_end) = (at > 0, at < last);
            let mut sought = Vec::with_capacity(piece.len() + 2);
            sought.extend_from_slice(if is_start { &kind } else { &[] });
            sought.extend_from_slice(piece.as_bytes());
            let prefix = if is_start { sought.clone() } else { kind.to_vec() };
            sought.extend_from_slice(if is_end { &[END] } else { &[] });
            Pattern::new(prefix, &sought)
        });
        let is_cut = pieces.len() > PIECES_MAX;
        Self { starts_with_blank, is_cut, ..Self::nothing(field, patterns.collect()) }
    }

    fn nothing(field: Field, pieces: Vec<Pattern<'n>>) -> Self {
        let (lists_documents, starts_with_blank, is_cut) = (false, false, false);
        Self { field, pieces, lists_documents, starts_with_blank, is_cut, name: None }
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = &Pattern<'n>> {
        self.pieces.iter().chain(&self.name)
    }

    pub(crate) fn patterns_mut(&mut self) -> impl Iterator<Item = &mut Pattern<'n>> {
        self.pieces.iter_mut().chain(&mut self.name)
    }

    pub(crate) fn count<S: Source>(
        &self,
        head: &Head,
        places: &Places,
        asked: Asked,
        source: &mut S,
    ) -> Result<Vec<u16>, S::Error> {
        let mut counts = Counts::new(head, self.field, places);
        let has_all =
            self.pieces.iter().skip(usize::from(self.starts_with_blank)).all(Pattern::hit);
        let values = match &self.name {
            Some(name) if name.hit() => Some(Values::read(name, source)?),
            Some(_) => return Ok(counts.finish()),
            None => None,
        };
        match (self.pieces.as_slice(), &values) {
            _ if !has_all => {}
            ([], None) => counts.all(),
            ([], Some(values)) => values.ends().for_each(|end| counts.add_position(end)),
            ([documents], _) if self.lists_documents => {
                let total = head.documents.len();
                each_list(std::slice::from_ref(documents), source, &mut |_, list| {
                    documents::decode(list, total, &mut |document| counts.add(document as usize))
                })?;
            }
            ([piece], None) if asked == Asked::Whether => whether(piece, &mut counts, source)?,
            (pieces, values) => {
                let Some(values) = values else {
                    self.positions(pieces, places, source, |at| counts.add_position(at))?;
                    return Ok(self.finish(counts));
                };
                self.positions(pieces, places, source, |position| match values.has(position) {
                    Has::Yes => counts.add_position(position),
                    Has::Perhaps => counts.doubt(position),
                    Has::No => {}
                })?;
            }
        }
        Ok(self.finish(counts))
    }

    fn finish(&self, mut counts: Counts<'_>) -> Vec<u16> {
        if self.is_cut {
            counts.doubt_all();
        }
        counts.finish()
    }

    /// Hands the positions of the first piece to `found`, wherever all of them stand.
    fn positions<S: Source>(
        &self,
        pieces: &[Pattern<'n>],
        places: &Places,
        source: &mut S,
        mut found: impl FnMut(u32),
    ) -> Result<(), S::Error> {
        if pieces.len() == 1 {
            return each_list(pieces, source, &mut |_, list| {
                List::new(list).for_each(&mut found);
                Ok(())
            });
        }
        let mut read: Vec<Piece> = (0..).map(Piece::at).take(pieces.len()).collect();
        if let Some(first) = read.first_mut() {
            first.excludes = self.starts_with_blank;
        }
        each_list(pieces, source, &mut |at, list| {
            if let Some(piece) = read.get_mut(at) {
                piece.push(list);
            }
            Ok(())
        })?;
        successive(read, places.positions(), found);
        Ok(())
    }
}

/// The key of the list of documents that answers for this text alone.
fn listed<'n>(field: Field, text: &str) -> Option<Pattern<'n>> {
    let kind = field.documents_key().filter(|_| has_list(field, text))?;
    Some(Pattern::key([&[kind], text.as_bytes(), &[END]].concat()))
}

impl<'n> Pattern<'n> {
    fn new(prefix: Vec<u8>, sought: &[u8]) -> Self {
        let test = Test::Holds(Box::new(Finder::new(sought).into_owned()));
        Self { prefix, test, hits: Vec::new() }
    }

    /// The pattern of a single key, with [`END`] behind it.
    fn key(key: Vec<u8>) -> Self {
        let prefix = key.strip_suffix(&[END]).unwrap_or(&key).to_vec();
        Self::new(prefix, &key)
    }

    fn hit(&self) -> bool {
        !self.hits.is_empty()
    }

    pub(crate) fn scan(&mut self, block: usize, keys: &[u8]) {
        let kind = self.prefix.first().copied();
        match &self.test {
            Test::Holds(finder) => {
                let (mut from, mut counted, mut place) = (0, 0, 0);
                while let Some(found) = keys.get(from..).and_then(|rest| finder.find(rest)) {
                    let (start, end) = key_around(keys, from + found);
                    // Keys of other fields may stand in the same block.
                    if keys.get(start).copied() == kind {
                        let passed = keys.get(counted..start).unwrap_or_default();
                        place += memchr_iter(END, passed).count();
                        counted = start;
                        self.hits.push((block, place));
                    }
                    from = end + 1;
                }
            }
            Test::Word(accepts) => {
                // One word has many keys in a row, by what stands behind it.
                let mut last: Option<(&str, bool)> = None;
                for (place, key) in keys.split(|byte| *byte == END).enumerate() {
                    let item = key.split_first().filter(|_| key.starts_with(&self.prefix));
                    let text = item.and_then(|(_, item)| std::str::from_utf8(item).ok());
                    let Some(word) = text.map(word).filter(|word| !word.is_empty()) else {
                        continue;
                    };
                    let is_hit = match last {
                        Some((before, is_hit)) if before == word => is_hit,
                        _ => accepts(word),
                    };
                    last = Some((word, is_hit));
                    if is_hit {
                        self.hits.push((block, place));
                    }
                }
            }
        }
    }
}

/// What is called for each list, with the number of its pattern.
type EachList<'f> = &'f mut dyn FnMut(usize, &[u8]) -> Result<(), Corrupt>;

/// Hands the list of each key found to `each`, with the number of its pattern.
fn each_list<S: Source>(
    patterns: &[Pattern<'_>],
    source: &mut S,
    each: EachList<'_>,
) -> Result<(), S::Error> {
    each_place(patterns, source, &mut |source, pattern, at| match at {
        At::Here(list) => Ok(each(pattern, list)?),
        At::Apart(blocks) => Ok(each(pattern, &read_apart(source, blocks)?)?),
    })
}

/// Whether the only piece of a needle stands in each document. The longest lists come first, and
/// those left over are not read once it stands in all.
fn whether<S: Source>(
    piece: &Pattern<'_>,
    counts: &mut Counts<'_>,
    source: &mut S,
) -> Result<(), S::Error> {
    let (mut here, mut apart) = (Piece::default(), Vec::new());
    each_place(std::slice::from_ref(piece), source, &mut |_, _, at| {
        match at {
            At::Here(list) => here.push(list),
            At::Apart(blocks) => apart.push(blocks),
        }
        Ok(())
    })?;
    apart.sort_by_key(|blocks| Reverse(blocks.len()));
    let mut without = counts.without();
    let mut look = |list: List<'_>, without: &mut usize| {
        list.for_each(|position| *without -= usize::from(counts.is_first(position)));
    };
    for blocks in apart {
        if without == 0 {
            return Ok(());
        }
        look(List::new(&read_apart(source, blocks)?), &mut without);
    }
    for list in here.lists() {
        look(list, &mut without);
    }
    Ok(())
}

/// What is called for each list with the number of its pattern and the place of the list.
type EachPlace<'f, S> =
    &'f mut dyn FnMut(&mut S, usize, At<'_>) -> Result<(), <S as Source>::Error>;

/// Hands the place of the list of each key found to `each`, with the number of its pattern. No
/// block is read twice.
fn each_place<S: Source>(
    patterns: &[Pattern<'_>],
    source: &mut S,
    each: EachPlace<'_, S>,
) -> Result<(), S::Error> {
    let hits = patterns.iter().enumerate();
    let hits =
        hits.flat_map(|(at, pattern)| pattern.hits.iter().map(move |hit| (hit.0, at, hit.1)));
    let mut hits: Vec<(usize, usize, usize)> = hits.collect();
    hits.sort_unstable();
    let by_block: Vec<_> = hits.chunk_by(|(left, ..), (right, ..)| left == right).collect();
    for some in by_block.chunks(BLOCKS_AT_ONCE) {
        let blocks: Vec<usize> = some.iter().filter_map(|hits| Some(hits.first()?.0)).collect();
        let read = source.postings_of(&blocks)?;
        if read.len() != some.len() {
            return Err(Corrupt("run of blocks").into());
        }
        for (hits, postings) in some.iter().zip(&read) {
            let lists = Lists::parse(postings)?;
            for (_, pattern, place) in *hits {
                let list = lists.list(postings, *place);
                each(source, *pattern, list.ok_or(Corrupt("block of postings"))?)?;
            }
        }
    }
    Ok(())
}

/// Where the values of header fields of one name are: the item in which each begins, and its end.
struct Values(Vec<(u32, u32)>);

/// Whether a position lies in one of these values.
enum Has {
    No,
    Yes,
    /// The name ends in the same item.
    Perhaps,
}

impl Values {
    fn read<S: Source>(name: &Pattern<'_>, source: &mut S) -> Result<Self, S::Error> {
        let mut values = Vec::new();
        each_list(std::slice::from_ref(name), source, &mut |_, list| {
            let mut list = List::new(list);
            while let (Some(start), Some(end)) = (list.next(), list.next()) {
                values.push((start, end));
            }
            Ok(())
        })?;
        Ok(Self(values))
    }

    fn ends(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(_, end)| *end)
    }

    fn has(&self, position: u32) -> Has {
        let behind = self.0.partition_point(|(start, _)| *start <= position);
        match behind.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((start, _)) if *start == position => Has::Perhaps,
            Some((_, end)) if position < *end => Has::Yes,
            _ => Has::No,
        }
    }
}
