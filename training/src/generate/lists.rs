//! Word lists and templates that are long enough to stand in text files of their own, in the folder of this name.
//!
//! A line in square brackets, of lower-case letters and `_`, opens a list; each line below it is an entry, with `\n` for a
//! line break. Empty lines, those that begin with `;;`, and those before the first list count for nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

const FILES: &[&str] = &[
    include_str!("lists/asides.txt"),
    include_str!("lists/beacons.txt"),
    include_str!("lists/frames.txt"),
    include_str!("lists/guards.txt"),
    include_str!("lists/mentions.txt"),
    include_str!("lists/prompts.txt"),
    include_str!("lists/prompts_world.txt"),
    include_str!("lists/records.txt"),
    include_str!("lists/tricks.txt"),
];

static LISTS: LazyLock<HashMap<&'static str, Vec<&'static str>>> =
    LazyLock::new(|| FILES.iter().flat_map(|file| sections(file)).collect());

/// The list of that name in the files.
pub fn list(name: &str) -> Option<&'static [&'static str]> {
    LISTS.get(name).map(Vec::as_slice)
}

/// The files' lists whose names begin like this, in alphabetical order.
pub fn with_prefix(prefix: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = LISTS.keys().copied().filter(|name| name.starts_with(prefix)).collect();
    names.sort_unstable();
    names
}

/// The lists of a file. Entries are kept for the life of the program, as constants are.
fn sections(file: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in file.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(";;")) {
        match (heading(line), sections.last_mut()) {
            (Some(name), _) => sections.push((name, Vec::new())),
            (None, Some((_, entries))) => entries.push(String::leak(line.replace("\\n", "\n"))),
            (None, None) => {}
        }
    }
    sections
}

fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_open_lists_and_comments_do_not_count() {
        let lists = sections(";; a note\nstray\n[first_list]\none\\ntwo\n\n[not a heading]\n[second]\nthree");
        assert_eq!(lists, [("first_list", vec!["one\ntwo", "[not a heading]"]), ("second", vec!["three"])]);
    }

    #[test]
    fn no_list_is_written_twice() {
        let n_sections: usize = FILES.iter().map(|file| sections(file).len()).sum();
        assert_eq!(LISTS.len(), n_sections);
        assert!(LISTS.values().all(|entries| !entries.is_empty()));
    }
}
