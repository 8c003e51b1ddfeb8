//! Whether a host may bring mail to a recipient here: how much it and its network brought, what was
//! found out about it, and greylisting.

use net::{AddressKey, NetworkAction, TooMuch};
use storage::{Greylisted, Triplet};

use super::Visit;
use super::peers::PeerFacts;
use crate::check::CheckReply;
use crate::error::CommandError;
use crate::render::Enhanced;
use crate::settings::Role;
use crate::types::{ClientName, ForwardPath, Recipient, ReversePath};

impl Visit<'_> {
    /// Counts what a stranger does, for its address and its network; the error says which of them
    /// has to wait. Local injection, the machine itself, and hosts that are not looked at are free.
    pub(super) fn take_from_network(&self, action: NetworkAction) -> Result<(), TooMuch> {
        let Some(rates) = &self.server.rates else { return Ok(()) };
        let peer = self.connection.peer().ip();
        let is_free = self.server.settings.role == Role::Lmtp
            || self.user.is_some()
            || AddressKey::of(peer).is_loopback()
            || self.server.peers.as_ref().is_some_and(|peers| !peers.concerns(peer));
        if is_free {
            return Ok(());
        }
        rates.take(peer, action, self.server.desk.now())
    }

    /// Whether the address of a stranger, and its network, may name one more recipient, and bring
    /// one more message if this is the first of it: a message counts once, however many of its
    /// recipients are refused.
    pub(super) fn check_network(&mut self) -> Result<(), CommandError> {
        let transaction = Some(self.session.transaction());
        let message = match self.counted == transaction {
            true => Ok(()),
            false => self.take_from_network(NetworkAction::Message),
        };
        if message.is_ok() {
            self.counted = transaction;
        }
        let taken = message.and_then(|()| self.take_from_network(NetworkAction::Recipient));
        taken.map_err(|TooMuch { party, secs }| {
            CommandError::Checked(CheckReply {
                code: 450,
                enhanced: Enhanced(4, 7, 1),
                text: format!("Too much mail from your {party}, come again in {secs} seconds"),
            })
        })
    }

    /// Asked when a recipient is known to be one of ours. Who signed in, who is local, and who
    /// writes to those who answer for the server, has nothing to fear: RFC 5321 §4.5.1.
    pub(super) async fn admit(&mut self, recipient: &Recipient) -> Result<(), CommandError> {
        let Some(peers) = &self.server.peers else { return Ok(()) };
        let peer = self.connection.peer().ip();
        if self.server.settings.role != Role::Mx || self.user.is_some() || !peers.concerns(peer) {
            return Ok(());
        }
        let helo = self.session.client().map_or("", ClientName::as_str);
        let facts = match self.facts.take().filter(|facts| facts.helo == helo) {
            Some(facts) => facts,
            None => peers.look_at(peer, helo).await,
        };
        let PeerFacts { refusal, .. } = self.facts.insert(facts);
        let ForwardPath::Mailbox(mailbox) = &recipient.path else { return Ok(()) };
        let address = storage::Address::from(mailbox.clone());
        if address.is_role() {
            return Ok(());
        }
        if let Some(refusal) = refusal {
            return Err(CommandError::Checked(refusal.clone()));
        }
        let Some(times) = peers.greylist() else { return Ok(()) };
        let sender = match self.session.envelope().map(|envelope| &envelope.reverse_path) {
            Some(ReversePath::Mailbox(mailbox)) => mailbox.to_string(),
            Some(ReversePath::Null) | None => String::new(),
        };
        let triplet = Triplet::new(peer, &sender, &mailbox.to_string());
        match self.server.desk.greylist(triplet, times).await? {
            Greylisted::Pass => Ok(()),
            Greylisted::Wait(secs) => Err(CommandError::Checked(CheckReply {
                code: 451,
                enhanced: Enhanced(4, 7, 1),
                text: format!("Greylisted, come again in {secs} seconds"),
            })),
        }
    }

    /// The field by which later filters learn what was found out about the host.
    pub(super) fn peer_field(&self) -> Option<String> {
        let marks = &self.facts.as_ref()?.marks;
        let listed = marks.join(";\r\n ");
        (!marks.is_empty()).then(|| format!("X-Posthorn-Peer: {listed}\r\n"))
    }
}
