//! Opens what the configuration names: the store, and the verbs on it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use auth::{
    AuthSettings, Authenticator, PasswordPolicy, ScramKey, ScramSettings, ThrottleSettings,
};
use config::{Config, Secret};
use net::{NetworkPrefix, SystemClock};
use storage::{StorageError, Store};

use crate::admin::{Admin, LinkTerms, Policy};
use crate::cli::Failure;
use crate::seal_key::SealKey;

/// Why a data directory could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// Another process has the store open.
    InUse,
    /// The store cannot be used as it is.
    Failed(Failure),
}

/// Opens the store for the verbs of an operator and for listeners. From here to
/// [`Store::close`] this process owns the data directory. Blocks, so it must not run on a
/// runtime.
pub(crate) fn open_admin(config: &Config) -> Result<Admin, OpenError> {
    let settings = storage_settings(config).map_err(OpenError::Failed)?;
    let named = |error: &dyn std::fmt::Display| {
        OpenError::Failed(Failure::new(format!("{}: {error}", config.data_dir.display())))
    };
    let store = Store::open(settings).map_err(|error| match error {
        StorageError::InUse(_) => OpenError::InUse,
        other => named(&other),
    })?;
    // The directory is this process's own by now, so that no other one makes the files too.
    let keys = scram(config).and_then(|scram| Ok((scram, seal_key(config)?)));
    let (scram, seal_key) = match keys {
        Ok(keys) => keys,
        Err(failure) => {
            store.close();
            return Err(OpenError::Failed(failure));
        }
    };
    let settings = auth_settings(config, scram);
    let authenticator = Authenticator::new(store.clone(), Arc::new(SystemClock), settings)
        .map_err(|error| named(&error))?;
    let authenticator = Arc::new(authenticator);
    let web_url = std::sync::RwLock::new(web_url(config));
    let link_terms = std::sync::RwLock::new(link_terms(config));
    let (policy, queue) = (Policy::Strict, OnceLock::new());
    Ok(Admin { store, authenticator, policy, seal_key, web_url, link_terms, queue })
}

/// What a process that must own the directory says when another does.
pub(crate) fn in_use(directory: &Path) -> Failure {
    let directory = directory.display();
    Failure::new(format!("{directory} is in use: a daemon or a command owns it"))
}

/// Where people reach the web server.
pub(super) fn web_url(config: &Config) -> String {
    match &config.web_url {
        Some(url) => url.as_str().to_owned(),
        None => format!("https://{}", config.hostname),
    }
}

/// What links that set passwords are made and sent with. Nobody is sent to where there is no TLS:
/// where a proxy in front has it, `web_url` says so.
pub(super) fn link_terms(config: &Config) -> LinkTerms {
    let has_tls =
        config.listeners.iter().any(|listener| listener.protocol == config::Protocol::Https);
    let is_reached = match &config.web_url {
        Some(url) => url.as_str().starts_with("https://"),
        None => has_tls,
    };
    LinkTerms { base: is_reached.then(|| letter_base(config)), sends: config.queue.enabled }
}

/// The base URL of secret links in letters, without a slash at the end.
fn letter_base(config: &Config) -> String {
    match &config.web_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => super::public_url(config),
    }
}

/// How signing in goes.
pub(super) fn auth_settings(config: &Config, scram: Option<ScramSettings>) -> AuthSettings {
    let auth = &config.auth;
    AuthSettings {
        passwords: PasswordPolicy {
            chars_min: count(auth.password_length),
            argon2_memory_kib: u32::try_from(auth.argon2_memory / 1024).unwrap_or(u32::MAX),
            argon2_passes: auth.argon2_passes,
        },
        throttle: ThrottleSettings {
            failures_per_address_max: auth.failures_per_address,
            failures_per_network_max: auth.failures_per_network,
            network: network_prefix(config),
            failures_per_account_max: auth.failures_per_account,
            window_secs: seconds(auth.failure_window),
            loopback_exempt: auth.loopback_exempt,
        },
        cache_ttl_secs: seconds(auth.cache_ttl),
        cache_entries_max: count(auth.cache_entries),
        verifications_max: count(auth.verifications),
        scram,
    }
}

/// The size of a network, from the configuration.
pub(super) fn network_prefix(config: &Config) -> NetworkPrefix {
    let bits = |bits: u32| u8::try_from(bits).unwrap_or(u8::MAX);
    let limits = &config.limits;
    NetworkPrefix { v4_bits: bits(limits.network_v4), v6_bits: bits(limits.network_v6) }
}

/// How SCRAM is served, where it is.
pub(super) fn scram(config: &Config) -> Result<Option<ScramSettings>, Failure> {
    if !config.auth.scram {
        return Ok(None);
    }
    let path = config.data_dir.join("scram.key");
    let key = ScramKey::new(super::key_file::load_or_make(&path)?);
    Ok(Some(ScramSettings { key, iterations: config.auth.scram_iterations }))
}

/// The key that seals secrets in storage, from `seal.key`; made if there is no such file.
fn seal_key(config: &Config) -> Result<SealKey, Failure> {
    super::key_file::load_or_make(&config.data_dir.join("seal.key")).map(SealKey::new)
}

/// Whole seconds, at least one.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).max(1)
}

fn storage_settings(config: &Config) -> Result<storage::Settings, Failure> {
    let mut settings = storage::Settings::new(&config.data_dir, Arc::new(SystemClock));
    settings.database = match &config.storage.database {
        config::Database::Sqlite => storage::Database::Sqlite,
        config::Database::Postgresql(url) => {
            storage::Database::Postgres(match &config.storage.database_password_file {
                Some(file) => with_password(url, &read_secret(file)?),
                None => url.clone(),
            })
        }
    };
    settings.blobs = match &config.storage.blobs {
        config::Blobs::Database => storage::Blobs::Database,
        config::Blobs::ObjectStore(url) => storage::Blobs::ObjectStore(url.clone()),
    };
    settings.index_cache_bytes = bytes(config.search.cache);
    settings.readers = count(config.storage.readers);
    settings.queue_bytes_max = config.storage.write_queue;
    settings.content_cache_bytes =
        config.storage.content_cache.unwrap_or_else(super::memory::share);
    settings.share_notices = Some(Arc::new(dav::Notifications));
    set_storage_limits(&mut settings, config);
    Ok(settings)
}

fn set_calendars(settings: &mut storage::Settings, config: &Config) {
    let calendar = &config.calendar;
    settings.attachments = storage::AttachmentSettings {
        bytes_max: calendar.attachment,
        per_object_max: calendar.attachments.into(),
    };
    settings.tells_of_sharing = calendar.tell_of_sharing;
    settings.scheduling.attendees_max = count(calendar.attendees);
    settings.scheduling.mailed = match calendar.invitations_by_mail {
        config::MailedInvitations::All => storage::MailedInvitations::All,
        config::MailedInvitations::Known => storage::MailedInvitations::Known,
        config::MailedInvitations::Nothing => storage::MailedInvitations::Nothing,
    };
    settings.letters = calendar.invite_by_mail.then(|| {
        let urls = delivery::SecretUrls {
            base: letter_base(config),
            calendar: dav::outside_path,
            file: dav::outside_file_path,
            attachment: dav::attachment_path,
        };
        let letters: Arc<dyn storage::Letters> =
            Arc::new(delivery::Invitations::new(&config.hostname, urls));
        letters
    });
}

fn set_search(settings: &mut storage::Settings, config: &Config) {
    let search = &config.search;
    settings.search_index = search.index;
    settings.index_text_bytes_max = bytes(search.text_per_message);
    let attachments = search.attachments.iter();
    settings.index_attachments = attachments.map(|kind| kind.as_str().to_owned()).collect();
    settings.index_memory_bytes = bytes(search.memory);
}

/// LIMIT: trace fields, results and signatures that a message gets here; what is as large as it may
/// be when it comes (RFC 1870 §4) is still kept with them.
const ADDED_BYTES_MAX: u64 = 64 * 1024;

/// What a reload may change of storage.
pub(super) fn set_storage_limits(settings: &mut storage::Settings, config: &Config) {
    set_calendars(settings, config);
    set_search(settings, config);
    settings.lessons = config.rspamd.controller.is_some();
    settings.expunged_retention_days = days(config.storage.expunged_retention);
    settings.expunged_bytes_max = config.storage.expunged;
    settings.change_log_days = days(config.storage.change_log);
    settings.activity_days = days(config.activity.keep);
    settings.trace_days = days(config.queue.trace);
    settings.trace_receptions = config.queue.trace_receptions;
    settings.scheduled_messages_max = config.queue.held_messages.into();
    settings.message_bytes_max = config.limits.message + ADDED_BYTES_MAX;
    settings.sent_messages_max = config.limits.messages_per_day.into();
    settings.sent_recipients_max = config.limits.recipients_per_message.into();
    settings.mailboxes_max = config.limits.mailboxes.into();
    settings.script_bytes_max = config.limits.script;
    settings.scripts_max = config.limits.scripts.into();
    settings.scripts_bytes_max = config.limits.scripts_total;
    settings.redirections_max = config.limits.redirections.into();
    settings.keywords_max = config.limits.keywords.into();
    settings.teams_max = config.limits.teams.into();
    settings.team_members_max = config.limits.team_members.into();
    settings.lists_max = config.limits.lists.into();
    settings.list_members_max = config.limits.list_members.into();
    settings.acl_entries_max = config.limits.shares.into();
    settings.outsiders_max = config.limits.outside_shares.into();
    settings.outside_letters_max = config.limits.outside_letters.into();
    settings.shared_mailboxes_max = config.limits.shared_mailboxes.into();
    // What is announced must be what a command can hold (RFC 5257 §4.1).
    settings.annotation_value_bytes_max = config.limits.annotation_value.min(64 * 1024);
    settings.annotations_max = config.limits.annotation_entries.into();
    settings.annotation_bytes_max = config.limits.annotations;
    settings.metadata_value_bytes_max = config.limits.metadata_value;
    settings.metadata_entries_max = config.limits.metadata_entries.into();
    settings.metadata_bytes_max = config.limits.metadata;
    settings.scheduling.objects = object_limits(config);
    settings.collections_max = config.dav.collections.into();
    settings.objects_max = config.dav.objects.into();
    settings.dead_properties_max = config.dav.dead_properties.into();
    settings.copied_objects_max = config.dav.copied_objects.into();
    settings.version_bytes_max = config.dav.versions;
}

/// What an event, a contact or a file may cost.
fn object_limits(config: &Config) -> storage::ObjectLimits {
    let (dav, usual) = (&config.dav, storage::ObjectLimits::default());
    let mut limits = storage::ObjectLimits {
        bytes_max: dav.object,
        attachment_bytes_max: dav.attachment,
        instances_max: dav.occurrences.into(),
        ..usual
    };
    // What may be written can be read.
    limits.ical.bytes_max = bytes(dav.object);
    limits.ical.line_bytes_max = bytes(dav.object);
    limits
}

/// A number from the configuration as a size in memory.
pub(super) fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A size from the configuration as one in memory.
fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Whole days, at least one.
fn days(duration: Duration) -> u32 {
    let days = duration.as_secs() / 86_400;
    u32::try_from(days).unwrap_or(u32::MAX).max(1)
}

/// The first line of a file.
pub(super) fn read_secret(Secret(path): &Secret) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Puts a password into a URL that holds none, percent-encoded.
fn with_password(url: &str, password: &str) -> String {
    let mut encoded = String::new();
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.split_once('@') {
        Some((user, rest)) => format!("{scheme}://{user}:{encoded}@{rest}"),
        None => format!("{scheme}://posthorn:{encoded}@{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_encoded_into_the_url() {
        for (url, password, expected) in [
            ("postgresql://ph@db/mail", "p@ss/w:d", "postgresql://ph:p%40ss%2Fw%3Ad@db/mail"),
            ("postgresql://db/mail", "simple", "postgresql://posthorn:simple@db/mail"),
        ] {
            assert_eq!(with_password(url, password), expected);
        }
    }

    #[test]
    fn durations_become_whole_days() {
        assert_eq!(days(Duration::from_secs(30 * 86_400)), 30);
        assert_eq!(days(Duration::from_secs(60)), 1);
    }
}
