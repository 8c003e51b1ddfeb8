//! The THREAD response (RFC 5256 §4).

use super::number;

/// A piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadPart {
    /// A list begins.
    Open,
    /// A member of it: the child of the one before.
    Number(u32),
    /// A list ends.
    Close,
}

/// `thread-data = "THREAD" [SP 1*thread-list]` (RFC 5256 §5), the whole untagged line. `parts`
/// hands over the lists.
pub fn thread(out: &mut Vec<u8>, parts: impl FnOnce(&mut dyn FnMut(ThreadPart))) {
    out.extend_from_slice(b"* THREAD");
    let mut last = None;
    parts(&mut |part| {
        match part {
            // `thread-members = nz-number *(SP nz-number) [SP thread-nested]`
            ThreadPart::Open if matches!(last, None | Some(ThreadPart::Number(_))) => {
                out.extend_from_slice(b" (");
            }
            ThreadPart::Open => out.push(b'('),
            ThreadPart::Close => out.push(b')'),
            ThreadPart::Number(value) => {
                if matches!(last, Some(ThreadPart::Number(_))) {
                    out.push(b' ');
                }
                number(out, value);
            }
        }
        last = Some(part);
    });
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::ThreadPart::{Close, Number, Open};
    use super::*;

    #[test]
    fn threads_as_in_rfc_5256() {
        for (parts, expect) in [
            (&[][..], "* THREAD\r\n"),
            (
                &[
                    Open,
                    Number(2),
                    Close,
                    Open,
                    Number(3),
                    Number(6),
                    Open,
                    Number(4),
                    Number(23),
                    Close,
                    Open,
                    Number(44),
                    Number(7),
                    Number(96),
                    Close,
                    Close,
                ],
                "* THREAD (2)(3 6 (4 23)(44 7 96))\r\n",
            ),
            (
                &[Open, Open, Number(3), Close, Open, Number(5), Close, Close],
                "* THREAD ((3)(5))\r\n",
            ),
        ] {
            let mut out = Vec::new();
            thread(&mut out, |each| parts.iter().for_each(|part| each(*part)));
            assert_eq!(String::from_utf8_lossy(&out), expect);
        }
    }
}
