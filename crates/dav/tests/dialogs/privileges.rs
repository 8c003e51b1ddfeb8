//! Privileges that are wanting, by name (RFC 3744 §7.1.1, appendix B).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};
use crate::proxies;

const JULIE: &str = "/dav/calendars/julie@example.test/";
const PAUL: &str = "/dav/calendars/paul@example.test/";

/// DAV:need-privileges with these, each behind the path of its resource.
fn need(privileges: &[(&str, &str)]) -> String {
    let each: String = privileges
        .iter()
        .map(|(href, name)| {
            format!(
                "<D:resource><D:href>{href}</D:href><D:privilege><{name}/></D:privilege>\
                 </D:resource>"
            )
        })
        .collect();
    format!("<D:need-privileges>{each}</D:need-privileges>")
}

fn assert_lacks(answer: &Answered, privileges: &[(&str, &str)], what: &str) {
    let body = format!(">{}</D:error>", need(privileges));
    assert_eq!(answer.status, 403, "{what}");
    assert!(answer.text.ends_with(&body), "{what}: {body} in {}", answer.text);
}

impl House {
    /// A calendar of Julie's with one event, which Paul reads; its path in his home. He has an
    /// event of his own.
    async fn share_to_read(&self) -> String {
        assert_eq!(self.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        self.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        let own = format!("{PAUL}personal/2.ics");
        assert_eq!(self.ask("paul", "PUT", &own, "", &event("2", AT_NINE)).await.status, 201);
        self.share("team", "paul@example.test", CollectionRights::READ).await;
        let listed = self.ask("paul", "PROPFIND", PAUL, "depth: 1", "").await.text;
        let number = listed.split_once(&format!("{PAUL}shared-")).unwrap().1;
        format!("{PAUL}shared-{}/", number.split_once('/').unwrap().0)
    }
}

#[test]
fn of_what_is_brought_elsewhere() {
    on_both_engines(|house| async move {
        let shared = house.share_to_read().await;
        let (one, team) = (format!("{shared}1.ics"), format!("{JULIE}team/"));
        let own = format!("{PAUL}personal/2.ics");
        let at_julies = format!("{team}1.ics");
        for (method, path, to, lacking) in [
            ("MOVE", &own, format!("{shared}2.ics"), &[(shared.as_str(), "D:bind")][..]),
            ("MOVE", &one, format!("{PAUL}personal/1.ics"), &[(&shared, "D:unbind")]),
            // Both are of one calendar, and of one that is not seen.
            ("MOVE", &at_julies, format!("{team}2.ics"), &[(&team, "D:unbind"), (&team, "D:bind")]),
            ("COPY", &own, format!("{shared}2.ics"), &[(&shared, "D:bind")]),
            ("COPY", &own, one.clone(), &[(&one, "D:write-content")]),
            // A home is its owner's.
            ("MOVE", &format!("{PAUL}personal/"), format!("{JULIE}x/"), &[(JULIE, "D:bind")]),
        ] {
            let headers = format!("destination: {to}");
            let answer = house.ask("paul", method, path, &headers, "").await;
            assert_lacks(&answer, lacking, &format!("{method} {path} {to}"));
        }
        assert_eq!(house.ask("paul", "GET", &own, "", "").await.status, 200);
        assert_eq!(house.julie("GET", "team/1.ics", "", "").await.status, 200);
        // What is new is bound to its collection, where nothing is in its place.
        for (name, lacking) in
            [("3.ics", (&shared, "D:bind")), ("1.ics", (&one, "D:write-content"))]
        {
            let path = format!("{shared}{name}");
            let answer = house.ask("paul", "PUT", &path, "", &event("3", AT_NINE)).await;
            assert_lacks(&answer, &[(lacking.0, lacking.1)], name);
        }
    });
}

#[test]
fn of_what_is_posted() {
    on_both_engines(|house| async move {
        let shared = house.share_to_read().await;
        let one = format!("{shared}1.ics");
        let share = "<CS:publish-calendar xmlns:CS=\"http://calendarserver.org/ns/\"/>";
        for (path, query, kind, body, privilege) in [
            (&shared, "?add-member", "text/calendar", event("3", AT_NINE).as_str(), "D:bind"),
            (&one, "?action=attachment-add", "text/plain", "x", "D:write-content"),
            (&shared, "", "text/xml", share, "D:write-acl"),
        ] {
            let headers = format!("content-type: {kind}");
            let answer = house.ask("paul", "POST", &format!("{path}{query}"), &headers, body).await;
            assert_lacks(&answer, &[(path, privilege)], query);
        }
        // RFC 6638 §6.2.4: who acts for somebody, and only reads.
        let outbox = format!("{JULIE}outbox/");
        let ask = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
        assert_eq!(house.ask("paul", "POST", &outbox, "", ask).await.status, 404);
        proxies::set(&house, "julie", proxies::READ, &["/dav/principals/paul@example.test/"]).await;
        let answer = house.ask("paul", "POST", &outbox, "", ask).await;
        assert_lacks(&answer, &[(&outbox, "C:schedule-send-freebusy")], "outbox");
    });
}

/// RFC 3744 §3.6: what is there, and not for whoever asks.
#[test]
fn of_lists_of_rights() {
    on_both_engines(|house| async move {
        let shared = house.share_to_read().await;
        let one = format!("{shared}1.ics");
        let ask = "<propfind xmlns=\"DAV:\"><prop><acl/><current-user-privilege-set/><x/></prop>\
                   </propfind>";
        let withheld = |path: &str| {
            format!(
                "<D:propstat><D:prop><D:acl/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status>\
                 <D:error>{}</D:error></D:propstat>",
                need(&[(path, "D:read-acl")])
            )
        };
        for path in [&shared, &one, "/dav/principals/julie@example.test/"] {
            for prefer in ["return=minimal", "x"] {
                let headers = format!("depth: 0\nprefer: {prefer}");
                let told = house.ask("paul", "PROPFIND", path, &headers, ask).await.text;
                assert!(told.contains(&withheld(path)), "{path}: {told}");
                assert!(told.contains("<D:current-user-privilege-set><D:privilege>"), "{told}");
                assert_eq!(told.contains("HTTP/1.1 404"), prefer == "x", "{told}");
            }
        }
        let expand = "<expand-property xmlns=\"DAV:\"><property name=\"acl\"/>\
                      <property name=\"owner\"><property name=\"acl\"/></property>\
                      </expand-property>";
        let told = house.ask("paul", "REPORT", &shared, "depth: 0", expand).await.text;
        for path in [shared.as_str(), "/dav/principals/julie@example.test/"] {
            assert!(told.contains(&withheld(path)), "{path}: {told}");
        }
        assert!(!told.contains("HTTP/1.1 404"), "{told}");
        let told = house.julie("PROPFIND", "team/", "depth: 0", ask).await.text;
        assert!(told.contains("<D:acl><D:ace>") && !told.contains("HTTP/1.1 403"), "{told}");
    });
}
