//! Signing (RFC 6376 §5) with relaxed canonicalization of header and body, and never with `l=`,
//! which lets others append to a body.

use std::fmt::Write as _;

use super::signature::NAMES_MAX;
use super::verify::push_named_fields;
use crate::canonical::{Canonicalization, feed_body, push_field};
use crate::crypto::SigningKey;
use crate::parts::Parts;

/// Signed whether they are there or not, once more than they are there, so that nobody can add
/// another one (RFC 6376 §8.15).
const OVERSIGNED: &[&str] = &[
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// Signed where they are: mailing lists put their own in place of those that are not
/// (RFC 6376 §5.4.1).
const SIGNED: &[&str] = &[
    "sender",
    "resent-from",
    "resent-to",
    "resent-date",
    "resent-message-id",
    "content-id",
    "content-disposition",
    "list-id",
    "list-post",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
];

/// In whose name, and with which key.
#[derive(Debug)]
pub struct Signer {
    /// `d=`
    pub domain: String,
    /// `s=`
    pub selector: String,
    /// The private half of what `selector` publishes.
    pub key: SigningKey,
}

/// A body hash and the names of the signed fields.
pub(crate) struct Draft {
    names: Vec<String>,
    body_hash: String,
}

impl Draft {
    pub(crate) fn of(parts: &Parts<'_>, more_names: &[&str]) -> Self {
        let mut names = Vec::new();
        for name in OVERSIGNED {
            names.extend(std::iter::repeat_n((*name).to_owned(), parts.count(name) + 1));
        }
        for name in SIGNED.iter().chain(more_names) {
            names.extend(std::iter::repeat_n((*name).to_owned(), parts.count(name)));
        }
        Self::of_names(parts, names)
    }

    /// A signature over exactly these fields, whose names are in lower case.
    pub(crate) fn of_names(parts: &Parts<'_>, names: Vec<String>) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        feed_body(Canonicalization::Relaxed, parts.body, |piece| context.update(piece));
        Self { names, body_hash: encode(context.finish().as_ref()) }
    }

    /// The field `name` with `tags` before those of every signature, and its signature.
    pub(crate) fn sign(
        &self,
        parts: &Parts<'_>,
        name: &str,
        tags: &str,
        signer: &Signer,
        now_secs: u64,
    ) -> Option<String> {
        // Nobody would verify it: the same bound holds for what comes in.
        if self.names.len() > NAMES_MAX {
            return None;
        }
        let mut field = format!("{name}: {tags} a={};", signer.key.algorithm().as_str());
        let mut line = field.len();
        let mut push = |word: String| {
            // Values of ours hold no blanks, so a line is broken between tags only.
            if line + 1 + word.len() > 76 {
                field += "\r\n\t";
                line = 8;
            } else {
                field += " ";
                line += 1;
            }
            line += word.len();
            field += &word;
        };
        push("c=relaxed/relaxed;".to_owned());
        push(format!("d={};", signer.domain));
        push(format!("s={};", signer.selector));
        push(format!("t={now_secs};"));
        for (at, name) in self.names.iter().enumerate() {
            let begin = if at == 0 { "h=" } else { "" };
            let end = if at + 1 == self.names.len() { ";" } else { ":" };
            push(format!("{begin}{name}{end}"));
        }
        push(format!("bh={};", self.body_hash));
        push("b=".to_owned());
        let mut signed = Vec::new();
        push_named_fields(parts, &self.names, Canonicalization::Relaxed, &mut signed);
        push_field(Canonicalization::Relaxed, field.as_bytes(), &mut signed);
        signed.truncate(signed.len().saturating_sub(2));
        push_signature(&mut field, &signer.key.sign(&signed)?);
        Some(field)
    }
}

/// Appends the value of `b=`, folded, and the end of the field.
pub(crate) fn push_signature(field: &mut String, signature: &[u8]) {
    let text = encode(signature);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(72));
        // Writing to a String cannot fail.
        let _ = write!(field, "\r\n\t{line}");
        rest = after;
    }
    field.push_str("\r\n");
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The DKIM-Signature fields of `message`, one by each signer, to be put on top of it.
pub fn sign(message: &[u8], signers: &[&Signer], now_secs: u64) -> String {
    let mut fields = String::new();
    // What begins with a blank would go on with a field put above it.
    if message.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
        return fields;
    }
    let Some(parts) = Parts::of(message) else { return fields };
    let draft = Draft::of(&parts, &[]);
    for signer in signers {
        fields +=
            &draft.sign(&parts, "DKIM-Signature", "v=1;", signer, now_secs).unwrap_or_default();
    }
    fields
}
