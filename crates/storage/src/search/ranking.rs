//! How much texts are about what is sought: terms in few texts weigh more, texts that are long
//! less, and what is said again adds less each time (BM25).

/// How soon more of the same stops to count.
const SATURATION: f32 = 1.2;
/// How much the length of a text counts.
const LENGTH_SHARE: f32 = 0.75;

/// How long a text is, in the form of [`message::search_form`], as the index measures it.
pub fn length_of(text: &str) -> u32 {
    u32::try_from(textindex::length(text)).unwrap_or(u32::MAX)
}

/// Weights of terms, by which texts are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    weights: Vec<f32>,
    mean_length: f32,
}

impl Ranking {
    /// Terms by their own weights, of which so many texts out of `total` hold each; and how long a
    /// text is on the average.
    pub fn new(terms: impl Iterator<Item = (f32, usize)>, total: usize, mean_length: f32) -> Self {
        let total = total as f32;
        let weights = terms.map(|(weight, hits)| {
            let hits = (hits as f32).min(total);
            weight * (1.0 + (total - hits + 0.5) / (hits + 0.5)).ln()
        });
        Self { weights: weights.collect(), mean_length: mean_length.max(1.0) }
    }

    /// The score of a text in which the terms stand so often; more is better, nothing is 0.
    pub fn score(&self, counts: impl Iterator<Item = u16>, length: u32) -> f32 {
        let relative = length as f32 / self.mean_length;
        let least = SATURATION * (1.0 - LENGTH_SHARE + LENGTH_SHARE * relative);
        let scores = self.weights.iter().zip(counts).map(|(weight, count)| {
            let count = f32::from(count);
            weight * count * (SATURATION + 1.0) / (count + least)
        });
        scores.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_terms_short_texts_and_many_hits_score_more() {
        let ranking = Ranking::new([(1.0, 1), (1.0, 50), (0.5, 50)].into_iter(), 100, 20.0);
        let score = |counts: [u16; 3], length| ranking.score(counts.into_iter(), length);
        assert!(score([1, 0, 0], 20) > score([0, 1, 0], 20));
        assert!(score([0, 1, 0], 20) > score([0, 0, 1], 20));
        assert!(score([0, 1, 0], 10) > score([0, 1, 0], 40));
        let twice = score([0, 2, 0], 20);
        assert!(twice > score([0, 1, 0], 20) && twice < 2.0 * score([0, 1, 0], 20));
        assert_eq!((score([0, 0, 0], 20), score([1, 1, 0], 0).is_finite()), (0.0, true));
    }
}
