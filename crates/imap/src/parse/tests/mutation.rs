//! Garbage made from good commands: nothing panics, everything ends, and what is accepted can
//! be rendered.

use super::*;
use crate::parse::{parse_sasl_line, parse_section, parse_sequence_set};
use crate::render::{render_rejection, sequence_set};

const SEEDS: &[&[u8]] = &[
    b"a LOGIN {5+}\r\nSMITH \"ses\\\\ame\"\r\n",
    b"a AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\n",
    b"a SELECT INBOX (CONDSTORE QRESYNC (67890007 2005 1:29,31 (5,7 15,22)))\r\n",
    b"a CREATE \"Entw&APw-rfe\" (USE (\\Drafts))\r\n",
    b"a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"INBOX\" %/x*) RETURN (CHILDREN STATUS (MESSAGES SIZE))\r\n",
    b"a STATUS blurdy (UIDNEXT MESSAGES HIGHESTMODSEQ)\r\n",
    b"a APPEND saved (\\Seen $Work) \"11-Feb-1994 13:25:05 -0800\" {2+}\r\nab UTF8 (~{3+}\r\na\0b)\r\n",
    b"a ID (\"name\" \"x\" \"os\" NIL)\r\n",
    b"a UID FETCH 1:*,$ (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (Date \"x\")]<0.20> BINARY[1] PREVIEW (LAZY)) (CHANGEDSINCE 12 VANISHED)\r\n",
    b"a STORE 2:4 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Deleted kw)\r\n",
    b"a SEARCH RETURN (MIN COUNT SAVE) CHARSET UTF-8 OR (NOT FROM \"x\") (SINCE 1-Feb-1994 UID 1:*) MODSEQ \"/flags/a\" all 5 HEADER a {1+}\r\nb\r\n",
    b"a UID SORT RETURN (PARTIAL -1:-100 COUNT) (REVERSE DATE SUBJECT) UTF-8 NOT SEEN\r\n",
    b"a UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30)\r\n",
    b"a SEARCH RETURN (UPDATE CONTEXT COUNT) DELETED KEYWORD $Junk\r\n",
    b"a ESEARCH IN (mailboxes \"folder1\" subtree-one (a {1+}\r\nb) personal) RETURN (COUNT) FUZZY TEXT x\r\n",
    b"a LANGUAGE \"FR-CA\" de\r\n",
    b"a COMPARATOR \"cz;*\" i;* default\r\n",
    b"a CANCELUPDATE \"B01\" \"B02\"\r\n",
    b"a THREAD REFERENCES UTF-8 SINCE 5-MAR-2000\r\n",
    b"a ENABLE IMAP4rev2 UTF8=ACCEPT\r\n",
    b"a NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[TEXT]) MessageExpunge)) (subtree (a \"b c\") NONE)\r\n",
    b"a COMPRESS DEFLATE\r\n",
    b"a UID MOVE 42:69 foo\r\n",
];

const SPECIALS: &[u8] = b" ()[]{}\"\\*%$,:.<>+-~\r\n\0";

fn mutate(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut wire = SEEDS[rng.usize(0..SEEDS.len())].to_vec();
    for _ in 0..rng.usize(0..5) {
        let at = rng.usize(0..=wire.len());
        match rng.u8(0..6) {
            0 if at < wire.len() => {
                wire.remove(at);
            }
            1 => wire.insert(at, rng.u8(..)),
            2 => wire.insert(at, SPECIALS[rng.usize(0..SPECIALS.len())]),
            3 if at < wire.len() => wire[at] = rng.u8(..),
            4 => wire.truncate(at),
            _ => {
                let other = SEEDS[rng.usize(0..SEEDS.len())];
                let from = rng.usize(0..other.len());
                let to = rng.usize(from..other.len());
                wire.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    wire
}

#[test]
fn garbage_is_answered() {
    let mut rng = fastrand::Rng::with_seed(1);
    let limits = Limits { skip_bytes_max: 4096, ..Limits::default() };
    let mut understood = 0;
    for _ in 0..60_000 {
        let wire = mutate(&mut rng);
        let mut framer = Framer::new(limits.clone());
        framer.signed_in();
        let dialect = if rng.bool() { Dialect::Rev1 } else { Dialect::Utf8 };
        let mut input = wire.as_slice();
        for _ in 0..=wire.len() + 1 {
            match framer.advance(&mut input) {
                Step::NeedMore | Step::End(_) => break,
                Step::Continue { .. } | Step::Line(_) => {}
                Step::Refused(rejection) => render_one_line(&rejection),
                Step::Command(mut frame) => match parse_command(&mut frame, &limits, dialect) {
                    Ok(request) => {
                        understood += 1;
                        assert!(!format!("{request:?}").contains("SMITH ses"));
                    }
                    Err(rejection) => render_one_line(&rejection),
                },
            }
        }
    }
    assert!(understood > 10_000, "only {understood} of the lines were understood");
}

fn render_one_line(rejection: &Rejection) {
    let mut out = Vec::new();
    render_rejection(&mut out, rejection);
    assert!(out.ends_with(b"\r\n") && out.iter().filter(|&&b| b == b'\n').count() == 1);
}

const NOISE: &[u8] = b"0123459:,*$[]().HEADRTXMI \xff";

#[test]
fn noise_in_small_languages_ends() {
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..60_000 {
        let noise: Vec<u8> =
            (0..rng.usize(0..12)).map(|_| NOISE[rng.usize(0..NOISE.len())]).collect();
        if let Ok(set) = parse_sequence_set(&noise) {
            let mut out = Vec::new();
            sequence_set(&mut out, &set);
            assert_eq!(parse_sequence_set(&out), Ok(set));
        }
        let _ = parse_section(&noise);
        let _ = parse_sasl_line(&noise);
    }
}
