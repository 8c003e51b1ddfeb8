//! Search programs (RFC 9051 §6.4.4) and the arguments of SEARCH and ESEARCH.

use std::ops::Range;
use std::sync::Arc;

use ids::ModSeq;
use message::date::Day;
use message::flag::{Keyword, SystemFlags};

use super::{
    Addressing, AnnotationCriterion, FetchAttribute, MailboxFilter, NumberSet, SequenceSet,
};

/// A condition on a message (RFC 9051 §6.4.4). Text is Unicode, decoded from the charset named.
///
/// Depth and count are bounded by the parser, so recursion over it is safe.
#[derive(Debug, Clone, PartialEq)]
pub enum SearchKey {
    /// `ALL`.
    All,
    /// All of them: keys in a row, or in parentheses.
    And(Vec<SearchKey>),
    /// `OR a b`.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// `NOT a`.
    Not(Box<SearchKey>),
    /// A sequence set.
    Seqs(SequenceSet),
    /// `UID set`.
    Uids(SequenceSet),
    /// The UIDs that `$` stood for when it was first asked (RFC 5267 §4.3), however often it is
    /// named: no client writes them.
    Saved(Arc<NumberSet>),
    /// `ANSWERED`, `DELETED`, `DRAFT`, `FLAGGED`, `SEEN`: exactly one flag, set.
    Has(SystemFlags),
    /// `UNANSWERED` and so on: exactly one flag, not set.
    Lacks(SystemFlags),
    /// `KEYWORD k`.
    Keyword(Keyword),
    /// `UNKEYWORD k`.
    Unkeyword(Keyword),
    /// `RECENT` (RFC 3501 §6.4.4).
    Recent,
    /// `NEW`: recent and not seen.
    New,
    /// `OLD`: not recent.
    Old,
    /// `BEFORE date`, by internal date without regard to time and zone.
    Before(Day),
    /// `ON date`.
    On(Day),
    /// `SINCE date`.
    Since(Day),
    /// `SENTBEFORE date`, by the Date field.
    SentBefore(Day),
    /// `SENTON date`.
    SentOn(Day),
    /// `SENTSINCE date`.
    SentSince(Day),
    /// `SAVEDBEFORE date` (RFC 8514 §4.3).
    SavedBefore(Day),
    /// `SAVEDON date`.
    SavedOn(Day),
    /// `SAVEDSINCE date`.
    SavedSince(Day),
    /// `SAVEDATESUPPORTED`: whether the mailbox keeps save dates; it does.
    SaveDateSupported,
    /// `OLDER seconds` (RFC 5032 §3), at least 1.
    Older(u32),
    /// `YOUNGER seconds` (RFC 5032 §3), at least 1.
    Younger(u32),
    /// `LARGER n`.
    Larger(u64),
    /// `SMALLER n`.
    Smaller(u64),
    /// `BCC text`.
    Bcc(String),
    /// `CC text`.
    Cc(String),
    /// `FROM text`.
    From(String),
    /// `TO text`.
    To(String),
    /// `SUBJECT text`.
    Subject(String),
    /// `HEADER field text`; an empty text asks whether the field is there.
    Header {
        /// The field's name as written.
        field: String,
        /// The text in it.
        value: String,
    },
    /// `BODY text`.
    Body(String),
    /// `TEXT text`: header or body.
    Text(String),
    /// `MODSEQ n` (RFC 7162 §3.1.5): modseq at least `n`. Entry names are parsed and, as there
    /// is one modseq per message here, make no difference.
    ModSeq(ModSeq),
    /// `FUZZY key` (RFC 6203 §3): what comes near the key.
    Fuzzy(Box<SearchKey>),
    /// `EMAILID id` (RFC 8474 §6).
    EmailId(String),
    /// `THREADID id` (RFC 8474 §6).
    ThreadId(String),
    /// `ANNOTATION entries attribute value` (RFC 5257 §4.8).
    Annotation(AnnotationCriterion),
}

impl SearchKey {
    /// Whether any key in the tree satisfies `test`.
    pub fn any(&self, test: &mut dyn FnMut(&SearchKey) -> bool) -> bool {
        if test(self) {
            return true;
        }
        match self {
            Self::And(keys) => keys.iter().any(|key| key.any(test)),
            Self::Or(left, right) => left.any(test) || right.any(test),
            Self::Not(key) | Self::Fuzzy(key) => key.any(test),
            _ => false,
        }
    }

    /// A copy of the key in which `change` may have replaced keys.
    #[must_use]
    pub fn map_sets(&self, change: &dyn Fn(&SearchKey) -> Option<SearchKey>) -> SearchKey {
        if let Some(changed) = change(self) {
            return changed;
        }
        match self {
            Self::And(keys) => Self::And(keys.iter().map(|key| key.map_sets(change)).collect()),
            Self::Or(left, right) => {
                Self::Or(Box::new(left.map_sets(change)), Box::new(right.map_sets(change)))
            }
            Self::Not(key) => Self::Not(Box::new(key.map_sets(change))),
            Self::Fuzzy(key) => Self::Fuzzy(Box::new(key.map_sets(change))),
            key => key.clone(),
        }
    }

    /// What the key demands of the numbers of every message it finds, and nothing else.
    #[must_use]
    pub fn numbers(&self) -> Self {
        match self {
            Self::And(keys) => Self::And(keys.iter().map(Self::numbers).collect()),
            Self::Seqs(_) | Self::Uids(_) | Self::Saved(_) => self.clone(),
            _ => Self::All,
        }
    }

    /// How many ranges all sets of numbers in the key have together, one that is named twice
    /// counted twice.
    pub fn count_ranges(&self) -> usize {
        let mut count = 0_usize;
        self.any(&mut |key| {
            count = count.saturating_add(match key {
                Self::Seqs(set) | Self::Uids(set) => set.ranges().len(),
                Self::Saved(uids) => uids.ranges().len(),
                _ => 0,
            });
            false
        });
        count
    }

    /// Whether MODSEQ is searched for, which makes the client CONDSTORE-aware (RFC 7162 §3.1.5)
    /// and adds MODSEQ to the reply.
    pub fn uses_modseq(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::ModSeq(_)))
    }

    /// Whether annotations are searched.
    pub fn uses_annotations(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Annotation(_)))
    }

    /// The text that is sought, where the key seeks one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Bcc(text)
            | Self::Cc(text)
            | Self::From(text)
            | Self::To(text)
            | Self::Subject(text)
            | Self::Header { value: text, .. }
            | Self::Body(text)
            | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether something is sought fuzzily, so that there is a relevancy (RFC 6203 §4).
    pub fn is_fuzzy(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Fuzzy(_)))
    }

    /// Whether a message comes to be found, or is found no more, as time passes.
    pub fn uses_time(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Older(_) | Self::Younger(_)))
    }

    /// Whether `\Recent` is searched for, which IMAP4rev2 does not have.
    pub fn uses_recent(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Recent | Self::New | Self::Old))
    }

    /// Whether a UID is searched for that is written `*`: it is another one whenever the last
    /// message is.
    pub fn uses_last_uid(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Uids(set) if set.has_star()))
    }

    /// Whether sequence numbers are used: then untagged EXPUNGE needs care. `$` names messages,
    /// whatever their numbers are (RFC 9051 §6.4.4.1).
    pub fn uses_seqs(&self) -> bool {
        self.any(&mut |key| matches!(key, Self::Seqs(set) if !set.is_saved()))
    }
}

/// A part of an ordered result, counted from 1 (RFC 5267 §4.4, RFC 9394 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    /// The end nearer to where it is counted from; the client may have written it last
    /// (RFC 5267 §5, "500:400 is the same as 400:500").
    pub low: u32,
    /// The other end, included.
    pub high: u32,
    /// Whether -1 is the last result and so on.
    pub from_end: bool,
}

impl PartialRange {
    /// The positions meant in a result of `len`, from 0, the end excluded; empty where there are
    /// none.
    pub fn positions(self, len: usize) -> Range<usize> {
        let (before, high) = (self.low.saturating_sub(1) as usize, self.high as usize);
        match self.from_end {
            true => len.saturating_sub(high)..len.saturating_sub(before),
            false => before.min(len)..high.min(len),
        }
    }
}

/// `RETURN (…)` of SEARCH and SORT (RFC 4731 §3.1, RFC 5182 §2.1, RFC 5267 §4, RFC 9394 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchReturn {
    /// `MIN`.
    pub min: bool,
    /// `MAX`.
    pub max: bool,
    /// `ALL`; also what an empty `RETURN ()` means.
    pub all: bool,
    /// `COUNT`.
    pub count: bool,
    /// `SAVE`: keep the result for `$`.
    pub save: bool,
    /// `PARTIAL`: a part of the result.
    pub partial: Option<PartialRange>,
    /// `CONTEXT`: a hint that the same will be asked again.
    pub context: bool,
    /// `RELEVANCY` (RFC 6203 §4): how much each result is about what was sought.
    pub relevancy: bool,
    /// `UPDATE`: tell of later changes to the result.
    pub update: bool,
}

impl SearchReturn {
    /// Whether a result is asked to be sent, and not only kept.
    pub fn sends_result(&self) -> bool {
        let names_some = self.min || self.max || self.partial.is_some();
        let tells_more = self.context || self.update || self.relevancy;
        names_some || self.all || self.count || tells_more
    }
}

/// `SEARCH [RETURN (…)] [CHARSET c] keys` and `UID SEARCH`.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchArgs {
    /// Whether sequence numbers or UIDs are answered.
    pub by: Addressing,
    /// None without RETURN: IMAP4rev1 answers it with SEARCH, IMAP4rev2 with ESEARCH ALL.
    pub returns: Option<SearchReturn>,
    /// What UPDATE asks for of messages that come to the results (RFC 5465 §7).
    pub fetch: Vec<FetchAttribute>,
    /// The search program.
    pub key: SearchKey,
}

/// `ESEARCH [IN (…)] [RETURN (…)] [CHARSET c] keys` (RFC 7377 §2).
#[derive(Debug, Clone, PartialEq)]
pub struct EsearchArgs {
    /// The mailboxes to search; the selected one where empty.
    pub sources: Vec<MailboxFilter>,
    /// What RETURN asks for; absent without RETURN.
    pub returns: Option<SearchReturn>,
    /// What UPDATE asks for of messages that come to the results (RFC 5465 §7).
    pub fetch: Vec<FetchAttribute>,
    /// The search program.
    pub key: SearchKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_either_end() {
        for (low, high, from_end, len, expect) in [
            (1, 500, false, 264, 0..264),
            (1, 500, false, 1000, 0..500),
            (24_000, 24_500, false, 23_764, 23_764..23_764),
            (3, 3, false, 3, 2..3),
            (1, 100, true, 264, 164..264),
            (1, 100, true, 30, 0..30),
            (31, 60, true, 30, 0..0),
            (2, 3, true, 4, 1..3),
            (1, u32::MAX, false, 0, 0..0),
            (1, u32::MAX, true, 0, 0..0),
        ] {
            let range = PartialRange { low, high, from_end };
            assert_eq!(range.positions(len), expect, "{range:?} of {len}");
        }
    }
}
