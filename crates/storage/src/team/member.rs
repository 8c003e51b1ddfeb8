//! The members of teams. All are accounts of the organisation that the team is of.

use ids::{AccountId, TeamId};

use super::{Team, read, select_team};
use crate::sql::Value;
use crate::{LimitKind, ReadTx, Result, StorageError, WriteTx};

impl ReadTx<'_> {
    /// The addresses of the accounts in a team, sorted.
    pub fn list_team_members(&mut self, team: TeamId) -> Result<Vec<String>> {
        self.sql.query_all(
            "SELECT a.address FROM team_member m JOIN account a ON a.id = m.account_id \
             WHERE m.team_id = ?1 ORDER BY a.address",
            &[Value::Int(team.get())],
            |row| Ok(row.text(0)?.to_owned()),
        )
    }

    /// The teams that an account is in, by name.
    pub fn teams_of(&mut self, account: AccountId) -> Result<Vec<Team>> {
        self.sql.query_all(
            select_team!(
                "JOIN team_member own ON own.team_id = t.id WHERE own.account_id = ?1 \
                 ORDER BY t.folded"
            ),
            &[Value::Int(account.get())],
            read,
        )
    }

    /// The accounts in a team, ascending.
    pub(crate) fn members_of(&mut self, team: TeamId) -> Result<Vec<AccountId>> {
        self.sql.query_all(
            "SELECT account_id FROM team_member WHERE team_id = ?1 ORDER BY account_id",
            &[Value::Int(team.get())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )
    }
}

impl WriteTx<'_> {
    /// Puts an account of the organisation into a team. External ones may be in it: what a team
    /// is given, its members are.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where the account is of another organisation,
    /// [`StorageError::AlreadyExists`] where it is in the team, [`StorageError::Limit`] where the
    /// team is full.
    pub fn add_team_member(&mut self, team: TeamId, account: AccountId) -> Result<()> {
        self.lock_team(team)?;
        if self.organisation_of(account)? != self.load_team(team)?.organisation {
            return Err(StorageError::Invalid("the account is of another organisation"));
        }
        self.tell_of_grantee(team.get(), &[account])?;
        let (kind, max) = (LimitKind::TeamMembers, self.settings.team_members_max);
        let inserted = self.sql.execute(
            "INSERT INTO team_member (team_id, account_id) VALUES (?1, ?2) \
             ON CONFLICT (team_id, account_id) DO NOTHING",
            &[Value::Int(team.get()), Value::Int(account.get())],
        )?;
        if inserted == 0 {
            return Err(StorageError::AlreadyExists("member"));
        }
        match self.load_team(team)?.members > max {
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }

    /// Takes an account out of a team.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where the account is not in it.
    pub fn remove_team_member(&mut self, team: TeamId, account: AccountId) -> Result<()> {
        self.lock_team(team)?;
        self.tell_of_grantee(team.get(), &[account])?;
        let removed = self.sql.execute(
            "DELETE FROM team_member WHERE team_id = ?1 AND account_id = ?2",
            &[Value::Int(team.get()), Value::Int(account.get())],
        )?;
        match removed {
            0 => Err(StorageError::NotFound("member")),
            _ => Ok(()),
        }
    }
}
