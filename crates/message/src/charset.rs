//! Labels of character sets, with those that are in use beside the ones mail-parser knows.

use mail_parser::Charset;

/// The character set of a label; `None` where nothing here decodes it, as with `cp437` and
/// `cp852`.
pub(crate) fn charset_of(label: &[u8]) -> Option<Charset> {
    // Code pages by their numbers, as programs of Windows, Java and Python name them.
    const ALIASES: [(&str, Charset); 14] = [
        ("cp932", Charset::ShiftJis),
        ("cp-932", Charset::ShiftJis),
        ("x-ms-cp932", Charset::ShiftJis),
        ("windows-932", Charset::ShiftJis),
        ("ms932", Charset::ShiftJis),
        ("windows-31j", Charset::ShiftJis),
        ("cswindows31j", Charset::ShiftJis),
        ("cp950", Charset::Big5),
        ("windows-950", Charset::Big5),
        ("cp874", Charset::Windows874),
        ("cp-850", Charset::Ibm850),
        ("cp-866", Charset::Ibm866),
        ("cp20866", Charset::Koi8R),
        ("cp65001", Charset::Utf8),
    ];
    let is_it = |(alias, _): &&(&str, Charset)| alias.as_bytes().eq_ignore_ascii_case(label);
    Charset::from_label(label).or_else(|| ALIASES.iter().find(is_it).map(|(_, charset)| *charset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_beside_the_registered_ones() {
        for label in ["cp932", "CP932", "ms932", "Windows-31J", "csWindows31J", "Shift_JIS"] {
            let decoded = charset_of(label.as_bytes()).unwrap().decode(b"\x93\xfa\x96\x7b");
            assert_eq!(decoded, "日本", "{label}");
        }
        assert_eq!(charset_of(b"cp850"), Some(Charset::Ibm850));
        assert_eq!(charset_of(b"IBM866"), Some(Charset::Ibm866));
        for label in ["", "cp437", "cp852", "x-nothing"] {
            assert_eq!(charset_of(label.as_bytes()), None, "{label}");
        }
    }
}
