//! A message to send, and whether a server can take it as it is.

use std::fmt::Write as _;

use message::address::Address;

use super::{Capabilities, Status};
use crate::types::{Body, ByMode, DeliverBy, Priority};

/// The envelope of a message to send. Its parameters are in the form in which they came
/// (RFC 3461 §5.2.1: they are passed on unchanged).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// MAIL FROM without brackets; empty for the null sender.
    pub reverse_path: String,
    /// The kind of content, for BODY.
    pub body: Body,
    /// Whether the header section holds UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// Bytes of the content.
    pub size_bytes: u64,
    /// The RET parameter of DSN.
    pub ret: Option<String>,
    /// The ENVID parameter of DSN, as xtext.
    pub envelope_id: Option<String>,
    /// BY, with the time that is left.
    pub deliver_by: Option<DeliverBy>,
    /// The MT-PRIORITY parameter (RFC 6710).
    pub priority: Option<Priority>,
    /// REQUIRETLS: it goes only to servers that are who they should be, and promise the same.
    pub require_tls: bool,
    /// The recipients; at least one.
    pub recipients: Vec<OutboundRecipient>,
}

/// A recipient of the message, with the parameters of its RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRecipient {
    /// RCPT TO without brackets.
    pub forward_path: String,
    /// The NOTIFY parameter of DSN.
    pub notify: Option<String>,
    /// The ORCPT parameter of DSN.
    pub original: Option<String>,
}

/// Why a server can never take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What the sender is told in digits.
    pub status: Status,
    /// The reason in words.
    pub text: &'static str,
}

impl Outbound {
    /// Whether the server can take it, for all recipients alike.
    pub fn check(&self, server: &Capabilities) -> Result<(), Unfit> {
        if server.size_max.is_some_and(|max| self.size_bytes > max) {
            // RFC 1870 §6.2: what is larger than announced is not sent.
            let text = "the message is larger than the server takes";
            return Err(Unfit { status: Status::new(5, 3, 4), text });
        }
        if self.body == Body::BinaryMime && !server.binary_mime {
            // RFC 3030 §3: it must not be sent to a server that does not offer BINARYMIME.
            let text = "the message is binary and the server takes only text";
            return Err(Unfit { status: Status::new(5, 6, 1), text });
        }
        if self.body == Body::EightBitMime && !server.eight_bit_mime {
            // RFC 6152 §3: what cannot be converted goes back.
            let text = "the message has 8 bits, the server takes 7, and it cannot be converted";
            return Err(Unfit { status: Status::new(5, 6, 3), text });
        }
        self.check_deadline(server)?;
        // RFC 8689 §4.2.1; §5: a report goes on without, rather than not at all.
        if self.require_tls && !server.require_tls && !self.reverse_path.is_empty() {
            let text = "the message needs REQUIRETLS, which the server does not offer";
            return Err(Unfit { status: Status::new(5, 7, 30), text });
        }
        // RFC 6531 §3.2: such a message goes to a server that offers SMTPUTF8, or back.
        let sender = path_for(&self.reverse_path, server).is_some();
        if !server.smtputf8 && (self.utf8_header || !sender) {
            let text = "the message needs SMTPUTF8, which the server does not offer";
            return Err(Unfit { status: Status::new(5, 6, 7), text });
        }
        Ok(())
    }

    /// RFC 2852 §4.1.4.1: what goes back when it is late goes to no server that would not send it
    /// back, nor to one that wants more time.
    fn check_deadline(&self, server: &Capabilities) -> Result<(), Unfit> {
        let Some(by) = self.deliver_by.filter(|by| by.mode == ByMode::Return) else {
            return Ok(());
        };
        let least = server.deliver_by_secs_min.map_or(1, i64::from);
        if server.deliver_by && by.secs >= least {
            return Ok(());
        }
        let text = "the server cannot promise to deliver the message in time";
        Err(Unfit { status: Status::new(5, 3, 3), text })
    }

    /// Whether the server can be told of this recipient.
    pub(super) fn check_recipient(
        recipient: &OutboundRecipient,
        server: &Capabilities,
    ) -> Result<(), Unfit> {
        match path_for(&recipient.forward_path, server) {
            Some(_) => Ok(()),
            None => Err(Unfit {
                status: Status::new(5, 6, 7),
                text: "the address needs SMTPUTF8, which the server does not offer",
            }),
        }
    }

    /// Appends the MAIL command with the parameters that the server knows.
    pub(super) fn render_mail(&self, server: &Capabilities, out: &mut Vec<u8>) {
        let path = path_for(&self.reverse_path, server).unwrap_or_default();
        let mut line = format!("MAIL FROM:<{path}>");
        if server.size {
            let _ = write!(line, " SIZE={}", self.size_bytes);
        }
        match self.body {
            Body::SevenBit => {}
            Body::EightBitMime => line.push_str(" BODY=8BITMIME"),
            Body::BinaryMime => line.push_str(" BODY=BINARYMIME"),
        }
        if server.smtputf8 && self.needs_utf8() {
            line.push_str(" SMTPUTF8");
        }
        if server.dsn {
            if let Some(ret) = &self.ret {
                let _ = write!(line, " RET={ret}");
            }
            if let Some(id) = &self.envelope_id {
                let _ = write!(line, " ENVID={id}");
            }
        }
        self.render_terms(server, &mut line);
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn render_terms(&self, server: &Capabilities, line: &mut String) {
        if let Some(by) = self.deliver_by.filter(|_| server.deliver_by) {
            let mode = match by.mode {
                ByMode::Notify => "N",
                ByMode::Return => "R",
            };
            // RFC 2852 §4: nine digits and no more.
            let secs = by.secs.clamp(-999_999_999, 999_999_999);
            let _ = write!(line, " BY={secs};{mode}{}", if by.trace { "T" } else { "" });
        }
        if let Some(priority) = self.priority.filter(|_| server.mt_priority) {
            let _ = write!(line, " MT-PRIORITY={}", priority.get());
        }
        if self.require_tls && server.require_tls {
            line.push_str(" REQUIRETLS");
        }
    }

    /// RFC 2852 §4.1.4.2: where the next server knows nothing of the deadline, it is at least to
    /// tell of delays.
    fn notify(&self, recipient: &OutboundRecipient, server: &Capabilities) -> Option<String> {
        let blind = !server.deliver_by && self.deliver_by.is_some();
        match recipient.notify.as_deref() {
            None if blind => Some("FAILURE,DELAY".to_owned()),
            Some(list) if blind && list != "NEVER" && !list.contains("DELAY") => {
                Some(format!("{list},DELAY"))
            }
            notify => notify.map(str::to_owned),
        }
    }

    /// Appends a RCPT command with the parameters that the server knows.
    pub(super) fn render_rcpt(
        &self,
        recipient: &OutboundRecipient,
        server: &Capabilities,
        out: &mut Vec<u8>,
    ) {
        let path = path_for(&recipient.forward_path, server).unwrap_or_default();
        let mut line = format!("RCPT TO:<{path}>");
        if server.dsn {
            if let Some(notify) = self.notify(recipient, server) {
                let _ = write!(line, " NOTIFY={notify}");
            }
            // RFC 6533 §3: an address of type utf-8 in UTF-8 needs SMTPUTF8; without it, it is
            // left out rather than changed.
            if let Some(original) = &recipient.original
                && (server.smtputf8 || original.is_ascii())
            {
                let _ = write!(line, " ORCPT={original}");
            }
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn needs_utf8(&self) -> bool {
        let recipient = |one: &OutboundRecipient| {
            one.forward_path.is_ascii()
                && one.original.as_ref().is_none_or(|original| original.is_ascii())
        };
        self.utf8_header || !self.reverse_path.is_ascii() || !self.recipients.iter().all(recipient)
    }
}

/// The path as it can be written to this server: without SMTPUTF8 the domain in A-labels
/// (RFC 5890 §2.3.2.1); `None` where the local part is not ASCII either.
fn path_for(path: &str, server: &Capabilities) -> Option<String> {
    if path.is_ascii() || server.smtputf8 {
        return Some(path.to_owned());
    }
    let address = Address::parse_path(path.as_bytes()).ok()?;
    let domain = message::address::normal_domain(address.domain());
    address.at_domain(&domain).ok().filter(Address::is_ascii).map(|address| address.to_string())
}
