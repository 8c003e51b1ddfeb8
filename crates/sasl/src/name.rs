//! The mechanisms by name, and which of them a connection may use.

use crate::Channel;
use crate::scram::Hash;

/// The name of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// RFC 4616.
    Plain,
    /// The expired draft Outlook and many devices speak.
    Login,
    /// SCRAM (RFC 5802, RFC 7677); with `plus` bound to the TLS channel.
    Scram {
        /// The hash of SCRAM.
        hash: Hash,
        /// Whether the `-PLUS` form.
        plus: bool,
    },
    /// RFC 7628.
    OauthBearer,
    /// Google's form of the same.
    Xoauth2,
    /// RFC 4422 §A: the TLS client certificate.
    External,
}

const fn scram(hash: Hash, plus: bool) -> Name {
    Name::Scram { hash, plus }
}

impl Name {
    /// Every mechanism, in the order in which they are announced. PLAIN and LOGIN first.
    ///
    /// QUIRK(Outlook, all): takes the first name it knows; programs that know better
    /// mechanisms look for them wherever they stand.
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Login,
        scram(Hash::Sha256, true),
        scram(Hash::Sha256, false),
        scram(Hash::Sha1, true),
        scram(Hash::Sha1, false),
        Self::OauthBearer,
        Self::Xoauth2,
        Self::External,
    ];

    /// The name as registered with IANA.
    pub fn as_str(self) -> &'static str {
        self.as_capability().trim_start_matches("AUTH=")
    }

    /// As IMAP announces it: `AUTH=` and the name (RFC 9051 §6.1.1).
    pub fn as_capability(self) -> &'static str {
        match self {
            Self::Plain => "AUTH=PLAIN",
            Self::Login => "AUTH=LOGIN",
            Self::Scram { hash: Hash::Sha256, plus: true } => "AUTH=SCRAM-SHA-256-PLUS",
            Self::Scram { hash: Hash::Sha256, plus: false } => "AUTH=SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha1, plus: true } => "AUTH=SCRAM-SHA-1-PLUS",
            Self::Scram { hash: Hash::Sha1, plus: false } => "AUTH=SCRAM-SHA-1",
            Self::OauthBearer => "AUTH=OAUTHBEARER",
            Self::Xoauth2 => "AUTH=XOAUTH2",
            Self::External => "AUTH=EXTERNAL",
        }
    }

    /// The mechanism of this name.
    ///
    /// RFC 4422 §3.1: names are upper case by definition; clients send any case in SMTP and
    /// IMAP, whose own grammar makes the word case-insensitive.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether this mechanism may be used on a connection.
    fn is_usable(self, channel: &Channel) -> bool {
        match self {
            Self::Plain | Self::Login => channel.may_send_secrets,
            // RFC 5802 §9: an eavesdropper can try passwords against what is sent, so it needs
            // the same protection where that can be had.
            Self::Scram { plus: false, .. } => channel.scram && channel.may_send_secrets,
            // Where a client knows no binding of ours it would fail rather than go without, so
            // the -PLUS forms are for TLS 1.3, on which all of them know tls-exporter.
            Self::Scram { plus: true, .. } => {
                channel.scram && channel.bindings.tls_exporter.is_some()
            }
            // RFC 7628 §5: a token is as good as a password to whoever overhears it, and TLS is
            // required whatever else the settings say.
            Self::OauthBearer | Self::Xoauth2 => channel.is_tls,
            Self::External => channel.has_certificate,
        }
    }
}

/// The `configured` mechanisms that this connection may use, in the same order.
pub fn offered(configured: &[Name], channel: &Channel) -> Vec<Name> {
    configured.iter().copied().filter(|name| name.is_usable(channel)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChannelBindings;

    #[test]
    fn names_are_found_in_any_case() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.as_str().as_bytes()), Some(name));
            assert_eq!(Name::parse(name.as_str().to_lowercase().as_bytes()), Some(name));
        }
        for unknown in ["", "CRAM-MD5", "PLAI", "PLAINX", "SCRAM-SHA-256-PLUS-PLUS", "AUTH=PLAIN"] {
            assert_eq!(Name::parse(unknown.as_bytes()), None, "{unknown}");
        }
    }

    #[test]
    fn offers_depend_on_the_connection() {
        let said = |channel: &Channel| {
            let names: Vec<_> =
                offered(&Name::ALL, channel).into_iter().map(Name::as_str).collect();
            names.join(" ")
        };
        let clear = Channel { scram: true, ..Channel::default() };
        assert_eq!(said(&clear), "");
        let allowed = Channel { may_send_secrets: true, ..clear.clone() };
        assert_eq!(said(&allowed), "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1");
        let old_tls = Channel {
            is_tls: true,
            bindings: ChannelBindings {
                tls_server_end_point: Some(vec![1]),
                ..ChannelBindings::default()
            },
            ..allowed
        };
        assert_eq!(said(&old_tls), "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2");
        let whole = Channel {
            has_certificate: true,
            bindings: ChannelBindings { tls_exporter: Some(vec![1]), ..old_tls.bindings.clone() },
            ..old_tls
        };
        assert_eq!(offered(&Name::ALL, &whole), Name::ALL);
        let without = Channel { scram: false, ..whole.clone() };
        assert_eq!(said(&without), "PLAIN LOGIN OAUTHBEARER XOAUTH2 EXTERNAL");
        assert_eq!(offered(&[Name::Plain], &whole), [Name::Plain]);
    }
}
