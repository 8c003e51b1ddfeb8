//! GENURLAUTH and URLFETCH responses.

use super::string;
use super::string::literal;

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

#[cfg(test)]
mod tests {
    use super::*;

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
