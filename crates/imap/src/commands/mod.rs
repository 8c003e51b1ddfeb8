//! The commands: [`table`] says what each may do; beside it, one file per command runs it.
//!
//! A command's `run` has parsed arguments, is allowed in the session's state, and appends its
//! untagged responses to the connection; what it returns becomes the tagged one. It returns an
//! error only when it has changed nothing.

pub mod table;

mod acl;
pub(crate) mod annotations;
mod append;
pub(crate) mod arrivals;
mod aside;
mod authenticate;
mod batches;
mod capability;
mod close;
mod comparator;
mod compress;
mod contexts;
mod copy;
mod create;
mod delete;
mod enable;
mod esearch;
mod expunge;
mod fetch;
mod genurlauth;
mod id;
mod idle;
mod language;
mod list;
mod login;
mod logout;
mod lsub;
mod mailbox_filter;
mod message_limit;
mod metadata;
mod r#move;
mod namespace;
mod noop;
pub(crate) mod notify;
mod part;
mod progress;
mod quota;
pub(crate) mod recent;
mod rename;
mod replace;
mod reply;
mod resetkey;
pub(crate) mod rights;
mod search;
mod select;
mod sort;
mod special_use;
mod spelling;
mod starttls;
mod status;
mod store;
mod subscribe;
mod thread;
mod unauthenticate;
mod unselect;
pub(crate) mod updates;
mod url_auth;
mod urlfetch;
mod vanished;

use std::borrow::Cow;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::SessionEnding;
use ids::{AccountId, ModSeq, UidSet};
use message::Collation;
use net::{Connection, MessageResult};
use storage::{
    Change, Committed, Fact, Mailbox, PreparedMessage, ReadTx, Rights, Snapshot, StorageError,
};

use self::notify::Notify;
use self::progress::{Progress, while_telling};
pub(crate) use self::reply::{Reply, ReplyCode};
use crate::capabilities;
use crate::error::{CommandError, Result, refused};
use crate::parse::{Dialect, Framer};
use crate::render::{self, Code, ListItem, Status};
use crate::server::Shared;
use crate::session::{Access, Enabled, Selected, State, SwitchedOff, User};
use crate::types::{
    Addressing, Command, EnableItem, Language, ListAttribute, ListAttributes, MailboxName,
    NumberSet, SequenceSet, Tag,
};

/// What a command may use and change.
pub(crate) struct Ctx<'s> {
    /// The store, sign-in, settings.
    pub(crate) shared: &'s Arc<Shared>,
    /// Where responses are written.
    pub(crate) connection: &'s mut Connection,
    /// Where further lines of this command come from (AUTHENTICATE, IDLE).
    pub(crate) framer: &'s mut Framer,
    /// State, selected mailbox, user.
    pub(crate) state: &'s mut State,
    /// The extensions that ENABLE switched on.
    pub(crate) enabled: &'s mut Enabled,
    /// What is told unasked (RFC 5465).
    pub(crate) notify: &'s mut Option<Box<Notify>>,
    /// Capabilities switched off for this program and this account.
    pub(crate) off: &'s mut SwitchedOff,
    /// Ends the session from outside: shutdown, changed password.
    pub(crate) ending: &'s mut SessionEnding,
    /// How texts are compared (RFC 5255 §4.2, "active comparator").
    pub(crate) collation: &'s mut Collation,
    /// The language of texts for people.
    pub(crate) language: &'s mut Language,
    /// The command's tag: ESEARCH names it.
    pub(crate) tag: &'s Tag,
}

impl Ctx<'_> {
    /// Appends untagged responses to what is sent next.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.connection.push(&out);
    }

    /// The capabilities of the connection as it is now.
    pub(crate) fn capabilities(&self) -> Vec<Cow<'static, str>> {
        capabilities::names(self.shared, self.connection, self.state, self.off)
    }

    /// The account that signed in. The table lets no command that asks run before sign-in.
    pub(crate) fn user(&self) -> Result<User> {
        self.state.user().cloned().ok_or(CommandError::Bad("Sign in first"))
    }

    /// Notes that the client knows CONDSTORE (RFC 7162 §3.1); whether that is news.
    pub(crate) fn enable_condstore(&mut self) -> bool {
        if !self.enabled.switch_on(EnableItem::CondStore) {
            return false;
        }
        // RFC 7162 §3.1: the first such command in a selected mailbox is answered with its
        // HIGHESTMODSEQ.
        if let Some(selected) = self.state.selected() {
            let code = Code::HighestModSeq(selected.known().highest_modseq());
            self.push(|out| render::untagged(out, Status::Ok, Some(&code), "Highest"));
        }
        true
    }

    /// Answers an empty pattern with the delimiter (RFC 9051 §6.3.9).
    pub(crate) fn push_delimiter(&mut self, render: fn(&mut Vec<u8>, &ListItem<'_>, Dialect)) {
        let dialect = self.enabled.dialect();
        let attributes = ListAttributes::from_iter([ListAttribute::Noselect]);
        self.push(|out| render(out, &ListItem { attributes, ..ListItem::default() }, dialect));
    }

    /// Waits for `work`; a client that waits for long is told how far it is.
    async fn wait_for<T>(
        &mut self,
        progress: &Progress,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let silence = self.silence();
        Ok(while_telling(self.connection, self.tag, (progress, silence), work).await?)
    }

    /// How long a client that waits hears nothing; `None`: until there is an answer.
    fn silence(&self) -> Option<Duration> {
        let settings = &self.shared.settings;
        (!self.off.contains(settings, "INPROGRESS")).then_some(settings.progress_interval)
    }

    /// A transaction of the client's own: of that NOTIFY tells nothing (RFC 5465 §5).
    pub(crate) fn note_own<T>(&mut self, committed: Committed<T>) -> T {
        self.note_own_changes(&committed.changes);
        committed.value
    }

    /// Notes the changes of a transaction as the command's own.
    fn note_own_changes(&mut self, changes: &[Change]) {
        if let Some(selected) = self.state.selected_mut() {
            let mailbox = Some(selected.known().mailbox());
            for change in changes.iter().filter(|change| change.collection == mailbox) {
                if let Fact::MessagesAdded(uids) = &change.fact {
                    selected.note_own(uids);
                }
            }
        }
        if let Some(notify) = self.notify {
            notify.note_own(changes);
        }
    }

    /// The messages of the selected mailbox that a set names.
    fn seqs_of(&mut self, set: &SequenceSet, by: Addressing) -> Result<NumberSet> {
        let seqs = self.selected()?.seqs_of(set, by);
        seqs.ok_or(CommandError::Bad("No such sequence number"))
    }

    /// A message that the client handed in is stored.
    pub(crate) fn count_message(&self, message: &PreparedMessage) {
        self.shared.counts.count_message(MessageResult::Stored);
        self.shared.counts.count_message_bytes(message.size());
    }

    /// The selected mailbox. The table lets no command that asks run without one.
    pub(crate) fn selected(&mut self) -> Result<&mut Selected> {
        self.state.selected_mut().ok_or(CommandError::Bad("Select a mailbox first"))
    }
}

/// A command on its way.
type Running<'r> = Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'r>>;

/// Runs a command that the session's state allows.
///
/// Each command is a box of its own size: an idle session holds the small one of IDLE and not
/// the largest of all.
pub(crate) fn run<'r>(ctx: &'r mut Ctx<'_>, command: Command) -> Running<'r> {
    match command {
        Command::Capability => Box::pin(ready(capability::run(ctx))),
        Command::Noop | Command::Check => Box::pin(ready(noop::run())),
        Command::Logout => Box::pin(ready(logout::run(ctx))),
        Command::Id(params) => Box::pin(ready(id::run(ctx, &params))),
        Command::StartTls => Box::pin(starttls::run(ctx)),
        Command::Authenticate(args) => Box::pin(authenticate::run(ctx, args)),
        Command::Login(args) => Box::pin(login::run(ctx, args)),
        Command::Enable(items) => Box::pin(ready(enable::run(ctx, items))),
        Command::Select(args) => Box::pin(select::run(ctx, args, Access::ReadWrite)),
        Command::Examine(args) => Box::pin(select::run(ctx, args, Access::ReadOnly)),
        Command::Create(args) => Box::pin(create::run(ctx, args)),
        Command::Delete(mailbox) => Box::pin(delete::run(ctx, mailbox)),
        Command::Rename(args) => Box::pin(rename::run(ctx, args)),
        Command::Subscribe(mailbox) => Box::pin(subscribe::run(ctx, mailbox)),
        Command::Unsubscribe(mailbox) => Box::pin(subscribe::run_unsubscribe(ctx, mailbox)),
        Command::List(args) => Box::pin(list::run(ctx, args)),
        Command::Lsub(args) => Box::pin(lsub::run(ctx, args)),
        Command::Xlist(args) => Box::pin(list::run_xlist(ctx, args)),
        Command::Namespace => Box::pin(ready(namespace::run(ctx))),
        Command::Status(mailbox, items) => Box::pin(status::run(ctx, mailbox, items)),
        Command::Quota(args) => Box::pin(quota::run(ctx, args)),
        Command::Metadata(args) => Box::pin(metadata::run(ctx, args)),
        Command::SetMetadata(args) => Box::pin(metadata::run_set(ctx, args)),
        Command::Replace(args) => Box::pin(replace::run(ctx, *args)),
        Command::Acl(args) => Box::pin(acl::run(ctx, args)),
        Command::ResetKey(args) => Box::pin(resetkey::run(ctx, args)),
        Command::GenUrlAuth(urls) => Box::pin(genurlauth::run(ctx, urls)),
        Command::UrlFetch(urls) => Box::pin(urlfetch::run(ctx, urls)),
        Command::Append(args) => Box::pin(append::run(ctx, args)),
        Command::Idle => Box::pin(idle::run(ctx)),
        Command::Close => Box::pin(close::run(ctx)),
        Command::Notify(args) => Box::pin(notify::run(ctx, args)),
        Command::Compress => Box::pin(compress::run(ctx)),
        Command::Unauthenticate => Box::pin(unauthenticate::run(ctx)),
        Command::Unselect => Box::pin(ready(unselect::run(ctx))),
        Command::Expunge => Box::pin(expunge::run(ctx, None)),
        Command::UidExpunge(set) => Box::pin(expunge::run(ctx, Some(set))),
        Command::Search(args) => Box::pin(search::run(ctx, args)),
        Command::Sort(args) => Box::pin(sort::run(ctx, args)),
        Command::Language(ranges) => Box::pin(ready(language::run(ctx, &ranges))),
        Command::Comparator(wanted) => Box::pin(ready(comparator::run(ctx, &wanted))),
        Command::Esearch(args) => Box::pin(esearch::run(ctx, args)),
        Command::CancelUpdate(tags) => Box::pin(ready(contexts::run_cancel(ctx, &tags))),
        Command::Thread(args) => Box::pin(thread::run(ctx, args)),
        Command::Fetch(args) => Box::pin(fetch::run(ctx, args)),
        Command::Store(args) => Box::pin(store::run(ctx, args)),
        Command::Annotate(args) => Box::pin(store::annotation::run(ctx, args)),
        Command::Copy(args) => Box::pin(copy::run(ctx, args)),
        Command::Move(args) => Box::pin(r#move::run(ctx, args)),
    }
}

/// A mailbox name as storage takes it: R-FOLD-5 holds there.
pub(crate) fn storage_name(name: &MailboxName) -> Result<storage::MailboxName> {
    Ok(storage::MailboxName::parse(without_separator(name.as_str()))?)
}

/// A name without the one separator that may stand at its end, which only says that there are
/// children or will be (RFC 9051 §6.3.4).
///
/// QUIRK(Thunderbird, any): names what has children so in every command, as servers with mbox files
/// want it.
pub(crate) fn without_separator(name: &str) -> &str {
    name.strip_suffix('/').unwrap_or(name)
}

/// A mailbox that can be opened. A ghost can't (R-FOLD-2).
pub(crate) async fn existing_mailbox(
    ctx: &Ctx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Mailbox> {
    let name = storage_name(name)?;
    let read = move |tx: &mut ReadTx<'_>| tx.find_mailbox_as(account, &name, Rights::READ);
    let found = ctx.shared.store.read(read).await?;
    found.ok_or_else(|| refused(Code::NonExistent, "No such mailbox"))
}

/// A mailbox that messages can be put into.
pub(crate) async fn target_mailbox(
    ctx: &Ctx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Mailbox> {
    let name = storage_name(name)?;
    let read = move |tx: &mut ReadTx<'_>| tx.find_mailbox_as(account, &name, Rights::INSERT);
    let found = ctx.shared.store.read(read).await?;
    // RFC 9051 §6.3.12, §6.4.7: TRYCREATE tells the client that CREATE would help; also for a
    // ghost, so that nothing is ever lost in one.
    found.ok_or_else(|| refused(Code::TryCreate, "No such mailbox"))
}

/// A target deleted since it was looked up is answered like one that never was. Where it is the
/// source that was deleted, the session ends anyway.
pub(crate) fn target_gone(error: StorageError) -> CommandError {
    match error {
        StorageError::NotFound("mailbox") => refused(Code::TryCreate, "No such mailbox"),
        error => error.into(),
    }
}

/// The UIDs of messages the client knows.
pub(crate) fn uids_of(known: &Snapshot, seqs: &NumberSet) -> UidSet {
    let mut uids = UidSet::new();
    for &(first, last) in seqs.ranges() {
        for (_, entry) in known.entries(first..=last) {
            uids.insert(entry.uid());
        }
    }
    uids
}

/// UIDs as numbers on the wire.
pub(crate) fn numbers_of(uids: &UidSet) -> NumberSet {
    let mut numbers = NumberSet::new();
    for range in uids.ranges() {
        numbers.insert_range(range.start().get(), range.end().get());
    }
    numbers
}

/// The modification sequence by which a session knows changes as its own; `None` where its
/// command changed nothing.
pub(crate) fn own_modseq<T>(committed: &Committed<T>) -> Option<ModSeq> {
    Some(committed.modseq).filter(|modseq| modseq.get() > 0)
}

/// Fails a command on sequence numbers, nothing done, where some of the messages are gone that
/// the client was not told of yet. UIDs of such messages are
/// passed over instead (RFC 9051 §6.4.9).
pub(crate) fn require_all(
    by: Addressing,
    wanted: u64,
    found: usize,
) -> std::result::Result<(), StorageError> {
    match by == Addressing::Seq && (found as u64) < wanted {
        true => Err(StorageError::Expunged),
        false => Ok(()),
    }
}

/// RFC 9051 §6.3.3: a mailbox opened by EXAMINE can't be changed.
pub(crate) fn require_writable(ctx: &mut Ctx<'_>) -> Result<()> {
    if ctx.selected()?.is_read_only() {
        return Err(CommandError::Refused { code: None, text: "The mailbox is open read-only" });
    }
    Ok(())
}
