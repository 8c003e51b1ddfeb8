//! Putting right what can be computed anew: numbers counted from rows. Everything else needs a
//! person or a backup.

use ids::{AccountId, CollectionId};
use message::flag::SystemFlags;

use crate::attachment::ATTACHMENT_ROW_BYTES;
use crate::message_store::{EXPUNGED_ROW_BYTES, Sweeps};
use crate::object::VERSION_ROW_BYTES;
use crate::{Result, WriteTx};

/// How many wrong numbers of one kind were corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The invariant's name.
    pub invariant: &'static str,
    /// How many rows had it wrong.
    pub rows: u64,
}

// The numbers that the statements have.
const _: () = {
    assert!(ATTACHMENT_ROW_BYTES == 512 && VERSION_ROW_BYTES == 512, "version-bytes");
    assert!(EXPUNGED_ROW_BYTES == 512, "expunged-bytes");
    assert!(SystemFlags::SEEN.bits() == 1, "mailbox-counts");
    assert!(SystemFlags::DELETED.bits() == 8, "mailbox-counts");
};

/// Statements in the order in which one rests on the other.
pub(super) const REPAIRS: [(&str, &str); 14] = [
    ("sweep-place", "UPDATE mailbox SET sweeps = 0 WHERE sweeps <> 0"),
    (
        "mailbox-counts",
        "UPDATE mailbox SET \
         message_count = (SELECT COUNT(*) FROM message s WHERE s.mailbox_id = mailbox.id), \
         unseen_count = (SELECT COUNT(*) FROM message s WHERE s.mailbox_id = mailbox.id \
                         AND (s.flags & 1) = 0), \
         deleted_count = (SELECT COUNT(*) FROM message s WHERE s.mailbox_id = mailbox.id \
                          AND (s.flags & 8) <> 0), \
         size_bytes = (SELECT CAST(COALESCE(SUM(s.size_bytes), 0) AS BIGINT) FROM message s \
                       WHERE s.mailbox_id = mailbox.id) \
         WHERE id IN (SELECT m.id FROM mailbox m LEFT JOIN ( \
           SELECT mailbox_id, COUNT(*) AS messages, \
           COUNT(CASE WHEN (flags & 1) = 0 THEN 1 END) AS unseen, \
           COUNT(CASE WHEN (flags & 8) <> 0 THEN 1 END) AS deleted, \
           CAST(SUM(size_bytes) AS BIGINT) AS bytes \
           FROM message GROUP BY mailbox_id) s ON s.mailbox_id = m.id \
           WHERE m.message_count <> COALESCE(s.messages, 0) \
           OR m.unseen_count <> COALESCE(s.unseen, 0) \
           OR m.deleted_count <> COALESCE(s.deleted, 0) \
           OR m.size_bytes <> COALESCE(s.bytes, 0))",
    ),
    (
        "uid-next-above-uids",
        "UPDATE mailbox SET uid_next = (SELECT MAX(s.uid) + 1 FROM message s \
         WHERE s.mailbox_id = mailbox.id) WHERE uid_next <= \
         (SELECT MAX(s.uid) FROM message s WHERE s.mailbox_id = mailbox.id)",
    ),
    (
        "uid-next-above-uids",
        "UPDATE mailbox SET uid_next = (SELECT MAX(e.uid) + 1 FROM expunged e \
         WHERE e.mailbox_id = mailbox.id) WHERE id IN \
         (SELECT m.id FROM expunged e JOIN mailbox m ON m.id = e.mailbox_id \
          WHERE e.uid >= m.uid_next)",
    ),
    (
        "collection-counts",
        "UPDATE collection SET \
         object_count = (SELECT COUNT(*) FROM object o WHERE o.collection_id = collection.id), \
         size_bytes = (SELECT CAST(COALESCE(SUM(o.size_bytes), 0) AS BIGINT) FROM object o \
                       WHERE o.collection_id = collection.id) \
         WHERE object_count <> \
               (SELECT COUNT(*) FROM object o WHERE o.collection_id = collection.id) \
         OR size_bytes <> (SELECT COALESCE(SUM(o.size_bytes), 0) FROM object o \
                           WHERE o.collection_id = collection.id)",
    ),
    (
        "used-bytes",
        concat!(
            "UPDATE account SET \
             used_bytes = (SELECT CAST(COALESCE(SUM(m.size_bytes), 0) AS BIGINT) FROM mailbox m \
                           WHERE m.account_id = account.id) + \
                          (SELECT CAST(COALESCE(SUM(c.size_bytes), 0) AS BIGINT) FROM collection c \
                           WHERE c.account_id = account.id) + \
                          (SELECT CAST(COALESCE(SUM(OCTET_LENGTH(p.name) + OCTET_LENGTH(p.value)), 0) \
                           AS BIGINT) FROM dead_property p JOIN collection c \
                           ON c.id = p.collection_id WHERE c.account_id = account.id) + \
                          (SELECT CAST(COALESCE(SUM(t.size_bytes), 0) AS BIGINT) FROM attachment t \
                           WHERE t.account_id = account.id AND t.unnamed_since IS NULL), \
             message_count = (SELECT CAST(COALESCE(SUM(m.message_count), 0) AS BIGINT) \
                              FROM mailbox m WHERE m.account_id = account.id), \
             mailbox_count = (SELECT COUNT(*) FROM mailbox m WHERE m.account_id = account.id) \
             WHERE id IN (",
            accounts_of_wrong_usage!(),
            ")"
        ),
    ),
    (
        "expunged-bytes",
        "UPDATE account SET expunged_bytes = \
         (SELECT CAST(COALESCE(SUM(COALESCE(c.size_bytes, 0) + 512), 0) AS BIGINT) \
          FROM expunged e LEFT JOIN content c ON c.id = e.content_id \
          WHERE e.account_id = account.id) WHERE expunged_bytes <> \
         (SELECT COALESCE(SUM(COALESCE(c.size_bytes, 0) + 512), 0) \
          FROM expunged e LEFT JOIN content c ON c.id = e.content_id \
          WHERE e.account_id = account.id)",
    ),
    (
        "version-bytes",
        "UPDATE account SET version_bytes = \
         (SELECT CAST(COALESCE(SUM(v.size_bytes + 512), 0) AS BIGINT) FROM object_version v \
          WHERE v.account_id = account.id) + \
         (SELECT CAST(COALESCE(SUM(t.size_bytes + 512), 0) AS BIGINT) FROM attachment t \
          WHERE t.account_id = account.id AND t.unnamed_since > 0) WHERE version_bytes <> \
         (SELECT COALESCE(SUM(v.size_bytes + 512), 0) FROM object_version v \
          WHERE v.account_id = account.id) + \
         (SELECT COALESCE(SUM(t.size_bytes + 512), 0) FROM attachment t \
          WHERE t.account_id = account.id AND t.unnamed_since > 0)",
    ),
    (
        "alias-count",
        "UPDATE account SET alias_count = (SELECT COUNT(*) FROM address x \
         WHERE x.account_id = account.id AND x.kind = 'alias') WHERE alias_count <> \
         (SELECT COUNT(*) FROM address x WHERE x.account_id = account.id AND x.kind = 'alias')",
    ),
    (
        "subscription-count",
        "UPDATE account SET subscription_count = (SELECT COUNT(*) FROM subscription s \
         WHERE s.account_id = account.id) WHERE subscription_count <> \
         (SELECT COUNT(*) FROM subscription s WHERE s.account_id = account.id)",
    ),
    (
        "uid-validity-unique",
        "UPDATE account SET uid_validity_last = (SELECT MAX(m.uid_validity) FROM mailbox m \
         WHERE m.account_id = account.id) WHERE uid_validity_last < \
         (SELECT MAX(m.uid_validity) FROM mailbox m WHERE m.account_id = account.id)",
    ),
    (
        "rules-flag",
        "UPDATE account SET rules_version = rules_version + 1, has_rules = 1 - has_rules \
         WHERE has_rules <> CASE WHEN \
         EXISTS (SELECT 1 FROM script s WHERE s.account_id = account.id AND s.active = 1) \
         OR EXISTS (SELECT 1 FROM responder r WHERE r.account_id = account.id AND r.active = 1) \
         OR EXISTS (SELECT 1 FROM redirection x WHERE x.account_id = account.id) \
         THEN 1 ELSE 0 END",
    ),
    (
        "catch-all",
        "UPDATE domain SET catch_all = NULL WHERE catch_all IS NOT NULL \
         AND catch_all NOT IN (SELECT id FROM account)",
    ),
    (
        "spool-waiting",
        "INSERT INTO spool_waiting (destination, slot, recipients) \
         SELECT destination, 0, CAST(SUM(recipients) AS BIGINT) FROM ( \
           SELECT destination, 1 AS recipients FROM spool_recipient \
           WHERE held = 0 AND owner = 0 AND destination <> '' \
           UNION ALL SELECT destination, -recipients FROM spool_waiting) counted \
         GROUP BY destination HAVING SUM(recipients) <> 0 \
         ON CONFLICT (destination, slot) \
         DO UPDATE SET recipients = spool_waiting.recipients + excluded.recipients",
    ),
];

/// Computes every counted number anew and says which were wrong, and has what is damaged of the
/// search index and of stored sort keys made anew. Messages, names and addresses
/// are never touched.
pub(crate) fn repair(tx: &mut WriteTx<'_>) -> Result<Vec<Repaired>> {
    let mut repaired = Vec::new();
    // What is counted below is counted from rows.
    settle_all(tx)?;
    for (invariant, sql) in REPAIRS {
        let rows = tx.sql.execute(sql, &[])?;
        if rows > 0 {
            repaired.push(Repaired { invariant, rows });
        }
    }
    // Both of its invariants: what is given up is indexed anew.
    let rows = crate::search::repair(tx)?;
    if rows > 0 {
        repaired.push(Repaired { invariant: "search-segment", rows });
    }
    let rows = crate::sort_keys::repair(tx)?;
    if rows > 0 {
        repaired.push(Repaired { invariant: "sort-block", rows });
    }
    Ok(repaired)
}

/// Writes every sweep into the rows. The mailboxes' own numbers of them are not relied on.
fn settle_all(tx: &mut WriteTx<'_>) -> Result<()> {
    // In this order accounts may be locked.
    let swept = tx.sql.query_all(
        "SELECT DISTINCT m.account_id, m.id FROM flag_sweep f JOIN mailbox m ON m.id = f.mailbox_id \
         ORDER BY m.account_id, m.id",
        &[],
        |row| Ok((AccountId::new(row.int(0)?), CollectionId::new(row.int(1)?))),
    )?;
    for (account, mailbox) in swept {
        tx.account(account)?;
        let sweeps = Sweeps::load(&mut *tx.sql, mailbox)?;
        tx.settle_up_to(mailbox, &sweeps, i64::from(u32::MAX))?;
    }
    Ok(())
}
