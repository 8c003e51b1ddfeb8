//! A message as the checks look at it: its fields in order, and its body.

use std::collections::HashMap;

use message::{Field, ListItem, address_list, header_fields, hidden_addresses};

use crate::dns::domain_of;

/// LIMIT: bytes of a header section that are looked at. What people's programs write is below
/// 100 KB; every signature hashes it anew.
const HEADER_BYTES_MAX: usize = 1024 * 1024;
/// LIMIT: authors whose domains are looked at.
const AUTHORS_MAX: usize = 20;

pub(crate) struct Parts<'a> {
    fields: Vec<Field<'a>>,
    /// By name in lower case, the places in `fields`, ascending.
    places: HashMap<Vec<u8>, Vec<usize>>,
    pub(crate) body: &'a [u8],
}

impl<'a> Parts<'a> {
    /// `None` for a header section too large to be looked at.
    pub(crate) fn of(message: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        let mut places: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        let mut end = 0;
        for field in header_fields(message) {
            end = field.range.end;
            if end > HEADER_BYTES_MAX {
                return None;
            }
            let name = field.name.to_ascii_lowercase();
            places.entry(name).or_default().push(fields.len());
            fields.push(field);
        }
        let rest = message.get(end..).unwrap_or_default();
        let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        Some(Self { fields, places, body })
    }

    /// The fields of a name (in lower case), the topmost first.
    pub(crate) fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &Field<'a>> {
        let places = self.places.get(name.as_bytes()).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.fields.get(*place))
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.places.get(name.as_bytes()).map_or(0, Vec::len)
    }

    /// The domains of the authors (RFC 5322 §3.6.2), each once.
    pub(crate) fn author_domains(&self) -> AuthorDomains {
        let mut found = AuthorDomains::default();
        for field in self.named("from") {
            let items = address_list(field.value, AUTHORS_MAX + 1);
            found.too_many |= items.len() > AUTHORS_MAX;
            found.unreadable |= !hidden_addresses(field.value, &items).is_empty();
            for item in items {
                let ListItem::Mailbox(listed) = item else { continue };
                match std::str::from_utf8(&listed.host).ok().and_then(domain_of) {
                    Some(domain) if found.domains.contains(&domain) => {}
                    Some(domain) => found.domains.push(domain),
                    None => found.unreadable = true,
                }
            }
        }
        found
    }
}

/// The domains of the message's authors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AuthorDomains {
    pub(crate) domains: Vec<String>,
    /// An address without a domain, or with one that is none.
    pub(crate) unreadable: bool,
    /// There are more than are looked at.
    pub(crate) too_many: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_body_and_authors() {
        let message = b"From: A <a@B.example>, \"x@y.example\" <c@d.example>\r\nX: 1\r\n\
                        from: e@b.example.\r\nx : 2\r\n\r\nbody\r\n";
        let parts = Parts::of(message).unwrap();
        assert_eq!(parts.body, b"body\r\n");
        let values: Vec<_> = parts.named("x").map(|field| field.value.trim_ascii()).collect();
        assert_eq!(values, [b"1", b"2"]);
        assert_eq!((parts.count("from"), parts.count("y")), (2, 0));
        let authors = parts.author_domains();
        assert_eq!(authors.domains, ["b.example", "d.example"]);
        assert!(!authors.unreadable && !authors.too_many);
        let odd = Parts::of(b"From: root\r\n\r\n").unwrap().author_domains();
        assert!(odd.domains.is_empty() && odd.unreadable);
        let quoted = Parts::of(b"From: \"a@b.example\"\r\n\r\n").unwrap().author_domains();
        assert!(quoted.domains == ["b.example"] && !quoted.unreadable);
        for hidden in ["(a@b.example", "=?utf-8?q?a=40b.example?=, c@d.example"] {
            let message = format!("From: {hidden}\r\n\r\n");
            assert!(Parts::of(message.as_bytes()).unwrap().author_domains().unreadable, "{hidden}");
        }
        let routed = format!("From: <{}@r.example:a@b.example>\r\n", "@r,".repeat(399));
        let routed = Parts::of(routed.as_bytes()).unwrap().author_domains();
        assert!(routed.domains == ["b.example"] && !routed.unreadable);
        assert!(Parts::of(&[b"X: ", [b'a'; HEADER_BYTES_MAX].as_slice()].concat()).is_none());
        assert_eq!(Parts::of(b"A: b\r\n").unwrap().body, b"");
    }
}
