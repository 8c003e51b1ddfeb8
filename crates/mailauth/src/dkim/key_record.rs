//! Public keys as the DNS has them: RFC 6376 §3.6.1.

use crate::crypto::Algorithm;
use crate::tags::{Tags, decode_base64, is_fws};

/// What a key is to be used for: RFC 6376 §3.6.1, tag `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The key may sign any mail.
    Mail,
    /// Reports of TLS that come by mail: RFC 8460 §3 asks for keys that are for these, and for no
    /// other mail.
    TlsReports,
}

impl Service {
    fn takes(self, named: &str) -> bool {
        match named {
            "*" => true,
            // RFC 8460 §3: reports may be ignored whose key does not say `tlsrpt`; most who send
            // them sign them as all their mail.
            "email" => true,
            "tlsrpt" => self == Self::TlsReports,
            _ => false,
        }
    }
}

/// A key for mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    pub(crate) algorithm: Algorithm,
    pub(crate) public_key: Vec<u8>,
    /// `t=y`: the domain is trying DKIM out.
    pub(crate) testing: bool,
    /// `t=s`: `i=` may not name a subdomain.
    pub(crate) strict: bool,
}

impl KeyRecord {
    /// The reason, where the record holds no key for what it is wanted for.
    pub(crate) fn parse(text: &[u8], service: Service) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| "malformed key")?;
        let tags = Tags::parse(text).ok_or("malformed key")?;
        if let Some(version) = tags.find("v")
            && (version != "DKIM1" || tags.first() != Some(("v", "DKIM1")))
        {
            return Err("malformed key");
        }
        let list = |name, default: &'static str| {
            let value = tags.find(name).unwrap_or(default);
            value.split(':').map(|item| item.trim_matches(is_fws)).collect::<Vec<_>>()
        };
        if !list("h", "sha256").contains(&"sha256") {
            return Err("the key is not for sha256");
        }
        if !list("s", "*").into_iter().any(|named| service.takes(named)) {
            return Err("the key is not for mail");
        }
        let algorithm = match tags.find("k").unwrap_or("rsa") {
            "rsa" => Algorithm::RsaSha256,
            "ed25519" => Algorithm::Ed25519Sha256,
            _ => return Err("unknown type of key"),
        };
        let public_key = decode_base64(tags.find("p").ok_or("malformed key")?);
        let public_key = public_key.ok_or("malformed key")?;
        if public_key.is_empty() {
            return Err("the key was revoked");
        }
        let flags = list("t", "");
        let (testing, strict) = (flags.contains(&"y"), flags.contains(&"s"));
        Ok(Self { algorithm, public_key, testing, strict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_or_refused() {
        let key = |text: &str| KeyRecord::parse(text.as_bytes(), Service::Mail);
        let found =
            key("v=DKIM1; k=ed25519; t=y:s; h=sha1:sha256; s=email; n=x; p=MT Iz;").unwrap();
        assert_eq!(
            (found.algorithm, found.public_key.as_slice()),
            (Algorithm::Ed25519Sha256, &b"123"[..])
        );
        assert!(found.testing && found.strict);
        let found = key("p=MTIz").unwrap();
        assert_eq!(
            (found.algorithm, found.testing, found.strict),
            (Algorithm::RsaSha256, false, false)
        );
        for (text, reason) in [
            ("v=DKIM1; p=", "the key was revoked"),
            ("v=DKIM2; p=MTIz", "malformed key"),
            ("p=MTIz; v=DKIM1", "malformed key"),
            ("k=rsa", "malformed key"),
            ("k=dsa; p=MTIz", "unknown type of key"),
            ("h=sha1; p=MTIz", "the key is not for sha256"),
            ("s=tlsrpt; p=MTIz", "the key is not for mail"),
            ("p=!", "malformed key"),
            ("v=spf1 -all", "malformed key"),
        ] {
            assert_eq!(key(text), Err(reason), "{text}");
        }
    }

    // RFC 8460 §3
    #[test]
    fn keys_for_reports_are_for_nothing_else() {
        for (services, for_mail, for_reports) in [
            ("", true, true),
            ("s=*; ", true, true),
            ("s=email; ", true, true),
            ("s=tlsrpt; ", false, true),
            ("s=other : tlsrpt; ", false, true),
            ("s=other; ", false, false),
        ] {
            let text = format!("v=DKIM1; {services}p=MTIz");
            let is_key = |service| KeyRecord::parse(text.as_bytes(), service).is_ok();
            let found = (is_key(Service::Mail), is_key(Service::TlsReports));
            assert_eq!(found, (for_mail, for_reports), "{text}");
        }
    }
}
