//! `date` (RFC 5260): `date` and `currentdate`, which take lists, too (RFC 6134 §2.9.2).

use message::date::{DateTime, Day, format_rfc5322, parse_rfc5322};

use crate::capability::Capability;
use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::{Mistake, ScriptError, Trouble};
use crate::ext::index::IndexTags;
use crate::matching::{MatchTags, Matcher};
use crate::run::{Machine, State, Test};
use crate::syntax::Node;
use crate::text::Text;

const NEEDS: &[Capability] = &[Capability::Date];

pub(crate) const TESTS: &[TestRow] = &[
    TestRow { name: "date", needs: NEEDS, compile: compile_date },
    TestRow { name: "currentdate", needs: NEEDS, compile: compile_current },
];

const DAY_SECS: i64 = 86_400;
// 1858-11-17, where modified Julian days begin, in days before 1970-01-01.
const JULIAN_DAYS: i64 = 40_587;
// 1970-01-01 was a Thursday, which is 4.
const WEEKDAY_OF_ZERO: i64 = 4;

#[derive(Debug, Clone, Copy)]
enum Zone {
    Local,
    Original,
    Given(i16),
}

struct DateTest {
    // The field; the current date where there is none.
    field: Option<(Text, IndexTags)>,
    zone: Zone,
    part: Text,
    matcher: Matcher,
}

// date [<":zone" <time-zone: string>> / ":originalzone"] [COMPARATOR] [MATCH-TYPE]
//      <header-name: string> <date-part: string> <key-list: string-list>
fn compile_date(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let index = IndexTags::take(&mut arguments, compiler)?;
    let given = take_zone(&mut arguments, compiler)?;
    let zone = match (given, arguments.tag("originalzone")) {
        (Some(_), Some(_)) => {
            return Err(arguments.wrong(":zone and :originalzone exclude each other"));
        }
        (Some(mins), None) => Zone::Given(mins),
        (None, Some(_)) => Zone::Original,
        (None, None) => Zone::Local,
    };
    let field = arguments.text(compiler, "header name")?;
    finish(compiler, arguments, tags, Some((field, index)), zone)
}

// currentdate [":zone" <time-zone: string>] [COMPARATOR] [MATCH-TYPE]
//             <date-part: string> <key-list: string-list>
fn compile_current(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let zone = take_zone(&mut arguments, compiler)?.map_or(Zone::Local, Zone::Given);
    finish(compiler, arguments, tags, None, zone)
}

fn finish(
    compiler: &Compiler<'_>,
    mut arguments: Arguments<'_>,
    tags: MatchTags,
    field: Option<(Text, IndexTags)>,
    zone: Zone,
) -> CompiledTest {
    let part = arguments.text(compiler, "date part")?;
    if let Some(name) = part.fixed()
        && date_part(DateTime::from_unix_secs(0), name).is_none()
    {
        return Err(arguments.wrong(format!("\"{name}\" is no part of a date")));
    }
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(DateTest { field, zone, part, matcher }))
}

/// `time-zone = ( "+" / "-" ) 4DIGIT` after `:zone`, in minutes east of UTC.
pub(crate) fn take_zone(
    arguments: &mut Arguments<'_>,
    compiler: &Compiler<'_>,
) -> Result<Option<i16>, ScriptError> {
    let Some(literal) = arguments.tagged_literal("zone")? else { return Ok(None) };
    let text = compiler.constant(literal)?;
    let mins = parse_zone(&text)
        .ok_or_else(|| Mistake::Value(format!("\"{text}\" is no time zone")).at(literal.at))?;
    Ok(Some(mins))
}

fn parse_zone(text: &str) -> Option<i16> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits = text.get(1..)?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, mins): (i16, i16) =
        (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?);
    (hours < 24 && mins < 60).then_some(sign * (hours * 60 + mins))
}

impl Test for DateTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let Machine { mail, state } = machine;
        let date = match &self.field {
            None => Some(state.now),
            Some((name, index)) => {
                let name = state.text(name)?;
                state.charge(5 + mail.scan_cost())?;
                let named = index.choose(mail.named(&name).collect());
                // RFC 5260 §4: the first field counts, and what is no date matches nothing.
                named.first().and_then(|field| parse_field(field.raw(mail)))
            }
        };
        let part = state.text(&self.part)?;
        let value = date.map(|date| self.in_zone(date, state)).map(|date| {
            date_part(date, &part)
                .ok_or_else(|| Trouble::Value(format!("\"{part}\" is no part of a date")))
        });
        let value = value.transpose()?;
        self.matcher.any(state, value.as_deref())
    }
}

// RFC 5260 §4: all of the field, or what follows its last semicolon.
fn parse_field(raw_value: &[u8]) -> Option<DateTime> {
    parse_rfc5322(raw_value.rsplit(|&byte| byte == b';').next()?)
}

impl DateTest {
    fn in_zone(&self, date: DateTime, state: &mut State<'_>) -> DateTime {
        let mins = match self.zone {
            Zone::Original => return date,
            Zone::Given(mins) => mins,
            Zone::Local if self.field.is_none() => return date,
            Zone::Local => state.env.zone_at(date.unix_secs()).unwrap_or(state.now.offset_mins()),
        };
        DateTime::with_offset(date.unix_secs(), mins)
    }
}

/// A part of a date (RFC 5260 §4.2).
fn date_part(date: DateTime, part: &str) -> Option<String> {
    let local_secs = date.unix_secs() + i64::from(date.offset_mins()) * 60;
    let secs = local_secs.rem_euclid(DAY_SECS);
    let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
    let day: Day = date.local_day();
    let (year, month, day_of_month) = day.civil();
    let days = i64::from(day.get());
    Some(match part.to_ascii_lowercase().as_str() {
        "year" => format!("{year:04}"),
        "month" => format!("{month:02}"),
        "day" => format!("{day_of_month:02}"),
        "date" => format!("{year:04}-{month:02}-{day_of_month:02}"),
        "julian" => (days + JULIAN_DAYS).to_string(),
        "hour" => format!("{hour:02}"),
        "minute" => format!("{minute:02}"),
        "second" => format!("{second:02}"),
        "time" => format!("{hour:02}:{minute:02}:{second:02}"),
        "iso8601" => iso8601(date),
        "std11" => format_rfc5322(date),
        "zone" => zone(date, ""),
        "weekday" => (days + WEEKDAY_OF_ZERO).rem_euclid(7).to_string(),
        _ => return None,
    })
}

fn zone(date: DateTime, separator: &str) -> String {
    let mins = date.offset_mins();
    let sign = if mins < 0 { '-' } else { '+' };
    let mins = mins.unsigned_abs();
    format!("{sign}{:02}{separator}{:02}", mins / 60, mins % 60)
}

/// The restricted form of ISO 8601 (RFC 5260 §4.2).
pub(crate) fn iso8601(date: DateTime) -> String {
    let part = |name| date_part(date, name).unwrap_or_default();
    let zone = if date.offset_mins() == 0 { "Z".to_owned() } else { zone(date, ":") };
    format!("{}T{}{zone}", part("date"), part("time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dates() {
        let date = parse_rfc5322(b"Mon, 20 Jul 2009 21:44:43 +0300").unwrap();
        for (part, expect) in [
            ("year", "2009"),
            ("MONTH", "07"),
            ("day", "20"),
            ("date", "2009-07-20"),
            ("julian", "55032"),
            ("hour", "21"),
            ("minute", "44"),
            ("second", "43"),
            ("time", "21:44:43"),
            ("iso8601", "2009-07-20T21:44:43+03:00"),
            ("std11", "Mon, 20 Jul 2009 21:44:43 +0300"),
            ("zone", "+0300"),
            ("weekday", "1"),
        ] {
            assert_eq!(date_part(date, part).as_deref(), Some(expect), "{part}");
        }
        assert_eq!(date_part(date, "century"), None);
        assert_eq!(iso8601(DateTime::from_unix_secs(0)), "1970-01-01T00:00:00Z");
        assert_eq!(parse_zone("-0930"), Some(-570));
        for text in ["", "0100", "+100", "+2400", "+0060", "+01000", "+a000", "+é00"] {
            assert_eq!(parse_zone(text), None, "{text}");
        }
    }
}
