//! What a server says it can do: the reply to EHLO (RFC 5321 §4.1.1.1).

use super::ServerReply;

/// The extensions a server announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The name the server calls itself.
    pub name: String,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME, with CHUNKING only (RFC 3030 §3).
    pub binary_mime: bool,
    /// SIZE was announced.
    pub size: bool,
    /// The largest message, where it was told and there is one (RFC 1870 §4).
    pub size_max: Option<u64>,
    /// LIMITS RCPTMAX: recipients of one message (RFC 9422 §4).
    pub recipients_max: Option<u64>,
    /// LIMITS MAILMAX: messages of one connection.
    pub messages_max: Option<u64>,
    /// LIMITS RCPTDOMAINMAX: different domains of recipients, of one connection as of one message.
    pub domains_max: Option<u64>,
    /// DELIVERBY (RFC 2852).
    pub deliver_by: bool,
    /// With this many seconds at least for what goes back when it is late.
    pub deliver_by_secs_min: Option<u32>,
    /// MT-PRIORITY (RFC 6710).
    pub mt_priority: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// AUTH PLAIN.
    pub auth_plain: bool,
    /// AUTH LOGIN.
    pub auth_login: bool,
}

impl Capabilities {
    /// The capabilities of a server that knows HELO only.
    pub fn none(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// From the reply to EHLO: the name, then one keyword with its parameters a line.
    pub fn of(reply: &ServerReply) -> Self {
        let mut lines = reply.lines.iter().map(String::as_str);
        let first = lines.next().unwrap_or_default();
        let name = first.split(' ').next().unwrap_or_default().to_owned();
        let mut found = Self::none(name);
        lines.for_each(|line| found.add(line));
        found.binary_mime &= found.chunking;
        found
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(keyword) = words.next().map(str::to_ascii_uppercase) else { return };
        match keyword.as_str() {
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.starttls = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "SIZE" => {
                self.size = true;
                // RFC 1870 §4: zero says that there is no fixed maximum.
                self.size_max =
                    words.next().and_then(|word| word.parse().ok()).filter(|max| *max > 0);
            }
            "DELIVERBY" => {
                self.deliver_by = true;
                self.deliver_by_secs_min = words.next().and_then(|word| word.parse().ok());
            }
            "MT-PRIORITY" => self.mt_priority = true,
            "REQUIRETLS" => self.require_tls = true,
            "LIMITS" => words.for_each(|word| self.limit(word)),
            "AUTH" => words.for_each(|word| self.mechanism(word)),
            // QUIRK(Exchange 5.5 and copies): `AUTH=LOGIN` as one word.
            other => {
                if let Some(mechanism) = other.strip_prefix("AUTH=") {
                    self.mechanism(mechanism);
                }
            }
        }
    }

    /// RFC 9422 §4: `limit-param = limit-name-value`; what is not understood is passed over.
    fn limit(&mut self, word: &str) {
        let Some((name, value)) = word.split_once('=') else { return };
        let value = value.parse().ok().filter(|value| *value > 0);
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.recipients_max = value,
            "MAILMAX" => self.messages_max = value,
            "RCPTDOMAINMAX" => self.domains_max = value,
            _ => {}
        }
    }

    fn mechanism(&mut self, word: &str) {
        self.auth_plain |= word.eq_ignore_ascii_case("PLAIN");
        self.auth_login |= word.eq_ignore_ascii_case("LOGIN");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Capabilities {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Capabilities::of(&ServerReply { code: 250, status: None, lines })
    }

    #[test]
    fn keywords_are_understood_in_any_case() {
        let found = of(&[
            "mx.example.org greets you",
            "PIPELINING",
            "size 35882577",
            "STARTTLS",
            "8bitmime",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "DSN",
            "AUTH PLAIN login XOAUTH2",
            "LIMITS RCPTMAX=20 MAILMAX=5 FOO=1",
            "X-UNKNOWN a b",
            "DELIVERBY 240",
            "MT-PRIORITY MIXER",
            "REQUIRETLS",
        ]);
        let expect = Capabilities {
            name: "mx.example.org".to_owned(),
            pipelining: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            starttls: true,
            chunking: true,
            binary_mime: true,
            size: true,
            size_max: Some(35_882_577),
            recipients_max: Some(20),
            messages_max: Some(5),
            domains_max: None,
            deliver_by: true,
            deliver_by_secs_min: Some(240),
            mt_priority: true,
            require_tls: true,
            auth_plain: true,
            auth_login: true,
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn what_says_nothing_means_nothing() {
        assert_eq!(
            of(&["x", "SIZE 0"]),
            Capabilities { size: true, ..Capabilities::none("x".into()) }
        );
        assert_eq!(of(&["x", "SIZE ?"]).size_max, None);
        // RFC 3030 §3: BINARYMIME needs CHUNKING.
        assert!(!of(&["x", "BINARYMIME"]).binary_mime);
        assert!(of(&["x", "AUTH=LOGIN"]).auth_login);
        assert_eq!(of(&["x", "LIMITS RCPTMAX=0 MAILMAX"]).recipients_max, None);
        assert_eq!(of(&[]), Capabilities::default());
    }
}
