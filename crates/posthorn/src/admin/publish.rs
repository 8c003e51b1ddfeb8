//! Publishes calendars at secret URLs, for anybody to read (R-SHARE-4), and withdraws them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use storage::{CollectionKind, Home, StorageError};

use super::account::{load, parse};
use super::text::refusal;
use super::{Admin, Refusal, Response};

impl Admin {
    /// Makes a calendar public, and answers the path where it is read; or takes that back.
    pub(super) async fn publish(
        &self,
        account: &str,
        calendar: &str,
        public: bool,
    ) -> Result<Response, Refusal> {
        let (address, name) = (parse(account)?, calendar.to_owned());
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| Refusal(error.to_string()))?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let written = self.store.write("share publish", move |tx| {
            let account = load(tx, &address)?;
            let found = tx.find_collection(account, Home::Calendars, &name)?;
            let found = found.filter(|found| found.kind == CollectionKind::Calendar);
            let found = found.ok_or(StorageError::NotFound("calendar"))?;
            let mut tx = tx.account(account)?;
            match public {
                true => tx.publish_calendar(&found, &token).map(Some),
                false => match tx.unpublish_calendar(&found)? {
                    true => Ok(None),
                    // As whoever revokes what is not shared is told.
                    false => Err(StorageError::NotFound("share")),
                },
            }
        });
        let committed = written.await.map_err(|error| refusal(calendar, error))?;
        Ok(match committed.value {
            Some(token) => Response::Text(dav::public_path(&token)),
            None => Response::Done,
        })
    }
}
