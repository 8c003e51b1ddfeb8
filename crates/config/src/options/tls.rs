//! Certificates, and the policy that other servers are asked to keep.

use std::path::PathBuf;
use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{AcmeChallenge, OptionValue, Secret, StsMode, TlsMode, Word};

sections! {
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
        certificate: PathBuf = required "/etc/posthorn/tls/example.net.pem", since "0.1";

        /// Its private key, PEM.
        key: PathBuf = required "/etc/posthorn/tls/example.net.key", since "0.1";
    }

    /// Certificates by ACME, with `tls.mode = "acme"`. Account, certificates and their keys are
    /// kept in the database, the keys encrypted with `seal.key` in `data_dir`; daemons that share
    /// a database need the same file, and one of them orders for all. `posthorn certificate`
    /// shows what there is.
    table "acme" pub struct Acme {
        /// The URL of the directory of those who issue. Let's Encrypt has another one for trying
        /// out, `https://acme-staging-v02.api.letsencrypt.org/directory`.
        directory: Word = default "https://acme-v02.api.letsencrypt.org/directory", since "0.1";

        /// An address they may write to.
        contact: Option<Word> = optional "postmaster@example.test", since "0.1";

        /// How it is proved that a name is ours. `tls-alpn-01` needs a listener of protocol
        /// `https` that the world reaches at port 443, `http-01` one of protocol `http` at port
        /// 80, `dns-01` a `hook`.
        challenge: AcmeChallenge = default "tls-alpn-01", since "0.1";

        /// A program that publishes records for `dns-01`. It is called with three arguments: `add`
        /// or `remove`, the name of a TXT record, and its text; and ends, with status 0, once the
        /// record can be seen from everywhere.
        hook: Option<PathBuf> = optional "/etc/posthorn/dns-hook", since "0.1";

        /// Names of the server besides `hostname`. They stand in the same certificate, so each
        /// must lead here. With `dns-01` a name may begin with `*.`.
        names: Vec<Word> = default [], since "0.1";

        /// What stands before the name of each domain and domain alias for a certificate of its
        /// own, as far as the DNS knows such names: `mta-sts`, `autoconfig`, `mail`.
        domain_names: Vec<Word> = default ["mta-sts"], since "0.1";

        /// The name of an account that one has with those who issue, where they want one (external
        /// account binding).
        external_account: Option<Word> = optional "kid-1", since "0.1";

        /// A file whose first line is the key of that account, in base64url.
        external_account_key_file: Option<Secret> = optional "/etc/posthorn/acme-eab", since "0.1";

        /// PEM certificates of those whose word is taken for the directory's server. Without it,
        /// those whom the machine trusts.
        trusted_ca: Option<PathBuf> = optional "/etc/ssl/certs/ca-certificates.crt", since "0.1";
    }

    /// What is said, at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, of TLS with the servers
    /// of each domain here (MTA-STS). It counts for others once the records that
    /// `posthorn domain dns` prints are published, and where the certificate has that name.
    table "mta_sts" pub struct MtaSts {
        /// `enforce` has nothing sent here without TLS and a good certificate; `testing` has
        /// failures reported; `none` takes back what was said; `off` answers nothing.
        mode: StsMode = default "testing", since "0.1";

        /// How long others keep it. Long ones protect better, and are taken back as late.
        max_age: Duration = default "7 days", since "0.1";

        /// The servers that take mail for the domains here. Without any, `hostname`.
        mx: Vec<Word> = default [], since "0.1";
    }
}
