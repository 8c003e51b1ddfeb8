//! Names of mailboxes as an account sees them: its own, and those of others below the address of
//! their owner, which stands below `Other Users/`, or below `Shared Folders/` where the account is
//! nobody's (RFC 2342).

use std::collections::BTreeMap;

use ids::{AccountId, CollectionId};

use super::{Rights, Sum};
use crate::mailbox::{Mailbox, MailboxName, MailboxTree};
use crate::sql::Value;
use crate::{Address, ReadTx, Result, StorageError};

/// Below it are the mailboxes of other people.
const OTHERS: &str = "Other Users";
/// Below it are the mailboxes of accounts that are nobody's.
const SHARED: &str = "Shared Folders";

/// The mailbox that a name stands for to some user: its owner, and what the owner calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The account that owns the mailbox.
    pub account: AccountId,
    /// The name of the mailbox as its owner has it.
    pub name: MailboxName,
}

/// Whether a name is kept for mailboxes of others.
pub(crate) fn is_reserved(name: &MailboxName) -> bool {
    matches!(name.as_str().split('/').next(), Some(OTHERS | SHARED))
}

/// Splits a name below `Other Users/` or `Shared Folders/` into the component that names the owner,
/// and the owner's name for it.
pub(crate) fn split_owner(name: &str) -> Option<(&str, &str)> {
    match name.split_once('/')? {
        (OTHERS | SHARED, below) => below.split_once('/'),
        _ => None,
    }
}

impl MailboxName {
    /// The same name with the address of the owner, where it is below those of others, in normal
    /// form, and INBOX in capitals. Nothing is looked up.
    #[must_use]
    pub fn with_normal_owner(&self) -> Self {
        let normal = |name: &Self| {
            let (above, below) = name.as_str().split_once('/').filter(|_| is_reserved(name))?;
            let (owner, rest) = below.split_once('/').map_or((below, None), |(o, r)| (o, Some(r)));
            let owner = component(&parse_owner(owner)?.normal_text());
            match rest {
                Some(rest) => Some(format!("{above}/{owner}/{}", Self::parse(rest).ok()?)),
                None => Some(format!("{above}/{owner}")),
            }
        };
        normal(self).and_then(|name| Self::parse(&name).ok()).unwrap_or_else(|| self.clone())
    }
}

/// The name by which others see a mailbox of the account with this address.
fn seen_name(owner: &str, is_shared: bool, name: &MailboxName) -> MailboxName {
    let above = if is_shared { SHARED } else { OTHERS };
    MailboxName::stored(&format!("{above}/{}/{name}", component(owner)))
}

/// An address as one component of a name.
fn component(address: &str) -> String {
    address.replace('%', "%25").replace('/', "%2F")
}

/// The address that such a component is.
fn parse_owner(component: &str) -> Option<Address> {
    Address::parse(&component.replace("%2F", "/").replace("%25", "%")).ok()
}

impl ReadTx<'_> {
    /// Whose mailbox `name` is to `actor`. Nothing is said about whether there is such a mailbox.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for a name below those of others that leads to nobody.
    pub fn find_place(&mut self, actor: AccountId, name: &MailboxName) -> Result<Place> {
        if !is_reserved(name) {
            return Ok(Place { account: actor, name: name.clone() });
        }
        let nowhere = || StorageError::NotFound("mailbox");
        let (above, below) = name.as_str().split_once('/').ok_or_else(nowhere)?;
        let is_shared = above == SHARED;
        let (owner, name) = below.split_once('/').ok_or_else(nowhere)?;
        let owner = match parse_owner(owner) {
            Some(address) => self.find_account(&address)?,
            None => None,
        };
        let owner = owner.filter(|owner| owner.is_shared == is_shared && owner.id != actor);
        let account = owner.ok_or_else(nowhere)?.id;
        Ok(Place { account, name: MailboxName::parse(name)? })
    }

    /// The mailbox that `name` is to `actor`, who needs these rights on it. To whoever has no
    /// right on it there is none.
    pub fn find_mailbox_as(
        &mut self,
        actor: AccountId,
        name: &MailboxName,
        needed: Rights,
    ) -> Result<Option<Mailbox>> {
        let place = match self.find_place(actor, name) {
            Ok(place) if place.account == actor => return self.find_mailbox(actor, &place.name),
            Ok(place) => place,
            Err(StorageError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(id) = self.find_granted(actor, &place)? else { return Ok(None) };
        match self.require_as(actor, id, needed) {
            Ok(rights) if !rights.is_empty() => self.load_mailbox(id).map(Some),
            Ok(_) | Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The mailbox of another at a place, if `actor` has any entry for it. RFC 4314 §6: one
    /// statement for a mailbox that is not there and for one that is nobody else's business, so
    /// that not even time tells them apart.
    fn find_granted(&mut self, actor: AccountId, place: &Place) -> Result<Option<CollectionId>> {
        self.sql.query_one(
            "SELECT b.id FROM mailbox b JOIN acl x ON x.mailbox_id = b.id \
             WHERE b.account_id = ?1 AND b.name = ?2 AND x.negative = 0 AND x.grantee IN \
             (SELECT grantee FROM grantee_of WHERE account_id = ?3) LIMIT 1",
            &[
                Value::Int(place.account.get()),
                Value::Text(place.name.as_str()),
                Value::Int(actor.get()),
            ],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )
    }

    /// The name by which `actor` sees a mailbox.
    pub fn name_as(&mut self, actor: AccountId, mailbox: &Mailbox) -> Result<MailboxName> {
        if mailbox.account == actor {
            return Ok(mailbox.name.clone());
        }
        let owner = self.load_account(mailbox.account)?;
        Ok(seen_name(&owner.address, owner.is_shared, &mailbox.name))
    }

    /// The names that `actor` sees: its own, and those of others that it may look up.
    pub fn list_mailboxes_as(&mut self, actor: AccountId) -> Result<MailboxTree> {
        let shared = self.shared_with(actor)?;
        let mut rights = BTreeMap::new();
        let mut others = Vec::with_capacity(shared.len());
        for (mailbox, own_rights) in shared {
            rights.insert(mailbox.id, own_rights);
            others.push(mailbox);
        }
        let mut tree = self.list_mailboxes_with(actor, others)?;
        for entry in &mut tree.entries {
            let id = entry.mailbox.as_ref().map(|mailbox| mailbox.id);
            if let Some(rights) = id.and_then(|id| rights.get(&id)) {
                entry.rights = *rights;
            }
        }
        Ok(tree)
    }

    /// Mailboxes of others that `actor` may look up, under the names by which it sees them.
    fn shared_with(&mut self, actor: AccountId) -> Result<Vec<(Mailbox, Rights)>> {
        let sums = self.rights_given(actor)?;
        let ids: Vec<CollectionId> = sums.keys().copied().map(CollectionId::new).collect();
        let mut mailboxes = self.load_mailboxes(&ids)?;
        mailboxes.retain(|mailbox| mailbox.account != actor);
        let owners = self.owners_of(&mailboxes)?;
        let mut shared = Vec::with_capacity(mailboxes.len());
        for mut mailbox in mailboxes {
            let Some(owner) = owners.get(&mailbox.account) else { continue };
            let mut rights = sums.get(&mailbox.id.get()).copied().unwrap_or_default();
            if owner.in_maintenance {
                // R-ADDR-12: see `rights_of`.
                rights = rights.within(Rights::LOOKUP);
            }
            mailbox.name = seen_name(&owner.address, owner.is_shared, &mailbox.name);
            // What it is for is its owner's matter: programs would file their user's mail there.
            mailbox.special_use = None;
            shared.push((mailbox, rights));
        }
        Ok(shared)
    }

    /// What entries give `actor`, by mailbox, of those that it may look up. LIMIT: where they are
    /// too many, those for it and its teams come before those for anyone, the oldest mailboxes
    /// first: nobody's gifts to everybody hide what was meant for one.
    fn rights_given(&mut self, actor: AccountId) -> Result<BTreeMap<i64, Rights>> {
        let mut sums: BTreeMap<i64, (bool, Sum)> = BTreeMap::new();
        self.sql.query(
            "SELECT mailbox_id, negative, rights, grantee FROM acl \
             WHERE grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?1)",
            &[Value::Int(actor.get())],
            &mut |row| {
                let (for_anyone, sum) = sums.entry(row.int(0)?).or_insert((true, Sum::default()));
                *for_anyone &= row.int(3)? < 0;
                sum.add(row.int(1)?, row.int(2)?);
                Ok(())
            },
        )?;
        let mut given: Vec<(bool, i64, Rights)> = sums
            .into_iter()
            .map(|(mailbox, (for_anyone, sum))| (for_anyone, mailbox, sum.rights()))
            .filter(|(_, _, rights)| rights.contains(Rights::LOOKUP))
            .collect();
        let max = usize::try_from(self.others_max).unwrap_or(usize::MAX);
        if given.len() > max {
            given.sort_unstable_by_key(|(for_anyone, mailbox, _)| (*for_anyone, *mailbox));
            given.truncate(max);
        }
        Ok(given.into_iter().map(|(_, mailbox, rights)| (mailbox, rights)).collect())
    }

    fn owners_of(&mut self, mailboxes: &[Mailbox]) -> Result<BTreeMap<AccountId, Owner>> {
        let mut ids: Vec<i64> = mailboxes.iter().map(|mailbox| mailbox.account.get()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut owners = BTreeMap::new();
        self.sql.query_in(
            "SELECT a.id, a.address, a.maintenance, d.maintenance, a.shared FROM account a \
             JOIN domain d ON d.id = a.domain_id WHERE a.id IN ({IN})",
            &ids,
            &mut |row| {
                let in_maintenance = row.int(2)? != 0 || row.int(3)? != 0;
                let (address, is_shared) = (row.text(1)?.to_owned(), row.int(4)? != 0);
                let owner = Owner { address, is_shared, in_maintenance };
                owners.insert(AccountId::new(row.int(0)?), owner);
                Ok(())
            },
        )?;
        Ok(owners)
    }
}

/// What is to be known of the owner of mailboxes that are shown.
struct Owner {
    address: String,
    is_shared: bool,
    in_maintenance: bool,
}
