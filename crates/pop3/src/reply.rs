//! Single-line replies: `+OK` or `-ERR` with a response code (RFC 2449 §8).

/// What a program can learn from an `-ERR` beyond that (RFC 2449 §8, RFC 3206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// RFC 3206 §5: the name or the password is the matter.
    Auth,
    /// RFC 3206 §4: ours is the fault, and later it may work.
    SysTemp,
    /// RFC 3206 §4: ours is the fault, and somebody has to look after it.
    SysPerm,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "[AUTH] ",
            Self::SysTemp => "[SYS/TEMP] ",
            Self::SysPerm => "[SYS/PERM] ",
        }
    }
}

/// `+OK`, a space and a text. The text must not begin with `[` (RFC 2449 §6.4).
pub(crate) fn render_ok(out: &mut Vec<u8>, text: &str) {
    debug_assert!(!text.starts_with('['), "{text}");
    render(out, "+OK", "", text);
}

/// `-ERR`, a space, the code and a text.
pub(crate) fn render_err(out: &mut Vec<u8>, code: Option<Code>, text: &str) {
    render(out, "-ERR", code.map_or("", Code::as_str), text);
}

/// Texts are ours and short: RFC 1939 §3 has 512 octets for the line.
fn render(out: &mut Vec<u8>, status: &str, code: &str, text: &str) {
    debug_assert!(text.len() < 450 && !text.contains(['\r', '\n']), "{text}");
    out.extend_from_slice(status.as_bytes());
    if !(code.is_empty() && text.is_empty()) {
        out.push(b' ');
    }
    out.extend_from_slice(code.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `1 message`, `2 messages`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        render_ok(&mut out, "");
        render_ok(&mut out, "2 320");
        render_err(&mut out, None, "No such message");
        render_err(&mut out, Some(Code::Auth), "Wrong");
        render_err(&mut out, Some(Code::SysTemp), "Later");
        render_err(&mut out, Some(Code::SysPerm), "Call us");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "+OK\r\n+OK 2 320\r\n-ERR No such message\r\n-ERR [AUTH] Wrong\r\n\
             -ERR [SYS/TEMP] Later\r\n-ERR [SYS/PERM] Call us\r\n"
        );
    }
}
