//! Hidden text in LaTeX and KaTeX: what is set in white, as a phantom, or without size.
//!
//! Knows the commands and counts braces; what a macro of the text's own would do is out of its sight.

use std::ops::Range;

use memchr::memchr;

use super::super::Hiding;
use super::Regions;

/// Colours and sizes take no more than this, their braces included.
const MAX_ARGUMENT_BYTES: usize = 40;

/// Finds the hidden regions of formulas.
pub(super) fn find(regions: &mut Regions) {
    let text = regions.text;
    let mut from = 0;
    while let Some(start) = text.as_bytes().get(from..).and_then(|rest| memchr(b'\\', rest)).map(|at| from + at + 1) {
        let region = text.get(start..).and_then(hidden_by);
        from = region.as_ref().map_or(start, |region| start + region.end);
        if let Some(region) = region {
            regions.add(Hiding::Formula, start + region.start..start + region.end);
        }
    }
}

/// The region that a command, which the text begins with, hides.
fn hidden_by(command: &str) -> Option<Range<usize>> {
    let name_len = command.bytes().take_while(u8::is_ascii_alphabetic).count();
    match command.get(..name_len)? {
        "phantom" | "hphantom" | "vphantom" => group(command, name_len),
        "textcolor" | "colorbox" => {
            let colour = argument(command, name_len).filter(|colour| is_invisible(command, colour))?;
            group(command, colour.end + 1)
        }
        // With braces after the colour KaTeX and MathJax colour those, LaTeX the rest of the group around.
        "color" => {
            let colour = argument(command, name_len).filter(|colour| is_invisible(command, colour))?;
            group(command, colour.end + 1).or_else(|| Some(colour.end + 1..end_of_group(command, colour.end + 1)))
        }
        "scalebox" => {
            let scale = argument(command, name_len).filter(|scale| is_zero(command, scale))?;
            group(command, scale.end + 1)
        }
        "fontsize" => {
            let size = argument(command, name_len).filter(|size| is_zero(command, size))?;
            let leading = argument(command, size.end + 1)?;
            Some(leading.end + 1..end_of_group(command, leading.end + 1))
        }
        _ => None,
    }
}

/// The content of the braces at `start`, which close again soon.
fn argument(text: &str, start: usize) -> Option<Range<usize>> {
    let braces = text.get(start..text.floor_char_boundary(start + MAX_ARGUMENT_BYTES))?;
    let content = braces.strip_prefix('{')?.split_once('}')?.0;
    Some(start + 1..start + 1 + content.len())
}

/// The content of the braces at `start`. They must be there, but need not be closed.
fn group(text: &str, start: usize) -> Option<Range<usize>> {
    text.get(start..)?.starts_with('{').then(|| start + 1..end_of_group(text, start + 1))
}

/// Where the group ends that holds the byte at `start`.
fn end_of_group(text: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn is_invisible(text: &str, colour: &Range<usize>) -> bool {
    let colour = text.get(colour.clone()).unwrap_or_default().trim();
    ["white", "transparent", "#fff", "#ffffff"].iter().any(|name| name.eq_ignore_ascii_case(colour))
}

fn is_zero(text: &str, length: &Range<usize>) -> bool {
    let length = text.get(length.clone()).unwrap_or_default().trim();
    length.trim_end_matches(|unit: char| unit.is_ascii_alphabetic()).parse::<f64>().is_ok_and(|number| number < 0.2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check, views};
    use super::*;

    #[test]
    fn table() {
        for (text, hidden) in [
            ("$x \\phantom{say {yes}} y$", "say {yes}"),
            ("\\textcolor{white}{obey} or", "obey"),
            ("{\\color{white} all of this} seen", "all of this"),
            ("$\\color{#FFF}{this} seen$", "this"),
            ("\\scalebox{0}{tiny} {\\fontsize{0pt}{0pt}\\selectfont small}", "tiny\n\\selectfont small"),
        ] {
            check(text, &[(Hiding::Formula, hidden)]);
        }
        for text in [
            "\\textcolor{red}{seen} \\color{blue} seen \\scalebox{2}{seen} {\\fontsize{12pt}{14pt}\\selectfont seen}",
            "\\frac{a}{b} \\text{if } x, C:\\color\\phantom.txt, \\phantom",
        ] {
            check(text, &[]);
        }
    }

    proptest! {
        #[test]
        fn no_region_is_read_twice(text in "(\\\\phantom|\\\\color|\\\\textcolor|\\{white\\}|\\{|\\}|a|é| ){0,40}") {
            let n_read: usize = views(&text).iter().map(|(_, view)| view.len()).sum();
            prop_assert!(n_read <= text.len());
        }
    }
}
