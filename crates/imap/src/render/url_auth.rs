//! The GENURLAUTH and URLFETCH responses (RFC 4467 §8, RFC 5524 §3).

use super::string::literal_header;
use super::{literal8_or_string, string};
use crate::types::{UrlData, UrlMetadata};

/// `genurlauth-data = "*" SP "GENURLAUTH" 1*(SP url-full)` (RFC 4467 §9), the whole line.
pub fn gen_url_auth(out: &mut Vec<u8>, urls: &[String]) {
    out.extend_from_slice(b"* GENURLAUTH");
    for url in urls {
        out.push(b' ');
        string(out, url.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// `urldata-error = SP url-full SP nil` (RFC 5524 §5), the whole line.
pub fn url_fetch_error(out: &mut Vec<u8>, url: &str) {
    out.extend_from_slice(b"* URLFETCH ");
    string(out, url.as_bytes());
    out.extend_from_slice(b" NIL\r\n");
}

/// `urlfetch-data = "*" SP "URLFETCH" 1*(urldata-simple / urldata-ext / urldata-error)`,
/// `urldata-ext = SP url-full url-metadata`, `url-metadata = 1*(SP "(" url-metadata-el ")")`
/// (RFC 5524 §5), of one URL, up to its data, if there are any. `structure` is BODYPARTSTRUCTURE
/// in wire form.
pub fn url_fetch_begin(
    out: &mut Vec<u8>,
    url: &str,
    wanted: Option<UrlMetadata>,
    structure: Option<&[u8]>,
) {
    out.extend_from_slice(b"* URLFETCH ");
    string(out, url.as_bytes());
    if let Some(structure) = structure {
        out.extend_from_slice(b" (BODYPARTSTRUCTURE ");
        out.extend_from_slice(structure);
        out.push(b')');
    }
    match wanted.map(|wanted| wanted.data) {
        // `urldata-simple = SP url-full SP nstring`, as RFC 4467 has it.
        None => out.push(b' '),
        Some(Some(UrlData::Body)) => out.extend_from_slice(b" (BODY "),
        Some(Some(UrlData::Binary)) => out.extend_from_slice(b" (BINARY "),
        Some(None) => {}
    }
}

/// The data, where they are not announced: NIL, or a literal8 where they hold NUL (RFC 5524 §5).
pub fn url_fetch_data(out: &mut Vec<u8>, data: Option<&[u8]>) {
    match data {
        Some(data) => literal8_or_string(out, data),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// The length of the data, which the caller writes next.
pub fn url_fetch_announced(out: &mut Vec<u8>, size_bytes: u64, has_nul: bool) {
    if has_nul {
        out.push(b'~');
    }
    literal_header(out, size_bytes);
}

/// Closes what `url_fetch_begin` opened, after the data.
pub fn url_fetch_end(out: &mut Vec<u8>, wanted: Option<UrlMetadata>) {
    if wanted.is_some_and(|wanted| wanted.data.is_some()) {
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of a URL whose data are short or none.
    fn fetched(
        url: &str,
        wanted: Option<UrlMetadata>,
        structure: Option<&[u8]>,
        data: Option<&[u8]>,
    ) -> String {
        let mut out = Vec::new();
        url_fetch_begin(&mut out, url, wanted, structure);
        match (wanted, data) {
            (Some(UrlMetadata { data: None, .. }), _) => {}
            (Some(UrlMetadata { data: Some(UrlData::Binary), .. }), data) => {
                url_fetch_data(&mut out, data);
            }
            (_, Some(data)) => {
                url_fetch_announced(&mut out, data.len() as u64, false);
                out.extend_from_slice(data);
            }
            (_, None) => url_fetch_data(&mut out, None),
        }
        url_fetch_end(&mut out, wanted);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn metadata_of_rfc_5524() {
        let image: &[u8] = b"(\"IMAGE\" \"PNG\" NIL NIL NIL \"BINARY\" 3)";
        for (form, structure, data, expect) in [
            (
                Some(UrlData::Binary),
                Some(image),
                Some(&b"a\0b"[..]),
                "(BODYPARTSTRUCTURE (\"IMAGE\" \"PNG\" NIL NIL NIL \"BINARY\" 3)) \
                 (BINARY ~{3}\r\na\0b)",
            ),
            (
                None,
                Some(image),
                None,
                "(BODYPARTSTRUCTURE (\"IMAGE\" \"PNG\" NIL NIL NIL \"BINARY\" 3))",
            ),
            (
                Some(UrlData::Binary),
                None,
                Some(b"Si vis pacem\r\n"),
                "(BINARY {14}\r\nSi vis pacem\r\n)",
            ),
            (Some(UrlData::Binary), None, None, "(BINARY NIL)"),
            (Some(UrlData::Body), None, Some(b"a"), "(BODY {1}\r\na)"),
        ] {
            let wanted = UrlMetadata { structure: structure.is_some(), data: form };
            let line = fetched("u", Some(wanted), structure, data);
            assert_eq!(line, format!("* URLFETCH \"u\" {expect}\r\n"));
        }
    }

    #[test]
    fn responses_of_the_rfc() {
        let url = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal\
                   :91354a473744909de610943775f92038";
        let mut out = Vec::new();
        gen_url_auth(&mut out, &[url.to_owned(), "b".to_owned()]);
        out.extend(fetched(url, None, None, Some(b"Si vis pacem, para bellum.\r\n")).into_bytes());
        url_fetch_error(&mut out, "c\"d");
        let expect = format!(
            "* GENURLAUTH \"{url}\" \"b\"\r\n\
             * URLFETCH \"{url}\" {{28}}\r\nSi vis pacem, para bellum.\r\n\r\n\
             * URLFETCH \"c\\\"d\" NIL\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }
}
