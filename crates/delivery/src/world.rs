//! What scripts ask of the world: from memory where that will do, else from a snapshot of the
//! store.

use std::collections::HashSet;
use std::sync::Arc;

use ids::{AccountId, CollectionId, Timestamp};
use responder::{CalendarReport, DuplicateKey, Env, Language, Location, ProcessCalendar, Program};
use storage::{
    CalendarFate, CalendarMail, MailboxName, MetadataScope, Placement, ReadTx, SchedulingSettings,
    ScriptName, SpecialUse, StorageError,
};

use crate::cache::Programs;
use crate::calendar;
use crate::ext_list::ExtList;
use crate::rules::Ready;
use crate::zone::offset_mins;

/// What a message that the checks put into quarantine counts as (RFC 5235 §3.2.1).
const SURELY_SPAM: u8 = 10;

/// A world without the store. Whoever asks more of it gets no true answer, and `asked` says so.
pub(crate) struct Quick<'a> {
    pub(crate) rules: &'a Ready,
    pub(crate) placement: Placement,
    pub(crate) asked: bool,
}

impl Quick<'_> {
    fn not_known<T: Default>(&mut self) -> T {
        self.asked = true;
        T::default()
    }
}

impl Env for Quick<'_> {
    fn mailbox_exists(&mut self, _name: &str) -> bool {
        self.not_known()
    }

    fn mailbox_id_exists(&mut self, _id: &str) -> bool {
        self.not_known()
    }

    fn special_use_exists(&mut self, _mailbox: Option<&str>, _attribute: &str) -> bool {
        self.not_known()
    }

    fn metadata(&mut self, _mailbox: Option<&str>, _entry: &str) -> Option<String> {
        self.not_known()
    }

    fn is_duplicate(&mut self, _key: &DuplicateKey) -> bool {
        self.not_known()
    }

    fn script(&mut self, _location: Location, _name: &str) -> Option<Vec<u8>> {
        self.not_known()
    }

    fn list_exists(&mut self, list: &str) -> bool {
        match ExtList::parse(list) {
            None => false,
            Some(ExtList::Book(None)) => true,
            Some(_) => self.not_known(),
        }
    }

    fn list_find(&mut self, _list: &str, _value: &str) -> Option<String> {
        self.not_known()
    }

    fn list_members(&mut self, _list: &str, _count_max: usize) -> Option<Vec<String>> {
        self.not_known()
    }

    fn calendar_outcome(&mut self, _action: &ProcessCalendar) -> CalendarReport {
        self.asked = true;
        calendar::report(CalendarFate::Nothing(""))
    }

    fn spam_value(&mut self) -> u8 {
        spam_value(self.placement)
    }

    fn is_own_address(&mut self, address: &str) -> bool {
        self.rules.is_own(address)
    }

    fn zone_at(&mut self, unix_secs: i64) -> Option<i16> {
        Some(offset_mins(&self.rules.zone, Timestamp::from_secs(unix_secs)))
    }
}

/// A world as one snapshot has it.
pub(crate) struct Whole<'a, 't> {
    pub(crate) tx: &'a mut ReadTx<'t>,
    pub(crate) account: AccountId,
    pub(crate) rules: &'a Ready,
    pub(crate) programs: &'a Programs,
    pub(crate) placement: Placement,
    pub(crate) now: Timestamp,
    /// What the message says to calendars.
    pub(crate) calendar: Option<calendar::Data>,
    /// Keys of messages that were taken for new.
    pub(crate) unseen: HashSet<[u8; 32]>,
    /// The first question that got no answer, which makes the run void.
    pub(crate) failed: Option<StorageError>,
}

impl Whole<'_, '_> {
    fn answer<T: Default>(&mut self, answer: storage::Result<T>) -> T {
        answer.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            T::default()
        })
    }

    fn calendar_fate(
        &mut self,
        action: &ProcessCalendar,
        mail: &CalendarMail,
        settings: &SchedulingSettings,
        recipient: &str,
    ) -> CalendarFate {
        if let Some(list) = &action.organizers {
            // RFC 9671 §4.6
            if !mail.is_itip() {
                return CalendarFate::Nothing("it does not say what it wants");
            }
            if self.list_find(list, &mail.organizer().unwrap_or_default()).is_none() {
                return CalendarFate::Nothing("its organizer is not in the list");
            }
        }
        let (account, now) = (self.account, self.now);
        let wishes = calendar::wishes(action, recipient);
        let found = self.tx.foresee_calendar_mail(account, mail, &wishes, settings, now);
        found.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            CalendarFate::Nothing("")
        })
    }

    fn find(&mut self, name: &str) -> Option<CollectionId> {
        let name = MailboxName::parse(name).ok()?;
        let found = self.tx.find_mailbox(self.account, &name);
        self.answer(found).map(|mailbox| mailbox.id)
    }
}

impl Env for Whole<'_, '_> {
    fn mailbox_exists(&mut self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn mailbox_id_exists(&mut self, id: &str) -> bool {
        let Some(id) = mailbox_id(id) else { return false };
        let found = self.tx.is_mailbox_of(self.account, id);
        self.answer(found)
    }

    fn special_use_exists(&mut self, mailbox: Option<&str>, attribute: &str) -> bool {
        let Some(special_use) = SpecialUse::parse_attribute(attribute) else { return false };
        let found = self.tx.special_mailbox(self.account, special_use);
        let found = self.answer(found);
        match mailbox {
            None => found.is_some(),
            Some(name) => found.is_some() && self.find(name) == found,
        }
    }

    fn metadata(&mut self, mailbox: Option<&str>, entry: &str) -> Option<String> {
        let entry = entry.to_ascii_lowercase();
        let (scope, name) = match entry.strip_prefix("/private") {
            Some(name) => (MetadataScope::Private, name),
            None => (MetadataScope::Shared, entry.strip_prefix("/shared")?),
        };
        let wanted = |known: &storage::MetadataEntry| known.scope == scope && known.name == name;
        let found = match mailbox {
            Some(mailbox) => {
                let id = self.find(mailbox)?;
                self.tx.load_metadata(self.account, &[id], wanted)
            }
            None => self.tx.load_server_metadata(self.account, wanted),
        };
        let value = self.answer(found).into_iter().next()?.value;
        String::from_utf8(value).ok()
    }

    fn is_duplicate(&mut self, key: &DuplicateKey) -> bool {
        let key = seen_key(key);
        let found = self.tx.is_seen(self.account, &key, self.now);
        let seen = self.answer(found);
        if !seen {
            self.unseen.insert(key);
        }
        seen
    }

    fn script(&mut self, location: Location, name: &str) -> Option<Vec<u8>> {
        // RFC 6609 §3.2: there are no scripts of the site.
        let name = (location == Location::Personal).then(|| ScriptName::parse(name).ok())??;
        let found = self.tx.find_script(self.account, &name);
        self.answer(found)
    }

    fn program(
        &mut self,
        location: Location,
        name: &str,
        language: &Language,
    ) -> Option<Result<Arc<Program>, String>> {
        Some(self.programs.get(&self.script(location, name)?, language))
    }

    fn list_exists(&mut self, list: &str) -> bool {
        let Some(list) = ExtList::parse(list) else { return false };
        let found = list.exists(self.tx, self.account);
        self.answer(found)
    }

    fn list_find(&mut self, list: &str, value: &str) -> Option<String> {
        let found = ExtList::parse(list)?.find(self.tx, self.account, value);
        self.answer(found)
    }

    fn list_members(&mut self, list: &str, count_max: usize) -> Option<Vec<String>> {
        let found = ExtList::parse(list)?.members(self.tx, self.account, count_max);
        self.answer(found)
    }

    fn calendar_outcome(&mut self, action: &ProcessCalendar) -> CalendarReport {
        // An action is done once, so that nobody needs it again.
        calendar::report(match self.calendar.take() {
            None => CalendarFate::Nothing("it says nothing to calendars"),
            Some(calendar::Data { mail: Err(fault), .. }) => CalendarFate::Failed(fault.0),
            Some(calendar::Data { mail: Ok(mail), settings, recipient }) => {
                self.calendar_fate(action, &mail, &settings, &recipient)
            }
        })
    }

    fn spam_value(&mut self) -> u8 {
        spam_value(self.placement)
    }

    fn is_own_address(&mut self, address: &str) -> bool {
        self.rules.is_own(address)
    }

    fn zone_at(&mut self, unix_secs: i64) -> Option<i16> {
        Some(offset_mins(&self.rules.zone, Timestamp::from_secs(unix_secs)))
    }
}

fn spam_value(placement: Placement) -> u8 {
    match placement {
        Placement::Junk => SURELY_SPAM,
        Placement::Inbox => 0,
    }
}

/// The key that the extension `duplicate` remembers a message by.
pub(crate) fn seen_key(key: &DuplicateKey) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    // Their lengths keep handle and id apart.
    hasher.update(&(key.handle.len() as u64).to_le_bytes());
    hasher.update(key.handle.as_bytes()).update(key.id.as_bytes());
    *hasher.finalize().as_bytes()
}

/// The mailbox that an id names, as IMAP shows it (RFC 8474 §4).
pub(crate) fn mailbox_id(id: &str) -> Option<CollectionId> {
    id.strip_prefix('F')?.parse().ok().map(CollectionId::new)
}
