//! Messages whose annotations may have changed since the client was last told (RFC 5257 §4.4).

use ids::{ModSeq, Uid, UidSet};

/// What is to be looked at before anything is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AnnotationNews {
    /// Messages that changed in some way.
    pub(crate) changed: UidSet,
    /// The modification sequence that the client knew then.
    pub(crate) since: ModSeq,
    /// Changes of the client itself, of which it need not hear.
    pub(crate) own: Vec<ModSeq>,
}

impl AnnotationNews {
    /// A step from what the client knew to what it is told now.
    pub(super) fn note(
        &mut self,
        since: ModSeq,
        changed: impl Iterator<Item = Uid>,
        own: Option<ModSeq>,
    ) {
        if self.changed.is_empty() {
            self.since = since;
        }
        changed.for_each(|uid| self.changed.insert(uid));
        self.own.extend(own);
    }
}
