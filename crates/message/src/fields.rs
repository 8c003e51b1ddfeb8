//! The header fields that ENVELOPE, BODYSTRUCTURE and the keys are made of, found in one pass.

use crate::address_list::{Item, address_list};
use crate::header::{header_fields, skip_cfws, unfold};

/// Raw values, `None` where the field is absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) date: Option<&'a [u8]>,
    pub(crate) subject: Option<&'a [u8]>,
    pub(crate) from: Option<&'a [u8]>,
    pub(crate) sender: Option<&'a [u8]>,
    pub(crate) reply_to: Option<&'a [u8]>,
    pub(crate) to: Vec<&'a [u8]>,
    pub(crate) cc: Vec<&'a [u8]>,
    pub(crate) bcc: Vec<&'a [u8]>,
    pub(crate) in_reply_to: Option<&'a [u8]>,
    pub(crate) message_id: Option<&'a [u8]>,
    pub(crate) references: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) transfer_encoding: Option<&'a [u8]>,
    pub(crate) content_id: Option<&'a [u8]>,
    pub(crate) description: Option<&'a [u8]>,
    pub(crate) md5: Option<&'a [u8]>,
    pub(crate) disposition: Option<&'a [u8]>,
    pub(crate) language: Option<&'a [u8]>,
    pub(crate) location: Option<&'a [u8]>,
}

// The longest name above, Content-Transfer-Encoding.
const NAME_BYTES_MAX: usize = 25;

impl<'a> Fields<'a> {
    /// Reads the first `fields_max` fields of a block. RFC 5322 §3.6 allows each once; of more,
    /// the first is shown, but the last of a MIME field, as mail-parser takes the structure
    /// from that one. Several To, Cc or Bcc are one list each (RFC 5322 §4.5.3).
    pub(crate) fn of(header_block: &'a [u8], fields_max: usize) -> Self {
        let mut all = Self::default();
        for field in header_fields(header_block).take(fields_max) {
            let mut name = [0u8; NAME_BYTES_MAX];
            let Some(name) = name.get_mut(..field.name.len()) else {
                continue;
            };
            name.copy_from_slice(field.name);
            name.make_ascii_lowercase();
            all.take(name, field.value);
        }
        all
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let (slot, keep_first) = match name {
            b"date" => (&mut self.date, true),
            b"subject" => (&mut self.subject, true),
            b"from" => (&mut self.from, true),
            b"sender" => (&mut self.sender, true),
            b"reply-to" => (&mut self.reply_to, true),
            b"to" => return self.to.push(value),
            b"cc" => return self.cc.push(value),
            b"bcc" => return self.bcc.push(value),
            b"in-reply-to" => (&mut self.in_reply_to, true),
            b"message-id" => (&mut self.message_id, true),
            b"references" => (&mut self.references, true),
            b"content-type" => (&mut self.content_type, false),
            b"content-transfer-encoding" => (&mut self.transfer_encoding, false),
            b"content-id" => (&mut self.content_id, false),
            b"content-description" => (&mut self.description, false),
            b"content-md5" => (&mut self.md5, false),
            b"content-disposition" => (&mut self.disposition, false),
            b"content-language" => (&mut self.language, false),
            b"content-location" => (&mut self.location, false),
            _ => return,
        };
        if slot.is_none() || !keep_first {
            *slot = Some(value);
        }
    }

    /// The mechanism of Content-Transfer-Encoding without comments; empty if absent.
    pub(crate) fn mechanism(&self) -> Vec<u8> {
        let value = unfold(self.transfer_encoding.unwrap_or_default());
        let value = skip_cfws(&value);
        let end = value.iter().position(|byte| matches!(byte, b'(' | b';')).unwrap_or(value.len());
        value.get(..end).unwrap_or_default().trim_ascii().to_vec()
    }
}

/// The addresses of the fields that have some, read once for all that is made of them.
#[derive(Debug, Default)]
pub(crate) struct ListedFields {
    pub(crate) from: Vec<Item>,
    pub(crate) sender: Vec<Item>,
    pub(crate) reply_to: Vec<Item>,
    pub(crate) to: Vec<Item>,
    pub(crate) cc: Vec<Item>,
    pub(crate) bcc: Vec<Item>,
}

impl ListedFields {
    /// The first `addresses_max` items of each.
    pub(crate) fn of(fields: &Fields<'_>, addresses_max: usize) -> Self {
        let list = |raw: Option<&[u8]>| chained(raw.as_slice(), addresses_max);
        let chained = |values: &[&[u8]]| chained(values, addresses_max);
        Self {
            from: list(fields.from),
            sender: list(fields.sender),
            reply_to: list(fields.reply_to),
            to: chained(&fields.to),
            cc: chained(&fields.cc),
            bcc: chained(&fields.bcc),
        }
    }
}

/// The first `max` items of several values as of one list.
pub(crate) fn chained(raw_values: &[&[u8]], max: usize) -> Vec<Item> {
    let mut items = Vec::new();
    for raw in raw_values {
        let room = max.saturating_sub(items.len());
        if room == 0 {
            break;
        }
        items.append(&mut address_list(raw, room));
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_have_no_comments() {
        for (raw, expect) in [
            (" base64 (here)", "base64"),
            (" (here) base64", "base64"),
            ("\r\n (a (b) \\) c)\r\n\t8bit;", "8bit"),
            (" x y ", "x y"),
            (" (base64", ""),
            ("", ""),
        ] {
            let header = format!("Content-Transfer-Encoding:{raw}\r\n");
            let found = Fields::of(header.as_bytes(), 1).mechanism();
            assert_eq!(String::from_utf8_lossy(&found), expect, "{raw}");
        }
    }
}
