//! Canonical text: what the model reads in place of the caller's bytes, with a map back to them.
//!
//! Pure: text in, text and map out. The rules are applied in the order in which they stand in [`canonicalize`];
//! each is a file in `canonical/`. Refuses nothing: every text has a canonical form, and that of plain text is itself.

pub mod compatibility;
pub mod invisible;
mod offsets;
pub mod utf8;

pub use offsets::OffsetMap;

/// A canonical text and where each byte of it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalText {
    /// What the model reads.
    pub text: String,
    /// From byte ranges of `text` to byte ranges of the original.
    pub map: OffsetMap,
}

/// Brings a text into canonical form: hidden characters are decoded or dropped, then compatibility forms are folded.
pub fn canonicalize(original: &str) -> CanonicalText {
    if original.is_ascii() {
        return CanonicalText { text: original.to_owned(), map: OffsetMap::identity(original.len()) };
    }
    let visible = invisible::remove(original);
    let folded = compatibility::fold(&visible.text);
    CanonicalText { map: folded.map.after(&visible.map), text: folded.text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_is_its_own_canonical_form() {
        for text in
            ["", "plain ASCII\twith\ncontrols", "Grüße, élève, 你好, हिन्दी, ไทย, العربية", "let x = vec![1, 2];"]
        {
            assert_eq!(canonicalize(text).text, text);
        }
    }

    #[test]
    fn disguises_fold_and_point_back() {
        let original = "a\u{200b}b ｆｕｌｌ \u{E0068}\u{E0069}";
        let canonical = canonicalize(original);
        assert_eq!(canonical.text, "ab full hi");
        let start = canonical.text.find("full").unwrap();
        let range = canonical.map.to_original(start..start + 4);
        assert_eq!(&original[range], "ｆｕｌｌ");
    }

    proptest! {
        #[test]
        fn ranges_stay_on_character_boundaries(original in any::<String>()) {
            let canonical = canonicalize(&original);
            let mut previous_start = 0;
            for (start, character) in canonical.text.char_indices() {
                let range = canonical.map.to_original(start..start + character.len_utf8());
                prop_assert!(range.end <= original.len());
                prop_assert!(original.get(range.clone()).is_some_and(|slice| !slice.is_empty()));
                prop_assert!(range.start >= previous_start);
                previous_start = range.start;
            }
        }

        #[test]
        fn canonicalising_twice_changes_nothing(original in any::<String>()) {
            let once = canonicalize(&original).text;
            prop_assert_eq!(&canonicalize(&once).text, &once);
        }
    }
}
