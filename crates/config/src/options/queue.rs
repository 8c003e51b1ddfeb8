//! Mail on its way out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{DnssecTrust, Endpoint, OptionValue, RouteTls, Secret, Word};

sections! {
    /// Sending mail to other servers: to where the MX records of a domain point, or a
    /// `[[route]]`. `posthorn queue` shows what waits.
    table "queue" pub struct Queue {
        /// Whether mail is sent to other servers. With `false` what is accepted for them stays
        /// where it is until this changes; answers and copies for mailboxes here are delivered.
        enabled: bool = default true, since "0.1";

        /// How long a message is tried before its sender gets it back. Less than 4 days is
        /// against RFC 5321.
        lifetime: Duration = default "5 days", since "0.1";

        /// Whether senders are told that a message is late.
        warnings: bool = default true, since "0.1";

        /// How long a message may wait before its sender is told so.
        warn_after: Duration = default "4 h", since "0.1";

        /// The pause after the first attempt that fails; it doubles with each.
        retry_first: Duration = default "5 min", since "0.1";

        /// The longest pause between two attempts.
        retry_max: Duration = default "4 h", since "0.1";

        /// Connections to other servers at a time. This and the bounds below are of each daemon,
        /// where several share a database.
        connections: u32 = default 200, since "0.1";

        /// Connections at a time to the servers of one domain. They begin with two and grow while
        /// messages are taken.
        connections_per_destination: u32 = default 20, since "0.1";

        /// Messages a minute to one domain. Without it, as many as its servers take.
        messages_per_minute: Option<u32> = optional 600, since "0.1";

        /// Messages on one connection.
        messages_per_connection: u32 = default 100, since "0.1";

        /// Memory for messages on their way out; more of them wait.
        memory: u64 = default "256 MiB", since "0.1";

        /// For how long people may have the server hold what is to be sent later (FUTURERELEASE);
        /// `0 s` offers it to nobody.
        hold_max: Duration = default "60 days", since "0.1";

        /// How many messages of one account may be held at a time.
        held_messages: u32 = default 1000, since "0.1";

        /// How long it can be said what happened to a message (`posthorn queue trace`).
        trace: Duration = default "14 days", since "0.1";

        /// Whether it can also be said of messages that never were in the queue: those that came
        /// for mailboxes here, and those that were refused after they were read. It takes a row for
        /// each message, some 200 bytes, in the transaction that stores it.
        trace_receptions: bool = default true, since "0.1";

        /// The port of other servers. Another than 25 is for tests.
        port: u32 = default 25, since "0.1";

        /// Addresses to send from, at most one of IPv4 and one of IPv6. Without any, the system
        /// chooses; with one family only, the other is not used.
        source: Option<Vec<IpAddr>> = optional ["192.0.2.7", "2001:db8::7"], since "0.1";

        /// The port of web servers that policies (MTA-STS) are fetched from. Another than 443 is
        /// for tests.
        https_port: u32 = default 443, since "0.1";

        /// Whether policies by which domains have their mail sent with TLS to servers of certain
        /// names alone (MTA-STS) are looked for and obeyed.
        mta_sts: bool = default true, since "0.1";

        /// Whose word on DNSSEC is taken, without which certificates are not looked up in the DNS
        /// (DANE): that of DNS servers on this machine (`loopback`), of all that are asked
        /// (`servers`), or of nobody. They must validate, and the way to them must be safe.
        dnssec: DnssecTrust = default "loopback", since "0.1";

        /// DNS servers. Without any, those of the machine (`/etc/resolv.conf`) are asked.
        dns: Option<Vec<SocketAddr>> = optional "127.0.0.1:53", since "0.1";

        /// PEM certificates of those whose word is taken for servers that must be verified.
        /// Without it, those whom the machine trusts.
        trusted_ca: Option<PathBuf> = optional "/etc/ssl/certs/ca-certificates.crt", since "0.1";
    }

    /// Where mail for a domain goes in place of where its MX records point. The table stands once
    /// for each domain.
    tables "route" pub struct Route {
        /// The domain; `.example.net` means every one below it, `*` all that have no other
        /// route: that is a smart host.
        domain: Word = required "*", since "0.1";

        /// The server that takes it, with its port if that is not 25.
        host: Endpoint = required "smtp.example.net:587", since "0.1";

        /// How TLS is used: `verified` always, with a certificate for the server's name;
        /// `implicit` the same from the first byte (port 465); `opportunistic` where the server
        /// offers it, whoever it is; `never`.
        tls: RouteTls = default "verified", since "0.1";

        /// Connections at a time that take this route, for whichever domains. Without it, as many
        /// as `queue` allows each domain.
        connections: Option<u32> = optional 4, since "0.1";

        /// Messages a minute that take this route, for all domains together. Without it, as many
        /// for each domain as `queue` says.
        messages_per_minute: Option<u32> = optional 600, since "0.1";

        /// Addresses to send from, as in `queue`. Without it, those.
        source: Option<Vec<IpAddr>> = optional ["192.0.2.7", "2001:db8::7"], since "0.1";

        /// The user to sign in as. It needs `tls` to be `verified` or `implicit`, but on the
        /// loopback.
        user: Option<Word> = optional "relay@example.net", since "0.1";

        /// A file whose first line is that user's password.
        password_file: Option<Secret> = optional "/etc/posthorn/relay-password", since "0.1";
    }

    /// Reports that are sent to others. It is off by default: they tell others whom one writes to.
    table "sent_reports" pub struct SentReports {
        /// Whether domains that ask for it are told once a day how TLS went with their servers
        /// (TLS-RPT): how many sessions, under which policy, and what failed.
        tls: bool = default false, since "0.1";

        /// Whether domains that ask for it are told once a day what was found of mail in their
        /// name (DMARC aggregate reports): how many messages, from which hosts, and whether SPF and
        /// DKIM held. A domain is told nothing of a day on which at least half of its own mail was
        /// taken for spam, and nobody gets reports on a domain of others without having agreed in
        /// the DNS. They are sent only with a signature.
        dmarc: bool = default false, since "0.1";

        /// Domains that are told nothing by `dmarc`, nor those below them.
        except: Vec<Word> = default [], since "0.1";

        /// The address they are from, of a domain here whose key signs them. Needed with `tls` and
        /// `dmarc`.
        address: Option<Word> = optional "reports@example.test", since "0.1";

        /// Who reports. Without it, the domain of `address`.
        organization: Option<Word> = optional "Example Inc.", since "0.1";
    }
}
