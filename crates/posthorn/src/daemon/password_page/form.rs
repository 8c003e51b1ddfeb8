//! The form as it comes back: `application/x-www-form-urlencoded` (URL Standard §5), bounded.
//!
//! **Invariant:** what is made of it here is wiped when nobody needs it any more.

use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use sasl::Password;
use zeroize::Zeroizing;

/// LIMIT: bytes of a form: two passwords of the longest, each byte of them written as three.
pub(super) const BODY_BYTES_MAX: usize = 8 * 1024;
/// LIMIT: how long a form may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Why a body is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    TooSlow,
    /// The body is no form.
    NoForm,
    /// It says it is a form and is none, or not this one.
    Malformed,
}

/// What is wrong in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormFault {
    /// The form is not the one that was shown.
    Malformed,
    /// The password is not twice the same.
    Different,
}

/// The new password, written twice the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form(pub(super) Password);

/// Reads a body whole.
pub(super) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Zeroizing<Vec<u8>>, BodyError>
where
    B: Body<Data = Bytes> + Send,
{
    let read = tokio::time::timeout(BODY_TIME, collect(body)).await;
    let bytes = read.unwrap_or(Err(BodyError::TooSlow))?;
    match is_form(headers) {
        true => Ok(bytes),
        false => Err(BodyError::NoForm),
    }
}

async fn collect<B>(body: B) -> Result<Zeroizing<Vec<u8>>, BodyError>
where
    B: Body<Data = Bytes> + Send,
{
    let mut body = pin!(body);
    // It never grows, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Malformed)?;
        // What is no data says something of it, and nobody asks what.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > BODY_BYTES_MAX - bytes.len() {
            return Err(BodyError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn is_form(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && !headers.contains_key(CONTENT_ENCODING)
}

impl Form {
    /// Reads a form in which `password` and `again` are once each; others are not looked at.
    pub(super) fn parse(body: &[u8]) -> Result<Self, FormFault> {
        let password = field(body, "password").ok_or(FormFault::Malformed)?;
        let again = field(body, "again").ok_or(FormFault::Malformed)?;
        match password == again {
            true => Ok(Self(password)),
            false => Err(FormFault::Different),
        }
    }
}

/// The one field of this name.
fn field(body: &[u8], name: &str) -> Option<Password> {
    let mut found = None;
    for pair in body.split(|byte| *byte == b'&') {
        let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (key, value) = pair.split_at(middle);
        if decode(key)?.as_str() != name {
            continue;
        }
        let value = decode(value.strip_prefix(b"=").unwrap_or_default())?;
        if found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// URL Standard §5.1, §1.3: `+` is a space, `%XX` a byte, a `%` before anything else itself; all of
/// it UTF-8.
fn decode(text: &[u8]) -> Option<Password> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let byte = match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, ..]) => match (hexadecimal(*high), hexadecimal(*low)) {
                (Some(high), Some(low)) => {
                    rest = after.get(2..).unwrap_or_default();
                    high << 4 | low
                }
                _ => first,
            },
            _ => first,
        };
        bytes.push(byte);
    }
    std::str::from_utf8(&bytes).ok().map(Password::from)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let table: [(&[u8], Result<&str, FormFault>); 13] = [
            (b"password=secret&again=secret", Ok("secret")),
            (b"again=a+b%26%3D%2b&username=x%40y&password=a%20b%26%3d%2B", Ok("a b&=+")),
            (b"password=z%C3%BC%E2%82%AC&again=z%c3%bc%e2%82%ac", Ok("z\u{fc}\u{20ac}")),
            (b"password=100%&again=100%25", Ok("100%")),
            (b"password=%zz&again=%zz", Ok("%zz")),
            (b"pass%77ord=x&again=x", Ok("x")),
            (b"password=&again=", Ok("")),
            (b"password=a&again=b", Err(FormFault::Different)),
            (b"password=a", Err(FormFault::Malformed)),
            (b"", Err(FormFault::Malformed)),
            (b"password=a&again=a&password=b", Err(FormFault::Malformed)),
            (b"password=%ff&again=%ff", Err(FormFault::Malformed)),
            (b"password=a&again=a&%ff=x", Err(FormFault::Malformed)),
        ];
        for (body, expect) in table {
            let expect = expect.map(|text| Form(text.into()));
            assert_eq!(Form::parse(body), expect, "{}", body.escape_ascii());
        }
    }

    #[tokio::test]
    async fn bodies_are_bounded() {
        let form = "application/x-www-form-urlencoded";
        for (kind, length, expect) in [
            (form, BODY_BYTES_MAX, Ok(BODY_BYTES_MAX)),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", 5, Ok(5)),
            (form, BODY_BYTES_MAX + 1, Err(BodyError::TooLarge)),
            (form, 10 * BODY_BYTES_MAX, Err(BodyError::TooLarge)),
            ("text/plain", 5, Err(BodyError::NoForm)),
            ("multipart/form-data; boundary=x", 5, Err(BodyError::NoForm)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            let body = http_body_util::Full::new(Bytes::from(vec![b'x'; length]));
            let read = read(&headers, body).await.map(|bytes| bytes.len());
            assert_eq!(read, expect, "{kind} {length}");
        }
        let none = read(&HeaderMap::new(), http_body_util::Empty::new()).await;
        assert_eq!(none.err(), Some(BodyError::NoForm));
    }
}
