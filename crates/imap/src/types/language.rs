//! Languages that answers to people can be in (RFC 5255 §3).

/// A language of human-readable texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// `i-default` (RFC 2277 §4.5): English in ASCII for everybody.
    #[default]
    Default,
    /// `en`.
    English,
    /// `de`.
    German,
}

impl Language {
    /// All, in the order they are listed.
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::Default];

    /// Its tag (RFC 4646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Default => "i-default",
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language that a range names, by the lookup of RFC 4647 §3.4: `de-AT` finds `de`.
    pub fn lookup(range: &str) -> Option<Self> {
        // RFC 5255 §3.2: "default" is what the administrator prefers.
        if range.eq_ignore_ascii_case("default") {
            return Some(Self::Default);
        }
        let mut range = range;
        loop {
            let found = Self::ALL.into_iter().find(|known| known.tag().eq_ignore_ascii_case(range));
            match (found, range.rsplit_once('-')) {
                (Some(language), _) => return Some(language),
                (None, Some((shorter, _))) => range = shorter,
                (None, None) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_find_the_nearest_language() {
        for (range, expect) in [
            ("de", Some(Language::German)),
            ("DE-at-1996", Some(Language::German)),
            ("en-CA", Some(Language::English)),
            ("i-default", Some(Language::Default)),
            ("Default", Some(Language::Default)),
            ("MUL", None),
            ("d", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(Language::lookup(range), expect, "{range}");
        }
    }
}
