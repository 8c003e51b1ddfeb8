//! Import, export and restore give the same result with a daemon running and without.

use std::fs;
use std::path::Path;

use crate::process::{Daemon, done, refused, run_with_input};
use crate::verbs::Site;

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:PUBLISH\r\n\
    X-WR-CALNAME:Team\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n\
    DTSTART:20260105T090000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\n\
    DTSTART:20260106T090000Z\r\nX-ODD;a=\"b;c\":d\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
const CARDS: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:c1\r\nFN:Max\r\nEMAIL:max@example.test\r\n\
    END:VCARD\r\n";
const JULIE: &str = "julie@example.test";

#[test]
fn without_a_daemon() {
    let site = Site::new("");
    every_verb(&site.config);
    assert_eq!(done(&site.config, &["check-store"]), "ok\n");
}

#[test]
fn with_a_daemon() {
    let site = Site::new("");
    let daemon = Daemon::serve(&site.config);
    every_verb(&site.config);
    let log = daemon.terminate();
    assert!(!log.contains("X-ODD"), "{log}");
    assert_eq!(done(&site.config, &["check-store"]), "ok\n");
}

fn every_verb(config: &Path) {
    done(config, &["domain", "add", "example.test"]);
    let made = run_with_input(
        config,
        &["account", "add", JULIE, "--password-stdin"],
        "correct horse battery staple\n",
    );
    assert_eq!(made.status, 0, "{}", made.stderr);
    let folder = config.parent().unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    calendars(config, &path);
    contacts(config, &path);
}

fn calendars(config: &Path, path: &dyn Fn(&str) -> String) {
    fs::write(path("team.ics"), CALENDAR).unwrap();
    let import = ["import", "ics", JULIE, &path("team.ics"), "--calendar", "team"];
    assert_eq!(refused(config, &import), "team: calendar does not exist\n");
    let new = [&import[..], &["--new"]].concat();
    assert_eq!(done(config, &new), "team: 2 added\n");
    assert_eq!(done(config, &import), "team: 0 added, 2 duplicates left out\n");
    fs::write(path("changed.ics"), CALENDAR.replace("X-ODD;a=\"b;c\":d\r\n", "")).unwrap();
    let replace = ["import", "ics", JULIE, &path("changed.ics"), "--calendar", "team", "--replace"];
    assert_eq!(done(config, &replace), "team: 0 added, 1 replaced, 1 duplicates left out\n");
    assert_eq!(
        done(config, &[&import[..], &["--replace"]].concat()),
        "team: 0 added, 1 replaced, 1 duplicates left out\n"
    );
    let exported = done(config, &["export", "calendar", JULIE, "team"]);
    let expected = CALENDAR.replace(
        "PRODID:-//x//EN\r\nMETHOD:PUBLISH\r\nX-WR-CALNAME:Team\r\n",
        "PRODID:-//Posthorn//EN\r\nCALSCALE:GREGORIAN\r\nNAME:Team\r\nX-WR-CALNAME:Team\r\n",
    );
    assert_eq!(exported, expected);
    let folder = path("all");
    let all = ["export", "calendar", JULIE, "--all", "--directory", &folder];
    assert_eq!(done(config, &all), format!("{folder}/personal.ics\n{folder}/team.ics\n"));
    assert_eq!(fs::read_to_string(path("all/team.ics")).unwrap(), expected);
    let broken = CALENDAR.replace("DTSTART:20260106T090000Z", "DTSTART:soon");
    let ended = run_with_input(config, &["import", "ics", JULIE, "-"], &broken);
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (
            1,
            "nothing is imported: line 11: this is not well-formed data: not a date or date-time\n"
        )
    );
    several_files(config, path, &broken);
    // Nothing of this was there an hour ago.
    let listed = done(config, &["restore", "list", JULIE, "--at", "1h"]);
    assert!(listed.contains("calendar  team"), "{listed}");
    let back = ["restore", "calendar", JULIE, "team", "--at", "1h"];
    let told = done(config, &[&back[..], &["--dry-run"]].concat());
    assert!(told.starts_with("- 1.ics\n- 2.ics\nteam as of "), "{told}");
    assert!(told.ends_with(": 0 would be restored, 2 would be removed, 0 left as they are\n"));
    assert!(done(config, &back).contains(" 2 removed"));
    assert_eq!(
        refused(config, &["restore", "calendar", JULIE, "team", "--at", "31d"]),
        "what was is known for the last 30 days\n"
    );
    assert_eq!(
        refused(config, &["restore", "calendar", JULIE, "team", "--at", "2999-01-01"]),
        "\"2999-01-01\" is yet to come\n"
    );
    assert!(
        refused(config, &["restore", "calendar", JULIE, "team", "--at", "soon"])
            .starts_with("\"soon\" is neither like 24h or 7d nor a date")
    );
}

/// R-CAL-9: several at once, all of them or none.
fn several_files(config: &Path, path: &dyn Fn(&str) -> String, broken: &str) {
    let one = |uid: &str| CALENDAR.replace("UID:1\r", &format!("UID:{uid}\r"));
    fs::write(path("one.ics"), one("several-1")).unwrap();
    fs::write(path("two.ics"), one("several-2")).unwrap();
    fs::write(path("broken.ics"), broken).unwrap();
    let (one, two, broken) = (path("one.ics"), path("two.ics"), path("broken.ics"));
    let into = ["--calendar", "several", "--new"];
    let import = ["import", "ics", JULIE, &one, &broken, &two];
    assert_eq!(
        refused(config, &[&import[..], &into].concat()),
        format!(
            "nothing is imported: {broken}: line 11: this is not well-formed data: \
             not a date or date-time\n"
        )
    );
    // UID 2 is in both of them.
    let import = ["import", "ics", JULIE, &one, &two];
    assert_eq!(
        done(config, &[&import[..], &into].concat()),
        "several: 3 added, 1 duplicates left out\n"
    );
    // Which of two is the newer one is not for the program to say: the one that is there stays.
    let other = CALENDAR.replace("UID:1\r", "UID:several-2\r").replace("0105T09", "0105T10");
    fs::write(path("other.ics"), other).unwrap();
    let other = path("other.ics");
    let import = [&["import", "ics", JULIE, &two, &other], &into[..2]].concat();
    assert_eq!(done(config, &import), "several: 0 added, 4 duplicates left out\n");
    let text = refused(config, &[&import[..], &["--replace"]].concat());
    let wanted = format!("several-2 is in {two} too, and otherwise there");
    assert!(text.starts_with(&format!("nothing is imported: {other}: line ")), "{text}");
    assert!(text.contains(&wanted), "{text}");
    let exported = done(config, &["export", "calendar", JULIE, "several"]);
    assert_eq!(exported.matches("BEGIN:VEVENT").count(), 3);
}

fn contacts(config: &Path, path: &dyn Fn(&str) -> String) {
    fs::write(path("cards.vcf"), CARDS).unwrap();
    assert_eq!(done(config, &["import", "vcf", JULIE, &path("cards.vcf")]), "personal: 1 added\n");
    assert_eq!(done(config, &["export", "contacts", JULIE]), CARDS);
    let table = done(config, &["export", "contacts", JULIE, "--format", "csv"]);
    assert!(table.contains("Max") && table.contains("max@example.test"), "{table}");
    fs::write(path("table.csv"), "Name,E-mail,Shoe size\nMia,mia@example.test,38\n").unwrap();
    let import = ["import", "contacts-csv", JULIE, &path("table.csv"), "--book", "friends"];
    assert_eq!(
        done(config, &[&import[..], &["--new"]].concat()),
        "friends: 1 added\nnot understood: Shoe size\n"
    );
    assert_eq!(
        done(config, &import),
        "friends: 0 added, 1 duplicates left out\nnot understood: Shoe size\n"
    );
    let columns = "Name,E-mail,Notes,Birthday\n";
    for (rows, said) in [
        (
            "Ann,a@example.test,,5/4/1980\nBob,,,25/4/1980\n,,of nobody,\n",
            ": 2 added, 1 row left out that is nobody\n",
        ),
        (
            "Cid,,,5/4/1980\nDan,,,soon\n",
            "nothing is imported: row 3 has a date that is not read, unlike 1980-12-31\n",
        ),
        (
            "Cid,,,,1 Way\n",
            "nothing is imported: row 2 has more fields than the first row has names\n",
        ),
    ] {
        fs::write(path("dates.csv"), format!("{columns}{rows}")).unwrap();
        let import = ["import", "contacts-csv", JULIE, &path("dates.csv"), "--book", "friends"];
        match said.strip_prefix(':') {
            Some(_) => assert_eq!(done(config, &import), format!("friends{said}")),
            None => assert_eq!(refused(config, &import), said),
        }
    }
    let dates = done(config, &["export", "contacts", JULIE, "friends"]);
    assert!(dates.contains("BDAY:1980-04-05\r\n") && dates.contains("BDAY:1980-04-25\r\n"));
    assert!(!dates.contains("FN:Cid"), "{dates}");
    let old = done(config, &["export", "contacts", JULIE, "friends", "--version", "4.0"]);
    assert!(old.contains("VERSION:4.0\r\n") && old.contains("FN:Mia\r\n"), "{old}");
}
