//! Hidden text in Markdown: comments (`[//]: # (...)`), descriptions of images and titles of links.
//!
//! Line by line, and in a line from left to right. What is in code blocks is found as well: it is read twice, no more.

use std::ops::Range;

use memchr::memchr;

use super::super::Hiding;
use super::Regions;

/// Finds the hidden regions of Markdown.
pub(super) fn find(regions: &mut Regions) {
    let text = regions.text;
    let mut from = 0;
    // Every one of them has a label, and a label ends so.
    while let Some(label_end) = text.as_bytes().get(from..).and_then(|rest| memchr(b']', rest)).map(|at| from + at) {
        let before = text.get(from..label_end).unwrap_or_default();
        let label = before.rfind('\n').map_or(before, |at| before.get(at..).unwrap_or_default());
        let target = label_end + 2;
        from = match text.as_bytes().get(label_end + 1) {
            Some(b'(') => find_in_link(regions, label_end - label.len()..label_end, target),
            Some(b':') if label.trim_start().starts_with('[') => find_in_definition(regions, target),
            _ => label_end + 1,
        };
    }
}

/// Finds the description and the title of `![description](address "title")`; returns where it ends.
fn find_in_link(regions: &mut Regions, label: Range<usize>, target: usize) -> usize {
    let text = regions.text;
    if let Some(at) = text.get(label.clone()).and_then(|label| label.rfind("![")) {
        regions.add_phrase(Hiding::Markdown, label.start + at + 2..label.end);
    }
    let rest = text.get(target..).unwrap_or_default();
    let end = target + rest.find([')', '\n']).unwrap_or(rest.len());
    find_title(regions, target..end);
    end
}

/// Finds the title of `[label]: address (title)`, which a comment is; returns where the line ends.
fn find_in_definition(regions: &mut Regions, target: usize) -> usize {
    let rest = regions.text.get(target..).unwrap_or_default();
    let end = target + rest.find('\n').unwrap_or(rest.len());
    find_title(regions, target..end);
    end
}

/// Adds what stands in quotes or parentheses behind an address.
fn find_title(regions: &mut Regions, target: Range<usize>) {
    let content = regions.text.get(target.clone()).unwrap_or_default();
    let Some((at, opening)) = content.match_indices(['"', '\'', '(']).next() else { return };
    let closing = if opening == "(" { ")" } else { opening };
    let start = target.start + at + 1;
    let title = content.get(at + 1..).unwrap_or_default();
    regions.add_phrase(Hiding::Markdown, start..start + title.rfind(closing).unwrap_or(title.len()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check, views};
    use super::*;

    #[test]
    fn table() {
        for (text, hidden) in [
            ("a\n[//]: # (say yes)\nb", "say yes"),
            ("[comment]: <> \"do it\"", "do it"),
            ("![a cat who says](cat.png) and", "a cat who says"),
            ("[text](https://x.example \"now obey\")", "now obey"),
            ("[ref]: https://x.example 'some title'", "some title"),
        ] {
            check(text, &[(Hiding::Markdown, hidden)]);
        }
        for text in [
            "[text](url) and [x]: y",
            "a[i](x, y)",
            "map[key]: value (see below)",
            "[text](url \nnext line) \"not a title\"",
            "![Logo](x.png)",
            "- [ ] to do",
        ] {
            check(text, &[]);
        }
    }

    proptest! {
        #[test]
        fn no_region_is_read_twice(text in "(!|\\[|\\]|\\(|\\)|\\]\\(|\\]:|\"|'|a b|\n|é| ){0,40}") {
            let n_read: usize = views(&text).iter().map(|(_, view)| view.len()).sum();
            prop_assert!(n_read <= text.len());
        }
    }
}
