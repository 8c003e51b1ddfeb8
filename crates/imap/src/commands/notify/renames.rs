//! The order in which renames are told, of which only what came of them is known.
//!
//! RFC 5465 §5.4: children go along with what is renamed, and there is no event of their own for
//! them. So a client moves all that is below a name with it, and each event must find what it is
//! about where the ones before have put it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use storage::MailboxName;

/// A mailbox under the name it was known by, and as it is named now.
pub(super) type Pair<'t> = (&'t MailboxName, &'t MailboxName);

/// What a client is to be told of mailboxes that it knows.
#[derive(Debug, Default)]
pub(super) struct Told<'t> {
    /// Renamed, one after the other; what went along is left out.
    pub(super) renamed: Vec<Pair<'t>>,
    /// Those that no rename puts where they are: what has the name is forgotten before all renames,
    /// and comes anew after them.
    pub(super) apart: Vec<Pair<'t>>,
}

/// A rename that is an event.
#[derive(Default)]
struct Rename<'t> {
    /// The mailbox itself, and all that went along.
    moved: Vec<Pair<'t>>,
    /// The former names of those to be told before.
    after: BTreeSet<&'t str>,
}

/// Those to be told by their former names.
type Renames<'t> = BTreeMap<&'t str, Rename<'t>>;

/// The names above a name, from the top.
pub(super) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// Says how mailboxes came to be where they are.
pub(super) fn told(mut kept: Vec<Pair<'_>>) -> Told<'_> {
    // What is above comes first.
    kept.sort_unstable_by_key(|(old, _)| old.as_str());
    let mut told = Told::default();
    let mut left = renames(&kept, &mut told.apart);
    require_order(&mut left);
    loop {
        let is_free = |rename: &Rename<'_>| rename.after.iter().all(|old| !left.contains_key(old));
        let free = left.iter().find(|(_, rename)| is_free(rename)).map(|(old, _)| *old);
        let Some(next) = free.or_else(|| one_in_circle(&left)) else { return told };
        let moved = left.remove(next).map(|rename| rename.moved).unwrap_or_default();
        match free {
            Some(_) => told.renamed.extend(moved.first()),
            // No name is free for another of them before this one has gone.
            None => told.apart.extend(moved),
        }
    }
}

/// The renames among those sorted, each with what went along.
fn renames<'t>(kept: &[Pair<'t>], apart: &mut Vec<Pair<'t>>) -> Renames<'t> {
    let by_old: HashMap<&str, Pair<'t>> =
        kept.iter().filter(|(old, new)| old != new).map(|pair| (pair.0.as_str(), *pair)).collect();
    let mut renames = Renames::new();
    // By which event those were moved that were.
    let mut events: HashMap<&str, &'t str> = HashMap::new();
    for &(old, new) in kept {
        let nearest = above(old.as_str()).filter_map(|name| by_old.get(name)).last();
        let event = nearest.filter(|nearest| goes_along((old, new), **nearest));
        let event = event.and_then(|(above, _)| events.get(above.as_str()).copied());
        if event.is_none() && old == new {
            // It was moved with what is above, and back.
            apart.extend(nearest.map(|_| (old, new)));
            continue;
        }
        let event = event.unwrap_or(old.as_str());
        events.insert(old.as_str(), event);
        renames.entry(event).or_default().moved.push((old, new));
    }
    renames
}

/// Whether a mailbox is where the rename of one above has put it.
fn goes_along((old, new): Pair<'_>, (above, renamed): Pair<'_>) -> bool {
    let below = old.as_str().strip_prefix(above.as_str());
    below.is_some() && below == new.as_str().strip_prefix(renamed.as_str())
}

/// Which of them must be told before others.
fn require_order(renames: &mut Renames<'_>) {
    let mut order = Vec::new();
    for (old, rename) in renames.iter() {
        // What left something is told while the client finds it there.
        let left = above(old).filter_map(|name| renames.get_key_value(name));
        order.extend(left.map(|(later, _)| (*old, *later)));
        // And a name, and all below it, is left before something else comes there.
        for new in rename.moved.iter().map(|(_, new)| new.as_str()) {
            let taken = above(new).chain([new]).filter_map(|name| renames.get_key_value(name));
            order.extend(taken.filter(|(was, _)| *was != old).map(|(was, _)| (*was, *old)));
        }
    }
    for (earlier, later) in order {
        renames.entry(later).or_default().after.insert(earlier);
    }
}

/// One of those of which each waits for another of them.
fn one_in_circle<'t>(left: &Renames<'t>) -> Option<&'t str> {
    let mut at = *left.keys().next()?;
    for _ in 0..left.len() {
        at = left.get(at)?.after.iter().find(|old| left.contains_key(*old))?;
    }
    Some(at)
}
