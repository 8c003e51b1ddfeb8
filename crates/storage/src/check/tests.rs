use std::collections::BTreeSet;

use crate::testing::{TestStore, flags, on_both_engines};
use crate::{Delivery, FlagChange, PreparedMessage, Result};

/// Two accounts with some of everything.
fn fill(store: &TestStore) {
    let julie = store.account("julie");
    let paul = store.account("paul");
    let inbox = store.mailbox(julie, "INBOX");
    store
        .write(move |tx| {
            tx.create_domain_alias("example.org", "example.test")?;
            tx.add_alias(julie, &crate::Address::parse("info@example.test")?)?;
            let message = PreparedMessage::new(b"a: b\r\n\r\nbody\r\n".to_vec());
            tx.account(paul)?.deliver(&message, Delivery::default())?;
            let mut julie = tx.account(julie)?;
            let verifier =
                crate::ScramVerifier { salt: vec![1], iterations: 1, sealed_keys: vec![2] };
            julie.put_scram_verifier(None, &verifier)?;
            julie.make_password_link(&[7; 32], 24, None)?;
            for _ in 0..3 {
                julie.deliver(&message, Delivery::default())?;
            }
            let one = ids::UidSet::from_range(ids::Uid::new(1)..=ids::Uid::new(1));
            let change = FlagChange::Add(flags("\\Deleted Work"));
            julie.store_flags(inbox, &one, change, None)?;
            julie.expunge(inbox, None)
        })
        .unwrap();
}

/// The names of the invariants that are broken once `damage` was done, without repeats. The
/// damage is taken back.
fn broken_by(store: &TestStore, damage: &'static [&'static str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let rolled_back: Result<()> = store.write(move |tx| {
        for sql in damage {
            assert!(tx.sql.execute(sql, &[])? > 0, "{sql}");
        }
        let findings = super::check_consistency(tx)?;
        sender.send(findings).unwrap();
        Err(crate::StorageError::Conflict("only a test"))
    });
    assert!(rolled_back.is_err());
    for finding in receiver.recv().expect("the damage can be done") {
        assert!(!finding.detail.is_empty());
        if !found.contains(&finding.invariant) {
            found.push(finding.invariant);
        }
    }
    found
}

/// The names in the table of the module's text, and those that its code gives.
#[test]
fn the_table_of_invariants_is_whole() {
    let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
    let table: Vec<&str> = table.filter_map(|line| line.split('`').next()).collect();
    let mut named: BTreeSet<&str> = super::rows::RULES.iter().map(|rule| rule.invariant).collect();
    named.extend(super::collections::RULES.iter().map(|(invariant, ..)| *invariant));
    for source in [
        include_str!("mod.rs"),
        include_str!("bytes.rs"),
        include_str!("collections.rs"),
        include_str!("names.rs"),
        include_str!("rows.rs"),
        include_str!("sweeps.rs"),
    ] {
        let added = source.split("findings.add(\"").skip(1);
        named.extend(added.filter_map(|rest| rest.split('"').next()));
    }
    // Of tests alone: see `check_summaries`.
    assert!(named.remove("summary-recomputes"));
    let known: BTreeSet<&str> = table.iter().copied().collect();
    assert_eq!(known, named);
    assert_eq!(known.len(), table.len(), "a name is there twice: {table:?}");
    for (repaired, _) in super::repair::REPAIRS {
        assert!(known.contains(repaired), "{repaired}");
    }
}

#[test]
fn every_kind_of_damage_is_found() {
    on_both_engines(|store| {
        fill(store);
        for (damage, expect) in [
            (&["UPDATE mailbox SET unseen_count = 9 WHERE name = 'INBOX'"][..], "mailbox-counts"),
            (&["UPDATE scram_verifier SET access_key_id = 77"], "scram-verifier-of-password"),
            (&["UPDATE account SET password_hash = ''"], "scram-verifier-of-password"),
            (&["UPDATE account SET blocked = 1"], "password-link"),
            (&["UPDATE password_link SET expires = created + 604800000001"], "password-link"),
            (&["UPDATE password_link SET expires = created"], "password-link"),
            (&["UPDATE mailbox SET deleted_count = 1 WHERE name = 'Junk'"], "mailbox-counts"),
            (&["UPDATE mailbox SET uid_next = 0 WHERE name = 'Junk'"], "uid-next-above-uids"),
            (&["UPDATE mailbox SET uid_next = 1 WHERE name = 'INBOX'"], "uid-next-above-uids"),
            (&["UPDATE mailbox SET uid_validity = 7"], "uid-validity-unique"),
            (&["UPDATE account SET uid_validity_last = 7"], "uid-validity-unique"),
            (&["UPDATE account SET used_bytes = used_bytes + 1"], "used-bytes"),
            (&["UPDATE account SET mailbox_count = 5"], "used-bytes"),
            (&["UPDATE account SET version_bytes = 5"], "version-bytes"),
            (&["UPDATE account SET expunged_bytes = 5"], "expunged-bytes"),
            (&["UPDATE account SET message_count = message_count + 1"], "used-bytes"),
            (&["UPDATE account SET alias_count = 7"], "alias-count"),
            (&["UPDATE account SET subscription_count = 7"], "subscription-count"),
            (&["DELETE FROM address WHERE kind = 'primary'"], "address-primary"),
            (&["UPDATE account SET address = 'x' || address"], "address-primary"),
            (
                &["UPDATE address SET domain_id = (SELECT id FROM domain \
                   WHERE alias_of IS NOT NULL) WHERE kind = 'alias'"],
                "address-domain",
            ),
            (&["UPDATE domain SET alias_of = id WHERE alias_of IS NOT NULL"], "domain-alias"),
            (&["UPDATE domain SET catch_all = 999"], "catch-all"),
            (&["UPDATE mailbox SET name = 'out' WHERE name = 'INBOX'"], "inbox-exists"),
            (
                &["UPDATE mailbox SET special_use = 'sent' WHERE name = 'Junk'"],
                "special-use-unique",
            ),
            (&["UPDATE mailbox SET special_use = 'x' WHERE name = 'Junk'"], "special-use-unique"),
            (&["UPDATE message SET modseq = 999"], "modseq-monotonic"),
            (&["UPDATE account SET modseq = 0", "DELETE FROM change"], "modseq-monotonic"),
            (&["UPDATE mailbox SET sweeps = 1 WHERE name = 'Junk'"], "sweep-place"),
            (
                &["INSERT INTO flag_sweep SELECT id, highest_modseq, 1, 2, 32, 0, NULL \
                   FROM mailbox WHERE name = 'INBOX'"],
                "flags-canonical",
            ),
            (&["UPDATE account SET horizon = 999"], "change-log-within"),
            (&["UPDATE change SET modseq = modseq + 900"], "change-log-within"),
            (
                &["UPDATE content SET size_bytes = 13", "UPDATE message SET size_bytes = 12"],
                "message-size",
            ),
            (&["UPDATE expunged SET uid = 2"], "expunged-disjoint"),
            (&["DELETE FROM content_header"], "content-dangling"),
            (&["UPDATE mailbox SET name = 'a//b' WHERE name = 'Junk'"], "names-valid"),
            (&["UPDATE mailbox SET name = 'inbox/x' WHERE name = 'Junk'"], "names-valid"),
            (
                &["UPDATE subscription SET name = '..' WHERE name = 'Junk'"],
                "subscription-names-valid",
            ),
            (&["UPDATE message SET keywords = 'b a'"], "flags-canonical"),
            (&["UPDATE message SET keywords = 'a a'"], "flags-canonical"),
            (&["UPDATE message SET flags = 32"], "flags-canonical"),
            (&["UPDATE blob SET size_bytes = 1"], "blob-hash"),
            (&["UPDATE content_header SET header = hash FROM content"], "content-hash"),
            (&["INSERT INTO content_open_end SELECT MAX(id) FROM content"], "open-end"),
            (
                &["INSERT INTO spool (account_id, reverse_path, envelope, content_id, created) \
                   SELECT NULL, '', '', MAX(id), 0 FROM content"],
                "spool-recipients",
            ),
            (
                &[
                    "INSERT INTO spool (account_id, reverse_path, envelope, content_id, created) \
                     SELECT NULL, '', '', MAX(id), 0 FROM content",
                    "INSERT INTO spool_recipient (spool_id, ordinal, forward_path, parameters, \
                     owner) SELECT MAX(id), 0, 'a@x.test', '{}', 7 FROM spool",
                ],
                "spool-owner",
            ),
            (&["INSERT INTO spool_waiting VALUES ('x.test', 0, 1)"], "spool-waiting"),
            (&["UPDATE expunged SET account_id = 999"], "orphan"),
        ] {
            let broken = broken_by(store, damage);
            assert!(broken.contains(&expect), "{damage:?}: {broken:?}");
        }
    });
}

#[test]
fn counts_are_put_right() {
    on_both_engines(|store| {
        fill(store);
        assert_eq!(store.write(super::repair).unwrap(), []);
        store
            .write(|tx| {
                for sql in [
                    "UPDATE mailbox SET unseen_count = 9, size_bytes = 1, message_count = 3, \
                     deleted_count = 2 WHERE name = 'INBOX'",
                    "UPDATE mailbox SET uid_next = 2 WHERE name = 'INBOX' AND message_count > 0",
                    "UPDATE account SET used_bytes = 3, mailbox_count = 0, alias_count = 9, \
                     subscription_count = 9",
                    "UPDATE account SET uid_validity_last = 0, version_bytes = 1, \
                     expunged_bytes = 1",
                    "UPDATE domain SET catch_all = 999 WHERE alias_of IS NULL",
                    "INSERT INTO spool_waiting VALUES ('x.test', 0, 5)",
                ] {
                    tx.sql.execute(sql, &[])?;
                }
                Ok(())
            })
            .unwrap();
        let repaired: Vec<_> = store
            .write(super::repair)
            .unwrap()
            .into_iter()
            .map(|repaired| (repaired.invariant, repaired.rows))
            .collect();
        assert_eq!(
            repaired,
            [
                ("mailbox-counts", 2),
                ("uid-next-above-uids", 1),
                ("used-bytes", 2),
                ("expunged-bytes", 2),
                ("version-bytes", 2),
                ("alias-count", 2),
                ("subscription-count", 2),
                ("uid-validity-unique", 2),
                ("catch-all", 1),
                ("spool-waiting", 1),
            ]
        );
    });
}

/// A client that has not heard of an expunge would take what is new for what it has.
#[test]
fn uids_of_expunged_messages_are_not_given_again() {
    on_both_engines(|store| {
        fill(store);
        let julie = store.account("julie2");
        let inbox = store.mailbox(julie, "INBOX");
        let repaired = store.write(move |tx| {
            let message = PreparedMessage::new(b"a: b\r\n\r\nbody\r\n".to_vec());
            let mut account = tx.account(julie)?;
            account.deliver(&message, Delivery::default())?;
            let all = ids::UidSet::from_range(ids::Uid::new(1)..=ids::Uid::new(1));
            account.store_flags(inbox, &all, FlagChange::Add(flags("\\Deleted")), None)?;
            account.expunge(inbox, None)?;
            let sql = "UPDATE mailbox SET uid_next = 1 WHERE id = ?1";
            tx.sql.execute(sql, &[crate::sql::Value::Int(inbox.get())])?;
            super::repair(tx)
        });
        let repaired = repaired.unwrap();
        assert_eq!(repaired.len(), 1, "{repaired:?}");
        assert_eq!((repaired[0].invariant, repaired[0].rows), ("uid-next-above-uids", 1));
    });
}
