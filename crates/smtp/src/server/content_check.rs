//! A message on its way to the checks of its content and back.

use storage::Placement;

use super::Visit;
use super::incoming::Incoming;
use crate::check::{CheckedMail, Verdict};
use crate::error::CommandError;
use crate::types::ClientName;

impl Visit<'_> {
    /// Asks the checks, where there are some, and makes the changes they want.
    pub(super) async fn check_content(
        &mut self,
        incoming: &mut Incoming,
    ) -> Result<(), CommandError> {
        let (Some(checks), Some(envelope)) = (&self.server.checks, self.session.envelope()) else {
            return Ok(());
        };
        let trace_bytes = incoming.trace_bytes;
        let account = self.user.as_ref().map(|user| user.address.to_string());
        let mail = CheckedMail {
            role: self.server.settings.role,
            peer: self.connection.peer(),
            peer_name: self.facts.as_ref().and_then(|facts| facts.name.as_deref()),
            helo: self.session.client().map_or("", ClientName::as_str),
            tls: self.connection.tls(),
            account: account.as_deref(),
            envelope,
            id: &format!("{:016x}", incoming.id),
            message: incoming.buffer.bytes.get(trace_bytes..).unwrap_or_default(),
        };
        let session = self.checks.get_or_insert_with(|| checks.begin());
        match session.check(mail).await {
            Verdict::Accept { changed, placement } => {
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
                Ok(())
            }
            Verdict::Refuse(reply) => Err(CommandError::Checked(reply)),
        }
    }
}
