//! Requests and responses of the verbs, as they also travel over the control socket.

mod account;
mod domain;
mod mailbox;
mod queue;
mod rules;

use responder::rules::RuleList;
use serde::{Deserialize, Serialize};

use super::{
    CollectionVerb, ExportedPage, ImportedRow, ListRow, ListVerb, Password, RestoreRow,
    RestoredRow, TeamRow, TeamVerb,
};

pub(crate) use account::{
    AccessKeyKind, AccessKeyRow, AccountChange, AccountRow, ActivityRow, Limit, LimitsChange,
    LimitsRow, NewAccessKey, NewAccount, PasswordLinkRow, Role, SecretRow,
};
pub(crate) use domain::{
    CertificateRow, DkimAlgorithm, DkimRow, DomainAliasRow, DomainRow, ReportRow,
};
pub(crate) use mailbox::{Finding, InvitationRow, MailboxRow, ShareOf, ShareRow};
pub(crate) use queue::{
    QueueChange, QueueDestinationRow, QueueFilter, QueueRecipientRow, QueueRow, QueueTotals,
    QueueTraceCame, QueueTraceRow,
};
pub(crate) use rules::{
    RedirectRow, RedirectVerb, ResponderChange, ResponderRow, ResponderVerb, ScriptRow, SieveVerb,
    ValueListRow, ValueListVerb,
};

/// One verb with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    DomainAdd { name: String },
    DomainList,
    DomainShow { name: String },
    DomainRemove { name: String },
    DomainMaintenance { name: String, maintenance: bool },
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
    AccountEdit { address: String, change: AccountChange },
    AccountRemove { address: String },
    AccountPassword { address: String, password: Password },
    AccountResetLink { address: String, send_to: Option<String>, valid_hours: u32 },
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
    QueueTrace { of: String, days: Option<u32> },
    QueueChange { change: QueueChange, filter: QueueFilter },
    ShareGrant { account: String, grantee: String, of: ShareOf, rights: String },
    ShareRevoke { account: String, grantee: String, of: ShareOf },
    ShareList { account: String },
    ShareResend { account: String, grantee: String, of: ShareOf },
    ShareAnswer { account: String, owner: String, of: ShareOf, accepts: bool },
    ShareInvitations { account: String },
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

/// The answer to a verb.
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
    PasswordLink(PasswordLinkRow),
    Queue(Vec<QueueRow>),
    QueueTotals(QueueTotals),
    QueueDestinations(Vec<QueueDestinationRow>),
    QueueTrace(Vec<QueueTraceRow>),
    QueueChanged(u64),
    Shares(Vec<ShareRow>),
    Invitations(Vec<InvitationRow>),
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
