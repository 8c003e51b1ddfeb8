//! Random verbs against a plain model in memory, with observers who only follow the change feed.
//!
//! Three observers must end up with the model's state: one holds the views of every mailbox, one
//! replays `changes_since` from where it last stood, one plays an IMAP client that is told the
//! differences between snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use ids::{AccountId, CollectionId, ModSeq, Uid, UidSet};
use message::flag::{Flag, Flags};
use testkit::{ManualClock, SeededRng};

use crate::{
    Address, Append, Changes, Database, Fact, FlagChange, MailboxName, MailboxView, NewAccount,
    PreparedMessage, Role, Settings, Snapshot, StorageError, Store,
};

/// Messages of a mailbox as anybody sees them.
type Messages = BTreeMap<u32, Flags>;

/// A mailbox in the model.
#[derive(Debug, Clone, Default)]
struct Mailbox {
    id: Option<CollectionId>,
    messages: Messages,
    uid_next: u32,
}

/// The plain model.
#[derive(Debug, Default)]
struct Model {
    mailboxes: BTreeMap<String, Mailbox>,
}

const NAMES: [&str; 9] = ["INBOX", "a", "a/b", "a/b/c", "d", "d/e", "INBOX/f", "Zoë", "a/b/c/d/e"];
const FLAGS: [&[&str]; 5] =
    [&["\\Seen"], &["\\Deleted"], &["$Work", "\\Flagged"], &["\\Deleted", "$x"], &[]];

fn flags(names: &[&str]) -> Flags {
    names.iter().map(|name| Flag::parse(name.as_bytes()).unwrap()).collect()
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

/// The store beside its model.
struct Run {
    store: Store,
    account: AccountId,
    model: Model,
    rng: SeededRng,
    made: u32,
}

impl Run {
    fn start(database: Database, folder: &std::path::Path, rng: SeededRng) -> Self {
        let clock = Arc::new(ManualClock::new(ids::Timestamp::from_secs(1_700_000_000)));
        let mut settings = Settings::new(folder, clock);
        settings.database = database;
        settings.sweep_messages_min = 2;
        let store = Store::open(settings).unwrap();
        let new = NewAccount {
            address: Address::parse("model@example.test").unwrap(),
            name: String::new(),
            role: Role::Collaborator,
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: false,
        };
        let account = store
            .write_blocking("model", move |tx| {
                tx.create_domain("example.test")?;
                tx.create_account(new)
            })
            .unwrap()
            .value;
        let mut run = Self { store, account, model: Model::default(), rng, made: 0 };
        for entry in run.store.read_blocking(move |tx| tx.list_mailboxes(account)).unwrap().entries
        {
            let id = entry.mailbox.map(|mailbox| mailbox.id);
            let mailbox = Mailbox { id, messages: Messages::new(), uid_next: 1 };
            run.model.mailboxes.insert(entry.name.as_str().to_owned(), mailbox);
        }
        run
    }

    fn pick(&mut self) -> (String, CollectionId) {
        let names: Vec<&String> = self.model.mailboxes.keys().collect();
        let at = self.rng.usize(..names.len());
        let name = names[at].clone();
        let id = self.model.mailboxes[&name].id.unwrap();
        (name, id)
    }

    fn some_uids(&mut self, mailbox: &str) -> UidSet {
        let share = self.rng.u32(1..4);
        let uids: Vec<u32> = self.model.mailboxes[mailbox].messages.keys().copied().collect();
        let mut set: UidSet =
            uids.into_iter().filter(|_| self.rng.u32(..share) == 0).map(Uid::new).collect();
        // UIDs nobody has must do no harm.
        set.insert(Uid::new(100_000));
        set
    }

    fn step(&mut self) {
        match self.rng.u8(..21) {
            0 => self.create(),
            1 => self.delete(),
            2 | 3 => self.rename(),
            4..=9 => self.append(),
            10 | 11 => self.copy(),
            12 | 13 => self.r#move(),
            14..=17 => self.store_flags(),
            18 => drop(self.store.maintain().unwrap()),
            _ => self.expunge(),
        }
    }

    fn create(&mut self) {
        let text = NAMES[self.rng.usize(..NAMES.len())];
        let wanted = name(text);
        let done = self.store.account_write_blocking(self.account, "model", vec![], move |tx| {
            tx.create_mailbox(&wanted, None)
        });
        match done {
            Ok(made) => {
                let mailbox =
                    Mailbox { id: Some(made.value.id), uid_next: 1, ..Mailbox::default() };
                let before = self.model.mailboxes.insert(text.to_owned(), mailbox);
                assert!(before.is_none(), "{text} was there");
            }
            Err(StorageError::AlreadyExists(_)) => {
                assert!(self.model.mailboxes.contains_key(text));
            }
            Err(other) => panic!("create {text}: {other}"),
        }
    }

    fn delete(&mut self) {
        let text = NAMES[self.rng.usize(..NAMES.len())];
        let wanted = name(text);
        let done = self.store.account_write_blocking(self.account, "model", vec![], move |tx| {
            tx.delete_mailbox(&wanted)
        });
        let there = self.model.mailboxes.contains_key(text);
        match done {
            Ok(_) => assert!(there && self.model.mailboxes.remove(text).is_some()),
            Err(_) if text == "INBOX" => {}
            Err(StorageError::InUse(_)) => assert!(!there && self.has_children(text)),
            Err(StorageError::NotFound(_)) => assert!(!there && !self.has_children(text)),
            Err(other) => panic!("delete {text}: {other}"),
        }
    }

    fn has_children(&self, of: &str) -> bool {
        let prefix = format!("{of}/");
        self.model.mailboxes.keys().any(|name| name.starts_with(&prefix))
    }

    fn rename(&mut self) {
        let (from, to) =
            (NAMES[self.rng.usize(..NAMES.len())], NAMES[self.rng.usize(..NAMES.len())]);
        let (source, target) = (name(from), name(to));
        let done = self.store.account_write_blocking(self.account, "model", vec![], move |tx| {
            tx.rename_mailbox(&source, &target)
        });
        if done.is_err() {
            return;
        }
        if from == "INBOX" {
            // R-FOLD-4: its messages move to a new mailbox, UIDs and all; INBOX counts on.
            let inbox = self.model.mailboxes.get_mut("INBOX").unwrap();
            let (messages, uid_next) = (std::mem::take(&mut inbox.messages), inbox.uid_next);
            let (wanted, account) = (name(to), self.account);
            let found =
                self.store.read_blocking(move |tx| tx.find_mailbox(account, &wanted)).unwrap();
            let id = found.map(|mailbox| mailbox.id);
            self.model.mailboxes.insert(to.to_owned(), Mailbox { id, messages, uid_next });
            return;
        }
        let prefix = format!("{from}/");
        let names: Vec<String> = self.model.mailboxes.keys().cloned().collect();
        let moved: Vec<(String, Mailbox)> = names
            .iter()
            .filter(|name| *name == from || name.starts_with(&prefix))
            .map(|old| {
                let mailbox = self.model.mailboxes.remove(old).unwrap();
                (format!("{to}{}", &old[from.len()..]), mailbox)
            })
            .collect();
        for (new, mailbox) in moved {
            assert!(self.model.mailboxes.insert(new, mailbox).is_none());
        }
    }

    fn append(&mut self) {
        let (name, id) = self.pick();
        let count = self.rng.usize(1..4);
        let set = flags(FLAGS[self.rng.usize(..FLAGS.len())]);
        let messages: Vec<_> = (0..count)
            .map(|_| {
                self.made += 1;
                // Every tenth text was seen before.
                let number = if self.made.is_multiple_of(10) { 1 } else { self.made };
                let text = format!("Subject: message {number}\r\n\r\nText {number}\r\n");
                Arc::new(PreparedMessage::new(text.into_bytes()))
            })
            .collect();
        let (copies, given) = (messages.clone(), set.clone());
        let appended = self
            .store
            .account_write_blocking(self.account, "model", messages, move |tx| {
                let mut uids = Vec::new();
                for message in &copies {
                    let options = Append { flags: given.clone(), ..Append::default() };
                    uids.push(tx.append_message(id, message, options)?.uid.get());
                }
                Ok(uids)
            })
            .unwrap()
            .value;
        let mailbox = self.model.mailboxes.get_mut(&name).unwrap();
        for uid in appended {
            assert_eq!(uid, mailbox.uid_next);
            mailbox.uid_next += 1;
            mailbox.messages.insert(uid, set.clone());
        }
    }

    fn copy(&mut self) {
        let ((from, source), (to, target)) = (self.pick(), self.pick());
        let uids = self.some_uids(&from);
        let copied = self
            .store
            .account_write_blocking(self.account, "model", vec![], move |tx| {
                tx.copy_messages(source, &uids, target)
            })
            .unwrap()
            .value;
        self.place_copies(&from, &to, &copied.pairs);
    }

    fn place_copies(&mut self, from: &str, to: &str, pairs: &[(Uid, Uid)]) {
        let originals = self.model.mailboxes[from].messages.clone();
        let target = self.model.mailboxes.get_mut(to).unwrap();
        for (old, new) in pairs {
            assert_eq!(new.get(), target.uid_next);
            target.uid_next += 1;
            target.messages.insert(new.get(), originals[&old.get()].clone());
        }
    }

    fn r#move(&mut self) {
        let ((from, source), (to, target)) = (self.pick(), self.pick());
        let uids = self.some_uids(&from);
        let done = self.store.account_write_blocking(self.account, "model", vec![], move |tx| {
            tx.move_messages(source, &uids, target)
        });
        let Ok(moved) = done else {
            assert_eq!(from, to, "only a move into itself may be refused");
            return;
        };
        self.place_copies(&from, &to, &moved.value.pairs);
        let source = self.model.mailboxes.get_mut(&from).unwrap();
        for (old, _) in &moved.value.pairs {
            source.messages.remove(&old.get());
        }
    }

    fn store_flags(&mut self) {
        let (name, id) = self.pick();
        let uids = self.some_uids(&name);
        let set = flags(FLAGS[self.rng.usize(..FLAGS.len())]);
        let kind = self.rng.u8(..3);
        let change = match kind {
            0 => FlagChange::Add(set.clone()),
            1 => FlagChange::Remove(set.clone()),
            _ => FlagChange::Replace(set.clone()),
        };
        let asked = uids.clone();
        let stored = self
            .store
            .account_write_blocking(self.account, "model", vec![], move |tx| {
                tx.store_flags(id, &asked, change, None)
            })
            .unwrap()
            .value;
        assert!(stored.skipped.is_empty());
        for (uid, held) in &mut self.model.mailboxes.get_mut(&name).unwrap().messages {
            if uids.contains(Uid::new(*uid)) {
                *held = match kind {
                    0 => held.union(&set),
                    1 => held.difference(&set),
                    _ => set.clone(),
                };
            }
        }
    }

    fn expunge(&mut self) {
        let (name, id) = self.pick();
        let within = (self.rng.u8(..2) == 0).then(|| self.some_uids(&name));
        let whatever_flags = within.is_some() && self.rng.u8(..2) == 0;
        let asked = within.clone();
        let gone = self
            .store
            .account_write_blocking(self.account, "model", vec![], move |tx| match asked {
                Some(asked) if whatever_flags => tx.remove_messages(id, &asked),
                asked => tx.expunge(id, asked.as_ref()),
            })
            .unwrap()
            .value;
        let mailbox = self.model.mailboxes.get_mut(&name).unwrap();
        let deleted = flags(&["\\Deleted"]).system;
        let mut expected = UidSet::new();
        mailbox.messages.retain(|uid, held| {
            let in_set = within.as_ref().is_none_or(|set| set.contains(Uid::new(*uid)));
            let goes = in_set && (whatever_flags || held.system.contains(deleted));
            if goes {
                expected.insert(Uid::new(*uid));
            }
            !goes
        });
        assert_eq!(gone, expected);
    }
}

fn seen(snapshot: &Snapshot) -> Messages {
    snapshot.entries(1..=u32::MAX).map(|(_, e)| (e.uid().get(), e.flags().clone())).collect()
}

/// Knows only what `changes_since` told, and the rows it named.
#[derive(Default)]
struct Replayer {
    modseq: ModSeq,
    mailboxes: BTreeMap<CollectionId, Messages>,
}

impl Replayer {
    fn follow(&mut self, run: &Run) {
        let (account, since) = (run.account, self.modseq);
        let changes =
            run.store.read_blocking(move |tx| tx.changes_since(account, None, since)).unwrap();
        let Changes::List(changes) = changes else { panic!("the log is young") };
        for change in changes {
            assert!(change.modseq > since && change.modseq >= self.modseq, "commit order");
            self.modseq = change.modseq;
            let Some(id) = change.collection else { continue };
            match change.fact {
                Fact::MailboxCreated => {
                    self.mailboxes.insert(id, Messages::new());
                }
                Fact::MailboxDeleted { .. } => {
                    self.mailboxes.remove(&id);
                }
                Fact::MessagesAdded(uids) | Fact::FlagsChanged(uids) => self.reread(run, id, &uids),
                Fact::MessagesExpunged(uids) => {
                    if let Some(messages) = self.mailboxes.get_mut(&id) {
                        messages.retain(|uid, _| !uids.contains(Uid::new(*uid)));
                    }
                }
                _ => {}
            }
        }
    }

    /// Rows as they are now; later changes follow in the log.
    fn reread(&mut self, run: &Run, id: CollectionId, uids: &UidSet) {
        let Ok(view) = run.store.open_view_blocking(run.account, id) else { return };
        let snapshot = view.snapshot();
        let messages = self.mailboxes.entry(id).or_default();
        for uid in uids.iter() {
            match snapshot.by_uid(uid) {
                Some((_, entry)) => messages.insert(uid.get(), entry.flags().clone()),
                None => messages.remove(&uid.get()),
            };
        }
    }
}

/// Knows a mailbox by sequence number, as an IMAP client does.
struct Client {
    view: MailboxView,
    known: Arc<Snapshot>,
    told: Vec<(u32, Flags)>,
}

impl Client {
    fn open(view: MailboxView) -> Self {
        let known = view.snapshot();
        let told = seen(&known).into_iter().collect();
        Self { view, known, told }
    }

    fn follow(&mut self, hold_expunges: bool) {
        let newest = self.view.snapshot();
        let newest =
            if hold_expunges { Arc::new(newest.with_expunged_of(&self.known)) } else { newest };
        let diff = newest.diff_from(&self.known);
        assert!(!hold_expunges || diff.expunged_seqs.is_empty());
        for (old, new) in &diff.changed {
            self.told[*old as usize - 1].1 = newest.by_seq(*new).unwrap().flags().clone();
        }
        for seq in &diff.expunged_seqs {
            self.told.remove(*seq as usize - 1);
        }
        let first = newest.exists() + 1 - diff.appended;
        let fresh = newest.entries(first..=u32::MAX);
        self.told.extend(fresh.map(|(_, e)| (e.uid().get(), e.flags().clone())));
        self.known = newest;
    }
}

fn compare(run: &Run, replayer: &Replayer, clients: &mut BTreeMap<CollectionId, Client>) {
    for (name, mailbox) in &run.model.mailboxes {
        let id = mailbox.id.unwrap();
        let view = run.store.open_view_blocking(run.account, id).unwrap();
        assert_eq!(seen(&view.snapshot()), mailbox.messages, "{name}: view");
        assert_eq!(view.snapshot().uid_next().get(), mailbox.uid_next, "{name}: UIDNEXT");
        let replayed = replayer.mailboxes.get(&id);
        assert_eq!(replayed, Some(&mailbox.messages), "{name}: replayed");
        if let Some(client) = clients.get_mut(&id) {
            client.follow(false);
            let expected: Vec<_> = mailbox.messages.clone().into_iter().collect();
            assert_eq!(client.told, expected, "{name}: client");
        }
        let row = run.store.read_blocking(move |tx| tx.load_mailbox(id)).unwrap();
        let is_unseen = |f: &&Flags| !f.system.contains(flags(&["\\Seen"]).system);
        let first = mailbox.messages.values().position(|flags| is_unseen(&flags));
        assert_eq!(view.snapshot().first_unseen(), first.map(|at| at as u32 + 1), "{name}");
        let unseen = mailbox.messages.values().filter(is_unseen);
        assert_eq!(
            (row.messages as usize, row.unseen as usize),
            (mailbox.messages.len(), unseen.count())
        );
    }
    assert_eq!(replayer.mailboxes.len(), run.model.mailboxes.len());
}

fn play(database: Database, steps: usize, rng: SeededRng) {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(database.clone(), folder.path(), rng);
    let (mut replayer, mut clients) = (Replayer::default(), BTreeMap::new());
    for step in 0..steps {
        run.step();
        if run.rng.u8(..6) == 0 {
            replayer.follow(&run);
        }
        let (_, id) = run.pick();
        let view = run.store.open_view_blocking(run.account, id).unwrap();
        let hold = run.rng.u8(..2) == 0;
        clients.entry(id).or_insert_with(|| Client::open(view)).follow(hold);
        if step % 50 == 49 {
            replayer.follow(&run);
            compare(&run, &replayer, &mut clients);
        }
    }
    replayer.follow(&run);
    compare(&run, &replayer, &mut clients);
    assert_eq!(run.store.read_blocking(crate::check::check_consistency).unwrap(), []);
    reopen(run, database, folder.path());
}

/// Views loaded from the database equal the model too.
fn reopen(run: Run, database: Database, folder: &std::path::Path) {
    let Run { store, account, model, .. } = run;
    let clock = store.settings().clock.clone();
    store.close();
    drop(store);
    let mut settings = Settings::new(folder, clock);
    settings.database = database;
    let store = Store::open(settings).unwrap();
    for (name, mailbox) in &model.mailboxes {
        let view = store.open_view_blocking(account, mailbox.id.unwrap()).unwrap();
        assert_eq!(seen(&view.snapshot()), mailbox.messages, "{name}: reopened");
    }
}

#[test]
fn random_verbs_on_sqlite_equal_the_model() {
    for _ in 0..4 {
        play(Database::Sqlite, 400, SeededRng::from_env("storage model, SQLite"));
    }
}

#[test]
fn random_verbs_on_postgresql_equal_the_model() {
    let database = testkit::Postgres::shared().create_database();
    let database = Database::Postgres(database.url().to_owned());
    play(database, 400, SeededRng::from_env("storage model, PostgreSQL"));
}
