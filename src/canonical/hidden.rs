//! Finds what a text shows to a model but not to a person: each kind becomes a view of its own.
//!
//! The visible text keeps these regions where they stand, since a model that reads raw HTML reads them there; the view
//! reads them without what surrounds them. A region inside another is part of that one and is not read twice.

mod formula;
mod html;
mod markdown;

use std::ops::Range;

use super::{CanonicalText, HiddenText, Hiding, OffsetMap};

/// The hidden regions of a canonical text, a view for each kind; their maps lead to its original.
pub(super) fn find(visible: &CanonicalText) -> Vec<HiddenText> {
    let mut regions = Regions { text: &visible.text, views: Vec::new() };
    html::find(&mut regions);
    markdown::find(&mut regions);
    formula::find(&mut regions);
    let to_original = |view: HiddenText| HiddenText { how: view.how, text: view.text.after(visible) };
    regions.views.into_iter().map(to_original).collect()
}

/// The regions found in a text.
struct Regions<'t> {
    text: &'t str,
    views: Vec<HiddenText>,
}

impl Regions<'_> {
    /// Adds a region, without the space around it, if there is anything to read in it.
    fn add(&mut self, how: Hiding, region: Range<usize>) {
        let content = self.text.get(region.clone()).unwrap_or_default();
        let start = region.start + content.len() - content.trim_start().len();
        let content = content.trim();
        if !content.is_empty() {
            let mut map = OffsetMap::default();
            map.push(content.len(), start..start + content.len(), true);
            HiddenText::collect(&mut self.views, how, CanonicalText { text: content.to_owned(), map });
        }
    }

    /// Adds a region that honest documents are full of, if it holds more than a word.
    fn add_phrase(&mut self, how: Hiding, region: Range<usize>) {
        if self.text.get(region.clone()).is_some_and(|content| content.trim().contains(char::is_whitespace)) {
            self.add(how, region);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The views that are found in a text, as kind and text.
    pub(super) fn views(text: &str) -> Vec<(Hiding, String)> {
        let found = find(&CanonicalText::verbatim(text));
        found.iter().for_each(|view| super::super::edit::tests::assert_offsets(&view.text, text));
        found.into_iter().map(|view| (view.how, view.text.text)).collect()
    }

    /// Asserts that a text has these views.
    pub(super) fn check(text: &str, expected: &[(Hiding, &str)]) {
        let found = views(text);
        assert_eq!(found.iter().map(|(how, text)| (*how, text.as_str())).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn regions_of_a_kind_are_one_view() {
        check(
            "<!--one--> a <!-- two --> ![three four](x)",
            &[(Hiding::Comment, "one\ntwo"), (Hiding::Markdown, "three four")],
        );
    }
}
