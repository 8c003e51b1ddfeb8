//! Who gets what is posted to a list, other lists on it followed.

use std::collections::{BTreeMap, BTreeSet};

use ids::{AccountId, ListId};

use crate::sql::Value;
use crate::{Address, LimitKind, ReadTx, Result, StorageError};

/// LIMIT: members of a list and of all lists on it; as many rows are written for each message.
const REACHED_MAX: usize = 50_000;
/// LIMIT: lists on lists that are followed.
const LISTS_MAX: usize = 100;

/// An account or address that a list reaches, through other lists or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    /// The account, where it is one.
    pub(super) account: Option<AccountId>,
    /// Where its copy goes.
    pub(super) address: String,
}

/// A row of a list.
enum Line {
    List(ListId),
    Somebody(Reached),
}

impl ReadTx<'_> {
    /// Whom a list reaches, each once, by address in normal form. Blocked accounts are left out:
    /// their mail would come back each time.
    pub(super) fn reached_by(&mut self, list: ListId) -> Result<BTreeMap<String, Reached>> {
        let (mut known, mut waiting) = (BTreeSet::from([list]), vec![list]);
        let mut reached = BTreeMap::new();
        while let Some(next) = waiting.pop() {
            for line in self.lines_of(next)? {
                match line {
                    Line::List(other) if known.insert(other) => waiting.push(other),
                    Line::List(_) => {}
                    Line::Somebody(somebody) => {
                        let normal = Address::parse(&somebody.address)?.normal_text();
                        reached.entry(normal).or_insert(somebody);
                    }
                }
            }
            if reached.len() > REACHED_MAX || known.len() > LISTS_MAX {
                let (kind, max) = (LimitKind::ListMembers, REACHED_MAX as u64);
                return Err(StorageError::Limit { kind, max });
            }
        }
        Ok(reached)
    }

    /// Whether what is posted to `from` is posted to `list`.
    pub(super) fn leads_to_list(&mut self, from: ListId, list: ListId) -> Result<bool> {
        let (mut known, mut waiting) = (BTreeSet::from([from]), vec![from]);
        while let Some(next) = waiting.pop() {
            if next == list {
                return Ok(true);
            }
            for line in self.lines_of(next)? {
                if let Line::List(other) = line
                    && known.insert(other)
                {
                    waiting.push(other);
                }
            }
        }
        Ok(false)
    }

    /// The accounts that a list reaches.
    pub(crate) fn accounts_reached_by(&mut self, list: ListId) -> Result<Vec<AccountId>> {
        Ok(self.reached_by(list)?.into_values().filter_map(|one| one.account).collect())
    }

    fn lines_of(&mut self, list: ListId) -> Result<Vec<Line>> {
        self.sql.query_all(
            "SELECT m.display, a.display_address, a.id, m.member_list FROM list_member m \
             LEFT JOIN account a ON a.id = m.account_id \
             WHERE m.list_id = ?1 AND COALESCE(a.blocked, 0) = 0 \
             UNION ALL SELECT a.address, a.display_address, a.id, NULL FROM mail_list l \
             JOIN team_member t ON t.team_id = l.team_id JOIN account a ON a.id = t.account_id \
             WHERE l.id = ?1 AND a.blocked = 0",
            &[Value::Int(list.get())],
            |row| {
                if let Some(other) = row.opt_int(3)? {
                    return Ok(Line::List(ListId::new(other)));
                }
                let account = row.opt_int(2)?.map(AccountId::new);
                let address = row.opt_text(1)?.map_or_else(|| row.text(0), Ok)?.to_owned();
                Ok(Line::Somebody(Reached { account, address }))
            },
        )
    }
}
