//! Rule: Unicode compatibility forms (full-width, ligatures, styled letters) folded by NFKC (UAX #15), with offsets.

use std::iter::once;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{CanonicalText, OffsetMap};

/// The NFKC form of a text. Works cluster by cluster, so that each one's bytes are known; the whole equals `nfkc()`.
pub fn fold(original: &str) -> CanonicalText {
    let mut text = String::with_capacity(original.len());
    let mut map = OffsetMap::default();
    let mut rest = original;
    let mut start = 0;
    while !rest.is_empty() {
        let (cluster, after) = rest.split_at(cluster_len(rest));
        let before = text.len();
        if cluster.is_ascii() {
            text.push_str(cluster);
        } else {
            text.extend(cluster.nfkc());
        }
        let verbatim = text.get(before..) == Some(cluster);
        map.push(text.len() - before, start..start + cluster.len(), verbatim);
        start += cluster.len();
        rest = after;
    }
    CanonicalText { text, map }
}

/// The length in bytes of the shortest prefix that normalises independently of what follows it.
fn cluster_len(text: &str) -> usize {
    text.char_indices().skip(1).find(|&(_, character)| starts_cluster(character)).map_or(text.len(), |(start, _)| start)
}

/// True if nothing before this character can combine with it: the first character of its decomposition is a starter
/// that composes with no predecessor.
fn starts_cluster(character: char) -> bool {
    if character.is_ascii() {
        return true;
    }
    let mut first = None;
    decompose_compatible(character, |decomposed| first = first.or(Some(decomposed)));
    let first = first.unwrap_or(character);
    canonical_combining_class(first) == 0 && is_nfc_quick(once(first)) == IsNormalized::Yes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("ｉｇｎｏｒｅ", "ignore"),
            ("ﬁne", "fine"),
            ("e\u{0301}le\u{0300}ve", "élève"),
            ("①②", "12"),
            ("한국어", "한국어"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("ｶﾞ", "ガ"),
        ] {
            assert_eq!(fold(original).text, expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_normalisation_of_the_whole(original in any::<String>()) {
            prop_assert_eq!(fold(&original).text, original.nfkc().collect::<String>());
        }

        #[test]
        fn equals_it_for_combining_sequences(original in "[a-eA-E\u{0300}-\u{0345}\u{09be}\u{09c7}\u{1100}-\u{11ff}\u{ff61}-\u{ff9f}가-갛]{0,24}") {
            prop_assert_eq!(fold(&original).text, original.nfkc().collect::<String>());
        }
    }
}
