//! Lists: addresses whose mail goes to several others.

use ids::ListId;
use serde::{Deserialize, Serialize};
use storage::{Address, ListChange, MailList, NewList, ReadTx, StorageError, WriteTx};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Refusal, Response};

/// What is done with lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ListVerb {
    Add {
        address: String,
        owner: String,
        description: String,
        posting: Posting,
        /// The name of the team whose members are those of the list.
        team: Option<String>,
    },
    Edit {
        address: String,
        owner: Option<String>,
        description: Option<String>,
        posting: Option<Posting>,
    },
    Remove {
        address: String,
    },
    List {
        domain: Option<String>,
    },
    Show {
        address: String,
    },
    Join {
        address: String,
        members: Vec<String>,
    },
    Leave {
        address: String,
        members: Vec<String>,
    },
}

/// Who may post to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Posting {
    /// Everybody.
    Anyone,
    /// Accounts of the organisation, signed in, and members.
    Organisation,
    /// Members and the owner.
    Members,
}

impl From<Posting> for storage::Posting {
    fn from(posting: Posting) -> Self {
        match posting {
            Posting::Anyone => Self::Anyone,
            Posting::Organisation => Self::Organisation,
            Posting::Members => Self::Members,
        }
    }
}

/// A list in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListRow {
    pub(crate) address: String,
    pub(crate) description: String,
    /// The account that gets bounces; absent: the postmaster.
    pub(crate) owner: Option<String>,
    pub(crate) posting: String,
    pub(crate) team: Option<String>,
    pub(crate) members: u64,
    /// Only where one list is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) addresses: Option<Vec<String>>,
}

impl Admin {
    pub(super) async fn list(&self, verb: ListVerb) -> Result<Response, Refusal> {
        match verb {
            ListVerb::Add { address, owner, description, posting, team } => {
                let (at, by) = (parse(&address)?, parse(&owner)?);
                self.perform("list add", &address, move |tx| {
                    let team = match team {
                        None => None,
                        Some(name) => {
                            let organisation = tx.find_organisation(at.domain())?;
                            let found = tx.find_team(organisation, &name)?;
                            Some(found.ok_or(StorageError::NotFound("team"))?.id)
                        }
                    };
                    let owner = tx.find_account(&by)?.ok_or(StorageError::NotFound("owner"))?.id;
                    let posting = posting.into();
                    let new = NewList { address: at, description, owner, posting, team };
                    tx.create_list(&new).map(drop)
                })
                .await
            }
            ListVerb::Edit { address, owner, description, posting } => {
                let (at, by) = (parse(&address)?, owner.as_deref().map(parse).transpose()?);
                self.perform("list edit", &address, move |tx| {
                    let list = find(tx, &at)?;
                    let owner = by.map(|by| load(tx, &by)).transpose()?;
                    let posting = posting.map(Into::into);
                    tx.update_list(list, &ListChange { description, owner, posting })
                })
                .await
            }
            ListVerb::Remove { address } => {
                let at = parse(&address)?;
                self.perform("list remove", &address, move |tx| {
                    let list = find(tx, &at)?;
                    tx.remove_list(list)
                })
                .await
            }
            ListVerb::List { domain } => self.list_lists(domain).await,
            ListVerb::Show { address } => self.show_list(&address).await,
            ListVerb::Join { address, members } => {
                self.change_listed(address, members, |tx, list, member| {
                    tx.add_list_member(list, member)
                })
                .await
            }
            ListVerb::Leave { address, members } => {
                self.change_listed(address, members, |tx, list, member| {
                    tx.remove_list_member(list, member)
                })
                .await
            }
        }
    }

    async fn list_lists(&self, domain: Option<String>) -> Result<Response, Refusal> {
        let subject = domain.clone().unwrap_or_else(|| "lists".to_owned());
        let read = self.read(move |tx| {
            let mut lists = tx.list_lists()?;
            if let Some(domain) = domain {
                let found = tx.find_domain(&domain)?.ok_or(StorageError::NotFound("domain"))?;
                lists.retain(|list| list.domain == found.id);
            }
            Ok(lists)
        });
        let lists = read.await.map_err(|error| refusal(&subject, error))?;
        Ok(Response::Lists(lists.into_iter().map(|list| row(list, None)).collect()))
    }

    async fn show_list(&self, address: &str) -> Result<Response, Refusal> {
        let at = parse(address)?;
        let read = self.read(move |tx| {
            let list = find(tx, &at)?;
            Ok((tx.load_list(list)?, tx.list_members(list)?))
        });
        let (list, members) = read.await.map_err(|error| refusal(address, error))?;
        let members = members.into_iter().map(|member| member.address).collect();
        Ok(Response::Lists(vec![row(list, Some(members))]))
    }

    /// All of the members or none.
    async fn change_listed(
        &self,
        address: String,
        members: Vec<String>,
        change: fn(&mut WriteTx<'_>, ListId, &Address) -> storage::Result<()>,
    ) -> Result<Response, Refusal> {
        let at = parse(&address)?;
        let parsed = members.iter().map(|one| parse(one)).collect::<Result<Vec<_>, _>>()?;
        let subject = format!("{} on {address}", members.join(" "));
        self.perform("list members", &subject, move |tx| {
            let list = find(tx, &at)?;
            parsed.iter().try_for_each(|member| change(tx, list, member))
        })
        .await
    }
}

fn row(list: MailList, addresses: Option<Vec<String>>) -> ListRow {
    ListRow {
        address: list.address,
        description: list.description,
        owner: list.owner_address,
        posting: list.posting.as_str().to_owned(),
        team: list.team_name,
        members: list.members,
        addresses,
    }
}

fn find(tx: &mut ReadTx<'_>, address: &Address) -> storage::Result<ListId> {
    Ok(tx.find_list(address)?.ok_or(StorageError::NotFound("list"))?.id)
}
