//! What quickstart prints: the settings for the usual programs.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use config::{Config, Protocol};

use super::Shown;

/// The text; only what is served stands in it. Writing to a String cannot fail, so the results
/// of `write!` carry nothing.
pub(super) fn render(
    config: &Config,
    directory: &Path,
    certificate: &Path,
    accounts: &[Shown],
) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Posthorn keeps everything in {}\n", directory.display());
    let _ = writeln!(out, "Accounts");
    for Shown { address, password } in accounts {
        let _ = match password {
            Some(password) => writeln!(out, "  {address}   password {}", password.expose()),
            None => writeln!(out, "  {address}"),
        };
    }
    programs(&mut out, config);
    calendars(&mut out, config);
    scripts(&mut out, config);
    let _ = writeln!(
        out,
        "\nThe certificate is self-signed: programs ask once whether to trust it. It lies in\n  {}",
        certificate.display()
    );
    let file = directory.join("posthorn.toml");
    let _ = writeln!(
        out,
        "\nFurther accounts\n  posthorn --config {} account add ADDRESS",
        file.display()
    );
    out
}

/// The first address of a protocol.
fn address(config: &Config, protocol: Protocol) -> Option<SocketAddr> {
    let listener = config.listeners.iter().find(|listener| listener.protocol == protocol)?;
    listener.bind.first().copied()
}

fn programs(out: &mut String, config: &Config) {
    let _ = writeln!(out, "\nThunderbird, Outlook, Apple Mail and others: set up by hand, with");
    let user = "user name: the whole address";
    for (label, protocol, security) in [
        ("incoming", Protocol::Imaps, "IMAP, SSL/TLS"),
        ("   or", Protocol::Imap, "IMAP, STARTTLS"),
        ("   or", Protocol::Pop3s, "POP3, SSL/TLS"),
        ("   or", Protocol::Pop3, "POP3, STARTTLS"),
        ("outgoing", Protocol::Submissions, "SMTP, SSL/TLS"),
        ("   or", Protocol::Submission, "SMTP, STARTTLS"),
        ("filters", Protocol::ManageSieve, "ManageSieve, STARTTLS"),
    ] {
        if let Some(bind) = address(config, protocol) {
            let _ = writeln!(
                out,
                "  {label:9} server {}  port {:<6} {security}, normal password, {user}",
                bind.ip(),
                bind.port()
            );
        }
    }
}

fn calendars(out: &mut String, config: &Config) {
    if let Some(bind) = address(config, Protocol::Https) {
        let _ = writeln!(out, "\nCalendars and contacts (CalDAV, CardDAV)");
        let _ = writeln!(out, "  server      https://{bind}/");
    }
}

fn scripts(out: &mut String, config: &Config) {
    let _ = writeln!(out, "\nTests and scripts on this machine (no TLS needed)");
    for (label, protocol) in [
        ("IMAP", Protocol::Imap),
        ("POP3", Protocol::Pop3),
        ("submission", Protocol::Submission),
        ("SMTP", Protocol::Smtp),
        ("LMTP", Protocol::Lmtp),
        ("ManageSieve", Protocol::ManageSieve),
    ] {
        if let Some(bind) = address(config, protocol) {
            let _ = writeln!(out, "  {label:11} {bind}");
        }
    }
    if let Some(bind) = address(config, Protocol::Http) {
        let _ = writeln!(out, "  DAV         http://{bind}/dav/");
        let _ = writeln!(out, "  health      http://{bind}/healthz");
        let _ = writeln!(out, "  metrics     http://{bind}/metrics");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Password;

    #[test]
    fn only_what_is_served_is_printed() {
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [[listener]]\nprotocol = \"imaps\"\nbind = \"127.0.0.1:10993\"\n";
        let config = config::parse(text, Path::new("/d/p.toml")).unwrap();
        let accounts = [
            Shown { address: "a@example.test".to_owned(), password: Some(Password::new("pw")) },
            Shown { address: "b@example.test".to_owned(), password: None },
        ];
        let text = render(&config, Path::new("/d"), Path::new("/d/tls/c.pem"), &accounts);
        assert!(text.contains("  a@example.test   password pw\n  b@example.test\n"));
        assert!(text.contains("server 127.0.0.1  port 10993  IMAP, SSL/TLS"));
        assert!(!text.contains("SMTP") && !text.contains("POP3"));
        assert!(!text.contains("http:"));
    }
}
