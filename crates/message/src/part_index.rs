//! Where each section of a message lies (RFC 9051 §6.4.5.1).
//!
//! **Invariant:** the parts form a tree in document order in which every part lies in the body
//! of the one around it; decoding refuses anything else.

use std::ops::Range;

use crate::varint::{push_varint, take_varint};
use crate::{Encoding, Error};

/// What a part holds, as far as its sections depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// text/html.
    Html,
    /// A text other than HTML.
    Text,
    /// A leaf that is no text.
    Binary,
    /// A multipart with at least one part.
    Multipart,
    /// A message: the whole one, or one inside a part (message/rfc822, message/global).
    Message,
}

/// A body part, as ranges of bytes in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `MIME`: the header of the part, its empty line included. Empty for the whole message.
    pub mime: Range<u32>,
    /// The part by its bare number: its body, still transfer-encoded. The whole message for the
    /// empty number.
    pub body: Range<u32>,
    /// How the body is written.
    pub encoding: Encoding,
    /// The kind of content.
    pub kind: PartKind,
    /// `HEADER` and `TEXT`, if the part is a message.
    pub message: Option<MessageRanges>,
}

/// The sections only a message has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRanges {
    /// `HEADER`: up to and with the empty line.
    pub header: Range<u32>,
    /// `TEXT`: everything after it.
    pub text: Range<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) start: u32,
    pub(crate) body: u32,
    pub(crate) end: u32,
    pub(crate) kind: PartKind,
    pub(crate) encoding: Encoding,
    // This node and everything below it, which follows it.
    pub(crate) nodes: u32,
}

/// All parts of a message. The first node is the whole message, the second its own body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartIndex {
    pub(crate) nodes: Vec<Node>,
}

const VERSION: u8 = 1;
/// LIMIT: what the walk can make: see [`crate::Limits::DEPTH_CEILING`], with one node more for
/// each message.
const DEPTH_MAX: usize = 2 * crate::Limits::DEPTH_CEILING + 2;

impl PartIndex {
    /// Finds the parts of a message, for who needs nothing else of it.
    pub fn of(message: &[u8], limits: &crate::Limits) -> Self {
        crate::summary::part_index(message, limits)
    }

    /// The part of this number (`1.2.3`); the empty number is the whole message.
    pub fn find(&self, number: &[u32]) -> Option<Part> {
        let mut at = 0;
        for &ordinal in number {
            at = self.children(at).nth(usize::try_from(ordinal.checked_sub(1)?).ok()?)?;
        }
        self.part(at)
    }

    /// The length of the header of the message.
    pub fn header_bytes(&self) -> u32 {
        self.nodes.get(1).map_or(0, |content| content.body)
    }

    /// Every part with its number, in document order, the whole message first.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<u32>, Part)> + '_ {
        let mut pending = vec![(Vec::new(), 0)];
        std::iter::from_fn(move || {
            let (number, at) = pending.pop()?;
            let below: Vec<usize> = self.children(at).collect();
            for (index, child) in below.into_iter().enumerate().rev() {
                let mut number = number.clone();
                number.push(index as u32 + 1);
                pending.push((number, child));
            }
            Some((number, self.part(at)?))
        })
    }

    /// The parts that have a number directly below that of `at`.
    ///
    /// RFC 9051 §6.4.5.1: those of a multipart; of a message, those of the multipart it holds,
    /// or else what it holds as number 1.
    fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let holder = match (self.nodes.get(at), self.nodes.get(at + 1)) {
            (Some(node), Some(content))
                if node.kind == PartKind::Message && content.kind == PartKind::Multipart =>
            {
                at + 1
            }
            _ => at,
        };
        let end = self.nodes.get(holder).map_or(0, |node| holder + node.nodes as usize);
        std::iter::successors(Some(holder + 1), |child| {
            Some(child + self.nodes.get(*child)?.nodes as usize)
        })
        .take_while(move |child| *child < end)
    }

    fn part(&self, at: usize) -> Option<Part> {
        let node = self.nodes.get(at)?;
        let message = match (node.kind, self.nodes.get(at + 1)) {
            (PartKind::Message, Some(content)) => Some(MessageRanges {
                header: content.start..content.body,
                text: content.body..content.end,
            }),
            _ => None,
        };
        Some(Part {
            mime: node.start..node.body,
            body: node.body..node.end,
            encoding: node.encoding,
            kind: node.kind,
            message,
        })
    }

    /// The index as a column: some 8 bytes a part.
    pub fn encode(&self) -> Vec<u8> {
        let mut column = Vec::with_capacity(2 + self.nodes.len() * 8);
        column.push(VERSION);
        let mut before = 0;
        for (at, node) in self.nodes.iter().enumerate() {
            column.push(kind_code(node.kind) | encoding_code(node.encoding) << 4);
            push_varint(&mut column, u64::from(node.start - before));
            push_varint(&mut column, u64::from(node.body - node.start));
            push_varint(&mut column, u64::from(node.end - node.body));
            if node.kind == PartKind::Multipart {
                push_varint(&mut column, self.direct(at) as u64);
            }
            before = node.start;
        }
        column
    }

    fn direct(&self, at: usize) -> usize {
        self.children(at).count()
    }

    /// Reverses [`PartIndex::encode`].
    pub fn decode(column: &[u8]) -> Result<Self, Error> {
        let mut rest = match column.split_first() {
            Some((&VERSION, rest)) => rest,
            _ => return Err(Error::Corrupt("part index version")),
        };
        let mut nodes: Vec<Node> = Vec::with_capacity(rest.len() / 4);
        // The containers that still miss parts: where they are and how many.
        let mut open: Vec<(usize, u64)> = Vec::new();
        loop {
            let (node, children) = take_node(&mut rest, nodes.last())?;
            let around = open.last().and_then(|(at, _)| nodes.get(*at));
            let fits = match around {
                Some(around) => node.start >= around.body && node.end <= around.end,
                None => nodes.is_empty() && node.kind == PartKind::Message && node.end >= node.body,
            };
            if !fits {
                return Err(Error::Corrupt("part index tree"));
            }
            nodes.push(node);
            if children > 0 {
                open.push((nodes.len() - 1, children));
            } else {
                close(&mut nodes, &mut open);
            }
            if open.len() > DEPTH_MAX {
                return Err(Error::Corrupt("part index depth"));
            }
            if open.is_empty() {
                break;
            }
        }
        if rest.is_empty() { Ok(Self { nodes }) } else { Err(Error::Corrupt("part index length")) }
    }
}

// A part has ended, and with it every container it was the last of.
fn close(nodes: &mut [Node], open: &mut Vec<(usize, u64)>) {
    while let Some((at, missing)) = open.last_mut() {
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        let count = (nodes.len() - *at) as u32;
        if let Some(node) = nodes.get_mut(*at) {
            node.nodes = count;
        }
        open.pop();
    }
}

fn take_node(rest: &mut &[u8], before: Option<&Node>) -> Result<(Node, u64), Error> {
    const CORRUPT: Error = Error::Corrupt("part index node");
    let (&code, tail) = rest.split_first().ok_or(CORRUPT)?;
    *rest = tail;
    let (kind, encoding) = decoded_codes(code).ok_or(CORRUPT)?;
    let mut ahead = |from: u32| -> Result<u32, Error> {
        let step = take_varint(rest).and_then(|step| u32::try_from(step).ok()).ok_or(CORRUPT)?;
        from.checked_add(step).ok_or(CORRUPT)
    };
    let start = ahead(before.map_or(0, |node| node.start))?;
    let body = ahead(start)?;
    let end = ahead(body)?;
    let children = match kind {
        PartKind::Message => 1,
        PartKind::Multipart => take_varint(rest).filter(|count| *count > 0).ok_or(CORRUPT)?,
        _ => 0,
    };
    Ok((Node { start, body, end, kind, encoding, nodes: 1 }, children))
}

const KINDS: [PartKind; 5] =
    [PartKind::Html, PartKind::Text, PartKind::Binary, PartKind::Multipart, PartKind::Message];
const ENCODINGS: [Encoding; 4] =
    [Encoding::Identity, Encoding::QuotedPrintable, Encoding::Base64, Encoding::Unknown];

fn kind_code(kind: PartKind) -> u8 {
    KINDS.iter().position(|known| *known == kind).unwrap_or_default() as u8
}

fn encoding_code(encoding: Encoding) -> u8 {
    ENCODINGS.iter().position(|known| *known == encoding).unwrap_or_default() as u8
}

fn decoded_codes(code: u8) -> Option<(PartKind, Encoding)> {
    Some((*KINDS.get(usize::from(code & 15))?, *ENCODINGS.get(usize::from(code >> 4))?))
}
