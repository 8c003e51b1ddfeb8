//! Where the server listens, and what single IMAP programs are offered.

use std::net::SocketAddr;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{Network, OptionValue, Protocol, SaslMechanism, Word};

sections! {
    /// One protocol on one or more addresses. The table stands once for each of them.
    tables "listener" pub struct Listener {
        /// What is spoken. `submissions`, `imaps`, `pop3s` and `https` use TLS from the first byte;
        /// `smtp`, `submission`, `lmtp`, `imap`, `pop3` and `managesieve` offer STARTTLS. `http`
        /// and `https` serve calendars and contacts and answer health checks and metrics; `http`
        /// uses no TLS.
        /// A change takes effect with the next start.
        protocol: Protocol = required "imaps", since "0.1";

        /// The address and port, or a list of them. `[::]:993` takes IPv4 connections too.
        /// A change takes effect with the next start.
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
        /// list for programs that stumble over another name. Without PLAIN and LOGIN in it the
        /// commands of IMAP and POP3 that send a password are refused too.
        sasl_mechanisms: Vec<SaslMechanism> = default "all", since "0.1";

        /// Networks of proxies that start each connection with a PROXY protocol header
        /// (version 1 or 2). A connection from there without the header is refused; the header
        /// from anywhere else is not believed.
        proxy_protocol: Vec<Network> = default [], since "0.1";

        /// IMAP capabilities that this listener neither announces nor allows, such as
        /// `["COMPRESS=DEFLATE", "NOTIFY"]`. With one that IMAP4rev2 includes, such as `IDLE`,
        /// IMAP4rev2 goes too. For one account there is `posthorn account capability`.
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
}
