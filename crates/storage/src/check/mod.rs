//! `check_consistency`: every invariant of the stored data, named and checked.
//!
//! Each finding carries the name of an invariant; these are all of them:
//!
//! | name | what must hold |
//! |---|---|
//! | `mailbox-counts` | a mailbox's numbers are those of its messages |
//! | `uid-next-above-uids` | UIDs are between 1 and UIDNEXT, those of expunged messages too |
//! | `uid-validity-unique` | no two mailboxes of an account share a UIDVALIDITY; the account's last one is not below any |
//! | `used-bytes` | an account's usage, messages and mailboxes are those of its mailboxes, collections, dead properties and the attachments that are named there |
//! | `alias-count` | an account's number of aliases is right |
//! | `subscription-count` | an account's number of names it subscribes to is right |
//! | `alias-limit` | R-ADDR-2: no account has more than 50 |
//! | `address-primary` | each account has one primary address, in its own domain, and it is the one it shows |
//! | `address-domain` | addresses hang on domains, not on domain aliases |
//! | `address-owner` | an address is of an account or of a list, and of one of them |
//! | `list-place` | a list has an address, a number of its own, an owner and a team that exist, and members that exist or are those of its team |
//! | `domain-alias` | a domain alias points at a domain, not at another alias |
//! | `organisation` | a domain is of the organisation of one that leads its own, a domain alias of that of its domain |
//! | `team-place` | a team is of an organisation, has a number of its own, and members of it |
//! | `catch-all` | a catch-all is an account |
//! | `inbox-exists` | R-FOLD-1: each account has INBOX |
//! | `special-use-unique` | one mailbox of a special use per account, INBOX has none |
//! | `modseq-monotonic` | messages are not newer than their mailbox, mailboxes not newer than their account |
//! | `sweep-place` | a sweep is about UIDs of its mailbox, which knows how many it has |
//! | `change-log-within` | the log is not newer than its account, its horizon neither |
//! | `message-size` | a message's size is that of its content |
//! | `expunged-disjoint` | no message is both in its mailbox and expunged from it |
//! | `expunged-bytes` | an account's expunged messages are counted as what they take, with 512 bytes for each |
//! | `content-dangling` | what names a content finds it, with its header and its body |
//! | `spool-recipients` | a spooled message has a recipient |
//! | `spool-waiting` | how many recipients wait for a destination is known rightly |
//! | `spool-owner` | whoever owns a recipient of the spool is a daemon that is known |
//! | `orphan` | nothing belongs to an account that is gone |
//! | `acl-grantee` | rights are given to accounts that exist, and to organisation and teams of the owner, never to the owner |
//! | `annotation-place` | an annotation of a message belongs to one that is there and no older, and counts what it takes |
//! | `metadata-place` | an annotation belongs to a mailbox or the server, and counts where it should |
//! | `scram-verifier-of-password` | a SCRAM verifier is of an app password that its account has, or of an account that has a password |
//! | `password-link` | a link that sets a password is of an account that is not blocked, and good for a week at most |
//! | `rules-flag` | an account is said to have rules if and only if something is active |
//! | `rules-single` | R-RESP-1: at most one script and one responder of an account are active |
//! | `script-size` | a script has the size that its row says |
//! | `answered-source` | what answered and is remembered is a script or a responder there is |
//! | `directory-entries` | every account is in the directory of its organisation, unless it is an external one, and in no other |
//! | `collection-counts` | a collection's numbers are those of its objects |
//! | `collection-count` | an account's number of collections is right |
//! | `collection-place` | a collection stands in the home of its kind, has a number of its own, and a name that obeys every rule |
//! | `collection-modseq` | objects and tombstones are not newer than their collection, which is not newer than its account; its horizon neither |
//! | `object-gone` | no name is both there and gone |
//! | `object-data` | an object and a version of one have bytes of the hash and size they are named by |
//! | `default-calendar` | R-CAL-2: the calendar for invitations is the account's own and takes events |
//! | `dead-property-place` | a dead property belongs to a collection or to an object in it |
//! | `version-bytes` | an account's versions, and attachments that nothing names, are counted as what they take, with 512 bytes for each |
//! | `attachment-named` | an attachment is said to be named if and only if an object of its account does; an object names as many as it is said to |
//! | `attachment-data` | an attachment has data of the size it is said to have, and an account that exists or none |
//! | `home-views` | what is noted of a home has numbers of its own, none above the one given last |
//! | `collection-share` | a collection is shared with accounts that exist, and organisation and teams of its owner, never with its owner |
//! | `outsider` | somebody elsewhere is invited to a collection or has accepted, has a number of its own, and was invited by its owner or by somebody elsewhere who may share it, and then may not share it on |
//! | `collection-overlay` | what an account has set for itself is of a collection of somebody else, and no newer than the account |
//! | `own-alarms` | alarms of one's own are of an account that exists, and in an object of a calendar of somebody else |
//! | `calendar-proxy` | who acts for an account in its calendars is another account that exists, or a team of its organisation |
//! | `card-address` | an address in an address book is of a card there, in the account that it is said of |
//! | `lock-exclusive` | an exclusive lock is alone on its place |
//! | `names-valid` | R-FOLD-5: mailbox names obey every rule |
//! | `subscription-names-valid` | subscribed names do too |
//! | `flags-canonical` | flags and keywords are in the one form they are stored in |
//! | `blob-hash` | a blob's bytes have the hash and size it is named by |
//! | `search-segment` | a segment of the search index in use can be read whole, has what its row says, and shares no content with another of its account |
//! | `search-complete` | what a mailbox says is indexed is in the index of its account |
//! | `sort-block` | sort keys kept for a run of messages are those of its messages, all of them, and of one run only |
//! | `open-end` | a text that is said to end without CRLF is there and does |
//! | `content-hash` | header and body together have the content's hash and size |
//!
//! Uniqueness of addresses, mailbox names and UIDs is the schema's: both engines refuse a second
//! row. Contents and blobs that nothing names are no finding: they await maintenance.

/// Accounts whose `used_bytes`, `message_count` or `mailbox_count` are wrong: what finds them, and
/// what puts them right.
macro_rules! accounts_of_wrong_usage {
    () => {
        "SELECT a.id FROM account a LEFT JOIN ( \
           SELECT account_id, COUNT(*) AS mailboxes, \
           CAST(SUM(message_count) AS BIGINT) AS messages, \
           CAST(SUM(size_bytes) AS BIGINT) AS bytes \
           FROM mailbox GROUP BY account_id) s ON s.account_id = a.id \
         LEFT JOIN (SELECT account_id, CAST(SUM(size_bytes) AS BIGINT) AS bytes \
           FROM collection GROUP BY account_id) c ON c.account_id = a.id \
         LEFT JOIN (SELECT c.account_id, \
           CAST(SUM(OCTET_LENGTH(p.name) + OCTET_LENGTH(p.value)) AS BIGINT) AS bytes \
           FROM dead_property p JOIN collection c ON c.id = p.collection_id \
           GROUP BY c.account_id) p ON p.account_id = a.id \
         LEFT JOIN (SELECT account_id, CAST(SUM(size_bytes) AS BIGINT) AS bytes \
           FROM attachment WHERE unnamed_since IS NULL \
           GROUP BY account_id) t ON t.account_id = a.id \
         WHERE a.used_bytes <> COALESCE(s.bytes, 0) + COALESCE(c.bytes, 0) \
           + COALESCE(p.bytes, 0) + COALESCE(t.bytes, 0) \
         OR a.message_count <> COALESCE(s.messages, 0) \
         OR a.mailbox_count <> COALESCE(s.mailboxes, 0)"
    };
}

mod bytes;
mod collections;
mod names;
mod repair;
mod rows;
mod sweeps;

use crate::{ReadTx, Result};

pub use repair::Repaired;
pub(crate) use repair::repair;

/// LIMIT: findings of one invariant; more of a kind tell nothing new.
const FINDINGS_MAX: usize = 100;

/// One place where stored data breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's name.
    pub invariant: &'static str,
    /// Where; safe to log: numbers of rows, no text of users.
    pub detail: String,
}

/// Checks everything, the bytes of every message included; empty means clean. All of it sees one
/// snapshot.
pub(crate) fn check_consistency(tx: &mut ReadTx<'_>) -> Result<Vec<Finding>> {
    let mut findings = Findings::default();
    rows::check(tx, &mut findings)?;
    sweeps::check(tx, &mut findings)?;
    names::check(tx, &mut findings)?;
    collections::check(tx, &mut findings)?;
    bytes::check(tx, &mut findings)?;
    check_search(tx, &mut findings)?;
    crate::sort_keys::check(&mut *tx.sql, &mut |block, _| {
        findings.add("sort-block", || format!("sort block {block}"));
    })?;
    Ok(findings.found)
}

fn check_search(tx: &mut ReadTx<'_>, findings: &mut Findings) -> Result<()> {
    let (mut damaged, mut missing) = (Vec::new(), Vec::new());
    let sql = &mut *tx.sql;
    crate::search::check(sql, &mut |id| damaged.push(id), &mut |id| missing.push(id))?;
    for segment in damaged {
        findings.add("search-segment", || format!("segment {segment}"));
    }
    for mailbox in missing {
        findings.add("search-complete", || format!("mailbox {mailbox}"));
    }
    Ok(())
}

/// Whether what was computed from each message on its way in is what would be computed now. No
/// invariant: a later version may describe better what it is given.
#[cfg(test)]
pub(crate) fn check_summaries(tx: &mut ReadTx<'_>) -> Result<Vec<Finding>> {
    let mut findings = Findings::default();
    bytes::check_summaries(tx, &mut findings)?;
    Ok(findings.found)
}

#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        let of_this_kind = self.found.iter().filter(|known| known.invariant == invariant).count();
        if of_this_kind < FINDINGS_MAX {
            self.found.push(Finding { invariant, detail: detail() });
        }
    }
}

#[cfg(test)]
mod tests;
