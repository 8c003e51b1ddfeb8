//! A certificate nobody vouches for, for trying out and for the first start.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::SetupError;

/// Makes a P-256 key and a self-signed certificate for these names (DNS names or IP
/// addresses) and writes both as PEM, the key readable by its owner only. Existing files are
/// replaced, each in one step.
///
/// # Errors
/// [`SetupError::SelfSigned`] for names that none can have; [`SetupError::File`].
pub fn generate_self_signed(
    certificate: &Path,
    key: &Path,
    names: &[String],
) -> Result<(), SetupError> {
    let (certificate_pem, key_pem) = make(names).map_err(|error| SetupError::SelfSigned {
        names: names.join(", "),
        reason: error.to_string(),
    })?;
    // The key first: a certificate is never there without its key.
    write(key, key_pem.as_bytes(), 0o600)?;
    write(certificate, certificate_pem.as_bytes(), 0o644)
}

fn make(names: &[String]) -> Result<(String, String), rcgen::Error> {
    let secret = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(first) = names.first() {
        params.distinguished_name.push(rcgen::DnType::CommonName, first.as_str());
    }
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&secret)?;
    Ok((certificate.pem(), secret.serialize_pem()))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SetupError> {
    write_beside(path, bytes, mode)
        .map_err(|source| SetupError::File { path: path.to_owned(), source })
}

/// Writes beside the target and renames, so that a reader sees the old or the new file.
fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
