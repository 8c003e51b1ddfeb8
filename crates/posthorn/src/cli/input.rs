//! What is read from files and from standard input.

use std::io::Read;

use super::Failure;

/// LIMIT: bytes of a file that is read; a script or a text of a responder is smaller.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file, or standard input.
pub(super) fn read_text(file: Option<&str>) -> Result<String, Failure> {
    let named = |name: &str, error: std::io::Error| Failure::new(format!("{name}: {error}"));
    let mut text = String::new();
    match file {
        None | Some("-") => {
            let mut input = std::io::stdin().take(FILE_BYTES_MAX + 1);
            input.read_to_string(&mut text).map_err(|error| named("standard input", error))?;
        }
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| named(path, error))?;
            let mut input = file.take(FILE_BYTES_MAX + 1);
            input.read_to_string(&mut text).map_err(|error| named(path, error))?;
        }
    }
    match text.len() as u64 > FILE_BYTES_MAX {
        // What is cut off would be missed by nobody until it mattered.
        true => Err(Failure::new(format!("at most {FILE_BYTES_MAX} bytes are read"))),
        false => Ok(text),
    }
}
