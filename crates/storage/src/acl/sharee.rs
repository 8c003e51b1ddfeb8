//! With whom something is shared, as verbs, rows and access control lists have it.

use ids::{AccountId, DomainId, TeamId};

use super::{ANYONE, Grantee, TEAM};
use crate::{Address, ReadTx, Result, StorageError, WriteTx};

/// With whom something is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharee {
    /// An account.
    Account(AccountId),
    /// Whoever is in a team of the owner's organisation.
    Team(TeamId),
    /// Everybody of the owner's organisation but external ones (R-SHARE-2).
    Organisation,
}

impl From<AccountId> for Sharee {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

impl From<TeamId> for Sharee {
    fn from(team: TeamId) -> Self {
        Self::Team(team)
    }
}

impl Sharee {
    /// The number that rows name it by, where the owner is of this organisation.
    pub(crate) fn number(self, organisation: DomainId) -> i64 {
        match self {
            Self::Account(account) => account.get(),
            Self::Team(team) => team.get(),
            Self::Organisation => -organisation.get(),
        }
    }
}

/// A sharee by the address or name that people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedWith {
    /// The address of an account.
    Account(String),
    /// The name of a team.
    Team(String),
    /// Everybody of the owner's organisation but external ones (R-SHARE-2).
    Organisation,
    /// The address of somebody who has no account here; of calendars alone.
    Outside(String),
}

impl SharedWith {
    /// Reads a row with the address of the account that its grantee is, or the name of the team.
    pub(crate) fn read(address: Option<&str>, team: Option<&str>) -> Self {
        match (address, team) {
            (Some(address), _) => Self::Account(address.to_owned()),
            (None, Some(team)) => Self::Team(team.to_owned()),
            (None, None) => Self::Organisation,
        }
    }
}

/// As access control lists spell it: an address, `team:` and its name, or `anyone`.
impl std::fmt::Display for SharedWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(address) | Self::Outside(address) => f.write_str(address),
            Self::Team(name) => write!(f, "{TEAM}{name}"),
            Self::Organisation => f.write_str(ANYONE),
        }
    }
}

impl ReadTx<'_> {
    /// Whom an identifier names to an owner of this organisation: `anyone`, `team:` and the name
    /// of a team, or the address of an account, which may be of any organisation.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account, and no team of that name in the
    /// organisation.
    pub fn find_sharee(&mut self, organisation: DomainId, identifier: &str) -> Result<Sharee> {
        if identifier == ANYONE {
            return Ok(Sharee::Organisation);
        }
        if let Some(name) = identifier.strip_prefix(TEAM) {
            let team = self.find_team(organisation, name)?;
            return team.map(|team| team.id.into()).ok_or(StorageError::NotFound("team"));
        }
        let found = match Address::parse(identifier) {
            Ok(address) => self.find_account(&address)?,
            Err(_) => None,
        };
        found.map(|account| account.id.into()).ok_or(StorageError::NotFound("account"))
    }

    pub(super) fn grantee(
        &mut self,
        organisation: DomainId,
        identifier: &str,
    ) -> Result<(Sharee, Grantee)> {
        let (who, negative) = match identifier.strip_prefix('-') {
            Some(who) => (who, true),
            None => (identifier, false),
        };
        let sharee = self.find_sharee(organisation, who)?;
        Ok((sharee, Grantee { id: sharee.number(organisation), negative }))
    }
}

impl WriteTx<'_> {
    /// Locks the owner of what is shared and with whom, who must not go before the row is
    /// written; the number that the row names them by.
    pub(crate) fn lock_sharee(&mut self, owner: AccountId, sharee: Sharee) -> Result<i64> {
        let organisation = self.organisation_of(owner)?;
        match sharee {
            Sharee::Account(account) => self.lock_accounts([owner, account])?,
            Sharee::Team(team) => {
                self.lock_team(team)?;
                if self.load_team(team)?.organisation != organisation {
                    return Err(StorageError::Invalid("the team is of another organisation"));
                }
                self.lock_accounts([owner, owner])?;
            }
            Sharee::Organisation => self.lock_accounts([owner, owner])?,
        }
        Ok(sharee.number(organisation))
    }
}
