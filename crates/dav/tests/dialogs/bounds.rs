//! What one request may cost.

use std::time::Duration;

use crate::calendars::{AT_NINE, event};
use crate::house::{House, on_both_engines, on_both_engines_with};

/// DAV:expand-property of properties that are written in each other.
fn expand(properties: &[&str]) -> String {
    let inside = properties.iter().rev().fold(String::new(), |inside, name| {
        let (namespace, local) = name.split_once(' ').unwrap_or(("DAV:", name));
        format!("<property name=\"{local}\" namespace=\"{namespace}\">{inside}</property>")
    });
    format!("<expand-property xmlns=\"DAV:\">{inside}</expand-property>")
}

#[test]
fn dead_properties_lead_nowhere() {
    on_both_engines(|house| async move {
        let path = "/dav/calendars/julie@example.test/personal/";
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let hrefs = format!("<href xmlns=\"DAV:\">{path}</href>").repeat(100);
        let body = format!(
            "<propertyupdate xmlns=\"DAV:\"><set><prop><w xmlns=\"urn:x\">{hrefs}</w></prop></set>\
             </propertyupdate>"
        );
        assert_eq!(house.julie("PROPPATCH", "personal/", "", &body).await.status, 207);
        let report = expand(&["urn:x w", "urn:x w", "urn:x w", "urn:x w", "displayname"]);
        let answer = house.julie("REPORT", "personal/", "depth: 0", &report).await;
        assert_eq!(answer.status, 207);
        assert_eq!(answer.text.matches("<D:response>").count(), 1);
        assert_eq!(answer.text.matches(&format!("{path}</")).count(), 101, "{}", answer.text);
        // Live ones do.
        let report = expand(&["owner", "principal-URL", "displayname"]);
        let answer = house.julie("REPORT", "personal/", "depth: 0", &report).await;
        assert_eq!(answer.text.matches("<D:response>").count(), 3, "{}", answer.text);
        assert!(answer.text.contains("<D:displayname>julie</D:displayname>"), "{}", answer.text);
    });
}

const LIMITS: &str = "D:number-of-matches-within-limits";

/// A weekly event, for ever.
async fn put_weekly(house: &House, name: &str) {
    let text = event(name, &format!("{AT_NINE}RRULE:FREQ=WEEKLY\r\n"));
    let put = house.julie("PUT", &format!("personal/{name}.ics"), "", &text).await;
    assert_eq!(put.status, 201);
}

fn query(inside: &str) -> String {
    format!(
        "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>{inside}\
         </prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter></C:calendar-query>"
    )
}

#[test]
fn expansions_that_come_to_nothing_count() {
    let set = |settings: &mut dav::Settings| {
        settings.objects.ical.occurrences_max = 2_000;
        settings.answer_bytes_max = settings.objects.ical.bytes_max * 3 / 2;
    };
    on_both_engines_with(set, |house| async move {
        let body = query(
            "<C:calendar-data><C:expand start=\"20260101T000000Z\" end=\"99991231T000000Z\"/>\
             </C:calendar-data>",
        );
        put_weekly(&house, "1").await;
        let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
        assert_eq!((answer.status, answer.text.contains("404 Not Found")), (207, true));
        put_weekly(&house, "2").await;
        let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
        assert_eq!((answer.status, answer.failed()), (403, LIMITS));
    });
}

#[test]
fn nobody_is_free_for_want_of_an_end() {
    let set = |settings: &mut dav::Settings| settings.objects.ical.occurrences_max = 2_000;
    on_both_engines_with(set, |house| async move {
        put_weekly(&house, "1").await;
        let ask = |end: &str| {
            format!(
                "<C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><C:time-range \
                 start=\"20260105T000000Z\" end=\"{end}T000000Z\"/></C:free-busy-query>"
            )
        };
        let answer = house.julie("REPORT", "personal/", "depth: 1", &ask("20270101")).await;
        assert_eq!((answer.status, answer.text.matches("FREEBUSY:").count()), (200, 52));
        let answer = house.julie("REPORT", "personal/", "depth: 1", &ask("99991231")).await;
        assert_eq!((answer.status, answer.failed()), (403, LIMITS));
        // Whoever is named twice is asked once; others are told of all the same.
        let ask = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:99991231T000000Z\r\n\
                   ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
                   ATTENDEE:MAILTO:Julie@example.test\r\nATTENDEE:mailto:paul@example.test\r\n\
                   END:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let outbox = "/dav/calendars/paul@example.test/outbox/";
        let answer = house.ask("paul", "POST", outbox, "", ask).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text.matches("<C:response>").count(), 2, "{}", answer.text);
        assert_eq!(answer.text.matches(">5.1;Could not complete delivery<").count(), 1);
        assert_eq!(answer.text.matches(">2.0;Success<").count(), 1);
    });
}

#[test]
fn answers_have_a_size() {
    let set = |settings: &mut dav::Settings| settings.answer_bytes_max = 4_000;
    on_both_engines_with(set, |house| async move {
        let names: String = (0..100).map(|n| format!("<x{n} xmlns=\"urn:x\"/>")).collect();
        let find = format!("<propfind xmlns=\"DAV:\"><prop>{names}</prop></propfind>");
        let sync = format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level>\
             <prop>{names}</prop></sync-collection>"
        );
        put_weekly(&house, "1").await;
        let one = house.julie("PROPFIND", "personal/1.ics", "depth: 0", &find).await;
        assert_eq!(one.status, 207);
        put_weekly(&house, "2").await;
        let hrefs = "<href>/dav/calendars/julie@example.test/personal/1.ics</href>\
                     <href>/dav/calendars/julie@example.test/personal/2.ics</href>";
        let multiget = format!(
            "<C:calendar-multiget xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
             {names}</prop>{hrefs}</C:calendar-multiget>"
        );
        for (method, body) in
            [("PROPFIND", &find), ("REPORT", &query(&names)), ("REPORT", &multiget)]
        {
            let answer = house.julie(method, "personal/", "depth: 1", body).await;
            assert_eq!((answer.status, answer.failed()), (403, LIMITS), "{body}");
        }
        // A synchronisation is cut instead, and goes on from where it was.
        let first = house.julie("REPORT", "personal/", "depth: 1", &sync).await;
        assert_eq!(first.status, 207, "{}", first.text);
        assert!(first.text.contains("/1.ics") && !first.text.contains("/2.ics"));
        assert!(first.text.contains("507 Insufficient Storage"), "{}", first.text);
        let (_, token) = first.text.split_once("<D:sync-token>").unwrap();
        let (token, _) = token.split_once('<').unwrap();
        let more = sync.replace("<sync-token/>", &format!("<sync-token>{token}</sync-token>"));
        let second = house.julie("REPORT", "personal/", "depth: 1", &more).await;
        assert_eq!((second.status, second.text.contains("507")), (207, false));
        assert!(second.text.contains("/2.ics") && !second.text.contains("/1.ics"));
        let expand = names.replace("<x", "<property name=\"x").replace(" xmlns=", "\" namespace=");
        let expand = format!(
            "<expand-property xmlns=\"DAV:\">{}{expand}</expand-property>",
            "<property name=\"acl\"/>".repeat(40)
        );
        let answer = house.julie("REPORT", "personal/", "depth: 0", &expand).await;
        assert_eq!((answer.status, answer.failed()), (403, LIMITS));
    });
}

#[test]
fn answers_are_made_in_time() {
    let set = |settings: &mut dav::Settings| settings.answer_time = Duration::ZERO;
    on_both_engines_with(set, |house| async move {
        put_weekly(&house, "1").await;
        let body = query("<getetag/>");
        let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
        assert_eq!((answer.status, answer.failed()), (403, LIMITS));
    });
}

#[test]
fn large_answers_are_compressed() {
    on_both_engines(|house| async move {
        let names: String = (0..240).map(|n| format!("<x{n} xmlns=\"urn:x\"/>")).collect();
        let find = format!("<propfind xmlns=\"DAV:\"><prop>{names}</prop></propfind>");
        for n in 0..20 {
            put_weekly(&house, &n.to_string()).await;
        }
        let plain = house.julie("PROPFIND", "personal/", "depth: 1", &find).await;
        assert!(plain.text.len() > 100_000 && plain.header("content-encoding").is_empty());
        let headers = "depth: 1\naccept-encoding: gzip";
        let answer = house.julie("PROPFIND", "personal/", headers, &find).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (207, "gzip"));
        assert!(answer.text.len() < 20_000);
    });
}

/// That none of them waits for ever; who goes first is tested where turns are given.
#[test]
fn requests_that_wait_for_their_turn_are_answered() {
    let set = |settings: &mut dav::Settings| settings.account_readers_max = 1;
    on_both_engines_with(set, |house| async move {
        put_weekly(&house, "1").await;
        let body = query("<getetag/>");
        let asking = (0..8).map(|_| {
            let (house, body) = (house.clone(), body.clone());
            tokio::spawn(async move { house.julie("REPORT", "personal/", "depth: 1", &body).await })
        });
        let asking: Vec<_> = asking.collect();
        let home = "/dav/calendars/paul@example.test/";
        assert_eq!(house.ask("paul", "PROPFIND", home, "depth: 1", "").await.status, 207);
        for asked in asking {
            let answer = asked.await.unwrap();
            assert_eq!((answer.status, answer.text.matches("<D:response>").count()), (207, 1));
        }
    });
}
