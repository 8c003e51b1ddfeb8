//! Simple lists: addresses that fan out to members, which are accounts, addresses elsewhere and
//! other lists, or those of a team.
//!
//! **Invariants:** the address of a list is in the one name space of all addresses (R-ADDR-3);
//! what is posted goes to each member once, however lists stand in each other, and from the
//! list's own address for bounces, so that no poster hears of what a member's server says.
//! **Absent:** subscribing by mail, archives, moderation.

mod expand;
mod member;
mod posting;
#[cfg(test)]
mod tests;

use ids::{AccountId, DomainId, ListId, TeamId, Timestamp};

use crate::sql::{Dialect, Row, Value};
use crate::{Address, LimitKind, ReadTx, Result, StorageError, WriteTx};

pub use member::ListMember;
pub(crate) use posting::is_owner_detail;
pub use posting::{Post, Poster};

/// LIMIT: a description is shown in headers and lists.
const DESCRIPTION_BYTES_MAX: usize = 255;

/// Who may post to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// Everybody.
    Anyone,
    /// Accounts of the organisation, and members.
    Organisation,
    /// Members, and the owner.
    Members,
}

impl Posting {
    /// Every policy with its name.
    const NAMES: [(Self, &'static str); 3] = [
        (Self::Anyone, "anyone"),
        (Self::Organisation, "organisation"),
        (Self::Members, "members"),
    ];

    /// The policy of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(posting, _)| *posting)
    }

    /// The word for it in commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Organisation => "organisation",
            Self::Members => "members",
        }
    }

    fn column(self) -> i64 {
        match self {
            Self::Anyone => 0,
            Self::Organisation => 1,
            Self::Members => 2,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        let found = Self::NAMES.iter().map(|(posting, _)| *posting);
        let mut found = found.filter(|posting| posting.column() == column);
        found.next().ok_or_else(|| StorageError::Corrupt("a list of unknown policy".to_owned()))
    }
}

/// What a list is made with.
#[derive(Debug, Clone)]
pub struct NewList {
    /// The address to post to, in plain ASCII, on a domain of the store.
    pub address: Address,
    /// What people call it; may be empty.
    pub description: String,
    /// The account that gets bounces of the list.
    pub owner: AccountId,
    /// Who may post to the list.
    pub posting: Posting,
    /// The team whose members are those of the list; `None`: it has its own.
    pub team: Option<TeamId>,
}

/// What of a list is to be otherwise; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ListChange {
    /// The description, if it is to change.
    pub description: Option<String>,
    /// The account that gets bounces of the list, if it is to change.
    pub owner: Option<AccountId>,
    /// Who may post to the list, if that is to change.
    pub posting: Option<Posting>,
}

/// A mailing list: an address whose mail goes to all members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailList {
    /// The id of the list.
    pub id: ListId,
    /// The domain of its address.
    pub domain: DomainId,
    /// The address to post to, as it was given.
    pub address: String,
    /// The description that people gave it.
    pub description: String,
    /// The account that gets what comes back; `None`: the postmaster.
    pub owner: Option<AccountId>,
    /// The primary address of the owner.
    pub owner_address: Option<String>,
    /// Who may post to the list.
    pub posting: Posting,
    /// The team whose members are those of the list.
    pub team: Option<TeamId>,
    /// The name of the team whose members it has, if it is a team's.
    pub team_name: Option<String>,
    /// How many members there are, those of other lists not counted.
    pub members: u64,
    /// When it was made.
    pub created: Timestamp,
}

macro_rules! select_list {
    ($rest:literal) => {
        concat!(
            "SELECT l.id, x.domain_id, x.display, d.name, l.description, l.owner, o.address, ",
            "l.posting, l.team_id, t.name, l.created, ",
            "(SELECT COUNT(*) FROM list_member m WHERE m.list_id = l.id) + ",
            "(SELECT COUNT(*) FROM team_member m WHERE m.team_id = l.team_id) ",
            "FROM mail_list l JOIN address x ON x.list_id = l.id ",
            "JOIN domain d ON d.id = x.domain_id ",
            "LEFT JOIN account o ON o.id = l.owner LEFT JOIN team t ON t.id = l.team_id ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<MailList> {
    Ok(MailList {
        id: ListId::new(row.int(0)?),
        domain: DomainId::new(row.int(1)?),
        address: format!("{}@{}", row.text(2)?, row.text(3)?),
        description: row.text(4)?.to_owned(),
        owner: row.opt_int(5)?.map(AccountId::new),
        owner_address: row.opt_text(6)?.map(str::to_owned),
        posting: Posting::from_column(row.int(7)?)?,
        team: row.opt_int(8)?.map(TeamId::new),
        team_name: row.opt_text(9)?.map(str::to_owned),
        created: Timestamp::from_micros(row.int(10)?),
        members: row.int(11)?.cast_unsigned(),
    })
}

impl ReadTx<'_> {
    /// Every list, by domain and local part.
    pub fn list_lists(&mut self) -> Result<Vec<MailList>> {
        self.sql.query_all(select_list!("ORDER BY d.name, x.local"), &[], read)
    }

    /// The list of this address, also under a domain alias.
    pub fn find_list(&mut self, address: &Address) -> Result<Option<MailList>> {
        self.sql.query_one(
            select_list!(
                "JOIN domain n ON COALESCE(n.alias_of, n.id) = d.id \
                 WHERE n.name = ?1 AND x.local = ?2"
            ),
            &[Value::Text(address.domain()), Value::Text(address.local())],
            read,
        )
    }

    /// The list of this number.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_list(&mut self, list: ListId) -> Result<MailList> {
        let found =
            self.sql.query_one(select_list!("WHERE l.id = ?1"), &[Value::Int(list.get())], read)?;
        found.ok_or(StorageError::NotFound("list"))
    }
}

impl WriteTx<'_> {
    /// Makes a list. Its address must be nobody's (R-ADDR-3).
    pub fn create_list(&mut self, new: &NewList) -> Result<ListId> {
        check_description(&new.description)?;
        check_local(&new.address)?;
        if let Some(team) = new.team {
            // Before any account, as always.
            self.lock_team(team)?;
        }
        let (domain, _) = self.lock_real_domain(new.address.domain())?;
        let organisation = self.organisation_of_domain(domain)?;
        if let Some(team) = new.team {
            self.check_team(team, organisation)?;
        }
        // One counter for all: of two that come for the last place one waits.
        let id = self.next_team_number()?;
        self.check_lists(organisation)?;
        self.account(new.owner)?;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO mail_list (id, description, owner, posting, team_id, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                Value::Int(id),
                Value::Text(&new.description),
                Value::Int(new.owner.get()),
                Value::Int(new.posting.column()),
                new.team.map_or(Value::Null, |team| Value::Int(team.get())),
                Value::Int(now),
            ],
        )?;
        let list = ListId::new(id);
        self.insert_list_address(domain, &new.address, list)?;
        Ok(list)
    }

    /// Changes what a list is made of, but for its address and its members.
    pub fn update_list(&mut self, list: ListId, change: &ListChange) -> Result<()> {
        self.lock_list(list)?;
        let found = self.load_list(list)?;
        let description = change.description.as_ref().unwrap_or(&found.description);
        check_description(description)?;
        if let Some(owner) = change.owner {
            self.account(owner)?;
        }
        let owner = change.owner.or(found.owner);
        self.sql.execute(
            "UPDATE mail_list SET description = ?2, owner = ?3, posting = ?4 WHERE id = ?1",
            &[
                Value::Int(list.get()),
                Value::Text(description),
                owner.map_or(Value::Null, |owner| Value::Int(owner.get())),
                Value::Int(change.posting.unwrap_or(found.posting).column()),
            ],
        )?;
        Ok(())
    }

    /// Removes a list; its address is free at once. What it has sent still goes out.
    pub fn remove_list(&mut self, list: ListId) -> Result<()> {
        self.lock_list(list)?;
        for sql in [
            "DELETE FROM list_member WHERE list_id = ?1 OR member_list = ?1",
            "DELETE FROM address WHERE list_id = ?1",
            "DELETE FROM mail_list WHERE id = ?1",
        ] {
            self.sql.execute(sql, &[Value::Int(list.get())])?;
        }
        Ok(())
    }

    fn check_team(&mut self, team: TeamId, organisation: DomainId) -> Result<()> {
        if self.load_team(team)?.organisation != organisation {
            return Err(StorageError::Invalid("the team is of another organisation"));
        }
        let taken = self.sql.query_one(
            "SELECT 1 FROM mail_list WHERE team_id = ?1",
            &[Value::Int(team.get())],
            |_| Ok(()),
        )?;
        match taken {
            Some(()) => Err(StorageError::AlreadyExists("an address of the team")),
            None => Ok(()),
        }
    }

    fn check_lists(&mut self, organisation: DomainId) -> Result<()> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM address x JOIN domain d ON d.id = x.domain_id \
             WHERE x.list_id IS NOT NULL AND d.organisation = ?1",
            &[Value::Int(organisation.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        let (kind, max) = (LimitKind::Lists, self.settings.lists_max);
        match count.unwrap_or(0) >= max {
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }

    /// Keeps a list and who is in it as they are until the transaction ends.
    pub(crate) fn lock_list(&mut self, list: ListId) -> Result<()> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => "SELECT id FROM mail_list WHERE id = ?1",
            Dialect::Postgres => "SELECT id FROM mail_list WHERE id = ?1 FOR UPDATE",
        };
        let found = self.sql.query_one(sql, &[Value::Int(list.get())], |row| row.int(0))?;
        found.map(|_| ()).ok_or(StorageError::NotFound("list"))
    }
}

fn check_description(description: &str) -> Result<()> {
    if description.len() > DESCRIPTION_BYTES_MAX || description.chars().any(char::is_control) {
        return Err(StorageError::Invalid("the description is too long or holds controls"));
    }
    Ok(())
}

/// RFC 2919 §2: the address is also the identifier in List-Id, of dots and atoms of ASCII.
fn check_local(address: &Address) -> Result<()> {
    let local = address.local();
    let is_atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    match local.split('.').all(is_atom) && local.len() <= 64 {
        true => Ok(()),
        false => Err(StorageError::Invalid(
            "the address of a list is of letters, digits, hyphens, underscores and dots",
        )),
    }
}
