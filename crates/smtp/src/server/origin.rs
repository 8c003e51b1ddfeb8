//! Whose a submission is (R-ADDR-5, R-SHARE-6): whom its header section names, and who sent it
//! again.

use std::collections::BTreeSet;

use ids::AccountId;
use message::address::Address;
use storage::{AuthorsElsewhere, Authorship};

use super::desk::Desk;
use crate::error::{CommandError, Refusal};
use crate::originators::Originators;

/// LIMIT: authors of one message that are looked up; RFC 5322 §3.6.2 sets no bound, people
/// never name more than a few.
const AUTHORS_MAX: usize = 50;

/// What is known of whom a submission is from.
pub(super) struct Origin {
    /// Whether everybody it names as its author may be named by the account: it is signed, and its
    /// author believed.
    pub(super) is_own: bool,
    /// The address that a Sender field must be added for, in place of those that name nobody.
    pub(super) sender: Option<String>,
}

/// Whose the message `content` is, which an account submits.
///
/// # Errors
/// [`Refusal::FromNotOwned`] and [`Refusal::ResentFromNotOwned`].
pub(super) async fn origin(
    desk: &Desk,
    account: AccountId,
    content: &[u8],
    elsewhere: AuthorsElsewhere,
) -> Result<Origin, CommandError> {
    let named = Originators::of(content, AUTHORS_MAX + 1);
    let resent = Originators::resent(content, AUTHORS_MAX + 1);
    // RFC 5322 §3.6.6: who sends a message again leaves in it whom it is from. That may be anybody
    // elsewhere, but nobody here who has not given leave: few programs show who sent it again.
    let of_authors = if resent.is_some() { AuthorsElsewhere::Permitted } else { elsewhere };
    if is_refused(desk, &named, of_authors).await? {
        return Err(Refusal::FromNotOwned.into());
    }
    let sender = match desk.check_authors(account, named.clone(), of_authors).await? {
        Authorship::Permitted => None,
        // A Sender is theirs who wrote the message first; nothing is put among their fields.
        Authorship::NeedsSender(_) if resent.is_some() => None,
        // One outside ASCII would make another message of it (RFC 6531 §3.1).
        Authorship::NeedsSender(address) if address.is_ascii() => Some(address),
        Authorship::NeedsSender(_) | Authorship::Refused => {
            return Err(Refusal::FromNotOwned.into());
        }
    };
    if let Some(resent) = resent {
        let is_known = !is_refused(desk, &resent, elsewhere).await?
            && desk.check_authors(account, resent, elsewhere).await? == Authorship::Permitted;
        if !is_known {
            return Err(Refusal::ResentFromNotOwned.into());
        }
    }
    // What somebody elsewhere wrote is not signed, nor believed to be theirs.
    let is_own = match of_authors {
        AuthorsElsewhere::Refused => true,
        AuthorsElsewhere::Permitted => {
            let own = desk.check_authors(account, named.clone(), AuthorsElsewhere::Refused);
            match own.await? {
                Authorship::Permitted => true,
                Authorship::NeedsSender(_) => sender.is_some(),
                Authorship::Refused => false,
            }
        }
    };
    Ok(Origin { is_own: is_own && !named.unreadable, sender })
}

/// Whether nobody need ask who may be named: there is more than was looked at, or somebody who is
/// shown cannot be read. Somebody elsewhere may be where `elsewhere` permits it, but nobody here.
async fn is_refused(
    desk: &Desk,
    named: &Originators,
    elsewhere: AuthorsElsewhere,
) -> Result<bool, CommandError> {
    if named.is_cut || named.len() > AUTHORS_MAX {
        return Ok(true);
    }
    if named.unreadable && elsewhere == AuthorsElsewhere::Refused {
        return Ok(true);
    }
    is_any_ours(desk, &named.doubtful).await
}

async fn is_any_ours(desk: &Desk, domains: &BTreeSet<String>) -> Result<bool, CommandError> {
    for domain in domains {
        // Whoever has the address: where it is resolved, the domain is ours.
        if let Ok(address) = Address::of("postmaster", domain)
            && desk.is_ours(address).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
