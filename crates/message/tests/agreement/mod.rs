//! Reads what was rendered back with a reader of its own and compares it with the part index.

use std::collections::HashMap;

use message::{Keys, Part, PartIndex, PartKind, Summary};

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Nil,
    Number(usize),
    Text(Vec<u8>),
    List(Vec<Value>),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn eat(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().expect("more");
        self.rest = rest;
        *first
    }

    fn value(&mut self) -> Value {
        match self.eat() {
            b'(' => {
                let mut list = Vec::new();
                while self.rest[0] != b')' {
                    // Blanks stand between all but parenthesized values.
                    if !list.is_empty() && self.rest[0] == b' ' {
                        self.eat();
                    } else if !list.is_empty() {
                        assert!(
                            matches!(list.last(), Some(Value::List(_))) && self.rest[0] == b'('
                        );
                    }
                    list.push(self.value());
                }
                self.eat();
                assert!(!list.is_empty(), "an empty list");
                Value::List(list)
            }
            b'"' => {
                let mut text = Vec::new();
                loop {
                    match self.eat() {
                        b'"' => return Value::Text(text),
                        b'\\' => {
                            let escaped = self.eat();
                            assert!(matches!(escaped, b'"' | b'\\'));
                            text.push(escaped);
                        }
                        byte => {
                            assert!(byte != 0 && byte < 0x80 && byte != b'\r' && byte != b'\n');
                            text.push(byte);
                        }
                    }
                }
            }
            b'{' => {
                let len = self.number(0);
                assert_eq!((self.eat(), self.eat(), self.eat()), (b'}', b'\r', b'\n'));
                let (text, rest) = self.rest.split_at(len);
                assert!(!text.contains(&0));
                self.rest = rest;
                Value::Text(text.to_vec())
            }
            b'N' => {
                assert_eq!((self.eat(), self.eat()), (b'I', b'L'));
                Value::Nil
            }
            digit @ b'0'..=b'9' => Value::Number(self.number(usize::from(digit - b'0'))),
            other => panic!("{:?}", other as char),
        }
    }

    fn number(&mut self, mut number: usize) -> usize {
        while self.rest.first().is_some_and(u8::is_ascii_digit) {
            number = number * 10 + usize::from(self.eat() - b'0');
        }
        number
    }
}

fn read(rendered: &[u8]) -> Vec<Value> {
    let mut reader = Reader { rest: rendered };
    let value = reader.value();
    assert!(reader.rest.is_empty());
    match value {
        Value::List(list) => list,
        other => panic!("{other:?}"),
    }
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list,
        other => panic!("{other:?}"),
    }
}

fn is_text(value: &Value, expect: &str) -> bool {
    matches!(value, Value::Text(text) if text.eq_ignore_ascii_case(expect.as_bytes()))
}

fn check_envelope(envelope: &[Value]) {
    assert_eq!(envelope.len(), 10);
    for (at, member) in envelope.iter().enumerate() {
        match (at, member) {
            (_, Value::Nil) | (0 | 1 | 8 | 9, Value::Text(_)) => {}
            (2..=7, Value::List(addresses)) => {
                let mut in_group = false;
                for address in addresses {
                    match list(address) {
                        [Value::Nil, Value::Nil, Value::Nil, Value::Nil] => in_group = false,
                        [Value::Nil, Value::Nil, Value::Text(_), Value::Nil] => {
                            assert!(!in_group);
                            in_group = true;
                        }
                        [
                            Value::Nil | Value::Text(_),
                            Value::Nil | Value::Text(_),
                            Value::Text(_),
                            Value::Text(_),
                        ] => {}
                        other => panic!("{other:?}"),
                    }
                }
                assert!(!in_group);
            }
            other => panic!("{other:?}"),
        }
    }
}

struct Check<'a> {
    raw: &'a [u8],
    parts: &'a HashMap<Vec<u32>, Part>,
    extended: bool,
    described: usize,
}

impl Check<'_> {
    fn find(&self, number: &[u32], below: &[u32]) -> Option<&Part> {
        self.parts.get(&[number, below].concat())
    }

    // The body of the message with this number: its one part is number 1, unless it is a
    // multipart.
    fn message_body(&mut self, structure: &[Value], number: &[u32]) {
        if matches!(structure[0], Value::List(_)) {
            return self.multipart(structure, number);
        }
        self.part(structure, &[number, &[1]].concat());
        assert_eq!(self.find(number, &[2]), None);
    }

    fn multipart(&mut self, structure: &[Value], number: &[u32]) {
        let parts: Vec<&Value> =
            structure.iter().take_while(|value| matches!(value, Value::List(_))).collect();
        for (index, part) in parts.iter().enumerate() {
            self.part(list(part), &[number, &[index as u32 + 1]].concat());
        }
        assert_eq!(self.find(number, &[parts.len() as u32 + 1]), None);
        let tail = &structure[parts.len()..];
        assert!(matches!(tail[0], Value::Text(_)));
        assert_eq!(tail.len(), if self.extended { 5 } else { 1 });
    }

    fn part(&mut self, structure: &[Value], number: &[u32]) {
        self.described += 1;
        let part = self.find(number, &[]).expect("described, so found").clone();
        assert!(part.mime.end == part.body.start && part.body.end as usize <= self.raw.len());
        if matches!(structure[0], Value::List(_)) {
            assert_eq!(part.kind, PartKind::Multipart);
            return self.multipart(structure, number);
        }
        let body = &self.raw[part.body.start as usize..part.body.end as usize];
        let lines = body.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(structure[6], Value::Number(body.len()), "{number:?}");
        let sub = |name| is_text(&structure[1], name);
        let mut basic = 7;
        if is_text(&structure[0], "message") && (sub("rfc822") || sub("global")) {
            assert_eq!(part.kind, PartKind::Message);
            check_envelope(list(&structure[7]));
            let ranges = part.message.expect("a message");
            assert_eq!((ranges.header.start, ranges.text.end), (part.body.start, part.body.end));
            assert_eq!(ranges.header.end, ranges.text.start);
            self.message_body(list(&structure[8]), number);
            assert_eq!(structure[9], Value::Number(lines));
            basic = 10;
        } else {
            assert_eq!(part.message, None);
            assert_eq!(self.find(number, &[1]), None);
            let is_text_part = is_text(&structure[0], "text");
            assert_eq!(matches!(part.kind, PartKind::Text | PartKind::Html), is_text_part);
            if is_text_part {
                assert_eq!(structure[7], Value::Number(lines));
                basic = 8;
            }
        }
        assert_eq!(structure.len(), basic + if self.extended { 4 } else { 0 });
    }
}

/// Panics where two things told of a message contradict each other or cannot be read.
pub(crate) fn check_agreement(raw: &[u8], summary: &Summary) {
    check_envelope(&read(&summary.envelope));
    let parts: HashMap<Vec<u32>, Part> = summary.parts.iter().collect();
    // Looking up a number costs its ordinals, so that looking up thousands takes long.
    for (number, part) in parts.iter().take(100) {
        assert_eq!(summary.parts.find(number).as_ref(), Some(part));
    }
    for (rendered, extended) in [(&summary.body, false), (&summary.body_structure, true)] {
        let mut check = Check { raw, parts: &parts, extended, described: 0 };
        check.message_body(&read(rendered), &[]);
        let holders = usize::from(matches!(read(rendered)[0], Value::List(_)));
        let all = parts.len();
        // Multiparts directly inside messages have no number of their own.
        assert!(check.described < all + holders && check.described + 1 >= all);
    }
    let whole = summary.parts.find(&[]).expect("the message");
    assert_eq!(whole.body, 0..raw.len() as u32);
    assert_eq!(whole.message.expect("a message").header, 0..summary.header_bytes as u32);
    let mut before = 0;
    for (_, part) in summary.parts.iter() {
        assert!(before <= part.mime.start.max(part.body.start));
        before = part.mime.start;
    }
    assert_eq!(PartIndex::decode(&summary.parts.encode()).as_ref(), Ok(&summary.parts));
    assert_eq!(Keys::decode(&summary.keys.encode()).as_ref(), Ok(&summary.keys));
    assert!(summary.keys.preview.chars().count() <= 200);
}
