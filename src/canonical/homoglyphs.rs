//! Rule: letters of other scripts that look like ASCII letters become those, in words that mix scripts.
//!
//! In the way of UTS #39, by a table of our own: a word is folded if it has ASCII letters, or letters of several
//! scripts, and all that are not Latin have a double in ASCII. Words of one script stay, so that Russian and Greek stay
//! as they are; but a word made of nothing but doubles is folded where its line has Latin letters and no other letter
//! of its script, which honest Russian has within a word or two. A single Greek letter at the edge of a word stays:
//! mathematics writes "cosα" and "αx". Beside words that certainly are disguised even these are folded.

use std::ops::Range;

use super::edit::Edit;
use super::signs::{Signs, find};

/// Letters that can hardly be told from an ASCII letter: Latin beyond ASCII (small capitals), Greek, Cyrillic, Armenian,
/// Cherokee, Canadian syllabics, Coptic, Lisu.
#[rustfmt::skip]
const DOUBLES: &[(char, char)] = &[
    ('ƒ', 'f'), ('ƿ', 'p'), ('ȷ', 'j'), ('ɑ', 'a'), ('ɡ', 'g'), ('ɢ', 'g'), ('ɦ', 'h'), ('ɩ', 'i'), ('ɪ', 'i'),
    ('ɳ', 'n'), ('ɴ', 'n'), ('ɾ', 'r'), ('ʀ', 'r'), ('ʂ', 's'), ('ʋ', 'v'), ('ʏ', 'y'), ('ʙ', 'b'), ('ʜ', 'h'),
    ('ʟ', 'l'), ('Ϳ', 'J'), ('Ά', 'A'), ('Έ', 'E'), ('Ί', 'I'), ('Ό', 'O'), ('Α', 'A'), ('Β', 'B'), ('Ε', 'E'),
    ('Ζ', 'Z'), ('Η', 'H'), ('Ι', 'I'), ('Κ', 'K'), ('Μ', 'M'), ('Ν', 'N'), ('Ο', 'O'), ('Ρ', 'P'), ('Τ', 'T'),
    ('Υ', 'Y'), ('Χ', 'X'), ('ά', 'a'), ('έ', 'e'), ('ί', 'i'), ('α', 'a'), ('γ', 'y'), ('ε', 'e'), ('η', 'n'),
    ('ι', 'i'), ('κ', 'k'), ('ν', 'v'), ('ο', 'o'), ('ρ', 'p'), ('τ', 't'), ('υ', 'u'), ('χ', 'x'), ('ω', 'w'),
    ('ό', 'o'), ('ϲ', 'c'), ('ϳ', 'j'), ('Ϲ', 'C'), ('Ё', 'E'), ('Ѕ', 'S'), ('І', 'I'), ('Ї', 'I'), ('Ј', 'J'),
    ('А', 'A'), ('В', 'B'), ('Е', 'E'), ('К', 'K'), ('М', 'M'), ('Н', 'H'), ('О', 'O'), ('Р', 'P'), ('С', 'C'),
    ('Т', 'T'), ('У', 'Y'), ('Х', 'X'), ('а', 'a'), ('е', 'e'), ('о', 'o'), ('р', 'p'), ('с', 'c'), ('у', 'y'),
    ('х', 'x'), ('ё', 'e'), ('ѕ', 's'), ('і', 'i'), ('ї', 'i'), ('ј', 'j'), ('ѡ', 'w'), ('Ѵ', 'V'), ('ѵ', 'v'),
    ('Ғ', 'F'), ('Ү', 'Y'), ('ү', 'y'), ('һ', 'h'), ('ҽ', 'e'), ('Ӏ', 'I'), ('ӏ', 'l'), ('ӓ', 'a'), ('ӧ', 'o'),
    ('ӱ', 'y'), ('ԁ', 'd'), ('Ԍ', 'G'), ('ԍ', 'g'), ('Ԛ', 'Q'), ('ԛ', 'q'), ('Ԝ', 'W'), ('ԝ', 'w'), ('Լ', 'L'),
    ('Ս', 'U'), ('Տ', 'S'), ('Օ', 'O'), ('ա', 'w'), ('զ', 'q'), ('հ', 'h'), ('յ', 'j'), ('ո', 'n'), ('ս', 'u'),
    ('ց', 'g'), ('օ', 'o'), ('Ꭰ', 'D'), ('Ꭱ', 'R'), ('Ꭲ', 'T'), ('Ꭵ', 'I'), ('Ꭹ', 'Y'), ('Ꭺ', 'A'), ('Ꭻ', 'J'),
    ('Ꭼ', 'E'), ('Ꮃ', 'W'), ('Ꮇ', 'M'), ('Ꮋ', 'H'), ('Ꮍ', 'Y'), ('Ꮐ', 'G'), ('Ꮓ', 'Z'), ('Ꮟ', 'B'), ('Ꮢ', 'R'),
    ('Ꮤ', 'W'), ('Ꮥ', 'S'), ('Ꮩ', 'V'), ('Ꮪ', 'S'), ('Ꮮ', 'L'), ('Ꮯ', 'C'), ('Ꮲ', 'P'), ('Ꮶ', 'K'), ('Ꮷ', 'D'),
    ('Ᏻ', 'G'), ('Ᏼ', 'B'), ('ᐯ', 'V'), ('ᐸ', 'C'), ('ᑌ', 'U'), ('ᑎ', 'N'), ('ᑕ', 'C'), ('ᑫ', 'Q'), ('ᑭ', 'P'),
    ('ᒍ', 'J'), ('ᒪ', 'L'), ('ᔕ', 'S'), ('ᕼ', 'H'), ('ᖇ', 'R'), ('ᖴ', 'F'), ('ᗞ', 'D'), ('ᗩ', 'A'), ('ᗪ', 'D'),
    ('ᗯ', 'W'), ('ᗰ', 'M'), ('ᗴ', 'E'), ('ᗷ', 'B'), ('ᘔ', 'Z'), ('ᘜ', 'G'), ('ᴀ', 'a'), ('ᴄ', 'c'), ('ᴅ', 'd'),
    ('ᴇ', 'e'), ('ᴊ', 'j'), ('ᴋ', 'k'), ('ᴍ', 'm'), ('ᴏ', 'o'), ('ᴘ', 'p'), ('ᴛ', 't'), ('ᴜ', 'u'), ('ᴠ', 'v'),
    ('ᴡ', 'w'), ('ᴢ', 'z'), ('Ⲏ', 'H'), ('Ⲓ', 'I'), ('ⲓ', 'i'), ('Ⲕ', 'K'), ('ⲕ', 'k'), ('Ⲙ', 'M'), ('Ⲛ', 'N'),
    ('ⲛ', 'n'), ('Ⲟ', 'O'), ('ⲟ', 'o'), ('Ⲣ', 'P'), ('ⲣ', 'p'), ('Ⲥ', 'C'), ('ⲥ', 'c'), ('Ⲧ', 'T'), ('Ⲭ', 'X'),
    ('ⲭ', 'x'), ('ꓐ', 'B'), ('ꓑ', 'P'), ('ꓒ', 'D'), ('ꓓ', 'D'), ('ꓔ', 'T'), ('ꓖ', 'G'), ('ꓗ', 'K'), ('ꓙ', 'J'),
    ('ꓚ', 'C'), ('ꓜ', 'Z'), ('ꓝ', 'F'), ('ꓟ', 'M'), ('ꓠ', 'N'), ('ꓡ', 'L'), ('ꓢ', 'S'), ('ꓣ', 'R'), ('ꓦ', 'V'),
    ('ꓧ', 'H'), ('ꓪ', 'W'), ('ꓫ', 'X'), ('ꓬ', 'Y'), ('ꓮ', 'A'), ('ꓰ', 'E'), ('ꓲ', 'I'), ('ꓳ', 'O'), ('ꓴ', 'U'),
    ('ꜰ', 'f'), ('ꜱ', 's'), ('ꞯ', 'q'),
];

/// Cyrillic letters that are taken for ASCII letters in the company of those only.
#[rustfmt::skip]
const RESEMBLING: &[(char, char)] = &[
    ('в', 'b'), ('г', 'r'), ('к', 'k'), ('м', 'm'), ('н', 'h'), ('п', 'n'), ('т', 't'), ('ґ', 'r'), ('ғ', 'f'),
    ('ҙ', 'e'), ('қ', 'k'), ('ң', 'n'), ('ҳ', 'x'),
];

/// A word without Latin letters must be this long to be folded for what it is alone: shorter ones are symbols.
const MIN_WORD_LETTERS: usize = 3;

/// With so many disguised words in a text, no word of it is believed.
const MIN_DISGUISED_WORDS: usize = 4;

/// Folds the words that mix scripts.
pub(super) fn undo(edit: &mut Edit) {
    let text = edit.text();
    let lines: Vec<Line> = lines(text).collect();
    let is_rife = lines.iter().map(Line::n_disguised).sum::<usize>() >= MIN_DISGUISED_WORDS;
    for line in lines {
        let company = Company {
            is_disguised: is_rife || line.n_disguised() > 0,
            written: written_scripts(text.get(line.range.clone()).unwrap_or_default()),
        };
        for (range, _) in line.suspects.into_iter().filter(|(_, word)| company.folds(word)) {
            let start = line.range.start + range.start;
            fold(text.get(start..start + range.len()).unwrap_or_default(), start, edit);
        }
    }
}

/// A line with words that could be disguised.
struct Line {
    range: Range<usize>,
    /// Their places in the line.
    suspects: Vec<(Range<usize>, Word)>,
}

impl Line {
    fn n_disguised(&self) -> usize {
        self.suspects.iter().filter(|(_, word)| word.look == Look::Disguised).count()
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line> {
    let mut end = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        end += line.len();
        if line.is_ascii() {
            return None;
        }
        let suspects: Vec<_> = words(line).filter(|(_, word)| word.look != Look::Honest).collect();
        (!suspects.is_empty()).then(|| Line { range: end - line.len()..end, suspects })
    })
}

fn fold(word: &str, start: usize, edit: &mut Edit) {
    for (at, letter) in word.char_indices() {
        if let Some(double) = double(letter).or_else(|| look_up(RESEMBLING, letter)) {
            let start = start + at;
            edit.replace(start..start + letter.len_utf8(), double.encode_utf8(&mut [0; 4]));
        }
    }
}

/// What the line of a word says about it.
struct Company {
    /// True if the words around are disguised.
    is_disguised: bool,
    /// The scripts that the line is honestly written in.
    written: Scripts,
}

impl Company {
    fn folds(&self, word: &Word) -> bool {
        let is_foreign = self.written.any & (word.scripts | Script::Latin.bit()) == Script::Latin.bit();
        match word.look {
            Look::Disguised => true,
            Look::Doubles if word.scripts != Script::Greek.bit() && is_foreign => true,
            Look::Doubles | Look::Resembling => self.is_disguised && self.written.certain & word.scripts == 0,
            Look::Honest => false,
        }
    }
}

/// Scripts of which a text has letters, as bit sets.
#[derive(Default)]
struct Scripts {
    /// Letters without a double.
    any: u32,
    /// Letters that not even resemble one of ASCII.
    certain: u32,
}

fn written_scripts(line: &str) -> Scripts {
    let mut scripts = Scripts::default();
    for letter in line.chars().filter(|letter| double(*letter).is_none()) {
        let script = Script::of(letter).map_or(0, Script::bit);
        scripts.any |= script;
        if script != Script::Latin.bit() && look_up(RESEMBLING, letter).is_none() {
            scripts.certain |= script;
        }
    }
    scripts
}

/// Stretches of letters of the scripts that the table knows, if one may look like a letter of ASCII.
fn words(line: &str) -> impl Iterator<Item = (Range<usize>, Word)> {
    let is_no_letter = |character: char| Script::of(character).is_none();
    let mut from = 0;
    std::iter::from_fn(move || {
        let suspect = find(line, from, Signs::DOUBLE)?;
        let before = line.get(from..suspect)?;
        let start = suspect - before.rsplit(is_no_letter).next().map_or(0, str::len);
        let behind = line.get(suspect..)?;
        let end = suspect + behind.find(is_no_letter).unwrap_or(behind.len());
        from = end;
        Some((start..end, Word::of(line.get(start..end)?)))
    })
}

/// A word and what it looks like.
struct Word {
    look: Look,
    /// Scripts of its look-alikes, as a bit set.
    scripts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It has letters of another script that look like nothing in ASCII, or is Latin.
    Honest,
    /// All its letters look like ones of ASCII. It may be a word of another script, or a symbol.
    Doubles,
    /// The same, but some letters only resemble those of ASCII.
    Resembling,
    /// It mixes scripts.
    Disguised,
}

impl Word {
    fn of(word: &str) -> Self {
        let (mut n_letters, mut n_latin, mut n_telling, mut scripts, mut is_all_doubles) = (0, 0, 0, 0, true);
        for (start, letter) in word.char_indices() {
            let Some(script) = Script::of(letter) else { return Self { look: Look::Honest, scripts } };
            let has_double = double(letter).is_some();
            n_letters += 1;
            if script == Script::Latin && !has_double && !is_phonetic(letter) {
                n_latin += 1;
                continue;
            }
            if !has_double && look_up(RESEMBLING, letter).is_none() {
                return Self { look: Look::Honest, scripts };
            }
            scripts |= script.bit();
            is_all_doubles &= has_double;
            let is_at_edge = start == 0 || start + letter.len_utf8() == word.len();
            let is_symbol = script == Script::Greek && is_at_edge && !matches!(letter, 'ο' | 'Ο');
            n_telling += usize::from(!is_symbol);
        }
        let is_latin = scripts == Script::Latin.bit();
        let look = if n_latin > 0 {
            if n_telling > 0 { Look::Disguised } else { Look::Resembling }
        } else if scripts.count_ones() > 1 || is_latin {
            match n_letters >= MIN_WORD_LETTERS && is_all_doubles {
                true => Look::Disguised,
                false if is_latin => Look::Honest,
                false => Look::Resembling,
            }
        } else if is_all_doubles {
            Look::Doubles
        } else {
            Look::Resembling
        };
        Self { look: if scripts == 0 { Look::Honest } else { look }, scripts }
    }
}

/// True for a letter beyond ASCII that could be, or stand beside, a disguised one: all of other scripts, and those Latin ones
/// that have a double or belong to phonetic alphabets.
pub(super) fn is_look_alike(letter: char) -> bool {
    match Script::of(letter) {
        None => false,
        Some(Script::Latin) => double(letter).is_some() || is_phonetic(letter),
        Some(_) => true,
    }
}

fn is_phonetic(letter: char) -> bool {
    matches!(letter, '\u{250}'..='\u{2AF}')
}

fn double(letter: char) -> Option<char> {
    if letter < '\u{180}' { None } else { look_up(DOUBLES, letter) }
}

fn look_up(table: &[(char, char)], letter: char) -> Option<char> {
    let index = table.binary_search_by_key(&letter, |(look_alike, _)| *look_alike).ok()?;
    table.get(index).map(|(_, double)| *double)
}

/// The scripts of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
    Canadian,
    Coptic,
    Lisu,
}

impl Script {
    /// The script of a letter, by block; none of what is no letter, or of another script, so that it bounds words.
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'a'..='z' | 'A'..='Z' => Self::Latin,
            '\0'..='\u{BF}' | '×' | '÷' => return None,
            '\u{C0}'..='\u{2AF}' | '\u{1D00}'..='\u{1D7F}' | '\u{1E00}'..='\u{1EFF}' | '\u{A720}'..='\u{A7FF}' => {
                Self::Latin
            }
            '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Self::Greek,
            '\u{400}'..='\u{482}' | '\u{48A}'..='\u{52F}' | '\u{A640}'..='\u{A66E}' => Self::Cyrillic,
            '\u{530}'..='\u{58F}' => Self::Armenian,
            '\u{13A0}'..='\u{13FF}' | '\u{AB70}'..='\u{ABBF}' => Self::Cherokee,
            '\u{1401}'..='\u{167F}' => Self::Canadian,
            '\u{2C80}'..='\u{2CFF}' => Self::Coptic,
            '\u{A4D0}'..='\u{A4FF}' => Self::Lisu,
            _ => return None,
        })
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::edit::tests::{check_offsets, undone};
    use super::*;

    #[test]
    fn table() {
        for (original, expected) in [
            ("ignоrе аll", "ignore all"),
            ("рrеviоus instruсtiоns", "previous instructions"),
            ("say сосоа now", "say cocoa now"),
            ("thе οld gοld", "the old gold"),
            ("ɪɢɴᴏʀᴇ ᴀʟʟ", "ignore all"),
            ("ᗩᑕT ᒪIKE ᗩ ᕼᑌᗰᗩᑎ", "ACT LIKE A HUMAN"),
            ("ꓮꓚꓔ аѕ а Ꮯlerk", "ACT as a Clerk"),
            ("нarm and тell", "harm and tell"),
            ("Ι want γου tο αct аs а саг", "I want you to act as a car"),
            ("рrеtеnԁ γου αге α tгаvеӏ guіԁе", "pretend you are a travel guide"),
            ("Ϲαn the priϲes сhаnge, α", "Can the prices change, a"),
        ] {
            assert_eq!(undone(undo, original), expected, "{original:?}");
        }
    }

    #[test]
    fn honest_text_stays() {
        for text in [
            "он сказал: хорошо, а я не рос там",
            "the word для means for, и так далее",
            "webинар, iPhone'ом, USB-кабель, 3D-модель",
            "το αυτοκίνητο είναι εδώ, the Greek το",
            "cosα + sinβ = αx, ρv², Δt, μm, kΩ, λx.y, πr²",
            "եւ հոս, ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
            "ılık Işık, œuvre, Ægir, søster, Łódź, ħ",
            "/ˈɪŋɡlɪʃ/ phonetics",
            "你好, 한국어, العربية, हिन्दी",
        ] {
            assert_eq!(undone(undo, text), text);
        }
    }

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(DOUBLES.is_sorted() && RESEMBLING.is_sorted());
    }

    proptest! {
        #[test]
        fn any_doubles_in_a_latin_word_are_folded(
            word in "[acehijkmopstuxy]{3,12}", doubles in prop::collection::vec(0..DOUBLES.len(), 1..12)
        ) {
            let with: String = word
                .chars()
                .enumerate()
                .map(|(index, letter)| {
                    let (look_alike, double) = DOUBLES[doubles[index % doubles.len()]];
                    if double == letter && index > 0 && index + 1 < word.len() { look_alike } else { letter }
                })
                .collect();
            prop_assert_eq!(undone(undo, &format!("b{with}b")), format!("b{word}b"));
        }

        #[test]
        fn words_with_a_look_alike_are_found(line in "[a-cа-гéα，ɪ .]{0,60}") {
            let words_of_line = line.split(|character: char| Script::of(character).is_none());
            let expected: Vec<&str> = words_of_line.filter(|word| word.contains(is_look_alike)).collect();
            prop_assert_eq!(words(&line).map(|(range, _)| &line[range]).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn offsets_stay_exact(original in "[a-eа-еα-εᎠ-Ꭵ \n]{0,40}") {
            check_offsets(undo, &original);
        }
    }
}
