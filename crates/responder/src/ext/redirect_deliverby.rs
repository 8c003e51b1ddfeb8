//! `redirect-deliverby` (RFC 6009 §7): by when a redirected message has to arrive.

use message::date::{DateTime, parse_rfc3339};

use crate::action::DeliverBy;
use crate::capability::Capability;
use crate::compile::{Arguments, Compiler};
use crate::error::{ScriptError, Trouble};
use crate::run::State;
use crate::text::Text;

/// RFC 2852 §4: `by-time = ["-" / "+"]1*9digit`
const SECONDS_MAX: i64 = 999_999_999;

#[derive(Debug)]
enum By {
    Seconds(i64),
    Instant(Text),
}

/// `":bytimerelative" <number> / ":bytimeabsolute" <string>`, `[":bymode" <string>] [":bytrace"]`
#[derive(Debug)]
pub(crate) struct DeliverByTags {
    by: By,
    mode: char,
    trace: bool,
}

impl DeliverByTags {
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Option<Self>, ScriptError> {
        let relative = arguments.tagged_number("bytimerelative")?;
        let absolute = arguments.tagged_text(compiler, "bytimeabsolute")?;
        let mode = arguments.tagged_literal("bymode")?;
        let trace = arguments.tag("bytrace").is_some();
        let by = match (relative, absolute) {
            (Some(_), Some(_)) => {
                return Err(
                    arguments.wrong(":bytimerelative and :bytimeabsolute exclude each other")
                );
            }
            (Some(seconds), None) => By::Seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
            (None, Some(text)) => {
                let wrong = |trouble: Trouble| arguments.wrong(trouble.to_string());
                text.fixed().map(instant).transpose().map_err(wrong)?;
                By::Instant(text)
            }
            (None, None) if mode.is_some() || trace => {
                return Err(arguments.wrong(":bymode and :bytrace need a time"));
            }
            (None, None) => return Ok(None),
        };
        compiler.needs(arguments.at(), ":bytimerelative", &[Capability::RedirectDeliverby])?;
        let mode = match mode.map(|literal| literal.text.to_ascii_lowercase()).as_deref() {
            // RFC 6009 §7: the default is to return the message.
            None | Some("return") => 'R',
            Some("notify") => 'N',
            Some(other) => return Err(arguments.wrong(format!("there is no mode \"{other}\""))),
        };
        Ok(Some(Self { by, mode, trace }))
    }

    pub(crate) fn value(&self, state: &mut State<'_>) -> Result<DeliverBy, Trouble> {
        let seconds = match &self.by {
            By::Seconds(seconds) => *seconds,
            By::Instant(text) => instant(&state.text(text)?)?.unix_secs() - state.now.unix_secs(),
        };
        let seconds = seconds.clamp(-SECONDS_MAX, SECONDS_MAX);
        Ok(DeliverBy { seconds, mode: self.mode, trace: self.trace })
    }
}

fn instant(text: &str) -> Result<DateTime, Trouble> {
    parse_instant(text).ok_or_else(|| Trouble::Value(format!("{text:?} is no instant")))
}

// Parses `date-time` (RFC 3339 §5.6) in capital letters. The zone may lack its colon, as it does in
// the example of RFC 6009 §7.2.
fn parse_instant(text: &str) -> Option<DateTime> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    match text.as_bytes() {
        [before @ .., sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let zone = [*sign, *h1, *h2, b':', *m1, *m2];
            parse_rfc3339(&[before, &zone].concat())
        }
        text => parse_rfc3339(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, expect) in [
            ("1970-01-02T00:00:00Z", Some(86_400)),
            ("1970-01-01T20:00:00+0100", Some(68_400)),
            ("1970-01-01T20:00:00-01:00", Some(75_600)),
            ("1970-01-02T00:00:00.25Z", Some(86_400)),
            ("1970-01-02t00:00:00Z", None),
            ("1970-01-02T00:00:00z", None),
            ("1970-01-02T00:00:00.Z", None),
            ("1970-01-01T20:00:00+2400", None),
            ("1970-01-01T20:00:00+01:0+", None),
            ("1970-01-01 20:00:00Z", None),
            ("1970-13-01T20:00:00Z", None),
            ("1970-01-01T24:00:00Z", None),
            ("1970-01-01T20:00:00", None),
            ("x", None),
            ("1970-01-01T20:00:é0Z", None),
        ] {
            assert_eq!(parse_instant(text).map(DateTime::unix_secs), expect, "{text}");
        }
    }
}
