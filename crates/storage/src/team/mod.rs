//! Teams: named groups of accounts of one organisation (R-ORG-1), to whom rights are given at
//! once (R-SHARE-1, R-SHARE-6).
//!
//! **Invariants:** a name stands once in its organisation, whatever its case; members are accounts
//! of the organisation; whoever joins or leaves has other rights from the commit on, and sessions
//! of others on what the team has rights on are told as of any change of rights.
//! **Absent:** teams in teams.

mod member;
mod name;
mod tell;
#[cfg(test)]
mod tests;

use ids::{DomainId, TeamId, Timestamp};

use crate::sql::{Dialect, Row, Value};
use crate::{LimitKind, ReadTx, Result, StorageError, WriteTx};

pub use name::TeamName;

/// A team of accounts of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The id of the team.
    pub id: TeamId,
    /// The domain that leads the organisation it is of.
    pub organisation: DomainId,
    /// The name of the domain that leads the organisation.
    pub domain: String,
    /// The name of the team.
    pub name: String,
    /// How many accounts are in it.
    pub members: u64,
    /// When it was made.
    pub created: Timestamp,
}

macro_rules! select_team {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.organisation, d.name, t.name, t.created, ",
            "(SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) ",
            "FROM team t JOIN domain d ON d.id = t.organisation ",
            $rest
        )
    };
}
use select_team;

fn read(row: &dyn Row) -> Result<Team> {
    Ok(Team {
        id: TeamId::new(row.int(0)?),
        organisation: DomainId::new(row.int(1)?),
        domain: row.text(2)?.to_owned(),
        name: row.text(3)?.to_owned(),
        created: Timestamp::from_micros(row.int(4)?),
        members: row.int(5)?.cast_unsigned(),
    })
}

impl ReadTx<'_> {
    /// Every team, by organisation and name.
    pub fn list_teams(&mut self) -> Result<Vec<Team>> {
        self.sql.query_all(select_team!("ORDER BY d.name, t.folded"), &[], read)
    }

    /// The team of this name, in any case.
    pub fn find_team(&mut self, organisation: DomainId, name: &str) -> Result<Option<Team>> {
        let Ok(name) = TeamName::parse(name) else { return Ok(None) };
        self.sql.query_one(
            select_team!("WHERE t.organisation = ?1 AND t.folded = ?2"),
            &[Value::Int(organisation.get()), Value::Text(&name.folded())],
            read,
        )
    }

    /// The team of this number.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn load_team(&mut self, team: TeamId) -> Result<Team> {
        let found =
            self.sql.query_one(select_team!("WHERE t.id = ?1"), &[Value::Int(team.get())], read)?;
        found.ok_or(StorageError::NotFound("team"))
    }
}

impl WriteTx<'_> {
    /// Makes a team without members.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where the name is taken, [`StorageError::Limit`] where the
    /// organisation has as many as it may have.
    pub fn create_team(&mut self, organisation: DomainId, name: &TeamName) -> Result<TeamId> {
        // One counter for all: of two that come for the last place of an organisation one waits.
        let number = self.next_team_number()?;
        let (kind, max) = (LimitKind::Teams, self.settings.teams_max);
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM team WHERE organisation = ?1",
            &[Value::Int(organisation.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        if count.unwrap_or(0) >= max {
            return Err(StorageError::Limit { kind, max });
        }
        let now = self.now.as_micros();
        let inserted = self.sql.execute(
            "INSERT INTO team (id, organisation, name, folded, created) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (organisation, folded) DO NOTHING",
            &[
                Value::Int(number),
                Value::Int(organisation.get()),
                Value::Text(name.as_str()),
                Value::Text(&name.folded()),
                Value::Int(now),
            ],
        )?;
        match inserted {
            0 => Err(StorageError::AlreadyExists("team")),
            _ => Ok(TeamId::new(number)),
        }
    }

    /// Gives a team another name; what it may do stays.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where the name is taken, [`StorageError::NotFound`] where
    /// there is no such team.
    pub fn rename_team(&mut self, team: TeamId, name: &TeamName) -> Result<()> {
        self.lock_team(team)?;
        let found = self.load_team(team)?;
        let there = self.find_team(found.organisation, name.as_str())?;
        if there.is_some_and(|there| there.id != team) {
            return Err(StorageError::AlreadyExists("team"));
        }
        self.sql.execute(
            "UPDATE team SET name = ?2, folded = ?3 WHERE id = ?1",
            &[Value::Int(team.get()), Value::Text(name.as_str()), Value::Text(&name.folded())],
        )?;
        Ok(())
    }

    /// Removes a team, and with it all that its members had through it.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where a list is made of it.
    pub fn remove_team(&mut self, team: TeamId) -> Result<()> {
        self.lock_team(team)?;
        let has_address = self.sql.query_one(
            "SELECT 1 FROM mail_list WHERE team_id = ?1",
            &[Value::Int(team.get())],
            |_| Ok(()),
        )?;
        if has_address.is_some() {
            return Err(StorageError::InUse("a list is made of the team"));
        }
        let members = self.members_of(team)?;
        self.tell_of_grantee(team.get(), &members)?;
        for sql in [
            "DELETE FROM acl WHERE grantee = ?1",
            "DELETE FROM account_share WHERE grantee = ?1",
            "DELETE FROM collection_share WHERE grantee = ?1",
            "DELETE FROM calendar_proxy WHERE grantee = ?1",
            "DELETE FROM team_member WHERE team_id = ?1",
            "DELETE FROM team WHERE id = ?1",
        ] {
            self.sql.execute(sql, &[Value::Int(team.get())])?;
        }
        Ok(())
    }

    /// Keeps a team as it is until the transaction ends: its members, its name, its rights. Teams
    /// are locked before accounts.
    pub(crate) fn lock_team(&mut self, team: TeamId) -> Result<()> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => "SELECT id FROM team WHERE id = ?1",
            Dialect::Postgres => "SELECT id FROM team WHERE id = ?1 FOR UPDATE",
        };
        let found = self.sql.query_one(sql, &[Value::Int(team.get())], |row| row.int(0))?;
        found.map(|_| ()).ok_or(StorageError::NotFound("team"))
    }

    /// A number that no team and no list had before.
    pub(crate) fn next_team_number(&mut self) -> Result<i64> {
        let number = self.sql.query_one(
            "UPDATE team_number SET last = last + 1 RETURNING last",
            &[],
            |row| row.int(0),
        )?;
        number.ok_or_else(|| StorageError::Corrupt("the numbers of teams are gone".to_owned()))
    }
}
