//! IMAP URLs (RFC 5092): where a message or a part of one lies, and who may read it by that alone
//! (RFC 4467).
//!
//! **Invariant:** what [`ImapUrl::parse`] gives, written with `Display`, parses to the same.
//! **Absent:** relative references other than those that begin with `/` or name a message of the
//! selected mailbox; RFC 5092 §7.2 forbids the others.

use std::fmt;
use std::num::NonZeroU32;

/// LIMIT: bytes of a URL: a mailbox of 1,024 bytes, each escaped, a section and an authorization.
const URL_BYTES_MAX: usize = 8192;

/// `iserver` (RFC 5092 §11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlServer {
    /// Who signs in there.
    pub user: Option<String>,
    /// `;AUTH=`: by which mechanism; `*` is any.
    pub auth: Option<String>,
    /// Name or address, as written.
    pub host: String,
    /// The port, if it is not the usual one.
    pub port: Option<u16>,
}

/// `partial-range` (RFC 5092 §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlRange {
    /// The first octet.
    pub offset: u32,
    /// How many; all the rest where absent.
    pub length: Option<NonZeroU32>,
}

/// `access` (RFC 5092 §11): who may use an authorized URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlAccess {
    /// `submit+user`: a submission server on behalf of that user, and the user.
    Submit(String),
    /// `user+user`: that user.
    User(String),
    /// `authuser`: everybody who signed in.
    AuthUser,
    /// `anonymous`: everybody.
    Anonymous,
}

/// `iurlauth` (RFC 5092 §11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlAuth {
    /// `;EXPIRE=`, as written: RFC 3339 `date-time`.
    pub expire: Option<String>,
    /// Who may use it.
    pub access: UrlAccess,
    /// Mechanism and token, without which it is no authorization yet.
    pub verifier: Option<(String, String)>,
}

/// An IMAP URL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImapUrl {
    /// The server; `None` where the URL is relative to this one.
    pub server: Option<UrlServer>,
    /// The mailbox; `None` is the selected one.
    pub mailbox: Option<String>,
    /// `;UIDVALIDITY=`.
    pub uid_validity: Option<NonZeroU32>,
    /// `?`: a search program, decoded.
    pub search: Option<String>,
    /// `;UID=`.
    pub uid: Option<NonZeroU32>,
    /// `;SECTION=`: what stands between the brackets of `BODY[…]`.
    pub section: Option<String>,
    /// `;PARTIAL=`.
    pub partial: Option<UrlRange>,
    /// `;EXPIRE=` and `;URLAUTH=`.
    pub url_auth: Option<UrlAuth>,
}

impl ImapUrl {
    /// Reads a URL; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > URL_BYTES_MAX || !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
            return None;
        }
        let mut url = Self::default();
        let path = match strip_word(text, "imap://") {
            Some(rest) => {
                let (server, path) = match rest.find('/') {
                    Some(at) => rest.split_at(at),
                    None => (rest, ""),
                };
                url.server = Some(parse_server(server)?);
                path
            }
            None => text,
        };
        match path.strip_prefix('/') {
            Some(command) => url.parse_command(command)?,
            None if url.server.is_some() && path.is_empty() => {}
            // A message of the selected mailbox.
            None if path.starts_with(';') => url.parse_parameters(path)?,
            None => return None,
        }
        Some(url)
    }

    /// `icommand` (RFC 5092 §11).
    fn parse_command(&mut self, text: &str) -> Option<()> {
        if text.is_empty() {
            return Some(());
        }
        let (text, search) = match text.split_once('?') {
            Some((text, search)) => (text, Some(decode(search, is_bchar)?)),
            None => (text, None),
        };
        let (mailbox, parameters) = match text.find(';') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let mailbox = match parameters.is_empty() || starts_with_word(parameters, ";UIDVALIDITY=") {
            true => mailbox,
            // The slash before `;UID=` is no part of the name.
            false => mailbox.strip_suffix('/')?,
        };
        if mailbox.is_empty() || mailbox.starts_with('/') {
            return None;
        }
        self.mailbox = Some(decode(mailbox, is_bchar)?);
        self.search = search;
        self.parse_parameters(parameters)?;
        // RFC 5092 §11: a search is of a mailbox, not of a message.
        (self.search.is_none() || self.uid.is_none()).then_some(())
    }

    /// The parameters behind the mailbox, each beginning with its semicolon, in their one order.
    fn parse_parameters(&mut self, text: &str) -> Option<()> {
        let mut rest = text;
        if self.mailbox.is_some()
            && let Some(after) = strip_word(rest, ";UIDVALIDITY=")
        {
            self.uid_validity = Some(take_number(after, &mut rest)?.try_into().ok()?);
            // A slash with nothing behind it names the mailbox still.
            if rest == "/" || rest.is_empty() {
                return Some(());
            }
            rest = rest.strip_prefix('/')?;
        }
        if rest.is_empty() {
            return Some(());
        }
        let after = strip_word(rest, ";UID=")?;
        self.uid = Some(take_number(after, &mut rest)?.try_into().ok()?);
        if let Some(after) = strip_word(rest, "/;SECTION=") {
            let end = after.find(';').unwrap_or(after.len());
            let (section, behind) = after.split_at(end);
            let has_partial = starts_with_word(behind, ";PARTIAL=");
            let section = if has_partial { section.strip_suffix('/')? } else { section };
            self.section = Some(decode(section, is_bchar).filter(|text| !text.is_empty())?);
            rest = after.get(section.len()..)?;
        }
        if let Some(after) = strip_word(rest, "/;PARTIAL=") {
            let offset = take_number(after, &mut rest)?;
            let mut length = None;
            if let Some(after) = rest.strip_prefix('.') {
                length = Some(take_number(after, &mut rest)?.try_into().ok()?);
            }
            self.partial = Some(UrlRange { offset, length });
        }
        self.parse_authorization(rest)
    }

    /// `[iurlauth]` (RFC 5092 §11).
    fn parse_authorization(&mut self, text: &str) -> Option<()> {
        if text.is_empty() {
            return Some(());
        }
        let (mut rest, mut expire) = (text, None);
        if let Some(after) = strip_word(rest, ";EXPIRE=") {
            let end = after.find(';')?;
            let (date, behind) = after.split_at(end);
            expire_secs(date)?;
            expire = Some(date.to_owned());
            rest = behind;
        }
        let after = strip_word(rest, ";URLAUTH=")?;
        let mut parts = after.splitn(3, ':');
        let access = parse_access(parts.next()?)?;
        let verifier = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(mechanism), Some(token)) => {
                let is_mechanism = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
                let is_token = token.len() >= 32 && token.bytes().all(|b| b.is_ascii_hexdigit());
                if mechanism.is_empty() || !mechanism.bytes().all(is_mechanism) || !is_token {
                    return None;
                }
                Some((mechanism.to_owned(), token.to_owned()))
            }
            (Some(_), None) => return None,
        };
        self.url_auth = Some(UrlAuth { expire, access, verifier });
        Some(())
    }
}

/// `iserver = [iuserinfo "@"] host [":" port]` (RFC 5092 §11).
fn parse_server(text: &str) -> Option<UrlServer> {
    let (user, host) = match text.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    let (mut name, mut auth) = (None, None);
    if let Some(user) = user {
        let (user, mechanism) = match user.find(';') {
            Some(at) => (user.get(..at)?, Some(strip_word(user.get(at..)?, ";AUTH=")?)),
            None => (user, None),
        };
        if user.is_empty() && mechanism.is_none() {
            return None;
        }
        name = Some(user).filter(|user| !user.is_empty());
        name.map(|user| decode(user, is_achar)).map_or(Some(()), |user| user.map(drop))?;
        auth = match mechanism {
            None => None,
            Some("") => return None,
            Some(mechanism) => Some(decode(mechanism, is_achar)?),
        };
    }
    let user = name.and_then(|user| decode(user, is_achar));
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, Some(port.parse().ok()?))
        }
        _ => (host, None),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.bytes().all(is_address),
        None => !host.is_empty() && host.bytes().all(is_name),
    };
    is_good.then(|| UrlServer { user, auth, host: host.to_owned(), port })
}

fn parse_access(text: &str) -> Option<UrlAccess> {
    let user = |text: &str| decode(text, is_achar).filter(|user| !user.is_empty());
    if let Some(name) = strip_word(text, "submit+") {
        return user(name).map(UrlAccess::Submit);
    }
    if let Some(name) = strip_word(text, "user+") {
        return user(name).map(UrlAccess::User);
    }
    match text.to_ascii_lowercase().as_str() {
        "authuser" => Some(UrlAccess::AuthUser),
        "anonymous" => Some(UrlAccess::Anonymous),
        _ => None,
    }
}

/// The instant of an RFC 3339 §5.6 `date-time` in seconds since 1970.
pub fn expire_secs(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let number = |text: Option<&str>, digits: usize| {
        let text = text.filter(|text| text.len() == digits)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?
    };
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) if number(Some(fraction), fraction.len()).is_some() => clock,
        Some(_) => return None,
        None => clock,
    };
    let mut clock = clock.split(':');
    let (hour, minute, second) =
        (number(clock.next(), 2)?, number(clock.next(), 2)?, number(clock.next(), 2)?);
    let is_whole = parts.next().is_none() && clock.next().is_none();
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_whole || !in_range {
        return None;
    }
    let offset_mins = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let (hours, minutes) = (number(Some(hours), 2)?, number(Some(minutes), 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    let days = days_since_1970(year, month, day);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset_mins * 60)
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// RFC 5092 §11 `achar`.
fn is_achar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$'()*+,&=".contains(&byte)
}

/// RFC 5092 §11 `bchar`.
fn is_bchar(byte: u8) -> bool {
    is_achar(byte) || matches!(byte, b':' | b'@' | b'/')
}

/// Text with its escapes undone, which must be UTF-8 (RFC 5092 §8); `None` where a character is
/// not allowed as it stands.
fn decode(text: &str, allowed: fn(u8) -> bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            _ if allowed(byte) => out.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

fn encode(f: &mut fmt::Formatter<'_>, text: &str, allowed: fn(u8) -> bool) -> fmt::Result {
    for byte in text.bytes() {
        match allowed(byte) {
            true => write!(f, "{}", char::from(byte))?,
            false => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

/// Slashes at the ends would be taken for those of the URL.
fn encode_path(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let inside = text.trim_matches('/');
    let start = text.len() - text.trim_start_matches('/').len();
    f.write_str(&"%2F".repeat(start))?;
    encode(f, inside, is_bchar)?;
    let end = text.len() - start - inside.len();
    f.write_str(&"%2F".repeat(end))
}

fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    starts_with_word(text, word).then(|| text.get(word.len()..)).flatten()
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// The number at the front of `text`; `rest` is what follows it.
fn take_number<'t>(text: &'t str, rest: &mut &'t str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    *rest = behind;
    digits.parse().ok()
}

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

#[cfg(test)]
mod tests;
