//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208 §4.1). An account has one quota root, named by
//! its address.

use storage::{Account, Quotas};

use super::mailbox_filter::is_personal;
use super::{Ctx, Reply, existing_mailbox, storage_name};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code, QuotaLine};
use crate::types::{MailboxName, QuotaArgs, QuotaResource};

/// RFC 9208 §5.1: STORAGE counts units of this many octets.
const UNIT_BYTES: u64 = 1024;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: QuotaArgs) -> Result<Reply> {
    match args {
        QuotaArgs::Get(root) => tell(ctx, root).await,
        QuotaArgs::GetRoot(mailbox) => tell_root(ctx, mailbox).await,
        QuotaArgs::Set { root, limits } => set(ctx, root, &limits).await,
    }
}

async fn tell(ctx: &mut Ctx<'_>, root: String) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let found = ctx.shared.store.read(move |tx| tx.find_quota_root(actor, &root)).await?;
    let account = found.ok_or_else(|| refused(Code::NonExistent, "No such quota root"))?;
    push_quota(ctx, &account);
    Ok(Reply::done())
}

async fn tell_root(ctx: &mut Ctx<'_>, name: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let stored = storage_name(&name)?;
    // RFC 9208 §4.1.2: the mailbox need not exist. Of those of others nobody learns whether they
    // do.
    let owner = match is_personal(stored.as_str()) {
        true => user.account,
        false => existing_mailbox(ctx, user.account, &name).await?.account,
    };
    let account = ctx.shared.store.read(move |tx| tx.load_account(owner)).await?;
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| render::quota_root(out, name.as_str(), &account.address, dialect));
    push_quota(ctx, &account);
    Ok(Reply::done())
}

async fn set(
    ctx: &mut Ctx<'_>,
    root: String,
    limits: &[(Option<QuotaResource>, u64)],
) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let quotas = quotas(limits)?;
    let write = ctx
        .shared
        .store
        .write("imap setquota", move |tx| tx.set_quotas(actor, &root, quotas))
        .await;
    let account = write?.value;
    push_quota(ctx, &account);
    Ok(Reply::done())
}

/// RFC 9208 §4.1.3: a limit that is not listed is lifted.
fn quotas(limits: &[(Option<QuotaResource>, u64)]) -> Result<Quotas> {
    let mut quotas = Quotas::default();
    for &(resource, limit) in limits {
        let Some(resource) = resource else {
            return Err(refused(Code::Cannot, "No such resource"));
        };
        if limit == 0 {
            return Err(refused(Code::Cannot, "A limit of 0 can't be set"));
        }
        match resource {
            QuotaResource::Storage => {
                let bytes = limit.checked_mul(UNIT_BYTES);
                quotas.bytes = bytes.ok_or(CommandError::Bad("number too large"))?;
            }
            QuotaResource::Message => quotas.messages = limit,
            QuotaResource::Mailbox => quotas.mailboxes = limit,
        }
    }
    Ok(quotas)
}

/// RFC 9208 §4.2.1: what is not limited is not listed.
fn push_quota(ctx: &mut Ctx<'_>, account: &Account) {
    let mailboxes = ctx.shared.store.settings().mailboxes_max;
    let mailboxes = match account.quota_mailboxes {
        0 => mailboxes,
        own => own.min(mailboxes),
    };
    let lines: Vec<QuotaLine> = [
        (
            QuotaResource::Storage,
            account.used_bytes.div_ceil(UNIT_BYTES),
            account.quota_bytes.div_ceil(UNIT_BYTES),
        ),
        (QuotaResource::Message, account.messages, account.quota_messages),
        (QuotaResource::Mailbox, account.mailboxes, mailboxes),
    ]
    .into_iter()
    .filter(|(resource, _, limit)| {
        let is_off = || ctx.off.contains(&ctx.shared.settings, resource.capability());
        *limit > 0 && !is_off()
    })
    .map(|(resource, used, limit)| QuotaLine { resource, used, limit })
    .collect();
    ctx.push(|out| render::quota(out, &account.address, &lines));
}
