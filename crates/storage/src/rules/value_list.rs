//! Lists of values that scripts ask about (RFC 6134): an account's own, and the operator's, which
//! are everybody's.

use std::collections::BTreeMap;

use ids::AccountId;

use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, ShareRights, StorageError, WriteTx};

/// LIMIT: bytes of the name of a list.
const NAME_BYTES_MAX: usize = 255;
/// LIMIT: bytes of one value; the longest address has some 320.
const VALUE_BYTES_MAX: usize = 512;
/// LIMIT: lists of one account, or of everybody.
const LISTS_MAX: u64 = 100;
/// LIMIT: values of one list, which are written in one transaction.
const VALUES_MAX: u64 = 50_000;

/// The name of a list: an absolute URI of the schemes `tag` (RFC 4151) and `urn` (RFC 8141).
///
/// **Invariant:** none of the names that Sieve itself gives a meaning (RFC 6134 §2.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueListName(String);

impl ValueListName {
    /// The schemes of such names.
    pub const SCHEMES: [&str; 2] = ["tag", "urn"];

    /// A name; its scheme, and the namespace of a URN, count without case.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no URI of such a list, or Sieve's own.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || StorageError::Invalid("not the name of a list: tag:… or urn:…:…");
        let is_uri = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        if text.len() > NAME_BYTES_MAX || !text.bytes().all(is_uri) {
            return Err(invalid());
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(invalid)?;
        let name = match scheme.to_ascii_lowercase().as_str() {
            // RFC 4151 §2.1: tagURI = "tag:" taggingEntity ":" specific
            "tag" if rest.contains(':') => format!("tag:{rest}"),
            "urn" => {
                let (space, rest) = rest.split_once(':').ok_or_else(invalid)?;
                if space.is_empty() || rest.is_empty() {
                    return Err(invalid());
                }
                format!("urn:{}:{rest}", space.to_ascii_lowercase())
            }
            _ => return Err(invalid()),
        };
        let is_sieves = |start: &str| start.eq_ignore_ascii_case("urn:ietf:params:sieve:");
        match name.get(..22).is_some_and(is_sieves) {
            true => Err(StorageError::Invalid("names below urn:ietf:params:sieve are Sieve's own")),
            false => Ok(Self(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueListId(i64);

/// Without case, as all values are compared.
fn form_of(value: &str) -> String {
    value.to_lowercase()
}

/// NULL stands for everybody.
fn owner(account: Option<AccountId>) -> Value<'static> {
    account.map_or(Value::Null, |account| Value::Int(account.get()))
}

impl ReadTx<'_> {
    /// The lists of an account, or of everybody, with the number of their values.
    pub fn list_value_lists(&mut self, of: Option<AccountId>) -> Result<Vec<(String, u64)>> {
        self.sql.query_all(
            "SELECT l.name, (SELECT COUNT(*) FROM list_value v WHERE v.list_id = l.id) \
             FROM value_list l WHERE l.account_id = ?1 \
             OR (l.account_id IS NULL AND CAST(?1 AS BIGINT) IS NULL) ORDER BY l.name",
            &[owner(of)],
            |row| Ok((row.text(0)?.to_owned(), row.int(1)?.cast_unsigned())),
        )
    }

    /// The list that a name means in the scripts of an account: its own, else that of everybody.
    pub fn find_value_list(
        &mut self,
        account: AccountId,
        name: &ValueListName,
    ) -> Result<Option<ValueListId>> {
        let own = self.value_list_of(Some(account), name)?;
        if own.is_some() { Ok(own) } else { self.value_list_of(None, name) }
    }

    /// The list of this name that is an account's, or everybody's.
    pub fn value_list_of(
        &mut self,
        of: Option<AccountId>,
        name: &ValueListName,
    ) -> Result<Option<ValueListId>> {
        // One statement for each, by the index of each.
        let sql = match of {
            Some(_) => "SELECT id FROM value_list WHERE account_id = ?1 AND name = ?2",
            None => {
                "SELECT id FROM value_list WHERE account_id IS NULL \
                 AND CAST(?1 AS BIGINT) IS NULL AND name = ?2"
            }
        };
        let key = [owner(of), Value::Text(&name.0)];
        self.sql.query_one(sql, &key, |row| row.int(0).map(ValueListId))
    }

    /// The value of a list that is this one but for case.
    pub fn find_value(&mut self, list: ValueListId, value: &str) -> Result<Option<String>> {
        if value.len() > VALUE_BYTES_MAX || value.contains('\0') {
            return Ok(None);
        }
        self.sql.query_one(
            "SELECT value FROM list_value WHERE list_id = ?1 AND form = ?2",
            &[Value::Int(list.0), Value::Text(&form_of(value))],
            |row| row.text(0).map(str::to_owned),
        )
    }

    /// Values of a list in order, up to a number of them.
    pub fn load_values(&mut self, list: ValueListId, count_max: u64) -> Result<Vec<String>> {
        self.sql.query_all(
            "SELECT value FROM list_value WHERE list_id = ?1 ORDER BY form LIMIT ?2",
            &[Value::Int(list.0), Value::Int(i64::try_from(count_max).unwrap_or(i64::MAX))],
            |row| row.text(0).map(str::to_owned),
        )
    }
}

impl WriteTx<'_> {
    /// Puts a list of everybody in the place of the one of its name.
    pub fn put_common_value_list(&mut self, name: &ValueListName, values: &[String]) -> Result<()> {
        self.put_value_list_of(None, name, values)
    }

    /// Removes a list of everybody.
    pub fn remove_common_value_list(&mut self, name: &ValueListName) -> Result<()> {
        self.remove_value_list_of(None, name)
    }

    fn put_value_list_of(
        &mut self,
        of: Option<AccountId>,
        name: &ValueListName,
        values: &[String],
    ) -> Result<()> {
        let values = distinct(values)?;
        if self.value_list_of(of, name)?.is_some() {
            self.remove_value_list_of(of, name)?;
        }
        if self.list_value_lists(of)?.len() as u64 >= LISTS_MAX {
            return Err(StorageError::Limit { kind: LimitKind::ValueLists, max: LISTS_MAX });
        }
        let id = self.sql.query_one(
            "INSERT INTO value_list (account_id, name) VALUES (?1, ?2) RETURNING id",
            &[owner(of), Value::Text(&name.0)],
            |row| row.int(0),
        )?;
        let id =
            id.ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))?;
        let mut rows = values
            .iter()
            .map(|(form, value)| vec![Value::Int(id), Value::Text(form), Value::Text(value)]);
        self.sql.execute_many(
            "INSERT INTO list_value (list_id, form, value) VALUES (?1, ?2, ?3)",
            &mut rows,
        )?;
        Ok(())
    }

    fn remove_value_list_of(&mut self, of: Option<AccountId>, name: &ValueListName) -> Result<()> {
        let found = self.value_list_of(of, name)?;
        let id = Value::Int(found.ok_or(StorageError::NotFound("list"))?.0);
        self.sql.execute("DELETE FROM list_value WHERE list_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM value_list WHERE id = ?1", &[id])?;
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// Puts a list of the account in the place of the one of its name.
    pub fn put_value_list(&mut self, name: &ValueListName, values: &[String]) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        self.tx.put_value_list_of(Some(self.account), name, values)
    }

    /// Removes a list of the account.
    pub fn remove_value_list(&mut self, name: &ValueListName) -> Result<()> {
        self.require_share(ShareRights::FILTERS)?;
        self.tx.remove_value_list_of(Some(self.account), name)
    }
}

/// The values of a list, each once, by their form. RFC 6134 §2.2: without blanks around them.
fn distinct(values: &[String]) -> Result<BTreeMap<String, &str>> {
    let mut found = BTreeMap::new();
    for value in values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()) {
        if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(StorageError::Invalid("a value is too long, or has control characters"));
        }
        found.entry(form_of(value)).or_insert(value);
        if found.len() as u64 > VALUES_MAX {
            return Err(StorageError::Limit { kind: LimitKind::ListValues, max: VALUES_MAX });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn name(text: &str) -> ValueListName {
        ValueListName::parse(text).unwrap()
    }

    fn values(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn names_are_uris() {
        for (text, expect) in [
            (
                "tag:example.com,2011-01-01:localHolidays",
                Some("tag:example.com,2011-01-01:localHolidays"),
            ),
            ("TAG:example.com,2011:x", Some("tag:example.com,2011:x")),
            ("urn:Example:Friends", Some("urn:example:Friends")),
            ("urn:ietf:params:sieve:addrbook:default", None),
            ("URN:IETF:params:SIEVE:x", None),
            ("tag:x", None),
            ("urn:x", None),
            ("friends", None),
            ("http://example.com/x", None),
            ("urn:a:b c", None),
            ("urn:a:b#c", None),
            ("urn:a:\u{e9}", None),
        ] {
            let parsed = ValueListName::parse(text).ok();
            assert_eq!(parsed.as_ref().map(ValueListName::as_str), expect, "{text}");
        }
        assert!(ValueListName::parse(&format!("urn:a:{}", "x".repeat(250))).is_err());
    }

    #[test]
    fn lists_are_an_accounts_or_everybodys() {
        on_both_engines(|store| {
            let (julie, max) = (store.account("julie"), store.account("max"));
            let friends = name("urn:example:friends");
            let wanted = friends.clone();
            store
                .write(move |tx| {
                    tx.put_common_value_list(&wanted, &values(&["x@y.test"]))?;
                    tx.account(julie)?
                        .put_value_list(&wanted, &values(&["  Ann@b.test ", "", "ann@B.test"]))
                })
                .unwrap();
            let found = |of: AccountId, value: &'static str| {
                let wanted = friends.clone();
                store
                    .read(move |tx| {
                        let list = tx.find_value_list(of, &wanted)?.unwrap();
                        tx.find_value(list, value)
                    })
                    .unwrap()
            };
            // One's own stands before that of everybody.
            assert_eq!(found(julie, "ANN@b.test").as_deref(), Some("Ann@b.test"));
            assert_eq!(found(julie, "x@y.test"), None);
            assert_eq!(found(max, "X@y.test").as_deref(), Some("x@y.test"));
            assert_eq!(found(max, "ann@b.test"), None);
            let listed = store.read(move |tx| tx.list_value_lists(Some(julie))).unwrap();
            assert_eq!(listed, [("urn:example:friends".to_owned(), 1)]);
            let wanted = friends.clone();
            store.write(move |tx| tx.account(julie)?.remove_value_list(&wanted)).unwrap();
            assert_eq!(found(julie, "x@y.test").as_deref(), Some("x@y.test"));
            assert_eq!(store.read(|tx| tx.list_value_lists(None)).unwrap().len(), 1);
            // With the account, its lists go.
            let wanted = friends.clone();
            store
                .write(move |tx| tx.account(max)?.put_value_list(&wanted, &values(&["a"])))
                .unwrap();
            store.write(move |tx| tx.remove_account(max)).unwrap();
        });
    }

    #[test]
    fn lists_are_bounded() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let put = |name: ValueListName, values: Vec<String>| {
                store.write(move |tx| tx.account(julie)?.put_value_list(&name, &values))
            };
            let many = (0..=VALUES_MAX).map(|number| number.to_string()).collect();
            let refused = put(name("urn:a:many"), many);
            assert!(matches!(
                refused,
                Err(StorageError::Limit { kind: LimitKind::ListValues, max: VALUES_MAX })
            ));
            for bad in ["x".repeat(VALUE_BYTES_MAX + 1), "a\0b".to_owned(), "a\nb".to_owned()] {
                assert!(matches!(put(name("urn:a:b"), vec![bad]), Err(StorageError::Invalid(_))));
            }
            for number in 0..LISTS_MAX {
                put(name(&format!("urn:a:{number}")), Vec::new()).unwrap();
            }
            let refused = put(name("urn:a:more"), Vec::new());
            assert!(matches!(
                refused,
                Err(StorageError::Limit { kind: LimitKind::ValueLists, .. })
            ));
            // One in the place of another needs no more room.
            put(name("urn:a:1"), values(&["x"])).unwrap();
        });
    }
}
