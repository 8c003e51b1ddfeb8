//! Authentication-Results: RFC 8601, which tells whoever reads a message what was found.
//!
//! **Invariant:** what is rendered is made of names that were parsed and of words of ours.

use std::fmt::Write as _;

use crate::check::Report;
use crate::dkim::DkimVerdict;
use crate::dmarc::DmarcVerdict;
use crate::spf::SpfVerdict;

/// The field for what was found, to be put on top of the message.
pub(crate) fn render(report: &Report, authserv_id: &str) -> String {
    let mut results = Vec::new();
    if let Some(spf) = &report.spf {
        if spf.helo != SpfVerdict::None || spf.mail_from.is_none() {
            results.push(format!("spf={} smtp.helo={}", spf.helo.as_str(), word(&spf.helo_name)));
        }
        if let Some((verdict, domain)) = &spf.mail_from {
            results.push(format!("spf={} smtp.mailfrom={}", verdict.as_str(), word(domain)));
        }
    }
    if let Some(dkim) = &report.dkim {
        results.extend(dkim.iter().map(render_dkim));
        if dkim.is_empty() {
            results.push("dkim=none".to_owned());
        }
    }
    for dmarc in report.dmarc.iter().flatten() {
        let mut result = format!("dmarc={}", dmarc.verdict.as_str());
        if !dmarc.domain.is_empty() {
            result += &format!(" header.from={}", word(&dmarc.domain));
        }
        if dmarc.verdict != DmarcVerdict::None
            && let Some(policy) = dmarc.published
        {
            // What the domain publishes for such mail.
            result += &format!(" policy.dmarc={}", policy.as_str());
        }
        results.push(result);
    }
    if let Some(arc) = &report.arc {
        let mut result = format!("arc={}", arc.verdict.as_str());
        push_reason(&mut result, arc.reason);
        results.push(result);
    }
    let mut field = format!("Authentication-Results: {authserv_id}");
    if results.is_empty() {
        // RFC 8601 §2.2: "none" says that nothing was checked.
        field += "; none";
    }
    for result in results {
        // Writing to a String cannot fail.
        let _ = write!(field, ";\r\n\t{result}");
    }
    field + "\r\n"
}

fn render_dkim(result: &crate::dkim::DkimResult) -> String {
    let label = &result.label;
    let mut text = format!("dkim={}", result.verdict.as_str());
    if result.verdict != DkimVerdict::Pass {
        push_reason(&mut text, result.reason);
    }
    for (property, value) in
        [("header.d", &label.domain), ("header.s", &label.selector), ("header.b", &label.begins)]
    {
        if !value.is_empty() {
            let _ = write!(text, " {property}={}", word(value));
        }
    }
    if let Some(algorithm) = label.algorithm {
        let _ = write!(text, " header.a={}", algorithm.as_str());
    }
    text
}

fn push_reason(text: &mut String, reason: Option<&'static str>) {
    if let Some(reason) = reason {
        let _ = write!(text, " reason=\"{reason}\"");
    }
}

/// `value = token / quoted-string` (RFC 2045 §5.1).
fn word(text: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token) {
        return text.to_owned();
    }
    let safe = |char: &char| *char == ' ' || char.is_ascii_graphic();
    let mut quoted = String::from("\"");
    for char in text.chars().filter(safe).take(255) {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted + "\""
}

/// Whether a field claims to come from `authserv_id` (RFC 8601 §5): such a one on a message from
/// outside is forged.
pub fn is_forged(value: &[u8], authserv_id: &str) -> bool {
    authserv_id_of(value).is_some_and(|id| id == authserv_id.to_ascii_lowercase())
}

/// The authserv-id of a field's value, in lower case without a final dot.
pub(crate) fn authserv_id_of(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let tokens = tokenize(text.split_once(';').map_or(&*text, |(id, _)| id));
    let id = tokens.split_whitespace().next()?.trim_end_matches('.').to_ascii_lowercase();
    (!id.is_empty()).then_some(id)
}

/// The first result of `method` in a field.
pub(crate) fn verdict_of(value: &[u8], method: &str) -> Option<String> {
    let text = tokenize(&String::from_utf8_lossy(value));
    text.split(';').find_map(|part| {
        let (name, rest) = part.split_once('=')?;
        // `method [ "/" version ]`
        let name = name.split('/').next().unwrap_or_default().trim();
        let verdict = rest.split_whitespace().next()?;
        name.eq_ignore_ascii_case(method).then(|| verdict.to_ascii_lowercase())
    })
}

/// Whether a field says that `method` passed.
pub(crate) fn passes(value: &[u8], method: &str) -> bool {
    verdict_of(value, method).as_deref() == Some("pass")
}

/// The text without comments and quotes; what was quoted keeps no semicolon, nor blanks.
pub(crate) fn tokenize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for char in text.chars() {
        match char {
            _ if escaped => {
                escaped = false;
                if depth == 0 && !";= \t".contains(char) {
                    out.push(char);
                }
            }
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => {
                depth += 1;
                out.push(' ');
            }
            ')' if !quoted && depth > 0 => depth -= 1,
            ';' | '=' | ' ' | '\t' if quoted => {}
            char if depth == 0 => out.push(char),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_fields_are_known_however_they_are_written() {
        for (value, forged) in [
            (" mail.ours.example; spf=pass", true),
            (" MAIL.ours.example 1; none", true),
            ("\r\n\tmail.ours.example;\r\n\tdkim=pass", true),
            (" (c (d\\)) e) mail.ours.example", true),
            (" \"mail.ours.example\"; spf=pass", true),
            (" \"mail.ours\\.example\"; spf=pass", true),
            (" mail.ours.example.; spf=pass", true),
            ("mail.ours.example(c); spf=pass", true),
            (" mail.ours.example.evil.example; spf=pass", false),
            (" other.example; x=mail.ours.example", false),
            (" ; spf=pass", false),
            ("", false),
        ] {
            assert_eq!(is_forged(value.as_bytes(), "mail.ours.example"), forged, "{value:?}");
        }
    }

    #[test]
    fn verdicts_are_found() {
        let value = b" i=1; mx.example; spf=fail (dmarc=pass) x=\"; dmarc=pass\";\r\n\t\
                      dmarc/1 = Pass header.from=a.example; arc=none";
        assert_eq!(verdict_of(value, "dmarc").as_deref(), Some("pass"));
        assert_eq!(verdict_of(value, "spf").as_deref(), Some("fail"));
        assert_eq!(verdict_of(value, "dkim"), None);
        assert!(!passes(b"i=1; a; spf=fail (; dmarc=pass)", "dmarc"));
    }

    #[test]
    fn words_are_quoted_where_they_must_be() {
        for (text, expected) in
            [("a.example", "a.example"), ("a b", "\"a b\""), ("a\"\r\n", "\"a\\\"\""), ("", "\"\"")]
        {
            assert_eq!(word(text), expected, "{text:?}");
        }
    }
}
