//! The mailboxes of an account: listed, renamed and so on by an operator.

use storage::{AccountTx, MailboxEntry, MailboxName, StorageError};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, MailboxRow, Refusal, Response};

impl Admin {
    /// Lists all mailboxes of an account, or one.
    pub(super) async fn list_mailboxes(
        &self,
        account: &str,
        mailbox: Option<&str>,
    ) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let one = mailbox.map(parse_name).transpose()?;
        let tree = self
            .read(move |tx| {
                let account = load(tx, &wanted)?;
                tx.list_mailboxes(account)
            })
            .await
            .map_err(|error| refusal(account, error))?;
        let Some(one) = one else {
            return Ok(Response::Mailboxes(tree.entries.iter().filter_map(row).collect()));
        };
        match tree.find(&one).and_then(row) {
            Some(row) => Ok(Response::Mailboxes(vec![row])),
            None => Err(refusal(one.as_str(), StorageError::NotFound("mailbox"))),
        }
    }

    pub(super) async fn create_mailbox(
        &self,
        account: &str,
        mailbox: &str,
    ) -> Result<Response, Refusal> {
        let name = parse_name(mailbox)?;
        self.change_mailbox(account, mailbox, "mailbox create", move |tx| {
            tx.create_mailbox(&name, None).map(|_| ())
        })
        .await
    }

    pub(super) async fn rename_mailbox(
        &self,
        account: &str,
        from: &str,
        to: &str,
    ) -> Result<Response, Refusal> {
        let (old, new) = (parse_name(from)?, parse_name(to)?);
        self.change_mailbox(account, from, "mailbox rename", move |tx| {
            tx.rename_mailbox(&old, &new).map(|_| ())
        })
        .await
    }

    pub(super) async fn delete_mailbox(
        &self,
        account: &str,
        mailbox: &str,
    ) -> Result<Response, Refusal> {
        let name = parse_name(mailbox)?;
        self.change_mailbox(account, mailbox, "mailbox delete", move |tx| tx.delete_mailbox(&name))
            .await
    }

    /// Changes one mailbox of an account.
    async fn change_mailbox(
        &self,
        account: &str,
        mailbox: &str,
        verb: &'static str,
        change: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        self.perform(verb, &format!("{mailbox} of {account}"), move |tx| {
            let account = load(tx, &wanted)?;
            change(&mut tx.account(account)?)
        })
        .await
    }
}

fn parse_name(name: &str) -> Result<MailboxName, Refusal> {
    MailboxName::parse(name).map_err(|error| refusal(name, error))
}

/// `None` for a name that is merely subscribed to: no mailbox of that name is there.
fn row(entry: &MailboxEntry) -> Option<MailboxRow> {
    let mailbox = entry.mailbox.as_ref();
    if mailbox.is_none() && !entry.ghost {
        return None;
    }
    let special_use = mailbox.and_then(|mailbox| mailbox.special_use);
    Some(MailboxRow {
        mailbox: entry.name.as_str().to_owned(),
        special_use: special_use.map(|special_use| special_use.attribute().to_owned()),
        subscribed: entry.subscribed,
        ghost: entry.ghost,
        messages: mailbox.map_or(0, |mailbox| mailbox.messages),
        unseen: mailbox.map_or(0, |mailbox| mailbox.unseen),
        size_bytes: mailbox.map_or(0, |mailbox| mailbox.size_bytes),
        uid_validity: mailbox.map_or(0, |mailbox| mailbox.uid_validity.get()),
        uid_next: mailbox.map_or(0, |mailbox| mailbox.uid_next.get()),
    })
}
