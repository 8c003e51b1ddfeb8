//! What decides which commands run, and who is told.

use responder::{Delivery, DuplicateKey, Event, ImapCause, ImapEvent, Language, Program};

use crate::scene::{MESSAGE, World, check, check_tests, delivery, result, run_with, shown};

#[test]
fn ihave() {
    check(&[
        ("require \"ihave\"; if ihave \"fileinto\" { fileinto \"a\"; }", "fileinto a"),
        ("require \"ihave\"; if ihave \"frop\" { frop \"a\"; } else { discard; }", ""),
        ("require \"ihave\"; if allof (ihave \"frop\", frop \"a\") { frop; }", "keep implicitly"),
        (
            "require \"ihave\"; if not ihave [\"fileinto\", \"frop\"] { error \"sorry\"; }",
            "line 1, column 54: sorry",
        ),
        // RFC 5463 §4
        ("require \"ihave\"; if ihave \"variables\" { discard; }", "keep implicitly"),
        ("require [\"ihave\", \"variables\"]; if ihave \"variables\" { discard; }", ""),
        (
            "require \"ihave\"; fileinto \"a\"; if ihave \"fileinto\" {}",
            "line 1, column 18: fileinto needs require \"fileinto\"",
        ),
    ]);
}

#[test]
fn include() {
    let run = |script: &str| {
        let scripts = [
            ("a", "require \"fileinto\"; fileinto \"from-a\";"),
            ("returns", "require \"include\"; return; discard;"),
            ("stops", "stop;"),
            ("itself", "require \"include\"; include \"itself\";"),
            ("broken", "keep"),
            ("fails", "require \"ihave\";\nerror \"oh\";"),
            (
                "subject_tests",
                "require [\"include\", \"variables\"]; global [\"test\", \"test_mailbox\"]; \
                 if header :contains \"Subject\" \"${test}\" { set \"test_mailbox\" \"spam-${test}\"; }",
            ),
            (
                "own",
                "require [\"include\", \"variables\"]; set \"x\" \"changed\"; set \"global.y\" \"2\";",
            ),
            (
                "matches",
                "require [\"fileinto\", \"variables\"]; fileinto \"[${1}]\"; \
                 if string :matches \"cd\" \"c*\" { fileinto \"${1}\"; }",
            ),
        ];
        let mut world = World { scripts: scripts.into_iter().collect(), ..World::default() };
        let script = format!("require [\"include\", \"variables\", \"fileinto\"]; {script}");
        match run_with(&script, MESSAGE, &mut world) {
            Ok(outcome) => shown(&outcome),
            Err(error) => error,
        }
    };
    for (script, expect) in [
        ("include \"a\"; include :once \"a\";", "fileinto from-a"),
        // RFC 6609 §3.4: what a test finds is private, too.
        (
            "if string :matches \"ab\" \"a*\" { include \"matches\"; fileinto \"${1}\"; }",
            "fileinto []; fileinto d; fileinto b",
        ),
        ("include \"returns\"; keep;", "keep"),
        ("include \"stops\"; discard;", "keep implicitly"),
        ("include :optional \"none\"; keep;", "keep"),
        ("include \"none\";", "line 1, column 47: there is no script \"none\""),
        ("include \"itself\";", "line 1, column 20: the script \"itself\" includes itself"),
        (
            "include \"broken\";",
            "line 1, column 47: in the script \"broken\": line 1, column 5: a command must end with ; or a block",
        ),
        ("include \"fails\";", "line 2, column 1: oh"),
        // RFC 6609 §3.4.1
        (
            "global \"test\"; global \"test_mailbox\"; set \"test\" \"$$\"; include \"subject_tests\"; \
             set \"test\" \"present\"; include \"subject_tests\"; fileinto \"${test_mailbox}\";",
            "fileinto spam-present",
        ),
        ("set \"x\" \"mine\"; include \"own\"; fileinto \"${x}${global.y}\";", "fileinto mine2"),
        ("set \"x\" \"1\"; global \"x\";", "line 1, column 67: the variable \"x\" was set before"),
        ("include \"a/b\";", "line 1, column 55: \"a/b\" is no name of a script"),
    ] {
        assert_eq!(run(script), expect, "{script}");
    }
}

#[test]
fn duplicate() {
    let key = |handle: &str, id: &str| DuplicateKey { handle: handle.into(), id: id.into() };
    let own = "<1@desert.example.org>";
    for (test, seen, holds, remembered) in [
        ("duplicate", vec![], false, vec![(key("", own), 604_800)]),
        ("duplicate", vec![key("", own)], true, vec![]),
        ("duplicate :last", vec![key("", own)], true, vec![(key("", own), 604_800)]),
        (
            "duplicate :handle \"h\" :seconds 60",
            vec![key("", own)],
            false,
            vec![(key("h", own), 60)],
        ),
        ("duplicate :header \"x-tag\"", vec![key("", "one")], true, vec![]),
        ("duplicate :header \"x none\"", vec![], false, vec![]),
        ("duplicate :header \"x-none\"", vec![], false, vec![]),
        ("duplicate :uniqueid \"u\" :seconds 0", vec![key("", "u")], false, vec![]),
        ("anyof (duplicate, duplicate)", vec![], false, vec![(key("", own), 604_800)]),
    ] {
        let script = format!("require \"duplicate\"; if {test} {{ discard; }}");
        let outcome = run_with(&script, MESSAGE, &mut World { seen, ..World::default() }).unwrap();
        assert_eq!(outcome.actions.is_empty(), holds, "{test}");
        assert_eq!(outcome.seen, remembered, "{test}");
    }
    check(&[(
        "require \"duplicate\"; if duplicate :header \"a\" :uniqueid \"b\" {}",
        "line 1, column 25: duplicate: :header and :uniqueid exclude each other",
    )]);
}

#[test]
fn external_lists() {
    check_tests(
        "\"extlists\", \"envelope\"",
        &[
            ("address :list \"from\" \":addrbook:default\"", true),
            ("address :list \"to\" \"urn:ietf:params:sieve:addrbook:default\"", false),
            ("valid_ext_list \":addrbook:default\"", true),
            ("valid_ext_list [\":addrbook:default\", \"tag:x\"]", false),
        ],
    );
    check(&[
        (
            "require \"extlists\"; redirect :list \":addrbook:default\";",
            "redirect a0@example.com; redirect a1@example.com",
        ),
        (
            "require \"extlists\"; redirect :list \"urn:example:many\";",
            "line 1, column 21: too many redirections",
        ),
        (
            "require \"extlists\"; redirect :list \"urn:example:all\";",
            "line 1, column 21: the list \"urn:example:all\" cannot be used to redirect",
        ),
        (
            "require [\"extlists\", \"date\", \"variables\", \"fileinto\"]; \
             if currentdate :list \"date\" \"tag:example.com,2011-01-01:localHolidays\" \
             { fileinto \"${0}\"; }",
            "fileinto 2009-07-20",
        ),
        (
            "require [\"extlists\", \"variables\", \"fileinto\"]; \
             if address :list \"from\" \":addrbook:default\" { fileinto \"${0}\"; }",
            "fileinto Coyote@desert.example.org",
        ),
        (
            "require [\"extlists\", \"body\"]; if body :list \"a\" {}",
            "line 1, column 34: body: :list cannot be used here",
        ),
        (
            "require \"extlists\"; if header :list \"from\" \"tag:x\" {}",
            "line 1, column 21: there is no list \"tag:x\"",
        ),
        (
            "require \"extlists\"; if header :list :comparator \"i;octet\" \"a\" \"b\" {}",
            "line 1, column 24: header: :list takes no comparator",
        ),
    ]);
}

/// RFC 9671
#[test]
fn scripts_hear_what_comes_of_calendar_messages() {
    let added = "calendar ProcessCalendar { allow_public: false, addresses: [], updates_only: false, \
                 calendar: None, delete_cancelled: false, organizers: None }";
    let full = "calendar ProcessCalendar { allow_public: true, addresses: [\"a@example.com\"], \
                updates_only: false, calendar: Some(\"work\"), delete_cancelled: true, \
                organizers: Some(\"urn:ietf:params:sieve:addrbook:default\") }";
    for (script, expect) in [
        ("require \"processcalendar\"; processcalendar;", &*format!("{added}; keep implicitly")),
        (
            "require [\"processcalendar\", \"extlists\"]; processcalendar :allowpublic \
             :addresses \"a@example.com\" :calendarid \"work\" :deletecancelled \
             :organizers \":addrbook:default\"; discard;",
            full,
        ),
        (
            "require [\"processcalendar\", \"variables\", \"fileinto\"]; \
             processcalendar :updatesonly :outcome \"o\" :reason \"r\"; fileinto \"${o}: ${r}\";",
            "fileinto no_action: only processing updates",
        ),
        (
            "require [\"processcalendar\", \"variables\", \"fileinto\"]; \
             processcalendar :outcome \"o\" :reason \"r\"; if string \"${o}${r}\" \"added\" { discard; }",
            added,
        ),
        (
            "require \"processcalendar\"; processcalendar :updatesonly :calendarid \"a\";",
            "line 1, column 28: processcalendar: :updatesonly and :calendarid exclude each other",
        ),
        (
            "require \"processcalendar\"; processcalendar :outcome \"o\";",
            "line 1, column 53: :outcome needs require \"variables\"",
        ),
        (
            "require [\"processcalendar\", \"variables\"]; processcalendar :reason \"1a\";",
            "line 1, column 67: \"1a\" is no name of a variable",
        ),
        // RFC 9671 §4.9: it goes with no refusal, whatever came of it, and is done once.
        (
            "require \"processcalendar\"; processcalendar; processcalendar;",
            "line 1, column 45: processcalendar is used twice",
        ),
        (
            "require [\"processcalendar\", \"reject\"]; processcalendar :updatesonly; reject \"no\";",
            "line 1, column 70: reject goes with no other action",
        ),
        (
            "require [\"processcalendar\", \"ereject\"]; ereject \"no\"; processcalendar;",
            "line 1, column 55: reject goes with no other action",
        ),
        (
            "require \"processcalendar\"; processcalendar :organizers \":addrbook:default\";",
            "line 1, column 28: :organizers needs require \"extlists\"",
        ),
        (
            "require [\"processcalendar\", \"extlists\"]; processcalendar :organizers \"tag:x\";",
            "line 1, column 42: there is no list \"tag:x\"",
        ),
        ("processcalendar;", "line 1, column 1: processcalendar needs require \"processcalendar\""),
    ] {
        assert_eq!(result(script, MESSAGE), expect, "{script}");
    }
}

/// A list of people has a bound of its own.
#[test]
fn lists_of_people_are_redirected_to() {
    let script = "require [\"extlists\", \"copy\"]; redirect :list \"urn:example:forty\"; \
                  redirect \"z@example.com\"; redirect :list :copy \"urn:example:forty\";";
    let done = result(script, MESSAGE);
    assert_eq!(done.split("; ").count(), 41, "{done}");
    assert!(done.ends_with("redirect a39@example.com; redirect z@example.com"), "{done}");
}

#[test]
fn redirect_and_envelope_extensions() {
    check(&[
        (
            "require [\"copy\", \"redirect-dsn\"]; redirect :copy :notify \"NEVER\" :ret \"hdrs\" \"e@example.com\";",
            "redirect e@example.com NEVER HDRS; keep implicitly",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bytimerelative 600 \"c@example.com\";",
            "redirect c@example.com 600Rfalse",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bytimeabsolute \"2009-07-20T21:45:43+0300\" :bymode \"notify\" :bytrace \"c@example.com\";",
            "redirect c@example.com 60Ntrue",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bytimerelative 4000000000 \"c@example.com\";",
            "redirect c@example.com 999999999Rfalse",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bytimeabsolute \"tomorrow\" \"c@example.com\";",
            "line 1, column 31: redirect: \"tomorrow\" is no instant",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bymode \"notify\" \"c@example.com\";",
            "line 1, column 31: redirect: :bymode and :bytrace need a time",
        ),
        (
            "require \"redirect-deliverby\"; redirect :bytimerelative 6 :bymode \"x\" \"c@example.com\";",
            "line 1, column 31: redirect: there is no mode \"x\"",
        ),
        (
            "require \"redirect-dsn\"; redirect :notify \"NEVER,DELAY\" \"a@b\";",
            "line 1, column 25: redirect: \"NEVER,DELAY\" is no value of NOTIFY",
        ),
    ]);
    check_tests(
        "\"envelope\", \"envelope-dsn\", \"envelope-deliverby\", \"relational\"",
        &[
            ("envelope \"notify\" \"FAILURE\"", true),
            ("envelope :count \"eq\" \"notify\" \"2\"", true),
            ("envelope \"ret\" \"HDRS\"", true),
            ("envelope :count \"eq\" \"orcpt\" \"0\"", true),
            ("envelope \"bytimerelative\" \"600\"", true),
            ("envelope :zone \"+0000\" \"bytimeabsolute\" \"2009-07-20T18:54:43Z\"", true),
            ("envelope \"bytimeabsolute\" \"2009-07-20T21:54:43+03:00\"", true),
            ("envelope :count \"eq\" [\"bytimerelative\", \"bymode\", \"bytrace\"] \"3\"", true),
            ("envelope :contains \"bytimerelative\" \"-\"", false),
            ("envelope \"bymode\" \"return\"", true),
            ("envelope \"bytrace\" \"trace\"", true),
        ],
    );
    check(&[(
        "require \"envelope\"; if envelope \"notify\" \"x\" {}",
        "line 1, column 33: notify needs require \"envelope-dsn\"",
    )]);
}

#[test]
fn imap_events() {
    let language = Language::default();
    let run = |script: &str| {
        let program = Program::compile(script.as_bytes(), &language).unwrap();
        let flags = ["\\Flagged".to_owned(), "$Mine".to_owned()];
        let event = Event::Imap(ImapEvent {
            cause: ImapCause::Flag,
            user: "julie@example.test",
            mailbox: "ActionItems",
            changed_flags: "\\Flagged",
            flags: &flags,
        });
        let delivery = Delivery { envelope: None, event, ..delivery(MESSAGE) };
        match program.run(&language, &delivery, &mut World::default()) {
            Ok(outcome) => shown(&outcome),
            Err(failure) => failure.trouble.to_string(),
        }
    };
    // RFC 6785 §3.11, RFC 6785 §4.6
    for (script, expect) in [
        ("require \"reject\"; keep;", "reject and vacation are for messages that arrive"),
        ("require \"vacation\"; keep;", "reject and vacation are for messages that arrive"),
        (
            "require [\"imap4flags\", \"environment\", \"imapsieve\"]; \
             if allof (hasflag \"\\\\Flagged\", environment \"imap.cause\" \"FLAG\", \
             environment :contains \"imap.changedflags\" \"\\\\Flagged\", \
             environment \"imap.user\" \"julie@example.test\", \
             environment \"imap.mailbox\" \"ActionItems\") { redirect \"a@b\"; }",
            "redirect a@b",
        ),
        ("require \"envelope\"; if envelope \"to\" \"x\" {}", "there is no envelope to test"),
        ("require \"environment\"; if environment \"phase\" \"post\" { discard; }", ""),
        ("redirect \"a@b\";", "redirect a@b"),
    ] {
        assert_eq!(run(script), expect, "{script}");
    }
}
