//! The languages of replies (RFC 6856 §3).

/// Tag and name of each language there is.
const LANGUAGES: &[(&str, &str)] = &[("en", "English")];

/// The response to LANG alone: a language listing.
pub(crate) fn render_languages(out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK Language listing follows\r\n");
    for (tag, name) in LANGUAGES {
        out.extend_from_slice(format!("{tag} {name}\r\n").as_bytes());
    }
    out.extend_from_slice(b".\r\n");
}

/// The tag that fits a basic language range best, found as by RFC 4647 §3.4: the range loses
/// subtags at its end until something matches. `*` is the language the administrator prefers.
pub(crate) fn find_language(range: &str) -> Option<&'static str> {
    let mut range = if range == "*" { "en" } else { range };
    loop {
        let found = LANGUAGES.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(range));
        if let Some((tag, _)) = found {
            return Some(tag);
        }
        range = range.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, expect) in [
            ("en", Some("en")),
            ("EN", Some("en")),
            ("*", Some("en")),
            ("en-GB", Some("en")),
            ("en-boont-x-y", Some("en")),
            ("MUL", None),
            ("uga", None),
            ("english", None),
            ("-en", None),
            ("", None),
            ("e", None),
        ] {
            assert_eq!(find_language(range), expect, "{range}");
        }
    }
}
