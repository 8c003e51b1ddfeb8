//! Managed attachments (RFC 8607).

use std::pin::Pin;
use std::sync::Arc;

use dav::AttachmentVerdict;

use crate::calendars::{AT_NINE, event};
use crate::house::{Answered, House, on_both_engines, on_both_engines_with};

const ADD: &str = "personal/64.ics?action=attachment-add";
const AGENDA: &str = "<html>\n  <body>\n    <h1>Agenda</h1>\n  </body>\n</html>\n";
const HEADERS: &str = "content-type: text/html; charset=\"utf-8\"\n\
                       content-disposition: attachment;filename=agenda.html";

impl House {
    async fn put_64(&self, lines: &str) {
        let text = event("64", &format!("{AT_NINE}{lines}"));
        assert_eq!(self.julie("PUT", "personal/64.ics", "", &text).await.status, 201);
    }

    /// Adds the agenda; what names it, and its path.
    async fn add_agenda(&self) -> (String, String) {
        let answer = self.julie("POST", ADD, HEADERS, AGENDA).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.header("cal-managed-id").to_owned();
        let path = format!("/dav/attachments/{id}/agenda.html");
        (id, path)
    }
}

fn unfolded(answer: &Answered) -> String {
    answer.text.replace("\r\n ", "")
}

#[test]
fn the_examples_of_the_standard() {
    let set = |settings: &mut dav::Settings| {
        settings.public_url = "https://cal.example.test".to_owned();
    };
    on_both_engines_with(set, |house| async move {
        house.put_64("").await;
        let before = house.julie("GET", "personal/64.ics", "", "").await;
        let headers = format!("{HEADERS}\nprefer: return=representation");
        let added = house.julie("POST", ADD, &headers, AGENDA).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let id = added.header("cal-managed-id").to_owned();
        assert_eq!(id.len(), 32);
        let path = format!("/dav/attachments/{id}/agenda.html");
        let line = format!(
            "ATTACH;MANAGED-ID={id};FMTTYPE=text/html;SIZE={};FILENAME=agenda.html:\
             https://cal.example.test{path}\r\n",
            AGENDA.len()
        );
        assert!(unfolded(&added).contains(&line), "{}", added.text);
        assert!(added.header("content-type").starts_with("text/calendar"));
        let location = "/dav/calendars/julie@example.test/personal/64.ics";
        assert_eq!(added.header("content-location"), location);
        assert_eq!(added.header("preference-applied"), "return=representation");
        let after = house.julie("GET", "personal/64.ics", "", "").await;
        assert_eq!((after.header("etag"), &after.text), (added.header("etag"), &added.text));
        assert_ne!(after.header("etag"), before.header("etag"));

        let got = house.ask("julie", "GET", &path, "", "").await;
        assert_eq!((got.status, got.text.as_str()), (200, AGENDA));
        assert_eq!(got.header("content-type"), "text/html");
        let disposition = "attachment; filename=\"agenda.html\"";
        assert_eq!(got.header("content-disposition"), disposition);
        assert_eq!(got.header("content-security-policy"), "sandbox; default-src 'none'");
        let condition = format!("if-none-match: {}", got.header("etag"));
        assert_eq!(house.ask("julie", "GET", &path, &condition, "").await.status, 304);
        let part = house.ask("julie", "GET", &path, "range: bytes=0-5", "").await;
        assert_eq!((part.status, part.text.as_str()), (206, "<html>"));

        let update = format!("personal/64.ics?action=attachment-update&managed-id={id}");
        let updated = house.julie("POST", &update, "content-type: text/plain", "new").await;
        assert_eq!((updated.status, updated.text.as_str()), (204, ""));
        let new = updated.header("cal-managed-id").to_owned();
        assert_ne!(new, id);
        assert_eq!(house.ask("julie", "GET", &path, "", "").await.status, 404);
        let path = format!("/dav/attachments/{new}");
        assert_eq!(house.ask("julie", "GET", &path, "", "").await.text, "new");

        let remove = format!("personal/64.ics?action=attachment-remove&managed-id={new}");
        let removed = house.julie("POST", &remove, "", "").await;
        assert_eq!((removed.status, removed.header("cal-managed-id")), (204, ""));
        let now = house.julie("GET", "personal/64.ics", "", "").await;
        assert_eq!(now.text, before.text);
    });
}

#[test]
fn support_is_told() {
    on_both_engines(|house| async move {
        let options = house.julie("OPTIONS", "", "", "").await;
        assert!(options.header("dav").contains(", calendar-managed-attachments"));
        let body = "<propfind xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><prop>\
                    <C:managed-attachments-server-URL/><C:max-attachment-size/>\
                    <C:max-attachments-per-resource/></prop></propfind>";
        let home = house.julie("PROPFIND", "", "depth: 0", body).await;
        assert!(home.text.contains("<C:managed-attachments-server-URL/>"), "{}", home.text);
        let calendar = house.julie("PROPFIND", "personal/", "depth: 0", body).await;
        for told in [
            "<C:max-attachment-size>20971520</C:max-attachment-size>",
            "<C:max-attachments-per-resource>20</C:max-attachments-per-resource>",
        ] {
            assert!(calendar.text.contains(told), "{}", calendar.text);
        }
        house.put_64("").await;
        let options = house.julie("OPTIONS", "personal/64.ics", "", "").await;
        assert!(options.header("allow").contains("POST"));
    });
}

#[test]
fn what_there_is_none_of_is_not_told_of() {
    let set = |settings: &mut dav::Settings| settings.attachments.bytes_max = 0;
    on_both_engines_with(set, |house| async move {
        let options = house.julie("OPTIONS", "", "", "").await;
        assert!(!options.header("dav").contains("managed"));
        house.put_64("").await;
        let answer = house.julie("POST", ADD, HEADERS, "").await;
        assert_eq!(answer.status, 405);
    });
}

#[test]
fn refusals_name_their_precondition() {
    let set = |settings: &mut dav::Settings| settings.attachments.bytes_max = 100;
    on_both_engines_with(set, |house| async move {
        house.put_64("RRULE:FREQ=DAILY\r\n").await;
        let (id, path) = house.add_agenda().await;
        for (query, failed) in [
            ("action=attachment-take".to_owned(), "C:valid-action"),
            ("action=attachment-add&rid=M,M".to_owned(), "C:valid-rid"),
            ("action=attachment-add&rid=20260105T100000Z".to_owned(), "C:valid-rid"),
            (format!("action=attachment-add&managed-id={id}"), "C:valid-managed-id"),
            (format!("action=attachment-update&managed-id={id}&rid=M"), "C:valid-rid"),
            ("action=attachment-update&managed-id=x".to_owned(), "C:valid-managed-id"),
            ("action=attachment-remove".to_owned(), "C:valid-managed-id"),
            (
                format!("action=attachment-remove&managed-id={id}&rid=20260107T100000Z"),
                "C:valid-rid",
            ),
        ] {
            let path = format!("personal/64.ics?{query}");
            let answer = house.julie("POST", &path, HEADERS, "x").await;
            assert_eq!((answer.status, answer.failed()), (403, failed), "{query}");
        }
        let answer = house.julie("POST", ADD, HEADERS, &"x".repeat(101)).await;
        assert_eq!((answer.status, answer.failed()), (403, "C:max-attachment-size"));
        for invented in ["97S", "00000000000000000000000000000000"] {
            let line = format!("{AT_NINE}ATTACH;MANAGED-ID={invented}:https://x/\r\n");
            let answer = house.julie("PUT", "personal/65.ics", "", &event("65", &line)).await;
            let expect = (403, "C:valid-managed-id-parameter");
            assert_eq!((answer.status, answer.failed()), expect);
        }
        let stale = format!("{HEADERS}\nif-match: \"x\"");
        assert_eq!(house.julie("POST", ADD, &stale, "x").await.status, 412);
        assert_eq!(house.julie("POST", "personal/no.ics?action=x", "", "x").await.status, 404);
        assert_eq!(house.julie("POST", "personal/?action=x", "", "x").await.status, 405);
        // RFC 8607 §3.8, §3.9
        for method in ["PUT", "DELETE", "PROPFIND", "POST"] {
            let answer = house.ask("julie", method, &path, "", "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, "OPTIONS, GET, HEAD"));
        }
        assert_eq!(house.ask("", "GET", &path, "", "").await.status, 401);
        assert_eq!(house.ask("paul", "GET", &path, "", "").await.status, 404);
        assert_eq!(house.ask("julie", "GET", "/dav/attachments/x", "", "").await.status, 404);
    });
}

#[test]
fn instances_have_attachments_of_their_own() {
    on_both_engines(|house| async move {
        house.put_64("RRULE:FREQ=DAILY;COUNT=3\r\n").await;
        let add = format!("{ADD}&rid=20260106T090000Z");
        let answer = house.julie("POST", &add, HEADERS, AGENDA).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let got = unfolded(&house.julie("GET", "personal/64.ics", "", "").await);
        assert_eq!(got.matches("BEGIN:VEVENT").count(), 2, "{got}");
        let (master, other) = got.split_once("END:VEVENT").unwrap();
        assert!(!master.contains("ATTACH"), "{got}");
        assert!(other.contains("ATTACH") && other.contains("RECURRENCE-ID:20260106T090000Z"));
    });
}

#[test]
fn attendees_read_and_do_not_write() {
    on_both_engines(|house| async move {
        let people = "ORGANIZER:mailto:julie@example.test\r\n\
                      ATTENDEE;PARTSTAT=ACCEPTED:mailto:julie@example.test\r\n\
                      ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:paul@example.test\r\n";
        house.put_64(people).await;
        let (id, path) = house.add_agenda().await;
        assert_eq!(house.ask("paul", "GET", &path, "", "").await.text, AGENDA);
        let copy = "/dav/calendars/paul@example.test/personal/64.ics";
        let there = house.ask("paul", "GET", copy, "", "").await;
        assert!(unfolded(&there).contains(&format!("MANAGED-ID={id}")), "{}", there.text);
        let expect = (403, "C:allowed-attendee-scheduling-object-change");
        for query in ["add".to_owned(), format!("remove&managed-id={id}")] {
            let asked = format!("{copy}?action=attachment-{query}");
            let answer = house.ask("paul", "POST", &asked, HEADERS, "x").await;
            assert_eq!((answer.status, answer.failed()), expect, "{query}");
        }
        // Whoever may read the calendar of one who is invited may read it, too.
        house.move_in_at("ann", "example.test").await;
        assert_eq!(house.ask("ann", "GET", &path, "", "").await.status, 404);
        house.share("personal", "ann@example.test", storage::CollectionRights::FREE_BUSY).await;
        assert_eq!(house.ask("ann", "GET", &path, "", "").await.status, 404);
        house.share("personal", "ann@example.test", storage::CollectionRights::READ).await;
        assert_eq!(house.ask("ann", "GET", &path, "", "").await.text, AGENDA);
        let asked = "/dav/calendars/julie@example.test/personal/64.ics?action=attachment-add";
        let answer = house.ask("ann", "POST", asked, HEADERS, "x").await;
        assert_eq!((answer.status, answer.failed()), (403, "D:need-privileges"));
    });
}

#[test]
fn a_put_shows_what_it_came_to() {
    on_both_engines(|house| async move {
        let prefer = "prefer: return=representation";
        let text = event("1", AT_NINE);
        for status in [201, 200] {
            let put = house.julie("PUT", "personal/1.ics", prefer, &text).await;
            assert_eq!((put.status, put.text.as_str()), (status, text.as_str()));
            assert!(!put.header("etag").is_empty());
        }
        let plain = house.julie("PUT", "personal/1.ics", "", &text).await;
        assert_eq!((plain.status, plain.text.as_str()), (204, ""));
    });
}

/// Says of an attachment what its text is.
#[derive(Debug)]
struct Checks;

impl dav::AttachmentChecks for Checks {
    fn look_at<'a>(
        &'a self,
        _: &'a str,
        data: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = AttachmentVerdict> + Send + 'a>> {
        Box::pin(std::future::ready(match data {
            b"sound" => AttachmentVerdict::Sound,
            b"harmful" => AttachmentVerdict::Harmful,
            _ => AttachmentVerdict::Unknown,
        }))
    }
}

#[test]
fn attachments_are_looked_at_before_they_are_taken() {
    let set = |settings: &mut dav::Settings| settings.checks = Some(Arc::new(Checks));
    on_both_engines_with(set, |house| async move {
        house.put_64("").await;
        let before = house.julie("GET", "personal/64.ics", "", "").await.text;
        let kind = "content-type: text/plain";
        let refused = house.julie("POST", ADD, kind, "harmful").await;
        assert_eq!((refused.status, refused.text.contains("no-malware")), (403, true));
        assert_eq!(house.julie("POST", ADD, kind, "unknown").await.status, 503);
        assert_eq!(house.julie("GET", "personal/64.ics", "", "").await.text, before);
        let added = house.julie("POST", ADD, kind, "sound").await;
        assert_eq!(added.status, 201);
        let update = format!(
            "personal/64.ics?action=attachment-update&managed-id={}",
            added.header("cal-managed-id")
        );
        for (text, status) in [("harmful", 403), ("unknown", 503), ("sound", 204)] {
            assert_eq!(house.julie("POST", &update, kind, text).await.status, status, "{text}");
        }
    });
}
