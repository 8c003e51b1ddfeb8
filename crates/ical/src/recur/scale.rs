//! The calendar whose years and months a rule counts (RFC 7529 §4, §5).

use std::fmt;

use super::rule::Month;

/// RSCALE: a calendar by its name in the registry of the Unicode Consortium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Scale {
    /// GREGORIAN: what a rule counts by that names no calendar.
    #[default]
    Gregorian,
    /// ISO8601: the Gregorian calendar.
    Iso8601,
    /// BUDDHIST: the Gregorian calendar with the years of the Thai one.
    Buddhist,
    /// CHINESE
    Chinese,
    /// COPTIC
    Coptic,
    /// DANGI: the Korean lunar calendar.
    Dangi,
    /// ETHIOAA, also ETHIOPIC-AMETE-ALEM: the Ethiopic calendar with years since the creation.
    EthiopicAmeteAlem,
    /// ETHIOPIC
    Ethiopic,
    /// HEBREW: the first month is Tishri, `5L` Adar I, and `6` Adar or Adar II.
    Hebrew,
    /// INDIAN: the national calendar of India.
    Indian,
    /// ISLAMIC-CIVIL: the tables, from a Friday.
    IslamicCivil,
    /// ISLAMIC-TBLA: the tables, from a Thursday.
    IslamicThursday,
    /// ISLAMIC-UMALQURA: the calendar of Saudi Arabia.
    IslamicUmmAlQura,
    /// JAPANESE: the Gregorian calendar with the years of emperors.
    Japanese,
    /// PERSIAN
    Persian,
    /// ROC: the Gregorian calendar with the years of the Republic of China.
    RepublicOfChina,
}

/// The first name of a calendar is what it is written by. ISLAMIC and ISLAMIC-RGSA are not here:
/// their months begin when the moon is seen.
const NAMES: [(&str, Scale); 18] = [
    ("GREGORIAN", Scale::Gregorian),
    ("GREGORY", Scale::Gregorian),
    ("ISO8601", Scale::Iso8601),
    ("BUDDHIST", Scale::Buddhist),
    ("CHINESE", Scale::Chinese),
    ("COPTIC", Scale::Coptic),
    ("DANGI", Scale::Dangi),
    ("ETHIOAA", Scale::EthiopicAmeteAlem),
    ("ETHIOPIC-AMETE-ALEM", Scale::EthiopicAmeteAlem),
    ("ETHIOPIC", Scale::Ethiopic),
    ("HEBREW", Scale::Hebrew),
    ("INDIAN", Scale::Indian),
    ("ISLAMIC-CIVIL", Scale::IslamicCivil),
    ("ISLAMIC-TBLA", Scale::IslamicThursday),
    ("ISLAMIC-UMALQURA", Scale::IslamicUmmAlQura),
    ("JAPANESE", Scale::Japanese),
    ("PERSIAN", Scale::Persian),
    ("ROC", Scale::RepublicOfChina),
];

impl Scale {
    /// The names that may stand in a rule, in upper case. RFC 7529 §5: without those that are
    /// deprecated, and with those that say the same.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The calendar of a name, which is written in upper case.
    pub(super) fn named(name: &str) -> Option<Self> {
        // RFC 7529 §5: deprecated in favour of the other.
        let name = if name == "ISLAMICC" { "ISLAMIC-CIVIL" } else { name };
        NAMES.iter().find(|(other, _)| *other == name).map(|(_, scale)| *scale)
    }

    /// Whether its months and days are the Gregorian ones, whatever number a year has: rules
    /// never name a year.
    pub(super) fn is_gregorian(self) -> bool {
        use Scale::{Buddhist, Gregorian, Iso8601, Japanese, RepublicOfChina};
        matches!(self, Gregorian | Iso8601 | Buddhist | Japanese | RepublicOfChina)
    }

    /// Whether it keeps to sun and moon: some of its years have a month more.
    pub(super) fn is_lunisolar(self) -> bool {
        matches!(self, Self::Chinese | Self::Dangi | Self::Hebrew)
    }

    /// Months of a year, leap months apart.
    pub(super) fn months(self) -> i8 {
        match self {
            Self::Coptic | Self::Ethiopic | Self::EthiopicAmeteAlem => 13,
            _ => 12,
        }
    }

    /// Months of its longest year.
    pub(super) fn months_max(self) -> usize {
        usize::from(self.months().unsigned_abs()) + usize::from(self.is_lunisolar())
    }

    /// Whether some year has such a month. RFC 7529 §4.2: the leap month of the Hebrew calendar
    /// is `5L`; that of the Chinese may follow any.
    pub(super) fn has_month(self, month: Month) -> bool {
        let is_leap_known = match self {
            Self::Chinese | Self::Dangi => true,
            Self::Hebrew => month.number == 5,
            _ => false,
        };
        (1..=self.months()).contains(&month.number) && (!month.is_leap || is_leap_known)
    }

    /// Days of its longest year, or a few more.
    pub(super) fn year_days_max(self) -> i16 {
        if self.is_lunisolar() { 385 } else { 366 }
    }

    /// Weeks that begin in its longest year.
    pub(super) fn year_weeks_max(self) -> i16 {
        (self.year_days_max() + 6) / 7
    }

    /// Days of a year in the long run, in thousandths, to a few days in a millennium.
    pub(super) fn year_millidays(self) -> i64 {
        match self {
            Self::IslamicCivil | Self::IslamicThursday | Self::IslamicUmmAlQura => 354_367,
            _ => 365_245,
        }
    }

    /// Days of a month in the long run, in thousandths.
    pub(super) fn month_millidays(self) -> i64 {
        match self.is_lunisolar() {
            true => 29_531,
            false => self.year_millidays() / i64::from(self.months()),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(_, scale)| scale == self).map_or("", |(name, _)| *name))
    }
}
