//! From values to bytes: an XML document written element by element. Prefixes are declared at the
//! root and texts are escaped.

use super::element::Element;
use super::name::{Name, PREFIXES};

/// Writes elements one behind the other into a text. Elements are closed by the shape of the calls,
/// names and texts cannot break out of their places.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// Writes a whole document: the root declares every namespace of [`PREFIXES`].
    pub fn document(root: &Name, content: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        writer.begin_document(root);
        content(&mut writer);
        writer.end(root);
        writer.out.into_bytes()
    }

    /// Elements that stand in a document of ours, whose root declares what they need.
    pub fn fragment(content: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::default();
        content(&mut writer);
        writer.out
    }

    pub(super) fn begin_document(&mut self, root: &Name) {
        self.out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<");
        self.push_name(root);
        for (namespace, prefix) in PREFIXES {
            self.out.push_str(" xmlns:");
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            self.out.push_str(namespace);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// An element with something in it.
    pub fn element(&mut self, name: &Name, content: impl FnOnce(&mut Self)) {
        self.element_with(name, &[], content);
    }

    /// Like `element`, with attributes without a namespace. Their names are the caller's own.
    pub fn element_with(
        &mut self,
        name: &Name,
        attributes: &[(&'static str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.begin(name, attributes);
        let inside = self.out.len();
        self.out.push('>');
        content(self);
        if self.out.len() == inside + 1 {
            self.out.truncate(inside);
            self.out.push_str("/>");
        } else {
            self.end(name);
        }
    }

    /// An element with a text in it.
    pub fn text_element(&mut self, name: &Name, text: &str) {
        self.element(name, |writer| writer.text(text));
    }

    /// An element with a DAV:href in it.
    pub fn href_element(&mut self, name: &Name, href: &str) {
        self.element(name, |writer| writer.href(href));
    }

    /// Writes a DAV:href element; `href` is percent-encoded already.
    pub fn href(&mut self, href: &str) {
        self.text_element(&Name::dav("href"), href);
    }

    /// Writes an empty element.
    pub fn empty(&mut self, name: &Name) {
        self.element(name, |_| {});
    }

    /// Writes a text, escaped.
    pub fn text(&mut self, text: &str) {
        push_text(&mut self.out, text);
    }

    /// An element as it was read.
    pub fn tree(&mut self, element: &Element) {
        self.out.push_str(&element.to_xml());
    }

    /// What [`Element::to_xml`] wrote: it is not looked at.
    pub fn raw(&mut self, xml: &str) {
        self.out.push_str(xml);
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out).into_bytes()
    }

    fn begin(&mut self, name: &Name, attributes: &[(&'static str, &str)]) {
        self.out.push('<');
        self.push_name(name);
        if prefix_of(name).is_none() && !name.namespace().is_empty() {
            self.out.push_str(" xmlns:X=\"");
            push_attribute_value(&mut self.out, name.namespace());
            self.out.push('"');
        }
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            push_attribute_value(&mut self.out, value);
            self.out.push('"');
        }
    }

    pub(super) fn end(&mut self, name: &Name) {
        self.out.push_str("</");
        self.push_name(name);
        self.out.push('>');
    }

    /// No default namespace is ever declared, so a name without any needs nothing. A namespace that
    /// is not known is `X` at each element that has it.
    fn push_name(&mut self, name: &Name) {
        let prefix = prefix_of(name).or((!name.namespace().is_empty()).then_some("X"));
        if let Some(prefix) = prefix {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(name.local());
    }
}

fn prefix_of(name: &Name) -> Option<&'static str> {
    let found = PREFIXES.iter().find(|(namespace, _)| *namespace == name.namespace());
    found.map(|(_, prefix)| *prefix)
}

/// A text as it stands in a document.
pub fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_text(&mut out, text);
    out
}

/// A carriage return is written as a reference: readers of XML make line feeds of those that are
/// not (RFC 4791 §9.6), and what a client gets would differ from what it has put.
pub(super) fn push_text(out: &mut String, text: &str) {
    push_escaped(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

pub(super) fn push_attribute_value(out: &mut String, text: &str) {
    push_escaped(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn push_escaped(out: &mut String, text: &str, escape: impl Fn(u8) -> Option<&'static str>) {
    out.reserve(text.len() + text.len() / 8);
    let bytes = text.as_bytes();
    let (mut done, mut at) = (0, 0);
    loop {
        at += plain_prefix(bytes.get(at..).unwrap_or_default());
        let Some(&byte) = bytes.get(at) else { break };
        let replacement = escape(byte).or(match byte {
            b'\t' | b'\n' => None,
            // What no document of XML 1.0 can say.
            ..b' ' => Some("\u{FFFD}"),
            0xEF if matches!(bytes.get(at..at + 3), Some([_, 0xBF, 0xBE | 0xBF])) => {
                Some("\u{FFFD}")
            }
            _ => None,
        });
        if let Some(replacement) = replacement {
            out.push_str(text.get(done..at).unwrap_or_default());
            out.push_str(replacement);
            done = at + if byte == 0xEF { 3 } else { 1 };
        }
        at += 1;
    }
    out.push_str(text.get(done..).unwrap_or_default());
}

/// How many bytes come before the first that may have to be written otherwise. All of a step are
/// looked at together, which processors do at once.
fn plain_prefix(bytes: &[u8]) -> usize {
    const STEP: usize = 16;
    let is_odd = |byte: &u8| *byte < b' ' || matches!(*byte, b'"' | b'&' | b'<' | b'>' | 0xEF);
    let steps = bytes.chunks_exact(STEP);
    let plain = steps.take_while(|step| !step.iter().fold(false, |odd, byte| odd | is_odd(byte)));
    let clean = plain.count() * STEP;
    let rest = bytes.get(clean..).unwrap_or_default();
    clean + rest.iter().position(is_odd).unwrap_or(rest.len())
}
