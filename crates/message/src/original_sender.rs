//! Who a reverse-path is of, where a server wrote it another way so that bounces can be told from
//! what only says that it is one: tagged (draft-levine-smtp-batv), or rewritten for another hop
//! (SRS).
//!
//! **Absent:** whether the tag is right, which only who wrote it knows.

use std::borrow::Cow;

/// LIMIT: ways in which one path is written at a time: a tagged one that was rewritten twice has
/// three.
const LAYERS_MAX: usize = 4;

/// The address that stands in a reverse-path, without what servers put around it:
/// `prvs=KDDDSSSSSS=local@domain`, `SRS0=hash=time=domain=local@…` and
/// `SRS1=hash=host==hash=time=domain=local@…`. What is none of these is itself.
pub fn original_sender(path: &str) -> Cow<'_, str> {
    let mut found = Cow::Borrowed(path);
    for _ in 0..LAYERS_MAX {
        let inner = found.rsplit_once('@').and_then(|(local, domain)| {
            let tagged = untagged(local).map(|local| format!("{local}@{domain}"));
            tagged.or_else(|| rewritten(local))
        });
        match inner {
            Some(inner) => found = Cow::Owned(inner),
            None => break,
        }
    }
    found
}

/// `prvs = "prvs=" tag-val "=" local-part`, `tag-val = K DDD SSSSSS` (draft-levine-smtp-batv §4).
fn untagged(local: &str) -> Option<&str> {
    let (tag, rest) = after(local, "prvs=")?.split_once('=')?;
    let (day, hash) = tag.split_at_checked(4)?;
    let is_tag = day.bytes().all(|byte| byte.is_ascii_digit())
        && hash.len() == 6
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_tag && !rest.is_empty()).then_some(rest)
}

/// The address that a local part of SRS stands for.
fn rewritten(local: &str) -> Option<String> {
    if let Some(rest) = after(local, "SRS1").and_then(after_separator) {
        // What followed `SRS0` of the first hop begins with its separator.
        let mut parts = rest.splitn(3, '=');
        let (_hash, _host) = (parts.next()?, parts.next()?);
        return first_hop(parts.next()?);
    }
    first_hop(after(local, "SRS0")?)
}

fn first_hop(rest: &str) -> Option<String> {
    let mut parts = after_separator(rest)?.splitn(4, '=');
    let (_hash, _time) = (parts.next()?, parts.next()?);
    let (domain, local) = (parts.next()?, parts.next()?);
    (!domain.is_empty() && !local.is_empty()).then(|| format!("{local}@{domain}"))
}

/// What follows the first separator, which is one of three; those after it are `=`.
fn after_separator(text: &str) -> Option<&str> {
    text.strip_prefix(['=', '+', '-'])
}

fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_put_around_a_sender_is_taken_away() {
        for (path, expect) in [
            ("alice@x.test", "alice@x.test"),
            ("prvs=1234abcdef=alice@x.test", "alice@x.test"),
            ("PRVS=0321AB12CD=Alice+a=b@x.test", "Alice+a=b@x.test"),
            // No tag.
            ("prvs=123abcdef=alice@x.test", "prvs=123abcdef=alice@x.test"),
            ("prvs=1234abcdeg=alice@x.test", "prvs=1234abcdeg=alice@x.test"),
            ("prvs=1234abcdef=@x.test", "prvs=1234abcdef=@x.test"),
            ("prvs=\u{e9}\u{e9}\u{e9}=alice@x.test", "prvs=\u{e9}\u{e9}\u{e9}=alice@x.test"),
            ("SRS0=HHHH=TT=x.test=alice@hop.test", "alice@x.test"),
            ("srs0+hhhh=tt=x.test=alice=b@hop.test", "alice=b@x.test"),
            ("SRS1=HHHH=one.test==HHHH=TT=x.test=alice@two.test", "alice@x.test"),
            ("SRS1-HHHH=one.test=-HHHH=TT=x.test=alice@two.test", "alice@x.test"),
            ("SRS0=HHHH=TT=x.test=prvs=1234abcdef=alice@hop.test", "alice@x.test"),
            ("SRS0=HHHH=TT=alice@hop.test", "SRS0=HHHH=TT=alice@hop.test"),
            ("SRS0=HHHH=TT==alice@hop.test", "SRS0=HHHH=TT==alice@hop.test"),
            ("srs0team@x.test", "srs0team@x.test"),
            ("", ""),
            ("prvs=", "prvs="),
        ] {
            assert_eq!(original_sender(path), expect, "{path}");
        }
    }
}
