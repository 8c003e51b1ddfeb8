//! A message, a world, and what scripts make of them, on one line.

use std::collections::BTreeMap;

use message::date::DateTime;
use responder::{
    Action, CalendarOutcome, CalendarReport, Delivery, DuplicateKey, Env, Envelope, Event,
    Language, Location, Outcome, Place, ProcessCalendar, Program,
};

pub(crate) const MESSAGE: &str = "Received: from a by b; Mon, 20 Jul 2009 21:44:43 +0300\r\n\
    From: \"Coyote\" <coyote@desert.example.org>\r\n\
    To: roadrunner+list@acme.example.com, \"Bird\" <bird@example.org>\r\n\
    Cc: keith@example.com\r\n\
    Subject: =?utf-8?q?I_have_a_present_for_=E2=98=BA_you?=\r\n\
    Date: Tue, 1 Apr 1997 09:06:31 -0800\r\n\
    Message-ID: <1@desert.example.org>\r\n\
    X-Number: 0010\r\n\
    X-Tag: one\r\n\
    X-Tag: two\r\n\
    X-Tag: three\r\n\
    \r\n\
    Look, I'm sorry about the whole anvil thing.\r\n";

/// What scripts may ask.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) scripts: BTreeMap<&'static str, &'static str>,
    pub(crate) seen: Vec<DuplicateKey>,
}

impl Env for World {
    fn mailbox_exists(&mut self, name: &str) -> bool {
        name == "Partners"
    }
    fn mailbox_id_exists(&mut self, id: &str) -> bool {
        id == "F6352ae03"
    }
    fn special_use_exists(&mut self, mailbox: Option<&str>, attribute: &str) -> bool {
        attribute == "\\Junk" && mailbox.is_none_or(|name| name == "Spam")
    }
    fn metadata(&mut self, mailbox: Option<&str>, entry: &str) -> Option<String> {
        match (mailbox, entry) {
            (Some("INBOX"), "/private/vendor/x") => Some("on".to_owned()),
            (None, "/shared/admin") => Some("mailto:admin@example.com".to_owned()),
            _ => None,
        }
    }
    fn environment(&mut self, item: &str) -> Option<String> {
        (item == "domain").then(|| "example.com".to_owned())
    }
    fn is_duplicate(&mut self, key: &DuplicateKey) -> bool {
        self.seen.contains(key)
    }
    fn script(&mut self, _: Location, name: &str) -> Option<Vec<u8>> {
        self.scripts.get(name).map(|text| text.as_bytes().to_vec())
    }
    fn list_exists(&mut self, list: &str) -> bool {
        list == "urn:ietf:params:sieve:addrbook:default"
            || list == "tag:example.com,2011-01-01:localHolidays"
    }
    fn list_find(&mut self, list: &str, value: &str) -> Option<String> {
        let known = match list {
            "tag:example.com,2011-01-01:localHolidays" => "2009-07-20",
            _ => "Coyote@desert.example.org",
        };
        value.eq_ignore_ascii_case(known).then(|| known.to_owned())
    }
    fn list_members(&mut self, list: &str, count_max: usize) -> Option<Vec<String>> {
        let count = match list {
            "urn:example:many" => usize::MAX,
            "urn:example:all" => return None,
            "urn:example:forty" => 40,
            _ => 2,
        };
        Some((0..count.min(count_max)).map(|number| format!("a{number}@example.com")).collect())
    }
    fn calendar_outcome(&mut self, action: &ProcessCalendar) -> CalendarReport {
        match action.updates_only {
            true => CalendarReport {
                outcome: CalendarOutcome::NoAction,
                reason: "only processing updates",
            },
            false => CalendarReport { outcome: CalendarOutcome::Added, reason: "" },
        }
    }
    fn spam_value(&mut self) -> u8 {
        4
    }
    fn virus_value(&mut self) -> u8 {
        5
    }
    fn is_own_address(&mut self, address: &str) -> bool {
        let own = ["bird@example.org", "roadrunner+list@acme.example.com"];
        own.iter().any(|own| own.eq_ignore_ascii_case(address))
    }
}

pub(crate) fn delivery(message: &str) -> Delivery<'_> {
    Delivery {
        message: message.as_bytes(),
        envelope: Some(Envelope {
            from: "coyote@desert.example.org".into(),
            to: "roadrunner+list@acme.example.com".into(),
            dsn_notify: Some("SUCCESS,FAILURE".into()),
            dsn_ret: Some("HDRS".into()),
            deliver_by: Some((DateTime::from_unix_secs(1_248_115_483 + 600), 'R', true)),
            ..Envelope::default()
        }),
        now: DateTime::with_offset(1_248_115_483, 180),
        detail_separator: '+',
        event: Event::Delivery,
    }
}

pub(crate) fn run_with(script: &str, message: &str, world: &mut World) -> Result<Outcome, String> {
    let language = Language::default();
    let program = Program::compile(script.as_bytes(), &language)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    program.run(&language, &delivery(message), world).map_err(|failure| failure.to_string())
}

pub(crate) fn place(place: &Place) -> String {
    let mut text = place.name.clone();
    text.push_str(if place.create { " create" } else { "" });
    for (what, value) in [("use", &place.special_use), ("id", &place.mailbox_id)] {
        if let Some(value) = value {
            text.push_str(&format!(" {what}={value}"));
        }
    }
    text
}

pub(crate) fn shown(outcome: &Outcome) -> String {
    let flags = |flags: &[String]| match flags {
        [] => String::new(),
        flags => format!(" [{}]", flags.join(" ")),
    };
    let action = |action: &Action| match action {
        Action::Keep(keep) if keep.is_implicit => format!("keep implicitly{}", flags(&keep.flags)),
        Action::Keep(keep) => format!("keep{}", flags(&keep.flags)),
        Action::FileInto(file) => {
            format!("fileinto {}{}", place(&file.mailbox), flags(&file.flags))
        }
        Action::Redirect(redirect) => {
            let mut text = format!("redirect {}", redirect.address);
            for value in [&redirect.notify, &redirect.ret].into_iter().flatten() {
                text.push_str(&format!(" {value}"));
            }
            if let Some(by) = &redirect.deliver_by {
                text.push_str(&format!(" {}{}{}", by.seconds, by.mode, by.trace));
            }
            text
        }
        Action::Reject(reject) if reject.in_protocol => format!("ereject {}", reject.reason),
        Action::Reject(reject) => format!("reject {}", reject.reason),
        Action::Vacation(vacation) => format!(
            "vacation {} after {}: {} from {}: {}",
            vacation.recipient, vacation.seconds, vacation.subject, vacation.from, vacation.reason
        ),
        Action::ProcessCalendar(action) => format!("calendar {action:?}"),
        Action::Notify(notify) => format!(
            "notify {} {}: {}: {}",
            notify.importance,
            notify.to.join(","),
            notify.subject,
            notify.body
        ),
    };
    outcome.actions.iter().map(action).collect::<Vec<_>>().join("; ")
}

/// What a script does with a message, or why it does not.
pub(crate) fn result(script: &str, message: &str) -> String {
    match run_with(script, message, &mut World::default()) {
        Ok(outcome) => shown(&outcome),
        Err(error) => error,
    }
}

pub(crate) fn check(table: &[(&str, &str)]) {
    for (script, expect) in table {
        assert_eq!(result(script, MESSAGE), *expect, "{script}");
    }
}

/// Tests that hold, and tests that do not, with what they require.
pub(crate) fn check_tests(require: &str, tests: &[(&str, bool)]) {
    for (test, expect) in tests {
        let script = format!("require [{require}]; if {test} {{ discard; }}");
        let expect = if *expect { "" } else { "keep implicitly" };
        assert_eq!(result(&script, MESSAGE), expect, "{test}");
    }
}
