//! `docs/rfc-coverage.md`: for each RFC, which sections the code obeys, and where.

use std::fmt::Write as _;

use super::Cited;
use super::citations::Citation;
use super::texts::Texts;

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask rfc`; edit the citations in the code instead. -->
# RFC coverage

Each line is a section that the code cites, and the places that obey it. `partial` means that a
place says `DEVIATION(RFC nnnn §x.y)` and why. A section that is not listed is either prose that
asks for nothing, or not served.
";

/// The whole document.
pub(super) fn render(cited: &Cited, texts: &Texts) -> String {
    let mut out = INTRODUCTION.to_owned();
    for (&rfc, sections) in cited {
        // Writing to a string does not fail.
        let _ = write!(out, "\n## RFC {rfc} {}\n\n", texts.title(rfc));
        if let Some(count) = texts.section_count(rfc) {
            let _ = write!(out, "Cited: {} of {count} numbered sections.\n\n", sections.len());
        }
        out.push_str("| section | heading | status | where |\n|---|---|---|---|\n");
        for (section, citations) in sections {
            let status = match citations.iter().any(|citation| citation.deviates) {
                true => "partial",
                false => "yes",
            };
            let heading = texts.heading(rfc, section).replace('|', "\\|");
            let _ = writeln!(out, "| {section} | {heading} | {status} | {} |", places(citations));
        }
    }
    out
}

/// `path:1,2,3` for each file.
fn places(citations: &[Citation]) -> String {
    let mut out = String::new();
    let mut last = None;
    for citation in citations {
        if last == Some(&citation.path) {
            let _ = write!(out, ",{}", citation.line);
        } else {
            let separator = if last.is_some() { " " } else { "" };
            let _ = write!(out, "{separator}{}:{}", citation.path, citation.line);
        }
        last = Some(&citation.path);
    }
    out
}

/// The document without line numbers.
pub(super) fn without_lines(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut skipping = false;
    for line in document.lines() {
        let mut previous = "";
        for word in line.split(' ') {
            let kept = word.split_once(".rs:").map_or(word, |(file, _)| file);
            if !(skipping && kept == previous) {
                out.push_str(kept);
                out.push(' ');
            }
            previous = kept;
            skipping = kept != word;
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_numbers_do_not_count() {
        let before = "| 6.4.5 | FETCH | yes | a/b.rs:1,2,3 c.rs:9 |\n";
        let after = "| 6.4.5 | FETCH | yes | a/b.rs:7 c.rs:11,12 |\n";
        assert_eq!(without_lines(before), without_lines(after));
        assert_ne!(without_lines(before), without_lines("| 6.4.5 | FETCH | yes | a/b.rs:7 |\n"));
    }
}
