//! Writes the configuration file of a quickstart directory.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::{Config, Protocol};

use crate::cli::{Failure, parse_config};

/// Protocols served, with their standard ports.
const SERVED: &[(Protocol, u16)] = &[
    (Protocol::Smtp, 25),
    (Protocol::Lmtp, 24),
    (Protocol::Submission, 587),
    (Protocol::Submissions, 465),
    (Protocol::Imap, 143),
    (Protocol::Imaps, 993),
    (Protocol::Pop3, 110),
    (Protocol::Pop3s, 995),
    (Protocol::ManageSieve, 4190),
    (Protocol::Http, 80),
    (Protocol::Https, 443),
];

/// The port base of a new directory, unless another is asked for.
const PORT_BASE: u16 = 10_000;

/// The file as it is to be.
pub(super) struct Plan {
    pub(super) config: Config,
    /// The text of the file, unless it exists already.
    text: Option<String>,
}

impl Plan {
    /// A new file if there is none. If there is one, it stays as it is, but for the ports when
    /// others are asked for. Nothing is written yet.
    pub(super) fn make(path: &Path, port_base: Option<u16>, domain: &str) -> Result<Self, Failure> {
        let there = match fs::read(path) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = fresh(port_base.unwrap_or(PORT_BASE), domain);
                let config = parse_config(text.as_bytes(), path)
                    .map_err(|_| Failure::new(format!("{domain}: not a domain name")))?;
                return Ok(Self { config, text: Some(text) });
            }
            Err(error) => return Err(Failure::new(format!("{}: {error}", path.display()))),
        };
        let config = parse_config(&there, path)?;
        let Some(base) = port_base else { return Ok(Self { config, text: None }) };
        // What was parsed is UTF-8.
        let text = move_ports(&String::from_utf8_lossy(&there), &config, base);
        let config = parse_config(text.as_bytes(), path)?;
        Ok(Self { config, text: Some(text) })
    }

    /// Puts it in place, whole or not at all. Whoever calls made sure that no daemon goes by what
    /// is there.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let Some(text) = &self.text else { return Ok(()) };
        let partial = path.with_extension("toml.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&partial).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, path)
        });
        written.map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    }
}

fn fresh(port_base: u16, domain: &str) -> String {
    let mut text = format!(
        "# Written by `posthorn quickstart`, which goes on with what stands here.\n\
         # docs/config.md explains every key.\n\
         hostname = \"mail.{domain}\"\n\
         data_dir = \".\"\n\
         \n\
         [tls]\n\
         mode = \"self-signed\"\n\
         \n\
         [auth]\n\
         # For trying out: any password goes. A server for others wants the default of 10.\n\
         password_length = 1\n\
         \n\
         [limits]\n\
         # For trying out: mail is sent without end. A server for others wants the default of 1000.\n\
         messages_per_day = 1000000000\n\
         recipients_per_message = 1000000000\n\
         \n\
         [queue]\n\
         # For trying out: nothing leaves this machine. `posthorn queue list` shows what would.\n\
         enabled = false\n"
    );
    for (protocol, port) in SERVED {
        let port = port_base.saturating_add(*port);
        text.push_str(&format!(
            "\n[[listener]]\nprotocol = \"{}\"\nbind = \"127.0.0.1:{port}\"\n",
            protocol.as_str()
        ));
        if signs_in_before_tls(*protocol) {
            text.push_str("plaintext_auth = true\n");
        }
    }
    text
}

/// Whether clients of a protocol sign in, and on a connection that does not begin with TLS.
fn signs_in_before_tls(protocol: Protocol) -> bool {
    use Protocol as P;
    match protocol {
        P::Submission | P::Imap | P::Pop3 | P::ManageSieve | P::Http => true,
        P::Submissions | P::Imaps | P::Pop3s | P::Https => false,
        P::Smtp | P::Lmtp => false,
    }
}

/// Puts every port of the listeners on another base. All else in the file stays.
fn move_ports(text: &str, config: &Config, base: u16) -> String {
    let mut moves = Vec::new();
    for listener in &config.listeners {
        let Some((_, port)) = SERVED.iter().find(|(served, _)| *served == listener.protocol) else {
            continue;
        };
        for bind in &listener.bind {
            let mut moved = *bind;
            moved.set_port(base.saturating_add(*port));
            moves.push((format!("\"{bind}\""), format!("\"{moved}\"")));
        }
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        // Each line once: an old port of one listener may be the new one of another.
        let found = moves
            .iter()
            .find(|(old, _)| line.trim_start().starts_with("bind") && line.contains(old));
        match found {
            Some((old, new)) => out.push_str(&line.replace(old, new)),
            None => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Config {
        config::parse(text, Path::new("/srv/demo/posthorn.toml")).unwrap()
    }

    #[test]
    fn a_fresh_file_is_a_configuration() {
        let config = parsed(&fresh(20_000, "demo.test"));
        assert_eq!(config.hostname, "mail.demo.test");
        assert_eq!(config.data_dir, Path::new("/srv/demo"));
        let ports: Vec<_> =
            config.listeners.iter().map(|listener| listener.bind[0].port()).collect();
        assert_eq!(
            ports,
            [
                20_025, 20_024, 20_587, 20_465, 20_143, 20_993, 20_110, 20_995, 24_190, 20_080,
                20_443
            ]
        );
    }

    #[test]
    fn whoever_signs_in_may_do_so_without_tls() {
        let config = parsed(&fresh(20_000, "demo.test"));
        let open = config.listeners.iter().filter(|listener| listener.plaintext_auth);
        let ports: Vec<_> = open.map(|listener| listener.bind[0].port()).collect();
        assert_eq!(ports, [20_587, 20_143, 20_110, 24_190, 20_080]);
    }

    #[test]
    fn ports_move_and_nothing_else() {
        // 10_119 + 24 is the old port of imap.
        let old = fresh(10_000, "demo.test");
        let moved = move_ports(&old, &parsed(&old), 10_119);
        assert_eq!(moved, fresh(10_119, "demo.test"));
    }
}
