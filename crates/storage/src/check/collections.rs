//! Invariants of calendars, address books and files.

use super::Findings;
use crate::attachment::ATTACHMENT_ROW_BYTES;
use crate::blob::codec;
use crate::collection::{
    CollectionKind, CollectionName, CollectionRights, Components, Home, ObjectName, ShareState,
    TEAM_NUMBERS_FIRST,
};
use crate::object::VERSION_ROW_BYTES;
use crate::{ReadTx, Result};

// The numbers that the statements have. Those of collections begin where migration 18 says.
const _: () = {
    assert!(ATTACHMENT_ROW_BYTES == 512 && VERSION_ROW_BYTES == 512, "version-bytes");
    assert!(CollectionKind::Calendar.column() == 1, "collection-place and others");
    assert!(CollectionKind::AddressBook.column() == 2, "collection-place and card-address");
    assert!(CollectionKind::Inbox.column() == 3, "collection-place");
    assert!(CollectionKind::Folder.column() == 4, "collection-place");
    assert!(CollectionKind::Notifications.column() == 5, "collection-place");
    assert!(Home::Calendars.column() == 1, "collection-place");
    assert!(Home::AddressBooks.column() == 2, "collection-place");
    assert!(Home::Files.column() == 3, "collection-place");
    assert!(Components::EVENT.column() == 1, "default-calendar");
    let (edit, share) = (CollectionRights::EDIT.column(), CollectionRights::SHARE.column());
    assert!(share == 31, "collection-share");
    assert!(share - edit == 16, "outsider");
    assert!(ShareState::Given.column() == 0, "collection-share");
    assert!(ShareState::Invited.column() == 1, "outsider");
    assert!(ShareState::Accepted.column() == 2, "outsider");
    assert!(ShareState::Declined.column() == 3, "collection-share");
    assert!(TEAM_NUMBERS_FIRST == 1_099_511_627_776, "outsider");
};

/// An invariant, what the number counts, and the statement that finds what breaks it.
pub(super) const RULES: [(&str, &str, &str); 22] = [
    (
        "home-views",
        "home view",
        "SELECT v.id FROM home_view v WHERE v.horizon > v.last UNION SELECT m.view_id \
         FROM home_member m JOIN home_view v ON v.id = m.view_id WHERE m.seq > v.last \
         OR m.gone NOT IN (0, 1) UNION SELECT view_id FROM home_member \
         GROUP BY view_id, seq HAVING COUNT(*) > 1",
    ),
    (
        "directory-entries",
        "account",
        "SELECT a.id FROM account a JOIN domain d ON d.id = a.domain_id \
         WHERE (a.role <> 'external') <> EXISTS (SELECT 1 FROM directory_entry e \
         WHERE e.account_id = a.id AND e.organisation = d.organisation AND e.gone = 0) \
         UNION SELECT e.account_id FROM directory_entry e WHERE e.gone = 0 AND NOT EXISTS \
         (SELECT 1 FROM account a JOIN domain d ON d.id = a.domain_id \
         WHERE a.id = e.account_id AND d.organisation = e.organisation)",
    ),
    (
        "collection-counts",
        "collection",
        "SELECT c.id FROM collection c LEFT JOIN (SELECT collection_id, COUNT(*) AS objects, \
         CAST(SUM(size_bytes) AS BIGINT) AS bytes FROM object GROUP BY collection_id) s \
         ON s.collection_id = c.id WHERE c.object_count <> COALESCE(s.objects, 0) \
         OR c.size_bytes <> COALESCE(s.bytes, 0)",
    ),
    (
        "collection-count",
        "account",
        "SELECT a.id FROM account a WHERE a.collection_count <> \
         (SELECT COUNT(*) FROM collection c WHERE c.account_id = a.id)",
    ),
    (
        "collection-place",
        "collection",
        "SELECT c.id FROM collection c WHERE c.kind NOT IN (1, 2, 3, 4, 5) \
         OR c.home <> CASE c.kind WHEN 1 THEN 1 WHEN 3 THEN 1 WHEN 5 THEN 1 WHEN 2 THEN 2 ELSE 3 END \
         OR c.id <= 1099511627776 OR c.id > (SELECT last FROM collection_number) \
         OR c.account_id NOT IN (SELECT id FROM account)",
    ),
    (
        "collection-modseq",
        "collection",
        "SELECT c.id FROM collection c JOIN account a ON a.id = c.account_id \
         WHERE c.highest_modseq > a.modseq OR c.created_modseq > c.highest_modseq \
         OR c.horizon > c.highest_modseq",
    ),
    (
        "collection-modseq",
        "collection",
        "SELECT DISTINCT c.id FROM collection c JOIN object o ON o.collection_id = c.id \
         WHERE o.modseq > c.highest_modseq OR o.created_modseq > o.modseq",
    ),
    (
        "collection-modseq",
        "collection",
        "SELECT DISTINCT c.id FROM collection c JOIN object_gone g ON g.collection_id = c.id \
         WHERE g.modseq > c.highest_modseq OR g.modseq <= c.horizon \
         OR g.created_modseq > g.modseq",
    ),
    (
        "object-gone",
        "collection",
        "SELECT DISTINCT g.collection_id FROM object_gone g JOIN object o \
         ON o.collection_id = g.collection_id AND o.name = g.name",
    ),
    (
        "default-calendar",
        "account",
        "SELECT a.id FROM account a WHERE a.default_calendar IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM collection c WHERE c.id = a.default_calendar \
          AND c.account_id = a.id AND c.kind = 1 AND (c.components & 1) = 1)",
    ),
    (
        "version-bytes",
        "account",
        "SELECT a.id FROM account a WHERE a.version_bytes <> \
         (SELECT COALESCE(SUM(v.size_bytes + 512), 0) FROM object_version v \
          WHERE v.account_id = a.id) + \
         (SELECT COALESCE(SUM(t.size_bytes + 512), 0) FROM attachment t \
          WHERE t.account_id = a.id AND t.unnamed_since > 0)",
    ),
    (
        "attachment-named",
        "attachment",
        "SELECT t.id FROM attachment t WHERE (t.unnamed_since IS NULL) <> EXISTS \
         (SELECT 1 FROM attachment_use u JOIN object o ON o.id = u.object_id \
          JOIN collection c ON c.id = o.collection_id \
          WHERE u.managed_id = t.managed_id AND c.account_id = t.account_id)",
    ),
    (
        "attachment-named",
        "object",
        "SELECT o.id FROM object o LEFT JOIN (SELECT object_id, COUNT(*) AS named \
         FROM attachment_use GROUP BY object_id) u ON u.object_id = o.id \
         WHERE o.attachments <> COALESCE(u.named, 0) \
         UNION SELECT u.object_id FROM attachment_use u WHERE NOT EXISTS \
         (SELECT 1 FROM object o WHERE o.id = u.object_id)",
    ),
    (
        "attachment-data",
        "attachment",
        "SELECT t.id FROM attachment t LEFT JOIN blob b ON b.id = t.blob_id \
         WHERE b.id IS NULL OR b.size_bytes <> t.size_bytes OR (t.account_id IS NOT NULL \
         AND t.account_id NOT IN (SELECT id FROM account))",
    ),
    (
        "dead-property-place",
        "collection",
        "SELECT DISTINCT p.collection_id FROM dead_property p WHERE p.object_id <> 0 \
         AND NOT EXISTS (SELECT 1 FROM object o WHERE o.id = p.object_id \
                         AND o.collection_id = p.collection_id)",
    ),
    (
        "collection-share",
        "collection",
        "SELECT s.collection_id FROM collection_share s JOIN collection c \
         ON c.id = s.collection_id JOIN account o ON o.id = c.account_id \
         JOIN domain d ON d.id = o.domain_id \
         WHERE s.rights < 1 OR s.rights > 31 OR s.grantee = c.account_id \
         OR (s.grantee > 0 AND s.grantee NOT IN (SELECT id FROM account) AND s.grantee NOT IN \
             (SELECT t.id FROM team t WHERE t.organisation = d.organisation) \
             AND s.grantee NOT IN (SELECT id FROM outsider)) \
         OR (s.grantee < 0 AND s.grantee <> -d.organisation) \
         OR s.state NOT IN (0, 1, 2, 3) \
         OR (s.state <> 0 AND s.grantee NOT IN (SELECT id FROM account) \
             AND s.grantee NOT IN (SELECT id FROM outsider))",
    ),
    (
        "outsider",
        "collection",
        "SELECT x.collection_id FROM outsider x LEFT JOIN collection_share s \
         ON s.collection_id = x.collection_id AND s.grantee = x.id \
         LEFT JOIN outsider y ON y.id = x.invited_by AND y.collection_id = x.collection_id \
         LEFT JOIN collection_share t ON t.collection_id = y.collection_id AND t.grantee = y.id \
         WHERE s.grantee IS NULL OR s.state NOT IN (1, 2) \
         OR (x.invited_by <> 0 AND ((COALESCE(t.rights, 0) & 16) = 0 OR (s.rights & 16) <> 0)) \
         OR x.id <= 1099511627776 OR x.id > (SELECT last FROM team_number)",
    ),
    (
        "collection-overlay",
        "collection",
        "SELECT x.collection_id FROM collection_overlay x JOIN collection c \
         ON c.id = x.collection_id JOIN account a ON a.id = x.account_id \
         WHERE c.account_id = x.account_id OR x.modseq > a.modseq \
         UNION SELECT p.collection_id FROM overlay_property p WHERE NOT EXISTS \
         (SELECT 1 FROM collection_overlay x WHERE x.account_id = p.account_id \
          AND x.collection_id = p.collection_id)",
    ),
    (
        "own-alarms",
        "object",
        "SELECT w.object_id FROM own_alarms w LEFT JOIN object o ON o.id = w.object_id \
         LEFT JOIN collection c ON c.id = o.collection_id \
         WHERE c.id IS NULL OR c.kind <> 1 OR c.account_id = w.account_id \
         OR w.account_id NOT IN (SELECT id FROM account)",
    ),
    (
        "calendar-proxy",
        "account",
        "SELECT p.account_id FROM calendar_proxy p JOIN account o ON o.id = p.account_id \
         JOIN domain d ON d.id = o.domain_id WHERE p.may_write NOT IN (0, 1) \
         OR p.grantee = p.account_id OR (p.grantee NOT IN (SELECT id FROM account) \
         AND p.grantee NOT IN (SELECT t.id FROM team t WHERE t.organisation = d.organisation))",
    ),
    (
        "card-address",
        "object",
        "SELECT k.object_id FROM card_address k LEFT JOIN object o ON o.id = k.object_id \
         LEFT JOIN collection c ON c.id = o.collection_id \
         WHERE c.id IS NULL OR c.account_id <> k.account_id OR c.kind <> 2 \
         OR o.addresses_known <> 1",
    ),
    (
        "lock-exclusive",
        "account",
        "SELECT DISTINCT x.account_id FROM dav_lock x JOIN dav_lock y \
         ON y.account_id = x.account_id AND y.home = x.home AND y.path = x.path \
         AND y.token <> x.token WHERE x.exclusive = 1",
    ),
];

pub(super) fn check(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    for (invariant, what, sql) in RULES {
        tx.sql.query(sql, &[], &mut |row| {
            let number = row.int(0)?;
            findings.add(invariant, || format!("{what} {number}"));
            Ok(())
        })?;
    }
    check_names(tx, findings)?;
    check_bytes(tx, findings)
}

fn check_names(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    tx.sql.query("SELECT id, home, name FROM collection", &[], &mut |row| {
        let (id, home, name) = (row.int(0)?, Home::from_column(row.int(1)?)?, row.text(2)?);
        let known = CollectionName::parse_any(home, name);
        if known.ok().is_none_or(|known| known.as_str() != name) {
            findings.add("collection-place", || format!("collection {id}"));
        }
        Ok(())
    })?;
    tx.sql.query("SELECT id, name FROM object", &[], &mut |row| {
        let (id, name) = (row.int(0)?, row.text(1)?);
        if ObjectName::parse(name).ok().is_none_or(|known| known.as_str() != name) {
            findings.add("collection-place", || format!("object {id}"));
        }
        Ok(())
    })
}

fn check_bytes(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    for (what, sql) in [
        (
            "object",
            "SELECT o.id, o.hash, o.size_bytes, d.codec, d.data FROM object o \
             LEFT JOIN object_data d ON d.object_id = o.id",
        ),
        (
            "alarms of",
            "SELECT object_id, hash, CAST(OCTET_LENGTH(data) AS BIGINT), CAST(0 AS BIGINT), data \
             FROM own_alarms",
        ),
        ("version", "SELECT id, hash, size_bytes, codec, data FROM object_version"),
        (
            "object data",
            "SELECT d.object_id, d.data, CAST(0 AS BIGINT), CAST(NULL AS BIGINT), d.data FROM object_data d \
             WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.id = d.object_id)",
        ),
    ] {
        tx.sql.query(sql, &[], &mut |row| {
            let id = row.int(0)?;
            let is_whole = match (row.opt_int(3)?, row.opt_bytes(4)?) {
                (Some(codec), Some(data)) => {
                    codec::expand(codec, data, row.int(2)?).is_ok_and(|bytes| {
                        row.bytes(1).is_ok_and(|hash| *hash == *blake3::hash(&bytes).as_bytes())
                    })
                }
                _ => false,
            };
            if !is_whole {
                findings.add("object-data", || format!("{what} {id}"));
            }
            Ok(())
        })?;
    }
    Ok(())
}
