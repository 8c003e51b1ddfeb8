//! Calendar messages that come by mail (RFC 6047), after the mail itself was stored.
//!
//! What they change is the calendar of whom the mail was for, and of answers the copies of others
//! here. RFC 6047 §3: nobody speaks for another, so the author of the mail, whom its reception
//! found to be who they say, must be who the message is from.

use std::collections::BTreeSet;

use ical::scheduling::{Message, Method, Users, is_of_icloud};
use ical::{CalendarObject, Line};
use ids::AccountId;
use message::{Limits, ListItem, PartIndex, address_list, header_fields};

use super::SchedulingSettings;
use super::lock::delegates;
use super::mail_parts::{self, Unreadable};
use super::people::{Reach, mail_address};
use super::put::most_attendees;
use super::scripted::CalendarWishes;
use crate::{Address, Placement, ReadTx, Result, StorageError, Store, WriteTx};

/// LIMIT: bytes of a mail that is looked at.
const MAIL_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What mail with calendar messages may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailedInvitations {
    /// Mail changes no calendar.
    Nothing,
    /// Meetings that stand in the calendar already: answers, changes and cancellations.
    Known,
    /// Mail may bring new meetings, too.
    All,
}

/// A calendar message with who sent it.
#[derive(Debug, Clone)]
pub struct CalendarMail {
    message: Message,
    text: Vec<u8>,
    author: String,
    /// It is published and not sent to anybody: it invites nobody and answers nobody.
    is_public: bool,
    /// It has a METHOD that says what it wants (RFC 5546 §1.4).
    is_itip: bool,
    /// The mail has no other text that says something else.
    is_all_there_is: bool,
}

impl CalendarMail {
    /// Whether it is worth looking at a mail, which has not been read yet; spam changes no
    /// calendar.
    pub fn is_likely(mail: &[u8], placement: Placement) -> bool {
        // Every program that sends them writes it in this case.
        placement == Placement::Inbox
            && mail.len() <= MAIL_BYTES_MAX
            && memchr::memmem::find(mail, b"text/calendar").is_some()
    }

    /// The calendar message of a mail by one author, of the domain that was found to be theirs.
    pub fn of(
        mail: &[u8],
        domain: &str,
        limits: &ical::Limits,
    ) -> std::result::Result<Option<Self>, Unreadable> {
        let reading = Limits::default();
        let index = PartIndex::of(mail, &reading);
        let author = mail.get(..index.header_bytes() as usize).and_then(author_of);
        let Some(author) = author.filter(|author| author.domain() == domain) else {
            return Ok(None);
        };
        let parts = mail_parts::parts_of(mail, &index, &reading);
        let Some(part) = parts.iter().find(|part| part.is_text) else { return Ok(None) };
        let Some((message, is_public)) = mail_parts::read(part, limits)? else { return Ok(None) };
        Ok(Some(Self {
            message,
            text: part.text.clone().into_bytes(),
            author: format!("mailto:{}", author.normal_text()),
            is_public,
            is_itip: mail_parts::is_itip(part, limits),
            is_all_there_is: mail_parts::agree(&parts, limits),
        }))
    }

    /// Whether it invites nobody and answers nobody.
    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }

    /// Whether it says what it wants, as messages of iTIP do.
    pub fn is_itip(&self) -> bool {
        self.is_itip
    }

    /// Whether everything that the mail has for calendars says the same.
    pub(super) fn is_all_there_is(&self) -> bool {
        self.is_all_there_is
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    pub(super) fn author(&self) -> &str {
        &self.author
    }

    /// The calendar object that the message is about.
    pub(super) fn object(&self) -> &CalendarObject {
        &self.message.object
    }

    /// Whether it may ask somebody again, who had delegated.
    fn delegates(&self) -> bool {
        delegates(&self.message.object)
    }

    /// The address of its organizer.
    pub fn organizer(&self) -> Option<String> {
        let user = self.message.object.organizer().ok()??;
        mail_address(&user).map(|address| address.normal_text())
    }

    /// Whether the author of the mail is the one the message has to come from.
    fn is_authentic(&self) -> bool {
        let author = Users::new(&[&self.author]);
        if self.is_public {
            let mut lines = self.message.object.parts().filter_map(|part| part.line("ORGANIZER"));
            return lines.all(|line| author.is(line.value()));
        }
        let mut parts = self.message.object.parts();
        match self.message.method {
            Method::Reply => {
                parts.any(|part| part.lines_named("ATTENDEE").any(|line| author.is(line.value())))
            }
            Method::Request | Method::Cancel => parts.all(|part| {
                part.line("ORGANIZER").is_some_and(|line| {
                    author.is(line.value())
                        || self.is_sent_for(line.value(), line)
                        || is_of_icloud(line, &self.author)
                })
            }),
        }
    }

    /// RFC 5545 §3.2.18: whether the author sends it for the organizer. Anybody can write that of
    /// themselves, so it is believed of people of the organizer's own domain.
    fn is_sent_for(&self, organizer: &str, line: &Line) -> bool {
        let author = Users::new(&[&self.author]);
        let domain = |user: &str| mail_address(user).map(|address| address.domain().to_owned());
        line.parameter("SENT-BY").is_some_and(|by| author.is(by))
            && domain(organizer).is_some_and(|known| domain(&self.author) == Some(known))
    }

    /// Whether somebody speaks for another.
    fn is_by_another(&self) -> bool {
        let author = Users::new(&[&self.author]);
        let organizer = self.message.object.organizer();
        organizer.is_ok_and(|organizer| organizer.is_some_and(|one| !author.is(&one)))
    }
}

/// The only mailbox of From.
fn author_of(header: &[u8]) -> Option<Address> {
    let mut fields = header_fields(header).filter(|field| field.is("From"));
    let field = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    match address_list(field.value, 2).as_slice() {
        [ListItem::Mailbox(listed)] => {
            let local = std::str::from_utf8(&listed.local).ok()?;
            let host = std::str::from_utf8(&listed.host).ok()?;
            Address::parse(&format!("{local}@{host}")).ok()
        }
        _ => None,
    }
}

impl ReadTx<'_> {
    /// Why a message changes nothing, whatever anybody wants.
    pub(super) fn passes_by(
        &mut self,
        account: AccountId,
        mail: &CalendarMail,
        settings: &SchedulingSettings,
    ) -> Result<Option<&'static str>> {
        let owner = self.load_account(account)?;
        if owner.mail_only || owner.is_shared || settings.mailed == MailedInvitations::Nothing {
            return Ok(Some("mail changes no calendar here"));
        }
        if !mail.is_authentic() {
            return Ok(Some("nobody vouches for its author"));
        }
        // R-CAL-4: rooms are for people here.
        if self.is_room(account)? {
            return Ok(Some("rooms are booked by people here"));
        }
        let object = &mail.message.object;
        // What nobody here may put is not taken from elsewhere: everybody waits while it is merged.
        if mail.message.method == Method::Request && most_attendees(object) > settings.attendees_max
        {
            return Ok(Some("it invites more people than a meeting may have"));
        }
        if mail.message.method != Method::Reply
            && mail.is_by_another()
            && let Ok(Some(organizer)) = object.organizer()
            && let Reach::Here(_) = self.reach(&organizer)?
        {
            // Who may write in the calendar of somebody here does it there.
            return Ok(Some("its organizer is here, and somebody else wrote it"));
        }
        Ok(None)
    }
}

impl WriteTx<'_> {
    /// Applies a message to the calendar of whom its mail was for. Whether that changed anything.
    pub fn take_calendar_mail(&mut self, account: AccountId, mail: &CalendarMail) -> Result<bool> {
        let settings = self.settings.scheduling;
        if mail.is_public || self.passes_by(account, mail, &settings)?.is_some() {
            return Ok(false);
        }
        let known = self.find_copy(account, mail.message.object.uid())?;
        if known.is_none() && settings.mailed == MailedInvitations::Known {
            return Ok(false);
        }
        let wishes = CalendarWishes::default();
        let status = self.apply_calendar_mail(account, mail, &wishes)?;
        Ok(status == super::status::DELIVERED)
    }

    /// Applies an invitation, an answer or a cancellation; the status of it.
    pub(super) fn apply_calendar_mail(
        &mut self,
        account: AccountId,
        mail: &CalendarMail,
        wishes: &CalendarWishes,
    ) -> Result<&'static str> {
        let known = self.find_copy(account, mail.message.object.uid())?;
        if mail.message.method == Method::Reply {
            let mut accounts = BTreeSet::from([account]);
            if let Some(known) = &known
                && self.concerned(account, &known.meeting, &mut accounts)?
                && self.sends_letters()
                && (mail.delegates() || delegates(&known.meeting))
            {
                // A delegator elsewhere may be written to. Counts come before accounts.
                self.lock_sent(account)?;
            }
            for account in accounts {
                self.lock_usage(account)?;
            }
            let from = Users::new(&[&mail.author]);
            return self.account(account)?.take_answer(&mail.message, &mail.text, &from, None);
        }
        let mut account = self.account(account)?;
        Ok(account.take_message(&mail.message, &mail.text, wishes)?.status)
    }
}

impl Store {
    /// Applies the calendar message of a stored mail, if it has one, for those it was for. `domain`
    /// is that of its author, who was found to be of it; an account's script may have wishes. What
    /// fails is told to the log: the mail is there.
    pub async fn take_calendar_mail(
        &self,
        accounts: Vec<(AccountId, Option<Vec<CalendarWishes>>)>,
        mail: Vec<u8>,
        domain: String,
    ) {
        let limits = self.settings().scheduling.objects.ical;
        let read = tokio::task::spawn_blocking(move || CalendarMail::of(&mail, &domain, &limits));
        let Ok(Ok(Some(mail))) = read.await else { return };
        let mail = std::sync::Arc::new(mail);
        for (account, wishes) in accounts {
            let mail = mail.clone();
            let taken = self.write("calendar mail", move |tx| {
                let Some(wishes) = wishes else {
                    return tx.take_calendar_mail(account, &mail).map(|_| ());
                };
                for one in &wishes {
                    tx.take_calendar_mail_as(account, &mail, one)?;
                }
                Ok(())
            });
            let taken = taken.await;
            match taken {
                Ok(_) | Err(StorageError::NotFound(_)) => {}
                Err(error) => tracing::warn!(%error, %account, "a calendar message was not taken"),
            }
        }
    }
}
