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
        // What needs a restart keeps its old value, so that the next reload says so again.
        let running = Config {
            limits: limits_running(&self.config.limits, new.limits),
            mta_sts: new.mta_sts,
            authenticity: new.authenticity,
            peers: new.peers,
            block_lists: new.block_lists,
            checks: new.checks,
            imap: new.imap,
            pop3: new.pop3,
            queue: config::Queue {
                enabled: self.config.queue.enabled,
                memory: self.config.queue.memory,
                trace: self.config.queue.trace,
                held_messages: self.config.queue.held_messages,
                dns: self.config.queue.dns.clone(),
                dnssec: self.config.queue.dnssec,
                trusted_ca: self.config.queue.trusted_ca.clone(),
                ..new.queue
            },
            routes: new.routes,
            log: config::Log { level: new.log.level, ..self.config.log.clone() },
            ..self.config.clone()
        };
        if let Err(failure) = self.listeners.take_up_sending(&running) {
            return tracing::error!(error = failure.text(), "the old routes stay in use");
        }
        if let Err(failure) = self.listeners.take_up(&running) {
            return tracing::error!(error = failure.text(), "the old limits stay in use");
        }
        self.config = running;
        tracing::info!("configuration reloaded");
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
    connections network_v4 network_v6 tls_handshake_timeout write_timeout
    shutdown_timeout message reception_memory messages_per_day recipients_per_message
    mailboxes metadata_value metadata_entries metadata annotation_value
    annotation_entries annotations keywords shares teams
    team_members lists list_members shared_mailboxes scripts
    script scripts_total redirections
}

/// The options whose change only a restart takes up.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let queue = (&old.queue, &new.queue);
    let changed = [
        ("hostname", old.hostname != new.hostname),
        ("data_dir", old.data_dir != new.data_dir),
        ("storage", old.storage != new.storage),
        ("tls", old.tls != new.tls),
        ("certificate", old.certificates != new.certificates),
        ("acme", old.acme != new.acme),
        ("listener", old.listeners != new.listeners),
        ("search", old.search != new.search),
        ("calendar", old.calendar != new.calendar),
        ("sent_reports", old.sent_reports != new.sent_reports),
        ("rspamd", old.rspamd != new.rspamd),
        ("activity", old.activity != new.activity),
        ("delivery", old.delivery != new.delivery),
        ("auth", old.auth != new.auth),
        ("queue.enabled", queue.0.enabled != queue.1.enabled),
        ("queue.memory", queue.0.memory != queue.1.memory),
        ("queue.trace", queue.0.trace != queue.1.trace),
        ("queue.held_messages", queue.0.held_messages != queue.1.held_messages),
        ("queue.dns", queue.0.dns != queue.1.dns),
        ("queue.dnssec", queue.0.dnssec != queue.1.dnssec),
        ("queue.trusted_ca", queue.0.trusted_ca != queue.1.trusted_ca),
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
        let [old, new] = [parsed(""), parsed("[limits]\nteams = 3\nrecipients = 700\n")];
        let limits =
            reference.split("\n## ").find(|table| table.starts_with("`[limits]`")).unwrap();
        for (option, _) in limits_changed(&old.limits, &new.limits) {
            let name = option.strip_prefix("limits.").unwrap();
            let heading = format!("`{name}`\n");
            let text = limits.split("\n### ").find(|text| text.starts_with(&heading)).unwrap();
            assert!(text.contains("takes effect with the next start"), "{option}");
        }
        assert_eq!(needs_restart(&old, &new), ["limits.teams"]);
        let running = limits_running(&old.limits, new.limits);
        assert_eq!((running.teams, running.recipients), (old.limits.teams, 700));
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
            ("[queue]\nmemory = \"9 MiB\"\n", &["queue.memory"]),
            ("[limits]\nconnections = 200\n", &["limits.connections"]),
            ("[limits]\nconnections_per_address = 20\n", &[]),
            ("[peers]\ngreylist = true\n", &[]),
            ("[[blocklist]]\nzone = \"list.test\"\n", &[]),
            ("[[check]]\nscanner = \"clamd\"\naddress = \"[::1]:3310\"\n", &[]),
            ("[storage]\nreaders = 9\n", &["storage"]),
        ] {
            assert_eq!(needs_restart(&parsed(""), &parsed(more)), options, "{more}");
        }
    }
}
