//! What lately happened to an account (R-SMTP-5): who signed in from where, who was refused, what
//! was sent, which passwords changed; and what of it its owner is told.
//!
//! **Invariants:** equal events of a day are one row; an account has a bounded number of rows of
//! what others do to it (refusals) and of the rest apart, so that who guesses passwords pushes
//! nobody's own sign-ins out; the owner is told by a message in INBOX and nowhere else, so seldom
//! that nobody can fill a mailbox with it.
//! **Absent:** where on earth a network is; the texts of letters.

mod note;
mod place;
#[cfg(test)]
mod tests;
mod told;

use std::net::IpAddr;

use ids::{AccountId, Timestamp};

use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

pub use place::Place;

/// LIMIT: characters that are kept of what a program says of itself.
const PROGRAM_CHARS_MAX: usize = 120;

/// The kinds of event that owners of accounts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActivityKind {
    /// Somebody signed in.
    SignedIn,
    /// Somebody tried to, with a wrong password.
    WrongPassword,
    /// Somebody with the right password was refused, or anybody told to wait.
    Refused,
    /// The password was changed.
    PasswordChanged,
    /// An app password or token was made.
    AccessKeyMade,
    /// An app password or token was revoked.
    AccessKeyRevoked,
    /// Messages were sent.
    Sent,
    /// A link was made by which the password can be set.
    PasswordLinkMade,
}

impl ActivityKind {
    const ALL: [Self; 8] = [
        Self::SignedIn,
        Self::WrongPassword,
        Self::Refused,
        Self::PasswordChanged,
        Self::AccessKeyMade,
        Self::AccessKeyRevoked,
        Self::Sent,
        Self::PasswordLinkMade,
    ];

    fn column(self) -> i64 {
        match self {
            Self::SignedIn => 1,
            Self::WrongPassword => 2,
            Self::Refused => 3,
            Self::PasswordChanged => 4,
            Self::AccessKeyMade => 5,
            Self::AccessKeyRevoked => 6,
            Self::Sent => 7,
            Self::PasswordLinkMade => 8,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.column() == column);
        found.ok_or_else(|| StorageError::Corrupt("an activity of no known kind".to_owned()))
    }

    /// A word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::WrongPassword => "wrong-password",
            Self::Refused => "refused",
            Self::PasswordChanged => "password-changed",
            Self::AccessKeyMade => "access-key-made",
            Self::AccessKeyRevoked => "access-key-revoked",
            Self::Sent => "sent",
            Self::PasswordLinkMade => "password-link-made",
        }
    }
}

/// Events of one account that are alike in all but their time, counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The kind of the events.
    pub kind: ActivityKind,
    /// Over which protocol; empty where over none.
    pub protocol: String,
    /// The network address that they came from, if they came by one.
    pub peer: Option<IpAddr>,
    /// What the program says it is; empty where it does not.
    pub program: String,
    /// What was signed in with, why it was refused, or what it was about.
    pub detail: String,
    /// When it happened first.
    pub first: Timestamp,
    /// When it happened last.
    pub last: Timestamp,
    /// How many such events there were.
    pub count: u64,
}

/// How much of the activity is kept, and which of it owners hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityPolicy {
    /// Rows of one account of what others do to it, and of the rest, each.
    pub entries_max: u64,
    /// Seconds after which a network counts as a new place; `None`: owners hear of none.
    pub place_secs: Option<i64>,
    /// Wrong passwords within a day of which the owner hears; `None`: of none.
    pub wrong_passwords: Option<u64>,
    /// Seconds until the owner hears of wrong passwords again.
    pub told_again_secs: i64,
}

/// An event that an owner is told of by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivityNotice {
    /// A sign-in from a new place.
    NewPlace(Activity),
    /// This many wrong passwords within a day, of which this is the last.
    WrongPasswords(u64, Activity),
}

impl ReadTx<'_> {
    /// What happened to an account, the newest first.
    pub fn list_activity(&mut self, account: AccountId, limit: u32) -> Result<Vec<Activity>> {
        self.sql.query_all(
            "SELECT kind, protocol, peer, program, detail, first, last, count FROM activity \
             WHERE account_id = ?1 ORDER BY last DESC, kind, peer LIMIT ?2",
            &[Value::Int(account.get()), Value::Int(limit.into())],
            |row| {
                Ok(Activity {
                    kind: ActivityKind::from_column(row.int(0)?)?,
                    protocol: row.text(1)?.to_owned(),
                    peer: row.text(2)?.parse().ok(),
                    program: row.text(3)?.to_owned(),
                    detail: row.text(4)?.to_owned(),
                    first: Timestamp::from_micros(row.int(5)?),
                    last: Timestamp::from_micros(row.int(6)?),
                    count: row.int(7)?.cast_unsigned(),
                })
            },
        )
    }
}
