//! Delegation as macOS does it (calendarserver-proxy draft).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};

pub(crate) const READ: &str = "/dav/principals/julie@example.test/calendar-proxy-read/";
const WRITE: &str = "/dav/principals/julie@example.test/calendar-proxy-write/";

/// Says who acts for Julie.
pub(crate) async fn set(house: &House, name: &str, path: &str, members: &[&str]) -> Answered {
    let hrefs: String = members.iter().map(|one| format!("<A:href>{one}</A:href>")).collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:propertyupdate xmlns:A=\"DAV:\"><A:set>\
         <A:prop><A:group-member-set>{hrefs}</A:group-member-set></A:prop></A:set>\
         </A:propertyupdate>"
    );
    house.ask(name, "PROPPATCH", path, "", &body).await
}

/// What macOS asks at set-up.
async fn delegations(house: &House, name: &str) -> String {
    let inside = "<D:property name=\"displayname\" namespace=\"DAV:\"/><D:property \
        name=\"calendar-user-address-set\" namespace=\"urn:ietf:params:xml:ns:caldav\"/>";
    let one = |way: &str| {
        format!(
            "<D:property name=\"calendar-proxy-{way}-for\" \
             namespace=\"http://calendarserver.org/ns/\">{inside}</D:property>"
        )
    };
    let body = format!(
        "<D:expand-property xmlns:D=\"DAV:\">{}{}</D:expand-property>",
        one("read"),
        one("write")
    );
    let path = format!("/dav/principals/{name}@example.test/");
    house.ask(name, "REPORT", &path, "depth: 0", &body).await.text
}

#[test]
fn who_acts_for_somebody_finds_their_calendars() {
    on_both_engines(|house| async move {
        let paul = "/dav/principals/paul@example.test/";
        let home = "/dav/calendars/julie@example.test/";
        let meeting = format!("{home}personal/1.ics");
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        assert_eq!(house.ask("paul", "PROPFIND", home, "depth: 1", "").await.status, 404);
        let answer = set(&house, "julie", READ, &[paul]).await;
        assert_eq!(answer.status, 207);
        assert!(answer.text.contains("<D:group-member-set/></D:prop><D:status>HTTP/1.1 200 OK<"));

        let told = delegations(&house, "paul").await;
        let julie = "<CS:calendar-proxy-read-for><D:response>\
            <D:href>/dav/principals/julie@example.test/</D:href><D:propstat><D:prop>\
            <D:displayname>julie</D:displayname>";
        assert!(told.contains(julie), "{told}");
        assert!(told.contains("mailto:julie@example.test"), "{told}");
        assert!(told.contains("<CS:calendar-proxy-write-for/>"), "{told}");
        let ask = "<propfind xmlns=\"DAV:\"><prop><group-membership/><group-member-set/></prop>\
                   </propfind>";
        let told = house.ask("paul", "PROPFIND", paul, "depth: 0", ask).await.text;
        let group = format!("<D:group-membership><D:href>{READ}</D:href>");
        assert!(told.contains(&group), "{told}");
        let told = house.ask("julie", "PROPFIND", READ, "depth: 0", ask).await.text;
        assert!(told.contains(&format!("<D:group-member-set><D:href>{paul}</D:href>")), "{told}");

        let listed = house.ask("paul", "PROPFIND", home, "depth: 1", "").await;
        assert_eq!(listed.status, 207);
        for (name, is_there) in
            [("personal", true), ("inbox", false), ("notifications", false), ("outbox", false)]
        {
            let is_listed = listed.text.contains(&format!("<D:href>{home}{name}/</D:href>"));
            assert_eq!(is_listed, is_there, "{name}: {}", listed.text);
        }
        assert_eq!(house.ask("paul", "GET", &meeting, "", "").await.status, 200);
        let new = (format!("{home}personal/2.ics"), event("2", AT_NINE));
        assert_eq!(house.ask("paul", "PUT", &new.0, "", &new.1).await.status, 403);
        let book = "/dav/addressbooks/julie@example.test/";
        assert_eq!(house.ask("paul", "PROPFIND", book, "depth: 1", "").await.status, 404);

        assert_eq!(set(&house, "julie", WRITE, &[paul]).await.status, 207);
        assert_eq!(house.ask("paul", "PUT", &new.0, "", &new.1).await.status, 201);
        let calendar = format!("{home}new/");
        assert_eq!(house.ask("paul", "MKCALENDAR", &calendar, "", "").await.status, 403);
        their_inbox_and_outbox(&house, home).await;
        set(&house, "julie", WRITE, &[]).await;
        set(&house, "julie", READ, &[]).await;
        assert_eq!(house.ask("paul", "GET", &meeting, "", "").await.status, 404);
        assert_eq!(house.ask("paul", "PROPFIND", home, "depth: 1", "").await.status, 404);
    });
}

/// Who writes for Julie hears of what came to her, and asks in her name (RFC 6638 §2, §5).
async fn their_inbox_and_outbox(house: &House, home: &str) {
    let listed = house.ask("paul", "PROPFIND", home, "depth: 1", "").await.text;
    for (name, is_there) in [("inbox", true), ("outbox", true), ("notifications", false)] {
        let is_listed = listed.contains(&format!("<D:href>{home}{name}/</D:href>"));
        assert_eq!(is_listed, is_there, "{name}: {listed}");
    }
    house.move_in_at("ann", "example.test").await;
    let meeting = event("m", AT_NINE).replace(
        "END:VEVENT",
        "ORGANIZER:mailto:ann@example.test\r\nATTENDEE:mailto:julie@example.test\r\nEND:VEVENT",
    );
    let path = "/dav/calendars/ann@example.test/personal/m.ics";
    assert_eq!(house.ask("ann", "PUT", path, "", &meeting).await.status, 201);
    let inbox = format!("{home}inbox/");
    let listed = house.ask("paul", "PROPFIND", &inbox, "depth: 1", "").await.text;
    let message = listed.split("<D:href>").nth(2).unwrap().split('<').next().unwrap().to_owned();
    let text = house.ask("paul", "GET", &message, "", "").await.text;
    assert!(text.contains("METHOD:REQUEST") && text.contains("UID:m"), "{text}");
    assert_eq!(house.ask("paul", "PUT", &message, "", &meeting).await.status, 403);
    assert_eq!(house.ask("paul", "DELETE", &message, "", "").await.status, 204);
    let privileges =
        "<propfind xmlns=\"DAV:\"><prop><current-user-privilege-set/></prop></propfind>";
    let outbox = format!("{home}outbox/");
    let told = house.ask("paul", "PROPFIND", &outbox, "depth: 0", privileges).await.text;
    assert!(told.contains("<C:schedule-send-freebusy/>"), "{told}");
    let ask = |who: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
             DTSTART:20260105T000000Z\r\nDTEND:20260106T000000Z\r\nORGANIZER:mailto:{who}\r\n\
             ATTENDEE:mailto:ann@example.test\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
        )
    };
    let answer = house.ask("paul", "POST", &outbox, "", &ask("julie@example.test")).await;
    assert!(answer.text.contains("<C:request-status>2.0;Success"), "{}", answer.text);
    let other = house.ask("paul", "POST", &outbox, "", &ask("paul@example.test")).await;
    assert_eq!(other.failed(), "C:valid-organizer", "{}", other.text);
    // Strangers to her find neither.
    for (method, path) in [("POST", &outbox), ("PROPFIND", &outbox), ("PROPFIND", &inbox)] {
        assert_eq!(house.ask("ann", method, path, "depth: 0", "").await.status, 404);
    }
}

#[test]
fn nobody_says_for_others_who_acts_for_them() {
    on_both_engines(|house| async move {
        house.team("Office", &["paul"]).await;
        let paul = "/dav/principals/paul@example.test/";
        let answer = set(&house, "paul", WRITE, &[paul]).await;
        assert!(answer.text.contains("HTTP/1.1 403 Forbidden"), "{}", answer.text);
        for (member, failed) in [
            ("/dav/principals/julie@example.test/", "D:allowed-principal"),
            ("/dav/principals/anyone/", "D:allowed-principal"),
            ("/dav/principals/nobody@example.test/", "D:recognized-principal"),
            ("/dav/principals/team:None/", "D:recognized-principal"),
            ("mailto:paul@example.test", "D:recognized-principal"),
        ] {
            let answer = set(&house, "julie", READ, &[paul, member]).await;
            let wanted = format!("<D:status>HTTP/1.1 403 Forbidden</D:status><D:error><{failed}/>");
            assert!(answer.text.contains(&wanted), "{member}: {}", answer.text);
        }
        assert!(delegations(&house, "paul").await.contains("<CS:calendar-proxy-read-for/>"));
        // A team acts as its members do.
        set(&house, "julie", READ, &["/dav/principals/team:Office/"]).await;
        assert!(delegations(&house, "paul").await.contains("<CS:calendar-proxy-read-for><D:resp"));
        let body = "<A:propertyupdate xmlns:A=\"DAV:\"><A:set><A:prop><A:displayname>x\
                    </A:displayname></A:prop></A:set></A:propertyupdate>";
        let answer = house.ask("julie", "PROPPATCH", READ, "", body).await;
        assert!(answer.text.contains("cannot-modify-protected-property"), "{}", answer.text);
    });
}
