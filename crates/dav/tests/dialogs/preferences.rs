//! What a client would ask for next (RFC 7240, RFC 8144).

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, on_both_engines};

const HOME: &str = "/dav/calendars/julie@example.test/";
const PREFER: &str = "prefer: return=representation";

fn shown(answer: &Answered, href: &str, etag: &str) {
    assert_eq!(answer.header("preference-applied"), "return=representation");
    assert_eq!((answer.header("content-location"), answer.header("etag")), (href, etag));
    assert!(answer.header("content-type").starts_with("text/calendar"));
}

#[test]
fn a_failed_condition_shows_what_is_there() {
    on_both_engines(|house| async move {
        let (old, new) = (event("1", AT_NINE), event("1", "DTSTART:20260105T110000Z\r\n"));
        let put = house.julie("PUT", "personal/1.ics", "", &old).await;
        let etag = put.header("etag").to_owned();
        let href = format!("{HOME}personal/1.ics");
        for condition in
            ["if-match: \"0\"", "if-none-match: *", "if: ([\"0\"])", "if-schedule-tag-match: \"0\""]
        {
            let headers = format!("{condition}\n{PREFER}");
            let refused = house.julie("PUT", "personal/1.ics", &headers, &new).await;
            assert_eq!((refused.status, &refused.text), (412, &old), "{condition}");
            shown(&refused, &href, &etag);
            // Nobody asked.
            let refused = house.julie("PUT", "personal/1.ics", condition, &new).await;
            assert_eq!((refused.status, refused.header("preference-applied")), (412, ""));
            assert_ne!(refused.text, old);
        }
        // Nothing is there.
        let headers = format!("if-match: *\n{PREFER}");
        let refused = house.julie("PUT", "personal/2.ics", &headers, &event("2", AT_NINE)).await;
        assert_eq!((refused.status, refused.header("preference-applied")), (412, ""));
        // What is wrong otherwise is said as ever.
        let refused = house.julie("PUT", "personal/1.ics", PREFER, &event("2", AT_NINE)).await;
        assert_eq!((refused.status, refused.failed()), (409, "C:no-uid-conflict"));
        let headers = format!("if-match: \"0\"\n{PREFER}\ncontent-type: text/html");
        let attach = "personal/1.ics?action=attachment-add";
        let refused = house.julie("POST", attach, &headers, "x").await;
        assert_eq!((refused.status, refused.text), (412, old));
    });
}

#[test]
fn a_failed_condition_tells_nobody_who_may_not_read() {
    on_both_engines(|house| async move {
        house.julie("PUT", "personal/1.ics", "", &event("1", AT_NINE)).await;
        let path = format!("{HOME}personal/1.ics");
        let headers = format!("if-match: \"0\"\n{PREFER}");
        let refused = house.ask("paul", "PUT", &path, &headers, &event("1", AT_NINE)).await;
        assert!(!refused.text.contains("VEVENT"), "{}", refused.text);
    });
}

#[test]
fn what_is_written_is_shown() {
    on_both_engines(|house| async move {
        let text = event("1", AT_NINE);
        let made = house.julie("PUT", "personal/1.ics", PREFER, &text).await;
        assert_eq!((made.status, &made.text), (201, &text));
        let etag = made.header("etag").to_owned();
        shown(&made, &format!("{HOME}personal/1.ics"), &etag);
        let again = house.julie("PUT", "personal/1.ics", PREFER, &text).await;
        assert_eq!((again.status, &again.text), (200, &text));
        house.julie("MKCALENDAR", "other/", "", "").await;
        let to = format!("destination: {HOME}other/2.ics\n{PREFER}");
        let href = format!("{HOME}other/2.ics");
        for (method, status) in [("COPY", 201), ("COPY", 200), ("MOVE", 200)] {
            let answer = house.julie(method, "personal/1.ics", &to, "").await;
            assert_eq!((answer.status, &answer.text), (status, &text), "{method}");
            shown(&answer, &href, &etag);
            assert_eq!(answer.header("location"), if status == 201 { &href } else { "" });
        }
        let added = house.julie("POST", "personal/?add-member", PREFER, &event("3", AT_NINE)).await;
        assert_eq!((added.status, &added.text), (201, &event("3", AT_NINE)));
        shown(&added, added.header("location"), added.header("etag"));
    });
}

#[test]
fn what_has_no_members_has_every_depth() {
    on_both_engines(|house| async move {
        let text = event("1", AT_NINE);
        house.julie("PUT", "personal/1.ics", "", &text).await;
        for depth in ["", "depth: infinity", "depth: 0", "depth: 1"] {
            let found = house.julie("PROPFIND", "personal/1.ics", depth, "").await;
            assert_eq!((found.status, found.text.matches("<D:response>").count()), (207, 1));
            let refused = matches!(depth, "" | "depth: infinity");
            let found = house.julie("PROPFIND", "personal/", depth, "").await;
            assert_eq!(found.status, if refused { 403 } else { 207 }, "{depth}");
            let absent = house.julie("PROPFIND", "personal/2.ics", depth, "").await;
            assert_eq!(absent.status, 404);
        }
    });
}
