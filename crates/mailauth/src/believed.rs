//! What a server in front of this one found (RFC 8601), where its word is taken: who the author of
//! a message is.
//!
//! RFC 8601 §5: who may be believed removes fields with its own name from what comes to it. What it
//! says is believed only as long as nothing with its name says otherwise.

use crate::dns::domain_of;
use crate::parts::Parts;
use crate::results::{authserv_id_of, tokenize};
use crate::signatory::author_domain;

/// LIMIT: fields that are read; a server makes one, or one for each program that checks for it.
const FIELDS_MAX: usize = 20;

/// One result: the method, what it found, and of what.
struct Found {
    method: String,
    passed: bool,
    /// The result is `none`: the server did not judge.
    nothing: bool,
    properties: Vec<(String, String)>,
}

/// The domain that a message is from, where the servers of these names (in lower case) found that
/// it is: by DMARC, or where they say nothing of that, by a signature of the very domain.
pub fn believed_author(message: &[u8], servers: &[String]) -> Option<String> {
    let parts = Parts::of(message).filter(|_| !servers.is_empty())?;
    let author = author_domain(message)?;
    let is_theirs = |value: &[u8]| authserv_id_of(value).is_some_and(|id| servers.contains(&id));
    let fields = parts.named("authentication-results").map(|field| field.value);
    let fields: Vec<&[u8]> = fields.filter(|value| is_theirs(value)).take(FIELDS_MAX + 1).collect();
    if fields.len() > FIELDS_MAX {
        return None;
    }
    let found: Vec<Found> = fields.into_iter().flat_map(results_of).collect();
    let mut of_dmarc = found.iter().filter(|one| one.method == "dmarc").peekable();
    let is_signed = || {
        let mut signatures = found.iter().filter(|one| one.method == "dkim" && one.passed);
        signatures.any(|one| one.signer().as_deref() == Some(&author))
    };
    let is_genuine = match of_dmarc.peek() {
        Some(one) if !one.nothing => of_dmarc.all(|one| one.passed && one.is_of(&author)),
        Some(_) => of_dmarc.all(|one| one.nothing) && is_signed(),
        None => is_signed(),
    };
    is_genuine.then_some(author)
}

impl Found {
    /// The values of a property.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.properties.iter().filter(move |(property, _)| property == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether it is about this author alone.
    fn is_of(&self, domain: &str) -> bool {
        let mut named = self.values("header.from").peekable();
        named.peek().is_some() && named.all(|one| domain_of(one).as_deref() == Some(domain))
    }

    /// The signing domain of the result: `header.d`, or what programs older than RFC 6008 write.
    fn signer(&self) -> Option<String> {
        let mut named = self.values("header.d").peekable();
        let one = match named.peek() {
            Some(_) => named.next().filter(|_| named.next().is_none())?,
            None => {
                let mut users = self.values("header.i");
                let user = users.next().filter(|_| users.next().is_none())?;
                user.rsplit_once('@')?.1
            }
        };
        domain_of(one)
    }
}

/// `resinfo = ";" methodspec [ reasonspec ] 1*( CFWS propspec )` (RFC 8601 §2.2).
fn results_of(value: &[u8]) -> Vec<Found> {
    let text = tokenize(&String::from_utf8_lossy(value));
    text.split(';').skip(1).filter_map(result_of).collect()
}

fn result_of(text: &str) -> Option<Found> {
    // A name is the last word before an equals sign, its value the first one behind.
    let sides: Vec<&str> = text.split('=').collect();
    let mut pairs = sides.windows(2).filter_map(|sides| {
        let [before, behind] = sides else { return None };
        let name = before.split_whitespace().next_back()?;
        Some((name.to_ascii_lowercase(), behind.split_whitespace().next()?.to_owned()))
    });
    let (method, verdict) = pairs.next()?;
    // `method [ "/" version ]`
    let method = method.split('/').next().unwrap_or_default().to_owned();
    let is = |word: &str| verdict.eq_ignore_ascii_case(word);
    Some(Found { method, passed: is("pass"), nothing: is("none"), properties: pairs.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(fields: &[&str]) -> Option<String> {
        let fields: String =
            fields.iter().map(|value| format!("Authentication-Results: {value}\r\n")).collect();
        let message = format!("Received: x\r\n{fields}From: Dan <dan@a.example>\r\n\r\n");
        let servers = ["mx.example".to_owned(), "other.example".to_owned()];
        believed_author(message.as_bytes(), &servers)
    }

    #[test]
    fn named_servers_are_believed() {
        for (fields, is_believed) in [
            // As postfix with rspamd, with opendkim and opendmarc, and Microsoft's have it.
            (
                &["mx.example;\r\n\tdkim=pass header.d=x.example header.s=s header.b=ab=;\r\n\t\
                   dmarc=pass (policy=reject) header.from=a.example;\r\n\tspf=pass \
                   smtp.mailfrom=dan@a.example"][..],
                true,
            ),
            (
                &[
                    "MX.example; dmarc=pass (p=none dis=none) header.from=A.example",
                    "mx.example;\r\n\tdkim=fail reason=\"x; dmarc=fail\" header.d=b.example",
                ],
                true,
            ),
            (&["other.example 1; dmarc = pass action=none header.from = a.example"], true),
            (
                &["mx.example; dkim=pass (2048-bit key) header.d=a.example header.i=@a.example"],
                true,
            ),
            (&["mx.example; dkim=pass header.i=dan@a.example; dmarc=none"], true),
            (&["mx.example; dmarc=none header.from=a.example", "mx.example; dkim=none"], false),
            (&["mx.example; dkim=pass header.d=example"], false),
            (&["mx.example; dkim=pass header.d=a.example header.d=b.example"], false),
            (&["mx.example; spf=pass smtp.mailfrom=a.example"], false),
            (&["mx.example; dmarc=pass header.from=b.example"], false),
            (&["mx.example; dmarc=pass"], false),
            (&["mx.example; dmarc=pass header.from=a.example header.from=b.example"], false),
            (
                &["mx.example; dmarc=fail header.from=a.example; dkim=pass header.d=a.example"],
                false,
            ),
            (&["mx.example; dkim=fail header.d=a.example"], false),
            (&["mx.example; none"], false),
            (&["evil.example; dmarc=pass header.from=a.example"], false),
            (&["mx.example.evil.example; dmarc=pass header.from=a.example"], false),
            // What the server did not take away, and what it found itself.
            (
                &[
                    "mx.example; dmarc=fail header.from=a.example",
                    "mx.example; dmarc=pass header.from=a.example",
                ],
                false,
            ),
            (
                &[
                    "mx.example; dmarc=none header.from=a.example",
                    "mx.example; dmarc=pass header.from=a.example; dkim=pass header.d=a.example",
                ],
                false,
            ),
            (&["mx.example; x=\"; dmarc=pass header.from=a.example\""], false),
            (&["mx.example; dkim=fail header.d=(a) \"c header.d=a.example\""], false),
            (&["mx.example;;=;dmarc=;dkim==pass= header.d"], false),
            (&[""], false),
            (&[], false),
        ] {
            let expected = is_believed.then(|| "a.example".to_owned());
            assert_eq!(believed(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn nobody_is_believed_of_several_authors_or_without_bound() {
        let field = "Authentication-Results: mx.example; dmarc=pass header.from=a.example\r\n";
        let servers = ["mx.example".to_owned()];
        let of = |from: &str, count: usize, servers: &[String]| {
            let message = format!("{}From: {from}\r\n\r\n", field.repeat(count));
            believed_author(message.as_bytes(), servers)
        };
        assert_eq!(of("a@a.example", 20, &servers).as_deref(), Some("a.example"));
        assert_eq!(of("a@a.example", 21, &servers), None);
        assert_eq!(of("a@a.example, b@b.example", 1, &servers), None);
        assert_eq!(of("a@a.example", 1, &[]), None);
    }
}
