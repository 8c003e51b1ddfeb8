//! Where messages go, and what tests look at.

use responder::Action;

use crate::scene::{MESSAGE, World, check, check_tests, result, run_with};

#[test]
fn copy_mailbox_special_use_mailboxid() {
    check(&[
        ("require [\"copy\", \"fileinto\"]; fileinto :copy \"a\";", "fileinto a; keep implicitly"),
        ("require \"copy\"; redirect :copy \"a@b\";", "redirect a@b; keep implicitly"),
        ("require [\"mailbox\", \"fileinto\"]; fileinto :create \"a/b\";", "fileinto a/b create"),
        (
            "require [\"special-use\", \"fileinto\"]; fileinto :specialuse \"\\\\Archive\" \"INBOX/Archive\";",
            "fileinto INBOX/Archive use=\\Archive",
        ),
        (
            "require [\"mailboxid\", \"fileinto\"]; fileinto :mailboxid \"F1\" \"x\";",
            "fileinto x id=F1",
        ),
        (
            "require [\"mailboxid\", \"special-use\", \"fileinto\"]; fileinto :mailboxid \"F1\" :specialuse \"\\\\Junk\" \"x\";",
            "line 1, column 51: fileinto: :specialuse and :mailboxid exclude each other",
        ),
        (
            "require \"fileinto\"; fileinto \"\";",
            "line 1, column 21: fileinto: \"\" is no name of a mailbox",
        ),
        (
            "require \"fileinto\"; fileinto \"a\"; fileinto \"a\"; fileinto \"b\";",
            "fileinto a; fileinto b",
        ),
    ]);
    check_tests(
        "\"mailbox\", \"mailboxid\", \"special-use\"",
        &[
            ("mailboxexists \"Partners\"", true),
            ("mailboxexists [\"Partners\", \"x\"]", false),
            ("mailboxidexists \"F6352ae03\"", true),
            ("specialuse_exists \"\\\\Junk\"", true),
            ("specialuse_exists \"INBOX\" \"\\\\Junk\"", false),
        ],
    );
}

#[test]
fn metadata_and_environment() {
    check_tests(
        "\"mboxmetadata\", \"servermetadata\", \"environment\", \"imapsieve\"",
        &[
            ("metadata :is \"INBOX\" \"/private/vendor/x\" \"on\"", true),
            ("metadata \"INBOX\" \"/private/none\" \"\"", false),
            ("metadataexists \"INBOX\" [\"/private/vendor/x\"]", true),
            ("servermetadata :matches \"/shared/admin\" \"mailto:*\"", true),
            ("servermetadataexists [\"/shared/admin\", \"/x\"]", false),
            ("environment :is \"phase\" \"during\"", true),
            ("environment \"location\" \"MDA\"", true),
            ("environment :matches \"domain\" \"*.com\"", true),
            ("environment \"remote-host\" \"\"", false),
            ("environment \"imap.cause\" \"\"", true),
        ],
    );
}

#[test]
fn imap4flags() {
    check(&[
        // RFC 5232 §3.2
        (
            "require [\"imap4flags\", \"variables\", \"fileinto\"]; addflag \"v\" \"\\\\Deleted\"; \
             addflag \"v\" [\"\\\\Answered\", \"\\\\deleted x\"]; removeflag \"v\" \"X\"; \
             fileinto :flags \"${v}\" \"a\";",
            "fileinto a [\\Deleted \\Answered]",
        ),
        ("require \"imap4flags\"; setflag \"\\\\Seen $Work\"; keep;", "keep [\\Seen $Work]"),
        (
            "require \"imap4flags\"; setflag \"\\\\Seen \\\\Recent \\\\Bad\";",
            "keep implicitly [\\Seen]",
        ),
        (
            "require \"imap4flags\"; setflag \"a\"; keep :flags [];",
            "line 1, column 49: a list must hold strings",
        ),
        (
            "require \"imap4flags\"; setflag \"v\" \"a\";",
            "line 1, column 31: a variable needs require \"variables\"",
        ),
        // RFC 5232 §4
        ("require \"imap4flags\"; setflag \"A B\"; if hasflag :is \"b A\" { discard; }", ""),
        (
            "require [\"imap4flags\", \"variables\", \"relational\", \"comparator-i;ascii-numeric\"]; \
             setflag \"MyFlags\" \"A B\"; \
             if hasflag :count \"ge\" :comparator \"i;ascii-numeric\" \"MyFlags\" \"2\" { discard; }",
            "",
        ),
        (
            "require \"imap4flags\"; setflag \"Junk\"; if hasflag :contains \"label\" { discard; }",
            "keep implicitly [Junk]",
        ),
    ]);
}

#[test]
fn dates() {
    check_tests(
        "\"date\", \"relational\", \"index\"",
        &[
            ("date :is :originalzone \"date\" \"hour\" \"09\"", true),
            ("date :is \"date\" \"hour\" \"20\"", true),
            ("date :zone \"+0000\" \"date\" \"iso8601\" \"1997-04-01T17:06:31Z\"", true),
            ("date :is \"received\" \"weekday\" \"1\"", true),
            ("date \"subject\" \"year\" \"1997\"", false),
            ("date :count \"eq\" \"x-none\" \"year\" \"0\"", true),
            ("currentdate :value \"ge\" \"date\" \"2009-07-20\"", true),
            ("currentdate :is \"time\" \"21:44:43\"", true),
            ("currentdate :zone \"-0500\" \"hour\" \"13\"", true),
        ],
    );
    check(&[(
        "require \"date\"; if date :zone \"x\" \"date\" \"hour\" \"0\" {}",
        "line 1, column 31: \"x\" is no time zone",
    )]);
}

#[test]
fn spam_and_viruses() {
    check_tests(
        "\"spamtestplus\", \"virustest\", \"relational\", \"comparator-i;ascii-numeric\"",
        &[
            ("spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"3\"", true),
            ("spamtest :percent :value \"eq\" :comparator \"i;ascii-numeric\" \"33\"", true),
            ("spamtest :percent :count \"eq\" \"1\"", true),
            ("virustest \"5\"", true),
        ],
    );
}

#[test]
fn body() {
    let message = "Content-Type: multipart/mixed; boundary=outer\r\n\r\n\
        This is a multi-part message in MIME format.\r\n\r\n--outer\r\n\
        Content-Type: multipart/alternative; boundary=inner\r\n\r\n\
        This is a nested multi-part message in MIME format.\r\n\r\n--inner\r\n\
        Content-Type: text/plain; charset=\"us-ascii\"\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8K\r\n\r\n\
        --inner\r\nContent-Type: text/html\r\n\r\n<html><body>Hello</body></html>\r\n\r\n--inner--\r\n\r\n\
        This is the end of the inner MIME multipart.\r\n\r\n--outer\r\n\
        Content-Type: message/rfc822\r\n\r\nFrom: Someone Else\r\nSubject: hello request\r\n\r\n\
        Please say Hello\r\n\r\n--outer--\r\n\r\nThis is the end of the outer MIME multipart.\r\n";
    // RFC 5173 §5.2
    for (test, expect) in [
        (":raw :contains \"SGVsbG8K\"", true),
        (":raw :contains \"MIME format\"", true),
        (":content \"multipart\" :contains \"nested multi-part\"", true),
        (":content \"multipart\" :contains \"end of the outer\"", true),
        (":content \"multipart\" :contains \"Hello\"", false),
        (":content \"text/plain\" :contains \"Please say Hello\"", true),
        (":content \"text/html\" :contains \"<html>\"", true),
        (":content \"message/rfc822\" :contains \"hello request\"", true),
        (":content \"message/rfc822\" :contains \"Please\"", false),
        (":content [\"audio\", \"text/\"] :contains \"\"", false),
        (":text :contains \"<html>\"", false),
        (":text :contains \"Hello\"", true),
        (":contains \"SGVsbG8K\"", false),
    ] {
        let script = format!("require \"body\"; if body {test} {{ discard; }}");
        let expect = if expect { "" } else { "keep implicitly" };
        assert_eq!(result(&script, message), expect, "{test}");
    }
}

#[test]
fn editheader() {
    let edited = |script: &str| {
        let script = format!("require \"editheader\"; {script} keep;");
        let outcome = run_with(&script, "A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody", &mut World::default());
        let outcome = outcome.unwrap();
        let Some(Action::Keep(keep)) = outcome.actions.first() else { panic!("{script}") };
        String::from_utf8(outcome.version(keep.version, b"unchanged").to_vec()).unwrap()
    };
    for (script, expect) in [
        ("", "unchanged"),
        ("addheader \"X\" \"y\";", "X: y\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\nbody"),
        ("addheader :last \"X\" \"é\";", "A: 1\r\nB: 2\r\nA: 3\r\nX: =?utf-8?B?w6k=?=\r\n\r\nbody"),
        ("deleteheader \"a\";", "B: 2\r\n\r\nbody"),
        ("deleteheader :index 1 \"a\";", "B: 2\r\nA: 3\r\n\r\nbody"),
        ("deleteheader :index 1 :last \"a\";", "A: 1\r\nB: 2\r\n\r\nbody"),
        ("deleteheader :contains \"a\" \"3\";", "A: 1\r\nB: 2\r\n\r\nbody"),
        ("deleteheader :index 1 :contains \"a\" \"3\";", "unchanged"),
        // RFC 5293 §7
        ("addheader \"A\" \"x\"; deleteheader :index 1 \"A\";", "A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody"),
        ("addheader \"Received\" \"x\";", "unchanged"),
        ("addheader \"delivered-to\" \"x\";", "unchanged"),
        ("addheader \"X\" \"a\r\nBcc: b\";", "X: a Bcc: b\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\nbody"),
    ] {
        assert_eq!(edited(script), expect, "{script}");
    }
    assert_eq!(
        result(
            "require \"editheader\"; deleteheader \"Received\"; if exists \"Received\" { discard; }",
            MESSAGE
        ),
        ""
    );
    check(&[
        (
            "require \"editheader\"; addheader \"X Y\" \"z\";",
            "line 1, column 23: addheader: \"X Y\" is no name of a field",
        ),
        (
            "require \"editheader\"; deleteheader :last \"X\";",
            "line 1, column 23: deleteheader: :last needs :index",
        ),
    ]);
}

#[test]
fn reject() {
    check(&[
        ("require \"reject\"; reject \"no\";", "reject no"),
        ("require \"ereject\"; ereject \"no\";", "ereject no"),
        (
            "require \"reject\"; keep; reject \"no\";",
            "line 1, column 25: reject goes with no other action",
        ),
        (
            "require [\"reject\", \"fileinto\"]; reject \"no\"; fileinto \"a\";",
            "line 1, column 46: reject goes with no other action",
        ),
    ]);
}
