//! Copies sent on to other addresses (RFC 5228 §4.2, R-ADDR-10).
//!
//! A copy says in Delivered-To (RFC 9228) whose it was, and whose the message was before, whatever
//! a script made of it. What says so of this account came back, and is not sent on again; nor is
//! what was sent on too often.

use std::sync::Arc;

use ids::{AccountId, Timestamp};
use mailauth::srs;
use message::{ListItem, Listed, address_list, header_fields, hidden_addresses};
use responder::{DeliverBy, Redirect};
use storage::{
    Address, Arrival, AuthorsElsewhere, Authorship, CalendarMail, Deadline, MailParameters,
    Outgoing, PreparedMessage, RcptParameters, Resolution, Result, SpoolEntry, SpoolRecipient,
    SpoolTerms, Store, Urgency, WhenLate,
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
    if named == before {
        return Ok(false);
    }
    // Who cannot be read is nobody's, and shown as somebody all the same.
    if named.is_cut() || named.unreadable.iter().any(|author| !before.unreadable.contains(author)) {
        return Ok(true);
    }
    let mut named = std::mem::take(&mut named.known);
    named.retain(|author| !before.known.contains(author));
    if named.is_empty() {
        return Ok(false);
    }
    let checked =
        store.read(move |tx| tx.check_authors(account, &named, &[], AuthorsElsewhere::Refused));
    let checked = checked.await?;
    Ok(checked != Authorship::Permitted)
}

/// Whom From and Sender name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Authors {
    known: Vec<Address>,
    /// Those at a domain that are no addresses, as they are written, and what is shown as one.
    unreadable: Vec<[Vec<u8>; 2]>,
    /// The values of fields that hold more than is looked at.
    cut: Vec<Vec<u8>>,
}

impl Authors {
    /// Whether there are more than are looked at.
    fn is_cut(&self) -> bool {
        !self.cut.is_empty() || self.known.len() + self.unreadable.len() > AUTHORS_MAX
    }

    fn add(&mut self, value: &[u8]) {
        let items = address_list(value, AUTHORS_MAX + 1);
        let is_cut = |item: &ListItem| matches!(item, ListItem::Mailbox(one) if one.is_cut());
        if items.len() > AUTHORS_MAX || items.iter().any(is_cut) {
            self.cut.push(value.to_vec());
        }
        let hidden = hidden_addresses(value, &items).into_iter();
        self.unreadable.extend(hidden.map(|text| [text.into_bytes(), Vec::new()]));
        for item in items {
            let ListItem::Mailbox(one) = item else { continue };
            match address(&one) {
                Some(address) => self.known.push(address),
                None if !one.host.is_empty() => self.unreadable.push([one.local, one.host]),
                None => {}
            }
        }
    }
}

fn authors(message: &[u8]) -> Authors {
    let mut authors = Authors::default();
    let fields = header_fields(message).filter(|field| field.is("From") || field.is("Sender"));
    fields.for_each(|field| authors.add(field.value));
    authors
}

fn address(listed: &Listed) -> Option<Address> {
    let [local, host] = [&listed.local, &listed.host].map(|part| std::str::from_utf8(part));
    Address::parse(&format!("{}@{}", local.ok()?, host.ok()?)).ok()
}

/// The addresses in a field.
pub(crate) fn addresses(value: &[u8]) -> Vec<Address> {
    let read = |item| match item {
        ListItem::Mailbox(one) => address(&one),
        _ => None,
    };
    address_list(value, AUTHORS_MAX).into_iter().filter_map(read).collect()
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

/// Whether a copy is to come from the owner of the script: RFC 6009 §6.1 and RFC 6009 §7.1, where
/// it says what its sender is to be told.
fn is_owners(action: &Redirect, reverse_path: &str) -> bool {
    let asks = action.notify.is_some() || action.ret.is_some() || action.deliver_by.is_some();
    asks && !reverse_path.is_empty()
}

/// A time limit of a script, which counts from now on (RFC 6009 §7).
fn deadline(by: &DeliverBy, now: Timestamp) -> Deadline {
    let when_late = if by.mode == 'R' { WhenLate::Return } else { WhenLate::Notify };
    Deadline { at: now.plus_secs(by.seconds), when_late, trace: by.trace }
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
    let body = if parameters.body.is_empty() { "8BITMIME" } else { parameters.body };
    let mail = MailParameters {
        body: Some(body.to_owned()),
        smtputf8,
        ret: action.ret.clone().or_else(|| parameters.ret.map(str::to_owned)),
        envid: parameters.envelope_id.map(str::to_owned),
        // RFC 8689 §4.1: what must not go without TLS must not so from here either.
        requiretls: parameters.require_tls,
        tls_optional: parameters.tls_optional,
        priority: parameters.priority,
        by: deadline,
        verified: is_verified,
        // RFC 5321 §6.2: where a stranger brought the message, its reverse-path may be forged. No
        // bounce goes there when this copy cannot be delivered.
        doubtful: !arrival.is_believed && !is_owners,
        author: author.map(str::to_owned),
        // R-ADDR-13: others wrote it, whoever is its sender now.
        sent_on: true,
        ..MailParameters::default()
    };
    let recipient = RcptParameters {
        notify: action.notify.clone().or_else(|| parameters.notify.map(inherited)),
        // RFC 3461 §5.2.7.2: the sender hears of whom it wrote to.
        orcpt: parameters.original.map(str::to_owned),
    };
    Outgoing {
        entry: SpoolEntry {
            account: Some(arrival.account),
            reverse_path,
            parameters: mail,
            recipients: vec![SpoolRecipient {
                forward_path: action.address.clone(),
                parameters: recipient,
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

/// Notes of a copy that its account has the message nowhere else: where nobody is told that it
/// could not be brought out, the account gets it after all (RFC 5321 §6.1).
pub(crate) fn note_unkept(copy: &mut Outgoing) {
    copy.entry.parameters.unkept = true;
}

/// The reverse-path of a copy: the sender, rewritten so that SPF passes from here. As they are stay
/// senders at the domain of the account's primary address, null and unparsable ones, those that
/// would become too long, and all where forwarding is not set up. Where the owner has to be the
/// sender, it is the account's address.
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
    let day = srs::day_of(now.as_secs());
    let rewritten = srs::forward(&sender, own.domain(), &forwarding.key, day);
    rewritten.map_or_else(unchanged, |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use ids::AccountId;
    use storage::{ArrivalParameters, Placement};

    use super::*;

    /// What stands behind what is looked at makes two fields different.
    #[test]
    fn authors_beyond_the_bounds_are_compared() {
        let (many, long) = ("a,".repeat(101), "a.".repeat(1000));
        for start in [many, format!("<{long}")] {
            let of = |host: &str| authors(format!("From: {start}max@{host}>\r\n").as_bytes());
            assert!(of("a.test").is_cut() && of("a.test") == of("a.test"));
            assert_ne!(of("a.test"), of("b.test"));
        }
        assert!(!authors(b"From: a@b.test, (c) d@e.test\r\n").is_cut());
    }

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
        let expect = MailParameters {
            author: Some("b.test".to_owned()),
            body: Some("8BITMIME".to_owned()),
            priority: Some(-2),
            requiretls: true,
            sent_on: true,
            verified: true,
            ..MailParameters::default()
        };
        assert_eq!(plain.parameters, expect);
        // Nobody proved it: whether its sender is told goes by whether it is believed.
        for (is_believed, doubtful) in [(false, true), (true, false)] {
            let stranger = Arrival { verified: false, is_believed, ..arrival };
            let (action, now) = (Redirect::default(), Timestamp::from_secs(0));
            let mut copy = outgoing(&action, message.clone(), &stranger, String::new(), now);
            note_unkept(&mut copy);
            let noted =
                MailParameters { verified: false, doubtful, unkept: true, ..expect.clone() };
            assert_eq!(copy.entry.parameters, noted);
        }
        assert_eq!(plain.recipients[0].parameters, RcptParameters::never());
        // What a script made of it is the script's.
        let action = Redirect { version: responder::Version(1), ..Redirect::default() };
        let changed =
            outgoing(&action, message.clone(), &arrival, String::new(), Timestamp::from_secs(0));
        assert_eq!(changed.entry.parameters, MailParameters { author: None, ..expect });
        let asked = entry(Some("FAILURE"));
        let failure = Some("FAILURE".to_owned());
        let expect = RcptParameters { notify: failure, ..RcptParameters::default() };
        assert_eq!(asked.recipients[0].parameters, expect);
        for (notify, expect) in
            [("NEVER", "NEVER"), ("SUCCESS", "NEVER"), ("SUCCESS,FAILURE,DELAY", "FAILURE,DELAY")]
        {
            assert_eq!(inherited(notify), expect);
        }
    }
}
