//! Stores that earlier versions made are opened with all that is in them.

use std::sync::Arc;

use ids::{AccountId, CollectionId};
use message::flag::{Flags, SystemFlags};
use testkit::ManualClock;

use super::{MIGRATIONS, Migration, VERSION_TABLE};
use crate::sql::Dialect;
use crate::sql::connection::{Connection, Target};
use crate::testing::uids;
use crate::{Database, FlagChange, Settings, Store};

/// A message without a body.
const TEXT: &str = "Subject: old\r\n\r\n";

/// What makes the store of a version: its schema, and rows as the first version wrote them.
fn script(version: usize, dialect: Dialect) -> String {
    let mut script = format!("{VERSION_TABLE};\n");
    for migration in MIGRATIONS.iter().take(version) {
        script += &migration.text(dialect);
        script += &recorded(migration);
        if migration.version == 1 {
            script += &rows(dialect);
        }
    }
    script
}

fn recorded(migration: &Migration) -> String {
    let (version, checksum) = (migration.version, migration.checksum());
    format!("INSERT INTO schema_version VALUES ({version}, '{checksum}', 0);\n")
}

fn rows(dialect: Dialect) -> String {
    let bytes = |bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match dialect {
            Dialect::Sqlite => format!("X'{hex}'"),
            Dialect::Postgres => format!("'\\x{hex}'"),
        }
    };
    let (hash, text, size) = (blake3::hash(TEXT.as_bytes()), bytes(TEXT.as_bytes()), TEXT.len());
    let (hash, some, both) = (bytes(hash.as_bytes()), bytes(b"x"), 2 * size);
    format!(
        "INSERT INTO domain (id, name, created) VALUES (1, 'example.test', 0);
         INSERT INTO account (id, domain_id, address, display_address, name, role, password_hash,
             credential_version, quota_bytes, used_bytes, message_count, mailbox_count, modseq,
             uid_validity_last, created)
         VALUES (1, 1, 'julie@example.test', 'julie@example.test', '', 'collaborator', '',
             1, 0, {both}, 2, 1, 5, 7, 0);
         INSERT INTO address VALUES (1, 'julie', 1, 'primary', 'julie', 0);
         INSERT INTO mailbox (id, account_id, name, uid_validity, uid_next, message_count,
             unseen_count, deleted_count, size_bytes, highest_modseq, created_modseq, created)
         VALUES (1, 1, 'INBOX', 7, 4, 2, 1, 1, {both}, 5, 1, 0);
         INSERT INTO content (id, hash, size_bytes, envelope, body, body_structure, parts, keys)
         VALUES (1, {hash}, {size}, {some}, {some}, {some}, {some}, {some});
         INSERT INTO content_header VALUES (1, {text});
         INSERT INTO message VALUES (1, 1, 1, {size}, 1, 'Work', 0, 0, 4, 2),
             (1, 2, 1, {size}, 8, '', 0, 0, 5, 3);
         INSERT INTO expunged VALUES (1, 0, 1, 3, 'INBOX', 1, 0, '', 0);\n"
    )
}

fn look(settings: Settings) {
    let store = Store::open(settings).unwrap();
    let (account, inbox) = (AccountId::new(1), CollectionId::new(1));
    let shown = || {
        let snapshot = store.open_view_blocking(account, inbox).unwrap().snapshot();
        let flags = snapshot.entries(1..=2).map(|(_, entry)| entry.flags_rendered().to_owned());
        flags.collect::<Vec<_>>()
    };
    assert_eq!(shown(), ["(\\Seen Work)", "(\\Deleted)"]);
    let flagged = FlagChange::Add(Flags::new(SystemFlags::FLAGGED, Vec::new()));
    store
        .account_write_blocking(account, "test", vec![], move |tx| {
            tx.store_flags(inbox, &uids("1:2"), flagged, None)
        })
        .unwrap();
    assert_eq!(shown(), ["(\\Flagged \\Seen Work)", "(\\Flagged \\Deleted)"]);
    assert_eq!(store.check_consistency().unwrap(), []);
    store.close();
}

#[test]
fn stores_of_every_version_keep_what_is_in_them() {
    for version in 1..=MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(folder.path(), Arc::new(ManualClock::default()));
        settings.sweep_messages_min = 2;
        let database = rusqlite::Connection::open(folder.path().join("posthorn.db")).unwrap();
        database.execute_batch(&script(version, Dialect::Sqlite)).unwrap();
        drop(database);
        look(settings.clone());

        let folder = tempfile::tempdir().unwrap();
        settings.data_dir = folder.path().to_owned();
        let database = testkit::Postgres::shared().create_database();
        let connection = Connection::open(&Target::parse(database.url()).unwrap()).unwrap();
        connection.simple(&script(version, Dialect::Postgres)).unwrap();
        drop(connection);
        settings.database = Database::Postgres(database.url().to_owned());
        look(settings);
    }
}

/// Migration 55 makes the table of reports anew.
#[test]
fn reports_of_older_stores_stay_and_hide_no_others() {
    let report = |reporter: &str, number| {
        format!(
            "INSERT INTO mail_report (kind, domain, reporter, report_id, begins, ends, passed, \
             failed, details) VALUES ('dmarc', 'example.test', '{reporter}', '1', 0, {number}, 2, 3, '[]');\n"
        )
    };
    let reports = report("B", 10) + &report("A", 10) + &report("C", 20);
    let look = |settings: Settings| {
        let store = Store::open(settings).unwrap();
        let since = ids::Timestamp::from_micros(0);
        let shown = || {
            let found = store.read_blocking(|tx| tx.mail_reports(None, since, 9)).unwrap();
            found.into_iter().map(|row| (row.source, row.reporter)).collect::<Vec<_>>()
        };
        let both = |name: &str| (name.to_owned(), name.to_owned());
        assert_eq!(shown(), [both("C"), both("A"), both("B")]);
        let mut new = store.read_blocking(|tx| tx.mail_reports(None, since, 1)).unwrap().remove(0);
        new.source = "c.test".to_owned();
        assert!(store.write_blocking("test", move |tx| tx.put_mail_report(&new)).unwrap().value);
        assert_eq!(shown().len(), 4);
        store.close();
    };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(folder.path(), Arc::new(ManualClock::default()));
    let database = rusqlite::Connection::open(folder.path().join("posthorn.db")).unwrap();
    database.execute_batch(&(script(54, Dialect::Sqlite) + &reports)).unwrap();
    drop(database);
    look(settings.clone());
    let database = testkit::Postgres::shared().create_database();
    let connection = Connection::open(&Target::parse(database.url()).unwrap()).unwrap();
    connection.simple(&(script(54, Dialect::Postgres) + &reports)).unwrap();
    drop(connection);
    settings.database = Database::Postgres(database.url().to_owned());
    look(settings);
}

/// Migration 62 names the mailboxes of nobody `Shared Folders/`, and what people had of that name
/// `Shared`.
#[test]
fn names_of_shared_mailboxes_change_places_with_own_ones() {
    let names = "INSERT INTO subscription (account_id, name) VALUES (1, 'INBOX'), (1, 'Shared'),
             (1, 'Shared/info@example.test/INBOX'), (1, 'Shared Folders'), (1, 'Shared Folders/x'),
             (1, 'Shared/x'), (1, 'Shared2'), (1, 'Shared Folders2');
         UPDATE account SET subscription_count = 8, mailbox_count = 4 WHERE id = 1;
         INSERT INTO mailbox (id, account_id, name, uid_validity, uid_next, highest_modseq,
             created_modseq, created) VALUES (2, 1, 'Shared Folders', 3, 1, 5, 1, 0),
             (3, 1, 'Shared Folders/x/y', 4, 1, 5, 1, 0), (4, 1, 'Shared Folders2', 5, 1, 5, 1, 0);\n";
    let look = |settings: Settings| {
        let store = Store::open(settings).unwrap();
        let list = |sql: &'static str| {
            let read = store
                .read_blocking(|tx| tx.sql.query_all(sql, &[], |row| Ok(row.text(0)?.to_owned())));
            read.unwrap()
        };
        let subscribed = [
            "INBOX",
            "Shared",
            "Shared Folders",
            "Shared Folders/info@example.test/INBOX",
            "Shared Folders/x",
            "Shared Folders2",
            "Shared/x",
            "Shared2",
        ];
        assert_eq!(list("SELECT name FROM subscription ORDER BY name"), subscribed);
        let mailboxes = ["INBOX", "Shared", "Shared/x/y", "Shared Folders2"];
        assert_eq!(list("SELECT name FROM mailbox ORDER BY id"), mailboxes);
        assert_eq!(store.check_consistency().unwrap(), []);
        store.close();
    };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(folder.path(), Arc::new(ManualClock::default()));
    let database = rusqlite::Connection::open(folder.path().join("posthorn.db")).unwrap();
    database.execute_batch(&(script(61, Dialect::Sqlite) + names)).unwrap();
    drop(database);
    look(settings.clone());
    let database = testkit::Postgres::shared().create_database();
    let connection = Connection::open(&Target::parse(database.url()).unwrap()).unwrap();
    connection.simple(&(script(61, Dialect::Postgres) + names)).unwrap();
    drop(connection);
    settings.database = Database::Postgres(database.url().to_owned());
    look(settings);
}
