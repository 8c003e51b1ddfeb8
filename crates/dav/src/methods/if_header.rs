//! The header If (RFC 4918 §10.4): states of which one must hold, and the tokens it submits.

use ids::AccountId;
use storage::{AccountTx, Address, CollectionRights, Home, WriteTx};

use crate::error::{DavError, Result};
use crate::path::{Place, path_of};
use crate::request::Request;
use crate::resource::names_at;

/// LIMIT: conditions of one header.
const CONDITIONS_MAX: usize = 100;

/// What a header says; nothing where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IfHeader {
    lists: Vec<List>,
}

/// Conditions that hold together, of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct List {
    path: String,
    conditions: Vec<(bool, State)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Token(String),
    Etag(String),
}

impl IfHeader {
    /// Reads the header of a request.
    pub(crate) fn parse(request: &Request) -> Result<Self> {
        match request.header("if") {
            None => Ok(Self::default()),
            Some(text) => Self::read(text, request.path()).ok_or(DavError::BAD_REQUEST),
        }
    }

    /// ```text
    /// If = "If" ":" ( 1*No-tag-list | 1*Tagged-list )
    /// List = "(" 1*Condition ")"
    /// Condition = ["Not"] (State-token | "[" entity-tag "]")
    /// ```
    fn read(text: &str, path: &str) -> Option<Self> {
        let (mut rest, mut lists) = (text.trim_start(), Vec::new());
        let mut tag = path.to_owned();
        let mut total = 0;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('<') {
                let (uri, after) = after.split_once('>')?;
                tag = path_of(uri).to_owned();
                rest = after.trim_start();
                continue;
            }
            let mut inside = rest.strip_prefix('(')?.trim_start();
            let mut conditions = Vec::new();
            while !inside.starts_with(')') {
                total += 1;
                if total > CONDITIONS_MAX {
                    return None;
                }
                let positive = match inside.get(..3) {
                    Some(not) if not.eq_ignore_ascii_case("not") => {
                        inside = inside.get(3..)?.trim_start();
                        false
                    }
                    _ => true,
                };
                let (state, after) = match inside.strip_prefix('<') {
                    Some(token) => {
                        let (token, after) = token.split_once('>')?;
                        (State::Token(token.to_owned()), after)
                    }
                    None => {
                        let (etag, after) = inside.strip_prefix('[')?.split_once(']')?;
                        let etag = etag.trim().trim_start_matches("W/").trim_matches('"');
                        (State::Etag(etag.to_owned()), after)
                    }
                };
                conditions.push((positive, state));
                inside = after.trim_start();
            }
            if conditions.is_empty() {
                return None;
            }
            lists.push(List { path: tag.clone(), conditions });
            rest = inside.strip_prefix(')')?.trim_start();
        }
        (!lists.is_empty()).then_some(Self { lists })
    }

    /// The tokens that are submitted, wherever they stand (RFC 4918 §10.4.1).
    pub(crate) fn tokens(&self) -> Vec<String> {
        let states = self.lists.iter().flat_map(|list| &list.conditions);
        let tokens = states.filter_map(|(_, state)| match state {
            State::Token(token) => Some(token.clone()),
            State::Etag(_) => None,
        });
        tokens.collect()
    }

    /// RFC 4918 §10.4.1: 412 unless all conditions of one list hold.
    pub(crate) fn check(&self, tx: &mut AccountTx<'_, '_>) -> Result<()> {
        self.require_one(|list| list.holds(tx))
    }

    /// Like `check`, where resources of several accounts are concerned.
    pub(crate) fn check_among(
        &self,
        tx: &mut WriteTx<'_>,
        actor: AccountId,
        accounts: &[AccountId],
    ) -> Result<()> {
        self.require_one(|list| {
            for account in accounts {
                let holds = list.holds(&mut tx.account_as(*account, actor)?)?;
                if holds.is_some() {
                    return Ok(holds);
                }
            }
            Ok(None)
        })
    }

    fn require_one(&self, mut holds: impl FnMut(&List) -> Result<Option<bool>>) -> Result<()> {
        if self.lists.is_empty() {
            return Ok(());
        }
        for list in &self.lists {
            // What is not known in this transaction has no state.
            if holds(list)?.unwrap_or_else(|| list.is_negative()) {
                return Ok(());
            }
        }
        Err(DavError::Status(hyper::StatusCode::PRECONDITION_FAILED))
    }
}

impl List {
    fn is_negative(&self) -> bool {
        self.conditions.iter().all(|(positive, _)| !positive)
    }

    /// Whether all of it holds; `None` where it is about nothing of the account of `tx`.
    fn holds(&self, tx: &mut AccountTx<'_, '_>) -> Result<Option<bool>> {
        let (account, now) = (tx.id(), tx.now());
        let place = Place::parse(&self.path).ok().flatten();
        let here = match place {
            Some(Place::Member(home, owner, names)) => here(tx, home, &owner, names)?,
            _ => None,
        };
        let Some(Here { home, names, as_guest }) = here else { return Ok(None) };
        let path = names.join("/");
        let locks = tx.locks_on(account, home, &path, now)?;
        let etag = etag_at(tx, home, &names, as_guest)?;
        Ok(Some(self.conditions.iter().all(|(positive, state)| {
            let is_so = match state {
                State::Token(token) => locks.iter().any(|lock| lock.token == *token),
                State::Etag(wanted) => etag.as_ref() == Some(wanted),
            };
            is_so == *positive
        })))
    }
}

/// What is the account's, by its names there.
struct Here {
    home: Home,
    names: Vec<String>,
    /// Whether the path named it as a guest's: in the home of somebody it is shared with.
    as_guest: bool,
}

/// What is the account's, in its own home or in that of whom it is shared with.
fn here(
    tx: &mut AccountTx<'_, '_>,
    home: Home,
    owner: &str,
    names: Vec<String>,
) -> Result<Option<Here>> {
    let Ok(address) = Address::parse(owner) else {
        // Somebody elsewhere, who has what is shared with them and no more.
        let names = names_at(tx, home, &names)?;
        return Ok(names.map(|names| Here { home, names, as_guest: true }));
    };
    let Some(owner) = tx.find_account(&address)?.map(|found| found.id) else { return Ok(None) };
    if owner == tx.actor()
        && let Some(first) = names.first()
        && let Some(found) = tx.find_guest_collection(owner, home, first)?
    {
        // Whose it is decides, and not in whose home it stands.
        let rest = names.into_iter().skip(1);
        let is_here = found.account == tx.id();
        return Ok(is_here.then(|| {
            let names = std::iter::once(found.name).chain(rest).collect();
            Here { home, names, as_guest: true }
        }));
    }
    Ok((owner == tx.id()).then_some(Here { home, names, as_guest: false }))
}

/// What whoever asks may not read has none: a condition would tell them of it.
fn etag_at(
    tx: &mut AccountTx<'_, '_>,
    home: Home,
    names: &[String],
    as_guest: bool,
) -> Result<Option<String>> {
    let account = tx.id();
    let Some((name, above)) = names.split_last() else { return Ok(None) };
    let Some(collection) = tx.find_collection(account, home, &above.join("/"))? else {
        return Ok(None);
    };
    let actor = tx.actor();
    let rights = tx.collection_rights(actor, &collection)?;
    if !rights.contains(CollectionRights::READ) {
        return Ok(None);
    }
    let seen = if as_guest { tx.as_guest(actor, collection)? } else { Some(collection) };
    let Some(seen) = seen else { return Ok(None) };
    Ok(tx.find_shown_object(&seen, name)?.map(|object| object.etag()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let token = |text: &str| State::Token(text.to_owned());
        let etag = |text: &str| State::Etag(text.to_owned());
        let read = |text| IfHeader::read(text, "/a");
        // RFC 4918 §10.4.6, §10.4.7, §10.4.10, their examples.
        let found = read("(<urn:uuid:1> [\"I am an ETag\"]) ([\"I am another ETag\"])").unwrap();
        assert_eq!(
            found.lists[0].conditions,
            [(true, token("urn:uuid:1")), (true, etag("I am an ETag"))]
        );
        assert_eq!(found.lists[1].path, "/a");
        assert_eq!(found.tokens(), ["urn:uuid:1"]);
        let found = read("(Not <urn:uuid:1> <urn:uuid:2>)").unwrap();
        assert_eq!(
            found.lists[0].conditions,
            [(false, token("urn:uuid:1")), (true, token("urn:uuid:2"))]
        );
        let found = read("<http://h/b> (<urn:uuid:1> [W/\"A weak ETag\"]) ([\"strong\"])").unwrap();
        assert_eq!(found.lists[1].path, "/b");
        for text in ["x", "(", "()", "(<a)", "([a)", "(a)", "<b>"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
