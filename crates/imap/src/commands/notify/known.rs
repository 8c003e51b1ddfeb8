//! The names by which a client knows mailboxes: those that it was told, and what its own commands
//! made of them. What others did meanwhile, and is not told yet, is no part of that.

use std::collections::{BTreeMap, HashMap, HashSet};

use ids::{AccountId, CollectionId, ModSeq};
use storage::{Change, Fact, MailboxName, MailboxTree};

use super::super::mailbox_filter::is_personal;
use super::own::{Move, Own, turns_names};

/// Mailboxes under the names that a client sees them by.
pub(super) type Names = BTreeMap<CollectionId, MailboxName>;

/// The mailboxes in a tree whose owner is such a one.
pub(super) fn names_of(tree: &MailboxTree, is_owner: impl Fn(AccountId) -> bool) -> Names {
    let real = tree.entries.iter().filter_map(|entry| Some((entry.mailbox.as_ref()?, entry)));
    let theirs = real.filter(|(mailbox, _)| is_owner(mailbox.account));
    theirs.map(|(mailbox, entry)| (mailbox.id, entry.name.clone())).collect()
}

/// The facts about names in accounts, those of the client too, as they followed each other in each.
pub(super) fn facts_in_order<'c>(
    changes: &'c [Change],
    own: &'c Own,
    is_owner: impl Fn(AccountId) -> bool,
) -> Vec<&'c Change> {
    let is_of_mailbox = |change: &&Change| change.collection.is_some() && turns_names(&change.fact);
    let others = changes.iter().filter(is_of_mailbox);
    let all = others.chain(&own.names).filter(|change| is_owner(change.account));
    let mut all: Vec<&Change> = all.collect();
    // It is stable: those of one transaction stay in their order.
    all.sort_by_key(|change| (change.account, change.modseq));
    all
}

/// The mailboxes of the client's own account as they were named before all of these facts: each
/// is undone. Keeping them would take memory in each session that waits.
pub(super) fn before(facts: &[&Change], now: &Names) -> Names {
    let mut names = now.clone();
    for change in facts.iter().rev() {
        let Some(id) = change.collection else { continue };
        if change.fact == Fact::MailboxCreated {
            names.remove(&id);
        } else if let Some(Ok(name)) = former_name(&change.fact).map(MailboxName::parse) {
            names.insert(id, name);
        }
    }
    names
}

/// What the client's own commands made of the names it knew.
pub(super) struct Known<'k> {
    actor: AccountId,
    names: &'k mut Names,
    now: &'k Names,
    prefixes: HashMap<AccountId, String>,
}

impl<'k> Known<'k> {
    pub(super) fn new(actor: AccountId, names: &'k mut Names, now: &'k Names) -> Self {
        Self { actor, names, now, prefixes: HashMap::new() }
    }

    /// Follows the commands among such facts.
    pub(super) fn carry(&mut self, facts: &[&Change], own: &Own) {
        self.find_prefixes(facts);
        let mut moved: Option<(AccountId, ModSeq)> = None;
        for (at, change) in facts.iter().enumerate().filter(|(_, change)| own.has(change)) {
            let Some(id) = change.collection else { continue };
            let transaction = (change.account, change.modseq);
            match &change.fact {
                Fact::MailboxCreated => self.learn(at, facts),
                // It knew what it gave itself; what it sees still it goes by as before.
                Fact::AclChanged if !self.names.contains_key(&id) => self.learn(at, facts),
                Fact::AclChanged if !self.now.contains_key(&id) => {
                    self.names.remove(&id);
                }
                Fact::MailboxDeleted { name } => self.forget(change, name),
                // All that it knows below that goes along, and not what is there but was not told.
                Fact::MailboxRenamed { .. } if moved != Some(transaction) => {
                    let place = own.find_move(change).zip(self.prefix(change).map(str::to_owned));
                    if let Some((its, prefix)) = place {
                        self.rename(its, &prefix);
                        moved = Some(transaction);
                    }
                }
                _ => {}
            }
        }
    }

    /// A mailbox that one of the facts brought to the client.
    fn learn(&mut self, at: usize, facts: &[&Change]) {
        let Some((change, later)) = facts.get(at..).and_then(<[_]>::split_first) else { return };
        let Some(id) = change.collection else { return };
        // It had the name that was changed next.
        let mut later = later.iter().filter(|later| later.collection == Some(id));
        let name = match later.find_map(|later| former_name(&later.fact)) {
            Some(former) => self.seen(change, former),
            None => self.now.get(&id).cloned(),
        };
        if let Some(name) = name {
            self.put(vec![(id, name)]);
        }
    }

    /// The client deleted what went by a name: it takes nothing for that any more, be it what it
    /// took for it or not.
    fn forget(&mut self, change: &Change, name: &str) {
        if let Some(name) = self.seen(change, name) {
            self.names.retain(|_, known| *known != name);
        }
    }

    /// Moves all that is known by a name or below it.
    fn rename(&mut self, its: &Move, prefix: &str) {
        let from = format!("{prefix}{}", its.from.as_str());
        let rest = |name: &MailboxName| {
            let rest = name.as_str().strip_prefix(&from)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let known = self.names.iter();
        let moving: Vec<_> = known.filter_map(|(id, name)| Some((*id, rest(name)?))).collect();
        let mut moved = Vec::with_capacity(moving.len());
        for (id, rest) in moving {
            self.names.remove(&id);
            let name = format!("{prefix}{}{rest}", its.to.as_str());
            moved.extend(MailboxName::parse(&name).ok().map(|name| (id, name)));
        }
        self.put(moved);
    }

    /// Mailboxes have come to names, and whatever the client took for these it takes for them no
    /// more.
    fn put(&mut self, come: Vec<(CollectionId, MailboxName)>) {
        let taken: HashSet<&MailboxName> = come.iter().map(|(_, name)| name).collect();
        self.names.retain(|_, name| !taken.contains(name));
        self.names.extend(come);
    }

    /// The name by which the client sees, or saw, what its owner names so.
    fn seen(&self, change: &Change, name: &str) -> Option<MailboxName> {
        MailboxName::parse(&format!("{}{name}", self.prefix(change)?)).ok()
    }

    /// Finds what stands before the names that owners give, as the client sees them.
    ///
    /// LIMIT: where nothing else happened in the account of another, a mailbox that the client has
    /// created and that was deleted again before the command was answered is not told.
    fn find_prefixes(&mut self, facts: &[&Change]) {
        self.prefixes.insert(self.actor, String::new());
        for change in facts {
            let Some(id) = change.collection else { continue };
            if self.prefixes.contains_key(&change.account) {
                continue;
            }
            if let Some(name) = self.now.get(&id).or_else(|| self.names.get(&id)) {
                self.prefixes.insert(change.account, prefix_of(name).to_owned());
            }
        }
    }

    fn prefix(&self, change: &Change) -> Option<&str> {
        self.prefixes.get(&change.account).map(String::as_str)
    }
}

/// What stands before the name that the owner gives to a mailbox.
fn prefix_of(name: &MailboxName) -> &str {
    let name = name.as_str();
    let prefix = || name.match_indices('/').nth(1).and_then(|(at, _)| name.get(..=at));
    if is_personal(name) { "" } else { prefix().unwrap_or_default() }
}

/// The name that a mailbox had before a fact.
fn former_name(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::MailboxRenamed { from: name } | Fact::MailboxDeleted { name } => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use storage::Place;

    use super::super::others::{Turn, turns};
    use super::super::renames::above;
    use super::*;

    const ACTOR: AccountId = AccountId::new(1);
    const OWNER: AccountId = AccountId::new(2);
    const PREFIX: &str = "Other Users/julie@example.test/";

    fn name(name: &str) -> MailboxName {
        MailboxName::parse(name).unwrap()
    }

    fn is_at_or_below(name: &str, top: &str) -> bool {
        name == top || above(name).any(|up| up == top)
    }

    /// The mailboxes of an account, and a client that believes what it did and was told.
    struct World {
        account: AccountId,
        prefix: &'static str,
        mailboxes: BTreeMap<CollectionId, String>,
        client: BTreeMap<String, CollectionId>,
        changes: Vec<Change>,
        own: Own,
        last: i64,
    }

    impl World {
        fn commit(&mut self, facts: Vec<(CollectionId, Fact)>, moved: Option<(&str, &str)>) {
            self.last += 1;
            let modseq = ModSeq::new(self.last.cast_unsigned());
            let account = self.account;
            let change = |(id, fact)| Change { account, modseq, collection: Some(id), fact };
            let changes: Vec<Change> = facts.into_iter().map(change).collect();
            match moved {
                // The first is what the client did.
                Some((from, to)) => {
                    self.own.note(&changes);
                    if !to.is_empty() && !from.is_empty() {
                        self.own.note_move(Place { account, name: name(from) }, name(to));
                    }
                }
                None => self.changes.extend(changes),
            }
        }

        fn create(&mut self, at: &str, is_own: bool) {
            if self.mailboxes.values().any(|name| name == at) {
                return;
            }
            let id = CollectionId::new(self.last + 100);
            self.mailboxes.insert(id, at.to_owned());
            if is_own {
                self.client.insert(format!("{}{at}", self.prefix), id);
            }
            self.commit(vec![(id, Fact::MailboxCreated)], is_own.then_some(("", "")));
        }

        fn delete(&mut self, at: &str, is_own: bool) {
            let found = self.mailboxes.iter().find(|(_, name)| *name == at);
            let Some(id) = found.map(|(id, _)| *id) else { return };
            let is_created = |change: &Change| change.collection == Some(id);
            if self.account == OWNER && !is_own && self.own.names.iter().any(is_created) {
                // See `Known::find_prefixes`.
                return;
            }
            self.mailboxes.remove(&id);
            if is_own {
                self.client.remove(&format!("{}{at}", self.prefix));
            }
            let fact = Fact::MailboxDeleted { name: at.to_owned() };
            self.commit(vec![(id, fact)], is_own.then_some(("", "")));
        }

        fn rename(&mut self, from: &str, to: &str, is_own: bool) {
            let moved = |name: &str| format!("{to}{}", &name[from.len()..]);
            let all = self.mailboxes.iter();
            let (going, stay): (Vec<_>, Vec<_>) = all.partition(|(_, n)| is_at_or_below(n, from));
            let is_taken =
                stay.iter().any(|(_, name)| going.iter().any(|(_, g)| moved(g) == **name));
            if is_at_or_below(to, from) || going.is_empty() || is_taken {
                return;
            }
            let going: Vec<_> = going.into_iter().map(|(id, name)| (*id, name.clone())).collect();
            for (id, name) in &going {
                self.mailboxes.insert(*id, moved(name));
            }
            if is_own {
                let (old, new) = (format!("{}{from}", self.prefix), format!("{}{to}", self.prefix));
                self.client_moves(&old, &new);
            }
            let fact = |(id, from)| (id, Fact::MailboxRenamed { from });
            self.commit(going.into_iter().map(fact).collect(), is_own.then_some((from, to)));
        }

        /// Moves all the client knows by a name and below; what had to give way.
        fn client_moves(&mut self, old: &str, new: &str) -> usize {
            let known = self.client.keys().filter(|name| is_at_or_below(name, old));
            let moving: Vec<String> = known.cloned().collect();
            let moving: Vec<_> =
                moving.into_iter().map(|name| (self.client.remove(&name), name)).collect();
            let gave_way = moving.into_iter().filter_map(|(id, name)| {
                self.client.insert(format!("{new}{}", &name[old.len()..]), id.unwrap())
            });
            gave_way.count()
        }

        fn now(&self) -> Names {
            let seen =
                |(id, at): (&CollectionId, &String)| (*id, name(&format!("{}{at}", self.prefix)));
            self.mailboxes.iter().map(seen).collect()
        }

        fn follow(&mut self, before: &Names, now: &Names) {
            for turn in turns(before, now) {
                match turn {
                    Turn::Went(name) | Turn::GaveWay(name) => {
                        self.client.remove(name.as_str());
                    }
                    Turn::Renamed(moved) => {
                        let (old, new) = moved[0];
                        assert_eq!(self.client_moves(old.as_str(), new.as_str()), 0);
                    }
                    Turn::Came(name) => {
                        let id = now.iter().find(|(_, now)| *now == name).unwrap().0;
                        self.client.insert(name.as_str().to_owned(), *id);
                    }
                }
            }
        }
    }

    /// Whatever others and the client itself did between two looks, a client that does as it is
    /// told knows in the end what there is: in its own account by what the facts say, in that of
    /// another by what it knew.
    #[test]
    fn a_client_that_acts_meanwhile_can_follow() {
        let mut rng = fastrand::Rng::with_seed(7);
        let names = ["a", "a/b", "a/b/c", "a/d", "b", "b/c", "c", "c/a"];
        for round in 0..20_000 {
            let (account, prefix) = [(ACTOR, ""), (OWNER, PREFIX)][round % 2];
            let mut mailboxes = BTreeMap::new();
            for (id, name) in (1..).zip(names).filter(|_| rng.bool()) {
                mailboxes.insert(CollectionId::new(id), name.to_owned());
            }
            let seen = |(id, name): (&CollectionId, &String)| (format!("{prefix}{name}"), *id);
            let client = mailboxes.iter().map(seen).collect();
            let (changes, own) = (Vec::new(), Own::default());
            let mut world = World { account, prefix, mailboxes, client, changes, own, last: 0 };
            let known = world.now();
            let mut did = Vec::new();
            for _ in 0..rng.usize(0..8) {
                let (one, other) = (names[rng.usize(0..8)], names[rng.usize(0..8)]);
                let (is_own, verb) = (rng.u8(0..3) == 0, rng.u8(0..6));
                did.push((is_own, verb, one, other));
                match verb {
                    0 => world.create(one, is_own),
                    1 => world.delete(one, is_own),
                    _ => world.rename(one, other, is_own),
                }
            }
            let now = world.now();
            let facts = facts_in_order(&world.changes, &world.own, |owner| owner == account);
            let mut names = before(&facts, &now);
            if account == ACTOR {
                assert_eq!(names, known, "{did:?}");
            }
            names = known.clone();
            Known::new(ACTOR, &mut names, &now).carry(&facts, &world.own);
            world.follow(&names, &now);
            let expect: BTreeMap<String, CollectionId> =
                now.iter().map(|(id, name)| (name.as_str().to_owned(), *id)).collect();
            assert_eq!(world.client, expect, "{known:?} {did:?}");
        }
    }
}
