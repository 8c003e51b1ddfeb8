//! Who signs for the domains of this server: the seam between those who make mail and whoever
//! keeps the keys.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::parts::Parts;

/// The message was given away to be signed and does not come back; who sent it has to send it
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message was lost while it was signed")]
pub struct MessageLost;

/// A message on its way back, with fields put on top or as it was.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, MessageLost>> + Send + 'a>>;

/// In whose name a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// An account's: only the very domain in From signs.
    Account,
    /// This server's own, such as a report: a domain above the one in From signs where that has
    /// no keys, as hosts are below the domains they serve.
    Server,
}

/// Signs and seals. What cannot be signed goes as it is.
pub trait Signatory: fmt::Debug + Send + Sync {
    /// Puts DKIM-Signature fields above what begins at `start` of `message`.
    fn sign(&self, message: Vec<u8>, start: usize, author: Author) -> Signing<'_>;

    /// Puts an ARC set above what begins at `start`, in the name of `domain`, for mail that goes
    /// on as it came (RFC 8617 §5.1).
    fn seal<'a>(&'a self, message: Vec<u8>, start: usize, domain: &'a str) -> Signing<'a>;
}

/// The domain that a message is from; `None` where there is none, or there are several.
pub fn author_domain(message: &[u8]) -> Option<String> {
    let authors = Parts::of(message)?.author_domains();
    match <[String; 1]>::try_from(authors.domains) {
        Ok([domain]) if !authors.unreadable => Some(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_domain_or_none() {
        for (from, expected) in [
            ("a@B.example", Some("b.example")),
            ("A <a@b.example>, c@b.example", Some("b.example")),
            ("a@b.example, c@d.example", None),
            ("a@b.example, root", None),
            ("nobody", None),
        ] {
            let message = format!("Subject: x\r\nFrom: {from}\r\n\r\n");
            assert_eq!(author_domain(message.as_bytes()).as_deref(), expected, "{from}");
        }
    }
}
