//! Requests and responses of the verbs, as they also travel over the control socket.

use std::fmt;

use clap::ValueEnum;
use responder::rules::RuleList;
use serde::{Deserialize, Serialize};

use super::{
    CollectionVerb, ExportedPage, ImportedRow, ListRow, ListVerb, Password, RestoreRow,
    RestoredRow, TeamRow, TeamVerb,
};

/// One verb with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    DomainAdd { name: String },
    DomainList,
    DomainShow { name: String },
    DomainRemove { name: String },
    DomainAliasAdd { domain: String, alias: String },
    DomainAliasList { domain: Option<String> },
    DomainAliasRemove { names: Vec<String> },
    DkimMake { domain: String, algorithm: Option<DkimAlgorithm>, selector: Option<String> },
    DkimList { domain: String },
    DkimActivate { domain: String },
    DkimRetire { domain: String, selector: String },
    DkimRemove { domain: String, selector: String },
    ReportList { domain: Option<String>, days: u32 },
    CertificateList,
    CertificateRenew { name: Option<String> },
    AccountAdd(NewAccount),
    AccountList { domain: Option<String> },
    AccountShow { address: String },
    AccountRemove { address: String },
    AccountPassword { address: String, password: Password },
    AccountBlock { address: String, blocked: bool },
    AccountMaintenance { address: String, maintenance: bool },
    AccountCapabilities { address: String, names: Vec<String>, off: bool },
    AccountLimits { address: String, change: Option<LimitsChange> },
    AccountActivity { address: String },
    AccountTimeZone { address: String, zone: String },
    AccountWithdraw { address: String, rights: Option<String> },
    DomainExternalMark { name: String, on: bool },
    DomainCatchAll { name: String, account: Option<String> },
    Sieve { account: String, verb: SieveVerb },
    ValueList { account: String, verb: ValueListVerb },
    Responder { account: String, verb: ResponderVerb },
    Redirect { account: String, verb: RedirectVerb },
    Confirm { token: String },
    AliasAdd { account: String, alias: String },
    AliasList { account: String },
    AliasRemove { account: String, alias: String },
    AccessKeyAdd(NewAccessKey),
    AccessKeyList { kind: AccessKeyKind, account: String },
    AccessKeyRevoke { kind: AccessKeyKind, account: String, name: String },
    MailboxList { account: String, mailbox: Option<String> },
    MailboxCreate { account: String, mailbox: String },
    MailboxRename { account: String, from: String, to: String },
    MailboxDelete { account: String, mailbox: String },
    QueueList { filter: QueueFilter, limit: usize },
    QueueTotals,
    QueueDestinations { limit: usize },
    QueueTrace { of: String },
    QueueChange { change: QueueChange, filter: QueueFilter },
    ShareGrant { account: String, grantee: String, of: ShareOf, rights: String },
    ShareRevoke { account: String, grantee: String, of: ShareOf },
    ShareList { account: String },
    SharePublish { account: String, calendar: String, public: bool },
    List(ListVerb),
    Team { domain: Option<String>, verb: TeamVerb },
    DomainJoin { name: String, of: String },
    RoomAdd { address: String, name: String },
    RoomList,
    RoomRemove { address: String },
    Collections { account: String, verb: CollectionVerb },
    CheckStore { repair: bool },
}

/// What a verb answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    Done,
    Names(Vec<String>),
    Domains(Vec<DomainRow>),
    DomainAliases(Vec<DomainAliasRow>),
    DkimKeys(Vec<DkimRow>),
    Reports(Vec<ReportRow>),
    Certificates(Vec<CertificateRow>),
    CertificatesDue(u64),
    Accounts(Vec<AccountRow>),
    Limits(LimitsRow),
    Activity(Vec<ActivityRow>),
    Account(AccountRow),
    Mailboxes(Vec<MailboxRow>),
    AccessKeys(Vec<AccessKeyRow>),
    Secret(SecretRow),
    Queue(Vec<QueueRow>),
    QueueTotals(QueueTotals),
    QueueDestinations(Vec<QueueDestinationRow>),
    QueueTrace(Vec<QueueTraceRow>),
    QueueChanged(u64),
    Shares(Vec<ShareRow>),
    Lists(Vec<ListRow>),
    Teams(Vec<TeamRow>),
    Scripts(Vec<ScriptRow>),
    ValueLists(Vec<ValueListRow>),
    Rules(RuleList),
    Responders(Vec<ResponderRow>),
    Redirects(Vec<RedirectRow>),
    Text(String),
    Findings(Vec<Finding>),
    Imported(ImportedRow),
    Exported(ExportedPage),
    Restorable(Vec<RestoreRow>),
    Restored(RestoredRow),
}

/// What is done with the scripts of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SieveVerb {
    Put {
        name: String,
        text: String,
    },
    Get {
        name: String,
    },
    List,
    /// `None`: no script is active.
    Activate {
        name: Option<String>,
    },
    Remove {
        name: String,
    },
    Check {
        text: String,
    },
    /// The list of rules that a script was made of.
    Rules {
        name: String,
    },
    PutRules {
        name: String,
        rules: RuleList,
        /// Whether it takes the place of what a person wrote.
        force: bool,
    },
}

/// What is done with the lists of values of an account; of everybody, where it is `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ValueListVerb {
    Put { name: String, values: Vec<String> },
    Get { name: String },
    List,
    Remove { name: String },
}

/// A list of values in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueListRow {
    pub(crate) name: String,
    pub(crate) values: u64,
}

/// What is done with the responders of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResponderVerb {
    Add {
        name: String,
        change: ResponderChange,
    },
    Edit {
        name: String,
        change: ResponderChange,
    },
    List,
    Activate {
        name: String,
    },
    /// `None`: whichever is active.
    Deactivate {
        name: Option<String>,
    },
    Reset {
        name: String,
    },
    Remove {
        name: String,
    },
}

/// What a responder gets; the rest stays as it is. An empty text takes away what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponderChange {
    pub(crate) subject: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) weekdays: Option<String>,
    pub(crate) sender: Option<String>,
    /// The sender is known to agree.
    pub(crate) sender_confirmed: bool,
    pub(crate) excluded: Vec<String>,
}

/// What is done with the redirections of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RedirectVerb {
    Add { target: String, keep: bool, confirmed: bool },
    List,
    Remove { target: String },
}

/// A script in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptRow {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) size_bytes: u64,
    /// Whether it was made of a list of rules.
    #[serde(default)]
    pub(crate) of_rules: bool,
}

/// A responder in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponderRow {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) weekdays: String,
    pub(crate) sender: Option<String>,
    pub(crate) excluded: Vec<String>,
}

/// A redirection in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedirectRow {
    pub(crate) target: String,
    pub(crate) keep: bool,
    pub(crate) confirmed: bool,
}

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewAccount {
    pub(crate) address: String,
    pub(crate) password: Password,
    pub(crate) name: String,
    pub(crate) quota_bytes: Option<u64>,
    pub(crate) role: Role,
    pub(crate) mail_only: bool,
    /// Nobody's: others see its mailboxes below `Shared/`.
    #[serde(default)]
    pub(crate) shared: bool,
}

/// Limits of sending as they are to be; what is absent stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsChange {
    pub(crate) messages_per_day: Option<Limit>,
    pub(crate) recipients_per_message: Option<Limit>,
}

/// A limit of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Limit {
    /// That of the server.
    Default,
    /// Its own; 0 is none.
    Own(u64),
}

/// What an account may send, and has sent today. A limit that is absent is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsRow {
    pub(crate) sent_today: u64,
    pub(crate) messages_per_day: Option<u64>,
    pub(crate) recipients_per_message: Option<u64>,
}

/// Equal events of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityRow {
    pub(crate) what: String,
    pub(crate) protocol: String,
    /// Where from.
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

/// A domain in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainRow {
    pub(crate) name: String,
    pub(crate) accounts: u64,
    pub(crate) aliases: Vec<String>,
    pub(crate) maintenance: bool,
    /// The domain that leads its organisation.
    #[serde(default)]
    pub(crate) organisation: String,
    /// R-ADDR-13.
    #[serde(default)]
    pub(crate) external_mark: bool,
    /// R-ADDR-6: who gets mail to unknown addresses.
    #[serde(default)]
    pub(crate) catch_all: Option<String>,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DkimAlgorithm {
    /// RSA of 2,048 bits, which everybody knows.
    Rsa,
    /// Ed25519, which is shorter and faster.
    Ed25519,
}

/// A key that signs mail, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DkimRow {
    pub(crate) selector: String,
    pub(crate) algorithm: String,
    pub(crate) state: String,
    pub(crate) since: String,
    /// Where its record stands, with the final dot.
    pub(crate) name: String,
    /// What stands there.
    pub(crate) record: String,
}

/// A certificate by ACME, or one that is wanted, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateRow {
    pub(crate) names: Vec<String>,
    /// Until when it is valid; empty where there is none yet.
    pub(crate) ends: String,
    /// When it is ordered next.
    pub(crate) due: String,
    /// Attempts since the last that succeeded.
    pub(crate) failures: u32,
    /// What the last one failed for.
    pub(crate) problem: String,
}

/// What somebody reports of mail of a domain, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportRow {
    pub(crate) kind: String,
    pub(crate) domain: String,
    pub(crate) reporter: String,
    pub(crate) id: String,
    pub(crate) begins: String,
    pub(crate) ends: String,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) details: serde_json::Value,
}

/// A domain alias in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainAliasRow {
    pub(crate) alias: String,
    pub(crate) domain: String,
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
    /// Nobody's: others see its mailboxes below `Shared/`.
    #[serde(default)]
    pub(crate) shared: bool,
    /// IMAP capabilities that are switched off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities_off: Vec<String>,
    /// R-ADDR-7: what it may not change of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) withdrawn: Vec<String>,
    /// Only where one account is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aliases: Option<Vec<String>>,
}

impl AccountRow {
    /// What keeps the account from being used, in one word.
    pub(crate) fn state(&self) -> &'static str {
        match (self.blocked, self.maintenance) {
            (true, _) => "blocked",
            (false, true) => "maintenance",
            (false, false) => "active",
        }
    }
}

/// What opens an account beside its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessKeyKind {
    /// For a program that can say a password only.
    AppPassword,
    /// For a program that says bearer tokens.
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

/// Which messages of the queue: those to which all of this applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueFilter {
    pub(crate) id: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) recipient: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) held: Option<bool>,
    /// To be sent later.
    #[serde(default)]
    pub(crate) scheduled: bool,
}

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueueChange {
    Hold,
    Release,
    Retry,
    Remove,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub(crate) id: i64,
    /// Empty for reports.
    pub(crate) sender: String,
    pub(crate) accepted: String,
    /// When it is to be sent, where that is not at once.
    #[serde(default)]
    pub(crate) scheduled: Option<String>,
    /// By when it is to be delivered.
    #[serde(default)]
    pub(crate) deadline: Option<String>,
    /// `urgent`, `normal` or `bulk`.
    #[serde(default)]
    pub(crate) urgency: String,
    pub(crate) size_bytes: u64,
    pub(crate) recipients: Vec<QueueRecipientRow>,
}

/// A recipient it has not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRecipientRow {
    pub(crate) recipient: String,
    pub(crate) domain: String,
    /// `waiting`, `scheduled`, `active`, `deferred` or `held`.
    pub(crate) state: String,
    pub(crate) attempts: u64,
    pub(crate) next_attempt: String,
    pub(crate) last_attempt: Option<String>,
    pub(crate) answer: String,
}

/// How much waits: recipients, but for the messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueTotals {
    pub(crate) messages: u64,
    pub(crate) fresh: u64,
    pub(crate) deferred: u64,
    pub(crate) active: u64,
    pub(crate) held: u64,
    pub(crate) oldest: Option<String>,
}

/// What waits for a destination, and for what. What only the running daemon knows is absent where
/// it does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueDestinationRow {
    pub(crate) destination: String,
    pub(crate) waiting: u64,
    /// The earliest that is due.
    pub(crate) due: Option<String>,
    pub(crate) connections: Option<u64>,
    pub(crate) resting: Option<u64>,
    pub(crate) connections_allowed: Option<u64>,
    /// Visits in a row that found no server.
    pub(crate) failures: Option<u64>,
    pub(crate) left_alone_until: Option<String>,
    pub(crate) messages_per_minute: Option<u32>,
    pub(crate) next_message: Option<String>,
    /// What holds it up: `back-off`, `rate` or `connections`.
    pub(crate) limit: Option<String>,
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueTraceRow {
    pub(crate) id: i64,
    pub(crate) at: String,
    pub(crate) accepted: String,
    pub(crate) event: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) answer: String,
}

/// What is shared.
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
    /// An address, `team:` and a name, or `anyone`; behind `-` where rights are taken away. `public`:
    /// anybody who knows the path in `rights` reads it.
    pub(crate) grantee: String,
    /// None of the three: the whole account.
    pub(crate) mailbox: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address_book: Option<String>,
    /// Names for the whole account and for collections, letters of RFC 4314 for one mailbox.
    pub(crate) rights: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_socket() {
        for request in [
            Request::DomainList,
            Request::DomainAdd { name: "example.test".to_owned() },
            Request::AccountPassword {
                address: "a@example.test".to_owned(),
                password: Password::new("s3cret"),
            },
            Request::MailboxList { account: "a@example.test".to_owned(), mailbox: None },
        ] {
            let line = serde_json::to_string(&request).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
            assert!(!format!("{request:?}").contains("s3cret"));
        }
    }
}
