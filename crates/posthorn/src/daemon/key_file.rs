//! Keys that secrets in the database are sealed with: files of their own, so that the database
//! alone gives nothing away.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::Failure;

/// Reads the key; makes one where there is none yet.
pub(super) fn load_or_make(path: &Path) -> Result<[u8; 32], Failure> {
    let named =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(key) => Ok(key),
            Err(_) => Err(named(&"is not a key of 32 bytes")),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => make(path).map_err(|e| named(&e)),
        Err(error) => Err(named(&error)),
    }
}

/// Writes beside the target and renames: a key that was half written would be none for ever.
fn make(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    let beside = path.with_extension("key.new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // What it seals is durable at once, so the name must be too.
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        let made = load_or_make(&path).map_err(|failure| failure.text().to_owned()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = load_or_make(&path).map_err(|failure| failure.text().to_owned()).unwrap();
        assert!(made == read);
        fs::write(&path, b"short").unwrap();
        let refused = load_or_make(&path).map_err(|failure| failure.text().to_owned());
        assert!(refused.unwrap_err().ends_with("some.key: is not a key of 32 bytes"));
    }
}
