//! Availability as objects of calendars (RFC 7953).

use crate::calendars::{AT_NINE, event};
use crate::house::{House, on_both_engines};

fn available(uid: &str, lines: &str, hours: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VAVAILABILITY\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\n{lines}BEGIN:AVAILABLE\r\nUID:{uid}-1\r\n\
         DTSTAMP:20260101T000000Z\r\n{hours}END:AVAILABLE\r\nEND:VAVAILABILITY\r\n\
         END:VCALENDAR\r\n"
    )
}

const OFFICE: &str = "DTSTART:20260105T080000Z\r\nDTEND:20260105T170000Z\r\nRRULE:FREQ=DAILY\r\n";
const ASK: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:20260107T000000Z\r\n\
                   ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
                   END:VFREEBUSY\r\nEND:VCALENDAR\r\n";

fn busy(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("FREEBUSY"));
    let told = lines.map(|line| line.trim_start_matches("FREEBUSY").trim_end_matches("&#13;"));
    told.map(|line| line.replace("202601", "")).collect()
}

impl House {
    async fn busy_by_post(&self) -> Vec<String> {
        let outbox = "/dav/calendars/paul@example.test/outbox/";
        busy(&self.ask("paul", "POST", outbox, "", ASK).await.text)
    }
}

#[test]
fn availability_of_calendars_makes_busy() {
    on_both_engines(|house| async move {
        let options = house.julie("OPTIONS", "", "", "").await;
        assert!(options.header("dav").contains("calendar-availability"));
        let told = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                    <C:supported-calendar-component-set/></prop></propfind>";
        let told = house.julie("PROPFIND", "personal/", "depth: 0", told).await;
        assert!(told.text.contains("<C:comp name=\"VAVAILABILITY\"/>"), "{}", told.text);
        let put = house.julie("PUT", "personal/v.ics", "", &available("v", "", OFFICE)).await;
        assert_eq!(put.status, 201, "{}", put.text);
        let event = event("1", AT_NINE);
        assert_eq!(house.julie("PUT", "personal/1.ics", "", &event).await.status, 201);
        let usual = [
            ";FBTYPE=BUSY-UNAVAILABLE:05T000000Z/05T080000Z",
            ":05T090000Z/05T100000Z",
            ";FBTYPE=BUSY-UNAVAILABLE:05T170000Z/06T080000Z",
            ";FBTYPE=BUSY-UNAVAILABLE:06T170000Z/07T000000Z",
        ];
        assert_eq!(house.busy_by_post().await, usual);
        let ask = "<C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
                   <C:time-range start=\"20260105T000000Z\" end=\"20260107T000000Z\"/>\
                   </C:free-busy-query>";
        let report = house.julie("REPORT", "personal/", "depth: 1", ask).await;
        assert_eq!(busy(&report.text), usual);
        // A day elsewhere, said in another calendar, takes the place of what is usual.
        assert_eq!(house.julie("MKCALENDAR", "away/", "", "").await.status, 201);
        let lines = "PRIORITY:5\r\nDTSTART:20260106T000000Z\r\nDURATION:P1D\r\nBUSYTYPE:BUSY\r\n";
        let hours = "DTSTART:20260106T180000Z\r\nDURATION:PT1H\r\n";
        let put = house.julie("PUT", "away/w.ics", "", &available("w", lines, hours)).await;
        assert_eq!(put.status, 201, "{}", put.text);
        let elsewhere = [
            usual[0],
            usual[1],
            ";FBTYPE=BUSY-UNAVAILABLE:05T170000Z/06T000000Z",
            ":06T000000Z/06T180000Z",
            ":06T190000Z/07T000000Z",
        ];
        assert_eq!(house.busy_by_post().await, elsewhere);
        let report = house.julie("REPORT", "personal/", "depth: 1", ask).await;
        assert_eq!(busy(&report.text), usual);
        // What their program says in the inbox counts with the rest.
        let text = available("i", "PRIORITY:1\r\n", "DTSTART:20260105T000000Z\r\nDURATION:P2D\r\n");
        let set = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:set>\
             <D:prop><C:calendar-availability>{text}</C:calendar-availability></D:prop></D:set>\
             </D:propertyupdate>"
        );
        let answer = house.julie("PROPPATCH", "inbox/", "", &set).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
        assert_eq!(house.busy_by_post().await, [":05T090000Z/05T100000Z"]);
    });
}

#[test]
fn availability_is_checked_and_found_by_its_time() {
    on_both_engines(|house| async move {
        for (lines, hours, failed) in [
            ("DURATION:P1D\r\n", OFFICE, "C:valid-calendar-object-resource"),
            ("", "DTSTART:20260105T080000\r\n", "C:valid-calendar-object-resource"),
            ("PRIORITY:x\r\n", OFFICE, "C:valid-calendar-data"),
            ("", "DTSTART:20260105T080000Z\r\nRRULE:FREQ=MINUTELY\r\n", "C:max-instances"),
        ] {
            let text = available("v", lines, hours);
            let answer = house.julie("PUT", "personal/v.ics", "", &text).await;
            assert_eq!((answer.status, answer.failed()), (403, failed), "{lines}{hours}");
        }
        let lines = "DTSTART:20260105T000000Z\r\nDURATION:P1D\r\n";
        let put = house.julie("PUT", "personal/v.ics", "", &available("v", lines, OFFICE)).await;
        assert_eq!(put.status, 201, "{}", put.text);
        // RFC 7953 §7.2.2: its end is out of it.
        for (start, end, found) in [
            ("20260104T000000Z", "20260105T000000Z", 0),
            ("20260105T120000Z", "20260105T130000Z", 1),
            ("20260106T000000Z", "20260107T000000Z", 0),
        ] {
            let ask = format!(
                "<C:calendar-query xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:prop>\
                 <D:getetag/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter \
                 name=\"VAVAILABILITY\"><C:time-range start=\"{start}\" end=\"{end}\"/>\
                 </C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
            );
            let answer = house.julie("REPORT", "personal/", "depth: 1", &ask).await;
            assert_eq!(answer.text.matches("v.ics").count(), found, "{start} {}", answer.text);
        }
    });
}
