//! Reading a transcript, and writing it back with some lines replaced.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Header;
use super::pattern::{Pattern, Template};

/// A transcript as read.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) header: Header,
    pub(super) steps: Vec<Step>,
}

/// What happens next. Line numbers count from 1.
#[derive(Debug)]
pub(super) enum Step {
    Send { connection: u32, line: usize, template: Template },
    Expect(Block),
    Close { connection: u32 },
    Eof { connection: u32, line: usize },
    Act { line: usize, words: String },
}

/// `S:` lines of one connection that follow each other.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) connection: u32,
    pub(super) items: Vec<Item>,
    pub(super) lines: RangeInclusive<usize>,
}

/// What is expected at one place of a block.
#[derive(Debug)]
pub(super) enum Item {
    One(Expected),
    /// Responses in any order, each of one or more lines.
    Group(Vec<Vec<Expected>>),
}

/// One expected line and where it stands.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) line: usize,
    pub(super) pattern: Pattern,
    /// Whether any number of such lines may come.
    pub(super) repeats: bool,
}

/// Lines of a transcript and the text that takes their place.
pub(super) struct Edit {
    pub(super) lines: RangeInclusive<usize>,
    pub(super) text: Vec<String>,
}

impl Script {
    /// The error is `line: what is wrong`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).peekable();
        let mut header = BTreeMap::new();
        for (number, line) in lines.by_ref() {
            if line.trim().is_empty() {
                break;
            }
            if line.starts_with('#') {
                continue;
            }
            let (key, value) = line
                .split_once(':')
                .ok_or_else(|| format!("{number}: expected `key: value`, or a blank line"))?;
            header.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        let mut reader = Reader::default();
        for (number, line) in lines {
            reader.read(number, line).map_err(|what| format!("{number}: {what}"))?;
        }
        Ok(Self { header: Header(header), steps: reader.finish()? })
    }
}

/// Takes a transcript line by line.
#[derive(Default)]
struct Reader {
    steps: Vec<Step>,
    /// The group that is open, with its connection.
    group: Option<(u32, Vec<Vec<Expected>>)>,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(words) = line.strip_prefix('!') {
            return self.push(Step::Act { line: number, words: words.trim().to_owned() });
        }
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let connection = if digits == 0 { 1 } else { line[..digits].parse().unwrap_or(0) };
        let rest = line[digits..].trim_start();
        match rest {
            "close" => return self.push(Step::Close { connection }),
            "eof" => return self.push(Step::Eof { connection, line: number }),
            "S:{" => return self.open_group(connection),
            "S:}" => return self.close_group(connection, number),
            _ => {}
        }
        let (mark, text) =
            split_mark(rest).ok_or("expected C:, C:=, S:, S:=, S:~, S:*~, S:{ or S:}")?;
        match mark {
            "C:" => {
                let mut template = Template::plain(text);
                template.push_bytes(b"\r\n");
                self.push(Step::Send { connection, line: number, template })
            }
            "C:=" => {
                let template = Template::escaped(text)?;
                self.push(Step::Send { connection, line: number, template })
            }
            "S:" => self.expect(connection, number, Pattern::Exact(Template::plain(text)), false),
            "S:=" => {
                self.expect(connection, number, Pattern::Exact(Template::escaped(text)?), false)
            }
            _ => self.expect(connection, number, Pattern::regex(text)?, mark == "S:*~"),
        }
    }

    fn push(&mut self, step: Step) -> Result<(), String> {
        if self.group.is_some() {
            return Err("a group (S:{) is still open".to_owned());
        }
        self.steps.push(step);
        Ok(())
    }

    fn expect(
        &mut self,
        connection: u32,
        line: usize,
        pattern: Pattern,
        repeats: bool,
    ) -> Result<(), String> {
        let expected = Expected { line, pattern, repeats };
        let Some((group_connection, responses)) = &mut self.group else {
            self.block(connection, line).items.push(Item::One(expected));
            return Ok(());
        };
        if repeats {
            return Err("S:*~ stands in no group".to_owned());
        }
        if *group_connection != connection {
            return Err(format!("the group belongs to connection {group_connection}"));
        }
        match responses.last_mut() {
            Some(response) if literal_is_open(response) => response.push(expected),
            _ => responses.push(vec![expected]),
        }
        Ok(())
    }

    fn open_group(&mut self, connection: u32) -> Result<(), String> {
        if self.group.is_some() {
            return Err("a group cannot stand in a group".to_owned());
        }
        self.group = Some((connection, Vec::new()));
        Ok(())
    }

    fn close_group(&mut self, connection: u32, line: usize) -> Result<(), String> {
        let Some((opened, responses)) = self.group.take() else {
            return Err("there is no group to close".to_owned());
        };
        if opened != connection {
            return Err(format!("the group belongs to connection {opened}"));
        }
        let lines = responses.iter().map(Vec::len).sum::<usize>();
        let first = line.saturating_sub(lines + 1);
        let block = self.block(connection, first);
        block.items.push(Item::Group(responses));
        block.lines = *block.lines.start()..=line;
        Ok(())
    }

    /// The block that ends right before `line`, or a new one.
    fn block(&mut self, connection: u32, line: usize) -> &mut Block {
        let follows = matches!(self.steps.last(), Some(Step::Expect(block))
            if block.connection == connection && *block.lines.end() + 1 == line);
        if !follows {
            let block = Block { connection, items: Vec::new(), lines: line..=line };
            self.steps.push(Step::Expect(block));
        }
        match self.steps.last_mut() {
            Some(Step::Expect(block)) => {
                block.lines = *block.lines.start()..=line;
                block
            }
            _ => panic!("the last step was made a block above"),
        }
    }

    fn finish(self) -> Result<Vec<Step>, String> {
        match self.group {
            None => Ok(self.steps),
            Some((connection, _)) => Err(format!("0: connection {connection}: S:{{ has no S:}}")),
        }
    }
}

/// The mark and what follows it; one space belongs to the mark.
fn split_mark(text: &str) -> Option<(&str, &str)> {
    let marks = ["C:=", "C:", "S:=", "S:*~", "S:~", "S:"];
    let mark = marks.into_iter().find(|mark| text.starts_with(mark))?;
    let rest = &text[mark.len()..];
    Some((mark, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// Whether the last literal announced in the response is not complete.
fn literal_is_open(response: &[Expected]) -> bool {
    let mut missing = None;
    for expected in response {
        let Pattern::Exact(template) = &expected.pattern else { return false };
        missing = literal_left(missing, template.text().as_bytes());
    }
    missing.is_some()
}

/// How much of a literal is still to come after `line`, if `missing` was before it. `Some(0)`
/// means that the literal ended with the line end, and that the rest of the response follows.
pub(super) fn literal_left(missing: Option<usize>, line: &[u8]) -> Option<usize> {
    match missing {
        // The literal goes on beyond this line and its line end.
        Some(left) if left > line.len() => Some(left.saturating_sub(line.len() + 2)),
        Some(left) => literal_size(&line[left..]),
        None => literal_size(line),
    }
}

/// The size a line announces at its end: `{5}`, `{5+}`, `~{5}`.
fn literal_size(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let at = inside.iter().rposition(|&byte| byte == b'{')?;
    let digits = inside[at + 1..].strip_suffix(b"+").unwrap_or(&inside[at + 1..]);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The text with each edit in place.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, line) in (1..).zip(text.lines()) {
        match edits.iter().find(|edit| edit.lines.contains(&number)) {
            None => {
                out.push_str(line);
                out.push('\n');
            }
            Some(edit) if *edit.lines.start() == number => {
                for line in &edit.text {
                    out.push_str(line);
                    out.push('\n');
                }
            }
            Some(_) => {}
        }
    }
    out
}
