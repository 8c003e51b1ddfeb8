//! Who sends messages, and what is sent come what may (RFC 6638 §7.1, §7.2).

use crate::calendars::AT_NINE;
use crate::house::{House, on_both_engines};

const PAUL: &str = "/dav/calendars/paul@example.test";

/// A meeting of Julie with these, each with the parameters and the name of an address.
fn meeting(organizer: &str, people: &[(&str, &str)]) -> String {
    let people: String =
        people.iter().map(|(with, who)| format!("ATTENDEE{with}:mailto:{who}\r\n")).collect();
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VEVENT\r\nUID:m\r\n\
         DTSTAMP:20260101T000000Z\r\n{AT_NINE}SUMMARY:Talk\r\n\
         ORGANIZER{organizer}:mailto:julie@example.test\r\n{people}END:VEVENT\r\n\
         END:VCALENDAR\r\n"
    )
}

/// The methods of the messages in somebody's inbox.
async fn inbox(house: &House, name: &str) -> Vec<String> {
    let ask = "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
        <C:calendar-data/></prop><C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>\
        </C:calendar-query>";
    let path = format!("/dav/calendars/{name}@example.test/inbox/");
    let answer = house.ask(name, "REPORT", &path, "depth: 1", ask).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let methods = answer.text.split("METHOD:").skip(1);
    let mut methods: Vec<String> =
        methods.filter_map(|rest| Some(rest.split_once('&')?.0.to_owned())).collect();
    methods.sort_unstable();
    methods
}

/// The lines of somebody's copy that begin so.
async fn lines(house: &House, name: &str, start: &str) -> Vec<String> {
    let path = format!("/dav/calendars/{name}@example.test/personal/m.ics");
    let text = house.ask(name, "GET", &path, "", "").await.text.replace("\r\n ", "");
    text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

#[test]
fn others_send_what_is_not_the_servers_to_send() {
    on_both_engines(|house| async move {
        house.move_in_at("ann", "example.test").await;
        let quiet = [
            (";SCHEDULE-AGENT=CLIENT", "paul@example.test"),
            (";SCHEDULE-AGENT=none", "ann@example.test"),
            (";SCHEDULE-AGENT=X-LATER", "eve@elsewhere.test"),
            (";SCHEDULE-AGENT=CLIENT;SCHEDULE-STATUS=1.1", "dan@elsewhere.test"),
        ];
        let text = meeting("", &quiet);
        let put = house.julie("PUT", "personal/m.ics", "", &text).await;
        assert_eq!(put.status, 201);
        // It is stored as it came, with no status of the server's.
        assert!(!put.header("etag").is_empty() && !put.header("schedule-tag").is_empty());
        assert_eq!(house.julie("GET", "personal/m.ics", "", "").await.text, text);
        for name in ["paul", "ann"] {
            assert_eq!(inbox(&house, name).await, [""; 0], "{name}");
            assert_eq!(lines(&house, name, "UID").await, [""; 0], "{name}");
        }
        assert_eq!(house.mailed(), [""; 0]);

        // RFC 6638 §3.2.1.2: from CLIENT to SERVER he is invited, and learns of no agents.
        let mut people = quiet;
        people[0].0 = "";
        let put = house.julie("PUT", "personal/m.ics", "", &meeting("", &people)).await;
        assert_eq!((put.status, put.header("etag")), (204, ""));
        assert_eq!(inbox(&house, "paul").await, ["REQUEST"]);
        assert_eq!(inbox(&house, "ann").await, [""; 0]);
        let copy = house.ask("paul", "GET", &format!("{PAUL}/personal/m.ics"), "", "").await.text;
        assert!(copy.contains("mailto:ann@example.test") && !copy.contains("SCHEDULE-"), "{copy}");
        assert_eq!(
            lines(&house, "julie", "ATTENDEE").await,
            [
                "ATTENDEE;SCHEDULE-STATUS=1.2:mailto:paul@example.test",
                "ATTENDEE;SCHEDULE-AGENT=none:mailto:ann@example.test",
                "ATTENDEE;SCHEDULE-AGENT=X-LATER:mailto:eve@elsewhere.test",
                "ATTENDEE;SCHEDULE-AGENT=CLIENT;SCHEDULE-STATUS=1.1:mailto:dan@elsewhere.test",
            ]
        );
        // From SERVER to NONE it is over for him, and that is the last he hears.
        people[0].0 = ";SCHEDULE-AGENT=NONE";
        let put = house.julie("PUT", "personal/m.ics", "", &meeting("", &people)).await;
        assert_eq!(put.status, 204);
        assert_eq!(lines(&house, "paul", "STATUS").await, ["STATUS:CANCELLED"]);
        assert_eq!(house.julie("DELETE", "personal/m.ics", "", "").await.status, 204);
        assert_eq!(inbox(&house, "paul").await, ["CANCEL", "REQUEST"]);
        assert_eq!(inbox(&house, "ann").await, [""; 0]);
        assert_eq!(house.mailed(), [""; 0]);
    });
}

#[test]
fn who_answers_by_other_means_answers_nobody_here() {
    on_both_engines(|house| async move {
        let paul = |with| [(with, "paul@example.test")];
        let text = meeting("", &paul(""));
        assert_eq!(house.julie("PUT", "personal/m.ics", "", &text).await.status, 201);
        let path = format!("{PAUL}/personal/m.ics");
        for agent in ["CLIENT", "NONE"] {
            let organizer = format!(";SCHEDULE-AGENT={agent}");
            let text = meeting(&organizer, &paul(";PARTSTAT=ACCEPTED"));
            let put = house.ask("paul", "PUT", &path, "", &text).await;
            assert_eq!(put.status, 204);
            assert_eq!(house.ask("paul", "GET", &path, "", "").await.text, text);
        }
        // What comes of the organizer leaves it to them.
        let renamed = text.replace("SUMMARY:Talk", "SUMMARY:Walk");
        assert_eq!(house.julie("PUT", "personal/m.ics", "", &renamed).await.status, 204);
        assert_eq!(lines(&house, "paul", "SUMMARY").await, ["SUMMARY:Walk"]);
        let expect = ["ORGANIZER;SCHEDULE-AGENT=NONE:mailto:julie@example.test"];
        assert_eq!(lines(&house, "paul", "ORGANIZER").await, expect);
        assert_eq!(house.ask("paul", "DELETE", &path, "", "").await.status, 204);
        assert_eq!(inbox(&house, "julie").await, [""; 0]);
        let expect = ["ATTENDEE;SCHEDULE-STATUS=1.2:mailto:paul@example.test"];
        assert_eq!(lines(&house, "julie", "ATTENDEE").await, expect);
    });
}

#[test]
fn messages_are_forced() {
    on_both_engines(|house| async move {
        house.move_in_at("ann", "example.test").await;
        let put = async |paul: &str| {
            let people = [
                (paul, "paul@example.test"),
                ("", "ann@example.test"),
                (";SCHEDULE-AGENT=CLIENT;SCHEDULE-FORCE-SEND=REQUEST", "eve@elsewhere.test"),
            ];
            let put = house.julie("PUT", "personal/m.ics", "", &meeting("", &people)).await;
            assert!(matches!(put.status, 201 | 204), "{}", put.text);
            // The parameter is not kept.
            assert_eq!(put.header("etag"), "");
            let kept = lines(&house, "julie", "ATTENDEE").await;
            assert_eq!(kept[2], "ATTENDEE;SCHEDULE-AGENT=CLIENT:mailto:eve@elsewhere.test");
            kept[0].clone()
        };
        let told = "ATTENDEE;SCHEDULE-STATUS=1.2:mailto:paul@example.test";
        assert_eq!(put("").await, told);
        assert_eq!(put("").await, told);
        assert_eq!(inbox(&house, "paul").await, ["REQUEST"]);
        assert_eq!(put(";SCHEDULE-FORCE-SEND=request").await, told);
        assert_eq!(inbox(&house, "paul").await, ["REQUEST", "REQUEST"]);
        let copy = house.ask("paul", "GET", &format!("{PAUL}/personal/m.ics"), "", "").await.text;
        assert!(!copy.contains("SCHEDULE-"), "{copy}");
        // What there is not is no message, and said to be none.
        let ignored = "ATTENDEE;SCHEDULE-STATUS=2.3:mailto:paul@example.test";
        assert_eq!(put(";SCHEDULE-FORCE-SEND=PIGEON").await, ignored);
        assert_eq!(inbox(&house, "paul").await, ["REQUEST", "REQUEST"]);
        assert_eq!(inbox(&house, "ann").await, ["REQUEST"]);
        assert_eq!(house.mailed(), [""; 0]);
    });
}

#[test]
fn answers_are_forced() {
    on_both_engines(|house| async move {
        let text = meeting("", &[("", "paul@example.test")]);
        assert_eq!(house.julie("PUT", "personal/m.ics", "", &text).await.status, 201);
        let path = format!("{PAUL}/personal/m.ics");
        let put = async |organizer: &str, answer: &str| {
            let answer = format!(";PARTSTAT={answer}");
            let text = meeting(organizer, &[(&answer, "paul@example.test")]);
            assert_eq!(house.ask("paul", "PUT", &path, "", &text).await.status, 204);
            let kept = lines(&house, "paul", "ORGANIZER").await.concat();
            (kept, inbox(&house, "julie").await.len())
        };
        let line = |with: &str| format!("ORGANIZER{with}:mailto:julie@example.test");
        let told = line(";SCHEDULE-STATUS=1.2");
        assert_eq!(put("", "ACCEPTED").await, (told.clone(), 1));
        assert_eq!(put("", "ACCEPTED").await, (line(""), 1));
        assert_eq!(put(";SCHEDULE-FORCE-SEND=REPLY", "ACCEPTED").await, (told, 2));
        let ignored = line(";SCHEDULE-STATUS=2.3");
        assert_eq!(put(";SCHEDULE-FORCE-SEND=PIGEON", "ACCEPTED").await, (ignored, 2));
        // RFC 6638 §7.3: of what is sent all the same, both are said.
        let both = line(";SCHEDULE-STATUS=\"1.2,2.3\"");
        assert_eq!(put(";SCHEDULE-FORCE-SEND=PIGEON", "DECLINED").await, (both, 3));
    });
}
