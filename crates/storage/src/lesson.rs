//! What people say of mail by moving it: into Junk, or out of it. A hint in memory for who teaches
//! a filter; what is not heard is lost, and nobody waits for it.
//!
//! **Invariant:** a lesson tells of what is committed; so many wait at most, and of more the oldest
//! are forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ids::{CollectionId, ContentId, Uid};
use message::flag::Flags;
use tokio::sync::Notify;

use crate::mailbox::{Mailbox, SpecialUse};
use crate::sql::Value;
use crate::{AccountTx, FlagChange, Result};

/// LIMIT: lessons that wait.
const WAITING_MAX: usize = 2_000;
/// LIMIT: lessons of one transaction; who moves thousands of messages teaches with the first.
const OF_ONE_MAX: usize = 200;
/// The keywords that programs set (RFC 8457 is their like; the IANA registry has them).
const JUNK: &str = "$Junk";
const NOT_JUNK: &str = "$NotJunk";

/// What a message is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LessonKind {
    /// Unwanted mail.
    Spam,
    /// Wanted mail.
    Ham,
}

/// One message, and what it is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// The content of the message.
    pub content: ContentId,
    /// What the message is an example of.
    pub kind: LessonKind,
}

/// The receiving end: whoever trains the filter hears of lessons here.
#[derive(Debug, Default)]
pub struct LessonNotices {
    waiting: Mutex<VecDeque<Lesson>>,
    signal: Notify,
}

impl LessonNotices {
    pub(crate) fn note(&self, lessons: &[Lesson]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for lesson in lessons {
            if waiting.len() >= WAITING_MAX {
                waiting.pop_front();
            }
            waiting.push_back(*lesson);
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// The next one, in the order in which they came.
    pub async fn next(&self) -> Lesson {
        loop {
            match self.try_next() {
                Some(lesson) => return lesson,
                None => self.signal.notified().await,
            }
        }
    }

    /// The next lesson if one waits; does not wait itself.
    pub fn try_next(&self) -> Option<Lesson> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// What it means to bring a message from one mailbox to another.
fn of_move(source: Option<SpecialUse>, target: Option<SpecialUse>) -> Option<LessonKind> {
    match (source, target) {
        (Some(SpecialUse::Junk), Some(SpecialUse::Junk)) => None,
        (_, Some(SpecialUse::Junk)) => Some(LessonKind::Spam),
        // Who throws junk away does not say that it is wanted.
        (Some(SpecialUse::Junk), Some(SpecialUse::Trash)) => None,
        (Some(SpecialUse::Junk), _) => Some(LessonKind::Ham),
        _ => None,
    }
}

/// What it means to change flags so.
fn of_flags(change: &FlagChange) -> Option<LessonKind> {
    let (FlagChange::Add(flags) | FlagChange::Replace(flags)) = change else { return None };
    let has = |flags: &Flags, wanted: &str| {
        flags.keywords().iter().any(|keyword| keyword.as_str().eq_ignore_ascii_case(wanted))
    };
    match (has(flags, JUNK), has(flags, NOT_JUNK)) {
        (true, false) => Some(LessonKind::Spam),
        (false, true) => Some(LessonKind::Ham),
        _ => None,
    }
}

impl AccountTx<'_, '_> {
    /// Notes that messages went from one mailbox to another.
    pub(crate) fn note_moved(
        &mut self,
        source: &Mailbox,
        target: &Mailbox,
        contents: impl Iterator<Item = ContentId>,
    ) {
        if !self.settings.lessons {
            return;
        }
        if let Some(kind) = of_move(source.special_use, target.special_use) {
            let lessons = contents.take(OF_ONE_MAX).map(|content| Lesson { content, kind });
            self.tx.lessons.extend(lessons);
        }
    }

    /// Notes that flags of messages changed.
    pub(crate) fn note_flagged(
        &mut self,
        mailbox: CollectionId,
        change: &FlagChange,
        uids: impl Iterator<Item = Uid>,
    ) -> Result<()> {
        if !self.settings.lessons {
            return Ok(());
        }
        let Some(kind) = of_flags(change) else { return Ok(()) };
        for uid in uids.take(OF_ONE_MAX) {
            let content = self.sql.query_one(
                "SELECT content_id FROM message WHERE mailbox_id = ?1 AND uid = ?2",
                &[Value::Int(mailbox.get()), Value::Int(uid.get().into())],
                |row| Ok(ContentId::new(row.int(0)?)),
            )?;
            self.tx.lessons.extend(content.map(|content| Lesson { content, kind }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_move_says() {
        use LessonKind::{Ham, Spam};
        use SpecialUse::{Archive, Junk, Trash};
        for (source, target, expect) in [
            (None, Some(Junk), Some(Spam)),
            (Some(Trash), Some(Junk), Some(Spam)),
            (Some(Junk), None, Some(Ham)),
            (Some(Junk), Some(Archive), Some(Ham)),
            (Some(Junk), Some(Trash), None),
            (Some(Junk), Some(Junk), None),
            (None, Some(Trash), None),
            (None, None, None),
        ] {
            assert_eq!(of_move(source, target), expect, "{source:?} {target:?}");
        }
    }

    #[tokio::test]
    async fn the_oldest_are_forgotten() {
        let notices = LessonNotices::default();
        let lesson = |id| Lesson { content: ContentId::new(id), kind: LessonKind::Spam };
        let many: Vec<Lesson> = (0..WAITING_MAX as i64 + 2).map(lesson).collect();
        notices.note(&many);
        assert_eq!(notices.next().await, lesson(2));
        assert_eq!(notices.next().await, lesson(3));
    }
}
