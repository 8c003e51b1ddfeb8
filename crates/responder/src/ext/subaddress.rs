//! `subaddress` (RFC 5233): `:user` and `:detail` of a local part.

use crate::base::address::AddressPart;
use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::ScriptError;

/// ADDRESS-PART =/ ":user" / ":detail"
pub(crate) fn take(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<Vec<AddressPart>, ScriptError> {
    let mut parts = Vec::new();
    for (name, part) in [("user", AddressPart::User), ("detail", AddressPart::Detail)] {
        let found = arguments.tag_of(compiler, name, Capability::Subaddress)?;
        parts.extend(found.map(|_| part));
    }
    Ok(parts)
}

/// User and detail (RFC 5233 §4). The same separator divides addresses where mail is delivered.
pub(crate) fn split(local: &str, separator: char) -> (&str, Option<&str>) {
    let mut chars = local.char_indices().skip(1);
    match chars.find(|(_, char)| *char == separator) {
        Some((at, _)) => {
            let (user, rest) = local.split_at(at);
            (user, rest.strip_prefix(separator))
        }
        None => (local, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts_are_split() {
        // RFC 5233 §4
        for (local, expect) in [
            ("ken+sieve", ("ken", Some("sieve"))),
            ("ken", ("ken", None)),
            ("ken+", ("ken", Some(""))),
            ("+ken", ("+ken", None)),
            ("ken+a+b", ("ken", Some("a+b"))),
            ("é+x", ("é", Some("x"))),
            ("", ("", None)),
        ] {
            assert_eq!(split(local, '+'), expect, "{local}");
        }
    }
}
