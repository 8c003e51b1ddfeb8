//! People with calendars, and what they put there.

use ids::AccountId;

use crate::collection::{Collection, Home, ObjectName};
use crate::object::{Condition, ObjectLimits, PreparedObject, PutOutcome, Scheduled};
use crate::testing::TestStore;
use crate::{Answering, Result};

/// A weekly meeting of Ann with others, with lines of its own.
pub(super) fn meeting(people: &[&str], lines: &str) -> String {
    let mut text = String::from("ORGANIZER:mailto:ann@example.test\r\n");
    text.push_str("ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.test\r\n");
    for who in people {
        let (who, answer) = who.split_once(' ').unwrap_or((who, "NEEDS-ACTION"));
        let address =
            if who.contains('@') { (*who).to_owned() } else { format!("{who}@example.test") };
        text.push_str(&format!("ATTENDEE;PARTSTAT={answer}:mailto:{address}\r\n"));
    }
    part(&text, lines)
}

/// The same of other people.
pub(super) fn part(people: &str, lines: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:m\r\nDTSTAMP:20260101T000000Z\r\n{lines}{people}END:VEVENT\r\n")
}

pub(super) const AT_NINE: &str = "DTSTART:20260105T090000Z\r\nDURATION:PT1H\r\nSUMMARY:Talk\r\n";
pub(super) const WEEKLY: &str =
    "DTSTART:20260105T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:Talk\r\n";

pub(super) fn calendar_of(parts: &str) -> Vec<u8> {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\n{parts}END:VCALENDAR\r\n")
        .into_bytes()
}

pub(super) fn personal(store: &TestStore, account: AccountId) -> Collection {
    store
        .with(account, move |tx| {
            tx.make_first_collections()?;
            Ok(tx.find_collection(account, Home::Calendars, "personal")?.expect("there"))
        })
        .unwrap()
}

pub(super) fn put(store: &TestStore, account: AccountId, parts: &str) -> Scheduled {
    try_put(store, account, "m.ics", parts, None).unwrap()
}

pub(super) fn try_put(
    store: &TestStore,
    account: AccountId,
    name: &'static str,
    parts: &str,
    tag: Option<String>,
) -> Result<Scheduled> {
    let calendar = personal(store, account);
    let object = PreparedObject::calendar(calendar_of(parts), &ObjectLimits::default()).unwrap();
    store.write(move |tx| {
        tx.lock_meeting(account, calendar.id, name, Some(&object))?;
        let mut tx = tx.account(account)?;
        let condition = Condition { if_schedule_tag: tag.as_deref(), ..Condition::default() };
        tx.put_scheduled(&calendar, &ObjectName::parse(name)?, &object, &condition)
    })
}

/// Puts an object of any kind, of which nobody hears.
pub(super) fn put_quietly(store: &TestStore, account: AccountId, name: &str, parts: &str) {
    let (calendar, name) = (personal(store, account), ObjectName::parse(name).unwrap());
    let object = PreparedObject::calendar(calendar_of(parts), &ObjectLimits::default()).unwrap();
    let put = store.with(account, move |tx| {
        tx.put_object(&calendar, &name, &object, &Condition::default()).map(drop)
    });
    put.unwrap();
}

pub(super) fn delete(store: &TestStore, account: AccountId, answering: Answering) {
    let calendar = personal(store, account);
    store
        .write(move |tx| {
            tx.lock_meeting(account, calendar.id, "m.ics", None)?;
            let mut tx = tx.account(account)?;
            tx.delete_scheduled(&calendar, "m.ics", &Condition::default(), answering)
        })
        .unwrap();
}

/// What is stored under a name, unfolded; empty where nothing is.
pub(super) fn stored(store: &TestStore, account: AccountId, place: &'static str) -> String {
    let (calendar, name) = place.split_once('/').unwrap();
    let bytes = store.read(move |tx| {
        let Some(found) = tx.find_collection(account, Home::Calendars, calendar)? else {
            return Ok(Vec::new());
        };
        match tx.find_object(found.id, name)? {
            Some(object) => tx.load_object(object.id),
            None => Ok(Vec::new()),
        }
    });
    String::from_utf8(bytes.unwrap()).unwrap().replace("\r\n ", "")
}

/// The lines of somebody's copy that begin so.
pub(super) fn lines(store: &TestStore, account: AccountId, names: &[&str]) -> Vec<String> {
    let text = stored(store, account, "personal/m.ics");
    let is_named = |line: &&str| names.iter().any(|name| line.starts_with(name));
    text.lines().filter(is_named).map(str::to_owned).collect()
}

/// The ATTENDEE lines of somebody's copy about `who`.
pub(super) fn answer(store: &TestStore, account: AccountId, who: &str) -> Vec<String> {
    let all = lines(store, account, &["ATTENDEE"]);
    all.into_iter().filter(|line| line.contains(&format!("mailto:{who}@"))).collect()
}

pub(super) fn tag(store: &TestStore, account: AccountId) -> Option<String> {
    store
        .read(move |tx| {
            let found = tx.find_collection(account, Home::Calendars, "personal")?.expect("there");
            Ok(tx.find_object(found.id, "m.ics")?.and_then(|object| object.schedule_tag()))
        })
        .unwrap()
}

/// The methods of the messages in an inbox, in the order in which they came.
pub(super) fn inbox(store: &TestStore, account: AccountId) -> Vec<String> {
    store
        .read(move |tx| {
            let Some(found) = tx.find_collection(account, Home::Calendars, "inbox")? else {
                return Ok(Vec::new());
            };
            let mut objects = tx.list_objects(found.id)?;
            objects.sort_by_key(|object| object.id);
            let mut methods = Vec::new();
            for object in objects {
                let text = String::from_utf8(tx.load_object(object.id)?).unwrap();
                let method = text.lines().find_map(|line| line.strip_prefix("METHOD:"));
                methods.push(method.unwrap_or_default().to_owned());
            }
            Ok(methods)
        })
        .unwrap()
}

pub(super) fn refused(scheduled: Result<Scheduled>) -> PutOutcome {
    scheduled.unwrap().outcome
}
