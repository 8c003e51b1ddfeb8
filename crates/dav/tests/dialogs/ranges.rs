//! How far times and rules go (RFC 4791 §5.2.6, §5.2.7, RFC 7529), and how much of them is asked
//! for.

use crate::calendars::{AT_NINE, event};
use crate::house::{House, on_both_engines};

/// What a PROPFIND of one property tells.
async fn told(house: &House, path: &str, name: &str) -> String {
    let body = format!(
        "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop><C:{name}/></prop>\
         </propfind>"
    );
    house.julie("PROPFIND", path, "depth: 0", &body).await.text
}

/// Nobody sets it.
async fn is_protected(house: &House, name: &str) {
    let body = format!(
        "<propertyupdate xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><set><prop>\
         <C:{name}>x</C:{name}></prop></set></propertyupdate>"
    );
    let answer = house.julie("PROPPATCH", "personal/", "", &body).await;
    let expect = format!(
        "<D:prop><C:{name}/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status><D:error>\
         <D:cannot-modify-protected-property/></D:error>"
    );
    assert!(answer.text.contains(&expect), "{}", answer.text);
}

/// The data of what is found between two instants, with what else `data` asks for.
async fn found(house: &House, kind: &str, range: (&str, &str), data: &str) -> (u16, String) {
    let (start, end) = range;
    let body = format!(
        "<C:calendar-query xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
         <C:calendar-data>{data}</C:calendar-data></prop><C:filter>\
         <C:comp-filter name=\"VCALENDAR\"><C:comp-filter name=\"{kind}\">\
         <C:time-range start=\"{start}\" end=\"{end}\"/></C:comp-filter></C:comp-filter></C:filter>\
         </C:calendar-query>"
    );
    let answer = house.julie("REPORT", "personal/", "depth: 1", &body).await;
    (answer.status, answer.text.replace("&#13;", ""))
}

/// RFC 4791 §5.2.6, §5.2.7: without these properties, every time that can be written is taken.
#[test]
fn times_have_no_bounds_but_those_of_their_years() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        for name in ["min-date-time", "max-date-time"] {
            assert!(told(&house, "personal/", name).await.contains("404 Not Found"));
            is_protected(&house, name).await;
        }
        for (name, lines) in [
            ("first", "DTSTART:00010101T120000Z\r\nDTEND:00010101T130000Z\r\n"),
            ("first-day", "DTSTART;VALUE=DATE:00010101\r\n"),
            ("last", "DTSTART:99991229T120000Z\r\nDURATION:PT1H\r\n"),
            ("last-day", "DTSTART;VALUE=DATE:99991231\r\n"),
            ("beyond", "DTSTART:99991231T235959Z\r\nDURATION:P1D\r\n"),
            ("yearly", "DTSTART:99901229T150000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=YEARLY\r\n"),
        ] {
            let (path, text) = (format!("personal/{name}.ics"), event(name, lines));
            let put = house.julie("PUT", &path, "", &text).await;
            assert_eq!(put.status, 201, "{name}: {}", put.text);
            assert_eq!(house.julie("GET", &path, "", "").await.text, text);
        }
        for (range, names) in [
            (("00010101T110000Z", "00010101T140000Z"), &["UID:first\n", "UID:first-day\n"][..]),
            (("99991229T000000Z", "99991230T000000Z"), &["UID:last\n", "UID:yearly\n"]),
            (("20260101T000000Z", "20270101T000000Z"), &[]),
        ] {
            for data in ["", &format!("<C:expand start=\"{}\" end=\"{}\"/>", range.0, range.1)] {
                let (status, text) = found(&house, "VEVENT", range, data).await;
                assert_eq!((status, text.matches("UID:").count()), (207, names.len()), "{text}");
                assert!(names.iter().all(|name| text.contains(name)), "{text}");
            }
        }
    });
}

/// RFC 7529 §10.
#[test]
fn rules_are_of_calendars_that_are_known() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let set = told(&house, "personal/", "supported-rscale-set").await;
        for scale in ["GREGORIAN", "CHINESE", "ISLAMIC-CIVIL", "HEBREW", "ETHIOPIC"] {
            let one = format!("<C:supported-rscale>{scale}</C:supported-rscale>");
            assert!(set.contains(&one), "{set}");
        }
        assert!(!told(&house, "inbox/", "supported-rscale-set").await.contains("GREGORIAN"));
        is_protected(&house, "supported-rscale-set").await;
        let all = "<propfind xmlns=\"DAV:\"><allprop/></propfind>";
        let all = house.julie("PROPFIND", "personal/", "depth: 0", all).await.text;
        assert!(!all.contains("rscale"), "{all}");
        let by = |rule: &str| event("1", &format!("{AT_NINE}RRULE:{rule}\r\n"));
        for scale in ["KLINGON", "islamic", "X-NONE", ""] {
            let text = by(&format!("RSCALE={scale};FREQ=YEARLY"));
            let put = house.julie("PUT", "personal/1.ics", "", &text).await;
            assert_eq!((put.status, put.failed()), (403, "C:supported-rscale"), "{scale}");
            assert!(put.text.ends_with("><C:supported-rscale/></D:error>"), "{}", put.text);
            assert_eq!(house.julie("GET", "personal/1.ics", "", "").await.status, 404);
        }
        // A month that the calendar never has.
        let text = by("RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=6L");
        let put = house.julie("PUT", "personal/1.ics", "", &text).await;
        assert_eq!((put.status, put.failed()), (403, "C:valid-calendar-data"));
        for scale in ["GREGORIAN", "gregorian"] {
            let text = by(&format!("RSCALE={scale};FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD"));
            let put = house.julie("PUT", "personal/1.ics", "", &text).await;
            assert!(matches!(put.status, 201 | 204), "{}", put.text);
            assert_eq!(house.julie("GET", "personal/1.ics", "", "").await.text, text);
            let february = ("20260201T000000Z", "20260301T000000Z");
            let expand = "<C:expand start=\"20260201T000000Z\" end=\"20260301T000000Z\"/>";
            let (_, text) = found(&house, "VEVENT", february, expand).await;
            assert!(text.contains("DTSTART:20260228T090000Z"), "{text}");
        }
    });
}

/// RFC 7529 §4.3.1, §4.3.3: what such rules make is found, near and far.
#[test]
fn days_of_other_calendars_are_found() {
    on_both_engines(|house| async move {
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let hebrew = "RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=5L;BYMONTHDAY=8;SKIP=FORWARD";
        for (name, start, rule) in [
            ("new-year", "20130210", "RSCALE=CHINESE;FREQ=YEARLY"),
            ("anniversary", "20140208", hebrew),
        ] {
            let lines = format!("DTSTART;VALUE=DATE:{start}\r\nRRULE:{rule}\r\n");
            let (path, text) = (format!("personal/{name}.ics"), event(name, &lines));
            let put = house.julie("PUT", &path, "", &text).await;
            assert_eq!(put.status, 201, "{name}: {}", put.text);
            assert_eq!(house.julie("GET", &path, "", "").await.text, text);
        }
        for (name, day, next) in [
            ("new-year", "20150219", "20150220"),
            ("new-year", "20270206", "20270207"),
            ("new-year", "20990121", "20990122"),
            ("anniversary", "20160217", "20160218"),
            ("anniversary", "20180223", "20180224"),
        ] {
            let (start, end) = (format!("{day}T000000Z"), format!("{next}T000000Z"));
            let expand = format!("<C:expand start=\"{start}\" end=\"{end}\"/>");
            let (status, text) = found(&house, "VEVENT", (&start, &end), &expand).await;
            assert_eq!((status, text.matches("BEGIN:VEVENT").count()), (207, 1), "{day}: {text}");
            assert!(text.contains(&format!("UID:{name}\n")), "{day}: {text}");
            assert!(text.contains(&format!("DTSTART;VALUE=DATE:{day}\n")), "{day}: {text}");
        }
        // On the day of the Gregorian year it is nothing.
        let (_, text) = found(&house, "VEVENT", ("20270210T000000Z", "20270211T000000Z"), "").await;
        assert!(!text.contains("UID:"), "{text}");
    });
}

/// RFC 4791 §9.6.7.
#[test]
fn busy_times_are_limited_to_a_range() {
    on_both_engines(|house| async move {
        let busy = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\nBEGIN:VFREEBUSY\r\nUID:f\r\n\
            DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\nDTEND:20260201T000000Z\r\n\
            FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260102T100000Z/PT2H,20260103T100000Z/PT1H\r\n\
            FREEBUSY:20260104T100000Z/20260104T120000Z\r\n\
            END:VFREEBUSY\r\nEND:VCALENDAR\r\n";
        let put = house.julie("PUT", "personal/f.ics", "", busy).await;
        assert_eq!(put.status, 201, "{}", put.text);
        let limit = |start: &str, end: &str| {
            format!("<C:limit-freebusy-set start=\"{start}\" end=\"{end}\"/>")
        };
        let month = ("20260101T000000Z", "20260201T000000Z");
        let first = "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260102T100000Z/PT2H\n";
        let both = "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260102T100000Z/PT2H,20260103T100000Z/PT1H\n";
        let last = "FREEBUSY:20260104T100000Z/20260104T120000Z\n";
        for (data, lines) in [
            (String::new(), &[both, last][..]),
            (limit("20260102T000000Z", "20260103T000000Z"), &[first]),
            (limit("20260102T115959Z", "20260103T100000Z"), &[first]),
            (limit("20260102T120000Z", "20260103T100000Z"), &[]),
            (limit("20260104T110000Z", "20260201T000000Z"), &[last]),
        ] {
            let (status, text) = found(&house, "VFREEBUSY", month, &data).await;
            assert_eq!((status, text.matches("\nFREEBUSY").count()), (207, lines.len()), "{text}");
            assert!(lines.iter().all(|line| text.contains(line)), "{lines:?} in {text}");
            assert!(text.contains("DTEND:20260201T000000Z\nEND") == lines.is_empty(), "{text}");
        }
        // It has both ends, in UTC, in order.
        for wrong in [
            "<C:limit-freebusy-set start=\"20260102T000000Z\"/>".to_owned(),
            "<C:limit-freebusy-set end=\"20260102T000000Z\"/>".to_owned(),
            limit("20260102T000000", "20260103T000000"),
            limit("20260103T000000Z", "20260102T000000Z"),
        ] {
            assert_eq!(found(&house, "VFREEBUSY", month, &wrong).await.0, 400, "{wrong}");
        }
        // What is stored is as it was.
        assert_eq!(house.julie("GET", "personal/f.ics", "", "").await.text, busy);
    });
}
