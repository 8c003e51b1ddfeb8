//! Whether a message may get an automatic answer (RFC 3834 §2, RFC 5230 §4.5,
//! RFC 5230 §4.6, R-RESP-5).

use message::original_sender;

use crate::base::address::addresses;
use crate::compose::shortened;
use crate::limits::Limits;
use crate::mail::Mail;

/// LIMIT: characters of a subject made of that of the message.
pub(crate) const SUBJECT_CHARS_MAX: usize = 256;
/// LIMIT: References of an answer, in bytes (RFC 5322 §2.1.1 for a line, which is never folded
/// shorter than an id).
const REFERENCES_BYTES_MAX: usize = 990;

/// RFC 5230 §4.5: where a message to a person names the person.
const RECIPIENT_FIELDS: [&str; 6] = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/// LIMIT: addresses of one field that are looked at.
const ADDRESSES_MAX: usize = 1000;

/// Local parts behind which nobody reads answers.
const MACHINES: [&str; 5] = ["mailer-daemon", "mailer_daemon", "listserv", "majordomo", "bounce"];

/// Words with which senders begin or end that say so themselves.
const NO_REPLY: [&str; 7] =
    ["noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply"];

/// Whether a machine sent the message (RFC 3834 §5).
pub(crate) fn is_automatic(mail: &Mail<'_>) -> bool {
    let value = mail.first("Auto-Submitted").unwrap_or("no");
    let word = value.split([';', '(', ' ', '\t']).next().unwrap_or_default();
    !word.eq_ignore_ascii_case("no")
}

/// Whether the sender's address stands for a machine, as it is without what servers put around it.
pub(crate) fn is_machine(sender: &str) -> bool {
    let sender = original_sender(sender);
    let local = sender.rsplit_once('@').map_or(&*sender, |(local, _)| local).to_ascii_lowercase();
    let user = local.split('+').next().unwrap_or(&local);
    // RFC 5230 §4.6: owner-list, list-request; bounces of list managers have a hyphen as well.
    MACHINES.contains(&user)
        || NO_REPLY.iter().any(|word| local.starts_with(word) || user.ends_with(word))
        || local.starts_with("owner-")
        || ["-request", "-owner", "-bounces", "-bounce"].iter().any(|end| user.ends_with(end))
        || ["bounce-", "bounces-", "bounces"].iter().any(|start| local.starts_with(start))
}

// What forbids an answer among the fields.
fn fields_forbid(mail: &Mail<'_>) -> bool {
    let is = |name: &str, words: &[&str]| {
        mail.named(name).any(|field| {
            let value = field.text(mail).to_ascii_lowercase();
            words.iter().any(|word| value.split([',', ' ', ';']).any(|found| found == *word))
        })
    };
    is_automatic(mail)
        // RFC 2369 §3, RFC 2919 §3: only mailing lists set these.
        || mail.has_named_like("List-")
        || mail.named("Mailing-List").next().is_some()
        || is("Precedence", &["bulk", "junk", "list"])
        || is("X-Spam-Flag", &["yes"])
        // QUIRK(Microsoft Exchange, 2010 on): asks not to be answered in this field.
        || is("X-Auto-Response-Suppress", &["all", "oof", "autoreply"])
}

/// Whether the sender of a message may be answered by its recipient. `is_own` knows the addresses
/// of the recipient. The one the message was sent to need not be among them: a catch-all's are
/// nobody's, and what is sent there is meant for nobody (RFC 5230 §4.5).
pub(crate) fn may_answer(
    mail: &Mail<'_>,
    sender: &str,
    is_own: &mut dyn FnMut(&str) -> bool,
) -> bool {
    // RFC 3834 §2: never to the null reverse-path.
    if sender.is_empty() || is_machine(sender) || fields_forbid(mail) {
        return false;
    }
    if is_own(sender) || is_own(&original_sender(sender)) {
        return false;
    }
    // R-RESP-5: programs that send for others have an author of their own beside the reverse-path.
    if any_address(mail, &["From"], &mut is_machine) {
        return false;
    }
    // RFC 5230 §4.5: only what names the recipient is meant for a person.
    any_address(mail, &RECIPIENT_FIELDS, is_own)
}

/// Whether one of the addresses in fields of these names is such a one.
fn any_address(mail: &Mail<'_>, names: &[&str], is_such: &mut dyn FnMut(&str) -> bool) -> bool {
    names.iter().flat_map(|name| mail.named(name)).any(|field| {
        addresses(field.raw(mail), ADDRESSES_MAX)
            .iter()
            .any(|(local, host)| is_such(&format!("{local}@{host}")))
    })
}

/// What an answer to a message begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHead {
    /// A subject for the answer, made from that of the message.
    pub subject: String,
    /// The id of the message, with its brackets.
    pub in_reply_to: Option<String>,
    /// References for the answer (RFC 5322 §3.6.4).
    pub references: Option<String>,
}

impl AnswerHead {
    /// For a message that may be answered without anybody reading it, else nothing: R-RESP-5,
    /// RFC 3834 §2. `is_own` knows the addresses of the recipient.
    pub fn of(message: &[u8], sender: &str, is_own: &mut dyn FnMut(&str) -> bool) -> Option<Self> {
        let limits = Limits::default();
        let mail = Mail::new(message, &limits);
        may_answer(&mail, sender, is_own).then(|| Self::new(&mail))
    }

    pub(crate) fn new(mail: &Mail<'_>) -> Self {
        // RFC 5230 §5.3
        let subject = match mail.first("Subject") {
            Some(subject) if !subject.is_empty() => format!("Auto: {subject}"),
            _ => "Automated reply".to_owned(),
        };
        let in_reply_to = mail.first("Message-ID").filter(|id| id.len() < REFERENCES_BYTES_MAX);
        Self {
            subject: shortened(&subject, SUBJECT_CHARS_MAX),
            in_reply_to: in_reply_to.map(str::to_owned),
            references: references(mail),
        }
    }
}

/// RFC 5230 §5.8: those of the message, or what it answers, and then its own id; of many the
/// first and the newest.
fn references(mail: &Mail<'_>) -> Option<String> {
    let own = mail.first("Message-ID")?;
    let before = mail.first("References").or_else(|| mail.first("In-Reply-To")).unwrap_or("");
    let mut ids: Vec<&str> = before.split_ascii_whitespace().chain([own]).collect();
    while ids.iter().map(|id| id.len() + 1).sum::<usize>() > REFERENCES_BYTES_MAX {
        if ids.len() <= 2 {
            return None;
        }
        ids.remove(1);
    }
    Some(ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_account_and_is_from_a_person_is_answered() {
        for (header, expect) in [
            ("From: max@far.test\r\nTo: julie@home.test\r\n", true),
            ("From: max@far.test\r\nTo: x@y.test\r\nCc: Julie <Julie@home.test>\r\n", true),
            ("To: julie@home.test\r\n", true),
            ("From: max@far.test\r\nTo: any@home.test\r\n", false),
            ("From: No Reply <no-reply@far.test>\r\nTo: julie@home.test\r\n", false),
            ("From: max@far.test, noreply@far.test\r\nTo: julie@home.test\r\n", false),
            ("From: news-bounces@far.test\r\nTo: julie@home.test\r\n", false),
            ("From: noreply <max@far.test>\r\nTo: julie@home.test\r\n", true),
        ] {
            let message = format!("{header}\r\nHello.\r\n");
            let mut is_own = |address: &str| address.eq_ignore_ascii_case("julie@home.test");
            let head = AnswerHead::of(message.as_bytes(), "max@far.test", &mut is_own);
            assert_eq!(head.is_some(), expect, "{header}");
        }
    }

    #[test]
    fn machines() {
        for (sender, expect) in [
            ("MAILER-DAEMON@x", true),
            ("owner-list@x", true),
            ("list-request@x", true),
            ("list-bounces+me=x@y", true),
            ("No-Reply@x", true),
            ("noreply+abc@x", true),
            ("bounces+123@x", true),
            ("noreply2@x", true),
            ("do-not-reply.billing@x", true),
            ("orders_noreply@x", true),
            ("calendar-noreply@x", true),
            ("prvs=1234abcdef=julie@x", false),
            ("prvs=1234abcdef=noreply@x", true),
            ("SRS0=HHHH=TT=y.test=julie@x", false),
            ("SRS0=HHHH=TT=y.test=owner-list@x", true),
            ("julie@x", false),
            ("requester@x", false),
            ("owner@x", false),
            ("norepl@x", false),
        ] {
            assert_eq!(is_machine(sender), expect, "{sender}");
        }
    }
}
