//! Commands with annotations of messages.

use ids::ModSeq;

use super::accepted::{check, flags, mailbox, set};
use crate::types::*;

/// The examples of RFC 5257 §4.
#[test]
fn annotations_in_commands() {
    let entry = |text: &str| AnnotationEntry::parse(text.as_bytes()).unwrap();
    let pattern = |text: &str| AnnotationPattern::parse(text.as_bytes()).unwrap();
    let attributes = |names: &[&str]| {
        let parse = |name: &&str| AnnotationAttribute::parse(name.as_bytes()).unwrap();
        names.iter().flat_map(parse).collect::<Vec<_>>()
    };
    let query = |entries: &[&str], names: &[&str]| {
        let entries = entries.iter().map(|text| pattern(text)).collect();
        FetchAttribute::Annotation(AnnotationQuery { entries, attributes: attributes(names) })
    };
    let fetch = |entries: &[&str], names: &[&str]| {
        Command::Fetch(FetchArgs {
            set: set("1"),
            by: Addressing::Seq,
            attributes: vec![query(entries, names)],
            asks_uid: false,
            changed_since: None,
            vanished: false,
            partial: None,
        })
    };
    check(
        &[
            "a FETCH 1 (ANNOTATION (/comment value))",
            "a fetch 1 annotation ( (/comment) (value value.priv) )",
            "a FETCH 1 ANNOTATION (\"/comment\" {5+}\r\nvalue)",
        ],
        fetch(&["/comment"], &["value"]),
    );
    check(
        &["a FETCH 1 (ANNOTATION ((/comment /%) (value.priv size.priv)))"],
        fetch(&["/comment", "/%"], &["value.priv", "size.priv"]),
    );
    let value = |name: &str, scope, value: Option<&str>| AnnotationValue {
        entry: entry(name),
        scope,
        value: value.map(|value| value.as_bytes().to_vec()),
    };
    let store = |values: &[AnnotationValue], unchanged_since| {
        let (set, by, values) = (set("1"), Addressing::Seq, values.to_vec());
        Command::Annotate(AnnotateArgs { set, by, unchanged_since, values })
    };
    let (private, shared) = (AnnotationScope::Private, AnnotationScope::Shared);
    check(
        &[
            "a STORE 1 ANNOTATION (/comment (value.priv \"My new comment\" value.shared \"foo's bar\"))",
            "a store 1 annotation ( /comment ( value.priv {14+}\r\nMy new comment value.shared ~{9}\r\nfoo's bar ) )",
        ],
        store(
            &[
                value("/comment", private, Some("My new comment")),
                value("/comment", shared, Some("foo's bar")),
            ],
            None,
        ),
    );
    check(
        &["a STORE 1 (UNCHANGEDSINCE 7) ANNOTATION (/a (value.priv NIL) /b (value.priv \"\"))"],
        store(&[value("/a", private, None), value("/b", private, Some(""))], Some(ModSeq::new(7))),
    );
    let message = AppendMessage {
        flags: flags(&["\\Draft"]),
        internal_date: None,
        annotations: vec![value("/comment", private, Some("Don't send until I say so"))],
        data: AppendData::Whole { bytes: b"ab".to_vec(), binary: false, utf8: false },
    };
    check(
        &[
            "a APPEND drafts (\\Draft) ANNOTATION (/comment (value.priv \"Don't send until I say so\")) {2}\r\nab",
            "a APPEND drafts (\\Draft) ANNOTATION (/comment (value.priv {25+}\r\nDon't send until I say so)) {2}\r\nab",
        ],
        Command::Append(AppendArgs { mailbox: mailbox("drafts"), messages: vec![message] }),
    );
    let search = |entries: &str, scope, value: Option<&str>| {
        let value = value.map(str::to_owned);
        let key =
            SearchKey::Annotation(AnnotationCriterion { entries: pattern(entries), scope, value });
        Command::Search(SearchArgs { by: Addressing::Seq, returns: None, fetch: Vec::new(), key })
    };
    check(
        &[
            "a SEARCH ANNOTATION /comment value \"IMAP4\"",
            "a search annotation /comment VALUE IMAP4",
        ],
        search("/comment", None, Some("IMAP4")),
    );
    check(
        &["a SEARCH ANNOTATION * value.priv \"IMAP4\""],
        search("*", Some(private), Some("IMAP4")),
    );
    check(&["a SEARCH ANNOTATION /% value.shared NIL"], search("/%", Some(shared), None));
    let key = SortKey::Annotation(entry("/altsubject"), shared);
    check(
        &["a SORT (ANNOTATION /altsubject value.shared) UTF-8 ALL"],
        Command::Sort(SortArgs {
            by: Addressing::Seq,
            returns: None,
            fetch: Vec::new(),
            criteria: vec![SortCriterion { key, reverse: false }],
            key: SearchKey::All,
        }),
    );
    check(
        &["a SELECT INBOX (ANNOTATE)"],
        Command::Select(SelectArgs {
            mailbox: mailbox("INBOX"),
            condstore: false,
            annotate: true,
            qresync: None,
        }),
    );
}
