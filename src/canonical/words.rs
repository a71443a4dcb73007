//! Does a string of ASCII letters look like a word? What the rules ask before they take a disguise for one.
//!
//! By pairs of letters: a word of a European language consists of pairs that its language uses and has a vowel and a
//! consonant; codes, keys and enumerations mostly do not. Knows no words, so that it works for those it has not seen.

/// The letters that follow each letter inside words of English and its neighbours, from `a` to `z`. Rare pairs are left
/// out on purpose: refusing a rare word costs less than taking an identifier for one.
const FOLLOWERS: [&str; 26] = [
    "bcdefghiklmnpqrstuvwxyz",
    "abeijlorstuy",
    "acehiklorstuy",
    "adegijlmnorsuvwy",
    "abcdefghiklmnopqrstuvwxyz",
    "aefilorstuy",
    "aeghilmnorstuy",
    "aeilmnorstuwy",
    "abcdefgklmnopqrstuvxz",
    "aeiou",
    "aeiklnorstuwy",
    "abcdefghiklmnoprstuvwyz",
    "abefilmnopsuy",
    "abcdefghijklmnopqrstuvwyz",
    "abcdefghiklmnopqrstuvwxyz",
    "aefhilnoprstuy",
    "u",
    "abcdefghiklmnopqrstuvwyz",
    "abcdefghiklmnopqrstuvwyz",
    "abcefhilmnorstuwyz",
    "abcdefghiklmnoprstvxyz",
    "aeioruy",
    "abdehiklnorsy",
    "acehioptuy",
    "abcdeilmnoprstuw",
    "aeilouwyz",
];

/// [`FOLLOWERS`] as a bit set for each letter.
#[expect(clippy::indexing_slicing, reason = "a constant's own table: out of bounds does not compile")]
const FOLLOWS: [u32; 26] = {
    let mut sets = [0; 26];
    let mut letter = 0;
    while letter < 26 {
        let followers = FOLLOWERS[letter].as_bytes();
        let mut n = 0;
        while n < followers.len() {
            sets[letter] |= 1 << (followers[n] - b'a');
            n += 1;
        }
        letter += 1;
    }
    sets
};

/// Of this many pairs one may be unusual: long strings are often words that lost the gaps between them.
const PAIRS_FOR_AN_UNUSUAL_ONE: usize = 7;

/// True for ASCII letters that look like a word of two letters or more.
pub(crate) fn is_wordlike(word: &str) -> bool {
    let letters = word.as_bytes();
    let pairs = || letters.iter().zip(letters.iter().skip(1));
    let n_unusual = pairs().filter(|&(&first, &second)| !may_follow(first, second)).count();
    let is_enumeration = pairs().all(|(first, second)| u32::from(*first) + 1 == u32::from(*second));
    letters.len() >= 2
        && letters.iter().all(u8::is_ascii_alphabetic)
        && n_unusual <= (letters.len() - 1) / PAIRS_FOR_AN_UNUSUAL_ONE
        && letters.iter().any(|letter| is_vowel(*letter))
        && !(letters.len() >= 3 && letters.iter().all(|letter| is_vowel(*letter)))
        && !is_enumeration
}

fn may_follow(first: u8, second: u8) -> bool {
    let set = FOLLOWS.get(usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'))).copied().unwrap_or_default();
    second.is_ascii_alphabetic() && set & (1 << (second.to_ascii_lowercase() - b'a')) != 0
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for word in [
            "ignore",
            "previous",
            "instructions",
            "reveal",
            "the",
            "of",
            "Anweisungen",
            "vorherigen",
            "système",
            "allofthesewordsatonce",
        ] {
            let ascii: String = word.chars().filter(char::is_ascii).collect();
            assert!(is_wordlike(&ascii), "{word:?}");
        }
        for code in ["abcd", "wxyz", "bcdfg", "qwerty", "xkcd", "aeiou", "rstu", "a", "", "héllo", "a1b"] {
            assert!(!is_wordlike(code), "{code:?}");
        }
    }
}
