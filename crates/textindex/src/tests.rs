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

fn stored((head, blocks): (Head, Vec<Block>)) -> Segment {
    assert_eq!(head.blocks(), blocks.len());
    assert_eq!(Head::parse(&head.encode()).as_ref(), Ok(&head));
    (head, blocks.into_iter().enumerate().collect())
}

fn merged(segments: &mut [Segment], keep: impl Fn(i64) -> bool) -> Segment {
    let inputs = segments.iter_mut().map(|(head, source)| Input {
        head,
        keep: head.documents().map(&keep).collect(),
        source,
    });
    let mut blocks = Vec::new();
    let head = merge(inputs.collect(), &mut |number, block| {
        assert_eq!(number, blocks.len());
        blocks.push(block);
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
    let counts = search(head, &[Needle { field, text: needle }], source).unwrap().remove(0);
    let hits = head.documents().zip(counts).filter(|(_, count)| *count > 0);
    hits.map(|(id, _)| id).collect()
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

#[test]
fn occurrences_are_counted_and_what_was_left_out_is_unknown() {
    let mut builder = Builder::default();
    builder.begin(5);
    builder.add(Field::Body, &["A FOX. FOX FOX".to_owned()]);
    builder.begin(6);
    builder.leave_out(Field::Body);
    builder.begin(7);
    builder.add(Field::Body, &[String::new()]);
    let (head, mut source) = stored(builder.finish());
    let needle = |text| Needle { field: Field::Body, text };
    let counts = search(&head, &[needle("FOX"), needle("FOX F"), needle("")], &mut source);
    assert_eq!(counts, Ok(vec![vec![3, UNKNOWN, 0], vec![1, UNKNOWN, 0], vec![1, UNKNOWN, 1]]));
    assert_eq!(head.lengths(Field::Body).collect::<Vec<_>>(), [5, 0, 1]);
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
    let counts = search(&head, &[Needle { field: Field::Body, text: &long }], &mut source);
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
    for _ in 0..2000 {
        let head = Head::parse(&damage(&head.encode())).unwrap_or_else(|_| head.clone());
        let mut source: BTreeMap<usize, Block> = source
            .iter()
            .map(|(at, block)| {
                let terms = damage(&block.terms);
                (*at, Block { terms, postings: damage(&block.postings) })
            })
            .collect();
        for text in ["A", "THE QUICK", "京", "", " F"] {
            let _ = search(&head, &[Needle { field: Field::Body, text }], &mut source);
        }
        let keep = vec![true; head.documents().len()];
        let input = Input { head: &head, keep, source: &mut source };
        let _ = merge(vec![input], &mut |_, _| Ok(()));
    }
}
