//! Letters of this server: to an owner whose script failed, to addresses that are asked whether
//! they may be used, and with links that set passwords.

use std::sync::Arc;

use ids::Timestamp;
use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use storage::{
    ActivityNotice, MailParameters, Notice, PreparedMessage, Purpose, RcptParameters, SpoolEntry,
    SpoolRecipient,
};

use crate::outgoing::Stamper;
use crate::rules::Ready;
use crate::zone::date_time;

/// Makes the message that tells the owner that the script failed (R-FILT-2).
pub(crate) fn failure_notice(hostname: &str, rules: &Arc<Ready>, now: Timestamp) -> Notice {
    let (hostname, rules) = (hostname.to_owned(), rules.clone());
    Arc::new(move |trouble| {
        let script = rules.script.as_ref().map_or("", |(name, _)| name.as_str());
        let text = format!(
            "Your mail filter \"{script}\" failed on a message, which was kept all the same:\r\n\
             \r\n    {trouble}\r\n\r\n\
             You are told this once; the filter runs on. Correct it, or switch it off.\r\n"
        );
        let stamper = Stamper { hostname: &hostname, zone: &rules.zone, now };
        write(&stamper, &rules.address, "Your mail filter failed", &text)
    })
}

fn write(stamper: &Stamper<'_>, to: &str, subject: &str, text: &str) -> Vec<u8> {
    let from = format!("MAILER-DAEMON@{}", stamper.hostname);
    write_from(("Mail Delivery Subsystem", &from), stamper, to, subject, text)
}

/// Writes a letter with this name and address in From.
fn write_from(
    from: (&str, &str),
    stamper: &Stamper<'_>,
    to: &str,
    subject: &str,
    text: &str,
) -> Vec<u8> {
    stamper.render(|stamp| {
        let mut out = Vec::new();
        MessageBuilder::new()
            .from(from)
            .to(to)
            .subject(subject)
            .header("Date", Raw::new(message::date::format_rfc5322(stamp.date)))
            .message_id(stamp.message_id)
            // RFC 3834 §5: whoever answers machines' mail does not answer this.
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(text)
            .serialize(&mut out);
        out
    })
}

/// The message that tells the owner of an account what happened to it (R-SMTP-5).
pub fn activity_letter(
    hostname: &str,
    address: &str,
    zone: &str,
    notice: &ActivityNotice,
    now: Timestamp,
) -> Vec<u8> {
    let zone = crate::zone::zone_of(zone);
    let stamper = Stamper { hostname, zone: &zone, now };
    let (subject, what, event) = match notice {
        ActivityNotice::NewPlace(event) => (
            "Sign-in from a new place",
            "Somebody signed in to your account from a place that \
              it was not signed in from lately."
                .to_owned(),
            event,
        ),
        ActivityNotice::WrongPasswords(count, event) => (
            "Wrong passwords for your account",
            format!("Within a day, {count} sign-ins to your account failed over a wrong password."),
            event,
        ),
    };
    let when = message::date::format_rfc5322(date_time(&zone, event.last));
    let mut facts = format!("    Account: {address}\r\n    Last time: {when}\r\n");
    for (label, value) in [
        ("From address", event.peer.map(|peer| peer.to_string()).unwrap_or_default()),
        ("Protocol", event.protocol.clone()),
        ("Program", event.program.chars().filter(|char| !char.is_control()).take(120).collect()),
    ] {
        if !value.is_empty() {
            facts.push_str(&format!("    {label}: {value}\r\n"));
        }
    }
    let advice = match notice {
        ActivityNotice::NewPlace(_) => {
            "If that was you, there is nothing to do. If it was not, somebody knows your password:\r\n\
             change it now, and tell the people who run this server.\r\n"
        }
        ActivityNotice::WrongPasswords(..) => {
            "If one of your devices still has an old password, correct it there. If you know of\r\n\
             none, somebody is guessing; nobody got in by that. A long password is good protection.\r\n"
        }
    };
    let text = format!("{what}\r\n\r\n{facts}\r\n{advice}");
    write(&stamper, address, subject, &text)
}

/// A letter for the spool.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The envelope for the spool.
    pub entry: SpoolEntry,
    /// The message, rendered.
    pub message: Arc<PreparedMessage>,
}

/// A question to an address of somebody else.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The account that asks.
    pub account: &'a str,
    /// What the address is to be used for.
    pub purpose: Purpose,
    /// The address that is asked.
    pub address: &'a str,
    /// The code that says yes.
    pub token: &'a str,
    /// A page that takes it.
    pub link: &'a str,
}

/// Asks an address whether an account may use it (R-RESP-2, R-ADDR-10). `hostname` is the domain
/// in whose name that is done, which signs it.
pub fn confirmation(hostname: &str, question: Question<'_>, now: Timestamp) -> Letter {
    let Question { account, purpose, address, token, link } = question;
    let what = match purpose {
        Purpose::Redirection => "send copies of its mail to this address",
        Purpose::Sender => "send automatic answers in the name of this address",
    };
    let text = format!(
        "{account} asks to {what}.\r\n\r\n\
         If you agree, follow this link within a week and say so there:\r\n\r\n    \
         {link}\r\n\r\n\
         If you do not, do nothing, and nothing is sent. Who knows the code can agree for you:\r\n\
         the people who run {hostname} take it, too.\r\n\r\n    \
         {token}\r\n"
    );
    let stamper = Stamper { hostname, zone: &TimeZone::UTC, now };
    let bytes = write(&stamper, address, "May your address be used?", &text);
    let smtputf8 = !address.is_ascii();
    let body = if bytes.is_ascii() { "7BIT" } else { "8BITMIME" };
    // Nobody here holds a key: the queue signs it.
    let parameters = MailParameters {
        body: Some(body.to_owned()),
        smtputf8,
        sign: true,
        ..MailParameters::default()
    };
    Letter {
        entry: SpoolEntry {
            account: None,
            reverse_path: String::new(),
            parameters,
            recipients: vec![SpoolRecipient {
                forward_path: address.to_owned(),
                parameters: RcptParameters::never(),
            }],
        },
        message: Arc::new(PreparedMessage::new(bytes)),
    }
}

/// What a letter says of a link that sets the password of an account.
#[derive(Clone, Copy)]
pub struct PasswordInvitation<'a> {
    /// The primary address of the account whose password it sets.
    pub account: &'a str,
    /// To whom the letter goes, which is the owner of the account at another address.
    pub address: &'a str,
    /// The URL of the page that sets the password.
    pub link: &'a str,
    /// The instant from which on the link no longer works.
    pub expires: Timestamp,
}

/// A letter with such a link, from postmaster of `domain`, that of the account (R-ADDR-8).
pub fn password_letter(domain: &str, invitation: PasswordInvitation<'_>, now: Timestamp) -> Letter {
    let PasswordInvitation { address, .. } = invitation;
    let text = password_text(domain, invitation);
    let from = format!("postmaster@{domain}");
    let stamper = Stamper { hostname: domain, zone: &TimeZone::UTC, now };
    let bytes = write_from((domain, &from), &stamper, address, "Set your password", &text);
    let smtputf8 = !address.is_ascii() || !from.is_ascii();
    let body = if bytes.is_ascii() { "7BIT" } else { "8BITMIME" };
    // RFC 3461 §4.3: what comes back does not bring the link along.
    let parameters = MailParameters {
        body: Some(body.to_owned()),
        ret: Some("HDRS".to_owned()),
        smtputf8,
        sign: true,
        ..MailParameters::default()
    };
    Letter {
        entry: SpoolEntry {
            account: None,
            reverse_path: from,
            parameters,
            recipients: vec![SpoolRecipient {
                forward_path: address.to_owned(),
                parameters: RcptParameters::default(),
            }],
        },
        message: Arc::new(PreparedMessage::new(bytes)),
    }
}

fn password_text(domain: &str, invitation: PasswordInvitation<'_>) -> String {
    let PasswordInvitation { account, link, expires, .. } = invitation;
    let until = message::date::format_rfc5322(date_time(&TimeZone::UTC, expires));
    format!(
        "By this link you set the password of\r\n\r\n    {account}\r\n\r\n\
         It is good until {until}, and once:\r\n\r\n    \
         {link}\r\n\r\n\
         Whoever has it can do the same, so give it to nobody. If you do not know what this is\r\n\
         about, do nothing: the password stays as it is. The people who run {domain} made the link,\r\n\
         and read what you answer.\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_brings_the_link_and_what_it_is_for() {
        let now = Timestamp::from_secs(1_700_000_000);
        for (domain, address, smtputf8) in [
            ("example.test", "julie@elsewhere.test", false),
            ("example.test", "zo\u{eb}@elsewhere.test", true),
        ] {
            let link = "https://mail.example.test/password/0123456789abcdef";
            let account = "Julie@example.test";
            let expires = now.plus_secs(3_600);
            let invitation = PasswordInvitation { account, address, link, expires };
            let letter = password_letter(domain, invitation, now);
            assert_eq!(letter.entry.reverse_path, "postmaster@example.test");
            assert_eq!(letter.entry.account, None);
            let body = if smtputf8 { "8BITMIME" } else { "7BIT" };
            let expect = MailParameters {
                body: Some(body.to_owned()),
                ret: Some("HDRS".to_owned()),
                smtputf8,
                sign: true,
                ..MailParameters::default()
            };
            assert_eq!(letter.entry.parameters, expect);
            let text = password_text(domain, invitation);
            assert_eq!(
                text,
                "By this link you set the password of\r\n\r\n    Julie@example.test\r\n\r\n\
                 It is good until Tue, 14 Nov 2023 23:13:20 +0000, and once:\r\n\r\n    \
                 https://mail.example.test/password/0123456789abcdef\r\n\r\n\
                 Whoever has it can do the same, so give it to nobody. If you do not know what \
                 this is\r\nabout, do nothing: the password stays as it is. The people who run \
                 example.test made the link,\r\nand read what you answer.\r\n"
            );
            let [recipient] = letter.entry.recipients.as_slice() else { panic!("one recipient") };
            assert_eq!(recipient.forward_path, address);
        }
    }
}
