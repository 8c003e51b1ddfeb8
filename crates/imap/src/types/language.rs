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

    /// The first of these ranges that names a language.
    pub fn first_of(ranges: &[String]) -> Option<Self> {
        let last = ranges.len().saturating_sub(1);
        ranges.iter().enumerate().find_map(|(at, range)| match range.as_str() {
            // RFC 4647 §3.4: `*` is passed over where others follow, and else the default.
            "*" => (at == last).then_some(Self::Default),
            range => Self::lookup(range),
        })
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

    #[test]
    fn any_language_is_the_default_where_no_other_is_asked_for() {
        for (ranges, expect) in [
            (&["*"][..], Some(Language::Default)),
            (&["*", "de"], Some(Language::German)),
            (&["fr", "*"], Some(Language::Default)),
            (&["*", "fr"], None),
            (&["de-*-AT"], Some(Language::German)),
        ] {
            let asked: Vec<String> = ranges.iter().map(|range| (*range).to_owned()).collect();
            assert_eq!(Language::first_of(&asked), expect, "{ranges:?}");
        }
    }
}
