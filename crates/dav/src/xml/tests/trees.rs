use super::*;

fn property(body: &str) -> Element {
    let PropertyChange::Set(element) =
        PropertyChange::parse(body.as_bytes(), &limits()).unwrap().remove(0)
    else {
        panic!("{body}")
    };
    element
}

#[test]
fn dead_properties_come_back_equal() {
    for (value, expected) in [
        // RFC 4918 §4.3.1, the example.
        (
            "<x:author xmlns:x='http://example.com/ns'><x:name>Jane Doe</x:name>\
             <x:uri type='email' added='2005-11-26'>mailto:jane.doe@example.com</x:uri>\
             <x:notes xmlns:h='http://www.w3.org/1999/xhtml'>\n Jane has been working way \
             <h:em>too</h:em> long on the long-awaited revision of <![CDATA[<RFC2518>]]>.\
             </x:notes></x:author>",
            "<x:author xmlns:x=\"http://example.com/ns\"><x:name>Jane Doe</x:name>\
             <x:uri type=\"email\" added=\"2005-11-26\">mailto:jane.doe@example.com</x:uri>\
             <x:notes xmlns:h=\"http://www.w3.org/1999/xhtml\">\n Jane has been working way \
             <h:em>too</h:em> long on the long-awaited revision of &lt;RFC2518&gt;.\
             </x:notes></x:author>",
        ),
        // Declared around it; once at its root, whatever is within.
        (
            "<Z:a><Z:b/><Z:b Y:c=\"1\"/></Z:a>",
            "<Z:a xmlns:Z=\"u:z\" xmlns:Y=\"u:y\"><Z:b/><Z:b Y:c=\"1\"/></Z:a>",
        ),
        // The default namespace of the body, and none.
        ("<a><b xmlns=\"\"/></a>", "<a xmlns=\"u:d\"><b xmlns=\"\"/></a>"),
        ("<a xmlns=\"\"><b/></a>", "<a><b/></a>"),
        // One prefix, two meanings.
        (
            "<Z:a><Z:b xmlns:Z=\"u:q\"><Z:c/></Z:b></Z:a>",
            "<Z:a xmlns:Z=\"u:z\"><Z:b xmlns:Z=\"u:q\"><Z:c/></Z:b></Z:a>",
        ),
        ("<Z:a xml:lang=\"fr\"/>", "<Z:a xmlns:Z=\"u:z\" xml:lang=\"fr\"/>"),
        (
            "<Z:a b=\"&quot;&lt;&#10;&#9; '\">&#13;\r\n \u{a0}]]&gt;</Z:a>",
            "<Z:a xmlns:Z=\"u:z\" b=\"&quot;&lt;&#10;&#9; '\">&#13;\n \u{a0}]]&gt;</Z:a>",
        ),
        ("<Z:a><!-- no --><?nor this?></Z:a>", "<Z:a xmlns:Z=\"u:z\"/>"),
    ] {
        let body = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"u:z\" xmlns:Y=\"u:y\" xmlns=\"u:d\">\
             <D:set><D:prop>{value}</D:prop></D:set></D:propertyupdate>"
        );
        let element = property(&body);
        let written = element.to_xml();
        assert_eq!(written, expected);
        assert_eq!(Element::parse(written.as_bytes(), &limits()), Ok(element));
    }
}

#[test]
fn the_language_around_a_property_belongs_to_it() {
    for (around, own, kept) in [
        ("", "", None),
        (" xml:lang=\"de\"", "", Some("de")),
        (" xml:lang=\"de\"", " xml:lang=\"en\"", Some("en")),
    ] {
        let element = property(&format!(
            "<D:propertyupdate xmlns:D=\"DAV:\"><D:set{around}><D:prop><D:displayname{own}>x\
             </D:displayname></D:prop></D:set></D:propertyupdate>"
        ));
        let language = element.attributes.first().map(|attribute| attribute.value.as_str());
        assert_eq!(language, kept);
    }
}

#[test]
fn what_is_written_is_not_much_longer_than_what_was_read() {
    let long = "u".repeat(200);
    let body = format!(
        "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"{long}\" xmlns=\"{long}\"><D:set><D:prop>\
         <D:x>{}{}</D:x></D:prop></D:set></D:propertyupdate>",
        "<Z:a/>".repeat(1_000),
        "<a/><b xmlns:Z=\"v\"><Z:c/></b>".repeat(1_000),
    );
    assert!(property(&body).to_xml().len() < body.len() + 500);
}
