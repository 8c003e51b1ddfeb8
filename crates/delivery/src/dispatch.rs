//! Messages that leave: signed where they are of one who may be signed for, sealed where they go
//! on as they came, prepared where that holds up nobody.

use std::sync::Arc;

use mailauth::{Author, Signatory};
use message::{ListItem, address_list, header_fields};
use storage::{
    Address, MailParameters, Outgoing, PreparedMessage, RcptParameters, Result, SpoolEntry,
    SpoolRecipient, SpoolTerms, StorageError, Store,
};

use crate::outgoing::Letter;
use crate::rules::Ready;

/// What makes messages of an account ready to leave.
pub(crate) struct Dispatch<'a> {
    pub(crate) store: &'a Store,
    pub(crate) signatory: Option<&'a dyn Signatory>,
    pub(crate) rules: &'a Ready,
}

impl Dispatch<'_> {
    /// A letter as storage is told to send it (R-RESP-5: with DKIM).
    pub(crate) async fn letter(&self, letter: Letter<'_>) -> Result<Outgoing> {
        let body = if letter.bytes.is_ascii() { "7BIT" } else { "8BITMIME" };
        let smtputf8 = letter.to.iter().any(|to| !to.is_ascii()) || !letter.reverse_path.is_ascii();
        let parameters =
            MailParameters { body: Some(body.to_owned()), smtputf8, ..MailParameters::default() };
        let recipients = letter.to.into_iter().map(|forward_path| SpoolRecipient {
            forward_path,
            // RFC 3834 §4: nobody wants to hear that an answer was late or did not arrive.
            parameters: RcptParameters::never(),
        });
        let entry = SpoolEntry {
            account: Some(letter.account),
            reverse_path: letter.reverse_path.to_owned(),
            parameters,
            recipients: recipients.collect(),
        };
        let bytes = self.signed(letter.bytes, letter.author).await?;
        Ok(Outgoing {
            entry,
            message: Arc::new(self.store.prepare_version(bytes).await?),
            terms: SpoolTerms::default(),
            claim: letter.claim,
            counted: letter.counted,
            copy: letter.copy,
            is_forwarded: false,
        })
    }

    /// Signs what is from this server, or from the account itself: scripts may name any author.
    async fn signed(&self, bytes: Vec<u8>, author: Author) -> Result<Vec<u8>> {
        let may = match author {
            Author::Server => true,
            Author::Account => is_from(&bytes, |address| self.may_name(address)),
        };
        match self.signatory {
            Some(signatory) if may => signatory.sign(bytes, 0, author).await.map_err(lost),
            _ => Ok(bytes),
        }
    }

    /// Whether an address is one of the account's, or agreed that answers are in its name.
    fn may_name(&self, address: &str) -> bool {
        let agreed = self.rules.responder.as_ref().and_then(|found| found.body.sender.as_deref());
        self.rules.is_own(address)
            || agreed.is_some_and(|sender| sender.eq_ignore_ascii_case(address))
    }

    /// A copy that is sent on of the message that came as `original`, sealed (R-ADDR-10). What a
    /// script made of the results of our checks is no word of ours, and is not sealed.
    pub(crate) async fn sent_on(&self, copy: Vec<u8>, original: &[u8]) -> Result<PreparedMessage> {
        let own = Address::parse(&self.rules.address).ok();
        let bytes = match (self.signatory, own) {
            (Some(signatory), Some(own)) if results(&copy).eq(results(original)) => {
                signatory.seal(copy, 0, own.domain()).await.map_err(lost)?
            }
            _ => copy,
        };
        self.store.prepare_version(bytes).await
    }
}

/// The sender still has it, and sends it again.
fn lost(error: mailauth::MessageLost) -> StorageError {
    StorageError::Internal(error.to_string())
}

/// The fields in which checks said what they found.
fn results(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let fields = header_fields(message).filter(|field| field.is("Authentication-Results"));
    fields.map(|field| field.value)
}

/// Whether a message has one author, who is one of these.
fn is_from(message: &[u8], is_own: impl Fn(&str) -> bool) -> bool {
    let fields = header_fields(message).filter(|field| field.is("From"));
    let mut authors = fields.flat_map(|field| address_list(field.value, 2));
    let (Some(ListItem::Mailbox(author)), None) = (authors.next(), authors.next()) else {
        return false;
    };
    let [local, host] = [&author.local, &author.host].map(|part| String::from_utf8_lossy(part));
    is_own(&format!("{local}@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_one_and_own() {
        for (header, expect) in [
            ("From: a@b.test\r\n", true),
            ("From: \"x\" <a@b.test>\r\n", true),
            ("From: ceo@b.test\r\n", false),
            ("From: a@b.test, ceo@b.test\r\n", false),
            ("From: a@b.test\r\nFrom: ceo@b.test\r\n", false),
            ("From: a@b.test <ceo@b.test>\r\n", false),
            ("Subject: x\r\n", false),
        ] {
            let message = format!("{header}\r\n");
            assert_eq!(is_from(message.as_bytes(), |it| it == "a@b.test"), expect, "{header}");
        }
    }
}
