use super::*;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:ROOT xmlns:D=\"DAV:\" \
    xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\" \
    xmlns:CS=\"http://calendarserver.org/ns/\" xmlns:ICAL=\"http://apple.com/ns/ical/\" \
    xmlns:ME=\"http://me.com/_namespace/\" xmlns:P=\"https://bitfire.at/webdav-push\">";

/// What `written` has between its root.
fn inside(written: Vec<u8>, root: &str) -> String {
    let text = String::from_utf8(written).unwrap();
    Element::parse(text.as_bytes(), &limits()).unwrap();
    let rest = text.strip_prefix(&HEAD.replace("ROOT", root)).unwrap();
    rest.strip_suffix(&format!("</D:{root}>")).unwrap().to_owned()
}

#[test]
fn multistatus_is_written() {
    let mut answer = Multistatus::new();
    answer.response("/a%20b&c/", |response| {
        response.propstat(Status::OK, |properties| {
            properties.element(&Name::dav("resourcetype"), |kinds| {
                kinds.empty(&Name::dav("collection"));
                kinds.empty(&Name::caldav("calendar"));
            });
            properties.text_element(&Name::dav("displayname"), "A < B & \"C\"\r\n");
            properties.text_element(&Name::apple("calendar-color"), "#FF0000");
            properties.href_element(&Name::caldav("calendar-home-set"), "/dav/");
            properties.element(&Name::caldav("supported-calendar-component-set"), |set| {
                set.element_with(&Name::caldav("comp"), &[("name", "V\"E<")], |_| {});
            });
        });
        response.names(Status::NOT_FOUND, &[Name::carddav("x"), Name::new("u:\"", "y").unwrap()]);
        response.propstat_failed(
            Status::FORBIDDEN,
            Some(&Name::dav("cannot-modify-protected-property")),
            Some("no"),
            |properties| properties.empty(&Name::dav("getetag")),
        );
        response.names(Status::CONFLICT, &[]);
    });
    answer.response("/none", |_| {});
    let first = answer.take();
    answer.status("/gone", Status::NOT_FOUND, None);
    let failed = Name::dav("number-of-matches-within-limits");
    answer.status("/", Status::INSUFFICIENT_STORAGE, Some(&failed));
    answer.sync_token("data:,2");
    let written = [first, answer.finish()].concat();
    assert_eq!(
        inside(written, "multistatus"),
        "<D:response><D:href>/a%20b&amp;c/</D:href>\
         <D:propstat><D:prop><D:resourcetype><D:collection/><C:calendar/></D:resourcetype>\
         <D:displayname>A &lt; B &amp; \"C\"&#13;\n</D:displayname>\
         <ICAL:calendar-color>#FF0000</ICAL:calendar-color>\
         <C:calendar-home-set><D:href>/dav/</D:href></C:calendar-home-set>\
         <C:supported-calendar-component-set><C:comp name=\"V&quot;E&lt;\"/>\
         </C:supported-calendar-component-set></D:prop><D:status>HTTP/1.1 200 OK</D:status>\
         </D:propstat><D:propstat><D:prop><CARD:x/><X:y xmlns:X=\"u:&quot;\"/></D:prop>\
         <D:status>HTTP/1.1 404 Not Found</D:status></D:propstat><D:propstat><D:prop><D:getetag/>\
         </D:prop><D:status>HTTP/1.1 403 Forbidden</D:status><D:error>\
         <D:cannot-modify-protected-property/></D:error><D:responsedescription>no\
         </D:responsedescription></D:propstat></D:response>\
         <D:response><D:href>/none</D:href><D:propstat><D:prop/><D:status>HTTP/1.1 200 OK\
         </D:status></D:propstat></D:response>\
         <D:response><D:href>/gone</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>\
         <D:response><D:href>/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status>\
         <D:error><D:number-of-matches-within-limits/></D:error></D:response>\
         <D:sync-token>data:,2</D:sync-token>"
    );
}

#[test]
fn other_documents_are_written() {
    let written = Writer::document(&Name::dav("error"), |error| {
        error.href_element(&Name::caldav("no-uid-conflict"), "/a.ics");
    });
    assert_eq!(
        inside(written, "error"),
        "<C:no-uid-conflict><D:href>/a.ics</D:href></C:no-uid-conflict>"
    );
    let mut answer = Multistatus::with_root(Name::dav("mkcol-response"));
    answer.propstats(|properties| properties.names(Status::FORBIDDEN, &[Name::dav("x")]));
    assert_eq!(
        inside(answer.finish(), "mkcol-response"),
        "<D:propstat><D:prop><D:x/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status></D:propstat>"
    );
}

#[test]
fn dead_properties_are_put_back_whole() {
    let property = Element::parse(b"<Z:a xmlns:Z=\"u:z\"><b xmlns=\"u\">x</b></Z:a>", &limits());
    let property = property.unwrap();
    let written = Writer::document(&Name::dav("prop"), |prop| {
        prop.raw(&property.to_xml());
        prop.tree(&property);
    });
    let read = Element::parse(&written, &limits()).unwrap();
    assert_eq!(read.elements().collect::<Vec<_>>(), [&property, &property]);
}

#[test]
fn texts_that_no_document_can_say_are_replaced() {
    assert_eq!(
        escape_text("a\0b\u{1f}\u{FFFF}\u{FFFE}\u{FEFF}\u{FFFD}\t\n"),
        "a\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}\u{FEFF}\u{FFFD}\t\n"
    );
    assert_eq!(escape_text("größe <🗓>"), "größe &lt;🗓&gt;");
}
