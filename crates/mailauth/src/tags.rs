//! Lists of `tag=value` as DKIM, DMARC and ARC write them.

/// The tags of one field or record, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags<'a>(Vec<(&'a str, &'a str)>);

/// LIMIT: tags of one list; nobody writes more than fifteen.
const TAGS_MAX: usize = 50;

impl<'a> Tags<'a> {
    /// `tag-list = tag-spec *( ";" tag-spec ) [ ";" ]` (RFC 6376 §3.2). `None` for what is no list,
    /// or names a tag twice.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut tags = Self(Vec::new());
        let mut specs = text.split(';').peekable();
        while let Some(spec) = specs.next() {
            if trim(spec).is_empty() && specs.peek().is_none() {
                break;
            }
            tags.add(read_spec(spec)?)?;
        }
        Some(tags)
    }

    /// Like `parse`, for a record of DMARC, in which anything that is no tag is passed over
    /// (RFC 7489 §6.3).
    pub(crate) fn parse_forgiving(text: &'a str) -> Option<Self> {
        let mut tags = Self(Vec::new());
        for tag in text.split(';').filter_map(read_spec) {
            tags.add(tag)?;
        }
        Some(tags)
    }

    /// RFC 6376 §3.2: tags with duplicate names make the whole list invalid.
    fn add(&mut self, tag: (&'a str, &'a str)) -> Option<()> {
        if self.0.len() == TAGS_MAX || self.0.iter().any(|(known, _)| *known == tag.0) {
            return None;
        }
        self.0.push(tag);
        Some(())
    }

    /// The value of a tag; folding inside it is left.
    pub(crate) fn find(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(tag, _)| *tag == name).map(|(_, value)| *value)
    }

    /// The name of the first tag, and its value.
    pub(crate) fn first(&self) -> Option<(&'a str, &'a str)> {
        self.0.first().copied()
    }
}

/// `tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]`
fn read_spec(spec: &str) -> Option<(&str, &str)> {
    let (name, value) = spec.split_once('=')?;
    let name = trim(name);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then(|| (name, trim(value)))
}

/// Without the blanks and line breaks around.
fn trim(text: &str) -> &str {
    text.trim_matches(is_fws)
}

pub(crate) fn is_fws(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

/// A base64 value, blanks inside removed (RFC 6376 §3.5).
pub(crate) fn decode_base64(value: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let text: String = value.chars().filter(|char| !is_fws(*char)).collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let tags = Tags::parse(" v = 1 ; a=b\r\n\t c;d=;x_1= y=z ;\r\n ").unwrap();
        for (name, value) in
            [("v", Some("1")), ("a", Some("b\r\n\t c")), ("d", Some("")), ("x_1", Some("y=z"))]
        {
            assert_eq!(tags.find(name), value, "{name}");
        }
        assert_eq!(tags.find("A"), None);
        assert_eq!(tags.first(), Some(("v", "1")));
        for bad in ["a", "a=1;;b=2", "a=1;a=2", "=1", "1a=b", "a b=c", ";"] {
            assert_eq!(Tags::parse(bad), None, "{bad:?}");
        }
    }
}
