//! Numbered migrations, applied in place when a store is opened, each in its own transaction.
//!
//! **Invariant:** a file under `migrations/` never changes once released; its checksum is kept
//! with its number and compared at every start.

use crate::sql::Dialect;
use crate::{Result, StorageError};

/// One step from a version of the schema to the next.
pub(crate) struct Migration {
    /// Counts from 1 without gaps.
    pub(crate) version: i64,
    /// The statements, with tokens for what the engines spell differently.
    pub(crate) sql: &'static str,
}

/// Every migration in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/0001_mail.sql") },
    Migration { version: 2, sql: include_str!("../migrations/0002_quota.sql") },
    Migration { version: 3, sql: include_str!("../migrations/0003_metadata.sql") },
    Migration { version: 4, sql: include_str!("../migrations/0004_sign_in.sql") },
    Migration { version: 5, sql: include_str!("../migrations/0005_thread.sql") },
    Migration { version: 6, sql: include_str!("../migrations/0006_search.sql") },
    Migration { version: 7, sql: include_str!("../migrations/0007_capabilities.sql") },
    Migration { version: 8, sql: include_str!("../migrations/0008_open_end.sql") },
    Migration { version: 9, sql: include_str!("../migrations/0009_acl.sql") },
    Migration { version: 10, sql: include_str!("../migrations/0010_header_key.sql") },
    Migration { version: 11, sql: include_str!("../migrations/0011_flag_sweep.sql") },
    Migration { version: 12, sql: include_str!("../migrations/0012_queue.sql") },
    Migration { version: 13, sql: include_str!("../migrations/0013_url_key.sql") },
    Migration { version: 14, sql: include_str!("../migrations/0014_shared_account.sql") },
    Migration { version: 15, sql: include_str!("../migrations/0015_search_again.sql") },
    Migration { version: 16, sql: include_str!("../migrations/0016_rules.sql") },
    Migration { version: 17, sql: include_str!("../migrations/0017_terms.sql") },
    Migration { version: 18, sql: include_str!("../migrations/0018_collections.sql") },
    Migration { version: 19, sql: include_str!("../migrations/0019_sts_policy.sql") },
    Migration { version: 20, sql: include_str!("../migrations/0020_greylist.sql") },
    Migration { version: 21, sql: include_str!("../migrations/0021_signing_key.sql") },
    Migration { version: 22, sql: include_str!("../migrations/0022_annotation.sql") },
    Migration { version: 23, sql: include_str!("../migrations/0023_sending.sql") },
    Migration { version: 24, sql: include_str!("../migrations/0024_mail_report.sql") },
    Migration { version: 25, sql: include_str!("../migrations/0025_version_bytes.sql") },
    Migration { version: 26, sql: include_str!("../migrations/0026_property_bytes.sql") },
    Migration { version: 27, sql: include_str!("../migrations/0027_team.sql") },
    Migration { version: 28, sql: include_str!("../migrations/0028_answered_sender.sql") },
    Migration { version: 29, sql: include_str!("../migrations/0029_rule_list.sql") },
    Migration { version: 30, sql: include_str!("../migrations/0030_scheduling.sql") },
    Migration { version: 31, sql: include_str!("../migrations/0031_list.sql") },
    Migration { version: 32, sql: include_str!("../migrations/0032_acme.sql") },
    Migration { version: 33, sql: include_str!("../migrations/0033_tls_result.sql") },
    Migration { version: 34, sql: include_str!("../migrations/0034_spool_age.sql") },
    Migration { version: 35, sql: include_str!("../migrations/0035_sent_on.sql") },
    Migration { version: 36, sql: include_str!("../migrations/0036_activity.sql") },
    Migration { version: 37, sql: include_str!("../migrations/0037_mailbox_event.sql") },
    Migration { version: 38, sql: include_str!("../migrations/0038_external.sql") },
    Migration { version: 39, sql: include_str!("../migrations/0039_sharing.sql") },
    Migration { version: 40, sql: include_str!("../migrations/0040_value_list.sql") },
    Migration { version: 41, sql: include_str!("../migrations/0041_dmarc_result.sql") },
    Migration { version: 42, sql: include_str!("../migrations/0042_directory_book.sql") },
    Migration { version: 43, sql: include_str!("../migrations/0043_public_calendar.sql") },
    Migration { version: 44, sql: include_str!("../migrations/0044_calendar_proxy.sql") },
    Migration { version: 45, sql: include_str!("../migrations/0045_spool_waiting.sql") },
    Migration { version: 46, sql: include_str!("../migrations/0046_push.sql") },
    Migration { version: 47, sql: include_str!("../migrations/0047_push_look.sql") },
    Migration { version: 48, sql: include_str!("../migrations/0048_outsider.sql") },
    Migration { version: 49, sql: include_str!("../migrations/0049_attachment.sql") },
    Migration { version: 50, sql: include_str!("../migrations/0050_sort_block.sql") },
    Migration { version: 51, sql: include_str!("../migrations/0051_reception.sql") },
    Migration { version: 52, sql: include_str!("../migrations/0052_home_view.sql") },
    Migration { version: 53, sql: include_str!("../migrations/0053_meeting_letter.sql") },
    Migration { version: 54, sql: include_str!("../migrations/0054_trace_digest.sql") },
    Migration { version: 55, sql: include_str!("../migrations/0055_report_source.sql") },
    Migration { version: 56, sql: include_str!("../migrations/0056_object_long.sql") },
    Migration { version: 57, sql: include_str!("../migrations/0057_expunged_bytes.sql") },
    Migration { version: 58, sql: include_str!("../migrations/0058_special_use_entry.sql") },
    Migration { version: 59, sql: include_str!("../migrations/0059_sending_redirections.sql") },
    Migration { version: 60, sql: include_str!("../migrations/0060_password_link.sql") },
    Migration { version: 61, sql: include_str!("../migrations/0061_own_alarms.sql") },
    Migration { version: 62, sql: include_str!("../migrations/0062_shared_folders.sql") },
];

/// Where applied migrations are recorded; the same text on both engines.
pub(crate) const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version \
     (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL, applied BIGINT NOT NULL)";

impl Migration {
    /// The text for one engine.
    pub(crate) fn text(&self, dialect: Dialect) -> String {
        let (key, row_key, given_key, blob, text, rowless) = match dialect {
            Dialect::Sqlite => (
                "INTEGER PRIMARY KEY AUTOINCREMENT",
                // A number may come again once its row is gone, which saves a write for each.
                "INTEGER PRIMARY KEY",
                "INTEGER PRIMARY KEY",
                "BLOB",
                "TEXT",
                "WITHOUT ROWID",
            ),
            Dialect::Postgres => (
                "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                "BIGINT PRIMARY KEY",
                "BYTEA",
                "TEXT COLLATE \"C\"",
                "",
            ),
        };
        self.sql
            .replace("{PK}", key)
            .replace("{ROW_PK}", row_key)
            .replace("{GIVEN_PK}", given_key)
            .replace("{BLOB}", blob)
            .replace("{TEXT}", text)
            .replace("{ROWLESS}", rowless)
    }

    /// BLAKE3 of the text with its tokens, in hex.
    pub(crate) fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }
}

/// What is still to be applied to a store on which `applied` (version, checksum, ascending) was.
pub(crate) fn pending(applied: &[(i64, String)]) -> Result<&'static [Migration]> {
    for (version, checksum) in applied {
        let known = MIGRATIONS.iter().find(|migration| migration.version == *version);
        let Some(known) = known else {
            return Err(StorageError::Unavailable(format!(
                "the store has schema version {version}, made by a newer Posthorn; this one \
                 knows up to {}",
                MIGRATIONS.len()
            )));
        };
        if known.checksum() != *checksum {
            return Err(StorageError::Corrupt(format!(
                "schema version {version} of the store is not the one this Posthorn knows"
            )));
        }
    }
    Ok(MIGRATIONS.get(applied.len()..).unwrap_or_default())
}

#[cfg(test)]
mod older;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_from_one_without_gaps() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=MIGRATIONS.len() as i64).collect::<Vec<_>>());
    }

    #[test]
    fn no_token_is_left_in_any_dialect() {
        for migration in MIGRATIONS {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                assert!(!migration.text(dialect).contains('{'), "{}", migration.version);
            }
        }
    }

    #[test]
    fn strange_stores_are_refused() {
        let known = |migration: &Migration| (migration.version, migration.checksum());
        let all: Vec<_> = MIGRATIONS.iter().map(known).collect();
        assert!(pending(&all).is_ok_and(<[_]>::is_empty));
        assert_eq!(pending(&[]).map(<[_]>::len).ok(), Some(MIGRATIONS.len()));
        let newer = [all, vec![(MIGRATIONS.len() as i64 + 1, String::new())]].concat();
        assert!(matches!(pending(&newer), Err(StorageError::Unavailable(_))));
        let other = vec![(1, "00".to_owned())];
        assert!(matches!(pending(&other), Err(StorageError::Corrupt(_))));
    }
}
