//! MESSAGELIMIT and SAVELIMIT (RFC 9738): a command works on so many messages and no more, those
//! with the highest UIDs, and says how far down it came.

use ids::Uid;
use storage::{Entry, Snapshot};

use super::{Ctx, Reply, ReplyCode};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code, Status};
use crate::types::NumberSet;

/// How far a command came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    messages: u32,
    /// The lowest UID it worked on.
    lowest: Uid,
}

impl Reached {
    fn code(self) -> Code<'static> {
        Code::MessageLimit(self.messages, Some(self.lowest))
    }

    /// The answer to a command that would have to come further.
    pub(super) fn refusal(self) -> CommandError {
        too_many(self.messages, None)
    }

    /// The answer to COPY. RFC 9738 §3.1: with the UID down to which it could have come, which
    /// tells the client what a smaller subset is.
    pub(super) fn refusal_of_copy(self) -> CommandError {
        too_many(self.messages, Some(self.lowest))
    }

    /// The reply of a command that came so far. RFC 9738 §3.1: where the OK has another code
    /// already, the limit goes into an untagged NO.
    pub(super) fn reply(self, ctx: &mut Ctx<'_>, reply: Reply) -> Reply {
        if reply.code.is_some() {
            self.tell(ctx);
            return reply;
        }
        Reply { code: Some(ReplyCode::Plain(self.code())), ..reply }
    }

    /// The untagged NO.
    pub(super) fn tell(self, ctx: &mut Ctx<'_>) {
        let code = self.code();
        ctx.push(|out| render::untagged(out, Status::No, Some(&code), "Not all messages"));
    }
}

/// The reply of a command that may have come to a limit.
pub(super) fn reply(ctx: &mut Ctx<'_>, reached: Option<Reached>, reply: Reply) -> Reply {
    match reached {
        Some(reached) => reached.reply(ctx, reply),
        None => reply,
    }
}

/// Refuses a command that does all or nothing.
pub(super) fn refuse_above(limit: Option<u32>, messages: u64) -> Result<()> {
    match limit {
        Some(limit) if messages > u64::from(limit) => Err(too_many(limit, None)),
        _ => Ok(()),
    }
}

fn too_many(limit: u32, lowest: Option<Uid>) -> CommandError {
    refused(Code::MessageLimit(limit, lowest), "Too many messages, try a smaller subset")
}

/// The messages of `seqs` that a command works on, and how far that is where it is not all of them.
pub(super) fn cut(
    limit: Option<u32>,
    known: &Snapshot,
    seqs: NumberSet,
) -> (NumberSet, Option<Reached>) {
    let count = seqs.len();
    let Some(messages) = limit.filter(|limit| count > u64::from(*limit)) else {
        return (seqs, None);
    };
    // What the client knows of is counted in 32 bits.
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let seqs = seqs.slice(count - messages as usize..count);
    let lowest = seqs.first().and_then(|seq| known.by_seq(seq));
    let reached = lowest.map(|entry: Entry<'_>| Reached { messages, lowest: entry.uid() });
    (seqs, reached)
}

impl Ctx<'_> {
    /// How many messages one command may work on.
    pub(super) fn message_limit(&self) -> Option<u32> {
        self.limit_of("MESSAGELIMIT", self.shared.settings.message_limit)
    }

    /// How many messages one command may add to a mailbox.
    pub(super) fn save_limit(&self) -> Option<u32> {
        let saving = self.limit_of("SAVELIMIT", self.shared.settings.save_limit);
        self.message_limit().or(saving)
    }

    fn limit_of(&self, capability: &str, limit: u32) -> Option<u32> {
        let is_off = || self.off.contains(&self.shared.settings, capability);
        Some(limit).filter(|limit| *limit > 0 && !is_off())
    }
}
