//! What runs beside the listeners and begins anew when its part of the configuration changes: who
//! keeps certificates, who tells push services, who teaches rspamd, who writes activity down.

use std::sync::Arc;

use acme::{Keeper, KeeperCounts};
use config::Config;
use dav::{PushSettings, Pusher};
use net::{ReplaceableDns, Shutdown, TlsKeys};
use scan::RspamdTeacher;

use super::teaching::TeachingCounts;
use super::{activity, certificates, pushing, teaching};
use crate::admin::Admin;
use crate::cli::Failure;

/// All of it, and what it has in common.
pub(super) struct Background {
    admin: Arc<Admin>,
    keys: Option<Arc<TlsKeys>>,
    dns: Option<Arc<ReplaceableDns>>,
    shutdown: Shutdown,
    running: Parts,
    /// What requests are told of pushes.
    pub(super) pushes: Option<PushSettings>,
    pub(super) certificates: Arc<KeeperCounts>,
    pub(super) taught: Arc<TeachingCounts>,
}

/// The end of each that runs.
struct Parts {
    keeper: Shutdown,
    pusher: Shutdown,
    teacher: Shutdown,
    activity: Shutdown,
}

/// What is ready to take the place of what runs; what stays as it is is not among it.
pub(super) struct Prepared {
    keeper: Option<Option<Keeper>>,
    pusher: Option<Option<(Pusher, PushSettings)>>,
    teacher: Option<Option<RspamdTeacher>>,
    activity: bool,
}

impl Background {
    /// Begins with all of it.
    pub(super) async fn start(
        config: &Config,
        admin: Arc<Admin>,
        keys: Option<Arc<TlsKeys>>,
        dns: Option<Arc<ReplaceableDns>>,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let part = || shutdown.part();
        let mut started = Self {
            admin,
            keys,
            dns,
            shutdown: shutdown.clone(),
            running: Parts { keeper: part(), pusher: part(), teacher: part(), activity: part() },
            pushes: None,
            certificates: Arc::default(),
            taught: Arc::default(),
        };
        let prepared = started.prepare(None, config).await?;
        started.take_up(prepared, config).await?;
        Ok(started)
    }

    /// Makes ready what is different from `old`, of which anything may turn out to be wrong.
    pub(super) async fn prepare(
        &self,
        old: Option<&Config>,
        new: &Config,
    ) -> Result<Prepared, Failure> {
        let (admin, dns) = (&*self.admin, &self.dns);
        let changed = |is_other: fn(&Config, &Config) -> bool| match old {
            Some(old) => is_other(old, new),
            None => true,
        };
        let keeper = match changed(|a, b| a.acme != b.acme || a.tls.mode != b.tls.mode) {
            true => Some(certificates::keeper(new, admin, self.keys.as_ref(), dns.clone())?),
            false => None,
        };
        let pushes_differ = |a: &Config, b: &Config| {
            a.calendar != b.calendar || a.queue.trusted_ca != b.queue.trusted_ca
        };
        let pusher = match changed(pushes_differ) {
            true => Some(pushing::pusher(new, admin, dns.clone()).await?),
            false => None,
        };
        let teacher = match changed(|a, b| a.rspamd != b.rspamd) {
            true => Some(teaching::teacher(new)?),
            false => None,
        };
        let activity = changed(|a, b| a.activity != b.activity);
        Ok(Prepared { keeper, pusher, teacher, activity })
    }

    /// Ends what others take the place of, and begins with those.
    pub(super) async fn take_up(
        &mut self,
        prepared: Prepared,
        config: &Config,
    ) -> Result<(), Failure> {
        let Prepared { keeper, pusher, teacher, activity } = prepared;
        let store = &self.admin.store;
        let running = &mut self.running;
        if activity {
            let part = begin_anew(&self.shutdown, &mut running.activity);
            activity::start(config, store.clone(), self.admin.authenticator.clone(), part);
        }
        if let Some(pusher) = pusher {
            let part = begin_anew(&self.shutdown, &mut running.pusher);
            self.pushes = pusher.map(|(pusher, pushes)| {
                part.spawn(pusher.run(part.clone()));
                pushes
            });
        }
        if let Some(teacher) = teacher {
            let part = begin_anew(&self.shutdown, &mut running.teacher);
            if let Some(teacher) = teacher {
                teaching::start(teacher, store.clone(), self.taught.clone(), part);
            }
        }
        if let Some(keeper) = keeper {
            let part = begin_anew(&self.shutdown, &mut running.keeper);
            if let Some(keeper) = keeper {
                certificates::start(keeper.counting(self.certificates.clone()), part).await?;
            }
        }
        Ok(())
    }
}

/// Ends a part, and has another in its place.
fn begin_anew<'a>(whole: &Shutdown, part: &'a mut Shutdown) -> &'a Shutdown {
    part.begin();
    *part = whole.part();
    part
}
