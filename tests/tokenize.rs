//! The tokens are those of the `tokenizers` crate, id by id and byte by byte, whatever stands in a text.
//!
//! `PORTCULLIS_TOKENIZE_CASES=1000000 cargo test --release --test tokenize` compares a million texts; without it, a run of
//! all tests compares some thousands.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::ops::Range;
use std::path::Path;

use portcullis::tokenize::{Tokenizer, WindowLayout};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const CASES: u32 = 20_000;

/// One window for any text, so that its tokens are those of the text.
const WHOLE: WindowLayout = WindowLayout { tokens: usize::MAX / 2, overlap: 0 };

/// The default model's vocabulary, read by this crate and by the reference.
struct Both {
    ours: Tokenizer,
    reference: tokenizers::Tokenizer,
}

impl Both {
    fn load() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default/tokenizer.json");
        let json = std::fs::read(file).unwrap();
        let mut reference = tokenizers::Tokenizer::from_bytes(&json).unwrap();
        reference.set_encode_special_tokens(true);
        Self { ours: Tokenizer::from_bytes(&json).unwrap(), reference }
    }

    fn check(&self, text: &str) -> Result<(), TestCaseError> {
        let expected = self.reference.encode(text, false).unwrap();
        let windows = self.ours.windows(text, WHOLE);
        let [window] = windows.windows.as_slice() else { panic!("one window was asked for") };
        prop_assert_eq!(&window.ids[1..window.ids.len() - 1], expected.get_ids(), "{:?}", text);
        let ranges: Vec<Range<usize>> = expected.get_offsets().iter().map(|&(start, end)| start..end).collect();
        prop_assert_eq!(windows.tokens, ranges, "{:?}", text);
        Ok(())
    }
}

/// Pieces of text that meet the rules in every way; what stands beside what is left to chance.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z]{1,12}",
        2 => "[ -~]{1,12}",
        2 => " ",
        1 => "[0-9]{1,8}",
        1 => "[\\x00-\\x20\\x7F-\\xA0]{1,3}",
        1 => "[À-ž]{1,6}",
        1 => "[А-яёЁ]{1,8}",
        1 => "[a-zA-Z][\\u{300}-\\u{36F}\\u{1AB0}-\\u{1AFF}\\u{20D0}-\\u{20F0}]{1,4}",
        1 => "[\\u{4E00}-\\u{4E80}\\u{3400}-\\u{3410}\\u{F900}-\\u{FA20}\\u{2B810}-\\u{2B930}]{1,4}",
        1 => "[가-각힣\\u{1100}-\\u{1120}\\u{1161}-\\u{1175}]{1,4}",
        1 => "[が-ゞァ-ヿ\\u{3099}\\u{309A}]{1,4}",
        1 => "[\\u{5B0}-\\u{5EA}\\u{610}-\\u{670}\\u{900}-\\u{DF0}\\u{E00}-\\u{FCF}]{1,5}",
        1 => "[\\u{1E00}-\\u{1FFF}ſßİıΣςKÅ]{1,5}",
        1 => "[\\u{2000}-\\u{20CF}\\u{2100}-\\u{23FF}\\u{3000}-\\u{303F}\\u{FE00}-\\u{FFFF}]{1,4}",
        1 => "[\\u{1D15E}-\\u{1D1FF}\\u{1F300}-\\u{1F9FF}\\u{E0000}-\\u{E01EF}\\u{F0000}-\\u{F0010}]{1,3}",
        1 => "\\[(CLS|SEP|UNK|PAD|MASK)\\]|##[a-z]{1,3}",
        1 => "[a-zé]{60,140}",
        2 => any::<String>(),
    ]
}

#[test]
fn the_tokens_are_those_of_the_reference() {
    let cases = std::env::var("PORTCULLIS_TOKENIZE_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let both = Both::load();
    let texts = prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&texts, |text| both.check(&text)).unwrap();
}

#[test]
fn every_character_is_read_as_by_the_reference() {
    let both = Both::load();
    // The planes between hold nothing, and the last two only what is private.
    let characters: Vec<char> =
        ('\0'..'\u{32000}').chain('\u{E0000}'..'\u{E0200}').chain('\u{EFF00}'..'\u{F0100}').collect();
    // Each between letters, so that it is seen whether it parts them, and after a mark, so that it may change places.
    for characters in characters.chunks(256) {
        let text: String = characters.iter().flat_map(|c| ['x', *c, 'y', '\u{301}', *c, ' ']).collect();
        both.check(&text).unwrap();
    }
}
