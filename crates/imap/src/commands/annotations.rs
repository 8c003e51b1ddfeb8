//! Annotations of messages (RFC 5257) as storage has them, and what is told unasked of those that
//! others changed.

use std::sync::Arc;

use storage::{AnnotationChanges, AnnotationKey, MetadataScope};

use crate::server::Shared;
use crate::session::{Enabled, Selected, State, begin_fetch};
use crate::types::{AnnotationScope, AnnotationValue};

/// LIMIT: names told at once; a client asks for the rest when it looks at the messages.
const NAMES_MAX: usize = 10_000;

/// What a client wants set, as storage takes it.
pub(super) fn changes_of(values: Vec<AnnotationValue>) -> AnnotationChanges {
    let change = |one: AnnotationValue| {
        let entry = one.entry.as_str().to_owned();
        (AnnotationKey { entry, scope: to_storage(one.scope) }, one.value)
    };
    values.into_iter().map(change).collect()
}

pub(super) fn to_storage(scope: AnnotationScope) -> MetadataScope {
    match scope {
        AnnotationScope::Private => MetadataScope::Private,
        AnnotationScope::Shared => MetadataScope::Shared,
    }
}

/// Tells which annotations others changed since the client was last told (RFC 5257 §4.4): to be
/// called after it was told of the messages. What cannot be found out is not told.
pub(crate) async fn refresh(
    shared: &Arc<Shared>,
    state: &mut State,
    enabled: Enabled,
    out: &mut Vec<u8>,
) {
    let Some(actor) = state.user().map(|user| user.account) else { return };
    let Some(news) = state.selected_mut().and_then(Selected::take_annotation_news) else { return };
    let Some(selected) = state.selected() else { return };
    let known = selected.known().clone();
    let mailbox = known.mailbox();
    let read = shared.store.read(move |tx| {
        let own = (news.own.as_slice(), NAMES_MAX);
        tx.changed_annotations(actor, mailbox, &news.changed, news.since, own)
    });
    let changed = match read.await {
        Ok(changed) => changed,
        Err(error) => {
            tracing::debug!(%error, "changed annotations are not told");
            return;
        }
    };
    for of_one in changed.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((seq, entry)) = of_one.first().and_then(|(uid, _)| known.by_uid(*uid)) else {
            continue;
        };
        let mut fetch = begin_fetch(out, seq, &entry, enabled);
        // RFC 5465 §5.1: with the UID, which nobody minds who did not ask for it.
        if !enabled.uid_only() {
            fetch.uid(entry.uid());
        }
        // RFC 5257 §4.4: names alone.
        fetch.annotation_names(of_one.iter().map(|(_, name)| name.as_str()));
        if enabled.condstore() {
            fetch.modseq(entry.modseq());
        }
        fetch.finish();
    }
}
