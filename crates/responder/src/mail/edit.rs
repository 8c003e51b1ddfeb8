//! Header fields that scripts add and remove (RFC 5293), as edits of the original bytes.

use crate::compose::push_field;
use crate::error::Trouble;
use crate::mail::{Bytes, Mail, MailField};

/// RFC 5293 §6: these can neither be removed nor changed; Delivered-To ends loops. Those of
/// RFC 5703 §5 are protected where `replace` made them.
const PROTECTED: [&str; 3] = ["Received", "Auto-Submitted", "Delivered-To"];

/// Which of several fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Counted from 1 at the beginning.
    First(usize),
    /// Counted from 1 at the end.
    Last(usize),
}

/// `field-name = 1*ftext` (RFC 5322 §2.2)
pub(crate) fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

impl Mail<'_> {
    /// A field that was not there.
    pub(super) fn own_field(name: &str, value: &str) -> MailField {
        let mut line = Vec::new();
        push_field(&mut line, name, value);
        let value = line.get(name.len() + 1..line.len().saturating_sub(2));
        let value = value.unwrap_or_default().to_vec();
        MailField::new(Bytes::Own(name.into()), Bytes::Own(value), Bytes::Own(line))
    }

    /// Notes a change, of which there may be so many.
    pub(super) fn changed(&mut self) -> Result<(), Trouble> {
        self.edits += 1;
        if self.edits > self.limits.edits_max {
            return Err(Trouble::TooMuch("the message is changed too often"));
        }
        self.is_changed = true;
        self.structure = None;
        Ok(())
    }

    /// `addheader` (RFC 5293 §4)
    pub(crate) fn add_field(
        &mut self,
        name: &str,
        value: &str,
        at_end: bool,
    ) -> Result<(), Trouble> {
        self.changed()?;
        let field = Self::own_field(name, value);
        // The last line of a message of fields alone may lack its end.
        let ends = self.fields.last().is_none_or(|last| self.bytes(&last.line).ends_with(b"\n"));
        if !at_end {
            self.fields.insert(0, field);
            return Ok(());
        }
        if let (false, Some(last)) = (ends, self.fields.last()) {
            let line = [self.bytes(&last.line), b"\r\n"].concat();
            if let Some(last) = self.fields.last_mut() {
                last.line = Bytes::Own(line);
            }
        }
        self.fields.push(field);
        Ok(())
    }

    /// `deleteheader` (RFC 5293 §5): which fields of a name go; `goes` tells of their values, and
    /// is asked in order.
    pub(crate) fn delete_fields(
        &mut self,
        name: &str,
        which: Which,
        mut goes: impl FnMut(&str) -> Result<bool, Trouble>,
    ) -> Result<(), Trouble> {
        // RFC 5293 §6: a script that tries goes on, and nothing is removed.
        if PROTECTED.iter().any(|protected| protected.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let named: Vec<usize> = (0..self.fields.len())
            .filter(|index| {
                self.fields.get(*index).is_some_and(|f| f.is(self, name) && !f.is_protected)
            })
            .collect();
        let chosen: Vec<usize> = match which {
            Which::All => named,
            Which::First(ordinal) => named.into_iter().skip(ordinal - 1).take(1).collect(),
            Which::Last(ordinal) => named.into_iter().rev().skip(ordinal - 1).take(1).collect(),
        };
        let mut gone = Vec::new();
        for index in chosen {
            let text = self.fields.get(index).map_or("", |field| field.text(self));
            if goes(text)? {
                gone.push(index);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.changed()?;
        let mut index = 0;
        self.fields.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        Ok(())
    }
}
