//! What an address object resource has to be (RFC 6352 §5.1).

use ical::Component;

use super::prepare::{Facts, ObjectFault, ObjectLimits, Times};
use crate::collection::Components;

/// LIMIT: bytes of a UID. It stands in an index.
pub(super) const UID_BYTES_MAX: usize = 1024;

pub(super) fn read(bytes: &[u8], limits: &ObjectLimits) -> Result<Facts, ObjectFault> {
    let card = Component::parse(bytes, &limits.ical)
        .map_err(|error| ObjectFault::Malformed(ical::Invalid::Data(error)))?;
    if !card.is("VCARD") {
        return Err(ObjectFault::Invalid("this is no vCard"));
    }
    match card.line("VERSION").map(|line| line.value().trim().to_owned()).as_deref() {
        Some("3.0" | "4.0") => {}
        Some(_) => {
            return Err(ObjectFault::Unsupported("vCards are taken in versions 3.0 and 4.0"));
        }
        None => return Err(ObjectFault::Invalid("a vCard says its version")),
    }
    if card.line("FN").is_none() {
        return Err(ObjectFault::Invalid("a vCard has a name (FN)"));
    }
    let uid = card.line("UID").map(|line| line.text().trim().to_owned()).unwrap_or_default();
    // RFC 6352 §5.1: it has a UID.
    if uid.is_empty() || uid.len() > UID_BYTES_MAX {
        return Err(ObjectFault::Invalid("a vCard has a UID of at most 1,024 bytes"));
    }
    let addresses = super::contacts::addresses_of(&card);
    Ok(Facts {
        uid,
        component: Components::NONE,
        times: Times::ALWAYS,
        addresses,
        meeting: None,
        managed: Vec::new(),
    })
}
