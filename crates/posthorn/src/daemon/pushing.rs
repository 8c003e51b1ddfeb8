//! Who tells programs of changes by push services (WebDAV-Push), and its key.

use std::sync::Arc;

use config::Config;
use dav::{PushKey, PushSettings, Pusher, PusherSettings};
use net::{Dns, ReplaceableDns, TlsClient};
use storage::SealedPushKey;

use crate::admin::Admin;
use crate::cli::Failure;

/// The pusher, and the settings that requests need of it; `None` where pushes are switched off.
pub(super) async fn pusher(
    config: &Config,
    admin: &Admin,
    dns: Option<Arc<ReplaceableDns>>,
) -> Result<Option<(Pusher, PushSettings)>, Failure> {
    let Some(dns) = dns.filter(|_| config.calendar.push) else { return Ok(None) };
    let Some(key) = key(admin).await? else {
        tracing::error!("the key of pushes was sealed with another seal.key: nobody is pushed");
        return Ok(None);
    };
    let failure = |error: net::SetupError| Failure::new(format!("calendar.push: {error}"));
    let tls = TlsClient::new(config.queue.trusted_ca.as_deref()).map_err(failure)?;
    let settings = PusherSettings {
        delay: config.calendar.push_delay,
        private_addresses: config.calendar.push_private_addresses,
        contact: super::public_url(config),
    };
    let dns: Arc<dyn Dns> = dns;
    let pusher = Pusher::new(admin.store.clone(), key.clone(), tls, dns, settings);
    let subscriptions_max = config.calendar.push_subscriptions.into();
    Ok(Some((pusher, PushSettings { key, subscriptions_max })))
}

/// The key there is, or one that is made now: all daemons of a store have the same.
async fn key(admin: &Admin) -> Result<Option<Arc<PushKey>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("calendar.push: {error}"));
    let found = admin.store.read(|tx| tx.find_push_key()).await.map_err(|e| failed(&e))?;
    let sealed = match found {
        Some(sealed) => sealed,
        None => {
            let made = make(admin).ok_or_else(|| failed(&"no key is made"))?;
            let put = admin.store.write("push key", move |tx| tx.put_push_key(&made)).await;
            put.map_err(|error| failed(&error))?.value
        }
    };
    let opened = admin.seal_key.open_push_key(&sealed.public_key, &sealed.sealed_key);
    Ok(opened.and_then(|der| PushKey::from_pkcs8(&der)).map(Arc::new))
}

fn make(admin: &Admin) -> Option<SealedPushKey> {
    let der = PushKey::generate()?;
    let public_key = PushKey::from_pkcs8(&der)?.public_key().to_vec();
    let sealed_key = admin.seal_key.seal_push_key(&public_key, &der)?;
    Some(SealedPushKey { public_key, sealed_key })
}
