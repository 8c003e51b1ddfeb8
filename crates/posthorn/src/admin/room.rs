//! Rooms (R-CAL-4): accounts that accept and decline meetings by themselves.

use storage::{Role, StorageError};

use super::account::{load, parse, row};
use super::text::refusal;
use super::{Admin, Refusal, Response};

impl Admin {
    pub(super) async fn add_room(&self, address: &str, name: String) -> Result<Response, Refusal> {
        let new = storage::NewAccount {
            address: parse(address)?,
            name,
            role: Role::Collaborator,
            // Nobody signs in to it.
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: false,
        };
        self.perform("room add", address, move |tx| {
            let account = tx.create_account(new)?;
            tx.make_room(account)
        })
        .await
    }

    pub(super) async fn list_rooms(&self) -> Result<Response, Refusal> {
        let rooms = self.read(|tx| tx.list_rooms()).await;
        let rooms = rooms.map_err(|error| refusal("rooms", error))?;
        Ok(Response::Accounts(rooms.into_iter().map(row).collect()))
    }

    pub(super) async fn remove_room(&self, address: &str) -> Result<Response, Refusal> {
        let wanted = parse(address)?;
        self.perform("room remove", address, move |tx| {
            let account = load(tx, &wanted)?;
            match tx.is_room(account)? {
                true => tx.remove_account(account),
                false => Err(StorageError::NotFound("room")),
            }
        })
        .await
    }
}
