//! Address lists of header fields, with everything RFC 5322 §3.4 and §4.4 allow and much that
//! they do not, as the address structures of RFC 9051 §7.5.2 need them: values undecoded,
//! groups kept, source routes apart.
//!
//! **Invariant:** linear in the field, however it is broken; every group that begins ends.

use std::borrow::Cow;

/// LIMIT: words and marks of one address that are kept; those behind them are passed over. Real
/// ones have some ten, and a route one or two hundred.
const TOKENS_MAX: usize = 1000;

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
    // Between "<" and ">".
    angle: Option<Vec<Token<'a>>>,
    // Whether a ":" stands between "<" and ">": the route has ended.
    has_colon: bool,
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
            }
            // As many as there are mean one.
            Kind::Special(b'<') if self.entry.angle.as_ref().is_some_and(Vec::is_empty) => {}
            Kind::Special(b'>') => self.entry.in_angle = false,
            // A comma inside brackets separates the hosts of a route (RFC 5322 §4.4); anywhere
            // else the closing bracket was forgotten.
            Kind::Special(b',') if in_angle && self.entry.begins_route() => {
                self.entry.push(token);
            }
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
            (Some(angle), true) => {
                self.has_colon |= token.is(b':');
                angle
            }
            (Some(_), false) => &mut self.behind,
            (None, _) => &mut self.outside,
        };
        if tokens.len() < TOKENS_MAX {
            tokens.push(token);
        }
    }

    fn is_phrase(&self) -> bool {
        self.angle.is_none() && !self.outside.is_empty()
    }

    fn begins_route(&self) -> bool {
        let first = self.angle.as_ref().and_then(|angle| angle.first());
        first.is_some_and(|token| token.is(b'@')) && !self.has_colon
    }

    fn listed(self) -> Option<Listed> {
        let Some(angle) = self.angle else {
            if self.outside.is_empty() {
                return None;
            }
            let (local, host) = addr_spec(&self.outside);
            let name = self.comment.map(Cow::into_owned);
            return Some(Listed { name, route: None, local, host });
        };
        let name = match self.outside.is_empty() {
            true => self.comment.map(Cow::into_owned),
            false => Some(phrase(&self.outside)),
        };
        let colon = angle.iter().position(|token| token.is(b':'));
        let is_route = angle.first().is_some_and(|token| token.is(b'@'));
        let (route, spec) = match colon.filter(|_| is_route) {
            Some(at) => (angle.get(..at), angle.get(at + 1..).unwrap_or_default()),
            None => (None, angle.as_slice()),
        };
        let (local, host) = addr_spec(spec);
        Some(Listed { name, route: route.map(|tokens| join(tokens, false)), local, host })
    }
}

// addr-spec = local-part "@" domain; a word without "@" is a local part of nowhere.
fn addr_spec(tokens: &[Token<'_>]) -> (Vec<u8>, Vec<u8>) {
    match tokens.iter().rposition(|token| token.is(b'@')) {
        Some(at) => {
            let host = tokens.get(at + 1..).unwrap_or_default();
            (join(tokens.get(..at).unwrap_or_default(), false), join(host, false))
        }
        None => (join(tokens, false), Vec::new()),
    }
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
        let len = rest.iter().position(|&byte| byte == b']').map_or(rest.len(), |at| at + 1);
        self.at += len;
        let is_blank = |byte: &u8| b" \t\r\n\0".contains(byte);
        rest.get(..len).unwrap_or_default().iter().copied().filter(|b| !is_blank(b)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // "name|route|local|host" for a mailbox, "name:" and ";" for a group.
    fn shown(raw: &[u8]) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let show = |item: Item| match item {
            Item::GroupStart(name) => format!("{}:", text(&name)),
            Item::GroupEnd => ";".to_owned(),
            Item::Mailbox(l) => {
                let optional = |v: Option<Vec<u8>>| v.map_or("-".to_owned(), |v| text(&v));
                let (name, route) = (optional(l.name), optional(l.route));
                format!("{name}|{route}|{}|{}", text(&l.local), text(&l.host))
            }
        };
        address_list(raw, 100).into_iter().map(show).collect()
    }

    #[test]
    fn lists_as_rfc5322_writes_them() {
        for (raw, expect) in [
            // RFC 5322 §A.1.2, §A.1.3, §A.5, §A.6.1
            (
                "\"Joe Q. Public\" <john.q.public@example.com>",
                &["Joe Q. Public|-|john.q.public|example.com"][..],
            ),
            (
                "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
                &["-|-|boss|nil.test", "Giant; \"Big\" Box|-|sysservices|example.net"],
            ),
            (
                "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
                &[
                    "A Group:",
                    "Ed Jones|-|c|a.test",
                    "-|-|joe|where.test",
                    "John|-|jdoe|one.test",
                    ";",
                ],
            ),
            ("Undisclosed recipients:;", &["Undisclosed recipients:", ";"]),
            (
                "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
                &["Pete|-|pete|silly.test"],
            ),
            (
                "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
                &[
                    "A Group:",
                    "Chris Jones|-|c|public.example",
                    "-|-|joe|example.org",
                    "John|-|jdoe|one.test",
                    ";",
                ],
            ),
            (
                "Joe Q. Public <john.q.public@example.com>",
                &["Joe Q. Public|-|john.q.public|example.com"],
            ),
            (
                "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
                &["Mary Smith|@node.test|mary|example.net", "-|-|jdoe|test.example"],
            ),
            ("<@a.test,@b.test:c@d.test>", &["-|@a.test,@b.test|c|d.test"]),
            ("mrc@cac.washington.edu (Mark Crispin)", &["Mark Crispin|-|mrc|cac.washington.edu"]),
            ("\"a b\"@example.com, x@[192.0.2.1]", &["-|-|a b|example.com", "-|-|x|[192.0.2.1]"]),
            (
                "=?utf-8?q?Caf=C3=A9?= =?utf-8?q?x?= <a@b>",
                &["=?utf-8?q?Caf=C3=A9?= =?utf-8?q?x?=|-|a|b"],
            ),
            ("\"\" <a@b>", &["|-|a|b"]),
        ] {
            assert_eq!(shown(raw.as_bytes()), expect, "{raw}");
        }
    }

    #[test]
    fn broken_lists() {
        for (raw, expect) in [
            ("", &[][..]),
            (" ,;,", &[]),
            ("root", &["-|-|root|"]),
            ("John Doe", &["-|-|John Doe|"]),
            ("a@b@c", &["-|-|a@b|c"]),
            ("<a@b, c@d", &["-|-|a|b", "-|-|c|d"]),
            ("Max <a@b> Min <c@d>", &["Max|-|a|b", "Min|-|c|d"]),
            ("<e@f><g@h>", &["-|-|e|f", "-|-|g|h"]),
            ("x <> \"y z\" (c) <a@b> d, <i@j> k", &["x|-||", "y z|-|a|b", "-|-|i|j"]),
            ("g: <a@b> c <d@e>; <f@g> h", &["g:", "-|-|a|b", "c|-|d|e", ";", "-|-|f|g"]),
            ("<<i@j>>", &["-|-|i|j"]),
            ("x << <k@l>, <m<n@o>", &["x|-|k|l", "-|-|m<n|o"]),
            ("a@b; c@d", &["-|-|a|b", "-|-|c|d"]),
            ("<>", &["-|-||"]),
            ("Foo <>", &["Foo|-||"]),
            ("g: a@b", &["g:", "-|-|a|b", ";"]),
            ("g: h: a@b;", &["g:", "-|-|h:a|b", ";"]),
            ("\"open <a@b>", &["-|-|open <a@b>|"]),
            ("(open (a@b>", &[]),
            ("a@b> c", &["-|-|a|b c"]),
            ("):]", &["):", "-|-|]|", ";"]),
            ("x@[1.2", &["-|-|x|[1.2"]),
            ("a\\", &["-|-|a\\|"]),
            ("\"a\\", &["-|-|a|"]),
        ] {
            assert_eq!(shown(raw.as_bytes()), expect, "{raw}");
        }
    }

    // Each of these would take hours, or all memory, if it were looked at again and again.
    #[test]
    fn what_never_ends_is_passed_over_once() {
        let many = 4_000_000;
        for (start, mark) in [("<@", ","), ("", "."), ("<", "."), ("<a@b>", "."), ("<@a,", "<")] {
            let field = format!("{start}{}", mark.repeat(many));
            assert!(address_list(field.as_bytes(), 100).len() <= 1, "{start}{mark}");
            let field = format!("{field}>, c@d");
            let last = address_list(field.as_bytes(), 100).pop().unwrap();
            let Item::Mailbox(last) = last else { panic!("{start}{mark}: {last:?}") };
            assert_eq!((&last.local[..], &last.host[..]), (&b"c"[..], &b"d"[..]), "{start}{mark}");
        }
    }

    #[test]
    fn lists_are_cut() {
        let items = address_list("g: a@b,".repeat(50).as_bytes(), 10);
        assert_eq!(items.len(), 11);
        assert_eq!(items.last(), Some(&Item::GroupEnd));
        assert_eq!(address_list("<a@b> c ".repeat(50).as_bytes(), 10).len(), 10);
    }
}
