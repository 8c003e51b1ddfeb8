//! Where there is no more room (RFC 4331, R-ADDR-11).

use storage::CollectionRights;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, on_both_engines};

const HOME: &str = "/dav/calendars/julie@example.test/";
const BOOK: &str = "/dav/addressbooks/julie@example.test/personal/";

/// RFC 4331 §6
fn is_full(answer: &Answered, what: &str) {
    assert_eq!((answer.status, answer.failed()), (507, "D:quota-not-exceeded"), "{what}");
    assert!(answer.text.ends_with("><D:quota-not-exceeded/></D:error>"), "{}", answer.text);
}

#[test]
fn what_is_too_much_is_refused_and_nothing_changes() {
    on_both_engines(|house| async move {
        let text = event("1", AT_NINE);
        house.julie("PUT", "personal/1.ics", "", &text).await;
        assert_eq!(house.julie("MKCALENDAR", "jobs/", "", "").await.status, 201);
        house.share("jobs", "paul@example.test", CollectionRights::EDIT).await;
        let used = house.limit_julie(0).await;
        house.limit_julie(used + 10).await;

        let longer = event("1", &format!("{AT_NINE}SUMMARY:A longer story\r\n"));
        let to = format!("destination: {HOME}jobs/2.ics");
        for (method, path, headers, body) in [
            ("PUT", "personal/2.ics", "", &event("2", AT_NINE)),
            ("PUT", "personal/1.ics", "", &longer),
            ("POST", "personal/?add-member", "", &event("2", AT_NINE)),
            ("COPY", "personal/1.ics", to.as_str(), &String::new()),
        ] {
            let answer = house.julie(method, path, headers, body).await;
            is_full(&answer, &format!("{method} {path}"));
        }
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c\r\nFN:C\r\nN:C;;;;\r\nEND:VCARD\r\n";
        let put = house.ask("julie", "PUT", &format!("{BOOK}c.vcf"), "", card).await;
        is_full(&put, "card");
        // It is the room of whose calendar it is.
        let path = format!("{HOME}jobs/3.ics");
        is_full(&house.ask("paul", "PUT", &path, "", &event("3", AT_NINE)).await, "guest");
        assert_eq!(house.julie("GET", "personal/1.ics", "", "").await.text, text);
        for path in ["personal/2.ics", "jobs/2.ics", "jobs/3.ics"] {
            assert_eq!(house.julie("GET", path, "", "").await.status, 404, "{path}");
        }

        let ask = "<propfind xmlns=\"DAV:\"><prop><quota-available-bytes/><quota-used-bytes/></prop>\
                   </propfind>";
        let told = house.julie("PROPFIND", "personal/", "depth: 0", ask).await.text;
        let expect = format!(
            "<D:quota-available-bytes>10</D:quota-available-bytes>\
             <D:quota-used-bytes>{used}</D:quota-used-bytes>"
        );
        assert!(told.contains(&expect), "{told}");
        // What takes no more room is done.
        let other = text.replace("T09", "T08").replace("T10", "T11");
        assert_eq!(house.julie("PUT", "personal/1.ics", "", &other).await.status, 204);
        let to = format!("destination: {HOME}jobs/1.ics");
        assert_eq!(house.julie("MOVE", "personal/1.ics", &to, "").await.status, 201);
        assert_eq!(house.julie("DELETE", "jobs/1.ics", "", "").await.status, 204);
        assert_eq!(
            house.julie("PUT", "personal/2.ics", "", &event("2", AT_NINE)).await.status,
            201
        );
    });
}
