//! The selected mailbox: the store's view of it beside what the client knows of it.

use std::sync::Arc;

use ids::{AccountId, ModSeq, Uid, UidSet};
use message::flag::SystemFlags;

use super::keywords::ToldKeywords;
use super::responses::{push_flags, tell_expunged};
use super::untold::Untold;
use super::{AnnotationNews, Contexts, Enabled, News, OwnChange, Recent, ToldModSeq};
use crate::render::{self, Code, FlagsResponse, Status};
use crate::types::{Addressing, NumberSet, SequenceSet};
use crate::view::{Diff, Entry, MailboxView, Rights, Snapshot, ViewState};

/// How a mailbox was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Flags may be changed, as far as the user's rights reach.
    ReadWrite,
    /// Nothing may be changed, as after EXAMINE (RFC 9051 §6.3.3).
    ReadOnly,
}

/// Which updates may be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Updates {
    /// Every update.
    All,
    /// RFC 9051 §7.5.1: no EXPUNGE while FETCH, STORE or SEARCH by sequence number is answered,
    /// and none before the next command when a client pipelined it.
    WithoutExpunge,
}

/// The owner of the selected mailbox, and what the user may do with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenure {
    /// The account it is in.
    pub(crate) owner: AccountId,
    /// Whether that is the one signed in.
    pub(crate) is_own: bool,
    /// What the one signed in may do.
    pub(crate) rights: Rights,
}

/// The selected mailbox.
#[derive(Debug)]
pub(crate) struct Selected {
    tenure: Tenure,
    /// [`Snapshot::acl_changes`] when the rights were read.
    acl_changes: u32,
    /// [`Snapshot::url_key_resets`] as the client knows it.
    url_key_resets: u32,
    view: MailboxView,
    known: Arc<Snapshot>,
    access: Access,
    /// It was opened by EXAMINE.
    is_examined: bool,
    /// It was selected with ANNOTATE (RFC 5257 §4.2).
    annotate: bool,
    annotations: Option<Box<AnnotationNews>>,
    news: News,
    keywords_told: ToldKeywords,
    untold: Untold,
    recent: Recent,
    modseq: ToldModSeq,
    /// SEARCHRES: UIDs of the last `SEARCH RETURN (SAVE)` (RFC 9051 §6.4.4.1).
    pub(crate) saved: Arc<NumberSet>,
    /// Searches whose results the client follows.
    pub(crate) contexts: Contexts,
}

impl Selected {
    /// A mailbox just opened: the client is about to be told `view`'s newest state.
    pub(crate) fn new(view: MailboxView, tenure: Tenure, access: Access, enabled: Enabled) -> Self {
        let known = view.snapshot();
        let (acl_changes, url_key_resets) = (known.acl_changes(), known.url_key_resets());
        let keywords_told = ToldKeywords::of(&known);
        let mut recent = Recent::default();
        if !enabled.rev2() {
            recent.claim(&view, &known, access);
            recent.is_news(&known);
        }
        let modseq = ToldModSeq::new(known.highest_modseq());
        let (saved, contexts) = (Arc::default(), Contexts::default());
        Self {
            tenure,
            acl_changes,
            url_key_resets,
            view,
            known,
            access,
            is_examined: access == Access::ReadOnly,
            annotate: false,
            annotations: None,
            news: News::default(),
            keywords_told,
            untold: Untold::default(),
            recent,
            modseq,
            saved,
            contexts,
        }
    }

    /// The owner of the mailbox, and what the user may do with it.
    pub(crate) fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// Whether somebody changed what others may do with the mailbox since the rights were read.
    pub(crate) fn are_rights_doubtful(&self) -> bool {
        self.view.snapshot().acl_changes() != self.acl_changes
    }

    /// The rights as they were read after `acl_changes` changes; FLAGS again where they allow
    /// other changes (RFC 4314 §5.1.1).
    pub(crate) fn renew_rights(&mut self, rights: Rights, acl_changes: u32, out: &mut Vec<u8>) {
        let before = std::mem::replace(&mut self.tenure.rights, rights);
        self.acl_changes = acl_changes;
        if before.changeable() != rights.changeable() {
            self.tell_flags(out);
            self.keywords_told = ToldKeywords::of(&self.known);
        }
    }

    /// The client itself has reset its access key, and reads of it in the answer to that.
    pub(crate) fn note_url_key_reset(&mut self) {
        self.url_key_resets = self.view.snapshot().url_key_resets();
    }

    /// RFC 4467 §7, RESETKEY: the other sessions of a user that have the mailbox open are told.
    fn tell_url_key_reset(&mut self, newest: &Snapshot, out: &mut Vec<u8>) {
        let resets = newest.url_key_resets();
        if std::mem::replace(&mut self.url_key_resets, resets) != resets && self.tenure.is_own {
            render::untagged(out, Status::Ok, Some(&Code::UrlMech), "The key was reset");
        }
    }

    /// UIDs of the messages that are `\Recent` in this session; some of them may be gone.
    pub(crate) fn recent(&self) -> &UidSet {
        self.recent.uids()
    }

    /// How many messages are `\Recent` in this session.
    pub(crate) fn count_recent(&self) -> u32 {
        self.recent.count(&self.known)
    }

    /// The UID below which nothing is `\Recent` in later sessions, where storage must be told.
    pub(crate) fn take_recent_claim(&mut self) -> Option<Uid> {
        self.recent.take_claim()
    }

    /// IMAP4rev2 was enabled, which has no `\Recent`.
    pub(crate) fn forget_recent(&mut self) {
        self.recent.forget();
        self.contexts.forget_recent();
    }

    /// FLAGS and PERMANENTFLAGS (RFC 9051 §7.3.5, §7.1).
    pub(crate) fn tell_flags(&self, out: &mut Vec<u8>) {
        let keywords = self.known.keywords();
        let known = FlagsResponse { system: SystemFlags::ALL, keywords: &keywords };
        render::flags_response(out, known);
        let permanent = match self.access {
            // RFC 9051 §6.3.3: no flag can be changed permanently.
            Access::ReadOnly => {
                let none = FlagsResponse { system: SystemFlags::EMPTY, keywords: &[] };
                Code::PermanentFlags(none, false)
            }
            // RFC 4314 §5.1.1: what this user may change.
            Access::ReadWrite => {
                let (system, new_keywords) = self.tenure.rights.changeable();
                let keywords = if new_keywords { known.keywords } else { &[] };
                Code::PermanentFlags(FlagsResponse { system, keywords }, new_keywords)
            }
        };
        render::untagged(out, Status::Ok, Some(&permanent), "Permanent flags");
    }

    /// The live view of the mailbox in storage.
    pub(crate) fn view(&self) -> &MailboxView {
        &self.view
    }

    /// What the client knows; sequence numbers are positions in it.
    pub(crate) fn known(&self) -> &Arc<Snapshot> {
        &self.known
    }

    /// Whether messages may not be changed.
    pub(crate) fn is_read_only(&self) -> bool {
        self.access == Access::ReadOnly
    }

    /// Whether it was opened by EXAMINE, so that nothing at all may be changed.
    pub(crate) fn is_examined(&self) -> bool {
        self.is_examined
    }

    /// How SELECT opened it, which rights may have made read-only; and whether changes of
    /// annotations are to be told (RFC 5257 §4.2).
    pub(crate) fn note_asked(&mut self, asked: Access, annotate: bool) {
        self.is_examined = asked == Access::ReadOnly;
        self.annotate = annotate;
    }

    /// The messages whose annotations may have changed since this was last asked.
    pub(crate) fn take_annotation_news(&mut self) -> Option<Box<AnnotationNews>> {
        self.annotations.take().filter(|news| !news.changed.is_empty())
    }

    /// The client itself has added messages: of those it need not hear more (RFC 5465 §5.2).
    pub(crate) fn note_own(&mut self, uids: &UidSet) {
        self.news.note_own(uids);
    }

    /// Messages from elsewhere that the client was told of since this was last asked.
    pub(crate) fn take_news(&mut self) -> NumberSet {
        self.news.take(&self.known)
    }

    /// Whether the view has ended: the mailbox was deleted, or the feed broke off.
    pub(crate) fn is_over(&self) -> bool {
        self.view.snapshot().state() != ViewState::Live
    }

    /// Sequence numbers of the messages that `set` names and that the client knows. `None` where
    /// a sequence number is out of range (RFC 9051 §9, `seq-number`: the server answers BAD);
    /// UIDs that don't exist are no error (RFC 9051 §6.4.9).
    pub(crate) fn seqs_of(&self, set: &SequenceSet, by: Addressing) -> Option<NumberSet> {
        if set.is_saved() {
            return Some(self.seqs_of_uids(&self.saved));
        }
        match by {
            Addressing::Seq => set.resolve_seqs(self.known.exists()).ok(),
            Addressing::Uid => {
                let largest = self.known.by_seq(self.known.exists());
                let largest = largest.map_or(0, |entry| entry.uid().get());
                Some(self.seqs_of_uids(&set.resolve_uids(largest)))
            }
        }
    }

    /// Sequence numbers of the messages with these UIDs that the client knows.
    pub(crate) fn seqs_of_uids(&self, uids: &NumberSet) -> NumberSet {
        seqs_of_uids(&self.known, uids)
    }

    /// Whether something happened that the client does not know yet.
    pub(crate) fn has_news(&self) -> bool {
        !Arc::ptr_eq(&self.view.snapshot(), &self.known)
    }

    /// What has changed since the client was last told.
    pub(crate) fn untold(&self) -> Diff {
        self.view.snapshot().diff_from(&self.known)
    }

    /// Appends what has changed since the client was last told and may be told now; from then on
    /// it is known. FETCH is not for what the command at hand answers for itself; and for the
    /// others it is told by [`tell_changed`](Self::tell_changed), before anything else is done.
    pub(crate) fn tell_updates(
        &mut self,
        which: Updates,
        enabled: Enabled,
        own: OwnChange,
        out: &mut Vec<u8>,
    ) {
        let mut newest = self.view.snapshot();
        if Arc::ptr_eq(&newest, &self.known) {
            return;
        }
        self.tell_url_key_reset(&newest, out);
        let mut diff = newest.diff_from(&self.known);
        let holds = which == Updates::WithoutExpunge && !diff.expunged_seqs.is_empty();
        if holds {
            newest = Arc::new(newest.with_expunged_of(&self.known));
            diff = newest.diff_from(&self.known);
        }
        self.contexts.tell_expunged(&self.known, &diff.expunged_uids, out);
        // Expunges come first, so that later sequence numbers are those of the new snapshot.
        tell_expunged(&diff, enabled, out);
        let before = self.known.clone();
        let is_of_others = |now: &Snapshot, &(was, seq): &(u32, u32)| {
            let entry = now.by_seq(seq);
            entry.is_some_and(|entry| !own.excuses(before.by_seq(was).as_ref(), &entry))
        };
        if !enabled.tells_flags() && diff.changed.iter().any(|pair| is_of_others(&newest, pair)) {
            self.modseq.note_loss();
        }
        self.modseq.note(&newest, holds, !diff.expunged_seqs.is_empty());
        if diff.appended > 0 {
            render::exists(out, newest.exists());
            self.news.note(&self.known);
        }
        if !enabled.rev2() {
            if diff.appended > 0 {
                self.recent.claim(&self.view, &newest, self.access);
            }
            // RFC 3501 §7.3.2: with EXISTS, and where some of them were expunged.
            if self.recent.is_news(&newest) || diff.appended > 0 {
                render::recent(out, self.recent.count(&newest));
            }
        }
        let since = self.known.highest_modseq();
        self.known = newest;
        if enabled.tells_annotations(self.annotate) {
            let seqs = diff.changed.iter();
            let uids = seqs.filter_map(|(_, seq)| Some(self.known.by_seq(*seq)?.uid()));
            self.annotations.get_or_insert_default().note(since, uids, own.modseq());
        }
        if self.keywords_told.lack_some(&self.known, &diff) {
            // RFC 9051 §7.3.5: FLAGS again, as a message shows a keyword not told yet.
            self.tell_flags(out);
            self.keywords_told = ToldKeywords::of(&self.known);
        }
        if enabled.tells_flags() {
            if matches!(own, OwnChange::Annotations(_)) {
                diff.changed.retain(|pair| is_of_others(&self.known, pair));
            }
            self.untold = Untold::new(diff.changed, own);
        }
    }

    /// Appends FETCH for the flags that changed, a piece of it; whether there is more, which is to
    /// be told when that was sent.
    pub(crate) fn tell_changed(&mut self, enabled: Enabled, out: &mut Vec<u8>) -> bool {
        self.untold.tell(&self.known, self.recent.uids(), enabled, out)
    }

    /// An untagged FETCH that tells the flags of a message.
    pub(crate) fn tell_message(
        &self,
        out: &mut Vec<u8>,
        seq: u32,
        entry: &Entry<'_>,
        enabled: Enabled,
    ) {
        push_flags(out, seq, entry, self.recent.uids().contains(entry.uid()), enabled);
    }

    /// HIGHESTMODSEQ where a client that resynchronizes needs it, in an untagged OK.
    pub(crate) fn tell_modseq(&mut self, enabled: Enabled, out: &mut Vec<u8>) {
        if let Some(modseq) = self.modseq.take(enabled) {
            render::untagged(out, Status::Ok, Some(&Code::HighestModSeq(modseq)), "Highest");
        }
    }

    /// Takes HIGHESTMODSEQ for a command that tells it in its own OK.
    pub(crate) fn take_modseq(&mut self, enabled: Enabled) -> Option<ModSeq> {
        self.modseq.take(enabled)
    }
}

/// Sequence numbers in `known` of the messages with these UIDs.
pub(crate) fn seqs_of_uids(known: &Snapshot, uids: &NumberSet) -> NumberSet {
    let mut seqs = NumberSet::new();
    for &(low, high) in uids.ranges() {
        let first = known.first_seq_from(Uid::new(low));
        let end = match high.checked_add(1) {
            Some(after) => known.first_seq_from(Uid::new(after)),
            None => known.exists() + 1,
        };
        if first < end {
            seqs.insert_range(first, end - 1);
        }
    }
    seqs
}
