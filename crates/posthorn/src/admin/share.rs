//! Accounts, mailboxes, calendars and address books shared with others (R-SHARE-1, R-SHARE-6).

use ids::CollectionId;
use storage::{
    AccountTx, AclChange, AclEntry, Collection, CollectionKind, CollectionRights, CollectionShare,
    Home, MailboxName, Rights, Share, ShareRights, StorageError,
};

use super::account::{load, parse};
use super::invitation::{elsewhere, share_elsewhere, state_name};
use super::text::refusal;
use super::{Admin, Refusal, Response, ShareOf, ShareRow};

impl Admin {
    /// Shares an account as a whole, or something of it; in place of what was.
    pub(super) async fn grant(
        &self,
        account: &str,
        grantee: &str,
        of: &ShareOf,
        rights: &str,
    ) -> Result<Response, Refusal> {
        match of {
            ShareOf::Account => self.share(account, grantee, parse_share(rights)?).await,
            ShareOf::Mailbox(name) => {
                self.set_acl(account, grantee, name, parse_rights(rights)?).await
            }
            ShareOf::Calendar(_) | ShareOf::AddressBook(_) => {
                let rights = parse_collection_rights(of, rights)?;
                self.share_collection(account, grantee, of, rights).await
            }
        }
    }

    /// Ends the sharing of an account as a whole, or of something of it.
    pub(super) async fn revoke(
        &self,
        account: &str,
        grantee: &str,
        of: &ShareOf,
    ) -> Result<Response, Refusal> {
        match of {
            ShareOf::Account => self.share(account, grantee, ShareRights::default()).await,
            ShareOf::Mailbox(name) => self.set_acl(account, grantee, name, Rights::NONE).await,
            ShareOf::Calendar(_) | ShareOf::AddressBook(_) => {
                self.share_collection(account, grantee, of, CollectionRights::NONE).await
            }
        }
    }

    async fn share_collection(
        &self,
        account: &str,
        grantee: &str,
        of: &ShareOf,
        rights: CollectionRights,
    ) -> Result<Response, Refusal> {
        let (owner, other, of) = (parse(account)?, grantee.to_owned(), of.clone());
        let what = match &of {
            ShareOf::Calendar(name) | ShareOf::AddressBook(name) | ShareOf::Mailbox(name) => name,
            ShareOf::Account => return Err(Refusal("nothing is named".to_owned())),
        };
        let what = what.clone();
        let shared = self.write("share collection", move |tx| {
            let owner = load(tx, &owner)?;
            if let Some(address) = elsewhere(tx, owner, &of, &other)? {
                return share_elsewhere(tx, owner, &of, &address, rights);
            }
            let organisation = tx.organisation_of(owner)?;
            let sharee = tx.find_sharee(organisation, &other)?;
            let mut tx = tx.account(owner)?;
            let id = shared_collection(&mut tx, &of)?;
            if rights.is_empty() && !tx.is_collection_shared_with(id, sharee)? {
                return Err(StorageError::NotFound("share"));
            }
            tx.share_collection(id, sharee, rights)
        });
        shared
            .await
            .map_err(|error| refusal(&format!("{grantee} on {what} of {account}"), error))?;
        Ok(Response::Done)
    }

    /// With whom an account is shared as a whole; then what single mailboxes say beside that, and
    /// collections.
    pub(super) async fn list_shares(&self, account: &str) -> Result<Response, Refusal> {
        let wanted = parse(account)?;
        let read = self.read(move |tx| {
            let account = load(tx, &wanted)?;
            let mut collections = Vec::new();
            for home in [Home::Calendars, Home::AddressBooks] {
                for collection in tx.list_collections(account, home)? {
                    let shares = tx.list_collection_shares(collection.id)?;
                    collections
                        .extend(shares.iter().map(|share| collection_row(&collection, share)));
                    collections.extend(tx.public_token(&collection)?.map(|token| ShareRow {
                        grantee: "public".to_owned(),
                        mailbox: None,
                        calendar: Some(collection.name.clone()),
                        address_book: None,
                        rights: dav::public_path(&token),
                        state: None,
                    }));
                }
            }
            Ok((tx.list_shares(account)?, tx.list_acl(account)?, collections))
        });
        let (shares, acl, collections) = read.await.map_err(|error| refusal(account, error))?;
        let mut rows: Vec<ShareRow> = shares.iter().map(share_row).collect();
        let news = acl.iter().filter(|(_, entry)| !is_of_share(&shares, entry));
        rows.extend(news.map(|(mailbox, entry)| acl_row(mailbox, entry)));
        rows.extend(collections);
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

/// Where what is shared stands.
pub(super) fn place_of(of: &ShareOf) -> storage::Result<(Home, &str)> {
    match of {
        ShareOf::Calendar(name) => Ok((Home::Calendars, name)),
        ShareOf::AddressBook(name) => Ok((Home::AddressBooks, name)),
        ShareOf::Account | ShareOf::Mailbox(_) => {
            Err(StorageError::Invalid("a calendar or an address book has to be named"))
        }
    }
}

/// A calendar or an address book of the account that can be shared.
pub(super) fn shared_collection(
    tx: &mut AccountTx<'_, '_>,
    of: &ShareOf,
) -> storage::Result<CollectionId> {
    let (home, name) = place_of(of)?;
    // Whoever has not used any yet has them from now on.
    tx.make_first_collections()?;
    let account = tx.id();
    let found = tx.find_collection(account, home, name)?;
    let found = found.filter(|found| found.kind != CollectionKind::Inbox);
    Ok(found.ok_or(StorageError::NotFound("collection"))?.id)
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

/// Parses the name of rights on a collection (R-SHARE-1).
fn parse_collection_rights(of: &ShareOf, name: &str) -> Result<CollectionRights, Refusal> {
    let is_book = matches!(of, ShareOf::AddressBook(_));
    Ok(match (name, is_book) {
        ("view", false) | ("read", true) => CollectionRights::READ,
        ("edit", false) | ("write", true) => CollectionRights::WRITE,
        ("share", false) | ("admin", true) => CollectionRights::SHARE,
        ("free-busy", false) => CollectionRights::FREE_BUSY,
        (_, true) => {
            let known = "rights on an address book are read, write or admin";
            return Err(Refusal(format!("{name}: {known}")));
        }
        (_, false) => {
            let known = "rights on a calendar are view, edit, share or free-busy";
            return Err(Refusal(format!("{name}: {known}")));
        }
    })
}

/// The name of the most that rights allow.
pub(super) fn collection_rights(kind: CollectionKind, rights: CollectionRights) -> &'static str {
    let is_book = kind == CollectionKind::AddressBook;
    match (rights, is_book) {
        (rights, true) if rights.contains(CollectionRights::SHARE) => "admin",
        (rights, false) if rights.contains(CollectionRights::SHARE) => "share",
        (rights, true) if rights.contains(CollectionRights::WRITE) => "write",
        (rights, false) if rights.contains(CollectionRights::WRITE) => "edit",
        (rights, true) if rights.contains(CollectionRights::READ) => "read",
        (rights, false) if rights.contains(CollectionRights::READ) => "view",
        _ => "free-busy",
    }
}

/// Whether an entry only says what the account's being shared as a whole says.
fn is_of_share(shares: &[Share], entry: &AclEntry) -> bool {
    let mut shares = shares.iter();
    shares.any(|share| {
        share.grantee == entry.identifier && share.rights.of_mailboxes() == entry.rights
    })
}

fn share_row(share: &Share) -> ShareRow {
    ShareRow {
        grantee: share.grantee.clone(),
        mailbox: None,
        calendar: None,
        address_book: None,
        rights: share.rights.to_string(),
        state: None,
    }
}

pub(super) fn collection_row(collection: &Collection, share: &CollectionShare) -> ShareRow {
    let name = Some(collection.name.clone());
    let (calendar, address_book) = match collection.kind {
        CollectionKind::AddressBook => (None, name),
        _ => (name, None),
    };
    ShareRow {
        grantee: share.grantee.to_string(),
        mailbox: None,
        calendar,
        address_book,
        rights: collection_rights(collection.kind, share.rights).to_owned(),
        state: (!share.state.has_rights()).then(|| state_name(share.state).to_owned()),
    }
}

fn acl_row(mailbox: &MailboxName, entry: &AclEntry) -> ShareRow {
    ShareRow {
        grantee: entry.identifier.clone(),
        mailbox: Some(mailbox.as_str().to_owned()),
        calendar: None,
        address_book: None,
        rights: entry.rights.to_string(),
        state: None,
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
