//! What one peer, one account or one message may take.

use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::OptionValue;

sections! {
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
        connections_per_network: u32 = default 500, since "0.1";

        /// Connections a minute that one network may make to the SMTP listeners. This and the next
        /// five do not concern the loopback, `peers.exempt`, LMTP and who has signed in.
        smtp_connections_per_network: u32 = default 600, since "0.1";

        /// Messages a minute that one network may bring.
        messages_per_network: u32 = default 1000, since "0.1";

        /// Recipients a minute that one network may name, those that do not exist among them.
        recipients_per_network: u32 = default 3000, since "0.1";

        /// Connections a minute that one IPv4 address or one IPv6 /64 may make to the SMTP
        /// listeners. With the number of its network, this and the next two bound nothing more.
        smtp_connections_per_address: u32 = default 150, since "0.1";

        /// Messages a minute that one IPv4 address or one IPv6 /64 may bring. One host does not use
        /// up what is for all of its network then.
        messages_per_address: u32 = default 250, since "0.1";

        /// Recipients a minute that one IPv4 address or one IPv6 /64 may name.
        recipients_per_address: u32 = default 750, since "0.1";

        /// How many leading bits of an IPv4 address make a network, 8 to 32.
        /// A change takes effect with the next start.
        network_v4: u32 = default 24, since "0.1";

        /// How many leading bits of an IPv6 address make a network, 16 to 64. Providers give
        /// customers between 48 and 64.
        /// A change takes effect with the next start.
        network_v6: u32 = default 56, since "0.1";

        /// How long the TLS handshake may take.
        tls_handshake_timeout: Duration = default "15 s", since "0.1";

        /// How long a peer may leave the server's answer unread before it is cut off.
        write_timeout: Duration = default "1 min", since "0.1";

        /// How long an IMAP, POP3 or ManageSieve connection may stay without signing in.
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
        /// A change takes effect with the next start.
        reception_memory: u64 = default "256 MiB", since "0.1";

        /// Recipients of one message.
        recipients: u32 = default 1000, since "0.1";

        /// Messages that an account may send a day (by UTC), where `posthorn account limits` gives
        /// it no limit of its own. It bounds what a stolen password is good for.
        messages_per_day: u32 = default 1000, since "0.1";

        /// Recipients of one message that an account sends; likewise, and besides `recipients`.
        recipients_per_message: u32 = default 500, since "0.1";

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

        /// People elsewhere, with no account here, with whom one calendar is shared.
        outside_shares: u32 = default 100, since "0.1";

        /// Letters that invite people elsewhere to the calendars of one account, on one day.
        outside_letters: u32 = default 50, since "0.1";

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

        /// Addresses to which one account sends copies of its mail on, where `posthorn account
        /// limits` gives it no number of its own.
        redirections: u32 = default 10, since "0.1";
    }
}
