//! Rule: Unicode compatibility forms (full-width, ligatures, styled letters) folded by NFKC (UAX #15), with offsets.

use std::iter::once;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use super::edit::Edit;
use super::signs::{Signs, find, is_inert};

/// The vowel "am" of Thai and of Lao. NFKC takes it apart, but words are written and tokenised with it.
const WRITTEN_AS_ONE: [char; 2] = ['\u{E33}', '\u{EB3}'];

/// Lunate sigmas. NFKC makes Greek sigmas of them, which nobody takes for the "c" that they are used for.
const TAKEN_FOR_LATIN: [char; 2] = ['\u{3F2}', '\u{3F9}'];

/// Folds to NFKC. Works cluster by cluster, so that each one's bytes are known; the whole equals `nfkc()`, but for
/// [`WRITTEN_AS_ONE`] and [`TAKEN_FOR_LATIN`].
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let mut folded = String::new();
    let mut start = 0;
    while let Some(at) = find(text, start, Signs::COMPATIBLE) {
        // The character before it may be its base.
        let base = text.get(start..at).and_then(|before| before.chars().next_back());
        start = at - base.map_or(0, char::len_utf8);
        let rest = text.get(start..).unwrap_or_default();
        let cluster = rest.get(..cluster_len(rest)).unwrap_or_default();
        let end = start + cluster.len();
        if is_nfkc_quick(cluster.chars()) != IsNormalized::Yes {
            folded.clear();
            match cluster.contains(WRITTEN_AS_ONE) || cluster.contains(TAKEN_FOR_LATIN) {
                true => folded.extend(cluster.nfc()),
                false => folded.extend(cluster.nfkc()),
            }
            if folded != cluster {
                edit.replace(start..end, &folded);
            }
        }
        start = end;
    }
}

/// True for a character that NFKC leaves as it is, in its place and by itself, whatever stands around it.
pub(super) fn is_normalised(character: char) -> bool {
    canonical_combining_class(character) == 0 && is_nfkc_quick(once(character)) == IsNormalized::Yes
}

/// The length in bytes of the shortest prefix that normalises independently of what follows it.
fn cluster_len(text: &str) -> usize {
    text.char_indices().skip(1).find(|&(_, character)| starts_cluster(character)).map_or(text.len(), |(start, _)| start)
}

/// True if nothing before this character can combine with it: the first character of its decomposition is a starter
/// that composes with no predecessor.
fn starts_cluster(character: char) -> bool {
    if is_inert(character) {
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

    use super::super::edit::tests::undone;
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
            ("ไทยน้ำ", "ไทยน้ำ"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_normalisation_of_the_whole(
            original in any::<String>().prop_filter("folded", |text| !text.contains(WRITTEN_AS_ONE))
        ) {
            prop_assert_eq!(undone(undo, &original), original.nfkc().collect::<String>());
        }

        #[test]
        fn equals_it_for_combining_sequences(original in "[a-eA-E\u{0300}-\u{0345}\u{09be}\u{09c7}\u{1100}-\u{11ff}\u{ff61}-\u{ff9f}가-갛]{0,24}") {
            prop_assert_eq!(undone(undo, &original), original.nfkc().collect::<String>());
        }
    }
}
