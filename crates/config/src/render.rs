//! The documents that follow from the option table: the reference and the sample file.

use std::fmt::Write;

use crate::options::{
    Acme, Activity, Auth, Authenticity, BlockList, Calendar, Certificate, Check, Dav, Delivery,
    General, Imap, ImapClient, Limits, Listener, Log, Metrics, MtaSts, Peers, Pop3, Queue, Route,
    Row, Rspamd, Search, Section, SentReports, Storage, Submission, Tls,
};

/// The reference of every option, in Markdown: `docs/config.md`.
pub fn render_reference() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    reference::<General>(&mut out);
    reference::<Storage>(&mut out);
    reference::<Search>(&mut out);
    reference::<Tls>(&mut out);
    reference::<Certificate>(&mut out);
    reference::<Acme>(&mut out);
    reference::<MtaSts>(&mut out);
    reference::<Listener>(&mut out);
    reference::<ImapClient>(&mut out);
    reference::<Limits>(&mut out);
    reference::<Auth>(&mut out);
    reference::<Activity>(&mut out);
    reference::<Queue>(&mut out);
    reference::<Route>(&mut out);
    reference::<Authenticity>(&mut out);
    reference::<SentReports>(&mut out);
    reference::<Submission>(&mut out);
    reference::<Delivery>(&mut out);
    reference::<Peers>(&mut out);
    reference::<BlockList>(&mut out);
    reference::<Check>(&mut out);
    reference::<Rspamd>(&mut out);
    reference::<Imap>(&mut out);
    reference::<Pop3>(&mut out);
    reference::<Calendar>(&mut out);
    reference::<Dav>(&mut out);
    reference::<Log>(&mut out);
    reference::<Metrics>(&mut out);
    out
}

/// A configuration with every key explained: `etc/posthorn.toml`. What has a default is
/// written as a comment with that default.
pub fn render_sample() -> String {
    let mut out = String::from(SAMPLE_HEAD);
    sample::<General>(&mut out);
    sample::<Storage>(&mut out);
    sample::<Search>(&mut out);
    sample::<Tls>(&mut out);
    sample_unset::<Certificate>(&mut out);
    sample::<Acme>(&mut out);
    sample::<MtaSts>(&mut out);
    sample::<Listener>(&mut out);
    out.push_str(SAMPLE_LISTENERS);
    sample_unset::<ImapClient>(&mut out);
    sample::<Limits>(&mut out);
    sample::<Auth>(&mut out);
    sample::<Activity>(&mut out);
    sample::<Queue>(&mut out);
    sample_unset::<Route>(&mut out);
    sample::<Authenticity>(&mut out);
    sample::<SentReports>(&mut out);
    sample::<Submission>(&mut out);
    sample::<Delivery>(&mut out);
    sample::<Peers>(&mut out);
    sample_unset::<BlockList>(&mut out);
    sample_unset::<Check>(&mut out);
    sample::<Rspamd>(&mut out);
    sample::<Imap>(&mut out);
    sample::<Pop3>(&mut out);
    sample::<Calendar>(&mut out);
    sample::<Dav>(&mut out);
    sample::<Log>(&mut out);
    sample::<Metrics>(&mut out);
    out
}

const REFERENCE_HEAD: &str = "\
# Configuration

<!-- Written by `UPDATE=1 cargo t -p config` from the option table; edit that. -->

One TOML file: `posthorn --config FILE`, else `$POSTHORN_CONFIG`, else
`/etc/posthorn/posthorn.toml`. `posthorn check-config` says what is wrong with it as
`file:line:key: text`, without a key where it is no TOML; an unknown key or a bad value stops the
start. A size is a number and a unit (`B`, `KiB`, `MiB`, `GiB`, `TiB`), a duration likewise (`ms`,
`s`, `min`, `h`, `days`).
";

const SAMPLE_HEAD: &str = "\
# Posthorn's configuration, with every key. A key behind a # has the value that is shown
# there as its default, or none. `posthorn check-config` says what is wrong with this file.
";

/// The further listeners a mail server needs, below the explained one.
const SAMPLE_LISTENERS: &str = "
[[listener]]
protocol = \"smtp\"
bind = \"[::]:25\"

[[listener]]
protocol = \"submission\"
bind = \"[::]:587\"

[[listener]]
protocol = \"submissions\"
bind = \"[::]:465\"

[[listener]]
protocol = \"imap\"
bind = \"[::]:143\"

[[listener]]
protocol = \"pop3s\"
bind = \"[::]:995\"

[[listener]]
protocol = \"pop3\"
bind = \"[::]:110\"

[[listener]]
protocol = \"managesieve\"
bind = \"[::]:4190\"

[[listener]]
protocol = \"lmtp\"
bind = \"127.0.0.1:24\"

[[listener]]
protocol = \"https\"
bind = \"[::]:443\"

[[listener]]
protocol = \"http\"
bind = \"127.0.0.1:8080\"
";

/// Options that stand uncommented in the sample although they need not be there: with them the
/// sample is a configuration that starts once the certificate lies where it says.
const SAMPLE_SET: &[(&str, &str)] =
    &[("", "data_dir"), ("tls", "mode"), ("tls", "certificate"), ("tls", "key")];

fn heading<S: Section>() -> String {
    match (S::NAME, S::REPEATED) {
        ("", _) => "Top of the file".to_owned(),
        (name, false) => format!("`[{name}]`"),
        (name, true) => format!("`[[{name}]]`"),
    }
}

fn paragraph(lines: &[&str], prefix: &str) -> String {
    lines.iter().map(|line| format!("{prefix}{}\n", line.trim())).collect()
}

// Writing to a String cannot fail, so the results below carry nothing.

fn reference<S: Section>(out: &mut String) {
    let _ = write!(out, "\n## {}\n\n{}", heading::<S>(), paragraph(S::DOC, ""));
    for Row { key, type_name, presence, value, doc, since } in S::ROWS {
        let value = match *presence {
            "required" => format!("required, for example `{key} = {value}`"),
            "optional" => format!("none by default, for example `{key} = {value}`"),
            _ => format!("default `{value}`"),
        };
        let _ = write!(
            out,
            "\n### `{key}`\n\n*{type_name}*; {value}; since {since}\n\n{}",
            paragraph(doc, "")
        );
    }
}

fn sample<S: Section>(out: &mut String) {
    let doc = paragraph(S::DOC, "# ");
    let _ = match (S::NAME, S::REPEATED) {
        ("", _) => Ok(()),
        (name, false) => write!(out, "\n{doc}[{name}]\n"),
        (name, true) => write!(out, "\n{doc}[[{name}]]\n"),
    };
    for row in S::ROWS {
        let set = row.presence == "required" || SAMPLE_SET.contains(&(S::NAME, row.key));
        sample_option(out, row, if set { "" } else { "# " });
    }
}

/// A table that need not stand in the file: all of it is a comment.
fn sample_unset<S: Section>(out: &mut String) {
    let _ = write!(out, "\n{}# [[{}]]\n", paragraph(S::DOC, "# "), S::NAME);
    for row in S::ROWS {
        sample_option(out, row, "# ");
    }
}

fn sample_option(out: &mut String, row: &Row, comment: &str) {
    let Row { key, value, doc, .. } = row;
    let _ = write!(out, "\n{}{comment}{key} = {value}\n", paragraph(doc, "# "));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn check(file: &str, rendered: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, rendered).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == rendered, "{file} is not what the option table says; run UPDATE=1");
    }

    #[test]
    fn the_reference_is_up_to_date() {
        check("docs/config.md", &render_reference());
    }

    #[test]
    fn the_sample_is_up_to_date() {
        check("etc/posthorn.toml", &render_sample());
    }

    #[test]
    fn every_key_that_a_file_may_hold_is_documented() {
        let (reference, sample) = (render_reference(), render_sample());
        for key in crate::parse::top_keys() {
            let is_in = |text: &str, forms: [String; 3]| forms.iter().any(|one| text.contains(one));
            let heads = [
                format!("\n### `{key}`\n"),
                format!("\n## `[{key}]`\n"),
                format!("\n## `[[{key}]]`\n"),
            ];
            assert!(is_in(&reference, heads), "{key} in the reference");
            let written = [format!("{key} = "), format!("[{key}]\n"), format!("[[{key}]]\n")];
            assert!(is_in(&sample, written), "{key} in the sample");
        }
    }

    #[test]
    fn the_sample_is_a_configuration_that_passes() {
        let config = crate::parse(&render_sample(), Path::new("/etc/posthorn/posthorn.toml"));
        assert_eq!(config.map(|config| config.listeners.len()), Ok(11));
    }

    #[test]
    fn the_sample_with_every_key_uncommented_passes_too() {
        let key_line = |line: &str| {
            line.strip_prefix("# ")
                .filter(|line| {
                    line.starts_with("[[")
                        || line.split_once(" = ").is_some_and(|(key, _)| {
                            !key.is_empty()
                                && key.bytes().all(|b| {
                                    b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()
                                })
                        })
                })
                .map(str::to_owned)
        };
        let text: String = render_sample()
            .lines()
            .map(|line| key_line(line).unwrap_or_else(|| line.to_owned()) + "\n")
            .collect();
        crate::parse(&text, Path::new("/etc/posthorn/posthorn.toml")).unwrap();
    }
}
