//! `mailto:` as a way to notify (RFC 5436 §2.1, RFC 6068 §2).

use crate::base::actions::parse_address;

/// LIMIT: nobody notifies a crowd.
const ADDRESSES_MAX: usize = 8;
/// LIMIT: fields of a URI.
const FIELDS_MAX: usize = 16;

/// RFC 5436 §2.7: what a URI may not say, it is ignored where it does.
const IGNORED: [&str; 15] = [
    "from",
    "sender",
    "received",
    "auto-submitted",
    "message-id",
    "date",
    "return-path",
    "reply-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "dkim-signature",
    "authentication-results",
    "importance",
    "x-priority",
];

/// The parts of a mailto URI.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mailto {
    pub(crate) to: Vec<String>,
    pub(crate) cc: Vec<String>,
    pub(crate) bcc: Vec<String>,
    pub(crate) subject: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) fields: Vec<(String, String)>,
}

/// What reading a URI costs, in steps.
pub(crate) fn cost(uri: &str) -> u64 {
    1 + uri.len() as u64 / 4
}

/// `mailtoURI = "mailto:" [ to ] [ hfields ]`
pub(crate) fn parse(uri: &str) -> Result<Mailto, String> {
    let scheme = uri.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let Some(_) = scheme else {
        return Err("the only way to notify is mailto:".to_owned());
    };
    let rest = uri.get(7..).unwrap_or_default();
    if let Some(wrong) = rest.chars().find(|char| !is_uri_char(*char)) {
        return Err(format!("{wrong:?} must be encoded in a URI"));
    }
    if !percents_are_whole(rest) {
        return Err("% must be followed by two hexadecimal digits".to_owned());
    }
    let (to, fields) = rest.split_once('?').unwrap_or((rest, ""));
    let mut mailto = Mailto::default();
    // QUIRK(scripts of the days of RFC 2368, all): the commas between addresses are encoded.
    push_all(&mut mailto.to, &percent_decoded(to))?;
    for field in fields.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').ok_or("a field of the URI has no value")?;
        mailto.take(&percent_decoded(name).to_ascii_lowercase(), &percent_decoded(value))?;
    }
    // One notice for one address, wherever it stands.
    mailto.cc.retain(|address| !has(&mailto.to, address));
    mailto.bcc.retain(|address| !has(&mailto.to, address) && !has(&mailto.cc, address));
    if mailto.to.len() + mailto.cc.len() + mailto.bcc.len() > ADDRESSES_MAX {
        return Err("the URI has too many addresses".to_owned());
    }
    Ok(mailto)
}

// What RFC 3986 §2 allows, without the delimiters that RFC 6068 §2 reserves.
fn is_uri_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/?".contains(char)
}

fn percents_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        after.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

impl Mailto {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "to" => push_all(&mut self.to, value),
            "cc" => push_all(&mut self.cc, value),
            "bcc" => push_all(&mut self.bcc, value),
            "subject" => {
                // RFC 6068 §2: a field that there can be but one of counts once.
                self.subject.get_or_insert_with(|| value.to_owned());
                Ok(())
            }
            "body" => {
                self.body.get_or_insert_with(|| value.to_owned());
                Ok(())
            }
            _ if !crate::mail::is_field_name(name) => {
                Err(format!("{name:?} is no name of a field"))
            }
            _ if IGNORED.contains(&name) || name.starts_with("resent-") => Ok(()),
            _ if self.fields.len() >= FIELDS_MAX => Err("the URI has too many fields".to_owned()),
            _ => {
                self.fields.push((capitalized(name), value.to_owned()));
                Ok(())
            }
        }
    }
}

// RFC 5436 §2.7: as is common for fields.
fn capitalized(name: &str) -> String {
    let mut capital = true;
    let capitalize = |char: char| {
        let shown = if capital { char.to_ascii_uppercase() } else { char };
        capital = char == '-';
        shown
    };
    name.chars().map(capitalize).collect()
}

fn push_all(list: &mut Vec<String>, value: &str) -> Result<(), String> {
    value.split(',').filter(|part| !part.trim().is_empty()).try_for_each(|part| push(list, part))
}

// An address counts once.
fn push(list: &mut Vec<String>, address: &str) -> Result<(), String> {
    let address = parse_address(address.trim()).map_err(|trouble| trouble.to_string())?;
    if list.len() > ADDRESSES_MAX {
        return Err("the URI has too many addresses".to_owned());
    }
    if !has(list, &address) {
        list.push(address);
    }
    Ok(())
}

fn has(list: &[String], address: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(address))
}

/// A text with its percent-encoding undone; what makes no UTF-8 is replaced.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        let mailto = parse("mailto:0123456789@sms.example.net?to=backup@example.com&Subject=a%20b&x-y=1&from=x@y&body=c%0D%0Ad").unwrap();
        assert_eq!(mailto.to, ["0123456789@sms.example.net", "backup@example.com"]);
        assert_eq!(mailto.subject.as_deref(), Some("a b"));
        assert_eq!(mailto.body.as_deref(), Some("c\r\nd"));
        assert_eq!(mailto.fields, [("X-Y".to_owned(), "1".to_owned())]);
        assert!(parse("MAILTO:").unwrap().to.is_empty());
        assert!(parse("mailto:a@b?cc=A@b").unwrap().cc.is_empty());
        assert_eq!(parse("mailto:a@b?cc=a%40c,d@e").unwrap().cc, ["a@c", "d@e"]);
    }

    #[test]
    fn wrong_uris() {
        for uri in [
            "http://x",
            "mailto:a",
            "mailto:a@b?subject",
            "mailto:a b@c",
            "mailto:a%4@b",
            "mailto:a@b?x%0ay=1",
            "mailto:a@b%0D%0Abcc:x@y",
            "mailto:é@b",
            "mail",
        ] {
            assert!(parse(uri).is_err(), "{uri}");
        }
        let many: Vec<String> = (0..20).map(|n| format!("a{n}@b")).collect();
        assert!(parse(&format!("mailto:{}", many.join(","))).is_err());
    }
}
