//! Where mail to an address goes, and which addresses an account may send from.

use ids::{AccountId, DomainId, ListId};

use crate::sql::{Row, Value};
use crate::{Address, ReadTx, Result, ShareRights, StorageError};

/// Where mail to an address goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// To an account of ours.
    Account(Recipient),
    /// To the members of a list here.
    List(ListId),
    /// Nowhere: the domain is ours, the local part is nobody's.
    UnknownRecipient,
    /// Elsewhere: the domain is not ours.
    Relay,
}

/// The account that receives, with what delivery needs to know of it. Accounts in maintenance
/// receive (R-ADDR-12): they merely cannot be used. Blocked ones are found as well; who takes
/// mail from outside refuses them by `blocked`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The account that the address is of.
    pub account: AccountId,
    /// R-ADDR-6: what followed the `+`, in the case it was written in; absent where the whole
    /// address is known and for a catch-all.
    pub detail: Option<String>,
    /// R-ADDR-6: whether the account wants such mail in the mailbox of that name.
    pub plus_to_mailbox: bool,
    /// R-ADDR-12: cannot sign in, and is refused as a recipient.
    pub blocked: bool,
    /// Bytes it keeps.
    pub used_bytes: u64,
    /// Bytes it may keep; 0: no limit.
    pub quota_bytes: u64,
    /// Where something is active that decides what becomes of its mail: the version of
    /// [`crate::Rules`] that holds.
    pub rules: Option<u64>,
    /// R-ADDR-13: whether mail to it is marked where [`ReadTx::is_external`] says so.
    pub marks_external: bool,
}

/// At what right an account sends from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// The address is its own.
    Own,
    /// The address is that of an account that lets it send as itself.
    As,
    /// The address is that of an account on whose behalf it sends, with its own as the sender.
    OnBehalf,
}

/// Whether addresses that are nobody's here may be named as authors and senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthorsElsewhere {
    /// R-ADDR-5: an account sends from its own addresses alone, and from those it was granted.
    #[default]
    Refused,
    /// They may; whether they are the account's is not known here.
    Permitted,
}

/// Whether the authors that a message names may be named by who submits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorship {
    /// All of the authors may be named.
    Permitted,
    /// They may, with this address in a Sender field that must be added.
    NeedsSender(String),
    /// One of the authors may not be named.
    Refused,
}

impl ReadTx<'_> {
    /// Where mail to `address` goes: a domain alias stands for its domain; then the address
    /// itself, then without its detail (R-ADDR-6), then the domain's catch-all.
    pub fn resolve(&mut self, address: &Address) -> Result<Resolution> {
        let Some(domain) = self.find_target(address.domain())? else {
            return Ok(Resolution::Relay);
        };
        let account = |found| {
            Resolution::Account(Recipient { marks_external: domain.external_mark, ..found })
        };
        match self.found_at(domain.id, address.local())? {
            Some(Found::Account(found)) => return Ok(account(found)),
            Some(Found::List(list)) => return Ok(Resolution::List(list)),
            None => {}
        }
        if let Some(base) = address.base_local() {
            let detail = address.detail().filter(|detail| !detail.is_empty()).map(str::to_owned);
            match self.found_at(domain.id, &base)? {
                Some(Found::Account(found)) => return Ok(account(Recipient { detail, ..found })),
                Some(Found::List(list)) => return self.resolve_owner(list, detail.as_deref()),
                None => {}
            }
        }
        match domain.catch_all {
            Some(catch_all) => self.recipient_of(catch_all).map(account),
            None => Ok(Resolution::UnknownRecipient),
        }
    }

    /// The account that gets bounces of a list, or mail to its owner: the postmaster where it has
    /// none. A list has no other details.
    fn resolve_owner(&mut self, list: ListId, detail: Option<&str>) -> Result<Resolution> {
        if !detail.is_some_and(crate::list::is_owner_detail) {
            return Ok(Resolution::UnknownRecipient);
        }
        let found = self.load_list(list)?;
        let owner = match found.owner {
            Some(owner) => Some(self.recipient_of(owner)?),
            None => {
                let domain = found.address.rsplit_once('@').map_or("", |(_, domain)| domain);
                self.postmaster(domain)?
            }
        };
        Ok(owner.map_or(Resolution::UnknownRecipient, Resolution::Account))
    }

    fn recipient_of(&mut self, account: AccountId) -> Result<Recipient> {
        let found = self.sql.query_one(
            "SELECT a.id, a.plus_to_mailbox, a.blocked, a.used_bytes, a.quota_bytes, \
             a.has_rules, a.rules_version FROM account a WHERE a.id = ?1",
            &[Value::Int(account.get())],
            read_recipient,
        )?;
        found.ok_or(StorageError::NotFound("account"))
    }

    /// Who answers for the domain of this name where nobody made `postmaster` an address of
    /// theirs (RFC 5321 §4.5.1): its first owner, or else administrator, who is not blocked; for
    /// a domain without either, those of the other domains of its organisation; where nobody is in
    /// charge there, its first account. Nobody of another organisation: who gets this mail can
    /// prove to others that the domain is theirs. For a name that is not ours, such as that of this
    /// server, and for a domain whose organisation has no account at all, the first of those in
    /// charge of any domain. Where all who could be are blocked, as whoever is to have no service
    /// is, there is nobody.
    pub fn postmaster(&mut self, domain: &str) -> Result<Option<Recipient>> {
        // No row has the id 0.
        let target = self.find_target(domain)?;
        let domain = target.as_ref().map_or(0, |target| target.id.get());
        let marks_external = target.is_some_and(|target| target.external_mark);
        let found = self.sql.query_one(
            "SELECT a.id, a.plus_to_mailbox, a.blocked, a.used_bytes, a.quota_bytes, \
             a.has_rules, a.rules_version \
             FROM account a WHERE a.blocked = 0 \
                 AND (a.role IN ('owner', 'administrator') AND NOT EXISTS (SELECT 1 FROM account x \
                    JOIN domain d ON d.id = x.domain_id \
                    JOIN domain o ON o.organisation = d.organisation WHERE o.id = ?1) \
                 OR a.role IN ('owner', 'administrator', 'collaborator') \
                    AND a.domain_id IN (SELECT d.id FROM domain d \
                    JOIN domain o ON o.organisation = d.organisation WHERE o.id = ?1)) \
             ORDER BY CASE WHEN a.role = 'collaborator' THEN 1 ELSE 0 END, \
                      CASE WHEN a.domain_id = ?1 THEN 0 ELSE 1 END, \
                      CASE WHEN a.role = 'owner' THEN 0 ELSE 1 END, a.id LIMIT 1",
            &[Value::Int(domain)],
            read_recipient,
        )?;
        Ok(found.map(|found| Recipient { marks_external, ..found }))
    }

    /// R-ADDR-5: whether `address` is the account's primary address or an alias of it, also
    /// under a domain alias, or of an account that was shared for that. A detail makes it another
    /// address.
    pub fn may_send_as(&mut self, account: AccountId, address: &Address) -> Result<bool> {
        Ok(matches!(self.sending(account, address)?, Some(Sending::Own | Sending::As)))
    }

    /// At what right an account sends from `address`; `None`: at none.
    ///
    /// # Errors
    /// [`StorageError::Maintenance`] where the account may send nothing now.
    pub fn sending(&mut self, account: AccountId, address: &Address) -> Result<Option<Sending>> {
        let Some(domain) = self.find_target(address.domain())? else { return Ok(None) };
        let Some(owner) = self.recipient_at(domain.id, address.local())? else { return Ok(None) };
        if owner.account == account {
            return Ok(Some(Sending::Own));
        }
        let share = self.share_of(owner.account, account)?;
        let right = match share {
            // R-SHARE-6.
            share if share.contains(ShareRights::SEND_AS) => Some(Sending::As),
            share if share.contains(ShareRights::SEND_ON_BEHALF) => Some(Sending::OnBehalf),
            _ => None,
        };
        // R-ADDR-12: while an account is in maintenance, sending is refused.
        match right.is_some() && self.is_in_maintenance(owner.account)? {
            true => Err(StorageError::Maintenance),
            false => Ok(right),
        }
    }

    /// R-ADDR-5 and R-SHARE-6 for the header section of a message that `account` submits: each
    /// author is an address that it sends from, but for those that are nobody's here where
    /// `elsewhere` permits them. Where one of them is somebody's on whose behalf it sends, the
    /// sender must be an address of its own (RFC 5322 §3.6.2).
    pub fn check_authors(
        &mut self,
        account: AccountId,
        authors: &[Address],
        senders: &[Address],
        elsewhere: AuthorsElsewhere,
    ) -> Result<Authorship> {
        for sender in senders {
            if !self.is_permitted(sender, elsewhere)? && !self.may_send_as(account, sender)? {
                return Ok(Authorship::Refused);
            }
        }
        let mut on_behalf = false;
        for author in authors {
            if self.is_permitted(author, elsewhere)? {
                continue;
            }
            match self.sending(account, author)? {
                Some(Sending::Own | Sending::As) => {}
                Some(Sending::OnBehalf) => on_behalf = true,
                None => return Ok(Authorship::Refused),
            }
        }
        if !on_behalf {
            return Ok(Authorship::Permitted);
        }
        match senders {
            [] => Ok(Authorship::NeedsSender(self.load_account(account)?.display_address)),
            [sender] if self.sending(account, sender)? == Some(Sending::Own) => {
                Ok(Authorship::Permitted)
            }
            _ => Ok(Authorship::Refused),
        }
    }

    /// Whether an address is nobody's here, and may be named all the same.
    fn is_permitted(&mut self, address: &Address, elsewhere: AuthorsElsewhere) -> Result<bool> {
        Ok(elsewhere == AuthorsElsewhere::Permitted && self.resolve(address)? == Resolution::Relay)
    }

    fn found_at(&mut self, domain: DomainId, local: &str) -> Result<Option<Found>> {
        self.sql.query_one(
            "SELECT a.id, a.plus_to_mailbox, a.blocked, a.used_bytes, a.quota_bytes, \
             a.has_rules, a.rules_version, x.list_id \
             FROM address x LEFT JOIN account a ON a.id = x.account_id \
             WHERE x.domain_id = ?1 AND x.local = ?2",
            &[Value::Int(domain.get()), Value::Text(local)],
            |row| match row.opt_int(7)? {
                Some(list) => Ok(Found::List(ListId::new(list))),
                None => read_recipient(row).map(Found::Account),
            },
        )
    }

    fn recipient_at(&mut self, domain: DomainId, local: &str) -> Result<Option<Recipient>> {
        Ok(match self.found_at(domain, local)? {
            Some(Found::Account(found)) => Some(found),
            Some(Found::List(_)) | None => None,
        })
    }
}

/// The owner of an address.
enum Found {
    Account(Recipient),
    List(ListId),
}

fn read_recipient(row: &dyn Row) -> Result<Recipient> {
    Ok(Recipient {
        account: AccountId::new(row.int(0)?),
        detail: None,
        plus_to_mailbox: row.int(1)? != 0,
        blocked: row.int(2)? != 0,
        used_bytes: row.int(3)?.cast_unsigned(),
        quota_bytes: row.int(4)?.cast_unsigned(),
        rules: (row.int(5)? != 0).then_some(row.int(6)?.cast_unsigned()),
        marks_external: false,
    })
}
