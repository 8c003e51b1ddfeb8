//! Lines that are longer than servers have to take, of a message that is on its way out.

use message::{Limits, has_long_lines, header_fields, to_seven_bit};

use super::Visit;
use super::desk::Target;
use super::incoming::Incoming;
use crate::error::Refusal;
use crate::types::Body;

impl Visit<'_> {
    /// Encodes the bodies of a submission that goes elsewhere and has lines of more than 998 octets
    /// (RFC 5321 §4.5.3.1.6, RFC 6409 §8), which some servers send back. What cannot be changed, as
    /// somebody signed it or the line is one of the header, goes as it is. It is decided by where
    /// the message goes: by those whom the client named before checks have seen it, and again by
    /// those who are left and added where a check changed that.
    pub(super) async fn shorten_lines(&mut self, incoming: &mut Incoming) -> Result<(), Refusal> {
        let body = self.session.envelope().map(|envelope| envelope.parameters.body);
        let targets = incoming.readdressed.as_ref().map_or(&self.targets, |new| &new.targets);
        if self.user.is_none()
            || body == Some(Body::BinaryMime)
            || !targets.contains(&Target::Elsewhere)
        {
            return Ok(());
        }
        let content = incoming.buffer.bytes.get(incoming.trace_bytes..).unwrap_or_default();
        if is_signed(content) || !has_long_lines(content) {
            return Ok(());
        }
        // Neither encoding makes half as much again, and bodies are there twice while the whole is
        // put together, beside what came.
        let more = content.len().saturating_mul(3).saturating_add(1024);
        if incoming.buffer.reserve(more).await.is_err() {
            // It goes on as it is rather than not at all.
            return Ok(());
        }
        let (whole, start) = (std::mem::take(&mut incoming.buffer.bytes), incoming.trace_bytes);
        let convert = move || {
            let content = whole.get(start..).unwrap_or_default();
            let encoded = to_seven_bit(content, &Limits::default());
            (whole, encoded)
        };
        let converted = tokio::task::spawn_blocking(convert).await;
        let (whole, encoded) = converted.map_err(|_| Refusal::Lost)?;
        incoming.buffer.bytes = whole;
        let bytes_max = self.server.settings.message_bytes_max;
        if let Some(encoded) = encoded.filter(|encoded| encoded.len() as u64 <= bytes_max) {
            incoming.buffer.bytes.truncate(start);
            incoming.buffer.bytes.extend_from_slice(&encoded);
        }
        Ok(())
    }
}

/// Whether somebody has signed the body already (RFC 6376 §3.5, RFC 8617 §4.1.2).
fn is_signed(content: &[u8]) -> bool {
    let names = ["DKIM-Signature", "ARC-Message-Signature"];
    header_fields(content).any(|field| names.iter().any(|name| field.is(name)))
}
