//! Where mail to an address goes, and which addresses an account may send from.

use ids::{AccountId, DomainId};

use crate::sql::{Row, Value};
use crate::{Address, ReadTx, Result, ShareRights};

/// Where mail to an address goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// To an account of ours.
    Account(Recipient),
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
    /// The account.
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
}

impl ReadTx<'_> {
    /// Where mail to `address` goes: a domain alias stands for its domain; then the address
    /// itself, then without its detail (R-ADDR-6), then the domain's catch-all.
    pub fn resolve(&mut self, address: &Address) -> Result<Resolution> {
        let Some(domain) = self.find_target(address.domain())? else {
            return Ok(Resolution::Relay);
        };
        if let Some(found) = self.recipient_at(domain.id, address.local())? {
            return Ok(Resolution::Account(found));
        }
        if let Some(base) = address.base_local()
            && let Some(found) = self.recipient_at(domain.id, &base)?
        {
            let detail = address.detail().filter(|detail| !detail.is_empty()).map(str::to_owned);
            return Ok(Resolution::Account(Recipient { detail, ..found }));
        }
        let Some(catch_all) = domain.catch_all else {
            return Ok(Resolution::UnknownRecipient);
        };
        let account = self.load_account(catch_all)?;
        Ok(Resolution::Account(Recipient {
            account: account.id,
            detail: None,
            plus_to_mailbox: account.plus_to_mailbox,
            blocked: account.blocked,
            used_bytes: account.used_bytes,
            quota_bytes: account.quota_bytes,
        }))
    }

    /// Who answers for the domain of this name where nobody made `postmaster` an address of
    /// theirs (RFC 5321 §4.5.1): its first owner, or else administrator, who is not blocked; for
    /// a domain without either, or not ours, those of the other domains.
    pub fn postmaster(&mut self, domain: &str) -> Result<Option<Recipient>> {
        // No row has the id 0.
        let domain = self.find_target(domain)?.map_or(0, |target| target.id.get());
        self.sql.query_one(
            "SELECT a.id, a.plus_to_mailbox, a.blocked, a.used_bytes, a.quota_bytes \
             FROM account a WHERE a.role IN ('owner', 'administrator') AND a.blocked = 0 \
             ORDER BY CASE WHEN a.domain_id = ?1 THEN 0 ELSE 1 END, \
                      CASE WHEN a.role = 'owner' THEN 0 ELSE 1 END, a.id LIMIT 1",
            &[Value::Int(domain)],
            read_recipient,
        )
    }

    /// R-ADDR-5: whether `address` is the account's primary address or an alias of it, also
    /// under a domain alias. A detail makes it another address.
    pub fn may_send_as(&mut self, account: AccountId, address: &Address) -> Result<bool> {
        let Some(domain) = self.find_target(address.domain())? else {
            return Ok(false);
        };
        let owner = self.recipient_at(domain.id, address.local())?;
        let Some(owner) = owner else { return Ok(false) };
        // R-SHARE-6: or of one that was shared for that.
        Ok(owner.account == account
            || self.share_of(owner.account, account)?.contains(ShareRights::SEND_AS))
    }

    fn recipient_at(&mut self, domain: DomainId, local: &str) -> Result<Option<Recipient>> {
        self.sql.query_one(
            "SELECT a.id, a.plus_to_mailbox, a.blocked, a.used_bytes, a.quota_bytes \
             FROM address x JOIN account a ON a.id = x.account_id \
             WHERE x.domain_id = ?1 AND x.local = ?2",
            &[Value::Int(domain.get()), Value::Text(local)],
            read_recipient,
        )
    }
}

fn read_recipient(row: &dyn Row) -> Result<Recipient> {
    Ok(Recipient {
        account: AccountId::new(row.int(0)?),
        detail: None,
        plus_to_mailbox: row.int(1)? != 0,
        blocked: row.int(2)? != 0,
        used_bytes: row.int(3)?.cast_unsigned(),
        quota_bytes: row.int(4)?.cast_unsigned(),
    })
}
