//! Finds an occurrence whose RECURRENCE-ID another program spells otherwise, such as in UTC in
//! place of a time zone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::object::ComponentKind;
use crate::time::Value;
use crate::zone::Zone;

use super::scan::Key;

/// Keys that are sought by what they mean.
#[derive(Default)]
pub(super) struct Respelled<'k> {
    /// `None`: there are several, and nobody knows which is meant.
    meant: BTreeMap<Meaning<'k>, Option<&'k Key>>,
}

type Meaning<'k> = (ComponentKind, Moment<'k>, Option<&'k str>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment<'k> {
    At(Timestamp),
    /// The value, whatever zone it is in.
    Said(&'k str),
}

impl<'k> Respelled<'k> {
    pub(super) fn of(keys: impl Iterator<Item = &'k Key>) -> Self {
        let mut meant = BTreeMap::new();
        for key in keys {
            for meaning in meanings(key) {
                match meant.entry(meaning) {
                    Entry::Vacant(first) => drop(first.insert(Some(key))),
                    Entry::Occupied(mut several) => drop(several.insert(None)),
                }
            }
        }
        Self { meant }
    }

    /// The only one that means the same instant, or where the zone of one of both is not known,
    /// says the same time; better one with the same RANGE.
    pub(super) fn find(&self, key: &Key) -> Option<&'k Key> {
        if self.meant.is_empty() {
            return None;
        }
        let mut found =
            meanings(key).into_iter().filter_map(|meaning| *self.meant.get(&meaning)?);
        found.find(|found| match (instant(found), instant(key)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        })
    }
}

/// The narrowest first.
fn meanings(key: &Key) -> Vec<Meaning<'_>> {
    let Some([value, _, range]) = &key.instance else { return Vec::new() };
    let moments = instant(key).map(Moment::At).into_iter().chain([Moment::Said(value)]);
    moments
        .flat_map(|moment| [Some(range.as_str()), None].map(|range| (key.kind, moment, range)))
        .collect()
}

/// When it is, where its zone is one that everybody knows: what the object says of others is not
/// known of both.
fn instant(key: &Key) -> Option<Timestamp> {
    let [value, zone, _] = key.instance.as_ref()?;
    let value = Value::parse(value).ok()?;
    let zone = match value {
        Value::Utc(_) => Zone::Known(TimeZone::UTC),
        Value::Local(_) => Zone::named(zone)?,
        Value::Date(_) => return None,
    };
    Some(zone.instant(value.civil()))
}
