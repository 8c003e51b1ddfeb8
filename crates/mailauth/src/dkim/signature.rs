//! The value of a DKIM-Signature field (RFC 6376 §3.5), and of an ARC-Message-Signature, which
//! differs little (RFC 8617 §4.1.2).

use crate::canonical::Canonicalization;
use crate::crypto::Algorithm;
use crate::dns::{domain_of, is_within};
use crate::tags::{Tags, decode_base64, is_fws};

/// LIMIT: names in `h=`; signers that name every field twice stay below it.
pub(super) const NAMES_MAX: usize = 300;

/// Which field it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dkim,
    Arc,
}

/// A signature that can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body_hash: Vec<u8>,
    pub(crate) header_form: Canonicalization,
    pub(crate) body_form: Canonicalization,
    pub(crate) domain: String,
    pub(crate) selector: String,
    /// The domain of `i=`.
    pub(crate) identity: String,
    /// The names of the signed fields, in lower case.
    pub(crate) names: Vec<String>,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) expires: Option<u64>,
}

/// What a signature says of itself, whether or not it can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// The signing domain (`d=`).
    pub domain: String,
    /// The selector of the key (`s=`).
    pub selector: String,
    /// The first characters of `b=`, which tell signatures apart (RFC 6008 §3).
    pub begins: String,
    /// `a=`, where it is one of ours.
    pub algorithm: Option<Algorithm>,
}

impl Signature {
    /// What a field's value says; the reason, where it cannot be verified.
    pub(crate) fn parse(value: &[u8], kind: Kind) -> (Label, Result<Self, &'static str>) {
        let mut label = Label::default();
        let Some(tags) = std::str::from_utf8(value).ok().and_then(Tags::parse) else {
            return (label, Err("malformed signature"));
        };
        label.domain = tags.find("d").and_then(domain_of).unwrap_or_default();
        label.selector = tags.find("s").and_then(domain_of).unwrap_or_default();
        let begins = tags.find("b").unwrap_or_default().chars().filter(|char| !is_fws(*char));
        label.begins = begins.take(8).filter(char::is_ascii).collect();
        label.algorithm = tags.find("a").and_then(Algorithm::from_name);
        let signature = Self::read(&tags, &label, kind);
        (label, signature)
    }

    fn read(tags: &Tags<'_>, label: &Label, kind: Kind) -> Result<Self, &'static str> {
        let required = |name| tags.find(name).ok_or("a tag is missing");
        if kind == Kind::Dkim && required("v")? != "1" {
            return Err("unknown version");
        }
        let algorithm = match (label.algorithm, required("a")?) {
            (Some(algorithm), _) => algorithm,
            // RFC 8301 §3.1: rsa-sha1 must not be used to verify.
            (None, name) if name.eq_ignore_ascii_case("rsa-sha1") => {
                return Err("rsa-sha1 proves nothing");
            }
            (None, _) => return Err("unknown algorithm"),
        };
        let forms = tags.find("c").unwrap_or("simple/simple");
        let (header_form, body_form) =
            Canonicalization::parse_pair(forms).ok_or("unknown canonicalization")?;
        let names = signed_names(required("h")?, kind)?;
        if label.domain.is_empty() || label.selector.is_empty() {
            return Err("malformed d= or s=");
        }
        let identity = identity(tags, label, kind)?;
        if let Some(method) = tags.find("q")
            && !method.split(':').any(|method| method.trim_matches(is_fws) == "dns/txt")
        {
            return Err("unknown q=");
        }
        let number = |name| match tags.find(name) {
            None => Ok(None),
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| "malformed number")
            }
            Some(_) => Err("malformed number"),
        };
        let (signed_at, expires): (Option<u64>, Option<u64>) = (number("t")?, number("x")?);
        if let (Some(signed_at), Some(expires)) = (signed_at, expires)
            && expires <= signed_at
        {
            return Err("x= is not after t=");
        }
        Ok(Self {
            algorithm,
            bytes: decode_base64(required("b")?).ok_or("malformed b=")?,
            body_hash: decode_base64(required("bh")?).ok_or("malformed bh=")?,
            header_form,
            body_form,
            domain: label.domain.clone(),
            selector: label.selector.clone(),
            identity,
            names,
            body_bytes: if kind == Kind::Dkim { number("l")? } else { None },
            expires,
        })
    }
}

/// The fields that `h=` names, in lower case.
fn signed_names(list: &str, kind: Kind) -> Result<Vec<String>, &'static str> {
    let names = list.split(':').map(|name| name.trim_matches(is_fws).to_ascii_lowercase());
    let names: Vec<String> = names.collect();
    if names.len() > NAMES_MAX || names.iter().any(String::is_empty) {
        return Err("malformed h=");
    }
    // RFC 6376 §3.5 for From; RFC 8617 §4.1.2 leaves it open, yet a signature without it
    // says nothing of the author.
    if !names.iter().any(|name| name == "from") {
        return Err("From is not signed");
    }
    if kind == Kind::Arc && names.iter().any(|name| name == "arc-seal") {
        // RFC 8617 §4.1.2: ARC-Seal must not be signed.
        return Err("ARC-Seal is signed");
    }
    Ok(names)
}

/// The domain of the one for whom it is signed.
fn identity(tags: &Tags<'_>, label: &Label, kind: Kind) -> Result<String, &'static str> {
    let identity = match tags.find("i") {
        Some(identity) if kind == Kind::Dkim => {
            let (_, domain) = identity.rsplit_once('@').ok_or("malformed i=")?;
            domain_of(domain).ok_or("malformed i=")?
        }
        _ => label.domain.clone(),
    };
    // RFC 6376 §6.1.1.
    match is_within(&identity, &label.domain) {
        true => Ok(identity),
        false => Err("i= is outside d="),
    }
}

/// A field with the value of its `b=` taken out, blanks around it included (RFC 6376 §3.7).
pub(crate) fn without_signature(line: &[u8]) -> Vec<u8> {
    let Some(colon) = memchr::memchr(b':', line) else { return line.to_vec() };
    let mut at = colon + 1;
    for spec in line.get(at..).unwrap_or_default().split(|byte| *byte == b';') {
        let end = at + spec.len();
        if let Some(equals) = memchr::memchr(b'=', spec)
            && spec.get(..equals).map(<[u8]>::trim_ascii) == Some(b"b")
        {
            let (before, after) = (line.get(..=at + equals), line.get(end..));
            let mut rest = [before.unwrap_or_default(), after.unwrap_or_default()].concat();
            if !rest.ends_with(b"\n") {
                rest.extend_from_slice(b"\r\n");
            }
            return rest;
        }
        at = end + 1;
    }
    line.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "v=1; a=rsa-sha256; d=Example.NET; s=brisbane; c=simple; q=dns/txt; \
                        i=@eng.example.net; t=1117574938; x=1118006938; \
                        h=from:to : subject:date; bh=MTIz; b=dz dz\r\n\t dzdz";

    #[test]
    fn a_signature_is_read() {
        let (label, signature) = Signature::parse(GOOD.as_bytes(), Kind::Dkim);
        assert_eq!((label.domain.as_str(), label.selector.as_str()), ("example.net", "brisbane"));
        assert_eq!(label.begins, "dzdzdzdz");
        let signature = signature.unwrap();
        assert_eq!(signature.names, ["from", "to", "subject", "date"]);
        assert_eq!(signature.identity, "eng.example.net");
        assert_eq!((signature.expires, signature.body_bytes), (Some(1_118_006_938), None));
        assert_eq!(signature.body_hash, b"123");
    }

    #[test]
    fn what_cannot_be_verified_says_why() {
        for (from, to, reason) in [
            ("v=1", "v=2", "unknown version"),
            ("v=1; ", "", "a tag is missing"),
            ("rsa-sha256", "rsa-sha1", "rsa-sha1 proves nothing"),
            ("rsa-sha256", "dsa-sha256", "unknown algorithm"),
            ("c=simple", "c=complex", "unknown canonicalization"),
            ("h=from", "h=form", "From is not signed"),
            ("h=from", "h=:from", "malformed h="),
            ("@eng.example.net", "@eng.example.com", "i= is outside d="),
            ("@eng.example.net", "@badexample.net", "i= is outside d="),
            ("Example.NET", "a b", "malformed d= or s="),
            ("q=dns/txt", "q=http", "unknown q="),
            ("x=1118006938", "x=1117574938", "x= is not after t="),
            ("x=1118006938", "x=-1", "malformed number"),
            ("bh=MTIz", "bh=M", "malformed bh="),
            ("; c=simple", "; d=x.example", "malformed signature"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let (_, signature) = Signature::parse(text.as_bytes(), Kind::Dkim);
            assert_eq!(signature, Err(reason), "{text}");
        }
        assert_eq!(Signature::parse(b"\xff", Kind::Dkim).1, Err("malformed signature"));
    }

    #[test]
    fn the_signature_is_taken_out() {
        for (line, expected) in [
            ("DKIM-Signature: v=1; b=abc\r\n", "DKIM-Signature: v=1; b=\r\n"),
            ("DKIM-Signature: b = a\r\n b ;bh=c=\r\n", "DKIM-Signature: b =;bh=c=\r\n"),
            ("X: bh=b=; \r\n b=a", "X: bh=b=; \r\n b=\r\n"),
            ("X: v=1\r\n", "X: v=1\r\n"),
        ] {
            assert_eq!(without_signature(line.as_bytes()), expected.as_bytes(), "{line:?}");
        }
    }
}
