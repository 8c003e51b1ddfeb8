//! Answers compared with those of a scan, over made-up texts and needles.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;

/// A document: its number and the texts of its fields.
type Document = (i64, Vec<(Field, Vec<String>)>);
type Segment = (Head, BTreeMap<usize, Block>);

const ALPHABETS: &[&str] = &[
    "AB ",
    "THE QUICK BROWN, FOX.\r\n",
    "東京都は、X ",
    "ÄΩЖ\u{301}ก -1",
    "\u{0}\u{7f}Z\u{10ffff} ",
];

fn text(rng: &mut Rng, length: usize) -> String {
    let chars: Vec<char> = rng.choice(ALPHABETS).unwrap().chars().collect();
    (0..rng.usize(..=length)).map(|_| *rng.choice(&chars).unwrap()).collect()
}

fn document(rng: &mut Rng, id: i64) -> Document {
    let texts = |rng: &mut Rng| (0..rng.usize(..4)).map(|_| text(rng, 60)).collect();
    (id, Field::ALL.into_iter().map(|field| (field, texts(rng))).collect())
}

fn build(documents: &[Document]) -> Segment {
    let mut builder = Builder::default();
    for (id, fields) in documents {
        builder.begin(*id);
        fields.iter().for_each(|(field, texts)| builder.add(*field, texts));
    }
    stored(builder.finish())
}

fn stored((head, blocks): (Head, Vec<(usize, Block)>)) -> Segment {
    let of_keys = blocks.iter().filter(|(_, block)| !block.terms.is_empty());
    assert!(of_keys.map(|(number, _)| *number).eq(0..head.blocks()));
    assert_eq!(Head::parse(&head.encode()).as_ref(), Ok(&head));
    (head, blocks.into_iter().collect())
}

fn merged(segments: &mut [Segment], keep: impl Fn(i64) -> bool) -> Segment {
    let inputs = segments.iter_mut().map(|(head, source)| Input {
        head,
        keep: head.documents().map(&keep).collect(),
        source,
    });
    let mut blocks = Vec::new();
    let head = merge(inputs.collect(), &mut |number, block| {
        blocks.push((number, block));
        Ok(())
    });
    stored((head.unwrap(), blocks))
}

fn scan(documents: &[Document], field: Field, needle: &str) -> Vec<i64> {
    let holds = |(_, fields): &&Document| {
        let texts = fields.iter().filter(|(of, _)| *of == field).flat_map(|(_, texts)| texts);
        texts.into_iter().any(|text| text.contains(needle))
    };
    documents.iter().filter(holds).map(|(id, _)| *id).collect()
}

fn found((head, source): &mut Segment, field: Field, needle: &str) -> Vec<i64> {
    let mut ask = |asked| {
        let needles = [Needle { field, what: What::Text(needle) }];
        let counts = search(head, &needles, asked, source).unwrap().remove(0);
        let hits = head.documents().zip(counts).filter(|(_, count)| *count > 0);
        hits.map(|(id, _)| id).collect::<Vec<_>>()
    };
    let hits = ask(Asked::Whether);
    assert_eq!(hits, ask(Asked::HowOften));
    hits
}

/// A piece of one of the texts, or something made up.
fn needle(rng: &mut Rng, documents: &[Document]) -> String {
    let texts: Vec<&String> =
        documents.iter().flat_map(|(_, fields)| fields.iter().flat_map(|(_, t)| t)).collect();
    let length = if rng.bool() { rng.usize(..4) } else { rng.usize(..40) };
    match rng.choice(&texts) {
        Some(text) if rng.u8(..) < 220 => {
            let chars: Vec<char> = text.chars().collect();
            let mut start = rng.usize(..=chars.len());
            if rng.bool() {
                start += chars.iter().skip(start).position(|char| *char == ' ').unwrap_or(0);
            }
            chars.iter().skip(start).take(length).collect()
        }
        _ => text(rng, length),
    }
}

fn compare(rng: &mut Rng, documents: &[Document], segment: &mut Segment, rounds: usize) {
    for _ in 0..rounds {
        let (field, needle) = (*rng.choice(&Field::ALL).unwrap(), needle(rng, documents));
        assert_eq!(
            found(segment, field, &needle),
            scan(documents, field, &needle),
            "{field:?} {needle:?}"
        );
    }
}

#[test]
fn every_needle_is_found_where_a_scan_finds_it() {
    let seed = std::env::var("POSTHORN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("POSTHORN_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    for _ in 0..20 {
        let mut all = Vec::new();
        let mut segments = Vec::new();
        for part in 0..rng.i64(1..5) {
            let documents: Vec<_> =
                (0..rng.i64(..30)).map(|at| document(&mut rng, part * 100 - at)).collect();
            let mut segment = build(&documents);
            compare(&mut rng, &documents, &mut segment, 40);
            segments.push(segment);
            all.extend(documents);
        }
        let mut whole = merged(&mut segments, |_| true);
        compare(&mut rng, &all, &mut whole, 200);
        let gone = rng.i64(2..5);
        all.retain(|(id, _)| id % gone != 0);
        let mut rest = merged(&mut [whole], |id| id % gone != 0);
        compare(&mut rng, &all, &mut rest, 200);
        assert_eq!(rest.0.documents().collect::<Vec<_>>(), ids(&all));
        assert_eq!(rest.1, build(&all).1, "as if the others had never been there");
    }
}

fn ids(documents: &[Document]) -> Vec<i64> {
    documents.iter().map(|(id, _)| *id).collect()
}

#[test]
fn segments_of_many_blocks_are_searched_whole() {
    let mut rng = Rng::with_seed(7);
    let line = |rng: &mut Rng| -> String {
        let mut line = String::new();
        for _ in 0..200 {
            line.push_str(&format!("{:06X} THE END, ", rng.u32(..1 << 24)));
        }
        line
    };
    let documents: Vec<Document> =
        (0..200).map(|id| (id, vec![(Field::Body, vec![line(&mut rng)])])).collect();
    let mut segment = build(&documents);
    assert!(segment.0.blocks() > 8, "{}", segment.0.blocks());
    compare(&mut rng, &documents, &mut segment, 100);
    let mut again = merged(&mut [segment], |id| id % 2 == 0);
    let even: Vec<_> = documents.into_iter().filter(|(id, _)| id % 2 == 0).collect();
    compare(&mut rng, &even, &mut again, 100);
    for (needle, count) in [("THE END, ", 100), ("E E", 100), ("END, THE", 0), (" ", 100)] {
        assert_eq!(found(&mut again, Field::Body, needle).len(), count, "{needle}");
    }
}

/// Header lines whose names end in every way, and values that begin in every way.
fn header(rng: &mut Rng) -> Vec<HeaderLine> {
    let names = ["X", "X-A", "SUBJECT", "1", "\u{c4}"];
    let values = ["", "<A.B@C>", "X: A", " A", "A", ": X", "東京", "-", "\u{301}A", "X-A: A X"];
    (0..rng.usize(..5))
        .map(|_| {
            let name = *rng.choice(&names).unwrap();
            let value = match rng.bool() {
                true => (*rng.choice(&values).unwrap()).to_owned(),
                false => text(rng, 20),
            };
            let name_bytes = name.is_ascii().then_some(name.len());
            HeaderLine { text: format!("{name}: {value}"), name_bytes }
        })
        .collect()
}

#[test]
fn header_fields_are_found_by_their_names() {
    let mut rng = Rng::with_seed(11);
    let mut decided = 0;
    for _ in 0..15 {
        let headers: Vec<_> = (0..20).map(|_| header(&mut rng)).collect();
        let make = |headers: &[Vec<HeaderLine>]| {
            let mut builder = Builder::default();
            for (id, lines) in (0..).zip(headers) {
                builder.begin(id);
                builder.add_header(lines);
            }
            stored(builder.finish())
        };
        let (whole, halves) = (make(&headers), headers.split_at(7));
        let mut joined = merged(&mut [make(halves.0), make(halves.1)], |_| true);
        assert_eq!(joined.1, whole.1);
        for _ in 0..200 {
            let name = *rng.choice(&["X", "X-A", "SUBJECT", "1", "A"]).unwrap();
            let line = header(&mut rng).pop().map(|line| line.text).unwrap_or_default();
            let chars: Vec<char> = line.chars().collect();
            let from = rng.usize(..=chars.len());
            let needle: String = chars.into_iter().skip(from).take(rng.usize(..6)).collect();
            let needles = [Needle { field: Field::Header, what: What::Named(name, &needle) }];
            let counts =
                search(&joined.0, &needles, Asked::HowOften, &mut joined.1).unwrap().remove(0);
            for (lines, count) in headers.iter().zip(counts) {
                let of_name = lines.iter().filter(|line| line.name_bytes.is_some());
                let mut values =
                    of_name.filter_map(|l| l.text.split_once(": ").filter(|l| l.0 == name));
                let expect = values.any(|(_, value)| value.contains(&needle));
                if count != UNKNOWN {
                    assert_eq!(count > 0, expect, "{name}: {needle:?} in {lines:?}");
                    decided += 1;
                }
            }
        }
    }
    assert!(decided > 15 * 200 * 20 * 9 / 10, "{decided}");
}

#[test]
fn words_are_found_by_what_accepts_them() {
    let mut builder = Builder::default();
    for (id, text) in [(1, "THE FOX."), (2, " - FOXES, 東 FOX"), (3, "FO X東FOX")] {
        builder.begin(id);
        builder.add(Field::Body, &[text.to_owned()]);
    }
    let (head, mut source) = stored(builder.finish());
    let mut ask = |start: &str, accepts: &dyn Fn(&str) -> bool| {
        let needle = Needle { field: Field::Body, what: What::Word(start, accepts) };
        search(&head, &[needle], Asked::HowOften, &mut source).unwrap().remove(0)
    };
    assert_eq!(ask("F", &|word| word == "FOX"), [1, 1, 1]);
    assert_eq!(ask("", &|word| word == "FOX"), [1, 1, 1]);
    assert_eq!(ask("FO", &|_| true), [1, 2, 2]);
    assert_eq!(ask("", &|word| word.starts_with("FO")), [1, 2, 2]);
    assert_eq!(ask("東", &|_| true), [0, 1, 1]);
    assert_eq!(ask("T", &|word| word == "FOX"), [0, 0, 0]);
}

#[test]
fn occurrences_are_counted_and_what_was_left_out_is_unknown() {
    let mut builder = Builder::default();
    builder.begin(5);
    builder.add(Field::Body, &["A FOX. FOX FOX".to_owned()]);
    builder.begin(6);
    builder.add(Field::Body, &["A DOG".to_owned()]);
    builder.leave_out(Field::Body);
    builder.begin(7);
    builder.add(Field::Body, &[String::new()]);
    let (head, mut source) = stored(builder.finish());
    let needle = |text| Needle { field: Field::Body, what: What::Text(text) };
    let needles = ["FOX", "FOX F", "", "DOG"].map(needle);
    let counts = search(&head, &needles, Asked::HowOften, &mut source).unwrap();
    let unknown = UNKNOWN;
    assert_eq!(counts, [[3, unknown, 0], [1, unknown, 0], [1, 1, 1], [0, 1, 0]]);
    assert_eq!(head.lengths(Field::Body).collect::<Vec<_>>(), [5, 3, 1]);
}

#[test]
fn long_needles_are_excluded_or_not_known() {
    let long = "A FOX. ".repeat(40);
    let mut builder = Builder::default();
    for (id, text) in [(1, long.clone()), (2, "A FOX. ".repeat(10)), (3, long.repeat(2))] {
        builder.begin(id);
        builder.add(Field::Body, &[text]);
    }
    let (head, mut source) = stored(builder.finish());
    let needle = Needle { field: Field::Body, what: What::Text(&long) };
    let counts = search(&head, &[needle], Asked::Whether, &mut source);
    assert_eq!(counts, Ok(vec![vec![UNKNOWN, 0, UNKNOWN]]));
}

#[test]
fn damage_is_an_error_not_a_panic() {
    let mut rng = Rng::with_seed(3);
    let documents: Vec<_> = (0..20).map(|id| document(&mut rng, id)).collect();
    let (head, source) = build(&documents);
    let mut damage = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        match rng.u8(..3) {
            0 => bytes.truncate(rng.usize(..=bytes.len())),
            _ if bytes.is_empty() => {}
            _ => *rng.choice(&mut bytes).unwrap() = rng.u8(..),
        }
        bytes
    };
    // What was damaged is told in most cases, and some damage harms no question.
    let (mut failed, mut answered) = (0, 0);
    for _ in 0..500 {
        let head = Head::parse(&damage(&head.encode())).unwrap_or_else(|_| head.clone());
        let mut source: BTreeMap<usize, Block> = source
            .iter()
            .map(|(at, block)| {
                let terms = damage(&block.terms);
                (*at, Block { terms, postings: damage(&block.postings) })
            })
            .collect();
        for text in ["A", "THE QUICK", "京", "", " F"] {
            for what in [What::Text(text), What::Named("X", text), What::Word("", &|_| true)] {
                for (field, asked) in
                    [(Field::Header, Asked::HowOften), (Field::Body, Asked::Whether)]
                {
                    match search(&head, &[Needle { field, what }], asked, &mut source) {
                        Ok(_) => answered += 1,
                        Err(_) => failed += 1,
                    }
                }
            }
        }
        let keep = vec![true; head.documents().len()];
        let input = Input { head: &head, keep, source: &mut source };
        failed += u32::from(merge(vec![input], &mut |_, _| Ok(())).is_err());
    }
    assert!(failed > 1_000 && answered > 1_000, "{failed} failed, {answered} were answered");
}
