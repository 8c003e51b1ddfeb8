//! ESEARCH (RFC 7377): one search in several mailboxes.
//!
//! Mailboxes are searched one after the other, each in its shared view, and told of as soon as
//! something was found.

use std::sync::Arc;

use ids::{AccountId, CollectionId, UidValidity};
use storage::{Mailbox, MailboxView, ReadTx, Rights, Snapshot, StorageError, Store};

use super::contexts::Followed;
use super::mailbox_filter::{mailboxes_of, named_of_others};
use super::progress::{Progress, while_telling};
use super::search::{self, Asked, Found, Work, evaluate, relevance};
use super::{Ctx, Reply, contexts, numbers_of, spelling};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code, Correlated, Esearch};
use crate::types::{
    Addressing, EsearchArgs, MailboxFilter, MailboxName, NumberSet, Results, SearchReturn,
};

/// A mailbox to be searched.
struct Source {
    owner: AccountId,
    id: CollectionId,
    name: String,
    uid_validity: UidValidity,
}

impl Source {
    fn of(mailbox: &Mailbox) -> Self {
        let name = mailbox.name.as_str().to_owned();
        Self { owner: mailbox.account, id: mailbox.id, name, uid_validity: mailbox.uid_validity }
    }
}

pub(super) async fn run(ctx: &mut Ctx<'_>, args: EsearchArgs) -> Result<Reply> {
    let all = SearchReturn { all: true, ..SearchReturn::default() };
    // RFC 7377 §2.1: without result options ALL is meant.
    let returns = args.returns.unwrap_or(all);
    let selected = ctx.state.selected().map(|selected| selected.known().mailbox());
    let only_selected = args.sources.iter().all(|source| *source == MailboxFilter::Selected);
    let wants_selected = only_selected || args.sources.contains(&MailboxFilter::Selected);
    // RFC 7377 §2.2: each of these is BAD.
    if (wants_selected || returns.update) && selected.is_none() {
        return Err(CommandError::Bad("Select a mailbox first"));
    }
    if returns.save && !only_selected {
        return Err(CommandError::Bad("SAVE is for the selected mailbox alone"));
    }
    search::require_fuzzy(returns, &args.key)?;
    if returns.update {
        contexts::require_new_tag(ctx, Some(returns))?;
    }
    if args.key.uses_modseq() {
        // RFC 7162 §3.1: the key makes the client one that knows CONDSTORE, whatever is searched.
        ctx.enable_condstore();
    }
    let account = ctx.user()?.account;
    let also = selected.filter(|_| wants_selected);
    let filters = spelling::stored_filters(ctx, args.sources.clone()).await?;
    let sources = sources(ctx, account, filters, also).await?;
    // The program is frozen before anything is searched, as `$` may change below.
    let followed = match selected {
        Some(_) => search::followed(ctx, Some(returns), &args.key, &args.fetch)?,
        None => None,
    };
    let searched = search_each(ctx, &args, returns, &sources, followed).await;
    if !contexts::unless_failed(ctx, Some(returns), searched)? && returns.update {
        // RFC 7377 §2.2: UPDATE applies to the selected mailbox only, which was not searched.
        let code = Code::NoUpdate(ctx.tag);
        ctx.push(|out| {
            let text = "Only the selected mailbox can be followed";
            render::untagged(out, render::Status::No, Some(&code), text);
        });
    }
    Ok(Reply::done())
}

/// Searches one mailbox after the other, and tells of each; whether what was found in the selected
/// one was to be followed.
async fn search_each(
    ctx: &mut Ctx<'_>,
    args: &EsearchArgs,
    returns: SearchReturn,
    sources: &[Source],
    followed: Option<Followed>,
) -> Result<bool> {
    let selected = ctx.state.selected().map(|selected| selected.known().mailbox());
    let mut is_followed = false;
    let work = Work::new(ctx.shared.settings.search_bytes_max);
    for source in sources {
        let is_selected = selected == Some(source.id);
        let found = match is_selected {
            true => search::find(ctx, &args.key, returns.save, None).await?,
            false => match find_elsewhere(ctx, source, args, &work).await? {
                Some(found) => found,
                None => continue,
            },
        };
        if is_selected && let Some(followed) = &followed {
            let results = Results::Mailbox(found.seqs.clone());
            let (followed, known) = (followed.clone(), found.known.clone());
            contexts::open(ctx, followed, Addressing::Uid, Vec::new(), known, &results)?;
            is_followed = true;
        }
        tell(ctx, source, found, args, returns).await?;
    }
    Ok(is_followed)
}

/// The mailboxes to search, the selected one among them where it is wanted.
async fn sources(
    ctx: &Ctx<'_>,
    account: AccountId,
    filters: Vec<MailboxFilter>,
    selected: Option<CollectionId>,
) -> Result<Vec<Source>> {
    let read = ctx.shared.store.read(move |tx| {
        let tree = tx.list_mailboxes_as(account)?;
        let mut sources: Vec<Source> =
            mailboxes_of(&tree, &filters).into_iter().map(Source::of).collect();
        // RFC 7377 §2.2: `l` is asked for only where a mailbox is not named itself.
        for name in named_of_others(&filters) {
            if let Some(mailbox) = find_named(tx, account, name)?
                && !sources.iter().any(|source| source.id == mailbox.id)
            {
                sources.push(Source::of(&mailbox));
            }
        }
        if let Some(id) = selected
            && !sources.iter().any(|source| source.id == id)
        {
            // It need not be among those listed: `r` is enough to select one.
            let mut mailbox = tx.load_mailbox(id)?;
            mailbox.name = tx.name_as(account, &mailbox)?;
            sources.insert(0, Source::of(&mailbox));
        }
        Ok(sources)
    });
    let sources = read.await?;
    if sources.len() > ctx.shared.settings.limits.searched_mailboxes_max {
        // RFC 7377 §2.4: refused up front.
        return Err(refused(Code::Limit, "Too many mailboxes to search at once"));
    }
    Ok(sources)
}

/// The mailbox of another that a name leads to, under that name; `None` where there is none that
/// may be read.
fn find_named(
    tx: &mut ReadTx<'_>,
    actor: AccountId,
    name: &MailboxName,
) -> storage::Result<Option<Mailbox>> {
    let found = storage::MailboxName::parse(name.as_str())
        .and_then(|name| tx.find_mailbox_as(actor, &name, Rights::READ));
    match found {
        Ok(Some(mut mailbox)) => {
            mailbox.name = tx.name_as(actor, &mailbox)?;
            Ok(Some(mailbox))
        }
        // RFC 7377 §2.2: such names are ignored.
        Ok(None)
        | Err(
            StorageError::Invalid(_)
            | StorageError::Limit { .. }
            | StorageError::NotFound(_)
            | StorageError::NoPermission(_)
            | StorageError::Maintenance,
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a mailbox that was found a while ago: its owner may have withdrawn it.
async fn open(
    store: &Store,
    actor: AccountId,
    owner: AccountId,
    mailbox: CollectionId,
) -> storage::Result<MailboxView> {
    let view = store.open_view(owner, mailbox).await?;
    if actor != owner {
        store.read(move |tx| tx.require_as(actor, mailbox, Rights::READ)).await?;
    }
    Ok(view)
}

/// Searches a mailbox that is not selected; `None` where it is gone meanwhile.
async fn find_elsewhere(
    ctx: &mut Ctx<'_>,
    source: &Source,
    args: &EsearchArgs,
    work: &Arc<Work>,
) -> Result<Option<Found>> {
    let (store, actor) = (ctx.shared.store.clone(), ctx.user()?.account);
    let collation = *ctx.collation;
    let progress = Progress::default();
    let searching = async {
        let known: Arc<Snapshot> = match open(&store, actor, source.owner, source.id).await {
            Ok(view) => view.snapshot(),
            Err(
                StorageError::NotFound(_)
                | StorageError::NoPermission(_)
                | StorageError::Maintenance,
            ) => return Ok(None),
            Err(error) => return Err(CommandError::from(error)),
        };
        // Neither `$` nor \Recent says anything of another mailbox.
        let nothing = Arc::default();
        let (saved, recent) = (&nothing, &nothing);
        let (key, known) = (&args.key, &known);
        let asked = Asked { key, known, saved, recent, actor, collation, work };
        let program = search::compile(&store, asked).await?;
        let mut all = NumberSet::new();
        all.insert_range(1, known.exists());
        let seqs = evaluate(&store, known.clone(), &all, program, &progress).await?;
        Ok(Some(Found { known: known.clone(), seqs, reached: None }))
    };
    let silence = ctx.silence();
    let Ctx { connection, ending, tag, .. } = ctx;
    tokio::select! {
        biased;
        why = ending.reached() => Err(why.into()),
        found = while_telling(connection, tag, (&progress, silence), searching) => found?,
    }
}

/// RFC 7377 §2.1: one response for a mailbox where something was found, and none for another.
async fn tell(
    ctx: &mut Ctx<'_>,
    source: &Source,
    found: Found,
    args: &EsearchArgs,
    returns: SearchReturn,
) -> Result<()> {
    let Found { known, seqs, .. } = found;
    let results = Results::Mailbox(seqs);
    let relevancy = match returns.relevancy && !results.is_empty() {
        true => Some(relevance(ctx, &known, &results, &args.key).await?),
        false => None,
    };
    if returns.save {
        search::save(ctx, &known, &results, Some(returns))?;
    }
    if results.is_empty() || !returns.sends_result() {
        return Ok(());
    }
    let modseq = args.key.uses_modseq();
    let modseq = modseq.then(|| search::highest_modseq(&known, &results, Some(returns))).flatten();
    let uids = Results::Mailbox(numbers_of(&super::uids_of(&known, &results.to_set())));
    let dialect = ctx.enabled.dialect();
    let mailbox =
        Some(Correlated { name: &source.name, uid_validity: source.uid_validity, dialect });
    let reply = Esearch {
        tag: ctx.tag,
        mailbox,
        by: Addressing::Uid,
        returns,
        found: &uids,
        relevancy: relevancy.as_deref(),
        modseq,
    };
    let mut out = Vec::new();
    render::esearch(&mut out, &reply);
    ctx.connection.write(&out).await?;
    Ok(())
}
