//! Changes of the envelope that scanners ask for. They are collected here, and made by reception.

use crate::mail::Recipient;

/// One change of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeEdit {
    /// Another reverse-path; empty for the null path.
    Sender(String),
    /// One more recipient.
    Add(Recipient),
    /// A recipient is removed.
    Remove(String),
}

/// What all changes together make of an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopeChanges {
    /// Another reverse-path; empty for the null path. Nobody has looked whether it is one.
    pub sender: Option<String>,
    /// The recipients that are taken away, by their places.
    pub removed: Vec<usize>,
    /// The recipients that are added. Whether they are valid addresses is not checked here.
    pub added: Vec<Recipient>,
}

impl EnvelopeChanges {
    /// Makes changes of an envelope with these recipients, in order.
    pub(crate) fn make(&mut self, recipients: &[Recipient], edits: Vec<EnvelopeEdit>) {
        for edit in edits {
            match edit {
                EnvelopeEdit::Sender(sender) => self.sender = Some(sender),
                EnvelopeEdit::Add(recipient) => self.add(recipients, recipient),
                EnvelopeEdit::Remove(address) => self.remove(recipients, &address),
            }
        }
    }

    /// Adds a recipient: one that is there already is not added twice, one that was removed is
    /// there again.
    fn add(&mut self, recipients: &[Recipient], recipient: Recipient) {
        let places = places(recipients, &recipient.address);
        if !places.is_empty() {
            self.removed.retain(|place| !places.contains(place));
        } else if !self.added.iter().any(|added| is_same(&added.address, &recipient.address)) {
            self.added.push(recipient);
        }
    }

    fn remove(&mut self, recipients: &[Recipient], address: &str) {
        self.added.retain(|added| !is_same(&added.address, address));
        for place in places(recipients, address) {
            if !self.removed.contains(&place) {
                self.removed.push(place);
            }
        }
    }
}

fn places(recipients: &[Recipient], address: &str) -> Vec<usize> {
    let places = recipients.iter().enumerate();
    places.filter(|(_, one)| is_same(&one.address, address)).map(|(place, _)| place).collect()
}

/// Milters write addresses in any case.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_add_up() {
        let add = |address: &str| EnvelopeEdit::Add(Recipient::from(address));
        let remove = |address: &str| EnvelopeEdit::Remove(address.to_owned());
        let sender = |address: &str| EnvelopeEdit::Sender(address.to_owned());
        let recipients = ["a@x.test", "b@x.test", "A@X.test"].map(Recipient::from);
        type Shown<'a> = (Option<&'a str>, &'a [usize], &'a [&'a str]);
        let cases: [(Vec<EnvelopeEdit>, Shown<'_>); 8] = [
            (vec![sender("s@x.test"), sender("")], (Some(""), &[], &[])),
            (vec![remove("a@x.test")], (None, &[0, 2], &[])),
            (vec![remove("B@x.test"), remove("b@x.test")], (None, &[1], &[])),
            (vec![remove("nobody@x.test")], (None, &[], &[])),
            (vec![add("c@x.test"), add("C@x.test")], (None, &[], &["c@x.test"])),
            (vec![add("b@x.test")], (None, &[], &[])),
            (vec![add("c@x.test"), remove("c@x.test")], (None, &[], &[])),
            (vec![remove("b@x.test"), remove("a@x.test"), add("b@x.test")], (None, &[0, 2], &[])),
        ];
        for (edits, (sender, removed, added)) in cases {
            let mut changes = EnvelopeChanges::default();
            changes.make(&recipients, edits.clone());
            let added = added.iter().copied().map(Recipient::from).collect();
            let sender = sender.map(str::to_owned);
            let expected = EnvelopeChanges { sender, removed: removed.to_vec(), added };
            assert_eq!(changes, expected, "{edits:?}");
        }
    }
}
