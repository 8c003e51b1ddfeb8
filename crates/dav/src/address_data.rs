//! Cards as reports and GET give them: in the version that is asked for (RFC 6352 §5.1.1, §10.4).

use ical::{Card, CardVersion, Limits, Which};

use crate::error::{DavError, Result};
use crate::xml::{AddressDataRequest, Name};

/// What is asked for of a card; `None` where it cannot be given.
pub(crate) fn select(
    bytes: &[u8],
    wanted: &AddressDataRequest,
    limits: &Limits,
) -> Result<Option<String>> {
    let version = version_of(wanted)?;
    let is_whole = wanted.properties == Which::All;
    if is_whole && has_version(bytes, version) {
        return Ok(Some(ical::to_utf8(bytes).into_owned()));
    }
    let Ok(card) = Card::parse(bytes, limits) else { return Ok(None) };
    let rendered = card.in_version(version).select(&wanted.properties).render();
    Ok(Some(ical::to_utf8(&rendered).into_owned()))
}

/// RFC 6352 §10.4: text/vcard of version 3.0 where nothing else is said; what is not served fails
/// CARDDAV:supported-address-data.
fn version_of(wanted: &AddressDataRequest) -> Result<CardVersion> {
    let unsupported = || DavError::forbidden(Name::carddav("supported-address-data"));
    let kind = wanted.content_type.as_deref().unwrap_or("text/vcard").trim();
    let is_card = ["text/vcard", "text/x-vcard", "text/directory"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known));
    if !is_card {
        return Err(unsupported());
    }
    CardVersion::find(wanted.version.as_deref().unwrap_or("3.0")).ok_or_else(unsupported)
}

/// Whether stored bytes are of that version. Nearly all cards say it in their second line.
fn has_version(bytes: &[u8], version: CardVersion) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let found = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(8)?;
        name.eq_ignore_ascii_case(b"VERSION:").then_some(value)
    });
    found.is_some_and(|value| value.trim_ascii() == version.name().as_bytes())
}

/// A stored card for GET, in another version if `accept` prefers that; `None` where the stored
/// bytes are what is wanted.
pub(crate) fn negotiated(
    bytes: &[u8],
    accept: Option<&str>,
    limits: &Limits,
) -> Option<(Vec<u8>, CardVersion)> {
    let version = accepted_version(accept?)?;
    if has_version(bytes, version) {
        return None;
    }
    let card = Card::parse(bytes, limits).ok()?;
    Some((card.in_version(version).into_component().render(), version))
}

/// The version that Accept prefers (RFC 9110 §12.5.1); `None` where any will do, or none of those
/// there are: a card is better than 406.
fn accepted_version(accept: &str) -> Option<CardVersion> {
    let mut best: Option<(f32, Option<CardVersion>)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0_f32, None);
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = value.parse().unwrap_or(0.0),
                "version" => version = Some(value.to_owned()),
                _ => {}
            }
        }
        let choice = match (kind.as_str(), version.as_deref().map(CardVersion::find)) {
            ("text/vcard", Some(Some(known))) => Some(known),
            ("text/vcard" | "text/*" | "*/*", None) => None,
            // RFC 2426 has been the only one under these names.
            ("text/x-vcard" | "text/directory", None | Some(Some(CardVersion::V3))) => {
                Some(CardVersion::V3)
            }
            _ => continue,
        };
        if weight > 0.0 && best.is_none_or(|(other, _)| weight > other) {
            best = Some((weight, choice));
        }
    }
    best.and_then(|(_, choice)| choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &[u8] = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:x\r\nN:x;;;;\r\n\
        BDAY:1996-04-15\r\nEND:VCARD\r\n";

    fn wanted(content_type: Option<&str>, version: Option<&str>) -> AddressDataRequest {
        AddressDataRequest {
            content_type: content_type.map(str::to_owned),
            version: version.map(str::to_owned),
            properties: Which::All,
        }
    }

    #[test]
    fn data_is_in_the_version_that_is_asked_for() {
        let select = |kind, version| {
            let found = select(CARD, &wanted(kind, version), &Limits::default());
            found.ok().flatten()
        };
        let stored = std::str::from_utf8(CARD).unwrap().to_owned();
        assert_eq!(select(None, None), Some(stored.clone()));
        assert_eq!(select(Some("text/vcard"), Some("3.0")), Some(stored));
        let new = select(None, Some("4.0")).unwrap();
        assert!(new.contains("VERSION:4.0\r\n") && new.contains("BDAY:19960415\r\n"), "{new}");
        for (kind, version) in [(None, Some("2.1")), (Some("application/vcard+json"), None)] {
            assert_eq!(select(kind, version), None);
        }
    }

    #[test]
    fn versions_are_negotiated() {
        for (accept, version) in [
            ("*/*", None),
            ("text/vcard", None),
            ("text/vcard; version=4.0", Some("4.0")),
            ("text/vcard;version=\"4.0\", */*;q=0.1", Some("4.0")),
            ("text/vcard;version=4.0;q=0.5, text/vcard;version=3.0;q=0.8", None),
            ("text/vcard;q=0.9, text/vcard;version=4.0;q=0.1", None),
            ("text/vcard;version=4.0;q=0", None),
            ("text/x-vcard", None),
            ("application/json", None),
            ("text/vcard;version=2.1", None),
        ] {
            let found = negotiated(CARD, Some(accept), &Limits::default());
            let found = found.map(|(_, version)| version.name());
            assert_eq!(found, version, "{accept}");
        }
        assert_eq!(negotiated(CARD, None, &Limits::default()), None);
        let new = CARD.to_vec();
        let new = String::from_utf8(new).unwrap().replace("3.0", "4.0");
        let old = negotiated(new.as_bytes(), Some("text/directory"), &Limits::default());
        assert_eq!(old.map(|(_, version)| version), Some(CardVersion::V3));
    }
}
