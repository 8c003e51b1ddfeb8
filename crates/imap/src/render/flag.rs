//! Flag lists (RFC 9051 §7.3.5): the FLAGS response and PERMANENTFLAGS.

use message::flag::{Flags, Keyword, SystemFlags};

/// `"(" [flag-fetch *(SP flag-fetch)] ")"` (RFC 9051 §9); `recent` adds `\Recent`, which is the
/// session's to know (RFC 3501 §2.3.2).
pub fn flags(out: &mut Vec<u8>, flags: &Flags, recent: bool) {
    out.push(b'(');
    let mut list = List { out, first: true };
    list.system(flags.system);
    if recent {
        list.push("\\Recent");
    }
    list.keywords(flags.keywords());
    out.push(b')');
}

/// What a mailbox's FLAGS and PERMANENTFLAGS say.
#[derive(Debug, Clone, Copy)]
pub struct FlagsResponse<'a> {
    /// System flags that exist.
    pub system: SystemFlags,
    /// Keywords in use.
    pub keywords: &'a [Keyword],
}

/// `"FLAGS" SP flag-list` (RFC 9051 §7.3.5), the whole untagged line.
pub fn flags_response(out: &mut Vec<u8>, known: FlagsResponse<'_>) {
    out.extend_from_slice(b"* FLAGS (");
    let mut list = List { out, first: true };
    list.system(known.system);
    list.keywords(known.keywords);
    out.extend_from_slice(b")\r\n");
}

/// `"PERMANENTFLAGS" SP "(" [flag-perm *(SP flag-perm)] ")"` (RFC 9051 §9) as the inside of a
/// response code; `new_keywords` adds `\*`.
pub fn permanent_flags(out: &mut Vec<u8>, known: FlagsResponse<'_>, new_keywords: bool) {
    out.extend_from_slice(b"PERMANENTFLAGS (");
    let mut list = List { out, first: true };
    list.system(known.system);
    list.keywords(known.keywords);
    if new_keywords {
        list.push("\\*");
    }
    out.push(b')');
}

struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl List<'_> {
    fn push(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    fn system(&mut self, flags: SystemFlags) {
        for name in flags.names() {
            self.push(name);
        }
    }

    fn keywords(&mut self, keywords: &[Keyword]) {
        for keyword in keywords {
            self.push(keyword.as_str());
        }
    }
}
