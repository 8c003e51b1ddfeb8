//! THREAD and UID THREAD (RFC 5256 §3), with ORDEREDSUBJECT and REFERENCES.
//!
//! Both algorithms are pure and take messages in mailbox order; what they need of each was
//! computed at delivery.

mod ordered_subject;
mod references;
mod tree;

use message::SortText;
use storage::{LimitKind, MailboxKeys, Snapshot, SortWant, StorageError};

use self::references::TooTangled;
use self::tree::Message;
use super::progress::Progress;
use super::search::{self, off_thread_in_turn};
use super::{Ctx, Reply};
use crate::error::{Result, refused};
use crate::render::{Code, thread};
use crate::types::{Addressing, ThreadAlgorithm, ThreadArgs};

/// LIMIT: so many ids take as long as a message.
const IDS_PER_MESSAGE: usize = 4;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: ThreadArgs) -> Result<Reply> {
    let found = search::find_all(ctx, &args.key, false).await?;
    let seqs: Vec<u32> = found.seqs.iter().collect();
    let want = SortWant {
        texts: vec![SortText::Subject],
        collation: *ctx.collation,
        threads: args.algorithm == ThreadAlgorithm::References,
    };
    let (shared, known) = (ctx.shared.clone(), found.known.clone());
    let ordering = async {
        let keys = match shared.store.sort_keys(&found.known, &seqs, &want).await {
            Err(StorageError::Limit { kind: LimitKind::MessageIds, .. }) => {
                return Ok(Err(TooTangled));
            }
            keys => keys?,
        };
        let messages = seqs.len().max(keys.keys().message_ids() / IDS_PER_MESSAGE);
        let answering = move || answer(&known, &keys, &want, &seqs, &args);
        off_thread_in_turn(&shared.threading, messages, answering).await
    };
    let out = ctx.wait_for(&Progress::default(), ordering).await??;
    let out = out.map_err(|TooTangled| {
        refused(Code::Limit, "These messages refer to each other in too many ways")
    });
    ctx.connection.write(&out?).await?;
    Ok(Reply::done())
}

/// The untagged THREAD response.
fn answer(
    known: &Snapshot,
    keys: &MailboxKeys,
    want: &SortWant,
    seqs: &[u32],
    args: &ThreadArgs,
) -> std::result::Result<Vec<u8>, TooTangled> {
    let columns = keys.keys();
    let messages: Vec<Message<'_>> = seqs
        .iter()
        .map(|&seq| {
            let row = keys.row(seq);
            let subject = columns.rank(SortText::Subject, want.collation, row);
            Message { sent: columns.sent(row), subject, thread: columns.thread(row) }
        })
        .collect();
    let threads = match args.algorithm {
        ThreadAlgorithm::OrderedSubject => ordered_subject::threads(&messages),
        ThreadAlgorithm::References => references::threads(&messages, columns.message_ids())?,
    };
    let numbers = match args.by {
        Addressing::Seq => seqs.to_vec(),
        Addressing::Uid => search::uids_in_order(known, seqs),
    };
    let mut out = Vec::new();
    thread(&mut out, |each| threads.for_each(&numbers, each));
    Ok(out)
}
