//! CalDAV: calendars and what is in them (RFC 4791).

use crate::house::{House, on_both_engines};

pub(crate) fn event(uid: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

pub(crate) const AT_NINE: &str = "DTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n";

#[test]
fn calendars_are_made_with_their_properties() {
    on_both_engines(|house| async move {
        let body = "<C:mkcalendar xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
                    xmlns:I=\"http://apple.com/ns/ical/\"><set><prop><displayname>Arbeit</displayname>\
                    <I:calendar-color>#FF2968FF</I:calendar-color><I:calendar-order>7\
                    </I:calendar-order><C:calendar-free-busy-set><YES/></C:calendar-free-busy-set>\
                    <C:supported-calendar-component-set><C:comp name=\"VEVENT\"/>\
                    </C:supported-calendar-component-set></prop></set></C:mkcalendar>";
        assert_eq!(house.julie("MKCALENDAR", "jobs/", "", body).await.status, 201);
        let again = house.julie("MKCALENDAR", "jobs/", "", "").await;
        assert_eq!((again.status, again.failed()), (405, "D:resource-must-be-null"));
        let deeper = house.julie("MKCALENDAR", "jobs/inner/", "", "").await;
        assert_eq!((deeper.status, deeper.failed()), (403, "C:calendar-collection-location-ok"));
        let body = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
                    xmlns:I=\"http://apple.com/ns/ical/\"><prop><resourcetype/><displayname/>\
                    <I:calendar-color/><I:calendar-order/><C:supported-calendar-component-set/>\
                    <C:calendar-free-busy-set/></prop></propfind>";
        let answer = house.julie("PROPFIND", "jobs/", "depth: 0", body).await;
        let start = answer.text.find("<D:prop>").unwrap();
        let end = answer.text.find("</D:prop>").unwrap();
        assert_eq!(
            &answer.text[start..end],
            "<D:prop><D:resourcetype><D:collection/><C:calendar/></D:resourcetype>\
             <D:displayname>Arbeit</D:displayname>\
             <ICAL:calendar-color>#FF2968FF</ICAL:calendar-color>\
             <ICAL:calendar-order>7</ICAL:calendar-order>\
             <C:supported-calendar-component-set><C:comp name=\"VEVENT\"/>\
             </C:supported-calendar-component-set>\
             <C:calendar-free-busy-set xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns=\"DAV:\">\
             <YES/></C:calendar-free-busy-set>"
        );
        // RFC 4918 §9.2: all of it or nothing.
        let body = "<propertyupdate xmlns=\"DAV:\"><set><prop><displayname>Neu</displayname>\
                    <getetag>x</getetag></prop></set></propertyupdate>";
        let answer = house.julie("PROPPATCH", "jobs/", "", body).await;
        assert!(answer.text.contains("cannot-modify-protected-property"), "{}", answer.text);
        assert!(answer.text.contains("424 Failed Dependency"), "{}", answer.text);
        let name = "<propfind xmlns=\"DAV:\"><prop><displayname/></prop></propfind>";
        let answer = house.julie("PROPFIND", "jobs/", "depth: 0", name).await;
        assert!(answer.text.contains(">Arbeit<"), "{}", answer.text);
    });
}

#[test]
fn objects_come_back_as_they_were_put() {
    on_both_engines(|house| async move {
        let text = event("1", &format!("{AT_NINE}X-ODD;A=\"b;c\":gr\r\n ün\r\n"));
        let put = house.julie("PUT", "personal/1.ics", "if-none-match: *", &text).await;
        assert_eq!(put.status, 201);
        let again = house.julie("PUT", "personal/1.ics", "if-none-match: *", &text).await;
        assert_eq!(again.status, 412);
        let got = house.julie("GET", "personal/1.ics", "", "").await;
        assert_eq!((got.status, &got.text), (200, &text));
        assert_eq!(got.header("etag"), put.header("etag"));
        assert_eq!(got.header("content-type"), "text/calendar; charset=utf-8; component=VEVENT");
        let known = format!("if-none-match: {}", put.header("etag"));
        assert_eq!(house.julie("GET", "personal/1.ics", &known, "").await.status, 304);
        let part = house.julie("GET", "personal/1.ics", "range: bytes=0-14", "").await;
        assert_eq!((part.status, part.text.as_str()), (206, "BEGIN:VCALENDAR"));
        let other = event("1", "DTSTART:20270105T090000Z\r\n");
        let stale = house.julie("PUT", "personal/1.ics", "if-match: \"0\"", &other).await;
        assert_eq!(stale.status, 412);
        let right = format!("if-match: {}", put.header("etag"));
        assert_eq!(house.julie("PUT", "personal/1.ics", &right, &other).await.status, 204);
        assert_eq!(house.julie("DELETE", "personal/1.ics", &right, "").await.status, 412);
        assert_eq!(house.julie("DELETE", "personal/1.ics", "", "").await.status, 204);
        assert_eq!(house.julie("GET", "personal/1.ics", "", "").await.status, 404);
        // RFC 5995 §3.2.2
        let added = house.julie("POST", "personal/?add-member", "", &other).await;
        assert_eq!(added.status, 201);
        let path = added.header("location").to_owned();
        assert_eq!(house.ask("julie", "GET", &path, "", "").await.text, other);
    });
}

/// The names of what a query of events from one day on finds, and whether data came.
async fn found(house: &House, start: &str, end: &str, more: &str) -> Vec<String> {
    let body = format!(
        "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
         <getetag/></prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter \
         name=\"VEVENT\"><C:time-range start=\"{start}T000000Z\" end=\"{end}T000000Z\"/>{more}\
         </C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    );
    let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let hrefs = answer.text.split("<D:href>").skip(1);
    let names = hrefs.filter_map(|rest| rest.split(".ics").next()?.rsplit('/').next());
    names.map(str::to_owned).collect()
}

#[test]
fn queries_find_occurrences_wherever_they_are() {
    on_both_engines(|house| async move {
        let weekly = format!("{AT_NINE}RRULE:FREQ=WEEKLY\r\nEXDATE:20260112T090000Z\r\n");
        let moved = "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:weekly\r\nDTSTAMP:20260101T000000Z\r\n\
                     RECURRENCE-ID:20260119T090000Z\r\nDTSTART:20260121T090000Z\r\n";
        for (name, lines) in [
            ("once", AT_NINE.to_owned()),
            ("weekly", format!("{weekly}{moved}")),
            ("day", "DTSTART;VALUE=DATE:20260110\r\nSUMMARY:Zug\r\n".to_owned()),
        ] {
            let path = format!("personal/{name}.ics");
            assert_eq!(house.julie("PUT", &path, "", &event(name, &lines)).await.status, 201);
        }
        for (start, end, expect) in [
            ("20260105", "20260106", &["once", "weekly"][..]),
            ("20260112", "20260113", &[]),
            ("20260119", "20260120", &[]),
            ("20260121", "20260122", &["weekly"]),
            ("20260109", "20260110", &[]),
            ("20260110", "20260111", &["day"]),
            ("20260111", "20260112", &[]),
            // 2090-01-02 is a Monday.
            ("20900102", "20900103", &["weekly"]),
            ("20900103", "20900104", &[]),
        ] {
            assert_eq!(found(&house, start, end, "").await, expect, "{start}");
        }
        let text =
            "<C:prop-filter name=\"SUMMARY\"><C:text-match>zug</C:text-match></C:prop-filter>";
        assert_eq!(found(&house, "20250101", "20270101", text).await, ["day"]);
    });
}

#[test]
fn multiget_tells_of_what_is_there_and_what_is_not() {
    on_both_engines(|house| async move {
        let text = event("1", AT_NINE);
        house.julie("PUT", "personal/a%20b@c.ics", "", &text).await;
        let body = "<C:calendar-multiget xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
                    <prop><C:calendar-data><C:comp name=\"VCALENDAR\"><C:comp name=\"VEVENT\">\
                    <C:prop name=\"UID\"/></C:comp></C:comp></C:calendar-data></prop>\
                    <href>/dav/calendars/julie%40example.test/personal/a%20b%40c.ics</href>\
                    <href>/dav/calendars/julie@example.test/personal/gone.ics</href>\
                    <href>/dav/calendars/paul@example.test/personal/x.ics</href>\
                    </C:calendar-multiget>";
        // The same, written in two ways, is told of twice.
        let twice = body.replace("personal/gone.ics", "personal/a%20b@c.ics");
        let answer = house.julie("REPORT", "personal/", "", &twice).await;
        assert_eq!(answer.text.matches("UID:1").count(), 2, "{}", answer.text);
        let answer = house.julie("REPORT", "personal/", "", body).await;
        let start = answer.text.find("<D:response>").unwrap();
        assert_eq!(
            &answer.text[start..],
            "<D:response><D:href>/dav/calendars/julie@example.test/personal/a%20b@c.ics</D:href>\
             <D:propstat><D:prop><C:calendar-data>BEGIN:VCALENDAR&#13;\nBEGIN:VEVENT&#13;\n\
             UID:1&#13;\nEND:VEVENT&#13;\nEND:VCALENDAR&#13;\n</C:calendar-data></D:prop>\
             <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response><D:response>\
             <D:href>/dav/calendars/julie@example.test/personal/gone.ics</D:href>\
             <D:status>HTTP/1.1 404 Not Found</D:status></D:response><D:response>\
             <D:href>/dav/calendars/paul@example.test/personal/x.ics</D:href>\
             <D:status>HTTP/1.1 404 Not Found</D:status></D:response></D:multistatus>"
        );
    });
}

#[test]
fn free_and_busy_times_are_told() {
    on_both_engines(|house| async move {
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let free = format!("{}TRANSP:TRANSPARENT\r\n", AT_NINE.replace("T09", "T07"));
        house.julie("PUT", "personal/2.ics", "", &event("2", &free)).await;
        let body = "<C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><C:time-range \
                    start=\"20260105T000000Z\" end=\"20260106T000000Z\"/></C:free-busy-query>";
        let answer = house.julie("REPORT", "personal/", "depth: 1", body).await;
        // RFC 5545 §3.6.4: it has a UID, another one each time.
        let (uid, rest): (Vec<&str>, Vec<&str>) =
            answer.text.split_inclusive("\r\n").partition(|line| line.starts_with("UID:"));
        assert_eq!(uid.len(), 1);
        assert_eq!(
            rest.concat(),
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Posthorn//EN\r\nBEGIN:VFREEBUSY\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\n\
             FREEBUSY:20260105T090000Z/20260105T100000Z\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
        );
        let ask = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\n\
                   ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
                   ATTENDEE:mailto:nobody@example.test\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let outbox = "/dav/calendars/paul@example.test/outbox/";
        let answer = house.ask("paul", "POST", outbox, "", ask).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("FREEBUSY:20260105T090000Z/20260105T100000Z"));
        assert!(answer.text.contains("<C:request-status>3.7;Invalid calendar user"));
        let forged = ask.replace("mailto:paul", "mailto:julie");
        let answer = house.ask("paul", "POST", outbox, "", &forged).await;
        assert_eq!((answer.status, answer.failed()), (403, "C:valid-organizer"));
    });
}

/// Where a day begins and ends depends on the zone; programs of Windows have other names for it.
#[test]
fn days_are_those_of_the_zone_that_is_asked_from() {
    on_both_engines(|house| async move {
        let day = "DTSTART;VALUE=DATE:20260105\r\n";
        house.julie("PUT", "personal/1.ics", "", &event("1", day)).await;
        let own = "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\n\
                   TZOFFSETFROM:-0800\nTZOFFSETTO:-0800\nEND:STANDARD\nEND:VTIMEZONE\n";
        let named = |name: &str| format!("BEGIN:VTIMEZONE\nTZID:{name}\nEND:VTIMEZONE\n");
        let object =
            |zone: &str| format!("<C:timezone>BEGIN:VCALENDAR\n{zone}END:VCALENDAR\n</C:timezone>");
        let id = |id: &str| format!("<C:timezone-id>{id}</C:timezone-id>");
        // In Los Angeles it ends at eight in the morning of the next day, UTC.
        for (zone, found) in [
            (String::new(), 0),
            (object(&named("America/Los_Angeles")), 1),
            (object(&named("/softwarestudio.org/Tzfile/America/Los_Angeles")), 1),
            (object(&named("Pacific Standard Time")), 1),
            (object(own), 1),
            (id("America/Los_Angeles"), 1),
            (id("Pacific Standard Time"), 1),
        ] {
            let body = query(&zone);
            let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
            assert_eq!(answer.status, 207, "{}", answer.text);
            assert_eq!(answer.text.matches("<D:response>").count(), found, "{zone}");
        }
        let answer = house.julie("REPORT", "personal/", "depth: 1", &query(&id("Nowhere"))).await;
        assert_eq!((answer.status, answer.failed()), (403, "C:valid-timezone"));
    });
}

/// What is between six and seven in the morning of the 6th of January, UTC.
fn query(zone: &str) -> String {
    format!(
        "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop><getetag/>\
         </prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
         <C:time-range start=\"20260106T060000Z\" end=\"20260106T070000Z\"/></C:comp-filter>\
         </C:comp-filter></C:filter>{zone}</C:calendar-query>"
    )
}

#[test]
fn zones_are_left_out_or_put_in_as_programs_like() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let options = house.julie("OPTIONS", "", "", "").await;
        assert!(options.header("dav").contains("calendar-no-timezone"));
        let zoned = "DTSTART;TZID=Europe/Zurich:20260105T090000\r\nDURATION:PT1H\r\n";
        let bare = event("1", zoned);
        let stored = bare.replace(
            "BEGIN:VEVENT",
            "BEGIN:VTIMEZONE\r\nTZID:Europe/Zurich\r\nX-OURS:1\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT",
        );
        house.julie("PUT", "personal/bare.ics", "", &bare).await;
        let whole = stored.replace("UID:1", "UID:2");
        house.julie("PUT", "personal/whole.ics", "", &whole).await;
        let report = |name: &str| {
            format!(
                "<C:calendar-multiget xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                 <C:calendar-data/></prop><href>/dav/calendars/julie@example.test/personal/{name}\
                 </href></C:calendar-multiget>"
            )
        };
        for (header, name, has) in [
            ("", "bare", false),
            ("caldav-timezones: F", "bare", false),
            ("caldav-timezones: T", "bare", true),
            ("", "whole", true),
            ("caldav-timezones: T", "whole", true),
            ("caldav-timezones: F", "whole", false),
        ] {
            let path = format!("personal/{name}.ics");
            let got = house.julie("GET", &path, header, "").await;
            let told = house.julie("REPORT", "personal/", header, &report(&path[9..])).await;
            for text in [&got.text, &told.text] {
                assert_eq!(text.contains("BEGIN:VTIMEZONE"), has, "{header} {name}: {text}");
                let is_own = text.contains("X-OURS");
                assert_eq!(is_own, has && name == "whole", "{header} {name}: {text}");
            }
        }
        // What nobody asked otherwise of is as it was put.
        assert_eq!(house.julie("GET", "personal/whole.ics", "", "").await.text, whole);
    });
}

#[test]
fn calendars_have_their_zone_by_its_name() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let set = |id: &str| {
            format!(
                "<propertyupdate xmlns=\"DAV:\"><set><prop><calendar-timezone-id \
                 xmlns=\"urn:ietf:params:xml:ns:caldav\">{id}</calendar-timezone-id></prop></set>\
                 </propertyupdate>"
            )
        };
        let unknown = house.julie("PROPPATCH", "personal/", "", &set("Nowhere/Land")).await;
        assert!(unknown.text.contains("<C:valid-timezone/>"), "{}", unknown.text);
        let known = house.julie("PROPPATCH", "personal/", "", &set("America/New_York")).await;
        assert!(known.text.contains("200 OK"), "{}", known.text);
        let ask = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                   <C:calendar-timezone/><C:calendar-timezone-id/><C:timezone-service-set/></prop>\
                   </propfind>";
        let told = house.julie("PROPFIND", "personal/", "depth: 0", ask).await.text;
        assert!(told.contains("<C:calendar-timezone-id>America/New_York<"), "{told}");
        assert!(told.contains("TZID:America/New_York") && told.contains("TZNAME:EDT"), "{told}");
        let home = house.julie("PROPFIND", "", "depth: 0", ask).await.text;
        let service =
            "<C:timezone-service-set><D:href>/timezones</D:href></C:timezone-service-set>";
        assert!(home.contains(service), "{home}");
    });
}
