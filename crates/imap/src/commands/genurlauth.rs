//! GENURLAUTH (RFC 4467 §7): URLs that carry their own authorization.

use ids::CollectionId;
use storage::UrlKey;

use super::url_auth::{INTERNAL, find_user};
use super::{Ctx, Reply, part};
use crate::error::{CommandError, Result};
use crate::render;
use crate::types::UrlToAuthorize;
use crate::url::ImapUrl;

pub(super) async fn run(ctx: &mut Ctx<'_>, urls: Vec<UrlToAuthorize>) -> Result<Reply> {
    if urls.iter().any(|url| url.mechanism != INTERNAL) {
        return Err(CommandError::Refused { code: None, text: "INTERNAL is the only mechanism" });
    }
    let mut mailboxes = Vec::with_capacity(urls.len());
    for url in &urls {
        mailboxes.push(check(ctx, &url.rump).await?);
    }
    let mut authorized = Vec::with_capacity(urls.len());
    for (url, mailbox) in urls.into_iter().zip(mailboxes) {
        let token = key(ctx, mailbox).await?.token(&url.rump);
        authorized.push(format!("{}:internal:{token}", url.rump));
    }
    ctx.enabled.speak_url_auth();
    ctx.push(|out| render::gen_url_auth(out, &authorized));
    Ok(Reply::done())
}

/// The mailbox of a URL that may be authorized. RFC 4467 §7: BAD for any other.
async fn check(ctx: &Ctx<'_>, rump: &str) -> Result<CollectionId> {
    let bad = |text| Err(CommandError::Bad(text));
    let Some(url) = ImapUrl::parse(rump) else { return bad("Not an IMAP URL") };
    let Some(server) = &url.server else { return bad("The URL names no server") };
    match &url.url_auth {
        None => return bad("The URL has no access identifier"),
        Some(auth) if auth.verifier.is_some() => return bad("The URL is authorized already"),
        Some(_) => {}
    }
    let Some(user) = &server.user else { return bad("The URL names no user") };
    let account = ctx.user()?.account;
    // Nobody learns here who else there is.
    if find_user(ctx, user, &server.host).await? != Some(account) {
        return bad("The URL is not of the user signed in");
    }
    match part::find_mailbox(ctx, account, &url).await? {
        Some(mailbox) => Ok(mailbox.id),
        None => bad("The URL names no mailbox"),
    }
}

/// RFC 4467 §7: a key is made where there is none.
async fn key(ctx: &Ctx<'_>, mailbox: CollectionId) -> Result<UrlKey> {
    let account = ctx.user()?.account;
    let store = &ctx.shared.store;
    match store.read(move |tx| tx.find_url_key(account, mailbox)).await? {
        Some(key) => Ok(key),
        None => {
            let write = move |tx: &mut storage::WriteTx<'_>| tx.url_key(account, mailbox);
            Ok(store.write("imap genurlauth", write).await?.value)
        }
    }
}
