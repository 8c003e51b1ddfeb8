//! The option table: every key of the configuration, declared once.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::reader::TableReader;
use crate::value::{
    AcmeChallenge, Blobs, CheckedMail, Database, DmarcPolicy, DnsFailure, DnssecTrust, Endpoint,
    Level, LogFormat, MailedInvitations, MediaRange, Network, OptionValue, PeerAction, Protocol,
    RouteTls, SaslMechanism, Scanner, ScriptRedirects, Secret, Socket, StsMode, TlsMode,
    Unavailable, Word,
};

/// What the documents say about one option.
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) type_name: &'static str,
    /// `required`, `optional` or `default`.
    pub(crate) presence: &'static str,
    /// The default, or an example for an option without one, as it would be written.
    pub(crate) value: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) since: &'static str,
}

/// A table of the file.
pub(crate) trait Section: Sized {
    /// The key of the table, empty for the top of the file.
    const NAME: &'static str;
    /// Whether the table may stand several times, as `[[name]]`.
    const REPEATED: bool;
    /// What the documents say about the table.
    const DOC: &'static [&'static str];
    /// Its options, in the order in which they are documented.
    const ROWS: &'static [Row];

    /// Takes the options out of the table; `None` once anything in it was reported.
    fn read(reader: &mut TableReader<'_>) -> Option<Self>;
}

macro_rules! repeated {
    (table) => {
        false
    };
    (tables) => {
        true
    };
}

macro_rules! sections {
    ($(
        $(#[doc = $doc:literal])*
        $count:ident $section:literal $vis:vis struct $name:ident {
            $(
                $(#[doc = $option_doc:literal])*
                $key:ident: $type:ty = $presence:ident $value:tt, since $since:literal;
            )+
        }
    )+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            $vis struct $name {
                $($(#[doc = $option_doc])* pub $key: $type,)+
            }

            impl Section for $name {
                const NAME: &'static str = $section;
                const REPEATED: bool = repeated!($count);
                const DOC: &'static [&'static str] = &[$($doc),*];
                const ROWS: &'static [Row] = &[$(Row {
                    key: stringify!($key),
                    type_name: <$type as OptionValue>::TYPE,
                    presence: stringify!($presence),
                    value: stringify!($value),
                    doc: &[$($option_doc),*],
                    since: $since,
                },)+];

                fn read(reader: &mut TableReader<'_>) -> Option<Self> {
                    $(let $key: Option<$type> =
                        reader.$presence(stringify!($key), stringify!($value));)+
                    Some(Self { $($key: $key?,)+ })
                }
            }
        )+
    };
}

sections! {
    /// What stands at the top of the file, before the first table.
    table "" pub(crate) struct General {
        /// The name under which this server is known in DNS. It stands in greetings, in
        /// Received headers and in the self-signed certificate.
        hostname: String = required "mail.example.test", since "0.1";

        /// The directory of everything the server keeps: the SQLite database, the bytes of
        /// messages, the control socket, the self-signed certificate. Only the user of the
        /// daemon may read it. A relative path, here and everywhere in this file, starts at
        /// the directory of the configuration file.
        data_dir: PathBuf = default "/var/lib/posthorn", since "0.1";
    }

    /// Where accounts, mailboxes and messages are kept.
    table "storage" pub struct Storage {
        /// The database. `sqlite` needs nothing else and keeps everything in `data_dir`. A
        /// PostgreSQL URL is for those who outgrow one machine; several daemons may share one
        /// database. The URL holds no password: that is `database_password_file`. After it, as in
        /// libpq, `?sslmode=verify-full&sslrootcert=/path/ca.pem` asks for TLS and for a
        /// certificate of the host that one of those in the file vouches for; the other modes are
        /// `disable`, `prefer` (without `sslmode`), `require` and `verify-ca`.
        database: Database = default "sqlite", since "0.1";

        /// A file whose first line is the password of the PostgreSQL user.
        database_password_file: Option<Secret> = optional "/etc/posthorn/database-password", since "0.1";

        /// Where the bytes of large messages are kept. `database` puts them beside the rows.
        /// An S3-compatible store takes its credentials from the environment
        /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), as its other programs do.
        blobs: Blobs = default "database", since "0.1";

        /// Connections to the database that only read. They never wait for a writer; more of
        /// them help while many sessions read at once on many cores.
        readers: u32 = default 4, since "0.1";

        /// Memory for the envelopes, structures and headers that were read last. Mail programs
        /// ask for the same ones again and again; what is in memory is answered several times
        /// faster. A message takes some 2 KiB of it.
        content_cache: u64 = default "64 MiB", since "0.1";

        /// Memory for messages that wait to be written; more of them wait before that.
        write_queue: u64 = default "256 MiB", since "0.1";

        /// How long a message that was expunged can be brought back.
        expunged_retention: Duration = default "30 days", since "0.1";

        /// How far back programs can ask what changed. One that was away for longer reads its
        /// mailboxes anew, which costs time but loses nothing.
        change_log: Duration = default "60 days", since "0.1";
    }

    /// The index of the texts of all messages, from which searches are answered.
    table "search" pub struct Search {
        /// Whether new messages are indexed, some seconds behind their delivery. Without it, a
        /// search reads every message that was not indexed before.
        index: bool = default true, since "0.1";

        /// How much text of one message is indexed, its header and its body each. A message with
        /// more is read by each search that does not find what it seeks in the rest.
        text_per_message: u64 = default "4 MiB", since "0.1";

        /// The kinds of attachments whose text is indexed, `text/*` for all kinds of text. Only
        /// text is searched at all; messages with attachments of other kinds of text are read by
        /// each search that does not find what it seeks in the rest. A change holds for messages
        /// that are indexed from then on.
        attachments: Vec<MediaRange> = default ["text/*"], since "0.1";

        /// The memory in which new parts of the index are made.
        memory: u64 = default "32 MiB", since "0.1";

        /// The memory that what searches read of the index may take, from one search to the next.
        cache: u64 = default "128 MiB", since "0.1";
    }

    /// The certificate that listeners with TLS and STARTTLS present.
    table "tls" pub struct Tls {
        /// `files` reads `certificate` and `key`, again on every reload (SIGHUP) and within a
        /// minute after they change. `acme` has certificates issued by what `[acme]` names, and
        /// renewed ahead of time; who sets it agrees to the terms of service there. Until the
        /// first is there, a self-signed one is presented.
        /// `self-signed` makes a certificate for `hostname` at the first start and keeps it in
        /// `data_dir`; programs warn about it, so it is for trying out.
        mode: TlsMode = default "files", since "0.1";

        /// The certificate and its chain, PEM, the server's own first. Needed with
        /// `mode = "files"`.
        certificate: Option<PathBuf> = optional "/etc/posthorn/tls/fullchain.pem", since "0.1";

        /// The private key of the certificate, PEM. Needed with `mode = "files"`.
        key: Option<PathBuf> = optional "/etc/posthorn/tls/key.pem", since "0.1";

        /// PEM certificates of those who vouch for people. With it, mail programs are asked for
        /// a certificate of their own, and one that was issued to the address of an account
        /// (its subject alternative name, else its common name) signs in to that account by
        /// EXTERNAL. None is required; one that nobody here vouches for ends the connection.
        client_ca: Option<PathBuf> = optional "/etc/posthorn/tls/client-ca.pem", since "0.1";
    }

    /// A further certificate, presented to programs that ask for one of its names (SNI). The table
    /// stands once for each. Its files are read again when those of `[tls]` are.
    tables "certificate" pub struct Certificate {
        /// The certificate and its chain, PEM, its own first.
        certificate: PathBuf = required "/etc/posthorn/tls/example.net.pem", since "0.2";

        /// Its private key, PEM.
        key: PathBuf = required "/etc/posthorn/tls/example.net.key", since "0.2";
    }

    /// Certificates by ACME, with `tls.mode = "acme"`. Account, certificates and their keys are
    /// kept in the database, the keys encrypted with `seal.key` in `data_dir`; daemons that share
    /// a database need the same file, and one of them orders for all. `posthorn certificate`
    /// shows what there is.
    table "acme" pub struct Acme {
        /// The URL of the directory of those who issue. Let's Encrypt has another one for trying
        /// out, `https://acme-staging-v02.api.letsencrypt.org/directory`.
        directory: Word = default "https://acme-v02.api.letsencrypt.org/directory", since "0.2";

        /// An address they may write to.
        contact: Option<Word> = optional "postmaster@example.test", since "0.2";

        /// How it is proved that a name is ours. `tls-alpn-01` needs a listener of protocol
        /// `https` that the world reaches at port 443, `http-01` one of protocol `http` at port
        /// 80, `dns-01` a `hook`.
        challenge: AcmeChallenge = default "tls-alpn-01", since "0.2";

        /// A program that publishes records for `dns-01`. It is called with three arguments: `add`
        /// or `remove`, the name of a TXT record, and its text; and ends, with status 0, once the
        /// record can be seen from everywhere.
        hook: Option<PathBuf> = optional "/etc/posthorn/dns-hook", since "0.2";

        /// Names of the server besides `hostname`. They stand in the same certificate, so each
        /// must lead here. With `dns-01` a name may begin with `*.`.
        names: Vec<Word> = default [], since "0.2";

        /// What stands before the name of each domain and domain alias for a certificate of its
        /// own, as far as the DNS knows such names: `mta-sts`, `autoconfig`, `mail`.
        domain_names: Vec<Word> = default ["mta-sts"], since "0.2";

        /// The name of an account that one has with those who issue, where they want one (external
        /// account binding).
        external_account: Option<Word> = optional "kid-1", since "0.2";

        /// A file whose first line is the key of that account, in base64url.
        external_account_key_file: Option<Secret> = optional "/etc/posthorn/acme-eab", since "0.2";

        /// PEM certificates of those whose word is taken for the directory's server. Without it,
        /// those whom the machine trusts.
        trusted_ca: Option<PathBuf> = optional "/etc/ssl/certs/ca-certificates.crt", since "0.2";
    }

    /// What is said, at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, of TLS with the servers of
    /// each domain here (MTA-STS). It counts for others once the records that
    /// `posthorn domain dns` prints are published, and where the certificate has that name.
    table "mta_sts" pub struct MtaSts {
        /// `enforce` has nothing sent here without TLS and a good certificate; `testing` has
        /// failures reported; `none` takes back what was said; `off` answers nothing.
        mode: StsMode = default "testing", since "0.2";

        /// How long others keep it. Long ones protect better, and are taken back as late.
        max_age: Duration = default "7 days", since "0.2";

        /// The servers that take mail for the domains here. Without any, `hostname`.
        mx: Vec<Word> = default [], since "0.2";
    }

    /// One protocol on one or more addresses. The table stands once for each of them.
    tables "listener" pub struct Listener {
        /// What is spoken. `submissions`, `imaps`, `pop3s` and `https` use TLS from the first byte;
        /// `smtp`, `submission`, `lmtp`, `imap`, `pop3` and `managesieve` offer STARTTLS. `http` and
        /// `https` serve calendars and contacts and answer health checks and metrics; `http` uses no
        /// TLS.
        protocol: Protocol = required "imaps", since "0.1";

        /// The address and port, or a list of them. `[::]:993` takes IPv4 connections too.
        bind: Vec<SocketAddr> = required "[::]:993", since "0.1";

        /// Lets clients sign in without TLS. Only an address of the loopback may do so; it is
        /// for tests and for a proxy on the same machine that ends TLS itself.
        plaintext_auth: bool = default false, since "0.1";

        /// The ways to sign in that are offered here, `all` or a list of `PLAIN`, `LOGIN`,
        /// `SCRAM-SHA-256-PLUS`, `SCRAM-SHA-256`, `SCRAM-SHA-1-PLUS`, `SCRAM-SHA-1`,
        /// `OAUTHBEARER`, `XOAUTH2`, `EXTERNAL`, which are announced in its order; each of them
        /// only where the connection allows it. The `-PLUS` forms need TLS 1.3 that
        /// ends here, tokens TLS, and EXTERNAL a client certificate (`tls.client_ca`). On
        /// submission `all` leaves the `-PLUS` forms out, over which mutt stumbles. Shorten the
        /// list for programs that stumble over another name. Without PLAIN and LOGIN in it the commands of IMAP and POP3 that send a password are refused too.
        sasl_mechanisms: Vec<SaslMechanism> = default "all", since "0.1";

        /// Networks of proxies that start each connection with a PROXY protocol header
        /// (version 1 or 2). A connection from there without the header is refused; the header
        /// from anywhere else is not believed.
        proxy_protocol: Vec<Network> = default [], since "0.1";

        /// IMAP capabilities that this listener neither announces nor allows, such as
        /// `["COMPRESS=DEFLATE", "NOTIFY"]`. For one account there is
        /// `posthorn account capability`.
        capabilities_off: Vec<Word> = default [], since "0.1";
    }

    /// IMAP capabilities switched off for a program that misbehaves and says by ID what it is.
    /// The table stands once for each such program.
    tables "imap_client" pub struct ImapClient {
        /// How the name begins that the program gives of itself, in any case.
        name: Word = required "Example Mail", since "0.1";

        /// How its version begins; without it, every version is meant.
        version: Option<Word> = optional "16.", since "0.1";

        /// What it is neither told of nor allowed.
        capabilities_off: Vec<Word> = required ["QRESYNC"], since "0.1";
    }

    /// Bounds on everything a peer can make grow.
    table "limits" pub struct Limits {
        /// Connections at a time to one listener. One more is told so and closed.
        connections: u32 = default 10000, since "0.1";

        /// Connections at a time from one IPv4 address or one IPv6 /64 network to all listeners
        /// together. Mail programs open up to ten each, and a whole office may stand behind one
        /// address. The loopback is exempt.
        connections_per_address: u32 = default 100, since "0.1";

        /// Connections at a time from one network (`network_v4`, `network_v6`) to all listeners
        /// together; likewise.
        connections_per_network: u32 = default 500, since "0.2";

        /// Connections a minute that one network may make to the SMTP listeners; 0: as many as it
        /// likes. This and the next two do not concern the loopback, `peers.exempt`, LMTP and who
        /// has signed in.
        smtp_connections_per_network: u32 = default 600, since "0.2";

        /// Messages a minute that one network may bring; 0: as many as it likes.
        messages_per_network: u32 = default 1000, since "0.2";

        /// Recipients a minute that one network may name, those that do not exist among them; 0:
        /// as many as it likes.
        recipients_per_network: u32 = default 3000, since "0.2";

        /// How many leading bits of an IPv4 address make a network, 8 to 32.
        network_v4: u32 = default 24, since "0.2";

        /// How many leading bits of an IPv6 address make a network, 16 to 64. Providers give
        /// customers between 48 and 64.
        network_v6: u32 = default 56, since "0.2";

        /// How long the TLS handshake may take.
        tls_handshake_timeout: Duration = default "15 s", since "0.1";

        /// How long a peer may leave the server's answer unread before it is cut off.
        write_timeout: Duration = default "1 min", since "0.1";

        /// How long an IMAP or POP3 connection may stay without signing in.
        sign_in_timeout: Duration = default "1 min", since "0.1";

        /// How long a signed-in IMAP connection may be silent. Less than 30 minutes is against
        /// RFC 9051 and makes phones reconnect all day.
        imap_timeout: Duration = default "30 min", since "0.1";

        /// How long a signed-in POP3 connection may be silent. Less than 10 minutes is against
        /// RFC 1939. What it marked as deleted is then kept.
        pop3_timeout: Duration = default "10 min", since "0.1";

        /// How long an SMTP or LMTP connection may be silent between commands.
        smtp_timeout: Duration = default "5 min", since "0.1";

        /// How long an SMTP or LMTP connection may be silent inside a message.
        smtp_data_timeout: Duration = default "5 min", since "0.1";

        /// How long an HTTP request may take to arrive.
        http_timeout: Duration = default "15 s", since "0.1";

        /// How long sessions may go on after SIGTERM before they are cut off.
        shutdown_timeout: Duration = default "10 s", since "0.1";

        /// How long one message may take to arrive over SMTP or LMTP.
        smtp_message_timeout: Duration = default "1 h", since "0.1";

        /// How long the messages of one IMAP APPEND may take to arrive.
        imap_append_timeout: Duration = default "30 min", since "0.1";

        /// How many bytes of a message must arrive in a second on the average, over SMTP, LMTP
        /// and IMAP. Who sends more slowly is cut off.
        message_rate: u64 = default "128 B", since "0.1";

        /// How much longer a message may take than it should at that rate.
        message_grace: Duration = default "1 min", since "0.1";

        /// Commands an SMTP connection may send before it signs in, where signing in is needed.
        smtp_commands_before_sign_in: u32 = default 30, since "0.1";

        /// Commands a minute an IMAP connection may send before it signs in.
        imap_commands_before_sign_in: u32 = default 60, since "0.1";

        /// Commands a minute a POP3 connection may send before it signs in.
        pop3_commands_before_sign_in: u32 = default 60, since "0.1";

        /// Commands that are refused before a connection is closed; over IMAP and POP3 only those
        /// before sign-in count.
        bad_commands: u32 = default 20, since "0.1";

        /// SMTP commands that lead to no message before a connection is closed.
        smtp_idle_commands: u32 = default 100, since "0.1";

        /// The longest IMAP command after sign-in, with its literals but without messages that
        /// are handed in. Programs that fetch by long lists of message numbers need some of it.
        imap_line: u64 = default "256 KiB", since "0.1";

        /// The largest IMAP literal before sign-in: a name or a password.
        imap_literal_before_sign_in: u64 = default "4 KiB", since "0.1";

        /// The largest IMAP literal that is part of a command, such as a search text or a
        /// mailbox name. Messages handed in by APPEND are bounded by `message`.
        imap_literal: u64 = default "64 KiB", since "0.1";

        /// All messages that one IMAP APPEND hands in together; they are held in memory.
        imap_append: u64 = default "128 MiB", since "0.1";

        /// Messages that IMAP clients hand in at a time take this much memory on each listener;
        /// more of them wait, and are refused for now where there is none for ten seconds.
        imap_append_memory: u64 = default "256 MiB", since "0.1";

        /// Large messages that IMAP sends at a time take this much memory on each listener; more
        /// of them wait, and are refused for now where there is none for ten seconds.
        imap_fetch_memory: u64 = default "256 MiB", since "0.1";

        /// The same for POP3.
        pop3_memory: u64 = default "256 MiB", since "0.1";

        /// The longest POP3 command line.
        pop3_line: u64 = default "4 KiB", since "0.1";

        /// The longest SMTP or LMTP command line.
        smtp_line: u64 = default "4 KiB", since "0.1";

        /// The longest line of a message. The standard says 1,000 bytes; many programs put a
        /// whole page on one.
        message_line: u64 = default "50 MiB", since "0.1";

        /// The largest message, over SMTP, LMTP and IMAP.
        message: u64 = default "50 MiB", since "0.1";

        /// Messages that arrive at a time are held in this much memory; more of them wait.
        reception_memory: u64 = default "256 MiB", since "0.1";

        /// Recipients of one message.
        recipients: u32 = default 1000, since "0.1";

        /// Messages that an account may send a day (by UTC), where `posthorn account limits` gives
        /// it no limit of its own. It bounds what a stolen password is good for.
        messages_per_day: u32 = default 1000, since "0.2";

        /// Recipients of one message that an account sends; likewise, and besides `recipients`.
        recipients_per_message: u32 = default 500, since "0.2";

        /// Received headers a message may carry; above it, it is going round in a loop.
        hops: u32 = default 100, since "0.1";

        /// Mailboxes of one account.
        mailboxes: u32 = default 10000, since "0.1";

        /// Bytes of one annotation of a mailbox or of the server (IMAP METADATA). RFC 5464 asks
        /// for 1,024 at least. A command may be as long as it takes to set one, whatever
        /// `imap_line` and `imap_literal` say.
        metadata_value: u64 = default "32 KiB", since "0.1";

        /// Annotations of one mailbox, or of the server, shared ones and those of one account
        /// each. RFC 5464 asks for 10 at least.
        metadata_entries: u32 = default 100, since "0.1";

        /// Bytes of all annotations in the mailboxes of one account.
        metadata: u64 = default "10 MiB", since "0.1";

        /// Bytes of one annotation of a message (IMAP ANNOTATE). RFC 5257 asks for 1,024 at least;
        /// a command holds no string above 64 KiB, and more than that counts as that.
        annotation_value: u64 = default "32 KiB", since "0.1";

        /// Annotations of one message, shared ones and those of one account each. RFC 5257 asks
        /// for 10 at least.
        annotation_entries: u32 = default 50, since "0.1";

        /// Bytes of the annotations of messages that one account sets in the mailboxes of one
        /// account, and of the shared ones there.
        annotations: u64 = default "32 MiB", since "0.1";

        /// Keywords (flags with a name of their own) one mailbox may know.
        keywords: u32 = default 1000, since "0.1";

        /// Entries of the access control list of one mailbox, and accounts with which one
        /// account is shared as a whole.
        shares: u32 = default 1000, since "0.1";

        /// Teams of one organisation.
        teams: u32 = default 1000, since "0.1";

        /// Accounts in one team.
        team_members: u32 = default 10000, since "0.1";

        /// Lists of one organisation.
        lists: u32 = default 1000, since "0.1";

        /// Members of one list.
        list_members: u32 = default 10000, since "0.1";

        /// Mailboxes of others that one account is shown. Where there are more, those shared
        /// with it come before those that are there for anyone.
        shared_mailboxes: u32 = default 10000, since "0.1";

        /// How long a signed-in ManageSieve connection may be silent. Less than 30 minutes is
        /// against RFC 5804.
        managesieve_timeout: Duration = default "30 min", since "0.1";

        /// Sieve scripts of one account.
        scripts: u32 = default 100, since "0.1";

        /// Bytes of one Sieve script.
        script: u64 = default "1 MiB", since "0.1";

        /// Bytes of all Sieve scripts of one account.
        scripts_total: u64 = default "4 MiB", since "0.1";

        /// Addresses to which one account sends copies of its mail on.
        redirections: u32 = default 10, since "0.1";
    }

    /// Signing in.
    table "auth" pub struct Auth {
        /// The shortest password that may be set.
        password_length: u32 = default 10, since "0.1";

        /// Failed sign-ins from one address within `failure_window` before it has to wait.
        failures_per_address: u32 = default 20, since "0.1";

        /// Failed sign-ins from one network (`limits.network_v4`, `limits.network_v6`) within
        /// `failure_window` before addresses in it have to wait that did not sign in to the
        /// account lately; 0: networks are not counted.
        failures_per_network: u32 = default 200, since "0.2";

        /// Failed sign-ins to one account within `failure_window` before other addresses than
        /// those it signed in from lately have to wait.
        failures_per_account: u32 = default 50, since "0.1";

        /// Whether addresses of the loopback are not counted: for a webmail or a proxy on the
        /// same machine that speaks for everybody. The count per account concerns it all the same.
        loopback_exempt: bool = default false, since "0.1";

        /// How long a failed sign-in counts, and the longest time to wait.
        failure_window: Duration = default "15 min", since "0.1";

        /// How long a password that was verified need not be verified again. A changed password
        /// or a blocked account ends it at once.
        cache_ttl: Duration = default "5 min", since "0.1";

        /// Verified passwords that are remembered at a time.
        cache_entries: u32 = default 10000, since "0.1";

        /// Passwords that are verified at a time; the rest wait. Each takes `argon2_memory` and
        /// one core.
        verifications: u32 = default 4, since "0.1";

        /// Memory of one argon2id hash. It applies to passwords that are set from now on.
        argon2_memory: u64 = default "19 MiB", since "0.1";

        /// Passes of one argon2id hash over its memory.
        argon2_passes: u32 = default 2, since "0.1";

        /// Whether SCRAM is offered, by which programs prove a password without sending it. The
        /// server must keep another hash of each password for it (PBKDF2), which is weaker than
        /// argon2id: who has it can try passwords some hundred times faster. It is therefore
        /// encrypted with `scram.key` in `data_dir`, which is made at the first start; a stolen
        /// database or backup without that file gives nothing away. Daemons that share a
        /// database need the same file, and where it is lost passwords work by SCRAM again after
        /// they were used once without. With `false` no such hash is made, and the start erases
        /// those there are.
        scram: bool = default true, since "0.1";

        /// Iterations of PBKDF2 for passwords that are set from now on; others follow when they
        /// are next used without SCRAM, app passwords when they are made anew. Programs compute
        /// them at every sign-in. Those that use Cyrus SASL, such as mbsync, refuse more than
        /// 65,536, so a larger number is for who knows all programs of their people.
        scram_iterations: u32 = default 60000, since "0.1";
    }

    /// The log of what lately happened to each account (`posthorn account activity`), and what its
    /// owner is told of it, by a message in the INBOX.
    table "activity" pub struct Activity {
        /// Rows that are kept of one account, of refused sign-ins and of all else each. Equal
        /// events of a day are one row.
        entries: u32 = default 500, since "0.2";

        /// How long they are kept.
        keep: Duration = default "90 days", since "0.2";

        /// Whether the owner is told of a sign-in from a place (IPv4 /24, IPv6 /48) that the
        /// account was not signed in from lately. The place of the first sign-in of all is where
        /// the owner is.
        new_place_mail: bool = default true, since "0.2";

        /// How long a place stays known after the last sign-in from there.
        new_place_after: Duration = default "90 days", since "0.2";

        /// Wrong passwords within a day of which the owner is told; 0: of none.
        wrong_passwords: u32 = default 20, since "0.2";

        /// How long it takes until the owner is told of wrong passwords again.
        wrong_passwords_again: Duration = default "7 days", since "0.2";
    }

    /// Sending mail to other servers: to where the MX records of a domain point, or a
    /// `[[route]]`. `posthorn queue` shows what waits.
    table "queue" pub struct Queue {
        /// Whether mail is sent to other servers. With `false` what is accepted for them stays
        /// where it is until this changes; answers and copies for mailboxes here are delivered.
        enabled: bool = default true, since "0.2";

        /// How long a message is tried before its sender gets it back. Less than 4 days is
        /// against RFC 5321.
        lifetime: Duration = default "5 days", since "0.2";

        /// Whether senders are told that a message is late.
        warnings: bool = default true, since "0.2";

        /// How long a message may wait before its sender is told so.
        warn_after: Duration = default "4 h", since "0.2";

        /// The pause after the first attempt that fails; it doubles with each.
        retry_first: Duration = default "5 min", since "0.2";

        /// The longest pause between two attempts.
        retry_max: Duration = default "4 h", since "0.2";

        /// Connections to other servers at a time.
        connections: u32 = default 200, since "0.2";

        /// Connections at a time to the servers of one domain. They begin with two and grow while
        /// messages are taken.
        connections_per_destination: u32 = default 20, since "0.2";

        /// Messages a minute to one domain. Without it, as many as its servers take.
        messages_per_minute: Option<u32> = optional 600, since "0.2";

        /// Messages on one connection.
        messages_per_connection: u32 = default 100, since "0.2";

        /// Memory for messages on their way out; more of them wait.
        memory: u64 = default "256 MiB", since "0.2";

        /// For how long people may have the server hold what is to be sent later (FUTURERELEASE);
        /// `0 s` offers it to nobody.
        hold_max: Duration = default "60 days", since "0.2";

        /// How many messages of one account may be held at a time.
        held_messages: u32 = default 1000, since "0.2";

        /// How long it can be said what happened to a message (`posthorn queue trace`).
        trace: Duration = default "14 days", since "0.2";

        /// The port of other servers. Another than 25 is for tests.
        port: u32 = default 25, since "0.2";

        /// Addresses to send from, at most one of IPv4 and one of IPv6. Without any, the system
        /// chooses; with one family only, the other is not used.
        source: Option<Vec<IpAddr>> = optional ["192.0.2.7", "2001:db8::7"], since "0.2";

        /// The port of web servers that policies (MTA-STS) are fetched from. Another than 443 is for
        /// tests.
        https_port: u32 = default 443, since "0.2";

        /// Whether policies by which domains have their mail sent with TLS to servers of certain
        /// names alone (MTA-STS) are looked for and obeyed.
        mta_sts: bool = default true, since "0.2";

        /// Whose word on DNSSEC is taken, without which certificates are not looked up in the DNS
        /// (DANE): that of DNS servers on this machine (`loopback`), of all that are asked
        /// (`servers`), or of nobody. They must validate, and the way to them must be safe.
        dnssec: DnssecTrust = default "loopback", since "0.2";

        /// DNS servers. Without any, those of the machine (`/etc/resolv.conf`) are asked.
        dns: Option<Vec<SocketAddr>> = optional "127.0.0.1:53", since "0.2";

        /// PEM certificates of those whose word is taken for servers that must be verified.
        /// Without it, those whom the machine trusts.
        trusted_ca: Option<PathBuf> = optional "/etc/ssl/certs/ca-certificates.crt", since "0.2";
    }

    /// Where mail for a domain goes in place of where its MX records point. The table stands once
    /// for each domain.
    tables "route" pub struct Route {
        /// The domain; `.example.net` means every one below it, `*` all that have no other
        /// route: that is a smart host.
        domain: Word = required "*", since "0.2";

        /// The server that takes it, with its port if that is not 25.
        host: Endpoint = required "smtp.example.net:587", since "0.2";

        /// How TLS is used: `verified` always, with a certificate for the server's name;
        /// `implicit` the same from the first byte (port 465); `opportunistic` where the server
        /// offers it, whoever it is; `never`.
        tls: RouteTls = default "verified", since "0.2";

        /// Messages a minute. Without it, what `queue` says.
        messages_per_minute: Option<u32> = optional 600, since "0.2";

        /// The user to sign in as. It needs `tls` to be `verified` or `implicit`, but on the
        /// loopback.
        user: Option<Word> = optional "relay@example.net", since "0.2";

        /// A file whose first line is that user's password.
        password_file: Option<Secret> = optional "/etc/posthorn/relay-password", since "0.2";
    }

    /// Whether mail from other servers is what it says it is. What was found stands in its
    /// Authentication-Results header; the DNS servers of `[queue]` are asked.
    table "authenticity" pub struct Authenticity {
        /// Whether SPF is checked: may the host send for the domain of the envelope.
        spf: bool = default true, since "0.2";

        /// Whether DKIM signatures are checked.
        dkim: bool = default true, since "0.2";

        /// Whether ARC chains are checked: what servers found that the message passed through.
        arc: bool = default true, since "0.2";

        /// What is done with mail that fails the policy its author's domain publishes (DMARC).
        /// `obey` refuses what the domain wants refused, and delivers to Junk what it wants put
        /// aside; `mark` only tells; `off` does not ask.
        dmarc: DmarcPolicy = default "obey", since "0.2";

        /// What is done with mail whose policy cannot be had now: `accept` takes it, `defer` asks
        /// the sender to come again later. Where the policy is known, but not whether the message
        /// is what it says, the policy decides: what is to be put aside is, and the sender of what
        /// is to be refused is asked to come again.
        dns_failure: DnsFailure = default "accept", since "0.2";

        /// Domains whose ARC seals are believed: mail that they found good, and passed on changed,
        /// as mailing lists do, is not measured by DMARC again.
        trusted_sealers: Vec<Word> = default [], since "0.2";

        /// Networks of servers of one's own, whose mail is not checked.
        trusted_networks: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.2";

        /// The name that stands in Authentication-Results, and that nobody outside may use there:
        /// fields that have it are removed. Servers of one organisation share it. Without it, it
        /// is `hostname`.
        authserv_id: Option<Word> = optional "example.test", since "0.2";

        /// The address that others send reports to about mail of the domains here (DMARC, TLS). It
        /// is an address of an account or an alias of one; what arrives there is also read, and
        /// `posthorn domain reports` shows it.
        reports: Option<Word> = optional "reports@example.test", since "0.2";

        /// How long the DNS may take for one message; what was not found out by then counts as
        /// not answered.
        timeout: Duration = default "20 s", since "0.2";
    }

    /// Reports that are sent to others. It is off by default: they tell others whom one writes to.
    table "sent_reports" pub struct SentReports {
        /// Whether domains that ask for it are told once a day how TLS went with their servers
        /// (TLS-RPT): how many sessions, under which policy, and what failed.
        tls: bool = default false, since "0.2";

        /// The address they are from, of a domain here whose key signs them. Needed with `tls`.
        address: Option<Word> = optional "reports@example.test", since "0.2";

        /// Who reports. Without it, the domain of `address`.
        organization: Option<Word> = optional "Example Inc.", since "0.2";
    }

    /// What becomes of mail that arrives for accounts that have scripts.
    table "delivery" pub struct Delivery {
        /// Where scripts may send mail on to. `anywhere` lets them; what they send on and the
        /// notices they send count among the messages that the account sends a day
        /// (`limits.messages_per_day`), and beyond that the message is kept instead. `agreed` lets
        /// them send on to addresses here, and to those that agreed to a redirection of the
        /// account (`posthorn redirect`); what is to go elsewhere is kept, and the owner is told.
        script_redirects: ScriptRedirects = default "anywhere", since "0.2";
    }

    /// What is found out about hosts that bring mail to port 25, before their mail is read. Mail
    /// from people who signed in and over LMTP is not concerned, nor what is written to
    /// postmaster and abuse. The DNS servers of `[queue]` are asked.
    table "peers" pub struct Peers {
        /// Networks of hosts that are not looked at.
        exempt: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.2";

        /// What is done about a host that gives no host name in HELO, or one that does not
        /// exist: `off` does not look, `mark` tells in the field `X-Posthorn-Peer`, `defer`
        /// refuses its mail for now, `refuse` refuses it.
        helo: PeerAction = default "mark", since "0.2";

        /// What is done about a host whose address has no name that points back to it.
        reverse_dns: PeerAction = default "mark", since "0.2";

        /// How long the DNS may take for all of it; what it does not answer is held against
        /// nobody.
        timeout: Duration = default "5 s", since "0.2";

        /// Whether senders that nobody knows are asked to come again (greylisting). Few programs
        /// that send junk do; but first mail of everybody comes late.
        greylist: bool = default false, since "0.2";

        /// How long they have to wait.
        greylist_delay: Duration = default "5 min", since "0.2";

        /// How long after their first attempt they may come again.
        greylist_window: Duration = default "1 days", since "0.2";

        /// How long a network (IPv4 /24, IPv6 /64) that came again is not asked any more.
        greylist_lifetime: Duration = default "36 days", since "0.2";
    }

    /// A list of hosts in the DNS that mail is not wanted from. The table stands once for each.
    tables "blocklist" pub struct BlockList {
        /// Its zone.
        zone: Word = required "zen.spamhaus.org", since "0.2";

        /// The answers that mean a listing. Answers in 127.255.255.0/24, by which lists tell
        /// that they do not answer the resolver asked, never do; they are told in the log.
        answers: Vec<Network> = default ["127.0.0.0/8"], since "0.2";

        /// What is done about a host that is listed.
        action: PeerAction = default "refuse", since "0.2";
    }

    /// A program that checks messages before they are taken. The table stands once for each of
    /// them; they are asked in the order of the file, and each sees what those before it changed.
    tables "check" pub struct Check {
        /// What is asked: `rspamd`, `milter` (such as opendkim, clamav-milter), or `clamd`.
        scanner: Scanner = required "rspamd", since "0.2";

        /// Where it listens. For rspamd that is a normal worker, or its proxy.
        address: Socket = required "127.0.0.1:11333", since "0.2";

        /// Its name in the log and in metrics; without it, that of `scanner`.
        name: Option<Word> = optional "spam", since "0.2";

        /// Which mail it sees: `incoming` from other servers, `outgoing` from people who signed
        /// in, `lmtp` from a server on this machine.
        mail: Vec<CheckedMail> = default ["incoming", "outgoing"], since "0.2";

        /// Larger messages are taken without asking it.
        size: u64 = default "50 MiB", since "0.2";

        /// How long it may take for one message.
        timeout: Duration = default "1 min", since "0.2";

        /// What happens to a message when it gives no answer: `defer` refuses it for now, so that
        /// its sender tries again later; `accept` takes it unchecked.
        unavailable: Unavailable = default "defer", since "0.2";

        /// Whether what it condemns is refused. With `false`, such incoming mail goes into Junk.
        refuse: bool = default true, since "0.2";

        /// Whether incoming mail that rspamd marks as spam goes into Junk. With `false` it is
        /// only marked, by the field `X-Spam`.
        junk: bool = default true, since "0.2";
    }

    /// What rspamd learns from what people do with their mail.
    table "rspamd" pub struct Rspamd {
        /// Where its controller listens. With it, a message that somebody moves or copies into
        /// Junk, or gives the flag `$Junk`, is learned as spam; one that leaves Junk for another
        /// mailbox than Trash, or gets `$NotJunk`, as ham. That is done behind the command, which
        /// waits for nothing.
        controller: Option<Socket> = optional "127.0.0.1:11334", since "0.2";

        /// A file whose first line is the controller's password.
        password_file: Option<Secret> = optional "/etc/posthorn/rspamd-password", since "0.2";
    }

    /// What IMAP does beyond its limits.
    table "imap" pub struct Imap {
        /// Addresses of the accounts as which submission servers elsewhere sign in to fetch what
        /// users let them have by URL (URLAUTH); nobody else may use such URLs.
        submission_servers: Vec<Word> = default [], since "0.2";

        /// Messages that one command works on; of more it works on those with the highest UIDs,
        /// and says so (MESSAGELIMIT). The standard wants 1,000 at least. Without it there is no
        /// limit, which is what most programs expect.
        message_limit: Option<u32> = optional 1000, since "0.2";

        /// Messages that one command adds to a mailbox (SAVELIMIT), where `message_limit` does not
        /// limit that among the rest.
        save_limit: Option<u32> = optional 1000, since "0.2";
    }

    /// What POP3 does beyond its limits.
    table "pop3" pub struct Pop3 {
        /// Whether a message that was retrieved shows as read in other programs. It takes effect
        /// when the POP3 session ends with QUIT. By default a machine that collects mail is not
        /// taken for somebody who has read it.
        mark_seen: bool = default false, since "0.1";

        /// Whether a program that knows no UTF-8 in headers gets a surrogate of a message that has
        /// some: its subject and names encoded, addresses that it cannot show replaced, other such
        /// fields left out. Programs that collect mail to keep it elsewhere never say that they
        /// know UTF-8 and are to have the message as it is; so by default every message is sent byte
        /// for byte.
        surrogates: bool = default false, since "0.2";
    }

    /// Meetings and who is invited to them.
    table "calendar" pub struct Calendar {
        /// Attendees of one meeting.
        attendees: u32 = default 500, since "0.2";

        /// Whether people without a calendar here are invited, and answered, by mail.
        invite_by_mail: bool = default true, since "0.2";

        /// What mail with an invitation, an answer or a cancellation changes in the calendar of whom it
        /// is for: `all`, what concerns meetings that stand there already (`known`), or `nothing`.
        /// Only mail counts whose sender was found to be who it says, and who speaks for itself.
        invitations_by_mail: MailedInvitations = default "all", since "0.2";
    }

    /// The log, on standard error. It never holds a password or the text of a message.
    table "log" pub struct Log {
        /// How much is logged.
        level: Level = default "info", since "0.1";

        /// `plain` for people, `json` for programs: one object a line.
        format: LogFormat = default "plain", since "0.1";
    }

    /// Measurements for Prometheus, at `/metrics`.
    table "metrics" pub struct Metrics {
        /// Addresses and ports of their own for `/metrics`. Without it, the listeners of
        /// protocol `http` answer it.
        bind: Option<Vec<SocketAddr>> = optional "127.0.0.1:9464", since "0.1";

        /// Networks that may read `/metrics` from the listeners of protocol `http`. Whoever
        /// reaches `bind` may read it there.
        allow: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.1";
    }
}

/// A whole configuration that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's name in DNS.
    pub hostname: String,
    /// The directory of everything the server keeps.
    pub data_dir: PathBuf,
    /// `[storage]`
    pub storage: Storage,
    /// `[search]`
    pub search: Search,
    /// `[tls]`
    pub tls: Tls,
    /// Each `[[certificate]]`, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// `[acme]`
    pub acme: Acme,
    /// `[mta_sts]`
    pub mta_sts: MtaSts,
    /// Each `[[listener]]`, in the order of the file; at least one.
    pub listeners: Vec<Listener>,
    /// Each `[[imap_client]]`, in the order of the file.
    pub imap_clients: Vec<ImapClient>,
    /// `[limits]`
    pub limits: Limits,
    /// `[auth]`
    pub auth: Auth,
    /// `[activity]`
    pub activity: Activity,
    /// `[queue]`
    pub queue: Queue,
    /// Each `[[route]]`, in the order of the file.
    pub routes: Vec<Route>,
    /// `[authenticity]`
    pub authenticity: Authenticity,
    /// `[sent_reports]`
    pub sent_reports: SentReports,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[peers]`
    pub peers: Peers,
    /// Each `[[blocklist]]`, in the order of the file.
    pub block_lists: Vec<BlockList>,
    /// Each `[[check]]`, in the order of the file.
    pub checks: Vec<Check>,
    /// `[rspamd]`
    pub rspamd: Rspamd,
    /// `[imap]`
    pub imap: Imap,
    /// `[pop3]`
    pub pop3: Pop3,
    /// `[calendar]`
    pub calendar: Calendar,
    /// `[log]`
    pub log: Log,
    /// `[metrics]`
    pub metrics: Metrics,
}
