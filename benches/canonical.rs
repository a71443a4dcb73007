//! How fast text becomes canonical: plain and mixed text, and the worst input of every rule from 1 KB to 10 MB.
//!
//! `cargo bench --bench canonical` measures; time that grows faster than the input is a fault.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use portcullis::canonical::canonicalize;

const SIZES: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Honest texts, repeated to the size that is measured.
const HONEST: &[(&str, &str)] = &[
    (
        "plain",
        "The minutes of the last meeting were read and approved. Nobody objected to the new timetable, although two \
         members asked for a later start; the chair promised to look into it before the end of the month.\n",
    ),
    (
        "mixed",
        "The café's menu, in three languages: «Добрый день, что будете заказывать?» — “Two coffees, please”. \
         今日のおすすめは焼き魚です。 Größe M, 12 €, मूल्य ₹150, ราคา 80 บาท 🙂. It costs 3.50 with milk & sugar.\n",
    ),
    (
        "code",
        "    for (i, row) in rows.iter().enumerate() { if row.len() < n && x[i] != 0x1f { out.push(format!(\"{i}\")); } }\n",
    ),
    (
        "html",
        "<li class=\"item\"><a href=\"/a?x=1&amp;y=2\" title=\"Go to a\">First &mdash; one</a> <b>bold</b> text</li>\n",
    ),
];

/// For each rule the inputs that give it most to do, or look most like it.
const WORST: &[(&str, &str)] = &[
    ("entities, nested", "&amp;amp;amp;#38;"),
    ("entities, decoded", "&#105;"),
    ("entities, unfinished", "&&#&#x&#00000"),
    ("bidi, overridden", "\u{202E}olleh\u{202C}"),
    ("bidi, nested", "\u{202E}a\u{202D}b"),
    ("bidi, one run", "\u{202E}olleh dlrow "),
    ("smuggling, selectors", "\u{E0158}\u{E0159}\u{E015A}"),
    ("smuggling, tags between selectors", "\u{E0061}\u{E0062}\u{FE01}\u{FE02}\u{FE03}"),
    ("invisible", "a\u{200B}"),
    ("deletion, pairs", "ab\u{8}"),
    ("deletion, only", "\u{8}"),
    ("upside down", "ǝɯ llǝʇ "),
    ("enclosed, dark circles", "🅘🅖🅝"),
    ("enclosed, flags", "🇩🇪🇳🇴"),
    ("compatibility, full width", "ｉｇｎｏｒｅ "),
    ("compatibility, expanding", "\u{FDFA}"),
    ("compatibility, one cluster", "\u{301}\u{316}"),
    ("marks", "a\u{336}\u{332}"),
    ("homoglyphs, mixed words", "ignоrе "),
    ("homoglyphs, one word", "аa"),
    ("spacing, words", "i g n o r e   "),
    ("spacing, one run", "a "),
    ("leet", "1gn0r3 "),
    ("leet, doubtful", "w0rd x"),
    ("splits, comments", "a<!-- -->"),
    ("splits, unfinished", "a<!--"),
    ("splits, elements", "a<b></b>"),
    ("splits, unfinished elements", "a<b></"),
    ("html, nested", "<div hidden>"),
    ("html, unfinished tags", "<a b='<a b=\""),
    ("html, attributes", "<a title='a b'>"),
    ("markdown, links", "![a b](c 'd e')"),
    ("markdown, unfinished", "![a]("),
    ("formula, nested", "\\phantom{"),
    ("formula, unfinished", "\\color{white}\\color{"),
    ("all in turn", "&#8238;0\u{200B}i.g.\u{8}n о r<b></b>ｅ🇳\u{336} "),
];

fn canonical(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("canonical");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, piece) in HONEST.iter().chain(WORST) {
        for size in SIZES {
            let text = piece.repeat(size.div_ceil(piece.len()));
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_with_input(BenchmarkId::new(*name, size), &text, |bencher, text| {
                bencher.iter(|| canonicalize(black_box(text)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, canonical);
criterion_main!(benches);
