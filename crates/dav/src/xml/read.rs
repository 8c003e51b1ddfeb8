//! From bytes to elements: XML 1.0 with namespaces, in UTF-8 or UTF-16. No DTD, no external
//! entities; size, depth and number of elements are bounded by [`Limits`].

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::element::{Attribute, Element, Node, XML};
use super::error::XmlError;
use super::limits::Limits;
use super::name::{Name, is_word};

/// The namespace that `xmlns` itself stands for.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Reads one document.
pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Element, XmlError> {
    if body.len() > limits.bytes_max {
        return Err(XmlError::TooLarge("bytes"));
    }
    let text = decode(body)?;
    if !text.chars().all(is_char) {
        return Err(XmlError::Malformed);
    }
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree { limits, open: Vec::new(), scope: Vec::new(), root: None, elements: 0 };
    let mut is_first = true;
    loop {
        let event = reader.read_event().map_err(|_| XmlError::Malformed)?;
        match event {
            Event::Start(start) => tree.begin(&start)?,
            Event::Empty(start) => {
                tree.begin(&start)?;
                tree.end()?;
            }
            Event::End(_) => tree.end()?,
            Event::Text(part) => tree.text(&part.xml10_content())?,
            Event::CData(part) if !tree.open.is_empty() => tree.text(&part.xml10_content())?,
            Event::GeneralRef(reference) => {
                tree.text(character(&reference)?.encode_utf8(&mut [0; 4]))?
            }
            // RFC 4918 §17: ignored.
            Event::Comment(_) | Event::PI(_) => {}
            Event::Decl(declaration) if is_first => {
                let encoding = declaration.encoding().transpose();
                let encoding = encoding.map_err(|_| XmlError::Malformed)?;
                if !encoding.is_none_or(|name| is_read(&name)) {
                    return Err(XmlError::Malformed);
                }
            }
            Event::CData(_) | Event::Decl(_) => return Err(XmlError::Malformed),
            // RFC 4918 §16, §20.6: nothing of a document type is used, least of all fetched.
            Event::DocType(_) => {
                return Err(XmlError::Precondition(Name::dav("no-external-entities")));
            }
            Event::Eof => return tree.finish(),
        }
        is_first = false;
    }
}

/// RFC 4918 §8.2: UTF-8 and UTF-16 are read.
fn decode(body: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match (text, rest) {
            (Ok(text), []) => Ok(Cow::Owned(text)),
            _ => Err(XmlError::Malformed),
        }
    };
    match body {
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0, b'<', ..] => wide(body, u16::from_be_bytes),
        [b'<', 0, ..] => wide(body, u16::from_le_bytes),
        _ => {
            let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| XmlError::Malformed)
        }
    }
}

fn is_read(encoding: &str) -> bool {
    let known = ["utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be"];
    known.iter().any(|known| encoding.eq_ignore_ascii_case(known))
}

/// `Char` of XML 1.0.
pub(super) fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// A character reference, or one of the five entities that need no declaration.
fn character(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    let found = match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    };
    found.filter(|char| is_char(*char)).ok_or(XmlError::Malformed)
}

struct Tree<'l> {
    limits: &'l Limits,
    /// Elements that have begun, with the number of declarations around each.
    open: Vec<(Element, usize)>,
    /// Declarations in scope, the innermost last; the empty prefix is the default.
    scope: Vec<(Box<str>, Box<str>)>,
    root: Option<Element>,
    elements: usize,
}

impl Tree<'_> {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(XmlError::TooLarge("elements"));
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(XmlError::TooLarge("depth"));
        }
        if self.root.is_some() {
            return Err(XmlError::Malformed);
        }
        let outer = self.scope.len();
        let plain = self.declare(start)?;
        let (name, prefix) = self.resolve(start.name().0, Unprefixed::Default)?;
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for (qualified, value) in plain {
            let (name, prefix) = self.resolve(&qualified, Unprefixed::None)?;
            // Two prefixes may mean the same; no attribute stands twice.
            if attributes.iter().any(|other| other.name == name) {
                return Err(XmlError::Malformed);
            }
            attributes.push(Attribute { name, value, prefix });
        }
        let declared = self.scope.get(outer..).unwrap_or_default().to_vec();
        self.open
            .push((Element { name, attributes, children: Vec::new(), prefix, declared }, outer));
        Ok(())
    }

    /// Takes the declarations of namespaces into scope; what is left are attributes.
    fn declare(&mut self, start: &BytesStart<'_>) -> Result<Vec<(String, String)>, XmlError> {
        let mut plain = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            if count >= self.limits.attributes_max {
                return Err(XmlError::TooLarge("attributes"));
            }
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            let value = value.map_err(|_| XmlError::Malformed)?;
            if attribute.value.contains('<') || !value.chars().all(is_char) {
                return Err(XmlError::Malformed);
            }
            let name = attribute.key.0;
            match name.strip_prefix("xmlns:").or((name == "xmlns").then_some("")) {
                Some(prefix) => self.bind(prefix, &value)?,
                None => plain.push((name.to_owned(), value.into_owned())),
            }
        }
        Ok(plain)
    }

    /// Namespaces in XML 1.0, 3 and 5.
    fn bind(&mut self, prefix: &str, namespace: &str) -> Result<(), XmlError> {
        let is_default = prefix.is_empty();
        let reserved = (prefix == "xml") != (namespace == XML) || prefix == "xmlns";
        if reserved
            || namespace == XMLNS
            || !is_default && (namespace.is_empty() || !is_word(prefix))
        {
            return Err(XmlError::Malformed);
        }
        if self.scope.len() >= self.limits.namespaces_max {
            return Err(XmlError::TooLarge("namespaces"));
        }
        if prefix.len() > self.limits.name_bytes_max || namespace.len() > self.limits.name_bytes_max
        {
            return Err(XmlError::TooLarge("names"));
        }
        self.scope.push((prefix.into(), namespace.into()));
        Ok(())
    }

    fn resolve(
        &self,
        qualified: &str,
        unprefixed: Unprefixed,
    ) -> Result<(Name, Option<Box<str>>), XmlError> {
        if qualified.len() > self.limits.name_bytes_max {
            return Err(XmlError::TooLarge("names"));
        }
        let (prefix, local) = match qualified.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, qualified),
        };
        let namespace = match (prefix, unprefixed) {
            (Some("xml"), _) => Some(XML),
            (Some(prefix), _) => self.lookup(prefix),
            (None, Unprefixed::Default) => Some(self.lookup("").unwrap_or_default()),
            (None, Unprefixed::None) => Some(""),
        };
        let namespace = namespace.ok_or(XmlError::Malformed)?;
        let name = Name::new(namespace, local).ok_or(XmlError::Malformed)?;
        Ok((name, prefix.map(Box::from)))
    }

    fn lookup(&self, prefix: &str) -> Option<&str> {
        let found = self.scope.iter().rev().find(|(known, _)| **known == *prefix);
        found.map(|(_, namespace)| &**namespace)
    }

    fn end(&mut self) -> Result<(), XmlError> {
        let (element, outer) = self.open.pop().ok_or(XmlError::Malformed)?;
        self.scope.truncate(outer);
        match self.open.last_mut() {
            Some((parent, _)) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, part: &str) -> Result<(), XmlError> {
        let Some((element, _)) = self.open.last_mut() else {
            let blank = part.bytes().all(|byte| byte.is_ascii_whitespace());
            return if blank { Ok(()) } else { Err(XmlError::Malformed) };
        };
        match element.children.last_mut() {
            _ if part.is_empty() => {}
            Some(Node::Text(text)) => text.push_str(part),
            _ => element.children.push(Node::Text(part.to_owned())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlError> {
        match (self.root, self.open.is_empty()) {
            (Some(root), true) => Ok(root),
            _ => Err(XmlError::Malformed),
        }
    }
}

/// Where a name without a prefix belongs.
#[derive(Clone, Copy)]
enum Unprefixed {
    /// The name of an element: the default namespace.
    Default,
    /// The name of an attribute: no namespace.
    None,
}
