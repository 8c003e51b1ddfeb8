//! URLs that carry their own authorization (RFC 4467): what one must be to be made, and whether
//! one that is presented is good.
//!
//! A URL is verified by the bytes it came in, up to its mechanism: nothing is decoded or folded
//! before (RFC 4467 §6).

use ids::{AccountId, Timestamp};
use message::date::parse_rfc3339;
use storage::{Address, UrlKey};

use super::Ctx;
use super::part::{self, Place};
use crate::error::Result;
use crate::url::{ImapUrl, UrlAccess, UrlAuth};

/// The one mechanism there is (RFC 4467 §2.4.1).
pub(super) const INTERNAL: &str = "INTERNAL";

/// The account that a user of `host` is. A server goes by many names, so that the host counts
/// only where the user is named without a domain.
pub(super) async fn find_user(ctx: &Ctx<'_>, user: &str, host: &str) -> Result<Option<AccountId>> {
    let address = match user.contains('@') {
        true => Address::parse(user),
        false => Address::parse(&format!("{user}@{host}")),
    };
    let Ok(address) = address else { return Ok(None) };
    let read = ctx.shared.store.read(move |tx| {
        let found = tx.find_account(&address)?.filter(|account| !account.blocked);
        let Some(account) = found.map(|found| found.id) else { return Ok(None) };
        // R-ADDR-12: whoever can't read, as the domain may not, has nothing read on its behalf.
        Ok((!tx.is_in_maintenance(account)?).then_some(account))
    });
    Ok(read.await?)
}

/// The place that an authorized URL opens to this session; `None` where it opens none, whatever
/// the reason.
pub(super) async fn redeem(ctx: &Ctx<'_>, text: &str) -> Result<Option<Place>> {
    let Some(url) = ImapUrl::parse(text) else { return Ok(None) };
    let Some((rump, token)) = url.url_auth.as_ref().and_then(|auth| split(text, auth)) else {
        return Ok(None);
    };
    let (mut key, mut found) = (None, None);
    // RFC 4467 §7: it is read with what the user may that the URL names.
    if let Some(owner) = owner(ctx, &url).await?
        && let Some(mailbox) = part::find_mailbox(ctx, owner, &url).await?
    {
        let id = mailbox.id;
        key = ctx.shared.store.read(move |tx| tx.find_url_key(owner, id)).await?;
        found = part::place_in(mailbox, owner, &url);
    }
    // RFC 4467 §6: who probes for names of mailboxes learns nothing from the time this takes.
    let has_key = key.is_some();
    let is_authorized = key.unwrap_or_else(UrlKey::of_nobody).verifies(rump, token) && has_key;
    match is_authorized && is_open(ctx, &url).await? {
        true => Ok(found),
        false => Ok(None),
    }
}

/// The URL up to its mechanism, and its token.
fn split<'t>(text: &'t str, auth: &'t UrlAuth) -> Option<(&'t str, &'t str)> {
    let (mechanism, token) = auth.verifier.as_ref()?;
    if !mechanism.eq_ignore_ascii_case(INTERNAL) {
        return None;
    }
    // Neither is ever written with escapes, so that they stand at the end as they are.
    let end = text.len().checked_sub(mechanism.len() + token.len() + 2)?;
    Some((text.get(..end)?, token))
}

/// The account whose key has made the URL.
async fn owner(ctx: &Ctx<'_>, url: &ImapUrl) -> Result<Option<AccountId>> {
    let Some(server) = &url.server else { return Ok(None) };
    let Some(user) = &server.user else { return Ok(None) };
    find_user(ctx, user, &server.host).await
}

/// Whether the time of a URL is not over, and it is for the one signed in.
async fn is_open(ctx: &Ctx<'_>, url: &ImapUrl) -> Result<bool> {
    let (Some(auth), Some(server)) = (&url.url_auth, &url.server) else { return Ok(false) };
    if let Some(expire) = &auth.expire {
        // RFC 4467 §3: after that instant the URL must be rejected.
        let expire = parse_rfc3339(expire.as_bytes());
        let expire = expire.map(|at| Timestamp::from_secs(at.unix_secs()));
        if expire.is_none_or(|expire| ctx.shared.store.now() > expire) {
            return Ok(false);
        }
    }
    let session = ctx.user()?.account;
    match &auth.access {
        UrlAccess::User(user) => Ok(find_user(ctx, user, &server.host).await? == Some(session)),
        // Nobody signs in as anonymous here.
        UrlAccess::AuthUser | UrlAccess::Anonymous => Ok(true),
        // RFC 4467 §3: on whose behalf is for the submission server to know.
        UrlAccess::Submit(_) => {
            let account = ctx.shared.store.read(move |tx| tx.load_account(session)).await?;
            let servers = &ctx.shared.settings.submission_servers;
            Ok(servers.iter().any(|server| server.eq_ignore_ascii_case(&account.address)))
        }
    }
}
