//! Requests about accounts, and about what opens and limits them.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::admin::Password;

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewAccount {
    pub(crate) address: String,
    pub(crate) password: Password,
    pub(crate) name: String,
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) role: Role,
    pub(crate) mail_only: bool,
    /// Nobody's: others see its mailboxes below `Shared Folders/`.
    #[serde(default)]
    pub(crate) shared: bool,
}

/// What an account is to be; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountChange {
    pub(crate) name: Option<String>,
    /// 0 lifts it.
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) role: Option<Role>,
    /// Whether mail to `name+detail` goes into the mailbox `detail` (R-ADDR-6).
    pub(crate) plus_to_mailbox: Option<bool>,
}

/// Limits of sending as they are to be; what is absent stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsChange {
    pub(crate) messages_per_day: Option<Limit>,
    pub(crate) recipients_per_message: Option<Limit>,
    pub(crate) redirections: Option<Limit>,
}

/// A limit of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Limit {
    /// The default of the server.
    Default,
    /// A limit of its own; 0 is none.
    Own(u64),
}

/// What an account may send, and has sent today. A limit that is absent is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsRow {
    pub(crate) sent_today: u64,
    pub(crate) messages_per_day: Option<u64>,
    pub(crate) recipients_per_message: Option<u64>,
    pub(crate) redirections: Option<u64>,
}

/// Equal events of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityRow {
    pub(crate) what: String,
    pub(crate) protocol: String,
    /// The IP address of the client.
    pub(crate) address: String,
    /// What the program says it is.
    pub(crate) program: String,
    pub(crate) detail: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) count: u64,
}

/// What an account may do in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Everything; the last one cannot be removed.
    Owner,
    /// Everything but what touches owners.
    Administrator,
    /// An account of the organisation.
    Collaborator,
    /// Somebody else's, with limited rights.
    External,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Collaborator => "collaborator",
            Self::External => "external",
        })
    }
}

/// An account in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) mail_only: bool,
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) used_bytes: u64,
    pub(crate) blocked: bool,
    pub(crate) maintenance: bool,
    /// It is not itself in maintenance, but its domain is (R-ADDR-12).
    #[serde(default)]
    pub(crate) domain_maintenance: bool,
    /// A shared account: others see its mailboxes below `Shared Folders/`.
    #[serde(default)]
    pub(crate) shared: bool,
    /// IMAP capabilities that are switched off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities_off: Vec<String>,
    /// R-ADDR-7: what it may not change of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) withdrawn: Vec<String>,
    /// R-ADDR-6: mail to `local+detail` goes to the mailbox `detail` where that exists.
    #[serde(default)]
    pub(crate) plus_to_mailbox: bool,
    /// Only where one account is shown, like what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aliases: Option<Vec<String>>,
    /// On whose clock its responders answer; empty: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
}

impl AccountRow {
    /// What keeps the account from being used, in a few words.
    pub(crate) fn state(&self) -> &'static str {
        match (self.blocked, self.maintenance, self.domain_maintenance) {
            (true, _, _) => "blocked",
            (false, true, _) => "maintenance",
            (false, false, true) => "maintenance (domain)",
            (false, false, false) => "active",
        }
    }
}

/// The kinds of access keys: secrets that open an account beside its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessKeyKind {
    /// For a program that can say a password only.
    AppPassword,
    /// For a program that sends bearer tokens (OAUTHBEARER, XOAUTH2, the API).
    Token,
}

/// An app password or token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewAccessKey {
    pub(crate) kind: AccessKeyKind,
    pub(crate) account: String,
    /// `None`: a free one is chosen.
    pub(crate) name: Option<String>,
    /// Names separated by commas, or `all`.
    pub(crate) protocols: String,
    /// `None`: for ever.
    pub(crate) valid_days: Option<u32>,
}

/// An app password or token in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessKeyRow {
    pub(crate) name: String,
    pub(crate) protocols: String,
    /// Instants are written as in RFC 3339.
    pub(crate) created: String,
    pub(crate) expires: Option<String>,
    pub(crate) last_used: Option<String>,
}

/// A secret that was made, shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretRow {
    pub(crate) name: String,
    pub(crate) secret: Password,
}

/// A link that sets a password, which was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PasswordLinkRow {
    /// The link itself, as secret as a password; absent where it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<Password>,
    /// Where it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sent_to: Option<String>,
    /// The instant from which on the key no longer opens anything.
    pub(crate) expires: String,
}
