//! Where things are kept: the database, the blobs, and files that hold secrets.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::{OptionValue, text};

/// The database engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite in the data directory.
    Sqlite,
    /// PostgreSQL, or what speaks its protocol: the URL, which holds no password.
    Postgresql(String),
}

impl OptionValue for Database {
    const TYPE: &'static str = "`sqlite` or `postgresql://USER@HOST[:PORT]/NAME`";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let written = text(value, "\"sqlite\" or \"postgresql://user@host/name\"")?;
        if written == "sqlite" {
            return Ok(Self::Sqlite);
        }
        let Some(rest) = written.strip_prefix("postgresql://") else {
            // The value may hold a password all the same, so it is not repeated.
            return Err("expected \"sqlite\" or \"postgresql://user@host/name\"".to_owned());
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
            || path.contains("password=")
        {
            let text = "a password may not stand here; put it into a file and name that in \
                        storage.database_password_file";
            return Err(text.to_owned());
        }
        if path.is_empty() {
            return Err("the URL names no database: postgresql://user@host/name".to_owned());
        }
        Ok(Self::Postgresql(written.to_owned()))
    }
}

/// Where the bytes of large messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blobs {
    /// Beside the rows.
    Database,
    /// An object store, as the URL that was written: `s3://…` or `file:///…`.
    ObjectStore(String),
}

impl OptionValue for Blobs {
    const TYPE: &'static str =
        "`database`, `file:///PATH` or `s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME`";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        let written = text(value, "\"database\", \"file:///path\" or \"s3://bucket\"")?;
        if written == "database" {
            Ok(Self::Database)
        } else if let Some(path) = written.strip_prefix("file://") {
            if !path.starts_with('/') {
                return Err("the path must be absolute: file:///path".to_owned());
            }
            Ok(Self::ObjectStore(written.to_owned()))
        } else if let Some(rest) = written.strip_prefix("s3://") {
            check_s3(rest)?;
            Ok(Self::ObjectStore(written.to_owned()))
        } else {
            Err(format!("\"{written}\" is none of \"database\", \"file:///path\", \"s3://bucket\""))
        }
    }
}

fn check_s3(rest: &str) -> Result<(), String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = match place.split_once('/') {
        Some((bucket, prefix)) => (bucket, Some(prefix)),
        None => (place, None),
    };
    let is_name = |name: &str| !name.is_empty() && name != "." && name != "..";
    let is_prefix = prefix.is_none_or(|prefix| prefix.split('/').all(is_name));
    if bucket.is_empty() || bucket.contains('@') || !is_prefix {
        return Err("expected a bucket, and a prefix if need be: \
                    s3://bucket/prefix?endpoint=URL&region=NAME"
            .to_owned());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("endpoint", url)) if url.starts_with("http") => {}
            Some(("region", name)) if !name.is_empty() => {}
            _ => return Err("after the bucket only endpoint=URL and region=NAME".to_owned()),
        }
    }
    Ok(())
}

/// A file that holds a secret. The secret itself never stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret(pub PathBuf);

impl OptionValue for Secret {
    const TYPE: &'static str = "path of a file that holds the secret";

    fn parse(value: &DeValue<'_>, directory: &Path) -> Result<Self, String> {
        PathBuf::parse(value, directory).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: OptionValue>(written: &str) -> Result<T, String> {
        T::parse(&DeValue::String(written.into()), Path::new("/etc"))
    }

    #[test]
    fn databases() {
        assert_eq!(read("sqlite"), Ok(Database::Sqlite));
        let url = "postgresql://posthorn@db.example.test:5432/posthorn";
        assert_eq!(read(url), Ok(Database::Postgresql(url.to_owned())));
        for bad in ["", "mysql://a@b/c", "postgresql://u@h", "postgresql://u:secret@h/n"] {
            let error = read::<Database>(bad).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn blob_places() {
        assert_eq!(read("database"), Ok(Blobs::Database));
        for url in [
            "file:///srv/blobs",
            "s3://mail",
            "s3://mail?endpoint=https://s3.test&region=ch",
            "s3://mail/of/posthorn?region=ch",
        ] {
            assert_eq!(read(url), Ok(Blobs::ObjectStore(url.to_owned())));
        }
        for bad in [
            "",
            "file://blobs",
            "s3://",
            "s3:///a",
            "s3://a/",
            "s3://a//b",
            "s3://a/../b",
            "s3://u@a/b",
            "s3://a?key=x",
            "s3://a?endpoint=ftp:",
        ] {
            assert!(read::<Blobs>(bad).is_err(), "{bad:?}");
        }
    }
}
