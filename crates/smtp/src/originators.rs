//! Whom a message says it is from (RFC 5322 §3.6.2, §3.6.6), as a strict reader finds them, and as
//! mail programs do, which show more than is right.
//!
//! **Invariant:** whom a mail program may show is among the addresses, or it is said that somebody
//! cannot be read, or that not all was looked at.

mod domains;

use std::collections::BTreeSet;

use message::address::{Address, normal_domain};
use message::{
    Field, ListItem, Listed, address_list, decode_header_text, header_fields, hidden_addresses,
};

/// How the fields begin that say who sent a message again.
const RESENT: &[u8] = b"Resent-";
/// LIMIT: fields of one time; RFC 5322 §3.6.6 has seven, and obsolete ones one more.
const RESENT_FIELDS: usize = 8;

/// Whom a message names as its origin (RFC 5322 §3.6.2), or as who sent it again (RFC 5322 §3.6.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Originators {
    /// The addresses in From, or in Resent-From.
    pub(crate) authors: Vec<Address>,
    /// The addresses in Sender, or in Resent-Sender.
    pub(crate) senders: Vec<Address>,
    /// One of the fields names somebody at a domain by what is no address.
    pub(crate) unreadable: bool,
    /// One of the fields holds more than is looked at.
    pub(crate) is_cut: bool,
    /// The domains that a reader may see in what is no address, or in an address that not all
    /// programs show alike. They may be ours.
    pub(crate) doubtful: BTreeSet<String>,
}

/// What a field makes of those whom it names.
#[derive(Debug, Clone, Copy)]
enum Role {
    Author,
    Sender,
}

impl Originators {
    /// The addresses that `message` names, at most `max` in all; of text that is no address it is
    /// noted what a reader may see in it.
    pub(crate) fn of(message: &[u8], max: usize) -> Self {
        let mut found = Self::default();
        for field in header_fields(message) {
            if field.is("From") {
                found.add(Role::Author, field.value, max);
            } else if field.is("Sender") {
                found.add(Role::Sender, field.value, max);
            }
        }
        found
    }

    /// Those who sent the message again last, as Resent-From and Resent-Sender name them; `None`
    /// where nobody is in the first. RFC 5322 §3.6.6: the fields of one time stand together,
    /// above those of the times before, and each of them once.
    pub(crate) fn resent(message: &[u8], max: usize) -> Option<Self> {
        let is_resent = |field: &Field<'_>| {
            let start = field.name.get(..RESENT.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(RESENT))
        };
        let fields = header_fields(message).skip_while(|field| !is_resent(field));
        let (mut found, mut names) = (Self::default(), Vec::new());
        for field in fields.take_while(is_resent) {
            let name = field.name.to_ascii_lowercase();
            if names.contains(&name) || names.len() == RESENT_FIELDS {
                break;
            }
            names.push(name);
            if field.is("Resent-From") {
                found.add(Role::Author, field.value, max);
            } else if field.is("Resent-Sender") {
                found.add(Role::Sender, field.value, max);
            }
        }
        let is_somebody = !found.authors.is_empty() || found.unreadable || found.is_cut;
        is_somebody.then_some(found)
    }

    fn named(&mut self, role: Role) -> &mut Vec<Address> {
        match role {
            Role::Author => &mut self.authors,
            Role::Sender => &mut self.senders,
        }
    }

    fn add(&mut self, role: Role, value: &[u8], max: usize) {
        let rest = max.saturating_sub(self.len());
        self.named(role).extend(addresses(value).take(rest));
        self.add_lenient(role, value, max);
    }

    /// Adds those whom only a more lenient reader sees: mail programs are such, and the domain of
    /// who they show is the one that signs.
    fn add_lenient(&mut self, role: Role, value: &[u8], max: usize) {
        let items = address_list(value, max.saturating_add(1));
        self.is_cut |= items.len() > max;
        for text in hidden_addresses(value, &items) {
            self.unreadable = true;
            self.doubt(&text);
        }
        for item in items {
            if let ListItem::Mailbox(listed) = item {
                self.add_listed(role, &listed, max);
            }
        }
    }

    fn add_listed(&mut self, role: Role, listed: &Listed, max: usize) {
        let local = String::from_utf8_lossy(&listed.local);
        let host = std::str::from_utf8(&listed.host).ok();
        let Some(address) = host.and_then(|host| Address::of(&local, host).ok()) else {
            if !listed.host.is_empty() {
                self.unreadable = true;
                self.is_cut |= listed.is_cut();
                self.doubt(&format!("{local}@{}", String::from_utf8_lossy(&listed.host)));
            }
            return;
        };
        // A domain that cannot be looked up, and an address before the address: not all programs
        // show the same of them.
        if local.contains('@') {
            self.doubt(&local);
        }
        if !normal_domain(address.domain()).is_ascii() {
            self.doubt(&format!("@{}", address.domain()));
        }
        if self.named(role).contains(&address) {
            return;
        }
        match self.len() < max {
            true => self.named(role).push(address),
            false => self.is_cut = true,
        }
    }

    /// Notes the domains that a reader may see in text which is no address.
    fn doubt(&mut self, text: &str) {
        for text in [text, &decode_header_text(text.as_bytes())] {
            for host in text.split('@').skip(1) {
                self.is_cut |= !domains::add(&mut self.doubtful, host);
            }
        }
    }

    /// All of them in one text, which no others have.
    pub(crate) fn text(&self) -> String {
        let list = |list: &[Address]| {
            list.iter().map(Address::to_string).collect::<Vec<String>>().join("\0")
        };
        format!("{}\0\0{}", list(&self.authors), list(&self.senders))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.authors.len() + self.senders.len()
    }
}

/// `address-list` of RFC 5322 §3.4, read for its addr-specs only.
fn addresses(value: &[u8]) -> impl Iterator<Item = Address> {
    Specs { rest: value }.filter_map(|spec| Address::parse_path(&spec).ok())
}

/// What may be an addr-spec: the text between commas, or between angle brackets.
struct Specs<'a> {
    rest: &'a [u8],
}

impl Iterator for Specs<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut spec = Vec::new();
        let (mut bracketed, mut done) = (false, false);
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'(' => self.rest = after_comment(rest),
                b'"' => {
                    let end = quoted_len(rest);
                    let (quoted, after) = rest.split_at(end);
                    if !done {
                        spec.push(b'"');
                        spec.extend(quoted.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
                    }
                    self.rest = after;
                }
                // What stood before the bracket was a display name, or the name of a group.
                b'<' if !bracketed => {
                    spec.clear();
                    (bracketed, done) = (true, false);
                }
                b'>' if bracketed => done = true,
                b',' | b';' if !bracketed || done => return Some(spec),
                b':' if !bracketed => spec.clear(),
                // RFC 5322 §4.4: blanks around the parts of an addr-spec are obsolete, but read.
                byte if byte.is_ascii_whitespace() || done => {}
                byte => spec.push(byte),
            }
        }
        (!spec.is_empty()).then_some(spec)
    }
}

/// RFC 5322 §3.2.2: comments nest; what follows the one that begins before `text`.
fn after_comment(text: &[u8]) -> &[u8] {
    let (mut depth, mut escaped) = (1_usize, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + 1..).unwrap_or_default();
        }
    }
    &[]
}

/// The length of a quoted string after its first quote, its last one included.
fn quoted_len(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
