use ical::{MatchKind, Quantifier, TimeRange};

use super::*;

fn these(names: &[Name]) -> PropertySet {
    PropertySet::These(names.to_vec())
}

fn report(body: &str) -> Result<Report, XmlError> {
    Report::parse(&with_prefixes(body), &limits())
}

#[test]
fn propfind_asks_for_names_all_or_some() {
    for (body, expected) in [
        (
            "<D:propfind><D:prop><D:getetag/><C:x>ignored</C:x></D:prop></D:propfind>",
            Ok(these(&[Name::dav("getetag"), Name::caldav("x")])),
        ),
        ("<D:propfind><D:propname/></D:propfind>", Ok(PropertySet::Names)),
        ("<D:propfind><D:allprop/></D:propfind>", Ok(PropertySet::All(Vec::new()))),
        // RFC 4918 §9.1.6
        (
            "<D:propfind><D:allprop/><D:include><D:supported-live-property-set/>\
             <D:supported-report-set/></D:include></D:propfind>",
            Ok(PropertySet::All(vec![
                Name::dav("supported-live-property-set"),
                Name::dav("supported-report-set"),
            ])),
        ),
        ("<D:propfind><D:prop/></D:propfind>", Ok(these(&[]))),
        // RFC 4918 §17: what is not known is passed over.
        (
            "<D:propfind><CS:new/><D:prop><D:getetag/></D:prop></D:propfind>",
            Ok(these(&[Name::dav("getetag")])),
        ),
        ("<D:propfind/>", Err(XmlError::Unexpected("DAV:prop"))),
        ("<D:propfind><D:prop/><D:allprop/></D:propfind>", Err(XmlError::Unexpected("DAV:prop"))),
        ("<D:prop/>", Err(XmlError::Unexpected("DAV:propfind"))),
    ] {
        let found = PropertyRequest::parse(&with_prefixes(body), &limits());
        assert_eq!(found.map(|request| request.properties), expected, "{body}");
    }
    let empty = PropertyRequest::parse(b"", &limits()).unwrap();
    assert_eq!(empty.properties, PropertySet::All(Vec::new()));
}

#[test]
fn proppatch_is_done_in_its_order() {
    let body = with_prefixes(
        "<D:propertyupdate><D:remove><D:prop><C:a/></D:prop></D:remove><D:set><D:prop>\
         <D:displayname>x</D:displayname><C:b/></D:prop></D:set><D:remove><D:prop><D:displayname/>\
         </D:prop></D:remove></D:propertyupdate>",
    );
    let changes = PropertyChange::parse(&body, &limits()).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (matches!(change, PropertyChange::Set(_)), change.name().local()))
        .collect();
    assert_eq!(told, [(false, "a"), (true, "displayname"), (true, "b"), (false, "displayname")]);
    for body in ["<D:propertyupdate/>", "<D:propertyupdate><D:set/></D:propertyupdate>", "<D:x/>"] {
        let found = PropertyChange::parse(&with_prefixes(body), &limits());
        assert!(matches!(found, Err(XmlError::Unexpected(_))), "{body}");
    }
}

#[test]
fn collections_are_made_with_properties() {
    for root in ["D:mkcol", "C:mkcalendar"] {
        let body = format!(
            "<{root}><D:set><D:prop><D:resourcetype><D:collection/><CARD:addressbook/>\
             </D:resourcetype><D:displayname>Lisa's Contacts</D:displayname></D:prop></D:set></{root}>"
        );
        let properties = parse_mkcol(&with_prefixes(&body), &limits()).unwrap();
        assert_eq!(properties.len(), 2);
        assert!(properties[0].element(CARDDAV, "addressbook").is_some());
        assert_eq!(properties[1].text(), "Lisa's Contacts");
    }
    assert_eq!(parse_mkcol(b"", &limits()), Ok(Vec::new()));
    let other = parse_mkcol(&with_prefixes("<D:propfind/>"), &limits());
    assert_eq!(other, Err(XmlError::Unexpected("DAV:mkcol")));
}

#[test]
fn locks_have_a_scope_and_an_owner() {
    // RFC 4918 §9.10.7
    let body = with_prefixes(
        "<D:lockinfo><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>\
         <D:owner><D:href>http://example.org/~ejw/contact.html</D:href></D:owner></D:lockinfo>",
    );
    let lock = LockInfo::parse(&body, &limits()).unwrap().unwrap();
    assert_eq!(lock.scope, LockScope::Exclusive);
    assert_eq!(
        lock.owner.unwrap().to_xml(),
        "<D:owner xmlns:D=\"DAV:\"><D:href>http://example.org/~ejw/contact.html</D:href></D:owner>"
    );
    assert_eq!(LockInfo::parse(b"", &limits()), Ok(None));
    for body in [
        "<D:lockinfo><D:lockscope><D:exclusive/></D:lockscope></D:lockinfo>",
        "<D:lockinfo><D:locktype><D:write/></D:locktype></D:lockinfo>",
        "<D:lockinfo><D:lockscope><D:exclusive/><D:shared/></D:lockscope><D:locktype><D:write/>\
         </D:locktype></D:lockinfo>",
    ] {
        assert!(LockInfo::parse(&with_prefixes(body), &limits()).is_err(), "{body}");
    }
}

#[test]
fn access_control_lists_are_read() {
    // RFC 3744 §8.1.3, the example, and its kinds of principals.
    let body = with_prefixes(
        "<D:acl><D:ace><D:principal><D:href>/users/esedlar</D:href></D:principal><D:grant>\
         <D:privilege><D:read/></D:privilege><D:privilege><D:write/></D:privilege></D:grant></D:ace>\
         <D:ace><D:principal><D:property><D:owner/></D:property></D:principal><D:grant>\
         <D:privilege><D:all/></D:privilege></D:grant></D:ace><D:ace><D:invert><D:principal>\
         <D:authenticated/></D:principal></D:invert><D:deny><D:privilege><C:read-free-busy/>\
         </D:privilege></D:deny></D:ace></D:acl>",
    );
    let aces = parse_acl(&body, &limits()).unwrap();
    let principals: Vec<_> = aces.iter().map(|ace| ace.principal.clone()).collect();
    assert_eq!(
        principals,
        [
            AcePrincipal::Href("/users/esedlar".to_owned()),
            AcePrincipal::Property(Name::dav("owner")),
            AcePrincipal::Authenticated,
        ]
    );
    assert_eq!(aces[0].privileges, [Name::dav("read"), Name::dav("write")]);
    assert_eq!(aces[2].privileges, [Name::caldav("read-free-busy")]);
    assert_eq!([aces[2].inverted, aces[2].grants, aces[0].grants], [true, false, true]);
    assert_eq!(parse_acl(&with_prefixes("<D:acl/>"), &limits()), Ok(Vec::new()));
    for ace in [
        "",
        "<D:principal><D:all/></D:principal>",
        "<D:principal><D:all/><D:self/></D:principal><D:grant><D:privilege><D:read/></D:privilege></D:grant>",
        "<D:principal><D:odd/></D:principal><D:grant><D:privilege><D:read/></D:privilege></D:grant>",
        "<D:principal><D:all/></D:principal><D:grant/>",
        "<D:principal><D:all/></D:principal><D:grant><D:privilege/></D:grant>",
    ] {
        let body = with_prefixes(&format!("<D:acl><D:ace>{ace}</D:ace></D:acl>"));
        assert!(matches!(parse_acl(&body, &limits()), Err(XmlError::Unexpected(_))), "{ace}");
    }
}

#[test]
fn multiget_names_resources() {
    // RFC 4791 §7.9.1
    let found = report(
        "<C:calendar-multiget><D:prop><D:getetag/><C:calendar-data/></D:prop>\
         <D:href>/bernard/books/abcd1.ics</D:href><D:href> /bernard/books/mtg1.ics\n</D:href>\
         </C:calendar-multiget>",
    );
    let Ok(Report::CalendarMultiget(multiget)) = found else { panic!("{found:?}") };
    assert_eq!(multiget.hrefs, ["/bernard/books/abcd1.ics", "/bernard/books/mtg1.ics"]);
    assert_eq!(multiget.request.calendar_data, Some(CalendarDataRequest::default()));
    let none = report("<CARD:addressbook-multiget><D:prop/></CARD:addressbook-multiget>");
    assert_eq!(none, Err(XmlError::Unexpected("DAV:href")));
}

#[test]
fn sync_collection_has_a_token_or_none() {
    for (inside, token, level, limit) in [
        ("<D:sync-token/><D:sync-level>1</D:sync-level>", None, Some(SyncLevel::One), None),
        ("<D:sync-token> </D:sync-token>", None, None, None),
        (
            "<D:sync-token>data:,1</D:sync-token><D:sync-level>infinite</D:sync-level>\
             <D:limit><D:nresults>10</D:nresults></D:limit>",
            Some("data:,1"),
            Some(SyncLevel::Infinite),
            Some(10),
        ),
    ] {
        let body =
            format!("<D:sync-collection>{inside}<D:prop><D:getetag/></D:prop></D:sync-collection>");
        let found = report(&body);
        let Ok(Report::SyncCollection(sync)) = found else { panic!("{body}: {found:?}") };
        assert_eq!((sync.token.as_deref(), sync.level, sync.limit), (token, level, limit));
        assert_eq!(sync.request.properties, these(&[Name::dav("getetag")]));
    }
    for inside in [
        "<D:sync-level>2</D:sync-level>",
        "<D:limit><D:nresults>0</D:nresults></D:limit>",
        "<D:limit><D:nresults>-1</D:nresults></D:limit>",
        "<D:sync-token/><D:sync-token/>",
    ] {
        let body = format!("<D:sync-collection>{inside}</D:sync-collection>");
        assert!(matches!(report(&body), Err(XmlError::Unexpected(_))), "{body}");
    }
}

#[test]
fn expand_property_nests() {
    // RFC 3253 §3.8.1, shortened, and what macOS asks for.
    let found = report(
        "<D:expand-property><D:property name=\"version-history\"><D:property name=\"version-set\">\
         <D:property name=\"creator-displayname\"/></D:property></D:property>\
         <D:property name=\"calendar-proxy-read-for\" namespace=\"http://calendarserver.org/ns/\"/>\
         </D:expand-property>",
    );
    let Ok(Report::ExpandProperty(properties)) = found else { panic!("{found:?}") };
    assert_eq!(properties[0].within[0].within[0].name, Name::dav("creator-displayname"));
    assert_eq!(properties[1].name, Name::calendar_server("calendar-proxy-read-for"));
    let bad = report("<D:expand-property><D:property name=\"a b\"/></D:expand-property>");
    assert_eq!(bad, Err(XmlError::Unexpected("a name")));
}

#[test]
fn principals_are_searched() {
    // RFC 3744 §9.4.2
    let found = report(
        "<D:principal-property-search><D:property-search><D:prop><D:displayname/></D:prop>\
         <D:match>doE</D:match></D:property-search><D:property-search><D:prop><C:title/></D:prop>\
         <D:match match-type=\"starts-with\">Sales</D:match></D:property-search><D:prop>\
         <D:displayname/></D:prop></D:principal-property-search>",
    );
    let Ok(Report::PrincipalSearch(search)) = found else { panic!("{found:?}") };
    assert_eq!(search.quantifier, Quantifier::All);
    assert_eq!(search.searches[0].text, "doE");
    assert_eq!(search.searches[1].kind, MatchKind::StartsWith);
    assert!(!search.in_principal_collections);
    let found = report(
        "<CS:calendarserver-principal-search context=\"attendee\"><CS:search-token>ann\
         </CS:search-token><CS:search-token>doe</CS:search-token><CS:limit><CS:nresults>50\
         </CS:nresults></CS:limit><D:prop><D:displayname/></D:prop>\
         </CS:calendarserver-principal-search>",
    );
    let Ok(Report::PrincipalSearch(search)) = found else { panic!("{found:?}") };
    assert_eq!((search.searches.len(), search.limit), (2, Some(50)));
    let found = report("<D:principal-match><D:self/></D:principal-match>");
    let Ok(Report::PrincipalMatch(found)) = found else { panic!("{found:?}") };
    assert_eq!(found.property, None);
    let found = report(
        "<D:principal-match><D:principal-property><D:owner/></D:principal-property></D:principal-match>",
    );
    let Ok(Report::PrincipalMatch(found)) = found else { panic!("{found:?}") };
    assert_eq!(found.property, Some(Name::dav("owner")));
    let found = report("<D:principal-search-property-set/>");
    assert_eq!(found, Ok(Report::PrincipalSearchPropertySet));
    let found = report("<D:acl-principal-prop-set><D:prop/></D:acl-principal-prop-set>");
    assert!(matches!(found, Ok(Report::AclPrincipalPropSet(_))));
}

#[test]
fn a_report_that_is_not_known_has_a_precondition() {
    let unknown = Err(XmlError::Precondition(Name::dav("supported-report")));
    assert_eq!(report("<D:version-tree/>"), unknown);
    let range = "<C:time-range start=\"20060104T140000Z\" end=\"20060105T220000Z\"/>";
    let found = report(&format!("<C:free-busy-query>{range}</C:free-busy-query>"));
    let expected = TimeRange::parse(Some("20060104T140000Z"), Some("20060105T220000Z")).unwrap();
    assert_eq!(found, Ok(Report::FreeBusyQuery(expected)));
}

#[test]
fn sharing_is_asked_for_and_answered() {
    let body = with_prefixes(
        "<CS:share><CS:set><D:href>mailto:user02@example.com</D:href><CS:common-name>User 02\
         </CS:common-name><CS:summary>Work</CS:summary><CS:read-write/></CS:set><CS:remove>\
         <D:href>mailto:user03@example.com</D:href></CS:remove></CS:share>",
    );
    assert_eq!(
        SharingRequest::parse(&body, &limits()),
        Ok(SharingRequest::Share {
            set: vec![Sharee {
                href: "mailto:user02@example.com".to_owned(),
                common_name: Some("User 02".to_owned()),
                summary: Some("Work".to_owned()),
                may_write: true,
            }],
            remove: vec!["mailto:user03@example.com".to_owned()],
        })
    );
    let body = with_prefixes(
        "<CS:invite-reply><D:href>mailto:user02@example.com</D:href><CS:invite-accepted/>\
         <CS:hosturl><D:href>/calendars/1/team/</D:href></CS:hosturl><CS:in-reply-to>abc\
         </CS:in-reply-to></CS:invite-reply>",
    );
    assert_eq!(
        SharingRequest::parse(&body, &limits()),
        Ok(SharingRequest::Reply(Invitation {
            href: "mailto:user02@example.com".to_owned(),
            accepted: true,
            host_href: Some("/calendars/1/team/".to_owned()),
            in_reply_to: Some("abc".to_owned()),
            summary: None,
        }))
    );
    for (body, expected) in [
        ("<CS:publish-calendar/>", Ok(SharingRequest::Publish)),
        ("<CS:unpublish-calendar/>", Ok(SharingRequest::Unpublish)),
        (
            "<CS:invite-reply><D:href>a</D:href></CS:invite-reply>",
            Err(XmlError::Unexpected("CS:invite-accepted")),
        ),
        ("<CS:share><CS:set><CS:read/></CS:set></CS:share>", Err(XmlError::Unexpected("DAV:href"))),
        ("<D:share/>", Err(XmlError::Unexpected("CS:share"))),
    ] {
        assert_eq!(SharingRequest::parse(&with_prefixes(body), &limits()), expected, "{body}");
    }
}
