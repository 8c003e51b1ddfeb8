//! Address lists of header fields, with everything RFC 5322 §3.4 and §4.4 allow and much that
//! they do not, as the address structures of RFC 9051 §7.5.2 need them: values undecoded,
//! groups kept, source routes apart.
//!
//! **Invariant:** linear in the field, however it is broken; every group that begins ends.

use std::borrow::Cow;

use crate::header::decode_header_text;

/// LIMIT: words and marks of one address that are kept, and of its route; those behind them are
/// passed over. Real ones have some ten, and a route one or two hundred.
const TOKENS_MAX: usize = 1000;
/// The domain of a mailbox of which not all words were kept: no domain, nor an address literal.
const CUT_HOST: &[u8] = b"?";

/// An element of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A mailbox.
    Mailbox(Listed),
    /// The beginning of a group, with its name.
    GroupStart(Vec<u8>),
    /// The end of the group.
    GroupEnd,
}

/// A mailbox of a list: what it is made of, its quoting removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The display name, or a comment where there is none.
    pub name: Option<Vec<u8>>,
    /// The obsolete source route, without its colon.
    pub route: Option<Vec<u8>>,
    /// The local part.
    pub local: Vec<u8>,
    /// The domain; empty where the address has none.
    pub host: Vec<u8>,
}

impl Listed {
    /// Whether it was too long to be read: others may find another address in it.
    pub fn is_cut(&self) -> bool {
        self.host == CUT_HOST
    }
}

/// What some readers take for addresses in `raw_value` that are none in `items`, its elements: they
/// decode what RFC 2047 §5 says is no encoded word, or look into comments. The decoded text of
/// each mailbox without a domain, and of the whole field where no mailbox has one, if there is an
/// `@` in it.
pub fn hidden_addresses(raw_value: &[u8], items: &[Item]) -> Vec<String> {
    let mailboxes = || {
        items.iter().filter_map(|item| match item {
            Item::Mailbox(listed) => Some(listed),
            Item::GroupStart(_) | Item::GroupEnd => None,
        })
    };
    let bare = mailboxes().filter(|listed| listed.host.is_empty());
    let mut texts: Vec<String> = bare.map(|listed| decode_header_text(&listed.local)).collect();
    if mailboxes().all(|listed| listed.host.is_empty()) {
        texts.push(decode_header_text(raw_value));
    }
    texts.retain(|text| text.contains('@'));
    texts
}

/// The first `max` elements of a list.
pub fn address_list(raw_value: &[u8], max: usize) -> Vec<Item> {
    let mut list = List { items: Vec::new(), max, in_group: false, entry: Entry::default() };
    let mut lexer = Lexer { text: raw_value, at: 0, spaced: false };
    while let Some(token) = lexer.token() {
        list.take(token);
        if list.items.len() >= max {
            break;
        }
    }
    list.end_entry();
    if list.in_group {
        list.items.push(Item::GroupEnd);
    }
    list.items
}

#[derive(Debug, Clone)]
enum Kind {
    Word,
    Comment,
    // One of < > @ , ; : .
    Special(u8),
}

#[derive(Debug, Clone)]
struct Token<'a> {
    kind: Kind,
    text: Cow<'a, [u8]>,
    // Whether blanks or comments stand before it.
    spaced: bool,
}

impl Token<'_> {
    fn is(&self, special: u8) -> bool {
        matches!(self.kind, Kind::Special(found) if found == special)
    }
}

#[derive(Default)]
struct Entry<'a> {
    // Before "<", or all of it.
    outside: Vec<Token<'a>>,
    // Between "<" and ">", behind the route.
    angle: Option<Vec<Token<'a>>>,
    // What stood before the ":" that ends a route.
    route: Option<Vec<Token<'a>>>,
    // Whether the last of what stands outside, or else between "<" and ">", was passed over.
    is_cut: bool,
    // Behind ">": of nothing, unless another address follows without a comma.
    behind: Vec<Token<'a>>,
    in_angle: bool,
    comment: Option<Cow<'a, [u8]>>,
}

struct List<'a> {
    items: Vec<Item>,
    max: usize,
    in_group: bool,
    entry: Entry<'a>,
}

impl<'a> List<'a> {
    fn take(&mut self, token: Token<'a>) {
        let in_angle = self.entry.in_angle;
        match token.kind {
            Kind::Comment => self.entry.comment = Some(token.text),
            Kind::Special(b'<') if !in_angle => {
                self.end_address();
                self.entry.in_angle = true;
                self.entry.angle = Some(Vec::new());
                // A display name has no end that matters.
                self.entry.is_cut = false;
            }
            // As many as there are mean one.
            Kind::Special(b'<') if self.entry.is_at_angle() => {}
            Kind::Special(b'>') => self.entry.in_angle = false,
            // A comma inside brackets separates the hosts of a route (RFC 5322 §4.4); anywhere
            // else the closing bracket was forgotten.
            Kind::Special(b',') if in_angle && self.entry.begins_route() => {
                self.entry.push(token);
            }
            Kind::Special(b':') if in_angle && self.entry.begins_route() => self.entry.end_route(),
            Kind::Special(b',') => self.end_entry(),
            Kind::Special(b';') if !in_angle => {
                self.end_entry();
                if self.in_group {
                    self.in_group = false;
                    self.items.push(Item::GroupEnd);
                }
            }
            Kind::Special(b':') if !in_angle && !self.in_group && self.entry.is_phrase() => {
                let entry = std::mem::take(&mut self.entry);
                self.in_group = true;
                self.items.push(Item::GroupStart(phrase(&entry.outside)));
            }
            _ => self.entry.push(token),
        }
    }

    // Another "<" after an address: the comma was forgotten.
    fn end_address(&mut self) {
        if self.entry.angle.is_some() {
            let behind = std::mem::take(&mut self.entry.behind);
            self.end_entry();
            self.entry.outside = behind;
        }
    }

    fn end_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        if let Some(listed) = entry.listed()
            && self.items.len() < self.max
        {
            self.items.push(Item::Mailbox(listed));
        }
    }
}

impl<'a> Entry<'a> {
    fn push(&mut self, token: Token<'a>) {
        let tokens = match (&mut self.angle, self.in_angle) {
            (Some(angle), true) => angle,
            (Some(_), false) => {
                if self.behind.len() < TOKENS_MAX {
                    self.behind.push(token);
                }
                return;
            }
            (None, _) => &mut self.outside,
        };
        if tokens.len() < TOKENS_MAX {
            tokens.push(token);
        } else {
            self.is_cut = true;
        }
    }

    // Whether nothing stands behind the "<" yet.
    fn is_at_angle(&self) -> bool {
        self.route.is_none() && self.angle.as_ref().is_some_and(Vec::is_empty)
    }

    // obs-angle-addr of RFC 5322 §4.4: however long the route is, the address stands behind it.
    fn end_route(&mut self) {
        self.route = self.angle.replace(Vec::new());
        self.is_cut = false;
    }

    fn is_phrase(&self) -> bool {
        self.angle.is_none() && !self.outside.is_empty()
    }

    fn begins_route(&self) -> bool {
        let first = self.angle.as_ref().and_then(|angle| angle.first());
        first.is_some_and(|token| token.is(b'@')) && self.route.is_none()
    }

    fn listed(self) -> Option<Listed> {
        let (spec, name) = match &self.angle {
            None if self.outside.is_empty() => return None,
            Some(angle) if !self.outside.is_empty() => (angle, Some(phrase(&self.outside))),
            Some(angle) => (angle, self.comment.map(Cow::into_owned)),
            None => (&self.outside, self.comment.map(Cow::into_owned)),
        };
        let (local, host) = addr_spec(spec);
        let host = if self.is_cut { CUT_HOST.to_vec() } else { host };
        Some(Listed { name, route: self.route.map(|tokens| join(&tokens, false)), local, host })
    }
}

// addr-spec = local-part "@" domain; a word without "@" is a local part of nowhere. Where the "@"
// is quoted, it is one to all who look at what is left when the quotes are taken off.
fn addr_spec(tokens: &[Token<'_>]) -> (Vec<u8>, Vec<u8>) {
    if let Some(at) = tokens.iter().rposition(|token| token.is(b'@')) {
        let host = tokens.get(at + 1..).unwrap_or_default();
        return (join(tokens.get(..at).unwrap_or_default(), false), join(host, false));
    }
    let mut local = join(tokens, false);
    let at = local.iter().rposition(|&byte| byte == b'@').filter(|at| at + 1 < local.len());
    let host = at.map_or_else(Vec::new, |at| local.split_off(at).split_off(1));
    (local, host)
}

fn phrase(tokens: &[Token<'_>]) -> Vec<u8> {
    join(tokens, true)
}

// A run of blanks counts as one, and as none beside the specials of an address.
fn join(tokens: &[Token<'_>], is_phrase: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(tokens.iter().map(|token| token.text.len() + 1).sum());
    let mut after_word = false;
    for token in tokens {
        let is_word = matches!(token.kind, Kind::Word);
        if token.spaced && !text.is_empty() && (is_phrase || (after_word && is_word)) {
            text.push(b' ');
        }
        text.extend_from_slice(&token.text);
        after_word = is_word;
    }
    text
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    spaced: bool,
}

impl<'a> Lexer<'a> {
    fn token(&mut self) -> Option<Token<'a>> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n' | 0) = self.peek() {
            self.at += 1;
            self.spaced = true;
        }
        let first = self.peek()?;
        let spaced = std::mem::take(&mut self.spaced);
        let (kind, text) = match first {
            b'"' => (Kind::Word, Cow::Owned(self.quoted())),
            b'(' => {
                self.spaced = true;
                (Kind::Comment, Cow::Owned(self.comment()))
            }
            b'[' => (Kind::Word, Cow::Owned(self.literal())),
            b'<' | b'>' | b'@' | b',' | b';' | b':' | b'.' => {
                let special = self.text.get(self.at..=self.at).unwrap_or_default();
                self.at += 1;
                (Kind::Special(first), Cow::Borrowed(special))
            }
            _ => (Kind::Word, Cow::Borrowed(self.atom())),
        };
        Some(Token { kind, text, spaced })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn atom(&mut self) -> &'a [u8] {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let is_end = |byte: &u8| {
            matches!(
                byte,
                b' ' | b'\t'
                    | b'\r'
                    | b'\n'
                    | 0
                    | b'"'
                    | b'('
                    | b'<'
                    | b'>'
                    | b'@'
                    | b','
                    | b';'
                    | b':'
                    | b'.'
                    | b'['
            )
        };
        // The first byte may be one that ends an atom but begins nothing else, such as ")".
        let len = rest.iter().skip(1).position(is_end).map_or(rest.len(), |len| len + 1);
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    // quoted-string without its quotes and escapes (RFC 5322 §3.2.4); one without an end runs
    // to the end of the field.
    fn quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                b'\r' | b'\n' | 0 => {}
                _ => text.push(byte),
            }
        }
        text
    }

    // comment without its parentheses and escapes; inner ones keep theirs (RFC 5322 §3.2.2).
    fn comment(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                    continue;
                }
                b'\r' | b'\n' | 0 => continue,
                _ => {}
            }
            text.push(byte);
        }
        text.trim_ascii().to_vec()
    }

    // domain-literal with its brackets.
    fn literal(&mut self) -> Vec<u8> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| b"]<>@".contains(byte));
        let taken = match end.and_then(|at| rest.get(..=at)?.split_last()) {
            // A bracket that is never closed, in a name before an address: no literal.
            Some((b'<' | b'>' | b'@', word)) => {
                self.at += word.len();
                let is_dropped = |byte: &u8| b"\r\n\0".contains(byte);
                let word = word.trim_ascii_end().iter().copied();
                return word.filter(|byte| !is_dropped(byte)).collect();
            }
            Some(_) => end.map_or(rest, |at| rest.get(..=at).unwrap_or(rest)),
            None => rest,
        };
        self.at += taken.len();
        let is_blank = |byte: &u8| b" \t\r\n\0".contains(byte);
        taken.iter().copied().filter(|byte| !is_blank(byte)).collect()
    }
}

#[cfg(test)]
mod tests;
