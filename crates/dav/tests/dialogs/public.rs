//! Calendars that anybody reads who knows where (R-SHARE-4), and those that are read elsewhere.

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines, on_both_engines_with};

async fn post(house: &House, what: &str) -> u16 {
    let body = format!("<CS:{what} xmlns:CS=\"http://calendarserver.org/ns/\"/>");
    house.julie("POST", "personal/", "Content-Type: text/xml", &body).await.status
}

async fn property(house: &House, name: &str, path: &str, element: &str) -> String {
    let body = format!(
        "<D:propfind xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><D:prop><{element}/>\
         </D:prop></D:propfind>"
    );
    let headers = "Depth: 0\nPrefer: return=minimal";
    let path = format!("/dav/calendars/julie@example.test/{path}");
    let answer = house.ask(name, "PROPFIND", &path, headers, &body).await;
    let value = answer.text.split(&format!("<{element}>")).nth(1).unwrap_or_default().to_owned();
    value.split(&format!("</{element}>")).next().unwrap_or_default().to_owned()
}

/// The path where the calendar is read; empty where it is not.
async fn published(house: &House) -> String {
    let url = property(house, "julie", "personal/", "CS:publish-url").await;
    let url = url.replace("<D:href>", "").replace("</D:href>", "");
    url.replace("https://dav.example.test", "")
}

async fn get(house: &House, path: &str, headers: &str) -> Answered {
    house.ask("", "GET", path, headers, "").await
}

#[test]
fn anybody_reads_what_is_public_until_it_is_not() {
    let set = |settings: &mut dav::Settings| {
        settings.public_url = "https://dav.example.test".to_owned();
    };
    on_both_engines_with(set, |house| async move {
        let alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
        for (name, more) in [("a", alarm), ("b", "CLASS:PRIVATE\r\nSUMMARY:secret\r\n"), ("c", "")]
        {
            let text = event(name, &format!("{AT_NINE}{more}"));
            let put = house.julie("PUT", &format!("personal/{name}.ics"), "", &text).await;
            assert_eq!(put.status, 201, "{}", put.text);
        }
        assert_eq!(published(&house).await, "");
        assert_eq!(post(&house, "publish-calendar").await, 200);
        let path = published(&house).await;
        let token = path.strip_prefix("/calendars/public/").unwrap().strip_suffix(".ics").unwrap();
        assert_eq!(token.len(), 32, "{path}");
        // It stays where it is.
        assert_eq!(post(&house, "publish-calendar").await, 200);
        assert_eq!(published(&house).await, path);
        let read = get(&house, &path, "").await;
        assert_eq!(
            (read.status, read.header("content-type")),
            (200, "text/calendar; charset=utf-8")
        );
        assert_eq!(read.header("cache-control"), "no-cache");
        assert!(read.text.starts_with("BEGIN:VCALENDAR\r\n"), "{}", read.text);
        assert_eq!(read.text.matches("BEGIN:VEVENT").count(), 2);
        for hidden in ["secret", "VALARM", "METHOD"] {
            assert!(!read.text.contains(hidden), "{hidden}");
        }
        let tag = format!("If-None-Match: {}", read.header("etag"));
        assert_eq!(get(&house, &path, &tag).await.status, 304);
        let packed = get(&house, &path, &format!("Accept-Encoding: gzip\n{tag}x")).await;
        assert_eq!((packed.status, packed.header("vary")), (200, "Accept-Encoding"));
        house.julie("DELETE", "personal/a.ics", "", "").await;
        let again = get(&house, &path, &tag).await;
        assert_eq!((again.status, again.text.matches("BEGIN:VEVENT").count()), (200, 1));
        for method in ["PUT", "DELETE", "PROPFIND", "POST", "OPTIONS"] {
            let answer = house.ask("julie", method, &path, "", "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
        }
        let shorter = path.replace(".ics", "");
        let other = path.replace(token, &token.chars().rev().collect::<String>());
        for wrong in ["/calendars/public/", "/calendars/public/.ics", &shorter, &other] {
            assert_eq!(get(&house, wrong, "").await.status, 404, "{wrong}");
        }
        assert_eq!(post(&house, "unpublish-calendar").await, 200);
        assert_eq!(post(&house, "unpublish-calendar").await, 200);
        assert_eq!(
            (get(&house, &path, "").await.status, published(&house).await),
            (404, String::new())
        );
        assert_eq!(get(&house, &path, &tag).await.status, 404, "dead at once");
        assert_eq!(post(&house, "publish-calendar").await, 200);
        assert_ne!(published(&house).await, path, "never the same again");
    });
}

#[test]
fn who_may_only_read_neither_publishes_nor_sees_where() {
    on_both_engines(|house| async move {
        assert_eq!(post(&house, "publish-calendar").await, 200);
        house.share("personal", "paul@example.test", storage::CollectionRights::WRITE).await;
        assert_eq!(property(&house, "paul", "personal/", "CS:publish-url").await, "");
        let path = "/dav/calendars/julie@example.test/personal/";
        let body = "<CS:unpublish-calendar xmlns:CS=\"http://calendarserver.org/ns/\"/>";
        let answer = house.ask("paul", "POST", path, "Content-Type: text/xml", body).await;
        assert_eq!((answer.status, answer.failed()), (403, "D:need-privileges"));
        assert_ne!(published(&house).await, "");
    });
}

#[test]
fn subscriptions_are_noted() {
    on_both_engines(|house| async move {
        let make = |source: &str| {
            format!(
                "<D:mkcol xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><D:set><D:prop>\
                 <D:resourcetype><D:collection/><CS:subscribed/></D:resourcetype><D:displayname>\
                 Holidays</D:displayname>{source}</D:prop></D:set></D:mkcol>"
            )
        };
        let url = "<CS:source><D:href>webcal://example.test/h.ics</D:href></CS:source>";
        assert_eq!(house.julie("MKCOL", "holidays/", "", &make(url)).await.status, 201);
        let types = property(&house, "julie", "holidays/", "D:resourcetype").await;
        assert_eq!(types, "<D:collection/><CS:subscribed/>");
        let source = property(&house, "julie", "holidays/", "CS:source").await;
        assert_eq!(source, "<D:href>webcal://example.test/h.ics</D:href>");
        let put = house.julie("PUT", "holidays/a.ics", "", &event("a", AT_NINE)).await;
        assert_eq!((put.status, put.failed()), (403, "C:supported-calendar-component"));
        let bad = "<CS:source><D:href>javascript:alert(1)</D:href></CS:source>";
        for source in [bad, "<CS:source/>", ""] {
            let made = house.julie("MKCOL", "bad/", "", &make(source)).await;
            assert!(matches!(made.status, 403 | 424), "{source}: {} {}", made.status, made.text);
        }
        let body = "<CS:publish-calendar xmlns:CS=\"http://calendarserver.org/ns/\"/>";
        let posted = house.julie("POST", "holidays/", "Content-Type: text/xml", body).await;
        assert_eq!(posted.status, 400);
    });
}
