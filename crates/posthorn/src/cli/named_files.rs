//! The files that a configuration names: whether they are there, can be read by who runs the
//! command, and hold what they are named for. A start would fail over each, or do without it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use config::{Config, Problem, Problems, Secret, TlsMode};
use net::{SetupError, TlsClient, TlsKeys};

/// Everything that is wrong with them; `None`: nothing is. `text` is the text of the configuration.
pub(super) fn problems(config: &Config, text: &str, file: &Path) -> Option<Problems> {
    let mut looked = Looked { text, list: Vec::new() };
    looked.certificates(config);
    looked.authorities(config);
    looked.secrets(config);
    if config.tls.mode == TlsMode::Acme
        && let Some(hook) = &config.acme.hook
    {
        looked.program(("acme", 0, "hook"), hook);
    }
    let mut list = looked.list;
    list.sort_by_key(|problem| problem.line);
    (!list.is_empty()).then(|| Problems { file: file.to_owned(), list })
}

/// An option: its table, which of several such tables, its key.
type Place = (&'static str, usize, &'static str);

struct Looked<'a> {
    text: &'a str,
    list: Vec<Problem>,
}

impl Looked<'_> {
    fn note(&mut self, (table, nth, key): Place, text: String) {
        let line = config::line_of(self.text, table, nth, key);
        self.list.push(Problem { line, key: format!("{table}.{key}"), text });
    }

    fn certificates(&mut self, config: &Config) {
        let tls = &config.tls;
        if let (TlsMode::Files, Some(certificate), Some(key)) =
            (tls.mode, &tls.certificate, &tls.key)
        {
            self.pair("tls", 0, certificate, key);
        }
        for (nth, one) in config.certificates.iter().enumerate() {
            self.pair("certificate", nth, &one.certificate, &one.key);
        }
    }

    /// A certificate and its key, which have to fit together.
    fn pair(&mut self, table: &'static str, nth: usize, certificate: &Path, key: &Path) {
        let mut all_there = true;
        for (option, path) in [("certificate", certificate), ("key", key)] {
            all_there &= self.readable((table, nth, option), path);
        }
        if !all_there {
            return;
        }
        let Err(error) = TlsKeys::load(certificate, key) else { return };
        // What is wrong with a key is mostly that it is of another certificate.
        let at_fault = match &error {
            SetupError::File { path, .. } | SetupError::Content { path, .. } => {
                path == key && key != certificate
            }
            _ => false,
        };
        let option = if at_fault { "key" } else { "certificate" };
        self.note((table, nth, option), error.to_string());
    }

    /// The files of certificate authorities that are trusted.
    fn authorities(&mut self, config: &Config) {
        let acme = (config.tls.mode == TlsMode::Acme).then_some(&config.acme.trusted_ca);
        for (place, path) in [
            (("tls", 0, "client_ca"), config.tls.client_ca.as_ref()),
            (("acme", 0, "trusted_ca"), acme.and_then(Option::as_ref)),
            (("queue", 0, "trusted_ca"), config.queue.trusted_ca.as_ref()),
        ] {
            let Some(path) = path else { continue };
            if self.readable(place, path)
                && let Err(error) = TlsClient::new(Some(path))
            {
                self.note(place, error.to_string());
            }
        }
    }

    fn secrets(&mut self, config: &Config) {
        let acme = (config.tls.mode == TlsMode::Acme)
            .then_some(config.acme.external_account_key_file.as_ref())
            .flatten();
        let database = config.storage.database_password_file.as_ref();
        self.secret(("storage", 0, "database_password_file"), database);
        self.secret(("acme", 0, "external_account_key_file"), acme);
        self.secret(("rspamd", 0, "password_file"), config.rspamd.password_file.as_ref());
        for (nth, route) in config.routes.iter().enumerate() {
            self.secret(("route", nth, "password_file"), route.password_file.as_ref());
        }
    }

    fn secret(&mut self, place: Place, file: Option<&Secret>) {
        let Some(Secret(path)) = file else { return };
        match std::fs::read_to_string(path) {
            Err(error) => self.note(place, format!("{}: {error}", path.display())),
            Ok(text) if text.lines().next().unwrap_or_default().is_empty() => {
                self.note(place, format!("{}: the first line is empty", path.display()));
            }
            Ok(_) => {}
        }
    }

    fn program(&mut self, place: Place, path: &Path) {
        match std::fs::metadata(path) {
            Err(error) => self.note(place, format!("{}: {error}", path.display())),
            Ok(found) if !found.is_file() || found.permissions().mode() & 0o111 == 0 => {
                self.note(place, format!("{}: is no program", path.display()));
            }
            Ok(_) => {}
        }
    }

    fn readable(&mut self, place: Place, path: &Path) -> bool {
        let opened = std::fs::File::open(path).and_then(|file| file.metadata());
        let trouble = match opened {
            Ok(found) if found.is_file() => return true,
            Ok(_) => "is no file".to_owned(),
            Err(error) => error.to_string(),
        };
        self.note(place, format!("{}: {trouble}", path.display()));
        false
    }
}
