//! Randomness a failing test can replay.

use std::ops::{Deref, DerefMut};

/// A random generator that knows its seed. When the test panics while it lives, the seed is
/// printed; `POSTHORN_SEED=<seed>` in the environment makes the next run draw the same numbers.
#[derive(Debug)]
pub struct SeededRng {
    label: &'static str,
    seed: u64,
    rng: fastrand::Rng,
}

impl SeededRng {
    /// From `POSTHORN_SEED` where it is set, else from a fresh seed. `label` names the test in
    /// the line that is printed on failure.
    pub fn from_env(label: &'static str) -> Self {
        let seed = match std::env::var("POSTHORN_SEED") {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("POSTHORN_SEED must be a number, not {text:?}")),
            Err(_) => fastrand::u64(..),
        };
        Self::new(label, seed)
    }

    /// From a fixed seed.
    pub fn new(label: &'static str, seed: u64) -> Self {
        Self { label, seed, rng: fastrand::Rng::with_seed(seed) }
    }

    /// The seed everything was drawn from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

impl Deref for SeededRng {
    type Target = fastrand::Rng;
    fn deref(&self) -> &fastrand::Rng {
        &self.rng
    }
}

impl DerefMut for SeededRng {
    fn deref_mut(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}

impl Drop for SeededRng {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: replay with POSTHORN_SEED={}", self.label, self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_draws_one_sequence() {
        let mut first = SeededRng::new("first", 7);
        let mut second = SeededRng::new("second", 7);
        let draw = |rng: &mut SeededRng| (0..20).map(|_| rng.u32(..)).collect::<Vec<_>>();
        assert_eq!(draw(&mut first), draw(&mut second));
        assert_eq!(first.seed(), 7);
    }
}
