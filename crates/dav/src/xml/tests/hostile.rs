use super::*;

#[test]
fn what_is_not_well_formed_is_refused() {
    for body in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>text",
        "text<a/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a b=1/>",
        "<a b=\"<\"/>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>&#xFFFF;</a>",
        "<a b=\"&#1;\"/>",
        "<a b=\"&foo;\"/>",
        "<a>\u{1}</a>",
        "<a>&</a>",
        "<a:b/>",
        "<a b:c=\"1\"/>",
        "<a xmlns:b=\"\"/>",
        "<a xmlns:xmlns=\"u\"/>",
        "<a xmlns:xml=\"u\"/>",
        "<a xmlns:b=\"http://www.w3.org/2000/xmlns/\"/>",
        "<x:a xmlns:x=\"u\" xmlns:y=\"u\" x:b=\"1\" y:b=\"2\"/>",
        "<a:b:c xmlns:a=\"u\"/>",
        "<:a/>",
        "<a: xmlns:a=\"u\"/>",
        "<1/>",
        "<a/><!-- -- -->",
        "<![CDATA[x]]><a/>",
        "<a/><?xml version=\"1.0\"?>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a/>",
    ] {
        let found = Element::parse(body.as_bytes(), &limits());
        assert_eq!(found, Err(XmlError::Malformed), "{body}");
    }
    assert_eq!(Element::parse(b"<a>\xff</a>", &limits()), Err(XmlError::Malformed));
}

#[test]
fn no_document_type_is_read() {
    let refused = Err(XmlError::Precondition(Name::dav("no-external-entities")));
    for body in [
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM \"http://127.0.0.1/a.dtd\"><a/>",
        "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><lolz>&lol2;</lolz>",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE a><a/>",
    ] {
        assert_eq!(Element::parse(body.as_bytes(), &limits()), refused, "{body}");
    }
}

#[test]
fn everything_has_a_bound() {
    let limits = Limits {
        bytes_max: 4_000,
        depth_max: 4,
        elements_max: 50,
        attributes_max: 3,
        namespaces_max: 4,
        name_bytes_max: 20,
        ..Limits::default()
    };
    let many = |part: &str, count: usize| part.repeat(count);
    for (body, what) in [
        (many(" ", 4_001), "bytes"),
        (many("<a>", 5), "depth"),
        (format!("<a>{}</a>", many("<b/>", 50)), "elements"),
        ("<a b=\"1\" c=\"2\" d=\"3\" e=\"4\"/>".to_owned(), "attributes"),
        (
            "<a xmlns:a=\"1\" xmlns:b=\"2\" xmlns:c=\"3\"><d xmlns:d=\"1\" xmlns:e=\"2\"/></a>"
                .to_owned(),
            "namespaces",
        ),
        (format!("<{}/>", many("a", 21)), "names"),
        (format!("<a xmlns=\"{}\"/>", many("a", 21)), "names"),
    ] {
        let found = Element::parse(body.as_bytes(), &limits);
        assert_eq!(found, Err(XmlError::TooLarge(what)), "{body}");
    }
    // Declarations of elements that are closed do not count.
    let one_by_one = format!("<a>{}</a>", many("<b xmlns:x=\"1\"/>", 40));
    assert!(Element::parse(one_by_one.as_bytes(), &limits).is_ok());

    let limits = Limits { properties_max: 5, hrefs_max: 5, ..Limits::default() };
    let names: String = (0..6).map(|number| format!("<D:p{number}/>")).collect();
    let body = with_prefixes(&format!("<D:propfind><D:prop>{names}</D:prop></D:propfind>"));
    let found = PropertyRequest::parse(&body, &limits);
    assert_eq!(found, Err(XmlError::TooLarge("properties")));
    // The same name again costs nothing.
    let names = many("<D:p/>", 40);
    let body = with_prefixes(&format!("<D:propfind><D:prop>{names}</D:prop></D:propfind>"));
    let found = PropertyRequest::parse(&body, &limits).unwrap();
    assert_eq!(found.properties, PropertySet::These(vec![Name::dav("p")]));
    let hrefs = many("<D:href>/a</D:href>", 6);
    let body = with_prefixes(&format!("<C:calendar-multiget>{hrefs}</C:calendar-multiget>"));
    assert_eq!(Report::parse(&body, &limits), Err(XmlError::TooLarge("DAV:href")));
}

#[test]
fn other_encodings_are_read_by_their_mark() {
    let text = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>größe 🗓</a>";
    let plain =
        Element::parse(b"\xEF\xBB\xBF<a>gr\xC3\xB6\xC3\x9Fe \xF0\x9F\x97\x93</a>", &limits());
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for body in [
        little.clone(),
        big.clone(),
        [b"\xFF\xFE".to_vec(), little.clone()].concat(),
        [b"\xFE\xFF".to_vec(), big].concat(),
    ] {
        assert_eq!(Element::parse(&body, &limits()), plain);
    }
    let odd = little.get(..little.len() - 1).unwrap();
    assert_eq!(Element::parse(odd, &limits()), Err(XmlError::Malformed));
}

#[test]
fn no_bytes_make_it_panic() {
    let seeds: [&[u8]; 3] = [
        b"<?xml version=\"1.0\"?><D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"u:z\" xml:lang=\"de\">\
          <D:set><D:prop><Z:a b=\"&lt;&#10;\" Z:c='\"'>x &amp; <![CDATA[<y>]]><q xmlns=\"u\"/>\
          </Z:a></D:prop></D:set></D:propertyupdate>",
        b"<C:calendar-query xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><C:filter><C:comp-filter \
          name=\"VCALENDAR\"><C:comp-filter name=\"VEVENT\"><C:time-range \
          start=\"20060104T000000Z\"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>",
        b"\xFF\xFE<\0a\0/\0>\0",
    ];
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..20_000 {
        let mut bytes = random.choice(seeds).unwrap().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *random.choice(b"<>&;/:=\"' \r\nxD\0").unwrap()),
            }
        }
        if let Ok(element) = Element::parse(&bytes, &limits()) {
            let written = element.to_xml();
            let again = Element::parse(written.as_bytes(), &limits());
            assert_eq!(again.as_ref(), Ok(&element), "{written}");
        }
        let _ = PropertyChange::parse(&bytes, &limits());
        let _ = Report::parse(&bytes, &limits());
    }
}
