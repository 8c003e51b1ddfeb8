//! The base subject (RFC 5256 §2.1), by which SORT and THREAD compare messages.

use crate::text::{cut, one_line};

/// LIMIT: a subject line of RFC 5322 §2.1.1 has at most 998 octets; what follows does not tell
/// messages apart, and the procedure takes quadratic time.
const SUBJECT_BYTES_MAX: usize = 998;

/// The result of the procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseSubject {
    /// The base subject as it is written.
    pub(crate) text: String,
    /// Whether something marks a reply or a forward (RFC 5256 §3, REFERENCES step 5).
    pub(crate) is_reply: bool,
}

/// Runs the procedure on a decoded subject.
pub(crate) fn base_subject(decoded: &str) -> BaseSubject {
    // Step 1: tabs, continuations and runs of blanks become one blank.
    let subject = one_line(cut(decoded, SUBJECT_BYTES_MAX));
    let mut rest = subject.as_str();
    let mut is_reply = false;
    loop {
        // Step 2: subj-trailer = "(fwd)" / WSP
        while let Some(shorter) = strip_suffix(rest.trim_end(), "(fwd)") {
            rest = shorter;
            is_reply = true;
        }
        rest = rest.trim();
        // Steps 3 to 5.
        loop {
            if let Some(shorter) = strip_leader(rest) {
                rest = shorter.trim_start();
                is_reply = true;
                continue;
            }
            match strip_blob(rest) {
                Some(shorter) if !shorter.is_empty() => rest = shorter,
                _ => break,
            }
        }
        // Step 6: subj-fwd = subj-fwd-hdr subject subj-fwd-trl
        match strip_prefix(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => rest = inner,
            None => break,
        }
        is_reply = true;
    }
    BaseSubject { text: rest.to_owned(), is_reply }
}

// subj-leader = *subj-blob subj-refwd, its WSP aside
// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
fn strip_leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(shorter) = strip_blob(rest) {
        rest = shorter;
    }
    let rest = ["re", "fwd", "fw"].iter().find_map(|word| strip_prefix(rest, word))?.trim_start();
    strip_blob(rest).unwrap_or(rest).strip_prefix(':')
}

// subj-blob = "[" *BLOBCHAR "]" *WSP
fn strip_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    Some(inner.get(end..)?.strip_prefix(']')?.trim_start())
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..))?
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let start = text.len().checked_sub(suffix.len())?;
    text.get(start..)?.eq_ignore_ascii_case(suffix).then(|| text.get(..start))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_subjects() {
        for (subject, expect, is_reply) in [
            ("hello", "hello", false),
            ("Re: hello", "hello", true),
            ("RE : hello", "hello", true),
            ("re[2]: hello", "hello", true),
            ("Re [x] : hello", "hello", true),
            ("Fwd: Re: FW:hello", "hello", true),
            ("[list] hello", "hello", false),
            ("[list] Re: [other] hello", "hello", true),
            ("[list][a] Fw[b]: hello", "hello", true),
            ("[only]", "[only]", false),
            ("Re: [only]", "[only]", true),
            ("[a] [b]", "[b]", false),
            ("hello (fwd) (FWD) ", "hello", true),
            ("[fwd: hello]", "hello", true),
            ("[Fwd: Re: [x] hello (fwd)]", "hello", true),
            ("[fwd: ]", "", true),
            ("[fwd:[fwd:x]]", "x", true),
            ("[fwd:[fwd:x]", "[fwd:x", true),
            ("[list] [fwd: hello]", "hello", true),
            ("Re: [fwd: Fw: [a] hello (fwd)] (fwd)", "hello", true),
            ("Re:", "", true),
            ("Re: ", "", true),
            ("Re: Re:", "", true),
            ("(fwd)", "", true),
            ("x(fwd)", "x", true),
            ("", "", false),
            ("  a \t b\r\n c ", "a b c", false),
            ("reply", "reply", false),
            ("Re", "Re", false),
            ("Re[1][2]: x", "Re[1][2]: x", false),
            ("[a]Re[1]:[b]x", "x", true),
            ("fw d: x", "fw d: x", false),
            ("AW: x", "AW: x", false),
            ("[a[b]] x", "[a[b]] x", false),
            ("[] x", "x", false),
            ("[x", "[x", false),
            ("é", "é", false),
            ("ré: x", "ré: x", false),
            ("Re: É", "É", true),
        ] {
            let expect = BaseSubject { text: expect.to_owned(), is_reply };
            assert_eq!(base_subject(subject), expect, "{subject}");
        }
        assert!(base_subject(&"[a]".repeat(100_000)).text.len() < 1000);
    }
}
