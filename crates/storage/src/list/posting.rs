//! Posting to a list: who may, and what is sent.

use ids::{AccountId, ListId, SpoolId};

use super::{MailList, Posting};
use crate::{
    Address, MailParameters, PreparedMessage, RcptParameters, ReadTx, Resolution, Result,
    SpoolEntry, SpoolRecipient, SpoolTerms, StorageError, WriteTx,
};

/// The details under which a list takes what comes back, for its owner. The first is the one its
/// messages name.
const OWNER_DETAILS: [&str; 2] = ["bounces", "owner"];

/// The sender of a message to a list, as far as reception knows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Poster<'a> {
    /// The account that signed in, or for which the message is sent on.
    pub account: Option<AccountId>,
    /// MAIL FROM; `None` is the null sender.
    pub sender: Option<&'a Address>,
    /// Whether a sender of ours is who it says: who signed in was asked at MAIL, and over LMTP
    /// nobody else comes.
    pub is_trusted: bool,
}

/// A message to be posted.
#[derive(Debug, Clone)]
pub struct Post {
    /// The account that signed in, or for which it is sent on.
    pub account: Option<AccountId>,
    /// The parameters of MAIL FROM: none that came with the message for reports (RFC 3461
    /// §5.2.7.1).
    pub parameters: MailParameters,
    /// On what terms it is sent.
    pub terms: SpoolTerms,
    /// Checks have found it suspicious: it goes to accounts here, and nowhere else.
    pub is_quarantined: bool,
}

impl MailList {
    /// Whom its messages are from, so that its owner gets what comes back (RFC 3461 §5.2.7.1).
    pub fn reverse_path(&self) -> String {
        self.with_detail(OWNER_DETAILS[0])
    }

    /// The address that reaches the owner of the list.
    pub fn owner_path(&self) -> String {
        self.with_detail(OWNER_DETAILS[1])
    }

    fn with_detail(&self, detail: &str) -> String {
        match self.address.rsplit_once('@') {
            Some((local, domain)) => format!("{local}+{detail}@{domain}"),
            None => self.address.clone(),
        }
    }
}

/// Whether a detail of a list's address is one of its owner's.
pub(crate) fn is_owner_detail(detail: &str) -> bool {
    OWNER_DETAILS.iter().any(|known| detail.eq_ignore_ascii_case(known))
}

impl ReadTx<'_> {
    /// Whether somebody may post to a list. An account of ours posts where it signed in; an
    /// address elsewhere is taken at its word, as mail is. The null sender never does: what comes
    /// back is for the owner.
    pub fn may_post(&mut self, list: ListId, poster: Poster<'_>) -> Result<bool> {
        let Some(sender) = poster.sender else { return Ok(false) };
        let found = self.load_list(list)?;
        if found.posting == Posting::Anyone {
            return Ok(true);
        }
        let named = match self.resolve(sender)? {
            Resolution::Account(found) => Some(found.account),
            _ => None,
        };
        let accounts = [poster.account, named.filter(|_| poster.is_trusted)];
        let mut accounts = accounts.into_iter().flatten();
        if found.posting == Posting::Organisation {
            let organisation = self.organisation_of_domain(found.domain)?;
            for account in accounts.clone() {
                if self.organisation_of(account)? == organisation {
                    return Ok(true);
                }
            }
        }
        if accounts.clone().any(|account| found.owner == Some(account)) {
            return Ok(true);
        }
        let reached = self.reached_by(list)?;
        let normal = sender.normal_text();
        if named.is_none() && reached.contains_key(&normal) {
            return Ok(true);
        }
        Ok(accounts.any(|account| reached.values().any(|one| one.account == Some(account))))
    }

    /// Whether a list reaches nobody.
    pub fn reaches_nobody(&mut self, list: ListId) -> Result<bool> {
        Ok(self.reached_by(list)?.is_empty())
    }
}

impl WriteTx<'_> {
    /// Sends a message, which bears the marks of the list already, to whomever the list reaches
    /// now: into the spool, from the list's address for bounces.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it reaches nobody.
    pub fn post_to_list(
        &mut self,
        list: ListId,
        post: Post,
        message: &PreparedMessage,
    ) -> Result<SpoolId> {
        let found = self.load_list(list)?;
        let reached = self.reached_by(list)?;
        if reached.is_empty() {
            return Err(StorageError::NotFound("member"));
        }
        let reached =
            reached.into_values().filter(|one| !post.is_quarantined || one.account.is_some());
        let mut paths: Vec<String> = reached.map(|one| one.address).collect();
        if paths.is_empty() {
            // It was accepted, so somebody has to get it.
            paths.push(found.owner_path());
        }
        let recipients = paths.into_iter().map(|forward_path| SpoolRecipient {
            forward_path,
            parameters: RcptParameters::default(),
        });
        let entry = SpoolEntry {
            account: post.account,
            reverse_path: found.reverse_path(),
            parameters: post.parameters,
            recipients: recipients.collect(),
        };
        self.spool_on(post.terms, entry, message)
    }
}
