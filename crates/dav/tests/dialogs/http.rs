//! What HTTP asks of every answer (RFC 9110), and what is no request of a program.

use crate::calendars::{AT_NINE, event};
use crate::house::on_both_engines;

#[test]
fn methods_that_are_not_there_are_told_from_those_that_are() {
    on_both_engines(|house| async move {
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        for (method, path, has) in [
            ("GET", "personal/", "REPORT"),
            ("PUT", "personal/", "REPORT"),
            ("FOO", "personal/1.ics", "PUT"),
            ("POST", "personal/", "DELETE"),
            ("MKCALENDAR", "personal/", "PROPPATCH"),
            ("LOCK", "", "MKCALENDAR"),
        ] {
            let answer = house.julie(method, path, "", "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let allowed: Vec<&str> = answer.header("allow").split(", ").collect();
            assert!(allowed.contains(&has) && !allowed.contains(&"GET, HEAD"), "{allowed:?}");
            assert!(method == "POST" || !allowed.contains(&method), "{method}: {allowed:?}");
        }
    });
}

/// A browser knows the password of who looks at a page, and sends it along with any form.
#[test]
fn forms_of_other_pages_change_nothing() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let kind = "content-type: text/plain\nhost: dav.example.test";
        for (origin, status) in [
            ("https://evil.example.org", 403),
            ("https://dav.example.test.evil.example.org", 403),
            ("null", 403),
            ("null\nsec-fetch-site: cross-site", 403),
            ("null\nsec-fetch-site: none", 201),
            ("https://dav.example.test", 201),
            ("https://dav.example.test:443", 201),
            ("", 201),
        ] {
            let headers = match origin {
                "" => kind.to_owned(),
                origin => format!("{kind}\norigin: {origin}"),
            };
            let body = event(&format!("of {}", origin.replace('\n', " ")), AT_NINE);
            let answer = house.julie("POST", "personal/?add-member", &headers, &body).await;
            assert_eq!(answer.status, status, "{origin}");
        }
    });
}

#[test]
fn parts_and_codings_do_not_take_the_place_of_a_whole() {
    on_both_engines(|house| async move {
        assert_eq!(house.file("MKCOL", "a/", "", "").await.status, 201);
        assert_eq!(house.file("PUT", "a/x", "", "precious").await.status, 201);
        for (header, status) in [
            ("content-range: bytes 2-3/8", 400),
            ("content-encoding: gzip", 415),
            ("content-encoding: identity", 204),
        ] {
            let answer = house.file("PUT", "a/x", header, "precious").await;
            assert_eq!(answer.status, status, "{header}");
        }
        assert_eq!(house.file("GET", "a/x", "", "").await.text, "precious");
    });
}

#[test]
fn collections_are_made_and_homes_changed_on_conditions() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let absent = house.julie("MKCALENDAR", "new/", "if-match: *", "").await;
        assert_eq!(absent.status, 412);
        assert_eq!(house.julie("MKCALENDAR", "new/", "if-none-match: *", "").await.status, 201);
        let book = "/dav/addressbooks/julie@example.test/";
        let body = "<propertyupdate xmlns=\"DAV:\"><remove><prop>\
                    <me-card xmlns=\"http://calendarserver.org/ns/\"/></prop></remove></propertyupdate>";
        for (header, status) in [("if-none-match: *", 412), ("if-match: *", 207)] {
            assert_eq!(house.ask("julie", "PROPPATCH", book, header, body).await.status, status);
        }
    });
}
