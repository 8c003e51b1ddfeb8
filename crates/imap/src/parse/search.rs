//! Search programs (RFC 9051 §6.4.4), shared by SEARCH, ESEARCH, SORT and THREAD. Nesting and the
//! number of keys are bounded; of charsets, those of UTF-8 and ASCII are accepted.

use ids::ModSeq;
use message::date::Day;
use message::flag::{Keyword, SystemFlags};

use super::annotation;
use super::lexer::utf8;
use super::search_return::search_return;
use super::sequence_set::sequence_set;
use super::{Cursor, Dialect, ParseError, Parsed};
use crate::types::{Addressing, Command, NumberSet, SearchArgs, SearchKey, SequenceSet, Tag};

/// `search` (RFC 9051 §9).
pub(crate) fn search(c: &mut Cursor<'_>) -> Parsed<Command> {
    search_by(c, Addressing::Seq)
}

/// `"UID" SP search` (RFC 9051 §9).
pub(crate) fn uid_search(c: &mut Cursor<'_>) -> Parsed<Command> {
    search_by(c, Addressing::Uid)
}

/// `search = "SEARCH" [search-return-opts] SP search-program`,
/// `search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)` (RFC 9051 §9).
fn search_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let (returns, fetch) = search_return(c)?;
    optional_charset(c)?;
    Ok(Command::Search(SearchArgs { by, returns, fetch, key: search_keys(c)? }))
}

/// `["CHARSET" SP charset SP]` (RFC 9051 §9).
pub(super) fn optional_charset(c: &mut Cursor<'_>) -> Parsed<()> {
    if c.eat_word(b"CHARSET ") {
        // RFC 6855 §3: the client MUST NOT name one, and SHOULD be told so by BAD. SORT and THREAD
        // have one by their grammar, which that says nothing of.
        if c.dialect == Dialect::Utf8Accept {
            return Err(ParseError::Syntax("no charset is named after ENABLE UTF8=ACCEPT"));
        }
        while c.eat(b' ') {}
        charset(c)?;
        c.sp()?;
    }
    Ok(())
}

/// `"COMPARATOR" *(SP comp-order-quoted)` (RFC 5255 §4.10).
pub(crate) fn comparator(c: &mut Cursor<'_>) -> Parsed<Command> {
    preferences(c).map(Command::Comparator)
}

/// `"LANGUAGE" *(SP lang-range-quoted)` (RFC 5255 §3.5).
pub(crate) fn language(c: &mut Cursor<'_>) -> Parsed<Command> {
    preferences(c).map(Command::Language)
}

/// `*(SP astring)`, the most wanted first.
fn preferences(c: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut wanted = Vec::new();
    while c.more() {
        c.sp()?;
        if wanted.len() >= c.limits.items_max {
            return Err(ParseError::TooMany("too many preferences"));
        }
        wanted.push(match c.peek() {
            Some(b'"' | b'{') => c.astring_text()?,
            // `*` is no astring character and needs no quotes from us.
            _ => utf8(c.take_while(|b| b.is_ascii_graphic()))?.to_owned(),
        });
    }
    Ok(wanted)
}

/// `"CANCELUPDATE" 1*(SP quoted)` (RFC 5267 §5).
pub(crate) fn cancel_update(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut tags = Vec::new();
    while tags.is_empty() || c.more() {
        c.sp()?;
        if tags.len() >= c.limits.items_max {
            return Err(ParseError::TooMany("too many tags"));
        }
        let tag = c.astring()?;
        tags.push(Tag::new(&tag).ok_or(ParseError::Syntax("not a tag"))?);
    }
    Ok(Command::CancelUpdate(tags))
}

/// `charset = atom / quoted` (RFC 9051 §9).
pub(super) fn charset(c: &mut Cursor<'_>) -> Parsed<()> {
    let charset = c.astring()?;
    // RFC 9051 §6.4.4: US-ASCII and UTF-8 MUST be supported; of others the client is told.
    if !charset.eq_ignore_ascii_case(b"UTF-8") && !charset.eq_ignore_ascii_case(b"US-ASCII") {
        return Err(ParseError::BadCharset);
    }
    Ok(())
}

/// `search-key *(SP search-key)` (RFC 9051 §9), to the end of the command.
pub(super) fn search_keys(c: &mut Cursor<'_>) -> Parsed<SearchKey> {
    let mut budget = Budget { keys: c.limits.search_keys_max, is_fuzzy: false };
    let mut keys = vec![search_key(c, &mut budget, c.limits.depth_max)?];
    while c.more() {
        c.sp()?;
        keys.push(search_key(c, &mut budget, c.limits.depth_max)?);
    }
    Ok(all_of(keys))
}

fn all_of(mut keys: Vec<SearchKey>) -> SearchKey {
    match keys.pop() {
        Some(only) if keys.is_empty() => only,
        Some(last) => {
            keys.push(last);
            SearchKey::And(keys)
        }
        None => SearchKey::All,
    }
}

struct Budget {
    /// Keys that may follow.
    keys: usize,
    /// Whether the key at hand stands inside FUZZY (RFC 6203).
    is_fuzzy: bool,
}

impl Budget {
    fn take(&mut self, keys: usize) -> Parsed<()> {
        self.keys =
            self.keys.checked_sub(keys).ok_or(ParseError::TooMany("too many search keys"))?;
        Ok(())
    }

    /// Takes for the words of a text that is sought fuzzily: each is sought by itself
    /// (RFC 6203 §3), as with a key of its own.
    fn take_words(&mut self, key: &SearchKey) -> Parsed<()> {
        match key.text().filter(|_| self.is_fuzzy) {
            Some(text) => self.take(text.split_whitespace().count().saturating_sub(1)),
            None => Ok(()),
        }
    }
}

/// `search-key` (RFC 9051 §9; RFC 3501 §9 for NEW, OLD, RECENT; RFC 5032 §3; RFC 6203 §7;
/// RFC 5257 §5; RFC 7162 §7; RFC 8474 §7). `depth` is how much deeper it may go.
fn search_key(c: &mut Cursor<'_>, budget: &mut Budget, depth: usize) -> Parsed<SearchKey> {
    budget.take(1)?;
    let depth = depth.checked_sub(1).ok_or(ParseError::TooMany("search keys nested too deep"))?;
    match c.peek() {
        Some(b'(') => {
            let mut keys = Vec::new();
            let max = c.limits.search_keys_max;
            c.list(max, "too many search keys", |c| {
                keys.push(search_key(c, budget, depth)?);
                Ok(())
            })?;
            if keys.is_empty() {
                return Err(ParseError::Syntax("expected a search key"));
            }
            return Ok(all_of(keys));
        }
        Some(b'0'..=b'9' | b'*' | b'$') => return sequence_set(c).map(SearchKey::Seqs),
        _ => {}
    }
    let name = c.take_while(|b| b.is_ascii_alphabetic());
    let mut upper = [0_u8; 18];
    let upper = match upper.get_mut(..name.len()) {
        Some(slot) if !slot.is_empty() => {
            slot.copy_from_slice(name);
            slot.make_ascii_uppercase();
            &*slot
        }
        Some(_) => return Err(c.wrong("expected a search key")),
        None => return Err(ParseError::Syntax("unknown search key")),
    };
    if let Some(key) = plain_key(upper) {
        return Ok(key);
    }
    match upper {
        b"NOT" => {
            c.sp()?;
            Ok(SearchKey::Not(Box::new(search_key(c, budget, depth)?)))
        }
        b"FUZZY" => {
            c.sp()?;
            let outside = std::mem::replace(&mut budget.is_fuzzy, true);
            let key = search_key(c, budget, depth)?;
            budget.is_fuzzy = outside;
            Ok(SearchKey::Fuzzy(Box::new(key)))
        }
        b"OR" => {
            c.sp()?;
            let left = search_key(c, budget, depth)?;
            c.sp()?;
            let right = search_key(c, budget, depth)?;
            Ok(SearchKey::Or(Box::new(left), Box::new(right)))
        }
        _ => {
            let key = key_with_argument(c, upper)?;
            budget.take_words(&key)?;
            Ok(key)
        }
    }
}

fn plain_key(name: &[u8]) -> Option<SearchKey> {
    use SearchKey as K;
    Some(match name {
        b"ALL" => K::All,
        b"ANSWERED" => K::Has(SystemFlags::ANSWERED),
        b"DELETED" => K::Has(SystemFlags::DELETED),
        b"DRAFT" => K::Has(SystemFlags::DRAFT),
        b"FLAGGED" => K::Has(SystemFlags::FLAGGED),
        b"SEEN" => K::Has(SystemFlags::SEEN),
        b"UNANSWERED" => K::Lacks(SystemFlags::ANSWERED),
        b"UNDELETED" => K::Lacks(SystemFlags::DELETED),
        b"UNDRAFT" => K::Lacks(SystemFlags::DRAFT),
        b"UNFLAGGED" => K::Lacks(SystemFlags::FLAGGED),
        b"UNSEEN" => K::Lacks(SystemFlags::SEEN),
        b"RECENT" => K::Recent,
        b"NEW" => K::New,
        b"OLD" => K::Old,
        b"SAVEDATESUPPORTED" => K::SaveDateSupported,
        _ => return None,
    })
}

fn key_with_argument(c: &mut Cursor<'_>, name: &[u8]) -> Parsed<SearchKey> {
    use SearchKey as K;
    let argument = |c: &mut Cursor<'_>| {
        c.sp()?;
        c.astring_text()
    };
    Ok(match name {
        b"BCC" => K::Bcc(argument(c)?),
        b"CC" => K::Cc(argument(c)?),
        b"FROM" => K::From(argument(c)?),
        b"TO" => K::To(argument(c)?),
        b"SUBJECT" => K::Subject(argument(c)?),
        b"BODY" => K::Body(argument(c)?),
        b"TEXT" => K::Text(argument(c)?),
        b"HEADER" => K::Header { field: argument(c)?, value: argument(c)? },
        b"EMAILID" => K::EmailId(argument(c)?),
        b"ANNOTATION" => K::Annotation(annotation::criterion(c)?),
        b"THREADID" => K::ThreadId(argument(c)?),
        b"BEFORE" => K::Before(day(c)?),
        b"ON" => K::On(day(c)?),
        b"SINCE" => K::Since(day(c)?),
        b"SENTBEFORE" => K::SentBefore(day(c)?),
        b"SENTON" => K::SentOn(day(c)?),
        b"SENTSINCE" => K::SentSince(day(c)?),
        b"SAVEDBEFORE" => K::SavedBefore(day(c)?),
        b"SAVEDON" => K::SavedOn(day(c)?),
        b"SAVEDSINCE" => K::SavedSince(day(c)?),
        b"KEYWORD" => K::Keyword(keyword(c)?),
        b"UNKEYWORD" => K::Unkeyword(keyword(c)?),
        b"LARGER" => K::Larger(number64(c)?),
        b"SMALLER" => K::Smaller(number64(c)?),
        b"OLDER" => K::Older(interval(c)?),
        b"YOUNGER" => K::Younger(interval(c)?),
        b"MODSEQ" => K::ModSeq(modseq(c)?),
        b"UIDAFTER" => K::Uids(uids(nz_number(c)?.checked_add(1), u32::MAX)),
        b"UIDBEFORE" => K::Uids(uids(Some(1), nz_number(c)? - 1)),
        b"UID" => {
            c.sp()?;
            K::Uids(sequence_set(c)?)
        }
        _ => return Err(ParseError::Syntax("unknown search key")),
    })
}

fn number64(c: &mut Cursor<'_>) -> Parsed<u64> {
    c.sp()?;
    c.number64()
}

/// `("UIDAFTER" / "UIDBEFORE") SP uniqueid` (RFC 9738 §3.2).
fn nz_number(c: &mut Cursor<'_>) -> Parsed<u32> {
    c.sp()?;
    Ok(c.nz_number()?.get())
}

/// The UIDs between two, both included; none where there is no first.
fn uids(first: Option<u32>, last: u32) -> SequenceSet {
    let mut uids = NumberSet::new();
    uids.insert_range(first.unwrap_or(u32::MAX), if first.is_some() { last } else { 0 });
    SequenceSet::from_numbers(&uids)
}

/// `("OLDER" / "YOUNGER") SP nz-number` (RFC 5032 §3).
fn interval(c: &mut Cursor<'_>) -> Parsed<u32> {
    nz_number(c)
}

/// `date = date-text / DQUOTE date-text DQUOTE` (RFC 9051 §9).
fn day(c: &mut Cursor<'_>) -> Parsed<Day> {
    c.sp()?;
    let text = c.astring()?;
    Day::parse(&text).ok_or(ParseError::Syntax("not a date"))
}

/// `flag-keyword` (RFC 9051 §9).
fn keyword(c: &mut Cursor<'_>) -> Parsed<Keyword> {
    c.sp()?;
    Keyword::parse(c.atom()?).map_err(|_| ParseError::TooMany("keyword too long"))
}

/// `"MODSEQ" [search-modseq-ext] SP mod-sequence-valzer`,
/// `search-modseq-ext = SP entry-name SP entry-type-req` (RFC 7162 §7).
fn modseq(c: &mut Cursor<'_>) -> Parsed<ModSeq> {
    c.sp()?;
    if c.peek() == Some(b'"') {
        utf8(&c.string()?)?;
        c.sp()?;
        let kind = c.atom()?;
        if ![&b"priv"[..], b"shared", b"all"].iter().any(|k| kind.eq_ignore_ascii_case(k)) {
            return Err(ParseError::Syntax("expected priv, shared or all"));
        }
        c.sp()?;
    }
    c.number64().map(ModSeq::new)
}
