//! The data of managed attachments as it is sent, and `/calendars/attachments/TOKEN`: for people
//! elsewhere who were invited by mail and cannot sign in (RFC 8607 §3.12.2).

use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED,
};
use hyper::{Method, StatusCode};
use storage::{Attachment, EtagCondition, Store};
use unicode_normalization::UnicodeNormalization;

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::methods::get;
use crate::path;
use crate::properties::http_date;
use crate::turns::Turn;

const PREFIX: &str = "/calendars/attachments/";

/// LIMIT: bytes of a file name: what file systems take.
const NAME_BYTES_MAX: usize = 255;

/// Whether a path is of an attachment for whoever knows where.
pub(crate) fn is_for(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// The path of the attachment that this token leads to, for whoever cannot sign in.
pub fn attachment_path(token: &str) -> String {
    format!("{PREFIX}{token}")
}

/// Answers whoever comes, at their turn; nobody signs in.
pub(crate) async fn public(
    store: &Store,
    turn: Turn,
    method: &Method,
    (path, headers): (&str, &HeaderMap),
) -> Result<Answer> {
    if let Some(refusal) = answer::refuse_change(method) {
        return Ok(refusal);
    }
    let token = path.strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let read = store.read(move |tx| {
        // Until it has read.
        let _turn = turn;
        let Some(found) = tx.find_public_attachment(&token)? else { return Ok(None) };
        let bytes = tx.load_attachment_data(&found)?;
        Ok(Some((found, bytes)))
    });
    let (found, bytes) = read.await?.ok_or(DavError::NOT_FOUND)?;
    let mut answer = answer(&found, Some(bytes), headers);
    insert(&mut answer, HeaderName::from_static("x-robots-tag"), "noindex");
    Ok(answer)
}

/// Whether a condition names it. Its data never changes, and its id is its etag.
pub(crate) fn is_named(condition: &EtagCondition, found: &Attachment) -> bool {
    match condition {
        EtagCondition::Any => true,
        EtagCondition::OneOf(etags) => etags.contains(&found.managed_id),
    }
}

/// The data, or the part of it that is asked for; without it 304.
pub(crate) fn answer(found: &Attachment, bytes: Option<Vec<u8>>, headers: &HeaderMap) -> Answer {
    let etag = format!("\"{}\"", found.managed_id);
    let mut answer = match bytes {
        // RFC 9110 §15.4.5
        None => answer::empty(StatusCode::NOT_MODIFIED),
        Some(bytes) => {
            let mut answer = get::ranged(bytes, headers, &etag);
            insert(&mut answer, CONTENT_TYPE, &found.media_type);
            get::make_inert(&mut answer, &found.media_type);
            let is_saved = answer.headers().contains_key(CONTENT_DISPOSITION);
            let disposition = disposition(is_saved, &found.filename);
            insert(&mut answer, CONTENT_DISPOSITION, &disposition);
            answer
        }
    };
    insert(&mut answer, ETAG, &etag);
    insert(&mut answer, LAST_MODIFIED, &http_date(found.created));
    // Who was uninvited may have it no more.
    insert(&mut answer, CACHE_CONTROL, "private, no-cache");
    answer
}

fn insert(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// RFC 6266 §4.1: the name in letters that need no care, and as it is.
fn disposition(is_saved: bool, filename: &str) -> String {
    let kind = if is_saved { "attachment" } else { "inline" };
    if filename.is_empty() {
        return kind.to_owned();
    }
    let is_plain = |char: &char| char.is_ascii_alphanumeric() || " -._".contains(*char);
    let plain: String =
        filename.chars().map(|char| if is_plain(&char) { char } else { '-' }).collect();
    match plain == filename {
        true => format!("{kind}; filename=\"{plain}\""),
        false => {
            let whole = path::encoded(filename);
            format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}")
        }
    }
}

/// The name of a file, without anything that leads elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileName(String);

impl FileName {
    /// The name of the file in Content-Disposition (RFC 8607 §3.4, RFC 6266); empty where it gives
    /// none that can be used.
    pub(crate) fn of_disposition(header: Option<&HeaderValue>) -> Self {
        // QUIRK(several programs): UTF-8 as it is.
        let text = header.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        Self::safe(&text.and_then(named).unwrap_or_default())
    }

    /// RFC 6266 §4.3: the last part of a path, no controls, nothing that means a place, not longer
    /// than a file system takes.
    fn safe(said: &str) -> Self {
        let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut name: String = last.nfc().filter(|char| !char.is_control()).collect();
        name = name.trim().trim_start_matches('.').to_owned();
        while name.len() > NAME_BYTES_MAX {
            // From the front: the ending says what it is.
            name.remove(0);
        }
        Self(name)
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// ```text
/// disposition-parm = filename-parm
/// filename-parm    = "filename" "=" value | "filename*" "=" ext-value
/// ```
/// RFC 6266 §4.1; the second counts (§4.3).
fn named(header: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = header.split_once(';')?.1;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = value_of(after.trim_start());
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = extended_value(&value),
            _ => {}
        }
        rest = after.split_once(';').map_or("", |(_, rest)| rest);
    }
    extended.or(plain)
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            char => value.push(char),
        }
    }
    (value, "")
}

/// RFC 8187 §3.2: `UTF-8'en'%e2%82%ac`.
fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, value) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| path::decode(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_lead_nowhere() {
        for (header, expect) in [
            ("attachment;filename=agenda.html", "agenda.html"),
            ("attachment; filename=\"a \\\"b\\\";c.txt\"; size=3", "a \"b\";c.txt"),
            ("attachment; filename=x; filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
            ("attachment; filename*=ISO-8859-1''%a3; filename=x", "x"),
            ("attachment; filename=\"Größe.txt\"", "Größe.txt"),
            ("attachment; filename=\"../../etc/passwd\"", "passwd"),
            ("attachment; filename*=utf-8''C%3A%5Ctemp%5Cx", "x"),
            ("attachment; filename=..", ""),
            ("attachment; filename*=utf-8''a%0d%0ab", "ab"),
            ("attachment; filename=\"unended", "unended"),
            ("attachment", ""),
            ("", ""),
        ] {
            let header = HeaderValue::from_bytes(header.as_bytes()).unwrap();
            let name = FileName::of_disposition(Some(&header));
            assert_eq!(name.into_string(), expect, "{header:?}");
        }
        assert_eq!(FileName::of_disposition(None), FileName(String::new()));
        let long = FileName::safe(&format!("{}.txt", "ä".repeat(300)));
        assert!(long.0.len() <= NAME_BYTES_MAX && long.0.ends_with("ä.txt"));
    }

    #[test]
    fn names_are_told_in_two_ways() {
        assert_eq!(disposition(true, "a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(disposition(false, ""), "inline");
        let told = "attachment; filename=\"-x-.txt\"; filename*=UTF-8''%C3%A4x%22.txt";
        assert_eq!(disposition(true, "äx\".txt"), told);
    }
}
