//! Mailboxes that come, go, or change their names, those of others that come into sight and go out
//! of it too.
//!
//! What happened is told by what the session could see before and can see now: names of others
//! that were never within its rights do not become known, and of several renames that fell into
//! one look only what came of them.

use std::collections::HashSet;

use ids::CollectionId;
use storage::MailboxName;

use super::known::Names;
use super::renames::{self, Pair, Told};

/// A change to what a client knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'t> {
    /// It went, and nothing goes by its name.
    Went(&'t MailboxName),
    /// It went, and another goes by its name now, which is told later on.
    GaveWay(&'t MailboxName),
    /// It has another name, and so has all that went along, which comes after it.
    Renamed(Vec<Pair<'t>>),
    /// It came.
    Came(&'t MailboxName),
}

/// What happened between two looks, the children of what was renamed with it (RFC 5465 §5.4), in an
/// order that leads from what there was to what there is.
pub(super) fn turns<'t>(before: &'t Names, now: &'t Names) -> Vec<Turn<'t>> {
    let kept: Vec<_> = before.iter().filter_map(|(id, old)| Some((old, now.get(id)?))).collect();
    let names: HashSet<&MailboxName> = now.values().collect();
    let Told { renamed, apart } = renames::told(kept);
    let went = before.iter().filter(|(id, _)| !now.contains_key(id)).map(|(_, name)| name);
    let came = now.iter().filter(|(id, _)| !before.contains_key(id)).map(|(_, name)| name);
    let went = went
        .chain(apart.iter().map(|(old, _)| *old))
        .map(|name| if names.contains(name) { Turn::GaveWay(name) } else { Turn::Went(name) });
    let came = came.chain(apart.iter().map(|(_, new)| *new)).map(Turn::Came);
    went.chain(renamed.into_iter().map(Turn::Renamed)).chain(came).collect()
}

/// The mailboxes that have a name they did not have before: those that came and those renamed,
/// the children of what was renamed too.
pub(super) fn named_anew(before: &Names, now: &Names) -> impl Iterator<Item = CollectionId> {
    now.iter().filter(|(id, name)| before.get(*id) != Some(*name)).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::renames::above;
    use super::*;

    fn names(names: &[(i64, &str)]) -> Names {
        let parse = |name: &str| MailboxName::parse(name).unwrap();
        names.iter().map(|(id, name)| (CollectionId::new(*id), parse(name))).collect()
    }

    #[test]
    fn what_was_in_sight_and_is() {
        let before = names(&[(1, "a"), (2, "a/b"), (3, "c"), (4, "d")]);
        let now = names(&[(1, "x"), (2, "x/b"), (3, "c"), (5, "e"), (6, "e/f")]);
        let expect = [
            Turn::Went(&before[&CollectionId::new(4)]),
            Turn::Renamed(
                [1, 2].map(CollectionId::new).map(|id| (&before[&id], &now[&id])).to_vec(),
            ),
            Turn::Came(&now[&CollectionId::new(5)]),
            Turn::Came(&now[&CollectionId::new(6)]),
        ];
        assert_eq!(turns(&before, &now), expect);
        assert_eq!(turns(&now, &now), []);
        let anew: Vec<i64> = named_anew(&before, &now).map(CollectionId::get).collect();
        assert_eq!(anew, [1, 2, 5, 6]);
    }

    /// Events as lines: `- name`, `-- name` of what gave way, `old > new`, `+ name`.
    fn lines(before: &[(i64, &str)], now: &[(i64, &str)]) -> Vec<String> {
        let (before, now) = (names(before), names(now));
        let line = |turn: &Turn<'_>| match turn {
            Turn::Went(name) => format!("- {}", name.as_str()),
            Turn::GaveWay(name) => format!("-- {}", name.as_str()),
            Turn::Renamed(moved) => format!("{} > {}", moved[0].0.as_str(), moved[0].1.as_str()),
            Turn::Came(name) => format!("+ {}", name.as_str()),
        };
        turns(&before, &now).iter().map(line).collect()
    }

    /// Children may be older than what they were put below; what moved by itself is no child, and
    /// moved before what it was below.
    #[test]
    fn what_went_with_what_was_renamed() {
        let before = [(1, "a/b/c"), (2, "a/b"), (3, "a"), (4, "a/d"), (5, "a2/e")];
        let now = [(1, "x/y/b/c"), (2, "x/y/b"), (3, "x/y"), (4, "d"), (5, "x/y/e")];
        assert_eq!(lines(&before, &now), ["a/d > d", "a > x/y", "a2/e > x/y/e"]);
        // It went along, and was renamed then.
        let now = [(1, "x/z/c"), (2, "x/z"), (3, "x"), (4, "x/d"), (5, "a2/e")];
        assert_eq!(lines(&before, &now), ["a/b > x/z", "a > x"]);
    }

    #[test]
    fn names_are_left_before_they_are_taken() {
        for (before, now, expect) in [
            // A1 is the older one.
            (
                &[(1, "A1"), (2, "A1/b")][..],
                &[(1, "S9"), (2, "C1")][..],
                &["A1/b > C1", "A1 > S9"][..],
            ),
            (&[(1, "CC"), (2, "AA")], &[(1, "AA"), (2, "BB")], &["AA > BB", "CC > AA"]),
            (
                &[(1, "PP"), (2, "PP/A")],
                &[(1, "PP"), (2, "PP/B"), (3, "PP/A")],
                &["PP/A > PP/B", "+ PP/A"],
            ),
            // Below what goes, and where a child was that went along.
            (&[(1, "a"), (2, "c")], &[(1, "b"), (2, "a/c")], &["a > b", "c > a/c"]),
            (
                &[(1, "c"), (2, "m"), (3, "m/x")],
                &[(1, "m/x"), (2, "n"), (3, "n/x")],
                &["m > n", "c > m/x"],
            ),
            // A child takes the name.
            (
                &[(1, "c"), (2, "c/x"), (3, "m/x")],
                &[(1, "m"), (2, "m/x"), (3, "z")],
                &["m/x > z", "c > m"],
            ),
            // The name of one that went is another's.
            (&[(1, "a"), (2, "c")], &[(2, "a")], &["-- a", "c > a"]),
            (&[(1, "a"), (2, "a/b")], &[(1, "x"), (3, "a/b")], &["-- a/b", "a > x", "+ a/b"]),
        ] {
            assert_eq!(lines(before, now), expect, "{before:?}");
        }
    }

    #[test]
    fn names_that_were_exchanged_are_told_anew() {
        for (before, now, expect) in [
            (
                &[(1, "a"), (2, "a/c"), (3, "b"), (4, "b/c")][..],
                &[(1, "b"), (2, "b/c"), (3, "a"), (4, "a/c")][..],
                &["-- a", "-- a/c", "b > a", "+ b", "+ b/c"][..],
            ),
            (
                &[(1, "a"), (2, "b"), (3, "c"), (4, "d")],
                &[(1, "b"), (2, "c"), (3, "a"), (4, "b/d")],
                &["-- b", "a > b", "c > a", "d > b/d", "+ c"],
            ),
            // It went along and came back.
            (&[(1, "a"), (2, "a/b")], &[(1, "x"), (2, "a/b")], &["-- a/b", "a > x", "+ a/b"]),
            // A name between the two.
            (&[(1, "a"), (2, "a/b")], &[(1, "a/b"), (2, "a")], &["-- a", "a/b > a", "+ a/b"]),
        ] {
            assert_eq!(lines(before, now), expect, "{before:?}");
        }
    }

    /// A client that does as it is told ends with what there is.
    #[test]
    fn a_client_can_follow() {
        let mut rng = fastrand::Rng::with_seed(5);
        let all = ["a", "a/b", "a/b/c", "a/d", "b", "b/c", "c", "c/a", "c/a/b"];
        for _ in 0..20_000 {
            let mut pick = || {
                let mut picked = all;
                rng.shuffle(&mut picked);
                let count = rng.usize(0..=picked.len());
                (1..).zip(picked).filter(|_| rng.u8(0..4) > 0).take(count).collect::<Vec<_>>()
            };
            let (before, now) = (pick(), pick());
            let mut client: BTreeMap<String, i64> =
                before.iter().map(|(id, name)| ((*name).to_owned(), *id)).collect();
            let lines = lines(&before, &now);
            for line in &lines {
                if let Some((old, new)) = line.split_once(" > ") {
                    let is_moved = |name: &str| name == old || above(name).any(|up| up == old);
                    let moved: Vec<String> =
                        client.keys().filter(|name| is_moved(name)).cloned().collect();
                    let ids: Vec<_> = moved.iter().filter_map(|name| client.remove(name)).collect();
                    for (name, id) in moved.iter().zip(ids) {
                        let name = format!("{new}{}", &name[old.len()..]);
                        assert_eq!(client.insert(name, id), None, "{before:?} {now:?} {lines:?}");
                    }
                } else if let Some(name) = line.strip_prefix("+ ") {
                    let id = now.iter().find(|(_, now)| *now == name).unwrap().0;
                    client.insert(name.to_owned(), id);
                } else {
                    client.remove(line.trim_start_matches(['-', ' ']));
                }
            }
            let expect: BTreeMap<String, i64> =
                now.iter().map(|(id, name)| ((*name).to_owned(), *id)).collect();
            assert_eq!(client, expect, "{before:?} {now:?} {lines:?}");
        }
    }
}
