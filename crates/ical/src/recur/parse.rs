//! Reading and writing of RECUR (RFC 5545 §3.3.10, RFC 7529 §4).

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;

use super::rule::{ByDay, Frequency, Month, Rule, Skip, Until};
use super::scale::Scale;
use crate::error::Error;
use crate::time::Value;

/// LIMIT: times of one period of a rule: a year of quarters of an hour, and some.
const TIMES_MAX: usize = 50_000;

/// LIMIT: days of a year, in the calendar whose years are longest: a leap month, and the year
/// whole.
const YEAR_DAYS_MAX: i16 = 385;

/// LIMIT: weeks that begin in such a year.
const YEAR_WEEKS_MAX: i16 = 55;

/// LIMIT: values of BYDAY. Seven days, from -55 to 55, and without a number.
const DAYS_MAX: usize = 7 * 111;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

const FREQUENCIES: [(&str, Frequency); 7] = [
    ("SECONDLY", Frequency::Secondly),
    ("MINUTELY", Frequency::Minutely),
    ("HOURLY", Frequency::Hourly),
    ("DAILY", Frequency::Daily),
    ("WEEKLY", Frequency::Weekly),
    ("MONTHLY", Frequency::Monthly),
    ("YEARLY", Frequency::Yearly),
];

const SKIPS: [(&str, Skip); 3] =
    [("OMIT", Skip::Omit), ("BACKWARD", Skip::Backward), ("FORWARD", Skip::Forward)];

impl Rule {
    /// ```text
    /// recur = recur-rule-part *( ";" recur-rule-part )
    /// ```
    /// Parts in any order; those nobody knows are left out of account. A rule in a calendar that is
    /// not known here is an error: an expansion that is wrong harms more than none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rule = Self::new(Frequency::Yearly);
        let mut has_frequency = false;
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or(Error::Rule("part"))?;
            let (name, value) = (name.trim().to_ascii_uppercase(), value.trim());
            has_frequency |= name == "FREQ";
            rule.put(&name, &value.to_ascii_uppercase())?;
        }
        match has_frequency {
            true => rule.checked(),
            false => Err(Error::Rule("FREQ")),
        }
    }

    fn put(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "FREQ" => self.frequency = one_of(&FREQUENCIES, value).ok_or(Error::Rule("FREQ"))?,
            // QUIRK(CalDav Synchronizer): INTERVAL=0.
            "INTERVAL" => self.interval = number::<u32>(value, "INTERVAL")?.max(1),
            "COUNT" => {
                let count = number::<u32>(value, "COUNT")?;
                self.count = Some(count).filter(|count| *count > 0);
                self.count.ok_or(Error::Rule("COUNT"))?;
            }
            "UNTIL" => {
                let until = Value::parse(value).map_err(|_| Error::Rule("UNTIL"))?;
                self.until = Some(Until(until));
            }
            "BYSECOND" => {
                self.by_second = numbers(value, "BYSECOND", 0..=60)?;
                // RFC 5545 §3.3.12: no leap seconds here.
                self.by_second.iter_mut().for_each(|second| *second = (*second).min(59));
                self.by_second.dedup();
            }
            "BYMINUTE" => self.by_minute = numbers(value, "BYMINUTE", 0..=59)?,
            "BYHOUR" => self.by_hour = numbers(value, "BYHOUR", 0..=23)?,
            "BYDAY" => self.by_day = days(value)?,
            "BYMONTHDAY" => self.by_month_day = signed(value, "BYMONTHDAY", 31)?,
            "BYYEARDAY" => self.by_year_day = signed(value, "BYYEARDAY", YEAR_DAYS_MAX)?,
            "BYWEEKNO" => self.by_week_no = signed(value, "BYWEEKNO", YEAR_WEEKS_MAX)?,
            "BYMONTH" => self.by_month = months(value)?,
            "BYSETPOS" => self.by_set_pos = signed(value, "BYSETPOS", YEAR_DAYS_MAX)?,
            "WKST" => self.week_start = one_of(&WEEKDAYS, value).ok_or(Error::Rule("WKST"))?,
            "RSCALE" => self.scale = Scale::named(value).ok_or(Error::Rule("RSCALE"))?,
            // DEVIATION(RFC 7529 §4.1): also without RSCALE. What is meant is plain, and a rule
            // that is refused is an event that its owner does not see.
            "SKIP" => self.skip = one_of(&SKIPS, value).ok_or(Error::Rule("SKIP"))?,
            _ => {}
        }
        Ok(())
    }

    /// RFC 5545 §3.3.10: which parts go together.
    fn checked(self) -> Result<Self, Error> {
        use Frequency::{Daily, Monthly, Weekly, Yearly};
        self.check_numbers()?;
        let has_nth = self.by_day.iter().any(|day| day.nth != 0);
        let counts_days = matches!(self.frequency, Monthly | Yearly);
        if has_nth && (!counts_days || !self.by_week_no.is_empty()) {
            return Err(Error::Rule("BYDAY"));
        }
        if !self.by_week_no.is_empty() && self.frequency != Yearly {
            return Err(Error::Rule("BYWEEKNO"));
        }
        if !self.by_year_day.is_empty() && matches!(self.frequency, Daily | Weekly | Monthly) {
            return Err(Error::Rule("BYYEARDAY"));
        }
        if !self.by_month_day.is_empty() && self.frequency == Weekly {
            return Err(Error::Rule("BYMONTHDAY"));
        }
        if self.times_max() > TIMES_MAX {
            return Err(Error::Endless);
        }
        // RFC 5545 says that only one of them stands in a rule; the earlier end is what both ask.
        Ok(self)
    }

    /// RFC 7529 §4: how far numbers go is up to the calendar.
    fn check_numbers(&self) -> Result<(), Error> {
        let (days, weeks) = (self.scale.year_days_max(), self.scale.year_weeks_max());
        let is_over = |numbers: &[i16]| numbers.iter().any(|number| number.abs() > days);
        let over = [
            ("BYMONTH", !self.by_month.iter().all(|month| self.scale.has_month(*month))),
            ("BYYEARDAY", is_over(&self.by_year_day)),
            ("BYSETPOS", is_over(&self.by_set_pos)),
            ("BYWEEKNO", self.by_week_no.iter().any(|number| i16::from(*number).abs() > weeks)),
            // RFC 5545 §3.3.10, ordwk: 1 to 53, where a year has no more.
            ("BYDAY", self.by_day.iter().any(|day| day.nth.abs() > weeks)),
        ];
        match over.into_iter().find(|(_, is_over)| *is_over) {
            Some((part, _)) => Err(Error::Rule(part)),
            None => Ok(()),
        }
    }
}

fn one_of<T: Copy>(table: &[(&str, T)], value: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == value).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, other)| other == value).map_or("", |(name, _)| *name)
}

fn number<T: FromStr>(text: &str, part: &'static str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Rule(part))
}

/// A list of numbers within a range.
fn numbers(
    text: &str,
    part: &'static str,
    range: std::ops::RangeInclusive<i8>,
) -> Result<Vec<i8>, Error> {
    let mut all = Vec::new();
    for value in text.split(',') {
        let value: i8 = number(value.trim(), part)?;
        if !range.contains(&value) {
            return Err(Error::Rule(part));
        }
        all.push(value);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// ```text
/// monthnum = 1*2DIGIT ["L"]
/// ```
/// (RFC 7529 §4.) Which of them there are is up to the calendar.
fn months(text: &str) -> Result<Vec<Month>, Error> {
    let mut all = Vec::new();
    for value in text.split(',') {
        let value = value.trim();
        let (digits, is_leap) = match value.strip_suffix('L') {
            Some(digits) => (digits, true),
            None => (value, false),
        };
        all.push(Month { number: number(digits, "BYMONTH")?, is_leap });
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// A list of numbers of either sign, none of them 0.
fn signed<T>(text: &str, part: &'static str, max: i16) -> Result<Vec<T>, Error>
where
    T: TryFrom<i16> + Ord,
{
    let mut all = Vec::new();
    for value in text.split(',') {
        let value: i16 = number(value.trim(), part)?;
        if value == 0 || value.abs() > max {
            return Err(Error::Rule(part));
        }
        all.push(T::try_from(value).map_err(|_| Error::Rule(part))?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn days(text: &str) -> Result<Vec<ByDay>, Error> {
    let mut all: Vec<ByDay> = Vec::new();
    if text.split(',').count() > DAYS_MAX {
        return Err(Error::Rule("BYDAY"));
    }
    for value in text.split(',') {
        let value = value.trim();
        let (nth, name) =
            value.split_at_checked(value.len().saturating_sub(2)).ok_or(Error::Rule("BYDAY"))?;
        let is_counted = !nth.is_empty();
        let nth: i16 = if is_counted { number(nth, "BYDAY")? } else { 0 };
        let weekday = one_of(&WEEKDAYS, name).ok_or(Error::Rule("BYDAY"))?;
        // 0 means something else here.
        if nth.abs() > YEAR_WEEKS_MAX || (is_counted && nth == 0) {
            return Err(Error::Rule("BYDAY"));
        }
        let day = ByDay { nth, weekday };
        if !all.contains(&day) {
            all.push(day);
        }
    }
    Ok(all)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 7529 §4.1: SKIP stands only beside RSCALE.
        if self.scale != Scale::Gregorian || self.skip != Skip::Omit {
            write!(f, "RSCALE={};", self.scale)?;
        }
        write!(f, "FREQ={}", name_of(&FREQUENCIES, &self.frequency))?;
        if let Some(Until(until)) = &self.until {
            write!(f, ";UNTIL={until}")?;
        }
        if let Some(count) = self.count {
            write!(f, ";COUNT={count}")?;
        }
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        list(f, "BYSECOND", &self.by_second)?;
        list(f, "BYMINUTE", &self.by_minute)?;
        list(f, "BYHOUR", &self.by_hour)?;
        list(f, "BYDAY", &self.by_day)?;
        list(f, "BYMONTHDAY", &self.by_month_day)?;
        list(f, "BYYEARDAY", &self.by_year_day)?;
        list(f, "BYWEEKNO", &self.by_week_no)?;
        list(f, "BYMONTH", &self.by_month)?;
        list(f, "BYSETPOS", &self.by_set_pos)?;
        if self.week_start != Weekday::Monday {
            write!(f, ";WKST={}", name_of(&WEEKDAYS, &self.week_start))?;
        }
        if self.skip != Skip::Omit {
            write!(f, ";SKIP={}", name_of(&SKIPS, &self.skip))?;
        }
        Ok(())
    }
}

impl fmt::Display for ByDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nth != 0 {
            write!(f, "{}", self.nth)?;
        }
        f.write_str(name_of(&WEEKDAYS, &self.weekday))
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: &[T]) -> fmt::Result {
    for (at, value) in values.iter().enumerate() {
        match at {
            0 => write!(f, ";{name}={value}")?,
            _ => write!(f, ",{value}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back() {
        for text in [
            "FREQ=DAILY;COUNT=10",
            "FREQ=WEEKLY;UNTIL=19971007T000000Z;BYDAY=TU,TH;WKST=SU",
            "FREQ=MONTHLY;BYDAY=-1MO,1FR",
            "FREQ=YEARLY;INTERVAL=4;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;BYMONTH=11",
            "FREQ=YEARLY;BYYEARDAY=-1,1,100",
            "FREQ=YEARLY;BYDAY=MO;BYWEEKNO=20",
            "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11",
        ] {
            assert_eq!(Rule::parse(text).unwrap().to_string(), text);
        }
        let loose = Rule::parse("count=3; interval=0;FREQ=daily;X-A=b;BYSECOND=60,59;").unwrap();
        assert_eq!(loose.to_string(), "FREQ=DAILY;COUNT=3;BYSECOND=59");
    }

    #[test]
    fn impossible_rules_are_named() {
        for (text, part) in [
            ("", "FREQ"),
            ("COUNT=1", "FREQ"),
            ("FREQ=OFTEN", "FREQ"),
            ("FREQ=DAILY;COUNT=0", "COUNT"),
            ("FREQ=DAILY;COUNT=-1", "COUNT"),
            ("FREQ=DAILY;UNTIL=soon", "UNTIL"),
            ("FREQ=DAILY;BYHOUR=24", "BYHOUR"),
            ("FREQ=DAILY;BYMONTH=0", "BYMONTH"),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
            ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY"),
            ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=-0MO", "BYDAY"),
            ("FREQ=MONTHLY;BYDAY=+0MO", "BYDAY"),
            ("FREQ=YEARLY;BYDAY=1MO;BYWEEKNO=1", "BYDAY"),
            ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO"),
            ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY"),
            ("FREQ=DAILY;BYDAY=é", "BYDAY"),
            ("FREQ", "part"),
        ] {
            assert_eq!(Rule::parse(text), Err(Error::Rule(part)), "{text}");
        }
        let many = format!("FREQ=YEARLY;BYDAY={}MO", "MO,".repeat(DAYS_MAX));
        assert_eq!(Rule::parse(&many), Err(Error::Rule("BYDAY")));
    }

    #[test]
    fn a_period_has_a_bound() {
        let all = |to: i8| (0..to).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let (hours, sixty) = (all(24), all(60));
        let clock = format!("BYHOUR={hours};BYMINUTE={sixty};BYSECOND={sixty}");
        let quarters = format!("BYHOUR={hours};BYMINUTE=0,15,30,45");
        for (text, is_taken) in [
            // Thirty million times a year, of which one is chosen.
            (format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{clock};BYSETPOS=1"), false),
            (format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYMONTH=1;{clock}"), false),
            (format!("FREQ=MONTHLY;BYMONTHDAY=1,2,3;{clock}"), false),
            (format!("FREQ=YEARLY;{clock}"), false),
            (format!("FREQ=DAILY;{clock}"), false),
            (format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{quarters}"), true),
            (format!("FREQ=DAILY;BYHOUR={hours};BYMINUTE={sixty}"), true),
            (format!("FREQ=MINUTELY;{clock}"), true),
            (format!("FREQ=HOURLY;{clock}"), true),
        ] {
            let found = Rule::parse(&text).map(drop);
            let expect = if is_taken { Ok(()) } else { Err(Error::Endless) };
            assert_eq!(found, expect, "{text}");
        }
    }
}
