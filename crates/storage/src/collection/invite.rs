//! Invitations to calendars and address books: asked for, answered, changed, withdrawn
//! (calendarserver's caldav-sharing draft). Who is invited has rights once they accept.

use ids::{AccountId, CollectionId, Timestamp};

use super::{Collection, CollectionChange, CollectionKind, Home, ObjectName};
use crate::change::Fact;
use crate::object::{ObjectLimits, PreparedObject, Tag};
use crate::sql::Value;
use crate::{
    AccountTx, Address, CollectionRights, CollectionShare, ReadTx, Result, SharedWith, Sharee,
    StorageError,
};

/// LIMIT: bytes of what whoever invites calls somebody, or the collection.
const NAME_BYTES_MAX: usize = 1024;

/// Where somebody stands with what is shared with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShareState {
    /// They have rights without having been asked.
    Given,
    /// They were invited and have not answered; they have no rights yet.
    Invited,
    /// They accepted the invitation.
    Accepted,
    /// They declined the invitation, or left the collection later.
    Declined,
}

impl ShareState {
    pub(crate) const fn column(self) -> i64 {
        match self {
            Self::Given => 0,
            Self::Invited => 1,
            Self::Accepted => 2,
            Self::Declined => 3,
        }
    }

    pub(super) fn from_column(column: i64) -> Result<Self> {
        match column {
            0 => Ok(Self::Given),
            1 => Ok(Self::Invited),
            2 => Ok(Self::Accepted),
            3 => Ok(Self::Declined),
            _ => Err(StorageError::Corrupt("an unknown state of a share".to_owned())),
        }
    }

    /// Whether rights that go with it count.
    pub fn has_rights(self) -> bool {
        matches!(self, Self::Given | Self::Accepted)
    }
}

/// An invitation to a collection: the rights, and how the inviting side names things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The rights that they get on accepting.
    pub rights: CollectionRights,
    /// The name by which the inviting side knows them.
    pub common_name: Option<String>,
    /// The name that the invitation gives to the collection.
    pub summary: Option<String>,
}

/// What the programs of somebody are told of a collection that is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareNotice {
    /// What happened to the share.
    pub news: ShareNews,
    /// The id of the invitation.
    pub invitation: String,
    /// When it happened.
    pub at: Timestamp,
    /// The collection, as its owner has it.
    pub collection: Collection,
    /// The address and the name of its owner.
    pub owner: (String, String),
    /// The address and the name of whom it is or was shared with.
    pub sharee: (String, String),
    /// The rights that they have or are offered.
    pub rights: CollectionRights,
    /// The name that the invitation gives to the collection.
    pub summary: Option<String>,
}

/// What a [`ShareNotice`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareNews {
    /// To who is invited: they are, or what it is about has changed.
    Invitation(ShareState),
    /// Tells who had a share, or an invitation to one, that it has ended.
    Withdrawn,
    /// Tells the owner the answer of the sharee.
    Reply(ShareState),
}

/// Writes the notices about sharing in the XML that clients read.
pub trait ShareNotices: Send + Sync {
    /// A document of XML.
    fn render(&self, notice: &ShareNotice) -> Vec<u8>;
}

impl ReadTx<'_> {
    /// The collection that an invitation of `sharee` is about; `None` where there is no such
    /// invitation, or no more.
    pub fn find_invitation(
        &mut self,
        sharee: AccountId,
        invitation: &str,
    ) -> Result<Option<Collection>> {
        let found = self.sql.query_one(
            "SELECT collection_id FROM collection_share \
             WHERE grantee = ?1 AND state <> 0 AND invitation = ?2",
            &[Value::Int(sharee.get()), Value::Text(invitation)],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )?;
        found.map(|id| self.load_collection(id)).transpose()
    }

    /// What an account was invited to by name, whatever became of it, by owner and name.
    pub fn list_invitations(
        &mut self,
        sharee: AccountId,
    ) -> Result<Vec<(Collection, CollectionShare)>> {
        let ids = self.sql.query_all(
            "SELECT c.id FROM collection_share s JOIN collection c ON c.id = s.collection_id \
             WHERE s.grantee = ?1 AND s.state <> 0 ORDER BY c.account_id, c.home, c.name",
            &[Value::Int(sharee.get())],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )?;
        let address = self.load_account(sharee)?.address;
        let own = SharedWith::Account(address);
        let mut all = Vec::new();
        for id in ids {
            let (found, shares) = (self.load_collection(id)?, self.list_collection_shares(id)?);
            let share = shares.into_iter().find(|share| share.grantee == own);
            all.extend(share.map(|share| (found, share)));
        }
        Ok(all)
    }

    /// Finds the invitation by the place that the collection has in the home of its owner.
    pub fn find_invitation_to(
        &mut self,
        sharee: AccountId,
        owner: &Address,
        home: Home,
        name: &str,
    ) -> Result<Option<Collection>> {
        let Some(owner) = self.find_account(owner)? else { return Ok(None) };
        let Some(found) = self.find_collection(owner.id, home, name)? else { return Ok(None) };
        let share = self.named_share(found.id, sharee)?;
        Ok(share.filter(|share| share.state != ShareState::Given).map(|_| found))
    }

    /// The collection of this sort in which an account is told of what is shared.
    pub fn find_notifications(&mut self, account: AccountId) -> Result<Option<Collection>> {
        let all = self.list_collections(account, CollectionKind::Notifications.home())?;
        Ok(all.into_iter().find(|one| one.kind == CollectionKind::Notifications))
    }

    /// What an account was given by name, if anything.
    fn named_share(
        &mut self,
        collection: CollectionId,
        sharee: AccountId,
    ) -> Result<Option<NamedShare>> {
        self.sql.query_one(
            "SELECT rights, state, summary FROM collection_share \
             WHERE collection_id = ?1 AND grantee = ?2",
            &[Value::Int(collection.get()), Value::Int(sharee.get())],
            |row| {
                Ok(NamedShare {
                    rights: CollectionRights::from_column(row.int(0)?),
                    state: ShareState::from_column(row.int(1)?)?,
                    summary: row.opt_text(2)?.map(str::to_owned),
                })
            },
        )
    }
}

struct NamedShare {
    rights: CollectionRights,
    state: ShareState,
    summary: Option<String>,
}

/// What an invitation is known by: the same whenever somebody is invited anew.
pub(super) fn invitation_of(collection: CollectionId, sharee: AccountId) -> String {
    let both = format!("invitation {collection} {sharee}");
    let mut name = blake3::hash(both.as_bytes()).to_hex().to_string();
    name.truncate(32);
    name
}

impl AccountTx<'_, '_> {
    /// Invites an account to a collection, or changes what one that has rights may do. Nobody
    /// loses the right to share by being allowed to edit: programs that invite know no more. After
    /// [`lock_sharing`](crate::WriteTx::lock_sharing).
    pub fn invite(
        &mut self,
        collection: CollectionId,
        sharee: AccountId,
        invite: &Invite,
    ) -> Result<()> {
        let found = self.require_collection(collection, CollectionRights::SHARE)?;
        check_invite(&found, sharee, invite)?;
        let before = self.named_share(collection, sharee)?;
        let state = before.as_ref().map_or(ShareState::Declined, |before| before.state);
        let state = if state.has_rights() { state } else { ShareState::Invited };
        let keeps_more = invite.rights == CollectionRights::WRITE
            && before.as_ref().is_some_and(|had| had.rights.contains(CollectionRights::SHARE));
        let rights = if keeps_more { CollectionRights::SHARE } else { invite.rights };
        self.sql.execute(
            "INSERT INTO collection_share (collection_id, grantee, rights, state, common_name, \
             summary, invitation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (collection_id, grantee) DO UPDATE SET rights = ?3, state = ?4, \
             common_name = ?5, summary = ?6, invitation = ?7",
            &[
                Value::Int(collection.get()),
                Value::Int(sharee.get()),
                Value::Int(rights.column()),
                Value::Int(state.column()),
                text(invite.common_name.as_ref()),
                text(invite.summary.as_ref()),
                Value::Text(&invitation_of(collection, sharee)),
            ],
        )?;
        self.check_shares(collection)?;
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)?;
        // Who has it all the same is not asked, nor told of what stays.
        let is_news = before.is_none_or(|had| !had.state.has_rights() || had.rights != rights);
        match is_news {
            true => self.tell_sharee(&found, sharee, ShareNews::Invitation(state)),
            false => Ok(()),
        }
    }

    /// Ends what an account was given by name, or the invitation to it; whether there was anything.
    /// After [`lock_sharing`](crate::WriteTx::lock_sharing).
    pub fn uninvite(&mut self, collection: CollectionId, sharee: AccountId) -> Result<bool> {
        let found = self.require_collection(collection, CollectionRights::SHARE)?;
        self.end_named_share(&found, sharee)
    }

    /// Ends a share of a collection whose SHARE right the caller has checked.
    pub(super) fn end_named_share(
        &mut self,
        found: &Collection,
        sharee: AccountId,
    ) -> Result<bool> {
        let collection = found.id;
        let Some(before) = self.named_share(collection, sharee)? else { return Ok(false) };
        if before.state != ShareState::Declined {
            self.tell_sharee(found, sharee, ShareNews::Withdrawn)?;
        }
        self.sql.execute(
            "DELETE FROM collection_share WHERE collection_id = ?1 AND grantee = ?2",
            &[Value::Int(collection.get()), Value::Int(sharee.get())],
        )?;
        self.forget_overlays(collection, Sharee::Account(sharee))?;
        self.tell_guest_went(found, sharee)?;
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)?;
        Ok(true)
    }

    /// The one acting answers an invitation to a collection of the account; `summary` is what they
    /// want it to be called. After [`lock_sharing`](crate::WriteTx::lock_sharing).
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where the actor was not invited.
    pub fn answer_invitation(
        &mut self,
        collection: CollectionId,
        accepts: bool,
        summary: Option<&str>,
    ) -> Result<()> {
        let (account, sharee) = (self.account, self.actor);
        let found = self.load_collection(collection)?;
        let before = match found.account == account {
            true => self.named_share(collection, sharee)?,
            false => None,
        };
        let before = before.filter(|before| before.state != ShareState::Given);
        let before = before.ok_or(StorageError::NotFound("invitation"))?;
        let state = if accepts { ShareState::Accepted } else { ShareState::Declined };
        if before.state == state {
            return Ok(());
        }
        self.sql.execute(
            "UPDATE collection_share SET state = ?3 WHERE collection_id = ?1 AND grantee = ?2",
            &[Value::Int(collection.get()), Value::Int(sharee.get()), Value::Int(state.column())],
        )?;
        match accepts {
            true => {
                self.show_again(collection, Sharee::Account(sharee))?;
                if let Some(name) = summary.map(str::to_owned).or(before.summary) {
                    let display_name = Some(Some(name));
                    let change = CollectionChange { display_name, ..CollectionChange::default() };
                    super::properties::check_change(&change)?;
                    self.write_overlay(collection, &change)?;
                }
            }
            false => self.forget_overlays(collection, Sharee::Account(sharee))?,
        }
        self.touch_collection(collection)?;
        self.record_fact(Some(collection), Fact::CollectionUpdated)?;
        self.tell_sharee(&found, sharee, ShareNews::Invitation(state))?;
        self.tell_of_answer(&found, sharee, state)
    }

    /// The owner's programs learn of an answer.
    pub(super) fn tell_of_answer(
        &mut self,
        collection: &Collection,
        sharee: AccountId,
        state: ShareState,
    ) -> Result<()> {
        let notice = self.notice(collection, sharee, ShareNews::Reply(state))?;
        self.put_notice(&notice)
    }

    /// The programs of whom it is shared with learn of it.
    pub(super) fn tell_sharee(
        &mut self,
        collection: &Collection,
        sharee: AccountId,
        news: ShareNews,
    ) -> Result<()> {
        let notice = self.notice(collection, sharee, news)?;
        self.tx.account(sharee)?.put_notice(&notice)
    }

    fn notice(
        &mut self,
        collection: &Collection,
        sharee: AccountId,
        news: ShareNews,
    ) -> Result<ShareNotice> {
        let share = self.named_share(collection.id, sharee)?;
        let mut named = |account| {
            let account = self.load_account(account)?;
            let name = match account.name.is_empty() {
                true => account.address.clone(),
                false => account.name,
            };
            Ok::<_, StorageError>((account.address, name))
        };
        let (owner, sharee_named) = (named(collection.account)?, named(sharee)?);
        let (rights, summary) =
            share.map(|share| (share.rights, share.summary)).unwrap_or_default();
        Ok(ShareNotice {
            news,
            invitation: invitation_of(collection.id, sharee),
            at: self.now,
            collection: collection.clone(),
            owner,
            sharee: sharee_named,
            rights,
            summary,
        })
    }

    /// Puts a notice in the place of what was said before of the same. Where there is no room,
    /// the collection itself says it all the same.
    fn put_notice(&mut self, notice: &ShareNotice) -> Result<()> {
        let Some(notices) = self.settings.share_notices.clone() else { return Ok(()) };
        self.make_first_collections()?;
        let account = self.account;
        let Some(place) = self.find_notifications(account)? else { return Ok(()) };
        let limits = ObjectLimits::default();
        let media_type = "application/xml; charset=utf-8".to_owned();
        let object = PreparedObject::file(notices.render(notice), media_type, &limits);
        let Ok(object) = object else { return Ok(()) };
        let name = ObjectName::parse(&notice.object_name())?;
        let there = self.find_object(place.id, name.as_str())?;
        match self.write_object(&place, there.as_ref(), &name, &object, Tag::None) {
            Ok(_) | Err(StorageError::OverQuota { .. } | StorageError::Limit { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl ShareNotice {
    /// What it is called among notifications: [`ShareNotice::kind_of`] reads it again.
    fn object_name(&self) -> String {
        let kind = match self.news {
            ShareNews::Invitation(_) | ShareNews::Withdrawn => "invite",
            ShareNews::Reply(_) => "reply",
        };
        let of = match self.collection.kind {
            CollectionKind::AddressBook => "addressbook",
            _ => "calendar",
        };
        format!("{kind}-{of}-{}.xml", self.invitation)
    }

    /// Reads the name of a notification: whether it is a reply, and whether it is about an address
    /// book.
    pub fn kind_of(name: &str) -> Option<(bool, bool)> {
        let (kind, rest) = name.split_once('-')?;
        let (of, _) = rest.split_once('-')?;
        let is_reply = match kind {
            "invite" => false,
            "reply" => true,
            _ => return None,
        };
        match of {
            "calendar" => Some((is_reply, false)),
            "addressbook" => Some((is_reply, true)),
            _ => None,
        }
    }
}

fn check_invite(found: &Collection, sharee: AccountId, invite: &Invite) -> Result<()> {
    if sharee == found.account {
        return Err(StorageError::Invalid("the owner has every right"));
    }
    if !matches!(found.kind, CollectionKind::Calendar | CollectionKind::AddressBook) {
        return Err(StorageError::NoPermission("only calendars and address books are shared so"));
    }
    if invite.rights.is_empty() {
        return Err(StorageError::Invalid("an invitation gives rights"));
    }
    check_names(invite)
}

/// What whoever invites calls somebody, and the collection.
pub(super) fn check_names(invite: &Invite) -> Result<()> {
    let longest = [&invite.common_name, &invite.summary].into_iter().flatten().map(String::len);
    match longest.max().unwrap_or(0) {
        0..=NAME_BYTES_MAX => Ok(()),
        bytes => Err(StorageError::TooBig {
            size_bytes: bytes as u64,
            limit_bytes: NAME_BYTES_MAX as u64,
        }),
    }
}

fn text(text: Option<&String>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text))
}
