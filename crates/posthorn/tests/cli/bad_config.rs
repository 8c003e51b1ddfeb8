//! Each folder of `tests/e2e/bad_config` holds a configuration that must not start, and what is
//! said about it. `UPDATE=1` rewrites what is expected; the diff is to be reviewed.

use std::fs;
use std::path::Path;

use crate::process::{Ended, command};

#[test]
fn bad_configurations_stop_the_start() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/e2e/bad_config");
    let mut seen = 0;
    for case in fs::read_dir(cases).unwrap() {
        let case = case.unwrap().path();
        for verb in ["check-config", "serve"] {
            let output = command()
                .current_dir(&case)
                .args(["--config", "posthorn.toml", verb])
                .output()
                .unwrap();
            let ended = Ended::from(output);
            if std::env::var_os("UPDATE").is_some() {
                fs::write(case.join("expected"), &ended.stderr).unwrap();
            }
            let expected = fs::read_to_string(case.join("expected")).unwrap();
            assert_eq!(ended.stderr, expected, "{} {verb}", case.display());
            assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{}", case.display());
            assert!(expected.lines().all(|line| line.starts_with("posthorn.toml:")));
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} cases");
}

/// But for the certificate, which whoever installs it has to bring.
#[test]
fn the_sample_passes() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/posthorn.toml");
    let text = fs::read_to_string(sample).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("posthorn.toml");
    let tls = folder.path().join("tls");
    fs::create_dir(&tls).unwrap();
    assert!(text.contains("/etc/posthorn/tls/"));
    fs::write(&copy, text.replace("/etc/posthorn/tls", tls.to_str().unwrap())).unwrap();
    let refused = crate::process::refused(&copy, &["check-config"]);
    for (line, key) in refused.lines().zip(["tls.certificate", "tls.key"]) {
        assert!(line.contains(&format!(":{key}: ")), "{line}");
        assert!(line.ends_with("No such file or directory (os error 2)"), "{line}");
    }
    assert_eq!(refused.lines().count(), 2);
    pair(&tls, "fullchain.pem", "key.pem");
    assert_eq!(crate::process::done(&copy, &["check-config"]), "ok\n");
}

/// Makes a certificate and its key.
fn pair(folder: &Path, certificate: &str, key: &str) {
    let names = ["mail.example.test".to_owned()];
    net::generate_self_signed(&folder.join(certificate), &folder.join(key), &names).unwrap();
}

#[test]
fn files_that_are_of_no_use_are_named_by_their_option() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    pair(folder.path(), "a.pem", "a.key");
    pair(folder.path(), "b.pem", "b.key");
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::write(folder.path().join("secret"), "secret\n").unwrap();
    let head = "hostname = \"mail.example.test\"\n[[listener]]\nprotocol = \"imaps\"\n\
                bind = \"127.0.0.1:10993\"\n";
    let own = "[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
    for (more, expect) in [
        (own.to_owned(), ""),
        (
            "[tls]\ncertificate = \"a.pem\"\nkey = \"b.key\"\n".to_owned(),
            "7:tls.key: D/b.key: is not the key of D/a.pem",
        ),
        (
            "[tls]\ncertificate = \"none\"\nkey = \"a.key\"\n".to_owned(),
            "6:tls.certificate: D/none: No such file or directory (os error 2)",
        ),
        (
            "[tls]\ncertificate = \"a.key\"\nkey = \"a.key\"\n".to_owned(),
            "6:tls.certificate: D/a.key: holds no PEM certificate",
        ),
        (format!("{own}client_ca = \"a.key\"\n"), "8:tls.client_ca: D/a.key: holds no certificate"),
        (
            format!(
                "{own}[[certificate]]\ncertificate = \"b.pem\"\nkey = \"b.key\"\n\
                  [[certificate]]\ncertificate = \"b.pem\"\nkey = \"inner\"\n"
            ),
            "13:certificate.key: D/inner: is no file",
        ),
        (
            format!(
                "{own}[rspamd]\npassword_file = \"secret\"\n[[route]]\ndomain = \"*\"\n\
                  host = \"relay.test\"\nuser = \"me\"\ntls = \"verified\"\n\
                  password_file = \"empty\"\n"
            ),
            "15:route.password_file: D/empty: the first line is empty",
        ),
    ] {
        fs::write(&path, format!("{head}{more}")).unwrap();
        if expect.is_empty() {
            assert_eq!(crate::process::done(&path, &["check-config"]), "ok\n");
            continue;
        }
        let refused = crate::process::refused(&path, &["check-config"]);
        let folder = folder.path().to_str().unwrap();
        let expect =
            format!("{}:{}\n", path.display(), expect.replace("D/", &format!("{folder}/")));
        assert_eq!(refused, expect);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let text = crate::process::refused(Path::new("/nowhere/p.toml"), &["check-config"]);
    assert_eq!(text, "/nowhere/p.toml: No such file or directory (os error 2)\n");
}

#[test]
fn the_environment_names_the_file_too() {
    let output =
        command().env("POSTHORN_CONFIG", "/nowhere/e.toml").arg("check-config").output().unwrap();
    assert!(Ended::from(output).stderr.starts_with("/nowhere/e.toml: "));
}
