//! Invitations to calendars and address books: to people elsewhere, and those of an account
//! (R-SHARE-1).

use ids::AccountId;
use storage::{Address, CollectionRights, Invite, ShareState, StorageError, WriteTx};

use super::account::{load, parse};
use super::share::{collection_rights, collection_row, place_of, shared_collection};
use super::text::refusal;
use super::{Admin, InvitationRow, Refusal, Response, ShareOf};

/// The address of somebody elsewhere: of no domain of ours, or of one that became ours after it was
/// invited.
pub(super) fn elsewhere(
    tx: &mut WriteTx<'_>,
    owner: AccountId,
    of: &ShareOf,
    name: &str,
) -> storage::Result<Option<Address>> {
    let Ok(address) = Address::parse(name) else { return Ok(None) };
    if tx.is_elsewhere(&address)? {
        return Ok(Some(address));
    }
    let (home, name) = place_of(of)?;
    let is_outsider = match tx.find_collection(owner, home, name)? {
        Some(found) => tx.find_outsider_of(found.id, &address)?.is_some(),
        None => false,
    };
    Ok(is_outsider.then_some(address))
}

/// Shares with somebody elsewhere, or ends that where there are no rights.
pub(super) fn share_elsewhere(
    tx: &mut WriteTx<'_>,
    owner: AccountId,
    of: &ShareOf,
    address: &Address,
    rights: CollectionRights,
) -> storage::Result<()> {
    tx.lock_invitations(owner, owner)?;
    let mut tx = tx.account(owner)?;
    let id = shared_collection(&mut tx, of)?;
    if !rights.is_empty() {
        let invite = Invite { rights, common_name: None, summary: None };
        return tx.invite_outsider(id, address, &invite);
    }
    match tx.uninvite_outsider(id, address)? {
        true => Ok(()),
        false => Err(StorageError::NotFound("share")),
    }
}

impl Admin {
    /// Sends the invitation to a calendar again to somebody elsewhere.
    pub(super) async fn resend(
        &self,
        account: &str,
        grantee: &str,
        of: &ShareOf,
    ) -> Result<Response, Refusal> {
        let (owner, to, of) = (parse(account)?, parse(grantee)?, of.clone());
        self.perform("share resend", &format!("{grantee} on {account}"), move |tx| {
            let owner = load(tx, &owner)?;
            tx.lock_invitations(owner, owner)?;
            let mut tx = tx.account(owner)?;
            let id = shared_collection(&mut tx, &of)?;
            tx.resend_invitation(id, &to)
        })
        .await
    }

    /// Accepts, or declines, what an account was invited to.
    pub(super) async fn answer_invitation(
        &self,
        account: &str,
        owner: &str,
        of: &ShareOf,
        accepts: bool,
    ) -> Result<Response, Refusal> {
        let (sharee, from, of) = (parse(account)?, parse(owner)?, of.clone());
        self.perform("share answer", &format!("{account} on {owner}"), move |tx| {
            let (owner, sharee) = (load(tx, &from)?, load(tx, &sharee)?);
            let (home, name) = place_of(&of)?;
            tx.lock_sharing([owner, sharee])?;
            let found = tx.find_invitation_to(sharee, &from, home, name)?;
            let found = found.ok_or(StorageError::NotFound("invitation"))?;
            tx.account_as(owner, sharee)?.answer_invitation(found.id, accepts, None)
        })
        .await
    }

    /// What an account was invited to.
    pub(super) async fn list_invitations(&self, account: &str) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let read = self.read(move |tx| {
            let sharee = load(tx, &wanted)?;
            let mut rows = Vec::new();
            for (collection, share) in tx.list_invitations(sharee)? {
                let owner = tx.load_account(collection.account)?.address;
                let row = collection_row(&collection, &share);
                rows.push(InvitationRow {
                    owner,
                    calendar: row.calendar,
                    address_book: row.address_book,
                    rights: collection_rights(collection.kind, share.rights).to_owned(),
                    state: state_name(share.state).to_owned(),
                });
            }
            Ok(rows)
        });
        Ok(Response::Invitations(read.await.map_err(|error| refusal(account, error))?))
    }
}

/// The word for the state of an invitation.
pub(super) fn state_name(state: ShareState) -> &'static str {
    match state {
        ShareState::Given => "given",
        ShareState::Invited => "invited",
        ShareState::Accepted => "accepted",
        ShareState::Declined => "declined",
    }
}
