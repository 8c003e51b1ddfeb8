//! Whether a message may get an automatic answer (RFC 3834 §2, RFC 5230 §4.5,
//! RFC 5230 §4.6, R-RESP-5).

use crate::base::address::addresses;
use crate::mail::Mail;
use crate::run::State;

/// RFC 5230 §4.5: where a message to a person names the person.
const RECIPIENT_FIELDS: [&str; 6] = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Fields that only mailing lists set (RFC 2369 §3, RFC 2919 §3).
const LIST_FIELDS: [&str; 8] = [
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Mailing-List",
];

/// Local parts behind which nobody reads answers.
const MACHINES: [&str; 12] = [
    "mailer-daemon",
    "mailer_daemon",
    "listserv",
    "majordomo",
    "noreply",
    "no-reply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "bounce",
];

/// Whether a machine sent the message (RFC 3834 §5).
pub(crate) fn is_automatic(mail: &Mail<'_>) -> bool {
    let value = mail.first("Auto-Submitted").unwrap_or("no");
    let word = value.split([';', '(', ' ', '\t']).next().unwrap_or_default();
    !word.eq_ignore_ascii_case("no")
}

/// Whether the sender's address stands for a machine.
pub(crate) fn is_machine(sender: &str) -> bool {
    let local = sender.rsplit_once('@').map_or(sender, |(local, _)| local).to_ascii_lowercase();
    let user = local.split('+').next().unwrap_or(&local);
    // RFC 5230 §4.6: owner-list, list-request; bounces of list managers have a hyphen as well.
    MACHINES.contains(&user)
        || local.starts_with("owner-")
        || ["-request", "-owner", "-bounces", "-bounce", "-noreply", "-no-reply"]
            .iter()
            .any(|end| user.ends_with(end))
        || ["noreply-", "no-reply-", "bounce-", "bounces-", "bounces", "prvs="]
            .iter()
            .any(|start| local.starts_with(start))
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
        || LIST_FIELDS.iter().any(|name| mail.named(name).next().is_some())
        || is("Precedence", &["bulk", "junk", "list"])
        || is("X-Spam-Flag", &["yes"])
        // QUIRK(Microsoft Exchange, 2010 on): asks not to be answered in this field.
        || is("X-Auto-Response-Suppress", &["all", "oof", "autoreply"])
}

/// Whether the sender of a message may be answered by its recipient. `extra` are addresses that
/// the recipient has besides those that [`crate::Env::is_own_address`] knows.
pub(crate) fn may_answer(
    mail: &Mail<'_>,
    state: &mut State<'_>,
    sender: &str,
    recipient: &str,
    extra: &[String],
) -> bool {
    // RFC 3834 §2: never to the null reverse-path.
    if sender.is_empty() || is_machine(sender) || fields_forbid(mail) {
        return false;
    }
    let mut is_own = |address: &str| {
        let mut known = std::iter::once(recipient).chain(extra.iter().map(String::as_str));
        known.any(|known| known.eq_ignore_ascii_case(address)) || state.env.is_own_address(address)
    };
    if is_own(sender) {
        return false;
    }
    // RFC 5230 §4.5: only what names the recipient is meant for a person.
    let max = 1000;
    RECIPIENT_FIELDS.iter().flat_map(|name| mail.named(name)).any(|field| {
        addresses(field.raw(mail), max)
            .iter()
            .any(|(local, host)| is_own(&format!("{local}@{host}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("julie@x", false),
            ("requester@x", false),
            ("owner@x", false),
            ("norepl@x", false),
        ] {
            assert_eq!(is_machine(sender), expect, "{sender}");
        }
    }
}
