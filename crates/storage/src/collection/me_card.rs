//! The card that is the account's owner: `me-card` of Apple's programs.

use ids::{AccountId, CollectionId};

use super::{Collection, CollectionKind};
use crate::object::Object;
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError};

impl ReadTx<'_> {
    /// The card that an account says it is itself, for as long as it stands in one of its books.
    pub fn me_card(&mut self, account: AccountId) -> Result<Option<(Collection, Object)>> {
        let found = self.sql.query_one(
            "SELECT o.collection_id, o.name FROM account a JOIN object o ON o.id = a.me_card \
             JOIN collection c ON c.id = o.collection_id AND c.account_id = a.id WHERE a.id = ?1",
            &[Value::Int(account.get())],
            |row| Ok((CollectionId::new(row.int(0)?), row.text(1)?.to_owned())),
        )?;
        let Some((collection, name)) = found else { return Ok(None) };
        let collection = self.load_collection(collection)?;
        let object = self.find_object(collection.id, &name)?;
        Ok(object.map(|object| (collection, object)))
    }
}

impl AccountTx<'_, '_> {
    /// Says which card of one's own books one is; `None`: none.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no card of the account, [`StorageError::NotFound`]
    /// where there is none of this name.
    pub fn set_me_card(&mut self, card: Option<(&Collection, &str)>) -> Result<()> {
        self.require_own()?;
        let account = self.account;
        let object = match card {
            None => Value::Null,
            Some((book, name)) => {
                if book.kind != CollectionKind::AddressBook || book.account != account {
                    return Err(StorageError::Invalid("this is no card of your own"));
                }
                let found = self.find_object(book.id, name)?;
                Value::Int(found.ok_or(StorageError::NotFound("card"))?.id.get())
            }
        };
        self.sql.execute(
            "UPDATE account SET me_card = ?2 WHERE id = ?1",
            &[Value::Int(account.get()), object],
        )?;
        Ok(())
    }
}
