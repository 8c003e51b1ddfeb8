use super::parse::URL_BYTES_MAX;
use super::*;

fn number(value: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(value)
}

fn on(host: &str) -> Option<UrlServer> {
    Some(UrlServer { user: None, auth: None, host: host.to_owned(), port: None })
}

/// A URL in its one form is written as it was read.
#[test]
fn urls_survive() {
    for text in [
        "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
        "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
        "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;UID=20/;SECTION=1.2",
        "imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows",
        "imap://john;AUTH=*@minbari.example.org/babylon5/personel?charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A%D0%98%D0%B2%D0%B0",
        "imap://michael@example.org:143/INBOX",
        "imap://joe@example.com/INBOX/;UID=20/;SECTION=1.2;URLAUTH=submit+fred:internal:91354a473744909de610943775f92038",
        "imap://joe@example.com/INBOX/;UID=20;EXPIRE=2006-12-31T23:59:59Z;URLAUTH=anonymous",
        "imap://owner@[2001:db8::1]/INBOX/;UID=20;URLAUTH=user+o%40example.com",
        "/INBOX;UIDVALIDITY=785799047/;UID=113330/;SECTION=1.5.9",
        "/Drafts/;UID=30;URLAUTH=authuser",
        "/Drafts/;UID=30/;SECTION=HEADER.FIELDS%20%28From%29/;PARTIAL=5",
        ";UID=3/;SECTION=1",
        "/INBOX",
        "imap://example.com",
    ] {
        let url = ImapUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
        let written = url.to_string();
        assert_eq!(ImapUrl::parse(&written), Some(url), "{written}");
        let plain = text.replace("%28", "(").replace("%29", ")");
        assert_eq!(written, plain);
    }
}

/// QUIRK(imaptest, 9d78895).
#[test]
fn an_address_for_whom_a_url_is_may_stand_as_it_is() {
    let url = ImapUrl::parse("imap://j@x.example/a/;UID=1;URLAUTH=user+j@x.example").unwrap();
    assert_eq!(url.url_auth.unwrap().access, UrlAccess::User("j@x.example".to_owned()));
}

#[test]
fn parts_are_told_apart() {
    let url = ImapUrl::parse(
        "IMAP://j%40x;auth=PLAIN@Host:1143/a%3Bb/c;uidvalidity=5/;uid=20/;section=1.2/;partial=0.9",
    );
    let server = UrlServer {
        user: Some("j@x".to_owned()),
        auth: Some("PLAIN".to_owned()),
        host: "Host".to_owned(),
        port: Some(1143),
    };
    let expect = ImapUrl {
        server: Some(server),
        mailbox: Some("a;b/c".to_owned()),
        uid_validity: number(5),
        uid: number(20),
        section: Some("1.2".to_owned()),
        partial: Some(UrlRange { offset: 0, length: number(9) }),
        ..ImapUrl::default()
    };
    assert_eq!(url, Some(expect));
    let rooted = ImapUrl { server: on("h"), ..ImapUrl::default() };
    assert_eq!(ImapUrl::parse("imap://h/"), Some(rooted));
    let odd = ImapUrl { mailbox: Some("/a/".to_owned()), uid: number(1), ..ImapUrl::default() };
    assert_eq!(odd.to_string(), "/%2Fa%2F/;UID=1");
    assert_eq!(ImapUrl::parse(&odd.to_string()), Some(odd));
}

#[test]
fn what_is_no_url_is_refused() {
    let long = format!("/{}", "x".repeat(URL_BYTES_MAX));
    for text in [
        "",
        "INBOX/;UID=1",
        "http://example.com/INBOX",
        "imap://",
        "imap://@host/",
        "imap:///INBOX",
        "//host/INBOX",
        "/a b",
        "/a%",
        "/a%zz",
        "/%FF",
        "/\u{e9}",
        "/a;UID=1",
        "/a/;UID=0",
        "/a/;UID=",
        "/a/;UID=4294967296",
        "/a;UIDVALIDITY=0",
        "/a/;UID=1/;SECTION=",
        "/a/;UID=1/;PARTIAL=1.0",
        "/a/;UID=1/;PARTIAL=",
        "/a/;UID=1/;UID=2",
        "/a/;UID=1;URLAUTH=",
        "/a/;UID=1;URLAUTH=user+",
        "/a/;UID=1;URLAUTH=authuser:internal",
        "/a/;UID=1;URLAUTH=authuser:internal:abc",
        "/a/;UID=1;URLAUTH=authuser::91354a473744909de610943775f92038",
        "/a/;UID=1;EXPIRE=2006-12-31T23:59:59Z",
        "/a/;UID=1;EXPIRE=tomorrow;URLAUTH=authuser",
        "/a/;UID=1?SUBJECT",
        "/;UID=1",
        "imap://host:port/a",
        long.as_str(),
    ] {
        assert_eq!(ImapUrl::parse(text), None, "{text:.60}");
    }
}
