//! Calendars shared with people elsewhere (R-SHARE-1).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines, on_both_engines_with};
use crate::invitations::{XML, invited, offer};
use crate::shared::between;

const TEAM: &str = "/dav/calendars/julie@example.test/team/";

fn set(address: &str, access: &str) -> String {
    format!("<CS:set><D:href>mailto:{address}</D:href><CS:{access}/></CS:set>")
}

fn remove(address: &str) -> String {
    format!("<CS:remove><D:href>mailto:{address}</D:href></CS:remove>")
}

/// Julie's team calendar with an event in it, shared with Eve: the secret of Eve.
async fn shared(house: &House, access: &str) -> String {
    assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
    house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
    house.julie("PUT", "personal/2.ics", "", &event("2", AT_NINE)).await;
    let offered = offer(house, TEAM, &set("eve@elsewhere.test", access)).await;
    assert_eq!((offered.status, offered.text.as_str()), (200, ""));
    house.sent().remove(0).secret
}

/// A request of somebody who has no account, with whatever password their program sends.
async fn ask(house: &House, method: &str, path: &str, headers: &str, body: &str) -> Answered {
    let headers = format!("authorization: Basic eDp5\n{headers}");
    house.ask("", method, path, headers.trim_end(), body).await
}

async fn find(house: &House, path: &str, depth: &str, wanted: &str) -> String {
    let body = format!(
        "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
         xmlns:CS=\"http://calendarserver.org/ns/\"><prop>{wanted}</prop></propfind>"
    );
    let headers = format!("depth: {depth}\nprefer: return=minimal");
    let found = ask(house, "PROPFIND", path, &headers, &body).await;
    assert_eq!(found.status, 207, "{}", found.text);
    found.text
}

/// The calendar as a program finds it that knows the address.
async fn discover(house: &House, home: &str) -> String {
    let text = find(house, home, "0", "<current-user-principal/>").await;
    let principal = between(&text, "<D:current-user-principal><D:href>", "<").to_owned();
    let wanted = "<C:calendar-home-set/><C:calendar-user-address-set/><C:schedule-inbox-URL/>\
                  <displayname/><CS:email-address-set/>";
    let text = find(house, &principal, "0", wanted).await;
    assert_eq!(between(&text, "<C:calendar-home-set><D:href>", "<"), home);
    assert!(text.contains(">mailto:eve@elsewhere.test<"), "{text}");
    assert!(!text.contains("inbox"), "{text}");
    let text = find(house, home, "1", "<resourcetype/><displayname/>").await;
    let hrefs: Vec<&str> =
        text.split("<D:href>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let [own, calendar] = hrefs.as_slice() else { unreachable!("{text}") };
    assert_eq!(*own, home);
    assert!(text.contains("<D:displayname>team (julie)</D:displayname>"), "{text}");
    (*calendar).to_owned()
}

#[test]
fn who_is_elsewhere_views_by_a_secret_address() {
    on_both_engines(|house| async move {
        let secret = shared(&house, "read").await;
        let home = format!("/dav/calendars/outside-{secret}/");
        let waiting = invited(&house, "julie", TEAM).await;
        let user = "<CS:user><D:href>mailto:eve@elsewhere.test</D:href><CS:common-name>\
            eve@elsewhere.test</CS:common-name><CS:invite-noresponse/><CS:access><CS:read/>";
        assert!(waiting.contains(user), "{waiting}");
        let calendar = discover(&house, &home).await;
        let there = invited(&house, "julie", TEAM).await;
        assert!(there.contains("<CS:invite-accepted/>"), "{there}");

        let own = find(
            &house,
            &calendar,
            "0",
            "<current-user-privilege-set/><acl/><CS:invite/><CS:allowed-sharing-modes/>",
        );
        let own = own.await;
        assert!(own.contains("<D:read/>") && !own.contains("write"), "{own}");
        assert!(!own.contains("<D:acl>") && !own.contains("can-be-shared"), "{own}");
        let sync = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level>\
            <prop><getetag/></prop></sync-collection>";
        let text = ask(&house, "REPORT", &calendar, "", sync).await.text;
        assert_eq!(between(&text, "<D:href>", "<"), format!("{calendar}1.ics"));
        let multiget = format!(
            "<C:calendar-multiget xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
             <D:prop><C:calendar-data/></D:prop><D:href>{calendar}1.ics</D:href>\
             <D:href>/dav/calendars/julie@example.test/personal/2.ics</D:href>\
             </C:calendar-multiget>"
        );
        let text = ask(&house, "REPORT", &calendar, "", &multiget).await.text;
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 1, "{text}");
        let got = ask(&house, "GET", &format!("{calendar}1.ics"), "", "").await;
        assert_eq!((got.status, got.header("referrer-policy")), (200, "no-referrer"));
        let put = event("3", AT_NINE);
        let refused = ask(&house, "PUT", &format!("{calendar}3.ics"), "", &put).await;
        assert_eq!((refused.status, refused.failed()), (403, "D:need-privileges"));

        // Whoever only subscribes, and a browser that was given the other address.
        let file = format!("{home}calendar.ics");
        let led = house.ask("", "GET", &home, "", "").await;
        assert_eq!((led.status, led.header("location")), (303, file.as_str()));
        let got = house.ask("", "GET", &file, "", "").await;
        assert_eq!((got.status, got.header("content-type")), (200, "text/calendar; charset=utf-8"));
        assert!(got.text.contains("UID:1") && !got.text.contains("UID:2"), "{}", got.text);
        let known = format!("if-none-match: {}", got.header("etag"));
        assert_eq!(house.ask("", "GET", &file, &known, "").await.status, 304);

        // Dead at once, and no password opens it.
        assert_eq!(offer(&house, TEAM, &remove("eve@elsewhere.test")).await.status, 200);
        for (method, path) in [("GET", &file), ("PROPFIND", &home), ("PROPFIND", &calendar)] {
            assert_eq!(ask(&house, method, path, "depth: 0", "").await.status, 404);
            assert_eq!(house.ask("julie", method, path, "depth: 0", "").await.status, 404);
        }
        assert!(!invited(&house, "julie", TEAM).await.contains("eve@"));
    });
}

#[test]
fn who_is_elsewhere_edits_and_reaches_nothing_else() {
    on_both_engines(|house| async move {
        let secret = shared(&house, "read-write").await;
        let home = format!("/dav/calendars/outside-{secret}/");
        let calendar = discover(&house, &home).await;
        let (mine, put) = (format!("{calendar}3.ics"), event("3", AT_NINE));
        let written = ask(&house, "PUT", &mine, "if-none-match: *", &put).await;
        assert_eq!(written.status, 201, "{}", written.text);
        let etag = written.header("etag").to_owned();
        assert_eq!(ask(&house, "PUT", &mine, "if-match: \"0\"", &put).await.status, 412);
        let tagged = format!("if: <{mine}> ([{etag}])");
        assert_eq!(ask(&house, "PUT", &mine, &tagged, &put).await.status, 204);
        // Where Julie has it, it has another: alarms are hers there.
        let hers = house.julie("GET", "team/3.ics", "", "").await;
        assert_eq!((hers.status, &hers.text), (200, &put));
        assert_ne!(hers.header("etag"), etag);
        let moved = format!("destination: {calendar}4.ics");
        let julies = "/dav/calendars/julie@example.test/";
        for (method, path, headers, body, status) in [
            ("MOVE", mine.as_str(), moved.as_str(), "", 403),
            (
                "COPY",
                &mine,
                "destination: /dav/calendars/julie@example.test/personal/9.ics",
                "",
                403,
            ),
            ("LOCK", &mine, "", "", 403),
            ("DELETE", &calendar, "", "", 403),
            ("PROPPATCH", &calendar, "", "", 403),
            ("ACL", &calendar, "", "", 403),
            ("MKCALENDAR", &format!("{home}new/"), "", "", 403),
            ("PROPFIND", &format!("{home}inbox/"), "depth: 0", "", 404),
            ("PROPFIND", &format!("{home}outbox/"), "depth: 0", "", 404),
            ("PROPFIND", &format!("{home}team/"), "depth: 0", "", 404),
            ("PROPFIND", &format!("/dav/addressbooks/outside-{secret}/"), "depth: 1", "", 404),
            ("PROPFIND", &format!("/dav/files/outside-{secret}/"), "depth: 1", "", 404),
            ("GET", &format!("/dav/addressbooks/outside-{secret}/directory/1.vcf"), "", "", 403),
            ("PROPFIND", "/dav/principals/julie@example.test/", "depth: 0", "", 401),
            ("PROPFIND", julies, "depth: 0", "", 401),
            ("PROPFIND", "/dav/", "depth: 0", "", 401),
        ] {
            let answer = ask(&house, method, path, headers, body).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        }
        let search = "<principal-property-search xmlns=\"DAV:\" test=\"anyof\"><property-search>\
            <prop><displayname/></prop><match>julie</match></property-search>\
            <prop><displayname/></prop></principal-property-search>";
        let principal = format!("/dav/principals/outside-{secret}/");
        let found = ask(&house, "REPORT", &principal, "depth: 0", search).await;
        assert!(!found.text.contains("julie"), "{}", found.text);
        let expand = "<expand-property xmlns=\"DAV:\"><property name=\"owner\">\
            <property name=\"displayname\"/><property name=\"group-member-set\"/></property>\
            </expand-property>";
        let found = ask(&house, "REPORT", &calendar, "depth: 0", expand).await;
        assert!(!found.text.contains("displayname"), "{}", found.text);
        // They speak for nobody.
        let meeting = "ORGANIZER:mailto:julie@example.test\r\n\
            ATTENDEE:mailto:dan@elsewhere.test\r\n";
        let meeting = put.replace("END:VEVENT", &format!("{meeting}END:VEVENT"));
        let refused = ask(&house, "PUT", &mine, "", &meeting).await;
        assert_eq!((refused.status, refused.failed()), (403, "D:need-privileges"));
        assert_eq!(ask(&house, "DELETE", &mine, "", "").await.status, 204);
    });
}

#[test]
fn who_may_shares_on_with_others_elsewhere() {
    on_both_engines(|house| async move {
        let secret = shared(&house, "read-write").await;
        let calendar = discover(&house, &format!("/dav/calendars/outside-{secret}/")).await;
        let offer_on = async |what: &str| {
            let body = format!(
                "<CS:share xmlns:D=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\">{what}\
                 </CS:share>"
            );
            ask(&house, "POST", &calendar, XML, &body).await
        };
        assert_eq!(offer_on(&set("dan@elsewhere.test", "read")).await.status, 403);
        house.grant_elsewhere("team", "eve@elsewhere.test", storage::CollectionRights::SHARE).await;
        let modes = "<CS:allowed-sharing-modes/><CS:invite/>";
        let seen = find(&house, &calendar, "0", modes).await;
        assert!(seen.contains("can-be-shared") && !seen.contains("can-be-published"), "{seen}");
        let offered = offer_on(&set("dan@elsewhere.test", "read-write")).await;
        assert_eq!(offered.status, 200, "{}", offered.text);
        let letter = house.sent().remove(0);
        assert_eq!(letter.wish_of.as_deref(), Some("eve@elsewhere.test"));
        // Who has an account here is none of theirs, whether there is one or not.
        for name in ["paul", "nobody"] {
            let told = offer_on(&set(&format!("{name}@example.test"), "read")).await;
            assert_eq!(told.status, 207);
            assert!(told.text.contains("HTTP/1.1 403 Forbidden"), "{}", told.text);
        }
        house.share("team", "paul@example.test", storage::CollectionRights::READ).await;
        let seen = find(&house, &calendar, "0", modes).await;
        assert!(seen.contains("dan@elsewhere.test") && !seen.contains("paul"), "{seen}");
        let dans = format!("/dav/calendars/outside-{}/calendar.ics", letter.secret);
        assert_eq!(house.ask("", "GET", &dans, "", "").await.status, 200);
        offer(&house, TEAM, &remove("eve@elsewhere.test")).await;
        assert_eq!(house.ask("", "GET", &dans, "", "").await.status, 404);
    });
}

#[test]
fn who_is_nobodys_is_refused_and_a_line_must_be_secret() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        let told = offer(&house, TEAM, &set("nobody@example.test", "read")).await;
        assert_eq!(told.status, 207);
        assert!(told.text.contains("HTTP/1.1 403 Forbidden"), "{}", told.text);
        let told = offer(&house, TEAM, &remove("stranger@elsewhere.test")).await;
        assert!(told.text.contains("HTTP/1.1 403 Forbidden"), "{}", told.text);
        let book = "/dav/addressbooks/julie@example.test/personal/";
        let told = offer(&house, book, &set("eve@elsewhere.test", "read")).await;
        assert!(told.text.contains("HTTP/1.1 403 Forbidden"), "{}", told.text);
        assert!(house.sent().is_empty());
    });
    on_both_engines_with(
        |settings| settings.plaintext_auth = false,
        |house| async move {
            let told = house.ask("", "GET", "/dav/calendars/outside-1/calendar.ics", "", "").await;
            assert_eq!(told.status, 403);
        },
    );
}
