//! The members of a list: addresses here and elsewhere, each once. A list of a team has those of
//! the team and none of its own.

use ids::{AccountId, ListId};

use crate::sql::Value;
use crate::{Address, LimitKind, ReadTx, Result, StorageError, WriteTx};

/// A member of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMember {
    /// The address as it was given; of an account of a team, its own.
    pub address: String,
    /// Whether it is an account here.
    pub is_account: bool,
    /// Whether it is another list here.
    pub is_list: bool,
}

/// What an address of ours is, without detail and catch-all.
enum Owner {
    Account(AccountId),
    List(ListId),
}

impl ReadTx<'_> {
    /// The members of a list, by address; of a team's list, those of the team.
    pub fn list_members(&mut self, list: ListId) -> Result<Vec<ListMember>> {
        self.sql.query_all(
            "SELECT m.display AS shown, m.account_id, m.member_list FROM list_member m \
             WHERE m.list_id = ?1 \
             UNION ALL SELECT a.address, a.id, NULL FROM mail_list l \
             JOIN team_member t ON t.team_id = l.team_id JOIN account a ON a.id = t.account_id \
             WHERE l.id = ?1 ORDER BY 1",
            &[Value::Int(list.get())],
            |row| {
                Ok(ListMember {
                    address: row.text(0)?.to_owned(),
                    is_account: row.opt_int(1)?.is_some(),
                    is_list: row.opt_int(2)?.is_some(),
                })
            },
        )
    }

    /// The account or list at this address, where its domain is one of ours.
    fn owner_of(&mut self, address: &Address) -> Result<Option<Owner>> {
        let Some(domain) = self.find_domain(address.domain())? else { return Ok(None) };
        let target = match &domain.alias_of {
            Some(target) => self.find_domain(target)?.ok_or(StorageError::NotFound("domain"))?,
            None => domain,
        };
        let found = self.sql.query_one(
            "SELECT account_id, list_id FROM address WHERE domain_id = ?1 AND local = ?2",
            &[Value::Int(target.id.get()), Value::Text(address.local())],
            |row| Ok((row.opt_int(0)?, row.opt_int(1)?)),
        )?;
        match found {
            Some((Some(account), _)) => Ok(Some(Owner::Account(AccountId::new(account)))),
            Some((None, Some(list))) => Ok(Some(Owner::List(ListId::new(list)))),
            _ => Err(StorageError::NotFound("address")),
        }
    }
}

impl WriteTx<'_> {
    /// Puts an address on a list: that of an account here, of another list here, or one elsewhere.
    /// An account stays on it when its addresses change, and goes from it when it is removed.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where the list is made of a team, or the lists would be in each
    /// other; [`StorageError::AlreadyExists`] where it is on the list, [`StorageError::Limit`]
    /// where that is full; [`StorageError::NotFound`] for an address of ours that nobody has.
    pub fn add_list_member(&mut self, list: ListId, address: &Address) -> Result<()> {
        self.lock_list(list)?;
        if self.load_list(list)?.team.is_some() {
            return Err(StorageError::Invalid("who is on this list is who is in its team"));
        }
        let (account, other) = match self.owner_of(address)? {
            Some(Owner::Account(account)) => (Value::Int(account.get()), Value::Null),
            Some(Owner::List(other)) => {
                if self.leads_to_list(other, list)? {
                    return Err(StorageError::Invalid("the lists would be in each other"));
                }
                (Value::Null, Value::Int(other.get()))
            }
            None => (Value::Null, Value::Null),
        };
        let inserted = self.sql.execute(
            "INSERT INTO list_member (list_id, address, display, account_id, member_list) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            &[
                Value::Int(list.get()),
                Value::Text(&address.normal_text()),
                Value::Text(&address.to_string()),
                account,
                other,
            ],
        )?;
        if inserted == 0 {
            return Err(StorageError::AlreadyExists("member"));
        }
        let (kind, max) = (LimitKind::ListMembers, self.settings.list_members_max);
        match self.load_list(list)?.members > max {
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }

    /// Takes an address off a list; an account by any of its addresses.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it is not on the list.
    pub fn remove_list_member(&mut self, list: ListId, address: &Address) -> Result<()> {
        self.lock_list(list)?;
        let account = match self.owner_of(address) {
            Ok(Some(Owner::Account(account))) => account.get(),
            // No account has the number 0.
            Ok(_) | Err(StorageError::NotFound(_)) => 0,
            Err(error) => return Err(error),
        };
        let removed = self.sql.execute(
            "DELETE FROM list_member WHERE list_id = ?1 AND (address = ?2 OR account_id = ?3)",
            &[Value::Int(list.get()), Value::Text(&address.normal_text()), Value::Int(account)],
        )?;
        match removed {
            0 => Err(StorageError::NotFound("member")),
            _ => Ok(()),
        }
    }
}
