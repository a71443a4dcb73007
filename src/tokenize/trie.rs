//! A set of byte strings with a number each, for finding the longest one that a text begins with in one pass over it.
//!
//! The tree stands in three arrays, its nodes level by level, so that the children of a node are neighbours. Nothing is
//! added once it is built.

/// Marks a node at which no entry ends.
const NO_VALUE: u32 = u32::MAX;

/// The tree.
#[derive(Debug)]
pub(super) struct Trie {
    /// The byte that leads to each node, sorted among its siblings.
    labels: Vec<u8>,
    /// Each node's first child; the next node's first child is the end of its own.
    first_child: Vec<u32>,
    /// The number of the entry that ends at each node, or [`NO_VALUE`].
    values: Vec<u32>,
}

/// A place in the tree: what was read so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node(u32);

impl Trie {
    /// Where nothing was read.
    pub(super) const ROOT: Node = Node(0);

    /// Builds the tree of entries that are sorted and without duplicates.
    pub(super) fn new(entries: &[(&[u8], u32)]) -> Self {
        let mut trie = Self { labels: vec![0], first_child: Vec::new(), values: Vec::new() };
        // One item a node, in the order of the arrays: its depth, and the entries that it leads to.
        let mut nodes = vec![(0, entries)];
        while let Some(&(depth, entries)) = nodes.get(trie.values.len()) {
            let (value, longer) = match entries.split_first() {
                Some(((key, value), longer)) if key.len() == depth => (*value, longer),
                _ => (NO_VALUE, entries),
            };
            trie.values.push(value);
            trie.first_child.push(nodes.len() as u32);
            for child in longer.chunk_by(|(key, _), (next, _)| key.get(depth) == next.get(depth)) {
                trie.labels.extend(child.first().and_then(|(key, _)| key.get(depth)));
                nodes.push((depth + 1, child));
            }
        }
        trie.first_child.push(nodes.len() as u32);
        trie
    }

    /// The node for a text, if an entry begins with it.
    pub(super) fn find(&self, text: &[u8]) -> Option<Node> {
        text.iter().try_fold(Self::ROOT, |node, &byte| self.child(node, byte))
    }

    /// The longest entry, from a node on, that a text begins with: its number, and how many bytes of the text it takes.
    pub(super) fn longest(&self, from: Node, text: &[u8]) -> Option<(u32, usize)> {
        let (mut node, mut longest) = (from, None);
        for (index, &byte) in text.iter().enumerate() {
            let Some(child) = self.child(node, byte) else { break };
            node = child;
            longest = self.value(node).map(|value| (value, index + 1)).or(longest);
        }
        longest
    }

    fn child(&self, Node(node): Node, byte: u8) -> Option<Node> {
        let node = node as usize;
        let (first, end) = (*self.first_child.get(node)?, *self.first_child.get(node + 1)?);
        let siblings = self.labels.get(first as usize..end as usize)?;
        let place = siblings.binary_search(&byte).ok()?;
        Some(Node(first + place as u32))
    }

    fn value(&self, Node(node): Node) -> Option<u32> {
        self.values.get(node as usize).copied().filter(|&value| value != NO_VALUE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_entry_is_found(keys in prop::collection::btree_set("[abé]{1,4}", 0..40), text in "[abé]{0,6}") {
            let numbered: BTreeMap<&[u8], u32> = keys.iter().map(String::as_bytes).zip(0..).collect();
            let entries: Vec<_> = numbered.iter().map(|(key, value)| (*key, *value)).collect();
            let trie = Trie::new(&entries);
            let text = text.as_bytes();
            let expected = (1..=text.len()).rev().find_map(|end| numbered.get(&text[..end]).map(|value| (*value, end)));
            prop_assert_eq!(trie.longest(Trie::ROOT, text), expected);
            prop_assert_eq!(trie.find(text).is_some(), text.is_empty() || keys.iter().any(|key| key.as_bytes().starts_with(text)));
        }
    }
}
