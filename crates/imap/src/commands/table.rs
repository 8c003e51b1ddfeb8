//! The command table: one row per command, sorted by name, with the states it is allowed in, its
//! effects and its RFC section. The server looks a command up here before its arguments are acted
//! on.

use crate::parse::{self, Cursor, ParseError};
use crate::types::Command;

/// The states of a session (RFC 9051 §3), as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States(u8);

impl States {
    /// No one has signed in yet.
    pub const NOT_AUTHENTICATED: Self = Self(1);
    /// Signed in, no mailbox open.
    pub const AUTHENTICATED: Self = Self(2);
    /// A mailbox is open.
    pub const SELECTED: Self = Self(4);

    /// Signed in, with or without an open mailbox.
    pub const SIGNED_IN: Self = Self(2 | 4);
    /// Every state but logout.
    pub const ANY: Self = Self(1 | 2 | 4);

    /// Whether the one state `state` is in the set.
    pub const fn contains(self, state: Self) -> bool {
        self.0 & state.0 == state.0
    }
}

/// The effects that a command may have, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effects(u8);

impl Effects {
    /// No effect that has to be known beforehand.
    pub const NONE: Self = Self(0);
    /// Its arguments or its reply hold sequence numbers: no EXPUNGE may be sent while it runs
    /// (RFC 9051 §7.5.1).
    pub const USES_SEQS: Self = Self(1);
    /// The reply may hold EXPUNGE or VANISHED.
    pub const MAY_EXPUNGE: Self = Self(2);
    /// It changes the open mailbox and needs it writable.
    pub const CHANGES_MAILBOX: Self = Self(4);
    /// Its arguments hold secrets and must not be logged.
    pub const SECRET: Self = Self(8);

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A command.
pub struct Row {
    /// Its name in capitals, with `UID ` in front for the UID forms.
    pub name: &'static str,
    /// The states in which the command is allowed.
    pub states: States,
    /// The effects that running the command may have.
    pub effects: Effects,
    /// The section that specifies it.
    pub rfc: &'static str,
    pub(crate) parse: fn(&mut Cursor<'_>) -> Result<Command, ParseError>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

macro_rules! row {
    ($name:literal, $states:ident, [$($effect:ident),*], $rfc:literal, $parse:expr) => {
        Row {
            name: $name,
            states: States::$states,
            effects: Effects::NONE$(.with(Effects::$effect))*,
            rfc: $rfc,
            parse: $parse,
        }
    };
}

/// The names of all commands.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

/// Sorted by name.
static ROWS: &[Row] = &[
    row!("APPEND", SIGNED_IN, [], "RFC 9051 §6.3.12", parse::append),
    row!("AUTHENTICATE", NOT_AUTHENTICATED, [SECRET], "RFC 9051 §6.2.2", parse::authenticate),
    row!("CANCELUPDATE", SELECTED, [MAY_EXPUNGE], "RFC 5267 §4.3.5", parse::cancel_update),
    row!("CAPABILITY", ANY, [MAY_EXPUNGE], "RFC 9051 §6.1.1", |_| parse::bare(
        Command::Capability
    )),
    row!("CHECK", SELECTED, [MAY_EXPUNGE], "RFC 3501 §6.4.1", |_| parse::bare(Command::Check)),
    row!("CLOSE", SELECTED, [], "RFC 9051 §6.4.1", |_| parse::bare(Command::Close)),
    row!("COMPARATOR", SIGNED_IN, [MAY_EXPUNGE], "RFC 5255 §4.7", parse::comparator),
    row!("COMPRESS", SIGNED_IN, [], "RFC 4978 §3", parse::compress),
    row!("COPY", SELECTED, [USES_SEQS], "RFC 9051 §6.4.7", parse::copy),
    row!("CREATE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.4", parse::create),
    row!("DELETE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.5", parse::delete),
    row!("DELETEACL", SIGNED_IN, [MAY_EXPUNGE], "RFC 4314 §3.2", parse::delete_acl),
    row!("ENABLE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.1", parse::enable),
    row!("ESEARCH", SIGNED_IN, [MAY_EXPUNGE], "RFC 7377 §2", parse::esearch),
    row!("EXAMINE", SIGNED_IN, [], "RFC 9051 §6.3.3", parse::examine),
    row!("EXPUNGE", SELECTED, [MAY_EXPUNGE, CHANGES_MAILBOX], "RFC 9051 §6.4.3", |_| parse::bare(
        Command::Expunge
    )),
    row!("FETCH", SELECTED, [USES_SEQS], "RFC 9051 §6.4.5", parse::fetch),
    row!("GENURLAUTH", SIGNED_IN, [MAY_EXPUNGE], "RFC 4467 §7", parse::gen_url_auth),
    row!("GETACL", SIGNED_IN, [MAY_EXPUNGE], "RFC 4314 §3.3", parse::acl),
    row!("GETMETADATA", SIGNED_IN, [MAY_EXPUNGE], "RFC 5464 §4.2", parse::metadata),
    row!("GETQUOTA", SIGNED_IN, [MAY_EXPUNGE], "RFC 9208 §4.1.1", parse::quota),
    row!("GETQUOTAROOT", SIGNED_IN, [MAY_EXPUNGE], "RFC 9208 §4.1.2", parse::quota_root),
    row!("ID", ANY, [MAY_EXPUNGE], "RFC 2971 §3.1", parse::id),
    row!("IDLE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.13", |_| parse::bare(Command::Idle)),
    row!("LANGUAGE", ANY, [MAY_EXPUNGE], "RFC 5255 §3.2", parse::language),
    row!("LIST", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.9", parse::list),
    row!("LISTRIGHTS", SIGNED_IN, [MAY_EXPUNGE], "RFC 4314 §3.4", parse::list_rights),
    row!("LOGIN", NOT_AUTHENTICATED, [SECRET], "RFC 9051 §6.2.3", parse::login),
    row!("LOGOUT", ANY, [], "RFC 9051 §6.1.3", |_| parse::bare(Command::Logout)),
    row!("LSUB", SIGNED_IN, [MAY_EXPUNGE], "RFC 3501 §6.3.9", parse::lsub),
    row!(
        "MOVE",
        SELECTED,
        [USES_SEQS, MAY_EXPUNGE, CHANGES_MAILBOX],
        "RFC 9051 §6.4.8",
        parse::r#move
    ),
    row!("MYRIGHTS", SIGNED_IN, [MAY_EXPUNGE], "RFC 4314 §3.5", parse::my_rights),
    row!("NAMESPACE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.10", |_| parse::bare(
        Command::Namespace
    )),
    row!("NOOP", ANY, [MAY_EXPUNGE], "RFC 9051 §6.1.2", |_| parse::bare(Command::Noop)),
    row!("NOTIFY", SIGNED_IN, [MAY_EXPUNGE], "RFC 5465 §3.1", parse::notify),
    row!("RENAME", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.6", parse::rename),
    row!(
        "REPLACE",
        SELECTED,
        [USES_SEQS, MAY_EXPUNGE, CHANGES_MAILBOX],
        "RFC 8508 §3.2",
        parse::replace
    ),
    row!("RESETKEY", SIGNED_IN, [MAY_EXPUNGE], "RFC 4467 §7", parse::reset_key),
    row!("SEARCH", SELECTED, [USES_SEQS], "RFC 9051 §6.4.4", parse::search),
    row!("SELECT", SIGNED_IN, [], "RFC 9051 §6.3.2", parse::select),
    row!("SETACL", SIGNED_IN, [MAY_EXPUNGE], "RFC 4314 §3.1", parse::set_acl),
    row!("SETMETADATA", SIGNED_IN, [MAY_EXPUNGE], "RFC 5464 §4.3", parse::set_metadata),
    row!("SETQUOTA", SIGNED_IN, [MAY_EXPUNGE], "RFC 9208 §4.1.3", parse::set_quota),
    row!("SORT", SELECTED, [USES_SEQS], "RFC 5256 §3", parse::sort),
    row!("STARTTLS", NOT_AUTHENTICATED, [], "RFC 9051 §6.2.1", |_| parse::bare(Command::StartTls)),
    row!("STATUS", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.11", parse::status),
    row!("STORE", SELECTED, [USES_SEQS, CHANGES_MAILBOX], "RFC 9051 §6.4.6", parse::store),
    row!("SUBSCRIBE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.7", parse::subscribe),
    row!("THREAD", SELECTED, [USES_SEQS], "RFC 5256 §3", parse::thread),
    row!("UNAUTHENTICATE", SIGNED_IN, [], "RFC 8437 §3", |_| parse::bare(Command::Unauthenticate)),
    row!("UNSELECT", SELECTED, [], "RFC 9051 §6.4.2", |_| parse::bare(Command::Unselect)),
    row!("UNSUBSCRIBE", SIGNED_IN, [MAY_EXPUNGE], "RFC 9051 §6.3.8", parse::unsubscribe),
    row!("URLFETCH", SIGNED_IN, [MAY_EXPUNGE], "RFC 4467 §7", parse::url_fetch),
    row!("XLIST", SIGNED_IN, [MAY_EXPUNGE], "RFC 6154 §2", parse::xlist),
];

/// Sorted by name. RFC 9051 §6.4.9: UIDs stay valid, so EXPUNGE may be sent while they run;
/// UID SEARCH may itself hold sequence numbers, which the session asks of its keys.
static UID_ROWS: &[Row] = &[
    row!("UID COPY", SELECTED, [MAY_EXPUNGE], "RFC 9051 §6.4.9", parse::uid_copy),
    // RFC 7377 §2 writes it with UID in an example; it answers with UIDs anyway.
    row!("UID ESEARCH", SIGNED_IN, [MAY_EXPUNGE], "RFC 7377 §2", parse::esearch),
    row!(
        "UID EXPUNGE",
        SELECTED,
        [MAY_EXPUNGE, CHANGES_MAILBOX],
        "RFC 9051 §6.4.9",
        parse::uid_expunge
    ),
    row!("UID FETCH", SELECTED, [MAY_EXPUNGE], "RFC 9051 §6.4.9", parse::uid_fetch),
    row!("UID MOVE", SELECTED, [MAY_EXPUNGE, CHANGES_MAILBOX], "RFC 9051 §6.4.9", parse::uid_move),
    row!(
        "UID REPLACE",
        SELECTED,
        [MAY_EXPUNGE, CHANGES_MAILBOX],
        "RFC 8508 §3.3",
        parse::uid_replace
    ),
    row!("UID SEARCH", SELECTED, [MAY_EXPUNGE], "RFC 9051 §6.4.9", parse::uid_search),
    row!("UID SORT", SELECTED, [MAY_EXPUNGE], "RFC 5256 §3", parse::uid_sort),
    row!(
        "UID STORE",
        SELECTED,
        [MAY_EXPUNGE, CHANGES_MAILBOX],
        "RFC 9051 §6.4.9",
        parse::uid_store
    ),
    row!("UID THREAD", SELECTED, [MAY_EXPUNGE], "RFC 5256 §3", parse::uid_thread),
];

/// The command called `name`, in any case.
pub fn find(name: &[u8]) -> Option<&'static Row> {
    find_in(ROWS, 0, name)
}

/// The command called `UID name`, in any case.
pub fn find_uid(name: &[u8]) -> Option<&'static Row> {
    find_in(UID_ROWS, "UID ".len(), name)
}

fn find_in(rows: &'static [Row], skip: usize, name: &[u8]) -> Option<&'static Row> {
    let upper = |byte: &u8| byte.to_ascii_uppercase();
    let found =
        rows.binary_search_by(|row| row.name.bytes().skip(skip).cmp(name.iter().map(upper)));
    found.ok().and_then(|at| rows.get(at))
}

/// Every command.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(UID_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_found() {
        assert!(ROWS.is_sorted_by_key(|row| row.name) && UID_ROWS.is_sorted_by_key(|row| row.name));
        for row in rows() {
            let name = row.name.to_lowercase();
            let found = match name.strip_prefix("uid ") {
                Some(name) => find_uid(name.as_bytes()),
                None => find(name.as_bytes()),
            };
            assert_eq!(found, Some(row));
        }
        for name in ["", "FETCHX", "FETC", "UID", "UID FETCH", "\u{e9}", "ZZZ"] {
            assert_eq!(find(name.as_bytes()), None, "{name}");
        }
        assert_eq!(find_uid(b"APPEND"), None);
    }

    #[test]
    fn nothing_expunges_while_sequence_numbers_are_in_use() {
        for row in rows() {
            let seqs = row.effects.contains(Effects::USES_SEQS);
            let expunges = row.effects.contains(Effects::MAY_EXPUNGE);
            // RFC 6851 §3.3, RFC 8508 §3.4: these report their own expunges.
            let own = ["MOVE", "REPLACE"].contains(&row.name);
            assert!(!(seqs && expunges) || own, "{}", row.name);
            assert!(!seqs || row.states == States::SELECTED, "{}", row.name);
        }
    }
}
