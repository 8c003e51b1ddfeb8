//! Messages to lists of ours, as each list sends them.

use std::sync::Arc;

use message::ListMarks;
use storage::{MailParameters, Placement, Post, PreparedMessage, SpoolTerms, Store};

use super::delivery::Delivery;
use super::desk::Target;
use super::readdressing::not_added;
use super::spooling::{calendar_author, path_text};
use crate::error::{CommandError, Refusal};
use crate::types::Envelope;

/// With what envelope a list sends a message. RFC 3461 §5.2.7.1: nothing of what its sender asked
/// for as reports goes along.
pub(super) fn post(delivery: &Delivery<'_>, body: &str, terms: SpoolTerms) -> Post {
    let parameters = &delivery.envelope.parameters;
    let is_quarantined = delivery.placement == Placement::Junk;
    let parameters = MailParameters {
        body: Some(body.to_owned()),
        smtputf8: parameters.smtputf8,
        requiretls: parameters.require_tls,
        tls_optional: delivery.tls_optional,
        quarantine: is_quarantined,
        // A list changes nothing that its author said.
        author: calendar_author(delivery).map(str::to_owned),
        ..MailParameters::default()
    };
    Post {
        account: delivery.submitter,
        parameters,
        terms: SpoolTerms { urgency: terms.urgency, ..SpoolTerms::default() },
        is_quarantined,
    }
}

/// The message with the marks of each list among the targets, by target. Those from `added_from` on
/// a check has added to the envelope.
///
/// # Errors
/// [`Refusal::Loop`] where it came from one of them that the client named; of one that was added,
/// as [`not_added`] says.
pub(super) async fn prepare(
    store: &Store,
    (targets, added_from): (&[Target], usize),
    envelope: &Envelope,
    message: &[u8],
) -> Result<Vec<Option<Arc<PreparedMessage>>>, CommandError> {
    let mut posted = Vec::with_capacity(targets.len());
    for (at, target) in targets.iter().enumerate() {
        let Target::List(list) = *target else {
            posted.push(None);
            continue;
        };
        let list = store.read(move |tx| tx.load_list(list)).await?;
        let owner = list.owner_path();
        let marks =
            ListMarks { address: &list.address, description: &list.description, owner: &owner };
        let bytes = marks.put_on(message).ok_or_else(|| match envelope.recipients.get(at) {
            Some(added) if at >= added_from => {
                not_added(&path_text(&added.path), Refusal::Loop.into())
            }
            _ => Refusal::Loop.into(),
        })?;
        posted.push(Some(Arc::new(store.prepare_for_elsewhere(bytes).await?)));
    }
    Ok(posted)
}
