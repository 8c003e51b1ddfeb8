//! SIGHUP: reads the configuration and the TLS files again.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use auth::ScramSettings;
use config::{Config, Limits, Listener, Log, Metrics, Search, Storage};
use delivery::RedirectRule;
use net::TlsKeys;

use super::background::{self, Background};
use super::listeners::Listeners;
use super::logging::LevelHandle;
use super::{delivering, forget_scram, open, tls};
use crate::admin::Admin;
use crate::cli::{Failure, load_config};

/// What can change while the daemon runs, and the configuration it runs with.
pub(super) struct Reload {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    pub(super) admin: Arc<Admin>,
    pub(super) keys: Option<Arc<TlsKeys>>,
    pub(super) level: LevelHandle,
    pub(super) listeners: Listeners,
    pub(super) background: Background,
    /// Where scripts may send mail on to.
    pub(super) redirects: RedirectRule,
    /// A reload failed after it had changed something: what runs is not what `config` says, and
    /// the next reload takes up everything anew.
    pub(super) is_mixed: bool,
}

/// What a new configuration needs, as far as anything of it may turn out to be wrong.
struct Prepared {
    keys: Option<TlsKeys>,
    scram: Option<ScramSettings>,
    background: background::Prepared,
}

impl Reload {
    /// Takes up what is new. What is wrong is said in the log and leaves all as it was.
    pub(super) async fn run(&mut self) {
        match load_config(&self.path) {
            Ok(config) => self.take_up(config).await,
            Err(failure) => {
                for problem in failure.text().lines() {
                    tracing::error!(problem, "the old configuration stays in use");
                }
                self.reload_files();
            }
        }
    }

    /// Reads the certificates again that are in use.
    fn reload_files(&self) {
        let Some(keys) = &self.keys else { return };
        match keys.reload() {
            Ok(true) => tracing::info!("TLS files reloaded"),
            Ok(false) => tracing::info!("TLS files are unchanged"),
            Err(error) => tracing::error!(%error, "the old certificate stays in use"),
        }
    }

    async fn take_up(&mut self, new: Config) {
        let delayed = needs_restart(&self.config, &new);
        let running = running(&self.config, new);
        let prepared = match self.prepare(&running).await {
            Ok(prepared) => prepared,
            Err(failure) => {
                tracing::error!(error = failure.text(), "the old configuration stays in use");
                return self.reload_files();
            }
        };
        match self.replace(prepared, &running).await {
            Ok(()) => {
                self.is_mixed = false;
                self.level.set(running.log.level);
                self.config = running;
                for option in delayed {
                    tracing::warn!(option, "has changed and takes effect with the next start");
                }
                tracing::info!("configuration reloaded");
            }
            Err(failure) => {
                self.is_mixed = true;
                let error = failure.text();
                tracing::error!(error, "taken up in part; the next reload takes up everything");
                self.reload_files();
            }
        }
    }

    async fn prepare(&self, running: &Config) -> Result<Prepared, Failure> {
        let old = Some(&self.config).filter(|_| !self.is_mixed);
        let other_keys = old
            .is_none_or(|old| old.tls != running.tls || old.certificates != running.certificates);
        let keys = match &self.keys {
            Some(_) if other_keys => Some(tls::load(running, &self.admin.store)?),
            Some(_) | None => None,
        };
        let scram = open::scram(running)?;
        let background = self.background.prepare(old, running).await?;
        Ok(Prepared { keys, scram, background })
    }

    async fn replace(&mut self, prepared: Prepared, running: &Config) -> Result<(), Failure> {
        let Prepared { keys: new_keys, scram, background } = prepared;
        // These two change nothing where something is wrong.
        self.listeners.take_up_sending(running)?;
        match (&self.keys, new_keys) {
            (Some(keys), Some(new)) => {
                keys.replace(new).map_err(|error| Failure::new(error.to_string()))?;
                tracing::info!("TLS certificates replaced");
            }
            (_, _) => self.reload_files(),
        }
        let settings = open::auth_settings(running, scram);
        if self.admin.authenticator.replace_settings(settings).is_err() {
            return Err(Failure::new("auth: the system has no randomness"));
        }
        // Finds nothing where it was off before.
        let forgotten = match running.auth.scram {
            true => Ok(()),
            false => forget_scram(&self.admin).await,
        };
        self.redirects.set(delivering::script_redirects(running));
        *self.admin.web_url.write().unwrap_or_else(PoisonError::into_inner) =
            open::web_url(running);
        *self.admin.link_terms.write().unwrap_or_else(PoisonError::into_inner) =
            open::link_terms(running);
        self.listeners.take_up_storage(running);
        let begun = self.background.take_up(background, running).await;
        self.listeners.set_pushes(self.background.pushes.clone());
        // One that fails keeps the others from nothing.
        self.listeners.take_up(running).and(begun).and(forgotten)
    }
}

/// What the daemon runs with once it has taken up a configuration: what needs a restart keeps its
/// old value, so that the next reload says so again.
fn running(old: &Config, new: Config) -> Config {
    // One is where it was, and what is new of it is taken up, or it waits for the next start.
    let place = |listener: &Listener| (listener.protocol, listener.bind.clone());
    let listeners = old.listeners.iter().map(|there| {
        let again = new.listeners.iter().find(|one| place(one) == place(there));
        again.unwrap_or(there).clone()
    });
    let listeners = listeners.collect();
    Config {
        hostname: old.hostname.clone(),
        data_dir: old.data_dir.clone(),
        storage: Storage {
            expunged_retention: new.storage.expunged_retention,
            expunged: new.storage.expunged,
            change_log: new.storage.change_log,
            ..old.storage.clone()
        },
        search: Search { cache: old.search.cache, ..new.search.clone() },
        listeners,
        limits: limits_running(&old.limits, new.limits.clone()),
        log: Log { format: old.log.format, ..new.log.clone() },
        metrics: Metrics { bind: old.metrics.bind.clone(), ..new.metrics.clone() },
        ..new
    }
}

macro_rules! fixed_limits {
    ($($field:ident)+) => {
        /// Limits that hold from the start on, for storage or the listeners were begun with them.
        fn limits_changed(old: &Limits, new: &Limits) -> [(&'static str, bool); FIXED_LIMITS] {
            [$((concat!("limits.", stringify!($field)), old.$field != new.$field),)+]
        }

        /// The new ones, but for those.
        fn limits_running(old: &Limits, new: Limits) -> Limits {
            Limits { $($field: old.$field,)+ ..new }
        }

        const FIXED_LIMITS: usize = [$(stringify!($field)),+].len();
    };
}

fixed_limits! {
    network_v4 network_v6 reception_memory
}

/// The options that only a restart takes up, each with whether it changed.
fn fixed(old: &Config, new: &Config) -> Vec<(&'static str, bool)> {
    let places = |config: &Config| {
        let each = config.listeners.iter().map(|one| (one.protocol, one.bind.clone()));
        each.unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let ((protocols, binds), (new_protocols, new_binds)) = (places(old), places(new));
    let (storage, other) = (&old.storage, &new.storage);
    let mut fixed = vec![
        ("hostname", old.hostname != new.hostname),
        ("data_dir", old.data_dir != new.data_dir),
        ("storage.database", storage.database != other.database),
        (
            "storage.database_password_file",
            storage.database_password_file != other.database_password_file,
        ),
        ("storage.blobs", storage.blobs != other.blobs),
        ("storage.readers", storage.readers != other.readers),
        ("storage.content_cache", storage.content_cache != other.content_cache),
        ("storage.write_queue", storage.write_queue != other.write_queue),
        ("search.cache", old.search.cache != new.search.cache),
        ("listener.protocol", protocols != new_protocols),
        ("listener.bind", binds != new_binds),
        ("log.format", old.log.format != new.log.format),
        ("metrics.bind", old.metrics.bind != new.metrics.bind),
    ];
    fixed.extend(limits_changed(&old.limits, &new.limits));
    fixed
}

/// The options whose change only a restart takes up.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = fixed(old, new).into_iter().filter(|(_, changed)| *changed);
    changed.map(|(option, _)| option).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BASE: &str = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                        [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";

    const LISTENER: [&str; 2] = ["listener.protocol", "listener.bind"];

    fn parsed(more: &str) -> Config {
        config::parse(&format!("{BASE}{more}"), Path::new("p.toml")).unwrap()
    }

    /// The reference says of each option whether it needs a restart.
    #[test]
    fn the_reference_tells_what_needs_a_restart() {
        const SAYS: &str = "A change takes effect with the next start.";
        let reference = include_str!("../../../../docs/config.md");
        let mut told = Vec::new();
        for table in reference.split("\n## ").skip(1) {
            let (heading, rest) = table.split_once('\n').unwrap();
            let prefix = match heading.trim_matches(['`', '[', ']']) {
                "Top of the file" => String::new(),
                name => format!("{name}."),
            };
            let mut texts = rest.split("\n### `");
            assert!(!texts.next().unwrap().contains(SAYS), "{heading}");
            for text in texts.filter(|text| text.contains(SAYS)) {
                let (name, _) = text.split_once('`').unwrap();
                told.push(format!("{prefix}{name}"));
            }
        }
        let config = parsed("");
        let mut fixed: Vec<_> = fixed(&config, &config).into_iter().map(|(name, _)| name).collect();
        fixed.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, fixed);
    }

    #[test]
    fn limits_that_need_a_restart_stay() {
        let more = "[limits]\nnetwork_v4 = 16\nrecipients = 700\nteams = 3\n";
        let [old, new] = [parsed(""), parsed(more)];
        assert_eq!(needs_restart(&old, &new), ["limits.network_v4"]);
        let running = limits_running(&old.limits, new.limits);
        let (kept, taken) = (running.network_v4, (running.recipients, running.teams));
        assert_eq!((kept, taken), (old.limits.network_v4, (700, 3)));
    }

    /// Only what is at another place waits for the next start.
    #[test]
    fn listeners_that_stay_take_up_what_is_new_of_them() {
        let pop3 = "[[listener]]\nprotocol = \"pop3s\"\nbind = \"[::]:995\"\n";
        let off = "capabilities_off = [\"NOTIFY\"]\n";
        let old = parsed(pop3);
        let new = parsed(&format!("{off}[[listener]]\nprotocol = \"smtp\"\nbind = \"[::]:25\"\n"));
        assert_eq!(needs_restart(&old, &new), LISTENER);
        let listeners = running(&old, new.clone()).listeners;
        assert_eq!(listeners, [new.listeners[0].clone(), old.listeners[1].clone()]);
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        for (more, options) in [
            ("", &[][..]),
            ("[log]\nlevel = \"debug\"\n", &[]),
            ("[log]\nformat = \"json\"\n", &["log.format"]),
            ("[limits]\nrecipients = 200\n", &[]),
            ("[pop3]\nmark_seen = true\n", &[]),
            ("[queue]\nlifetime = \"4 days\"\n", &[]),
            ("[queue]\nmemory = \"9 MiB\"\ndns = \"127.0.0.1:53\"\ndnssec = \"nobody\"\n", &[]),
            ("[dav]\nobjects = 9\n", &[]),
            ("[calendar]\nattendees = 9\n", &[]),
            ("[queue]\nenabled = false\ntrusted_ca = \"/x.pem\"\n", &[]),
            ("[limits]\nconnections = 200\nnetwork_v6 = 48\n", &["limits.network_v6"]),
            ("proxy_protocol = [\"192.0.2.0/24\"]\n", &[]),
            ("[[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:994\"\n", &LISTENER),
            ("[limits]\nconnections_per_address = 20\n", &[]),
            ("[peers]\ngreylist = true\n", &[]),
            ("[[blocklist]]\nzone = \"list.test\"\n", &[]),
            ("[[check]]\nscanner = \"clamd\"\naddress = \"[::1]:3310\"\n", &[]),
            ("[storage]\nreaders = 9\nchange_log = \"9 days\"\n", &["storage.readers"]),
            ("[storage]\nexpunged_retention = \"9 days\"\nexpunged = \"9 GiB\"\n", &[]),
            ("[search]\nindex = false\nmemory = \"9 MiB\"\n", &[]),
            ("[search]\ncache = \"9 MiB\"\n", &["search.cache"]),
            ("[submission]\nauthors_elsewhere = true\n", &[]),
            ("[delivery]\nscript_redirects = \"anywhere\"\n", &[]),
            ("[rspamd]\ncontroller = \"[::1]:11334\"\n", &[]),
            ("[sent_reports]\ntls = true\naddress = \"a@b.test\"\n", &[]),
            ("[activity]\nentries = 9\n", &[]),
            ("[acme]\ncontact = \"a@b.test\"\n", &[]),
            ("[[certificate]]\ncertificate = \"/a\"\nkey = \"/b\"\n", &[]),
            ("[metrics]\nallow = []\n", &[]),
            ("[metrics]\nbind = \"[::1]:9464\"\n", &["metrics.bind"]),
            ("[[imap_client]]\nname = \"x\"\ncapabilities_off = [\"NOTIFY\"]\n", &[]),
            ("[[route]]\ndomain = \"*\"\nhost = \"relay.test\"\n", &[]),
            ("[mta_sts]\nmode = \"enforce\"\n", &[]),
            ("[authenticity]\narc = false\n", &[]),
            ("[auth]\nscram = false\n", &[]),
        ] {
            let (old, new) = (parsed(""), parsed(more));
            assert_eq!(needs_restart(&old, &new), options, "{more}");
            // What is not named is taken up.
            assert_eq!(running(&old, new.clone()) == new, options.is_empty(), "{more}");
        }
    }
}
