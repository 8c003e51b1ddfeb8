//! The SEARCH, SORT (RFC 5256 §4) and ESEARCH (RFC 9051 §7.3.4) responses.

use ids::{ModSeq, UidValidity};

use super::{astring, number, number_set, string};
use crate::parse::Dialect;
use crate::types::{Addressing, PartialRange, Placed, Results, SearchReturn, Tag};

/// The mailbox that an ESEARCH reply is about, where it need not be the selected one
/// (RFC 7377 §2.1).
#[derive(Debug, Clone, Copy)]
pub struct Correlated<'a> {
    /// The name of the mailbox.
    pub name: &'a str,
    /// The UIDVALIDITY of the mailbox.
    pub uid_validity: UidValidity,
    /// How the client spells names.
    pub dialect: Dialect,
}

/// An ESEARCH reply (RFC 9051 §7.3.4).
#[derive(Debug)]
pub struct Esearch<'a> {
    /// The command it answers.
    pub tag: &'a Tag,
    /// The mailbox, in reply to ESEARCH.
    pub mailbox: Option<Correlated<'a>>,
    /// Whether the numbers are UIDs.
    pub by: Addressing,
    /// What RETURN asked for.
    pub returns: SearchReturn,
    /// The results.
    pub found: &'a Results,
    /// A score for each result, from 1 to 100, when RELEVANCY was asked for.
    pub relevancy: Option<&'a [u8]>,
    /// The highest modseq of what is returned, when MODSEQ was searched (RFC 7162 §3.1.10).
    pub modseq: Option<ModSeq>,
}

/// `esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)`
/// (RFC 9051 §9), the whole line.
pub fn esearch(out: &mut Vec<u8>, reply: &Esearch<'_>) {
    begin(out, reply.tag, reply.mailbox, reply.by);
    // RFC 4731 §3.1: MIN, MAX and ALL are left out when nothing was found, COUNT is not.
    if let (true, Some(min)) = (reply.returns.min, reply.found.first()) {
        out.extend_from_slice(b" MIN ");
        number(out, min);
    }
    if let (true, Some(max)) = (reply.returns.max, reply.found.last()) {
        out.extend_from_slice(b" MAX ");
        number(out, max);
    }
    if reply.returns.all && !reply.found.is_empty() {
        out.extend_from_slice(b" ALL ");
        results(out, reply.found);
    }
    if let Some(range) = reply.returns.partial {
        partial(out, range, reply.found);
    }
    if reply.returns.count {
        out.extend_from_slice(b" COUNT ");
        number(out, reply.found.len() as u64);
    }
    if let Some(scores) = reply.relevancy {
        // RFC 6203 §7: for PARTIAL the scores of those that are told.
        let whole = 0..reply.found.len();
        let some = reply.returns.partial.map_or(whole, |range| range.positions(scores.len()));
        relevancy(out, scores.get(some).unwrap_or_default());
    }
    if let (Some(modseq), false) = (reply.modseq, reply.found.is_empty()) {
        out.extend_from_slice(b" MODSEQ ");
        number(out, modseq.get());
    }
    out.extend_from_slice(b"\r\n");
}

/// `"RELEVANCY" SP score-list`, `score-list = "(" [score *(SP score)] ")"` (RFC 6203 §7).
fn relevancy(out: &mut Vec<u8>, scores: &[u8]) {
    out.extend_from_slice(b" RELEVANCY (");
    for (index, score) in scores.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        number(out, *score);
    }
    out.push(b')');
}

/// `comparator-data = "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP
/// comp-id-quoted) ")"]` (RFC 5255 §4.10), the whole untagged line. `matching` are those that were
/// asked for.
pub fn comparator(out: &mut Vec<u8>, active: &str, matching: &[&str]) {
    out.extend_from_slice(b"* COMPARATOR ");
    astring(out, active.as_bytes());
    // RFC 5255 §4.8: the list is there only if more than one matches.
    if matching.len() > 1 {
        let mut before: &[u8] = b" (";
        for name in matching {
            out.extend_from_slice(before);
            astring(out, name.as_bytes());
            before = b" ";
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// How the results of a search have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextUpdate {
    /// `ADDTO` (RFC 5267 §4.3.3).
    AddTo,
    /// `REMOVEFROM` (RFC 5267 §4.3.4).
    RemoveFrom,
}

/// An ESEARCH response that tells of changes, with
/// `("ADDTO" / "REMOVEFROM") SP "(" context-position SP sequence-set *(…) ")"` (RFC 5267 §5).
pub fn context_update(
    out: &mut Vec<u8>,
    tag: &Tag,
    by: Addressing,
    update: ContextUpdate,
    placed: &[Placed],
) {
    begin(out, tag, None, by);
    out.extend_from_slice(match update {
        ContextUpdate::AddTo => b" ADDTO (",
        ContextUpdate::RemoveFrom => b" REMOVEFROM (",
    });
    for (index, (position, some)) in placed.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        number(out, *position as u64);
        out.push(b' ');
        results(out, some);
    }
    out.extend_from_slice(b")\r\n");
}

/// `search-correlator = SP "(" one-correlator *(SP one-correlator) ")"` (RFC 7377 §4).
fn begin(out: &mut Vec<u8>, tag: &Tag, mailbox: Option<Correlated<'_>>, by: Addressing) {
    // QUIRK(Outlook, any): the correlator's tag must be quoted; the grammar lets it be an astring.
    out.extend_from_slice(b"* ESEARCH (TAG ");
    string(out, tag.as_bytes());
    if let Some(Correlated { name, uid_validity, dialect }) = mailbox {
        out.extend_from_slice(b" MAILBOX ");
        super::mailbox(out, name, dialect);
        out.extend_from_slice(b" UIDVALIDITY ");
        number(out, uid_validity.get());
    }
    out.push(b')');
    if by == Addressing::Uid {
        out.extend_from_slice(b" UID");
    }
}

/// `ret-data-partial = "PARTIAL" SP "(" partial-range SP partial-results ")"` (RFC 9394 §4).
fn partial(out: &mut Vec<u8>, range: PartialRange, found: &Results) {
    let sign: &[u8] = if range.from_end { b"-" } else { b"" };
    out.extend_from_slice(b" PARTIAL (");
    // DEVIATION(RFC 9394 §3.1): of a range that was asked for backwards the nearer end comes first,
    // as Cyrus answers and imaptest expects it, and not the range as it was written.
    out.extend_from_slice(sign);
    number(out, range.low);
    out.push(b':');
    out.extend_from_slice(sign);
    number(out, range.high);
    out.push(b' ');
    let some = found.slice(range.positions(found.len()));
    match some.is_empty() {
        // RFC 5267 §4.4: NIL where the range names no result.
        true => out.extend_from_slice(b"NIL"),
        false => results(out, &some),
    }
    out.push(b')');
}

/// Results as a sequence-set. RFC 5267 §3.2: those in another order than that of the mailbox
/// are joined only where they ascend one by one.
fn results(out: &mut Vec<u8>, found: &Results) {
    let numbers = match found {
        Results::Mailbox(set) => return number_set(out, set),
        Results::Sorted(numbers) => numbers,
    };
    let runs = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    for (at, run) in runs.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if let Some(first) = run.first() {
            number(out, *first);
        }
        if let [_, .., last] = run {
            out.push(b':');
            number(out, *last);
        }
    }
}

/// `"SEARCH" *(SP nz-number)` (RFC 3501 §7.2.5) or `"SORT" *(SP nz-number)` (RFC 5256 §5), with
/// `SP "(" "MODSEQ" SP n ")"` when asked (RFC 7162 §3.1.6), the whole line.
///
/// The results of SEARCH ascend, or descend where not all was searched (RFC 9738 §3.1).
pub fn found(out: &mut Vec<u8>, found: &Results, descending: bool, modseq: Option<ModSeq>) {
    match found {
        Results::Mailbox(set) => {
            out.extend_from_slice(b"* SEARCH");
            match descending {
                true => set
                    .ranges()
                    .iter()
                    .rev()
                    .flat_map(|&(first, last)| (first..=last).rev())
                    .for_each(|value| numbered(out, value)),
                false => set.iter().for_each(|value| numbered(out, value)),
            }
        }
        Results::Sorted(numbers) => {
            out.extend_from_slice(b"* SORT");
            numbers.iter().for_each(|value| numbered(out, *value));
        }
    }
    if let (Some(modseq), false) = (modseq, found.is_empty()) {
        out.extend_from_slice(b" (MODSEQ ");
        number(out, modseq.get());
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

fn numbered(out: &mut Vec<u8>, value: u32) {
    out.push(b' ');
    number(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        returns: SearchReturn,
        found: &[u32],
        by: Addressing,
        modseq: Option<u64>,
        expect: &str,
    ) {
        let tag = Tag::new(b"A282").unwrap();
        let found = Results::Mailbox(found.iter().copied().collect());
        let mut out = Vec::new();
        let modseq = modseq.map(ModSeq::new);
        let (mailbox, relevancy) = (None, None);
        let found = &found;
        esearch(&mut out, &Esearch { tag: &tag, mailbox, by, returns, found, relevancy, modseq });
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn esearch_as_in_rfc_4731() {
        let asked = |min, all, count| SearchReturn { min, all, count, ..SearchReturn::default() };
        check(
            asked(true, false, true),
            &[2, 5, 6],
            Addressing::Seq,
            None,
            "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\n",
        );
        check(
            asked(false, true, false),
            &[17, 900, 901],
            Addressing::Uid,
            Some(917_162_500),
            "* ESEARCH (TAG \"A282\") UID ALL 17,900:901 MODSEQ 917162500\r\n",
        );
        check(
            asked(true, true, true),
            &[],
            Addressing::Seq,
            Some(3),
            "* ESEARCH (TAG \"A282\") COUNT 0\r\n",
        );
        check(asked(true, true, false), &[], Addressing::Seq, None, "* ESEARCH (TAG \"A282\")\r\n");
    }

    #[test]
    fn search_as_in_rfc_3501_and_7162() {
        for (found, modseq, expect) in [
            (&[2, 84, 882][..], None, "* SEARCH 2 84 882\r\n"),
            (&[], None, "* SEARCH\r\n"),
            (&[2, 5], Some(917_162_500), "* SEARCH 2 5 (MODSEQ 917162500)\r\n"),
            (&[], Some(1), "* SEARCH\r\n"),
        ] {
            let mut out = Vec::new();
            let set = Results::Mailbox(found.iter().copied().collect());
            super::found(&mut out, &set, false, modseq.map(ModSeq::new));
            assert_eq!(String::from_utf8_lossy(&out), expect);
            out.clear();
            let sorted = Results::Sorted(found.to_vec());
            super::found(&mut out, &sorted, false, modseq.map(ModSeq::new));
            assert_eq!(String::from_utf8_lossy(&out), expect.replace("SEARCH", "SORT"));
        }
    }

    #[test]
    fn correlators_as_in_rfc_7377_and_scores_as_in_rfc_6203() {
        let mailbox = Correlated {
            name: "folder1",
            uid_validity: UidValidity::new(1),
            dialect: Dialect::Rev1,
        };
        let all = SearchReturn { all: true, relevancy: true, ..SearchReturn::default() };
        let partial = SearchReturn {
            partial: Some(PartialRange { low: 2, high: 3, from_end: false }),
            relevancy: true,
            ..SearchReturn::default()
        };
        for (mailbox, returns, expect) in [
            (Some(mailbox), all, "MAILBOX folder1 UIDVALIDITY 1) UID ALL 5,10,1"),
            (None, all, ") UID ALL 5,10,1 RELEVANCY (99 42 4)"),
            (None, partial, ") UID PARTIAL (2:3 10,1) RELEVANCY (42 4)"),
        ] {
            let tag = &Tag::new(b"t").unwrap();
            let found = &Results::Sorted(vec![5, 10, 1]);
            let relevancy = mailbox.is_none().then_some(&[99, 42, 4][..]);
            let (by, modseq) = (Addressing::Uid, None);
            let mut out = Vec::new();
            esearch(&mut out, &Esearch { tag, mailbox, by, returns, found, relevancy, modseq });
            let space = if mailbox.is_some() { " " } else { "" };
            let expect = format!("* ESEARCH (TAG \"t\"{space}{expect}\r\n");
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }

    #[test]
    fn comparators() {
        for (matching, expect) in [
            (&[][..], "* COMPARATOR i;octet\r\n"),
            (&["i;octet"], "* COMPARATOR i;octet\r\n"),
            (&["i;octet", "i;basic"], "* COMPARATOR i;octet (i;octet i;basic)\r\n"),
        ] {
            let mut out = Vec::new();
            comparator(&mut out, "i;octet", matching);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }

    #[test]
    fn changes_as_in_rfc_5267() {
        let tag = Tag::new(b"B01").unwrap();
        let set = |numbers: &[u32]| Results::Mailbox(numbers.iter().copied().collect());
        for (update, placed, expect) in [
            (
                ContextUpdate::AddTo,
                &[(0, set(&[32768, 32769]))][..],
                "* ESEARCH (TAG \"B01\") UID ADDTO (0 32768:32769)\r\n",
            ),
            (
                ContextUpdate::AddTo,
                &[(1, Results::Sorted(vec![2733])), (4, Results::Sorted(vec![9, 8]))],
                "* ESEARCH (TAG \"B01\") UID ADDTO (1 2733 4 9,8)\r\n",
            ),
            (
                ContextUpdate::RemoveFrom,
                &[(0, set(&[32768]))],
                "* ESEARCH (TAG \"B01\") UID REMOVEFROM (0 32768)\r\n",
            ),
        ] {
            let mut out = Vec::new();
            context_update(&mut out, &tag, Addressing::Uid, update, placed);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }

    #[test]
    fn sorted_results_as_in_rfc_5267() {
        let tag = Tag::new(b"E01").unwrap();
        let partial = |low, high, from_end| SearchReturn {
            partial: Some(PartialRange { low, high, from_end }),
            ..SearchReturn::default()
        };
        let all = SearchReturn { all: true, min: true, max: true, ..SearchReturn::default() };
        for (returns, expect) in [
            (all, "MIN 23765 MAX 6 ALL 23765,23764,23763,23761,2:4,6"),
            (partial(5, 6, false), "PARTIAL (5:6 2:3)"),
            (partial(1, 3, true), "PARTIAL (-1:-3 3:4,6)"),
            (partial(9, 12, false), "PARTIAL (9:12 NIL)"),
        ] {
            let found = Results::Sorted(vec![23765, 23764, 23763, 23761, 2, 3, 4, 6]);
            let mut out = Vec::new();
            let by = Addressing::Uid;
            let (tag, found) = (&tag, &found);
            let (mailbox, relevancy, modseq) = (None, None, None);
            esearch(&mut out, &Esearch { tag, mailbox, by, returns, found, relevancy, modseq });
            let expect = format!("* ESEARCH (TAG \"E01\") UID {expect}\r\n");
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
