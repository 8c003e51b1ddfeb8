//! Alarms of one's own in the events of others (R-SHARE-1, docs/decisions/016-own-alarms.md).

use std::sync::Arc;

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines, on_both_engines_with};
use crate::shared::between;

fn alarm(minutes: u32) -> String {
    format!(
        "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT{minutes}M\r\nEND:VALARM\r\n"
    )
}

fn with(rest: &str) -> String {
    event("1", &format!("{AT_NINE}{rest}"))
}

/// Where somebody sees the only calendar that others share with them.
async fn place(house: &House, name: &str) -> String {
    let home = format!("/dav/calendars/{name}@example.test/");
    let ask = "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";
    let answer = house.ask(name, "PROPFIND", &home, "depth: 1", ask).await;
    let number = between(&answer.text, &format!("<D:href>{home}shared-"), "/</D:href>");
    format!("{home}shared-{number}/")
}

/// Somebody, and an object in a calendar of Julie.
struct Seer {
    house: Arc<House>,
    name: &'static str,
    calendar: String,
}

impl Seer {
    async fn ask(&self, method: &str, name: &str, headers: &str, body: &str) -> Answered {
        let path = format!("{}{name}", self.calendar);
        self.house.ask(self.name, method, &path, headers, body).await
    }

    async fn get(&self) -> Answered {
        self.ask("GET", "1.ics", "", "").await
    }

    async fn put(&self, rest: &str) -> Answered {
        self.ask("PUT", "1.ics", "", &with(rest)).await
    }

    /// What a program that has this token is told, and the next one.
    async fn sync(&self, token: &str) -> (Vec<String>, String) {
        let body = format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1\
             </sync-level><prop><getetag/></prop></sync-collection>"
        );
        let answer = self.ask("REPORT", "", "", &body).await;
        assert_eq!(answer.status, 207, "{}", answer.text);
        let etags = answer.text.split("<D:getetag>").skip(1);
        let etags = etags.map(|rest| rest.split('<').next().unwrap().replace("&quot;", "\""));
        let token = between(&answer.text, "<D:sync-token>", "</D:sync-token>").to_owned();
        (etags.collect(), token)
    }
}

/// An event in a calendar of Julie with an alarm of hers; Julie, Paul who may edit, and Otto who
/// may view.
async fn three(house: &Arc<House>) -> [Seer; 3] {
    house.move_in_at("otto", "example.test").await;
    assert_eq!(house.julie("MKCALENDAR", "team/", "", "").await.status, 201);
    assert_eq!(house.julie("PUT", "team/1.ics", "", &with(&alarm(5))).await.status, 201);
    house.share("team", "paul@example.test", CollectionRights::WRITE).await;
    house.share("team", "otto@example.test", CollectionRights::READ).await;
    let julie = "/dav/calendars/julie@example.test/team/".to_owned();
    let (paul, otto) = (place(house, "paul").await, place(house, "otto").await);
    [("julie", julie), ("paul", paul), ("otto", otto)].map(|(name, calendar)| Seer {
        house: house.clone(),
        name,
        calendar,
    })
}

#[test]
fn each_sees_and_sets_their_own() {
    on_both_engines(|house| async move {
        let [julie, paul, otto] = three(&house).await;
        for one in [&paul, &otto] {
            assert_eq!(one.get().await.text, with(""), "{}", one.name);
        }
        let (_, token) = paul.sync("").await;
        for (one, minutes) in [(&paul, 10), (&otto, 20)] {
            let put = one.put(&alarm(minutes)).await;
            assert_eq!(put.status, 204, "{}: {}", one.name, put.text);
            let got = one.get().await;
            assert_eq!(
                (got.text.as_str(), got.header("etag")),
                (&*with(&alarm(minutes)), put.header("etag"))
            );
            let head = one.ask("HEAD", "1.ics", "", "").await;
            assert_eq!(head.header("etag"), put.header("etag"));
            let known = format!("if-none-match: {}", put.header("etag"));
            assert_eq!(one.ask("GET", "1.ics", &known, "").await.status, 304);
        }
        assert_eq!(julie.get().await.text, with(&alarm(5)));
        // At its owner's place it is its owner's, whoever comes there.
        let there =
            house.ask("paul", "GET", "/dav/calendars/julie@example.test/team/1.ics", "", "");
        let (there, own) = (there.await, julie.get().await);
        assert_eq!(
            (there.text, there.headers["etag"].clone()),
            (own.text, own.headers["etag"].clone())
        );
        // Paul's other program.
        let (etags, token) = paul.sync(&token).await;
        assert_eq!(etags, [paul.get().await.header("etag")]);
        assert_eq!(paul.put(&alarm(10)).await.status, 204);
        assert_eq!(paul.sync(&token).await, (Vec::new(), token.clone()));
        // From before each had their own.
        let old = token.rsplit_once('-').unwrap().0;
        let body = format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{old}</sync-token><sync-level>1</sync-level>\
             <prop/></sync-collection>"
        );
        let refused = paul.ask("REPORT", "", "", &body).await;
        assert_eq!((refused.status, refused.failed()), (403, "D:valid-sync-token"));
        // RFC 4791 §5.3.4: the etag is told where what was put is what is got.
        let first = paul.put(&format!("{}LOCATION:x\r\n", alarm(11))).await;
        assert_eq!((first.status, first.header("etag")), (204, ""));
        let headers = "prefer: return=representation";
        let put = with(&format!("LOCATION:x\r\n{}", alarm(12)));
        let shown = paul.ask("PUT", "1.ics", headers, &put).await;
        let got = paul.get().await;
        assert_eq!(shown.status, 200);
        assert_eq!(shown.text, with(&format!("LOCATION:x\r\n{}", alarm(12))));
        assert_eq!(
            (got.text.as_str(), got.header("etag")),
            (shown.text.as_str(), shown.header("etag"))
        );
        assert_eq!(julie.get().await.text, with(&format!("LOCATION:x\r\n{}", alarm(5))));
        assert_eq!(otto.get().await.text, with(&format!("LOCATION:x\r\n{}", alarm(20))));
        assert_eq!(paul.ask("DELETE", "1.ics", "", "").await.status, 204);
        for one in [&julie, &paul, &otto] {
            assert_eq!(one.get().await.status, 404);
        }
    });
}

#[test]
fn conditions_are_about_what_is_seen() {
    on_both_engines(|house| async move {
        let [julie, paul, _] = three(&house).await;
        let (hers, his) = (julie.get().await, paul.get().await);
        let (hers, his) = (hers.header("etag"), his.header("etag"));
        let path = format!("{}1.ics", paul.calendar);
        for (header, status) in [
            (format!("if-match: {hers}"), 412),
            (format!("if: ([{hers}])"), 412),
            (format!("if: <{path}> ([{hers}])"), 412),
            (format!("if-none-match: {his}"), 412),
            (format!("if-match: {his}\nif: <{path}> ([{his}])"), 204),
            (format!("if-match: {his}"), 412),
        ] {
            let put = paul.ask("PUT", "1.ics", &header, &with(&alarm(10))).await;
            assert_eq!(put.status, status, "{header}");
        }
        let now = paul.get().await;
        let header = format!("if-match: {}", now.header("etag"));
        assert_eq!(paul.ask("DELETE", "1.ics", &format!("if-match: {hers}"), "").await.status, 412);
        assert_eq!(paul.ask("DELETE", "1.ics", &header, "").await.status, 204);
        // What was refused is answered with what is there.
        assert_eq!(julie.put(&alarm(5)).await.status, 201);
        let header = "if-match: \"x\"\nprefer: return=representation";
        let put = paul.ask("PUT", "1.ics", header, &with("")).await;
        assert_eq!((put.status, put.text), (412, with("")));
    });
}

#[test]
fn dates_say_nothing_of_them() {
    on_both_engines(|house| async move {
        let [julie, paul, _] = three(&house).await;
        let at = julie.get().await.header("last-modified").to_owned();
        let before = "Mon, 05 Jan 2015 08:00:00 GMT";
        for (one, [known, old]) in [(&julie, [304, 412]), (&paul, [200, 200])] {
            let since = format!("if-modified-since: {at}");
            assert_eq!(one.ask("GET", "1.ics", &since, "").await.status, known, "{}", one.name);
            let since = format!("if-unmodified-since: {before}");
            assert_eq!(one.ask("GET", "1.ics", &since, "").await.status, old, "{}", one.name);
            let status = if old == 412 { 412 } else { 204 };
            let put = one.ask("PUT", "1.ics", &since, &with(&alarm(7))).await;
            assert_eq!(put.status, status, "{}", one.name);
        }
    });
}

#[test]
fn whoever_may_only_view_sets_alarms() {
    on_both_engines(|house| async move {
        let [julie, _, otto] = three(&house).await;
        let refused = otto.put(&format!("SUMMARY:y\r\n{}", alarm(10))).await;
        assert_eq!((refused.status, refused.failed()), (403, "D:need-privileges"));
        assert_eq!(otto.ask("PUT", "2.ics", "", &event("2", AT_NINE)).await.status, 403);
        assert_eq!(otto.put(&alarm(10)).await.status, 204);
        // Thunderbird, when one was dismissed: it writes stamps anew, and says who it is.
        let dismissed = "LAST-MODIFIED:20260105T085501Z\r\nX-MOZ-GENERATION:1\r\n\
            X-MOZ-LASTACK:20260105T085500Z\r\n";
        let put = with(&format!("{dismissed}{}", alarm(10))).replace("PRODID:-//x", "PRODID:-//y");
        let put = otto.ask("PUT", "1.ics", "", &put).await;
        assert_eq!((put.status, put.header("etag")), (204, ""));
        let expect = with(&format!("X-MOZ-LASTACK:20260105T085500Z\r\n{}", alarm(10)));
        assert_eq!(otto.get().await.text, expect);
        assert_eq!(julie.get().await.text, with(&alarm(5)));
        let much =
            alarm(5).replace("DESCRIPTION:x", &format!("DESCRIPTION:{}", "x".repeat(16_384)));
        let refused = otto.put(&much).await;
        assert_eq!((refused.status, refused.failed()), (403, "C:max-resource-size"));
        // Somebody else writes it.
        let lock = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
                    <D:locktype><D:write/></D:locktype></D:lockinfo>";
        assert_eq!(julie.ask("LOCK", "1.ics", "depth: 0", lock).await.status, 200);
        assert_eq!(otto.put(&alarm(11)).await.status, 423);
        assert_eq!(otto.get().await.text, expect);
    });
}

const NAMESPACES: &str = "xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";

#[test]
fn reports_tell_what_is_seen() {
    on_both_engines(|house| async move {
        let [julie, paul, otto] = three(&house).await;
        assert_eq!(paul.put(&alarm(60)).await.status, 204);
        // What goes off between ten and five to nine.
        let query = format!(
            "<C:calendar-query {NAMESPACES}><prop><getetag/><getcontentlength/><C:calendar-data/></prop>\
             <C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\">\
             <C:comp-filter name=\"VALARM\"><C:time-range start=\"20260105T085000Z\" \
             end=\"20260105T085600Z\"/></C:comp-filter></C:comp-filter></C:comp-filter></C:filter>\
             </C:calendar-query>"
        );
        for (one, is_found) in [(&julie, true), (&paul, false), (&otto, false)] {
            let answer = one.ask("REPORT", "", "depth: 1", &query).await;
            assert_eq!(answer.status, 207);
            assert_eq!(answer.text.contains("BEGIN:VALARM"), is_found, "{}", one.name);
        }
        let multiget = |path: &str| {
            format!(
                "<C:calendar-multiget {NAMESPACES}><prop><getetag/><getcontentlength/>\
                 <C:calendar-data/></prop><href>{path}1.ics</href></C:calendar-multiget>"
            )
        };
        let early = query.replace("T085000", "T075500").replace("T085600", "T080500");
        let later =
            "<propfind xmlns=\"DAV:\"><prop><getetag/><getcontentlength/></prop></propfind>";
        for (one, trigger) in [(&julie, Some("-PT5M")), (&paul, Some("-PT60M")), (&otto, None)] {
            let got = one.get().await;
            let home = one.calendar.rsplit_once("/shared-").or(one.calendar.rsplit_once("/team"));
            let home = format!("{}/", home.unwrap().0);
            let told = [
                one.ask("REPORT", "", "depth: 1", &multiget(&one.calendar)).await,
                house.ask(one.name, "REPORT", &home, "depth: 1", &multiget(&one.calendar)).await,
                one.ask("REPORT", "", "depth: 1", &early).await,
                one.ask("PROPFIND", "1.ics", "depth: 0", later).await,
                one.ask("PROPFIND", "", "depth: 1", "").await,
            ];
            for (number, told) in told.into_iter().enumerate() {
                let text = told.text.replace("&quot;", "\"").replace("&#13;", "");
                let etag = format!("<D:getetag>{}<", got.header("etag"));
                let length = format!("<D:getcontentlength>{}<", got.text.len());
                let is_told = number != 2 || one.name == "paul";
                assert_eq!(
                    text.contains(&etag) && text.contains(&length),
                    is_told,
                    "{number} {text}"
                );
                let alarms = text.matches("TRIGGER:").count();
                let expect = usize::from(number < 3 && is_told && trigger.is_some());
                assert_eq!(alarms, expect, "{number}: {text}");
                assert!(alarms == 0 || text.contains(trigger.unwrap()), "{text}");
            }
        }
    });
}

#[test]
fn occurrences_that_are_expanded_have_them() {
    on_both_engines(|house| async move {
        let [julie, paul, _] = three(&house).await;
        let daily = format!("RRULE:FREQ=DAILY;COUNT=2\r\n{}", alarm(5));
        assert_eq!(julie.put(&daily).await.status, 204);
        let series = paul.get().await.text;
        let own = series.replace("END:VEVENT", &format!("{}END:VEVENT", alarm(10)));
        assert_eq!(paul.ask("PUT", "1.ics", "", &own).await.status, 204);
        let body = format!(
            "<C:calendar-multiget {NAMESPACES}><prop><C:calendar-data><C:expand \
             start=\"20260101T000000Z\" end=\"20260201T000000Z\"/></C:calendar-data></prop>\
             <href>{}1.ics</href></C:calendar-multiget>",
            paul.calendar
        );
        let answer = paul.ask("REPORT", "", "depth: 1", &body).await;
        assert_eq!(answer.text.matches("TRIGGER:-PT10M").count(), 2, "{}", answer.text);
        assert_eq!(answer.text.matches("TRIGGER:").count(), 2, "{}", answer.text);
        // Julie moves an occurrence: her alarm and his go with it.
        let moved = event(
            "1",
            &format!(
                "RECURRENCE-ID:20260106T090000Z\r\nDTSTART:20260106T110000Z\r\n\
                 DTEND:20260106T120000Z\r\n{}",
                alarm(5)
            ),
        );
        let moved = between(&moved, "PRODID:-//x\r\n", "END:VCALENDAR").to_owned();
        let all = with(&daily).replace("END:VCALENDAR", &format!("{moved}END:VCALENDAR"));
        assert_eq!(julie.ask("PUT", "1.ics", "", &all).await.status, 204);
        assert_eq!(paul.get().await.text, all.replace("-PT5M", "-PT10M"));
    });
}

#[test]
fn what_is_carried_is_what_is_seen() {
    on_both_engines(|house| async move {
        let [julie, paul, otto] = three(&house).await;
        for (one, minutes) in [(&paul, 10), (&otto, 20)] {
            assert_eq!(one.put(&alarm(minutes)).await.status, 204);
        }
        for (one, minutes) in [(&paul, 10), (&otto, 20)] {
            let own = format!("/dav/calendars/{}@example.test/personal/1.ics", one.name);
            let headers = format!("destination: {own}\nprefer: return=representation");
            let copied = one.ask("COPY", "1.ics", &headers, "").await;
            assert_eq!((copied.status, &copied.text), (201, &with(&alarm(minutes))));
            assert_eq!(house.ask(one.name, "GET", &own, "", "").await.text, copied.text);
        }
        let from = "/dav/calendars/paul@example.test/personal/1.ics";
        let headers = format!("destination: {}1.ics\nprefer: return=representation", paul.calendar);
        let put = house.ask("paul", "PUT", from, "", &with(&alarm(30))).await;
        assert_eq!(put.status, 204);
        let moved = house.ask("paul", "MOVE", from, &headers, "").await;
        let got = paul.get().await;
        assert_eq!((moved.status, &moved.text), (200, &with(&alarm(30))));
        assert_eq!((got.text.as_str(), got.header("etag")), (&*moved.text, moved.header("etag")));
        assert_eq!(julie.get().await.text, with(&alarm(5)));
        assert_eq!(otto.get().await.text, with(&alarm(20)));
    });
}

#[test]
fn nobody_hears_of_them() {
    on_both_engines(|house| async move {
        let [julie, paul, otto] = three(&house).await;
        let meeting = |rest: &str| {
            with(&format!(
                "SEQUENCE:1\r\nORGANIZER:mailto:julie@example.test\r\n\
                 ATTENDEE;PARTSTAT=ACCEPTED:mailto:julie@example.test\r\n\
                 ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:eve@elsewhere.test\r\n{rest}"
            ))
        };
        assert_eq!(julie.ask("PUT", "1.ics", "", &meeting(&alarm(5))).await.status, 204);
        assert_eq!(house.mailed(), ["eve@elsewhere.test REQUEST"]);
        for one in [&paul, &otto] {
            let got = one.get().await;
            let own = got.text.replace("END:VEVENT", &format!("{}END:VEVENT", alarm(10)));
            let header = format!("if-schedule-tag-match: {}", got.header("schedule-tag"));
            let put = one.ask("PUT", "1.ics", &header, &own).await;
            assert_eq!((put.status, put.header("schedule-tag")), (204, got.header("schedule-tag")));
            let now = one.get().await;
            assert_eq!((now.header("etag"), &now.text), (put.header("etag"), &own));
        }
        assert!(house.mailed().is_empty());
        // What else Paul changes is told in Julie's name, without anybody's alarms.
        let got = paul.get().await.text.replace("T090000Z", "T093000Z");
        assert_eq!(paul.ask("PUT", "1.ics", "", &got).await.status, 204);
        assert_eq!(house.mailed(), ["eve@elsewhere.test REQUEST"]);
        let own = julie.get().await.text;
        assert!(own.contains("-PT5M") && !own.contains("-PT10M"), "{own}");
        let his = paul.get().await.text;
        assert!(his.contains("-PT10M") && !his.contains("-PT5M"), "{his}");
    });
}

#[test]
fn attachments_are_shared() {
    let set = |settings: &mut dav::Settings| {
        settings.public_url = "https://cal.example.test".to_owned();
    };
    on_both_engines_with(set, |house| async move {
        let [julie, paul, _] = three(&house).await;
        assert_eq!(paul.put(&alarm(10)).await.status, 204);
        let headers = "content-type: text/plain\nprefer: return=representation";
        let added = paul.ask("POST", "1.ics?action=attachment-add", headers, "x").await;
        let got = paul.get().await;
        assert_eq!((added.status, added.header("etag")), (201, got.header("etag")));
        assert_eq!(added.text, got.text);
        assert!(got.text.contains("-PT10M") && got.text.contains("MANAGED-ID"), "{}", got.text);
        let own = julie.get().await.text;
        assert!(own.contains("-PT5M") && own.contains("MANAGED-ID"), "{own}");
    });
}

#[test]
fn people_elsewhere_have_none() {
    on_both_engines(|house| async move {
        let [julie, ..] = three(&house).await;
        house.grant_elsewhere("team", "eve@elsewhere.test", CollectionRights::WRITE).await;
        let secret = house.sent().remove(0).secret;
        let home = format!("/dav/calendars/outside-{secret}/");
        let file = house.ask("", "GET", &format!("{home}calendar.ics"), "", "").await;
        assert!(file.text.contains("UID:1") && !file.text.contains("VALARM"), "{}", file.text);
        let ask = "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";
        let found = house.ask("", "PROPFIND", &home, "depth: 1", ask).await;
        let number = between(&found.text, "/shared-", "/</D:href>");
        let path = format!("{home}shared-{number}/1.ics");
        let got = house.ask("", "GET", &path, "", "").await;
        assert_eq!(got.text, with(""));
        let header = format!("if-match: {}", got.header("etag"));
        let put = house.ask("", "PUT", &path, &header, &with(&alarm(10))).await;
        assert_eq!((put.status, put.header("etag")), (204, ""));
        let put =
            house.ask("", "PUT", &path, "", &with(&format!("LOCATION:x\r\n{}", alarm(9)))).await;
        assert_eq!((put.status, put.header("etag")), (204, ""));
        let got = house.ask("", "GET", &path, "", "").await;
        assert_eq!(got.text, with("LOCATION:x\r\n"));
        assert_eq!(julie.get().await.text, with(&format!("LOCATION:x\r\n{}", alarm(5))));
    });
}
