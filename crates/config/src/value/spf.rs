//! What a failing SPF check leads to.

use std::path::Path;

use toml::de::DeValue;

use super::{OptionValue, text};

/// What is done with mail whose host its sender's domain disowns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfPolicy {
    /// The domain is not asked.
    Off,
    /// It is only told.
    Mark,
    /// It goes into Junk.
    Junk,
    /// It is refused.
    Reject,
}

impl OptionValue for SpfPolicy {
    const TYPE: &'static str = "`mark`, `junk`, `reject`, `off`";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        // What it was before there was a choice.
        if let DeValue::Boolean(is_checked) = value {
            return Ok(if *is_checked { Self::Mark } else { Self::Off });
        }
        match text(value, "one of `mark`, `junk`, `reject`, `off`")? {
            "off" => Ok(Self::Off),
            "mark" => Ok(Self::Mark),
            "junk" => Ok(Self::Junk),
            "reject" => Ok(Self::Reject),
            other => Err(format!("\"{other}\" is none of {}", Self::TYPE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_was_before_them() {
        let parse = |value: DeValue<'_>| SpfPolicy::parse(&value, Path::new("/"));
        for (word, policy) in [
            ("off", SpfPolicy::Off),
            ("mark", SpfPolicy::Mark),
            ("junk", SpfPolicy::Junk),
            ("reject", SpfPolicy::Reject),
        ] {
            assert_eq!(parse(DeValue::String(word.into())), Ok(policy));
        }
        assert_eq!(parse(DeValue::Boolean(true)), Ok(SpfPolicy::Mark));
        assert_eq!(parse(DeValue::Boolean(false)), Ok(SpfPolicy::Off));
        assert_eq!(
            parse(DeValue::String("obey".into())).unwrap_err(),
            "\"obey\" is none of `mark`, `junk`, `reject`, `off`"
        );
    }
}
