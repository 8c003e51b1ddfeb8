//! The account with the ACME server (RFC 8555 §7.3): registered once, kept sealed in storage, used
//! by every daemon.

use serde::{Deserialize, Serialize};

use crate::error::AcmeError;
use crate::keeper::Keeper;
use crate::protocol::{AccountKey, Client};

/// The purpose given to the seal: what is sealed for another one does not open as an account.
const PURPOSE: &str = "acme account";

/// An ACME account as storage keeps it, before sealing.
#[derive(Serialize, Deserialize)]
struct Kept {
    url: String,
    /// The private key, PKCS #8.
    key: Vec<u8>,
}

impl Keeper {
    /// Somebody who speaks for the account that is kept, or for a new one that is.
    pub(crate) async fn client(&self) -> Result<Client, AcmeError> {
        let directory = self.settings.directory.clone();
        let kept = self.store.read(move |tx| tx.find_acme_account(&directory)).await?;
        if let Some(sealed) = kept {
            let lost = || AcmeError::Sealed("the ACME account");
            let opened = self.seal.open(PURPOSE, &sealed).ok_or_else(lost)?;
            let kept: Kept = serde_json::from_slice(&opened).map_err(|_| lost())?;
            let key = AccountKey::from_pkcs8(&kept.key).ok_or_else(lost)?;
            return Client::open(&self.tls, &self.settings, &self.pause, key, kept.url).await;
        }
        let (key, der) = AccountKey::generate()?;
        let mut client =
            Client::open(&self.tls, &self.settings, &self.pause, key, String::new()).await?;
        let contact = self.settings.contact.as_deref();
        client.make_account(contact, self.settings.external_account.as_ref()).await?;
        let kept = Kept { url: client.account().to_owned(), key: der };
        let text = serde_json::to_vec(&kept).map_err(|error| AcmeError::Key(error.to_string()))?;
        let sealed = self.seal.seal(PURPOSE, &text).ok_or(AcmeError::Sealed("a new account"))?;
        let directory = self.settings.directory.clone();
        let put = move |tx: &mut storage::WriteTx<'_>| tx.put_acme_account(&directory, &sealed);
        self.store.write("acme account", put).await?;
        tracing::info!(directory = self.settings.directory, account = kept.url, "ACME account");
        Ok(client)
    }

    /// RFC 8555 §7.3.6: an account that is known no more is made anew next time.
    pub(crate) async fn forget_account(&self) -> Result<(), AcmeError> {
        let directory = self.settings.directory.clone();
        let forget = move |tx: &mut storage::WriteTx<'_>| tx.remove_acme_account(&directory);
        self.store.write("acme account", forget).await?;
        Ok(())
    }
}
