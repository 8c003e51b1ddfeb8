//! External lists (RFC 6134): the owner's address books, and lists of values.

use ids::AccountId;
use message::{ListItem, address_list};
use storage::{Address, Home, ReadTx, Result, ValueListName};

/// RFC 6134 §2.6: what names of address books begin with, without case.
const ADDRESS_BOOK: &str = "urn:ietf:params:sieve:addrbook:";

/// What the name of a list means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExtList {
    /// A card of the owner's: of the address book of this name, or of any.
    Book(Option<String>),
    /// A list of values.
    Values(ValueListName),
}

impl ExtList {
    /// `None`: no list can have this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let start = name.get(..ADDRESS_BOOK.len());
        if !start.is_some_and(|start| start.eq_ignore_ascii_case(ADDRESS_BOOK)) {
            return ValueListName::parse(name).ok().map(Self::Values);
        }
        let book = percent_decoded(name.get(ADDRESS_BOOK.len()..)?)?;
        // RFC 6134 §2.5: "default" is one in any case; other names are as they are.
        match book.eq_ignore_ascii_case("default") {
            true => Some(Self::Book(None)),
            false => Some(Self::Book(Some(book))),
        }
    }

    /// Whether there is such a list for an account.
    pub(crate) fn exists(&self, tx: &mut ReadTx<'_>, account: AccountId) -> Result<bool> {
        match self {
            Self::Book(None) => Ok(true),
            Self::Book(Some(book)) => {
                let books = tx.list_collections(account, Home::AddressBooks)?;
                Ok(books.iter().any(|known| known.name == *book))
            }
            Self::Values(name) => Ok(tx.find_value_list(account, name)?.is_some()),
        }
    }

    /// What a value matches in it: the value itself, or the address in it, as header fields have
    /// addresses.
    pub(crate) fn find(
        &self,
        tx: &mut ReadTx<'_>,
        account: AccountId,
        value: &str,
    ) -> Result<Option<String>> {
        let inner = inner_address(value);
        match self {
            Self::Book(book) => {
                let text = inner.as_deref().unwrap_or(value);
                let Ok(address) = Address::parse(text) else { return Ok(None) };
                let found = tx.is_in_books(account, book.as_deref(), &address)?;
                Ok(found.then(|| address.normal_text()))
            }
            Self::Values(name) => {
                let Some(list) = tx.find_value_list(account, name)? else { return Ok(None) };
                match (tx.find_value(list, value)?, inner) {
                    (None, Some(inner)) => tx.find_value(list, &inner),
                    (found, _) => Ok(found),
                }
            }
        }
    }

    /// Its values, or as many of them; `None` where it cannot be used to redirect. RFC 6134 §2.3:
    /// nobody writes to everybody in the address books by mistake.
    pub(crate) fn members(
        &self,
        tx: &mut ReadTx<'_>,
        account: AccountId,
        count_max: usize,
    ) -> Result<Option<Vec<String>>> {
        let Self::Values(name) = self else { return Ok(None) };
        match tx.find_value_list(account, name)? {
            Some(list) => tx.load_values(list, count_max as u64).map(Some),
            None => Ok(None),
        }
    }
}

/// The address of `name <address>`.
fn inner_address(value: &str) -> Option<String> {
    if !value.ends_with('>') {
        return None;
    }
    match address_list(value.as_bytes(), 2).as_slice() {
        // `<>` is nobody's.
        [ListItem::Mailbox(listed)] if !listed.host.is_empty() => {
            let [local, host] = [&listed.local, &listed.host].map(|part| std::str::from_utf8(part));
            Some(format!("{}@{}", local.ok()?, host.ok()?))
        }
        _ => None,
    }
}

/// A segment of a URI (RFC 3986 §3.3) as what it stands for; `None`: it is none, or there is more
/// behind it, for which nothing is defined yet (RFC 6134 §2.6).
fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = after.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            b'/' | b'?' | b'#' => return None,
            byte => bytes.push(byte),
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists() {
        let book = |name: &str| Some(ExtList::Book(Some(name.to_owned())));
        for (name, expect) in [
            ("urn:ietf:params:sieve:addrbook:default", Some(ExtList::Book(None))),
            ("urn:ietf:params:sieve:ADDRBOOK:DEFAULT", Some(ExtList::Book(None))),
            ("urn:ietf:params:sieve:AddrBook:%44%65%66ault", Some(ExtList::Book(None))),
            ("urn:ietf:params:sieve:addrbook:Personal", book("Personal")),
            ("urn:ietf:params:sieve:addrbook:caf%C3%A9", book("caf\u{e9}")),
            ("urn:ietf:params:sieve:addrbook:", None),
            ("urn:ietf:params:sieve:addrbook:a?name.contains=b", None),
            ("urn:ietf:params:sieve:addrbook:%4", None),
            ("urn:ietf:params:sieve:addrbook:%00", None),
            ("urn:ietf:params:sieve:addrbook:%ff", None),
            ("urn:ietf:params:sieve:other", None),
            ("urn:a:b", ValueListName::parse("urn:a:b").ok().map(ExtList::Values)),
            ("friends", None),
        ] {
            assert_eq!(ExtList::parse(name), expect, "{name}");
        }
        for (value, expect) in [
            ("Ann <ann@b.test>", Some("ann@b.test")),
            ("ann@b.test", None),
            ("<ann@b.test>, <c@d.test>", None),
            ("a > b <>", None),
        ] {
            assert_eq!(inner_address(value).as_deref(), expect, "{value}");
        }
    }
}
