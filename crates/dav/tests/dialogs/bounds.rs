//! What one request may cost.

use crate::house::on_both_engines;

/// DAV:expand-property of properties that are written in each other.
fn expand(properties: &[&str]) -> String {
    let inside = properties.iter().rev().fold(String::new(), |inside, name| {
        let (namespace, local) = name.split_once(' ').unwrap_or(("DAV:", name));
        format!("<property name=\"{local}\" namespace=\"{namespace}\">{inside}</property>")
    });
    format!("<expand-property xmlns=\"DAV:\">{inside}</expand-property>")
}

#[test]
fn dead_properties_lead_nowhere() {
    on_both_engines(|house| async move {
        let path = "/dav/calendars/julie@example.test/personal/";
        house.julie("PROPFIND", "", "depth: 0", "").await;
        let hrefs = format!("<href xmlns=\"DAV:\">{path}</href>").repeat(100);
        let body = format!(
            "<propertyupdate xmlns=\"DAV:\"><set><prop><w xmlns=\"urn:x\">{hrefs}</w></prop></set>\
             </propertyupdate>"
        );
        assert_eq!(house.julie("PROPPATCH", "personal/", "", &body).await.status, 207);
        let report = expand(&["urn:x w", "urn:x w", "urn:x w", "urn:x w", "displayname"]);
        let answer = house.julie("REPORT", "personal/", "depth: 0", &report).await;
        assert_eq!(answer.status, 207);
        assert_eq!(answer.text.matches("<D:response>").count(), 1);
        assert_eq!(answer.text.matches(&format!("{path}</")).count(), 101, "{}", answer.text);
        // Live ones do.
        let report = expand(&["owner", "principal-URL", "displayname"]);
        let answer = house.julie("REPORT", "personal/", "depth: 0", &report).await;
        assert_eq!(answer.text.matches("<D:response>").count(), 3, "{}", answer.text);
        assert!(answer.text.contains("<D:displayname>julie</D:displayname>"), "{}", answer.text);
    });
}
