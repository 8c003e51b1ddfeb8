//! Lists of values that scripts ask about (RFC 6134), of accounts and of everybody.

use storage::{StorageError, ValueListName};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Refusal, Response, ValueListRow, ValueListVerb};

/// The word in the place of an account where the lists of everybody are meant.
const EVERYBODY: &str = "*";

impl Admin {
    pub(super) async fn value_list(
        &self,
        account: &str,
        verb: ValueListVerb,
    ) -> Result<Response, Refusal> {
        match verb {
            ValueListVerb::Put { name, values } => {
                let name = list_name(&name)?;
                match account {
                    EVERYBODY => {
                        self.write("list of values", move |tx| {
                            tx.put_common_value_list(&name, &values)
                        })
                        .await
                        .map_err(|error| refusal("the list", error))?;
                        Ok(Response::Done)
                    }
                    _ => {
                        self.change(account, "rules", move |tx| tx.put_value_list(&name, &values))
                            .await
                    }
                }
            }
            ValueListVerb::Remove { name } => {
                let wanted = list_name(&name)?;
                match account {
                    EVERYBODY => {
                        self.write("list of values", move |tx| {
                            tx.remove_common_value_list(&wanted)
                        })
                        .await
                        .map_err(|error| refusal(&name, error))?;
                        Ok(Response::Done)
                    }
                    _ => {
                        self.change(account, "rules", move |tx| tx.remove_value_list(&wanted)).await
                    }
                }
            }
            ValueListVerb::List => {
                let whose = whose(account)?;
                let read = self.read(move |tx| {
                    let of = whose.map(|address| load(tx, &address)).transpose()?;
                    tx.list_value_lists(of)
                });
                let found = read.await.map_err(|error| refusal(account, error))?;
                let row = |(name, values)| ValueListRow { name, values };
                Ok(Response::ValueLists(found.into_iter().map(row).collect()))
            }
            ValueListVerb::Get { name } => {
                let (whose, name) = (whose(account)?, list_name(&name)?);
                let read = self.read(move |tx| {
                    let of = whose.map(|address| load(tx, &address)).transpose()?;
                    let list = tx.value_list_of(of, &name)?;
                    tx.load_values(list.ok_or(StorageError::NotFound("list"))?, u64::MAX)
                });
                let values = read.await.map_err(|error| refusal(account, error))?;
                let lines = values.iter().map(|value| format!("{value}\n"));
                Ok(Response::Text(lines.collect()))
            }
        }
    }
}

fn whose(account: &str) -> Result<Option<storage::Address>, Refusal> {
    (account != EVERYBODY).then(|| parse(account)).transpose()
}

fn list_name(name: &str) -> Result<ValueListName, Refusal> {
    ValueListName::parse(name).map_err(|error| refusal(name, error))
}
