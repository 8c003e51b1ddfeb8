//! Where everything is kept, and the search index.

use std::time::Duration;

use super::{Row, Section};
use crate::reader::TableReader;
use crate::value::{Blobs, Database, MediaRange, OptionValue, Secret};

sections! {
    /// Where accounts, mailboxes and messages are kept.
    table "storage" pub struct Storage {
        /// The database. `sqlite` needs nothing else and keeps everything in `data_dir`. A
        /// PostgreSQL URL is for those who outgrow one machine; several daemons may share one
        /// database. The URL holds no password: that is `database_password_file`. After it, as in
        /// libpq, `?sslmode=verify-full&sslrootcert=/path/ca.pem` asks for TLS and for a
        /// certificate of the host that one of those in the file vouches for; the other modes are
        /// `disable`, `prefer` (without `sslmode`), `require` and `verify-ca`.
        /// A change takes effect with the next start.
        database: Database = default "sqlite", since "0.1";

        /// A file whose first line is the password of the PostgreSQL user.
        /// A change takes effect with the next start.
        database_password_file: Option<Secret> = optional "/etc/posthorn/database-password", since "0.1";

        /// Where the bytes of large messages are kept. `database` puts them beside the rows.
        /// An S3-compatible store takes its credentials from the environment
        /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), as its other programs do.
        /// A change takes effect with the next start.
        blobs: Blobs = default "database", since "0.1";

        /// Connections to the database that only read. They never wait for a writer; more of
        /// them help while many sessions read at once on many cores.
        /// A change takes effect with the next start.
        readers: u32 = default 4, since "0.1";

        /// Memory for the envelopes, structures and headers that were read last. Mail programs
        /// ask for the same ones again and again; what is in memory is answered several times
        /// faster. A message takes some 2 KiB of it. Where it is not set, it may become a
        /// sixteenth of the machine's memory, or of what the control group allows: 64 MiB at
        /// least, and 1 GiB at most.
        /// A change takes effect with the next start.
        content_cache: Option<u64> = optional "256 MiB", since "0.1";

        /// Memory for messages that wait to be written; more of them wait before that.
        /// A change takes effect with the next start.
        write_queue: u64 = default "256 MiB", since "0.1";

        /// How long a message that was expunged can be brought back.
        expunged_retention: Duration = default "30 days", since "0.1";

        /// Bytes that expunged messages take of one account, so that they can be brought back: as
        /// much as its quota where that is more. Beyond it the oldest go before their time. An
        /// account without a quota has no such bound.
        expunged: u64 = default "1 GiB", since "0.1";

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
        /// A change takes effect with the next start.
        cache: u64 = default "128 MiB", since "0.1";
    }
}
