//! From the configuration to the settings of scripts, responders and redirections.

use std::sync::Arc;

use config::{Config, ScriptRedirects};
use delivery::{Deliverer, Forwarding, RedirectTargets, Settings};
use mailauth::Signatory;
use storage::Sorter;

use crate::admin::Admin;

/// What decides about mail for accounts that have rules.
pub(super) fn start(admin: &Admin, settings: Settings) -> Arc<dyn Sorter> {
    Arc::new(Deliverer::new(admin.store.clone(), settings))
}

/// Where scripts may send mail on to.
pub(super) fn script_redirects(config: &Config) -> RedirectTargets {
    match config.delivery.script_redirects {
        ScriptRedirects::Anywhere => RedirectTargets::Anywhere,
        ScriptRedirects::Agreed => RedirectTargets::Agreed,
    }
}

/// What scripts go by, of deliveries and of events.
pub(super) fn settings(config: &Config, admin: &Admin, signatory: &Arc<dyn Signatory>) -> Settings {
    Settings {
        forwarding: Some(Forwarding { key: admin.seal_key.srs() }),
        signatory: Some(signatory.clone()),
        script_redirects: script_redirects(config).into(),
        ..Settings::new(config.hostname.clone())
    }
}
