//! Mailboxes of others that come into sight, go out of it, or change their names.
//!
//! What happened in the account of another is told by what the session could see before and can
//! see now: names that were never within its rights do not become known.

use std::collections::{BTreeMap, HashMap};

use ids::{AccountId, CollectionId};
use storage::{MailboxName, MailboxTree};

/// The mailboxes of others in a tree.
pub(super) fn names_of(
    actor: AccountId,
    tree: &MailboxTree,
) -> BTreeMap<CollectionId, MailboxName> {
    let real = tree.entries.iter().filter_map(|entry| Some((entry.mailbox.as_ref()?, entry)));
    let others = real.filter(|(mailbox, _)| mailbox.account != actor);
    others.map(|(mailbox, entry)| (mailbox.id, entry.name.clone())).collect()
}

/// A change to a mailbox that belongs to another account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<'t> {
    /// It, and the name above it, came or went.
    CameOrWent(&'t MailboxName),
    /// It has another name.
    Renamed(&'t MailboxName, &'t MailboxName),
}

/// What happened between two looks, the children of what was renamed left out (RFC 5465 §5.4).
pub(super) fn turns<'t>(
    before: &'t BTreeMap<CollectionId, MailboxName>,
    now: &'t BTreeMap<CollectionId, MailboxName>,
) -> Vec<Turn<'t>> {
    let renamed = |(id, new): (&CollectionId, &'t MailboxName)| {
        before.get(id).filter(|old| *old != new).map(|old| (old, new))
    };
    let renames: Vec<_> = now.iter().filter_map(renamed).collect();
    let by_old: HashMap<&str, &MailboxName> =
        renames.iter().map(|(old, new)| (old.as_str(), *new)).collect();
    let went = before.iter().filter(|(id, _)| !now.contains_key(id));
    let came = now.iter().filter(|(id, _)| !before.contains_key(id));
    let mut turns: Vec<Turn<'t>> =
        went.chain(came).map(|(_, name)| Turn::CameOrWent(name)).collect();
    for (old, new) in &renames {
        // A child went with what was above it, and is below the new name of that.
        let mut renamed_above = above(old.as_str()).filter_map(|name| by_old.get(name));
        if !renamed_above.any(|to| above(new.as_str()).any(|name| name == to.as_str())) {
            turns.push(Turn::Renamed(old, new));
        }
    }
    turns
}

/// The names above a name, from the top.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// The mailboxes that have a name they did not have before: those that came and those renamed,
/// the children of what was renamed too.
pub(super) fn named_anew(
    before: &BTreeMap<CollectionId, MailboxName>,
    now: &BTreeMap<CollectionId, MailboxName>,
) -> impl Iterator<Item = CollectionId> {
    now.iter().filter(|(id, name)| before.get(*id) != Some(*name)).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[(i64, &str)]) -> BTreeMap<CollectionId, MailboxName> {
        let parse = |name: &str| MailboxName::parse(name).unwrap();
        names.iter().map(|(id, name)| (CollectionId::new(*id), parse(name))).collect()
    }

    #[test]
    fn what_was_in_sight_and_is() {
        let before = names(&[(1, "a"), (2, "a/b"), (3, "c"), (4, "d")]);
        let now = names(&[(1, "x"), (2, "x/b"), (3, "c"), (5, "e"), (6, "e/f")]);
        let expect = [
            Turn::CameOrWent(&before[&CollectionId::new(4)]),
            Turn::CameOrWent(&now[&CollectionId::new(5)]),
            Turn::CameOrWent(&now[&CollectionId::new(6)]),
            Turn::Renamed(&before[&CollectionId::new(1)], &now[&CollectionId::new(1)]),
        ];
        assert_eq!(turns(&before, &now), expect);
        assert_eq!(turns(&now, &now), []);
        let anew: Vec<i64> = named_anew(&before, &now).map(CollectionId::get).collect();
        assert_eq!(anew, [1, 2, 5, 6]);
    }

    /// Children may be older than what they were put below; what moved by itself is no child.
    #[test]
    fn what_went_with_what_was_renamed() {
        let before = names(&[(1, "a/b/c"), (2, "a/b"), (3, "a"), (4, "a/d"), (5, "a2/e")]);
        let now = names(&[(1, "x/y/b/c"), (2, "x/y/b"), (3, "x/y"), (4, "d"), (5, "x/y/e")]);
        let renamed = |id: i64| {
            let id = CollectionId::new(id);
            Turn::Renamed(&before[&id], &now[&id])
        };
        assert_eq!(turns(&before, &now), [renamed(3), renamed(4), renamed(5)]);
    }
}
