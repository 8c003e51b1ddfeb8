//! One reply: code, enhanced code, text (RFC 5321 §4.2, RFC 2034 §4).

use std::borrow::Cow;

/// An enhanced status code, RFC 3463 §2: class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced(pub u8, pub u8, pub u8);

/// A reply of one line. Its text is fixed, but for what checks of content say; nothing a peer
/// sent is ever echoed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three-digit code, RFC 5321 §4.2.1.
    pub code: u16,
    /// The enhanced code; absent only where RFC 2034 §4 leaves it out (greeting, HELO, EHLO,
    /// LHLO and intermediate replies).
    pub enhanced: Option<Enhanced>,
    /// The text for people.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// A reply with an enhanced code.
    pub const fn new(code: u16, enhanced: Enhanced, text: &'static str) -> Self {
        Self { code, enhanced: Some(enhanced), text: Cow::Borrowed(text) }
    }

    /// A reply without one.
    pub const fn plain(code: u16, text: &'static str) -> Self {
        Self { code, enhanced: None, text: Cow::Borrowed(text) }
    }

    /// True for 4xx: the client should try again later.
    pub const fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// Appends the line to `out`.
    pub fn render(&self, out: &mut Vec<u8>) {
        render_code(self.code, b' ', out);
        if let Some(Enhanced(class, subject, detail)) = self.enhanced {
            render_number(class, out);
            out.push(b'.');
            render_number(subject, out);
            out.push(b'.');
            render_number(detail, out);
            out.push(b' ');
        }
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the reply to a message that is on stable storage; the id stands in our log and in
/// the message's Received field too.
pub(crate) fn render_stored(id: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"250 2.0.0 Stored, id ");
    for shift in (0..64).step_by(4).rev() {
        let digit = (id >> shift & 15) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
    out.extend_from_slice(b"\r\n");
}

/// `code` and the separator: a hyphen for every line but the last, RFC 5321 §4.2.1.
pub(super) fn render_code(code: u16, separator: u8, out: &mut Vec<u8>) {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[digit(code / 100), digit(code / 10), digit(code), separator]);
}

fn render_number(value: u8, out: &mut Vec<u8>) {
    if value >= 100 {
        out.push(b'0' + value / 100);
    }
    if value >= 10 {
        out.push(b'0' + value / 10 % 10);
    }
    out.push(b'0' + value % 10);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_their_exact_form() {
        let mut out = Vec::new();
        Reply::new(250, Enhanced(2, 1, 0), "Sender accepted").render(&mut out);
        Reply::plain(354, "Go on").render(&mut out);
        Reply::new(550, Enhanced(5, 7, 128), "No").render(&mut out);
        Reply::new(421, Enhanced(4, 7, 10), "No").render(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "250 2.1.0 Sender accepted\r\n354 Go on\r\n550 5.7.128 No\r\n421 4.7.10 No\r\n"
        );
    }
}
