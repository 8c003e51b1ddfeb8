//! Random verbs of several accounts on each other's mailboxes, with rights given and taken at
//! random, against a plain model; observers hold the views as sessions of others do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ids::{AccountId, CollectionId, TeamId, Uid, UidSet};
use message::flag::Flags;
use testkit::SeededRng;

use crate::acl::{AclChange, Rights, ShareRights};
use crate::testing::{TestStore, flags, mailbox_name, on_both_engines};
use crate::{
    Append, Changes, Fact, FlagChange, MailboxView, PreparedMessage, Result, Role, Sharee,
    StorageError, TeamName,
};

const STEPS: usize = 400;
const TEAM: &str = "team:Crew";
const LETTERS: &str = "lrswipkxtean";
const FLAGS: [&str; 4] = ["\\Seen", "\\Deleted", "\\Flagged", "Work"];

type Names = BTreeSet<&'static str>;
type Letters = BTreeSet<char>;

/// The right that a flag takes (RFC 4314 §4).
fn right_of(flag: &str) -> char {
    match flag {
        "\\Seen" => 's',
        "\\Deleted" => 't',
        _ => 'w',
    }
}

fn permitted(names: &Names, rights: &Letters) -> Names {
    names.iter().copied().filter(|name| rights.contains(&right_of(name))).collect()
}

fn as_flags(names: &Names) -> Flags {
    flags(&names.iter().copied().collect::<Vec<_>>().join(" "))
}

fn letters(text: &str) -> Letters {
    text.chars().collect()
}

fn text(letters: &Letters) -> String {
    letters.iter().collect()
}

/// A mailbox in the model.
struct Mailbox {
    id: CollectionId,
    owner: usize,
    name: &'static str,
    messages: BTreeMap<u32, Names>,
    uid_next: u32,
    /// By identifier.
    acl: BTreeMap<String, Letters>,
    /// How often its list was changed, or what stands beside it.
    acl_changes: u32,
    view: MailboxView,
}

struct Account {
    id: AccountId,
    address: String,
    is_external: bool,
    in_maintenance: bool,
    in_team: bool,
}

struct Run<'s> {
    store: &'s TestStore,
    rng: SeededRng,
    accounts: Vec<Account>,
    mailboxes: Vec<Mailbox>,
    team: TeamId,
}

/// What a verb must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
    Hidden,
    Maintenance,
}

fn answer<T>(result: &Result<T>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(StorageError::NoPermission(_)) => Answer::Refused,
        Err(StorageError::NotFound("mailbox")) => Answer::Hidden,
        Err(StorageError::Maintenance) => Answer::Maintenance,
        Err(other) => panic!("{other}"),
    }
}

impl<'s> Run<'s> {
    fn start(store: &'s TestStore, rng: SeededRng) -> Self {
        store.account("julie");
        let team = store.write(|tx| {
            let organisation = tx.only_organisation()?;
            tx.create_team(organisation, &TeamName::parse("Crew")?)
        });
        let team = team.unwrap();
        let mut run = Self { store, rng, accounts: Vec::new(), mailboxes: Vec::new(), team };
        for (owner, local) in ["julie", "max", "eve", "guest"].into_iter().enumerate() {
            let id = match local {
                "julie" => run.store.read(|tx| Ok(tx.list_accounts()?[0].id)).unwrap(),
                local => store.account(local),
            };
            let is_external = local == "guest";
            if is_external {
                store.with(id, |tx| tx.set_role(Role::External)).unwrap();
            }
            let address = format!("{local}@example.test");
            run.accounts.push(Account {
                id,
                address,
                is_external,
                in_maintenance: false,
                in_team: false,
            });
            for name in ["INBOX", "Sent"] {
                let mailbox = store.mailbox(id, name);
                let view = store.inner().open_view_blocking(id, mailbox).unwrap();
                let (messages, acl) = (BTreeMap::new(), BTreeMap::new());
                let (id, uid_next, acl_changes) = (mailbox, 1, 0);
                run.mailboxes.push(Mailbox {
                    id,
                    owner,
                    name,
                    messages,
                    uid_next,
                    acl,
                    acl_changes,
                    view,
                });
            }
        }
        run
    }

    /// What the model says of an actor's rights.
    fn rights(&self, actor: usize, mailbox: usize) -> Letters {
        let mailbox = &self.mailboxes[mailbox];
        if mailbox.owner == actor {
            return letters(LETTERS);
        }
        let who = &self.accounts[actor];
        let mut names = vec![who.address.as_str()];
        if !who.is_external {
            names.push("anyone");
        }
        if who.in_team {
            names.push(TEAM);
        }
        let sum = |sign: &str| -> Letters {
            let entries = names.iter().filter_map(|name| mailbox.acl.get(&format!("{sign}{name}")));
            entries.flatten().copied().collect()
        };
        let mut rights: Letters = sum("").difference(&sum("-")).copied().collect();
        if self.accounts[mailbox.owner].in_maintenance {
            rights.retain(|letter| *letter == 'l');
        }
        rights
    }

    fn expected(&self, actor: usize, mailbox: usize, needed: &str) -> Answer {
        let rights = self.rights(actor, mailbox);
        let owner = &self.accounts[self.mailboxes[mailbox].owner];
        match (letters(needed).is_subset(&rights), rights.contains(&'l')) {
            (true, _) => Answer::Done,
            (_, false) => Answer::Hidden,
            _ if owner.in_maintenance => Answer::Maintenance,
            _ => Answer::Refused,
        }
    }

    fn any(&mut self, count: usize) -> usize {
        self.rng.usize(..count)
    }

    fn some_letters(&mut self) -> Letters {
        let share = self.rng.u32(1..4);
        LETTERS.chars().filter(|_| self.rng.u32(..share) == 0).collect()
    }

    fn some_flags(&mut self) -> Names {
        FLAGS.into_iter().filter(|_| self.rng.bool()).collect()
    }

    fn some_uids(&mut self, mailbox: usize) -> UidSet {
        let uids: Vec<u32> = self.mailboxes[mailbox].messages.keys().copied().collect();
        uids.into_iter().filter(|_| self.rng.bool()).map(Uid::new).collect()
    }

    fn step(&mut self) {
        let actor = self.any(self.accounts.len());
        let (one, other) = (self.any(self.mailboxes.len()), self.any(self.mailboxes.len()));
        match self.rng.u8(..22) {
            20 | 21 => self.join_or_leave(actor),
            0..=3 => self.grant(actor, one),
            4 => self.share(actor),
            5 => self.maintain(actor),
            6..=9 => self.append(actor, one),
            10 | 11 => self.copy(actor, one, other),
            12 | 13 if one != other => self.r#move(actor, one, other),
            12 | 13 => {}
            14..=17 => self.mark(actor, one),
            _ => self.expunge(actor, one),
        }
    }

    fn grant(&mut self, actor: usize, at: usize) {
        // An owner gives more often than others, or nobody would have any right.
        let actor = if self.rng.bool() { self.mailboxes[at].owner } else { actor };
        let whom = match self.any(self.accounts.len() + 3) {
            0 => "anyone".to_owned(),
            1 | 2 => TEAM.to_owned(),
            whom => self.accounts[whom - 3].address.clone(),
        };
        let sign = if self.rng.u8(..4) == 0 { "-" } else { "" };
        let identifier = format!("{sign}{whom}");
        let given = self.some_letters();
        let rights = Rights::parse(&text(&given)).unwrap();
        let kind = self.rng.u8(..3);
        let change = match kind {
            0 => AclChange::Set(rights),
            1 => AclChange::Add(rights),
            _ => AclChange::Remove(rights),
        };
        let (by, id, who) = (self.accounts[actor].id, self.mailboxes[at].id, identifier.clone());
        let done = self.store.write(move |tx| tx.set_acl(by, id, &who, change));
        let expected = self.expected(actor, at, "a");
        if whom == self.accounts[self.mailboxes[at].owner].address && expected == Answer::Done {
            assert!(matches!(done, Err(StorageError::Invalid(_))));
            return;
        }
        assert_eq!(answer(&done), expected, "grant by {actor} on {at}");
        if done.is_err() {
            return;
        }
        let mailbox = &mut self.mailboxes[at];
        let before = mailbox.acl.remove(&identifier).unwrap_or_default();
        let after: Letters = match kind {
            0 => given,
            1 => before.union(&given).copied().collect(),
            _ => before.difference(&given).copied().collect(),
        };
        mailbox.acl_changes += u32::from(after != before);
        if !after.is_empty() {
            mailbox.acl.insert(identifier, after);
        }
    }

    /// The team has one member more or less; all that is shared with it is told of.
    fn join_or_leave(&mut self, actor: usize) {
        let (team, account) = (self.team, &mut self.accounts[actor]);
        let id = account.id;
        account.in_team = !account.in_team;
        let done = match account.in_team {
            true => self.store.write(move |tx| tx.add_team_member(team, id)),
            false => self.store.write(move |tx| tx.remove_team_member(team, id)),
        };
        done.unwrap();
        for mailbox in &mut self.mailboxes {
            let shared = mailbox.acl.keys().any(|name| name.trim_start_matches('-') == TEAM);
            mailbox.acl_changes += u32::from(shared);
        }
    }

    /// The account is shared as a whole with another, or with the team.
    fn share(&mut self, owner: usize) {
        let other = self.any(self.accounts.len() + 1);
        let names = ["", "read", "write", "read,send-as", "admin"][self.any(5)];
        let rights = ShareRights::parse(names).unwrap_or_default();
        let account = self.accounts[owner].id;
        let (grantee, address) = match self.accounts.get(other) {
            Some(other) => (Sharee::Account(other.id), other.address.clone()),
            None => (Sharee::Team(self.team), TEAM.to_owned()),
        };
        let done = self.store.write(move |tx| tx.share_account(account, grantee, rights));
        if owner == other {
            assert!(matches!(done, Err(StorageError::Invalid(_))));
            return;
        }
        done.unwrap();
        let wanted = letters(match names {
            "read" | "read,send-as" => "lrs",
            "write" => "lrswipkxten",
            "admin" => "la",
            _ => "",
        });
        for mailbox in self.mailboxes.iter_mut().filter(|mailbox| mailbox.owner == owner) {
            let before = mailbox.acl.remove(&address).unwrap_or_default();
            mailbox.acl_changes += u32::from(before != wanted);
            if !wanted.is_empty() {
                mailbox.acl.insert(address.clone(), wanted.clone());
            }
        }
    }

    fn maintain(&mut self, owner: usize) {
        let on = self.rng.u8(..3) == 0;
        let account = &mut self.accounts[owner];
        let changes = account.in_maintenance != on;
        account.in_maintenance = on;
        self.store.with(account.id, move |tx| tx.set_maintenance(on)).unwrap();
        let shared = self.mailboxes.iter_mut().filter(|mailbox| mailbox.owner == owner);
        for mailbox in shared.filter(|mailbox| !mailbox.acl.is_empty()) {
            mailbox.acl_changes += u32::from(changes);
        }
    }

    fn append(&mut self, actor: usize, at: usize) {
        let set = self.some_flags();
        let message = Arc::new(PreparedMessage::new(b"Subject: model\r\n\r\nText\r\n".to_vec()));
        let append = Append { flags: as_flags(&set), ..Append::default() };
        let (by, id) = (self.accounts[actor].id, self.mailboxes[at].id);
        let owner = self.accounts[self.mailboxes[at].owner].id;
        let done = self
            .store
            .write(move |tx| tx.account_as(owner, by)?.append_message(id, &message, append));
        assert_eq!(answer(&done), self.expected(actor, at, "i"), "append by {actor} to {at}");
        if let Ok(appended) = done {
            let kept = permitted(&set, &self.rights(actor, at));
            self.place(at, appended.uid, kept);
        }
    }

    fn place(&mut self, at: usize, uid: Uid, names: Names) {
        let mailbox = &mut self.mailboxes[at];
        assert_eq!(uid.get(), mailbox.uid_next);
        mailbox.uid_next += 1;
        mailbox.messages.insert(uid.get(), names);
    }

    fn copy(&mut self, actor: usize, from: usize, to: usize) {
        let uids = self.some_uids(from);
        let (by, source, target) =
            (self.accounts[actor].id, self.mailboxes[from].id, self.mailboxes[to].id);
        let done = self.store.write(move |tx| tx.copy_messages_as(by, source, &uids, target));
        let expected = match self.expected(actor, from, "r") {
            Answer::Done => self.expected(actor, to, "i"),
            refused => refused,
        };
        assert_eq!(answer(&done), expected, "copy by {actor} from {from} to {to}");
        for (old, new) in done.map(|copied| copied.pairs).unwrap_or_default() {
            let names = self.mailboxes[from].messages[&old.get()].clone();
            self.place(to, new, permitted(&names, &self.rights(actor, to)));
        }
    }

    fn r#move(&mut self, actor: usize, from: usize, to: usize) {
        let uids = self.some_uids(from);
        let (by, source, target) =
            (self.accounts[actor].id, self.mailboxes[from].id, self.mailboxes[to].id);
        let done = self.store.write(move |tx| tx.move_messages_as(by, source, &uids, target));
        let answers = [self.expected(actor, from, "rte"), self.expected(actor, to, "i")];
        let permitted_both = answers == [Answer::Done; 2];
        let found = answer(&done);
        // Which of the two is named first is not told here.
        let fits = if permitted_both { found == Answer::Done } else { answers.contains(&found) };
        assert!(fits, "move by {actor} from {from} to {to}: {found:?} of {answers:?}");
        for (old, new) in done.map(|moved| moved.pairs).unwrap_or_default() {
            let names = self.mailboxes[from].messages.remove(&old.get()).unwrap();
            self.place(to, new, permitted(&names, &self.rights(actor, to)));
        }
    }

    fn mark(&mut self, actor: usize, at: usize) {
        let (uids, set) = (self.some_uids(at), self.some_flags());
        let kind = self.rng.u8(..3);
        let change = match kind {
            0 => FlagChange::Add(as_flags(&set)),
            1 => FlagChange::Remove(as_flags(&set)),
            _ => FlagChange::Replace(as_flags(&set)),
        };
        let (by, id, asked) = (self.accounts[actor].id, self.mailboxes[at].id, uids.clone());
        let owner = self.accounts[self.mailboxes[at].owner].id;
        let done = self
            .store
            .write(move |tx| tx.account_as(owner, by)?.store_flags(id, &asked, change, None));
        let rights = self.rights(actor, at);
        let given = permitted(&set, &rights);
        let nothing =
            !set.is_empty() && given.is_empty() || kind == 2 && rights.is_disjoint(&letters("swt"));
        let expected = match self.expected(actor, at, "r") {
            Answer::Done if nothing => Answer::Refused,
            expected => expected,
        };
        assert_eq!(answer(&done), expected, "flags {set:?} by {actor} on {at}");
        if done.is_err() {
            return;
        }
        for (uid, held) in &mut self.mailboxes[at].messages {
            if uids.contains(Uid::new(*uid)) {
                match kind {
                    0 => held.extend(given.iter().copied()),
                    1 => held.retain(|name| !given.contains(name)),
                    _ => {
                        held.retain(|name| !rights.contains(&right_of(name)));
                        held.extend(given.iter().copied());
                    }
                }
            }
        }
    }

    fn expunge(&mut self, actor: usize, at: usize) {
        let (by, id) = (self.accounts[actor].id, self.mailboxes[at].id);
        let owner = self.accounts[self.mailboxes[at].owner].id;
        let done = self.store.write(move |tx| tx.account_as(owner, by)?.expunge(id, None));
        assert_eq!(answer(&done), self.expected(actor, at, "re"), "expunge by {actor} on {at}");
        if done.is_ok() {
            self.mailboxes[at].messages.retain(|_, held| !held.contains("\\Deleted"));
        }
    }

    /// What everybody sees is what the model says.
    fn compare(&self) {
        for (at, mailbox) in self.mailboxes.iter().enumerate() {
            let snapshot = mailbox.view.snapshot();
            let seen: Vec<(u32, Flags)> = snapshot
                .entries(1..=snapshot.exists().max(1))
                .map(|(_, entry)| (entry.uid().get(), entry.flags().clone()))
                .collect();
            let expected: Vec<(u32, Flags)> =
                mailbox.messages.iter().map(|(uid, names)| (*uid, as_flags(names))).collect();
            assert_eq!(seen, expected, "{at}");
            // No session of another overlooks that its rights have changed.
            assert_eq!(snapshot.acl_changes(), mailbox.acl_changes, "{at}");
            let (owner, id) = (self.accounts[mailbox.owner].id, mailbox.id);
            let since = ids::ModSeq::default();
            let log = self.store.read(move |tx| tx.changes_since(owner, Some(id), since)).unwrap();
            let Changes::List(log) = log else { panic!("the log is young") };
            let told = log.iter().filter(|change| matches!(change.fact, Fact::AclChanged));
            assert_eq!(told.count(), mailbox.acl_changes as usize, "{at}");
        }
        for (actor, account) in self.accounts.iter().enumerate() {
            let id = account.id;
            let tree = self.store.read(move |tx| tx.list_mailboxes_as(id)).unwrap();
            for (at, mailbox) in self.mailboxes.iter().enumerate() {
                let owner = &self.accounts[mailbox.owner].address;
                let name = match mailbox.owner == actor {
                    true => mailbox.name.to_owned(),
                    false => format!("Other Users/{owner}/{}", mailbox.name),
                };
                let listed = tree.find(&mailbox_name(&name)).filter(|entry| !entry.ghost);
                let rights = self.rights(actor, at);
                let shown = listed.map(|entry| letters(&entry.rights.to_string()));
                assert_eq!(shown, Some(rights.clone()).filter(|r| r.contains(&'l')), "{name}");
                let asked = mailbox.id;
                let found = self.store.read(move |tx| tx.rights_of(id, asked)).unwrap();
                assert_eq!(letters(&found.to_string()), rights, "{name}");
            }
        }
    }
}

#[test]
fn random_verbs_of_several_accounts_equal_the_model() {
    on_both_engines(|store| {
        let mut run = Run::start(store, SeededRng::from_env("sharing model"));
        for step in 0..STEPS {
            run.step();
            if step % 40 == 39 {
                run.compare();
            }
        }
        run.compare();
    });
}
