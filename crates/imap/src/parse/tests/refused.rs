//! Commands that are wrong, and the exact bytes that say so.

use super::*;
use crate::render::render_rejection;

fn reply(wire: &[u8]) -> String {
    let rejection = request_in(wire, Dialect::Rev1).expect_err(&String::from_utf8_lossy(wire));
    let mut out = Vec::new();
    render_rejection(&mut out, &rejection);
    String::from_utf8(out).unwrap()
}

/// What each key, word and name costs is work on every message, or every mailbox.
#[test]
fn words_and_names_are_counted() {
    let words = |count: usize| vec!["word"; count].join(" ");
    let too_many = "a BAD [LIMIT] too many search keys\r\n";
    for wire in [
        format!("a SEARCH FUZZY TEXT \"{}\"\r\n", words(2001)),
        format!("a SEARCH FUZZY (SEEN OR BODY \"{}\" SUBJECT x)\r\n", words(1996)),
        format!("a UID SORT (DATE) UTF-8 NOT FUZZY HEADER x \"{}\"\r\n", words(2000)),
        format!("a ESEARCH IN (personal) TO x FUZZY FUZZY TO \"{}\"\r\n", words(1999)),
    ] {
        assert_eq!(reply(wire.as_bytes()), too_many, "{}", wire.len());
    }
    for wire in [
        format!("a SEARCH FUZZY TEXT \"{}\"\r\n", words(1999)),
        format!("a SEARCH FUZZY (SEEN OR BODY \"{}\" SUBJECT x)\r\n", words(1995)),
        format!("a SEARCH TEXT \"{0}\" FUZZY SEEN BODY \"{0}\"\r\n", words(2001)),
    ] {
        assert!(request_in(wire.as_bytes(), Dialect::Rev1).is_ok(), "{}", wire.len());
    }
    let too_many = "a BAD [LIMIT] too many mailboxes\r\n";
    for (names, is_good) in [(1000, true), (1001, false), (2001, false)] {
        let list = words(names);
        for wire in [
            format!("a ESEARCH IN (mailboxes ({list}) subtree ({list})) ALL\r\n"),
            format!("a NOTIFY SET (subtree ({list}) NONE) (mailboxes ({list}) NONE)\r\n"),
        ] {
            match is_good {
                true => assert!(request_in(wire.as_bytes(), Dialect::Rev1).is_ok(), "{names}"),
                false => assert_eq!(reply(wire.as_bytes()), too_many, "{names}"),
            }
        }
    }
    let single = "a ESEARCH IN (".to_owned() + &vec!["mailboxes x"; 64].join(" ") + ") ALL\r\n";
    assert!(request_in(single.as_bytes(), Dialect::Rev1).is_ok());
}

#[test]
fn replies_name_the_tag_and_the_fault() {
    for (wire, expect) in [
        (&b"a FOO\r\n"[..], "a BAD Unknown command\r\n"),
        (b"a UID NOOP\r\n", "a BAD Unknown command\r\n"),
        (b"a\r\n", "a BAD unexpected end of command\r\n"),
        (b"a \r\n", "a BAD unexpected end of command\r\n"),
        (b"\r\n", "* BAD unexpected end of command\r\n"),
        (b"+ NOOP\r\n", "* BAD expected a tag\r\n"),
        (b"a NOOP x\r\n", "a BAD unexpected text at the end\r\n"),
        (b"a SEARCH RETURN (UPDATE ()) ALL\r\n", "a BAD expected a fetch item\r\n"),
        (b"a SEARCH RETURN (ALL (UID)) ALL\r\n", "a BAD expected an atom\r\n"),
        (b"a NOOP\n", "a BAD LF without CRLF is not allowed\r\n"),
        (b"a SELECT a\rb\r\n", "a BAD CR without LF is not allowed\r\n"),
        (b"a SELECT a\0b\r\n", "a BAD NUL is not allowed\r\n"),
        (b"a SELECT \0\r\n", "a BAD NUL is not allowed\r\n"),
        (
            b"a SELECT b\xfcx\r\n",
            "a BAD 8-bit characters are allowed in quoted strings and literals only\r\n",
        ),
        (b"a SELECT \"b\xfcx\"\r\n", "a BAD text is not valid UTF-8\r\n"),
        (b"a SELECT \"b\xc3\xbcx\"\r\n", "a BAD 8-bit mailbox name without ENABLE UTF8=ACCEPT\r\n"),
        (b"a SELECT &Jjo\r\n", "a NO [CANNOT] Mailbox name is not valid modified UTF-7\r\n"),
        (b"a SELECT \"x\r\n", "a BAD quoted string without closing quote\r\n"),
        (b"a SELECT \"x{3}\r\n", "a BAD quoted string without closing quote\r\n"),
        (b"a SELECT {2}\r\na\0\r\n", "a BAD NUL is not allowed in a literal\r\n"),
        (b"a APPEND x {2}\r\na\0\r\n", "a BAD NUL is not allowed in a literal\r\n"),
        (b"a SELECT {1}\r\nx{1}\r\ny\r\n", "a BAD unexpected text at the end\r\n"),
        (b"a FETCH 0 FLAGS\r\n", "a BAD 0 is not allowed here\r\n"),
        (b"a FETCH 4294967296 FLAGS\r\n", "a BAD number too large\r\n"),
        (b"a FETCH 1 ()\r\n", "a BAD expected a fetch item\r\n"),
        (b"a FETCH 1 (FLAGS\r\n", "a BAD unexpected end of command\r\n"),
        (b"a FETCH 1 FLAGS (VANISHED)\r\n", "a BAD VANISHED needs UID FETCH and CHANGEDSINCE\r\n"),
        (b"a FETCH 1 BODY[]<0.0>\r\n", "a BAD a partial of length 0\r\n"),
        (b"a STORE 1 FLAGS (\\Foo)\r\n", "a BAD unknown system flag\r\n"),
        (b"a STORE 1 (\\Seen)\r\n", "a BAD expected an atom\r\n"),
        (
            b"a SEARCH CHARSET latin1 ALL\r\n",
            "a NO [BADCHARSET (US-ASCII UTF-8)] Unsupported charset\r\n",
        ),
        (b"a SEARCH TEXT {1}\r\n\xfc\r\n", "a BAD text is not valid UTF-8\r\n"),
        (b"a SEARCH BEFORE 31-Feb-2001\r\n", "a BAD not a date\r\n"),
        (b"a SEARCH OLDER 0\r\n", "a BAD 0 is not allowed here\r\n"),
        (b"a SEARCH ()\r\n", "a BAD expected a search key\r\n"),
        (b"a SEARCH XYZ\r\n", "a BAD unknown search key\r\n"),
        (
            b"a LIST (RECURSIVEMATCH) \"\" %\r\n",
            "a BAD RECURSIVEMATCH needs another selection option\r\n",
        ),
        (b"a LIST (FOO) \"\" %\r\n", "a BAD unknown selection option\r\n"),
        (b"a CREATE x (USE (\\Foo))\r\n", "a NO [USEATTR] This special use can't be set\r\n"),
        (b"a STATUS x ()\r\n", "a BAD expected a status item\r\n"),
        (b"a AUTHENTICATE PLAIN !!!\r\n", "a BAD malformed base64\r\n"),
        (
            b"a APPEND x CATENATE (TEXT {1}\r\nx MIME {1}\r\nx)\r\n",
            "a BAD expected TEXT, URL or UTF8\r\n",
        ),
        (b"a APPEND x CATENATE (UTF8 {1+}\r\na)\r\n", "a BAD expected (\r\n"),
        (b"a APPEND x CATENATE ()\r\n", "a BAD expected TEXT, URL or UTF8\r\n"),
        (b"a REPLACE 1:2 x {1}\r\nx\r\n", "a BAD expected one number\r\n"),
        (b"a SELECT x (QRESYNC (1 2 1:*))\r\n", "a BAD * is not allowed here\r\n"),
        (
            b"a SELECT x (QRESYNC (1 2 1:9 (1,2 5)))\r\n",
            "a BAD as many UIDs as sequence numbers are needed\r\n",
        ),
        (b"a APPEND x {99999999999}\r\n", "a NO [TOOBIG] Message too big\r\n"),
        (b"a SELECT {99999999999999999999999999}\r\n", "a BAD [TOOBIG] Literal too big\r\n"),
    ] {
        assert_eq!(reply(wire), expect, "{}", String::from_utf8_lossy(wire));
    }
}

#[test]
fn depth_and_counts_are_bounded() {
    let nested = |open: &str, n: usize, close: &str| {
        format!("a SEARCH {}ALL{}\r\n", open.repeat(n), close.repeat(n))
    };
    assert!(request_in(nested("(", 63, ")").as_bytes(), Dialect::Rev1).is_ok());
    for wire in [
        nested("(", 64, ")"),
        nested("NOT ", 64, ""),
        nested("(", 50_000, ")"),
        nested("NOT ", 50_000, ""),
    ] {
        assert_eq!(reply(wire.as_bytes()), "a BAD [LIMIT] search keys nested too deep\r\n");
    }
    for (wire, expect) in [
        (format!("a SEARCH{}\r\n", " ALL".repeat(2001)), "too many search keys"),
        (
            format!("a FETCH {}1 FLAGS\r\n", "1,".repeat(65_536)),
            "too many ranges in a sequence set",
        ),
        (format!("a FETCH 1 ({})\r\n", "FLAGS ".repeat(257)), "too many fetch items"),
        (
            format!("a FETCH 1 (BODY[HEADER.FIELDS ({})])\r\n", "A ".repeat(1001)),
            "too many header fields",
        ),
        (format!("a FETCH 1 BODY[{}1]\r\n", "1.".repeat(200)), "part number too deep"),
        (format!("a STORE 1 FLAGS ({})\r\n", "a ".repeat(1006)), "too many flags"),
        (format!("a STORE 1 FLAGS{}\r\n", " a".repeat(1006)), "too many flags"),
        (format!("a STORE 1 FLAGS {}\r\n", "a".repeat(65)), "keyword too long"),
        (format!("a LIST \"\" ({})\r\n", "a ".repeat(257)), "too many patterns"),
        (format!("a LIST {} ({})\r\n", "a".repeat(2047), "a b c"), "mailbox patterns too long"),
        (format!("a SELECT {}\r\n", "a".repeat(4097)), "mailbox name too long"),
        (format!("a ENABLE{}\r\n", " a".repeat(65)), "too many capabilities"),
        (format!("a ID ({})\r\n", "\"a\" NIL ".repeat(31)), "too many ID fields"),
        (format!("a URLFETCH{}\r\n", " x".repeat(257)), "too many URLs"),
        (format!("a GENURLAUTH{}\r\n", " x INTERNAL".repeat(257)), "too many URLs"),
        (format!("a RESETKEY INBOX{}\r\n", " INTERNAL".repeat(257)), "too many mechanisms"),
        (format!("a APPEND INBOX CATENATE ({})\r\n", "URL x ".repeat(1001)), "too many parts"),
        (format!("a NOTIFY SET{}\r\n", " (personal NONE)".repeat(257)), "too many event groups"),
        (format!("a NOTIFY SET (personal ({}))\r\n", "MessageNew ".repeat(257)), "too many events"),
        (format!("a SELECT {}\r\n", "a".repeat(300_000)), "Command line too long"),
    ] {
        assert_eq!(reply(wire.as_bytes()), format!("a BAD [LIMIT] {expect}\r\n"));
    }
}
