//! What an IMAP URL names on this server (RFC 5092): a message, or a part of one.

use ids::{AccountId, Uid};
use storage::{Content, Mailbox, StorageError, Want};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::fetch::section::{Bytes, wanted};
use super::{Ctx, existing_mailbox};
use crate::error::{CommandError, Result, refused};
use crate::parse::parse_section;
use crate::render::Code;
use crate::server::MEMORY_WAIT;
use crate::types::{MailboxName, Section};
use crate::url::ImapUrl;

/// A part of a message in memory.
pub(super) struct Part {
    /// `None` where they were not asked for, or have a transfer encoding nobody here knows.
    pub(super) bytes: Option<Vec<u8>>,
    /// BODYSTRUCTURE of the part, in wire form.
    pub(super) structure: Option<Vec<u8>>,
    /// What it takes of the memory that messages on their way in share.
    _memory: OwnedSemaphorePermit,
}

/// How the bytes of a part are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are in the message.
    AsStored,
    /// Without their transfer encoding (RFC 5524 §3.1, BINARY).
    Decoded,
}

/// What is wanted of a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) form: Option<Form>,
    /// BODYSTRUCTURE of the part.
    pub(super) structure: bool,
}

impl Wanted {
    /// The bytes of the message.
    pub(super) const BYTES: Self = Self { form: Some(Form::AsStored), structure: false };

    /// What storage is asked for.
    fn of(self, section: &Section) -> Want {
        let bytes = match self.form {
            None => Want::PARTS,
            Some(Form::AsStored) => wanted(section),
            Some(Form::Decoded) => Want::HEADER | Want::TEXT | Want::PARTS,
        };
        if self.structure { bytes | Want::STRUCTURE } else { bytes }
    }
}

/// A place on this server that a URL names.
pub(super) struct Place {
    /// With whose rights it is read.
    reader: AccountId,
    mailbox: Mailbox,
    uid: Uid,
    section: Section,
    range: (usize, Option<usize>),
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
    let range = url.partial.map_or((0, None), |partial| {
        (partial.offset as usize, partial.length.map(|length| length.get() as usize))
    });
    Some(Place { reader, mailbox, uid: Uid::new(uid.get()), section, range })
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

/// Reads what is wanted of a place, at most `bytes_max` bytes; `None` where there is no such
/// message or part. `\Seen` stays as it is (RFC 4469 §3).
pub(super) async fn read(
    ctx: &Ctx<'_>,
    place: Place,
    wanted: Wanted,
    bytes_max: u64,
) -> Result<Option<Part>> {
    let (reader, mailbox, uid) = (place.reader, place.mailbox.id, place.uid);
    let store = &ctx.shared.store;
    let found = match store.read(move |tx| tx.find_content_as(reader, mailbox, uid)).await {
        // The mailbox is gone since, or not for this user to read any more.
        Err(
            StorageError::NotFound(_) | StorageError::NoPermission(_) | StorageError::Maintenance,
        ) => None,
        found => found?,
    };
    let Some((content, size_bytes)) = found else { return Ok(None) };
    let mut memory = draw_memory(ctx, wanted.form.map_or(0, |_| size_bytes)).await?;
    let (section, range) = (place.section, place.range);
    let read = store.read(move |tx| {
        let contents = tx.load_contents(&[content], wanted.of(&section))?;
        let content = contents.first().ok_or(StorageError::Expunged)?;
        Ok(read_content(content, &section, range, wanted))
    });
    let found = match read.await {
        Ok(Some(found)) => found,
        // Erased since it was found, maybe.
        Ok(None) | Err(StorageError::Expunged) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let length = found.bytes.as_ref().map_or(0, Vec::len);
    if length as u64 > bytes_max {
        let size_bytes = length as u64;
        return Err(StorageError::TooBig { size_bytes, limit_bytes: bytes_max }.into());
    }
    // The rest of the message is not held any more.
    let kept = memory.split(length).unwrap_or(memory);
    Ok(Some(Part { bytes: found.bytes, structure: found.structure, _memory: kept }))
}

/// What was read of a section.
struct Read {
    bytes: Option<Vec<u8>>,
    structure: Option<Vec<u8>>,
}

/// What is wanted of a section; `None` where there is no such section.
fn read_content(
    content: &Content,
    section: &Section,
    range: (usize, Option<usize>),
    wanted: Wanted,
) -> Option<Read> {
    let source = Bytes::new(content);
    let found = match wanted.form {
        None => None,
        Some(Form::AsStored) => Some(source.section(section)?),
        // RFC 5524 §3.2: NIL where the transfer encoding is not known.
        Some(Form::Decoded) => match source.decoded_section(section) {
            Ok(found) => Some(found?),
            Err(_) => None,
        },
    };
    let structure = if wanted.structure {
        let decoded = found.as_deref().filter(|_| wanted.form == Some(Form::Decoded));
        Some(source.structure(section, decoded)?)
    } else {
        None
    };
    Some(Read { bytes: found.map(|bytes| cut(&bytes, range).to_vec()), structure })
}

fn cut(bytes: &[u8], (offset, length): (usize, Option<usize>)) -> &[u8] {
    let rest = bytes.get(offset.min(bytes.len())..).unwrap_or_default();
    rest.get(..length.unwrap_or(rest.len()).min(rest.len())).unwrap_or_default()
}

/// Waits for a share of the memory that messages on their way in have on all connections.
async fn draw_memory(ctx: &Ctx<'_>, bytes: u64) -> Result<OwnedSemaphorePermit> {
    let memory = ctx.shared.append_memory.clone();
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let drawn = timeout(MEMORY_WAIT, memory.acquire_many_owned(bytes)).await;
    drawn
        .ok()
        .and_then(std::result::Result::ok)
        .ok_or_else(|| refused(Code::Unavailable, "Too much mail is being appended, try later"))
}
