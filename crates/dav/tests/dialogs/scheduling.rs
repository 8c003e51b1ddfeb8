//! Meetings between people of one house (RFC 6638).

use crate::calendars::AT_NINE;
use crate::house::{Answered, House, on_both_engines};

const PAUL: &str = "/dav/calendars/paul@example.test";

/// A meeting of Julie with Paul.
fn meeting(answer: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\nUID:m\r\n\
         DTSTAMP:20260101T000000Z\r\n{lines}ORGANIZER:mailto:julie@example.test\r\n\
         ATTENDEE;PARTSTAT=ACCEPTED:mailto:julie@example.test\r\n\
         ATTENDEE;PARTSTAT={answer}:mailto:paul@example.test\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

impl House {
    async fn paul(&self, method: &str, path: &str, headers: &str, body: &str) -> Answered {
        self.ask("paul", method, &format!("{PAUL}/{path}"), headers, body).await
    }
}

#[test]
fn an_invitation_goes_there_and_its_answer_back() {
    on_both_engines(|house| async move {
        let options = house.julie("OPTIONS", "personal/", "", "").await;
        assert!(options.header("dav").contains("calendar-auto-schedule"));
        let put = house.julie("PUT", "personal/m.ics", "", &meeting("NEEDS-ACTION", AT_NINE)).await;
        assert_eq!((put.status, put.header("etag")), (201, ""));
        let tag = put.header("schedule-tag");
        let got = house.julie("GET", "personal/m.ics", "", "").await;
        assert_eq!(got.header("schedule-tag"), tag);
        assert!(got.text.contains("SCHEDULE-STATUS=1.2"), "{}", got.text);
        let copy = house.paul("GET", "personal/m.ics", "", "").await;
        assert_eq!(copy.status, 200);
        let inbox = house.paul("PROPFIND", "inbox/", "depth: 1", "").await;
        assert_eq!(inbox.text.matches("<D:response>").count(), 2, "{}", inbox.text);
        let body = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                    <C:schedule-tag/></prop></propfind>";
        let told = house.paul("PROPFIND", "personal/m.ics", "depth: 0", body).await;
        let named = format!("<C:schedule-tag>{}</C:schedule-tag>", copy.header("schedule-tag"));
        assert!(told.text.contains(&named.replace('"', "&quot;")) || told.text.contains(&named));
        let header = format!("if-schedule-tag-match: {}", copy.header("schedule-tag"));
        let yes = meeting("ACCEPTED", AT_NINE);
        let answered = house.paul("PUT", "personal/m.ics", &header, &yes).await;
        assert_eq!(answered.status, 204);
        assert_ne!(answered.header("schedule-tag"), copy.header("schedule-tag"));
        let stale = house.paul("PUT", "personal/m.ics", &header, &yes).await;
        assert_eq!(stale.status, 412);
        let got = house.julie("GET", "personal/m.ics", "", "").await;
        assert!(got.text.replace("\r\n ", "").contains("PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0"));
        assert_eq!(got.header("schedule-tag"), tag);
        // QUIRK(Apple's programs): a header with nothing in it.
        let gone = house.julie("DELETE", "personal/m.ics", "if-schedule-tag-match: ", "").await;
        assert_eq!(gone.status, 204);
        let copy = house.paul("GET", "personal/m.ics", "", "").await;
        assert!(copy.text.contains("STATUS:CANCELLED"), "{}", copy.text);
    });
}

#[test]
fn refusals_name_their_precondition() {
    on_both_engines(|house| async move {
        let text = meeting("NEEDS-ACTION", AT_NINE);
        assert_eq!(house.julie("PUT", "personal/m.ics", "", &text).await.status, 201);
        let moved = meeting("ACCEPTED", "DTSTART:20260105T110000Z\r\nDURATION:PT1H\r\n");
        let answer = house.paul("PUT", "personal/m.ics", "", &moved).await;
        let expect = (403, "C:allowed-attendee-scheduling-object-change");
        assert_eq!((answer.status, answer.failed()), expect);
        let given = text.replace("ORGANIZER:mailto:julie", "ORGANIZER:mailto:paul");
        let answer = house.julie("PUT", "personal/m.ics", "", &given).await;
        let expect = (403, "C:allowed-organizer-scheduling-object-change");
        assert_eq!((answer.status, answer.failed()), expect);
        assert_eq!(house.julie("MKCALENDAR", "jobs/", "", "").await.status, 201);
        let expect = (403, "C:unique-scheduling-object-resource");
        let answer = house.julie("PUT", "jobs/n.ics", "", &text).await;
        assert_eq!((answer.status, answer.failed()), expect);
        let there = "<D:href>/dav/calendars/julie@example.test/personal/m.ics</D:href>";
        assert!(answer.text.contains(there), "{}", answer.text);
        let to = "destination: /dav/calendars/julie@example.test/jobs/n.ics";
        let answer = house.julie("COPY", "personal/m.ics", to, "").await;
        assert_eq!((answer.status, answer.failed()), expect);
        let moved = house.julie("MOVE", "personal/m.ics", to, "").await;
        assert_eq!(moved.status, 201);
        assert!(!moved.header("schedule-tag").is_empty());
        // Who may write in another calendar is not told of this one.
        house.share("personal", "paul@example.test", storage::CollectionRights::WRITE).await;
        let path = "/dav/calendars/julie@example.test/personal/n.ics";
        let answer = house.ask("paul", "PUT", path, "", &text).await;
        assert_eq!((answer.status, answer.failed()), expect);
        assert!(!answer.text.contains("jobs"), "{}", answer.text);
        // What takes the place of a meeting ends it.
        let other = crate::calendars::event("2", AT_NINE);
        assert_eq!(house.julie("PUT", "personal/2.ics", "", &other).await.status, 201);
        assert_eq!(house.julie("MOVE", "personal/2.ics", to, "").await.status, 204);
        let copy = house.paul("GET", "personal/m.ics", "", "").await;
        assert!(copy.text.contains("STATUS:CANCELLED"), "{}", copy.text);
    });
}

#[test]
fn who_shares_a_calendar_for_busy_times_is_asked_for_no_more() {
    on_both_engines(|house| async move {
        let event = crate::calendars::event("1", AT_NINE);
        assert_eq!(house.julie("PUT", "personal/1.ics", "", &event).await.status, 201);
        house.share("personal", "paul@example.test", storage::CollectionRights::FREE_BUSY).await;
        let ask = "<C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
                   <C:time-range start=\"20260105T000000Z\" end=\"20260106T000000Z\"/>\
                   </C:free-busy-query>";
        let path = "/dav/calendars/julie@example.test/personal/";
        let answer = house.ask("paul", "REPORT", path, "depth: 1", ask).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("FREEBUSY:20260105T090000Z/20260105T100000Z"));
        let read = house.ask("paul", "GET", &format!("{path}1.ics"), "", "").await;
        assert_eq!(read.status, 404);
        assert_eq!(house.ask("paul", "PROPFIND", path, "depth: 0", "").await.status, 404);
        // Strangers are told where they are let know; nobody is while she is in maintenance.
        house.move_in_at("ann", "elsewhere.test").await;
        let outbox = "/dav/calendars/paul@example.test/outbox/";
        let ask = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\n\
                   ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
                   ATTENDEE:mailto:ann@elsewhere.test\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let answer = house.ask("paul", "POST", outbox, "", ask).await;
        assert!(answer.text.contains("<C:request-status>2.0;Success"), "{}", answer.text);
        assert!(answer.text.contains("<C:request-status>3.7;"), "{}", answer.text);
        let julie = storage::Address::parse("julie@example.test").unwrap();
        let set = house.store.write("test", move |tx| {
            let julie = tx.find_account(&julie)?.unwrap().id;
            tx.account(julie)?.set_maintenance(true)
        });
        set.await.unwrap();
        let answer = house.ask("paul", "POST", outbox, "", ask).await;
        assert!(answer.text.contains("<C:request-status>5.1;"), "{}", answer.text);
        let ask = "<C:free-busy-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
                   <C:time-range start=\"20260105T000000Z\" end=\"20260106T000000Z\"/>\
                   </C:free-busy-query>";
        assert_eq!(house.ask("paul", "REPORT", path, "depth: 1", ask).await.status, 503);
    });
}

#[test]
fn who_cannot_be_met_is_busy() {
    on_both_engines(|house| async move {
        let set = |calendar: &str| {
            format!(
                "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:set>\
                 <D:prop><C:calendar-availability>{calendar}</C:calendar-availability></D:prop></D:set>\
                 </D:propertyupdate>"
            )
        };
        let hours = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VAVAILABILITY\nUID:v\n\
                     DTSTAMP:20260101T000000Z\nBEGIN:AVAILABLE\nUID:a\nDTSTAMP:20260101T000000Z\n\
                     DTSTART:20260105T090000Z\nDTEND:20260105T170000Z\nRRULE:FREQ=DAILY\n\
                     END:AVAILABLE\nEND:VAVAILABILITY\nEND:VCALENDAR\n";
        for wrong in ["", "nothing", &hours.replace("FREQ=DAILY", "FREQ=NEVER")] {
            let answer = house.julie("PROPPATCH", "inbox/", "", &set(wrong)).await;
            assert!(answer.text.contains("<C:valid-calendar-data/>"), "{wrong}: {}", answer.text);
        }
        let answer = house.julie("PROPPATCH", "inbox/", "", &set(hours)).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
        let event = crate::calendars::event("1", AT_NINE);
        assert_eq!(house.julie("PUT", "personal/1.ics", "", &event).await.status, 201);
        let outbox = "/dav/calendars/paul@example.test/outbox/";
        let ask = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\n\
                   ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n\
                   END:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let answer = house.ask("paul", "POST", outbox, "", ask).await;
        for line in [
            "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260105T000000Z/20260105T090000Z",
            "FREEBUSY:20260105T090000Z/20260105T100000Z",
            "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260105T170000Z/20260106T000000Z",
        ] {
            assert!(answer.text.contains(line), "{line}\n{}", answer.text);
        }
    });
}

/// RFC 5546 §4.2.7: Ann answers instead of Paul before he has said that she does.
#[test]
fn who_delegates_to_one_who_declined_is_asked_again() {
    on_both_engines(|house| async move {
        house.move_in_at("ann", "example.test").await;
        let put = house.julie("PUT", "personal/m.ics", "", &meeting("NEEDS-ACTION", AT_NINE)).await;
        assert_eq!(put.status, 201);
        let ann = "ATTENDEE;PARTSTAT=DECLINED;DELEGATED-FROM=\"mailto:paul@example.test\":\
            mailto:ann@example.test\r\n";
        let declining = meeting("NEEDS-ACTION", AT_NINE);
        let declining = declining.replace("END:VEVENT", &format!("{ann}END:VEVENT"));
        let path = "/dav/calendars/ann@example.test/personal/m.ics";
        assert_eq!(house.ask("ann", "PUT", path, "", &declining).await.status, 201);
        let to_ann = "DELEGATED;DELEGATED-TO=\"mailto:ann@example.test\"";
        let put = house.paul("PUT", "personal/m.ics", "", &meeting(to_ann, AT_NINE)).await;
        // What is stored is not what was put.
        assert_eq!((put.status, put.header("etag")), (204, ""));
        let own = house.paul("GET", "personal/m.ics", "", "").await.text.replace("\r\n ", "");
        let asked = "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:paul@example.test\r\n";
        assert!(own.contains(asked) && own.contains(ann), "{own}");
        let got = house.julie("GET", "personal/m.ics", "", "").await.text.replace("\r\n ", "");
        let of_paul = got.lines().find(|line| line.ends_with(":mailto:paul@example.test"));
        assert!(of_paul.unwrap().contains("PARTSTAT=NEEDS-ACTION"), "{got}");
    });
}

async fn make_room(house: &House, name: &'static str) {
    let made = house.store.write("test", move |tx| {
        let account = storage::Address::parse(&format!("{name}@example.test")).unwrap();
        let account = tx.find_account(&account)?.unwrap().id;
        tx.make_room(account)
    });
    made.await.unwrap();
}

fn set_transp(how: &str) -> String {
    format!(
        "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:set>\
         <D:prop><C:schedule-calendar-transp><C:{how}/></C:schedule-calendar-transp>\
         <D:displayname>Notes</D:displayname></D:prop></D:set></D:propertyupdate>"
    )
}

/// R-CAL-4: what is booked takes the time of a room, whatever is said of the calendar that it is
/// in.
#[test]
fn a_room_is_busy_where_it_is_booked() {
    on_both_engines(|house| async move {
        let ask = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
                   DTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\n\
                   ORGANIZER:mailto:julie@example.test\r\nATTENDEE:mailto:paul@example.test\r\n\
                   END:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let event = crate::calendars::event("1", AT_NINE);
        assert_eq!(house.paul("PUT", "personal/1.ics", "", &event).await.status, 201);
        let answer = house.paul("PROPPATCH", "personal/", "", &set_transp("transparent")).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
        for is_room in [false, true] {
            if is_room {
                make_room(&house, "paul").await;
            }
            let answer = house.julie("POST", "outbox/", "", ask).await;
            assert!(answer.text.contains("BEGIN:VFREEBUSY"), "{}", answer.text);
            let is_busy = answer.text.contains("FREEBUSY:20260105T090000Z/20260105T100000Z");
            assert_eq!(is_busy, is_room, "{}", answer.text);
        }
        // Bookings do not go where something else has the time of what is there.
        assert_eq!(house.paul("MKCALENDAR", "notes/", "", "").await.status, 201);
        let answer = house.paul("PROPPATCH", "notes/", "", &set_transp("transparent")).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
        let event = crate::calendars::event("2", AT_NINE);
        assert_eq!(house.paul("PUT", "notes/2.ics", "", &event).await.status, 201);
        let set = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:set>\
             <D:prop><C:schedule-default-calendar-URL><D:href>{PAUL}/notes/</D:href>\
             </C:schedule-default-calendar-URL></D:prop></D:set></D:propertyupdate>"
        );
        let answer = house.paul("PROPPATCH", "inbox/", "", &set).await;
        let body = "<D:propstat><D:prop><C:schedule-default-calendar-URL/></D:prop>\
            <D:status>HTTP/1.1 409 Conflict</D:status></D:propstat></D:response></D:multistatus>";
        assert!(answer.status == 207 && answer.text.ends_with(body), "{}", answer.text);
    });
}

/// R-CAL-4: a room is not booked twice by a property either.
#[test]
fn a_calendar_of_a_room_does_not_begin_to_take_time_that_is_taken() {
    on_both_engines(|house| async move {
        make_room(&house, "paul").await;
        let set = set_transp;
        assert_eq!(house.paul("MKCALENDAR", "notes/", "", "").await.status, 201);
        let answer = house.paul("PROPPATCH", "notes/", "", &set("transparent")).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
        for path in ["personal/1.ics", "notes/2.ics"] {
            let event = crate::calendars::event(path, AT_NINE);
            assert_eq!(house.paul("PUT", path, "", &event).await.status, 201);
        }
        let answer = house.paul("PROPPATCH", "notes/", "", &set("opaque")).await;
        let body = "<D:propstat><D:prop><C:schedule-calendar-transp/></D:prop>\
            <D:status>HTTP/1.1 409 Conflict</D:status></D:propstat><D:propstat><D:prop>\
            <D:displayname/></D:prop><D:status>HTTP/1.1 424 Failed Dependency</D:status>\
            </D:propstat></D:response></D:multistatus>";
        assert!(answer.status == 207 && answer.text.ends_with(body), "{}", answer.text);
        for method in ["COPY", "MOVE"] {
            let to = format!("destination: {PAUL}/personal/2.ics");
            assert_eq!(house.paul(method, "notes/2.ics", &to, "").await.status, 409);
        }
        assert_eq!(house.paul("DELETE", "notes/2.ics", "", "").await.status, 204);
        let answer = house.paul("PROPPATCH", "notes/", "", &set("opaque")).await;
        assert!(answer.text.contains("200 OK"), "{}", answer.text);
    });
}
