//! GENURLAUTH and URLFETCH responses.

use super::string::literal;
use super::{literal8_or_string, string};
use crate::types::UrlData;

/// `genurlauth-data = "*" SP "GENURLAUTH" 1*(SP url-full)` (RFC 4467 §9), the whole line.
pub fn gen_url_auth(out: &mut Vec<u8>, urls: &[String]) {
    out.extend_from_slice(b"* GENURLAUTH");
    for url in urls {
        out.push(b' ');
        string(out, url.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// `urlfetch-data = "*" SP "URLFETCH" 1*(SP url-full SP nstring)` (RFC 4467 §9), the whole line,
/// of one URL.
pub fn url_fetch(out: &mut Vec<u8>, url: &str, text: Option<&[u8]>) {
    out.extend_from_slice(b"* URLFETCH ");
    string(out, url.as_bytes());
    out.push(b' ');
    match text {
        Some(text) => literal(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
    out.extend_from_slice(b"\r\n");
}

/// What is told of a URL by [`url_fetch_metadata`].
#[derive(Debug, Clone, Copy, Default)]
pub struct UrlFetched<'a> {
    /// BODYPARTSTRUCTURE, already in wire form.
    pub structure: Option<&'a [u8]>,
    /// BODY or BINARY; NIL where the transfer encoding can't be undone.
    pub data: Option<(UrlData, Option<&'a [u8]>)>,
}

/// `urlfetch-data = "*" SP "URLFETCH" 1*(urldata-simple / urldata-ext / urldata-error)`,
/// `urldata-ext = SP url-full url-metadata`, `url-metadata = 1*(SP "(" url-metadata-el ")")`
/// (RFC 5524 §5), the whole line, of one URL.
pub fn url_fetch_metadata(out: &mut Vec<u8>, url: &str, fetched: &UrlFetched<'_>) {
    out.extend_from_slice(b"* URLFETCH ");
    string(out, url.as_bytes());
    if let Some(structure) = fetched.structure {
        out.extend_from_slice(b" (BODYPARTSTRUCTURE ");
        out.extend_from_slice(structure);
        out.push(b')');
    }
    if let Some((form, data)) = fetched.data {
        out.extend_from_slice(match form {
            UrlData::Body => b" (BODY ",
            UrlData::Binary => b" (BINARY ",
        });
        match (form, data) {
            (_, None) => out.extend_from_slice(b"NIL"),
            (UrlData::Body, Some(data)) => literal(out, data),
            // RFC 5524 §5: literal8 where it contains a NUL octet.
            (UrlData::Binary, Some(data)) => literal8_or_string(out, data),
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_of_rfc_5524() {
        let fetched = |form, data| UrlFetched { data: Some((form, data)), ..Default::default() };
        let image: &[u8] = b"(\"IMAGE\" \"PNG\" NIL NIL NIL \"BINARY\" 3)";
        for (fetched, expect) in [
            (
                UrlFetched { structure: Some(image), data: Some((UrlData::Binary, Some(b"a\0b"))) },
                "(BODYPARTSTRUCTURE (\"IMAGE\" \"PNG\" NIL NIL NIL \"BINARY\" 3)) \
                 (BINARY ~{3}\r\na\0b)",
            ),
            (
                fetched(UrlData::Binary, Some(b"Si vis pacem\r\n")),
                "(BINARY {14}\r\nSi vis pacem\r\n)",
            ),
            (fetched(UrlData::Binary, None), "(BINARY NIL)"),
            (fetched(UrlData::Body, Some(b"a")), "(BODY {1}\r\na)"),
        ] {
            let mut out = Vec::new();
            url_fetch_metadata(&mut out, "u", &fetched);
            assert_eq!(String::from_utf8_lossy(&out), format!("* URLFETCH \"u\" {expect}\r\n"));
        }
    }

    #[test]
    fn responses_of_the_rfc() {
        let url = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal\
                   :91354a473744909de610943775f92038";
        let mut out = Vec::new();
        gen_url_auth(&mut out, &[url.to_owned(), "b".to_owned()]);
        url_fetch(&mut out, url, Some(b"Si vis pacem, para bellum.\r\n"));
        url_fetch(&mut out, "c\"d", None);
        let expect = format!(
            "* GENURLAUTH \"{url}\" \"b\"\r\n\
             * URLFETCH \"{url}\" {{28}}\r\nSi vis pacem, para bellum.\r\n\r\n\
             * URLFETCH \"c\\\"d\" NIL\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }
}
