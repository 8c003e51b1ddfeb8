//! `sieve_run SENDER RECIPIENT SCRIPT MESSAGE NOW`: what a script does with a message, one action a
//! line. `tests/sieve/compare` holds it against another interpreter.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

use std::process::ExitCode;

use message::date::DateTime;
use responder::{Action, Delivery, Env, Envelope, Event, Language, Program};

fn main() -> ExitCode {
    match run() {
        Ok(lines) => {
            for line in lines {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whose script it is: who gets the message.
struct Owner<'a>(&'a str);

impl Env for Owner<'_> {
    fn is_own_address(&mut self, address: &str) -> bool {
        address.eq_ignore_ascii_case(self.0)
    }
}

fn run() -> Result<Vec<String>, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sender, recipient, script, message, now] = arguments.as_slice() else {
        return Err("sieve_run SENDER RECIPIENT SCRIPT MESSAGE NOW".to_owned());
    };
    let read = |path: &String| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let (script, message) = (read(script)?, read(message)?);
    let language = Language::default();
    let program = Program::compile(&script, &language)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let now = now.parse().map_err(|_| format!("{now}: seconds since 1970"))?;
    let delivery = Delivery {
        message: &message,
        envelope: Some(Envelope {
            from: sender.into(),
            to: recipient.into(),
            ..Envelope::default()
        }),
        now: DateTime::from_unix_secs(now),
        detail_separator: '+',
        event: Event::Delivery,
    };
    let outcome = program.run(&language, &delivery, &mut Owner(recipient));
    let outcome = outcome.map_err(|failure| failure.to_string())?;
    Ok(outcome.actions.iter().map(shown).collect())
}

fn shown(action: &Action) -> String {
    let flags = |flags: &[String]| {
        let mut flags: Vec<String> = flags.iter().map(|flag| flag.to_ascii_lowercase()).collect();
        flags.sort();
        if flags.is_empty() { String::new() } else { format!(" [{}]", flags.join(" ")) }
    };
    match action {
        Action::Keep(keep) => format!("store INBOX{}", flags(&keep.flags)),
        Action::FileInto(file) => format!("store {}{}", file.mailbox.name, flags(&file.flags)),
        Action::Redirect(redirect) => format!("redirect {}", redirect.address.to_lowercase()),
        Action::Reject(reject) => format!("reject {}", reject.reason),
        Action::Vacation(_) => "vacation".to_owned(),
        Action::Notify(notify) => format!("notify {}", notify.to.join(",")),
        Action::ProcessCalendar(_) => "processcalendar".to_owned(),
    }
}
