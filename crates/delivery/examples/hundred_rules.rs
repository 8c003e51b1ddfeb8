//! What a message costs that a hundred rules are asked about, none of which fits: prints
//! microseconds and steps. `cargo run --release -p delivery --example hundred_rules`

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use message::date::DateTime;
use responder::{Delivery, EmptyEnv, Event, Language, Program};

const MESSAGES: u32 = 100_000;
const MESSAGE: &[u8] = b"Received: from a by b; Mon, 20 Jul 2009 21:44:43 +0300\r\n\
    From: Somebody <somebody@example.net>\r\n\
    To: One <one@example.org>, Two <two@example.org>\r\nCc: Three <three@example.org>\r\n\
    Subject: What we talked about yesterday, and a little more\r\n\
    Date: Mon, 20 Jul 2009 21:44:43 +0300\r\nMessage-ID: <1@example.net>\r\n\
    Content-Type: text/plain\r\n\r\nText.\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut script = String::from("require [\"fileinto\"];\r\n");
    for rule in 0..100 {
        write!(
            script,
            "if anyof (header :contains \"subject\" \"word {rule}\", \
             address :is \"from\" \"person{rule}@example.com\", \
             header :contains [\"to\", \"cc\"] \"list-{rule}@\") \
             {{ fileinto \"Folder {rule}\"; stop; }}\r\n"
        )?;
    }
    let language = Language::default();
    let program = Program::compile(script.as_bytes(), &language)
        .map_err(|mistakes| format!("{mistakes:?}"))?;
    let delivery = Delivery {
        message: MESSAGE,
        envelope: None,
        now: DateTime::from_unix_secs(0),
        detail_separator: '+',
        event: Event::Delivery,
    };
    let mut steps = 0;
    let begun = Instant::now();
    for _ in 0..MESSAGES {
        steps = program.run(&language, &delivery, &mut EmptyEnv)?.steps;
    }
    let micros = begun.elapsed().as_secs_f64() * 1e6 / f64::from(MESSAGES);
    writeln!(std::io::stdout(), "{micros:.1} µs and {steps} steps a message")?;
    Ok(())
}
