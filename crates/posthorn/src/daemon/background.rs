//! What runs beside the listeners and begins anew when its part of the configuration changes: who
//! keeps certificates, who tells push services, who teaches rspamd, who writes activity down.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use acme::{Keeper, KeeperCounts};
use config::{Config, Secret};
use dav::{PushSettings, Pusher};
use net::{ReplaceableDns, Shutdown, TlsKeys};
use scan::RspamdTeacher;

use super::teaching::TeachingCounts;
use super::{activity, certificates, pushing, teaching};
use crate::admin::Admin;
use crate::cli::Failure;

/// The tasks of a daemon that run without a connection, and what they share.
pub(super) struct Background {
    admin: Arc<Admin>,
    keys: Option<Arc<TlsKeys>>,
    dns: Option<Arc<ReplaceableDns>>,
    shutdown: Shutdown,
    running: Parts,
    /// What stood in the files that the parts were made with.
    contents: Contents,
    /// Tells contents apart, and tells nobody what they are.
    hasher: RandomState,
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
    contents: Contents,
}

/// Hashes of the files that a part reads when it is made: other contents are another configuration.
#[derive(Default, PartialEq, Eq)]
struct Contents {
    keeper: [Option<u64>; 2],
    pusher: [Option<u64>; 1],
    teacher: [Option<u64>; 1],
}

impl Contents {
    fn of(config: &Config, hasher: &RandomState) -> Self {
        // What cannot be read is said by whom it is for.
        let hash = |file: Option<&Path>| Some(hasher.hash_one(std::fs::read(file?).ok()?));
        let secret = |file: &Option<Secret>| hash(file.as_ref().map(|Secret(path)| path.as_path()));
        Self {
            keeper: [
                hash(config.acme.trusted_ca.as_deref()),
                secret(&config.acme.external_account_key_file),
            ],
            pusher: [hash(config.queue.trusted_ca.as_deref())],
            teacher: [secret(&config.rspamd.password_file)],
        }
    }
}

impl Background {
    /// Starts every task.
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
            contents: Contents::default(),
            hasher: RandomState::new(),
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
        let (there, contents) = (&self.contents, Contents::of(new, &self.hasher));
        let changed = |is_other: fn(&Config, &Config) -> bool| match old {
            Some(old) => is_other(old, new),
            None => true,
        };
        let other_issuer = changed(|a, b| a.acme != b.acme || a.tls.mode != b.tls.mode);
        let keeper = match other_issuer || there.keeper != contents.keeper {
            true => Some(certificates::keeper(new, admin, self.keys.as_ref(), dns.clone())?),
            false => None,
        };
        let pushes_differ = |a: &Config, b: &Config| {
            a.calendar != b.calendar || a.queue.trusted_ca != b.queue.trusted_ca
        };
        let pusher = match changed(pushes_differ) || there.pusher != contents.pusher {
            true => Some(pushing::pusher(new, admin, dns.clone()).await?),
            false => None,
        };
        let other_controller = changed(|a, b| a.rspamd != b.rspamd);
        let teacher = match other_controller || there.teacher != contents.teacher {
            true => Some(teaching::teacher(new)?),
            false => None,
        };
        let activity = changed(|a, b| a.activity != b.activity);
        Ok(Prepared { keeper, pusher, teacher, activity, contents })
    }

    /// Ends the parts that others replace, and starts those.
    pub(super) async fn take_up(
        &mut self,
        prepared: Prepared,
        config: &Config,
    ) -> Result<(), Failure> {
        let Prepared { keeper, pusher, teacher, activity, contents } = prepared;
        self.contents = contents;
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
            // Those of the one before.
            self.certificates.ends.store(0, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret is replaced under the name it had.
    #[test]
    fn other_contents_of_a_file_are_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        file("password", "old\n");
        file("ca.pem", "one\n");
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [rspamd]\ncontroller = \"[::1]:11334\"\npassword_file = \"password\"\n\
                    [queue]\ntrusted_ca = \"ca.pem\"\n\
                    [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";
        let config = config::parse(text, &folder.path().join("p.toml")).unwrap();
        let hasher = RandomState::new();
        let contents = || Contents::of(&config, &hasher);
        let before = contents();
        assert!(before == contents());
        file("password", "new\n");
        let after = contents();
        assert!(before.teacher != after.teacher && before.pusher == after.pusher);
        file("ca.pem", "two\n");
        assert!(after.pusher != contents().pusher && after.teacher == contents().teacher);
        assert_eq!(before.keeper, [None, None]);
    }
}
