//! The messages that a client sends in SCRAM (RFC 5802 §7), parsed and bounded.

use crate::Failure;
use crate::mechanism::{NAME_BYTES_MAX, parse_text};
use crate::wire::BASE64;
use base64::Engine as _;

/// LIMIT: longest nonce of a client; programs send 18 to 64 characters.
const NONCE_BYTES_MAX: usize = 256;

/// What the client says about channel binding: `gs2-cbind-flag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// `p=name`: it binds with this one.
    Bound(Vec<u8>),
    /// `n`: it cannot bind.
    Unsupported,
    /// `y`: it could, but believes that the server cannot.
    NotOffered,
}

/// `client-first-message = gs2-header client-first-message-bare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientFirst {
    pub(super) binding: Binding,
    pub(super) authzid: Option<String>,
    /// Prepared; what is signed is `bare`.
    pub(super) authcid: String,
    pub(super) nonce: String,
    pub(super) gs2_header: Vec<u8>,
    pub(super) bare: Vec<u8>,
}

/// `client-final-message = client-final-message-without-proof "," proof`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// The `cbind-input` of the message, decoded from base64.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a [u8],
    pub(super) proof: Vec<u8>,
    pub(super) without_proof: &'a [u8],
}

impl ClientFirst {
    /// RFC 5802 §7: `gs2-header = gs2-cbind-flag "," [ authzid ] ","`, then
    /// `[reserved-mext ","] username "," nonce ["," extensions]`.
    pub(super) fn parse(message: &[u8]) -> Result<Self, Failure> {
        let (flag, rest) = split_comma(message).ok_or(Failure::Malformed)?;
        let (authzid, bare) = split_comma(rest).ok_or(Failure::Malformed)?;
        let header = message.get(..message.len() - bare.len()).ok_or(Failure::Malformed)?;
        let binding = match flag {
            b"n" => Binding::Unsupported,
            b"y" => Binding::NotOffered,
            flag => {
                let name = flag.strip_prefix(b"p=").ok_or(Failure::Malformed)?;
                Binding::Bound(name.to_vec())
            }
        };
        let authzid = match authzid {
            b"" => None,
            name => Some(parse_saslname(attribute(b'a', name)?)?),
        };
        let mut parts = bare.split(|&byte| byte == b',');
        let mut next = |name| attribute(name, parts.next().unwrap_or_default());
        // RFC 5802 §5.1: a mandatory extension (`m`) stands where `n` would, and is an error.
        let authcid = prepare(&parse_saslname(next(b'n')?)?)?;
        let nonce = parse_nonce(next(b'r')?)?;
        parts.try_for_each(check_extension)?;
        Ok(Self {
            binding,
            authzid,
            authcid,
            nonce,
            gs2_header: header.to_vec(),
            bare: bare.to_vec(),
        })
    }
}

impl<'a> ClientFinal<'a> {
    /// RFC 5802 §7: `channel-binding "," nonce ["," extensions] "," proof`.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let comma = message.iter().rposition(|&byte| byte == b',').ok_or(Failure::Malformed)?;
        let (without_proof, proof) = message.split_at_checked(comma).ok_or(Failure::Malformed)?;
        let mut parts = without_proof.split(|&byte| byte == b',');
        let mut next = |name| attribute(name, parts.next().unwrap_or_default());
        let (binding, nonce) = (next(b'c')?, next(b'r')?);
        parts.try_for_each(check_extension)?;
        let proof = attribute(b'p', proof.get(1..).unwrap_or_default())?;
        let decode = |text| BASE64.decode(text).map_err(|_| Failure::Malformed);
        Ok(Self { binding: decode(binding)?, nonce, proof: decode(proof)?, without_proof })
    }
}

/// RFC 5802 §7, `saslname`: UTF-8 without NUL, `,` as `=2C` and `=` as `=3D`.
pub(crate) fn parse_saslname(name: &[u8]) -> Result<String, Failure> {
    // Every byte may have been written as three.
    let text = parse_text(name, NAME_BYTES_MAX * 3)?;
    let mut parts = text.split('=');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (byte, rest) = match part.as_bytes() {
            [b'2', b'C', ..] => (',', part.get(2..)),
            [b'3', b'D', ..] => ('=', part.get(2..)),
            // RFC 5802 §5.1: anything else after `=` fails the exchange.
            _ => return Err(Failure::Malformed),
        };
        decoded.push(byte);
        decoded.push_str(rest.unwrap_or_default());
    }
    if decoded.len() > NAME_BYTES_MAX { Err(Failure::TooLong) } else { Ok(decoded) }
}

/// RFC 5802 §5.1: the name is prepared with SASLprep, and one that cannot be is refused.
fn prepare(name: &str) -> Result<String, Failure> {
    match stringprep::saslprep(name) {
        Ok(prepared) if !prepared.is_empty() => Ok(prepared.into_owned()),
        _ => Err(Failure::Malformed),
    }
}

/// RFC 5802 §7, `printable`: ASCII that is printed, without the comma.
fn parse_nonce(nonce: &[u8]) -> Result<String, Failure> {
    if nonce.len() > NONCE_BYTES_MAX {
        return Err(Failure::TooLong);
    }
    if nonce.is_empty() || !nonce.iter().all(u8::is_ascii_graphic) {
        return Err(Failure::Malformed);
    }
    parse_text(nonce, NONCE_BYTES_MAX)
}

/// The value of the attribute `name`, which must be it.
fn attribute(name: u8, text: &[u8]) -> Result<&[u8], Failure> {
    text.strip_prefix(&[name, b'=']).ok_or(Failure::Malformed)
}

/// RFC 5802 §5.1: optional extensions that are not known are ignored; `m` never is.
fn check_extension(text: &[u8]) -> Result<(), Failure> {
    match text {
        [b'm', b'=', ..] => Err(Failure::Malformed),
        [name, b'=', _, ..] if name.is_ascii_alphabetic() => Ok(()),
        _ => Err(Failure::Malformed),
    }
}

fn split_comma(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_at_checked(bytes.iter().position(|&byte| byte == b',')?)?;
    Some((first, rest.get(1..)?))
}
