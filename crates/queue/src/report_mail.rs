//! What reports to other domains have in common as mail: they are signed, machines read what is
//! attached, and what cannot be delivered is told to nobody.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailauth::Author;
use storage::{Address, PreparedMessage, SpoolEntry, SpoolRecipient, StorageError};

use crate::envelope::MailParameters;
use crate::queue::Inner;

/// LIMIT: RFC 2045 §6.8, characters of a line of base64.
const LINE_CHARS: usize = 76;

/// A report that is ready to be spooled.
pub(crate) struct Mailed {
    pub(crate) message: Arc<PreparedMessage>,
    pub(crate) entry: SpoolEntry,
}

/// Whether policies on TLS hold for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsNeed {
    /// As for any mail.
    Usual,
    /// None does.
    None,
}

impl Mailed {
    /// Mail to an address.
    pub(crate) async fn new(
        inner: &Inner,
        bytes: Vec<u8>,
        address: &Address,
        tls: TlsNeed,
    ) -> Result<Self, StorageError> {
        let message = Arc::new(inner.store.prepare(bytes).await?);
        let envelope = MailParameters {
            body: Some("7BIT".to_owned()),
            tls_optional: tls == TlsNeed::None,
            ..MailParameters::default()
        };
        let entry = SpoolEntry {
            account: None,
            // RFC 5321 §4.5.5: the null path, so that no report on a report can come of it.
            reverse_path: String::new(),
            envelope_json: serde_json::json!(envelope).to_string(),
            recipients: vec![SpoolRecipient {
                forward_path: address.to_string(),
                parameters_json: serde_json::json!({ "notify": "NEVER" }).to_string(),
            }],
        };
        Ok(Self { message, entry })
    }
}

impl Inner {
    /// A report with the signature of the domain it is from, and whether it has one.
    pub(crate) async fn signed(&self, text: String) -> (Vec<u8>, bool) {
        let Some(signatory) = self.settings().signatory.clone() else {
            return (text.into_bytes(), false);
        };
        match signatory.sign(text.clone().into_bytes(), 0, Author::Server).await {
            Ok(signed) => {
                let is_signed = signed.len() > text.len();
                (signed, is_signed)
            }
            Err(_) => (text.into_bytes(), false),
        }
    }

    /// Who holds the leases of reports.
    pub(crate) fn lease_holder(&self) -> [u8; 16] {
        let mut holder = [0; 16];
        let (first, second) = holder.split_at_mut(8);
        first.copy_from_slice(&self.holder.0.to_be_bytes());
        second.copy_from_slice(&self.holder.1.to_be_bytes());
        holder
    }
}

/// RFC 2045 §6.8.
pub(crate) fn push_base64(out: &mut String, bytes: &[u8]) {
    let encoded = STANDARD.encode(bytes);
    for line in encoded.as_bytes().chunks(LINE_CHARS) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push_str("\r\n");
    }
}
