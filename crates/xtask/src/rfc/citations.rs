//! Finding `RFC nnnn §x.y` in a line of text.

use super::texts::Section;

/// One citation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Citation {
    pub(super) rfc: u32,
    pub(super) section: Section,
    pub(super) path: String,
    pub(super) line: usize,
    /// The line says that the section is not followed to the letter.
    pub(super) deviates: bool,
}

impl Citation {
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// The citations in one line. `RFC 9051 §6.4.4, §6.4.5` and `RFC 9051 §6.4.4 and §6.4.5` are two.
pub(super) fn find(path: &str, line: usize, text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("RFC ") {
        let Some((rfc, mut rest)) = number(&text[at + 4..]) else { continue };
        let deviates = text[..at].ends_with("DEVIATION(");
        let mut separators: &[&str] = &[" "];
        while let Some((section, after)) = section(rest, separators) {
            found.push(Citation { rfc, section, path: path.to_owned(), line, deviates });
            rest = after;
            separators = &[", ", " and ", ", and ", " or ", "/", "–"];
        }
    }
    found
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// `§`, then components of letters or digits joined by single dots.
fn section<'a>(text: &'a str, separators: &[&str]) -> Option<(Section, &'a str)> {
    let text = separators
        .iter()
        .find_map(|separator| text.strip_prefix(separator).filter(|rest| rest.starts_with('§')))?;
    let text = text.strip_prefix('§')?;
    let mut end = 0;
    loop {
        let component = text[end..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        if component == 0 {
            break;
        }
        end += component;
        let more = text[end..].strip_prefix('.');
        if !more.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
            break;
        }
        end += 1;
    }
    let section = Section::parse(&text[..end])?;
    Some((section, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = find("a.rs", 1, text)
            .into_iter()
            .map(|citation| format!("{} {}", citation.rfc, citation.section))
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn finds_citations() {
        check("// RFC 9051 §6.4.5: seen", &["9051 6.4.5"]);
        check("// RFC 5321 §4.1.1.4. A sentence ends.", &["5321 4.1.1.4"]);
        check("(RFC 9051 §6.4.4, §6.4.5 and §7)", &["9051 6.4.4", "9051 6.4.5", "9051 7"]);
        check("RFC 5322 §3.4 and RFC 6532 §3.2", &["5322 3.4", "6532 3.2"]);
        check("RFC 9051 §A.1", &["9051 A.1"]);
        check("RFC 5256 and §3", &[]);
        check("RFC 3501", &[]);
    }

    #[test]
    fn a_deviation_is_marked() {
        assert!(find("a.rs", 1, "// DEVIATION(RFC 9051 §6.3.1): why")[0].deviates);
        assert!(!find("a.rs", 1, "// RFC 9051 §6.3.1: why")[0].deviates);
    }
}
