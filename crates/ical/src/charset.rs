//! Decodes files that are not in UTF-8: UTF-16 with its mark, else Windows-1252, as old programs
//! write.

use std::borrow::Cow;

use crate::fold::{logical_lines, unfold};

/// UTF-16, which says so at its beginning (RFC 2781 §3.2).
pub(crate) fn utf_16(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => Some(wide(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(wide(rest, u16::from_be_bytes)),
        _ => None,
    }
}

/// Windows-1252, of which ISO 8859-1 is a part and which every byte is.
pub(crate) fn windows_1252(bytes: &[u8]) -> String {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let letter = |byte: u8| {
        let high = usize::from(byte).checked_sub(0x80).and_then(|at| HIGH.get(at));
        high.copied().unwrap_or(char::from(byte))
    };
    bytes.iter().map(|byte| letter(*byte)).collect()
}

/// A file of content lines in UTF-8: as it is, or out of UTF-16, or out of Windows-1252.
///
/// QUIRK(Outlook): vCards in the letters of Windows. A file that has other letters in UTF-8 is not
/// in these: what is wrong in it stays so, and is refused by who reads it.
pub(crate) fn in_utf_8(bytes: &[u8]) -> Cow<'_, [u8]> {
    if let Some(text) = utf_16(bytes) {
        return Cow::Owned(text.into_bytes());
    }
    let is_other = |raw: &[u8]| !raw.is_ascii() && std::str::from_utf8(&unfold(raw)).is_ok();
    match std::str::from_utf8(bytes).is_ok() || logical_lines(bytes).any(is_other) {
        true => Cow::Borrowed(bytes),
        false => Cow::Owned(windows_1252(bytes).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_letters_are_read() {
        for (bytes, expect) in [
            (&b"FN:J\xc3\xb6rg\n"[..], "FN:Jörg\n"),
            (b"\xff\xfeF\0N\0:\0\xf6\0\x3d\xd8\x00\xde\n\0", "FN:ö😀\n"),
            (b"\xfe\xff\0F\0N\0:\0\xf6\0\n", "FN:ö\n"),
            (b"\xff\xfe\x00\xd8\n\0x", "\u{fffd}\n"),
            (b"FN:J\xf6rg \x80\nNOTE:\x93a\x94\n", "FN:Jörg €\nNOTE:“a”\n"),
            (b"", ""),
        ] {
            assert_eq!(in_utf_8(bytes), expect.as_bytes(), "{expect}");
        }
        // Damaged, or folded within a character.
        for bytes in [&b"FN:J\xc3\xb6rg\nNOTE:\xff\n"[..], b"FN:J\xc3\n \xb6rg\nN:a\n"] {
            assert_eq!(in_utf_8(bytes), bytes);
        }
    }
}
