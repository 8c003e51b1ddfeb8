//! An envelope that a check has changed: another sender, recipients more or less.
//!
//! **Invariants:** every recipient that the client named gets its answer over LMTP; who was added
//! has the message or nobody has it, for there is no answer that would say so (RFC 2033 §4.2); who
//! was taken away is in the log and in the trace. docs/decisions/015-milters.md says why.

use ids::AccountId;
use message::address::Address;
use message::compose::return_path;

use super::delivery::Outcomes;
use super::desk::Target;
use super::incoming::Incoming;
use super::recipients::find_target;
use super::spooling::{path_text, sender_text};
use super::{Server, Visit};
use crate::check::{AddedRecipient, EnvelopeChanges};
use crate::error::{CommandError, Refusal, SyntaxError};
use crate::parse::parse_rcpt_parameters;
use crate::types::{Envelope, ForwardPath, Notify, Recipient, ReversePath};

/// LIMIT: recipients that checks add to one message. They do not count among those that a client
/// may name.
const ADDED_MAX: usize = 1000;

/// The envelope as it is now.
#[derive(Debug)]
pub(super) struct Readdressed {
    pub(super) envelope: Envelope,
    /// One target for each recipient of the changed envelope.
    pub(super) targets: Vec<Target>,
    /// Where each recipient that the client named stands in it, if it does.
    places: Vec<Option<usize>>,
    /// Where those begin among the targets that were added.
    pub(super) added_from: usize,
    /// The forward-paths of recipients that were taken away.
    pub(super) removed: Vec<String>,
}

impl Readdressed {
    /// One from which the recipients at these places are gone.
    fn without(before: &Envelope, targets: &[Target], removed: &[usize]) -> Self {
        let mut new = Self {
            envelope: Envelope { recipients: Vec::new(), ..before.clone() },
            targets: Vec::new(),
            places: Vec::new(),
            added_from: 0,
            removed: Vec::new(),
        };
        for (place, (recipient, target)) in before.recipients.iter().zip(targets).enumerate() {
            if removed.contains(&place) {
                new.places.push(None);
                new.removed.push(path_text(&recipient.path));
            } else {
                new.places.push(Some(new.targets.len()));
                new.add(recipient.clone(), target.clone());
            }
        }
        new.added_from = new.targets.len();
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
    /// Carries out what the checks want of the envelope. The client's own stays with the session,
    /// which answers by it.
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
        if changes.added.len() > ADDED_MAX {
            tracing::warn!(added = changes.added.len(), "a check adds too many recipients");
            return Err(Refusal::NotAdded.into());
        }
        let submitter = self.user.as_ref().map(|user| user.account);
        let size_bytes = incoming.buffer.bytes.len() as u64;
        for added in changes.added {
            let found = find_added(self.server, submitter, &new.envelope, &added, size_bytes).await;
            let (recipient, target) = found.map_err(|error| not_added(&added.address, error))?;
            new.add(recipient, target);
        }
        let id = format_args!("{:016x}", incoming.id);
        if new.targets.is_empty() {
            // As in Postfix: it is accepted, for whom the milter leaves, who is nobody.
            tracing::warn!(message = %id, "a check has taken away all recipients");
        } else {
            let (recipients, removed) = (new.targets.len(), new.removed.len());
            tracing::info!(message = %id, recipients, removed, "readdressed by a check");
        }
        incoming.readdressed = Some(new);
        Ok(())
    }
}

/// Why nobody gets a message that one cannot have whom a check adds. Nothing is wrong with those
/// that the client named, so it is not told of an end, nor of others; that is in the log.
pub(super) fn not_added(recipient: &str, error: CommandError) -> CommandError {
    tracing::warn!(recipient, %error, "not added for a check");
    match error.reply().is_temporary() {
        true => error,
        false => Refusal::NotAdded.into(),
    }
}

/// Where a recipient gets the message that a check adds. What holds for those that the client named
/// holds for it: who may post to a list, a full mailbox, an address that was rewritten. It may be
/// elsewhere, whoever sends: who runs the check says so.
async fn find_added(
    server: &Server,
    submitter: Option<AccountId>,
    envelope: &Envelope,
    added: &AddedRecipient,
    size_bytes: u64,
) -> Result<(Recipient, Target), CommandError> {
    let path = match added.address.eq_ignore_ascii_case("postmaster") {
        true => ForwardPath::Postmaster,
        false => {
            let address = Address::parse_path(added.address.as_bytes());
            ForwardPath::Mailbox(address.map_err(|_| SyntaxError::ForwardPath)?)
        }
    };
    let is_ascii = matches!(&path, ForwardPath::Postmaster) || added.address.is_ascii();
    if !is_ascii && !envelope.parameters.smtputf8 {
        return Err(Refusal::RecipientNeedsUtf8.into());
    }
    let parsed = parse_rcpt_parameters(&format!(" {}", added.parameters));
    let (notify, original) = parsed.unwrap_or_else(|error| {
        // As in Postfix: what cannot be read there is no reason to refuse the message.
        tracing::warn!(parameters = added.parameters, %error, "not kept of what a check adds");
        (Notify::Unspecified, None)
    });
    let mut recipient = Recipient { path, notify, original };
    let (asked, size_bytes) = (Some(envelope), Some(size_bytes));
    let target = find_target(server, submitter, asked, &mut recipient, true, size_bytes).await?;
    Ok((recipient, target))
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
        // What was found out was of another. Whether somebody is told of a failure is left as it
        // was: it is the new one who is, in Postfix, too.
        incoming.verified = false;
    }
    let id = format_args!("{:016x}", incoming.id);
    let (before, sender) = (sender_text(&envelope.reverse_path), sender_text(&found));
    tracing::info!(message = %id, before, sender, "another sender by a check");
    envelope.reverse_path = found;
    Ok(())
}
