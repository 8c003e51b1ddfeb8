//! The extensions that ENABLE, or a command that implies it, switched on for a connection.

use crate::parse::Dialect;
use crate::types::{EnableItem, EnableItems};

/// What ENABLE, or a command that implies it, switched on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Enabled {
    items: EnableItems,
    /// NOTIFY left FlagChange out: changes of flags by others are not told.
    without_flags: bool,
    /// What NOTIFY said of changes of annotations by others, if it said something.
    annotations: Option<bool>,
    /// The client has authorized URLs (RFC 4467).
    url_auth: bool,
}

impl Enabled {
    /// Switches `item` on; whether it was off.
    pub(crate) fn switch_on(&mut self, item: EnableItem) -> bool {
        let was_off = !self.items.contains(item);
        self.items.insert(item);
        // RFC 7162 §3.2.3: QRESYNC includes CONDSTORE.
        if item == EnableItem::QResync {
            self.items.insert(EnableItem::CondStore);
        }
        was_off
    }

    /// The client has shown that it knows URLAUTH.
    pub(crate) fn speak_url_auth(&mut self) {
        self.url_auth = true;
    }

    /// Whether the client has shown that it knows URLAUTH.
    pub(crate) fn speaks_url_auth(self) -> bool {
        self.url_auth
    }

    /// Whether changes of flags by others are told (RFC 5465 §5.1).
    pub(crate) fn tells_flags(self) -> bool {
        !self.without_flags
    }

    /// Lets changes of flags by others be told, or not.
    pub(crate) fn tell_flags(&mut self, tell: bool) {
        self.without_flags = !tell;
    }

    /// Whether changes of annotations by others are told (RFC 5257 §4.2, RFC 5465 §5.1) in a
    /// mailbox that was selected with ANNOTATE or without.
    pub(crate) fn tells_annotations(self, selected: bool) -> bool {
        self.annotations.unwrap_or(selected)
    }

    /// Lets changes of annotations by others be told, or not, however mailboxes are selected.
    pub(crate) fn tell_annotations(&mut self, tell: bool) {
        self.annotations = Some(tell);
    }

    /// Whether MODSEQ goes with every FLAGS told (RFC 7162 §3.1).
    pub(crate) fn condstore(self) -> bool {
        self.items.contains(EnableItem::CondStore)
    }

    /// Whether VANISHED stands in for EXPUNGE, and HIGHESTMODSEQ is kept up (RFC 7162 §3.2.3).
    pub(crate) fn qresync(self) -> bool {
        self.items.contains(EnableItem::QResync)
    }

    /// Whether no sequence number is sent or understood any more (RFC 9586 §3).
    pub(crate) fn uid_only(self) -> bool {
        self.items.contains(EnableItem::UidOnly)
    }

    /// Whether messages gone are told by VANISHED (RFC 7162 §3.2.10, RFC 9586 §3.4).
    pub(crate) fn vanished(self) -> bool {
        self.qresync() || self.uid_only()
    }

    /// Whether the client speaks IMAP4rev2.
    pub(crate) fn rev2(self) -> bool {
        self.items.contains(EnableItem::Imap4Rev2)
    }

    /// How mailbox names and quoted strings are written (RFC 9051 §5.1, RFC 6855 §3).
    pub(crate) fn dialect(self) -> Dialect {
        if self.items.contains(EnableItem::Utf8Accept) {
            return Dialect::Utf8Accept;
        }
        if self.rev2() { Dialect::Utf8 } else { Dialect::Rev1 }
    }
}
