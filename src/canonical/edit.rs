//! One rule's work on one text: what it keeps, what it replaces and what it moves into hidden views, with offsets.

use std::ops::Range;

use super::disguise::Places;
use super::{CanonicalText, HiddenText, Hiding, OffsetMap};

/// A text under edit, from left to right.
pub(super) struct Edit<'t> {
    text: &'t str,
    edited: CanonicalText,
    /// Everything before this byte of `text` is kept or replaced.
    done: usize,
    places: Places,
    hidden: Vec<HiddenText>,
}

/// What a rule made of a text. All ranges and maps refer to the text that it was given.
pub(super) struct Edited {
    pub(super) visible: CanonicalText,
    pub(super) places: Places,
    pub(super) hidden: Vec<HiddenText>,
}

impl<'t> Edit<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let edited = CanonicalText { text: String::new(), map: OffsetMap::default() };
        Self { text, edited, done: 0, places: Places::default(), hidden: Vec::new() }
    }

    /// The text as it was before the edit.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Replaces `range`, which starts where the last one ended or later; what lies between is kept.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &str) {
        self.keep_until(range.start);
        self.edited.text.push_str(with);
        self.edited.map.push(with.len(), range.clone(), false);
        self.done = range.end;
        self.places.add(range, 1);
    }

    /// Adds a text that was hidden, behind those before it; its map leads to the text before the edit.
    pub(super) fn hide(&mut self, how: Hiding, text: CanonicalText) {
        HiddenText::collect(&mut self.hidden, how, text);
    }

    /// None if nothing was replaced.
    pub(super) fn finish(mut self) -> Option<Edited> {
        if self.done == 0 && self.edited.text.is_empty() {
            return None;
        }
        self.keep_until(self.text.len());
        Some(Edited { visible: self.edited, places: self.places, hidden: self.hidden })
    }

    fn keep_until(&mut self, end: usize) {
        if self.edited.text.capacity() == 0 {
            self.edited.text.reserve(self.text.len());
        }
        let kept = self.text.get(self.done..end).unwrap_or_default();
        self.edited.text.push_str(kept);
        self.edited.map.push(kept.len(), self.done..end, true);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a rule makes of a text.
    pub(in super::super) fn undone(undo: fn(&mut Edit), original: &str) -> String {
        run(undo, original).map_or(original.to_owned(), |edited| edited.visible.text)
    }

    /// The hidden texts that a rule finds in a text.
    pub(in super::super) fn hidden(undo: fn(&mut Edit), original: &str) -> Vec<String> {
        run(undo, original).into_iter().flat_map(|edited| edited.hidden).map(|hidden| hidden.text.text).collect()
    }

    /// Asserts that every character a rule leaves, in sight or hidden, leads to characters of the original, and that
    /// visible ones lead forward.
    pub(in super::super) fn check_offsets(undo: fn(&mut Edit), original: &str) {
        let Some(edited) = run(undo, original) else { return };
        assert_offsets(&edited.visible, original);
        edited.hidden.iter().for_each(|hidden| assert_offsets(&hidden.text, original));
    }

    pub(in super::super) fn assert_offsets(made: &CanonicalText, original: &str) {
        let mut previous = 0..0;
        for (start, character) in made.text.char_indices() {
            let range = made.map.to_original(start..start + character.len_utf8());
            assert!(original.get(range.clone()).is_some_and(|slice| !slice.is_empty()), "{original:?} {made:?}");
            assert!(range.start >= previous.start && range.end >= previous.end, "{original:?} {made:?}");
            previous = range;
        }
    }

    fn run(undo: fn(&mut Edit), original: &str) -> Option<Edited> {
        let mut edit = Edit::new(original);
        undo(&mut edit);
        edit.finish()
    }
}
