//! An envelope that a check has changed: another sender, recipients more or less.
//!
//! **Invariant:** every recipient that the client named gets its answer over LMTP, whatever became
//! of it; what is not carried out is in the log and in the trace.

use message::address::Address;
use message::compose::return_path;
use storage::Disposition;

use super::Visit;
use super::delivery::Outcomes;
use super::desk::{From, Target};
use super::incoming::Incoming;
use super::spooling::path_text;
use super::trace::reply_text;
use crate::check::{AddedRecipient, EnvelopeChanges};
use crate::error::{CommandError, Refusal, SyntaxError};
use crate::parse::parse_rcpt_parameters;
use crate::types::{Envelope, ForwardPath, Recipient, ReversePath};

/// The envelope as it is now.
#[derive(Debug)]
pub(super) struct Readdressed {
    pub(super) envelope: Envelope,
    /// One for each of its recipients.
    pub(super) targets: Vec<Target>,
    /// Where each recipient that the client named stands in it, if it does.
    places: Vec<Option<usize>>,
    /// Who gets nothing.
    pub(super) left_out: Vec<LeftOut>,
}

/// A recipient that was taken away, or could not be added; and what is written down of that.
#[derive(Debug, Clone)]
pub(super) struct LeftOut {
    pub(super) forward_path: String,
    pub(super) disposition: Disposition,
}

impl Readdressed {
    /// One from which the recipients at these places are gone.
    fn without(before: &Envelope, targets: &[Target], removed: &[usize]) -> Self {
        let mut new = Self {
            envelope: Envelope { recipients: Vec::new(), ..before.clone() },
            targets: Vec::new(),
            places: Vec::new(),
            left_out: Vec::new(),
        };
        for (place, (recipient, target)) in before.recipients.iter().zip(targets).enumerate() {
            if removed.contains(&place) {
                new.places.push(None);
                let forward_path = path_text(&recipient.path);
                new.left_out.push(LeftOut { forward_path, disposition: Disposition::Discarded });
            } else {
                new.places.push(Some(new.targets.len()));
                new.add(recipient.clone(), target.clone());
            }
        }
        new
    }

    fn add(&mut self, recipient: Recipient, target: Target) {
        self.envelope.recipients.push(recipient);
        self.targets.push(target);
    }

    /// What is answered for each recipient that the client named. Who was taken away is answered as
    /// one that has the message: that it goes elsewhere is nobody's business.
    pub(super) fn answers(&self, outcomes: Outcomes) -> Outcomes {
        let mut outcomes: Vec<_> = outcomes.into_iter().map(Some).collect();
        let answer = |place: &Option<usize>| {
            place.and_then(|place| outcomes.get_mut(place)?.take()).unwrap_or(Ok(()))
        };
        self.places.iter().map(answer).collect()
    }
}

impl Visit<'_> {
    /// Carries out what the checks want of the envelope. The client's own stays with the session, which
    /// answers by it.
    pub(super) async fn readdress(
        &mut self,
        incoming: &mut Incoming,
        changes: EnvelopeChanges,
    ) -> Result<(), CommandError> {
        let Some(before) = self.session.envelope() else { return Ok(()) };
        let mut new = Readdressed::without(before, &self.targets, &changes.removed);
        if let Some(sender) = changes.sender {
            change_sender(incoming, &mut new.envelope, &sender, self.user.is_some()).await?;
        }
        let mut refused = None;
        for added in changes.added {
            match self.find_added(&new, &added).await {
                Ok((recipient, target)) => new.add(recipient, target),
                // What cannot be looked up now may be found later.
                Err(error @ CommandError::Storage(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(recipient = added.address, %error, "not added for a check");
                    let disposition = Disposition::Refused(reply_text(&error));
                    let forward_path = added.address;
                    new.left_out.push(LeftOut { forward_path, disposition });
                    refused.get_or_insert(error);
                }
            }
        }
        let id = format_args!("{:016x}", incoming.id);
        match refused {
            // Taken for nobody it would be lost, which is not what the check wanted.
            Some(error) if new.targets.is_empty() => return Err(error),
            _ if new.targets.is_empty() => {
                tracing::warn!(message = %id, "a check has taken away all recipients");
            }
            _ => {
                let (recipients, left_out) = (new.targets.len(), new.left_out.len());
                tracing::info!(message = %id, recipients, left_out, "readdressed by a check");
            }
        }
        incoming.readdressed = Some(new);
        Ok(())
    }

    /// Where a recipient gets the message that a check adds. Whether its sender may send there is not
    /// asked: who runs the check says so.
    async fn find_added(
        &mut self,
        new: &Readdressed,
        added: &AddedRecipient,
    ) -> Result<(Recipient, Target), CommandError> {
        if new.envelope.recipients.len() >= self.server.settings.recipients_max {
            return Err(Refusal::TooManyRecipients(self.server.settings.recipients_max).into());
        }
        let path = match added.address.eq_ignore_ascii_case("postmaster") {
            true => ForwardPath::Postmaster,
            false => {
                let address = Address::parse_path(added.address.as_bytes());
                ForwardPath::Mailbox(address.map_err(|_| SyntaxError::ForwardPath)?)
            }
        };
        let is_ascii = matches!(&path, ForwardPath::Postmaster) || added.address.is_ascii();
        if !is_ascii && !new.envelope.parameters.smtputf8 {
            return Err(Refusal::RecipientNeedsUtf8.into());
        }
        let (notify, original) = parse_rcpt_parameters(&format!(" {}", added.parameters))?;
        let poster = From {
            account: self.user.as_ref().map(|user| user.account),
            sender: new.envelope.reverse_path.mailbox().cloned(),
            is_trusted: true,
        };
        let target = match self.server.desk.find_target(&path, poster, true, None).await {
            // The queue brings it there once there is room, or tells the sender.
            Err(CommandError::Refused(Refusal::MailboxFull(_))) => Target::Elsewhere,
            found => found?,
        };
        Ok((Recipient { path, notify, original }, target))
    }
}

/// Another reverse-path, if it is one; and the Return-Path that says so (RFC 5321 §4.4).
async fn change_sender(
    incoming: &mut Incoming,
    envelope: &mut Envelope,
    sender: &str,
    is_submitted: bool,
) -> Result<(), CommandError> {
    let found = match sender {
        "" => Some(ReversePath::Null),
        _ => Address::parse_path(sender.as_bytes()).ok().map(ReversePath::Mailbox),
    };
    let fits = |path: &ReversePath| {
        // RFC 6531 §3.4: only with SMTPUTF8 is it outside ASCII.
        envelope.parameters.smtputf8 || path.mailbox().is_none_or(Address::is_ascii)
    };
    let Some(found) = found.filter(fits) else {
        tracing::warn!(sender, "no sender of a message, as a check wants it");
        return Ok(());
    };
    let field = return_path(found.mailbox().map(Address::to_string).as_deref());
    incoming.replace_return_path(&field).await?;
    if !is_submitted {
        // What was found out was of another.
        (incoming.verified, incoming.is_believed) = (false, false);
    }
    envelope.reverse_path = found;
    Ok(())
}
