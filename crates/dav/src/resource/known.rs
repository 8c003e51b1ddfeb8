//! Whom somebody may know of: their organisation, and where they are external to it, who shares
//! with them or has their calendars shared (R-SHARE-2).

use storage::{Account, ReadTx, Role, StorageError};

use super::Actor;

impl Actor {
    /// Whether somebody is not of "the whole organisation".
    pub(crate) fn is_external(&self) -> bool {
        self.account.role == Role::External
    }
}

/// Whether an account is of the organisation of whoever asks.
pub(crate) fn is_colleague(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    account: &Account,
) -> Result<bool, StorageError> {
    Ok(account.domain == actor.account.domain
        || tx.organisation_of(account.id)? == tx.organisation_of(actor.id())?)
}

/// Whether an account is a principal to whoever asks.
pub(crate) fn is_known(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    account: &Account,
) -> Result<bool, StorageError> {
    Ok(is_colleague(tx, actor, account)?
        && (!actor.is_external() || tx.who_shares_with(actor.id())?.contains(&account.id)))
}

/// Everybody who has calendars or address books and is a principal to whoever asks.
pub(crate) fn accounts(tx: &mut ReadTx<'_>, actor: &Actor) -> Result<Vec<Account>, StorageError> {
    let organisation = tx.organisation_of(actor.id())?;
    let mut domains = tx.list_domains()?;
    domains.retain(|domain| domain.organisation == organisation);
    let mut all = tx.list_accounts()?;
    all.retain(|account| {
        !account.mail_only && domains.iter().any(|domain| domain.id == account.domain)
    });
    if actor.is_external() {
        let mut known = tx.who_shares_with(actor.id())?;
        known.insert(actor.id());
        all.retain(|account| known.contains(&account.id));
    }
    Ok(all)
}
