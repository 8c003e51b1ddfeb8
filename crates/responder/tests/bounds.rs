//! Scripts and messages that would take too much, and how little ordinary ones take.

use message::date::DateTime;
use responder::{Delivery, EmptyEnv, Envelope, Event, Language, Limits, Outcome, Program};

fn run(script: &str, message: &[u8], limits: Limits) -> Result<Outcome, String> {
    let language = Language { limits, ..Language::default() };
    let program = Program::compile(script.as_bytes(), &language)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let delivery = Delivery {
        message,
        envelope: Some(Envelope { from: "a@b".into(), to: "c@d".into(), ..Envelope::default() }),
        now: DateTime::from_unix_secs(0),
        detail_separator: '+',
        event: Event::Delivery,
    };
    program.run(&language, &delivery, &mut EmptyEnv).map_err(|failure| failure.trouble.to_string())
}

#[test]
fn what_takes_too_long_ends() {
    // A tenth of the default, for the sake of debug builds.
    let limits = Limits { steps_max: 1_000_000, ..Limits::default() };
    let message = [b"Subject: x\r\n\r\n".to_vec(), b"ab".repeat(500_000)].concat();
    let tests = "body :raw :matches \"*a?c*\",".repeat(1000);
    for script in [
        format!("require \"body\"; if anyof ({tests} false) {{}}"),
        "require [\"variables\"]; set \"a\" \"aaaaaaaaaa\";".to_owned()
            + &"set \"a\" \"${a}${a}${a}${a}\"; if string :matches \"${a}\" \"*b*\" {}"
                .repeat(2000),
        "require [\"regex\", \"variables\"]; set \"a\" \"(a|b)*c\";".to_owned()
            + &"if header :regex \"subject\" \"${a}\" {}".repeat(5000),
    ] {
        assert_eq!(run(&script, &message, limits), Err("the script takes too long".to_owned()));
    }
}

/// A multipart message of so many parts.
fn parts(count: usize, part: &str) -> Vec<u8> {
    let mut message =
        String::from("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    for _ in 0..count {
        message.push_str("--b\r\n");
        message.push_str(part);
        message.push_str("\r\n");
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

/// Whatever a run looks at is paid for: long texts, many keys, many names, many parts, and
/// questions to the store.
#[test]
fn what_is_looked_at_is_paid_for() {
    let limits = Limits { steps_max: 1_000_000, ..Limits::default() };
    let list = |count: usize| {
        let strings: Vec<String> = (0..count).map(|number| format!("\"x{number}\"")).collect();
        strings.join(",")
    };
    let plain = [b"Subject: x\r\n\r\n".to_vec(), b"ab ".repeat(100_000)].concat();
    let long = [b"Subject: x\r\n\r\n".to_vec(), b"ab ".repeat(1_700_000)].concat();
    let fields = [b"X-A: b\r\n".repeat(8000), b"\r\nx".to_vec()].concat();
    let addresses = format!("To: {}a@b\r\n", "a@b,".repeat(9000)).repeat(3) + "\r\nx";
    let many = parts(2000, "Content-Type: text/plain\r\n\r\nx");
    let text = "\u{fc}".repeat(40_000);
    for (script, message) in [
        (format!("require \"body\"; if body :raw :contains [{}] {{}}", list(1000)), &plain),
        ("require \"body\"; ".to_owned() + &"if body :text :contains \"x\" {}".repeat(5), &long),
        (
            "require [\"body\", \"relational\", \"comparator-i;ascii-numeric\"]; ".to_owned()
                + &"if body :raw :count \"eq\" \"2\" {}".repeat(1000),
            &plain,
        ),
        (format!("if header [{}] \"x\" {{}}", list(3000)), &fields),
        (format!("if exists [{}] {{}}", "\"x-a\",".repeat(3000) + "\"x\""), &fields),
        ("if address \"to\" \"x\" {}".to_owned(), &addresses.clone().into_bytes()),
        (format!("require \"mime\"; if header :mime :anychild [{}] \"x\" {{}}", list(1000)), &many),
        (
            format!("require \"body\"; if body :content [{}] :contains \"x\" {{}}", list(3000)),
            &many,
        ),
        (
            format!(
                "require [\"foreverypart\", \"variables\", \"enotify\"]; \
                 foreverypart {{ set :encodeurl \"a\" \"{text}\"; }}"
            ),
            &many,
        ),
        (
            format!(
                "require [\"foreverypart\", \"enotify\"]; foreverypart {{ \
                 if valid_notify_method \"mailto:a@b?body={}\" {{}} }}",
                "x".repeat(40_000)
            ),
            &many,
        ),
        (
            "require [\"foreverypart\", \"imap4flags\", \"regex\"]; foreverypart { \
             if hasflag :regex \"(a|b){30}\" {} }"
                .to_owned(),
            &many,
        ),
        (
            "require [\"foreverypart\", \"mailbox\"]; foreverypart { \
             if mailboxexists [\"a\"] {} if mailboxexists \"b\" {} }"
                .to_owned(),
            &many,
        ),
    ] {
        let told = run(&script, message, limits);
        let shown: String = script.chars().take(200).collect();
        assert_eq!(told, Err("the script takes too long".to_owned()), "{shown}");
    }
}

/// RFC 5703 §5: taking the attachments off a long message is nothing out of the ordinary.
#[test]
fn many_parts_can_be_replaced() {
    let attachment = format!(
        "Content-Type: image/png\r\nContent-Disposition: attachment\r\n\r\n{}",
        "x".repeat(200_000)
    );
    let script = "require [\"foreverypart\", \"mime\", \"replace\"]; foreverypart { \
        if header :mime :type \"content-type\" \"image\" { replace \"gone\"; } }";
    let outcome = run(script, &parts(40, &attachment), Limits::default()).unwrap();
    assert_eq!(outcome.versions.len(), 1);
    assert!(outcome.versions[0].len() < 10_000, "{}", outcome.versions[0].len());
}

#[test]
fn every_bound_is_told() {
    let limits = Limits {
        actions_max: 2,
        redirects_max: 1,
        notifications_max: 1,
        variables_max: 1,
        edits_max: 1,
        flags_max: 1,
        string_bytes_max: 10,
        ..Limits::default()
    };
    for (script, expect) in [
        (
            "require \"fileinto\"; fileinto \"a\"; fileinto \"b\"; fileinto \"c\";",
            "too many actions",
        ),
        ("redirect \"a@b\"; redirect \"c@d\";", "too many redirections"),
        (
            "require \"enotify\"; notify \"mailto:a@b\"; notify \"mailto:c@d\";",
            "too many notifications",
        ),
        ("require \"variables\"; set \"a\" \"1\"; set \"b\" \"2\";", "too many variables"),
        (
            "require \"editheader\"; addheader \"a\" \"1\"; addheader \"b\" \"2\";",
            "the message is changed too often",
        ),
        ("require \"imap4flags\"; setflag \"a b\";", "too many flags"),
        (
            "require \"variables\"; set \"a\" \"123456\"; redirect \"${a}${a}\";",
            "a string becomes too long",
        ),
    ] {
        assert_eq!(run(script, b"Subject: x\r\n\r\n", limits), Err(expect.to_owned()), "{script}");
    }
}

/// A script of many large expressions is refused before they take memory and time.
#[test]
fn regular_expressions_are_bounded_together() {
    let large = "if header :regex \"subject\" \"(a{40}|b{50}){20}x\" {}\n";
    let wrong = "if header :regex \"subject\" \"(((a{50}){50}){50}){50}\" {}\n";
    for (each, expect) in [
        (large, "the regular expressions are too many"),
        (wrong, "the regular expression is too large"),
    ] {
        let script = "require \"regex\";\n".to_owned() + &each.repeat(10_000);
        let mistakes = Program::compile(script.as_bytes(), &Language::default()).unwrap_err();
        assert_eq!(mistakes.len(), Limits::default().mistakes_max);
        assert!(mistakes[0].to_string().ends_with(expect), "{}", mistakes[0]);
    }
}

#[test]
fn long_variables_are_cut() {
    let limits = Limits { variable_bytes_max: 5, ..Limits::default() };
    let script = "require [\"variables\", \"fileinto\"]; set \"a\" \"äöü\"; \
        if header :matches \"subject\" \"*\" {} fileinto \"${a} ${1}\";";
    let outcome = run(script, b"Subject: abcdefgh\r\n\r\n", limits).unwrap();
    assert!(format!("{:?}", outcome.actions).contains("\"äö abcde\""), "{:?}", outcome.actions);
}

/// A script of 100 rules as rule editors write them, none of which fits.
fn hundred_rules() -> String {
    let mut script = String::from("require [\"fileinto\", \"imap4flags\"];\r\n");
    for rule in 0..100 {
        script.push_str(&format!(
            "if anyof (header :contains \"subject\" \"word {rule}\", \
             address :is \"from\" \"person{rule}@example.com\", \
             header :contains [\"to\", \"cc\"] \"list-{rule}@\") \
             {{ fileinto \"Folder {rule}\"; stop; }}\r\n"
        ));
    }
    script
}

#[test]
fn a_hundred_rules_are_cheap() {
    let message = b"Received: from a by b; Mon, 20 Jul 2009 21:44:43 +0300\r\nFrom: Somebody <somebody@example.net>\r\n\
        To: One <one@example.org>, Two <two@example.org>\r\nCc: Three <three@example.org>\r\n\
        Subject: What we talked about yesterday, and a little more\r\nDate: Mon, 20 Jul 2009 21:44:43 +0300\r\n\
        Message-ID: <1@example.net>\r\nContent-Type: text/plain\r\n\r\nText.\r\n";
    let script = hundred_rules();
    let outcome = run(&script, message, Limits::default()).unwrap();
    assert_eq!(outcome.actions.len(), 1);
    assert!(outcome.steps < 5_000, "{}", outcome.steps);
}
