//! Mail that invites people elsewhere to calendars (R-SHARE-1), into the spool in the transaction
//! that shares. Its text is made by whoever knows mail ([`Letters`](crate::Letters)).

use super::Collection;
use crate::sql::Value;
use crate::{
    AccountTx, Address, CollectionRights, LimitKind, MailParameters, PreparedMessage,
    RcptParameters, Result, SpoolEntry, SpoolRecipient, StorageError,
};

/// LIMIT: bytes of a calendar that goes along.
const ENCLOSED_BYTES_MAX: u64 = 128 * 1024;
const DAY_SECS: i64 = 86_400;

/// What a letter about a calendar tells somebody elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareLetterNews {
    /// They are invited to the calendar.
    Invitation,
    /// They may do something else with it from now on.
    Changed,
    /// The calendar is not shared with them any more.
    Ended,
}

/// Mail about a calendar on its way to somebody elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareLetter {
    /// In whose name it is sent.
    pub from: String,
    /// The name of the sender; may be empty.
    pub from_name: String,
    /// The address of somebody elsewhere at whose wish it is, if that is not `from`.
    pub wish_of: Option<String>,
    /// The address that the letter goes to.
    pub to: String,
    /// The news that the letter brings.
    pub news: ShareLetterNews,
    /// The name of the calendar.
    pub calendar: String,
    /// What they may do with it.
    pub rights: CollectionRights,
    /// What their address is made of. Only the letter that invites them ever has it.
    pub secret: String,
    /// What is in the calendar, where that is little.
    pub enclosed: Option<Vec<u8>>,
}

impl AccountTx<'_, '_> {
    /// Invites somebody; the letter counts as a message that is sent.
    pub(super) fn send_share_letter(
        &mut self,
        found: &Collection,
        to: &Address,
        rights: CollectionRights,
        secret: String,
    ) -> Result<()> {
        let enclosed = self.enclosed(found)?;
        let news = ShareLetterNews::Invitation;
        self.post_share_letter(found, to, |letter| ShareLetter {
            news,
            rights,
            secret,
            enclosed,
            ..letter
        })
    }

    /// Tells somebody that they may do something else, or nothing any more, where that is told at
    /// all and may be sent: what changes does not hang on it.
    pub(super) fn send_share_news(
        &mut self,
        found: &Collection,
        to: &Address,
        news: ShareLetterNews,
        rights: CollectionRights,
    ) -> Result<()> {
        let sender = if self.is_outside() { self.account } else { self.actor };
        let is_told = self.settings.tells_of_sharing && self.settings.letters.is_some();
        if !is_told || !self.may_send_outside_letter()? || !self.may_send(sender)? {
            return Ok(());
        }
        self.post_share_letter(found, to, |letter| ShareLetter { news, rights, ..letter })
    }

    /// Puts a letter into the spool, with what `complete` adds to it.
    fn post_share_letter(
        &mut self,
        found: &Collection,
        to: &Address,
        complete: impl FnOnce(ShareLetter) -> ShareLetter,
    ) -> Result<()> {
        let letters = self.settings.letters.clone();
        let letters = letters.ok_or(StorageError::NoPermission("no invitations are sent"))?;
        self.count_outside_letter()?;
        let (actor, now) = (self.actor, self.now);
        let wish_of = self.load_outsider(actor)?.map(|outsider| outsider.address);
        let sender = if wish_of.is_some() { self.account } else { actor };
        self.count_sent(sender, 1)?;
        let from = self.load_account(sender)?;
        let letter = complete(ShareLetter {
            from: from.display_address,
            from_name: from.name,
            wish_of,
            to: to.to_string(),
            news: ShareLetterNews::Changed,
            calendar: found.display_name.clone().unwrap_or_else(|| found.name.clone()),
            rights: CollectionRights::NONE,
            secret: String::new(),
            enclosed: None,
        });
        let message = PreparedMessage::new(letters.compose_share(&letter, now));
        let smtputf8 = !letter.from.is_ascii() || !letter.to.is_ascii();
        let entry = SpoolEntry {
            account: Some(sender),
            reverse_path: letter.from,
            // What signs for the domain of the author does so when it is sent.
            // RFC 3461 §4.3: what comes back does not bring the secret along.
            parameters: MailParameters {
                body: Some("7BIT".to_owned()),
                ret: Some("HDRS".to_owned()),
                sign: true,
                smtputf8,
                ..MailParameters::default()
            },
            recipients: vec![SpoolRecipient {
                forward_path: letter.to,
                parameters: RcptParameters::default(),
            }],
        };
        self.tx.spool(entry, &message).map(drop)
    }

    /// The calendar in one file, for who has a mail program alone.
    fn enclosed(&mut self, found: &Collection) -> Result<Option<Vec<u8>>> {
        if found.size_bytes > ENCLOSED_BYTES_MAX || found.objects == 0 {
            return Ok(None);
        }
        let mut joined = ical::JoinedCalendar::new("-//Posthorn//EN");
        joined.name(found.display_name.as_ref().unwrap_or(&found.name));
        let objects = self.list_objects(found.id)?;
        let ids: Vec<_> = objects.iter().map(|object| object.id).collect();
        let bytes = self.load_object_bytes(&ids)?;
        // Alarms are those of the owner.
        let no_alarms = ical::OwnAlarms::default();
        let seen = ids.iter().filter_map(|id| bytes.get(id)).map(|object| no_alarms.apply(object));
        seen.for_each(|object| joined.add(&object));
        Ok(Some(joined.end()))
    }

    fn may_send_outside_letter(&mut self) -> Result<bool> {
        let max = self.settings.outside_letters_max;
        let (account, today) = (self.account, self.now.as_secs().div_euclid(DAY_SECS));
        let sent = self.sql.query_one(
            "SELECT sent FROM outside_letter WHERE account_id = ?1 AND day = ?2",
            &[Value::Int(account.get()), Value::Int(today)],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        Ok(sent.unwrap_or(0) < max)
    }

    fn count_outside_letter(&mut self) -> Result<()> {
        let max = self.settings.outside_letters_max;
        let (account, today) = (self.account, self.now.as_secs().div_euclid(DAY_SECS));
        let sent = self.sql.query_one(
            "INSERT INTO outside_letter (account_id, day, sent) VALUES (?1, ?2, 1) \
             ON CONFLICT (account_id) DO UPDATE SET sent = \
             CASE WHEN outside_letter.day = ?2 THEN outside_letter.sent + 1 ELSE 1 END, day = ?2 \
             RETURNING sent",
            &[Value::Int(account.get()), Value::Int(today)],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match sent.unwrap_or(0) > max {
            true => Err(StorageError::Limit { kind: LimitKind::OutsideLetters, max }),
            false => Ok(()),
        }
    }
}
