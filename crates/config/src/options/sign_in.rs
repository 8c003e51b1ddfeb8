//! Signing in, and what accounts are told of it.

use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::OptionValue;

sections! {
    /// Signing in.
    table "auth" pub struct Auth {
        /// The shortest password that may be set.
        password_length: u32 = default 10, since "0.1";

        /// Failed sign-ins from one address within `failure_window` before it has to wait.
        failures_per_address: u32 = default 20, since "0.1";

        /// Failed sign-ins from one network (`limits.network_v4`, `limits.network_v6`) within
        /// `failure_window` before addresses in it have to wait that did not sign in to the
        /// account lately; 0: networks are not counted.
        failures_per_network: u32 = default 200, since "0.1";

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
        entries: u32 = default 500, since "0.1";

        /// How long they are kept.
        keep: Duration = default "90 days", since "0.1";

        /// Whether the owner is told of a sign-in from a place (IPv4 /24, IPv6 /48) that the
        /// account was not signed in from lately. The place of the first sign-in of all is where
        /// the owner is.
        new_place_mail: bool = default true, since "0.1";

        /// How long a place stays known after the last sign-in from there.
        new_place_after: Duration = default "90 days", since "0.1";

        /// Wrong passwords within a day of which the owner is told; 0: of none.
        wrong_passwords: u32 = default 20, since "0.1";

        /// How long it takes until the owner is told of wrong passwords again.
        wrong_passwords_again: Duration = default "7 days", since "0.1";
    }
}
