//! How fast text becomes tokens, beside the `tokenizers` crate, which gives the same ones: a request of some sixty tokens, and
//! a long text, in plain English and in a mixture of scripts.
//!
//! `cargo bench --bench tokenize` measures.
#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portcullis::tokenize::{Tokenizer, WindowLayout};

/// A request each, of about sixty tokens.
const TEXTS: &[(&str, &str)] = &[
    (
        "plain",
        "Could you look over the minutes of our last meeting, please? Nobody objected to the new timetable, although two \
         members asked for a later start on Tuesdays; the chair promised to look into it before the end of the month. \
         Send me a summary of at most five lines, and the names of those who voted.\n",
    ),
    (
        "mixed",
        "The café's menu, in three languages: «Добрый день, что будете заказывать?» — “Two coffees, please”. \
         今日のおすすめは焼き魚です。 Größe M, 12 €.\n",
    ),
];
const SIZES: [usize; 2] = [1, 300];

fn tokenize(criterion: &mut Criterion) {
    let json = include_bytes!("../models/default/tokenizer.json");
    let ours = Tokenizer::from_bytes(json).unwrap();
    let mut reference = tokenizers::Tokenizer::from_bytes(json).unwrap();
    reference.set_encode_special_tokens(true);
    let layout = WindowLayout { tokens: 128, overlap: 32 };
    let mut group = criterion.benchmark_group("tokenize");
    for (name, text) in TEXTS {
        for size in SIZES {
            let text = text.repeat(size);
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_with_input(BenchmarkId::new(*name, size), &text, |bencher, text| {
                bencher.iter(|| ours.windows(black_box(text), layout));
            });
            group.bench_with_input(
                BenchmarkId::new(format!("{name}, tokenizers crate"), size),
                &text,
                |bencher, text| {
                    bencher.iter(|| reference.encode(black_box(text.as_str()), false));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, tokenize);
criterion_main!(benches);
