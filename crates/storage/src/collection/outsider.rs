//! Calendars shared with people who have no account here (R-SHARE-1): each reaches one calendar by
//! a secret address that was sent to them, and no more.
//!
//! **Invariants:** of a secret only its hash is kept; an outsider acts under a number that no
//! account has, and every verb asks for their rights anew; what somebody elsewhere shares on gives
//! less than they have, and ends with it; they invite nobody to meetings, nor answer for anybody.

use ids::{AccountId, CollectionId, Timestamp};

use super::invite::check_names;
use super::{Collection, CollectionKind, Invite, ShareLetterNews, ShareState};
use crate::change::Fact;
use crate::rules::new_token;
use crate::sql::{Row, Value};
use crate::{
    AccountTx, Address, CollectionRights, LimitKind, ReadTx, Result, StorageError, WriteTx,
};

/// Numbers from here on are of teams, lists and outsiders; no store has as many accounts.
pub(crate) const FIRST: i64 = 1 << 40;
/// LIMIT: people whom one outsider may invite further.
const ONWARD_MAX: u64 = 20;
/// LIMIT: somebody is written to again after this long.
const AGAIN_SECS: i64 = 600;

/// Somebody without an account here with whom a calendar is shared by a secret link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsider {
    /// The id that they act under, above those of accounts.
    pub id: AccountId,
    /// The one calendar they reach.
    pub collection: CollectionId,
    /// The address that they are written to.
    pub address: String,
    /// The rights that they have on the calendar.
    pub rights: CollectionRights,
    /// `Invited` until the link was used for the first time.
    pub state: ShareState,
    /// The name by which the inviting side knows them.
    pub common_name: Option<String>,
    /// The outsider who has invited them, if it was one.
    invited_by: Option<AccountId>,
    sent: Timestamp,
}

macro_rules! select_outsider {
    ($rest:literal) => {
        concat!(
            "SELECT x.id, x.collection_id, x.address, s.rights, s.state, s.common_name, ",
            "x.invited_by, x.sent FROM outsider x JOIN collection_share s ",
            "ON s.collection_id = x.collection_id AND s.grantee = x.id ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<Outsider> {
    Ok(Outsider {
        id: AccountId::new(row.int(0)?),
        collection: CollectionId::new(row.int(1)?),
        address: row.text(2)?.to_owned(),
        rights: CollectionRights::from_column(row.int(3)?),
        state: ShareState::from_column(row.int(4)?)?,
        common_name: row.opt_text(5)?.map(str::to_owned),
        invited_by: Some(row.int(6)?).filter(|id| *id != 0).map(AccountId::new),
        sent: Timestamp::from_micros(row.int(7)?),
    })
}

/// Whether somebody elsewhere, who has no account, is at work.
pub(crate) fn is_outsider(actor: AccountId) -> bool {
    actor.get() > FIRST
}

impl ReadTx<'_> {
    /// The outsider whose secret this is. R-ADDR-12: nothing of an account that is blocked, or in
    /// maintenance.
    ///
    /// # Errors
    /// [`StorageError::Maintenance`] where nothing of the account is shown now.
    pub fn find_outsider(&mut self, secret: &str) -> Result<Option<Outsider>> {
        let hash = blake3::hash(secret.as_bytes());
        let found = self.sql.query_one(
            select_outsider!(
                "JOIN collection c ON c.id = x.collection_id \
                 JOIN account a ON a.id = c.account_id WHERE x.secret = ?1 AND a.blocked = 0"
            ),
            &[Value::Bytes(hash.as_bytes())],
            read,
        )?;
        let Some(found) = found else { return Ok(None) };
        let owner = self.load_collection(found.collection)?.account;
        match self.is_in_maintenance(owner)? {
            true => Err(StorageError::Maintenance),
            false => Ok(Some(found)),
        }
    }

    /// Whether an address is of no domain of ours: who has it may be invited as an outsider.
    pub fn is_elsewhere(&mut self, address: &Address) -> Result<bool> {
        Ok(self.find_domain(address.domain())?.is_none())
    }

    /// Whether a calendar is shared with somebody elsewhere.
    pub fn find_outsider_of(
        &mut self,
        collection: CollectionId,
        address: &Address,
    ) -> Result<Option<Outsider>> {
        self.sql.query_one(
            select_outsider!("WHERE x.collection_id = ?1 AND x.address = ?2"),
            &[Value::Int(collection.get()), Value::Text(&address.normal_text())],
            read,
        )
    }

    /// The one who acts under this number.
    pub(super) fn load_outsider(&mut self, actor: AccountId) -> Result<Option<Outsider>> {
        if !is_outsider(actor) {
            return Ok(None);
        }
        self.sql.query_one(select_outsider!("WHERE x.id = ?1"), &[Value::Int(actor.get())], read)
    }

    fn invited_by(&mut self, collection: CollectionId, by: AccountId) -> Result<Vec<Outsider>> {
        self.sql.query_all(
            select_outsider!("WHERE x.collection_id = ?1 AND x.invited_by = ?2 ORDER BY x.id"),
            &[Value::Int(collection.get()), Value::Int(by.get())],
            read,
        )
    }

    fn outsiders(&mut self, collection: CollectionId) -> Result<u64> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM outsider WHERE collection_id = ?1",
            &[Value::Int(collection.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        Ok(count.unwrap_or(0))
    }
}

impl WriteTx<'_> {
    /// Holds what an invitation that `actor` sends of a calendar of `owner` counts against, before
    /// [`lock_sharing`](Self::lock_sharing).
    pub fn lock_invitations(&mut self, owner: AccountId, actor: AccountId) -> Result<()> {
        let sender = if is_outsider(actor) { owner } else { actor };
        self.lock_sent(sender)
    }

    /// Somebody elsewhere uses their address for the first time: that is their answer.
    pub fn accept_as_outsider(&mut self, outsider: &Outsider) -> Result<()> {
        let owner = self.load_collection(outsider.collection)?.account;
        let mut account = self.account(owner)?;
        let accepted = account.sql.execute(
            "UPDATE collection_share SET state = 2 \
             WHERE collection_id = ?1 AND grantee = ?2 AND state = 1",
            &[Value::Int(outsider.collection.get()), Value::Int(outsider.id.get())],
        )?;
        match accepted {
            0 => Ok(()),
            _ => account.tell_of_sharing(outsider.collection),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Whether the one acting has no account here.
    pub(crate) fn is_outside(&self) -> bool {
        is_outsider(self.actor)
    }

    /// Refuses to speak for the account at the word of somebody elsewhere: whoever knows an address
    /// would write to anybody in its owner's name.
    pub(crate) fn require_voice(&self) -> Result<()> {
        match self.is_outside() {
            true => Err(StorageError::NoPermission("only who has an account invites and answers")),
            false => Ok(()),
        }
    }

    /// Invites somebody elsewhere to a calendar of the account by mail, or changes what one who was
    /// may do; who has not used their address yet is written to again. After
    /// [`lock_invitations`](WriteTx::lock_invitations) and [`lock_sharing`](WriteTx::lock_sharing).
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an address of a domain that is ours; [`StorageError::Limit`]
    /// beyond the people or letters that there may be; [`StorageError::NoPermission`] where the
    /// actor may not share.
    pub fn invite_outsider(
        &mut self,
        collection: CollectionId,
        address: &Address,
        invite: &Invite,
    ) -> Result<()> {
        let found = self.require_shared(collection, CollectionRights::SHARE)?;
        check_invite(&found, invite)?;
        if !self.is_elsewhere(address)? {
            return Err(StorageError::NotFound("account"));
        }
        let mut invite = invite.clone();
        if self.is_outside() {
            // What is shared on is not shared on again.
            invite.rights = invite.rights.and(CollectionRights::WRITE);
        }
        match self.find_outsider_of(collection, address)? {
            Some(there) => self.change_outsider(&found, &there, address, &invite),
            None => self.add_outsider(&found, address, &invite),
        }
    }

    /// Sends the invitation again, with another address: the one before is dead at once.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where nobody of that address was invited;
    /// [`StorageError::NoPermission`] where that was a moment ago, or by somebody else.
    pub fn resend_invitation(&mut self, collection: CollectionId, address: &Address) -> Result<()> {
        let found = self.require_shared(collection, CollectionRights::SHARE)?;
        let there = self.find_outsider_of(collection, address)?;
        let there = there.ok_or(StorageError::NotFound("share"))?;
        self.require_inviter_of(&there)?;
        if self.is_too_soon(&there) {
            return Err(StorageError::NoPermission("they were written to a moment ago"));
        }
        self.renew(&found, &there, address)
    }

    /// Ends the sharing with somebody elsewhere, and with those whom they have invited: their
    /// addresses lead nowhere from then on. Whether there was any. After
    /// [`lock_invitations`](WriteTx::lock_invitations).
    pub fn uninvite_outsider(
        &mut self,
        collection: CollectionId,
        address: &Address,
    ) -> Result<bool> {
        let found = self.require_shared(collection, CollectionRights::SHARE)?;
        let Some(there) = self.find_outsider_of(collection, address)? else { return Ok(false) };
        self.require_inviter_of(&there)?;
        self.end_onward(&found, &there)?;
        self.end_outsider(&found, &there)?;
        self.tell_of_sharing(collection)?;
        Ok(true)
    }

    fn add_outsider(
        &mut self,
        found: &Collection,
        address: &Address,
        invite: &Invite,
    ) -> Result<()> {
        self.check_outsiders(found.id)?;
        let id = AccountId::new(self.next_team_number()?);
        let secret = new_token()?;
        let by = if self.is_outside() { self.actor.get() } else { 0 };
        let (now, normal) = (self.now, address.normal_text());
        self.sql.execute(
            "INSERT INTO outsider (id, collection_id, address, secret, invited_by, sent) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                Value::Int(id.get()),
                Value::Int(found.id.get()),
                Value::Text(&normal),
                Value::Bytes(blake3::hash(secret.as_bytes()).as_bytes()),
                Value::Int(by),
                Value::Int(now.as_micros()),
            ],
        )?;
        self.write_outside_share(found.id, id, invite, ShareState::Invited)?;
        self.check_shares(found.id)?;
        self.tell_of_sharing(found.id)?;
        self.send_share_letter(found, address, invite.rights, secret)
    }

    /// Nobody loses the right to share by being allowed to edit: programs that invite know no more.
    fn change_outsider(
        &mut self,
        found: &Collection,
        there: &Outsider,
        address: &Address,
        invite: &Invite,
    ) -> Result<()> {
        self.require_inviter_of(there)?;
        let mut invite = invite.clone();
        let shares = there.rights.contains(CollectionRights::SHARE);
        if self.is_at_word && shares && invite.rights == CollectionRights::WRITE {
            invite.rights = there.rights;
        }
        if shares && !invite.rights.contains(CollectionRights::SHARE) {
            self.end_onward(found, there)?;
        }
        if !self.is_outside() && there.invited_by.is_some() {
            // It is the word of somebody with an account from now on.
            self.sql.execute(
                "UPDATE outsider SET invited_by = 0 WHERE id = ?1",
                &[Value::Int(there.id.get())],
            )?;
        }
        self.write_outside_share(found.id, there.id, &invite, there.state)?;
        self.tell_of_sharing(found.id)?;
        match there.state == ShareState::Invited && !self.is_too_soon(there) {
            true => {
                self.renew(found, &Outsider { rights: invite.rights, ..there.clone() }, address)
            }
            // The letter that invited them has what was true then.
            false if there.rights != invite.rights => {
                self.send_share_news(found, address, ShareLetterNews::Changed, invite.rights)
            }
            false => Ok(()),
        }
    }

    fn renew(&mut self, found: &Collection, there: &Outsider, address: &Address) -> Result<()> {
        let (secret, now) = (new_token()?, self.now);
        self.sql.execute(
            "UPDATE outsider SET secret = ?2, sent = ?3 WHERE id = ?1",
            &[
                Value::Int(there.id.get()),
                Value::Bytes(blake3::hash(secret.as_bytes()).as_bytes()),
                Value::Int(now.as_micros()),
            ],
        )?;
        self.send_share_letter(found, address, there.rights, secret)
    }

    /// Fails unless the actor invited that outsider: outsiders have a say in those alone whom they
    /// invited.
    fn require_inviter_of(&self, there: &Outsider) -> Result<()> {
        match self.is_outside() && there.invited_by != Some(self.actor) {
            true => Err(StorageError::NoPermission("somebody else has invited them")),
            false => Ok(()),
        }
    }

    fn is_too_soon(&self, there: &Outsider) -> bool {
        self.now < there.sent.plus_secs(AGAIN_SECS)
    }

    fn write_outside_share(
        &mut self,
        collection: CollectionId,
        outsider: AccountId,
        invite: &Invite,
        state: ShareState,
    ) -> Result<()> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (name, summary) = (text(&invite.common_name), text(&invite.summary));
        self.sql.execute(
            "INSERT INTO collection_share (collection_id, grantee, rights, state, common_name, \
             summary) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (collection_id, grantee) \
             DO UPDATE SET rights = ?3, common_name = ?5, summary = ?6",
            &[
                Value::Int(collection.get()),
                Value::Int(outsider.get()),
                Value::Int(invite.rights.column()),
                Value::Int(state.column()),
                name.as_deref().map_or(Value::Null, Value::Text),
                summary.as_deref().map_or(Value::Null, Value::Text),
            ],
        )?;
        Ok(())
    }

    fn end_onward(&mut self, found: &Collection, by: &Outsider) -> Result<()> {
        for one in self.invited_by(by.collection, by.id)? {
            self.end_outsider(found, &one)?;
        }
        Ok(())
    }

    /// Ends the sharing with one outsider, who is told so.
    fn end_outsider(&mut self, found: &Collection, outsider: &Outsider) -> Result<()> {
        self.erase_outsider(outsider)?;
        let to = Address::parse(&outsider.address)
            .map_err(|_| StorageError::Corrupt("the address of an outsider".to_owned()))?;
        self.send_share_news(found, &to, ShareLetterNews::Ended, CollectionRights::NONE)
    }

    fn erase_outsider(&mut self, outsider: &Outsider) -> Result<()> {
        self.sql.execute(
            "DELETE FROM collection_share WHERE collection_id = ?1 AND grantee = ?2",
            &[Value::Int(outsider.collection.get()), Value::Int(outsider.id.get())],
        )?;
        self.sql
            .execute("DELETE FROM outsider WHERE id = ?1", &[Value::Int(outsider.id.get())])
            .map(drop)
    }

    fn check_outsiders(&mut self, collection: CollectionId) -> Result<()> {
        let (kind, max) = (LimitKind::Outsiders, self.settings.outsiders_max);
        if self.outsiders(collection)? >= max {
            return Err(StorageError::Limit { kind, max });
        }
        let (actor, is_outside) = (self.actor, self.is_outside());
        if is_outside && self.invited_by(collection, actor)?.len() as u64 >= ONWARD_MAX {
            return Err(StorageError::Limit { kind, max: ONWARD_MAX });
        }
        Ok(())
    }

    /// Programs of everybody who has it look again.
    fn tell_of_sharing(&mut self, collection: CollectionId) -> Result<()> {
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)
    }
}

fn check_invite(found: &Collection, invite: &Invite) -> Result<()> {
    if found.kind != CollectionKind::Calendar || found.source.is_some() {
        return Err(StorageError::NoPermission("only calendars are shared with people elsewhere"));
    }
    if !invite.rights.contains(CollectionRights::READ) {
        return Err(StorageError::Invalid("people elsewhere view, edit, or edit and share"));
    }
    check_names(invite)
}
