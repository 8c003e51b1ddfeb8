use super::*;
use crate::{
    CardFilter, CardPropertyFilter, CardPropertyTest, Collation, Error, Limits, MatchKind,
    ParameterFilter, Presence, PropertySelection, Quantifier, TextMatch, Which,
};

fn card(version: &str, lines: &str) -> Card {
    let text = format!("BEGIN:VCARD\nVERSION:{version}\nUID:urn:uuid:1\n{lines}END:VCARD\n");
    Card::parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{text}{e}"))
}

fn lines_of(card: Card) -> Vec<String> {
    let bytes = card.into_component().render();
    let text = String::from_utf8(bytes).unwrap().replace("\r\n ", "").replace("\r\n", "\n");
    let skip = ["BEGIN:VCARD", "END:VCARD", "VERSION:3.0", "VERSION:4.0", "UID:urn:uuid:1"];
    text.lines().filter(|line| !skip.contains(line)).map(str::to_owned).collect()
}

/// A card of 3.0, and the same in 4.0; `back` is what comes of that again, where it differs.
fn check(old: &[&str], new: &[&str], back: Option<&[&str]>) {
    let names = ["N:Doe;Jane;;;", "FN:Jane Doe"];
    let with_names = |lines: &[&str]| -> Vec<String> {
        names.iter().chain(lines).map(|line| (*line).to_owned()).collect()
    };
    let text: String = with_names(old).iter().map(|line| format!("{line}\n")).collect();
    let v4 = card("3.0", &text).in_version(CardVersion::V4);
    assert_eq!(v4.version(), CardVersion::V4);
    assert_eq!(lines_of(v4.clone()), with_names(new), "4.0 of {old:?}");
    let again = Card::parse(&v4.component().render(), &Limits::default()).unwrap();
    let v3 = again.in_version(CardVersion::V3);
    assert_eq!(lines_of(v3), with_names(back.unwrap_or(old)), "3.0 of {new:?}");
}

#[test]
fn versions_become_each_other() {
    // RFC 2426 §3.1.4, RFC 6350 §6.2.4.
    check(
        &["PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ"],
        &["PHOTO:data:image/jpeg;base64,/9j/4AAQ"],
        None,
    );
    check(
        &["PHOTO;ENCODING=BASE64;TYPE=png:iVBORw0KGgo="],
        &["PHOTO:data:image/png;base64,iVBORw0KGgo="],
        Some(&["PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo="]),
    );
    // Without a type, what it begins like.
    check(
        &["PHOTO;ENCODING=b:R0lGODlh"],
        &["PHOTO:data:image/gif;base64,R0lGODlh"],
        Some(&["PHOTO;ENCODING=b;TYPE=GIF:R0lGODlh"]),
    );
    check(
        &["LOGO;VALUE=uri;TYPE=GIF:http://example.org/a,b.gif"],
        &["LOGO;MEDIATYPE=image/gif:http://example.org/a,b.gif"],
        None,
    );
    check(&["KEY;ENCODING=b;TYPE=PGP:QUJD"], &["KEY:data:application/pgp-keys;base64,QUJD"], None);
    // RFC 2426 §3.1.5, RFC 6350 §6.2.5.
    check(&["BDAY:1996-04-15"], &["BDAY:19960415"], None);
    check(&["BDAY;VALUE=date:19960415"], &["BDAY:19960415"], Some(&["BDAY:1996-04-15"]));
    check(&["BDAY:1953-10-15T23:10:00Z"], &["BDAY:19531015T231000Z"], None);
    check(
        &["BDAY:1987-09-27T08:30:00.000-06:00"],
        &["BDAY:19870927T083000-0600"],
        Some(&["BDAY:1987-09-27T08:30:00-0600"]),
    );
    check(&["BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03"], &["BDAY:--0203"], None);
    check(&["BDAY;VALUE=text:circa 1800"], &["BDAY;VALUE=text:circa 1800"], None);
    check(&["REV:1995-10-31T22:27:10Z"], &["REV:19951031T222710Z"], None);
    // Apple's anniversaries.
    check(
        &["item1.X-ABDATE:2001-02-03", "item1.X-ABLABEL:_$!<Anniversary>!$_"],
        &["ANNIVERSARY:20010203"],
        None,
    );
    check(
        &["item1.X-ABDATE:2001-02-03", "item1.X-ABLABEL:First day"],
        &["item1.X-ABDATE:2001-02-03", "item1.X-ABLABEL:First day"],
        None,
    );
    // RFC 6350 §5.3, §5.6.
    check(
        &["TEL;TYPE=WORK,VOICE,PREF:+1-213-555-1234"],
        &["TEL;PREF=1;TYPE=WORK,VOICE:+1-213-555-1234"],
        Some(&["TEL;TYPE=WORK,VOICE,PREF:+1-213-555-1234"]),
    );
    check(
        &["EMAIL;TYPE=INTERNET;TYPE=HOME:jane@example.org"],
        &["EMAIL;TYPE=HOME:jane@example.org"],
        Some(&["EMAIL;TYPE=HOME:jane@example.org"]),
    );
    check(
        &["item1.EMAIL:a@b", "item1.X-ABLABEL:School"],
        &["item1.EMAIL:a@b", "item1.X-ABLABEL:School"],
        None,
    );
    // Places and offsets.
    check(&["GEO:37.386013;-122.082932"], &["GEO:geo:37.386013,-122.082932"], None);
    check(&["TZ:-05:00"], &["TZ;VALUE=utc-offset:-0500"], None);
    check(&["TZ;VALUE=text:America/New_York"], &["TZ;VALUE=text:America/New_York"], None);
    // Groups.
    check(
        &["X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2"],
        &["KIND:group", "MEMBER:urn:uuid:2"],
        None,
    );
    check(
        &["ADR;TYPE=HOME:;;1 Way;Town;;;", "LABEL;TYPE=HOME:1 Way\\nTown\\, X"],
        &["ADR;TYPE=HOME;LABEL=\"1 Way^nTown, X\":;;1 Way;Town;;;"],
        Some(&["LABEL;TYPE=HOME:1 Way\\nTown\\, X", "ADR;TYPE=HOME:;;1 Way;Town;;;"]),
    );
    check(
        &["LABEL;TYPE=WORK:x"],
        &["ADR;TYPE=WORK;LABEL=x:;;;;;;"],
        Some(&["LABEL;TYPE=WORK:x", "ADR;TYPE=WORK:;;;;;;"]),
    );
    // What both know, and what nobody knows.
    for line in [
        "NOTE:a\\, b\\; c\\n",
        "ORG:ABC\\, Inc.;Sales",
        "CATEGORIES:a,b",
        "X-FOO;X-BAR=1:2",
        "URL:http://example.org/?a=b;c,d",
        "IMPP:xmpp:a@b",
        "NICKNAME:x",
        "GENDER:F",
        "RELATED;TYPE=spouse:urn:uuid:3",
    ] {
        check(&[line], &[line], None);
    }
}

#[test]
fn names_that_have_to_be_there_are_made() {
    let v3 = card("4.0", "FN:Jane\\, Doe\n").in_version(CardVersion::V3);
    assert_eq!(lines_of(v3), ["N:Jane\\, Doe;;;;", "FN:Jane\\, Doe"]);
    let v4 = card("3.0", "N:Doe;Jane;Q.;Dr.;M.D.\n").in_version(CardVersion::V4);
    assert_eq!(lines_of(v4), ["FN:Dr. Jane Q. Doe M.D.", "N:Doe;Jane;Q.;Dr.;M.D."]);
    let v4 = card("3.0", "ORG:ABC\\, Inc.;Sales\nN:;;;;\n").in_version(CardVersion::V4);
    assert_eq!(v4.facts().formatted_name, "ABC, Inc.");
    let sorted =
        card("3.0", "FN:Rene van der Harten\nN:van der Harten;Rene;;;\nSORT-STRING:Harten\n");
    let v4 = sorted.in_version(CardVersion::V4);
    assert_eq!(
        lines_of(v4.clone()),
        ["FN:Rene van der Harten", "N;SORT-AS=Harten:van der Harten;Rene;;;"]
    );
    assert_eq!(lines_of(v4.in_version(CardVersion::V3))[1], "SORT-STRING:Harten");
}

#[test]
fn a_uid_that_is_no_uri_says_so() {
    let text = "BEGIN:VCARD\nVERSION:3.0\nUID:abc-1\nFN:x\nN:x;;;;\nEND:VCARD\n";
    let old = Card::parse(text.as_bytes(), &Limits::default()).unwrap();
    let new = old.clone().in_version(CardVersion::V4);
    assert!(lines_of(new.clone()).contains(&"UID;VALUE=text:abc-1".to_owned()));
    assert_eq!(new.facts().uid, old.facts().uid);
    assert!(lines_of(new.in_version(CardVersion::V3)).contains(&"UID:abc-1".to_owned()));
}

#[test]
fn the_same_version_is_the_same_bytes() {
    let text = "BEGIN:vcard\nversion:3.0\nuid:1\nfn:gr\n \u{f6}\u{df}e\nn:x\nphoto;encoding=b:\n QUJD\nEND:VCARD";
    let card = Card::parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(card.facts().formatted_name, "größe");
    let bytes = card.in_version(CardVersion::V3).into_component().render();
    assert_eq!(bytes, format!("{text}\r\n").into_bytes());
}

#[test]
fn what_may_not_be_stored_is_told() {
    for (text, expected) in [
        ("BEGIN:VCARD\nVERSION:3.0\nFN:x\nEND:VCARD\n", InvalidCard::Lacks("UID")),
        ("BEGIN:VCARD\nVERSION:3.0\nUID:1\nEND:VCARD\n", InvalidCard::Lacks("FN")),
        ("BEGIN:VCARD\nUID:1\nFN:x\nEND:VCARD\n", InvalidCard::Lacks("VERSION")),
        (
            "BEGIN:VCARD\nVERSION:3.0\nVERSION:4.0\nUID:1\nFN:x\nEND:VCARD\n",
            InvalidCard::Lacks("VERSION"),
        ),
        ("BEGIN:VCARD\nVERSION:2.1\nUID:1\nFN:x\nEND:VCARD\n", InvalidCard::Version),
        ("BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n", InvalidCard::Lacks("VCARD")),
        ("BEGIN:VCARD\nbroken\nEND:VCARD\n", InvalidCard::Data(Error::Line(2))),
        ("", InvalidCard::Data(Error::NotAnObject(0))),
    ] {
        assert_eq!(Card::parse(text.as_bytes(), &Limits::default()), Err(expected), "{text}");
    }
    let two = "BEGIN:VCARD\nVERSION:4.0\nUID:1\nFN:x\nEND:VCARD\n".repeat(2);
    assert!(Card::parse(two.as_bytes(), &Limits::default()).is_err());
    assert_eq!(Card::parse_all(two.as_bytes(), &Limits::default()).unwrap().len(), 2);
}

#[test]
fn cards_of_old_telephones_are_read() {
    let text = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;;\r\n\
        TEL;CELL;PREF:+43 1\r\nNOTE;ENCODING=QUOTED-PRINTABLE:eins, zwei=0D=0A=\r\n=\r\ndrei; vier=\r\n = f=FCnf\r\n\
        PHOTO;ENCODING=BASE64;JPEG:\r\n /9j/\r\n 4AAQ\r\n\r\nEND:VCARD\r\n\
        BEGIN:VCARD\r\nVERSION:3.0\r\nUID:2\r\nN:x;;;;\r\nFN:x=\r\nEND:VCARD\r\n";
    let cards = Card::parse_all(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        lines_of(cards[0].clone()),
        [
            "N:Müller;Jürgen;;;",
            "TEL;TYPE=CELL,PREF:+43 1",
            "NOTE:eins\\, zwei\\ndrei\\; vier = f\u{fffd}nf",
            "PHOTO;TYPE=JPEG;ENCODING=b:/9j/4AAQ",
            "FN:Jürgen Müller",
        ]
    );
    assert_eq!(lines_of(cards[1].clone()), ["UID:2", "N:x;;;;", "FN:x="]);
}

fn text(text: &str, kind: MatchKind, negate: bool) -> TextMatch {
    TextMatch::new(text, Collation::UnicodeCasemap, kind, negate)
}

fn filter(quantifier: Quantifier, properties: Vec<CardPropertyFilter>) -> CardFilter {
    CardFilter { quantifier, properties }
}

fn property(
    name: &str,
    quantifier: Quantifier,
    texts: Vec<TextMatch>,
    parameters: Vec<ParameterFilter>,
) -> CardPropertyFilter {
    let (group, name) = match name.split_once('.') {
        Some((group, name)) => (Some(group.to_owned()), name),
        None => (None, name),
    };
    let test = Presence::Present(CardPropertyTest { quantifier, texts, parameters });
    CardPropertyFilter { group, name: name.to_owned(), test }
}

fn absent(name: &str) -> CardPropertyFilter {
    CardPropertyFilter { group: None, name: name.to_owned(), test: Presence::Absent }
}

#[test]
fn cards_are_found() {
    use MatchKind::{Contains, EndsWith, Equals, StartsWith};
    use Quantifier::{All, Any};
    const CARD: &[u8] = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:J\xc3\xb6rg\r\n  Doe\r\nN:Doe;J\xc3\xb6rg;;;\r\n\
        EMAIL;TYPE=HOME,PREF:joerg@home.example\r\nitem1.EMAIL;TYPE=WORK:joerg@work.example\r\n\
        NOTE:one\\, two\\nthree\r\nEND:VCARD\r\n";
    let kind = |name: &str| ParameterFilter {
        name: "TYPE".to_owned(),
        test: Presence::Present(Some(text(name, Contains, false))),
    };
    let no_kind = ParameterFilter { name: "TYPE".to_owned(), test: Presence::Absent };
    let fn_is =
        |what: &str, how, negate| property("FN", Any, vec![text(what, how, negate)], vec![]);
    let email = |what: &str| text(what, Contains, false);
    for (filter, holds) in [
        (filter(All, vec![]), true),
        (filter(All, vec![fn_is("JÖRG DOE", Equals, false)]), true),
        (filter(All, vec![fn_is("jörg", StartsWith, false)]), true),
        (filter(All, vec![fn_is("jörg", EndsWith, false)]), false),
        (filter(All, vec![fn_is("doe", EndsWith, false)]), true),
        (filter(All, vec![fn_is("doe", Contains, true)]), false),
        (filter(All, vec![fn_is("x", Contains, true)]), true),
        (filter(All, vec![fn_is("doe", Contains, false), fn_is("x", Contains, false)]), false),
        (filter(Any, vec![fn_is("x", Contains, false), fn_is("doe", Contains, false)]), true),
        (filter(All, vec![absent("TEL")]), true),
        (filter(All, vec![absent("EMAIL")]), false),
        (filter(All, vec![property("NOTE", Any, vec![], vec![])]), true),
        (filter(All, vec![property("TEL", Any, vec![], vec![])]), false),
        (filter(All, vec![property("NOTE", Any, vec![email("one, two\nthree")], vec![])]), true),
        // Both of the same property, or one of them.
        (filter(All, vec![property("EMAIL", All, vec![email("home")], vec![kind("home")])]), true),
        (filter(All, vec![property("EMAIL", All, vec![email("home")], vec![kind("work")])]), false),
        (filter(All, vec![property("EMAIL", Any, vec![email("home")], vec![kind("fax")])]), true),
        (filter(All, vec![property("EMAIL", Any, vec![email("q")], vec![kind("fax")])]), false),
        (filter(All, vec![property("EMAIL", Any, vec![], vec![no_kind])]), false),
        (filter(All, vec![property("ITEM1.EMAIL", Any, vec![email("work")], vec![])]), true),
        (filter(All, vec![property("ITEM1.EMAIL", Any, vec![email("home")], vec![])]), false),
        (filter(All, vec![property("ITEM2.EMAIL", Any, vec![], vec![])]), false),
    ] {
        assert_eq!(filter.matches(CARD, &|| true), holds, "{filter:?}");
    }
}

/// Hundreds of tests may be about one note of many megabytes.
#[test]
fn the_clock_is_asked_while_texts_are_compared() {
    let asked = |bytes: usize, texts: Vec<TextMatch>, may_go_on: bool| {
        let card = format!("BEGIN:VCARD\r\nNOTE:{}\r\nEND:VCARD\r\n", "x".repeat(bytes));
        let note = property("NOTE", Quantifier::All, texts, vec![]);
        let asked = std::cell::Cell::new(0);
        let found = filter(Quantifier::All, vec![note]).matches(card.as_bytes(), &|| {
            asked.set(asked.get() + 1);
            may_go_on
        });
        (found, asked.get())
    };
    let without = |what| vec![text(what, MatchKind::Contains, true); 50];
    assert_eq!(asked(100_000, without("y"), true), (true, 50));
    assert_eq!(asked(1_000, without("y"), true), (true, 0));
    assert_eq!(asked(100_000, without("x"), true), (false, 1));
    assert_eq!(asked(100_000, without("x"), false), (true, 50));
}

#[test]
fn labels_have_their_breaks_in_either_spelling() {
    for label in ["1 Way^nTown, X", "1 Way\\nTown, X", "1 Way\\NTown\\, X"] {
        let new = card("4.0", &format!("FN:x\nADR;LABEL=\"{label}\":;;1 Way;Town;;;\n"));
        let old = new.in_version(CardVersion::V3).into_component();
        assert_eq!(old.line("LABEL").unwrap().value(), "1 Way\\nTown\\, X", "{label}");
    }
}

#[test]
fn parts_of_cards_are_selected() {
    let card = card("3.0", "FN:x\nN:x;;;;\nitem1.EMAIL:a@b\nEMAIL:c@d\nNOTE:y\n");
    let wanted = |name: &str, with_value| PropertySelection { name: name.to_owned(), with_value };
    let select = |wanted: Vec<PropertySelection>| {
        let text = String::from_utf8(card.select(&Which::Some(wanted)).render()).unwrap();
        text.replace("\r\n", "\n")
    };
    assert_eq!(
        select(vec![wanted("VERSION", true), wanted("EMAIL", true), wanted("NOTE", false)]),
        "BEGIN:VCARD\nVERSION:3.0\nitem1.EMAIL:a@b\nEMAIL:c@d\nNOTE:\nEND:VCARD\n"
    );
    assert_eq!(
        select(vec![wanted("ITEM1.EMAIL", true)]),
        "BEGIN:VCARD\nitem1.EMAIL:a@b\nEND:VCARD\n"
    );
    assert_eq!(card.select(&Which::All), *card.component());
}

#[test]
fn no_bytes_make_it_panic() {
    const SEED: &[u8] = b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;ENCODING=QUOTED-PRINTABLE:=C3=BC=\r\nx;y;;;\r\n\
        item1.X-ABDATE;X-APPLE-OMIT-YEAR=1604:1604-02-03T01:02:03Z\r\nitem1.X-ABLABEL:_$!<Anniversary>!$_\r\n\
        PHOTO;ENCODING=b;TYPE=JPEG:/9j/\r\nGEO:1;2\r\nTZ:-05:00\r\nLABEL;TYPE=HOME,PREF:x\\ny\r\nADR;TYPE=HOME:;;;\r\n\
        UID:1\r\nFN:x\r\nEND:VCARD\r\n";
    let mut random = fastrand::Rng::with_seed(8);
    for round in 0..20_000 {
        let mut bytes = SEED.to_vec();
        if round % 3 > 0 {
            bytes[23..26].copy_from_slice(if round % 3 == 1 { b"3.0" } else { b"4.0" });
        }
        for _ in 0..random.usize(0..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *random.choice(b"\r\n \";:=,^\\\xff").unwrap()),
            }
        }
        for card in Card::parse_all(&bytes, &Limits::default()).unwrap_or_default() {
            for version in [CardVersion::V4, CardVersion::V3, CardVersion::V4] {
                let rendered = card.clone().in_version(version).into_component().render();
                let read = Card::parse_all(&rendered, &Limits::default());
                assert!(read.is_ok_and(|cards| cards.len() == 1), "{}", rendered.escape_ascii());
            }
        }
    }
}
