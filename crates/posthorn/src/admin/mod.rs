//! Every verb an operator has, implemented once.
//!
//! The daemon executes what comes over its control socket, and a command executes the same
//! [`Request`] itself when no daemon owns the data directory.
//!
//! **Absent:** rules about accounts, addresses and mailboxes; `storage` decides those.

mod access_key;
mod account;
mod activity;
mod certificate;
mod check_store;
mod collections;
mod dkim;
pub(crate) mod dns;
mod domain;
mod invitation;
mod limits;
mod list;
mod mailbox;
mod password;
mod password_link;
mod progress;
mod publish;
mod queue;
mod report;
mod request;
mod room;
mod rules;
mod share;
mod team;
mod text;
mod trace;
mod value_list;

use std::sync::{Arc, OnceLock, RwLock};

use ::queue::Queue;
use auth::Authenticator;
use storage::{ReadTx, Store, WriteTx};

use crate::seal_key::SealKey;

pub(crate) use collections::{
    CollectionVerb, ExportedPage, FileBytes, FileFormat, Import, ImportFile, ImportedRow, Restore,
    RestoreRow, RestoredRow, Store as CollectionStore,
};
pub(crate) use list::{ListRow, ListVerb, Posting};
pub(crate) use password::Password;
pub(crate) use password_link::{LinkTerms, PASSWORD_PATH};
pub(crate) use progress::{Progress, Step};
pub(crate) use request::{
    AccessKeyKind, AccessKeyRow, AccountChange, AccountRow, ActivityRow, CertificateRow,
    DkimAlgorithm, DkimRow, DomainAliasRow, DomainRow, Finding, InvitationRow, Limit, LimitsChange,
    LimitsRow, MailboxRow, NewAccessKey, NewAccount, PasswordLinkRow, QueueChange,
    QueueDestinationRow, QueueFilter, QueueRecipientRow, QueueRow, QueueTotals, QueueTraceCame,
    QueueTraceRow, RedirectRow, RedirectVerb, ReportRow, Request, ResponderChange, ResponderRow,
    ResponderVerb, Response, Role, ScriptRow, SecretRow, ShareOf, ShareRow, SieveVerb,
    ValueListRow, ValueListVerb,
};
pub(crate) use rules::CONFIRM_PATH;
pub(crate) use team::{TeamRow, TeamVerb};

/// The administration: the verbs, and everything that they work on.
pub(crate) struct Admin {
    pub(crate) store: Store,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) policy: Policy,
    pub(crate) seal_key: SealKey,
    /// Where people reach the web server.
    pub(crate) web_url: RwLock<String>,
    /// What links that set passwords are made and sent with.
    pub(crate) link_terms: RwLock<LinkTerms>,
    /// The queue of this process, once it runs.
    pub(crate) queue: OnceLock<Queue>,
}

/// How new passwords are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// By every rule.
    Strict,
    /// Only by their length: a server for trying out takes `max` for `max@example.test`.
    TryingOut,
}

/// Why a verb was not done, in words for the operator.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl Admin {
    /// Executes one verb without reporting progress.
    pub(crate) async fn execute(&self, request: Request) -> Result<Response, Refusal> {
        self.execute_told(request, &Progress::silent()).await
    }

    /// Executes one verb, and says how far it is.
    pub(crate) async fn execute_told(
        &self,
        request: Request,
        progress: &Progress,
    ) -> Result<Response, Refusal> {
        match request {
            Request::DomainAdd { name } => self.add_domain(&name).await,
            Request::DomainList => self.list_domains().await,
            Request::DomainShow { name } => self.show_domain(&name).await,
            Request::DomainRemove { name } => self.remove_domain(&name).await,
            Request::DomainMaintenance { name, maintenance } => {
                self.set_domain_maintenance(&name, maintenance).await
            }
            Request::DomainAliasAdd { domain, alias } => {
                self.add_domain_alias(&domain, &alias).await
            }
            Request::DomainAliasList { domain } => {
                self.list_domain_aliases(domain.as_deref()).await
            }
            Request::DomainAliasRemove { names } => self.remove_domain_alias(&names).await,
            Request::DkimMake { domain, algorithm, selector } => {
                self.make_dkim(&domain, algorithm, selector).await
            }
            Request::DkimList { domain } => self.list_dkim(&domain).await,
            Request::DkimActivate { domain } => self.activate_dkim(&domain).await,
            Request::DkimRetire { domain, selector } => self.retire_dkim(&domain, selector).await,
            Request::DkimRemove { domain, selector } => self.remove_dkim(&domain, selector).await,
            Request::ReportList { domain, days } => self.list_reports(domain, days).await,
            Request::CertificateList => self.list_certificates().await,
            Request::CertificateRenew { name } => self.renew_certificates(name).await,
            Request::AccountAdd(account) => self.add_account(account).await,
            Request::AccountList { domain } => self.list_accounts(domain.as_deref()).await,
            Request::AccountShow { address } => self.show_account(&address).await,
            Request::AccountEdit { address, change } => self.edit_account(&address, change).await,
            Request::AccountRemove { address } => self.remove_account(&address).await,
            Request::AccountPassword { address, password } => {
                self.set_password(&address, password).await
            }
            Request::AccountResetLink { address, send_to, valid_hours } => {
                self.make_password_link(&address, send_to.as_deref(), valid_hours).await
            }
            Request::AccountBlock { address, blocked } => self.set_blocked(&address, blocked).await,
            Request::AccountMaintenance { address, maintenance } => {
                self.set_maintenance(&address, maintenance).await
            }
            Request::AccountCapabilities { address, names, off } => {
                self.set_capabilities(&address, names, off).await
            }
            Request::AccountLimits { address, change } => {
                self.account_limits(&address, change).await
            }
            Request::AccountActivity { address } => self.account_activity(&address).await,
            Request::AccountWithdraw { address, rights } => self.withdraw(&address, rights).await,
            Request::DomainExternalMark { name, on } => self.set_external_mark(&name, on).await,
            Request::DomainCatchAll { name, account } => {
                self.set_catch_all(&name, account.as_deref()).await
            }
            Request::AccountTimeZone { address, zone } => self.set_time_zone(&address, &zone).await,
            Request::Sieve { account, verb } => self.sieve(&account, verb).await,
            Request::ValueList { account, verb } => self.value_list(&account, verb).await,
            Request::Responder { account, verb } => self.responder(&account, verb).await,
            Request::Redirect { account, verb } => self.redirect(&account, verb).await,
            Request::Confirm { token } => self.confirm(&token).await,
            Request::AliasAdd { account, alias } => self.add_alias(&account, &alias).await,
            Request::AliasList { account } => self.list_aliases(&account).await,
            Request::AliasRemove { account, alias } => self.remove_alias(&account, &alias).await,
            Request::AccessKeyAdd(new) => self.add_access_key(new).await,
            Request::AccessKeyList { kind, account } => self.list_access_keys(kind, &account).await,
            Request::AccessKeyRevoke { kind, account, name } => {
                self.revoke_access_key(kind, &account, name).await
            }
            Request::MailboxList { account, mailbox } => {
                self.list_mailboxes(&account, mailbox.as_deref()).await
            }
            Request::MailboxCreate { account, mailbox } => {
                self.create_mailbox(&account, &mailbox).await
            }
            Request::MailboxRename { account, from, to } => {
                self.rename_mailbox(&account, &from, &to).await
            }
            Request::MailboxDelete { account, mailbox } => {
                self.delete_mailbox(&account, &mailbox).await
            }
            Request::QueueList { filter, limit } => self.list_queue(filter, limit).await,
            Request::QueueTotals => self.queue_totals().await,
            Request::QueueDestinations { limit } => self.queue_destinations(limit).await,
            Request::QueueTrace { of, days } => self.trace_queue(&of, days).await,
            Request::QueueChange { change, filter } => self.change_queue(change, filter).await,
            Request::ShareGrant { account, grantee, of, rights } => {
                self.grant(&account, &grantee, &of, &rights).await
            }
            Request::ShareRevoke { account, grantee, of } => {
                self.revoke(&account, &grantee, &of).await
            }
            Request::SharePublish { account, calendar, public } => {
                self.publish(&account, &calendar, public).await
            }
            Request::ShareList { account } => self.list_shares(&account).await,
            Request::ShareResend { account, grantee, of } => {
                self.resend(&account, &grantee, &of).await
            }
            Request::ShareAnswer { account, owner, of, accepts } => {
                self.answer_invitation(&account, &owner, &of, accepts).await
            }
            Request::ShareInvitations { account } => self.list_invitations(&account).await,
            Request::List(verb) => self.list(verb).await,
            Request::Team { domain, verb } => self.team(domain, verb).await,
            Request::DomainJoin { name, of } => self.join_organisation(&name, &of).await,
            Request::RoomAdd { address, name } => self.add_room(&address, name).await,
            Request::RoomList => self.list_rooms().await,
            Request::RoomRemove { address } => self.remove_room(&address).await,
            Request::Collections { account, verb } => {
                self.collections(&account, verb, progress).await
            }
            Request::CheckStore { repair } => self.check_store(repair).await,
        }
    }
}

impl Admin {
    /// Reads from one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut ReadTx<'_>) -> storage::Result<T> + Send + 'static,
    ) -> storage::Result<T> {
        self.store.read(read).await
    }

    /// Writes in one transaction that is durable when this returns.
    async fn write<T: Send + 'static>(
        &self,
        verb: &'static str,
        write: impl FnOnce(&mut WriteTx<'_>) -> storage::Result<T> + Send + 'static,
    ) -> storage::Result<T> {
        self.store.write(verb, write).await.map(|committed| committed.value)
    }
    /// Writes in one transaction. A refusal names `subject`.
    async fn perform(
        &self,
        verb: &'static str,
        subject: &str,
        change: impl FnOnce(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let done = self.write(verb, change).await;
        done.map(|()| Response::Done).map_err(|error| text::refusal(subject, error))
    }
}
