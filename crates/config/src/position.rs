//! Where an option stands in a file that was read, for what turns out to be wrong with it later.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of an option, counted from 1: of the key in `table` (empty: the top of the file), of
/// tables that stand several times in the one after `nth` others. Where the option is not in the
/// file, the line on which its table begins.
pub fn line_of(text: &str, table: &str, nth: usize, key: &str) -> usize {
    let (root, _) = DeTable::parse_recoverable(text);
    let offset = offset_of(root.get_ref(), table, nth, key).unwrap_or(0);
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn offset_of(root: &DeTable<'_>, table: &str, nth: usize, key: &str) -> Option<usize> {
    if table.is_empty() {
        return root.get(key).map(start);
    }
    let found = root.get(table)?;
    let found = match found.get_ref() {
        DeValue::Array(tables) => tables.get(nth)?,
        _ => found,
    };
    let option = match found.get_ref() {
        DeValue::Table(options) => options.get(key).map(start),
        _ => None,
    };
    option.or(Some(start(found)))
}

fn start(value: &Spanned<DeValue<'_>>) -> usize {
    value.span().start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_where_they_stand() {
        let text = "hostname = \"a.test\"\n\n[tls]\n# its files\nkey = \"k\"\n\n\
                    [[route]]\ndomain = \"*\"\n[[route]]\ndomain = \"b.test\"\nhost = \"c.test\"\n";
        for (table, nth, key, line) in [
            ("", 0, "hostname", 1),
            ("", 0, "web_url", 1),
            ("tls", 0, "key", 5),
            ("tls", 0, "certificate", 3),
            ("route", 0, "domain", 8),
            ("route", 1, "domain", 10),
            ("route", 1, "user", 9),
            ("queue", 0, "dns", 1),
        ] {
            assert_eq!(line_of(text, table, nth, key), line, "{table} {nth} {key}");
        }
    }
}
