//! Mail that may speak to calendars (RFC 6047): a copy of it, for after it was stored. Whoever sent
//! it waits, so that it comes again where the daemon ends in between.

use ids::AccountId;
use storage::CalendarMail;

use super::delivery::Delivered;
use super::desk::{Desk, Target};
use super::incoming::Incoming;

/// A mail whose author is known to be who they say.
pub(super) struct CalendarCopy {
    mail: Vec<u8>,
    domain: String,
    /// The account of each recipient, if it has one.
    accounts: Vec<Option<AccountId>>,
}

impl CalendarCopy {
    /// One of a message that is going to be stored; mail that nobody vouches for changes no
    /// calendar, nor does spam.
    pub(super) fn of(incoming: &Incoming, bytes: &[u8], targets: &[Target]) -> Option<Self> {
        let domain = incoming.author.clone()?;
        let mail = bytes.get(incoming.trace_bytes..)?;
        let is_for = CalendarMail::is_likely(mail, incoming.placement);
        let accounts: Vec<_> = targets.iter().map(Target::account).collect();
        let is_here = accounts.iter().any(Option::is_some);
        (is_for && is_here).then(|| Self { mail: mail.to_vec(), domain, accounts })
    }

    /// Gives it to those who have the mail.
    pub(super) async fn give(self, desk: &Desk, delivered: &Delivered) {
        let stored = self.accounts.iter().zip(&delivered.outcomes).zip(&delivered.plans);
        let stored = stored.filter(|((_, outcome), _)| outcome.is_ok());
        let mut accounts: Vec<_> = stored
            .filter_map(|((account, _), plan)| {
                let wishes = plan.as_ref().and_then(|plan| plan.calendar.clone());
                account.map(|account| (account, wishes))
            })
            .collect();
        accounts.sort_by_key(|(account, _)| *account);
        accounts.dedup_by_key(|(account, _)| *account);
        desk.take_calendar_mail(accounts, self.mail, self.domain).await;
    }
}
