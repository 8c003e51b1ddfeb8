//! What SEARCH found.

use ids::ModSeq;

use super::{number, number_set, string};
use crate::types::{Addressing, NumberSet, SearchReturn, Tag};

/// An ESEARCH reply (RFC 9051 §7.3.4).
#[derive(Debug)]
pub struct Esearch<'a> {
    /// The command it answers.
    pub tag: &'a Tag,
    /// Whether the numbers are UIDs.
    pub by: Addressing,
    /// What was asked for.
    pub returns: SearchReturn,
    /// What was found.
    pub found: &'a NumberSet,
    /// The highest modseq of what is returned, when MODSEQ was searched (RFC 7162 §3.1.10).
    pub modseq: Option<ModSeq>,
}

/// `esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)`
/// (RFC 9051 §9), the whole line.
pub fn esearch(out: &mut Vec<u8>, reply: &Esearch<'_>) {
    // QUIRK(Outlook): the correlator's tag must be quoted; the grammar lets it be an astring.
    out.extend_from_slice(b"* ESEARCH (TAG ");
    string(out, reply.tag.as_bytes());
    out.push(b')');
    if reply.by == Addressing::Uid {
        out.extend_from_slice(b" UID");
    }
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
        number_set(out, reply.found);
    }
    if reply.returns.count {
        out.extend_from_slice(b" COUNT ");
        number(out, reply.found.len());
    }
    if let (Some(modseq), false) = (reply.modseq, reply.found.is_empty()) {
        out.extend_from_slice(b" MODSEQ ");
        number(out, modseq.get());
    }
    out.extend_from_slice(b"\r\n");
}

/// `"SEARCH" *(SP nz-number)` (RFC 3501 §7.2.5), with `SP "(" "MODSEQ" SP n ")"` when asked
/// (RFC 7162 §3.1.6), the whole line.
pub fn search(out: &mut Vec<u8>, found: &NumberSet, modseq: Option<ModSeq>) {
    out.extend_from_slice(b"* SEARCH");
    for value in found.iter() {
        out.push(b' ');
        number(out, value);
    }
    if let (Some(modseq), false) = (modseq, found.is_empty()) {
        out.extend_from_slice(b" (MODSEQ ");
        number(out, modseq.get());
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
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
        let (tag, found) = (Tag::new(b"A282").unwrap(), found.iter().copied().collect());
        let mut out = Vec::new();
        let modseq = modseq.map(ModSeq::new);
        esearch(&mut out, &Esearch { tag: &tag, by, returns, found: &found, modseq });
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
            search(&mut out, &found.iter().copied().collect(), modseq.map(ModSeq::new));
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
