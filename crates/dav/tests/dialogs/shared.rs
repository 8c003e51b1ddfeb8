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
