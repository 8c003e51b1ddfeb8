//! A message on its way to the checks of its content and back; its recipients before it.

use net::{Connection, ConnectionError};
use sasl::Name;
use storage::Placement;

use super::incoming::Incoming;
use super::peers::PeerFacts;
use super::{Server, Visit};
use crate::check::{CheckedMail, Verdict};
use crate::error::CommandError;
use crate::session::Session;
use crate::types::{ClientName, Recipient};

impl Visit<'_> {
    /// Asks the checks, where there are some, about a recipient that nobody else refuses.
    pub(super) async fn ask_of_recipient(
        &mut self,
        recipient: &Recipient,
    ) -> Result<Result<(), CommandError>, ConnectionError> {
        let Some(checks) = &self.server.checks else { return Ok(Ok(())) };
        let session = self.checks.get_or_insert_with(|| checks.begin());
        if !session.asks_recipients(self.server.settings.role) {
            return Ok(Ok(()));
        }
        // What a client that pipelines is owed does not wait for others: they may take their time.
        self.connection.push(&self.out);
        self.out.clear();
        self.connection.flush().await?;
        let account = self.user.as_ref().map(|user| (user.address.to_string(), self.mechanism));
        let (facts, account) = (self.facts.as_ref(), account.as_ref());
        let known = known(self.server, &self.connection, &self.session, facts, account);
        let Some(mail) = known else { return Ok(Ok(())) };
        let asked = session.check_recipient(mail, recipient).await;
        Ok(asked.map_err(CommandError::Checked))
    }

    /// Asks the checks, where there are some, and makes the changes they want.
    pub(super) async fn check_content(
        &mut self,
        incoming: &mut Incoming,
    ) -> Result<(), CommandError> {
        let Some(checks) = &self.server.checks else { return Ok(()) };
        let account = self.user.as_ref().map(|user| (user.address.to_string(), self.mechanism));
        let (facts, account) = (self.facts.as_ref(), account.as_ref());
        let known = known(self.server, &self.connection, &self.session, facts, account);
        let Some(known) = known else { return Ok(()) };
        let trace_bytes = incoming.trace_bytes;
        let mail = CheckedMail {
            id: &format!("{:016x}", incoming.id),
            message: incoming.buffer.bytes.get(trace_bytes..).unwrap_or_default(),
            ..known
        };
        let session = self.checks.get_or_insert_with(|| checks.begin());
        let (changed, placement, envelope) = match session.check(mail).await {
            Verdict::Accept { changed, placement, envelope } => (changed, placement, envelope),
            Verdict::Refuse(reply) => return Err(CommandError::Checked(reply)),
        };
        if let Some(changed) = changed {
            let before = incoming.buffer.bytes.len() - trace_bytes;
            incoming.buffer.reserve(changed.len().saturating_sub(before)).await?;
            incoming.eight_bit |= !changed.is_ascii();
            incoming.buffer.bytes.truncate(trace_bytes);
            incoming.buffer.bytes.extend_from_slice(&changed);
        }
        // What DMARC put aside stays there.
        if placement == Placement::Junk {
            incoming.placement = placement;
        }
        match envelope.is_empty() {
            true => Ok(()),
            false => self.readdress(incoming, envelope).await,
        }
    }
}

/// What is known of a transaction before there is a message.
fn known<'a>(
    server: &'a Server,
    connection: &'a Connection,
    session: &'a Session,
    facts: Option<&'a PeerFacts>,
    account: Option<&'a (String, Option<Name>)>,
) -> Option<CheckedMail<'a>> {
    Some(CheckedMail {
        role: server.settings.role,
        peer: connection.peer(),
        peer_name: facts.and_then(|facts| facts.name.as_deref()),
        helo: session.client().map_or("", ClientName::as_str),
        tls: connection.tls(),
        account: account.map(|(address, _)| address.as_str()),
        mechanism: account.and_then(|(_, mechanism)| mechanism.map(Name::as_str)),
        transaction: session.transaction(),
        envelope: session.envelope()?,
        id: "",
        message: b"",
    })
}
