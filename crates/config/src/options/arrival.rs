//! Mail on its way in: who may send it, what is checked, where it goes.

use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{
    CheckedMail, DmarcPolicy, DnsFailure, Network, OptionValue, PeerAction, Scanner,
    ScriptRedirects, Secret, Socket, SpfPolicy, Unavailable, Word,
};

sections! {
    /// Whether mail from other servers is what it says it is. What was found stands in its
    /// Authentication-Results header; the DNS servers of `[queue]` are asked.
    table "authenticity" pub struct Authenticity {
        /// What is done with mail from a host that may not send for the domain of its sender, as
        /// that domain says by SPF (`-all`). `mark` only tells, `junk` delivers it to Junk,
        /// `reject` refuses it, `off` does not ask. Mail that is from its author by DMARC, is
        /// signed by the domain of its sender, or that a trusted sealer found good, is taken
        /// nevertheless: it was sent on. What a domain says is only likely (`~all`) is never
        /// refused. `true` and `false` stand for `mark` and `off`.
        spf: SpfPolicy = default "mark", since "0.1";

        /// Whether DKIM signatures are checked.
        dkim: bool = default true, since "0.1";

        /// Whether ARC chains are checked: what servers found that the message passed through.
        arc: bool = default true, since "0.1";

        /// What is done with mail that fails the policy its author's domain publishes (DMARC).
        /// `obey` refuses what the domain wants refused, and delivers to Junk what it wants put
        /// aside; `mark` only tells; `off` does not ask.
        dmarc: DmarcPolicy = default "obey", since "0.1";

        /// What is done with mail whose policy cannot be had now: `accept` takes it, `defer` asks
        /// the sender to come again later. Where the policy is known, but not whether the message
        /// is what it says, the policy decides: what is to be put aside is, and the sender of what
        /// is to be refused is asked to come again.
        dns_failure: DnsFailure = default "accept", since "0.1";

        /// Domains whose ARC seals are believed: mail that they found good, and passed on changed,
        /// as mailing lists do, is not measured by DMARC again.
        trusted_sealers: Vec<Word> = default [], since "0.1";

        /// Networks of servers of one's own, whose mail is not checked.
        trusted_networks: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.1";

        /// The names that servers of one's own have in Authentication-Results, and that are
        /// believed in what comes over LMTP or from `trusted_networks`: whom they found to be the
        /// author of a message (by DMARC, or where they say nothing of that, by a signature of the
        /// very domain) may write to the calendars of those it is for, with invitations and
        /// answers. Such a server must remove fields with its name from what it gets itself (RFC
        /// 8601 §5). Without any, such mail changes no calendar.
        trusted_servers: Vec<Word> = default [], since "0.1";

        /// The name that stands in Authentication-Results, and that nobody outside may use there:
        /// fields that have it are removed. Servers of one organisation share it. Without it, it
        /// is `hostname`.
        authserv_id: Option<Word> = optional "example.test", since "0.1";

        /// The address that others send reports to about mail of the domains here (DMARC, TLS). It
        /// is an address of an account or an alias of one; what arrives there is also read, and
        /// `posthorn domain reports` shows it; a report of TLS, where the domain that reports has
        /// signed it. While the DNS is silent on who signed one, it is kept in the database and
        /// looked at again, for 17 hours.
        reports: Option<Word> = optional "reports@example.test", since "0.1";

        /// How long the DNS may take for one message; what was not found out by then counts as
        /// not answered.
        timeout: Duration = default "20 s", since "0.1";
    }

    /// Mail that signed-in accounts hand in to be sent.
    table "submission" pub struct Submission {
        /// Whether accounts may name authors and senders (From, Sender) that are at no domain of
        /// this server. By default an account sends from its own addresses, and from those that
        /// others of this server let it send from, and from no others. Who sends a message again
        /// (Resent-From) may leave in it anybody elsewhere, whatever this says. What is no address
        /// but may be shown as one is refused; with this, only if a domain in it is of this server.
        authors_elsewhere: bool = default false, since "0.1";
    }

    /// What becomes of mail that arrives for accounts that have scripts.
    table "delivery" pub struct Delivery {
        /// Where scripts may send mail on to. `agreed` lets them send on to addresses here, and to
        /// those that agreed to a redirection of the account (`posthorn redirect`); what is to go
        /// elsewhere is kept, and the owner is told. `anywhere` asks nobody. What scripts send on
        /// and the notices they send count among the messages that the account sends a day
        /// (`limits.messages_per_day`), and beyond that the message is kept instead.
        script_redirects: ScriptRedirects = default "agreed", since "0.1";
    }

    /// What is found out about hosts that bring mail to port 25, before their mail is read. Mail
    /// from people who signed in and over LMTP is not concerned, nor what is written to
    /// postmaster and abuse. The DNS servers of `[queue]` are asked.
    table "peers" pub struct Peers {
        /// Networks of hosts that are not looked at.
        exempt: Vec<Network> = default ["127.0.0.0/8", "::1"], since "0.1";

        /// What is done about a host that gives no host name in HELO, or one that does not
        /// exist: `off` does not look, `mark` tells in the field `X-Posthorn-Peer`, `defer`
        /// refuses its mail for now, `refuse` refuses it.
        helo: PeerAction = default "mark", since "0.1";

        /// What is done about a host whose address has no name that points back to it.
        reverse_dns: PeerAction = default "mark", since "0.1";

        /// How long the DNS may take for all of it; what it does not answer is held against
        /// nobody.
        timeout: Duration = default "5 s", since "0.1";

        /// Whether senders that nobody knows are asked to come again (greylisting). Few programs
        /// that send junk do; but first mail of everybody comes late.
        greylist: bool = default false, since "0.1";

        /// How long they have to wait.
        greylist_delay: Duration = default "5 min", since "0.1";

        /// How long after their first attempt they may come again.
        greylist_window: Duration = default "1 days", since "0.1";

        /// How long a network (IPv4 /24, IPv6 /64) that came again is not asked any more.
        greylist_lifetime: Duration = default "36 days", since "0.1";
    }

    /// A list of hosts in the DNS that mail is not wanted from. The table stands once for each.
    tables "blocklist" pub struct BlockList {
        /// Its zone.
        zone: Word = required "zen.spamhaus.org", since "0.1";

        /// The answers that mean a listing. Answers in 127.255.255.0/24, by which lists tell
        /// that they do not answer the resolver asked, never do; they are told in the log.
        answers: Vec<Network> = default ["127.0.0.0/8"], since "0.1";

        /// What is done about a host that is listed.
        action: PeerAction = default "refuse", since "0.1";
    }

    /// A program that checks messages before they are taken. The table stands once for each of
    /// them; they are asked in the order of the file, and each sees what those before it changed of
    /// the message. Milters are asked of each recipient before its sender is told, and may refuse
    /// one alone; the first that does so ends it. At the end of a message they may change it, add
    /// and take away recipients and change the sender. A recipient that a milter adds may be
    /// anywhere. Where it cannot have the message (nobody has that name here, the mailbox is full,
    /// its sender may not post to that list) the message is refused for all, for now, with a
    /// warning in the log. A message whose recipients were all taken away is accepted and goes to
    /// nobody.
    tables "check" pub struct Check {
        /// What is asked: `rspamd`, `milter` (such as opendkim, clamav-milter), or `clamd`.
        scanner: Scanner = required "rspamd", since "0.1";

        /// Where it listens. For rspamd that is a normal worker, or its proxy.
        address: Socket = required "127.0.0.1:11333", since "0.1";

        /// Its name in the log and in metrics; without it, that of `scanner`.
        name: Option<Word> = optional "spam", since "0.1";

        /// Which mail it sees: `incoming` from other servers, `outgoing` from people who signed
        /// in, `lmtp` from a server on this machine.
        mail: Vec<CheckedMail> = default ["incoming", "outgoing"], since "0.1";

        /// Larger messages are taken without asking it.
        size: u64 = default "50 MiB", since "0.1";

        /// How long it may take for one message, with what it is asked of its recipients. Once it
        /// has failed it is asked of nothing more of the same message.
        timeout: Duration = default "1 min", since "0.1";

        /// What happens to a message when it gives no answer: `defer` refuses it for now, so that
        /// its sender tries again later; `accept` takes it unchecked.
        unavailable: Unavailable = default "defer", since "0.1";

        /// Whether what it condemns is refused. With `false`, such incoming mail goes into Junk.
        refuse: bool = default true, since "0.1";

        /// Whether incoming mail that rspamd marks as spam goes into Junk. With `false` it is
        /// only marked, by the field `X-Spam`.
        junk: bool = default true, since "0.1";
    }

    /// What rspamd learns from what people do with their mail.
    table "rspamd" pub struct Rspamd {
        /// Where its controller listens. With it, a message that somebody moves or copies into
        /// Junk, or gives the flag `$Junk`, is learned as spam; one that leaves Junk for another
        /// mailbox than Trash, or gets `$NotJunk`, as ham. That is done behind the command, which
        /// waits for nothing.
        controller: Option<Socket> = optional "127.0.0.1:11334", since "0.1";

        /// A file whose first line is the controller's password.
        password_file: Option<Secret> = optional "/etc/posthorn/rspamd-password", since "0.1";
    }
}
