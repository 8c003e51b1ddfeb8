//! How programs find what is theirs (RFC 6764, RFC 5397), and do not find what is not.

use crate::house::on_both_engines;

const PRINCIPAL: &str =
    "<propfind xmlns=\"DAV:\"><prop><current-user-principal/></prop></propfind>";

#[test]
fn programs_find_their_way() {
    on_both_engines(|house| async move {
        for kind in ["caldav", "carddav"] {
            let path = format!("/.well-known/{kind}");
            let answer = house.ask("", "PROPFIND", &path, "depth: 0", PRINCIPAL).await;
            assert_eq!((answer.status, answer.header("location")), (301, "/dav/"));
        }
        let answer = house.ask("", "PROPFIND", "/", "depth: 0", PRINCIPAL).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"Posthorn\", charset=\"UTF-8\""
        );
        for path in ["/", "/dav/", "/dav/principals/"] {
            let answer = house.ask("julie", "PROPFIND", path, "depth: 0", PRINCIPAL).await;
            let expect = "<D:prop><D:current-user-principal>\
                          <D:href>/dav/principals/julie@example.test/</D:href>\
                          </D:current-user-principal></D:prop>";
            assert!(answer.status == 207 && answer.text.contains(expect), "{}", answer.text);
        }
        let homes = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
                     xmlns:R=\"urn:ietf:params:xml:ns:carddav\"><prop><C:calendar-home-set/>\
                     <R:addressbook-home-set/><x/></prop></propfind>";
        let path = "/dav/principals/julie%40example.test/";
        let answer = house.ask("julie", "PROPFIND", path, "depth: 0", homes).await;
        let start = answer.text.find("<D:response>").unwrap();
        assert_eq!(
            &answer.text[start..],
            "<D:response><D:href>/dav/principals/julie@example.test/</D:href><D:propstat><D:prop>\
             <C:calendar-home-set><D:href>/dav/calendars/julie@example.test/</D:href>\
             </C:calendar-home-set><CARD:addressbook-home-set>\
             <D:href>/dav/addressbooks/julie@example.test/</D:href></CARD:addressbook-home-set>\
             </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop>\
             <D:x/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>\
             </D:multistatus>"
        );
        let options = house.ask("julie", "OPTIONS", path, "", "").await;
        assert!(options.header("dav").starts_with("1, 2, 3, access-control"));
    });
}

#[test]
fn homes_of_others_are_not_there() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        for path in [
            "/dav/calendars/julie@example.test/",
            "/dav/calendars/julie@example.test/personal/",
            "/dav/calendars/julie@example.test/inbox/",
            "/dav/calendars/julie@example.test/outbox/",
            "/dav/calendars/nobody@example.test/",
            "/dav/calendars/julie@elsewhere.test/",
            "/dav/calendars/julie/",
        ] {
            for depth in ["depth: 0", "depth: 1"] {
                let answer = house.ask("paul", "PROPFIND", path, depth, "").await;
                assert_eq!(answer.status, 404, "{path}");
            }
        }
        let path = "/dav/calendars/julie@example.test/personal/x.ics";
        for method in ["GET", "PUT", "DELETE"] {
            let answer = house.ask("paul", method, path, "", "").await;
            assert!(matches!(answer.status, 404 | 409), "{method} {}", answer.status);
        }
    });
}

#[test]
fn people_are_found_by_name_and_address() {
    on_both_engines(|house| async move {
        let search = |property: &str, text: &str| {
            format!(
                "<principal-property-search xmlns=\"DAV:\" \
                 xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><property-search><prop><{property}/>\
                 </prop><match>{text}</match></property-search><prop><displayname/></prop>\
                 </principal-property-search>"
            )
        };
        for (property, text, found) in [
            ("displayname", "PAU", "paul"),
            ("C:calendar-user-address-set", "paul@", "paul"),
            ("displayname", "nobody", ""),
            ("C:calendar-home-set", "/dav/calendars/julie@example.test/", "julie"),
        ] {
            let body = search(property, text);
            let path = "/dav/principals/";
            let answer = house.ask("julie", "REPORT", path, "depth: 0", &body).await;
            assert_eq!(answer.status, 207);
            let count = answer.text.matches("<D:response>").count();
            assert_eq!(count, usize::from(!found.is_empty()), "{text}");
            assert!(answer.text.contains(&format!("<D:displayname>{found}")) || found.is_empty());
        }
        let set = "<principal-search-property-set xmlns=\"DAV:\"/>";
        let answer = house.ask("julie", "REPORT", "/dav/principals/", "depth: 0", set).await;
        assert_eq!(answer.status, 200);
        let expand = "<expand-property xmlns=\"DAV:\"><property name=\"current-user-principal\">\
                      <property name=\"displayname\"/></property></expand-property>";
        let answer = house.ask("julie", "REPORT", "/dav/", "depth: 0", expand).await;
        assert!(answer.text.contains("julie</"), "{}", answer.text);
    });
}

/// Apple's programs do nothing of this where the header does not say that it is there.
#[test]
fn what_apple_programs_look_for_is_said_and_served() {
    on_both_engines(|house| async move {
        let principal = "/dav/principals/julie@example.test/";
        let home = "/dav/calendars/julie@example.test/";
        for path in [principal, home] {
            let options = house.ask("julie", "OPTIONS", path, "", "").await;
            assert_eq!(
                options.header("dav"),
                "1, 2, 3, access-control, extended-mkcol, calendar-access, calendar-auto-schedule, \
                 calendar-availability, calendar-no-timezone, addressbook, calendar-proxy, \
                 calendarserver-sharing, calendarserver-subscribed, \
                 calendarserver-principal-property-search, calendarserver-principal-search, \
                 calendarserver-home-sync, calendar-managed-attachments"
            );
        }
        // calendarserver-home-sync
        let sync = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level>\
                    <prop><getctag xmlns=\"http://calendarserver.org/ns/\"/></prop>\
                    </sync-collection>";
        for home in [home, "/dav/addressbooks/julie@example.test/"] {
            let answer = house.ask("julie", "REPORT", home, "", sync).await;
            let member = format!("<D:response><D:href>{home}personal/</D:href>");
            assert!(answer.status == 207 && answer.text.contains(&member), "{}", answer.text);
            assert!(answer.text.contains("</D:response><D:sync-token>"), "{}", answer.text);
        }
        // calendarserver-principal-property-search: one of several properties, at most so many.
        let one = |property: &str, kind: &str, text: &str| {
            format!(
                "<property-search><prop><{property}/></prop><match match-type=\"{kind}\">{text}\
                 </match></property-search>"
            )
        };
        let all = [one("displayname", "starts-with", "pau"), one("displayname", "equals", "julie")];
        let found = |text: &str| text.matches("<D:displayname>").count();
        for (limit, count, truncated) in [("", 2, false), ("1", 1, true)] {
            let limit = match limit {
                "" => String::new(),
                max => format!("<limit><nresults>{max}</nresults></limit>"),
            };
            let body = format!(
                "<principal-property-search xmlns=\"DAV:\" test=\"anyof\">{}{limit}\
                 <prop><displayname/></prop></principal-property-search>",
                all.concat()
            );
            let path = "/dav/principals/";
            let answer = house.ask("julie", "REPORT", path, "depth: 0", &body).await;
            assert_eq!((answer.status, found(&answer.text)), (207, count), "{}", answer.text);
            assert_eq!(answer.text.contains("507 Insufficient Storage"), truncated);
        }
        // calendarserver-principal-search: every word of what was typed.
        for (words, count) in [(&["pau", "example"][..], 1), (&["pau", "julie"], 0)] {
            let tokens =
                words.iter().map(|word| format!("<C:search-token>{word}</C:search-token>"));
            let body = format!(
                "<C:calendarserver-principal-search xmlns=\"DAV:\" context=\"attendee\" \
                 xmlns:C=\"http://calendarserver.org/ns/\">{}<prop><displayname/></prop>\
                 </C:calendarserver-principal-search>",
                tokens.collect::<String>()
            );
            let path = "/dav/principals/";
            let answer = house.ask("julie", "REPORT", path, "depth: 0", &body).await;
            assert_eq!((answer.status, found(&answer.text)), (207, count), "{}", answer.text);
        }
        // calendarserver-subscribed
        let body = "<mkcol xmlns=\"DAV:\" xmlns:C=\"http://calendarserver.org/ns/\"><set><prop>\
                    <resourcetype><collection/><C:subscribed/></resourcetype><C:source>\
                    <href>https://example.test/a.ics</href></C:source></prop></set></mkcol>";
        let made = house.julie("MKCOL", "news/", "content-type: text/xml", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let ask = "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";
        let told = house.julie("PROPFIND", "news/", "depth: 0", ask).await.text;
        assert!(told.contains("<D:collection/><CS:subscribed/></D:resourcetype>"), "{told}");
    });
}

/// RFC 5995 §3.2.1: who is told of it is answered otherwise than by 405.
#[test]
fn members_are_added_where_it_is_said() {
    on_both_engines(|house| async move {
        let ask = "<propfind xmlns=\"DAV:\"><prop><add-member/></prop></propfind>";
        for (name, is_told) in [("personal/", true), ("inbox/", false), ("notifications/", false)] {
            let told = house.julie("PROPFIND", name, "depth: 0", ask).await.text;
            let href = format!("/dav/calendars/julie@example.test/{name}?add-member");
            assert_eq!(told.contains(&href), is_told, "{told}");
            let type_ = "content-type: text/calendar";
            let added = house.julie("POST", &format!("{name}?add-member"), type_, "x").await;
            assert_eq!(added.status == 405, !is_told, "{name} {}", added.status);
        }
    });
}
