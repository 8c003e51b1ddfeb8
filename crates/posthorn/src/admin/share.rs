//! Accounts and mailboxes shared with others (R-SHARE-6).

use storage::{AclChange, AclEntry, MailboxName, Rights, Share, ShareRights, StorageError};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Refusal, Response, ShareRow};

impl Admin {
    /// Shares an account as a whole, or one mailbox of it; in place of what was.
    pub(super) async fn grant(
        &self,
        account: &str,
        grantee: &str,
        mailbox: Option<&str>,
        rights: &str,
    ) -> Result<Response, Refusal> {
        match mailbox {
            None => self.share(account, grantee, parse_share(rights)?).await,
            Some(mailbox) => self.set_acl(account, grantee, mailbox, parse_rights(rights)?).await,
        }
    }

    /// Ends the sharing of an account as a whole, or of one mailbox.
    pub(super) async fn revoke(
        &self,
        account: &str,
        grantee: &str,
        mailbox: Option<&str>,
    ) -> Result<Response, Refusal> {
        match mailbox {
            None => self.share(account, grantee, ShareRights::default()).await,
            Some(mailbox) => self.set_acl(account, grantee, mailbox, Rights::NONE).await,
        }
    }

    /// With whom an account is shared as a whole; then what single mailboxes say beside that.
    pub(super) async fn list_shares(&self, account: &str) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let read = self.read(move |tx| {
            let account = load(tx, &wanted)?;
            Ok((tx.list_shares(account)?, tx.list_acl(account)?))
        });
        let (shares, acl) = read.await.map_err(|error| refusal(account, error))?;
        let mut rows: Vec<ShareRow> = shares.iter().map(share_row).collect();
        let news = acl.iter().filter(|(_, entry)| !is_of_share(&shares, entry));
        rows.extend(news.map(|(mailbox, entry)| acl_row(mailbox, entry)));
        Ok(Response::Shares(rows))
    }

    async fn share(
        &self,
        account: &str,
        grantee: &str,
        rights: ShareRights,
    ) -> Result<Response, Refusal> {
        let (owner, other) = (parse(account)?, grantee.to_owned());
        let ends = rights == ShareRights::default();
        self.perform("share", &format!("{grantee} on {account}"), move |tx| {
            let owner = load(tx, &owner)?;
            let organisation = tx.organisation_of(owner)?;
            let sharee = tx.find_sharee(organisation, &other)?;
            if ends && !tx.is_shared_with(owner, sharee)? {
                return Err(StorageError::NotFound("share"));
            }
            tx.share_account(owner, sharee, rights)
        })
        .await
    }

    async fn set_acl(
        &self,
        account: &str,
        grantee: &str,
        mailbox: &str,
        rights: Rights,
    ) -> Result<Response, Refusal> {
        let (owner, identifier) = (parse(account)?, grantee.to_owned());
        let name = MailboxName::parse(mailbox).map_err(|error| refusal(mailbox, error))?;
        let set = self.write("share mailbox", move |tx| {
            let owner = load(tx, &owner)?;
            let mailbox =
                tx.find_mailbox(owner, &name)?.ok_or(StorageError::NotFound("mailbox"))?.id;
            let before = tx.load_acl(owner, mailbox)?;
            tx.set_acl(owner, mailbox, &identifier, AclChange::Set(rights))?;
            match rights.is_empty() && tx.load_acl(owner, mailbox)? == before {
                true => Err(StorageError::NotFound("share")),
                false => Ok(()),
            }
        });
        let subject = || format!("{grantee} on {mailbox} of {account}");
        set.await.map_err(|error| refusal(&subject(), error))?;
        Ok(Response::Done)
    }
}

fn parse_share(names: &str) -> Result<ShareRights, Refusal> {
    ShareRights::parse(names).ok_or_else(|| {
        Refusal(format!("{names}: rights on an account are {}", ShareRights::NAMES.join(", ")))
    })
}

/// Names that are about mail, or the letters of RFC 4314 §2.1. What reads as names is names:
/// `read` is not four letters.
fn parse_rights(text: &str) -> Result<Rights, Refusal> {
    let named = ShareRights::parse(text).map(ShareRights::of_mailboxes);
    let rights = named.or_else(|| Rights::parse(text)).filter(|rights| !rights.is_empty());
    rights.ok_or_else(|| {
        Refusal(format!(
            "{text}: rights on a mailbox are read, write, admin, or letters of {}",
            Rights::ALL
        ))
    })
}

/// Whether an entry only says what the account's being shared as a whole says.
fn is_of_share(shares: &[Share], entry: &AclEntry) -> bool {
    let mut shares = shares.iter();
    shares.any(|share| {
        share.grantee == entry.identifier && share.rights.of_mailboxes() == entry.rights
    })
}

fn share_row(share: &Share) -> ShareRow {
    ShareRow { grantee: share.grantee.clone(), mailbox: None, rights: share.rights.to_string() }
}

fn acl_row(mailbox: &MailboxName, entry: &AclEntry) -> ShareRow {
    ShareRow {
        grantee: entry.identifier.clone(),
        mailbox: Some(mailbox.as_str().to_owned()),
        rights: entry.rights.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_names_or_letters() {
        for (text, expect) in [
            ("read", Ok("lrs")),
            ("read,write", Ok("lrswipkxten")),
            ("admin", Ok("la")),
            ("lr", Ok("lr")),
            ("a", Ok("a")),
            ("lrd", Ok("lrte")),
            ("", Err(())),
            ("send-as", Err(())),
            ("everything", Err(())),
        ] {
            let found = parse_rights(text).map(|rights| rights.to_string()).map_err(drop);
            assert_eq!(found.as_deref(), expect.as_deref(), "{text}");
        }
        let Refusal(text) = parse_share("read,everything").unwrap_err();
        assert!(text.starts_with("read,everything: rights on an account are read, write, "));
        assert!(parse_share("").is_err());
    }
}
