//! The envelope as reception left it in the spool, in the words of SMTP.

use ids::Timestamp;
use smtp::client::{Outbound, OutboundRecipient};
use smtp::types::{Body, ByMode, DeliverBy, Priority};
use storage::{
    ClaimedMessage, ClaimedRecipient, Deadline, MailParameters, RcptParameters, WhenLate,
};

/// RFC 2852 §4.1.4: the time that is left; of what must not be late, rounded down.
fn left(by: Deadline, now: Timestamp) -> DeliverBy {
    let micros = by.at.as_micros().saturating_sub(now.as_micros());
    let mode = match by.when_late {
        WhenLate::Notify => ByMode::Notify,
        WhenLate::Return => ByMode::Return,
    };
    DeliverBy { secs: micros.div_euclid(1_000_000), mode, trace: by.trace }
}

/// Whether it can only be sent as it is, by BDAT (RFC 3030 §3).
pub(crate) fn is_binary(parameters: &MailParameters) -> bool {
    body(parameters) == Body::BinaryMime
}

fn body(parameters: &MailParameters) -> Body {
    match parameters.body.as_deref() {
        Some("8BITMIME") => Body::EightBitMime,
        Some("BINARYMIME") => Body::BinaryMime,
        _ => Body::SevenBit,
    }
}

/// What a sender can ask to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Success,
    Failure,
    Delay,
}

impl Wish {
    const fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Delay => "DELAY",
        }
    }
}

/// Whether the sender wants to hear of this: RFC 3461 §4.1. Who says nothing wants failures and
/// delays.
pub(crate) fn wants(parameters: &RcptParameters, what: Wish) -> bool {
    match parameters.notify.as_deref() {
        None => what != Wish::Success,
        Some(list) => list.split(',').any(|word| word.eq_ignore_ascii_case(what.word())),
    }
}

/// What is sent to a server of these recipients.
pub(crate) fn outbound(
    message: &ClaimedMessage,
    recipients: &[ClaimedRecipient],
    utf8_header: bool,
    now: Timestamp,
) -> Outbound {
    let parameters = &message.parameters;
    Outbound {
        reverse_path: message.reverse_path.clone(),
        body: body(parameters),
        utf8_header,
        size_bytes: message.size_bytes,
        deliver_by: parameters.by.map(|by| left(by, now)),
        priority: parameters.priority.and_then(Priority::new),
        require_tls: parameters.requiretls,
        ret: parameters.ret.clone(),
        envelope_id: parameters.envid.clone(),
        recipients: recipients
            .iter()
            .map(|recipient| {
                let RcptParameters { notify, orcpt } = recipient.parameters.clone();
                let forward_path = recipient.forward_path.clone();
                OutboundRecipient { forward_path, notify, original: orcpt }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_understood() {
        let of = |notify: Option<&str>| RcptParameters {
            notify: notify.map(str::to_owned),
            ..RcptParameters::default()
        };
        for (notify, success, failure, delay) in [
            (None, false, true, true),
            (Some("NEVER"), false, false, false),
            (Some("SUCCESS,DELAY"), true, false, true),
            (Some("FAILURE"), false, true, false),
        ] {
            let found = of(notify);
            let wants = [Wish::Success, Wish::Failure, Wish::Delay].map(|what| wants(&found, what));
            assert_eq!(wants, [success, failure, delay], "{notify:?}");
        }
    }
}
