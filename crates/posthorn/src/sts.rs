//! What is said of TLS with the servers of the domains here: MTA-STS, RFC 8461.

use config::{Config, Protocol, StsMode};

/// The policy, as it is fetched (RFC 8461 §3.2). `None` where nothing is said.
pub(crate) fn policy(config: &Config) -> Option<String> {
    let sts = &config.mta_sts;
    let served = config.listeners.iter().any(|one| one.protocol == Protocol::Https);
    if sts.mode == StsMode::Off || !served {
        return None;
    }
    let mut text = format!("version: STSv1\r\nmode: {}\r\n", sts.mode.as_str());
    match sts.mx.as_slice() {
        [] => text.push_str(&format!("mx: {}\r\n", config.hostname)),
        servers => servers.iter().for_each(|mx| text.push_str(&format!("mx: {mx}\r\n"))),
    }
    text.push_str(&format!("max_age: {}\r\n", sts.max_age.as_secs()));
    Some(text)
}

/// What its record tells apart: another policy has another (RFC 8461 §3.1).
pub(crate) fn policy_id(policy: &str) -> String {
    blake3::hash(policy.as_bytes()).to_hex().chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn text(more: &str) -> Option<String> {
        let text = format!(
            "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
             [[listener]]\nprotocol = \"https\"\nbind = \"[::]:443\"\n{more}"
        );
        policy(&config::parse(&text, Path::new("p.toml")).unwrap())
    }

    #[test]
    fn policies() {
        let usual = "version: STSv1\r\nmode: testing\r\nmx: mail.example.test\r\n\
                     max_age: 604800\r\n";
        assert_eq!(text("").as_deref(), Some(usual));
        let own = text(
            "[mta_sts]\nmode = \"enforce\"\nmax_age = \"1 days\"\n\
             mx = [\"a.example.test\", \"*.b.example.test\"]\n",
        );
        let expect = "version: STSv1\r\nmode: enforce\r\nmx: a.example.test\r\n\
                      mx: *.b.example.test\r\nmax_age: 86400\r\n";
        assert_eq!(own.as_deref(), Some(expect));
        assert_eq!(text("[mta_sts]\nmode = \"off\"\n"), None);
        assert_ne!(policy_id(usual), policy_id(expect));
        assert_eq!(policy_id(usual).len(), 20);
    }
}
