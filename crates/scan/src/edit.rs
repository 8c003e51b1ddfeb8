//! Changes of a message that scanners ask for.
//!
//! **Invariant:** what comes out is a header section of CRLF lines and a body; a name or a value
//! that would break out of its field does not get in.

use message::header_fields;

/// LIMIT: bytes of one added field; scanners list their symbols in one.
const VALUE_BYTES_MAX: usize = 16 * 1024;
/// LIMIT: RFC 5322 §2.1.1, bytes of a line.
const LINE_BYTES_MAX: usize = 998;

/// A change of a message that a scanner asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A field at the end of the header section.
    Add {
        /// The name of the field.
        name: String,
        /// The value of the field; may be folded.
        value: String,
    },
    /// A field before the one at this place, counted from 0.
    Insert {
        /// The position among the fields, from 0.
        at: usize,
        /// The name of the field.
        name: String,
        /// The value of the field.
        value: String,
    },
    /// Another value for a field, or none: then the field goes.
    Change {
        /// Which of the fields of this name, from 1.
        occurrence: usize,
        /// The name of the field.
        name: String,
        /// The new value.
        value: Option<String>,
    },
    /// One of the fields of this name goes, if there are so many.
    RemoveLast {
        /// Which, from the last, which is 1.
        from_last: usize,
        /// The name of the field.
        name: String,
    },
    /// Every field of this name goes.
    Remove {
        /// The name of the field.
        name: String,
    },
    /// The body is replaced by this one.
    Body(Vec<u8>),
}

/// Makes the changes, in order.
pub(crate) fn apply(message: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let fields = header_fields(message);
    let mut fields: Vec<(Vec<u8>, Vec<u8>)> =
        fields.map(|field| (field.name.to_vec(), field.line.to_vec())).collect();
    let header_bytes = fields.iter().map(|(_, line)| line.len()).sum::<usize>();
    let mut rest = message.get(header_bytes..).unwrap_or_default().to_vec();
    // A message sent by BDAT may end in the middle of a line.
    if let Some((_, last)) = fields.last_mut().filter(|(_, line)| !line.ends_with(b"\n")) {
        last.extend_from_slice(b"\r\n");
    }
    for edit in edits {
        match edit {
            Edit::Add { name, value } => fields.extend(field(&name, &value)),
            Edit::Insert { at, name, value } => {
                if let Some(new) = field(&name, &value) {
                    fields.insert(at.min(fields.len()), new);
                }
            }
            Edit::Change { occurrence, name, value } => {
                change(&mut fields, occurrence, &name, value);
            }
            Edit::RemoveLast { from_last, name } => {
                let named =
                    |(known, _): &(Vec<u8>, Vec<u8>)| known.eq_ignore_ascii_case(name.as_bytes());
                let mut places =
                    (0..fields.len()).rev().filter(|at| fields.get(*at).is_some_and(named));
                if let Some(place) = places.nth(from_last.saturating_sub(1)) {
                    fields.remove(place);
                }
            }
            Edit::Remove { name } => {
                fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_bytes()));
            }
            Edit::Body(body) => rest = [b"\r\n", body.as_slice()].concat(),
        }
    }
    let mut out =
        Vec::with_capacity(rest.len() + fields.iter().map(|(_, l)| l.len()).sum::<usize>());
    fields.iter().for_each(|(_, line)| out.extend_from_slice(line));
    out.extend_from_slice(&rest);
    out
}

/// libmilter adds a field where there is none of that number to change.
fn change(
    fields: &mut Vec<(Vec<u8>, Vec<u8>)>,
    occurrence: usize,
    name: &str,
    value: Option<String>,
) {
    let named = |(known, _): &(Vec<u8>, Vec<u8>)| known.eq_ignore_ascii_case(name.as_bytes());
    let mut places = fields.iter().enumerate().filter(|(_, field)| named(field));
    let place = places.nth(occurrence.saturating_sub(1)).map(|(place, _)| place);
    match (place, value) {
        (Some(place), None) => {
            fields.remove(place);
        }
        (Some(place), Some(value)) => {
            if let (Some(new), Some(old)) = (field(name, &value), fields.get_mut(place)) {
                *old = new;
            }
        }
        (None, Some(value)) => fields.extend(field(name, &value)),
        (None, None) => {}
    }
}

/// A field as it stands in a message; none where the name is no `field-name` (RFC 5322 §3.6.8).
fn field(name: &str, value: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    if name.is_empty()
        || name.len() > 100
        || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
    {
        return None;
    }
    let mut line = format!("{name}:");
    let mut used = line.len();
    let value = cut(value);
    // Lines of the scanner stay lines: folded, whatever they begin with.
    for (index, part) in
        value.split(['\n', '\r']).filter(|part| !part.trim().is_empty()).enumerate()
    {
        if index > 0 {
            line.push_str("\r\n");
            used = 0;
        }
        let blank = part.chars().next().filter(|c| index > 0 && *c == '\t').unwrap_or(' ');
        line.push(blank);
        used += 1;
        for word in part.trim().split_inclusive(' ') {
            if used + word.len() > LINE_BYTES_MAX && used > name.len() + 2 {
                let kept = line.trim_end_matches(' ').len();
                line.truncate(kept);
                line.push_str("\r\n ");
                used = 1;
            }
            for c in word.chars() {
                if used + c.len_utf8() > LINE_BYTES_MAX {
                    line.push_str("\r\n ");
                    used = 1;
                }
                line.push(if c.is_control() && c != '\t' { ' ' } else { c });
                used += c.len_utf8();
            }
        }
    }
    line.push_str("\r\n");
    Some((name.as_bytes().to_vec(), line.into_bytes()))
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "A: 1\r\nB: 2\r\n\tfolded\r\na: 3\r\n\r\nbody\r\n";

    fn add(name: &str, value: &str) -> Edit {
        Edit::Add { name: name.to_owned(), value: value.to_owned() }
    }

    fn insert(at: usize, name: &str, value: &str) -> Edit {
        Edit::Insert { at, name: name.to_owned(), value: value.to_owned() }
    }

    fn change(occurrence: usize, name: &str, value: Option<&str>) -> Edit {
        Edit::Change { occurrence, name: name.to_owned(), value: value.map(str::to_owned) }
    }

    fn check(message: &str, edit: Edit, expected: &str) {
        let done = apply(message.as_bytes(), vec![edit.clone()]);
        assert_eq!(String::from_utf8_lossy(&done), expected, "{edit:?}");
    }

    #[test]
    fn headers_are_changed_where_asked() {
        let rest = "B: 2\r\n\tfolded\r\na: 3\r\n\r\nbody\r\n";
        check(MESSAGE, add("C", "4"), "A: 1\r\nB: 2\r\n\tfolded\r\na: 3\r\nC: 4\r\n\r\nbody\r\n");
        check(MESSAGE, insert(0, "C", "4"), &format!("C: 4\r\n{MESSAGE}"));
        check(MESSAGE, insert(1, "C", "4"), &format!("A: 1\r\nC: 4\r\n{rest}"));
        check(
            MESSAGE,
            insert(9, "C", "4"),
            "A: 1\r\nB: 2\r\n\tfolded\r\na: 3\r\nC: 4\r\n\r\nbody\r\n",
        );
        check(
            MESSAGE,
            change(2, "A", Some("x")),
            "A: 1\r\nB: 2\r\n\tfolded\r\nA: x\r\n\r\nbody\r\n",
        );
        check(MESSAGE, change(1, "B", None), "A: 1\r\na: 3\r\n\r\nbody\r\n");
        check(MESSAGE, change(3, "A", None), MESSAGE);
        check(
            MESSAGE,
            change(1, "C", Some("4")),
            "A: 1\r\nB: 2\r\n\tfolded\r\na: 3\r\nC: 4\r\n\r\nbody\r\n",
        );
        let last = |from_last| Edit::RemoveLast { from_last, name: "A".to_owned() };
        check(MESSAGE, last(1), "A: 1\r\nB: 2\r\n\tfolded\r\n\r\nbody\r\n");
        check(MESSAGE, last(2), "B: 2\r\n\tfolded\r\na: 3\r\n\r\nbody\r\n");
        check(MESSAGE, last(3), MESSAGE);
        check(MESSAGE, last(usize::MAX), MESSAGE);
        check(MESSAGE, Edit::Remove { name: "a".into() }, "B: 2\r\n\tfolded\r\n\r\nbody\r\n");
    }

    #[test]
    fn bodies_are_replaced() {
        check("A: 1\r\n\r\nbody\r\n", Edit::Body(b"new\r\n".to_vec()), "A: 1\r\n\r\nnew\r\n");
        check("A: 1\r\n", Edit::Body(b"new\r\n".to_vec()), "A: 1\r\n\r\nnew\r\n");
        check("A: 1\r\n\r\n", Edit::Body(Vec::new()), "A: 1\r\n\r\n");
    }

    #[test]
    fn odd_messages_stay_whole() {
        check("", add("A", "1"), "A: 1\r\n");
        check("\r\nbody", add("A", "1"), "A: 1\r\n\r\nbody");
        check("A: 1", add("B", "2"), "A: 1\r\nB: 2\r\n");
        check("no header here\r\nx", insert(0, "A", "1"), "A: 1\r\nno header here\r\nx\r\n");
    }

    #[test]
    fn nothing_breaks_out_of_its_field() {
        check("", add("A", "1\r\nEvil: 2\r\n\r\nbody"), "A: 1\r\n Evil: 2\r\n body\r\n");
        check("", add("A", "1\n\t2"), "A: 1\r\n\t2\r\n");
        check("", add("A", "x\u{0}y\u{1b}z"), "A: x y z\r\n");
        check("", add("Bad: name", "x"), "");
        check("", add("", "x"), "");
        check("", add("A\r\nB", "x"), "");
        let long = apply(b"", vec![add("A", &"word ".repeat(1000))]);
        assert!(long.split(|b| *b == b'\n').all(|line| line.len() <= LINE_BYTES_MAX + 1));
        let unbroken = apply(b"", vec![add("A", &"x".repeat(100_000))]);
        assert!(unbroken.split(|b| *b == b'\n').all(|line| line.len() <= LINE_BYTES_MAX + 1));
        assert!(unbroken.len() < VALUE_BYTES_MAX + 200);
    }
}
