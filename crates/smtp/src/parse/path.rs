//! Reverse-path and forward-path.
//!
//! RFC 5321 §4.1.2: `Path = "<" [ A-d-l ":" ] Mailbox ">"`, `Reverse-path = Path / "<>"`.

use message::address::{Address, is_domain};

use crate::error::SyntaxError;
use crate::types::{ForwardPath, ReversePath};

/// Parses the path of MAIL; also gives what follows it.
pub(super) fn parse_reverse_path(text: &str) -> Result<(ReversePath, &str), SyntaxError> {
    let (inner, rest) = split_path(text).ok_or(SyntaxError::ReversePath)?;
    if inner.is_empty() {
        return Ok((ReversePath::Null, rest));
    }
    let mailbox = parse_mailbox(inner).ok_or(SyntaxError::ReversePath)?;
    Ok((ReversePath::Mailbox(mailbox), rest))
}

/// Parses the path of RCPT; also gives what follows it.
pub(super) fn parse_forward_path(text: &str) -> Result<(ForwardPath, &str), SyntaxError> {
    let (inner, rest) = split_path(text).ok_or(SyntaxError::ForwardPath)?;
    // RFC 5321 §4.1.1.3: postmaster without a domain, in any case.
    if inner.eq_ignore_ascii_case("postmaster") {
        return Ok((ForwardPath::Postmaster, rest));
    }
    let mailbox = parse_mailbox(inner).ok_or(SyntaxError::ForwardPath)?;
    Ok((ForwardPath::Mailbox(mailbox), rest))
}

/// The text between the angle brackets, and the text after them. A bracket in a quoted local part
/// is not the end.
fn split_path(text: &str) -> Option<(&str, &str)> {
    let Some(text) = text.strip_prefix('<') else { return split_naked(text) };
    let (mut quoted, mut escaped) = (false, false);
    let end = text.bytes().position(|byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => return byte == b'>' && !quoted,
        }
        false
    })?;
    let (inner, rest) = text.split_at_checked(end)?;
    Some((inner, rest.strip_prefix('>')?))
}

/// QUIRK(scanners and printers, any): `MAIL FROM:a@b` without the brackets RFC 5321 §4.1.2 has.
/// The null sender is not written so: nothing at all is more likely a mistake.
fn split_naked(text: &str) -> Option<(&str, &str)> {
    let end = text.find(' ').unwrap_or(text.len());
    text.split_at_checked(end).filter(|(inner, _)| !inner.is_empty())
}

fn parse_mailbox(inner: &str) -> Option<Address> {
    Address::parse_path(without_source_route(inner)?.as_bytes()).ok()
}

/// RFC 5321 §4.1.2: `A-d-l = At-domain *( "," At-domain )` must be accepted and should be
/// ignored.
fn without_source_route(inner: &str) -> Option<&str> {
    if !inner.starts_with('@') {
        return Some(inner);
    }
    let (route, mailbox) = inner.split_once(':')?;
    let valid = |hop: &str| hop.strip_prefix('@').is_some_and(is_domain);
    route.split(',').all(valid).then_some(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let cases = [
            ("<Smith@bar.com>", "<Smith@bar.com>", ""),
            ("<a@b> SIZE=1", "<a@b>", " SIZE=1"),
            ("<@hosta.int,@jkl.org:userc@d.bar.org>", "<userc@d.bar.org>", ""),
            (r#"<"a > \" b"@example.org> X"#, r#"<"a > \" b"@example.org>"#, " X"),
            ("<user@[192.0.2.1]>", "<user@[192.0.2.1]>", ""),
            ("a@b", "<a@b>", ""),
            ("a@b SIZE=1", "<a@b>", " SIZE=1"),
            ("<büro@münchen.example>", "<büro@münchen.example>", ""),
        ];
        for (text, shown, rest) in cases {
            let (path, got) = parse_reverse_path(text).unwrap();
            assert_eq!((path.to_string().as_str(), got), (shown, rest), "{text:?}");
            let (path, got) = parse_forward_path(text).unwrap();
            assert_eq!((path.to_string().as_str(), got), (shown, rest), "{text:?}");
        }
        assert_eq!(parse_reverse_path("<> RET=HDRS"), Ok((ReversePath::Null, " RET=HDRS")));
        assert_eq!(parse_forward_path("<PostMaster>"), Ok((ForwardPath::Postmaster, "")));
        assert_eq!(parse_forward_path("postmaster"), Ok((ForwardPath::Postmaster, "")));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let cases = [
            "",
            " SIZE=1",
            "a",
            "\"a b\"@c",
            "a@b<c@d>",
            "<a@b",
            "a@b>",
            "<a>",
            "<a@>",
            "<@b>",
            "<a b@c>",
            "<a@b c>",
            "<a@b@c>",
            "<\"a@b>",
            "<a@b..c>",
            "<@a a@b>",
            "<@a b:a@b>",
            "< a@b>",
            "<a@[300.1.1.1]>",
        ];
        for text in cases {
            assert_eq!(parse_reverse_path(text), Err(SyntaxError::ReversePath), "{text:?}");
            assert_eq!(parse_forward_path(text), Err(SyntaxError::ForwardPath), "{text:?}");
        }
        // RFC 5321 §4.1.1.3: a forward-path is never empty.
        assert_eq!(parse_forward_path("<>"), Err(SyntaxError::ForwardPath));
    }
}
