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

#[test]
fn the_sample_passes() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/posthorn.toml");
    assert_eq!(crate::process::done(&sample, &["check-config"]), "ok\n");
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
