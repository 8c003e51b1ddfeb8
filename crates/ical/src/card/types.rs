//! TYPE and PREF: how kinds of addresses and what is preferred are said (RFC 2426 §4, RFC 6350
//! §5.3, §5.6).

use crate::line::Line;

/// LIMIT: types of one property; nobody has as many.
const TYPES_MAX: usize = 64;

/// The values of TYPE, each once, as they are written. RFC 6350 §5.6 has lists within quotes.
pub(super) fn types_of(line: &Line) -> Vec<String> {
    let named = line.parameters().iter().filter(|parameter| parameter.name == "TYPE");
    let values = named.flat_map(|parameter| &parameter.values).flat_map(|value| value.split(','));
    let mut types: Vec<String> = Vec::new();
    for value in values.map(str::trim).filter(|value| !value.is_empty()) {
        let is_known = types.iter().any(|known| known.eq_ignore_ascii_case(value));
        if !is_known && types.len() < TYPES_MAX {
            types.push(value.to_owned());
        }
    }
    types
}

/// Puts other types in their place.
pub(super) fn put_types(line: &mut Line, types: Vec<String>) {
    line.remove_parameter("TYPE");
    if !types.is_empty() {
        line.set_parameter_values("TYPE", types);
    }
}

/// Removes a type, and says whether it was there.
pub(super) fn take_type(types: &mut Vec<String>, name: &str) -> bool {
    let before = types.len();
    types.retain(|known| !known.eq_ignore_ascii_case(name));
    types.len() < before
}

/// Media types of pictures, sounds and keys, and how RFC 2426 §3.1.4 names them.
const MEDIA: [(&str, &str); 11] = [
    ("image/jpeg", "JPEG"),
    ("image/jpeg", "JPG"),
    ("image/png", "PNG"),
    ("image/gif", "GIF"),
    ("image/webp", "WEBP"),
    ("image/svg+xml", "SVG"),
    ("audio/basic", "BASIC"),
    ("audio/wav", "WAVE"),
    ("application/pgp-keys", "PGP"),
    ("application/pkix-cert", "X509"),
    ("application/octet-stream", "UNKNOWN"),
];

/// The media type that one of the types means.
pub(super) fn take_media_type(property: &str, types: &mut Vec<String>) -> Option<String> {
    let known = |name: &str| MEDIA.iter().find(|(_, short)| short.eq_ignore_ascii_case(name));
    let at = types.iter().position(|name| known(name).is_some() || name.contains('/'))?;
    let name = types.remove(at);
    let found = known(&name).map(|(media, _)| (*media).to_owned());
    found.or_else(|| name.contains('/').then(|| name.to_ascii_lowercase())).or_else(|| {
        let family = if property == "SOUND" { "audio" } else { "image" };
        Some(format!("{family}/{}", name.to_ascii_lowercase()))
    })
}

/// The short name of a media type.
pub(super) fn short_media_type(media: &str) -> String {
    let known = MEDIA.iter().find(|(known, _)| known.eq_ignore_ascii_case(media));
    match known {
        Some((_, short)) => (*short).to_owned(),
        None => media.rsplit('/').next().unwrap_or(media).to_ascii_uppercase(),
    }
}

/// The media type that bytes in base64 begin like.
pub(super) fn guess_media_type(base64: &str) -> Option<&'static str> {
    let begins = [
        ("/9j/", "image/jpeg"),
        ("iVBORw0KGgo", "image/png"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
    ];
    begins.iter().find(|(start, _)| base64.starts_with(start)).map(|(_, media)| *media)
}
