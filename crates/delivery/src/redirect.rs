//! Copies sent on to other addresses (RFC 5228 §4.2, R-ADDR-10).
//!
//! A copy says in Delivered-To (RFC 9228) whose it was, and whose the message was before, whatever
//! a script made of it. What says so of this account came back, and is not sent on again; nor is
//! what was sent on too often.

use std::sync::Arc;

use ids::{AccountId, Timestamp};
use message::{ListItem, address_list, header_fields};
use responder::{DeliverBy, Redirect};
use storage::{
    Address, Arrival, AuthorsElsewhere, Authorship, CalendarMail, Deadline, Outgoing,
    PreparedMessage, Resolution, Result, SpoolEntry, SpoolRecipient, SpoolTerms, Store, Urgency,
    WhenLate,
};

use crate::rules::Ready;
use crate::settings::{RedirectTargets, Settings};

/// LIMIT: times that a message was delivered before it is not sent on any more. Accounts that send
/// on to one another multiply a message at each of them.
const DELIVERED_MAX: usize = 8;
/// LIMIT: authors of one field; more than anybody writes.
const AUTHORS_MAX: usize = 100;
/// LIMIT: RFC 5321 §6.3 has at least 100 servers on a message's way.
const RECEIVED_MAX: usize = 100;

/// What the owner is told of a redirection of a script that is not carried out.
pub(crate) const NOT_AGREED: &str = "mail is sent on only to addresses here and to those that agreed to a \
                          redirection of this account";

/// Whether a script may send mail on to an address.
pub(crate) async fn may_send_to(
    store: &Store,
    settings: &Settings,
    rules: &Ready,
    address: &str,
) -> Result<bool> {
    if settings.script_redirects.targets() == RedirectTargets::Anywhere {
        return Ok(true);
    }
    let Ok(address) = Address::parse(address) else { return Ok(false) };
    let normal = address.normal_text();
    let agreed = rules.redirections.iter().any(|redirection| {
        Address::parse(&redirection.target).is_ok_and(|it| it.normal_text() == normal)
    });
    let found = store.find_recipient(&address);
    Ok(agreed || matches!(found.await?, Resolution::Account(_) | Resolution::List(_)))
}

/// What the owner is told of a message that would be sent on in the name of somebody else.
pub(crate) const NOT_OWN: &str = "mail is sent on in the name of who wrote it, or of the owner";

/// What the owner is told of a redirection of a script that a manager has withdrawn the right to.
pub(crate) const WITHDRAWN: &str = "an administrator has withdrawn the right to send mail on";

/// Whether a script made somebody else the author, or the sender, of a message that came as
/// `original` (R-ADDR-5).
pub(crate) async fn is_forged(
    store: &Store,
    account: AccountId,
    version: &[u8],
    original: &[u8],
) -> Result<bool> {
    let before = authors(original);
    let mut named = authors(version);
    named.retain(|author| !before.contains(author));
    if named.is_empty() {
        return Ok(false);
    }
    let checked =
        store.read(move |tx| tx.check_authors(account, &named, &[], AuthorsElsewhere::Refused));
    let checked = checked.await?;
    Ok(checked != Authorship::Permitted)
}

/// Those in From and Sender.
fn authors(message: &[u8]) -> Vec<Address> {
    let fields = header_fields(message).filter(|field| field.is("From") || field.is("Sender"));
    fields.flat_map(|field| addresses(field.value)).collect()
}

/// The addresses in a field.
pub(crate) fn addresses(value: &[u8]) -> Vec<Address> {
    let address = |item| match item {
        ListItem::Mailbox(one) => {
            let [local, host] = [&one.local, &one.host].map(|part| std::str::from_utf8(part));
            Address::parse(&format!("{}@{}", local.ok()?, host.ok()?)).ok()
        }
        _ => None,
    };
    address_list(value, AUTHORS_MAX).into_iter().filter_map(address).collect()
}

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
    // R-ADDR-13: who gets a copy has friends of their own.
    let rest = &message::without_external(without_return_path(version))[..];
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

/// The NOTIFY of a copy: RFC 3461 §5.2.7.3: as for the message, but that its arrival is not told
/// of another address.
fn inherited(notify: &str) -> String {
    let kept: Vec<&str> = notify.split(',').filter(|word| *word != "SUCCESS").collect();
    if kept.is_empty() { "NEVER".to_owned() } else { kept.join(",") }
}

/// Whether a copy is to come from the owner of the script: RFC 6009 §6.1 and RFC 6009 §7.1, where it
/// says what its sender is to be told.
fn is_owners(action: &Redirect, reverse_path: &str) -> bool {
    let asks = action.notify.is_some() || action.ret.is_some() || action.deliver_by.is_some();
    asks && !reverse_path.is_empty()
}

/// A time limit of a script, which counts from now on (RFC 6009 §7).
fn deadline(by: &DeliverBy, now: Timestamp) -> Deadline {
    let when_late = if by.mode == 'R' { WhenLate::Return } else { WhenLate::Notify };
    Deadline { at: now.plus_secs(by.seconds), when_late, trace: by.trace }
}

fn deadline_json(deadline: Deadline) -> serde_json::Value {
    let mode = match deadline.when_late {
        WhenLate::Notify => "N",
        WhenLate::Return => "R",
    };
    serde_json::json!({ "at": deadline.at.as_micros(), "mode": mode, "trace": deadline.trace })
}

/// A copy for one address.
pub(crate) fn outgoing(
    action: &Redirect,
    message: Arc<PreparedMessage>,
    arrival: &Arrival<'_>,
    reverse_path: String,
    now: Timestamp,
) -> Outgoing {
    let mut parameters = arrival.parameters;
    let is_owners = is_owners(action, arrival.reverse_path);
    let is_verified = arrival.verified || is_owners;
    // What a script made of the message is not what its author said.
    let author = arrival.author.filter(|_| {
        action.version.0 == 0 && CalendarMail::is_likely(arrival.message, arrival.placement)
    });
    if is_owners {
        // What somebody else wanted to be told is no business of the owner's.
        (parameters.notify, parameters.ret, parameters.envelope_id) = (None, None, None);
        (parameters.original, parameters.deadline) = (None, None);
    }
    let asked = action.deliver_by.as_ref().map(|by| deadline(by, now));
    let deadline = asked.or(parameters.deadline);
    let smtputf8 = parameters.smtputf8 || !action.address.is_ascii() || !reverse_path.is_ascii();
    let mut envelope = serde_json::json!({
        "body": if parameters.body.is_empty() { "8BITMIME" } else { parameters.body },
        "smtputf8": smtputf8,
        "ret": action.ret.as_deref().or(parameters.ret),
        "envid": parameters.envelope_id,
    });
    for (name, value) in [
        // RFC 8689 §4.1: what must not go without TLS must not so from here either.
        ("requiretls", parameters.require_tls.then(|| true.into())),
        ("tls_optional", parameters.tls_optional.then(|| true.into())),
        ("priority", parameters.priority.map(Into::into)),
        ("by", deadline.map(deadline_json)),
        ("verified", is_verified.then(|| true.into())),
        // RFC 5321 §6.2: nobody is told that a copy could not be brought out who may not have sent
        // the message, whatever address its sender gave.
        ("doubtful", (!arrival.is_believed && !is_owners).then(|| true.into())),
        ("author", author.map(Into::into)),
        // R-ADDR-13: others wrote it, whoever is its sender now.
        ("sent_on", Some(true.into())),
    ] {
        if let Some(value) = value {
            envelope[name] = value;
        }
    }
    let notify = action.notify.clone().or_else(|| parameters.notify.map(inherited));
    let mut recipient = serde_json::json!({ "notify": notify });
    if let Some(original) = parameters.original {
        // RFC 3461 §5.2.7.2: the sender hears of whom it wrote to.
        recipient["orcpt"] = original.into();
    }
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
        terms: SpoolTerms {
            begins: None,
            deadline: deadline.map(|deadline| deadline.at),
            urgency: Urgency::of_priority(parameters.priority.unwrap_or(0)),
        },
        claim: None,
        counted: false,
        copy: None,
        is_forwarded: true,
    }
}

/// Notes of a copy that its account has the message nowhere else: where nobody is told that it could
/// not be brought out, the account gets it after all (RFC 5321 §6.1).
pub(crate) fn note_unkept(copy: &mut Outgoing) {
    let envelope = serde_json::from_str::<serde_json::Value>(&copy.entry.envelope_json);
    if let Ok(mut envelope) = envelope {
        envelope["unkept"] = true.into();
        copy.entry.envelope_json = envelope.to_string();
    }
}

/// Who a copy comes from: the sender, rewritten so that it passes SPF from here. A sender of ours
/// passes as it is.
pub(crate) fn reverse_path(
    settings: &Settings,
    rules: &Ready,
    (action, reverse_path): (&Redirect, &str),
    now: Timestamp,
) -> String {
    if is_owners(action, reverse_path) {
        return rules.address.clone();
    }
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

#[cfg(test)]
mod tests {
    use ids::AccountId;
    use storage::{ArrivalParameters, Placement};

    use super::*;

    const NOTHING: serde_json::Value = serde_json::Value::Null;

    /// RFC 8689 §4.1, RFC 3461 §5.2.7.3
    #[test]
    fn copies_go_as_the_message_was_to() {
        let arrival = Arrival {
            account: AccountId::new(1),
            rules: 1,
            message: b"Content-Type: text/calendar\r\n\r\n",
            reverse_path: "a@b.test",
            forward_path: "c@d.test",
            placement: Placement::Inbox,
            author: Some("b.test"),
            verified: true,
            is_believed: true,
            parameters: ArrivalParameters {
                notify: Some("NEVER"),
                require_tls: true,
                priority: Some(-2),
                ..ArrivalParameters::default()
            },
        };
        let message = Arc::new(PreparedMessage::new(Vec::new()));
        let entry = |notify: Option<&str>| {
            let action = Redirect { notify: notify.map(str::to_owned), ..Redirect::default() };
            let now = Timestamp::from_secs(0);
            outgoing(&action, message.clone(), &arrival, String::new(), now).entry
        };
        let plain = entry(None);
        let envelope: serde_json::Value = serde_json::from_str(&plain.envelope_json).unwrap();
        assert_eq!(envelope["requiretls"], true);
        assert_eq!(envelope["priority"], -2);
        assert_eq!(envelope["tls_optional"], serde_json::Value::Null);
        assert_eq!(envelope["author"], "b.test");
        assert_eq!(envelope["sent_on"], true);
        assert_eq!((&envelope["verified"], &envelope["doubtful"]), (&true.into(), &NOTHING));
        // Nobody proved it: whether its sender is told goes by whether it is believed.
        for (is_believed, doubtful) in [(false, true.into()), (true, NOTHING)] {
            let stranger = Arrival { verified: false, is_believed, ..arrival };
            let (action, now) = (Redirect::default(), Timestamp::from_secs(0));
            let mut copy = outgoing(&action, message.clone(), &stranger, String::new(), now);
            note_unkept(&mut copy);
            let noted: serde_json::Value = serde_json::from_str(&copy.entry.envelope_json).unwrap();
            assert_eq!((&noted["verified"], &noted["doubtful"]), (&NOTHING, &doubtful));
            assert_eq!((&noted["unkept"], &noted["requiretls"]), (&true.into(), &true.into()));
        }
        assert_eq!(plain.recipients[0].parameters_json, "{\"notify\":\"NEVER\"}");
        // What a script made of it is the script's.
        let action = Redirect { version: responder::Version(1), ..Redirect::default() };
        let changed =
            outgoing(&action, message.clone(), &arrival, String::new(), Timestamp::from_secs(0));
        let envelope: serde_json::Value =
            serde_json::from_str(&changed.entry.envelope_json).unwrap();
        assert_eq!(envelope["author"], serde_json::Value::Null);
        let asked = entry(Some("FAILURE"));
        assert_eq!(asked.recipients[0].parameters_json, "{\"notify\":\"FAILURE\"}");
        for (notify, expect) in
            [("NEVER", "NEVER"), ("SUCCESS", "NEVER"), ("SUCCESS,FAILURE,DELAY", "FAILURE,DELAY")]
        {
            assert_eq!(inherited(notify), expect);
        }
    }
}
