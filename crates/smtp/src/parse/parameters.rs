//! Parameters of MAIL and RCPT.
//!
//! RFC 5321 §4.1.2: `esmtp-param = esmtp-keyword ["=" esmtp-value]`, separated by spaces.

use super::terms::{parse_deliver_by, parse_hold_for, parse_hold_until, parse_priority};
use crate::error::SyntaxError;
use crate::types::{Body, EnvelopeId, MailParameters, Notify, OriginalRecipient, Ret};

/// LIMIT: RFC 3461 §4.4 bounds ENVID at 100 characters.
const ENVELOPE_ID_BYTES_MAX: usize = 100;
/// LIMIT: RFC 3461 §4.2 bounds ORCPT at 500 characters.
const ORIGINAL_RECIPIENT_BYTES_MAX: usize = 500;
/// LIMIT: RFC 1870 §3 gives SIZE up to 20 digits; more than a `u64` holds is too big anyway.
const SIZE_DIGITS_MAX: usize = 20;

/// Parses what follows the path of MAIL.
pub(super) fn parse_mail_parameters(text: &str) -> Result<MailParameters, SyntaxError> {
    let mut parameters = MailParameters::default();
    let (mut body, mut auth) = (None, None);
    for (keyword, value) in split_parameters(text)? {
        if keyword.eq_ignore_ascii_case("SIZE") {
            once(&mut parameters.size_bytes, parse_size(value)?)?;
        } else if keyword.eq_ignore_ascii_case("BODY") {
            once(&mut body, parse_body(value)?)?;
        } else if keyword.eq_ignore_ascii_case("SMTPUTF8") {
            // RFC 6531 §3.4: it must not have a value.
            if value.is_some() || parameters.smtputf8 {
                return Err(SyntaxError::ParameterValue);
            }
            parameters.smtputf8 = true;
        } else if keyword.eq_ignore_ascii_case("RET") {
            once(&mut parameters.ret, parse_ret(value)?)?;
        } else if keyword.eq_ignore_ascii_case("ENVID") {
            once(&mut parameters.envelope_id, parse_envelope_id(value)?)?;
        } else if keyword.eq_ignore_ascii_case("AUTH") {
            // RFC 4954 §5: a server that does not trust the client to vouch for others
            // treats every value as `<>`; checking its form is all there is to do.
            once(&mut auth, parse_auth(value)?)?;
        } else if keyword.eq_ignore_ascii_case("HOLDFOR") {
            // RFC 4865 §4.2: not more than one of the two.
            once(&mut parameters.hold, parse_hold_for(value)?)?;
        } else if keyword.eq_ignore_ascii_case("HOLDUNTIL") {
            once(&mut parameters.hold, parse_hold_until(value)?)?;
        } else if keyword.eq_ignore_ascii_case("BY") {
            once(&mut parameters.deliver_by, parse_deliver_by(value)?)?;
        } else if keyword.eq_ignore_ascii_case("MT-PRIORITY") {
            once(&mut parameters.priority, parse_priority(value)?)?;
        } else if keyword.eq_ignore_ascii_case("REQUIRETLS") {
            // RFC 8689 §2: no value is associated with it.
            if value.is_some() || parameters.require_tls {
                return Err(SyntaxError::ParameterValue);
            }
            parameters.require_tls = true;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    parameters.body = body.unwrap_or_default();
    Ok(parameters)
}

/// Parses what follows the path of RCPT.
pub(crate) fn parse_rcpt_parameters(
    text: &str,
) -> Result<(Notify, Option<OriginalRecipient>), SyntaxError> {
    let (mut notify, mut original) = (None, None);
    for (keyword, value) in split_parameters(text)? {
        if keyword.eq_ignore_ascii_case("NOTIFY") {
            once(&mut notify, parse_notify(value)?)?;
        } else if keyword.eq_ignore_ascii_case("ORCPT") {
            once(&mut original, parse_original_recipient(value)?)?;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    Ok((notify.unwrap_or_default(), original))
}

type Parameters<'a> = dyn Iterator<Item = (&'a str, Option<&'a str>)> + 'a;

/// Splits `*(SP esmtp-param)`; `text` is empty or begins with a space.
fn split_parameters(text: &str) -> Result<Box<Parameters<'_>>, SyntaxError> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(SyntaxError::Arguments);
    }
    let words = text.split(' ').filter(|word| !word.is_empty());
    Ok(Box::new(words.map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })))
}

/// RFC 3461 §4: no parameter stands more than once in a command.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::ParameterValue),
    }
}

/// RFC 1870 §3: `size-value = 1*20DIGIT`.
fn parse_size(value: Option<&str>) -> Result<u64, SyntaxError> {
    let digits = value.ok_or(SyntaxError::ParameterValue)?;
    let valid = (1..=SIZE_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !valid {
        return Err(SyntaxError::ParameterValue);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// RFC 3030 §3: `body-value = "7BIT" / "8BITMIME" / "BINARYMIME"`.
fn parse_body(value: Option<&str>) -> Result<Body, SyntaxError> {
    let value = value.ok_or(SyntaxError::ParameterValue)?;
    let known = [
        ("7BIT", Body::SevenBit),
        ("8BITMIME", Body::EightBitMime),
        ("BINARYMIME", Body::BinaryMime),
    ];
    let found = known.iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
    found.map(|(_, body)| *body).ok_or(SyntaxError::ParameterValue)
}

/// RFC 3461 §4.3: `ret-value = "FULL" / "HDRS"`.
fn parse_ret(value: Option<&str>) -> Result<Ret, SyntaxError> {
    match value {
        Some(value) if value.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        Some(value) if value.eq_ignore_ascii_case("HDRS") => Ok(Ret::Hdrs),
        _ => Err(SyntaxError::ParameterValue),
    }
}

/// RFC 3461 §4.4: `envid-parameter = "ENVID=" xtext`.
fn parse_envelope_id(value: Option<&str>) -> Result<EnvelopeId, SyntaxError> {
    let valid = |text: &&str| text.len() <= ENVELOPE_ID_BYTES_MAX && is_xtext(text);
    let value = value.filter(valid).ok_or(SyntaxError::ParameterValue)?;
    Ok(EnvelopeId(value.into()))
}

/// RFC 4954 §5: `AUTH=` takes `<>` or a mailbox, as xtext.
fn parse_auth(value: Option<&str>) -> Result<(), SyntaxError> {
    let value = value.ok_or(SyntaxError::ParameterValue)?;
    if value == "<>" || is_xtext(value) { Ok(()) } else { Err(SyntaxError::ParameterValue) }
}

/// RFC 3461 §4.1: `"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )`.
fn parse_notify(value: Option<&str>) -> Result<Notify, SyntaxError> {
    let value = value.ok_or(SyntaxError::ParameterValue)?;
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let slot = if word.eq_ignore_ascii_case("SUCCESS") {
            &mut success
        } else if word.eq_ignore_ascii_case("FAILURE") {
            &mut failure
        } else if word.eq_ignore_ascii_case("DELAY") {
            &mut delay
        } else {
            return Err(SyntaxError::ParameterValue);
        };
        *slot = true;
    }
    Ok(Notify::On { success, failure, delay })
}

/// RFC 3461 §4.2: `original-recipient-address = addr-type ";" xtext`.
fn parse_original_recipient(value: Option<&str>) -> Result<OriginalRecipient, SyntaxError> {
    let value = value.ok_or(SyntaxError::ParameterValue)?;
    let (address_type, address) = value.split_once(';').ok_or(SyntaxError::ParameterValue)?;
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let valid_type = !address_type.is_empty() && address_type.bytes().all(atom);
    // RFC 6533 §3: an address of type utf-8 may also be written in UTF-8 as it is, or with
    // \x{...} escapes, which use characters xtext leaves alone.
    let valid_address = if address_type.eq_ignore_ascii_case("utf-8") {
        !address.is_empty() && !address.contains('=')
    } else {
        is_xtext(address)
    };
    if !valid_type || !valid_address || value.len() > ORIGINAL_RECIPIENT_BYTES_MAX {
        return Err(SyntaxError::ParameterValue);
    }
    Ok(OriginalRecipient(value.into()))
}

/// RFC 3461 §4: `xtext = *( xchar / hexchar )`, where a `+` is followed by two upper case
/// hexadecimal digits; here with at least one character.
fn is_xtext(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'+', [high, low, after @ ..]) if is_upper_hex(*high) && is_upper_hex(*low) => after,
            (b'+' | b'=', _) => return false,
            (b'!'..=b'~', after) => after,
            _ => return false,
        };
    }
    !text.is_empty()
}

fn is_upper_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_parameters_are_understood() {
        let parsed = parse_mail_parameters(
            " SIZE=1000 body=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314159+2B AUTH=<>",
        );
        let expected = MailParameters {
            size_bytes: Some(1000),
            body: Body::EightBitMime,
            smtputf8: true,
            ret: Some(Ret::Hdrs),
            envelope_id: Some(EnvelopeId("QQ314159+2B".into())),
            ..MailParameters::default()
        };
        assert_eq!(parsed, Ok(expected));
        assert_eq!(parse_mail_parameters(""), Ok(MailParameters::default()));
        assert_eq!(parse_mail_parameters("  ").map(|p| p.body), Ok(Body::SevenBit));
        let huge = parse_mail_parameters(" SIZE=99999999999999999999").map(|p| p.size_bytes);
        assert_eq!(huge, Ok(Some(u64::MAX)));
    }

    #[test]
    fn rcpt_parameters_are_understood() {
        let cases = [
            ("", Notify::Unspecified, None),
            (" NOTIFY=NEVER", Notify::Never, None),
            (
                " NOTIFY=SUCCESS,delay ORCPT=rfc822;Bob+2Bx@Example.COM",
                Notify::On { success: true, failure: false, delay: true },
                Some("rfc822;Bob+2Bx@Example.COM"),
            ),
            (" ORCPT=utf-8;é@a", Notify::Unspecified, Some("utf-8;é@a")),
        ];
        for (text, notify, original) in cases {
            let expected = (notify, original.map(|text: &str| OriginalRecipient(text.into())));
            assert_eq!(parse_rcpt_parameters(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        use SyntaxError::{Arguments, ParameterValue, UnknownParameter};
        let long_id = format!(" ENVID={}", "a".repeat(101));
        let mail = [
            ("SIZE=1", Arguments),
            (" FOO", UnknownParameter),
            (" NOTIFY=NEVER", UnknownParameter),
            (" SIZE", ParameterValue),
            (" SIZE=", ParameterValue),
            (" SIZE=-1", ParameterValue),
            (" SIZE=123456789012345678901", ParameterValue),
            (" SIZE=1 SIZE=1", ParameterValue),
            (" REQUIRETLS=1", ParameterValue),
            (" REQUIRETLS REQUIRETLS", ParameterValue),
            (" HOLDFOR=1 HOLDUNTIL=2026-01-01T00:00:00Z", ParameterValue),
            (" MT-PRIORITY=1 MT-PRIORITY=1", ParameterValue),
            (" BY=1;N BY=1;N", ParameterValue),
            (" BODY=9BIT", ParameterValue),
            (" SMTPUTF8=1", ParameterValue),
            (" RET=ALL", ParameterValue),
            (" ENVID=a+2b", ParameterValue),
            (" ENVID=a+2", ParameterValue),
            (" ENVID=a=b", ParameterValue),
            (" AUTH=", ParameterValue),
            (long_id.as_str(), ParameterValue),
        ];
        for (text, error) in mail {
            assert_eq!(parse_mail_parameters(text), Err(error), "{text:?}");
        }
        let long_address = format!(" ORCPT=rfc822;{}", "a".repeat(494));
        let rcpt = [
            (" SIZE=1", UnknownParameter),
            (" NOTIFY=", ParameterValue),
            (" NOTIFY=NEVER,DELAY", ParameterValue),
            (" NOTIFY=SUCCESS,", ParameterValue),
            (" ORCPT=a@b", ParameterValue),
            (" ORCPT=;a@b", ParameterValue),
            (" ORCPT=rfc822;", ParameterValue),
            (" ORCPT=rfc822;é", ParameterValue),
            (" ORCPT=rfc822;a ORCPT=rfc822;a", ParameterValue),
            (long_address.as_str(), ParameterValue),
        ];
        for (text, error) in rcpt {
            assert_eq!(parse_rcpt_parameters(text), Err(error), "{text:?}");
        }
    }
}
