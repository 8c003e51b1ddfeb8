//! What the configuration means for each protocol: plain settings for its crate.

use std::sync::Arc;
use std::time::Duration;

use acme::KeeperCounts;
use auth::Authenticator;
use config::{
    Config, DmarcPolicy, DnsFailure, ImapClient, Limits, Listener, Protocol, SpfPolicy, Word,
};
use dav::{DavService, PushSettings};
use imap::ImapService;
use mailauth::srs::SrsKey;
use mailauth::{Methods, Signatory};
use managesieve::ManageSieveService;
use net::{
    MemoryBudget, NetworkRateLimits, NetworkRates, PaceSettings, ProtocolCounts, RateLimits,
    ReplaceableDns,
};
use pop3::Pop3Service;
use queue::Queue;
use smtp::{
    Authenticity, AuthenticitySettings, Desk, Disowned, DmarcTally, ReceptionMemory, ReportInbox,
    Role,
};
use storage::{AuthorsElsewhere, Sorter, Store};
use tokio::sync::mpsc::Sender;

use super::checks::Checks;
use super::open::{count, network_prefix};
use super::peers;
use super::sending;
use super::signing::DomainSignatory;
use super::teaching::TeachingCounts;
use crate::admin::Admin;

/// What all services of a daemon share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) memory: ReceptionMemory,
    /// Absent where none is known, which is an error only for who sends.
    pub(super) dns: Option<Arc<ReplaceableDns>>,
    /// Signs mail of the domains here.
    pub(super) signatory: Arc<dyn Signatory>,
    /// Takes reports of others that came by mail.
    pub(super) reports: Sender<Vec<u8>>,
    /// What is counted for reports to others, where somebody is told.
    pub(super) dmarc: Arc<DmarcTally>,
    /// The key by which reverse-paths are rewritten.
    pub(super) srs_key: SrsKey,
    pub(super) sorter: Arc<dyn Sorter>,
    /// The queue; absent where nothing is sent.
    pub(super) queue: Option<Queue>,
    pub(super) counts: Arc<Counts>,
    pub(super) checks: Checks,
    pub(super) taught: Arc<TeachingCounts>,
    pub(super) certificates: Arc<KeeperCounts>,
    pub(super) rates: Arc<NetworkRates>,
    /// The turns to read for all HTTP listeners: they have the same connections to the store.
    pub(super) dav_turns: dav::Turns,
    /// Absent where nobody is told of changes of calendars.
    pub(super) pushes: Option<PushSettings>,
}

/// Services that other parts of the daemon than its listeners use, too.
pub(super) struct Shares {
    /// Signs mail of the domains here.
    pub(super) signatory: Arc<dyn Signatory>,
    /// Runs the rules of accounts.
    pub(super) sorter: Arc<dyn Sorter>,
    /// Takes reports of others that came by mail.
    pub(super) reports: Sender<Vec<u8>>,
    /// Counts results of DMARC for reports to others.
    pub(super) dmarc: Arc<DmarcTally>,
}

/// What the sessions of each protocol count, over all listeners and reloads.
pub(super) struct Counts {
    pub(super) imap: Arc<ProtocolCounts>,
    pub(super) pop3: Arc<ProtocolCounts>,
    pub(super) managesieve: Arc<ProtocolCounts>,
    pub(super) smtp: Arc<ProtocolCounts>,
    pub(super) submission: Arc<ProtocolCounts>,
    pub(super) lmtp: Arc<ProtocolCounts>,
    pub(super) dav: Arc<dav::Counts>,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            imap: Arc::new(ImapService::new_counts()),
            pop3: Arc::new(Pop3Service::new_counts()),
            managesieve: Arc::new(ManageSieveService::new_counts()),
            smtp: Arc::new(smtp::Server::new_counts()),
            submission: Arc::new(smtp::Server::new_counts()),
            lmtp: Arc::new(smtp::Server::new_counts()),
            dav: Arc::default(),
        }
    }

    /// Each protocol by its name.
    pub(super) fn each(&self) -> [(&'static str, &ProtocolCounts); 6] {
        [
            ("imap", &self.imap),
            ("pop3", &self.pop3),
            ("managesieve", &self.managesieve),
            ("smtp", &self.smtp),
            ("submission", &self.submission),
            ("lmtp", &self.lmtp),
        ]
    }

    fn of(&self, role: Role) -> Arc<ProtocolCounts> {
        match role {
            Role::Mx => self.smtp.clone(),
            Role::Submission => self.submission.clone(),
            Role::Lmtp => self.lmtp.clone(),
        }
    }
}

/// Where scripts are edited, for programs that see mailboxes only (RFC 6785 §2.1).
fn sieve_server(config: &Config) -> Option<String> {
    let edits = |listener: &&Listener| listener.protocol == config::Protocol::ManageSieve;
    let port = config.listeners.iter().find(edits)?.bind.first()?.port();
    Some(match port {
        // RFC 5804 §3: the port that goes without saying.
        4190 => format!("sieve://{}", config.hostname),
        port => format!("sieve://{}:{port}", config.hostname),
    })
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        admin: &Admin,
        dns: Option<Arc<ReplaceableDns>>,
        shares: Shares,
        queue: Option<Queue>,
    ) -> Self {
        Self {
            store: admin.store.clone(),
            authenticator: admin.authenticator.clone(),
            memory: ReceptionMemory::new(bytes(config.limits.reception_memory)),
            dns,
            signatory: shares.signatory,
            reports: shares.reports,
            dmarc: shares.dmarc,
            srs_key: admin.seal_key.srs(),
            sorter: shares.sorter,
            queue,
            counts: Arc::new(Counts::new()),
            checks: Checks::new(config),
            taught: Arc::default(),
            certificates: Arc::default(),
            rates: Arc::new(NetworkRates::new(network_rates(config))),
            dav_turns: dav::Turns::new(admin.store.settings().readers),
            pushes: None,
        }
    }

    /// The IMAP service of one listener.
    pub(super) fn imap(&self, config: &Config, listener: &Listener) -> ImapService {
        let limits = &config.limits;
        let settings = imap::Settings {
            hostname: config.hostname.clone(),
            limits: imap_limits(limits),
            login_timeout: limits.sign_in_timeout,
            idle_timeout: limits.imap_timeout,
            append_memory_bytes: limits.imap_append_memory,
            fetch_memory_bytes: limits.imap_fetch_memory,
            pace: pace(limits, limits.imap_append_timeout),
            plaintext_auth: listener.plaintext_auth,
            mechanisms: mechanisms(listener),
            progress_interval: imap::Settings::default().progress_interval,
            search_bytes_max: imap::Settings::default().search_bytes_max,
            message_limit: config.imap.message_limit.unwrap_or(0),
            save_limit: config.imap.save_limit.unwrap_or(0),
            submission_servers: names(&config.imap.submission_servers),
            sieve_server: sieve_server(config),
            errors_before_login_max: limits.bad_commands,
            commands_before_login_per_minute: limits.imap_commands_before_sign_in,
            disabled_capabilities: names(&listener.capabilities_off),
            client_rules: config.imap_clients.iter().map(client_rule).collect(),
        };
        ImapService::new(self.store.clone(), self.authenticator.clone(), settings)
            .counting(self.counts.imap.clone())
    }

    /// Calendars and contacts of one listener.
    pub(super) fn dav(&self, config: &Config, listener: &Listener) -> DavService {
        let (limits, scheduling) = (&config.dav, self.store.settings().scheduling);
        let usual = dav::Settings::default();
        let settings = dav::Settings {
            public_url: super::public_url(config),
            plaintext_auth: listener.plaintext_auth,
            attachments: self.store.settings().attachments,
            objects: scheduling.objects,
            attendees_max: scheduling.attendees_max,
            xml: dav::XmlLimits {
                bytes_max: bytes(limits.request),
                properties_max: count(limits.properties),
                hrefs_max: count(limits.multiget),
                tests_max: count(limits.filter_tests),
                ..usual.xml
            },
            results_max: count(limits.results),
            answer_bytes_max: bytes(limits.answer),
            answer_time: limits.answer_time,
            account_readers_max: limits
                .account_readers
                .map_or(self.store.settings().readers / 2, count),
            body_memory: Arc::new(MemoryBudget::new(limits.body_memory)),
            checks: Some(Arc::new(self.checks.clone())),
            body_timeout: limits.body_time,
            pushes: self.pushes.clone(),
            counts: self.counts.dav.clone(),
        };
        DavService::new(self.store.clone(), self.authenticator.clone(), settings)
            .taking(self.dav_turns.clone())
    }

    /// The POP3 service of one listener.
    pub(super) fn pop3(&self, config: &Config, listener: &Listener) -> Pop3Service {
        let limits = &config.limits;
        let settings = pop3::Settings {
            hostname: config.hostname.clone(),
            line_bytes_max: bytes(limits.pop3_line),
            login_timeout: limits.sign_in_timeout,
            idle_timeout: limits.pop3_timeout,
            retrieval_memory_bytes: limits.pop3_memory,
            plaintext_auth: listener.plaintext_auth,
            mechanisms: mechanisms(listener),
            errors_before_login_max: limits.bad_commands,
            commands_before_login_per_minute: limits.pop3_commands_before_sign_in,
            retrieving_marks_seen: config.pop3.mark_seen,
            surrogates: config.pop3.surrogates,
        };
        Pop3Service::new(self.store.clone(), self.authenticator.clone(), settings)
            .counting(self.counts.pop3.clone())
    }

    /// The ManageSieve service of one listener.
    pub(super) fn managesieve(&self, config: &Config, listener: &Listener) -> ManageSieveService {
        let limits = &config.limits;
        let settings = managesieve::Settings {
            hostname: config.hostname.clone(),
            script_bytes_max: limits.script,
            login_timeout: limits.sign_in_timeout,
            idle_timeout: limits.managesieve_timeout,
            plaintext_auth: listener.plaintext_auth,
            mechanisms: mechanisms(listener),
            errors_before_login_max: limits.bad_commands,
            language: Arc::new(delivery::language()),
            ..managesieve::Settings::default()
        };
        ManageSieveService::new(self.store.clone(), self.authenticator.clone(), settings)
            .counting(self.counts.managesieve.clone())
    }

    /// The SMTP service of one listener: port 25, submission or LMTP.
    pub(super) fn smtp(&self, config: &Config, listener: &Listener, role: Role) -> smtp::Server {
        let limits = &config.limits;
        let defaults = smtp::Settings::new(role, config.hostname.clone());
        let lmtp = role == Role::Lmtp;
        let settings = smtp::Settings {
            starttls: listener.protocol != Protocol::Submissions,
            plaintext_auth: listener.plaintext_auth,
            mechanisms: submission_mechanisms(listener),
            command_line_bytes_max: bytes(limits.smtp_line),
            recipients_max: count(limits.recipients),
            message_bytes_max: limits.message,
            message_line_bytes_max: bytes(limits.message_line),
            // As much again as a message, so that every honest client hears the reply.
            overrun_bytes_max: limits.message,
            // Local injection is trusted to report its own errors; the defaults know.
            errors_max: if lmtp { defaults.errors_max } else { limits.bad_commands },
            idle_commands_max: match lmtp {
                true => defaults.idle_commands_max,
                false => limits.smtp_idle_commands,
            },
            commands_before_sign_in_max: limits.smtp_commands_before_sign_in,
            received_fields_max: count(limits.hops),
            authors_elsewhere: match config.submission.authors_elsewhere {
                true => AuthorsElsewhere::Permitted,
                false => AuthorsElsewhere::Refused,
            },
            hold_secs_max: match config.queue.enabled {
                true => u32::try_from(config.queue.hold_max.as_secs())
                    .unwrap_or(u32::MAX)
                    .min(999_999_999),
                false => 0,
            },
            idle_timeout: limits.smtp_timeout,
            data_timeout: limits.smtp_data_timeout,
            pace: pace(limits, limits.smtp_message_timeout),
            ..defaults
        };
        let mut desk = Desk::new(self.store.clone(), self.authenticator.clone(), &config.hostname)
            .sorting(self.sorter.clone())
            .rewriting(self.srs_key.clone())
            .signing(self.signatory.clone());
        let reports = config.authenticity.reports.as_ref();
        if let Some(address) = reports.and_then(|word| word.as_str().parse().ok()) {
            desk = desk.reporting(ReportInbox::new(&address, self.reports.clone()));
        }
        if let Some(dns) = &self.dns {
            let tally = sending::tells_of_dmarc(config).then(|| self.dmarc.clone());
            desk = desk.checking(Arc::new(authenticity(config, dns.clone(), tally)));
        }
        let server = smtp::Server::new(settings, desk, self.memory.clone())
            .counting(self.counts.of(role))
            .bounding_networks(self.rates.clone())
            .checked_by(Arc::new(self.checks.clone()));
        match &self.dns {
            Some(dns) => server.looking_at_peers(Arc::new(peers::policy(config, dns.clone()))),
            None => server,
        }
    }
}

/// LIMIT: what stands in a SETMETADATA beside one value: names of mailboxes and entries.
const METADATA_NAMES_BYTES: u64 = 64 * 1024;

/// RFC 9051 §2.3.2: `\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`.
const SYSTEM_FLAGS: usize = 5;

fn imap_limits(limits: &Limits) -> imap::parse::Limits {
    let defaults = imap::parse::Limits::default();
    // The largest annotation that may be set has to fit.
    let value = limits.metadata_value;
    let line = limits.imap_line.max(value.saturating_add(METADATA_NAMES_BYTES));
    imap::parse::Limits {
        line_bytes_max: bytes(line),
        line_bytes_max_before_login: bytes(limits.imap_line)
            .min(defaults.line_bytes_max_before_login),
        literal_bytes_max_before_login: limits.imap_literal_before_sign_in,
        literal_bytes_max: limits.imap_literal.max(value),
        append_bytes_max: limits.message,
        append_total_bytes_max: limits.imap_append,
        // A whole message of twice the limit is skipped to keep the connection.
        skip_bytes_max: limits.message.saturating_mul(2),
        // What a mailbox may hold can be named in one command, beside the system flags.
        flags_max: bytes(limits.keywords.into()).saturating_add(SYSTEM_FLAGS),
        ..defaults
    }
}

fn client_rule(client: &ImapClient) -> imap::ClientRule {
    imap::ClientRule {
        name: client.name.to_string(),
        version: client.version.as_ref().map(Word::to_string).unwrap_or_default(),
        capabilities_off: names(&client.capabilities_off),
    }
}

fn names(words: &[Word]) -> Vec<String> {
    words.iter().map(Word::to_string).collect()
}

/// The configuration's mechanisms as `sasl` has them; both know the same.
fn mechanisms(listener: &Listener) -> Vec<sasl::Name> {
    let names = listener.sasl_mechanisms.iter().map(|mechanism| mechanism.as_str().as_bytes());
    names.filter_map(sasl::Name::parse).collect()
}

/// Those of a listener for submission.
///
/// QUIRK(mutt, 2.2 with gsasl): takes a `-PLUS` form where one is offered, has nothing to bind it
/// to, and gives up; over IMAP it goes on to the next way. So they are offered for submission
/// only where the list names them.
fn submission_mechanisms(listener: &Listener) -> Vec<sasl::Name> {
    let mut mechanisms = mechanisms(listener);
    if mechanisms == sasl::Name::ALL {
        mechanisms.retain(|name| !matches!(name, sasl::Name::Scram { plus: true, .. }));
    }
    mechanisms
}

/// Makes what signs and seals mail of the domains here.
pub(super) fn signatory(config: &Config, admin: &Admin) -> Arc<dyn Signatory> {
    let (store, seal_key) = (admin.store.clone(), admin.seal_key.clone());
    Arc::new(DomainSignatory::new(store, seal_key, authserv_id(config)))
}

/// Our name in Authentication-Results.
fn authserv_id(config: &Config) -> String {
    let id = config.authenticity.authserv_id.as_ref();
    id.map_or(config.hostname.as_str(), Word::as_str).to_ascii_lowercase()
}

/// How mail from other servers is checked.
fn authenticity(
    config: &Config,
    dns: Arc<ReplaceableDns>,
    tally: Option<Arc<DmarcTally>>,
) -> Authenticity {
    let authenticity = &config.authenticity;
    let normal = |word: &Word| message::address::normal_domain(word.as_str());
    let networks = authenticity.trusted_networks.iter();
    let settings = AuthenticitySettings {
        authserv_id: authserv_id(config),
        methods: Methods {
            spf: authenticity.spf != SpfPolicy::Off,
            dkim: authenticity.dkim,
            dmarc: authenticity.dmarc != DmarcPolicy::Off,
            arc: authenticity.arc,
        },
        obey: authenticity.dmarc == DmarcPolicy::Obey,
        disowned: match authenticity.spf {
            SpfPolicy::Off | SpfPolicy::Mark => Disowned::Mark,
            SpfPolicy::Junk => Disowned::Junk,
            SpfPolicy::Reject => Disowned::Reject,
        },
        defer: authenticity.dns_failure == DnsFailure::Defer,
        trusted_sealers: authenticity.trusted_sealers.iter().map(normal).collect(),
        // Both crates read networks alike.
        trusted_networks: networks.filter_map(|it| it.to_string().parse().ok()).collect(),
        trusted_servers: authenticity.trusted_servers.iter().map(normal).collect(),
        timeout: authenticity.timeout,
    };
    Authenticity::new(dns, settings).counting(tally)
}

/// What a network of strangers may do in a minute, and an address.
pub(super) fn network_rates(config: &Config) -> NetworkRateLimits {
    NetworkRateLimits {
        network: RateLimits {
            connections: config.limits.smtp_connections_per_network,
            messages: config.limits.messages_per_network,
            recipients: config.limits.recipients_per_network,
        },
        address: RateLimits {
            connections: config.limits.smtp_connections_per_address,
            messages: config.limits.messages_per_address,
            recipients: config.limits.recipients_per_address,
        },
        prefix: network_prefix(config),
    }
}

/// How slowly a message may come.
fn pace(limits: &Limits, time_max: Duration) -> PaceSettings {
    PaceSettings { rate_min: limits.message_rate, grace: limits.message_grace, time_max }
}

/// A size from the configuration as a size in memory.
pub(super) fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_annotation_fits_into_a_command() {
        for (written, literal, line) in [
            ("", 64, 256),
            ("metadata_value = \"64 KiB\"", 64, 256),
            ("metadata_value = \"1 MiB\"", 1024, 1024 + 64),
            ("metadata_value = \"1 MiB\"\nimap_line = \"2 MiB\"", 1024, 2048),
            ("imap_literal = \"100 KiB\"", 100, 256),
        ] {
            let text = format!(
                "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                 [limits]\n{written}\n\
                 [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n"
            );
            let config = config::parse(&text, std::path::Path::new("p.toml")).unwrap();
            let limits = imap_limits(&config.limits);
            assert_eq!(limits.literal_bytes_max, literal * 1024, "{written}");
            assert_eq!(limits.line_bytes_max, line * 1024, "{written}");
            assert_eq!(limits.flags_max, 1005, "{written}");
        }
    }

    #[test]
    fn all_mechanisms_of_the_configuration_are_known() {
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n";
        let config = config::parse(text, std::path::Path::new("p.toml")).unwrap();
        assert_eq!(mechanisms(&config.listeners[0]), sasl::Name::ALL);
    }
}
