//! The calendar for invitations (RFC 6638 §4.3, §9.2; R-CAL-2).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};

const HOME: &str = "/dav/calendars/julie@example.test/";

/// Sets it to what is inside, and something else with it.
async fn set(house: &House, inside: &str) -> Answered {
    let body = format!(
        "<propertyupdate xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop>\
         <C:schedule-default-calendar-URL>{inside}</C:schedule-default-calendar-URL>\
         <displayname>Post</displayname></prop></set></propertyupdate>"
    );
    house.julie("PROPPATCH", "inbox/", "", &body).await
}

/// What it is, as the inbox tells it.
async fn told(house: &House) -> String {
    let body = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
        <displayname/><C:schedule-default-calendar-URL/></prop></propfind>";
    let answer = house.julie("PROPFIND", "inbox/", "depth: 0\nprefer: return=minimal", body).await;
    let start = answer.text.find("<D:prop>").unwrap() + "<D:prop>".len();
    let end = answer.text.find("</D:prop>").unwrap();
    answer.text[start..end].to_owned()
}

fn is(name: &str) -> String {
    format!(
        "<C:schedule-default-calendar-URL><D:href>{HOME}{name}/</D:href>\
         </C:schedule-default-calendar-URL>"
    )
}

/// The answer to a PROPPATCH of which this failed for this.
fn refused(answer: &Answered, precondition: &str) {
    let body = format!(
        "<D:response><D:href>{HOME}inbox/</D:href><D:propstat><D:prop>\
         <C:schedule-default-calendar-URL/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status>\
         <D:error><C:{precondition}/></D:error></D:propstat><D:propstat><D:prop><D:displayname/>\
         </D:prop><D:status>HTTP/1.1 424 Failed Dependency</D:status></D:propstat></D:response>\
         </D:multistatus>"
    );
    assert_eq!(answer.status, 207);
    assert!(answer.text.ends_with(&body), "{body} in {}", answer.text);
}

#[test]
fn invitations_go_where_they_are_to_go() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "jobs/", "", "").await.status, 201);
        let before = told(&house).await;
        assert!(before.ends_with(&is("personal")), "{before}");
        let answer = set(&house, &format!("<href>{HOME}jobs/</href>")).await;
        assert_eq!(answer.status, 207);
        assert!(answer.text.contains("HTTP/1.1 200 OK") && !answer.text.contains("403"));
        assert_eq!(
            told(&house).await,
            format!("<D:displayname>Post</D:displayname>{}", is("jobs"))
        );
        let people = "ORGANIZER:mailto:paul@example.test\r\nATTENDEE:mailto:julie@example.test\r\n";
        let meeting = event("m", &format!("{AT_NINE}{people}"));
        let path = "/dav/calendars/paul@example.test/personal/m.ics";
        assert_eq!(house.ask("paul", "PUT", path, "", &meeting).await.status, 201);
        assert_eq!(house.julie("GET", "jobs/m.ics", "", "").await.status, 200);
        assert_eq!(house.julie("GET", "personal/m.ics", "", "").await.status, 404);
    });
}

#[test]
fn what_it_cannot_be_is_refused_by_name() {
    on_both_engines(|house| async move {
        let body = "<C:mkcalendar xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop>\
            <C:supported-calendar-component-set><C:comp name=\"VTODO\"/>\
            </C:supported-calendar-component-set></prop></set></C:mkcalendar>";
        assert_eq!(house.julie("MKCALENDAR", "tasks/", "", body).await.status, 201);
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        house.share("team", "paul@example.test", CollectionRights::EDIT).await;
        // Paul's own, and what is Paul's guest, are none of Julie's.
        let paul = "/dav/calendars/paul@example.test/";
        house.ask("paul", "PROPFIND", paul, "depth: 0", "").await;
        let before = told(&house).await;
        for href in [
            format!("{paul}personal/"),
            format!("{HOME}inbox/"),
            format!("{HOME}outbox/"),
            format!("{HOME}notifications/"),
            format!("{HOME}tasks/"),
            format!("{HOME}none/"),
            format!("{HOME}personal/1.ics"),
            HOME.to_owned(),
            "/dav/addressbooks/julie@example.test/personal/".to_owned(),
            "/dav/principals/julie@example.test/".to_owned(),
            "/dav/calendars/julie@example.test/%zz/".to_owned(),
            "/dav/calendars/julie@example.test/../personal/".to_owned(),
            "mailto:julie@example.test".to_owned(),
            String::new(),
        ] {
            let answer = set(&house, &format!("<href>{href}</href>")).await;
            refused(&answer, "valid-schedule-default-calendar-URL");
            assert_eq!(told(&house).await, before, "{href}");
        }
        // There is always one.
        refused(&set(&house, "").await, "default-calendar-needed");
        let remove = "<propertyupdate xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><remove>\
            <prop><C:schedule-default-calendar-URL/><displayname/></prop></remove></propertyupdate>";
        let answer = house.julie("PROPPATCH", "inbox/", "", remove).await;
        refused(&answer, "default-calendar-needed");
        assert_eq!(told(&house).await, before);
        // What a guest has in the own home is the owner's.
        let listed = house.ask("paul", "PROPFIND", paul, "depth: 1", "").await.text;
        let (_, number) = listed.split_once(&format!("{paul}shared-")).unwrap();
        let shared = format!("{paul}shared-{}/", number.split_once('/').unwrap().0);
        let body = format!(
            "<propertyupdate xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop>\
             <C:schedule-default-calendar-URL><href>{shared}</href>\
             </C:schedule-default-calendar-URL></prop></set></propertyupdate>"
        );
        let path = format!("{paul}inbox/");
        let answer = house.ask("paul", "PROPPATCH", &path, "", &body).await;
        let failed = "<C:valid-schedule-default-calendar-URL/>";
        assert!(answer.status == 207 && answer.text.contains(failed), "{}", answer.text);
    });
}

/// RFC 6638 §4.3: it is not deleted, until another one has its part.
#[test]
fn it_stays() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let only = house.julie("DELETE", "personal/", "", "").await;
        assert_eq!((only.status, only.failed()), (403, "C:default-calendar-needed"));
        assert_eq!(house.julie("MKCALENDAR", "jobs/", "", "").await.status, 201);
        let first = house.julie("DELETE", "personal/", "", "").await;
        assert_eq!((first.status, first.failed()), (403, "C:default-calendar-needed"));
        assert_eq!(house.julie("PROPFIND", "personal/", "depth: 0", "").await.status, 207);
        // Nor does another take its place.
        let to = format!("destination: {HOME}personal/");
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        for headers in [to.clone(), format!("{to}\noverwrite: T")] {
            let over = house.julie("MOVE", "jobs/", &headers, "").await;
            assert_eq!((over.status, over.failed()), (403, "C:default-calendar-needed"));
        }
        let over = house.julie("MOVE", "jobs/", &format!("{to}\noverwrite: F"), "").await;
        assert_eq!(over.status, 412);
        assert_eq!(house.julie("GET", "personal/1.ics", "", "").await.status, 200);
        assert_eq!(house.julie("PROPFIND", "jobs/", "depth: 0", "").await.status, 207);
        let jobs = format!("<href>{HOME}jobs/</href>");
        assert_eq!(set(&house, &jobs).await.status, 207);
        assert_eq!(house.julie("DELETE", "personal/", "", "").await.status, 204);
        assert!(told(&house).await.ends_with(&is("jobs")));
        // By another name it is the same.
        let to = format!("destination: {HOME}new/");
        assert_eq!(house.julie("MOVE", "jobs/", &to, "").await.status, 201);
        assert!(told(&house).await.ends_with(&is("new")));
    });
}
