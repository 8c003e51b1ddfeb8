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
