//! From a destination to the hosts that take its mail: RFC 5321 §5.1, RFC 7505.

use std::net::{IpAddr, SocketAddr};

use net::{Dns, DnsError, Exchangers, MailExchanger, Vouched};
use smtp::client::Host;

use crate::answer::Answer;
use crate::settings::{Relay, Settings};

/// LIMIT: RFC 5321 §5.1 asks for at least two addresses to be tried; large providers have many.
const HOSTS_MAX: usize = 5;
/// LIMIT: exchangers whose addresses are asked for.
const EXCHANGERS_MAX: usize = 10;

/// A host that takes mail for a destination, and how sure that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) host: Host,
    /// DNSSEC vouches for its being the host, and for its address or the alias that leads to it.
    pub(crate) secure: bool,
    /// RFC 7672 §2.2.3: where its TLSA records may stand, in the order in which they are asked for.
    pub(crate) bases: Vec<String>,
    /// RFC 7672 §3.2.2: the names that it may have in a certificate besides the one at which its
    /// TLSA records stand.
    pub(crate) names: Vec<String>,
    /// The destination has hosts besides those that were found: their addresses could not be had,
    /// or they were too many. What these refuse for good, those may take.
    pub(crate) has_others: bool,
}

/// Finds the hosts of a destination, in the order in which they are tried.
pub(crate) async fn find_hosts(
    dns: &dyn Dns,
    settings: &Settings,
    destination: &str,
    shuffle: &mut (dyn FnMut(&mut Vec<MailExchanger>) + Send),
) -> Result<Vec<Exit>, Answer> {
    // RFC 5321 §4.1.3: mail to an address in place of a domain is for the host's own postmaster;
    // nobody sends it today but to get around what a domain says of itself.
    if destination.starts_with('[') {
        return Err(Answer::ours(5, 1, 2, "mail to an address literal is not sent"));
    }
    let found = match dns.vouched_exchangers(destination).await {
        Ok(exchangers) => exchangers,
        Err(DnsError::NoSuchName) => {
            return Err(Answer::ours(5, 1, 2, "the domain does not exist"));
        }
        Err(error) => return Err(Answer::ours(4, 4, 3, error.to_string())),
    };
    let Vouched { answer: Exchangers { records: mut exchangers, canonical }, secure } = found;
    // RFC 5321 §5.1: a domain without MX is its own, with preference 0.
    let implicit = exchangers.is_empty();
    // RFC 7505 §3: one MX whose host is the root says that there is no mail, and a domain must not
    // have others beside it. Where it has, it is by mistake, and the others are hosts all the same:
    // mail that went back for it could not be had again.
    exchangers.retain(|exchanger| !exchanger.host.is_empty());
    if exchangers.is_empty() && !implicit {
        return Err(Answer::ours(5, 1, 10, "the domain takes no mail (null MX)"));
    }
    if implicit {
        exchangers.push(MailExchanger { preference: 0, host: destination.to_owned() });
    }
    leave_out_ourselves(&mut exchangers, &settings.hostname)?;
    shuffle(&mut exchangers);
    let found = addresses_of(dns, settings, &exchangers).await;
    match found {
        Found { exits, is_all, .. } if !exits.is_empty() => {
            let mut names = vec![destination.to_owned(), canonical];
            names.dedup();
            let vouched = |exit: Exit| Exit {
                secure: exit.secure && secure,
                names: names.clone(),
                has_others: !is_all,
                ..exit
            };
            Ok(exits.into_iter().map(vouched).collect())
        }
        Found { temporary: Some(error), .. } => Err(Answer::ours(4, 4, 3, error)),
        // RFC 5321 §5.1: nothing but names without addresses is an error of the domain's owner,
        // who may yet mend it; a domain with no record at all is one nobody can mail to.
        _ if implicit => Err(Answer::ours(5, 4, 4, "the domain has no host that takes mail")),
        _ => Err(Answer::ours(4, 4, 4, "no host of the domain has an address")),
    }
}

/// The addresses of a relay.
pub(crate) async fn find_relay(
    dns: &dyn Dns,
    settings: &Settings,
    relay: &Relay,
) -> Result<Vec<Exit>, Answer> {
    let addresses = match relay.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => match dns.addresses(&relay.host).await {
            Ok(addresses) => addresses,
            // A route that leads nowhere is for the operator to mend; the mail waits for it.
            Err(error) => return Err(Answer::ours(4, 4, 3, format!("{}: {error}", relay.host))),
        },
    };
    if addresses.is_empty() {
        return Err(Answer::ours(4, 4, 4, format!("{}: no address", relay.host)));
    }
    let sources = if relay.sources.is_empty() { &settings.sources } else { &relay.sources };
    let mut hosts = hosts_of(sources, &relay.host, relay.port, interleaved(addresses));
    hosts.truncate(HOSTS_MAX);
    // What the operator names needs nobody else's word.
    let exit = |host| Exit {
        host,
        secure: false,
        bases: Vec::new(),
        names: Vec::new(),
        has_others: false,
    };
    Ok(hosts.into_iter().map(exit).collect())
}

/// RFC 5321 §5.1: if we are among the exchangers, only those that are preferred to us may be
/// tried, and where there are none the mail would come back to us.
fn leave_out_ourselves(exchangers: &mut Vec<MailExchanger>, hostname: &str) -> Result<(), Answer> {
    let ours = exchangers
        .iter()
        .filter(|exchanger| exchanger.host.eq_ignore_ascii_case(hostname))
        .map(|exchanger| exchanger.preference)
        .min();
    if let Some(ours) = ours {
        exchangers.retain(|exchanger| exchanger.preference < ours);
        if exchangers.is_empty() {
            let text = "mail for the domain is to come to this server, which does not serve it";
            return Err(Answer::ours(5, 4, 6, text));
        }
    }
    Ok(())
}

struct Found {
    exits: Vec<Exit>,
    temporary: Option<String>,
    /// Whether all addresses are there: none was left out, or could not be looked up.
    is_all: bool,
}

async fn addresses_of(dns: &dyn Dns, settings: &Settings, exchangers: &[MailExchanger]) -> Found {
    let mut found =
        Found { exits: Vec::new(), temporary: None, is_all: exchangers.len() <= EXCHANGERS_MAX };
    for exchanger in exchangers.iter().take(EXCHANGERS_MAX) {
        if found.exits.len() >= HOSTS_MAX {
            found.is_all = false;
            break;
        }
        match dns.vouched_addresses(&exchanger.host).await {
            Ok(Vouched { answer, secure }) => {
                let addresses = interleaved(answer.addresses);
                let sources = &settings.sources;
                let hosts = hosts_of(sources, &exchanger.host, settings.port, addresses);
                let own = exchanger.host.clone();
                let mut bases = vec![answer.canonical, own];
                bases.dedup();
                found.exits.extend(hosts.into_iter().map(|host| Exit {
                    host,
                    secure,
                    bases: bases.clone(),
                    names: Vec::new(),
                    has_others: false,
                }));
            }
            Err(DnsError::NoSuchName) => {}
            Err(error) => {
                found.temporary = Some(format!("{}: {error}", exchanger.host));
                found.is_all = false;
            }
        }
    }
    found.is_all &= found.exits.len() <= HOSTS_MAX;
    found.exits.truncate(HOSTS_MAX);
    found
}

/// IPv6 and IPv4 in turn, so that a host of which one does not work is reached by the other
/// before all of the first were tried.
fn interleaved(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let longest = six.len().max(four.len());
    (0..longest).flat_map(|at| [six.get(at), four.get(at)]).flatten().copied().collect()
}

fn hosts_of(sources: &[IpAddr], name: &str, port: u16, addresses: Vec<IpAddr>) -> Vec<Host> {
    let source = |address: &IpAddr| {
        sources.iter().find(|source| source.is_ipv6() == address.is_ipv6()).copied()
    };
    // With addresses to send from, of one family only, the other is not used.
    let usable = |address: &IpAddr| sources.is_empty() || source(address).is_some();
    addresses
        .into_iter()
        .filter(usable)
        .map(|address| Host {
            name: name.to_owned(),
            address: SocketAddr::new(address, port),
            source: source(&address),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use net::{DnsFuture, HostAddresses};

    use super::*;

    /// Answers from tables; `?` stands for a server that fails.
    #[derive(Default)]
    struct Table {
        mx: HashMap<&'static str, Vec<(u16, &'static str)>>,
        addresses: HashMap<&'static str, Vec<&'static str>>,
    }

    impl Dns for Table {
        fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
            let found = match self.mx.get(domain) {
                None => Err(DnsError::NoSuchName),
                Some(rows) if rows.iter().any(|row| row.1 == "?") => {
                    Err(DnsError::Temporary("no answer".to_owned()))
                }
                Some(rows) => Ok(rows
                    .iter()
                    .map(|(preference, host)| MailExchanger {
                        preference: *preference,
                        host: (*host).to_owned(),
                    })
                    .collect()),
            };
            Box::pin(async { found })
        }

        fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
            let found = match self.addresses.get(host) {
                None => Err(DnsError::NoSuchName),
                Some(rows) if rows.contains(&"?") => {
                    Err(DnsError::Temporary("no answer".to_owned()))
                }
                Some(rows) => Ok(rows.iter().map(|row| row.parse().unwrap()).collect()),
            };
            Box::pin(async { found })
        }
    }

    /// Vouches for all that a table has; `x.test` is an alias of `real.test`, and `mx.test` of
    /// `far.test`.
    struct Signed(Table);

    impl Dns for Signed {
        fn mail_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vec<MailExchanger>> {
            self.0.mail_exchangers(domain)
        }

        fn addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vec<IpAddr>> {
            self.0.addresses(host)
        }

        fn vouched_exchangers<'a>(&'a self, domain: &'a str) -> DnsFuture<'a, Vouched<Exchangers>> {
            Box::pin(async {
                let records = self.0.mail_exchangers(domain).await?;
                let answer = Exchangers { records, canonical: "real.test".to_owned() };
                Ok(Vouched { answer, secure: true })
            })
        }

        fn vouched_addresses<'a>(&'a self, host: &'a str) -> DnsFuture<'a, Vouched<HostAddresses>> {
            Box::pin(async {
                let addresses = self.0.addresses(host).await?;
                let answer = HostAddresses { addresses, canonical: "far.test".to_owned() };
                Ok(Vouched { answer, secure: true })
            })
        }
    }

    // RFC 7672 §2.2.3, §3.2.2
    #[tokio::test]
    async fn aliases_are_other_names_to_be_known_by() {
        let signed = Signed(table(&[(10, "mx.test")], &[("mx.test", &["192.0.2.1"])]));
        let settings = Settings::new("mail.here.test");
        let exits = find_hosts(&signed, &settings, "x.test", &mut |_| {}).await.unwrap();
        let [exit] = exits.as_slice() else { panic!("{exits:?}") };
        assert!(exit.secure);
        assert_eq!(exit.bases, ["far.test", "mx.test"]);
        assert_eq!(exit.names, ["x.test", "real.test"]);
    }

    /// What those refuse for good that were found is no word of the others.
    #[tokio::test]
    async fn it_is_known_whether_there_are_others() {
        let settings = Settings::new("mail.here.test");
        let many = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"];
        let both = [(10, "a.test"), (20, "b.test")];
        for (mx, of_a, of_b, has_others) in [
            (&both[..], &many[..1], &many[1..2], false),
            (&both, &many[..4], &many[4..5], false),
            (&both, &many[..5], &many[5..], true),
            (&both, &many[..4], &many[4..], true),
            (&both, &many[..1], &["?"], true),
            (&both[..1], &many, &[], true),
            (&both[..1], &many[..5], &[], false),
        ] {
            let table = table(mx, &[("a.test", of_a), ("b.test", of_b)]);
            let exits = find_hosts(&table, &settings, "x.test", &mut |_| {}).await.unwrap();
            let found: Vec<bool> = exits.iter().map(|exit| exit.has_others).collect();
            assert_eq!(found, vec![has_others; exits.len()], "{of_a:?} {of_b:?}");
        }
        let names: [String; 11] = std::array::from_fn(|at| format!("{at}.test"));
        let mx: Vec<_> = names.iter().map(|name| (1, &*name.clone().leak())).collect();
        let lone = [("0.test", &many[..1])];
        for (count, has_others) in [(10, false), (11, true)] {
            let table = table(&mx[..count], &lone);
            let exits = find_hosts(&table, &settings, "x.test", &mut |_| {}).await.unwrap();
            assert_eq!(exits[0].has_others, has_others, "{count}");
        }
    }

    async fn hosts(table: &Table, sources: &[&str]) -> Result<String, String> {
        let mut settings = Settings::new("mail.here.test");
        settings.sources = sources.iter().map(|source| source.parse().unwrap()).collect();
        let found = find_hosts(table, &settings, "x.test", &mut |_| {}).await;
        let text = |exits: Vec<Exit>| {
            exits.iter().map(|exit| format!("{} ", exit.host)).collect::<String>().trim().to_owned()
        };
        found.map(text).map_err(|answer| answer.to_string())
    }

    fn table(mx: &[(u16, &'static str)], addresses: &[(&'static str, &[&'static str])]) -> Table {
        Table {
            mx: [("x.test", mx.to_vec())].into(),
            addresses: addresses.iter().map(|(host, rows)| (*host, rows.to_vec())).collect(),
        }
    }

    #[tokio::test]
    async fn hosts_stand_in_the_order_of_preference() {
        let found = table(
            &[(10, "a.test"), (20, "b.test")],
            &[("a.test", &["192.0.2.1", "192.0.2.2", "2001:db8::1"]), ("b.test", &["192.0.2.9"])],
        );
        let all = "a.test[2001:db8::1]:25 a.test[192.0.2.1]:25 a.test[192.0.2.2]:25 \
                   b.test[192.0.2.9]:25";
        assert_eq!(hosts(&found, &[]).await.as_deref(), Ok(all));
        let four = "a.test[192.0.2.1]:25 a.test[192.0.2.2]:25 b.test[192.0.2.9]:25";
        assert_eq!(hosts(&found, &["192.0.2.77"]).await.as_deref(), Ok(four));
    }

    #[tokio::test]
    async fn a_route_has_its_own_address_to_send_from() {
        let found = table(&[], &[("relay.test", &["192.0.2.1", "2001:db8::1"])]);
        let mut settings = Settings::new("mail.here.test");
        settings.sources = vec!["192.0.2.77".parse().unwrap()];
        for (own, expect) in [
            (&[][..], vec![("192.0.2.1", "192.0.2.77")]),
            (&["192.0.2.78"][..], vec![("192.0.2.1", "192.0.2.78")]),
            (&["2001:db8::7"][..], vec![("2001:db8::1", "2001:db8::7")]),
        ] {
            let relay = Relay {
                host: "relay.test".to_owned(),
                port: 25,
                tls: crate::settings::RelayTls::Opportunistic,
                credentials: None,
                sources: own.iter().map(|source| source.parse().unwrap()).collect(),
            };
            let exits = find_relay(&found, &settings, &relay).await.unwrap();
            let ways: Vec<_> = exits
                .iter()
                .map(|exit| (exit.host.address.ip().to_string(), exit.host.source.unwrap()))
                .map(|(to, from)| (to, from.to_string()))
                .collect();
            let expect: Vec<_> =
                expect.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect();
            assert_eq!(ways, expect);
        }
    }

    #[tokio::test]
    async fn a_domain_without_mx_is_its_own_host() {
        let found = table(&[], &[("x.test", &["192.0.2.1"])]);
        assert_eq!(hosts(&found, &[]).await.as_deref(), Ok("x.test[192.0.2.1]:25"));
        let nothing = table(&[], &[("x.test", &[])]);
        let answer = "5.4.4 - the domain has no host that takes mail";
        assert_eq!(hosts(&nothing, &[]).await.unwrap_err(), answer);
    }

    #[tokio::test]
    async fn what_takes_no_mail_is_told() {
        let null = table(&[(0, "")], &[]);
        let text = "5.1.10 - the domain takes no mail (null MX)";
        assert_eq!(hosts(&null, &[]).await.unwrap_err(), text);
        let twice = table(&[(0, ""), (10, "")], &[]);
        assert_eq!(hosts(&twice, &[]).await.unwrap_err(), text);
        // RFC 7505 §3: it must stand alone; where it does not, it says nothing.
        let beside = table(&[(0, ""), (10, "a.test")], &[("a.test", &["192.0.2.1"])]);
        assert_eq!(hosts(&beside, &[]).await.as_deref(), Ok("a.test[192.0.2.1]:25"));
        assert_eq!(
            hosts(&Table::default(), &[]).await.unwrap_err(),
            "5.1.2 - the domain does not exist"
        );
        let mut settings = Settings::new("mail.here.test");
        settings.port = 25;
        let literal = find_hosts(&Table::default(), &settings, "[192.0.2.1]", &mut |_| {}).await;
        assert_eq!(literal.unwrap_err().status.to_string(), "5.1.2");
    }

    #[tokio::test]
    async fn what_the_dns_does_not_say_may_be_said_later() {
        let broken = table(&[(0, "?")], &[]);
        assert!(hosts(&broken, &[]).await.unwrap_err().starts_with("4.4.3"));
        let lame = table(&[(10, "a.test"), (20, "b.test")], &[("a.test", &["?"])]);
        assert!(hosts(&lame, &[]).await.unwrap_err().starts_with("4.4.3"));
        let names = table(&[(10, "a.test")], &[]);
        assert!(hosts(&names, &[]).await.unwrap_err().starts_with("4.4.4"));
        // One that does answer is enough.
        let half = table(
            &[(10, "a.test"), (20, "b.test")],
            &[("a.test", &["?"]), ("b.test", &["192.0.2.9"])],
        );
        assert_eq!(hosts(&half, &[]).await.as_deref(), Ok("b.test[192.0.2.9]:25"));
    }

    #[tokio::test]
    async fn we_send_nothing_to_ourselves() {
        let addresses: &[(&'static str, &[&'static str])] = &[
            ("a.test", &["192.0.2.1"]),
            ("mail.here.test", &["192.0.2.7"]),
            ("b.test", &["192.0.2.9"]),
        ];
        let second = table(&[(10, "a.test"), (20, "MAIL.here.test"), (20, "b.test")], addresses);
        assert_eq!(hosts(&second, &[]).await.as_deref(), Ok("a.test[192.0.2.1]:25"));
        let first = table(&[(10, "mail.here.test"), (20, "b.test")], addresses);
        assert!(hosts(&first, &[]).await.unwrap_err().starts_with("5.4.6"));
    }
}
