//! Names of mailboxes as an account sees them: its own, and those of others below `Other Users/`
//! and the address of their owner (RFC 2342).

use std::collections::BTreeMap;

use ids::{AccountId, CollectionId};

use super::{Rights, Sum, check_rights};
use crate::mailbox::{Mailbox, MailboxName, MailboxTree};
use crate::sql::Value;
use crate::{Address, ReadTx, Result, StorageError};

/// Below it are the mailboxes of others.
const OTHERS: &str = "Other Users";

/// Whose mailbox a name is, and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its owner.
    pub account: AccountId,
    /// Its name to the owner.
    pub name: MailboxName,
}

/// Whether a name is kept for mailboxes of others.
pub(crate) fn is_reserved(name: &MailboxName) -> bool {
    name.as_str().split('/').next() == Some(OTHERS)
}

/// An address as one component of a name.
fn component(address: &str) -> String {
    address.replace('%', "%25").replace('/', "%2F")
}

impl ReadTx<'_> {
    /// Whose mailbox `name` is to `actor`. Nothing is said about whether there is such a mailbox.
    pub fn find_place(&mut self, actor: AccountId, name: &MailboxName) -> Result<Place> {
        if !is_reserved(name) {
            return Ok(Place { account: actor, name: name.clone() });
        }
        let nowhere = || StorageError::NotFound("mailbox");
        let below = name.as_str().get(OTHERS.len() + 1..).ok_or_else(nowhere)?;
        let (owner, name) = below.split_once('/').ok_or_else(nowhere)?;
        let owner = owner.replace("%2F", "/").replace("%25", "%");
        let owner = match Address::parse(&owner) {
            Ok(address) => self.find_account(&address)?,
            Err(_) => None,
        };
        let account = owner.map(|owner| owner.id).filter(|id| *id != actor).ok_or_else(nowhere)?;
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
            Ok(place) => place,
            Err(StorageError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(mailbox) = self.find_mailbox(place.account, &place.name)? else {
            return Ok(None);
        };
        let rights = self.rights_of(actor, mailbox.id)?;
        match check_rights(rights, needed) {
            Ok(()) if !rights.is_empty() => Ok(Some(mailbox)),
            Ok(()) | Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names that `actor` sees: its own, and below `Other Users/` those it may look up.
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
        let anyone = self.anyone_of(actor)?;
        let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
        self.sql.query(
            "SELECT mailbox_id, negative, rights FROM acl WHERE grantee IN (?1, ?2)",
            &[Value::Int(actor.get()), Value::Int(anyone)],
            &mut |row| {
                sums.entry(row.int(0)?).or_default().add(row.int(1)?, row.int(2)?);
                Ok(())
            },
        )?;
        sums.retain(|_, sum| sum.rights().contains(Rights::LOOKUP));
        let ids: Vec<CollectionId> = sums.keys().copied().map(CollectionId::new).collect();
        let mut mailboxes = self.load_mailboxes(&ids)?;
        mailboxes.retain(|mailbox| mailbox.account != actor);
        let addresses = self.addresses_of(&mailboxes)?;
        let mut shared = Vec::with_capacity(mailboxes.len());
        for mut mailbox in mailboxes {
            let Some(address) = addresses.get(&mailbox.account) else { continue };
            let rights = sums.get(&mailbox.id.get()).copied().unwrap_or_default().rights();
            let seen = format!("{OTHERS}/{}/{}", component(address), mailbox.name);
            mailbox.name = MailboxName::stored(&seen);
            // What it is for is its owner's matter: programs would file their user's mail there.
            mailbox.special_use = None;
            shared.push((mailbox, rights));
        }
        Ok(shared)
    }

    fn addresses_of(&mut self, mailboxes: &[Mailbox]) -> Result<BTreeMap<AccountId, String>> {
        let mut owners: Vec<i64> = mailboxes.iter().map(|mailbox| mailbox.account.get()).collect();
        owners.sort_unstable();
        owners.dedup();
        let mut addresses = BTreeMap::new();
        self.sql.query_in(
            "SELECT id, address FROM account WHERE id IN ({IN})",
            &owners,
            &mut |row| {
                addresses.insert(AccountId::new(row.int(0)?), row.text(1)?.to_owned());
                Ok(())
            },
        )?;
        Ok(addresses)
    }
}
