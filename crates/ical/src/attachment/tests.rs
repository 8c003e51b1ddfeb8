use super::*;
use crate::time::Value;

fn object(parts: &[&str]) -> CalendarObject {
    let parts: String = parts
        .iter()
        .map(|lines| format!("BEGIN:VEVENT\r\nUID:1\r\n{lines}END:VEVENT\r\n"))
        .collect();
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{parts}END:VCALENDAR\r\n");
    CalendarObject::parse(text.as_bytes(), &Limits::DEFAULT).unwrap()
}

/// The components: their RECURRENCE-ID, and what names their attachments.
fn told(calendar: &Component) -> Vec<String> {
    let read = CalendarObject::of(calendar.clone()).unwrap();
    let part = |part: &Component| {
        let id = part.line("RECURRENCE-ID").map_or("M", |line| line.value());
        let ids: Vec<&str> = managed(part).into_iter().filter_map(id_of).collect();
        format!("{id} {}", ids.join("+"))
    };
    read.parts().map(part).collect()
}

fn line(id: &str) -> Line {
    let uri = format!("https://cal.example.com/attach/{id}");
    let filename = "agenda.html";
    ManagedAttachment { id, uri: &uri, media_type: "text/html", filename, size_bytes: 59 }.line()
}

const DAILY: &str = "DTSTART;TZID=America/Montreal:20111021T160000\r\n\
                     DTEND;TZID=America/Montreal:20111021T170000\r\nRRULE:FREQ=DAILY;COUNT=5\r\n";
const OTHER: &str = "RECURRENCE-ID;TZID=America/Montreal:20111023T160000\r\n\
                     DTSTART;TZID=America/Montreal:20111023T180000\r\n";

#[test]
fn lines_are_those_of_the_standard() {
    let mut out = Vec::new();
    line("97S").render(&mut out);
    let text = String::from_utf8(out).unwrap().replace("\r\n ", "");
    assert_eq!(
        text,
        "ATTACH;MANAGED-ID=97S;FMTTYPE=text/html;SIZE=59;FILENAME=agenda.html:\
         https://cal.example.com/attach/97S\r\n"
    );
    let odd = ManagedAttachment {
        id: "1",
        uri: "https://a/",
        media_type: "a/b",
        filename: "a\";b:\nc",
        size_bytes: 0,
    };
    let mut out = Vec::new();
    odd.line().render(&mut out);
    let limits = Limits::DEFAULT;
    assert_eq!(Line::parse(&out, 1, &limits).unwrap().parameter("FILENAME"), Some("a\";b:\nc"));
}

#[test]
fn instances_are_named_once_each() {
    for text in ["", "x", "M,M", "20111022T160000,20111022T160000", "M,", "20111322"] {
        assert_eq!(Instances::parse(text), None, "{text}");
    }
    assert_eq!(
        Instances::parse("m,20111022"),
        Some(Instances::These { master: true, ids: vec![Value::parse("20111022").unwrap()] })
    );
}

#[test]
fn attachments_are_added_to_the_instances_that_are_meant() {
    let (limits, series) = (Limits::DEFAULT, object(&[DAILY, OTHER]));
    let add = |rid: &str| {
        let meant = if rid.is_empty() { Some(Instances::All) } else { Instances::parse(rid) };
        series.with_attachment(&line("a"), &meant.unwrap(), &limits).map(|made| told(&made))
    };
    assert_eq!(add("").unwrap(), ["M a", "20111023T160000 a"]);
    assert_eq!(add("M").unwrap(), ["M a", "20111023T160000 "]);
    assert_eq!(add("20111023T160000").unwrap(), ["M ", "20111023T160000 a"]);
    let made = ["M a", "20111023T160000 ", "20111022T160000 a"];
    assert_eq!(add("M,20111022T160000").unwrap(), made);
    for rid in ["20111021T160000Z", "20111021", "20111026T160000", "20111023T180000"] {
        assert_eq!(add(rid), Err(AttachmentFault::Instance), "{rid}");
    }
    let single = object(&["DTSTART:20120714T170000Z\r\n"]);
    let named = Instances::parse("20120715T170000Z").unwrap();
    let refused = single.with_attachment(&line("a"), &named, &limits);
    assert_eq!(refused, Err(AttachmentFault::Instance));
    let excepted = object(&[&format!("{DAILY}EXDATE;TZID=America/Montreal:20111022T160000\r\n")]);
    let named = Instances::parse("20111022T160000").unwrap();
    let refused = excepted.with_attachment(&line("a"), &named, &limits);
    assert_eq!(refused, Err(AttachmentFault::Instance));
    let days = object(&["DTSTART;VALUE=DATE:20111021\r\nRRULE:FREQ=DAILY\r\n"]);
    let named = Instances::parse("20111022").unwrap();
    let made = days.with_attachment(&line("a"), &named, &limits).unwrap();
    assert_eq!(told(&made), ["M ", "20111022 a"]);
}

#[test]
fn attachments_are_updated_and_removed_where_they_are() {
    let limits = Limits::DEFAULT;
    let with = |lines: &str, id: &str| format!("{lines}ATTACH;MANAGED-ID={id}:https://x/{id}\r\n");
    let series = object(&[&with(&with(DAILY, "a"), "b"), &with(OTHER, "a")]);
    assert_eq!(series.managed_ids().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    let updated = series.with_updated("a", &line("c")).unwrap();
    assert_eq!(told(&updated), ["M c+b", "20111023T160000 c"]);
    assert_eq!(series.with_updated("x", &line("c")), Err(AttachmentFault::Id));
    let remove = |id: &str, rid: &str| {
        let meant = if rid.is_empty() { Some(Instances::All) } else { Instances::parse(rid) };
        series.without_attachment(id, &meant.unwrap(), &limits).map(|made| told(&made))
    };
    assert_eq!(remove("a", "").unwrap(), ["M b", "20111023T160000 "]);
    assert_eq!(remove("b", "").unwrap(), ["M a", "20111023T160000 a"]);
    assert_eq!(remove("a", "M").unwrap(), ["M b", "20111023T160000 a"]);
    let made = ["M a+b", "20111023T160000 a", "20111022T160000 a"];
    assert_eq!(remove("b", "20111022T160000").unwrap(), made);
    assert_eq!(remove("b", "20111023T160000"), Err(AttachmentFault::Id));
    assert_eq!(remove("x", ""), Err(AttachmentFault::Id));
    assert_eq!(remove("a", "20111030T160000"), Err(AttachmentFault::Instance));
}

#[test]
fn attendees_keep_what_they_were_given() {
    let limits = Limits::DEFAULT;
    let with = |lines: &str, id: &str| format!("{lines}ATTACH;MANAGED-ID={id}:https://x/{id}\r\n");
    let old = object(&[&with(DAILY, "a"), OTHER]);
    assert_eq!(old.with_managed_of(&old, &limits), None);
    let new = object(&[&format!("{DAILY}ATTACH:https://y/\r\n"), &with(OTHER, "b")]);
    let kept = new.with_managed_of(&old, &limits).unwrap();
    assert_eq!(told(&kept), ["M a", "20111023T160000 "]);
    assert!(String::from_utf8(kept.render()).unwrap().contains("https://y/"));
    // An instance that they make of their own has what the series has.
    let other = "RECURRENCE-ID;TZID=America/Montreal:20111022T160000\r\n\
                 DTSTART;TZID=America/Montreal:20111022T160000\r\n";
    let new = object(&[&with(DAILY, "a"), OTHER, other]);
    let kept = new.with_managed_of(&old, &limits).unwrap();
    assert_eq!(told(&kept)[2], "20111022T160000 a");
}

#[test]
fn large_inline_attachments_are_left_out() {
    let inline = |bytes: usize| {
        let data = "A".repeat(bytes / 3 * 4);
        format!("ATTACH;VALUE=BINARY;ENCODING=BASE64:{data}\r\n")
    };
    let small = format!("ATTACH:https://x/{}\r\n{}", "a".repeat(200), inline(60));
    let alarm = |lines: &str| {
        format!("BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT5M\r\n{lines}END:VALARM\r\n")
    };
    let uri = format!("ATTACH:data:text/plain;base64,{}\r\n", "A".repeat(84));
    let large = format!("{DAILY}{small}{}{uri}{}", inline(63), alarm(&inline(63)));
    let kept = object(&[&large, &format!("{OTHER}{}", inline(63))]).without_large_attachments(60);
    assert_eq!(kept, Some(object(&[&format!("{DAILY}{small}{}", alarm("")), OTHER])));
    assert_eq!(object(&[&large]).without_large_attachments(63), None);
}
