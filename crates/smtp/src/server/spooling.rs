//! An envelope and its parameters as the spool keeps them, for who sends the message on.

use ids::Timestamp;
use message::date::{DateTime, format_rfc3339};
use storage::{
    CalendarMail, Deadline, MailParameters, Placement, RcptParameters, SpoolEntry, SpoolRecipient,
    SpoolTerms, Urgency, WhenLate,
};

use super::delivery::Delivery;
use crate::render::notify_text;
use crate::types::{
    Body, ByMode, DeliverBy, Envelope, ForwardPath, Hold, Recipient, Ret, ReversePath,
};

/// The envelope as the spool keeps it, with all its recipients.
pub(super) fn spool_entry(delivery: &Delivery<'_>) -> SpoolEntry {
    let Delivery { envelope, submitter, tls_optional, .. } = *delivery;
    let asked = &envelope.parameters;
    let parameters = MailParameters {
        body: Some(body_of(delivery).to_owned()),
        smtputf8: asked.smtputf8,
        ret: asked.ret.map(|ret| ret_text(ret).to_owned()),
        envid: asked.envelope_id.as_ref().map(|id| id.as_str().to_owned()),
        hold: asked.hold.map(render_hold),
        by: asked.deliver_by.map(|by| deadline(by, envelope.at)),
        priority: asked.priority.map(|priority| priority.get()),
        requiretls: asked.require_tls,
        tls_optional,
        verified: delivery.verified,
        doubtful: !delivery.is_believed,
        // The queue brings it to a mailbox here.
        author: calendar_author(delivery).map(str::to_owned),
        quarantine: delivery.placement == Placement::Junk,
        ..MailParameters::default()
    };
    SpoolEntry {
        account: submitter,
        reverse_path: sender_text(&envelope.reverse_path),
        parameters,
        recipients: envelope.recipients.iter().map(spool_recipient).collect(),
    }
}

/// The domain of the author, where calendars here will want to know.
pub(super) fn calendar_author<'d>(delivery: &'d Delivery<'_>) -> Option<&'d str> {
    let author = delivery.author.as_deref()?;
    CalendarMail::is_likely(&delivery.bytes, delivery.placement).then_some(author)
}

pub(super) fn body_of(delivery: &Delivery<'_>) -> &'static str {
    match delivery.envelope.parameters.body {
        // RFC 6152 §3: who says nothing says 7BIT, and many send 8 bits all the same; the next
        // server must be told what it gets.
        Body::SevenBit if delivery.eight_bit => "8BITMIME",
        Body::SevenBit => "7BIT",
        Body::EightBitMime => "8BITMIME",
        Body::BinaryMime => "BINARYMIME",
    }
}

pub(super) fn ret_text(ret: Ret) -> &'static str {
    match ret {
        Ret::Full => "FULL",
        Ret::Hdrs => "HDRS",
    }
}

/// As RFC 4865 §5.1.2 has it in reports.
fn render_hold(hold: Hold) -> String {
    match hold {
        Hold::For(secs) => format!("for;{secs}"),
        Hold::Until(at) => {
            format!("until;{}", format_rfc3339(DateTime::from_unix_secs(at.as_secs())))
        }
    }
}

/// RFC 2852 §4: the span of time becomes an instant at once.
pub(super) fn deadline(by: DeliverBy, now: Timestamp) -> Deadline {
    let when_late = match by.mode {
        ByMode::Notify => WhenLate::Notify,
        ByMode::Return => WhenLate::Return,
    };
    Deadline { at: by.deadline(now), when_late, trace: by.trace }
}

pub(super) fn spool_terms(envelope: &Envelope) -> SpoolTerms {
    let parameters = &envelope.parameters;
    SpoolTerms {
        begins: parameters.hold.map(|hold| hold.until(envelope.at)),
        deadline: parameters.deliver_by.map(|by| by.deadline(envelope.at)),
        urgency: Urgency::of_priority(parameters.priority.unwrap_or_default().get()),
    }
}

fn spool_recipient(recipient: &Recipient) -> SpoolRecipient {
    let parameters = RcptParameters {
        notify: notify_text(recipient.notify),
        orcpt: recipient.original.as_ref().map(|original| original.as_str().to_owned()),
    };
    SpoolRecipient { forward_path: path_text(&recipient.path), parameters }
}

/// A sender as the spool and the trace have it.
pub(super) fn sender_text(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => mailbox.to_string(),
    }
}

/// A recipient as the spool and the trace have it.
pub(super) fn path_text(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
    }
}
