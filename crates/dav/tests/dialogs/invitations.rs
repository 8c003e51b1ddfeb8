//! Sharing as Apple's programs speak it (caldav-sharing and calendarserver-notifications drafts).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};
use crate::shared::between;

pub(crate) const XML: &str = "content-type: text/xml; charset=\"utf-8\"";

const NOTICES: &str = "/dav/calendars/paul@example.test/notifications/";

/// Julie's calendar or address book is offered to Paul, or no more.
pub(crate) async fn offer(house: &House, path: &str, what: &str) -> Answered {
    offer_of(house, "julie", path, what).await
}

/// The same for the calendars of anybody.
pub(crate) async fn offer_of(house: &House, name: &str, path: &str, what: &str) -> Answered {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CS:share xmlns:D=\"DAV:\" \
         xmlns:CS=\"http://calendarserver.org/ns/\">{what}</CS:share>"
    );
    house.ask(name, "POST", path, XML, &body).await
}

fn set(access: &str) -> String {
    format!(
        "<CS:set><D:href>mailto:paul@example.test</D:href><CS:common-name>Paul P.\
         </CS:common-name><CS:summary>Team</CS:summary><CS:{access}/></CS:set>"
    )
}

const REMOVE: &str = "<CS:remove><D:href>mailto:paul@example.test</D:href></CS:remove>";

async fn answer(house: &House, what: &str, invitation: &str, host: &str) -> Answered {
    let body = format!(
        "<CS:invite-reply xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\">\
         <D:href>mailto:paul@example.test</D:href><CS:{what}/><CS:hosturl><D:href>{host}\
         </D:href></CS:hosturl><CS:in-reply-to>{invitation}</CS:in-reply-to>\
         <CS:summary>Team of Julie</CS:summary></CS:invite-reply>"
    );
    house.ask("paul", "POST", "/dav/calendars/paul@example.test/", XML, &body).await
}

/// What one asks to know of a calendar when one is told of its sharing.
pub(crate) async fn invited(house: &House, name: &str, path: &str) -> String {
    let body = "<propfind xmlns=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop>\
        <resourcetype/><CS:invite/><CS:allowed-sharing-modes/><CS:shared-url/></prop></propfind>";
    let headers = "depth: 0\nprefer: return=minimal";
    house.ask(name, "PROPFIND", path, headers, body).await.text
}

/// The notices there are, by a report of what is new, with what they are.
async fn notices(house: &House, name: &str) -> Vec<(String, String)> {
    let home = format!("/dav/calendars/{name}@example.test/notifications/");
    let body = "<sync-collection xmlns=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\">\
        <sync-token/><sync-level>1</sync-level><prop><getcontenttype/><CS:notificationtype/>\
        </prop></sync-collection>";
    let text = house.ask(name, "REPORT", &home, "depth: 0", body).await.text;
    let mut all = Vec::new();
    for response in text.split("<D:response>").skip(1) {
        let path = between(response, "<D:href>", "</D:href>").to_owned();
        assert!(response.contains("<D:getcontenttype>application/xml; charset=utf-8<"), "{text}");
        let kind = between(response, "<CS:notificationtype>", "</CS:notificationtype>").to_owned();
        all.push((path, kind));
    }
    all
}

#[test]
fn calendars_are_offered_accepted_changed_and_withdrawn() {
    on_both_engines(|house| async move {
        house.ask("paul", "PROPFIND", "/dav/", "depth: 0", "").await;
        let team = "/dav/calendars/julie@example.test/team/";
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        let offered = offer(&house, team, &set("read")).await;
        assert_eq!((offered.status, offered.text.as_str()), (200, ""));
        let own = invited(&house, "julie", team).await;
        let user = "<CS:invite><CS:organizer><D:href>mailto:julie@example.test</D:href>\
            <CS:common-name>julie</CS:common-name></CS:organizer><CS:user>\
            <D:href>mailto:paul@example.test</D:href><CS:common-name>Paul P.</CS:common-name>\
            <CS:invite-noresponse/><CS:access><CS:read/></CS:access><CS:summary>Team</CS:summary>\
            </CS:user></CS:invite><CS:allowed-sharing-modes><CS:can-be-shared/><CS:can-be-published/>\
            </CS:allowed-sharing-modes>";
        assert!(own.contains(user), "{own}");
        assert!(own.contains("<C:calendar/><CS:shared-owner/>"), "{own}");
        assert_eq!(house.ask("paul", "GET", &format!("{team}1.ics"), "", "").await.status, 404);

        // Paul's program finds the notification.
        let principal = "/dav/principals/paul@example.test/";
        let ask = "<propfind xmlns=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop>\
                   <CS:notification-URL/></prop></propfind>";
        let told = house.ask("paul", "PROPFIND", principal, "depth: 0", ask).await.text;
        assert_eq!(between(&told, "<CS:notification-URL><D:href>", "<"), NOTICES);
        let told = house.ask("julie", "PROPFIND", principal, "depth: 0", ask).await.text;
        assert!(!told.contains("notifications"), "{told}");
        let found = notices(&house, "paul").await;
        let [(notice, kind)] = found.as_slice() else { unreachable!("{found:?}") };
        assert_eq!(kind, "<CS:invite-notification shared-type=\"calendar\"/>");
        let text = house.ask("paul", "GET", notice, "", "").await.text;
        let invitation = between(&text, "<CS:uid>", "</CS:uid>").to_owned();
        let expect = format!(
            "<CS:dtstamp>20260101T000000Z</CS:dtstamp>\
             <CS:invite-notification shared-type=\"calendar\"><CS:uid>{invitation}</CS:uid>\
             <D:href>mailto:paul@example.test</D:href><CS:common-name>paul</CS:common-name>\
             <CS:invite-noresponse/><CS:hosturl><D:href>{team}</D:href></CS:hosturl><CS:access>\
             <CS:read/></CS:access><CS:organizer><D:href>mailto:julie@example.test</D:href>\
             <CS:common-name>julie</CS:common-name></CS:organizer><CS:summary>Team</CS:summary>\
             <C:supported-calendar-component-set><C:comp name=\"VEVENT\"/>"
        );
        assert!(text.contains(&expect), "{text}");

        let accepted = answer(&house, "invite-accepted", &invitation, team).await;
        assert_eq!(accepted.status, 200, "{}", accepted.text);
        let path = between(&accepted.text, "<D:href>", "</D:href>").to_owned();
        assert!(accepted.text.contains("<CS:shared-as "), "{}", accepted.text);
        assert_eq!(house.ask("paul", "GET", &format!("{path}1.ics"), "", "").await.status, 200);
        let put = (format!("{path}2.ics"), event("2", AT_NINE));
        assert_eq!(house.ask("paul", "PUT", &put.0, "", &put.1).await.status, 403);
        let his = invited(&house, "paul", &path).await;
        for wanted in [
            "<C:calendar/><CS:shared/>",
            "<CS:invite-accepted/><CS:access><CS:read/>",
            &format!("<CS:shared-url><D:href>{team}</D:href>"),
        ] {
            assert!(his.contains(wanted), "{wanted} in {his}");
        }
        assert!(!his.contains("can-be-shared"), "{his}");
        assert_eq!(house.ask("paul", "DELETE", notice, "", "").await.status, 204);

        // Julie's program learns of it.
        let found = notices(&house, "julie").await;
        let [(reply, kind)] = found.as_slice() else { unreachable!("{found:?}") };
        assert_eq!(kind, "<CS:invite-reply shared-type=\"calendar\"/>");
        let text = house.ask("julie", "GET", reply, "", "").await.text;
        assert!(text.contains(&format!("<CS:in-reply-to>{invitation}</CS:in-reply-to>")), "{text}");
        assert!(text.contains("<CS:invite-accepted/>"), "{text}");

        assert_eq!(offer(&house, team, &set("read-write")).await.status, 200);
        assert_eq!(house.ask("paul", "PUT", &put.0, "", &put.1).await.status, 201);
        let found = notices(&house, "paul").await;
        let text = house.ask("paul", "GET", &found.first().unwrap().0, "", "").await.text;
        assert!(text.contains("<CS:invite-accepted/>"), "{text}");
        assert!(text.contains("<CS:access><CS:read-write/></CS:access>"), "{text}");

        assert_eq!(offer(&house, team, REMOVE).await.status, 200);
        assert_eq!(house.ask("paul", "GET", &put.0, "", "").await.status, 404);
        let text = house.ask("paul", "GET", &found.first().unwrap().0, "", "").await.text;
        assert!(text.contains("<CS:invite-deleted/>"), "{text}");
        assert!(!invited(&house, "julie", team).await.contains("shared-owner"));
        let late = answer(&house, "invite-accepted", &invitation, team).await;
        assert_eq!(late.status, 403);
    });
}

#[test]
fn invitations_are_declined_and_given_anew() {
    on_both_engines(|house| async move {
        house.ask("paul", "PROPFIND", "/dav/", "depth: 0", "").await;
        let book = "/dav/addressbooks/julie@example.test/personal/";
        house.julie("PROPFIND", "", "depth: 0", "").await;
        assert_eq!(offer(&house, book, &set("read-write")).await.status, 200);
        let found = notices(&house, "paul").await;
        assert_eq!(
            found.first().unwrap().1,
            "<CS:invite-notification shared-type=\"addressbook\"/>"
        );
        // Some programs name the collection alone.
        let declined = answer(&house, "invite-declined", "", book).await;
        assert_eq!((declined.status, declined.text.as_str()), (200, ""));
        assert!(invited(&house, "julie", book).await.contains("<CS:invite-declined/>"));
        assert_eq!(offer(&house, book, &set("read")).await.status, 200);
        assert!(invited(&house, "julie", book).await.contains("<CS:invite-noresponse/>"));
        let accepted = answer(&house, "invite-accepted", "", book).await;
        let path = between(&accepted.text, "<D:href>", "</D:href>");
        assert!(path.starts_with("/dav/addressbooks/paul@example.test/shared-"), "{path}");
        assert_eq!(house.ask("paul", "DELETE", path, "", "").await.status, 204);
        assert!(invited(&house, "julie", book).await.contains("<CS:invite-declined/>"));
    });
}

#[test]
fn who_cannot_be_invited_is_named_and_others_are() {
    on_both_engines(|house| async move {
        house.ask("paul", "PROPFIND", "/dav/", "depth: 0", "").await;
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        let team = "/dav/calendars/julie@example.test/team/";
        let nobody = "<CS:set><D:href>mailto:nobody@example.test</D:href><CS:read/></CS:set>\
            <CS:set><D:href>mailto:julie@example.test</D:href><CS:read/></CS:set>";
        let by_path =
            "<CS:set><D:href>/dav/principals/paul%40example.test/</D:href><CS:read/></CS:set>";
        let answer = offer(&house, team, &format!("{nobody}{by_path}")).await;
        assert_eq!(answer.status, 207);
        for (href, status) in [
            ("mailto:nobody@example.test", "403 Forbidden"),
            ("mailto:julie@example.test", "403 Forbidden"),
            ("/dav/principals/paul%40example.test/", "200 OK"),
        ] {
            let expect = format!("<D:href>{href}</D:href><D:status>HTTP/1.1 {status}</D:status>");
            assert!(answer.text.contains(&expect), "{}", answer.text);
        }
        assert_eq!(notices(&house, "paul").await.len(), 1);
        // Nobody else offers it, nor anything between the server and its owner.
        let body = "<CS:share xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"/>";
        assert_eq!(house.ask("paul", "POST", team, XML, body).await.status, 404);
        for name in ["inbox", "notifications"] {
            let path = format!("/dav/calendars/julie@example.test/{name}/");
            assert_eq!(offer(&house, &path, &set("read")).await.status, 405, "{name}");
        }
        for name in ["julie", "paul"] {
            let put = house.ask(name, "PUT", &format!("{NOTICES}x"), "", "x").await;
            assert!(matches!(put.status, 403 | 409), "{}", put.status);
        }
        assert_eq!(offer(&house, team, "<CS:set/>").await.status, 400);
        assert_eq!(house.julie("POST", "team/", XML, "<x/>").await.status, 400);
    });
}
