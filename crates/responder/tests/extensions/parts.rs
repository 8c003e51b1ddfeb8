//! The parts of messages.

use responder::Action;

use crate::scene::{World, result, run_with, shown};

const PARTS: &str = "From: a@b\r\nSubject: s\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n\
    first text\r\n--x\r\nContent-Type: application/exe; name=\"evil.com\"\r\n\
    Content-Disposition: attachment; filename*=utf-8''evil%2ecom\r\n\r\nMZ\r\n--x--\r\n";

#[test]
fn mime() {
    let holds = |test: &str| {
        let script = format!("require [\"mime\", \"foreverypart\"]; if {test} {{ discard; }}");
        result(&script, PARTS).is_empty()
    };
    for (test, expect) in [
        ("header :mime :type \"Content-Type\" \"multipart\"", true),
        ("header :mime :anychild :contenttype \"Content-Type\" \"application/exe\"", true),
        ("header :mime :contenttype \"Content-Type\" \"application/exe\"", false),
        (
            "header :mime :anychild :param \"filename\" :matches \"Content-Disposition\" \"*.com\"",
            true,
        ),
        ("header :mime :anychild :param [\"name\"] \"Content-Type\" \"evil.com\"", true),
        ("header :mime :anychild :subtype \"Content-Disposition\" \"\"", true),
        ("exists :mime :anychild \"Content-Disposition\"", true),
        ("exists :mime \"Content-Disposition\"", false),
        ("header \"Content-Disposition\" \"x\"", false),
    ] {
        assert_eq!(holds(test), expect, "{test}");
    }
}

#[test]
fn parts_are_replaced_and_enclosed() {
    // RFC 5703 §9.1
    let script = "require [\"foreverypart\", \"mime\", \"replace\"]; foreverypart { \
        if anyof (header :mime :contenttype :is \"Content-Type\" \"application/exe\", \
        header :mime :param \"filename\" :matches [\"Content-Type\", \"Content-Disposition\"] \"*.com\") \
        { replace \"Executable attachment removed by user filter\"; } }";
    let outcome = run_with(script, PARTS, &mut World::default()).unwrap();
    let expect = PARTS.split_once("Content-Type: application/exe").unwrap().0.to_owned()
        + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
           Executable attachment removed by user filter\r\n--x--\r\n";
    assert_eq!(String::from_utf8_lossy(outcome.versions.last().unwrap()), expect);

    let script =
        "require [\"replace\", \"variables\"]; replace :subject \"new\" :from \"c@d\" \"text\";";
    let outcome = run_with(script, PARTS, &mut World::default()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(outcome.versions.last().unwrap()),
        "From: c@d\r\nOriginal-From: a@b\r\nSubject: new\r\nOriginal-Subject: s\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\ntext"
    );

    let script = "require [\"enclose\"]; enclose :subject \"Warning\" :headers [\"From\"] \"Look\"; \
        redirect \"e@f\"; keep;";
    let outcome = run_with(script, "From: a@b\r\n\r\nbody", &mut World::default()).unwrap();
    let [Action::Redirect(redirect), Action::Keep(keep)] = outcome.actions.as_slice() else {
        panic!("{}", shown(&outcome))
    };
    assert_eq!(redirect.version.0, 0);
    assert_eq!(
        String::from_utf8_lossy(outcome.version(keep.version, b"")),
        "From: a@b\r\nDate: Mon, 20 Jul 2009 21:44:43 +0300\r\nSubject: Warning\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_enclosed_0\"\r\n\r\n--=_enclosed_0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nLook\r\n\
         --=_enclosed_0\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\nbody\r\n--=_enclosed_0--\r\n"
    );
}

#[test]
fn foreverypart_and_extracttext() {
    let run = |script: &str| {
        let require =
            "require [\"foreverypart\", \"mime\", \"extracttext\", \"variables\", \"fileinto\"]; ";
        result(&format!("{require}{script}"), PARTS)
    };
    for (script, expect) in [
        (
            "foreverypart { if header :mime :type \"Content-Type\" \"text\" \
             { extracttext :upper :first 5 \"t\"; break; } } fileinto \"${t}\";",
            "fileinto FIRST",
        ),
        (
            "set \"n\" \"\"; foreverypart { set \"n\" \"${n}i\"; foreverypart { set \"n\" \"${n}o\"; } } \
             fileinto \"${n}\";",
            "fileinto iooii",
        ),
        (
            "foreverypart :name \"a\" { foreverypart { break :name \"a\"; } discard; }",
            "keep implicitly",
        ),
        ("break;", "line 1, column 75: there is no loop to break"),
        ("extracttext \"t\";", "line 1, column 75: extracttext stands in foreverypart"),
        ("foreverypart { break :name \"x\"; }", "line 1, column 90: there is no loop to break"),
    ] {
        assert_eq!(run(script), expect, "{script}");
    }
}
