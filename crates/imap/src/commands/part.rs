//! What an IMAP URL names on this server (RFC 5092): a message, or a part of one.

mod opened;

use std::num::NonZeroU64;

use ids::{AccountId, Uid};
use storage::{Mailbox, StorageError};

pub(super) use self::opened::{Form, Opened, Wanted, open};
use super::{Ctx, existing_mailbox};
use crate::error::{CommandError, Result};
use crate::parse::parse_section;
use crate::types::{MailboxName, Partial, Section};
use crate::url::ImapUrl;

/// A place on this server that a URL names.
pub(super) struct Place {
    /// The account whose rights decide what may be read.
    reader: AccountId,
    mailbox: Mailbox,
    uid: Uid,
    section: Section,
    partial: Option<Partial>,
}

/// The place that `url` names to the account signed in; `None` where it names none.
pub(super) async fn find_place(ctx: &mut Ctx<'_>, url: &ImapUrl) -> Result<Option<Place>> {
    let reader = ctx.user()?.account;
    let mailbox = match &url.mailbox {
        Some(_) => find_mailbox(ctx, reader, url).await?,
        None => selected_mailbox(ctx).await?,
    };
    Ok(mailbox.and_then(|mailbox| place_in(mailbox, reader, url)))
}

/// The place that `url` names in a mailbox to an account.
pub(super) fn place_in(mailbox: Mailbox, reader: AccountId, url: &ImapUrl) -> Option<Place> {
    let (Some(uid), None) = (url.uid, &url.search) else { return None };
    let section = section(url.section.as_deref())?;
    if url.uid_validity.is_some_and(|validity| validity.get() != mailbox.uid_validity.get()) {
        return None;
    }
    let partial = url.partial.map(|range| Partial {
        offset: range.offset.into(),
        length: range.length.map_or(NonZeroU64::MAX, NonZeroU64::from),
    });
    Some(Place { reader, mailbox, uid: Uid::new(uid.get()), section, partial })
}

async fn selected_mailbox(ctx: &Ctx<'_>) -> Result<Option<Mailbox>> {
    let Some(selected) = ctx.state.selected() else { return Ok(None) };
    let id = selected.known().mailbox();
    Ok(Some(ctx.shared.store.read(move |tx| tx.load_mailbox(id)).await?))
}

/// The mailbox that `url` names to an account, which may read it.
pub(super) async fn find_mailbox(
    ctx: &Ctx<'_>,
    account: AccountId,
    url: &ImapUrl,
) -> Result<Option<Mailbox>> {
    let Some(name) = &url.mailbox else { return Ok(None) };
    let Some(name) = MailboxName::new(name.as_str()) else { return Ok(None) };
    match existing_mailbox(ctx, account, &name).await {
        Ok(mailbox) => Ok(Some(mailbox)),
        Err(CommandError::Refused { .. }) => Ok(None),
        Err(CommandError::Storage(
            StorageError::Invalid(_)
            | StorageError::Limit { .. }
            | StorageError::NoPermission(_)
            | StorageError::Maintenance,
        )) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `BODY[…]` as the URL writes it; the whole message without.
fn section(text: Option<&str>) -> Option<Section> {
    match text {
        None => Some(Section::default()),
        Some(text) => parse_section(format!("[{text}]").as_bytes()).ok(),
    }
}
