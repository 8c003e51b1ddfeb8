//! The names by which a client knows mailboxes: those that it was told, and what its own commands
//! made of them. What others did meanwhile, and is not told yet, is no part of that.

use std::collections::BTreeMap;

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
    pub(super) actor: AccountId,
    pub(super) names: &'k mut Names,
    pub(super) now: &'k Names,
}

impl Known<'_> {
    /// Follows the commands among such facts.
    pub(super) fn carry(&mut self, facts: &[&Change], own: &Own) {
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

    /// The client deleted what went by a name, which need not be what it takes that name for.
    fn forget(&mut self, change: &Change, name: &str) {
        let (Some(id), Some(name)) = (change.collection, self.seen(change, name)) else { return };
        if self.names.get(&id) == Some(&name) {
            self.names.remove(&id);
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
        let taken: std::collections::HashSet<&MailboxName> =
            come.iter().map(|(_, name)| name).collect();
        self.names.retain(|_, name| !taken.contains(name));
        self.names.extend(come);
    }

    /// The name by which the client sees, or saw, what its owner names so.
    fn seen(&self, change: &Change, name: &str) -> Option<MailboxName> {
        MailboxName::parse(&format!("{}{name}", self.prefix(change)?)).ok()
    }

    /// What stands before the names that the owner gives, as the client sees them.
    fn prefix(&self, change: &Change) -> Option<&str> {
        if change.account == self.actor {
            return Some("");
        }
        let id = change.collection?;
        let name = self.now.get(&id).or_else(|| self.names.get(&id))?.as_str();
        match is_personal(name) {
            true => Some(""),
            false => name.match_indices('/').nth(1).and_then(|(at, _)| name.get(..=at)),
        }
    }
}

/// The name that a mailbox had before a fact.
fn former_name(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::MailboxRenamed { from: name } | Fact::MailboxDeleted { name } => Some(name),
        _ => None,
    }
}
