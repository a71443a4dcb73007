//! Rule: a right-to-left override shows left-to-right letters in reverse; they are put in the order that is shown.
//!
//! Follows UAX #9 as far as an override reorders letters: runs between U+202E and its U+202C or the end of the line,
//! with overrides nested in them (rule L2, over at most [`MAX_LEVEL`] levels). An override of letters that run right to
//! left anyway changes nothing. What remains of directional controls is left to the rule for invisible characters.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::edit::Edit;

pub(super) const RIGHT_TO_LEFT_OVERRIDE: char = '\u{202E}';
const LEFT_TO_RIGHT_OVERRIDE: char = '\u{202D}';
const POP: char = '\u{202C}';

/// Overrides nested deeper are shown as at this level. Odd levels run right to left.
const MAX_LEVEL: usize = 9;

/// Reorders the overridden runs.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(RIGHT_TO_LEFT_OVERRIDE)).map(|at| from + at) {
        let run = Run::at(text, start);
        from = run.range.end;
        if run.runs_left_to_right() {
            edit.replace(run.range.clone(), &run.shown());
        }
    }
}

/// An override with all that it reaches: characters with their combining marks, and the level of each.
struct Run<'t> {
    range: Range<usize>,
    clusters: Vec<(&'t str, usize)>,
}

impl<'t> Run<'t> {
    fn at(text: &'t str, start: usize) -> Self {
        let rest = text.get(start..).unwrap_or_default();
        let mut clusters = Vec::new();
        // The level that each open embedding or override had around it, and the level now.
        let (mut around, mut level) = (Vec::new(), 0);
        let mut characters = rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                RIGHT_TO_LEFT_OVERRIDE => {
                    around.push(level);
                    level = (level + 1) | 1;
                }
                LEFT_TO_RIGHT_OVERRIDE => {
                    around.push(level);
                    level = (level + 2) & !1;
                }
                '\u{202A}' | '\u{202B}' => around.push(level),
                POP => level = around.pop().unwrap_or_default(),
                '\n' | '\r' | '\u{2029}' => return Self { range: start..start + at, clusters },
                _ => {
                    let mut end = at + character.len_utf8();
                    while let Some((at, mark)) = characters.next_if(|(_, mark)| is_combining_mark(*mark)) {
                        end = at + mark.len_utf8();
                    }
                    clusters.push((rest.get(at..end).unwrap_or_default(), level.min(MAX_LEVEL)));
                }
            }
            if around.is_empty() {
                return Self { range: start..start + at + character.len_utf8(), clusters };
            }
        }
        Self { range: start..text.len(), clusters }
    }

    /// True if most of its letters would run from left to right without the override.
    fn runs_left_to_right(&self) -> bool {
        let first_letters = || self.clusters.iter().filter_map(|(cluster, _)| cluster.chars().next());
        let n_right_to_left = first_letters().filter(|character| is_right_to_left(*character)).count();
        2 * n_right_to_left <= first_letters().filter(|character| character.is_alphabetic()).count()
    }

    /// UAX #9, rule L2: from the highest level to the lowest odd one, every stretch at that level or higher is reversed.
    fn shown(mut self) -> String {
        for level in (1..=MAX_LEVEL).rev() {
            self.clusters.chunk_by_mut(|a, b| (a.1 >= level) == (b.1 >= level)).for_each(|stretch| {
                if stretch.first().is_some_and(|(_, of)| *of >= level) {
                    stretch.reverse();
                }
            });
        }
        // Rule L4: brackets face the other way from right to left.
        let mirror = |(cluster, level): &(&str, usize)| match cluster.chars().next().and_then(mirrored) {
            Some(mirrored) if level % 2 == 1 => String::from(mirrored),
            _ => (*cluster).to_owned(),
        };
        self.clusters.iter().map(mirror).collect()
    }
}

/// The bracket that a bracket of ASCII looks like from behind.
fn mirrored(character: char) -> Option<char> {
    Some(match character {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        _ => return None,
    })
}

/// Hebrew, Arabic, Syriac, Thaana, N'Ko and the other blocks that UAX #9 reserves for right-to-left scripts.
pub(super) fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("say \u{202E}olleh\u{202C} now", "say hello now"),
            ("\u{202E}olleh\nplain", "hello\nplain"),
            ("\u{202E}e\u{301}tla", "alte\u{301}"),
            ("\u{202E}dlrow \u{202D}hello\u{202C}", "hello world"),
            ("\u{202E}ab\u{202E}cd\u{202C}ef\u{202C}gh", "fedcbagh"),
            ("\u{202E}שלום\u{202C} abc", "\u{202E}שלום\u{202C} abc"),
            ("ordinary שלום text", "ordinary שלום text"),
            ("\u{202C}\u{202A}abc\u{202C}", "\u{202C}\u{202A}abc\u{202C}"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    proptest! {
        #[test]
        fn reversed_text_is_read_as_shown(shown in "[a-z é,.]{1,30}") {
            let original = format!("\u{202E}{}\u{202C}", shown.chars().rev().collect::<String>());
            prop_assert_eq!(undone(undo, &original), shown);
        }

        #[test]
        fn offsets_stay_exact(original in "[ab\n\u{5d0}\u{301}\u{202a}-\u{202e}]{0,24}") {
            check_offsets(undo, &original);
        }
    }
}
