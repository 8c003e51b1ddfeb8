//! Values that are one word of a fixed list.

use std::path::Path;

use toml::de::DeValue;

use super::{OptionValue, list, text};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $type:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The word of the file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Each of them, with its word.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)+];
        }

        impl OptionValue for $name {
            const TYPE: &'static str = $type;

            fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
                let typed = text(value, concat!("one of ", $type))?;
                match Self::WORDS.iter().find(|(word, _)| *word == typed) {
                    Some((_, choice)) => Ok(*choice),
                    None => Err(format!("\"{typed}\" is none of {}", $type)),
                }
            }
        }
    };
}

choice! {
    /// Where the certificate comes from.
    TlsMode: "`files`, `acme`, `self-signed`" {
        /// From two PEM files, read again on reload.
        Files = "files",
        /// From those who issue certificates by ACME.
        Acme = "acme",
        /// Made at the first start and kept in the data directory; for trying out.
        SelfSigned = "self-signed",
    }
}

choice! {
    /// How it is proved that a name is ours.
    AcmeChallenge: "`tls-alpn-01`, `http-01`, `dns-01`" {
        /// By a handshake at port 443.
        TlsAlpn = "tls-alpn-01",
        /// By a page at port 80.
        Http = "http-01",
        /// By a record in the DNS.
        Dns = "dns-01",
    }
}

choice! {
    /// What is said of TLS with the servers of the domains here.
    StsMode: "`off`, `none`, `testing`, `enforce`" {
        /// Nothing.
        Off = "off",
        /// That nothing is said any more.
        None = "none",
        /// That others should report, and send all the same.
        Testing = "testing",
        /// That nothing may be sent without.
        Enforce = "enforce",
    }
}

choice! {
    /// How TLS is used with the server of a route.
    RouteTls: "`opportunistic`, `verified`, `implicit`, `never`" {
        /// Where it is offered, whoever it is.
        Opportunistic = "opportunistic",
        /// By STARTTLS, with a certificate for the server's name.
        Verified = "verified",
        /// From the first byte, with a certificate for the server's name.
        Implicit = "implicit",
        /// Not at all.
        Never = "never",
    }
}

choice! {
    /// What is done with mail that its author's domain disowns.
    DmarcPolicy: "`obey`, `mark`, `off`" {
        /// What the domain asks for.
        Obey = "obey",
        /// It is only told.
        Mark = "mark",
        /// The domain is not asked.
        Off = "off",
    }
}

choice! {
    /// What mail with calendar messages may change.
    MailedInvitations: "`all`, `known`, `nothing`" {
        /// It brings new meetings, too.
        All = "all",
        /// Meetings that stand in the calendar already.
        Known = "known",
        /// Nothing.
        Nothing = "nothing",
    }
}

choice! {
    /// What is done with mail that cannot be judged now.
    DnsFailure: "`accept`, `defer`" {
        /// It is taken.
        Accept = "accept",
        /// It is to come again.
        Defer = "defer",
    }
}

choice! {
    /// Whose word on DNSSEC is taken.
    DnssecTrust: "`loopback`, `servers`, `nobody`" {
        /// That of DNS servers on this machine, where all that are asked are.
        Loopback = "loopback",
        /// That of every DNS server asked.
        Servers = "servers",
        /// Nobody's.
        Nobody = "nobody",
    }
}

choice! {
    /// What a listener speaks.
    Protocol: "`smtp`, `lmtp`, `submission`, `submissions`, `imap`, `imaps`, `pop3`, `pop3s`, `managesieve`, `http`, `https`" {
        /// Mail from other servers, port 25.
        Smtp = "smtp",
        /// Mail from a server on the same machine, port 24.
        Lmtp = "lmtp",
        /// Mail from mail programs, port 587, STARTTLS.
        Submission = "submission",
        /// Mail from mail programs, port 465, TLS from the first byte.
        Submissions = "submissions",
        /// Reading mail, port 143, STARTTLS.
        Imap = "imap",
        /// Reading mail, port 993, TLS from the first byte.
        Imaps = "imaps",
        /// Collecting mail, port 110, STLS.
        Pop3 = "pop3",
        /// Collecting mail, port 995, TLS from the first byte.
        Pop3s = "pop3s",
        /// Sieve scripts, port 4190, STARTTLS.
        ManageSieve = "managesieve",
        /// Calendars and contacts, health checks and metrics, port 80, without TLS.
        Http = "http",
        /// The same, port 443, TLS from the first byte.
        Https = "https",
    }
}

choice! {
    /// How much is logged.
    Level: "`error`, `warn`, `info`, `debug`, `trace`" {
        /// Only what the operator must repair.
        Error = "error",
        /// Also what the operator should look at.
        Warn = "warn",
        /// Also starts, stops, sign-ins and deliveries.
        Info = "info",
        /// Also what peers do wrong.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choice! {
    /// How a log line looks.
    LogFormat: "`plain`, `json`" {
        /// For people.
        Plain = "plain",
        /// One JSON object a line, for programs.
        Json = "json",
    }
}

choice! {
    /// A way to sign in, by its registered name.
    SaslMechanism: "`PLAIN`, `LOGIN`, `SCRAM-SHA-256-PLUS`, `SCRAM-SHA-256`, `SCRAM-SHA-1-PLUS`, \
                    `SCRAM-SHA-1`, `OAUTHBEARER`, `XOAUTH2`, `EXTERNAL`" {
        /// Name and password in one message.
        Plain = "PLAIN",
        /// Name and password, asked for.
        Login = "LOGIN",
        /// A proof of the password, bound to TLS.
        ScramSha256Plus = "SCRAM-SHA-256-PLUS",
        /// A proof of the password.
        ScramSha256 = "SCRAM-SHA-256",
        /// The same with the older hash, bound to TLS.
        ScramSha1Plus = "SCRAM-SHA-1-PLUS",
        /// The same with the older hash.
        ScramSha1 = "SCRAM-SHA-1",
        /// A token.
        OauthBearer = "OAUTHBEARER",
        /// A token, as Google's programs send it.
        Xoauth2 = "XOAUTH2",
        /// A TLS client certificate.
        External = "EXTERNAL",
    }
}

choice! {
    /// A program that checks mail.
    Scanner: "`rspamd`, `milter`, `clamd`" {
        /// rspamd, over HTTP.
        Rspamd = "rspamd",
        /// A program that speaks the milter protocol.
        Milter = "milter",
        /// ClamAV's daemon.
        Clamd = "clamd",
    }
}

choice! {
    /// Which mail a check looks at.
    CheckedMail: "`incoming`, `outgoing`, `lmtp`" {
        /// Mail from other servers.
        Incoming = "incoming",
        /// Mail from people who signed in.
        Outgoing = "outgoing",
        /// Mail handed in over LMTP.
        Lmtp = "lmtp",
    }
}

choice! {
    /// What happens to mail whose check gives no answer.
    Unavailable: "`defer`, `accept`" {
        /// It is refused for now.
        Defer = "defer",
        /// It is taken unchecked.
        Accept = "accept",
    }
}

choice! {
    /// Where scripts may send mail on to.
    ScriptRedirects: "`anywhere`, `agreed`" {
        /// Anywhere.
        Anywhere = "anywhere",
        /// To addresses here, and to those that agreed.
        Agreed = "agreed",
    }
}

choice! {
    /// What is done about a host that a check finds fault with.
    PeerAction: "`off`, `mark`, `defer`, `refuse`" {
        /// Nothing is looked up.
        Off = "off",
        /// Its mail is marked.
        Mark = "mark",
        /// Its mail is refused for now.
        Defer = "defer",
        /// Its mail is refused.
        Refuse = "refuse",
    }
}

impl OptionValue for Vec<CheckedMail> {
    const TYPE: &'static str = "list of `incoming`, `outgoing`, `lmtp`";

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        let kinds = list(value, |value| CheckedMail::parse(value, directory))?;
        if kinds.is_empty() {
            return Err("expected at least one kind of mail".to_owned());
        }
        Ok(kinds)
    }
}

impl OptionValue for Vec<SaslMechanism> {
    const TYPE: &'static str = "`all`, or a list of mechanisms";

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        if text(value, "a list").is_ok_and(|word| word == "all") {
            return Ok(SaslMechanism::WORDS.iter().map(|(_, mechanism)| *mechanism).collect());
        }
        let mechanisms = list(value, |value| SaslMechanism::parse(value, directory))?;
        if mechanisms.is_empty() {
            return Err("expected at least one mechanism".to_owned());
        }
        Ok(mechanisms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms() {
        let read = |written: &str| {
            let value = DeValue::parse(written).unwrap();
            Vec::<SaslMechanism>::parse(value.get_ref(), Path::new(""))
        };
        assert_eq!(read("\"all\"").unwrap().len(), 9);
        let two = vec![SaslMechanism::ScramSha256, SaslMechanism::Plain];
        assert_eq!(read("[\"SCRAM-SHA-256\", \"PLAIN\"]"), Ok(two));
        assert_eq!(read("\"EXTERNAL\""), Ok(vec![SaslMechanism::External]));
        assert!(read("[\"CRAM-MD5\"]").unwrap_err().starts_with("\"CRAM-MD5\" is none of"));
        assert_eq!(read("[]"), Err("expected at least one mechanism".to_owned()));
    }
}
