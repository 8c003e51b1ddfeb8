//! What the tests of this crate share: a store on each engine, and short ways to fill it.

use std::sync::{Arc, Mutex};

use ids::{AccountId, CollectionId, Uid, UidSet};
use message::flag::{Flag, Flags};
use testkit::ManualClock;

use crate::message_store::{FlagColumns, Sweeps};
use crate::sql::{Dialect, EachRow, Row, Sql, Value};
use crate::{
    AccountTx, Address, Append, Appended, Database, MailboxName, MailboxView, NewAccount,
    PreparedMessage, ReadTx, Result, Role, Settings, Store, ViewState, WriteTx,
};

/// A store of one test, on one engine.
pub(crate) struct TestStore {
    store: Store,
    /// Opened whenever a test looks a mailbox up: what it does then is followed, not read.
    views: Mutex<Vec<MailboxView>>,
}

/// Runs `test` on a fresh store of each engine; whatever it did, the store must be consistent
/// afterwards.
pub(crate) fn on_both_engines(test: impl Fn(&TestStore)) {
    on_both_engines_with(|_| {}, test);
}

/// [`on_both_engines`] with other settings.
pub(crate) fn on_both_engines_with(change: impl Fn(&mut Settings), test: impl Fn(&TestStore)) {
    let run = |database| {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(folder.path(), Arc::new(ManualClock::default()));
        settings.database = database;
        settings.readers = 2;
        settings.writers = 2;
        change(&mut settings);
        let store = Store::open(settings).unwrap();
        let store = TestStore::new(store);
        test(&store);
        store.check_views();
        assert_eq!(store.read(crate::check::check_consistency).unwrap(), []);
        assert_eq!(store.read(crate::check::check_summaries).unwrap(), []);
        store.store.close();
    };
    run(Database::Sqlite);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()));
}

impl TestStore {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, views: Mutex::default() }
    }

    /// The store itself, for what is asked of it and not of a transaction.
    pub(crate) fn inner(&self) -> &Store {
        &self.store
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write_blocking("test", work).map(|committed| committed.value)
    }

    /// The facts a transaction published, as text.
    pub(crate) fn facts(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Vec<String> {
        let committed = self.store.write_blocking("test", work).unwrap();
        committed.changes.iter().map(|change| format!("{:?}", change.fact)).collect()
    }

    /// The changes a transaction published.
    pub(crate) fn write_committed(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Vec<crate::Change> {
        self.store.write_blocking("test", work).unwrap().changes
    }

    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.read_blocking(work)
    }

    pub(crate) fn with<T: Send + 'static>(
        &self,
        account: AccountId,
        work: impl FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write(move |tx| work(&mut tx.account(account)?))
    }

    /// A new account on `example.test`, which is created with the first.
    pub(crate) fn account(&self, local: &str) -> AccountId {
        let new = new_account(&format!("{local}@example.test"));
        self.write(|tx| {
            if tx.find_domain("example.test")?.is_none() {
                tx.create_domain("example.test")?;
            }
            tx.create_account(new)
        })
        .unwrap()
    }

    pub(crate) fn mailbox(&self, account: AccountId, name: &str) -> CollectionId {
        let name = mailbox_name(name);
        let found = self.read(move |tx| tx.find_mailbox(account, &name));
        let mailbox = found.unwrap().expect("the mailbox exists").id;
        let view = self.store.open_view_blocking(account, mailbox).unwrap();
        self.views.lock().unwrap().push(view);
        mailbox
    }

    /// Every view that was opened shows what the rows say.
    fn check_views(&self) {
        for view in self.views.lock().unwrap().iter() {
            let snapshot = view.snapshot();
            let mailbox = view.mailbox();
            if snapshot.state() == ViewState::Deleted {
                assert!(self.read(move |tx| tx.load_mailbox(mailbox)).is_err());
                continue;
            }
            let followed: Vec<String> = snapshot
                .entries(1..=snapshot.exists().max(1))
                .map(|(_, entry)| {
                    let (uid, flags, modseq) = (entry.uid(), entry.flags(), entry.modseq());
                    format!("{uid} {flags} {modseq} {} {}", entry.content(), entry.size_bytes())
                })
                .collect();
            let read = self.read(move |tx| {
                let sweeps = Sweeps::load(&mut *tx.sql, mailbox)?;
                tx.sql.query_all(
                    "SELECT uid, flags, keywords, modseq, content_id, size_bytes FROM message \
                     WHERE mailbox_id = ?1 ORDER BY uid",
                    &[Value::Int(mailbox.get())],
                    |row| {
                        let (uid, content) = (row.int(0)?, row.int(4)?);
                        let (flags, modseq) = flags_of(row, &sweeps, row.int(3)?);
                        Ok(format!("{uid} {flags} {modseq} {content} {}", row.int(5)?))
                    },
                )
            });
            assert_eq!(followed, read.unwrap(), "mailbox {mailbox}");
            let highest = self.read(move |tx| tx.load_mailbox(mailbox)).unwrap().highest_modseq;
            assert_eq!(snapshot.highest_modseq(), highest, "mailbox {mailbox}");
        }
    }

    pub(crate) fn append(
        &self,
        account: AccountId,
        mailbox: CollectionId,
        text: &str,
        flags: &str,
    ) -> Result<Appended> {
        self.append_bytes(account, mailbox, text.as_bytes(), self::flags(flags))
    }

    pub(crate) fn append_bytes(
        &self,
        account: AccountId,
        mailbox: CollectionId,
        bytes: &[u8],
        flags: Flags,
    ) -> Result<Appended> {
        let message = Arc::new(PreparedMessage::new(bytes.to_vec()));
        let append = Append { flags, ..Append::default() };
        let messages = vec![message.clone()];
        let committed = self.store.account_write_blocking(account, "test", messages, move |tx| {
            tx.append_message(mailbox, &message, append)
        });
        committed.map(|committed| committed.value)
    }

    /// `uid flags` of every message, ascending.
    pub(crate) fn messages(&self, mailbox: CollectionId) -> Vec<String> {
        self.read(move |tx| {
            let sweeps = Sweeps::load(&mut *tx.sql, mailbox)?;
            tx.sql.query_all(
                "SELECT uid, flags, keywords, modseq FROM message \
                 WHERE mailbox_id = ?1 ORDER BY uid",
                &[Value::Int(mailbox.get())],
                |row| {
                    let (flags, _) = flags_of(row, &sweeps, row.int(3)?);
                    Ok(format!("{} {flags}", row.int(0)?))
                },
            )
        })
        .unwrap()
    }
}

/// The flags in a row of `uid, flags, keywords`.
fn flags_of(row: &dyn Row, sweeps: &Sweeps, modseq: i64) -> (Flags, i64) {
    let (system, keywords) = (row.int(1).unwrap(), row.text(2).unwrap());
    let columns = FlagColumns { system, keywords, modseq };
    let now = sweeps.resolve(row.int(0).unwrap(), columns);
    (Flags::decode(now.system as u8, now.keywords).unwrap(), now.modseq)
}

pub(crate) fn new_account(address: &str) -> NewAccount {
    NewAccount {
        address: Address::parse(address).unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: "$argon2id$test".to_owned(),
        quota_bytes: 0,
        mail_only: false,
    }
}

pub(crate) fn mailbox_name(name: &str) -> MailboxName {
    MailboxName::parse(name).unwrap()
}

/// `\Seen Work` and the like.
pub(crate) fn flags(names: &str) -> Flags {
    names.split_whitespace().map(|name| Flag::parse(name.as_bytes()).unwrap()).collect()
}

/// `1:3,7` and the like.
pub(crate) fn uids(text: &str) -> UidSet {
    let mut set = UidSet::new();
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        set.insert_range(Uid::new(first.parse().unwrap()), Uid::new(last.parse().unwrap()));
    }
    set
}

/// Counts the statements that pass through it.
pub(crate) struct Counting<'a> {
    pub(crate) sql: &'a mut (dyn Sql + 'a),
    pub(crate) count: usize,
}

impl Sql for Counting<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64> {
        self.count += 1;
        self.sql.execute(sql, params)
    }

    fn query(&mut self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<()> {
        self.count += 1;
        self.sql.query(sql, params, each)
    }

    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = Vec<Value<'_>>>,
    ) -> Result<u64> {
        self.count += 1;
        self.sql.execute_many(sql, rows)
    }

    fn query_in_of(
        &mut self,
        sql: &'static str,
        ids: &[i64],
        of: Option<Value<'_>>,
        each: EachRow<'_>,
    ) -> Result<()> {
        self.count += 1;
        self.sql.query_in_of(sql, ids, of, each)
    }

    fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }
}
