//! External users are not of "the whole organisation" (R-SHARE-2): who is in it is not told to
//! them.

use storage::{Address, CollectionRights, Role};

use crate::house::{House, on_both_engines};
use crate::{invitations, proxies};

const PRINCIPALS: &str = "/dav/principals/";
const ASK: &str =
    "<propfind xmlns=\"DAV:\"><prop><displayname/><group-member-set/></prop></propfind>";

impl House {
    async fn set_role(&self, name: &str, role: Role) {
        let address = Address::parse(&format!("{name}@example.test")).unwrap();
        let set = self.store.write("test", move |tx| {
            let account = tx.find_account(&address)?.unwrap().id;
            tx.account(account)?.set_role(role)
        });
        set.await.unwrap();
    }

    /// Whom somebody finds who looks for a name, or for everybody.
    async fn found(&self, name: &str, text: &str) -> Vec<String> {
        let search = match text {
            "" => String::new(),
            text => format!(
                "<property-search><prop><displayname/></prop><match>{text}</match></property-search>"
            ),
        };
        let body = format!(
            "<principal-property-search xmlns=\"DAV:\">{search}<prop><displayname/></prop>\
             </principal-property-search>"
        );
        let answer = self.ask(name, "REPORT", PRINCIPALS, "depth: 0", &body).await;
        assert_eq!(answer.status, 207, "{}", answer.text);
        let hrefs = answer.text.split("<D:href>/dav/principals/").skip(1);
        hrefs.filter_map(|at| at.split("/<").next()).map(str::to_owned).collect()
    }

    async fn is_there(&self, name: &str, principal: &str) -> bool {
        let path = format!("{PRINCIPALS}{principal}/");
        let answer = self.ask(name, "PROPFIND", &path, "depth: 0", ASK).await;
        assert!(matches!(answer.status, 207 | 404), "{path} {}", answer.status);
        answer.status == 207
    }
}

#[test]
fn they_know_who_shares_with_them() {
    on_both_engines(|house| async move {
        house.move_in_at("eve", "example.test").await;
        let all = ["eve@example.test", "julie@example.test", "paul@example.test"];
        assert_eq!(house.found("eve", "").await, all);
        assert!(house.is_there("eve", "julie@example.test").await);
        house.set_role("eve", Role::External).await;
        assert_eq!(house.found("julie", "").await, all);
        assert_eq!(house.found("eve", "").await, ["eve@example.test"]);
        assert_eq!(house.found("eve", "u").await, Vec::<String>::new());
        for (principal, there) in [
            ("eve@example.test", true),
            ("julie@example.test", false),
            ("julie@example.test/calendar-proxy-read", false),
            ("paul@example.test", false),
            ("anyone", false),
        ] {
            assert_eq!(house.is_there("eve", principal).await, there, "{principal}");
        }
        // A calendar of one, and whoever acts for another.
        house.share("personal", "eve@example.test", CollectionRights::READ).await;
        assert_eq!(house.found("eve", "").await, all[..2]);
        assert_eq!(house.found("eve", "u").await, ["julie@example.test"]);
        assert!(house.is_there("eve", "julie@example.test").await);
        let path = "/dav/calendars/julie@example.test/personal/";
        assert_eq!(house.ask("eve", "PROPFIND", path, "depth: 0", ASK).await.status, 207);
        assert!(!house.is_there("eve", "paul@example.test").await);
        house.share("personal", "eve@example.test", CollectionRights::NONE).await;
        assert_eq!(house.found("eve", "").await, all[..1]);
        assert_eq!(house.ask("eve", "PROPFIND", path, "depth: 0", ASK).await.status, 404);
        let member = ["/dav/principals/eve@example.test/"];
        assert_eq!(proxies::set(&house, "julie", proxies::READ, &member).await.status, 207);
        assert_eq!(house.found("eve", "").await, all[..2]);
    });
}

#[test]
fn they_know_the_teams_that_they_are_in() {
    on_both_engines(|house| async move {
        house.move_in_at("eve", "example.test").await;
        house.team("Sales", &["julie", "paul"]).await;
        house.team("Guests", &["eve", "paul"]).await;
        let groups = |found: Vec<String>| -> Vec<String> {
            found.into_iter().filter(|name| !name.contains('@')).collect()
        };
        assert_eq!(groups(house.found("eve", "s").await), ["team:Guests", "team:Sales"]);
        assert_eq!(groups(house.found("eve", "every").await), ["anyone"]);
        house.set_role("eve", Role::External).await;
        assert_eq!(house.found("eve", "s").await, ["team:Guests"]);
        assert_eq!(house.found("eve", "every").await, Vec::<String>::new());
        for (group, there) in
            [("team:Guests", true), ("team:guests", true), ("team:Sales", false), ("anyone", false)]
        {
            assert_eq!(house.is_there("eve", group).await, there, "{group}");
        }
        // Nor do they find out by naming them.
        let own = "/dav/principals/eve@example.test/calendar-proxy-read/";
        for (member, status) in [("team:Guests", 200), ("team:Sales", 403), ("team:None", 403)] {
            let href = format!("{PRINCIPALS}{member}/");
            let answer = proxies::set(&house, "eve", own, &[&href]).await;
            assert!(answer.text.contains(&format!("HTTP/1.1 {status} ")), "{}", answer.text);
        }
        let calendar = "/dav/calendars/eve@example.test/personal/";
        let acl = |group: &str| {
            format!(
                "<acl xmlns=\"DAV:\"><ace><principal><href>{PRINCIPALS}{group}/</href></principal>\
                 <grant><privilege><read/></privilege></grant></ace></acl>"
            )
        };
        for group in ["team:Sales", "team:None", "anyone", "julie@example.test"] {
            let answer = house.ask("eve", "ACL", calendar, "", &acl(group)).await;
            assert!(answer.text.contains("recognized-principal"), "{group} {}", answer.text);
            if group.contains('@') {
                continue;
            }
            let href = format!("<D:href>{PRINCIPALS}{group}/</D:href>");
            let what = format!("<CS:set>{href}<CS:read/></CS:set>");
            let answer = invitations::offer_of(&house, "eve", calendar, &what).await;
            assert!(answer.text.contains("HTTP/1.1 403 "), "{group} {}", answer.text);
        }
        // What everybody may read is said to be so, and has no principal to them.
        let body = "<acl-principal-prop-set xmlns=\"DAV:\"><prop><displayname/></prop>\
                    </acl-principal-prop-set>";
        let path = format!("{PRINCIPALS}eve@example.test/");
        let answer = house.ask("eve", "REPORT", &path, "depth: 0", body).await;
        assert_eq!((answer.status, answer.text.matches("<D:response>").count()), (207, 1));
    });
}

#[test]
fn they_change_what_they_gave_to_whom_they_do_not_know() {
    on_both_engines(|house| async move {
        house.move_in_at("eve", "example.test").await;
        let own = "/dav/principals/eve@example.test/calendar-proxy-read/";
        let calendar = "/dav/calendars/eve@example.test/personal/";
        let [julie, paul] =
            ["julie", "paul"].map(|name| format!("{PRINCIPALS}{name}@example.test/"));
        assert_eq!(proxies::set(&house, "eve", own, &[&julie, &paul]).await.status, 207);
        let what = format!("<CS:set><D:href>{paul}</D:href><CS:read/></CS:set>");
        assert_eq!(invitations::offer_of(&house, "eve", calendar, &what).await.status, 200);
        house.team("Sales", &["julie", "paul"]).await;
        let sales = format!("<D:href>{PRINCIPALS}team:Sales/</D:href>");
        let what = format!("<CS:set>{sales}<CS:read/></CS:set>");
        assert_eq!(invitations::offer_of(&house, "eve", calendar, &what).await.status, 200);
        house.set_role("eve", Role::External).await;
        let what = format!("<CS:remove>{sales}</CS:remove>");
        assert_eq!(invitations::offer_of(&house, "eve", calendar, &what).await.status, 200);
        assert!(!house.is_there("eve", "team:Sales").await);
        let answer = proxies::set(&house, "eve", own, &[&julie]).await;
        assert!(answer.text.contains("HTTP/1.1 200 "), "{}", answer.text);
        let what = format!("<CS:remove><D:href>{paul}</D:href></CS:remove>");
        assert_eq!(invitations::offer_of(&house, "eve", calendar, &what).await.status, 200);
        // Who has nothing of theirs any more is unknown to them, as ever.
        assert_eq!(house.found("eve", "").await, ["eve@example.test", "julie@example.test"]);
        let answer = proxies::set(&house, "eve", own, &[&julie, &paul]).await;
        assert!(answer.text.contains("HTTP/1.1 403 "), "{}", answer.text);
    });
}
