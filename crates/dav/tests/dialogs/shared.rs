//! What is shared, and what is not told beside it (R-SHARE-1, RFC 3744).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::on_both_engines;

#[test]
fn conditions_tell_nothing_of_what_may_not_be_read() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        house.share("team", "paul@example.test", CollectionRights::WRITE).await;
        let own = house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let team = house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        let (own, team) = (own.header("etag"), team.header("etag"));
        let home = "/dav/calendars/julie@example.test";
        let elsewhere = "/dav/calendars/paul@example.test";
        for (path, etag, status) in [
            (format!("{home}/team/1.ics"), team, 201),
            (format!("{home}/team/1.ics"), "\"0\"", 412),
            // Right, and not his to know.
            (format!("{home}/personal/1.ics"), own, 412),
            // Nothing is there; Julie has something of that name.
            (format!("{elsewhere}/team/1.ics"), team, 412),
        ] {
            let header = format!("if: <{path}> ([{etag}])");
            let to = format!("{home}/team/new.ics");
            let answer = house.ask("paul", "PUT", &to, &header, &event("new", AT_NINE)).await;
            assert_eq!(answer.status, status, "{header}");
            house.julie("DELETE", "team/new.ics", "", "").await;
        }
        let header = format!("if: <{home}/personal/1.ics> ([{own}])");
        let answer = house.julie("PUT", "team/2.ics", &header, &event("2", AT_NINE)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    });
}

#[test]
fn lists_of_rights_may_name_people_of_other_domains() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        house.move_in_at("ann", "elsewhere.test").await;
        house.share("personal", "ann@elsewhere.test", CollectionRights::READ).await;
        house.share("personal", "paul@example.test", CollectionRights::READ).await;
        let body = "<acl-principal-prop-set xmlns=\"DAV:\"><prop><displayname/></prop>\
                    </acl-principal-prop-set>";
        let answer = house.julie("REPORT", "personal/", "depth: 0", body).await;
        assert_eq!(answer.status, 207);
        for (name, is_told) in [("julie", true), ("paul", true), ("ann", false)] {
            let told = answer.text.contains(&format!("<D:displayname>{name}</D:displayname>"));
            assert_eq!(told, is_told, "{}", answer.text);
        }
    });
}

#[test]
fn locks_are_shown_where_they_are() {
    on_both_engines(|house| async move {
        for name in ["julie", "paul"] {
            let home = format!("/dav/calendars/{name}@example.test/");
            assert_eq!(house.ask(name, "PROPFIND", &home, "depth: 0", "").await.status, 207);
        }
        house.share("personal", "paul@example.test", CollectionRights::WRITE).await;
        let lock = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
                    <D:locktype><D:write/></D:locktype></D:lockinfo>";
        let home = "/dav/calendars/paul@example.test/";
        let own = format!("{home}personal/");
        assert_eq!(house.ask("paul", "LOCK", &own, "depth: 0", lock).await.status, 200);
        // Both are called so by their owners.
        let ask = "<propfind xmlns=\"DAV:\"><prop><lockdiscovery/></prop></propfind>";
        let answer = house.ask("paul", "PROPFIND", home, "depth: 1", ask).await;
        assert_eq!(answer.text.matches("<D:activelock>").count(), 1, "{}", answer.text);
    });
}

/// Reads one value out of an answer: what stands between two texts.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    assert!(found.is_some(), "{before} … {after} in {text}");
    found.unwrap().0
}

/// What Paul calls the only collection that others share with him.
pub(crate) async fn path_of_shared(house: &crate::house::House, home: &str) -> String {
    let home = format!("/dav/{home}/paul@example.test/");
    let ask = "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";
    let answer = house.ask("paul", "PROPFIND", &home, "depth: 1", ask).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let name = between(&answer.text, &format!("<D:href>{home}shared-"), "/</D:href>");
    format!("{home}shared-{name}/")
}

const LOOKS: &str = "<propfind xmlns=\"DAV:\" xmlns:A=\"http://apple.com/ns/ical/\" \
    xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop>\
    <displayname/><A:calendar-color/><C:schedule-calendar-transp/><resourcetype/><owner/>\
    <C:default-alarm-vevent-datetime/><CS:getctag/></prop></propfind>";

#[test]
fn what_others_share_stands_in_ones_own_home() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        let put = house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        house.share("team", "paul@example.test", CollectionRights::WRITE).await;
        let path = path_of_shared(&house, "calendars").await;

        let get = house.ask("paul", "GET", &format!("{path}1.ics"), "", "").await;
        let etag = get.header("etag").to_owned();
        // Alarms are one's own there, and so is the etag.
        assert_eq!((get.status, etag.len()), (200, put.header("etag").len()));
        assert_ne!(etag, put.header("etag"));
        let header = format!("if-match: {etag}");
        let new = event("1", "DTSTART:20260105T110000Z\r\n");
        let answer = house.ask("paul", "PUT", &format!("{path}1.ics"), &header, &new).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        let answer = house.ask("paul", "PUT", &format!("{path}1.ics"), &header, &new).await;
        assert_eq!(answer.status, 412);
        // Conditions on other resources are named as his programs know them.
        let there = format!("if: <{path}1.ics> ([{etag}])");
        let (second, body) = (format!("{path}2.ics"), event("2", AT_NINE));
        assert_eq!(house.ask("paul", "PUT", &second, &there, &body).await.status, 412);
        let now = house.ask("paul", "GET", &format!("{path}1.ics"), "", "").await;
        let there = format!("if: <{path}1.ics> ([{}])", now.header("etag"));
        assert_eq!(house.ask("paul", "PUT", &second, &there, &body).await.status, 201);
        let to = format!("destination: {path}3.ics");
        let moved = house.ask("paul", "MOVE", &second, &to, "").await;
        assert_eq!((moved.status, moved.header("location")), (201, &*format!("{path}3.ics")));

        // Every report tells the paths that it was asked by.
        let sync = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level>\
                    <prop><getetag/></prop></sync-collection>";
        let multiget = format!(
            "<C:calendar-multiget xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
             <getetag/></prop><href>{path}1.ics</href></C:calendar-multiget>"
        );
        for body in [sync, &multiget] {
            let answer = house.ask("paul", "REPORT", &path, "depth: 0", body).await;
            assert_eq!(answer.status, 207);
            assert!(answer.text.contains(&format!("<D:href>{path}1.ics</D:href>")), "{body}");
            assert!(!answer.text.contains("/julie@"), "{}", answer.text);
        }
    });
}

#[test]
fn what_others_share_looks_as_one_likes() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        let patch = |name: &str, color: &str| {
            format!(
                "<propertyupdate xmlns=\"DAV:\" xmlns:A=\"http://apple.com/ns/ical/\" \
                 xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop><displayname>{name}\
                 </displayname><A:calendar-color>{color}</A:calendar-color>\
                 <C:default-alarm-vevent-datetime>{name}</C:default-alarm-vevent-datetime>\
                 </prop></set></propertyupdate>"
            )
        };
        house.julie("PROPPATCH", "team/", "", &patch("Team", "#111111")).await;
        house.share("team", "paul@example.test", CollectionRights::READ).await;
        let path = path_of_shared(&house, "calendars").await;
        let home = "/dav/calendars/paul@example.test/";
        let tag = |text: &str| between(text, "<CS:getctag>", "</CS:getctag>").to_owned();
        let before = house.ask("paul", "PROPFIND", home, "depth: 0", LOOKS).await;

        let looks = house.ask("paul", "PROPFIND", &path, "depth: 0", LOOKS).await.text;
        for wanted in [
            "<D:displayname>Team (julie)</D:displayname>",
            "#111111",
            "<C:transparent/>",
            "<D:collection/><C:calendar/><CS:shared/>",
            "<D:owner><D:href>/dav/principals/julie@example.test/</D:href></D:owner>",
        ] {
            assert!(looks.contains(wanted), "{wanted} in {looks}");
        }
        assert!(!looks.contains(">Team<"), "{looks}");
        let answer = house.ask("paul", "PROPPATCH", &path, "", &patch("Hers", "#222222")).await;
        assert!(!answer.text.contains("40"), "{}", answer.text);
        let looks = house.ask("paul", "PROPFIND", &path, "depth: 0", LOOKS).await.text;
        for wanted in
            [">Hers</D:displayname>", "#222222", ">Hers</C:default-alarm-vevent-datetime>"]
        {
            assert!(looks.contains(wanted), "{wanted} in {looks}");
        }
        let after = house.ask("paul", "PROPFIND", home, "depth: 0", LOOKS).await;
        assert_ne!(tag(&before.text), tag(&after.text));
        let own = house.julie("PROPFIND", "team/", "depth: 0", LOOKS).await.text;
        for wanted in [">Team</D:displayname>", "#111111", "<CS:shared-owner/>", "<C:opaque/>"] {
            assert!(own.contains(wanted), "{wanted} in {own}");
        }
    });
}

#[test]
fn who_deletes_what_others_share_leaves_it() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        assert_eq!(house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await.status, 201);
        house.share("team", "paul@example.test", CollectionRights::SHARE).await;
        let path = path_of_shared(&house, "calendars").await;
        assert_eq!(house.ask("paul", "DELETE", &path, "if-match: \"x\"", "").await.status, 412);
        assert_eq!(house.ask("paul", "DELETE", &path, "", "").await.status, 204);
        assert_eq!(house.ask("paul", "PROPFIND", &path, "depth: 0", "").await.status, 404);
        let by_owner = "/dav/calendars/julie@example.test/team/1.ics";
        assert_eq!(house.ask("paul", "GET", by_owner, "", "").await.status, 404);
        assert_eq!(house.julie("GET", "team/1.ics", "", "").await.status, 200);
        // Nobody makes a collection that would be taken for another's.
        assert_eq!(house.ask("paul", "MKCALENDAR", &path, "", "").await.status, 403);
    });
}

#[test]
fn what_is_shared_is_listed_and_shut_while_its_owner_is_in_maintenance() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        house.share("team", "paul@example.test", CollectionRights::WRITE).await;
        let home = "/dav/calendars/paul@example.test/";
        let ask = "<propfind xmlns=\"DAV:\" xmlns:CS=\"http://calendarserver.org/ns/\"><prop>\
                   <resourcetype/><displayname/><CS:getctag/><sync-token/></prop></propfind>";
        let list = async || {
            let answer = house.ask("paul", "PROPFIND", home, "depth: 1", ask).await;
            assert_eq!(answer.status, 207);
            // All but the home itself, whose token says that something in it is otherwise.
            answer.text.split_once("</D:response>").unwrap().1.to_owned()
        };
        let before = list().await;
        let shared = format!("{home}shared-{}/", between(&before, &format!("{home}shared-"), "/<"));
        let set = async |maintenance| {
            let julie = storage::Address::parse("julie@example.test").unwrap();
            let set = house.store.write("test", move |tx| {
                let julie = tx.find_account(&julie)?.unwrap().id;
                tx.account(julie)?.set_maintenance(maintenance)
            });
            set.await.unwrap();
        };
        set(true).await;
        assert_eq!(list().await, before);
        let julies = "/dav/calendars/julie@example.test/team/";
        let sync = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level><prop>\
                    <getetag/></prop></sync-collection>";
        let multiget = format!(
            "<C:calendar-multiget xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
             <D:prop><D:getetag/></D:prop><D:href>{shared}1.ics</D:href></C:calendar-multiget>"
        );
        let (inside, new) = (format!("{shared}1.ics"), event("2", AT_NINE));
        let moving = format!("destination: {home}personal/1.ics");
        for (method, path, headers, body) in [
            ("GET", inside.as_str(), "", ""),
            ("PROPFIND", &inside, "depth: 0", ""),
            ("PROPFIND", &shared, "depth: 1", ""),
            ("REPORT", &shared, "depth: 0", sync),
            ("REPORT", &shared, "depth: 1", &multiget),
            ("REPORT", home, "depth: 1", &multiget),
            ("PUT", &format!("{shared}2.ics"), "", &new),
            ("DELETE", &inside, "", ""),
            ("MOVE", &inside, &moving, ""),
            ("PROPFIND", julies, "depth: 0", ""),
            ("GET", &format!("{julies}1.ics"), "", ""),
        ] {
            let answer = house.ask("paul", method, path, headers, body).await;
            assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text);
        }
        let ask = "<propfind xmlns=\"DAV:\"><prop><current-user-privilege-set/></prop></propfind>";
        let told = house.ask("paul", "PROPFIND", &shared, "depth: 0", ask).await;
        assert_eq!(told.status, 207);
        assert!(told.text.contains("<D:read/>") && !told.text.contains("write-content"));
        set(false).await;
        assert_eq!(list().await, before);
        assert_eq!(house.ask("paul", "GET", &inside, "", "").await.status, 200);
        // In an account that is closed nothing is told of what is not shared.
        set(true).await;
        let own = "/dav/calendars/julie@example.test/personal/";
        assert_eq!(house.ask("paul", "PROPFIND", own, "depth: 0", "").await.status, 404);
    });
}

#[test]
fn objects_move_between_ones_own_and_what_is_shared() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        let home = "/dav/calendars/paul@example.test/";
        house.ask("paul", "PUT", &format!("{home}personal/1.ics"), "", &event("1", AT_NINE)).await;
        house.share("team", "paul@example.test", CollectionRights::WRITE).await;
        let listed = house.ask("paul", "PROPFIND", home, "depth: 1", "").await.text;
        let shared = format!("{home}shared-{}/", between(&listed, &format!("{home}shared-"), "/<"));
        let (own, there) = (format!("{home}personal/1.ics"), format!("{shared}1.ics"));
        let to = |path: &str, more: &str| format!("destination: {path}{more}");
        let wrong = to(&there, "\nif-match: \"0\"");
        assert_eq!(house.ask("paul", "MOVE", &own, &wrong, "").await.status, 412);
        let moved = house.ask("paul", "MOVE", &own, &to(&there, "\noverwrite: F"), "").await;
        assert_eq!((moved.status, moved.header("location")), (201, there.as_str()));
        assert_eq!(house.ask("paul", "GET", &own, "", "").await.status, 404);
        assert_eq!(house.julie("GET", "team/1.ics", "", "").await.status, 200);
        // And back, over what is there or not.
        let copied = house.ask("paul", "COPY", &there, &to(&own, ""), "").await;
        assert_eq!(copied.status, 201, "{}", copied.text);
        let refused = house.ask("paul", "COPY", &there, &to(&own, "\noverwrite: F"), "").await;
        assert_eq!(refused.status, 412);
        assert_eq!(house.ask("paul", "MOVE", &there, &to(&own, ""), "").await.status, 204);
        assert_eq!(house.julie("GET", "team/1.ics", "", "").await.status, 404);
        // Not a calendar, and not where he may only read.
        let calendar = to("/dav/calendars/julie@example.test/new/", "");
        let personal = format!("{home}personal/");
        assert_eq!(house.ask("paul", "MOVE", &personal, &calendar, "").await.status, 403);
        house.share("team", "paul@example.test", CollectionRights::READ).await;
        let refused = house.ask("paul", "MOVE", &own, &to(&there, ""), "").await;
        assert_eq!((refused.status, refused.failed()), (403, "D:need-privileges"));
        assert_eq!(house.ask("paul", "GET", &own, "", "").await.status, 200);
    });
}
