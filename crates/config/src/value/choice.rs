//! Values that are one word of a fixed list.

use std::path::Path;

use toml::de::DeValue;

use super::{OptionValue, text};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $type:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The word of the file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)+];
        }

        impl OptionValue for $name {
            const TYPE: &'static str = $type;

            fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
                let typed = text(value, concat!("one of ", $type))?;
                match Self::WORDS.iter().find(|(word, _)| *word == typed) {
                    Some((_, choice)) => Ok(*choice),
                    None => Err(refusal(typed, $type)),
                }
            }
        }
    };
}

/// What is said of a word that is none of the choices.
fn refusal(typed: &str, choices: &str) -> String {
    match typed {
        "acme" => "acme is not built into this version; use files or self-signed".to_owned(),
        "managesieve" | "https" => {
            format!("{typed} is not built into this version; one of {choices}")
        }
        _ => format!("\"{typed}\" is none of {choices}"),
    }
}

choice! {
    /// Where the certificate comes from.
    TlsMode: "`files`, `self-signed`" {
        /// From two PEM files, read again on reload.
        Files = "files",
        /// Made at the first start and kept in the data directory; for trying out.
        SelfSigned = "self-signed",
    }
}

choice! {
    /// What a listener speaks.
    Protocol: "`smtp`, `lmtp`, `submission`, `submissions`, `imap`, `imaps`, `pop3`, `pop3s`, `http`" {
        /// Mail from other servers, port 25.
        Smtp = "smtp",
        /// Mail from a server on the same machine, port 24.
        Lmtp = "lmtp",
        /// Mail from mail programs, port 587, STARTTLS.
        Submission = "submission",
        /// Mail from mail programs, port 465, TLS from the first byte.
        Submissions = "submissions",
        /// Reading mail, port 143, STARTTLS.
        Imap = "imap",
        /// Reading mail, port 993, TLS from the first byte.
        Imaps = "imaps",
        /// Collecting mail, port 110, STLS.
        Pop3 = "pop3",
        /// Collecting mail, port 995, TLS from the first byte.
        Pop3s = "pop3s",
        /// Health checks and metrics.
        Http = "http",
    }
}

choice! {
    /// How much is logged.
    Level: "`error`, `warn`, `info`, `debug`, `trace`" {
        /// Only what the operator must repair.
        Error = "error",
        /// Also what the operator should look at.
        Warn = "warn",
        /// Also starts, stops, sign-ins and deliveries.
        Info = "info",
        /// Also what peers do wrong.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choice! {
    /// How a log line looks.
    LogFormat: "`plain`, `json`" {
        /// For people.
        Plain = "plain",
        /// One JSON object a line, for programs.
        Json = "json",
    }
}
