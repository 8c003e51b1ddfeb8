//! Files that have grown too large to read, and comment lines that rustfmt leaves too long.

use crate::tree::{Finding, Source};

/// LIMIT: the house style splits files above 800 lines; most have 150 to 250.
const LINES_MAX: usize = 800;
/// LIMIT: `max_width` of rustfmt.toml, in characters; rustfmt does not wrap comments.
const COMMENT_CHARS_MAX: usize = 100;

/// Checks the length of every source file, and of every line that is a comment.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .flat_map(|source| too_long(source).into_iter().chain(wide_comments(source)))
        .collect()
}

fn too_long(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let what = || format!("{lines} lines; split above {LINES_MAX}");
    (lines > LINES_MAX).then(|| Finding::new(&source.path, what()))
}

fn wide_comments(source: &Source) -> impl Iterator<Item = Finding> + '_ {
    source.lines().filter(|(_, line)| is_wide_comment(line)).map(|(number, line)| {
        let chars = line.chars().count();
        let place = format!("{}:{number}", source.path);
        Finding::new(place, format!("a comment of {chars} characters; wrap at {COMMENT_CHARS_MAX}"))
    })
}

/// Whether a line is a comment that can be wrapped and is not: rows of tables and bare URLs
/// cannot.
fn is_wide_comment(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    if line.chars().count() <= COMMENT_CHARS_MAX {
        return false;
    }
    let text = comment.trim_start_matches(['/', '!']).trim();
    let is_table = comment.starts_with("! |");
    let is_url = text.contains("://") && !text.contains(char::is_whitespace);
    !is_table && !is_url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_wrapped() {
        let words = "word ".repeat(20);
        let url = format!("https://example.test/{}", "x".repeat(100));
        for (line, is_wide) in [
            (format!("// {words}"), true),
            (format!("    /// {words}"), true),
            (format!("//! {words}"), true),
            (format!("// {}", "é".repeat(97)), false),
            (format!("// {}", "é".repeat(98)), true),
            (format!("//! | {words} |"), false),
            (format!("/// <{url}>"), false),
            (format!("/// See {url}"), true),
            (format!("let text = \"{words}\"; // short"), false),
        ] {
            assert_eq!(is_wide_comment(&line), is_wide, "{line}");
        }
    }
}
