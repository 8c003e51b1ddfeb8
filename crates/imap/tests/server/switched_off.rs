//! Every capability that is announced can be switched off: it is then announced no more, and what
//! makes use of it is refused.

use storage::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::scene::{House, settings_for_tests};

const LOGIN: &str = "LOGIN julie@example.test \"right password\"";

/// A command that makes use of each, before sign-in.
const BEFORE_SIGN_IN: &[(&str, &str)] = &[
    ("SASL-IR", "AUTHENTICATE PLAIN AGp1bGll"),
    ("AUTH=PLAIN", "AUTHENTICATE PLAIN"),
    ("AUTH=LOGIN", "AUTHENTICATE LOGIN"),
    ("AUTH=SCRAM-SHA-256", "AUTHENTICATE SCRAM-SHA-256"),
    ("AUTH=SCRAM-SHA-1", "AUTHENTICATE SCRAM-SHA-1"),
    ("AUTH=OAUTHBEARER", "AUTHENTICATE OAUTHBEARER"),
    ("AUTH=XOAUTH2", "AUTHENTICATE XOAUTH2"),
];

/// The same with INBOX open.
const SELECTED: &[(&str, &str)] = &[
    ("ID", "ID NIL"),
    ("ENABLE", "ENABLE CONDSTORE"),
    ("IDLE", "IDLE"),
    ("COMPRESS=DEFLATE", "COMPRESS DEFLATE"),
    ("NAMESPACE", "NAMESPACE"),
    ("UIDPLUS", "UID EXPUNGE 1"),
    ("UNSELECT", "UNSELECT"),
    ("LIST-EXTENDED", "LIST (SUBSCRIBED) \"\" *"),
    ("LIST-STATUS", "LIST \"\" * RETURN (STATUS (MESSAGES))"),
    ("SPECIAL-USE", "LIST (SPECIAL-USE) \"\" *"),
    ("CREATE-SPECIAL-USE", "CREATE x (USE (\\Sent))"),
    ("XLIST", "XLIST \"\" *"),
    ("MOVE", "MOVE 1 Trash"),
    ("MULTIAPPEND", "APPEND INBOX {1+}\r\na {1+}\r\nb"),
    ("ESEARCH", "SEARCH RETURN (COUNT) ALL"),
    ("SEARCHRES", "FETCH $ (FLAGS)"),
    ("SEARCHRES", "SEARCH NOT $"),
    ("SEARCHRES", "SEARCH RETURN (SAVE) ALL"),
    ("SORT", "UID SORT (DATE) UTF-8 ALL"),
    ("SORT=DISPLAY", "SORT (DISPLAYFROM) UTF-8 ALL"),
    ("THREAD=ORDEREDSUBJECT", "THREAD ORDEREDSUBJECT UTF-8 ALL"),
    ("THREAD=REFERENCES", "THREAD REFERENCES UTF-8 ALL"),
    ("ESORT", "SORT RETURN (COUNT) (DATE) UTF-8 ALL"),
    ("MULTISEARCH", "ESEARCH ALL"),
    ("SEARCH=FUZZY", "SEARCH FUZZY SUBJECT x"),
    ("SEARCH=FUZZY", "SORT (RELEVANCY) UTF-8 ALL"),
    ("I18NLEVEL=2", "COMPARATOR"),
    ("LANGUAGE", "LANGUAGE"),
    ("CONTEXT=SEARCH", "SEARCH RETURN (UPDATE) ALL"),
    ("CONTEXT=SORT", "SORT RETURN (UPDATE) (DATE) UTF-8 ALL"),
    ("PARTIAL", "SEARCH RETURN (PARTIAL -1:-2) ALL"),
    ("PARTIAL", "UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)"),
    ("WITHIN", "SEARCH OR SEEN NOT OLDER 5"),
    ("BINARY", "FETCH 1 (BINARY[1])"),
    ("BINARY", "APPEND INBOX CATENATE (TEXT ~{1+}\r\na)"),
    ("CONDSTORE", "FETCH 1 (MODSEQ)"),
    ("QRESYNC", "SELECT INBOX (QRESYNC (1 1))"),
    ("NOTIFY", "NOTIFY NONE"),
    ("STATUS=SIZE", "STATUS INBOX (SIZE)"),
    ("REPLACE", "REPLACE 1 INBOX {1+}\r\na"),
    ("CATENATE", "APPEND INBOX CATENATE (TEXT {1+}\r\na)"),
    ("URLAUTH", "RESETKEY"),
    (
        "URLAUTH",
        "URLFETCH \"imap://julie@x/INBOX/;uid=1;urlauth=authuser:internal:0123456789abcdef0123456789abcdef\"",
    ),
    (
        "URLAUTH",
        "APPEND INBOX CATENATE (URL \"imap://julie@x/INBOX/;uid=1;urlauth=authuser:internal:0123456789abcdef0123456789abcdef\")",
    ),
    ("URLAUTH=BINARY", "URLFETCH (\"/INBOX/;uid=1\" BINARY)"),
    ("URL-PARTIAL", "APPEND INBOX CATENATE (URL \"/INBOX/;uid=1/;partial=0.5\")"),
    ("ACL", "MYRIGHTS INBOX"),
    ("LIST-MYRIGHTS", "LIST \"\" * RETURN (MYRIGHTS)"),
    ("ANNOTATE-EXPERIMENT-1", "FETCH 1 (ANNOTATION (/comment value))"),
    ("METADATA", "GETMETADATA INBOX /private/comment"),
    ("METADATA", "SETMETADATA INBOX (/private/comment NIL)"),
    ("METADATA-SERVER", "GETMETADATA \"\" /private/comment"),
    ("METADATA-SERVER", "SETMETADATA \"\" (/private/comment NIL)"),
    ("LIST-METADATA", "LIST \"\" * RETURN (METADATA (/private/comment))"),
    ("QUOTA", "GETQUOTAROOT INBOX"),
    ("QUOTASET", "SETQUOTA julie@example.test ()"),
    ("QUOTA=RES-STORAGE", "SETQUOTA julie@example.test (STORAGE 5)"),
    ("QUOTA=RES-STORAGE", "STATUS INBOX (DELETED-STORAGE)"),
    ("QUOTA=RES-MESSAGE", "SETQUOTA julie@example.test (MESSAGE 5)"),
    ("QUOTA=RES-MAILBOX", "SETQUOTA julie@example.test (MAILBOX 5)"),
    ("OBJECTID", "SEARCH EMAILID M1"),
    ("OBJECTID", "SEARCH OR SEEN THREADID T1"),
    ("OBJECTID", "FETCH 1 (EMAILID)"),
    ("SAVEDATE", "SEARCH SAVEDSINCE 1-Jan-2025"),
    ("SAVEDATE", "SEARCH SAVEDATESUPPORTED"),
    ("SAVEDATE", "FETCH 1 (SAVEDATE)"),
    ("PREVIEW", "FETCH 1 (PREVIEW)"),
    ("UTF8=ACCEPT", "APPEND INBOX UTF8 (~{1+}\r\na)"),
    ("APPENDLIMIT", "STATUS INBOX (APPENDLIMIT)"),
    ("UNAUTHENTICATE", "UNAUTHENTICATE"),
];

/// What no command is refused for, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("IMAP4rev1", "every command is of it"),
    ("IMAP4rev2", "ENABLE passes over what there is not"),
    ("UIDONLY", "ENABLE passes over what there is not"),
    ("LITERAL+", "it is no command that is refused: see the test below"),
    ("CHILDREN", "RETURN (CHILDREN) is of LIST-EXTENDED (RFC 5258 §4)"),
    ("INPROGRESS", "no client asks for it; nothing is told"),
    ("RIGHTS=texkn", "it says which letters ACL knows"),
];

/// The capabilities in the code of a response.
fn announced(response: &str) -> Vec<String> {
    let after = response.split_once("[CAPABILITY ").map_or("", |(_, rest)| rest);
    let list = after.split_once(']').map_or("", |(list, _)| list);
    list.split(' ').map(str::to_owned).collect()
}

/// A line as it comes.
async fn line(stream: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

/// The tagged answer to a command.
async fn answer(stream: &mut DuplexStream, command: &str) -> String {
    stream.write_all(format!("a {command}\r\n").as_bytes()).await.unwrap();
    loop {
        let line = line(stream).await;
        if line.starts_with("a ") || line.starts_with("+ ") {
            return line;
        }
    }
}

/// What is announced before and after sign-in by a listener for which these are off; the
/// connection, INBOX open.
async fn connect(house: &House, off: &[&str]) -> ([Vec<String>; 2], DuplexStream) {
    let disabled_capabilities = off.iter().map(|name| (*name).to_owned()).collect();
    let settings = imap::Settings { disabled_capabilities, ..settings_for_tests() };
    let mut stream = house.connect(settings);
    let before = announced(&line(&mut stream).await);
    let after = announced(&answer(&mut stream, LOGIN).await);
    answer(&mut stream, "SELECT INBOX").await;
    ([before, after], stream)
}

async fn house() -> House {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", ids::Timestamp::from_secs(0)).await.unwrap();
    house
}

#[tokio::test]
async fn whatever_is_announced_can_be_switched_off() {
    let house = house().await;
    let ([before, after], _) = connect(&house, &[]).await;
    for name in before.iter().chain(&after) {
        let tables = [BEFORE_SIGN_IN, SELECTED, EXCEPTIONS];
        let is_known = tables.iter().any(|table| table.iter().any(|(known, _)| known == name));
        assert!(is_known, "nobody says how {name} is refused");
        let (without, _) = connect(&house, &[name]).await;
        assert!(!without.iter().flatten().any(|known| known == name), "{name} is announced");
    }
    for &(name, command) in SELECTED {
        assert!(after.iter().any(|known| known == name), "{name} is announced nowhere");
        let (_, mut stream) = connect(&house, &[name]).await;
        let expect = format!("a BAD {name} is switched off\r\n");
        assert_eq!(answer(&mut stream, command).await, expect, "{command}");
    }
    for &(name, command) in BEFORE_SIGN_IN {
        let disabled_capabilities = vec![name.to_owned()];
        let settings = imap::Settings { disabled_capabilities, ..settings_for_tests() };
        let mut stream = house.connect(settings);
        line(&mut stream).await;
        let expect = format!("a BAD {name} is switched off\r\n");
        assert_eq!(answer(&mut stream, command).await, expect, "{command}");
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_announced_that_lacks_what_it_needs() {
    let house = house().await;
    for (off, gone) in [
        (
            &["ESEARCH", "LIST-EXTENDED"][..],
            &[
                "IMAP4rev2",
                "SEARCHRES",
                "MULTISEARCH",
                "CONTEXT=SEARCH",
                "PARTIAL",
                "LIST-STATUS",
                "LIST-MYRIGHTS",
                "LIST-METADATA",
            ][..],
        ),
        (&["SORT"], &["ESORT", "CONTEXT=SORT", "SORT=DISPLAY"]),
        (&["ACL"], &["RIGHTS=texkn", "LIST-MYRIGHTS"]),
        (&["URLAUTH"], &["URL-PARTIAL", "URLAUTH=BINARY"]),
        (&["ENABLE"], &["IMAP4rev2", "QRESYNC", "UIDONLY", "UTF8=ACCEPT"]),
        (&["SPECIAL-USE"], &["IMAP4rev2", "CREATE-SPECIAL-USE", "XLIST"]),
        (&["IDLE", "MOVE"], &["IMAP4rev2"]),
    ] {
        let ([_, all], _) = connect(&house, &[]).await;
        let ([_, after], _) = connect(&house, off).await;
        let missing: Vec<&String> = all.iter().filter(|name| !after.contains(name)).collect();
        let mut expect: Vec<&str> = off.iter().chain(gone).copied().collect();
        expect.sort_by_key(|name| all.iter().position(|known| known == name));
        assert_eq!(missing, expect, "{off:?}");
    }
}

/// RFC 9051 §4.3: IMAP4rev2 takes 4,096 octets without being asked (LITERAL-); more of them need
/// LITERAL+. They are read to their end, and nothing in them is a command.
#[tokio::test]
async fn literals_come_unasked_as_far_as_that_is_announced() {
    let house = house().await;
    for (off, unasked_max) in [
        (&[][..], Some(5000)),
        (&["LITERAL+"], Some(4096)),
        (&["LITERAL+", "IMAP4rev2"], None),
        (&["IMAP4rev2"], Some(5000)),
    ] {
        let (_, mut stream) = connect(&house, off).await;
        for size in [0, 5, 4096, 4097, 5000] {
            let name = "a STATUS \r\n".repeat(500);
            let name = &name[..size];
            let said = answer(&mut stream, &format!("LIST \"\" {{{size}+}}\r\n{name}")).await;
            let is_off = said == "a BAD LITERAL+ is switched off\r\n";
            let may_come = unasked_max.is_some_and(|max| size <= max);
            assert_eq!(is_off, !may_come, "{off:?} {size}: {said}");
        }
        assert_eq!(answer(&mut stream, "NOOP").await, "a OK NOOP completed\r\n");
        // Asked for, it may come.
        let said = answer(&mut stream, "STATUS {5}").await;
        assert_eq!(said, "+ OK\r\n");
        stream.write_all(b"INBOX (MESSAGES)\r\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "* STATUS INBOX (MESSAGES 1)\r\n");
    }
}

/// One program after the other signs in over a connection: none is a stranger for long.
#[tokio::test]
async fn who_signs_out_leaves_room_for_who_comes_next() {
    let house = house().await;
    let settings = settings_for_tests();
    let mut stream = house.connect(settings.clone());
    line(&mut stream).await;
    for _ in 0..=settings.commands_before_login_per_minute {
        assert!(answer(&mut stream, LOGIN).await.starts_with("a OK"));
        assert_eq!(answer(&mut stream, "UNAUTHENTICATE").await, "a OK Signed out\r\n");
    }
    for _ in 0..2 {
        for _ in 1..settings.errors_before_login_max {
            assert!(answer(&mut stream, "NOTHING").await.starts_with("a BAD"));
        }
        assert!(answer(&mut stream, LOGIN).await.starts_with("a OK"));
        assert_eq!(answer(&mut stream, "UNAUTHENTICATE").await, "a OK Signed out\r\n");
    }
    // Bounded as before otherwise.
    for _ in 1..settings.errors_before_login_max {
        assert!(answer(&mut stream, "NOTHING").await.starts_with("a BAD"));
    }
    stream.write_all(b"a NOTHING\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("* BYE [LIMIT] Too many errors before sign-in\r\n"), "{rest}");
}
