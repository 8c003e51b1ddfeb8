//! The texts by which SORT orders messages (RFC 5256 §3, RFC 5957 §3), in the form of a collation.

use crate::Limits;
use crate::address_list::Item;
use crate::fields::{Fields, chained};
use crate::header::decode_header_text;
use crate::keys_column::KeysView;
use crate::subject::base_subject;
use crate::text::{Collation, cut, one_line};

/// LIMIT: sort keys tell messages apart by their beginning.
const SORT_BYTES_MAX: usize = 255;

/// A text that messages are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SortText {
    /// The base subject (RFC 5256 §2.1).
    Subject,
    /// Local part of the first From address.
    From,
    /// Local part of the first To address.
    To,
    /// Local part of the first Cc address.
    Cc,
    /// What is displayed of the first From address (RFC 5957 §3).
    DisplayFrom,
    /// What is displayed of the first To address.
    DisplayTo,
}

impl SortText {
    /// As it was computed at delivery, in the form of [`Collation::UnicodeCasemap`].
    pub fn of_keys<'k>(self, keys: &KeysView<'k>) -> &'k str {
        match self {
            Self::Subject => keys.base_subject(),
            Self::From => keys.from_mailbox(),
            Self::To => keys.to_mailbox(),
            Self::Cc => keys.cc_mailbox(),
            Self::DisplayFrom => keys.display_from(),
            Self::DisplayTo => keys.display_to(),
        }
    }

    /// The text in the form of any collation, from the header of the message.
    pub fn of_header(self, header: &[u8], collation: Collation) -> String {
        let limits = Limits::default();
        let fields = Fields::of(header, limits.header_fields_max);
        match self {
            Self::Subject => {
                let subject = one_line(&decode_header_text(fields.subject.unwrap_or_default()));
                let base = base_subject(cut(&subject, limits.key_bytes_max)).text;
                collation.form(&base).into_owned()
            }
            Self::From => address_texts(fields.from.as_slice(), collation).0,
            Self::To => address_texts(&fields.to, collation).0,
            Self::Cc => address_texts(&fields.cc, collation).0,
            Self::DisplayFrom => address_texts(fields.from.as_slice(), collation).1,
            Self::DisplayTo => address_texts(&fields.to, collation).1,
        }
    }
}

/// addr-mailbox and display value of the first address of fields that are one list.
fn address_texts(raw_values: &[&[u8]], collation: Collation) -> (String, String) {
    texts_of(chained(raw_values, 1).first(), collation)
}

/// The same texts, of an address that has been parsed already.
pub(crate) fn texts_of(first: Option<&Item>, collation: Collation) -> (String, String) {
    let form =
        |text: &str| cut(&collation.form(cut(text, SORT_BYTES_MAX)), SORT_BYTES_MAX).to_owned();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match first {
        None | Some(Item::GroupEnd) => Default::default(),
        // A group has no name and no host, only an addr-mailbox (RFC 9051 §7.5.2).
        Some(Item::GroupStart(name)) => {
            let name = form(&one_line(&lossy(name)));
            (name.clone(), name)
        }
        Some(Item::Mailbox(listed)) => {
            let local = one_line(&lossy(&listed.local));
            let name = one_line(&decode_header_text(listed.name.as_deref().unwrap_or_default()));
            let host = one_line(&lossy(&listed.host));
            let display = match (name.is_empty(), host.is_empty()) {
                (false, _) => name,
                (true, true) => local.clone(),
                (true, false) => format!("{local}@{host}"),
            };
            (form(&local), form(&display))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keys, Summary};

    #[test]
    fn headers_and_stored_keys_agree() {
        const ALL: [SortText; 6] = [
            SortText::Subject,
            SortText::From,
            SortText::To,
            SortText::Cc,
            SortText::DisplayFrom,
            SortText::DisplayTo,
        ];
        let header = b"Subject: Re: [a] =?utf-8?q?Stra=C3=9Fe?=\r\n\
            From: =?utf-8?q?J=C3=B6?= Doe <Joe.D@example.org>\r\n\
            To:\r\nTo: plain@Example.org, second@example.org\r\nCc: Friends: a@b;\r\nCc: x@y\r\n\r\n";
        let keys: Keys = Summary::of(header, &Limits::default()).keys;
        let column = keys.encode();
        let view = KeysView::parse(&column).unwrap();
        for text in ALL {
            let read = text.of_header(header, Collation::UnicodeCasemap);
            assert_eq!(text.of_keys(&view), read, "{text:?}");
        }
        let octet = ALL.map(|text| text.of_header(header, Collation::Octet));
        assert_eq!(octet, ["Straße", "Joe.D", "plain", "Friends", "Jö Doe", "plain@Example.org"]);
    }
}
