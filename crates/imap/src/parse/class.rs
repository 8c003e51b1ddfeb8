//! The character classes of RFC 9051 §9, as one bit of each byte's entry in a table.

const ATOM: u8 = 1;
const ASTRING: u8 = 2;
const TAG: u8 = 4;
const LIST: u8 = 8;
const QUOTED: u8 = 16;

const CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, index below 256")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        let mut class = 0;
        let special =
            matches!(byte as u8, b'(' | b')' | b'{' | b' ' | b'%' | b'*' | b'"' | b'\\' | b']');
        if !special {
            class |= ATOM;
        }
        if !special || byte as u8 == b']' {
            class |= ASTRING | LIST;
            if byte as u8 != b'+' {
                class |= TAG;
            }
        }
        if matches!(byte as u8, b'%' | b'*') {
            class |= LIST;
        }
        if !matches!(byte as u8, b'"' | b'\\') {
            class |= QUOTED;
        }
        table[byte] = class;
        byte += 1;
    }
    // TEXT-CHAR is any CHAR but CR and LF, so quoted strings may hold other controls.
    let mut control = 1;
    while control < 0x20 {
        if control != b'\r' as usize && control != b'\n' as usize {
            table[control] = QUOTED;
        }
        control += 1;
    }
    table[0x7f] = QUOTED;
    table
}

fn has(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|c| c & class != 0)
}

/// `ATOM-CHAR`.
pub(crate) fn is_atom(byte: u8) -> bool {
    has(byte, ATOM)
}

/// `ASTRING-CHAR`: an atom character or `]`.
pub(crate) fn is_astring(byte: u8) -> bool {
    has(byte, ASTRING)
}

/// A character of a tag: `ASTRING-CHAR` but `+`.
pub(crate) fn is_tag(byte: u8) -> bool {
    has(byte, TAG)
}

/// `list-char`.
pub(crate) fn is_list(byte: u8) -> bool {
    has(byte, LIST)
}

/// A 7-bit `QUOTED-CHAR` that needs no backslash.
pub(crate) fn is_quoted(byte: u8) -> bool {
    has(byte, QUOTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_grammar() {
        for byte in 0..=255_u8 {
            let printable = (0x21..0x7f).contains(&byte);
            let atom = printable && !b"(){%*\"\\]".contains(&byte);
            assert_eq!(is_atom(byte), atom, "{byte}");
            assert_eq!(is_astring(byte), atom || byte == b']', "{byte}");
            assert_eq!(is_tag(byte), (atom || byte == b']') && byte != b'+', "{byte}");
            assert_eq!(is_list(byte), atom || b"]%*".contains(&byte), "{byte}");
            let text = (1..0x80).contains(&byte) && !b"\r\n\"\\".contains(&byte);
            assert_eq!(is_quoted(byte), text, "{byte}");
        }
    }
}
