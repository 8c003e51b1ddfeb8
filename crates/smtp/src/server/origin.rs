//! Whose a submission is (R-ADDR-5, R-SHARE-6): whom its header section names, and who sent it
//! again.

use ids::AccountId;
use storage::{AuthorsElsewhere, Authorship};

use super::desk::Desk;
use crate::error::{CommandError, Refusal};
use crate::header::Originators;

/// LIMIT: authors of one message that are looked up; RFC 5322 §3.6.2 sets no bound, people
/// never name more than a few.
const AUTHORS_MAX: usize = 50;

/// What is known of whom a submission is from.
pub(super) struct Origin {
    /// Whether everybody it names as its author may be named by the account: it is signed, and its
    /// author believed.
    pub(super) is_own: bool,
    /// The address that a Sender field must be added for.
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
    if is_refused(&named, AuthorsElsewhere::Permitted) {
        return Err(Refusal::FromNotOwned.into());
    }
    let is_readable = !named.unreadable;
    let Some(resent) = resent else {
        if is_refused(&named, elsewhere) {
            return Err(Refusal::FromNotOwned.into());
        }
        return match desk.check_authors(account, named, elsewhere).await? {
            Authorship::Permitted => Ok(Origin { is_own: is_readable, sender: None }),
            // One outside ASCII would make another message of it (RFC 6531 §3.1).
            Authorship::NeedsSender(address) if address.is_ascii() => {
                Ok(Origin { is_own: is_readable, sender: Some(address) })
            }
            Authorship::NeedsSender(_) | Authorship::Refused => Err(Refusal::FromNotOwned.into()),
        };
    };
    // RFC 5322 §3.6.6: who sends a message again leaves in it whom it is from. A Sender among the
    // fields that say so is theirs to write: nothing is put between these.
    let is_known = !is_refused(&resent, elsewhere)
        && desk.check_authors(account, resent, elsewhere).await? == Authorship::Permitted;
    if !is_known {
        return Err(Refusal::ResentFromNotOwned.into());
    }
    // What somebody else wrote is not signed, nor believed to be theirs.
    let own = desk.check_authors(account, named, AuthorsElsewhere::Refused).await?;
    Ok(Origin { is_own: is_readable && own == Authorship::Permitted, sender: None })
}

/// Whether nobody need ask the directory.
fn is_refused(named: &Originators, elsewhere: AuthorsElsewhere) -> bool {
    named.len() > AUTHORS_MAX || named.unreadable && elsewhere == AuthorsElsewhere::Refused
}
