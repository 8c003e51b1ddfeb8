//! Mailboxes, what of an account is shared, and what is wrong with the store.

use serde::{Deserialize, Serialize};

/// A mailbox in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailboxRow {
    pub(crate) mailbox: String,
    /// The attribute as IMAP names it, such as `\Sent`.
    pub(crate) special_use: Option<String>,
    pub(crate) subscribed: bool,
    /// Whether it exists only because something below it does (R-FOLD-2).
    pub(crate) ghost: bool,
    pub(crate) messages: u32,
    pub(crate) unseen: u32,
    pub(crate) size_bytes: u64,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
}

/// The thing that is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ShareOf {
    /// An account, but for its calendars and address books.
    Account,
    /// A mailbox of this name.
    Mailbox(String),
    /// A calendar.
    Calendar(String),
    /// An address book.
    AddressBook(String),
}

/// What somebody may do with an account, or with a mailbox, calendar or address book of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShareRow {
    /// An address, `team:` and a name, or `anyone`; behind `-` where rights are taken away.
    /// `public`: anybody who knows the path in `rights` reads it.
    pub(crate) grantee: String,
    /// None of the three: the whole account.
    pub(crate) mailbox: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address_book: Option<String>,
    /// Names for the whole account and for collections, letters of RFC 4314 for one mailbox.
    pub(crate) rights: String,
    /// `invited` or `declined`: the rights do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
}

/// What an account was invited to: a calendar or an address book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvitationRow {
    /// The owner of the calendar or address book.
    pub(crate) owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address_book: Option<String>,
    pub(crate) rights: String,
    /// `invited`, `accepted` or `declined`.
    pub(crate) state: String,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The name of the invariant.
    pub(crate) invariant: String,
    /// Where and how it is broken.
    pub(crate) detail: String,
    pub(crate) repaired: bool,
}
