//! The envelope as reception left it in the spool, typed.

use ids::Timestamp;
use serde::{Deserialize, Serialize};
use smtp::client::{Outbound, OutboundRecipient};
use smtp::types::{Body, ByMode, DeliverBy, Priority};
use storage::{ClaimedMessage, ClaimedRecipient, Placement, WhenLate};

/// The parameters of MAIL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MailParameters {
    pub(crate) body: Option<String>,
    pub(crate) smtputf8: bool,
    pub(crate) ret: Option<String>,
    pub(crate) envid: Option<String>,
    /// Not a parameter of MAIL: reception decided that the message belongs in quarantine.
    pub(crate) quarantine: bool,
    /// Not a parameter of MAIL: the domain of the author of a calendar message, where reception
    /// found the author authentic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<String>,
    /// As it is told in reports (RFC 4865 §5.1.2).
    pub(crate) hold: Option<String>,
    pub(crate) by: Option<Deadline>,
    pub(crate) priority: Option<i8>,
    pub(crate) requiretls: bool,
    /// The header section says `TLS-Required: No` (RFC 8689 §3).
    pub(crate) tls_optional: bool,
    /// Reception, or a redirection by the account that owns the reverse-path, found the
    /// reverse-path authentic.
    pub(crate) verified: bool,
    /// The reverse-path may be forged, since a stranger brought the message: no bounce goes there
    /// (RFC 5321 §6.2).
    pub(crate) doubtful: bool,
    /// The account's rules sent the message on; nobody submitted it.
    pub(crate) sent_on: bool,
    /// Sent on by the account's rules, which kept no copy. If it cannot be delivered, and no bounce
    /// may be sent, the account gets it after all (RFC 5321 §6.1).
    pub(crate) unkept: bool,
    /// This server made the message in the name of its sender, and the queue has yet to sign it.
    pub(crate) sign: bool,
    /// The message is about the meeting of this UID, which is given in hexadecimal digits.
    pub(crate) calendar: Option<String>,
}

/// When a message is to be delivered by (RFC 2852).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deadline {
    /// The instant, in microseconds of Unix time.
    at: i64,
    /// `N` or `R`.
    mode: String,
    pub(crate) trace: bool,
}

impl Deadline {
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }

    pub(crate) fn mode(&self) -> ByMode {
        if self.mode == "R" { ByMode::Return } else { ByMode::Notify }
    }

    /// The deadline in the type of storage.
    pub(crate) fn known(&self) -> storage::Deadline {
        let when_late = match self.mode() {
            ByMode::Notify => WhenLate::Notify,
            ByMode::Return => WhenLate::Return,
        };
        storage::Deadline { at: self.at(), when_late, trace: self.trace }
    }

    /// What is past it goes back and nowhere else: RFC 2852 §4.1.3.
    pub(crate) fn ended(&self, now: Timestamp) -> bool {
        self.mode() == ByMode::Return && self.at() <= now
    }

    /// RFC 2852 §4.1.4: the time that is left; of what must not be late, rounded down.
    fn left(&self, now: Timestamp) -> DeliverBy {
        let micros = self.at.saturating_sub(now.as_micros());
        DeliverBy { secs: micros.div_euclid(1_000_000), mode: self.mode(), trace: self.trace }
    }
}

/// The parameters of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RcptParameters {
    pub(crate) notify: Option<String>,
    pub(crate) orcpt: Option<String>,
}

impl MailParameters {
    /// The parameters that a message was spooled with. JSON that cannot be parsed counts as none
    /// given: reception wrote it, so that does not happen.
    pub(crate) fn of(message: &ClaimedMessage) -> Self {
        serde_json::from_str(&message.envelope_json).unwrap_or_default()
    }

    /// Whether it can only be sent as it is, by BDAT (RFC 3030 §3).
    pub(crate) fn is_binary(&self) -> bool {
        self.body() == Body::BinaryMime
    }

    pub(crate) fn priority(&self) -> Option<Priority> {
        self.priority.and_then(Priority::new)
    }

    pub(crate) fn body(&self) -> Body {
        match self.body.as_deref() {
            Some("8BITMIME") => Body::EightBitMime,
            Some("BINARYMIME") => Body::BinaryMime,
            _ => Body::SevenBit,
        }
    }

    /// The UID of the meeting it is about.
    pub(crate) fn meeting(&self) -> Option<String> {
        let digits = self.calendar.as_deref().filter(|digits| !digits.is_empty())?;
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        String::from_utf8(pairs.map(byte).collect::<Option<_>>()?).ok()
    }

    /// Where it belongs in a mailbox here.
    pub(crate) fn placement(&self) -> Placement {
        if self.quarantine { Placement::Junk } else { Placement::Inbox }
    }
}

impl RcptParameters {
    /// The parameters of RCPT that a claimed recipient was spooled with.
    pub(crate) fn of(recipient: &ClaimedRecipient) -> Self {
        serde_json::from_str(&recipient.parameters_json).unwrap_or_default()
    }

    /// Whether the sender wants to hear of nothing.
    pub(crate) fn is_never(&self) -> bool {
        self.notify.as_deref() == Some("NEVER")
    }

    /// Whether the sender wants to hear of this: RFC 3461 §4.1. Who says nothing wants failures
    /// and delays.
    pub(crate) fn wants(&self, what: Wish) -> bool {
        match self.notify.as_deref() {
            None => what != Wish::Success,
            Some(list) => list.split(',').any(|word| word.eq_ignore_ascii_case(what.word())),
        }
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

/// What is sent to a server of these recipients.
pub(crate) fn outbound(
    message: &ClaimedMessage,
    recipients: &[ClaimedRecipient],
    utf8_header: bool,
    now: Timestamp,
) -> Outbound {
    let parameters = MailParameters::of(message);
    Outbound {
        reverse_path: message.reverse_path.clone(),
        body: parameters.body(),
        utf8_header,
        size_bytes: message.size_bytes,
        deliver_by: parameters.by.as_ref().map(|by| by.left(now)),
        priority: parameters.priority(),
        require_tls: parameters.requiretls,
        ret: parameters.ret,
        envelope_id: parameters.envid,
        recipients: recipients
            .iter()
            .map(|recipient| {
                let RcptParameters { notify, orcpt } = RcptParameters::of(recipient);
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
    fn the_meeting_of_a_letter_is_read() {
        for (digits, uid) in [
            (None, None),
            (Some(""), None),
            (Some("6d"), Some("m")),
            (Some("c3bc22"), Some("ü\"")),
            (Some("6"), Some("\u{6}")),
            (Some("xx"), None),
            (Some("ff"), None),
        ] {
            let calendar = digits.map(str::to_owned);
            let parameters = MailParameters { calendar, ..MailParameters::default() };
            assert_eq!(parameters.meeting().as_deref(), uid, "{digits:?}");
        }
    }

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
            let wants =
                (found.wants(Wish::Success), found.wants(Wish::Failure), found.wants(Wish::Delay));
            assert_eq!(wants, (success, failure, delay), "{notify:?}");
        }
    }
}
