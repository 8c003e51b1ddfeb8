//! Every target over its committed corpus, and over seeded mutations of it.
//!
//! `POSTHORN_SEED` replays a failure; `FUZZ_ROUNDS` sets how many mutations each target gets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fastrand::Rng;
use fuzz::TARGETS;

/// LIMIT: some ten seconds in a debug build.
const ROUNDS: usize = 10_000;

/// LIMIT: mutations that splice corpora together do not grow beyond this.
const INPUT_BYTES_MAX: usize = 16_384;

/// Bytes that mean something to one of the parsers.
const SPECIALS: &[u8] = b"\r\n\0 ()[]{}<>\"\\*%$&:;,.=+-~";

#[test]
fn corpora_and_their_mutations() {
    let seed = from_environment("POSTHORN_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = from_environment("FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    for &(name, target) in TARGETS {
        let corpus = read_corpus(name);
        let mut rng = Rng::with_seed(seed);
        let mutations = (0..rounds).map(|_| mutate(&mut rng, &corpus));
        for input in corpus.iter().cloned().chain(mutations) {
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                panic!("{name}, POSTHORN_SEED={seed}, with the input\n{}", input.escape_ascii());
            }
        }
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn read_corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn mutate(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[rng.usize(0..corpus.len())].clone();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(0..=input.len());
        match rng.u8(0..7) {
            0 if at < input.len() => {
                input.remove(at);
            }
            1 => input.insert(at, rng.u8(..)),
            2 => input.insert(at, SPECIALS[rng.usize(0..SPECIALS.len())]),
            3 if at < input.len() => input[at] ^= 1 << rng.u8(0..8),
            4 => input.truncate(at),
            5 => {
                // A stretch of itself once more: what loops count.
                let end = rng.usize(at..=input.len());
                let stretch = input[at..end].to_vec();
                for _ in 0..rng.usize(1..20) {
                    input.splice(at..at, stretch.iter().copied());
                }
            }
            _ => {
                let other = &corpus[rng.usize(0..corpus.len())];
                let from = rng.usize(0..=other.len());
                let to = rng.usize(from..=other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}
