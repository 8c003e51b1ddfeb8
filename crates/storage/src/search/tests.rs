//! What the index says, compared with a scan of every text, in every state of the index.

mod blocks;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use fastrand::Rng;
use ids::{AccountId, CollectionId, ContentId, UidSet};
use message::flag::{Flags, SystemFlags};
use message::{
    KeysView, Limits, decode_header_text, header_fields, header_line, part_headers, search_form,
    searchable_text,
};
use testkit::ManualClock;

use super::rows::StoredBlocks;
use super::texts::WANT;
use super::writer::SegmentWriter;
use super::*;
use crate::sql::Value;
use crate::testing::{mailbox_name, new_account};
use crate::{Append, Content, Database, FlagChange, PreparedMessage, Settings, Store};

const DAY: i64 = 24 * 60 * 60;

struct Scene {
    settings: Settings,
    store: Store,
    clock: Arc<ManualClock>,
    account: AccountId,
    mailboxes: [CollectionId; 2],
}

/// Runs `test` on a fresh store of each engine; it must be consistent afterwards.
fn on_both_engines(change: impl Fn(&mut Settings), test: impl Fn(&mut Scene)) {
    let run = |database| {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let mut settings = Settings::new(folder.path(), clock.clone());
        settings.database = database;
        change(&mut settings);
        let store = Store::open(settings.clone()).unwrap();
        let made = store.write_blocking("test", |tx| {
            tx.create_domain("example.test")?;
            let account = tx.create_account(new_account("julie@example.test"))?;
            tx.account(account)?.create_mailbox(&mailbox_name("Other"), None)?;
            Ok(account)
        });
        let account = made.unwrap().value;
        let mailboxes = ["INBOX", "Other"].map(|name| {
            let name = mailbox_name(name);
            store.read_blocking(move |tx| tx.find_mailbox(account, &name)).unwrap().unwrap().id
        });
        let mut scene = Scene { settings, store, clock, account, mailboxes };
        test(&mut scene);
        assert_eq!(scene.store.check_consistency().unwrap(), []);
        scene.store.close();
    };
    run(Database::Sqlite);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()));
}

impl Scene {
    fn append(&self, mailbox: usize, text: impl Into<Vec<u8>>) {
        let message = Arc::new(PreparedMessage::new(text.into()));
        let (mailbox, messages) = (self.mailboxes[mailbox], vec![message.clone()]);
        self.store
            .account_write_blocking(self.account, "append", messages, move |tx| {
                tx.append_message(mailbox, &message, Append::default())
            })
            .unwrap();
    }

    fn expunge(&self, mailbox: usize, uids: UidSet) {
        let mailbox = self.mailboxes[mailbox];
        self.store
            .account_write_blocking(self.account, "expunge", vec![], move |tx| {
                let deleted = Flags::new(SystemFlags::DELETED, Vec::new());
                tx.store_flags(mailbox, &uids, FlagChange::Add(deleted), None)?;
                tx.expunge(mailbox, Some(&uids))
            })
            .unwrap();
    }

    fn copy(&self, from: usize, uids: UidSet) {
        let (from, to) = (self.mailboxes[from], self.mailboxes[1 - from]);
        self.store
            .account_write_blocking(self.account, "copy", vec![], move |tx| {
                tx.copy_messages(from, &uids, to)
            })
            .unwrap();
    }

    fn index(&self) -> Indexed {
        update(&self.store, self.account, &|| false).unwrap()
    }

    fn contents(&self) -> BTreeMap<ContentId, Content> {
        self.store
            .read_blocking(|tx| {
                let sql = "SELECT DISTINCT content_id FROM message";
                let ids = tx.sql.query_all(sql, &[], |row| Ok(ContentId::new(row.int(0)?)))?;
                let contents = tx.load_contents(&ids, WANT)?;
                Ok(ids.into_iter().zip(contents).collect())
            })
            .unwrap()
    }

    fn search(&self, field: SearchField, text: &str) -> Found {
        self.ask(SearchTerm { field, sought: Sought::Text(search_form(text)) })
    }

    fn ask(&self, term: SearchTerm) -> Found {
        self.ask_for(term, Asked::HowOften)
    }

    fn ask_for(&self, term: SearchTerm, asked: Asked) -> Found {
        let mailbox = self.mailboxes[1];
        self.store.read_blocking(move |tx| tx.search(mailbox, &[term], asked)).unwrap()
    }

    /// What the index says is what a scan says.
    fn compare(&self, contents: &BTreeMap<ContentId, Content>, term: &SearchTerm) {
        let found = self.ask(term.clone());
        let whether = self.ask_for(term.clone(), Asked::Whether);
        for (id, content) in contents {
            let Some(place) = found.place(*id, None) else { continue };
            let holds = found.holds(0, place);
            assert_eq!(whether.holds(0, place), holds, "{term:?} {id}");
            if let Some(holds) = holds {
                assert_eq!(holds, scan(content, term), "{term:?} {id}");
            }
        }
    }

    fn compare_some(&self, rng: &mut Rng, count: usize) {
        let contents = self.contents();
        for _ in 0..count {
            self.compare(&contents, &term(rng));
        }
    }

    /// How many contents the index answers for.
    fn known(&self) -> usize {
        let found = self.search(SearchField::Body, "fox");
        self.contents().keys().filter(|id| found.place(**id, None).is_some()).count()
    }

    fn rows(&self) -> (i64, i64) {
        let count = |sql: &'static str| {
            self.store.read_blocking(move |tx| tx.sql.query_one(sql, &[], |row| row.int(0)))
        };
        (
            count("SELECT COUNT(*) FROM search_segment").unwrap().unwrap(),
            count("SELECT COUNT(DISTINCT segment_id) FROM search_block").unwrap().unwrap(),
        )
    }

    /// Ends as a process does that is killed while it merges.
    fn crash_in_a_merge(&mut self) {
        let account = self.account;
        let of = |tx: &mut crate::ReadTx<'_>| super::rows::heads(&mut *tx.sql, account);
        let heads = self.store.read_blocking(of).unwrap();
        let mut sources: Vec<_> = heads
            .iter()
            .map(|(segment, _)| StoredBlocks { store: &self.store, segment: *segment })
            .collect();
        let inputs = heads.iter().zip(&mut sources).map(|((_, head), source)| textindex::Input {
            head,
            keep: vec![true; head.documents().len()],
            source,
        });
        let mut writer = SegmentWriter::new(&self.store, account);
        let mut left = 2;
        let merged = textindex::merge(inputs.collect(), &mut |number, block| {
            left -= 1;
            match left {
                0 => Err(crate::StorageError::Unavailable("killed".to_owned())),
                _ => writer.push(number, block),
            }
        });
        drop((merged, writer));
        self.reopen();
    }

    fn reopen(&mut self) {
        self.store.close();
        // The lock is given up with the last clone.
        let elsewhere = tempfile::tempdir().unwrap();
        let aside = Settings::new(elsewhere.path(), self.clock.clone());
        drop(std::mem::replace(&mut self.store, Store::open(aside).unwrap()));
        self.store = Store::open(self.settings.clone()).unwrap();
    }
}

const FIELDS: [SearchField; 8] = [
    SearchField::Body,
    SearchField::Text,
    SearchField::Header,
    SearchField::Subject,
    SearchField::From,
    SearchField::To,
    SearchField::Cc,
    SearchField::Bcc,
];

/// RFC 9051 §6.4.4 by reading everything.
fn scan(content: &Content, term: &SearchTerm) -> bool {
    let header = content.header().unwrap();
    let holds = |text: &str| match &term.sought {
        Sought::Text(needle) | Sought::Named(_, needle) => search_form(text).contains(needle),
        Sought::Near(near) => near.count_in(&search_form(text)) > 0,
    };
    if let Sought::Named(name, _) = &term.sought {
        let mut fields = header_fields(header).filter(|field| field.is(name));
        return fields.any(|field| holds(&decode_header_text(field.value)));
    }
    let whole = [header, content.text().unwrap()].concat();
    let (parts, limits) = (content.parts().unwrap(), Limits::default());
    let visit = |text: &str| match holds(text) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let in_header = || {
        header_fields(header).any(|f| holds(&header_line(f.name, f.value)))
            || part_headers(&whole, parts, &limits, &mut { visit }).is_break()
    };
    let in_body = || searchable_text(&whole, parts, &limits, &mut { visit }).is_break();
    let keys = KeysView::parse(content.keys().unwrap()).unwrap();
    match term.field {
        SearchField::Body => in_body(),
        SearchField::Text => in_header() || in_body(),
        SearchField::Header => in_header(),
        SearchField::Subject => holds(keys.subject()),
        SearchField::From => holds(keys.from()),
        SearchField::To => holds(keys.to()),
        SearchField::Cc => holds(keys.cc()),
        SearchField::Bcc => holds(keys.bcc()),
    }
}

/// Something to be sought.
fn term(rng: &mut Rng) -> SearchTerm {
    const NAMES: &[&str] = &["SUBJECT", "FROM", "X-OTHER", "CONTENT-TYPE", "X"];
    let text = search_form(&needle(rng));
    let field = *rng.choice(&FIELDS).unwrap();
    match rng.u8(..8) {
        0 => {
            let name = (*rng.choice(NAMES).unwrap()).to_owned();
            SearchTerm { field: SearchField::Header, sought: Sought::Named(name, text) }
        }
        1 => {
            let near = textindex::words(&text).find_map(Near::new);
            let sought = near.map_or(Sought::Text(text), Sought::Near);
            SearchTerm { field, sought }
        }
        _ => SearchTerm { field, sought: Sought::Text(text) },
    }
}

const WORDS: &[&str] = &[
    "the",
    "quick",
    "Brown",
    "fox,",
    "a",
    "I",
    "Résumé",
    "naïve",
    "Straße",
    "Köln",
    "ДОМ",
    "Ёлка",
    "Ωμέγα",
    "東京",
    "都庁の",
    "ソフト",
    "한국어",
    "สวัสดี",
    "שלום",
    "julie@example.org",
    "42",
    "--",
    "e\u{301}t\u{e9}",
    "x=y;",
    "(no)",
    "ﬁn",
    "C++",
    // Case that is not one to one, and the Turkish letters.
    "STRASSE",
    "GROẞ",
    "İstanbul",
    "ılık",
    "I\u{307}",
    "Ǆ",
    "ΌΣΟΣ",
    // Composed and not, in more than one way.
    "\u{212b}ngstro\u{308}m",
    "A\u{30a}ngström",
    "q\u{323}\u{307}",
    "q\u{307}\u{323}",
    "ｶﾞｷﾞ",
    "①②",
    // Beyond the first plane, and joined.
    "🎉",
    "👩\u{200d}👩\u{200d}👧",
    "𝔘nicode",
    "𠀋",
    // Right to left, with marks and controls.
    "مَرْحَبًا",
    "ﷺ",
    "\u{202e}abc\u{202c}",
    "שָׁלוֹם",
    "नमस्ते",
    "&amp;",
    "a<b",
];

fn words(rng: &mut Rng, count: usize) -> String {
    let mut text = String::new();
    for _ in 0..count {
        text.push_str(rng.choice(WORDS).unwrap());
        text.push_str(rng.choice(&[" ", " ", " ", "", "\r\n", ", "]).unwrap());
    }
    text
}

fn needle(rng: &mut Rng) -> String {
    let count = rng.usize(1..4);
    let text: Vec<char> = words(rng, count).chars().collect();
    let length = rng.usize(1..=text.len());
    let start = rng.usize(..=text.len() - length);
    text.into_iter().skip(start).take(length).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits =
            (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        for digit in 0..4 {
            let is_there = digit <= three.len();
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            out.push(if is_there { char::from(DIGITS[value]) } else { '=' });
        }
    }
    out
}

/// A part with its MIME header, as mail programs write them.
fn part(rng: &mut Rng) -> Vec<u8> {
    let count = rng.usize(..12);
    let text = words(rng, count);
    let encoded = |kind: &str, bytes: &[u8]| {
        let head = "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64";
        format!("Content-Type: {kind}\r\n{head}\r\n\r\n{}", base64(bytes)).into_bytes()
    };
    match rng.u8(..14) {
        0 => {
            let latin: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c as u32).ok()).collect();
            let lines: String = latin.iter().map(|byte| format!("={byte:02X}")).collect();
            format!(
                "Content-Type: text/plain; charset=iso-8859-1\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\n{lines}"
            )
            .into_bytes()
        }
        1 => encoded("text/csv; charset=utf-8", text.as_bytes()),
        2 => format!(
            "Content-Type: text/html; charset=utf-8\r\n\r\n<p class=\"fox\">{text}<b>{text}</b>\
             qui<i>ck</i> &eacute;t&#233; a&nbsp;b<!-- the fox --><style>fox</style>"
        )
        .into_bytes(),
        3 => format!("Content-Type: application/pdf\r\n\r\n{text}").into_bytes(),
        4 => format!(
            "Content-Type: message/rfc822\r\n\r\nSubject: {}\r\n\r\n{text}",
            text.replace("\r\n", " ")
        )
        .into_bytes(),
        5 => {
            let head: &[u8] = b"Content-Type: text/plain; charset=koi8-r\r\n\r\n";
            [head, b"\xe4\xcf\xcd fox \xe4\xef\xed"].concat()
        }
        6 => encoded(
            "text/calendar; charset=utf-8; method=REQUEST",
            format!("BEGIN:VEVENT\r\nSUMMARY:{text}\r\n folded\r\nEND:VEVENT\r\n").as_bytes(),
        ),
        7 => encoded(
            "text/vcard; charset=utf-8",
            format!("BEGIN:VCARD\r\nFN:{text}\r\nEND:VCARD\r\n").as_bytes(),
        ),
        8 => encoded("text/x-log", text.as_bytes()),
        // "東京都" and "ソフト", "é" between; then Turkish.
        9 => encoded("text/plain; charset=shift_jis", b"\x93\x8c\x8b\x9e\x93s \x83\\\x83t\x83g"),
        10 => encoded("text/plain; charset=iso-2022-jp", b"\x1b$BEl5~\x1b(B fox"),
        11 => encoded("text/plain; charset=gb18030", b"\xb6\xab\xbe\xa9 quick"),
        12 => encoded("text/plain; charset=windows-1254", b"\xddstanbul \xfdl\xfdk I\xc7"),
        _ => format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}").into_bytes(),
    }
}

fn message(rng: &mut Rng) -> Vec<u8> {
    let subject = words(rng, 4).replace("\r\n", " ");
    let name = words(rng, 2).replace("\r\n", " ");
    let mut text = match rng.u8(..3) {
        0 => format!("Subject: =?utf-8?B?{}?=\r\n", base64(subject.as_bytes())),
        1 => format!("Subject: {subject}\r\n  folded\r\n"),
        _ => String::new(),
    }
    .into_bytes();
    text.extend(
        format!("From: \"{name}\" <fox@example.org>\r\nTo: a@b.test, {name} <c(d)@e>\r\n").bytes(),
    );
    if rng.bool() {
        text.extend(format!("Cc: undisclosed:;\r\nBcc: {name}\r\nX-Other: {subject}\r\n").bytes());
    }
    match rng.u8(..4) {
        0 => text.extend(b"\r\n"),
        1 => {
            text.extend(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n");
            for _ in 0..rng.usize(1..4) {
                text.extend(b"--b\r\n");
                text.extend(part(rng));
                text.extend(b"\r\n");
            }
            text.extend(b"--b--\r\n");
        }
        _ => text.extend(part(rng)),
    }
    text
}

fn seeded() -> Rng {
    let seed = std::env::var("POSTHORN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("POSTHORN_SEED={seed}");
    Rng::with_seed(seed)
}

/// Some of the UIDs there can be.
fn some(rng: &mut Rng) -> UidSet {
    let first = rng.u32(1..60);
    (first..first + rng.u32(1..8)).map(ids::Uid::new).collect()
}

#[test]
fn what_the_index_knows_is_what_a_scan_finds() {
    on_both_engines(
        |settings| {
            settings.index_text_bytes_max = 600;
            settings.index_attachments = vec!["text/csv".to_owned(), "text/v*".to_owned()];
        },
        |scene| {
            let mut rng = seeded();
            for round in 0..30 {
                for _ in 0..rng.usize(1..5) {
                    scene.append(rng.usize(..2), message(&mut rng));
                }
                match rng.u8(..9) {
                    8 => scene.crash_in_a_merge(),
                    0 => scene.copy(rng.usize(..2), some(&mut rng)),
                    1 => scene.expunge(rng.usize(..2), some(&mut rng)),
                    2 => {
                        scene.expunge(rng.usize(..2), some(&mut rng));
                        scene.clock.advance_secs(31 * DAY);
                        scene.store.maintain().unwrap();
                    }
                    3 => scene.reopen(),
                    4 => {
                        // Ended in the middle, in some place or other.
                        let left = Cell::new(rng.u8(..4));
                        let ended = || left.replace(left.get().saturating_sub(1)) == 0;
                        update(&scene.store, scene.account, &ended).unwrap();
                    }
                    5 => {}
                    _ => {
                        scene.index();
                        assert_eq!(scene.known(), scene.contents().len(), "round {round}");
                    }
                }
                scene.compare_some(&mut rng, 12);
            }
            scene.index();
            scene.compare_some(&mut rng, 100);
            assert!(scene.rows().0 < 20);
        },
    );
}

#[test]
fn the_comparison_sees_an_answer_that_is_wrong() {
    on_both_engines(
        |_| {},
        |scene| {
            let mut rng = Rng::with_seed(12);
            (0..20).for_each(|_| scene.append(0, message(&mut rng)));
            scene.index();
            scene.compare_some(&mut rng, 50);
            // Each text under the name of another.
            let contents = scene.contents();
            let (ids, mut texts): (Vec<_>, Vec<_>) = contents.into_iter().unzip();
            texts.rotate_left(1);
            let moved: BTreeMap<_, _> = ids.into_iter().zip(texts).collect();
            let mut wrong = 0;
            for _ in 0..50 {
                let term = term(&mut rng);
                let compare = std::panic::AssertUnwindSafe(|| scene.compare(&moved, &term));
                wrong += usize::from(std::panic::catch_unwind(compare).is_err());
            }
            assert!(wrong > 10, "{wrong}");
        },
    );
}

#[test]
fn what_is_left_out_is_not_known_and_the_rest_is() {
    on_both_engines(
        |settings| {
            settings.index_text_bytes_max = 100;
            settings.index_attachments = vec!["text/calendar".to_owned()];
        },
        |scene| {
            let attached = |kind: &str| {
                format!(
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfox\r\n\
                     --b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment\r\n\r\n\
                     hound\r\n--b--\r\n"
                )
            };
            scene.append(0, attached("text/csv"));
            scene.append(0, attached("TEXT/Calendar"));
            scene.append(0, format!("X: fox\r\nY: {}\r\n\r\nfox\r\n", "hound ".repeat(20)));
            scene.index();
            let says = |field, text| {
                let found = scene.search(field, text);
                [0, 1, 2].map(|place| found.holds(0, place))
            };
            use SearchField as F;
            assert_eq!(says(F::Body, "fox"), [Some(true); 3]);
            assert_eq!(says(F::Body, "hound"), [None, Some(true), Some(false)]);
            assert_eq!(says(F::Body, "cat"), [None, Some(false), Some(false)]);
            assert_eq!(says(F::Header, "fox"), [Some(false), Some(false), Some(true)]);
            assert_eq!(says(F::Header, "hound"), [Some(false), Some(false), None]);
            assert_eq!(says(F::Text, "hound"), [None, Some(true), None]);
        },
    );
}

#[test]
fn needles_of_every_length_and_script_are_found() {
    on_both_engines(
        |_| {},
        |scene| {
            scene.append(
                0,
                "Subject: Caf\u{e9} au lait\r\nX-Id: <a.b@c>\r\n\r\nThe quick brown fox.\r\n",
            );
            scene.append(
                0,
                "Subject: =?utf-8?Q?Re:_=E6=9D=B1=E4=BA=AC?=\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n東京都庁のソフト é\r\n",
            );
            scene.index();
            let hits = |field, text: &str| {
                let found = scene.search(field, text);
                let ids: Vec<_> = found.contents().collect();
                assert_eq!(ids.len(), 2);
                (0..2).filter(|place| found.holds(0, *place) == Some(true)).collect::<Vec<_>>()
            };
            use SearchField as F;
            for (field, text, expect) in [
                (F::Body, "q", &[0][..]),
                (F::Body, "K B", &[0]),
                (F::Body, "quick brown fox.", &[0]),
                (F::Body, "quick  brown", &[]),
                (F::Body, "uic", &[0]),
                (F::Body, "fox.\r\n", &[0]),
                (F::Body, "京", &[1]),
                (F::Body, "京都", &[1]),
                (F::Body, "京庁", &[]),
                (F::Body, "ト É", &[1]),
                (F::Body, "e", &[0, 1]),
                (F::Body, "Café", &[]),
                (F::Text, "CAFE", &[0]),
                (F::Text, "subject: café au", &[0]),
                (F::Text, "subject", &[0, 1]),
                (F::Header, "<a.b@c>", &[0]),
                (F::Subject, "é A", &[0]),
                (F::Subject, "re: 東", &[1]),
                (F::Subject, "", &[0, 1]),
                (F::From, "q", &[]),
            ] {
                assert_eq!(hits(field, text), expect, "{field:?} {text:?}");
            }
        },
    );
}

#[test]
fn small_segments_become_large_ones() {
    on_both_engines(
        |_| {},
        |scene| {
            let mut rng = Rng::with_seed(5);
            let mut merged = 0;
            for _ in 0..21 {
                scene.append(0, message(&mut rng));
                merged += scene.index().merged;
            }
            // 21 is 1 + 4 + 16, one of each size: 20 single ones went, and 4 of four.
            assert_eq!((merged, scene.rows()), (24, (3, 3)));
            scene.compare_some(&mut rng, 50);
            assert_eq!(scene.known(), 21);
            assert_eq!(scene.index(), Indexed::default());
        },
    );
}

#[test]
fn what_is_erased_leaves_the_index() {
    on_both_engines(
        |_| {},
        |scene| {
            let mut rng = Rng::with_seed(6);
            for _ in 0..10 {
                scene.append(0, message(&mut rng));
            }
            scene.copy(0, [1].into_iter().map(ids::Uid::new).collect());
            scene.index();
            scene.expunge(0, (1..=5).map(ids::Uid::new).collect());
            let done = scene.store.maintain().unwrap();
            assert_eq!(done.segments, 1);
            let found = scene.search(SearchField::Body, "");
            // The copy keeps its text.
            assert_eq!((found.contents().len(), scene.known(), scene.rows()), (6, 6, (1, 1)));
            scene.expunge(0, UidSet::all());
            scene.expunge(1, UidSet::all());
            scene.store.maintain().unwrap();
            assert_eq!(scene.rows(), (0, 0));
            scene.append(0, message(&mut rng));
            scene.index();
            let account = scene.account;
            scene.store.write_blocking("test", move |tx| tx.remove_account(account)).unwrap();
            scene.store.maintain().unwrap();
            assert_eq!(scene.rows(), (0, 0));
        },
    );
}

#[test]
fn what_never_came_into_use_is_erased_later() {
    on_both_engines(
        |_| {},
        |scene| {
            let mut writer = SegmentWriter::new(&scene.store, scene.account);
            let block = textindex::Block { terms: vec![1; 1 << 20], postings: Vec::new() };
            writer.push(0, block).unwrap();
            drop(writer);
            scene.append(0, "Subject: a\r\n\r\nb\r\n");
            scene.index();
            assert_eq!((scene.rows(), scene.known()), ((2, 2), 1));
            assert_eq!(scene.store.maintain().unwrap().segments, 0, "somebody may be writing it");
            scene.clock.advance_secs(60 * 60 + 1);
            assert_eq!(scene.store.maintain().unwrap().segments, 1);
            assert_eq!((scene.rows(), scene.known()), ((1, 1), 1));
        },
    );
}

#[test]
fn who_comes_second_changes_nothing() {
    on_both_engines(
        |_| {},
        |scene| {
            scene.append(0, "Subject: a\r\n\r\nb\r\n");
            scene.index();
            let writer = SegmentWriter::new(&scene.store, scene.account);
            let (head, _) = textindex::Builder::default().finish();
            let change = super::writer::Change::default();
            let outcome = writer.finish(&head, change);
            assert!(matches!(outcome, Err(crate::StorageError::Conflict(_))));
            assert_eq!(scene.known(), 1);
        },
    );
}

#[test]
fn a_damaged_segment_is_not_believed_and_made_anew() {
    on_both_engines(
        // What was read before the damage was right.
        |settings| settings.index_cache_bytes = 0,
        |scene| {
            let mut rng = Rng::with_seed(8);
            (0..5).for_each(|_| scene.append(0, message(&mut rng)));
            scene.index();
            let damage = |sql: &'static str| {
                let work = move |tx: &mut crate::WriteTx<'_>| {
                    tx.sql.execute(sql, &[Value::Bytes(b"\x07damaged")])
                };
                assert!(scene.store.write_blocking("test", work).unwrap().value > 0);
                let names: Vec<_> =
                    scene.store.check_consistency().unwrap().iter().map(|f| f.invariant).collect();
                assert!(names.contains(&"search-segment"), "{names:?}");
                assert_eq!(scene.known(), 0, "every text is looked at");
                assert_eq!(scene.store.repair().unwrap().len(), 1);
                assert_eq!(scene.store.check_consistency().unwrap(), []);
                assert_eq!(scene.index().messages, 5);
                assert_eq!(scene.known(), 5);
            };
            damage("UPDATE search_block SET terms = ?1");
            damage("UPDATE search_segment SET head = ?1 WHERE state = 1");
            scene
                .store
                .write_blocking("test", |tx| {
                    tx.sql.execute("DELETE FROM search_segment WHERE state = 1", &[])
                })
                .unwrap();
            let names = scene.store.check_consistency().unwrap();
            assert_eq!(names.first().map(|f| f.invariant), Some("search-complete"));
            scene.store.repair().unwrap();
            assert_eq!(scene.index().messages, 5);
            // Their blocks are named by nothing.
            scene
                .store
                .write_blocking("test", |tx| {
                    tx.sql.execute(
                        "DELETE FROM search_block WHERE segment_id NOT IN \
                            (SELECT id FROM search_segment)",
                        &[],
                    )
                })
                .unwrap();
        },
    );
}

#[test]
fn messages_wait_for_company_and_then_no_longer() {
    on_both_engines(
        |_| {},
        |scene| {
            let index = || scene.store.index(&|| false).unwrap().messages;
            assert_eq!(index(), 0);
            scene.append(0, "Subject: a\r\n\r\nb\r\n");
            assert_eq!((index(), scene.store.index_lag().0), (0, 1));
            scene.clock.advance_secs(3);
            assert_eq!((index(), scene.store.index_lag()), (1, (0, None)));
            assert_eq!(scene.store.statistics().indexed, 1);
            scene.append(0, "Subject: c\r\n\r\nd\r\n");
            scene.reopen();
            scene.store.index(&|| false).unwrap();
            scene.clock.advance_secs(3);
            scene.store.index(&|| false).unwrap();
            assert_eq!(scene.known(), 2, "what a process before this one left");
        },
    );
}

#[test]
fn better_matches_have_higher_scores() {
    on_both_engines(
        |_| {},
        |scene| {
            scene.append(0, "Subject: a\r\n\r\nfox and hound\r\n");
            scene.append(0, "Subject: b\r\n\r\nfox fox fox\r\n");
            scene.append(0, format!("Subject: c\r\n\r\nfox {}\r\n", "word ".repeat(200)));
            scene.append(0, "Subject: d\r\n\r\nnothing\r\n");
            scene.index();
            let found = scene.search(SearchField::Body, "fox");
            let ranking = found.ranking(&[1.0]);
            let score =
                |place| ranking.score(found.count(0, place).into_iter(), found.length(place));
            let scores = [0, 1, 2, 3].map(score);
            let mut order: Vec<usize> = (0..4).collect();
            order.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]));
            assert_eq!((order, scores[3]), (vec![1, 0, 2, 3], 0.0));
        },
    );
}
