//! A tree of elements, as a body or the value of a dead property is one.

use super::error::XmlError;
use super::limits::Limits;
use super::name::Name;
use super::write::{push_attribute_value, push_text};

/// The namespace of `xml:lang`.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// An element with all it holds, comments and processing instructions apart.
#[derive(Debug, Clone)]
pub struct Element {
    /// The name of the element.
    pub name: Name,
    /// The attributes in order, without declarations of namespaces.
    pub attributes: Vec<Attribute>,
    /// The content. No text is empty, or next to another.
    pub children: Vec<Node>,
    /// RFC 4918 §4.3: kept where it can be, because values may speak of it.
    pub(super) prefix: Option<Box<str>>,
    /// Declarations of namespaces at it; the empty prefix is the default.
    pub(super) declared: Vec<(Box<str>, Box<str>)>,
}

/// An attribute of an element.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// What it is called. Without a prefix there is no namespace.
    pub name: Name,
    /// The value, normalized (XML 1.0 §3.3.3).
    pub value: String,
    pub(super) prefix: Option<Box<str>>,
}

/// A node within an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, never empty.
    Text(String),
}

impl Element {
    /// An empty one.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            children: Vec::new(),
            prefix: None,
            declared: Vec::new(),
        }
    }

    /// Reads a whole document, or the value of a property as [`Element::to_xml`] wrote it.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        super::read::parse(body, limits)
    }

    /// Whether the element has this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.name.is(namespace, local)
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name.is("", local));
        found.map(|attribute| attribute.value.as_str())
    }

    /// The elements in it, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The elements of a name in it.
    pub fn elements_named<'e>(
        &'e self,
        namespace: &'e str,
        local: &'e str,
    ) -> impl Iterator<Item = &'e Self> {
        self.elements().filter(move |element| element.is(namespace, local))
    }

    /// The first element of a name in it.
    pub fn element(&self, namespace: &str, local: &str) -> Option<&Self> {
        self.elements().find(|element| element.is(namespace, local))
    }

    /// The only element of a name in it: an error if there is another.
    pub(super) fn only(
        &self,
        namespace: &str,
        local: &'static str,
    ) -> Result<Option<&Self>, XmlError> {
        let mut all = self.elements().filter(|element| element.is(namespace, local));
        match (all.next(), all.next()) {
            (found, None) => Ok(found),
            (_, Some(_)) => Err(XmlError::Unexpected(local)),
        }
    }

    /// The text that stands directly in it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for node in &self.children {
            if let Node::Text(part) = node {
                text.push_str(part);
            }
        }
        text
    }

    /// The text without blanks around it, as an href or a token is written.
    pub fn word(&self) -> String {
        self.text().trim().to_owned()
    }

    /// The element as text that stands for itself: every prefix in it is declared in it, those
    /// that were declared around it at its root. So it is never much longer than what was read.
    pub fn to_xml(&self) -> String {
        let mut around = Vec::new();
        self.undeclared(&mut vec!["xml"], &mut around);
        let mut out = String::new();
        let mut scope = vec![("xml", XML)];
        self.render(&mut out, &mut scope, &around);
        out
    }

    /// Prefixes that are used and not declared in it, with what they mean. `declared` holds those
    /// that are. As deep as it was read, which [`Limits::depth_max`] bounds, like `render`.
    fn undeclared<'e>(&'e self, declared: &mut Vec<&'e str>, around: &mut Vec<(&'e str, &'e str)>) {
        let outer = declared.len();
        declared.extend(self.declared.iter().map(|(prefix, _)| &**prefix));
        for (prefix, namespace) in self.uses() {
            let is_known = declared.contains(&prefix)
                || around.iter().any(|(known, _)| *known == prefix)
                || prefix.is_empty() && namespace.is_empty();
            if !is_known {
                around.push((prefix, namespace));
            }
        }
        self.elements().for_each(|element| element.undeclared(declared, around));
        declared.truncate(outer);
    }

    /// The prefixes of its name and its attributes.
    fn uses(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = (self.prefix.as_deref().unwrap_or_default(), self.name.namespace());
        let prefixed = self.attributes.iter().filter_map(|attribute| {
            attribute.prefix.as_deref().map(|prefix| (prefix, attribute.name.namespace()))
        });
        std::iter::once(own).chain(prefixed)
    }

    /// `scope` holds the declarations around it, the innermost last.
    fn render<'e>(
        &'e self,
        out: &mut String,
        scope: &mut Vec<(&'e str, &'e str)>,
        around: &[(&'e str, &'e str)],
    ) {
        let outer = scope.len();
        for (prefix, namespace) in &self.declared {
            declare(scope, prefix, namespace);
        }
        for (prefix, namespace) in around.iter().copied().chain(self.uses()) {
            declare(scope, prefix, namespace);
        }
        out.push('<');
        self.push_name(out);
        for (prefix, namespace) in scope.iter().skip(outer) {
            out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            out.push_str(prefix);
            push_value(out, namespace);
        }
        for attribute in &self.attributes {
            out.push(' ');
            push_name(out, attribute.prefix.as_deref(), &attribute.name);
            push_value(out, &attribute.value);
        }
        if self.children.is_empty() {
            out.push_str("/>");
        } else {
            out.push('>');
            for node in &self.children {
                match node {
                    Node::Element(element) => element.render(out, scope, &[]),
                    Node::Text(text) => push_text(out, text),
                }
            }
            out.push_str("</");
            self.push_name(out);
            out.push('>');
        }
        scope.truncate(outer);
    }

    fn push_name(&self, out: &mut String) {
        push_name(out, self.prefix.as_deref(), &self.name);
    }
}

/// Prefixes are not compared: they may be others without any difference.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.attributes == other.attributes
            && self.children == other.children
    }
}

impl Eq for Element {}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for Attribute {}

/// Declares a prefix unless it means that already.
fn declare<'e>(scope: &mut Vec<(&'e str, &'e str)>, prefix: &'e str, namespace: &'e str) {
    let meant = scope.iter().rev().find(|(known, _)| *known == prefix);
    if meant.map_or("", |(_, namespace)| namespace) != namespace {
        scope.push((prefix, namespace));
    }
}

fn push_name(out: &mut String, prefix: Option<&str>, name: &Name) {
    if let Some(prefix) = prefix {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(name.local());
}

fn push_value(out: &mut String, value: &str) {
    out.push_str("=\"");
    push_attribute_value(out, value);
    out.push('"');
}
