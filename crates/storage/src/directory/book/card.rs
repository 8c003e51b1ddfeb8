//! An account of the organisation as a vCard of its directory (R-CARD-5).

use ical::{Component, Line, escape_text};
use ids::{AccountId, DomainId, ModSeq, Timestamp};

use super::name_of;
use crate::collection::Components;
use crate::object::{Object, ObjectId};

/// A person in the directory of an organisation.
pub(super) struct Person {
    pub(super) account: AccountId,
    pub(super) organisation: DomainId,
    pub(super) modseq: ModSeq,
    pub(super) changed: Timestamp,
    pub(super) created: Timestamp,
    pub(super) address: String,
    pub(super) name: String,
    pub(super) organisation_name: String,
    pub(super) is_room: bool,
}

impl Person {
    pub(super) fn object_id(&self) -> ObjectId {
        ObjectId::new(-self.account.get())
    }

    /// The object of its card.
    pub(super) fn object(&self) -> Object {
        let card = self.card();
        Object {
            id: self.object_id(),
            name: name_of(self.account),
            uid: self.uid(),
            component: Components::NONE,
            media_type: "text/vcard; charset=utf-8".to_owned(),
            hash: *blake3::hash(&card).as_bytes(),
            size_bytes: card.len() as u64,
            modseq: self.modseq,
            created: self.created,
            modified: self.changed,
            shown_hash: None,
            schedule_modseq: 0,
            attachments: 0,
            first_at: i64::MIN,
            last_at: i64::MAX,
        }
    }

    /// The UID of the card: the same for as long as the account is there, and nobody else's on any
    /// server.
    fn uid(&self) -> String {
        let of = format!("{} {}", self.account.get(), self.created.as_micros());
        let mut uid = blake3::hash(of.as_bytes()).to_hex().to_string();
        uid.truncate(32);
        uid
    }

    /// A vCard of version 3.0 (RFC 2426), which every program reads.
    pub(super) fn card(&self) -> Vec<u8> {
        let mut card = Component::new("VCARD");
        let mut add = |name: &str, value: String| card.lines.push(Line::new(name, value));
        add("VERSION", "3.0".to_owned());
        add("PRODID", "-//Posthorn//EN".to_owned());
        add("UID", self.uid());
        let local = self.address.rsplit_once('@').map_or("", |(local, _)| local);
        let shown = match self.name.trim() {
            "" => local,
            name => name,
        };
        add("FN", escape_text(shown));
        add("N", self.structured_name(shown));
        add("ORG", escape_text(&self.organisation_name));
        if self.is_room {
            // RFC 6350 §6.1.4: a word of 4.0, which programs that speak 3.0 pass over.
            add("KIND", "location".to_owned());
        }
        let mut mail = Line::new("EMAIL", escape_text(&self.address));
        mail.set_parameter_values("TYPE", ["INTERNET", "WORK", "PREF"].map(str::to_owned).to_vec());
        card.lines.push(mail);
        card.render()
    }

    /// The last word is taken for the family's; of one word or a room nobody knows.
    fn structured_name(&self, shown: &str) -> String {
        match shown.rsplit_once(' ') {
            Some((given, family)) if !self.is_room => {
                format!("{};{};;;", escape_text(family), escape_text(given.trim()))
            }
            _ => format!("{};;;;", escape_text(shown)),
        }
    }
}
