//! The protocol keyword of Received: `ESMTPSA` and its relatives (RFC 3848, RFC 6531 §3.7.3).

/// The protocol a message came by, as named in Received: RFC 3848 §1, RFC 6531 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protocol {
    /// LMTP rather than SMTP.
    pub lmtp: bool,
    /// EHLO was used; always so in LMTP.
    pub extended: bool,
    /// MAIL had SMTPUTF8.
    pub smtputf8: bool,
    /// TLS protects the connection.
    pub tls: bool,
    /// The client signed in.
    pub signed_in: bool,
}

impl Protocol {
    /// The registered name, `ESMTPSA` for example.
    pub fn name(self) -> &'static str {
        // One row per base name, one column per suffix: none, A, S, SA.
        let row = match (self.lmtp, self.smtputf8) {
            (true, true) => ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"],
            (true, false) => ["LMTP", "LMTPA", "LMTPS", "LMTPSA"],
            (false, true) => ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"],
            (false, false) if self.extended => ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"],
            // RFC 3848 §1 has suffixes for ESMTP only: TLS and AUTH need EHLO.
            (false, false) => ["SMTP"; 4],
        };
        let [none, auth, tls, both] = row;
        match (self.tls, self.signed_in) {
            (false, false) => none,
            (false, true) => auth,
            (true, false) => tls,
            (true, true) => both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_its_registered_name() {
        let smtp = Protocol::default();
        let esmtp = Protocol { extended: true, ..smtp };
        let utf8 = Protocol { smtputf8: true, ..esmtp };
        let lmtp = Protocol { lmtp: true, ..esmtp };
        let cases = [
            (smtp, "SMTP"),
            (Protocol { tls: true, ..smtp }, "SMTP"),
            (esmtp, "ESMTP"),
            (Protocol { tls: true, ..esmtp }, "ESMTPS"),
            (Protocol { signed_in: true, ..esmtp }, "ESMTPA"),
            (Protocol { tls: true, signed_in: true, ..esmtp }, "ESMTPSA"),
            (Protocol { tls: true, signed_in: true, ..utf8 }, "UTF8SMTPSA"),
            (lmtp, "LMTP"),
            (Protocol { tls: true, ..lmtp }, "LMTPS"),
            (Protocol { smtputf8: true, ..lmtp }, "UTF8LMTP"),
        ];
        for (protocol, name) in cases {
            assert_eq!(protocol.name(), name);
        }
    }
}
