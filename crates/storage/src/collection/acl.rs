//! Who may do what with a collection, said all at once (RFC 3744 §8.1).

use ids::CollectionId;

use super::ShareState;
use crate::sql::Value;
use crate::{AccountTx, CollectionRights, Result, Sharee};

/// A row of the list.
struct Entry {
    sharee: Sharee,
    rights: CollectionRights,
    state: ShareState,
}

impl AccountTx<'_, '_> {
    /// Says who may do what with a collection, in place of what was: whoever is not named has no
    /// rights any more. Whoever has been invited and has none yet stays so, and people elsewhere,
    /// who are no principals.
    pub fn set_collection_acl(
        &mut self,
        collection: CollectionId,
        wanted: &[(Sharee, CollectionRights)],
        tokens: &[String],
    ) -> Result<()> {
        let found = self.require_collection(collection, CollectionRights::SHARE)?;
        self.require_unlocked(found.kind.home(), &found.name, None, tokens)?;
        let before = self.collection_entries(collection)?;
        let named = |sharee: Sharee| wanted.iter().find(|(other, _)| *other == sharee);
        for entry in before.iter().filter(|entry| entry.state.has_rights()) {
            if named(entry.sharee).is_none() {
                self.write_share(&found, entry.sharee, CollectionRights::NONE)?;
            }
        }
        for (sharee, rights) in wanted {
            let is_so = before.iter().any(|entry| {
                entry.sharee == *sharee && entry.rights == *rights && entry.state.has_rights()
            });
            if !is_so {
                self.write_share(&found, *sharee, *rights)?;
            }
        }
        Ok(())
    }

    fn collection_entries(&mut self, collection: CollectionId) -> Result<Vec<Entry>> {
        self.sql.query_all(
            "SELECT s.grantee, t.id, s.rights, s.state FROM collection_share s \
             LEFT JOIN team t ON t.id = s.grantee WHERE s.collection_id = ?1 \
             AND s.grantee NOT IN (SELECT x.id FROM outsider x) ORDER BY s.grantee",
            &[Value::Int(collection.get())],
            |row| {
                let sharee = match (row.int(0)?, row.opt_int(1)?) {
                    (_, Some(team)) => Sharee::Team(ids::TeamId::new(team)),
                    (..=-1, None) => Sharee::Organisation,
                    (account, None) => Sharee::Account(ids::AccountId::new(account)),
                };
                let rights = CollectionRights::from_column(row.int(2)?);
                Ok(Entry { sharee, rights, state: ShareState::from_column(row.int(3)?)? })
            },
        )
    }
}
