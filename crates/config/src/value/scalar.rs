//! Booleans, counts, sizes, durations, host names and paths.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::{OptionValue, name_of, text};

impl OptionValue for bool {
    const TYPE: &'static str = "true or false";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        match value {
            DeValue::Boolean(value) => Ok(*value),
            other => Err(format!("expected true or false, found {}", name_of(other))),
        }
    }
}

/// A count of things, at least 1: nothing in this configuration is switched off by a zero.
impl OptionValue for u32 {
    const TYPE: &'static str = "number";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let expected = "expected a whole number from 1 to 4294967295";
        let DeValue::Integer(integer) = value else {
            return Err(format!("{expected}, found {}", name_of(value)));
        };
        match u32::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{expected}, found {integer}")),
        }
    }
}

/// A number of bytes, at least 1.
impl OptionValue for u64 {
    const TYPE: &'static str = "size";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let text = text(value, "a size such as \"50 MiB\"")?;
        parse_size(text).ok_or_else(|| {
            format!(
                "\"{text}\" is no size; write a number from 1 and a unit (B, KiB, MiB, GiB, TiB)"
            )
        })
    }
}

impl OptionValue for Duration {
    const TYPE: &'static str = "duration";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let text = text(value, "a duration such as \"30 min\"")?;
        parse_duration(text).ok_or_else(|| {
            format!(
                "\"{text}\" is no duration; write a number from 1 and a unit (ms, s, min, h, days), \
                 a hundred years at most"
            )
        })
    }
}

/// A host name: letters, digits, hyphens and dots, as DNS allows.
impl OptionValue for String {
    const TYPE: &'static str = "host name";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let name = text(value, "a host name")?;
        if is_host_name(name) {
            Ok(name.to_ascii_lowercase())
        } else {
            Err(format!("\"{name}\" is no host name; write it as in DNS, mail.example.test"))
        }
    }
}

impl OptionValue for PathBuf {
    const TYPE: &'static str = "path";

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        let path = text(value, "a path")?;
        if path.is_empty() || path.contains('\0') {
            return Err("expected a path, found an empty string or a NUL".to_owned());
        }
        // Taking it apart and together again drops what means nothing, such as `/.` at the end.
        Ok(directory.join(path).components().collect())
    }
}

/// A number, at most one space, and the unit; nothing else around it.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    (number > 0).then_some((number, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// Reads a size as it is written in the file, `50 MiB` or `50MiB`.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    // LIMIT: sizes are stored as signed 64-bit numbers by both engines.
    number.checked_mul(bytes).filter(|size| i64::try_from(*size).is_ok())
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    };
    // LIMIT: a hundred years; nothing that is configured lasts longer, and sums of it stay
    // far from what an instant can hold.
    let hundred_years = 36_525 * 86_400_000;
    let total = number.checked_mul(millis).filter(|total| *total <= hundred_years)?;
    Some(Duration::from_millis(total))
}

/// RFC 5321 §4.1.2 `Domain`: labels of letters, digits and hyphens; DNS allows 63 octets each
/// and 255 in all.
pub(crate) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 255 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("1 B", Some(1)),
            ("50 MiB", Some(52_428_800)),
            ("50MiB", Some(52_428_800)),
            ("2 TiB", Some(2_199_023_255_552)),
            ("0 MiB", None),
            ("50", None),
            ("50 MB", None),
            ("50  MiB", None),
            (" 50 MiB", None),
            ("50 MiB ", None),
            ("-1 B", None),
            ("1.5 GiB", None),
            ("99999999999 TiB", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), size, "{text:?}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("1 ms", Some(1)),
            ("30 s", Some(30_000)),
            ("30 min", Some(1_800_000)),
            ("2 h", Some(7_200_000)),
            ("1 day", Some(86_400_000)),
            ("7 days", Some(604_800_000)),
            ("30", None),
            ("30 minutes", None),
            ("0 s", None),
            ("40000 days", None),
        ] {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn host_names() {
        for (name, good) in [
            ("mail.example.test", true),
            ("localhost", true),
            ("Mail-1.Example.TEST", true),
            ("", false),
            ("mail.", false),
            (".test", false),
            ("-a.test", false),
            ("a_b.test", false),
            ("mail example", false),
            ("bücher.test", false),
        ] {
            assert_eq!(is_host_name(name), good, "{name:?}");
        }
        assert!(!is_host_name(&"a".repeat(64)));
    }
}
