//! Header fields, decoded when they are first looked at and never again.

use std::cell::OnceCell;

use message::{decode_header_text, header_fields};

use crate::base::address::{AddressPart, addresses};
use crate::error::Trouble;
use crate::mail::{Bytes, Mail};
use crate::matching::Value;
use crate::run::State;

/// What an address of a field costs, in steps: memory for so many.
const ADDRESS_STEPS: u64 = 50;

/// A header field of the message.
pub(crate) struct MailField {
    pub(super) name: Bytes,
    pub(super) value: Bytes,
    /// The whole field with its line break.
    pub(super) line: Bytes,
    /// Whether scripts may neither change nor remove it.
    pub(super) is_protected: bool,
    text: OnceCell<Box<str>>,
    upper: OnceCell<Box<str>>,
    addresses: OnceCell<Vec<FieldAddress>>,
}

/// A mailbox in a field.
pub(crate) struct FieldAddress {
    pub(crate) local: String,
    pub(crate) host: String,
    /// The whole value, and its form under i;ascii-casemap.
    pub(crate) all: Box<str>,
    pub(crate) upper: Box<str>,
}

/// Reads the fields of a message and says where they end.
pub(super) fn read(message: &[u8], max: usize) -> (Vec<MailField>, usize) {
    let mut fields = Vec::with_capacity(32);
    let mut end = 0;
    for field in header_fields(message) {
        let line = field.range;
        end = line.end;
        // What is beyond the bound stays in the message and is not looked at.
        let value_end = line.end - line_break_len(field.line);
        let value = value_end - field.value.len()..value_end;
        let name = if fields.len() < max { field.name } else { b"" };
        let name = line.start..line.start + name.len();
        fields.push(MailField::new(
            Bytes::Original(name),
            Bytes::Original(value),
            Bytes::Original(line),
        ));
    }
    (fields, end)
}

fn line_break_len(line: &[u8]) -> usize {
    if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) }
}

impl MailField {
    pub(super) fn new(name: Bytes, value: Bytes, line: Bytes) -> Self {
        let (text, upper, addresses) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { name, value, line, is_protected: false, text, upper, addresses }
    }

    /// RFC 5228 §2.4.2.2: names of fields are case-insensitive.
    pub(crate) fn is(&self, mail: &Mail<'_>, name: &str) -> bool {
        mail.bytes(&self.name).eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value as it stands.
    pub(crate) fn raw<'f>(&'f self, mail: &'f Mail<'_>) -> &'f [u8] {
        mail.bytes(&self.value)
    }

    /// The value unfolded, decoded and trimmed (RFC 5228 §2.7.2, RFC 5228 §5.7).
    pub(crate) fn text<'f>(&'f self, mail: &'f Mail<'_>) -> &'f str {
        self.text.get_or_init(|| decode_header_text(self.raw(mail)).trim().into())
    }

    /// The value, with its form under i;ascii-casemap.
    pub(crate) fn value<'f>(&'f self, mail: &'f Mail<'_>) -> Value<'f> {
        let text = self.text(mail);
        let upper = self.upper.get_or_init(|| text.to_ascii_uppercase().into());
        Value { text, upper: Some(upper) }
    }

    /// The mailboxes in the value, as far as it is a list of addresses.
    pub(crate) fn addresses<'f>(
        &'f self,
        mail: &'f Mail<'_>,
        state: &mut State<'_>,
    ) -> Result<&'f [FieldAddress], Trouble> {
        if let Some(known) = self.addresses.get() {
            return Ok(known);
        }
        let raw = self.raw(mail);
        state.charge(raw.len() as u64 / 4)?;
        let found = addresses(raw, mail.limits.message.addresses_max);
        // They are kept, and take some 200 bytes each.
        state.charge(ADDRESS_STEPS * found.len() as u64)?;
        Ok(self.addresses.get_or_init(|| found.into_iter().map(FieldAddress::new).collect()))
    }
}

impl FieldAddress {
    fn new((local, host): (String, String)) -> Self {
        let all = AddressPart::All.of(&local, &host, '+').unwrap_or_default();
        let upper = all.to_ascii_uppercase().into();
        Self { all: all.into(), upper, local, host }
    }
}
