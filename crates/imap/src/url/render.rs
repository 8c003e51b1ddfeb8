//! IMAP URLs as text (RFC 5092 §11), percent-encoded: what is parsed again gives the same value.

use std::fmt;

use super::escape::{encode, encode_path, is_achar, is_bchar};
use super::{ImapUrl, UrlAccess, UrlAuth, UrlRange, UrlServer};

impl fmt::Display for ImapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            f.write_str("imap://")?;
            server.fmt(f)?;
        }
        if let Some(mailbox) = &self.mailbox {
            f.write_str("/")?;
            encode_path(f, mailbox)?;
            if let Some(validity) = self.uid_validity {
                write!(f, ";UIDVALIDITY={validity}")?;
            }
        }
        if let Some(search) = &self.search {
            f.write_str("?")?;
            encode(f, search, is_bchar)?;
        }
        if let Some(uid) = self.uid {
            f.write_str(if self.mailbox.is_some() { "/;UID=" } else { ";UID=" })?;
            write!(f, "{uid}")?;
        }
        if let Some(section) = &self.section {
            f.write_str("/;SECTION=")?;
            encode_path(f, section)?;
        }
        if let Some(UrlRange { offset, length }) = self.partial {
            write!(f, "/;PARTIAL={offset}")?;
            if let Some(length) = length {
                write!(f, ".{length}")?;
            }
        }
        self.url_auth.iter().try_for_each(|auth| auth.fmt(f))
    }
}

impl fmt::Display for UrlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            encode(f, user, is_achar)?;
        }
        if let Some(auth) = &self.auth {
            f.write_str(";AUTH=")?;
            encode(f, auth, is_achar)?;
        }
        if self.user.is_some() || self.auth.is_some() {
            f.write_str("@")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for UrlAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(expire) = &self.expire {
            write!(f, ";EXPIRE={expire}")?;
        }
        f.write_str(";URLAUTH=")?;
        match &self.access {
            UrlAccess::Submit(user) => {
                f.write_str("submit+")?;
                encode(f, user, is_achar)?;
            }
            UrlAccess::User(user) => {
                f.write_str("user+")?;
                encode(f, user, is_achar)?;
            }
            UrlAccess::AuthUser => f.write_str("authuser")?,
            UrlAccess::Anonymous => f.write_str("anonymous")?,
        }
        match &self.verifier {
            Some((mechanism, token)) => write!(f, ":{mechanism}:{token}"),
            None => Ok(()),
        }
    }
}
