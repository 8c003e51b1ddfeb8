//! `address` (RFC 5228 §5.1), the parts of addresses (RFC 5228 §2.7.4), and those that
//! `subaddress` adds (RFC 5233 §4).

use std::borrow::Cow;

use message::{ListItem, Listed, address_list};

use crate::compile::{Arguments, CompiledTest, Compiler, TestRow};
use crate::error::{ScriptError, Trouble};
use crate::ext::index::IndexTags;
use crate::ext::mime::MimeTags;
use crate::ext::subaddress;
use crate::mail::FieldAddress;
use crate::matching::{MatchTags, Matcher, Matching, Value};
use crate::run::{Machine, State, Test};
use crate::syntax::Node;
use crate::text::Text;

pub(crate) const TESTS: &[TestRow] = &[TestRow { name: "address", needs: &[], compile }];

/// Which part of an address is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressPart {
    All,
    LocalPart,
    Domain,
    /// RFC 5233 §4
    User,
    /// RFC 5233 §4
    Detail,
}

impl AddressPart {
    /// ADDRESS-PART = ":localpart" / ":domain" / ":all" / ":user" / ":detail"
    pub(crate) fn take(
        arguments: &mut Arguments<'_>,
        compiler: &Compiler<'_>,
    ) -> Result<Self, ScriptError> {
        let mut parts = Vec::new();
        for (name, part) in
            [("all", Self::All), ("localpart", Self::LocalPart), ("domain", Self::Domain)]
        {
            parts.extend(arguments.tag(name).map(|_| part));
        }
        parts.extend(subaddress::take(arguments, compiler)?);
        // RFC 5228 §2.7.4: only one may be given.
        match parts.as_slice() {
            [] => Ok(Self::All),
            [part] => Ok(*part),
            _ => Err(arguments.wrong("more than one address part")),
        }
    }

    /// The part of an address, if it has one.
    pub(crate) fn of<'a>(
        self,
        local: &'a str,
        host: &'a str,
        separator: char,
    ) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::All if host.is_empty() => Cow::Borrowed(local),
            Self::All => Cow::Owned(format!("{}@{host}", quoted_local(local))),
            Self::LocalPart => Cow::Borrowed(local),
            Self::Domain if host.is_empty() => return None,
            Self::Domain => Cow::Borrowed(host),
            Self::User => Cow::Borrowed(subaddress::split(local, separator).0),
            Self::Detail => Cow::Borrowed(subaddress::split(local, separator).1?),
        })
    }
}

/// A local part, quoted where it must be.
pub(crate) fn quoted_local(local: &str) -> Cow<'_, str> {
    let plain = |char: char| {
        char.is_ascii_alphanumeric() || !char.is_ascii() || "!#$%&'*+-/=?^_`{|}~.".contains(char)
    };
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if !local.is_empty() && local.chars().all(plain) && !dots {
        return Cow::Borrowed(local);
    }
    let mut quoted = String::from("\"");
    for char in local.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// The mailboxes in a field, as local part and domain.
pub(crate) fn addresses(raw_value: &[u8], max: usize) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    let items = address_list(raw_value, max).into_iter();
    items
        .filter_map(|item| match item {
            ListItem::Mailbox(Listed { local, host, .. }) => Some((text(local), text(host))),
            _ => None,
        })
        .filter(|(local, host)| !local.is_empty() || !host.is_empty())
        .collect()
}

struct AddressTest {
    names: Vec<Text>,
    part: AddressPart,
    matcher: Matcher,
    index: IndexTags,
    mime: Option<MimeTags>,
}

/// RFC 5228 §5.1: fields that hold no addresses are not looked at.
const WITHOUT_ADDRESSES: [&str; 4] = ["subject", "date", "message-id", "received"];

// address [MIME] [INDEX] [COMPARATOR] [ADDRESS-PART] [MATCH-TYPE]
//         <header-list: string-list> <key-list: string-list>
fn compile(compiler: &mut Compiler<'_>, node: &Node) -> CompiledTest {
    let mut arguments = Arguments::of(node);
    let tags = MatchTags::take(&mut arguments, compiler)?;
    let part = AddressPart::take(&mut arguments, compiler)?;
    let index = IndexTags::take(&mut arguments, compiler)?;
    let mime = MimeTags::take(&mut arguments, compiler)?;
    let names = arguments.texts(compiler, "header names")?;
    let fixed = names.iter().filter_map(Text::fixed);
    if let Some(name) = fixed.into_iter().find(|name| has_no_addresses(name)) {
        return Err(arguments.wrong(format!("the field \"{name}\" holds no addresses")));
    }
    let keys = arguments.list("keys")?;
    arguments.finish()?;
    let matcher = tags.with_keys(keys, compiler)?;
    Ok(Box::new(AddressTest { names, part, matcher, index, mime }))
}

fn has_no_addresses(name: &str) -> bool {
    WITHOUT_ADDRESSES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

impl Test for AddressTest {
    fn holds(&self, machine: &mut Machine<'_>) -> Result<bool, Trouble> {
        let mut names = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let name = machine.state.text(name)?;
            if !has_no_addresses(&name) {
                names.push(name);
            }
        }
        if let Some(mime) = &self.mime {
            return self.holds_in_parts(*mime, machine, &names);
        }
        let Machine { mail, state } = machine;
        state.charge(names.len() as u64 * mail.scan_cost())?;
        let mut matching = self.matcher.begin(state)?;
        let named = names.iter().flat_map(|name| mail.named(name));
        let chosen = match self.index.ordinal() {
            // RFC 5260 §6: the fields of all names are counted together.
            Some(_) => self.index.choose(named.collect()),
            None => named.collect(),
        };
        for field in chosen {
            for address in field.addresses(mail, state)? {
                if self.compare(&mut matching, state, address)? {
                    return Ok(true);
                }
            }
        }
        matching.finish(state)
    }
}

impl AddressTest {
    fn compare(
        &self,
        matching: &mut Matching<'_>,
        state: &mut State<'_>,
        address: &FieldAddress,
    ) -> Result<bool, Trouble> {
        if self.part == AddressPart::All {
            let value = Value { text: &address.all, upper: Some(&address.upper) };
            return matching.value(state, value);
        }
        match self.part.of(&address.local, &address.host, state.detail_separator) {
            Some(value) => matching.value(state, (&*value).into()),
            None => Ok(false),
        }
    }

    fn holds_in_parts(
        &self,
        mime: MimeTags,
        machine: &mut Machine<'_>,
        names: &[Cow<'_, str>],
    ) -> Result<bool, Trouble> {
        let fields = mime.raw_values(machine, names, self.index)?;
        let state = &mut machine.state;
        let max = state.limits.message.addresses_max;
        let mut matching = self.matcher.begin(state)?;
        for field in fields {
            state.charge(1 + field.len() as u64 / 64)?;
            for (local, host) in addresses(&field, max) {
                let value = self.part.of(&local, &host, state.detail_separator);
                let Some(value) = value else { continue };
                if matching.value(state, (&*value).into())? {
                    return Ok(true);
                }
            }
        }
        matching.finish(state)
    }
}
