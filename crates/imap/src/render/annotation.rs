//! Annotations of messages in FETCH replies (RFC 5257 §4.4).

use super::{astring, literal8_or_string, number};
use crate::types::{AnnotationAttribute, AnnotationKind, AnnotationScope};

/// An entry of a message with the values it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationItem<'a> {
    /// The name of the entry.
    pub entry: &'a str,
    /// The value that is private to the user; absent if none is set.
    pub private: Option<&'a [u8]>,
    /// The value that all users share; absent if none is set.
    pub shared: Option<&'a [u8]>,
}

/// `"(" entry-att *(SP entry-att) ")"` (RFC 5257 §5).
pub(super) fn annotations(
    out: &mut Vec<u8>,
    items: &[AnnotationItem<'_>],
    attributes: &[AnnotationAttribute],
) {
    for (index, item) in items.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        astring(out, item.entry.as_bytes());
        for (index, attribute) in attributes.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b" (" } else { b" " });
            out.extend_from_slice(attribute.as_str().as_bytes());
            out.push(b' ');
            let value = match attribute.scope {
                AnnotationScope::Private => item.private,
                AnnotationScope::Shared => item.shared,
            };
            render_attribute(out, attribute.kind, value);
        }
        out.push(b')');
    }
    out.push(b')');
}

fn render_attribute(out: &mut Vec<u8>, kind: AnnotationKind, value: Option<&[u8]>) {
    match (kind, value) {
        (AnnotationKind::Value, Some(value)) => literal8_or_string(out, value),
        // RFC 5257 §3.2.2: NIL and 0 where there is no such entry.
        (AnnotationKind::Value, None) => out.extend_from_slice(b"NIL"),
        (AnnotationKind::Size, value) => {
            out.push(b'"');
            number(out, value.map_or(0, <[u8]>::len) as u64);
            out.push(b'"');
        }
    }
}

/// `"(" entry *(SP entry) ")"` (RFC 5257 §5): what changed.
pub(super) fn annotation_names<'n>(out: &mut Vec<u8>, names: impl Iterator<Item = &'n str>) {
    for (index, name) in names.enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        astring(out, name.as_bytes());
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_as_rfc_5257_writes_them() {
        let attributes = |names: &[&str]| -> Vec<AnnotationAttribute> {
            let parse = |name: &&str| AnnotationAttribute::parse(name.as_bytes()).unwrap();
            names.iter().flat_map(parse).collect()
        };
        let comment =
            AnnotationItem { entry: "/comment", private: Some(b"My comment"), shared: None };
        let binary =
            AnnotationItem { entry: "/vendor/x/a b", private: Some(b"\0"), shared: Some(b"") };
        for (items, asked, expect) in [
            (
                vec![comment],
                &["value"][..],
                "(/comment (value.priv \"My comment\" value.shared NIL))",
            ),
            (
                vec![comment],
                &["value", "size"],
                "(/comment (value.priv \"My comment\" value.shared NIL size.priv \"10\" \
                 size.shared \"0\"))",
            ),
            (
                vec![comment, binary],
                &["value"],
                "(/comment (value.priv \"My comment\" value.shared NIL) \"/vendor/x/a b\" \
                 (value.priv ~{1}\r\n\0 value.shared \"\"))",
            ),
        ] {
            let mut out = Vec::new();
            annotations(&mut out, &items, &attributes(asked));
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
        let mut out = Vec::new();
        annotation_names(&mut out, ["/comment", "/vendor/x/a b"].into_iter());
        assert_eq!(out, b"(/comment \"/vendor/x/a b\")");
    }
}
