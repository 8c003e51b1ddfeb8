//! Invariants that SQL can say: each statement finds the rows that break one.

use message::flag::SystemFlags;

use super::Findings;
use crate::collection::TEAM_NUMBERS_FIRST;
use crate::message_store::{ANNOTATION_ROW_BYTES, EXPUNGED_ROW_BYTES};
use crate::{ALIASES_MAX, PASSWORD_LINK_HOURS_MAX, ReadTx, Result, Rights};

/// A statement that answers with the number of each row that breaks an invariant.
pub(super) struct Rule {
    pub(super) invariant: &'static str,
    /// The thing that the number counts, in words.
    row: &'static str,
    sql: &'static str,
}

// The numbers that the statements have.
const _: () = {
    assert!(ALIASES_MAX == 50, "alias-limit");
    assert!(ANNOTATION_ROW_BYTES == 64, "annotation-place");
    assert!(EXPUNGED_ROW_BYTES == 512, "expunged-bytes");
    assert!(PASSWORD_LINK_HOURS_MAX as i64 * 3_600_000_000 == 604_800_000_000, "password-link");
    assert!(Rights::ALL.column() == 4095, "acl-grantee");
    assert!(SystemFlags::SEEN.bits() == 1, "mailbox-counts");
    assert!(SystemFlags::DELETED.bits() == 8, "mailbox-counts");
    assert!(TEAM_NUMBERS_FIRST == 1_099_511_627_776, "list-place and team-place");
};

pub(super) const RULES: [Rule; 48] = [
    Rule {
        invariant: "mailbox-counts",
        row: "mailbox",
        sql: "SELECT m.id FROM mailbox m LEFT JOIN ( \
                SELECT mailbox_id, COUNT(*) AS messages, \
                COUNT(CASE WHEN (flags & 1) = 0 THEN 1 END) AS unseen, \
                COUNT(CASE WHEN (flags & 8) <> 0 THEN 1 END) AS deleted, \
                CAST(SUM(size_bytes) AS BIGINT) AS bytes \
                FROM message GROUP BY mailbox_id) s ON s.mailbox_id = m.id \
              WHERE m.message_count <> COALESCE(s.messages, 0) \
              OR (m.sweeps = 0 AND (m.unseen_count <> COALESCE(s.unseen, 0) \
                                    OR m.deleted_count <> COALESCE(s.deleted, 0))) \
              OR m.size_bytes <> COALESCE(s.bytes, 0)",
    },
    Rule {
        invariant: "uid-next-above-uids",
        row: "mailbox",
        sql: "SELECT id FROM mailbox WHERE uid_next < 1 OR uid_next > 4294967295",
    },
    Rule {
        invariant: "uid-next-above-uids",
        row: "mailbox",
        sql: "SELECT DISTINCT m.id FROM mailbox m JOIN message s ON s.mailbox_id = m.id \
              WHERE s.uid < 1 OR s.uid >= m.uid_next",
    },
    Rule {
        invariant: "uid-next-above-uids",
        row: "mailbox",
        sql: "SELECT DISTINCT m.id FROM mailbox m JOIN expunged s ON s.mailbox_id = m.id \
              WHERE s.uid < 1 OR s.uid >= m.uid_next",
    },
    Rule {
        invariant: "uid-validity-unique",
        row: "account",
        sql: "SELECT account_id FROM mailbox GROUP BY account_id, uid_validity \
              HAVING COUNT(*) > 1",
    },
    Rule {
        invariant: "uid-validity-unique",
        row: "mailbox",
        sql: "SELECT m.id FROM mailbox m JOIN account a ON a.id = m.account_id \
              WHERE m.uid_validity < 1 OR m.uid_validity > 4294967295 \
              OR m.uid_validity > a.uid_validity_last",
    },
    Rule { invariant: "used-bytes", row: "account", sql: accounts_of_wrong_usage!() },
    Rule {
        invariant: "alias-count",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE a.alias_count <> (SELECT COUNT(*) FROM address x \
              WHERE x.account_id = a.id AND x.kind = 'alias')",
    },
    Rule {
        invariant: "subscription-count",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE a.subscription_count <> \
              (SELECT COUNT(*) FROM subscription s WHERE s.account_id = a.id)",
    },
    Rule {
        invariant: "alias-limit",
        row: "account",
        sql: "SELECT account_id FROM address WHERE kind = 'alias' GROUP BY account_id \
              HAVING COUNT(*) > 50",
    },
    Rule {
        invariant: "address-primary",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE (SELECT COUNT(*) FROM address x \
              WHERE x.account_id = a.id AND x.kind = 'primary') <> 1",
    },
    Rule {
        invariant: "address-primary",
        row: "account",
        // A local part that must be quoted is stored bare, and shown quoted.
        sql: "SELECT a.id FROM account a JOIN domain d ON d.id = a.domain_id \
              JOIN address x ON x.account_id = a.id AND x.kind = 'primary' \
              WHERE x.domain_id <> a.domain_id \
              OR (a.address <> x.local || '@' || d.name AND a.address NOT LIKE '\"%')",
    },
    Rule {
        invariant: "address-domain",
        row: "account",
        sql: "SELECT COALESCE(x.account_id, x.list_id) FROM address x \
              JOIN domain d ON d.id = x.domain_id WHERE d.alias_of IS NOT NULL",
    },
    Rule {
        invariant: "address-owner",
        row: "domain",
        sql: "SELECT domain_id FROM address WHERE (account_id IS NULL) = (list_id IS NULL) \
              OR (kind = 'list') <> (list_id IS NOT NULL)",
    },
    Rule {
        invariant: "list-place",
        row: "list",
        sql: "SELECT l.id FROM mail_list l LEFT JOIN address x ON x.list_id = l.id \
              LEFT JOIN domain d ON d.id = x.domain_id LEFT JOIN team t ON t.id = l.team_id \
              WHERE x.list_id IS NULL OR l.posting NOT IN (0, 1, 2) \
              OR l.id <= 1099511627776 OR l.id > (SELECT last FROM team_number) \
              OR (l.owner IS NOT NULL AND l.owner NOT IN (SELECT id FROM account)) \
              OR (l.team_id IS NOT NULL AND (t.id IS NULL OR t.organisation <> d.organisation))",
    },
    Rule {
        invariant: "list-place",
        row: "list",
        sql: "SELECT m.list_id FROM list_member m JOIN mail_list l ON l.id = m.list_id \
              WHERE l.team_id IS NOT NULL OR m.member_list = m.list_id \
              OR (m.account_id IS NOT NULL AND m.account_id NOT IN (SELECT id FROM account)) \
              OR (m.member_list IS NOT NULL AND m.member_list NOT IN (SELECT id FROM mail_list))",
    },
    Rule {
        invariant: "domain-alias",
        row: "domain",
        sql: "SELECT d.id FROM domain d JOIN domain t ON t.id = d.alias_of \
              WHERE t.alias_of IS NOT NULL",
    },
    Rule {
        invariant: "catch-all",
        row: "domain",
        sql: "SELECT d.id FROM domain d WHERE d.catch_all IS NOT NULL \
              AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = d.catch_all)",
    },
    Rule {
        invariant: "inbox-exists",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE NOT EXISTS \
              (SELECT 1 FROM mailbox m WHERE m.account_id = a.id AND m.name = 'INBOX')",
    },
    Rule {
        invariant: "special-use-unique",
        row: "account",
        sql: "SELECT account_id FROM mailbox WHERE special_use <> '' \
              GROUP BY account_id, special_use HAVING COUNT(*) > 1",
    },
    Rule {
        invariant: "special-use-unique",
        row: "mailbox",
        sql: "SELECT id FROM mailbox WHERE (name = 'INBOX' AND special_use <> '') \
              OR special_use NOT IN \
              ('', 'drafts', 'sent', 'junk', 'trash', 'archive', 'all', 'flagged')",
    },
    Rule {
        invariant: "modseq-monotonic",
        row: "mailbox",
        sql: "SELECT DISTINCT m.id FROM mailbox m JOIN message s ON s.mailbox_id = m.id \
              WHERE s.modseq > m.highest_modseq OR s.created_modseq > s.modseq OR s.modseq < 1",
    },
    Rule {
        invariant: "modseq-monotonic",
        row: "mailbox",
        sql: "SELECT m.id FROM mailbox m JOIN account a ON a.id = m.account_id \
              WHERE m.highest_modseq > a.modseq OR m.created_modseq > m.highest_modseq \
              OR m.highest_modseq < 1",
    },
    Rule {
        invariant: "sweep-place",
        row: "mailbox",
        sql: "SELECT m.id FROM mailbox m WHERE m.sweeps <> \
              (SELECT COUNT(*) FROM flag_sweep f WHERE f.mailbox_id = m.id) \
              UNION SELECT f.mailbox_id FROM flag_sweep f \
              LEFT JOIN mailbox m ON m.id = f.mailbox_id WHERE m.id IS NULL \
              OR f.modseq > m.highest_modseq OR f.modseq <= m.created_modseq \
              OR f.first_uid < 1 OR f.first_uid > f.last_uid OR f.last_uid >= m.uid_next",
    },
    Rule {
        invariant: "change-log-within",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE a.horizon > a.modseq OR EXISTS \
              (SELECT 1 FROM change c WHERE c.account_id = a.id AND c.modseq > a.modseq)",
    },
    Rule {
        invariant: "message-size",
        row: "content",
        sql: "SELECT DISTINCT c.id FROM message m JOIN content c ON c.id = m.content_id \
              WHERE m.size_bytes <> c.size_bytes",
    },
    Rule {
        invariant: "expunged-disjoint",
        row: "mailbox",
        sql: "SELECT DISTINCT m.mailbox_id FROM message m JOIN expunged e \
              ON e.mailbox_id = m.mailbox_id AND e.uid = m.uid",
    },
    Rule {
        invariant: "expunged-bytes",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE a.expunged_bytes <> \
              (SELECT COALESCE(SUM(COALESCE(c.size_bytes, 0) + 512), 0) FROM expunged e \
              LEFT JOIN content c ON c.id = e.content_id WHERE e.account_id = a.id)",
    },
    Rule {
        invariant: "content-dangling",
        row: "content",
        sql: "SELECT c.id FROM content c WHERE NOT EXISTS \
              (SELECT 1 FROM content_header h WHERE h.content_id = c.id) \
              OR (c.body_blob IS NOT NULL AND NOT EXISTS \
              (SELECT 1 FROM blob b WHERE b.id = c.body_blob)) \
              UNION SELECT content_id FROM message WHERE content_id NOT IN (SELECT id FROM content) \
              UNION SELECT content_id FROM expunged WHERE content_id NOT IN (SELECT id FROM content) \
              UNION SELECT content_id FROM spool WHERE content_id NOT IN (SELECT id FROM content)",
    },
    Rule {
        invariant: "spool-recipients",
        row: "spool entry",
        sql: "SELECT s.id FROM spool s WHERE NOT EXISTS \
              (SELECT 1 FROM spool_recipient r WHERE r.spool_id = s.id)",
    },
    Rule {
        invariant: "spool-waiting",
        row: "spool entry",
        sql: "SELECT COALESCE(MAX(spool_id), 0) FROM ( \
              SELECT destination, 1 AS recipients, spool_id FROM spool_recipient \
              WHERE held = 0 AND owner = 0 AND destination <> '' \
              UNION ALL SELECT destination, -recipients, NULL FROM spool_waiting) counted \
              GROUP BY destination HAVING SUM(recipients) <> 0",
    },
    Rule {
        invariant: "spool-owner",
        row: "spool entry",
        sql: "SELECT spool_id FROM spool_recipient WHERE (owner <> 0 \
              AND owner NOT IN (SELECT id FROM queue_daemon)) \
              OR held NOT IN (0, 1) OR warned NOT IN (0, 1, 2, 3) \
              OR urgency NOT IN (0, 1, 2) OR attempts < 0 \
              OR spool_id NOT IN (SELECT id FROM spool)",
    },
    Rule {
        invariant: "orphan",
        row: "search segment",
        sql: "SELECT id FROM search_segment WHERE state = 1 \
              AND account_id NOT IN (SELECT id FROM account)",
    },
    Rule {
        invariant: "sort-block",
        row: "sort block",
        sql: "SELECT block_id FROM sort_column WHERE block_id NOT IN (SELECT id FROM sort_block) \
              UNION SELECT id FROM sort_block WHERE mailbox_id NOT IN (SELECT id FROM mailbox) \
              UNION SELECT one.id FROM sort_block one JOIN sort_block other \
              ON other.mailbox_id = one.mailbox_id AND other.id <> one.id \
              AND other.first_uid BETWEEN one.first_uid AND one.last_uid",
    },
    Rule {
        invariant: "orphan",
        row: "account",
        sql: "SELECT account_id FROM mailbox WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM subscription \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM address \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM expunged \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM access_key \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM scram_verifier \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM script WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM responder \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM answered \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM mailbox_event \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM seen WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM redirection \
              WHERE account_id NOT IN (SELECT id FROM account) \
              UNION SELECT account_id FROM confirmation \
              WHERE account_id NOT IN (SELECT id FROM account)",
    },
    Rule {
        invariant: "password-link",
        row: "account",
        sql: "SELECT l.account_id FROM password_link l LEFT JOIN account a ON a.id = l.account_id \
              WHERE a.id IS NULL OR a.blocked <> 0 OR length(l.secret) <> 32 \
              OR l.expires <= l.created OR l.expires > l.created + 604800000000",
    },
    Rule {
        invariant: "rules-flag",
        row: "account",
        sql: "SELECT a.id FROM account a WHERE a.has_rules <> CASE WHEN \
              EXISTS (SELECT 1 FROM script s WHERE s.account_id = a.id AND s.active = 1) \
              OR EXISTS (SELECT 1 FROM responder r WHERE r.account_id = a.id AND r.active = 1) \
              OR EXISTS (SELECT 1 FROM redirection x WHERE x.account_id = a.id) \
              THEN 1 ELSE 0 END",
    },
    Rule {
        invariant: "rules-single",
        row: "account",
        sql: "SELECT account_id FROM script GROUP BY account_id HAVING SUM(active) > 1 \
              UNION SELECT account_id FROM responder GROUP BY account_id HAVING SUM(active) > 1 \
              UNION SELECT account_id FROM script WHERE active NOT IN (0, 1) \
              UNION SELECT account_id FROM responder WHERE active NOT IN (0, 1)",
    },
    Rule {
        invariant: "script-size",
        row: "script",
        sql: "SELECT id FROM script WHERE size_bytes <> length(text)",
    },
    Rule {
        invariant: "answered-source",
        row: "account",
        sql: "SELECT n.account_id FROM answered n WHERE length(n.source) NOT IN (8, 32) \
              OR n.expires < n.at",
    },
    Rule {
        invariant: "acl-grantee",
        row: "mailbox",
        sql: "SELECT x.mailbox_id FROM acl x LEFT JOIN mailbox b ON b.id = x.mailbox_id \
              LEFT JOIN account o ON o.id = b.account_id \
              LEFT JOIN domain d ON d.id = o.domain_id WHERE o.id IS NULL \
              OR x.rights < 1 OR x.rights > 4095 OR x.negative NOT IN (0, 1) \
              OR x.grantee = b.account_id \
              OR (x.grantee > 0 AND x.grantee NOT IN (SELECT id FROM account) \
                  AND x.grantee NOT IN \
                  (SELECT t.id FROM team t WHERE t.organisation = d.organisation)) \
              OR (x.grantee < 0 AND x.grantee <> -d.organisation)",
    },
    Rule {
        invariant: "organisation",
        row: "domain",
        sql: "SELECT d.id FROM domain d LEFT JOIN domain o ON o.id = d.organisation \
              LEFT JOIN domain t ON t.id = d.alias_of \
              WHERE o.id IS NULL OR o.organisation <> o.id OR o.alias_of IS NOT NULL \
              OR o.external_mark <> d.external_mark \
              OR (t.id IS NOT NULL AND t.organisation <> d.organisation)",
    },
    Rule {
        invariant: "team-place",
        row: "team",
        sql: "SELECT t.id FROM team t JOIN domain d ON d.id = t.organisation \
              WHERE d.organisation <> d.id OR t.id <= 1099511627776 \
              OR t.id > (SELECT last FROM team_number)",
    },
    Rule {
        invariant: "team-place",
        row: "team",
        sql: "SELECT m.team_id FROM team_member m LEFT JOIN team t ON t.id = m.team_id \
              LEFT JOIN account a ON a.id = m.account_id LEFT JOIN domain d ON d.id = a.domain_id \
              WHERE t.id IS NULL OR d.id IS NULL OR d.organisation <> t.organisation",
    },
    Rule {
        invariant: "acl-grantee",
        row: "account",
        sql: "SELECT s.account_id FROM account_share s JOIN account o ON o.id = s.account_id \
              JOIN domain d ON d.id = o.domain_id WHERE s.grantee = s.account_id \
              OR (s.grantee NOT IN (SELECT id FROM account) AND s.grantee NOT IN \
                  (SELECT t.id FROM team t WHERE t.organisation = d.organisation))",
    },
    Rule {
        invariant: "annotation-place",
        row: "mailbox",
        sql: "SELECT DISTINCT a.mailbox_id FROM annotation a \
              LEFT JOIN mailbox b ON b.id = a.mailbox_id \
              LEFT JOIN message m ON m.mailbox_id = a.mailbox_id AND m.uid = a.uid \
              WHERE b.id IS NULL OR m.uid IS NULL OR b.annotated <> 1 \
              OR a.account_id <> b.account_id OR a.modseq > m.modseq \
              OR (a.scope <> 0 AND a.scope NOT IN (SELECT id FROM account)) \
              OR a.size_bytes <> CASE WHEN a.value IS NULL THEN 0 \
                 ELSE 64 + LENGTH(a.entry) + LENGTH(a.value) END",
    },
    Rule {
        invariant: "metadata-place",
        row: "mailbox",
        sql: "SELECT m.mailbox_id FROM metadata m WHERE \
              (m.mailbox_id <> 0 AND m.mailbox_id NOT IN (SELECT id FROM mailbox)) \
              OR (m.scope > 0 AND m.scope NOT IN (SELECT id FROM account)) \
              OR (m.scope < 0 AND (m.mailbox_id <> 0 OR -m.scope NOT IN (SELECT id FROM domain))) \
              OR m.account_id <> CASE WHEN m.scope > 0 THEN m.scope WHEN m.scope < 0 THEN 0 \
                 ELSE COALESCE((SELECT b.account_id FROM mailbox b WHERE b.id = m.mailbox_id), 0) END",
    },
    Rule {
        invariant: "scram-verifier-of-password",
        row: "account",
        sql: "SELECT s.account_id FROM scram_verifier s WHERE s.access_key_id <> 0 AND NOT EXISTS \
              (SELECT 1 FROM access_key k WHERE k.id = s.access_key_id \
               AND k.account_id = s.account_id AND k.kind = 'app-password') \
              UNION SELECT s.account_id FROM scram_verifier s \
              JOIN account a ON a.id = s.account_id \
              WHERE s.access_key_id = 0 AND a.password_hash = ''",
    },
];

pub(super) fn check(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    for rule in &RULES {
        tx.sql.query(rule.sql, &[], &mut |row| {
            let number = row.int(0)?;
            findings.add(rule.invariant, || format!("{} {number}", rule.row));
            Ok(())
        })?;
    }
    Ok(())
}
