//! Copies sent on to other addresses (RFC 5228 §4.2, R-ADDR-10).
//!
//! A copy says in Delivered-To (RFC 9228) whose it was, and whose the message was before, whatever
//! a script made of it. What says so of this account came back, and is not sent on again; nor is
//! what was sent on too often.

use std::sync::Arc;

use ids::Timestamp;
use message::header_fields;
use responder::Redirect;
use storage::{Address, Arrival, Outgoing, PreparedMessage, SpoolEntry, SpoolRecipient};

use crate::rules::Ready;
use crate::settings::Settings;

/// LIMIT: times that a message was delivered before it is not sent on any more. Accounts that send
/// on to one another multiply a message at each of them.
const DELIVERED_MAX: usize = 8;
/// LIMIT: RFC 5321 §6.3 has at least 100 servers on a message's way.
const RECEIVED_MAX: usize = 100;

/// Whether a message was sent on by this account before, or by so many that it is in a loop.
pub(crate) fn loops(message: &[u8], rules: &Ready) -> bool {
    let (mut delivered, mut received) = (0, 0);
    for field in header_fields(message) {
        if field.is("Received") {
            received += 1;
        } else if field.is("Delivered-To") {
            delivered += 1;
            let value = String::from_utf8_lossy(field.value);
            if rules.is_own(value.trim().trim_matches(['<', '>'])) {
                return true;
            }
        }
    }
    delivered >= DELIVERED_MAX || received > RECEIVED_MAX
}

/// A version of the message that came as `original`, as it is sent on.
pub(crate) fn forwarded(version: &[u8], original: &[u8], rules: &Ready) -> Vec<u8> {
    let rest = without_return_path(version);
    let mut bytes = format!("Delivered-To: {}\r\n", rules.address).into_bytes();
    // What a script enclosed in another message has lost its trace.
    let traces = |message| header_fields(message).filter(|field| field.is("Delivered-To"));
    if traces(rest).count() < traces(original).count() {
        for field in traces(original) {
            bytes.extend_from_slice(original.get(field.range).unwrap_or_default());
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// RFC 5321 §4.4: what is sent on goes without a Return-Path.
pub(crate) fn without_return_path(message: &[u8]) -> &[u8] {
    match header_fields(message).next() {
        Some(field) if field.is("Return-Path") => {
            message.get(field.range.end..).unwrap_or_default()
        }
        _ => message,
    }
}

/// A copy for one address.
pub(crate) fn outgoing(
    action: &Redirect,
    message: Arc<PreparedMessage>,
    arrival: &Arrival<'_>,
    reverse_path: String,
) -> Outgoing {
    let parameters = &arrival.parameters;
    let smtputf8 = parameters.smtputf8 || !action.address.is_ascii() || !reverse_path.is_ascii();
    let envelope = serde_json::json!({
        "body": if parameters.body.is_empty() { "8BITMIME" } else { parameters.body },
        "smtputf8": smtputf8,
        "ret": action.ret.as_deref().or(parameters.ret),
        "envid": parameters.envelope_id,
    });
    let recipient = serde_json::json!({ "notify": action.notify.as_deref() });
    Outgoing {
        entry: SpoolEntry {
            account: Some(arrival.account),
            reverse_path,
            envelope_json: envelope.to_string(),
            recipients: vec![SpoolRecipient {
                forward_path: action.address.clone(),
                parameters_json: recipient.to_string(),
            }],
        },
        message,
        claim: None,
        copy: None,
    }
}

/// Who a copy comes from: the sender, rewritten so that it passes SPF from here. A sender of ours
/// passes as it is.
pub(crate) fn reverse_path(
    settings: &Settings,
    rules: &Ready,
    reverse_path: &str,
    now: Timestamp,
) -> String {
    let unchanged = || reverse_path.to_owned();
    let Some(forwarding) = &settings.forwarding else { return unchanged() };
    let Ok(own) = Address::parse(&rules.address) else { return unchanged() };
    let Ok(sender) = message::address::Address::parse_path(reverse_path.as_bytes()) else {
        return unchanged();
    };
    if message::address::normal_domain(sender.domain()) == own.domain() {
        return unchanged();
    }
    let day = u32::try_from(now.as_secs().div_euclid(86_400)).unwrap_or(0);
    let rewritten = mailauth::srs::forward(&sender, own.domain(), &forwarding.key, day);
    rewritten.map_or_else(unchanged, |address| address.to_string())
}
