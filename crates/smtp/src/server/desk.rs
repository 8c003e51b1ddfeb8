//! What the session asks of accounts and storage: who may sign in, who may send as whom, where
//! mail goes, and putting it there.
//!
//! **Invariant:** every answer is read in one snapshot; what is refused here is refused for a
//! reason the client is told.

use std::sync::Arc;

use auth::{AuthError, Authenticator, Dialog, Link, Protocol, SignedIn, Turn};
use ids::{AccountId, ListId, Timestamp};
use mailauth::Signatory;
use mailauth::srs::{self, SrsError, SrsKey};
use message::address::Address;
use net::Connection;
use sasl::Name;
use storage::{
    AuthorsElsewhere, Authorship, CalendarWishes, Disposition, Extent, Grant, GreylistTimes,
    Greylisted, Poster, Reception, Resolution, Sorter, Store, Triplet,
};

use super::authenticity::Authenticity;
use super::confirming::Reporter;
use super::delivery::{Delivered, Delivery, deliver};
use super::report_inbox::ReportInbox;
use crate::error::{CommandError, Farewell, Refusal};
use crate::originators::Originators;
use crate::types::{Envelope, ForwardPath};

/// Accounts and storage, as the listeners of one daemon share them.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    authenticator: Arc<Authenticator>,
    hostname: Arc<str>,
    authenticity: Option<Arc<Authenticity>>,
    rewriting: Option<SrsKey>,
    signatory: Option<Arc<dyn Signatory>>,
    sorter: Option<Arc<dyn Sorter>>,
    report_inbox: Option<ReportInbox>,
}

/// Why nobody was signed in.
pub(super) fn refusal(error: AuthError) -> Refusal {
    match error {
        AuthError::Wrong => Refusal::BadCredentials,
        AuthError::Blocked => Refusal::SignInNotPermitted,
        AuthError::Maintenance => Refusal::SignInMaintenance,
        AuthError::Throttled { .. } => Refusal::SignInThrottled,
        AuthError::Unavailable => Refusal::SignInUnavailable,
    }
}

/// Where a recipient gets the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An account here; with the detail of a plus address (R-ADDR-6).
    Account {
        /// The account that the address is of.
        account: AccountId,
        /// What followed the `+`.
        detail: Option<String>,
        /// The version of its rules, where it has some.
        rules: Option<u64>,
        /// Whether it is told of mail from outside.
        marks_external: bool,
    },
    /// Whomever a list here reaches.
    List(ListId),
    /// Another server, which the queue sends to.
    Elsewhere,
}

/// The sender of a message, as far as lists ask.
#[derive(Debug, Clone)]
pub(super) struct From {
    /// The account that signed in.
    pub(super) account: Option<AccountId>,
    /// MAIL FROM; `None` is the null sender.
    pub(super) sender: Option<Address>,
    /// Whether a sender of ours is who it says; see [`Poster::is_trusted`].
    pub(super) is_trusted: bool,
}

impl Desk {
    /// A desk; `hostname` is where mail to a postmaster without a domain goes.
    pub fn new(store: Store, authenticator: Arc<Authenticator>, hostname: &str) -> Self {
        let hostname = hostname.into();
        Self {
            store,
            authenticator,
            hostname,
            authenticity: None,
            rewriting: None,
            signatory: None,
            sorter: None,
            report_inbox: None,
        }
    }

    /// The same desk, with a sorter that runs the rules of accounts.
    #[must_use]
    pub fn sorting(self, sorter: Arc<dyn Sorter>) -> Self {
        Self { sorter: Some(sorter), ..self }
    }

    /// The same desk, which checks mail from outside.
    #[must_use]
    pub fn checking(self, authenticity: Arc<Authenticity>) -> Self {
        Self { authenticity: Some(authenticity), ..self }
    }

    /// The same desk, taking bounces to addresses that were rewritten with this key.
    #[must_use]
    pub fn rewriting(self, key: SrsKey) -> Self {
        Self { rewriting: Some(key), ..self }
    }

    /// The same desk, which has submissions signed.
    #[must_use]
    pub fn signing(self, signatory: Arc<dyn Signatory>) -> Self {
        Self { signatory: Some(signatory), ..self }
    }

    /// The same desk, which hands on copies of reports.
    #[must_use]
    pub fn reporting(self, inbox: ReportInbox) -> Self {
        Self { report_inbox: Some(inbox), ..self }
    }

    pub(super) fn report_inbox(&self) -> Option<&ReportInbox> {
        self.report_inbox.as_ref()
    }

    pub(super) fn signatory(&self) -> Option<&dyn Signatory> {
        self.signatory.as_deref()
    }

    pub(super) fn authenticity(&self) -> Option<&Authenticity> {
        self.authenticity.as_deref()
    }

    /// Our name in Authentication-Results.
    pub(super) fn authserv_id(&self) -> &str {
        self.authenticity().map_or(&*self.hostname, Authenticity::authserv_id)
    }

    /// Whether a sender that nobody knows is to come again. A known network costs no write.
    pub(super) async fn greylist(
        &self,
        triplet: Triplet,
        times: GreylistTimes,
    ) -> Result<Greylisted, CommandError> {
        let (asked, now) = (triplet.clone(), self.now());
        let known = self.store.read(move |tx| tx.is_known_network(&asked, times, now)).await?;
        if known {
            return Ok(Greylisted::Pass);
        }
        let noted = self.store.write("greylist", move |tx| tx.greylist(&triplet, times)).await?;
        Ok(noted.value)
    }

    /// Takes down that somebody sent a message (R-SMTP-5).
    pub(super) fn note_sent(&self, account: AccountId) {
        self.authenticator.activity().sent(account, self.now());
    }

    pub(super) fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// The connection as somebody signs in over it.
    pub(super) fn link(&self, connection: &Connection, plaintext_auth: bool) -> Link {
        Link::new(&self.authenticator, Protocol::Submission, connection, plaintext_auth)
    }

    /// Starts an exchange with one of the mechanisms offered.
    pub(super) fn begin(
        &self,
        link: Link,
        configured: &[Name],
        mechanism: Name,
    ) -> Result<Dialog, Refusal> {
        let name = mechanism.as_str().as_bytes();
        let begun = self.authenticator.begin(link, configured, name).map_err(refusal)?;
        begun.ok_or(Refusal::UnknownMechanism)
    }

    /// Takes an exchange on by one response.
    pub(super) async fn advance(&self, dialog: &mut Dialog, response: Option<&[u8]>) -> Turn {
        dialog.advance(&self.authenticator, response).await
    }

    /// R-ADDR-5: a submission's sender is an address of its account, or of one that it sends for
    /// (R-SHARE-6). The null sender is for notifications that mail programs write, such as read
    /// receipts. The farewell is for who may no longer be signed in (R-ADDR-8, R-ADDR-12).
    pub(super) async fn check_sender(
        &self,
        user: &SignedIn,
        envelope: &Envelope,
    ) -> Result<Option<Farewell>, CommandError> {
        let sender = envelope.reverse_path.mailbox().cloned().map(storage::Address::from);
        let (now, held) = (self.now(), envelope.parameters.hold.is_some());
        let most = self.store.settings().scheduled_messages_max;
        let SignedIn { account, address, credential_version, grant } = user.clone();
        // Access keys end by themselves, and room for what is held is nothing of the directory.
        let lasting = !held && !matches!(grant, Grant::AccessKey(_));
        let question = match lasting {
            true => {
                let path = sender.as_ref().map(storage::Address::to_string).unwrap_or_default();
                let text = format!("sender\0{account}\0{credential_version}\0{address}\0{path}");
                let Some(question) = self.store.ask_directory(text) else { return Ok(None) };
                Some(question)
            }
            false => None,
        };
        let (credentials, owned, room) = self
            .store
            .read(move |tx| {
                let owned = match &sender {
                    Some(sender) => tx.sending(account, sender)?.is_some(),
                    None => true,
                };
                let version = credential_version;
                let found = tx.standing_credentials(&address, account, version, grant, now)?;
                // RFC 4865 §6: MAIL is refused when there are too many.
                let room = !held || tx.count_scheduled(account, now)? < most;
                Ok((found, owned, room))
            })
            .await?;
        match credentials.filter(|found| !found.blocked) {
            None => Ok(Some(Farewell::SignedOut)),
            // R-ADDR-12: sending is refused, receiving is not.
            Some(found) if found.maintenance => Err(Refusal::Maintenance.into()),
            Some(_) if !owned => Err(Refusal::SenderNotOwned.into()),
            Some(_) if !room => Err(Refusal::TooManyHeld(most).into()),
            Some(_) => {
                if let Some(question) = question {
                    self.store.keep_granted(question);
                }
                Ok(None)
            }
        }
    }

    /// R-ADDR-5 and R-SHARE-6 for those whom a header section names: see
    /// [`storage::ReadTx::check_authors`].
    pub(super) async fn check_authors(
        &self,
        account: AccountId,
        named: Originators,
        elsewhere: AuthorsElsewhere,
    ) -> Result<Authorship, CommandError> {
        if named.len() == 0 {
            return Ok(Authorship::Permitted);
        }
        let text = format!("authors\0{account}\0{elsewhere:?}\0{}", named.text());
        let Some(question) = self.store.ask_directory(text) else {
            return Ok(Authorship::Permitted);
        };
        let ours = |list: Vec<Address>| list.into_iter().map(storage::Address::from).collect();
        let (authors, senders): (Vec<_>, Vec<_>) = (ours(named.authors), ours(named.senders));
        let checked = self
            .store
            .read(move |tx| tx.check_authors(account, &authors, &senders, elsewhere))
            .await?;
        if checked == Authorship::Permitted {
            self.store.keep_granted(question);
        }
        Ok(checked)
    }

    /// Whether an address is at a domain of ours.
    pub(super) async fn is_ours(&self, address: Address) -> Result<bool, CommandError> {
        let found = self.store.find_recipient(&storage::Address::from(address)).await?;
        Ok(found != Resolution::Relay)
    }

    /// Where storage sends mail for `path`.
    async fn resolve(&self, path: &ForwardPath) -> Result<Resolution, CommandError> {
        let hostname = self.hostname.clone();
        let addresses = match path {
            ForwardPath::Mailbox(mailbox) => {
                let address = storage::Address::from(mailbox.clone());
                let found = self.store.find_recipient(&address).await?;
                let is_sure = match &found {
                    Resolution::Account(recipient) => !recipient.blocked,
                    Resolution::Relay => true,
                    Resolution::List(_) | Resolution::UnknownRecipient => false,
                };
                if is_sure || !address.is_role() {
                    return Ok(found);
                }
                vec![address]
            }
            ForwardPath::Postmaster => postmasters(&hostname),
        };
        let anywhere = *path == ForwardPath::Postmaster;
        let resolution = self.store.read(move |tx| {
            let mut postmaster_of = anywhere.then_some(&*hostname);
            let mut found = Resolution::UnknownRecipient;
            for address in &addresses {
                found = tx.resolve(address)?;
                let is_reached = match &found {
                    Resolution::Account(recipient) => !recipient.blocked,
                    Resolution::List(list) => !tx.reaches_nobody(*list)?,
                    Resolution::UnknownRecipient | Resolution::Relay => false,
                };
                if is_reached {
                    return Ok(found);
                }
                // RFC 5321 §4.5.1: a postmaster exists at every domain served here, and by
                // RFC 2142 §4 somebody who is told of abuse, whatever became of who had the
                // address.
                if found != Resolution::Relay {
                    postmaster_of = Some(address.domain());
                }
            }
            if let Some(domain) = postmaster_of
                && let Some(recipient) = tx.postmaster(domain)?
            {
                return Ok(Resolution::Account(recipient));
            }
            Ok(found)
        });
        Ok(resolution.await?)
    }

    /// The address that a rewritten one of ours stands for (R-ADDR-10). Only bounces go back that
    /// way: for other mail we would be a relay.
    pub(super) async fn find_rewritten(
        &self,
        path: &ForwardPath,
        is_bounce: bool,
    ) -> Result<Option<Address>, CommandError> {
        let (Some(key), ForwardPath::Mailbox(address)) = (&self.rewriting, path) else {
            return Ok(None);
        };
        if !srs::is_rewritten(address) {
            return Ok(None);
        }
        let ours = storage::Address::from(address.clone());
        if self.store.find_recipient(&ours).await? == Resolution::Relay {
            return Ok(None);
        }
        match srs::reverse(address, key, srs::day_of(self.now().as_secs())) {
            Ok(original) if is_bounce => Ok(Some(original)),
            Ok(_) => Err(Refusal::BouncesOnly.into()),
            Err(SrsError::TooOld) => Err(Refusal::UnknownRecipient.into()),
            Err(SrsError::Forged | SrsError::NotRewritten) => Ok(None),
        }
    }

    /// Where mail for `path` goes; elsewhere only if `relay` says so.
    pub(super) async fn find_target(
        &self,
        path: &ForwardPath,
        from: From,
        relay: bool,
        size_bytes: Option<u64>,
    ) -> Result<Target, CommandError> {
        match self.resolve(path).await? {
            Resolution::Account(recipient) if recipient.blocked => {
                Err(Refusal::RecipientDisabled.into())
            }
            Resolution::Account(recipient) => {
                // A message has at least one byte, so a full mailbox is full for all of them.
                let used = recipient.used_bytes.saturating_add(size_bytes.unwrap_or(0).max(1));
                if recipient.quota_bytes > 0 && used > recipient.quota_bytes {
                    // R-ADDR-11: with the limit, to people of ours.
                    let limit = from.account.map(|_| recipient.quota_bytes);
                    return Err(Refusal::MailboxFull(limit).into());
                }
                let storage::Recipient { account, detail, rules, marks_external, .. } = recipient;
                Ok(Target::Account { account, detail, rules, marks_external })
            }
            // RFC 2142 §1: whoever it is, who answers for a domain can be written to.
            Resolution::List(list) if is_role(path) => Ok(Target::List(list)),
            Resolution::List(list) => {
                self.check_posting(list, from).await?;
                Ok(Target::List(list))
            }
            Resolution::UnknownRecipient => Err(Refusal::UnknownRecipient.into()),
            Resolution::Relay if relay => Ok(Target::Elsewhere),
            Resolution::Relay => match path {
                ForwardPath::Postmaster => Err(Refusal::UnknownRecipient.into()),
                ForwardPath::Mailbox(_) => Err(Refusal::RelayDenied.into()),
            },
        }
    }

    /// Whether somebody may post to a list; nobody else learns who is on it.
    async fn check_posting(&self, list: ListId, from: From) -> Result<(), CommandError> {
        let sender = from.sender.map(storage::Address::from);
        let asked = self.store.read(move |tx| {
            let (account, is_trusted) = (from.account, from.is_trusted);
            let poster = Poster { account, sender: sender.as_ref(), is_trusted };
            Ok((tx.may_post(list, poster)?, tx.reaches_nobody(list)?))
        });
        match asked.await? {
            (false, _) => Err(Refusal::PostingNotPermitted.into()),
            (true, true) => Err(Refusal::EmptyList.into()),
            (true, false) => Ok(()),
        }
    }

    /// Applies what a stored mail says to calendars.
    pub(super) async fn take_calendar_mail(
        &self,
        accounts: Vec<(AccountId, Option<Vec<CalendarWishes>>)>,
        mail: Vec<u8>,
        domain: String,
    ) {
        self.store.take_calendar_mail(accounts, mail, domain).await;
    }

    /// Whether it is written down what becomes of messages.
    pub(super) fn traces(&self) -> bool {
        self.store.settings().trace_receptions
    }

    /// Writes down what became of a message that is not stored.
    pub(super) async fn note_reception(
        &self,
        reception: Arc<Reception>,
        dispositions: Vec<Vec<Disposition>>,
    ) -> storage::Result<()> {
        let noted =
            self.store.deliver_messages(Extent::Brief, "note refusal", Vec::new(), move |tx| {
                tx.note_reception(&reception, &dispositions)
            });
        noted.await.map(drop)
    }

    /// Stores the message for all recipients. The outcomes are one for each recipient in LMTP;
    /// elsewhere they are all good, or the whole message is refused.
    pub(super) async fn deliver(&self, delivery: Delivery<'_>) -> Result<Delivered, CommandError> {
        let (store, hostname) = (&self.store, &*self.hostname);
        let reporter = Reporter { store, hostname, signatory: self.signatory() };
        deliver(reporter, self.sorter.as_ref(), delivery).await
    }
}

/// Whether a path is that of who answers for a domain.
fn is_role(path: &ForwardPath) -> bool {
    match path {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => storage::Address::from(mailbox.clone()).is_role(),
    }
}

/// RFC 5321 §4.5.1: postmaster without a domain is the one of this server: of its name, or of
/// the domain its name belongs to.
fn postmasters(hostname: &str) -> Vec<storage::Address> {
    let mut found = Vec::new();
    let mut domain = hostname;
    loop {
        found.extend(storage::Address::parse(&format!("postmaster@{domain}")));
        match domain.split_once('.') {
            Some((_, parent)) if parent.contains('.') => domain = parent,
            _ => return found,
        }
    }
}
