//! ACL and what shows what it did (RFC 3744).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines};

const PAUL: &str = "<href>/dav/principals/paul@example.test/</href>";

/// One entry for each principal with its privileges.
async fn acl(house: &House, path: &str, entries: &[(&str, &str)]) -> Answered {
    let mut body = String::from(
        "<acl xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:x=\"x:\">",
    );
    for (principal, privileges) in entries {
        let privileges: String = privileges
            .split_whitespace()
            .map(|one| format!("<privilege><{one}/></privilege>"))
            .collect();
        body.push_str(&format!(
            "<ace><principal>{principal}</principal><grant>{privileges}</grant></ace>"
        ));
    }
    body.push_str("</acl>");
    house.julie("ACL", path, "", &body).await
}

/// The list of a resource, and where it has it from.
async fn listed(house: &House, name: &str, path: &str) -> String {
    let body = "<propfind xmlns=\"DAV:\"><prop><acl/><inherited-acl-set/></prop></propfind>";
    let headers = "depth: 0\nprefer: return=minimal";
    let path = format!("/dav/calendars/julie@example.test/{path}");
    house.ask(name, "PROPFIND", &path, headers, body).await.text
}

#[test]
fn lists_of_rights_are_set_and_told() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        house.team("Sales", &["paul"]).await;
        let team = "<href>/dav/principals/team:Sales/</href>";
        let anyone = "<href>/dav/principals/anyone/</href>";
        let owner = "<property><owner/></property>";
        let entries =
            [(owner, "all"), (PAUL, "read"), (team, "read write"), (anyone, "C:read-free-busy")];
        assert_eq!(acl(&house, "team/", &entries).await.status, 200);
        let told = listed(&house, "julie", "team/").await;
        let entry = |href: &str, privileges: &str| {
            format!(
                "<D:ace><D:principal><D:href>{href}</D:href></D:principal><D:grant>\
                 {privileges}</D:grant>"
            )
        };
        let all = "<D:privilege><D:all/></D:privilege>";
        for wanted in [
            format!("{}<D:protected/></D:ace>", entry("/dav/principals/julie@example.test/", all)),
            entry(
                "/dav/principals/paul@example.test/",
                "<D:privilege><D:read/></D:privilege>\
                <D:privilege><D:read-current-user-privilege-set/></D:privilege>\
                <D:privilege><C:read-free-busy/></D:privilege>",
            ),
            entry("/dav/principals/anyone/", "<D:privilege><C:read-free-busy/></D:privilege>"),
            "<D:principal><D:href>/dav/principals/team:Sales/</D:href></D:principal>".to_owned(),
        ] {
            assert!(told.contains(&wanted), "{wanted} in {told}");
        }
        // By the team he may write, and what is in the calendar has its list.
        let put = "/dav/calendars/julie@example.test/team/2.ics";
        let put = house.ask("paul", "PUT", put, "", &event("2", AT_NINE)).await;
        assert_eq!(put.status, 201, "{}", put.text);
        let own = "/dav/calendars/julie@example.test/team/";
        let told = listed(&house, "julie", "team/1.ics").await;
        let from = format!("<D:inherited><D:href>{own}</D:href></D:inherited>");
        assert_eq!(told.matches(&from).count(), 4, "{told}");
        let set = format!("<D:inherited-acl-set><D:href>{own}</D:href></D:inherited-acl-set>");
        assert!(told.contains(&set), "{told}");
        // It is for those who may give rights.
        assert!(!listed(&house, "paul", "team/").await.contains("<D:acl>"));

        // Principals of the list.
        let body = "<acl-principal-prop-set xmlns=\"DAV:\"><prop><displayname/></prop>\
                    </acl-principal-prop-set>";
        let told = house.julie("REPORT", "team/", "depth: 0", body).await.text;
        for name in ["julie", "paul", "Sales", "Everybody"] {
            let wanted = format!("<D:displayname>{name}</D:displayname>");
            assert!(told.contains(&wanted), "{wanted} in {told}");
        }
        // An object has the list of its calendar (RFC 3744 §5.5.4).
        let of_object = house.julie("REPORT", "team/1.ics", "depth: 0", body).await.text;
        assert_eq!(of_object, told);
        let path = "/dav/calendars/julie@example.test/team/1.ics";
        let refused = house.ask("paul", "REPORT", path, "depth: 0", body).await;
        assert!(lacks(&refused, path, "read-acl"), "{}", refused.text);
        // RFC 3744 §9.2: of one resource.
        for (depth, status) in [("", 207), ("depth: 1", 400), ("depth: infinity", 400)] {
            assert_eq!(house.julie("REPORT", "team/", depth, body).await.status, status, "{depth}");
        }
        // What is not said is taken away.
        assert_eq!(acl(&house, "team/", &[]).await.status, 200);
        assert_eq!(listed(&house, "julie", "team/").await.matches("<D:ace>").count(), 1);
        let path = "/dav/calendars/julie@example.test/team/1.ics";
        assert_eq!(house.ask("paul", "GET", path, "", "").await.status, 404);
    });
}

#[test]
fn lists_that_cannot_be_name_one_precondition() {
    on_both_engines(|house| async move {
        assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
        for (principal, privileges, failed) in [
            (PAUL, "x:fly", "D:not-supported-privilege"),
            (PAUL, "C:schedule-send", "D:not-supported-privilege"),
            (PAUL, "write", "D:no-ace-conflict"),
            (PAUL, "read bind", "D:no-ace-conflict"),
            (PAUL, "read read-acl", "D:no-ace-conflict"),
            (PAUL, "unlock", "D:no-ace-conflict"),
            ("<all/>", "read", "D:allowed-principal"),
            ("<authenticated/>", "read", "D:allowed-principal"),
            ("<self/>", "read", "D:allowed-principal"),
            ("<property><getetag/></property>", "read", "D:allowed-principal"),
            (
                "<href>/dav/principals/paul@example.test/calendar-proxy-read/</href>",
                "read",
                "D:allowed-principal",
            ),
            ("<href>/dav/principals/nobody@example.test/</href>", "read", "D:recognized-principal"),
            ("<href>/dav/principals/team:None/</href>", "read", "D:recognized-principal"),
            ("<href>/dav/calendars/</href>", "read", "D:recognized-principal"),
            ("<href>mailto:paul@example.test</href>", "read", "D:recognized-principal"),
        ] {
            let answer = acl(&house, "team/", &[(principal, privileges)]).await;
            assert_eq!((answer.status, answer.failed()), (403, failed), "{principal} {privileges}");
        }
        for (ace, failed) in [
            (format!("<invert><principal>{PAUL}</principal></invert><grant>"), "D:no-invert"),
            (format!("<principal>{PAUL}</principal><deny>"), "D:grant-only"),
        ] {
            let end = if ace.ends_with("<grant>") { "</grant>" } else { "</deny>" };
            let body = format!(
                "<acl xmlns=\"DAV:\"><ace>{ace}<privilege><read/></privilege>{end}</ace></acl>"
            );
            let answer = house.julie("ACL", "team/", "", &body).await;
            assert_eq!((answer.status, answer.failed()), (403, failed));
        }
        // Who may not give rights, or gives them elsewhere.
        house.share("team", "paul@example.test", CollectionRights::EDIT).await;
        let path = "/dav/calendars/julie@example.test/team/";
        let body = "<acl xmlns=\"DAV:\"/>";
        let answer = house.ask("paul", "ACL", path, "", body).await;
        assert!(lacks(&answer, path, "write-acl"), "{}", answer.text);
        house.julie("PUT", "team/1.ics", "", &event("1", AT_NINE)).await;
        for path in ["inbox/", "notifications/", ""] {
            assert_eq!(house.julie("ACL", path, "", body).await.status, 405, "{path}");
        }
        // RFC 3744 §8.1.1: what is in it inherits its rights, and has none of its own.
        assert_eq!(house.julie("ACL", "team/1.ics", "", body).await.status, 200);
        let refused = acl(&house, "team/1.ics", &[(PAUL, "read")]).await;
        assert_eq!((refused.status, refused.failed()), (403, "D:no-inherited-ace-conflict"));
        assert_eq!(house.julie("ACL", "team/", "if-match: \"x\"", body).await.status, 412);
    });
}

#[test]
fn principals_are_found_in_the_whole_organisation() {
    on_both_engines(|house| async move {
        house.team("Sales", &["paul"]).await;
        house.move_in_at("ann", "sister.test").await;
        house.move_in_at("eve", "elsewhere.test").await;
        let joined =
            house.store.write("test", |tx| tx.join_organisation("sister.test", "example.test"));
        joined.await.unwrap();
        let search = |text: &str| {
            format!(
                "<principal-property-search xmlns=\"DAV:\"><property-search><prop><displayname/>\
                 </prop><match>{text}</match></property-search><prop><displayname/></prop>\
                 </principal-property-search>"
            )
        };
        for (text, path) in [
            ("ann", Some("/dav/principals/ann@sister.test/")),
            ("sale", Some("/dav/principals/team:Sales/")),
            ("eve", Some("/dav/principals/anyone/")),
            ("nobody", None),
        ] {
            let answer =
                house.ask("julie", "REPORT", "/dav/principals/", "depth: 0", &search(text)).await;
            let found: Vec<&str> = answer.text.split("<D:href>").skip(1).collect();
            let found: Vec<&str> = found.iter().filter_map(|at| at.split('<').next()).collect();
            assert_eq!(found, Vec::from_iter(path), "{text}: {}", answer.text);
        }
        let ask = "<propfind xmlns=\"DAV:\"><prop><displayname/><group-member-set/><resourcetype/>\
                   </prop></propfind>";
        for (path, status) in [
            ("ann@sister.test", 207),
            ("eve@elsewhere.test", 404),
            ("team:Sales", 207),
            ("team:sales", 207),
            ("team:None", 404),
            ("anyone", 207),
        ] {
            let path = format!("/dav/principals/{path}/");
            let answer = house.ask("julie", "PROPFIND", &path, "depth: 0", ask).await;
            assert_eq!(answer.status, status, "{path}");
        }
        let told = house.ask("julie", "PROPFIND", "/dav/principals/team:Sales/", "depth: 0", ask);
        let told = told.await.text;
        let member = "<D:group-member-set><D:href>/dav/principals/paul@example.test/</D:href>";
        assert!(told.contains(member), "{told}");
        // Paul is himself, and of two groups.
        let body = "<principal-match xmlns=\"DAV:\"><self/></principal-match>";
        let told = house.ask("paul", "REPORT", "/dav/principals/", "depth: 0", body).await.text;
        for path in ["paul@example.test", "team:Sales", "anyone"] {
            assert!(told.contains(&format!("<D:href>/dav/principals/{path}/</D:href>")), "{told}");
        }
        // RFC 3744 §9.3: members at any depth.
        let all = house.ask("paul", "REPORT", "/dav/", "depth: 0", body).await.text;
        assert_eq!(all, told);
        let told = house.ask("julie", "REPORT", "/dav/principals/", "depth: 0", body).await.text;
        assert!(!told.contains("team:Sales"), "{told}");
        // RFC 3744 §9.3, §9.5: another depth is none; Thunderbird searches with it all the same.
        let set = "<principal-search-property-set xmlns=\"DAV:\"/>".to_owned();
        for (body, status) in [(body.to_owned(), 400), (set, 400), (search("ann"), 207)] {
            let told = house.ask("paul", "REPORT", "/dav/principals/", "depth: 1", &body).await;
            assert_eq!(told.status, status, "{body}");
        }
    });
}

/// Whether an answer is 403 for want of this privilege (RFC 3744 §7.1.1).
fn lacks(answer: &Answered, href: &str, privilege: &str) -> bool {
    let body = format!(
        "><D:need-privileges><D:resource><D:href>{href}</D:href><D:privilege><D:{privilege}/>\
         </D:privilege></D:resource></D:need-privileges></D:error>"
    );
    answer.status == 403 && answer.text.ends_with(&body)
}

/// RFC 3744 §5.3, RFC 6638 §6.3.
#[test]
fn privileges_are_described() {
    on_both_engines(|house| async move {
        let ask = "<propfind xmlns=\"DAV:\"><prop><supported-privilege-set/></prop></propfind>";
        let one = |name: &str| {
            let local = name.split_once(':').unwrap().1;
            format!(
                "<D:supported-privilege><D:privilege><{name}/></D:privilege>\
                 <D:description xml:lang=\"en\">{local}</D:description>"
            )
        };
        let end = "</D:supported-privilege>";
        for (path, held) in [
            ("personal/", ""),
            ("inbox/", "deliver deliver-invite deliver-reply query-freebusy"),
            ("outbox/", "send send-invite send-reply send-freebusy"),
        ] {
            let told = house.julie("PROPFIND", path, "depth: 0", ask).await.text;
            let mut last = format!("{}{end}{}{end}", one("D:read-acl"), one("D:write-acl"));
            let mut names = held.split(' ').filter(|name| !name.is_empty());
            if let Some(first) = names.next() {
                last.push_str(&one(&format!("C:schedule-{first}")));
                names.for_each(|name| {
                    last.push_str(&one(&format!("C:schedule-{name}")));
                    last.push_str(end);
                });
                last.push_str(end);
            }
            last.push_str("</D:supported-privilege></D:supported-privilege-set>");
            assert!(told.contains(&last), "{path}: {last} in {told}");
            assert!(!told.contains("<D:description>"), "{told}");
        }
    });
}

/// RFC 3744 §3.6, §5.5: what the server keeps for somebody has a list that its owner reads, and
/// that nobody changes.
#[test]
fn owners_read_the_lists_of_what_is_theirs() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let julie = "/dav/principals/julie@example.test/";
        let (home, books) = (HOME, "/dav/addressbooks/julie@example.test/");
        let outbox = format!("{home}outbox/");
        let proxies = ["read", "write"].map(|writes| format!("{julie}calendar-proxy-{writes}/"));
        let anyone = "/dav/principals/anyone/".to_owned();
        let read = ["D:read", "D:read-current-user-privilege-set", "C:read-free-busy"];
        for (path, own, others) in [
            (julie, &["D:write-properties", "D:read-acl"][..], &[anyone.clone()][..]),
            (&proxies[1], &["D:write-properties", "D:read-acl"], &[anyone]),
            (home, &HELD_OF_A_HOME, &proxies),
            (books, &HELD_OF_A_HOME, &[]),
        ] {
            let mut list = entry(julie, &[&read[..], own].concat());
            others.iter().for_each(|other| list.push_str(&entry(other, &read)));
            let told = asked(&house, "julie", path).await;
            assert!(told.contains(&format!("<D:acl>{list}</D:acl>")), "{path}: {list} in {told}");
            let report = "<acl-principal-prop-set xmlns=\"DAV:\"><prop><principal-URL/></prop>\
                          </acl-principal-prop-set>";
            let found = house.ask("julie", "REPORT", path, "depth: 0", report).await;
            assert_eq!(found.text.matches("<D:response>").count(), 1 + others.len(), "{path}");
            for named in others.iter().map(String::as_str).chain([julie]) {
                let named = format!("<D:principal-URL><D:href>{named}</D:href></D:principal-URL>");
                assert!(found.text.contains(&named), "{path}: {named} in {}", found.text);
            }
            // Nobody sets it, nor does anybody else read it.
            let set = house.ask("julie", "ACL", path, "", "<acl xmlns=\"DAV:\"/>").await;
            assert_eq!(set.status, 405, "{path}");
            assert!(!asked(&house, "paul", path).await.contains("<D:acl><D:ace>"), "{path}");
            let refused = house.ask("paul", "REPORT", path, "depth: 0", report).await;
            let is_hidden = refused.status == 404;
            assert!(is_hidden || lacks(&refused, path, "read-acl"), "{path}: {}", refused.text);
        }
        let told = asked(&house, "julie", &outbox).await;
        let of_proxy = format!("<D:principal><D:href>{}</D:href></D:principal>", proxies[1]);
        assert!(told.contains(&of_proxy) && told.matches("<D:ace>").count() == 2, "{told}");
        assert_eq!(told.matches("<C:schedule-send/>").count(), 2, "{told}");
    });
}

const HOME: &str = "/dav/calendars/julie@example.test/";
const HELD_OF_A_HOME: [&str; 6] =
    ["D:write-content", "D:bind", "D:unbind", "D:unlock", "D:write", "D:read-acl"];

async fn asked(house: &House, name: &str, path: &str) -> String {
    let body = "<propfind xmlns=\"DAV:\"><prop><acl/></prop></propfind>";
    house.ask(name, "PROPFIND", path, "depth: 0", body).await.text
}

fn entry(href: &str, privileges: &[&str]) -> String {
    let each: String =
        privileges.iter().map(|one| format!("<D:privilege><{one}/></D:privilege>")).collect();
    format!(
        "<D:ace><D:principal><D:href>{href}</D:href></D:principal><D:grant>{each}</D:grant>\
         <D:protected/></D:ace>"
    )
}
