//! The commands: [`table`] says what each may do; beside it, one file per command runs it.
//!
//! A command's `run` has parsed arguments, is allowed in the session's state, and appends its
//! untagged responses to the connection; what it returns becomes the tagged one. It returns an
//! error only when it has changed nothing.

pub mod table;

mod append;
mod authenticate;
mod capability;
mod close;
mod copy;
mod create;
mod delete;
mod enable;
mod expunge;
mod fetch;
mod id;
mod idle;
mod list;
mod login;
mod logout;
mod lsub;
mod r#move;
mod namespace;
mod noop;
mod rename;
mod search;
mod select;
mod special_use;
mod starttls;
mod status;
mod store;
mod subscribe;
mod unselect;

use ids::{AccountId, UidSet, UidValidity};
use net::Connection;
use storage::{Mailbox, Snapshot};

use crate::error::{CommandError, Result, refused};
use crate::parse::Framer;
use crate::render::Code;
use crate::server::{Ending, Shared};
use crate::session::{Access, Enabled, Selected, State, User};
use crate::types::{Command, MailboxName, NumberSet, Tag};

/// What a command may use and change.
pub(crate) struct Ctx<'s> {
    /// The store, sign-in, settings.
    pub(crate) shared: &'s Shared,
    /// Where responses go.
    pub(crate) connection: &'s mut Connection,
    /// Where further lines of this command come from (AUTHENTICATE, IDLE).
    pub(crate) framer: &'s mut Framer,
    /// State, selected mailbox, user.
    pub(crate) state: &'s mut State,
    /// Extensions switched on.
    pub(crate) enabled: &'s mut Enabled,
    /// Ends the session from outside: shutdown, changed password.
    pub(crate) ending: &'s mut Ending,
    /// The command's tag: ESEARCH names it.
    pub(crate) tag: &'s Tag,
}

/// What is said after `tag OK`.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The response code.
    pub(crate) code: Option<ReplyCode>,
    /// The text; empty: the command's name and "completed".
    pub(crate) text: &'static str,
    /// Whether the tagged response was sent already, as STARTTLS must.
    pub(crate) is_sent: bool,
}

/// A response code that owns what it names.
#[derive(Debug)]
pub(crate) enum ReplyCode {
    /// One that names nothing.
    Plain(Code<'static>),
    /// APPENDUID (RFC 4315 §3).
    AppendUid(UidValidity, NumberSet),
    /// COPYUID (RFC 4315 §3): source UIDs, then target UIDs.
    CopyUid(UidValidity, NumberSet, NumberSet),
    /// MODIFIED (RFC 7162 §3.1.3).
    Modified(NumberSet),
    /// CAPABILITY (RFC 9051 §7.1).
    Capability(Vec<&'static str>),
}

impl ReplyCode {
    /// As the renderer takes it.
    pub(crate) fn as_code(&self) -> Code<'_> {
        match self {
            Self::Plain(code) => *code,
            Self::AppendUid(validity, uids) => Code::AppendUid(*validity, uids),
            Self::CopyUid(validity, from, to) => Code::CopyUid(*validity, from, to),
            Self::Modified(set) => Code::Modified(set),
            Self::Capability(names) => Code::Capability(names),
        }
    }
}

impl Reply {
    /// OK with the usual text.
    pub(crate) fn done() -> Self {
        Self::default()
    }

    /// OK with a code and the usual text.
    pub(crate) fn with_code(code: ReplyCode) -> Self {
        Self { code: Some(code), ..Self::default() }
    }

    /// The tagged response was sent already.
    pub(crate) fn silent() -> Self {
        Self { is_sent: true, ..Self::default() }
    }
}

impl Ctx<'_> {
    /// Appends untagged responses to what is sent next.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.connection.push(&out);
    }

    /// Who signed in. The table lets no command that asks run before sign-in.
    pub(crate) fn user(&self) -> Result<User> {
        self.state.user().cloned().ok_or(CommandError::Bad("Sign in first"))
    }

    /// The selected mailbox. The table lets no command that asks run without one.
    pub(crate) fn selected(&mut self) -> Result<&mut Selected> {
        self.state.selected_mut().ok_or(CommandError::Bad("Select a mailbox first"))
    }
}

/// Runs a command that the session's state allows.
pub(crate) async fn run(ctx: &mut Ctx<'_>, command: Command) -> Result<Reply> {
    match command {
        Command::Capability => capability::run(ctx),
        Command::Noop | Command::Check => noop::run(),
        Command::Logout => logout::run(ctx),
        Command::Id(params) => id::run(ctx, &params),
        Command::StartTls => starttls::run(ctx).await,
        Command::Authenticate(args) => authenticate::run(ctx, args).await,
        Command::Login(args) => login::run(ctx, args).await,
        Command::Enable(items) => enable::run(ctx, items),
        Command::Select(args) => select::run(ctx, args, Access::ReadWrite).await,
        Command::Examine(args) => select::run(ctx, args, Access::ReadOnly).await,
        Command::Create(args) => create::run(ctx, args).await,
        Command::Delete(mailbox) => delete::run(ctx, mailbox).await,
        Command::Rename(args) => rename::run(ctx, args).await,
        Command::Subscribe(mailbox) => subscribe::run(ctx, mailbox).await,
        Command::Unsubscribe(mailbox) => subscribe::run_unsubscribe(ctx, mailbox).await,
        Command::List(args) => list::run(ctx, args).await,
        Command::Lsub(args) => lsub::run(ctx, args).await,
        Command::Xlist(args) => list::run_xlist(ctx, args).await,
        Command::Namespace => namespace::run(ctx),
        Command::Status(mailbox, items) => status::run(ctx, mailbox, items).await,
        Command::Append(args) => append::run(ctx, args).await,
        Command::Idle => idle::run(ctx).await,
        Command::Close => close::run(ctx).await,
        Command::Unselect => unselect::run(ctx),
        Command::Expunge => expunge::run(ctx, None).await,
        Command::UidExpunge(set) => expunge::run(ctx, Some(set)).await,
        Command::Search(args) => search::run(ctx, args).await,
        Command::Fetch(args) => fetch::run(ctx, args).await,
        Command::Store(args) => store::run(ctx, args).await,
        Command::Copy(args) => copy::run(ctx, args).await,
        Command::Move(args) => r#move::run(ctx, args).await,
    }
}

/// A mailbox name as storage takes it: R-FOLD-5 holds there.
pub(crate) fn storage_name(name: &MailboxName) -> Result<storage::MailboxName> {
    Ok(storage::MailboxName::parse(name.as_str())?)
}

/// A mailbox that can be opened. A ghost can't (R-FOLD-2).
pub(crate) async fn existing_mailbox(
    ctx: &Ctx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Mailbox> {
    let name = storage_name(name)?;
    let found = ctx.shared.store.read(move |tx| tx.find_mailbox(account, &name)).await?;
    found.ok_or_else(|| refused(Code::NonExistent, "No such mailbox"))
}

/// A mailbox that messages can be put into.
pub(crate) async fn target_mailbox(
    ctx: &Ctx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Mailbox> {
    let name = storage_name(name)?;
    let found = ctx.shared.store.read(move |tx| tx.find_mailbox(account, &name)).await?;
    // RFC 9051 §6.3.12, §6.4.7: TRYCREATE tells the client that CREATE would help; also for a
    // ghost, so that nothing is ever lost in one.
    found.ok_or_else(|| refused(Code::TryCreate, "No such mailbox"))
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

/// RFC 9051 §6.3.3: a mailbox opened by EXAMINE can't be changed.
pub(crate) fn require_writable(ctx: &mut Ctx<'_>) -> Result<()> {
    if ctx.selected()?.is_read_only() {
        return Err(CommandError::Refused { code: None, text: "The mailbox is open read-only" });
    }
    Ok(())
}
