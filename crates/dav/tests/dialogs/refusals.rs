//! What is refused, and by which precondition: one (RFC 4918 §16).

use crate::calendars::{AT_NINE, event};
use crate::house::on_both_engines;

#[test]
fn bad_objects_name_the_precondition_they_fail() {
    on_both_engines(|house| async move {
        let body = "<C:mkcalendar xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop>\
                    <C:supported-calendar-component-set><C:comp name=\"VTODO\"/>\
                    </C:supported-calendar-component-set></prop></set></C:mkcalendar>";
        house.julie("MKCALENDAR", "tasks/", "", body).await;
        house.julie("PUT", "personal/there.ics", "", &event("there", AT_NINE)).await;
        let attached =
            format!("{AT_NINE}ATTACH;ENCODING=BASE64;VALUE=BINARY:{}\r\n", "A".repeat(90_000));
        let bomb = "DTSTART:20260101T000000Z\r\nRRULE:FREQ=SECONDLY\r\n";
        let calendar = "content-type: text/calendar";
        for (path, kind, text, expect) in [
            ("personal/x.ics", calendar, "nonsense".to_owned(), "C:valid-calendar-data"),
            ("personal/x.ics", calendar, event("1", ""), "C:valid-calendar-data"),
            (
                "personal/x.ics",
                "content-type: image/png",
                event("1", AT_NINE),
                "C:supported-calendar-data",
            ),
            ("personal/x.ics", calendar, event("", AT_NINE), "C:valid-calendar-object-resource"),
            ("personal/x.ics", calendar, event("1", &attached), "C:max-attachment-size"),
            ("personal/x.ics", calendar, event("1", bomb), "C:max-instances"),
            ("tasks/x.ics", calendar, event("1", AT_NINE), "C:supported-calendar-component"),
            ("inbox/x.ics", calendar, event("1", AT_NINE), "D:need-privileges"),
        ] {
            let answer = house.julie("PUT", path, kind, &text).await;
            assert_eq!((answer.status, answer.failed()), (403, expect));
            assert_eq!(house.julie("GET", path, "", "").await.status, 404);
        }
        let taken = house.julie("PUT", "personal/x.ics", "", &event("there", AT_NINE)).await;
        assert_eq!((taken.status, taken.failed()), (409, "C:no-uid-conflict"));
        let href = "<D:href>/dav/calendars/julie@example.test/personal/there.ics</D:href>";
        assert!(taken.text.contains(href));
        // Nor does an object become another one.
        let other = house.julie("PUT", "personal/there.ics", "", &event("other", AT_NINE)).await;
        assert_eq!((other.status, other.failed()), (409, "C:no-uid-conflict"));
        assert!(other.text.contains(href));
        let last = house.julie("DELETE", "personal/", "", "").await;
        assert_eq!((last.status, last.failed()), (403, "C:default-calendar-needed"));
        assert_eq!(house.julie("PUT", "absent/x.ics", "", &event("1", AT_NINE)).await.status, 409);
    });
}

/// R-CAL-5
#[test]
fn large_attachments_are_refused_with_the_limit() {
    on_both_engines(|house| async move {
        let lines =
            format!("{AT_NINE}ATTACH;ENCODING=BASE64;VALUE=BINARY:{}\r\n", "A".repeat(90_000));
        let inline = house.julie("PUT", "personal/x.ics", "", &event("1", &lines)).await;
        assert_eq!(inline.status, 403);
        let said = "<C:max-attachment-size/><D:responsedescription>an inline attachment has at most 65536 \
                    bytes</D:responsedescription></D:error>";
        assert!(inline.text.ends_with(said), "{}", inline.text);
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let (add, kind) = ("personal/1.ics?action=attachment-add", "content-type: text/plain");
        let large = "x".repeat((20 << 20) + 1);
        let managed = house.julie("POST", add, kind, &large).await;
        assert_eq!(managed.status, 403);
        let said = "<C:max-attachment-size/><D:responsedescription>an attachment has at most 20971520 \
                    bytes</D:responsedescription></D:error>";
        assert!(managed.text.ends_with(said), "{}", managed.text);
    });
}

/// R-ADDR-12
#[test]
fn who_may_do_nothing_now_is_told_why() {
    on_both_engines(|house| async move {
        let julie = storage::Address::parse("julie@example.test").unwrap();
        let julie = house.store.read(move |tx| Ok(tx.find_account(&julie)?.unwrap().id));
        let julie = julie.await.unwrap();
        let answered = async |name: &str| {
            let path = "/dav/calendars/julie@example.test/personal/";
            let answer = house.ask(name, "PROPFIND", path, "depth: 0", "").await;
            assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
            (answer.status, answer.text)
        };
        house.julie("PROPFIND", "", "depth: 0", "").await;
        house.share("personal", "paul@example.test", storage::CollectionRights::READ).await;
        let set = house.store.write("test", move |tx| tx.account(julie)?.set_maintenance(true));
        set.await.unwrap();
        let told = "This account is in maintenance; mail is still received\n".to_owned();
        assert_eq!(answered("julie").await, (503, told.clone()));
        assert_eq!(answered("paul").await, (503, told));
        let set = house.store.write("test", move |tx| tx.account(julie)?.set_blocked(true));
        set.await.unwrap();
        assert_eq!(answered("julie").await, (403, "This account is blocked\n".to_owned()));
    });
}

#[test]
fn bad_requests_are_refused() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let infinite = house.julie("PROPFIND", "", "depth: infinity", "").await;
        assert_eq!((infinite.status, infinite.failed()), (403, "D:propfind-finite-depth"));
        assert_eq!(house.julie("PROPFIND", "", "", "").await.status, 403);
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><propfind \
                    xmlns=\"DAV:\"><prop><x>&b;</x></prop></propfind>";
        let outside = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><propfind/>";
        let deep = "<a xmlns=\"DAV:\">".repeat(1000);
        for (method, body, expect) in [
            ("PROPFIND", bomb, 403),
            ("PROPFIND", outside, 403),
            ("PROPFIND", "<propfind", 400),
            ("PROPFIND", &deep, 413),
            ("REPORT", "", 400),
            ("REPORT", "<nonsense/>", 403),
            ("PROPPATCH", "<propertyupdate xmlns=\"DAV:\"/>", 400),
            ("FOO", "", 405),
        ] {
            let answer = house.julie(method, "personal/", "depth: 0", body).await;
            assert_eq!(answer.status, expect, "{method} {body:.40}");
        }
        for path in ["..%2fpersonal/", "%2e%2e/", "personal/a%00.ics", "personal/%ff", "a%2fb/"] {
            let answer = house.julie("PROPFIND", path, "depth: 0", "").await;
            assert_eq!(answer.status, 400, "{path}");
        }
        for name in ["inbox", "outbox"] {
            let answer = house.julie("MKCALENDAR", &format!("{name}/"), "", "").await;
            assert!(matches!(answer.status, 403 | 405), "{name} {}", answer.status);
        }
        let large = "x".repeat(5 << 20);
        assert_eq!(house.julie("PROPFIND", "", "depth: 0", &large).await.status, 413);
        let large = "x".repeat(11 << 20);
        let answer = house.julie("PUT", "personal/x.ics", "", &large).await;
        assert_eq!((answer.status, answer.failed()), (403, "C:max-resource-size"));
    });
}

#[test]
fn filters_that_cannot_be_are_refused() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let range = "<C:time-range start=\"20270101T000000Z\"/>";
        for (inside, expect) in [
            ("<C:comp-filter name=\"VTODO\"><C:comp-filter name=\"VEVENT\"/></C:comp-filter>", 403),
            ("<C:comp-filter name=\"VALARM\"/>", 403),
            (
                "<C:comp-filter name=\"VEVENT\"><C:comp-filter name=\"VALARM\"/></C:comp-filter>",
                207,
            ),
            ("<C:comp-filter name=\"X-A\"><C:comp-filter name=\"VEVENT\"/></C:comp-filter>", 207),
            (&in_event(&format!("<C:prop-filter name=\"SUMMARY\">{range}</C:prop-filter>")), 403),
            (&in_event(&format!("<C:prop-filter name=\"CREATED\">{range}</C:prop-filter>")), 207),
            (
                &in_event(
                    "<C:prop-filter name=\"UID\"><C:comp-filter name=\"X\"/></C:prop-filter>",
                ),
                403,
            ),
        ] {
            let body = format!(
                "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                 <getetag/></prop><C:filter><C:comp-filter name=\"VCALENDAR\">{inside}\
                 </C:comp-filter></C:filter></C:calendar-query>"
            );
            let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
            assert_eq!(answer.status, expect, "{inside}");
            if expect == 403 {
                assert_eq!(answer.failed(), "C:valid-filter", "{inside}");
            }
        }
    });
}

fn in_event(filter: &str) -> String {
    format!("<C:comp-filter name=\"VEVENT\">{filter}</C:comp-filter>")
}

#[test]
fn what_is_brought_elsewhere_stays_whole() {
    on_both_engines(|house| async move {
        house.julie("MKCALENDAR", "jobs/", "", "").await;
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let home = "/dav/calendars/julie@example.test/";
        let book = "/dav/addressbooks/julie@example.test/";
        for method in ["COPY", "MOVE"] {
            // RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1
            for place in
                ["calendars/julie@example.test/personal/inner/", "files/julie@example.test/a/"]
            {
                let to = format!("destination: /dav/{place}");
                let refused = house.julie(method, "jobs/", &to, "").await;
                assert_eq!(refused.status, 403, "{method} {place}");
                assert_eq!(refused.failed(), "C:calendar-collection-location-ok");
            }
            let to = format!("destination: {book}personal/inner/");
            let refused = house.ask("julie", method, &format!("{book}personal/"), &to, "").await;
            assert_eq!(refused.status, 403);
            assert!(
                refused.text.contains("addressbook-collection-location-ok"),
                "{}",
                refused.text
            );
            // RFC 4918 §9.8.5, §9.9.4: onto itself.
            for (path, overwrite) in
                [("personal/1.ics", "T"), ("personal/1.ics", "F"), ("jobs/", "T")]
            {
                let to = format!("destination: {home}{path}\noverwrite: {overwrite}");
                let refused = house.julie(method, path, &to, "").await;
                assert_eq!(refused.status, 403, "{method} {path} {}", refused.text);
            }
        }
        let kept = house.julie("GET", "personal/1.ics", "", "").await;
        assert_eq!((kept.status, kept.text), (200, event("1", AT_NINE)));
        assert_eq!(house.julie("PROPFIND", "jobs/", "depth: 0", "").await.status, 207);
    });
}
