//! Canonical text: what the model reads in place of the caller's bytes, with a map back to them.
//!
//! Pure: text in; visible text, hidden texts and disguises out. The rules stand in `RULES`, each a file in
//! `canonical/`, and are applied in rounds until a round changes nothing, so that the canonical form of a canonical
//! text is itself. Refuses nothing: every text has a canonical form, and that of plain text is the text itself.

mod blocks;
mod disguise;
mod edit;
mod offsets;
mod signs;

mod bidi;
mod compatibility;
mod controls;
mod enclosed;
mod entities;
mod hidden;
mod homoglyphs;
mod invisible;
mod leet;
mod marks;
mod smuggling;
mod spacing;
mod splits;
mod upside_down;
pub mod utf8;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;

pub use disguise::{Disguise, Rule};
pub use offsets::OffsetMap;
pub(crate) use words::is_wordlike;

use disguise::Places;
use edit::Edit;
use signs::Signs;

/// Rounds of the rules. Each undoes one layer of disguise.
const MAX_ROUNDS: usize = 8;

/// Undoes what a rule knows wherever it stands in a text.
type Undo = fn(&mut Edit);

/// The rules, in the order in which a round applies them, and the sign without which each has nothing to do.
const RULES: [(Rule, Signs, Undo); 13] = [
    (Rule::Entities, Signs::AMPERSAND, entities::undo),
    (Rule::Bidirectional, Signs::OVERRIDE, bidi::undo),
    (Rule::Smuggling, Signs::CARRIER, smuggling::undo),
    (Rule::Invisible, Signs::INVISIBLE, invisible::undo),
    (Rule::Deletion, Signs::DELETION, controls::undo),
    (Rule::UpsideDown, Signs::TURNED, upside_down::undo),
    (Rule::Enclosed, Signs::ENCLOSED, enclosed::undo),
    (Rule::Compatibility, Signs::COMPATIBLE, compatibility::undo),
    (Rule::Marks, Signs::MARK, marks::undo),
    (Rule::Splits, Signs::SEAM, splits::undo),
    (Rule::Homoglyphs, Signs::DOUBLE, homoglyphs::undo),
    (Rule::Spacing, Signs::LONE_LETTERS, spacing::undo),
    (Rule::Leet, Signs::DIGIT_BEFORE_LETTER, leet::undo),
];

/// Everything that a model reads of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// What a person sees, undisguised.
    pub visible: CanonicalText,
    /// What a person does not see.
    pub hidden: Vec<HiddenText>,
    /// What was undone, in the order of the original.
    pub disguises: Vec<Disguise>,
    /// False if the text is disguised more often than the rules undo it: `visible` may be disguised still.
    pub is_settled: bool,
}

/// A canonical text and where each byte of it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanonicalText {
    /// What the model reads.
    pub text: String,
    /// From byte ranges of `text` to byte ranges of the original.
    pub map: OffsetMap,
}

/// Text that a person would not see but a model reads: a view of its own, mapped to the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenText {
    /// How it was hidden.
    pub how: Hiding,
    /// The text, canonical like the visible one.
    pub text: CanonicalText,
}

/// A way to hide text from the person who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hiding {
    /// Spelt in characters of Unicode's tag block.
    Tags,
    /// Spelt in variation selectors, a byte each.
    VariationSelectors,
    /// Typed and taken back by backspaces or deletes.
    Deleted,
    /// In an HTML comment.
    Comment,
    /// In an HTML element that is not shown: by its style, its attributes or its kind.
    Element,
    /// In an HTML attribute that is not shown, or only on demand: `alt`, `title`, the content of a `meta`.
    Attribute,
    /// In a Markdown comment, the description of an image or the title of a link.
    Markdown,
    /// Set invisibly in a formula: white, phantom or without size.
    Formula,
}

impl HiddenText {
    /// Adds a text to those of its kind, so that there are few, on a line of its own unless it goes on where the last one
    /// ended; or as the first of its kind.
    fn collect(hidden: &mut Vec<Self>, how: Hiding, text: CanonicalText) {
        match hidden.iter_mut().find(|earlier| earlier.how == how) {
            Some(earlier) if earlier.text.map.original_end() == text.map.to_original(0..0).start => {
                earlier.text.push(&text);
            }
            Some(earlier) => earlier.text.append('\n', &text),
            None => hidden.push(Self { how, text }),
        }
    }
}

impl CanonicalText {
    /// A text that was left as it is.
    pub(crate) fn verbatim(text: &str) -> Self {
        Self { text: text.to_owned(), map: OffsetMap::identity(text.len()) }
    }

    /// A part of a text that was left as it is.
    fn kept(text: &str, range: Range<usize>) -> Self {
        let text = text.get(range.clone()).unwrap_or_default().to_owned();
        let mut map = OffsetMap::default();
        map.push(text.len(), range, true);
        Self { text, map }
    }

    /// A text of which every part stands for the whole of `range`.
    pub(crate) fn standing_for(text: String, range: Range<usize>) -> Self {
        let mut map = OffsetMap::default();
        map.push(text.len(), range, false);
        Self { text, map }
    }

    /// Adds a text made from a later part of the same original, with a sign for what lies between.
    pub(crate) fn append(&mut self, between: char, later: &Self) {
        let gap = self.map.original_end()..later.map.to_original(0..0).start;
        self.map.push(between.len_utf8(), gap, false);
        self.text.push(between);
        self.push(later);
    }

    /// Adds a text that goes on right where this one ends.
    pub(crate) fn push(&mut self, next: &Self) {
        self.map.append(&next.map);
        self.text.push_str(&next.text);
    }

    /// A part of the text; nothing if its ends are no boundaries of characters.
    #[must_use]
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        Self::kept(&self.text, range).after(self)
    }

    /// This text, made from `earlier`, as made from what `earlier` was made from.
    #[must_use]
    pub(crate) fn after(self, earlier: &Self) -> Self {
        Self { map: self.map.after(&earlier.map), text: self.text }
    }
}

/// Brings a text into canonical form.
pub fn canonicalize(original: &str) -> Canonical {
    let mut undoing = Undoing::of(original);
    let is_settled = (0..MAX_ROUNDS).any(|_| !undoing.round());
    undoing.finish(is_settled)
}

/// A text whose disguises are being undone.
struct Undoing {
    visible: CanonicalText,
    /// As it was found: canonical only where it was found in the canonical text.
    hidden: Vec<HiddenText>,
    places: BTreeMap<Rule, Places>,
    n_edits: usize,
    /// How many edits had been made when a rule last found nothing. It is not asked again before there is another one.
    idle_at: BTreeMap<Rule, usize>,
}

impl Undoing {
    fn of(original: &str) -> Self {
        Self {
            visible: CanonicalText::verbatim(original),
            hidden: Vec::new(),
            places: BTreeMap::new(),
            n_edits: 0,
            idle_at: BTreeMap::new(),
        }
    }

    /// Applies every rule once. False if none changed anything.
    fn round(&mut self) -> bool {
        let n_edits_before = self.n_edits;
        let signs = Signs::of(&self.visible.text);
        for (rule, _, undo) in RULES.into_iter().filter(|(_, sign, _)| signs.contain(*sign)) {
            if self.idle_at.get(&rule) == Some(&self.n_edits) {
                continue;
            }
            let mut edit = Edit::new(&self.visible.text);
            undo(&mut edit);
            let Some(edited) = edit.finish() else {
                self.idle_at.insert(rule, self.n_edits);
                continue;
            };
            self.n_edits += 1;
            let places = self.places.entry(rule).or_default();
            for (range, count) in edited.places.iter() {
                places.add(self.visible.map.to_original(range), count);
            }
            for hidden in edited.hidden {
                self.hidden.push(HiddenText { how: hidden.how, text: hidden.text.after(&self.visible) });
            }
            self.visible = edited.visible.after(&self.visible);
        }
        self.n_edits > n_edits_before
    }

    fn finish(mut self, is_settled: bool) -> Canonical {
        let mut canonical =
            Canonical { hidden: hidden::find(&self.visible), visible: self.visible, disguises: Vec::new(), is_settled };
        for found in self.hidden {
            canonical.add_hidden(found, &mut self.places);
        }
        for (rule, places) in self.places {
            canonical.disguises.extend(places.iter().map(|(range, count)| Disguise { rule, range, count }));
        }
        canonical.disguises.sort_by_key(|disguise| disguise.range.start);
        canonical
    }
}

impl Canonical {
    /// Adds a hidden text and, since it may be disguised itself, what hides in it. Each layer is at most half as long
    /// as the one that it was found in, so that the layers are few and their sum is no longer than the original.
    fn add_hidden(&mut self, found: HiddenText, places: &mut BTreeMap<Rule, Places>) {
        let HiddenText { how, text: found } = found;
        let within = canonicalize(&found.text);
        self.is_settled &= within.is_settled;
        self.hidden.push(HiddenText { how, text: within.visible.after(&found) });
        self.hidden.extend(
            within.hidden.into_iter().map(|HiddenText { how, text }| HiddenText { how, text: text.after(&found) }),
        );
        for disguise in within.disguises {
            places.entry(disguise.rule).or_default().add(found.map.to_original(disguise.range), disguise.count);
        }
    }
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
            assert_eq!(canonicalize(text).visible.text, text);
        }
    }

    #[test]
    fn disguises_fold_and_point_back() {
        let original = "a\u{200b}b ｆｕｌｌ \u{E0068}\u{E0069}";
        let canonical = canonicalize(original);
        assert_eq!(canonical.visible.text, "ab full ");
        let start = canonical.visible.text.find("full").unwrap();
        let range = canonical.visible.map.to_original(start..start + 4);
        assert_eq!(&original[range], "ｆｕｌｌ");
    }

    /// Pieces of every rule's attacks and of what they are mixed up with.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[a-z ]{1,4}",
            2 => "[ -~\n]{1,3}",
            1 => "[i1!ｉіιⓘ🅸ᴉ𝐢] ?",
            1 => "[g9ɡ𝗀] ?",
            1 => "[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{ad}\u{feff}]{1,2}",
            1 => "[\u{8}\u{7f}\0\u{1b}\t\r\n]",
            1 => "[\u{300}-\u{310}\u{332}\u{336}\u{20e3}\u{94d}\u{5b0}]{1,3}",
            1 => "[\u{e0020}-\u{e007f}]{1,6}|[\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]{1,6}",
            1 => "&(amp;){0,2}(#(x20(0|2)[b-f]|105|8|38|x26|60);?|lt;|gt;|semi;|num;)",
            1 => "<!--|-->|<b>|</b>|<b></b>|<wbr>|<div hidden>|</div>| alt='|\\[//\\]: # \\(|\\}\\\\text\\{",
            1 => "[аеорсухіѕἀαορτϲᎠᎡᗩᗷ]{1,4}",
            1 => "[ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz ]{1,8}",
            1 => "[⒤⒢🄰🅐🅰🇮🇬🇩🇪]{1,3}",
            1 => "([a-e1340][ .*_-]){1,6}",
            1 => "[igno10r3ae45]{1,8} ?",
            1 => any::<String>(),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    fn check_offsets(made: &CanonicalText, original: &str) {
        edit::tests::assert_offsets(made, original);
    }

    proptest! {
        #[test]
        fn offsets_lead_to_characters_of_the_original(original in pieces()) {
            let canonical = canonicalize(&original);
            check_offsets(&canonical.visible, &original);
            for hidden in &canonical.hidden {
                for (start, character) in hidden.text.text.char_indices() {
                    let range = hidden.text.map.to_original(start..start + character.len_utf8());
                    prop_assert!(original.get(range).is_some());
                }
            }
            for disguise in &canonical.disguises {
                prop_assert!(original.get(disguise.range.clone()).is_some_and(|slice| !slice.is_empty()));
            }
        }

        #[test]
        fn canonicalising_twice_changes_nothing(original in pieces()) {
            let once = canonicalize(&original);
            prop_assert!(once.is_settled);
            let twice = canonicalize(&once.visible.text);
            prop_assert_eq!(&twice.visible.text, &once.visible.text);
            prop_assert_eq!(twice.disguises, []);
        }

        #[test]
        fn nothing_grows(original in pieces()) {
            let canonical = canonicalize(&original);
            let n_hidden: usize = canonical.hidden.iter().map(|hidden| hidden.text.text.len()).sum();
            // U+FDFA is the character that NFKC makes most of: eleven times its bytes.
            prop_assert!(canonical.visible.text.len() <= 11 * original.len());
            prop_assert!(n_hidden <= 2 * canonical.visible.text.len() + 2 * original.len());
        }

        #[test]
        fn it_is_what_the_rules_make_of_it_in_turn(original in pieces()) {
            prop_assert_eq!(canonicalize(&original).visible, composed(&original));
        }

        #[test]
        fn a_rule_without_its_sign_changes_nothing(original in pieces()) {
            check_signs(&original);
        }
    }

    /// What the rules make of a text, those whose sign it has when a round begins one after the other, until a round finds
    /// nothing: whoever has been asked before.
    fn composed(original: &str) -> CanonicalText {
        let mut visible = CanonicalText::verbatim(original);
        for _ in 0..MAX_ROUNDS {
            let text = visible.text.clone();
            let signs = Signs::of(&text);
            for (_, _, undo) in RULES.into_iter().filter(|(_, sign, _)| signs.contain(*sign)) {
                let mut edit = Edit::new(&visible.text);
                undo(&mut edit);
                if let Some(edited) = edit.finish() {
                    visible = edited.visible.after(&visible);
                }
            }
            if visible.text == text {
                break;
            }
        }
        visible
    }

    fn check_signs(text: &str) {
        let signs = Signs::of(text);
        for (rule, _, undo) in RULES.into_iter().filter(|(_, sign, _)| !signs.contain(*sign)) {
            let mut edit = Edit::new(text);
            undo(&mut edit);
            assert!(edit.finish().is_none(), "{rule:?} changes {text:?}");
        }
    }

    #[test]
    fn every_character_has_the_signs_of_its_rules() {
        for character in ('\0'..='\u{1FFFF}').chain('\u{2F800}'..='\u{2FA20}').chain('\u{E0000}'..='\u{E0FFF}') {
            check_signs(&format!("a{character}b"));
        }
    }
}
