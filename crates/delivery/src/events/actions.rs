//! What the actions of a script come to, for a message that something happened to.

use std::sync::Arc;

use ids::Timestamp;
use mailauth::Author;
use message::flag::Flags;
use responder::{Action, FileInto, Notify, Outcome, Redirect};
use storage::{
    Arrival, ArrivalParameters, DeliveryPlan, Filing, MailboxEvent, Outgoing, Placement, Result,
    Store, Withdrawn,
};

use crate::dispatch::Dispatch;
use crate::outgoing::{Letter, Stamper};
use crate::rules::Ready;
use crate::settings::Settings;
use crate::{filing, redirect};

/// A run whose actions are taken up.
pub(super) struct Acting<'r> {
    pub(super) store: &'r Store,
    pub(super) settings: &'r Settings,
    pub(super) rules: &'r Ready,
    pub(super) event: &'r MailboxEvent,
    pub(super) message: &'r [u8],
    pub(super) now: Timestamp,
}

impl Acting<'_> {
    /// Puts the actions into a plan; `flags` are those that the script leaves. The flags with which
    /// the message stays; `None`: it does not (RFC 6785 §3.3 to RFC 6785 §3.5).
    pub(super) async fn take_up(
        &self,
        outcome: &Outcome,
        plan: &mut DeliveryPlan,
        flags: &Flags,
    ) -> Result<Option<Flags>> {
        let (rules, mut kept) = (self.rules, None);
        let loops = redirect::loops(self.message, rules);
        for action in &outcome.actions {
            match action {
                // RFC 6785 §3.1: the message itself never changes.
                Action::Keep(keep) => kept = Some(filing::flags(&keep.flags)),
                Action::FileInto(into) => plan.filings.push(self.file_into(into, outcome).await?),
                // RFC 5228 §10: a loop is ended, and the message is not lost for that.
                Action::Redirect(to) if loops || rules.is_own(&to.address) => {
                    kept.get_or_insert_with(|| flags.clone());
                }
                Action::Redirect(to) => match self.redirect(to, outcome).await? {
                    Ok(send) => plan.sends.push(send),
                    Err(trouble) => {
                        plan.failure.get_or_insert_with(|| trouble.to_owned());
                        kept.get_or_insert_with(|| flags.clone());
                    }
                },
                Action::Notify(notify) => plan.sends.extend(self.notify(notify).await?),
                // RFC 6785 §3.11: a run that comes to them fails.
                // Nobody vouches for a message in a mailbox, so it changes no calendar.
                Action::Reject(_) | Action::Vacation(_) | Action::ProcessCalendar(_) => {}
            }
        }
        Ok(kept)
    }

    fn dispatch(&self) -> Dispatch<'_> {
        let signatory = self.settings.signatory.as_deref();
        Dispatch { store: self.store, signatory, rules: self.rules }
    }

    async fn file_into(&self, into: &FileInto, outcome: &Outcome) -> Result<Filing> {
        let message = match into.version.0 {
            0 => None,
            _ => {
                let version = outcome.version(into.version, self.message);
                Some(Arc::new(self.store.prepare(version.to_vec()).await?))
            }
        };
        Ok(Filing { message, ..filing::file_into(into) })
    }

    /// The message as it is sent on, or why it is not.
    async fn redirect(
        &self,
        to: &Redirect,
        outcome: &Outcome,
    ) -> Result<std::result::Result<Outgoing, &'static str>> {
        let (message, rules) = (self.message, self.rules);
        if rules.withdrawn.contains(Withdrawn::REDIRECTIONS) {
            return Ok(Err(redirect::WITHDRAWN));
        }
        if !redirect::may_send_to(self.store, self.settings, rules, &to.address).await? {
            return Ok(Err(redirect::NOT_AGREED));
        }
        let version = outcome.version(to.version, message);
        if redirect::is_forged(self.store, self.event.account, version, message).await? {
            return Ok(Err(redirect::NOT_OWN));
        }
        let copy = redirect::forwarded(version, message, rules);
        let parameters = parameters(&copy);
        let sent = Arc::new(self.dispatch().sent_on(copy, message).await?);
        let arrival = Arrival {
            account: self.event.account,
            rules: rules.version,
            message,
            // RFC 6785 §3.4: it comes from the owner of the mailbox.
            reverse_path: &rules.address,
            forward_path: &rules.address,
            placement: Placement::Inbox,
            author: None,
            // Who is its owner, and hears of what cannot be brought out.
            verified: true,
            is_believed: true,
            parameters,
        };
        let send = redirect::outgoing(to, sent, &arrival, rules.address.clone(), self.now);
        Ok(Ok(Outgoing { counted: true, ..send }))
    }

    async fn notify(&self, notify: &Notify) -> Result<Option<Outgoing>> {
        let hostname = &self.settings.hostname;
        let stamper = Stamper { hostname, zone: &self.rules.zone, now: self.now };
        let to = [&notify.to[..], &notify.cc, &notify.bcc].concat();
        if to.is_empty() {
            return Ok(None);
        }
        let letter = Letter {
            account: self.event.account,
            author: Author::Account,
            reverse_path: &notify.reverse_path,
            to,
            bytes: stamper.render(|stamp| notify.render(stamp)),
            claim: None,
            counted: true,
            copy: notify.fcc.as_ref().map(filing::copy),
        };
        self.dispatch().letter(letter).await.map(Some)
    }
}

/// How a copy has to be sent.
fn parameters(copy: &[u8]) -> ArrivalParameters<'static> {
    let header = copy.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(copy.len());
    ArrivalParameters {
        body: if copy.is_ascii() { "7BIT" } else { "8BITMIME" },
        smtputf8: !copy.get(..header).unwrap_or_default().is_ascii(),
        ..ArrivalParameters::default()
    }
}
