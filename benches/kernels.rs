//! How fast each compute kernel is at the default model's shapes, by instruction set, and which share that is of what the
//! core can do at most, measured in the same run.
//!
//! `cargo bench --bench kernels --no-default-features` measures, and prints a table of shares at the end.
#![allow(clippy::print_stdout, reason = "a measurement prints")]

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_kernels::attention::{self, Heads, KeyValues, Scratch};
use portcullis_kernels::gemm::{Rows, RowsMut, f32 as gemm_f32, int16 as gemm_int16, padded};
use portcullis_kernels::{Isa, gelu, layer_norm, peak};

/// Rows that the engine takes through a linear layer together.
const ROWS: usize = 48;
const HIDDEN: usize = 384;
const INNER: usize = 1536;
const HEADS: Heads = Heads { count: 12, size: 32 };
/// The linear layers: inputs and outputs.
const LAYERS: [(&str, usize, usize); 4] = [
    ("qkv", HIDDEN, 3 * HIDDEN),
    ("attention output", HIDDEN, HIDDEN),
    ("ffn 1", HIDDEN, INNER),
    ("ffn 2", INNER, HIDDEN),
];
const LENGTHS: [usize; 3] = [64, 128, 512];
const PEAK_STEPS: u64 = 100_000;

/// A line of the table.
struct Speed {
    name: String,
    per_s: f64,
    /// What the share is of, if operations were counted.
    peak: Option<f64>,
}

/// Measures one kernel that does `n` operations a call, and returns how many it did a second in its best call: a call is
/// short enough that some are left alone even on a busy machine.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, n: u64, mut run: impl FnMut()) -> f64 {
    let mut best = 0.0_f64;
    group.throughput(Throughput::Elements(n));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let times = (0..calls).map(|_| {
                let started = Instant::now();
                run();
                started.elapsed()
            });
            times.inspect(|time| best = best.max(n as f64 / time.as_secs_f64())).sum()
        });
    });
    best
}

/// Numbers of both signs around 1.
fn wave(n: usize) -> Vec<f32> {
    (0..n).map(|index| (index as f32 * 0.37).sin() * 1.5).collect()
}

fn linear(group: &mut BenchmarkGroup<'_, WallTime>, isa: Isa, table: &mut Vec<Speed>) {
    let peak_of = |group: &mut BenchmarkGroup<'_, WallTime>, name: &str, run: fn(Isa, u64) -> Option<u64>| {
        run(isa, PEAK_STEPS).map(|n| {
            measure(group, name, n, || {
                run(isa, PEAK_STEPS);
            })
        })
    };
    let peak_f32 = peak_of(group, "peak f32", peak::f32);
    let peak_int16 = peak_of(group, "peak int16", peak::int16);
    for (layer, inputs, outputs) in LAYERS {
        let n = (2 * ROWS * inputs * outputs) as u64;
        let (weight, bias, rows) = (wave(inputs * outputs), wave(outputs), wave(ROWS * inputs));
        let mut output = vec![0.0; ROWS * padded(outputs)];

        let weights = gemm_f32::Weights::pack(&weight, &bias, inputs);
        let name = format!("{layer}, f32");
        let per_s = measure(group, &name, n, || {
            weights.apply(isa, Rows::new(&rows, inputs, ROWS), RowsMut::new(&mut output, padded(outputs)));
        });
        table.push(Speed { name: format!("{} {name}", isa.name()), per_s, peak: peak_f32 });

        let weights = gemm_int16::Weights::pack(&weight, &bias, inputs);
        let mut codes = vec![0; ROWS * inputs];
        let scales: Vec<f32> = codes
            .chunks_exact_mut(inputs)
            .zip(rows.chunks_exact(inputs))
            .map(|(codes, row)| gemm_int16::quantise(isa, row, codes))
            .collect();
        let name = format!("{layer}, int16");
        let per_s = measure(group, &name, n, || {
            let output = RowsMut::new(&mut output, padded(outputs));
            weights.apply(isa, Rows::new(&codes, inputs, ROWS), &scales, output);
        });
        table.push(Speed { name: format!("{} {name}", isa.name()), per_s, peak: peak_int16 });
    }
    for length in LENGTHS {
        let per_s = attend(group, isa, length);
        table.push(Speed { name: format!("{} attention, {length} tokens", isa.name()), per_s, peak: peak_f32 });
    }
}

/// All heads of one sequence; keys and values are laid out before.
fn attend(group: &mut BenchmarkGroup<'_, WallTime>, isa: Isa, length: usize) -> f64 {
    let (stride, queries) = (3 * HIDDEN, wave(length * HIDDEN));
    let mut held = KeyValues::default();
    held.store(isa, HEADS, [length], &wave(length * stride), stride, HIDDEN);
    let (mut scratch, mut output) = (Scratch::new(HEADS), vec![0.0; length * HIDDEN]);
    let n = (4 * length * length * HIDDEN) as u64;
    measure(group, &format!("attention, {length} tokens"), n, || {
        for head in 0..HEADS.count {
            let at = head * HEADS.size;
            let queries = Rows::new(&queries[at..], HIDDEN, length);
            let piece = std::iter::once(held.piece(HEADS, 0, head));
            attention::attend(isa, HEADS, queries, piece, &mut scratch, RowsMut::new(&mut output[at..], HIDDEN));
        }
    })
}

/// What is done element by element: no share, since memory and not arithmetic bounds it.
fn by_element(group: &mut BenchmarkGroup<'_, WallTime>, isa: Isa, table: &mut Vec<Speed>) {
    let mut push =
        |name: &str, per_s: f64| table.push(Speed { name: format!("{} {name}", isa.name()), per_s, peak: None });
    let (wide, rows, weight) = (wave(ROWS * INNER), wave(ROWS * HIDDEN), wave(HIDDEN));
    let (mut wide_output, mut output, mut codes) = (vec![0.0; wide.len()], vec![0.0; rows.len()], vec![0; wide.len()]);
    let per_s = measure(group, "gelu", wide.len() as u64, || gelu::forward(isa, &wide, &mut wide_output));
    push("gelu, elements", per_s);
    let per_s = measure(group, "layer norm", rows.len() as u64, || {
        layer_norm::forward(isa, &rows, &weight, &weight, 1e-12, &mut output);
    });
    push("layer norm, elements", per_s);
    let per_s = measure(group, "quantise", wide.len() as u64, || {
        for (row, codes) in wide.chunks_exact(INNER).zip(codes.chunks_exact_mut(INNER)) {
            gemm_int16::quantise(isa, row, codes);
        }
    });
    push("quantise, elements", per_s);
}

fn kernels(criterion: &mut Criterion) {
    let mut table = Vec::new();
    for isa in Isa::available() {
        let mut group = criterion.benchmark_group(isa.name());
        group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        linear(&mut group, isa, &mut table);
        by_element(&mut group, isa, &mut table);
        group.finish();
    }
    println!("| kernel | G/s, best call | share of the peak |\n|---|---|---|");
    // What a filter on the command line leaves out was not measured.
    for Speed { name, per_s, peak } in table.iter().filter(|speed| speed.per_s > 0.0) {
        let share = peak.map(|peak| format!("{:.0} % of {:.1}", 100.0 * per_s / peak, peak / 1e9)).unwrap_or_default();
        println!("| {name} | {:.1} | {share} |", per_s / 1e9);
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
