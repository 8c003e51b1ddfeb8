//! IMAP URLs from text (RFC 5092 §11): absolute or relative, percent-decoded. Nothing is looked up.

use message::date::parse_rfc3339;

use super::escape::{decode, is_achar, is_bchar};
use super::{ImapUrl, UrlAccess, UrlAuth, UrlRange, UrlServer};

/// LIMIT: bytes of a URL: a mailbox of 1,024 bytes, each escaped, a section and an authorization.
pub(crate) const URL_BYTES_MAX: usize = 8192;

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
            // Without a server it names nothing.
            return self.server.is_some().then_some(());
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
            parse_rfc3339(date.as_bytes())?;
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
    // QUIRK(imaptest, 9d78895): an address as the user, with its `@` as it stands. Nothing else
    // could be meant by it.
    let allowed = |byte| is_achar(byte) || byte == b'@';
    let user = |text: &str| decode(text, allowed).filter(|user| !user.is_empty());
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
