use ical::{
    CalendarSelection, CardFilter, CardPropertyFilter, CardPropertyTest, Collation,
    ComponentFilter, ComponentSelection, ComponentTest, MatchKind, ParameterFilter, Presence,
    PropertyFilter, PropertySelection, PropertyTest, Quantifier, RecurrenceSelection, TextMatch,
    TimeRange, ValueTest, Which,
};

use super::*;

fn query(filter: &str) -> Result<CalendarQuery, XmlError> {
    let body =
        format!("<C:calendar-query><D:prop><D:getetag/></D:prop>{filter}</C:calendar-query>");
    match Report::parse(&with_prefixes(&body), &limits())? {
        Report::CalendarQuery(query) => Ok(query),
        other => panic!("{other:?}"),
    }
}

fn in_calendar(inside: &str) -> String {
    format!("<C:filter><C:comp-filter name=\"VCALENDAR\">{inside}</C:comp-filter></C:filter>")
}

fn range(start: &str, end: &str) -> TimeRange {
    TimeRange::parse(Some(start), Some(end)).unwrap()
}

#[test]
fn calendar_filters_are_read() {
    // RFC 4791 §7.8.6 and §7.8.9 in one.
    let filter = in_calendar(
        "<C:comp-filter name=\"VTODO\"><C:time-range start=\"20060106T100000Z\" \
         end=\"20060107T100000Z\"/><C:prop-filter name=\"completed\"><C:is-not-defined/>\
         </C:prop-filter><C:prop-filter name=\"STATUS\"><C:text-match negate-condition=\"yes\">\
         CANCELLED</C:text-match></C:prop-filter><C:prop-filter name=\"ATTENDEE\"><C:text-match \
         collation=\"i;octet\">mailto:lisa@example.com</C:text-match><C:param-filter \
         name=\"PARTSTAT\"><C:text-match collation=\"i;ascii-casemap\">NEEDS-ACTION</C:text-match>\
         </C:param-filter><C:param-filter name=\"RSVP\"><C:is-not-defined/></C:param-filter>\
         </C:prop-filter><C:comp-filter name=\"VALARM\"><C:is-not-defined/></C:comp-filter>\
         </C:comp-filter>",
    );
    let text =
        |text, collation, negate| TextMatch::new(text, collation, MatchKind::Contains, negate);
    let with_value = |name: &str, value, parameters| PropertyFilter {
        name: name.to_owned(),
        test: Presence::Present(PropertyTest { value, parameters }),
    };
    let todo = ComponentTest {
        time_range: Some(range("20060106T100000Z", "20060107T100000Z")),
        properties: vec![
            PropertyFilter { name: "COMPLETED".to_owned(), test: Presence::Absent },
            with_value(
                "STATUS",
                ValueTest::Text(text("CANCELLED", Collation::AsciiCasemap, true)),
                Vec::new(),
            ),
            with_value(
                "ATTENDEE",
                ValueTest::Text(text("mailto:lisa@example.com", Collation::Octet, false)),
                vec![
                    ParameterFilter {
                        name: "PARTSTAT".to_owned(),
                        test: Presence::Present(Some(text(
                            "NEEDS-ACTION",
                            Collation::AsciiCasemap,
                            false,
                        ))),
                    },
                    ParameterFilter { name: "RSVP".to_owned(), test: Presence::Absent },
                ],
            ),
        ],
        components: vec![ComponentFilter { name: "VALARM".to_owned(), test: Presence::Absent }],
    };
    let calendar = ComponentTest {
        components: vec![ComponentFilter {
            name: "VTODO".to_owned(),
            test: Presence::Present(todo),
        }],
        ..ComponentTest::default()
    };
    let expected =
        ComponentFilter { name: "VCALENDAR".to_owned(), test: Presence::Present(calendar) };
    let found = query(&filter).unwrap();
    assert_eq!(found.filter, expected);
    assert_eq!((found.zone, found.limit), (None, None));
}

#[test]
fn filters_that_cannot_be_fail_by_name() {
    let precondition = |local| Err(XmlError::Precondition(Name::caldav(local)));
    for filter in [
        String::new(),
        "<C:filter/>".to_owned(),
        "<C:filter><C:comp-filter name=\"VEVENT\"/></C:filter>".to_owned(),
        in_calendar("<C:time-range start=\"20060104T000000Z\"/>"),
        in_calendar("<C:comp-filter/>"),
        in_calendar("<C:comp-filter name=\"VEVENT\"><C:time-range/></C:comp-filter>"),
        in_calendar(
            "<C:comp-filter name=\"VEVENT\"><C:time-range start=\"20060104\"/></C:comp-filter>",
        ),
        in_calendar(
            "<C:comp-filter name=\"VEVENT\"><C:is-not-defined/><C:prop-filter name=\"X\"/></C:comp-filter>",
        ),
        in_calendar(
            "<C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"X\"><C:time-range \
            start=\"20060104T000000Z\"/><C:text-match>x</C:text-match></C:prop-filter></C:comp-filter>",
        ),
        in_calendar(
            "<C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"X\"><C:text-match \
            negate-condition=\"maybe\">x</C:text-match></C:prop-filter></C:comp-filter>",
        ),
    ] {
        assert_eq!(query(&filter), precondition("valid-filter"), "{filter}");
    }
    let filter = in_calendar(
        "<C:comp-filter name=\"VEVENT\"><C:prop-filter name=\"X\"><C:text-match \
         collation=\"i;klingon\">x</C:text-match></C:prop-filter></C:comp-filter>",
    );
    assert_eq!(query(&filter), precondition("supported-collation"));
    let filter = in_calendar(&"<C:comp-filter name=\"VEVENT\"/>".repeat(200));
    assert_eq!(query(&filter), precondition("supported-filter"));
}

#[test]
fn calendar_data_is_selected() {
    let data = |inside: &str| {
        let body = format!(
            "<C:calendar-multiget><D:prop><C:calendar-data>{inside}</C:calendar-data></D:prop>\
             <D:href>/a</D:href></C:calendar-multiget>"
        );
        match Report::parse(&with_prefixes(&body), &limits())? {
            Report::CalendarMultiget(multiget) => Ok(multiget.request.calendar_data.unwrap()),
            other => panic!("{other:?}"),
        }
    };
    // RFC 4791 §7.8.1, shortened, with the range of §7.8.3.
    let found = data(
        "<C:comp name=\"VCALENDAR\"><C:prop name=\"VERSION\"/><C:comp name=\"VEVENT\">\
         <C:prop name=\"SUMMARY\"/><C:prop name=\"uid\" novalue=\"yes\"/></C:comp><C:comp \
         name=\"VTIMEZONE\"><C:allprop/><C:allcomp/></C:comp></C:comp><C:expand \
         start=\"20060103T000000Z\" end=\"20060105T000000Z\"/>",
    )
    .unwrap();
    let property = |name: &str, with_value| PropertySelection { name: name.to_owned(), with_value };
    let expected = CalendarSelection {
        component: Some(ComponentSelection {
            name: "VCALENDAR".to_owned(),
            properties: Which::Some(vec![property("VERSION", true)]),
            components: Which::Some(vec![
                ComponentSelection {
                    name: "VEVENT".to_owned(),
                    properties: Which::Some(vec![
                        property("SUMMARY", true),
                        property("UID", false),
                    ]),
                    components: Which::Some(Vec::new()),
                },
                ComponentSelection {
                    name: "VTIMEZONE".to_owned(),
                    properties: Which::All,
                    components: Which::All,
                },
            ]),
        }),
        recurrence: RecurrenceSelection::Expand(range("20060103T000000Z", "20060105T000000Z")),
        free_busy: None,
    };
    assert_eq!(found.selection, expected);
    assert!(data("").unwrap().selection.is_whole());
    let both = "<C:expand start=\"20060103T000000Z\" end=\"20060105T000000Z\"/>\
        <C:limit-recurrence-set start=\"20060103T000000Z\" end=\"20060105T000000Z\"/>";
    assert_eq!(data(both), Err(XmlError::Unexpected("CALDAV:expand")));
    // RFC 4791 §9.6.5: both ends are there.
    let open = data("<C:expand start=\"20060103T000000Z\"/>");
    assert_eq!(open, Err(XmlError::Unexpected("CALDAV:expand")));
}

#[test]
fn zones_of_queries_are_told_by_object_or_name() {
    let filter = in_calendar("");
    let zone = |inside: &str| query(&format!("{filter}{inside}")).map(|query| query.zone);
    assert_eq!(
        zone("<C:timezone>BEGIN:VCALENDAR&#13;\n</C:timezone>"),
        Ok(Some(QueryZone::Object("BEGIN:VCALENDAR\r\n".to_owned())))
    );
    assert_eq!(
        zone("<C:timezone-id> Europe/Vienna</C:timezone-id>"),
        Ok(Some(QueryZone::Id("Europe/Vienna".to_owned())))
    );
    assert!(zone("<C:timezone-id>a</C:timezone-id><C:timezone>b</C:timezone>").is_err());
}

#[test]
fn card_filters_are_read() {
    let query = |filter: &str, more: &str| {
        let body = format!(
            "<CARD:addressbook-query><D:prop><CARD:address-data version=\"4.0\" \
             content-type=\"text/vcard\"><CARD:prop name=\"FN\"/></CARD:address-data></D:prop>\
             {filter}{more}</CARD:addressbook-query>"
        );
        match Report::parse(&with_prefixes(&body), &limits())? {
            Report::AddressbookQuery(query) => Ok(query),
            other => panic!("{other:?}"),
        }
    };
    // RFC 6352 §8.6.4, with more of what there is.
    let found = query(
        "<CARD:filter test=\"allof\"><CARD:prop-filter name=\"fn\" test=\"allof\"><CARD:text-match \
         collation=\"i;unicode-casemap\" match-type=\"equals\">me</CARD:text-match>\
         <CARD:param-filter name=\"type\"><CARD:text-match>home</CARD:text-match>\
         </CARD:param-filter></CARD:prop-filter><CARD:prop-filter name=\"item1.EMAIL\">\
         <CARD:is-not-defined/></CARD:prop-filter></CARD:filter>",
        "<CARD:limit><CARD:nresults>50</CARD:nresults></CARD:limit>",
    )
    .unwrap();
    let text = |text, kind| TextMatch::new(text, Collation::UnicodeCasemap, kind, false);
    let expected = CardFilter {
        quantifier: Quantifier::All,
        properties: vec![
            CardPropertyFilter {
                group: None,
                name: "FN".to_owned(),
                test: Presence::Present(CardPropertyTest {
                    quantifier: Quantifier::All,
                    texts: vec![text("me", MatchKind::Equals)],
                    parameters: vec![ParameterFilter {
                        name: "TYPE".to_owned(),
                        test: Presence::Present(Some(text("home", MatchKind::Contains))),
                    }],
                }),
            },
            CardPropertyFilter {
                group: Some("ITEM1".to_owned()),
                name: "EMAIL".to_owned(),
                test: Presence::Absent,
            },
        ],
    };
    assert_eq!(found.filter, expected);
    assert_eq!(found.limit, Some(50));
    let data = found.request.address_data.unwrap();
    assert_eq!(data.version.as_deref(), Some("4.0"));
    assert!(matches!(data.properties, Which::Some(properties) if properties.len() == 1));
    let everything = query("<CARD:filter/>", "").unwrap();
    assert_eq!(everything.filter.quantifier, Quantifier::Any);
    let failed = |local| Err(XmlError::Precondition(Name::carddav(local)));
    for filter in [
        "<CARD:filter test=\"none\"/>",
        "<CARD:filter><CARD:prop-filter/></CARD:filter>",
        "<CARD:filter><CARD:prop-filter name=\"X\"><CARD:is-not-defined/><CARD:text-match>x\
         </CARD:text-match></CARD:prop-filter></CARD:filter>",
    ] {
        assert_eq!(query(filter, ""), failed("supported-filter"), "{filter}");
    }
    let odd = "<CARD:filter><CARD:prop-filter name=\"X\"><CARD:text-match collation=\"x\">x\
        </CARD:text-match></CARD:prop-filter></CARD:filter>";
    assert_eq!(query(odd, ""), failed("supported-collation"));
    assert_eq!(query("", ""), Err(XmlError::Unexpected("CARDDAV:filter")));
}
