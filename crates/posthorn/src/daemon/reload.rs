//! SIGHUP: reads the TLS files and the configuration again.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Config, Limits};
use net::TlsKeys;

use super::listeners::Listeners;
use super::logging::LevelHandle;
use crate::cli::load_config;

/// What can change while the daemon runs, and the configuration it runs with.
pub(super) struct Reload {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    pub(super) keys: Option<Arc<TlsKeys>>,
    pub(super) level: LevelHandle,
    pub(super) listeners: Listeners,
}

impl Reload {
    /// Takes up what is new. What is wrong is said in the log and leaves all as it was.
    pub(super) fn run(&mut self) {
        if let Some(keys) = &self.keys {
            match keys.reload() {
                Ok(true) => tracing::info!("TLS files reloaded"),
                Ok(false) => tracing::info!("TLS files are unchanged"),
                Err(error) => tracing::error!(%error, "the old certificate stays in use"),
            }
        }
        match load_config(&self.path) {
            Ok(config) => self.take_up(config),
            Err(failure) => {
                for problem in failure.text().lines() {
                    tracing::error!(problem, "the old configuration stays in use");
                }
            }
        }
    }

    fn take_up(&mut self, new: Config) {
        for option in needs_restart(&self.config, &new) {
            tracing::warn!(option, "has changed and takes effect with the next start");
        }
        self.level.set(new.log.level);
        let running = running(&self.config, new);
        if let Err(failure) = self.listeners.take_up_sending(&running) {
            return tracing::error!(error = failure.text(), "the old routes stay in use");
        }
        self.listeners.take_up_storage(&running);
        if let Err(failure) = self.listeners.take_up(&running) {
            return tracing::error!(error = failure.text(), "the old limits stay in use");
        }
        self.config = running;
        tracing::info!("configuration reloaded");
    }
}

/// What the daemon runs with once it has taken up a configuration.
fn running(old: &Config, new: Config) -> Config {
    // What needs a restart keeps its old value, so that the next reload says so again.
    let listeners = match same_places(old, &new) {
        true => new.listeners,
        false => old.listeners.clone(),
    };
    Config {
        listeners,
        imap_clients: new.imap_clients,
        limits: limits_running(&old.limits, new.limits),
        mta_sts: new.mta_sts,
        authenticity: new.authenticity,
        peers: new.peers,
        block_lists: new.block_lists,
        checks: new.checks,
        imap: new.imap,
        pop3: new.pop3,
        queue: new.queue,
        dav: new.dav,
        routes: new.routes,
        log: config::Log { level: new.log.level, ..old.log.clone() },
        ..old.clone()
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

/// Whether the listeners are where they were: the same protocols on the same addresses.
fn same_places(old: &Config, new: &Config) -> bool {
    let places = |config: &Config| {
        let places = config.listeners.iter().map(|one| (one.protocol, one.bind.clone()));
        places.collect::<Vec<_>>()
    };
    places(old) == places(new)
}

/// The options whose change only a restart takes up.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("hostname", old.hostname != new.hostname),
        ("web_url", old.web_url != new.web_url),
        ("data_dir", old.data_dir != new.data_dir),
        ("storage", old.storage != new.storage),
        ("tls", old.tls != new.tls),
        ("certificate", old.certificates != new.certificates),
        ("acme", old.acme != new.acme),
        ("listener", !same_places(old, new)),
        ("search", old.search != new.search),
        ("calendar", old.calendar != new.calendar),
        ("sent_reports", old.sent_reports != new.sent_reports),
        ("rspamd", old.rspamd != new.rspamd),
        ("activity", old.activity != new.activity),
        ("delivery", old.delivery != new.delivery),
        ("auth", old.auth != new.auth),
        ("log.format", old.log.format != new.log.format),
        ("metrics", old.metrics != new.metrics),
    ];
    let limits = limits_changed(&old.limits, &new.limits);
    changed
        .into_iter()
        .chain(limits)
        .filter(|(_, changed)| *changed)
        .map(|(option, _)| option)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BASE: &str = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                        [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";

    fn parsed(more: &str) -> Config {
        config::parse(&format!("{BASE}{more}"), Path::new("p.toml")).unwrap()
    }

    #[test]
    fn limits_that_need_a_restart_say_so() {
        let reference = include_str!("../../../../docs/config.md");
        let more = "[limits]\nnetwork_v4 = 16\nrecipients = 700\nteams = 3\n";
        let [old, new] = [parsed(""), parsed(more)];
        let limits =
            reference.split("\n## ").find(|table| table.starts_with("`[limits]`")).unwrap();
        for (option, _) in limits_changed(&old.limits, &new.limits) {
            let name = option.strip_prefix("limits.").unwrap();
            let heading = format!("`{name}`\n");
            let text = limits.split("\n### ").find(|text| text.starts_with(&heading)).unwrap();
            assert!(text.contains("takes effect with the next start"), "{option}");
        }
        assert_eq!(needs_restart(&old, &new), ["limits.network_v4"]);
        let running = limits_running(&old.limits, new.limits);
        let (kept, taken) = (running.network_v4, (running.recipients, running.teams));
        assert_eq!((kept, taken), (old.limits.network_v4, (700, 3)));
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
            ("[calendar]\nattendees = 9\n", &["calendar"]),
            ("[queue]\nenabled = false\ntrusted_ca = \"/x.pem\"\n", &[]),
            ("[limits]\nconnections = 200\nnetwork_v6 = 48\n", &["limits.network_v6"]),
            ("proxy_protocol = [\"192.0.2.0/24\"]\n", &[]),
            ("[[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:994\"\n", &["listener"]),
            ("[limits]\nconnections_per_address = 20\n", &[]),
            ("[peers]\ngreylist = true\n", &[]),
            ("[[blocklist]]\nzone = \"list.test\"\n", &[]),
            ("[[check]]\nscanner = \"clamd\"\naddress = \"[::1]:3310\"\n", &[]),
            ("[storage]\nreaders = 9\n", &["storage"]),
            ("[[imap_client]]\nname = \"x\"\ncapabilities_off = [\"NOTIFY\"]\n", &[]),
            ("[[route]]\ndomain = \"*\"\nhost = \"relay.test\"\n", &[]),
            ("[mta_sts]\nmode = \"enforce\"\n", &[]),
            ("[authenticity]\narc = false\n", &[]),
            ("[auth]\nscram = false\n", &["auth"]),
        ] {
            let (old, new) = (parsed(""), parsed(more));
            assert_eq!(needs_restart(&old, &new), options, "{more}");
            // What is not named is taken up.
            assert_eq!(running(&old, new.clone()) == new, options.is_empty(), "{more}");
        }
    }
}
