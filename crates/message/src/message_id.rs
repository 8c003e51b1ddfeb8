//! Message ids in the one form THREAD compares (RFC 5256 §3): without brackets and quoting.

/// LIMIT: a line of RFC 5322 §2.1.1; a longer id was broken by somebody.
const ID_BYTES_MAX: usize = 998;

/// The first id of a field; `None` where there is no valid one.
pub(crate) fn first_message_id(raw_value: &[u8]) -> Option<String> {
    MessageIds { rest: raw_value }.next()
}

/// The ids of a field in order. Of more than `max` the first and the last are kept: the root
/// of the thread and the nearest ancestors.
pub(crate) fn message_ids(raw_value: &[u8], max: usize) -> Vec<String> {
    let mut ids: Vec<String> = MessageIds { rest: raw_value }.collect();
    if ids.len() > max {
        ids.drain(max.min(1)..ids.len() - max.saturating_sub(1));
    }
    ids
}

struct MessageIds<'a> {
    rest: &'a [u8],
}

impl Iterator for MessageIds<'_> {
    type Item = String;

    // msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS] (RFC 5322 §3.6.4); phrases between
    // ids (RFC 5322 §4.5.4) are skipped.
    fn next(&mut self) -> Option<String> {
        loop {
            let open = self.rest.iter().position(|&byte| byte == b'<')?;
            self.rest = self.rest.get(open + 1..)?;
            let mut id = Vec::new();
            let mut quoted = false;
            let mut escaped = false;
            let mut len = 0;
            for &byte in self.rest {
                match byte {
                    b'>' if !quoted => break,
                    // Another id begins: this one was never closed.
                    b'<' if !quoted => break,
                    b'"' if !escaped => quoted = !quoted,
                    b'\\' if quoted && !escaped => escaped = true,
                    _ => {
                        escaped = false;
                        if byte > b' ' && byte != 127 {
                            id.push(byte);
                        }
                    }
                }
                len += 1;
            }
            self.rest = self.rest.get(len..)?;
            let is_closed = self.rest.first() == Some(&b'>');
            if is_closed && id.contains(&b'@') && id.len() <= ID_BYTES_MAX {
                return Some(String::from_utf8_lossy(&id).into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_normalized() {
        for (raw, expect) in [
            ("<a@b>", &["a@b"][..]),
            // RFC 5256 §3
            (
                " <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>\r\n\t<01KF8JCEOCBS0045PS@xxx.yyy.com>",
                &["01KF8JCEOCBS0045PS@xxx.yyy.com", "01KF8JCEOCBS0045PS@xxx.yyy.com"],
            ),
            ("Your message of \"Mon\" <a@b>, <c @ d>", &["a@b", "c@d"]),
            ("<\"a>\\\"b\"@c>", &["a>\"b@c"]),
            ("<a\r\n @b>", &["a@b"]),
            ("<nothing> <> <a@b <c@d>", &["c@d"]),
            ("a@b", &[]),
            ("<a@b", &[]),
            ("", &[]),
        ] {
            assert_eq!(message_ids(raw.as_bytes(), 10), expect, "{raw}");
            assert_eq!(first_message_id(raw.as_bytes()).as_deref(), expect.first().copied());
        }
    }

    #[test]
    fn the_root_and_the_nearest_are_kept() {
        let raw: String = (0..10).map(|n| format!("<{n}@x>")).collect();
        assert_eq!(message_ids(raw.as_bytes(), 3), ["0@x", "8@x", "9@x"]);
        assert_eq!(message_ids(raw.as_bytes(), 1), ["0@x"]);
        assert_eq!(message_ids(raw.as_bytes(), 0), [""; 0]);
        assert!(message_ids(&b"<".repeat(1_000_000), 3).is_empty());
        assert!(message_ids(&b"<\"".repeat(1_000_000), 3).is_empty());
    }
}
