//! Responses (RFC 5804 §1.2, RFC 5804 §1.3).

/// A response code (RFC 5804 §1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    Active,
    AlreadyExists,
    EncryptNeeded,
    Nonexistent,
    Quota,
    QuotaMaxScripts,
    QuotaMaxSize,
    /// The response code TAG with the string that NOOP had (RFC 5804 §2.13).
    Tag(Vec<u8>),
    TryLater,
    /// A script is taken, and something in it is not what its author may think.
    Warnings,
}

impl Code {
    fn render(&self, out: &mut Vec<u8>) {
        let name = match self {
            Self::Active => "ACTIVE",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::EncryptNeeded => "ENCRYPT-NEEDED",
            Self::Nonexistent => "NONEXISTENT",
            Self::Quota => "QUOTA",
            Self::QuotaMaxScripts => "QUOTA/MAXSCRIPTS",
            Self::QuotaMaxSize => "QUOTA/MAXSIZE",
            Self::Tag(tag) => {
                out.extend_from_slice(b"TAG ");
                return string(tag, out);
            }
            Self::TryLater => "TRYLATER",
            Self::Warnings => "WARNINGS",
        };
        out.extend_from_slice(name.as_bytes());
    }
}

/// `OK`, `NO` or `BYE` with what belongs to it.
pub(crate) fn response(status: &str, code: Option<&Code>, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(status.as_bytes());
    if let Some(code) = code {
        out.extend_from_slice(b" (");
        code.render(out);
        out.push(b')');
    }
    if !text.is_empty() {
        out.push(b' ');
        // QUIRK(python managesieve, 0.8.1): it fails over a quoted string with escapes in it.
        match text.contains(['"', '\\']) {
            true => literal(text.as_bytes(), out),
            false => string(text.as_bytes(), out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// LIMIT: RFC 5804 §4, `quoted`: 1,024 characters between the quotes.
const QUOTED_BYTES_MAX: usize = 1024;

/// A string: quoted where it can be, else as a literal.
pub(crate) fn string(text: &[u8], out: &mut Vec<u8>) {
    let quotable = text.len() <= QUOTED_BYTES_MAX
        && !text.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n'))
        && std::str::from_utf8(text).is_ok();
    if !quotable {
        return literal(text, out);
    }
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// `"{" number "}" CRLF *OCTET` (RFC 5804 §4, `literal-s2c`)
pub(crate) fn literal(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_rendered() {
        for (status, code, text, expect) in [
            ("OK", None, "", "OK\r\n"),
            ("OK", None, "done \"x\\\"", "OK {9}\r\ndone \"x\\\"\r\n"),
            ("NO", Some(Code::QuotaMaxSize), "too big", "NO (QUOTA/MAXSIZE) \"too big\"\r\n"),
            ("NO", None, "a\r\nb", "NO {4}\r\na\r\nb\r\n"),
            // RFC 5804 §2.13
            (
                "OK",
                Some(Code::Tag(b"STARTTLS-SYNC-42".to_vec())),
                "Done",
                "OK (TAG \"STARTTLS-SYNC-42\") \"Done\"\r\n",
            ),
        ] {
            let mut out = Vec::new();
            response(status, code.as_ref(), text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }
}
