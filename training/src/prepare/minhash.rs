//! MinHash: how alike two texts are, from short signatures of their shingles (Broder 1997,
//! <https://doi.org/10.1109/SEQUEN.1997.666900>), and an index that finds the likely pairs by bands of a signature.

use std::collections::HashMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::data::hash;

/// Permutations, and so numbers in a signature. The estimate's standard error is at most 1 / (2 sqrt(128)) = 0.044.
const PERMUTATIONS: usize = 128;
/// Numbers that two signatures share in a row to meet in the index. Of pairs with a Jaccard index of 0.85, 99.4 % meet:
/// 1 - (1 - 0.85^8)^16.
const BAND: usize = 8;
/// Words, or characters where a text has no spaces, of a shingle.
const SHINGLE: usize = 5;
/// A text with fewer spaces than one in so many characters is cut by characters: Chinese, Japanese, Thai, encoded data.
const CHARS_PER_SPACE: usize = 16;

/// Folds away what does not make a text another one: case, and how it is spaced.
pub fn normalized(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The hashes of a text's shingles: of five words, or of five characters in a text without spaces; of all of a shorter text.
fn shingles(text: &str) -> Vec<u64> {
    let text = normalized(text);
    let (n_chars, n_spaces) = (text.chars().count(), text.matches(' ').count());
    if n_spaces * CHARS_PER_SPACE < n_chars && n_chars > CHARS_PER_SPACE {
        hashes(&text.chars().filter(|character| *character != ' ').collect::<Vec<_>>())
    } else {
        let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        if words.is_empty() { hashes(&text.chars().collect::<Vec<_>>()) } else { hashes(&words) }
    }
}

fn hashes<T: std::hash::Hash>(units: &[T]) -> Vec<u64> {
    if units.len() < SHINGLE { vec![hash(units)] } else { units.windows(SHINGLE).map(hash).collect() }
}

/// The smallest hash of a text's shingles under each permutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<u32>);

impl Signature {
    /// The estimated Jaccard index of the two texts' shingles, from 0 to 1.
    pub fn jaccard(&self, other: &Self) -> f64 {
        let n_equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        n_equal as f64 / PERMUTATIONS as f64
    }
}

/// The permutations: multiply-shift hashes of the shingles' hashes.
pub struct MinHash {
    factors: Vec<(u64, u64)>,
}

impl MinHash {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(hash((seed, "minhash")));
        Self { factors: (0..PERMUTATIONS).map(|_| (rng.random::<u64>() | 1, rng.random())).collect() }
    }

    pub fn signature(&self, text: &str) -> Signature {
        let mut minima = vec![u32::MAX; PERMUTATIONS];
        for shingle in shingles(text) {
            for (minimum, (factor, addend)) in minima.iter_mut().zip(&self.factors) {
                *minimum = (*minimum).min((shingle.wrapping_mul(*factor).wrapping_add(*addend) >> 32) as u32);
            }
        }
        Signature(minima)
    }
}

/// Finds which of the signatures put into it are likely near another.
#[derive(Default)]
pub struct Index {
    buckets: HashMap<u64, Vec<usize>>,
}

impl Index {
    pub fn insert(&mut self, key: usize, signature: &Signature) {
        for band in bands(signature) {
            self.buckets.entry(band).or_default().push(key);
        }
    }

    /// The keys that share a band with a signature, in order, each once.
    pub fn candidates(&self, signature: &Signature) -> Vec<usize> {
        let mut keys: Vec<usize> =
            bands(signature).filter_map(|band| self.buckets.get(&band)).flatten().copied().collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

fn bands(signature: &Signature) -> impl Iterator<Item = u64> {
    signature.0.chunks(BAND).enumerate().map(hash)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn true_jaccard(a: &str, b: &str) -> f64 {
        let set = |text| shingles(text).into_iter().collect::<BTreeSet<_>>();
        let (a, b) = (set(a), set(b));
        a.intersection(&b).count() as f64 / a.union(&b).count() as f64
    }

    #[test]
    fn case_and_spacing_make_no_difference() {
        let minhash = MinHash::new(1);
        let signature = minhash.signature("One two three four five six seven");
        assert_eq!(signature, minhash.signature(" one  two\nTHREE four five six\tseven "));
        assert!(signature.jaccard(&minhash.signature("seven six five four three two one")) < 0.1);
    }

    #[test]
    fn texts_without_spaces_are_compared_by_characters() {
        let text = "この文章には空白がひとつもないので文字で比べるほかに方法がない";
        assert!(shingles(text).len() > 20);
        assert!(true_jaccard(text, &format!("{text}よ")) > 0.9);
        assert_eq!(shingles("?!").len(), 1);
    }

    #[test]
    fn another_seed_gives_other_permutations() {
        assert_ne!(MinHash::new(1).signature("a b c d e f"), MinHash::new(2).signature("a b c d e f"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Five standard errors on either side.
        #[test]
        fn the_estimate_is_near_the_truth(words in prop::collection::vec("[a-z]{3,9}", 60..200), changed in 0usize..60) {
            let minhash = MinHash::new(3);
            let mut other = words.clone();
            other[changed..].iter_mut().step_by(17).for_each(|word| word.push('x'));
            let (a, b) = (words.join(" "), other.join(" "));
            let estimate = minhash.signature(&a).jaccard(&minhash.signature(&b));
            prop_assert!((estimate - true_jaccard(&a, &b)).abs() < 0.22);
        }

        #[test]
        fn a_text_meets_itself_in_the_index(text in ".{1,80}") {
            let minhash = MinHash::new(4);
            let mut index = Index::default();
            index.insert(7, &minhash.signature(&text));
            prop_assert_eq!(index.candidates(&minhash.signature(&text)), vec![7]);
        }
    }
}
