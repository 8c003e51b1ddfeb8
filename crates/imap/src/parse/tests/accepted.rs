//! Commands from the examples of the RFCs, and as real clients send them.

use ids::{ModSeq, UidValidity};
use message::date::Day;
use message::flag::{Flag, Flags, Keyword, SystemFlags};

use super::*;
use crate::parse::{parse_section, parse_sequence_set};
use crate::types::*;

pub(super) fn set(text: &str) -> SequenceSet {
    parse_sequence_set(text.as_bytes()).unwrap()
}

pub(super) fn mailbox(name: &str) -> MailboxName {
    MailboxName::new(name).unwrap()
}

pub(super) fn flags(names: &[&str]) -> Flags {
    names.iter().map(|name| Flag::parse(name.as_bytes()).unwrap()).collect()
}

pub(super) fn check(lines: &[&str], expect: Command) {
    for line in lines {
        assert_eq!(command(line), expect, "{line}");
    }
}

#[test]
fn commands_without_arguments() {
    check(&["abcd CAPABILITY", "a capability", "a  Capability "], Command::Capability);
    check(&["a002 NOOP"], Command::Noop);
    check(&["A023 LOGOUT"], Command::Logout);
    check(&["a002 STARTTLS"], Command::StartTls);
    check(&["FXXZ CHECK"], Command::Check);
    check(&["A341 CLOSE"], Command::Close);
    check(&["A342 UNSELECT"], Command::Unselect);
    check(&["A202 EXPUNGE"], Command::Expunge);
    check(&["A001 NAMESPACE"], Command::Namespace);
    check(&["A002 IDLE"], Command::Idle);
}

#[test]
fn signing_in() {
    let login = |user: &str, password: &str| {
        Command::Login(LoginArgs { user: user.into(), password: Secret::new(password.into()) })
    };
    check(
        &[
            "a001 LOGIN SMITH SESAME",
            "a login \"SMITH\" {6}\r\nSESAME",
            "a login {5+}\r\nSMITH {6+}\r\nSESAME",
        ],
        login("SMITH", "SESAME"),
    );
    check(&["a LOGIN \"jö\" \"p w\\\"\\\\\""], login("jö", "p w\"\\"));
    check(&["a LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man"], login("FRED FOOBAR", "fat man"));
    let authenticate = |mechanism: &str, initial: Option<&[u8]>| {
        Command::Authenticate(AuthenticateArgs {
            mechanism: mechanism.into(),
            initial_response: initial.map(|bytes| Secret::new(bytes.to_vec())),
        })
    };
    check(&["a AUTHENTICATE GSSAPI"], authenticate("GSSAPI", None));
    check(
        &["C01 AUTHENTICATE plain dGVzdAB0ZXN0AHRlc3Q="],
        authenticate("PLAIN", Some(b"test\0test\0test")),
    );
    check(&["a AUTHENTICATE EXTERNAL ="], authenticate("EXTERNAL", Some(b"")));
}

#[test]
fn enable_and_id() {
    let mut items = EnableItems::new();
    items.insert(EnableItem::CondStore);
    check(&["t2 ENABLE CONDSTORE X-GOOD-IDEA"], Command::Enable(items));
    items.insert(EnableItem::QResync);
    check(&["a ENABLE qresync CONDSTORE"], Command::Enable(items));
    let fields = [("name", Some("sodr")), ("os", None)];
    let pairs = fields.map(|(field, value)| (field.to_owned(), value.map(str::to_owned)));
    check(&["a ID (\"name\" \"sodr\" \"os\" NIL)"], Command::Id(IdParams(pairs.to_vec())));
    check(&["a023 ID NIL", "a id nil", "a id ()"], Command::Id(IdParams::default()));
}

#[test]
fn watching() {
    use NotifyEvent::{FlagChange, MailboxName as Name, MessageExpunge, MessageNew};
    let group = |filter, events: &[NotifyEvent], fetch: &[FetchAttribute]| EventGroup {
        filter,
        events: events.iter().copied().collect(),
        fetch: fetch.to_vec(),
        is_unknown: false,
    };
    check(&["a NOTIFY NONE", "a notify none"], Command::Notify(NotifyArgs::None));
    let header = FetchAttribute::BodySection {
        section: parse_section(b"[HEADER.FIELDS (From To Subject)]").unwrap(),
        partial: None,
        peek: true,
    };
    let selected = group(
        MailboxFilter::Selected,
        &[MessageNew, MessageExpunge],
        &[FetchAttribute::Uid, header],
    );
    let lists = MailboxFilter::Subtree(vec![mailbox("Lists")]);
    let groups = vec![selected, group(lists, &[MessageNew, MessageExpunge], &[])];
    check(
        &[
            "b notify set status (selected MessageNew (uid body.peek[header.fields (From To Subject)]) \
             MessageExpunge) (subtree Lists MessageNew MessageExpunge)",
            "b NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To Subject)]) \
             MessageExpunge)) (subtree (Lists) (MessageNew MessageExpunge))",
        ],
        Command::Notify(NotifyArgs::Set { status: true, groups }),
    );
    let names = MailboxFilter::Mailboxes(vec![mailbox("a"), mailbox("b c")]);
    let groups = vec![
        group(MailboxFilter::SelectedDelayed, &[], &[]),
        group(MailboxFilter::Personal, &[Name], &[]),
        group(names, &[MessageNew, MessageExpunge, FlagChange], &[]),
    ];
    check(
        &["a NOTIFY SET (selected-delayed NONE) (personal (MailboxName)) (mailboxes (a \"b c\") \
           (MessageNew FlagChange MessageExpunge))"],
        Command::Notify(NotifyArgs::Set { status: false, groups }),
    );
    check(&["a COMPRESS deflate"], Command::Compress);
    check(&["a UNAUTHENTICATE"], Command::Unauthenticate);
}

#[test]
fn selecting() {
    let args = |name: &str| SelectArgs {
        mailbox: mailbox(name),
        condstore: false,
        annotate: false,
        qresync: None,
    };
    check(
        &["A142 SELECT INBOX", "a select inbox", "a SELECT \"InBox\" "],
        Command::Select(args("INBOX")),
    );
    check(&["A932 EXAMINE blurdybloop"], Command::Examine(args("blurdybloop")));
    check(&["a SELECT foo]bar"], Command::Select(args("foo]bar")));
    check(&["a SELECT Entw&APw-rfe"], Command::Select(args("Entwürfe")));
    check(
        &["A142 SELECT INBOX (CONDSTORE)"],
        Command::Select(SelectArgs { condstore: true, ..args("INBOX") }),
    );
    let qresync = |known: Option<&str>, seq_match: Option<(&str, &str)>| {
        let seq_match = seq_match.map(|(seqs, uids)| SeqMatch { seqs: set(seqs), uids: set(uids) });
        let qresync = Some(QresyncParams {
            uid_validity: UidValidity::new(67_890_007),
            modseq: ModSeq::new(20_050_715_194_045_000),
            known_uids: known.map(set),
            seq_match,
        });
        Command::Select(SelectArgs { qresync, ..args("INBOX") })
    };
    check(&["a SELECT INBOX (QRESYNC (67890007 20050715194045000))"], qresync(None, None));
    check(
        &["A02 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))"],
        qresync(Some("41,43:211,214:541"), None),
    );
    check(
        &["a SELECT INBOX (QRESYNC (67890007 20050715194045000 1:29997 (5000,7500 15000,22500)))"],
        qresync(Some("1:29997"), Some(("5000,7500", "15000,22500"))),
    );
    check(
        &["a SELECT INBOX (QRESYNC (67890007 20050715194045000 (5 15)))"],
        qresync(None, Some(("5", "15"))),
    );
}

#[test]
fn mailboxes() {
    let create = |name: &str, uses: &[SpecialUse]| {
        Command::Create(CreateArgs {
            mailbox: mailbox(name),
            special_uses: uses.iter().copied().collect(),
        })
    };
    check(&["A003 CREATE owatagusiam/"], create("owatagusiam/", &[]));
    check(
        &["t1 CREATE MySpecial (USE (\\Drafts \\Sent))"],
        create("MySpecial", &[SpecialUse::Sent, SpecialUse::Drafts]),
    );
    check(&["A683 DELETE blurdybloop"], Command::Delete(mailbox("blurdybloop")));
    check(
        &["A684 RENAME \"a b\" {5}\r\nsarep"],
        Command::Rename(RenameArgs { from: mailbox("a b"), to: mailbox("sarep") }),
    );
    check(
        &["A002 SUBSCRIBE #news.comp.mail.mime"],
        Command::Subscribe(mailbox("#news.comp.mail.mime")),
    );
    check(&["A002 UNSUBSCRIBE ~x"], Command::Unsubscribe(mailbox("~x")));
    let items = [StatusItem::UidNext, StatusItem::Messages].into_iter().collect();
    check(
        &[
            "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
            "a status blurdybloop ( messages uidnext )",
        ],
        Command::Status(mailbox("blurdybloop"), items),
    );
    let items = [
        StatusItem::Size,
        StatusItem::HighestModSeq,
        StatusItem::AppendLimit,
        StatusItem::MailboxId,
    ];
    check(
        &["a STATUS x (SIZE HIGHESTMODSEQ APPENDLIMIT MAILBOXID)"],
        Command::Status(mailbox("x"), items.into_iter().collect()),
    );
    let raw = "a SELECT \"R&D ü\"\r\n".as_bytes();
    let found = request_in(raw, Dialect::Utf8).unwrap().command;
    assert_eq!(
        found,
        Command::Select(SelectArgs {
            mailbox: mailbox("R&D ü"),
            condstore: false,
            annotate: false,
            qresync: None
        })
    );
}

#[test]
fn listing() {
    let basic = |reference: &str, patterns: &[&str]| ListArgs {
        reference: reference.into(),
        patterns: patterns.iter().map(|p| MailboxPattern::new(*p)).collect(),
        selection: ListSelection::default(),
        returns: ListReturn::default(),
        metadata: Vec::new(),
        extended: false,
    };
    check(&["A101 LIST \"\" \"\""], Command::List(basic("", &[""])));
    check(&["A202 LIST ~/Mail/ %"], Command::List(basic("~/Mail/", &["%"])));
    check(
        &["A LIST \"\" *", "A LIST \"\" \"*\"", "a list \"\"  {1}\r\n*"],
        Command::List(basic("", &["*"])),
    );
    check(&["A LIST \"\" Entw&APw-*"], Command::List(basic("", &["Entwü*"])));
    let selection = ListSelection { subscribed: true, ..Default::default() };
    check(&["a LSUB \"\" *"], Command::Lsub(ListArgs { selection, ..basic("", &["*"]) }));
    let returns = ListReturn { special_use: true, ..Default::default() };
    check(&["a XLIST \"\" *"], Command::Xlist(ListArgs { returns, ..basic("", &["*"]) }));
    let returns = ListReturn { subscribed: true, ..Default::default() };
    check(
        &["A02 LIST (SUBSCRIBED) \"\" \"*\"", "a LIST (SUBSCRIBED) \"\" (*) RETURN ()"],
        Command::List(ListArgs { selection, returns, extended: true, ..basic("", &["*"]) }),
    );
    let recursive = ListSelection { recursive_match: true, ..selection };
    check(
        &["C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\""],
        Command::List(ListArgs {
            selection: recursive,
            returns,
            extended: true,
            ..basic("", &["%"])
        }),
    );
    let returns = ListReturn { children: true, ..Default::default() };
    check(
        &["BBB LIST \"\" (\"INBOX\" \"Drafts\" \"Sent/%\") RETURN (CHILDREN)"],
        Command::List(ListArgs {
            returns,
            extended: true,
            ..basic("", &["INBOX", "Drafts", "Sent/%"])
        }),
    );
    let status = [StatusItem::Messages, StatusItem::Unseen].into_iter().collect();
    let returns = ListReturn { status, children: true, special_use: true, ..Default::default() };
    check(
        &["A01 LIST \"\" % RETURN (SPECIAL-USE CHILDREN STATUS (MESSAGES UNSEEN))"],
        Command::List(ListArgs { returns, extended: true, ..basic("", &["%"]) }),
    );
}

#[test]
fn fetching() {
    use FetchAttribute as A;
    let fetch = |text: &str, by, attributes: &[A]| FetchArgs {
        set: set(text),
        by,
        attributes: attributes.to_vec(),
        asks_uid: false,
        partial: None,
        changed_since: None,
        vanished: false,
    };
    let section = |text: &str, peek| A::BodySection {
        section: parse_section(text.as_bytes()).unwrap(),
        partial: None,
        peek,
    };
    let seq = Addressing::Seq;
    check(
        &[
            "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            "a fetch  2:4  ( flags  body[header.fields (DATE FROM)] )",
        ],
        Command::Fetch(fetch(
            "2:4",
            seq,
            &[A::Flags, section("[HEADER.FIELDS (DATE FROM)]", false)],
        )),
    );
    check(
        &["a FETCH 1 FAST", "a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)"],
        Command::Fetch(fetch("1", seq, &[A::Flags, A::InternalDate, A::Rfc822Size])),
    );
    check(
        &["a FETCH * FULL"],
        Command::Fetch(fetch(
            "*",
            seq,
            &[A::Flags, A::InternalDate, A::Rfc822Size, A::Envelope, A::Body],
        )),
    );
    check(
        &["a UID FETCH 1:* (FLAGS)", "a UID FETCH 1:* FLAGS"],
        Command::Fetch(fetch("1:*", Addressing::Uid, &[A::Uid, A::Flags])),
    );
    let asked = fetch("1:*", Addressing::Uid, &[A::Uid, A::Flags]);
    check(
        &["a uid  fetch 1:* (UID FLAGS)", "a UID FETCH 1:* (FLAGS UID)"],
        Command::Fetch(FetchArgs { asks_uid: true, ..asked }),
    );
    let part = PartPath::new(vec![1.try_into().unwrap(), 2.try_into().unwrap()]);
    let partial = Some(Partial { offset: 0, length: 2048.try_into().unwrap() });
    check(
        &[
            "a FETCH $ (BODY.PEEK[1.2.MIME] BODY.PEEK[]<0.2048> BINARY.PEEK[1.2]<0.2048> BINARY.SIZE[1.2] BINARY[1.2])",
        ],
        Command::Fetch(fetch(
            "$",
            seq,
            &[
                section("[1.2.MIME]", true),
                A::BodySection { section: Section::whole(), partial, peek: true },
                A::Binary { part: part.clone(), partial, peek: true },
                A::BinarySize(part.clone()),
                A::Binary { part, partial: None, peek: false },
            ],
        )),
    );
    check(
        &[
            "a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT BODYSTRUCTURE EMAILID THREADID PREVIEW (LAZY) SAVEDATE)",
        ],
        Command::Fetch(fetch(
            "1",
            seq,
            &[
                A::Rfc822,
                A::Rfc822Header,
                A::Rfc822Text,
                A::BodyStructure,
                A::EmailId,
                A::ThreadId,
                A::Preview { lazy: true },
                A::SaveDate,
            ],
        )),
    );
    let changed = |args: FetchArgs, since, vanished| {
        Command::Fetch(FetchArgs { changed_since: Some(ModSeq::new(since)), vanished, ..args })
    };
    check(
        &["s100 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)"],
        changed(fetch("1:*", Addressing::Uid, &[A::Uid, A::Flags, A::ModSeq]), 12_345, false),
    );
    check(
        &["s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)"],
        changed(fetch("300:500", Addressing::Uid, &[A::Uid, A::Flags, A::ModSeq]), 12_345, true),
    );
    check(
        &["a FETCH 1 PREVIEW (CHANGEDSINCE 0)"],
        changed(fetch("1", seq, &[A::Preview { lazy: false }, A::ModSeq]), 0, false),
    );
}

#[test]
fn storing_and_copying() {
    let store = |text: &str, by, action, silent, names: &[&str]| StoreArgs {
        set: set(text),
        by,
        unchanged_since: None,
        action,
        silent,
        flags: flags(names),
    };
    let (seq, uid) = (Addressing::Seq, Addressing::Uid);
    check(
        &["A003 STORE 2:4 +FLAGS (\\Deleted)", "a store 2:4 +flags \\deleted"],
        Command::Store(store("2:4", seq, StoreAction::Add, false, &["\\Deleted"])),
    );
    check(
        &[
            "a UID STORE 5 -FLAGS.SILENT (\\Seen $Junk)",
            "a UID STORE 5 -FLAGS.SILENT \\Seen $Junk \\Recent ",
        ],
        Command::Store(store("5", uid, StoreAction::Remove, true, &["\\Seen", "$Junk"])),
    );
    check(
        &["a STORE 1 FLAGS ()"],
        Command::Store(store("1", seq, StoreAction::Replace, false, &[])),
    );
    let unchanged_since = Some(ModSeq::new(320_162_338));
    check(
        &["a103 UID STORE 6,4,8 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)"],
        Command::Store(StoreArgs {
            unchanged_since,
            ..store("6,4,8", uid, StoreAction::Add, true, &["\\Deleted"])
        }),
    );
    let copy = |text: &str, by| CopyArgs { set: set(text), by, mailbox: mailbox("MEETING") };
    check(&["A003 COPY 2:4 MEETING"], Command::Copy(copy("2:4", seq)));
    check(&["A UID COPY 2:4 \"MEETING\""], Command::Copy(copy("2:4", uid)));
    check(&["a MOVE $ MEETING"], Command::Move(copy("$", seq)));
    check(&["a UID MOVE 42:69 MEETING"], Command::Move(copy("42:69", uid)));
    check(&["A003 UID EXPUNGE 3000:3002"], Command::UidExpunge(set("3000:3002")));
}

#[test]
fn parts_of_a_fetch() {
    for (text, low, high, from_end) in
        [("1:100", 1, 100, false), ("-1:-30", 1, 30, true), ("5:1", 1, 5, false)]
    {
        let expect = Some(PartialRange { low, high, from_end });
        let line = format!("a UID FETCH 25900:26600 (UID FLAGS) (PARTIAL {text})");
        assert!(matches!(command(&line), Command::Fetch(args) if args.partial == expect), "{line}");
    }
}

#[test]
fn following_searches() {
    let tags = |tags: &[&str]| tags.iter().map(|tag| Tag::new(tag.as_bytes()).unwrap()).collect();
    check(&["B04 CANCELUPDATE \"B01\""], Command::CancelUpdate(tags(&["B01"])));
    check(&["B04 cancelupdate \"B01\" \"c\""], Command::CancelUpdate(tags(&["B01", "c"])));
    let returns =
        SearchReturn { update: true, context: true, count: true, ..SearchReturn::default() };
    check(
        &["B01 SEARCH RETURN (UPDATE CONTEXT COUNT) ALL"],
        Command::Search(SearchArgs {
            by: Addressing::Seq,
            returns: Some(returns),
            fetch: Vec::new(),
            key: SearchKey::All,
        }),
    );
    // RFC 5465 §7.
    let fetch = vec![FetchAttribute::Uid, FetchAttribute::Flags];
    let (by, key) = (Addressing::Seq, SearchKey::All);
    check(
        &[
            "B01 SEARCH RETURN (COUNT UPDATE (UID FLAGS) CONTEXT) ALL",
            "B01 search return (update ( uid  flags ) context count) all",
        ],
        Command::Search(SearchArgs { by, returns: Some(returns), fetch: fetch.clone(), key }),
    );
    for line in [
        "B01 UID SORT RETURN (UPDATE (UID FLAGS)) (DATE) UTF-8 ALL",
        "B01 ESEARCH RETURN (UPDATE (UID FLAGS)) ALL",
    ] {
        let asked = match command(line) {
            Command::Sort(args) => args.fetch,
            Command::Esearch(args) => args.fetch,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked, fetch, "{line}");
    }
    // Nothing is seen by what is told unasked, so that these are one and the same.
    let Command::Search(args) = command("a SEARCH RETURN (UPDATE (BODY[1] UID BODY.PEEK[1])) ALL")
    else {
        panic!("no search")
    };
    assert!(matches!(
        args.fetch.as_slice(),
        [FetchAttribute::BodySection { peek: true, .. }, FetchAttribute::Uid]
    ));
}

#[test]
fn searching_mailboxes() {
    use MailboxFilter as F;
    let names = |names: &[&str]| names.iter().map(|name| mailbox(name)).collect();
    let esearch = |sources: Vec<F>, returns, key| {
        Command::Esearch(EsearchArgs { sources, returns, fetch: Vec::new(), key })
    };
    let unseen = SearchKey::Lacks(SystemFlags::SEEN);
    check(
        &[
            "tag1 ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
            "tag1 UID ESEARCH IN ( mailboxes (folder1) subtree (folder2) ) UNSEEN",
        ],
        esearch(
            vec![F::Mailboxes(names(&["folder1"])), F::Subtree(names(&["folder2"]))],
            None,
            unseen.clone(),
        ),
    );
    check(
        &[
            "t ESEARCH IN (selected inboxes personal subscribed subtree-one (a b)) RETURN (COUNT) ALL",
        ],
        esearch(
            vec![
                F::Selected,
                F::Inboxes,
                F::Personal,
                F::Subscribed,
                F::SubtreeOne(names(&["a", "b"])),
            ],
            Some(SearchReturn { count: true, ..SearchReturn::default() }),
            SearchKey::All,
        ),
    );
    check(&["t ESEARCH CHARSET UTF-8 UNSEEN"], esearch(Vec::new(), None, unseen));
}

#[test]
fn comparing_and_coming_near() {
    let wanted =
        |names: &[&str]| Command::Comparator(names.iter().map(|name| (*name).to_owned()).collect());
    check(&["A001 COMPARATOR \"cz;*\" i;basic"], wanted(&["cz;*", "i;basic"]));
    check(&["A001 COMPARATOR", "A001 comparator "], wanted(&[]));
    let ranges = |ranges: &[&str]| {
        Command::Language(ranges.iter().map(|range| (*range).to_owned()).collect())
    };
    check(&["A003 LANGUAGE"], ranges(&[]));
    check(&["E001 LANGUAGE FR-CA \"EN-CA\""], ranges(&["FR-CA", "EN-CA"]));
    check(&["A001 COMPARATOR i;*"], wanted(&["i;*"]));
    let subject = SearchKey::Fuzzy(Box::new(SearchKey::Subject("work".into())));
    let from = SearchKey::From("user@example.com".into());
    check(
        &["A2 SEARCH FUZZY SUBJECT work FROM user@example.com"],
        Command::Search(SearchArgs {
            by: Addressing::Seq,
            returns: None,
            fetch: Vec::new(),
            key: SearchKey::And(vec![subject, from]),
        }),
    );
}

#[test]
fn sorting_and_threading() {
    let criterion = |key, reverse| SortCriterion { key, reverse };
    let sort = |by, returns, criteria: &[SortCriterion], key| {
        Command::Sort(SortArgs { by, returns, fetch: Vec::new(), criteria: criteria.to_vec(), key })
    };
    let subject = criterion(SortKey::Subject, false);
    check(
        &[
            "A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
            "A283 sort ( subject  reverse date ) \"utf-8\" all",
        ],
        sort(
            Addressing::Seq,
            None,
            &[subject.clone(), criterion(SortKey::Date, true)],
            SearchKey::All,
        ),
    );
    let all = SearchReturn { all: true, ..Default::default() };
    check(
        &["E01 UID SORT RETURN () (DISPLAYFROM DISPLAYTO) US-ASCII UNDELETED"],
        sort(
            Addressing::Uid,
            Some(all),
            &[criterion(SortKey::DisplayFrom, false), criterion(SortKey::DisplayTo, false)],
            SearchKey::Lacks(SystemFlags::DELETED),
        ),
    );
    let part = |first: u32, last: u32, from_end| {
        let (low, high) = (first.min(last), first.max(last));
        let partial = Some(PartialRange { low, high, from_end });
        Some(SearchReturn { partial, count: true, ..Default::default() })
    };
    for (text, returns) in [
        ("COUNT PARTIAL 23500:24000", part(23_500, 24_000, false)),
        ("partial 5:1 count", part(5, 1, false)),
        ("COUNT PARTIAL -1:-100", part(1, 100, true)),
    ] {
        let (by, fetch) = (Addressing::Seq, Vec::new());
        let search = Command::Search(SearchArgs { by, returns, fetch, key: SearchKey::All });
        check(&[&format!("A SEARCH RETURN ({text}) ALL")], search);
        let line = format!("A SORT RETURN ({text}) (SUBJECT) UTF-8 ALL");
        check(
            &[&line],
            sort(Addressing::Seq, returns, std::slice::from_ref(&subject), SearchKey::All),
        );
    }
    for (line, by, algorithm) in [
        ("a THREAD REFERENCES UTF-8 ALL", Addressing::Seq, ThreadAlgorithm::References),
        ("a uid thread references utf-8 all", Addressing::Uid, ThreadAlgorithm::References),
        ("a THREAD ORDEREDSUBJECT US-ASCII ALL", Addressing::Seq, ThreadAlgorithm::OrderedSubject),
    ] {
        check(&[line], Command::Thread(ThreadArgs { by, algorithm, key: SearchKey::All }));
    }
}

#[test]
fn searching() {
    use SearchKey as K;
    let found =
        |by, returns, key| Command::Search(SearchArgs { by, returns, fetch: Vec::new(), key });
    let seq = Addressing::Seq;
    let day = |text: &str| Day::parse(text.as_bytes()).unwrap();
    check(
        &[
            "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
            "a search charset utf-8 flagged since \"1-feb-1994\" not from Smith",
        ],
        found(
            seq,
            None,
            K::And(vec![
                K::Has(SystemFlags::FLAGGED),
                K::Since(day("1-Feb-1994")),
                K::Not(Box::new(K::From("Smith".into()))),
            ]),
        ),
    );
    check(
        &["A283 SEARCH TEXT \"string not in mailbox\""],
        found(seq, None, K::Text("string not in mailbox".into())),
    );
    check(
        &["A284 SEARCH CHARSET UTF-8 TEXT {12}\r\nмамама"],
        found(seq, None, K::Text("мамама".into())),
    );
    let all = SearchReturn { all: true, ..Default::default() };
    check(
        &["A SEARCH RETURN () 1:*", "A search return ( )  1:*"],
        found(seq, Some(all), K::Seqs(set("1:*"))),
    );
    let min_count = SearchReturn { min: true, count: true, ..Default::default() };
    check(
        &["A282 SEARCH RETURN (MIN COUNT) FLAGGED"],
        found(seq, Some(min_count), K::Has(SystemFlags::FLAGGED)),
    );
    let save = SearchReturn { save: true, ..Default::default() };
    check(
        &["A UID SEARCH RETURN (SAVE) UID $ SMALLER 4096"],
        found(
            Addressing::Uid,
            Some(save),
            K::And(vec![K::Uids(SequenceSet::Saved), K::Smaller(4096)]),
        ),
    );
    check(
        &["a SEARCH OR (SEEN ANSWERED) (UNKEYWORD $Junk)"],
        found(
            seq,
            None,
            K::Or(
                Box::new(K::And(vec![K::Has(SystemFlags::SEEN), K::Has(SystemFlags::ANSWERED)])),
                Box::new(K::Unkeyword(Keyword::parse(b"$Junk").unwrap())),
            ),
        ),
    );
    check(
        &["a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", "a SEARCH MODSEQ 620162338"],
        found(seq, None, K::ModSeq(ModSeq::new(620_162_338))),
    );
    check(
        &["a1 SEARCH UNSEEN YOUNGER 259200"],
        found(seq, None, K::And(vec![K::Lacks(SystemFlags::SEEN), K::Younger(259_200)])),
    );
    check(
        &["a SEARCH HEADER Message-ID <x@y> 2,5 EMAILID M1"],
        found(
            seq,
            None,
            K::And(vec![
                K::Header { field: "Message-ID".into(), value: "<x@y>".into() },
                K::Seqs(set("2,5")),
                K::EmailId("M1".into()),
            ]),
        ),
    );
    check(&["a SEARCH (((NEW)))"], found(seq, None, K::New));
}

#[test]
fn appending() {
    let whole =
        |bytes: &[u8], binary, utf8| AppendData::Whole { bytes: bytes.to_vec(), binary, utf8 };
    let one = AppendMessage {
        flags: Flags::default(),
        internal_date: None,
        annotations: Vec::new(),
        data: whole(b"ab", false, false),
    };
    let append = |messages: &[AppendMessage]| {
        Command::Append(AppendArgs { mailbox: mailbox("saved"), messages: messages.to_vec() })
    };
    check(
        &[
            "a APPEND saved {2}\r\nab",
            "a APPEND saved () {2+}\r\nab",
            "a append {5+}\r\nsaved {2+}\r\nab ",
        ],
        append(std::slice::from_ref(&one)),
    );
    let date = message::date::DateTime::with_offset(761_001_905, -480);
    let dated = AppendMessage {
        flags: flags(&["\\Seen", "$Work"]),
        internal_date: Some(date),
        ..one.clone()
    };
    check(
        &["A003 APPEND saved (\\Seen $Work) \"11-Feb-1994 13:25:05 -0800\" {2}\r\nab {2+}\r\nab"],
        append(&[dated, one.clone()]),
    );
    check(
        &["a APPEND saved ~{2}\r\na\0"],
        append(&[AppendMessage { data: whole(b"a\0", true, false), ..one.clone() }]),
    );
    check(
        &["a APPEND saved UTF8 (~{2+}\r\nab)"],
        append(&[AppendMessage { data: whole(b"ab", true, true), ..one.clone() }]),
    );
    let text = |bytes: &[u8], binary, utf8| {
        let bytes = bytes.to_vec();
        CatenatePart::Text { bytes, binary, utf8 }
    };
    // RFC 6855 §4.
    let data = AppendData::Catenate(vec![text(b"a", false, false), text(b"b", true, true)]);
    check(
        &[
            "a APPEND saved CATENATE (TEXT {1}\r\na UTF8 (~{1}\r\nb))",
            "a append saved catenate ( text {1+}\r\na utf8  (~{1+}\r\nb) )",
        ],
        append(&[AppendMessage { data, ..one.clone() }]),
    );
    let parts = AppendData::Catenate(vec![
        text(b"a", false, false),
        CatenatePart::Url("/Drafts/;UID=30".to_owned()),
        text(b"\0", true, false),
    ]);
    let put_together = AppendMessage { data: parts, ..one };
    check(
        &[
            "a APPEND saved CATENATE (TEXT {1}\r\na URL \"/Drafts/;UID=30\" TEXT ~{1+}\r\n\0)",
            "a append saved catenate (text {1+}\r\na url {15}\r\n/Drafts/;UID=30 text ~{1}\r\n\0)",
        ],
        append(std::slice::from_ref(&put_together)),
    );
    let replace = ReplaceArgs {
        set: set("4"),
        by: Addressing::Uid,
        mailbox: mailbox("saved"),
        message: put_together,
    };
    check(
        &["a UID REPLACE 4 saved CATENATE (TEXT {1}\r\na URL \"/Drafts/;UID=30\" TEXT ~{1}\r\n\0)"],
        Command::Replace(Box::new(replace)),
    );
}
