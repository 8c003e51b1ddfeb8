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
    /// Renamed, one after the other, each with what went along after it.
    pub(super) renamed: Vec<Vec<Pair<'t>>>,
    /// Those that no rename puts where they are: what has the name is forgotten before all renames,
    /// and comes anew after them.
    pub(super) apart: Vec<Pair<'t>>,
}

/// A rename that is an event.
#[derive(Default)]
struct Rename<'t> {
    /// The mailbox itself, and all that went along.
    moved: Vec<Pair<'t>>,
    /// The former names of those to be told before, as long as they are not.
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
    let waiting = require_order(&mut left);
    let is_free = |rename: &Rename<'_>| rename.after.is_empty();
    let mut free: BTreeSet<&str> =
        left.iter().filter(|(_, rename)| is_free(rename)).map(|(old, _)| *old).collect();
    let mut search = CircleSearch::default();
    loop {
        let first = free.pop_first();
        let Some(next) = first.or_else(|| search.one_in_circle(&left)) else { return told };
        let moved = left.remove(next).map(|rename| rename.moved).unwrap_or_default();
        match first {
            Some(_) => told.renamed.push(moved),
            // No name is free for another of them before this one has gone.
            None => told.apart.extend(moved),
        }
        for later in waiting.get(next).into_iter().flatten().copied() {
            if let Some(rename) = left.get_mut(later)
                && rename.after.remove(next)
                && is_free(rename)
            {
                free.insert(later);
            }
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

/// Notes which of them must be told before others; those that wait for each.
fn require_order<'t>(renames: &mut Renames<'t>) -> HashMap<&'t str, Vec<&'t str>> {
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
    let mut waiting: HashMap<&str, Vec<&str>> = HashMap::new();
    for (earlier, later) in order {
        renames.entry(later).or_default().after.insert(earlier);
        waiting.entry(earlier).or_default().push(later);
    }
    waiting
}

/// Looks for renames of which each waits for another of them. Where one was found the next look
/// goes on, so that what leads to many circles is not walked along for each.
#[derive(Default)]
struct CircleSearch<'t> {
    /// Each waits for the next one; the first is the first of all that are left.
    path: Vec<&'t str>,
    /// Where in the path they are.
    places: HashMap<&'t str, usize>,
}

impl<'t> CircleSearch<'t> {
    /// One of a circle, where each of those left waits for another: the one that is come to after
    /// as many steps as are left. It is to be taken out of them.
    fn one_in_circle(&mut self, left: &Renames<'t>) -> Option<&'t str> {
        // None goes before the one it waits for, but for what was found here.
        let gone = self.path.iter().rev().take_while(|old| !left.contains_key(*old)).count();
        self.cut(self.path.len() - gone);
        loop {
            let next = match self.path.last() {
                Some(last) => *left.get(last)?.after.first()?,
                None => *left.keys().next()?,
            };
            if let Some(&start) = self.places.get(next) {
                let at = start + (left.len() - start) % (self.path.len() - start);
                let found = self.path.get(at).copied();
                self.cut(at);
                return found;
            }
            self.places.insert(next, self.path.len());
            self.path.push(next);
        }
    }

    /// Leaves only so many steps of the path.
    fn cut(&mut self, len: usize) {
        for old in self.path.drain(len..) {
            self.places.remove(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: impl Iterator<Item = String>) -> Vec<MailboxName> {
        names.map(|name| MailboxName::parse(&name).unwrap()).collect()
    }

    /// Who shares mailboxes chooses what they are named: a row in which each waits for the next,
    /// and for the last of it as many pairs that were exchanged.
    #[test]
    fn many_that_wait_for_each_other() {
        const COUNT: usize = 5_000;
        let mut row = names((0..COUNT).map(|n| format!("a{n:05}")));
        row.extend(names(["b", "z"].map(str::to_owned).into_iter()));
        // What was below `b` leaves it first, for where one of a pair was.
        let below = names((0..COUNT).map(|n| format!("b/{n:05}")));
        let left = names((0..COUNT).map(|n| format!("c{n:05}")));
        let right = names((0..COUNT).map(|n| format!("d{n:05}")));
        let places = names((0..COUNT).map(|n| format!("c{n:05}/x")));
        let mut kept: Vec<Pair<'_>> = row.iter().zip(row.iter().skip(1)).collect();
        kept.extend(below.iter().zip(&places));
        kept.extend(left.iter().zip(&right));
        kept.extend(right.iter().zip(&left));
        let told = told(kept);
        assert_eq!(told.apart.len(), COUNT);
        assert_eq!(told.renamed.len(), 3 * COUNT + 1);
        let is_in_row = |old: &&MailboxName| old.as_str() == "b" || old.as_str().starts_with('a');
        let back = told.renamed.iter().map(|moved| moved[0].0).filter(is_in_row);
        assert!(back.eq(row.iter().rev().skip(1)), "a name is taken before it is left");
    }
}
