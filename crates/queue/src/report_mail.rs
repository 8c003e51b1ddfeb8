//! What reports to other domains have in common as mail: they are signed, machines read what is
//! attached, and what cannot be delivered is told to nobody.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailauth::Author;
use message::date::{DateTime, format_rfc5322};
use storage::{
    Address, MailParameters, PreparedMessage, RcptParameters, SpoolEntry, SpoolRecipient,
    StorageError,
};

use crate::queue::Inner;
use crate::settings::Reporter;

/// LIMIT: RFC 2045 §6.8, characters of a line of base64.
const LINE_CHARS: usize = 76;

/// An aggregate report, and what its kind of mail has of its own.
pub(crate) struct ReportMail<'a> {
    /// The domain that is told.
    pub(crate) domain: &'a str,
    /// The report's id.
    pub(crate) id: &'a str,
    /// The first second of its day.
    pub(crate) begins: i64,
    /// The prefix of the boundary and of the Message-ID.
    pub(crate) kind: &'static str,
    /// Further fields of the header, each with its CRLF.
    pub(crate) fields: String,
    /// The type of the whole, without its boundary.
    pub(crate) container: &'static str,
    /// The kind of report and its RFC, for the text of the mail.
    pub(crate) subject: &'static str,
    /// What it says to a person: lines, each with its CRLF.
    pub(crate) lines: String,
    /// The type of what is attached.
    pub(crate) attached: &'static str,
    /// The name of the attached file.
    pub(crate) file_name: String,
    /// The packed report.
    pub(crate) packed: Vec<u8>,
}

impl ReportMail<'_> {
    /// The mail, not yet signed: RFC 7489 §7.2.1.1, RFC 8460 §5.3.
    pub(crate) fn render(&self, sender: &Sender<'_>, to: &str) -> String {
        let Self { domain, id, kind, fields, container, subject, lines, .. } = self;
        let Self { attached, file_name, .. } = self;
        let Sender { reporter, hostname, date } = sender;
        let submitter = sender.submitter();
        let boundary = format!("=_{kind}_{:x}", self.begins);
        let mut out = format!(
            "From: <{}>\r\nTo: <{to}>\r\n\
             Subject: Report Domain: {domain}\r\n Submitter: {submitter}\r\n Report-ID: <{id}@{submitter}>\r\n\
             Date: {date}\r\nMessage-ID: <{kind}.{id}@{hostname}>\r\n{fields}\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: {container};\r\n\tboundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\n\
             This is an aggregate report of {subject} from {submitter}.\r\n\r\n\
             Domain: {domain}\r\n{lines}\r\n\
             --{boundary}\r\nContent-Type: {attached}\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment;\r\n\tfilename=\"{file_name}\"\r\n\r\n",
            reporter.address
        );
        push_base64(&mut out, &self.packed);
        let _ = write!(out, "--{boundary}--\r\n");
        out
    }
}

/// What sends a report, and the time it is sent at.
pub(crate) struct Sender<'a> {
    pub(crate) reporter: &'a Reporter,
    pub(crate) hostname: String,
    pub(crate) date: String,
}

impl<'a> Sender<'a> {
    /// A reporter at this moment.
    pub(crate) fn new(inner: &Inner, reporter: &'a Reporter) -> Self {
        let date = format_rfc5322(DateTime::from_unix_secs(inner.store.now().as_secs()));
        Self { reporter, hostname: inner.settings().hostname.clone(), date }
    }

    /// The domain that reports.
    pub(crate) fn submitter(&self) -> &str {
        self.reporter.address.rsplit_once('@').map_or(&self.hostname, |(_, domain)| domain)
    }
}

/// A report that is ready to be spooled.
pub(crate) struct Mailed {
    pub(crate) message: Arc<PreparedMessage>,
    pub(crate) entry: SpoolEntry,
}

/// Whether TLS policies of the destination hold for the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsNeed {
    /// The policies of any mail.
    Usual,
    /// No policy holds: a report about failing TLS has to get through.
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
        let parameters = MailParameters {
            body: Some("7BIT".to_owned()),
            tls_optional: tls == TlsNeed::None,
            ..MailParameters::default()
        };
        let entry = SpoolEntry {
            account: None,
            // RFC 5321 §4.5.5: the null path, so that no report on a report can come of it.
            reverse_path: String::new(),
            parameters,
            recipients: vec![SpoolRecipient {
                forward_path: address.to_string(),
                parameters: RcptParameters::never(),
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

    /// The id of this daemon as a holder of leases.
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
