//! Teams of an organisation (R-ORG-1): made, renamed, removed, and their members.

use ids::{DomainId, TeamId};
use serde::{Deserialize, Serialize};
use storage::{ReadTx, StorageError, TeamName, WriteTx};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Refusal, Response};

/// What is done with teams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TeamVerb {
    Add { name: String },
    Rename { name: String, to: String },
    Remove { name: String },
    List,
    Show { name: String },
    Join { name: String, accounts: Vec<String> },
    Leave { name: String, accounts: Vec<String> },
}

/// A team in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TeamRow {
    pub(crate) name: String,
    /// The domain that leads its organisation.
    pub(crate) organisation: String,
    pub(crate) members: u64,
    /// The addresses of the members; only where one team is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accounts: Option<Vec<String>>,
}

impl Admin {
    /// `domain` is one of the organisation meant; needed where there are several.
    pub(super) async fn team(
        &self,
        domain: Option<String>,
        verb: TeamVerb,
    ) -> Result<Response, Refusal> {
        match verb {
            TeamVerb::Add { name } => {
                let wanted = team_name(&name)?;
                self.perform("team add", &name, move |tx| {
                    let organisation = organisation(tx, domain.as_deref())?;
                    tx.create_team(organisation, &wanted).map(drop)
                })
                .await
            }
            TeamVerb::Rename { name, to } => {
                let wanted = team_name(&to)?;
                self.perform("team rename", &name.clone(), move |tx| {
                    let team = find(tx, domain.as_deref(), &name)?;
                    tx.rename_team(team, &wanted)
                })
                .await
            }
            TeamVerb::Remove { name } => {
                self.perform("team remove", &name.clone(), move |tx| {
                    let team = find(tx, domain.as_deref(), &name)?;
                    tx.remove_team(team)
                })
                .await
            }
            TeamVerb::List => self.list_teams(domain).await,
            TeamVerb::Show { name } => self.show_team(domain, name).await,
            TeamVerb::Join { name, accounts } => {
                self.change_members(domain, name, accounts, |tx, team, account| {
                    tx.add_team_member(team, account)
                })
                .await
            }
            TeamVerb::Leave { name, accounts } => {
                self.change_members(domain, name, accounts, |tx, team, account| {
                    tx.remove_team_member(team, account)
                })
                .await
            }
        }
    }

    async fn list_teams(&self, domain: Option<String>) -> Result<Response, Refusal> {
        let subject = domain.clone().unwrap_or_else(|| "teams".to_owned());
        let read = self.read(move |tx| {
            let mut teams = tx.list_teams()?;
            if let Some(domain) = domain {
                let organisation = tx.find_organisation(&domain)?;
                teams.retain(|team| team.organisation == organisation);
            }
            Ok(teams)
        });
        let teams = read.await.map_err(|error| refusal(&subject, error))?;
        Ok(Response::Teams(teams.into_iter().map(|team| row(team, None)).collect()))
    }

    async fn show_team(&self, domain: Option<String>, name: String) -> Result<Response, Refusal> {
        let wanted = name.clone();
        let read = self.read(move |tx| {
            let team = find(tx, domain.as_deref(), &wanted)?;
            Ok((tx.load_team(team)?, tx.list_team_members(team)?))
        });
        let (team, accounts) = read.await.map_err(|error| refusal(&name, error))?;
        Ok(Response::Teams(vec![row(team, Some(accounts))]))
    }

    /// All of the accounts or none.
    async fn change_members(
        &self,
        domain: Option<String>,
        name: String,
        accounts: Vec<String>,
        change: fn(&mut WriteTx<'_>, TeamId, ids::AccountId) -> storage::Result<()>,
    ) -> Result<Response, Refusal> {
        let addresses = accounts.iter().map(|one| parse(one)).collect::<Result<Vec<_>, _>>()?;
        let subject = format!("{} in {name}", accounts.join(" "));
        self.perform("team members", &subject, move |tx| {
            let team = find(tx, domain.as_deref(), &name)?;
            let mut members = Vec::with_capacity(addresses.len());
            for address in &addresses {
                members.push(load(tx, address)?);
            }
            members.into_iter().try_for_each(|member| change(tx, team, member))
        })
        .await
    }
}

fn row(team: storage::Team, accounts: Option<Vec<String>>) -> TeamRow {
    TeamRow { name: team.name, organisation: team.domain, members: team.members, accounts }
}

fn team_name(name: &str) -> Result<TeamName, Refusal> {
    TeamName::parse(name).map_err(|error| refusal(name, error))
}

/// The organisation that a domain is of; the only one where none is named.
pub(super) fn organisation(tx: &mut ReadTx<'_>, domain: Option<&str>) -> storage::Result<DomainId> {
    match domain {
        Some(domain) => tx.find_organisation(domain),
        None => tx.only_organisation(),
    }
}

fn find(tx: &mut ReadTx<'_>, domain: Option<&str>, name: &str) -> storage::Result<TeamId> {
    let organisation = organisation(tx, domain)?;
    let team = tx.find_team(organisation, name)?;
    team.map(|team| team.id).ok_or(StorageError::NotFound("team"))
}
