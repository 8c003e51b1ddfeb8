//! What the configuration means for scripts, responders and redirections.

use std::sync::Arc;

use config::Config;
use delivery::{Deliverer, Forwarding, Settings};
use storage::Sorter;

use crate::admin::Admin;

/// What decides about mail for accounts that have rules.
pub(super) fn start(config: &Config, admin: &Admin) -> Arc<dyn Sorter> {
    let settings = Settings {
        forwarding: Some(Forwarding { key: admin.seal_key.srs() }),
        ..Settings::new(config.hostname.clone())
    };
    Arc::new(Deliverer::new(admin.store.clone(), settings))
}
