//! The kernels for GPUs against the plain arithmetic of this crate, on a device that is emulated, and where there is one, on a
//! GPU: `cargo test --features cuda -- cuda`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking")]

mod emulated;

use half::f16;
use portcullis_kernels::attention::{self, Heads, KeyValues, Scratch};
use portcullis_kernels::device::encoder::{self, Context, Norm, Tables};
use portcullis_kernels::device::{Bounds, Device, Floats, Halves, Indices, Product};
use portcullis_kernels::gemm::{Rows, RowsMut};
use portcullis_kernels::{Isa, gelu, layer_norm};

use emulated::Emulated;

/// States are f16 with 11 bits; norms and means of values go up to about 4.
const TOLERANCE: f32 = 4e-3;
const EPS: f32 = 1e-5;

/// Numbers between -scale and scale that f16 holds.
fn numbers(n: usize, seed: usize, scale: f32) -> Vec<f32> {
    let number = |i: usize| ((i as f32 + 0.5) * (1.7 + seed as f32 * 0.13)).sin() * scale;
    (0..n).map(|i| f16::from_f32(number(i)).to_f32()).collect()
}

fn read<D: Device>(device: &D, rows: usize, width: usize, halves: &Halves<D::Memory>) -> Vec<f32> {
    halves.download(device, rows * width).unwrap()
}

fn near(what: &str, actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    let worst = actual.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, |worst, difference| {
        // Not `max`, which ignores what is not a number.
        if difference <= worst { worst } else { difference }
    });
    assert!(worst <= TOLERANCE, "{what}: {worst}");
}

fn norm<D: Device>(device: &D, hidden: usize) -> (Norm<D::Memory>, Vec<f32>, Vec<f32>) {
    let (weight, bias) = (numbers(hidden, 3, 1.0), numbers(hidden, 4, 0.3));
    let norm = Norm {
        weight: Floats::upload(device, &weight).unwrap(),
        bias: Floats::upload(device, &bias).unwrap(),
        eps: EPS,
    };
    (norm, weight, bias)
}

fn check_norms<D: Device>(device: &D, rows: usize, hidden: usize) {
    let (words, places) = (numbers(7 * hidden, 1, 1.0), numbers(5 * hidden, 2, 0.5));
    let tables =
        Tables { words: Halves::upload(device, &words).unwrap(), places: Halves::upload(device, &places).unwrap() };
    let (norm, weight, bias) = norm(device, hidden);
    let (ids, at): (Vec<u32>, Vec<u32>) = (0..rows as u32).map(|row| (row * 3 % 7, row % 5)).unzip();
    let mut states = Halves::room(device, (rows + 1) * hidden).unwrap();
    let (ids_there, at_there) = (Indices::upload(device, &ids).unwrap(), Indices::upload(device, &at).unwrap());
    encoder::embed_and_norm(device, (&ids_there, &at_there), &tables, &norm, &mut states).unwrap();
    let mut expected: Vec<f32> = Vec::new();
    for (&id, &place) in ids.iter().zip(&at) {
        let row = |table: &[f32], number: u32| table[number as usize * hidden..][..hidden].to_vec();
        expected.extend(row(&words, id).iter().zip(row(&places, place)).map(|(word, place)| word + place));
    }
    let sums = expected.clone();
    layer_norm::forward(Isa::BASELINE, &sums, &weight, &bias, EPS, &mut expected);
    near("embedding", &read(device, rows, hidden, &states), &expected);

    let (added, added_bias) = (numbers(rows * hidden, 5, 2.0), numbers(hidden, 6, 0.5));
    let before: Vec<f32> = expected.iter().map(|&number| f16::from_f32(number).to_f32()).collect();
    let mut states = Halves::upload(device, &before).unwrap();
    let added_there = Halves::upload(device, &added).unwrap();
    let bias_there = Floats::upload(device, &added_bias).unwrap();
    encoder::add_and_norm(device, rows, &mut states, (&added_there, &bias_there), &norm).unwrap();
    let sums: Vec<f32> =
        before.iter().zip(&added).enumerate().map(|(i, (a, b))| a + b + added_bias[i % hidden]).collect();
    layer_norm::forward(Isa::BASELINE, &sums, &weight, &bias, EPS, &mut expected);
    near("residual", &read(device, rows, hidden, &states), &expected);

    let numbers_of_rows: Vec<u32> = (0..rows as u32).rev().step_by(2).collect();
    let mut taken = Halves::room(device, rows * hidden).unwrap();
    let there = Indices::upload(device, &numbers_of_rows).unwrap();
    encoder::take_rows(device, hidden, &states, &there, &mut taken).unwrap();
    let all = read(device, rows, hidden, &states);
    let expected: Vec<f32> =
        numbers_of_rows.iter().flat_map(|&row| all[row as usize * hidden..][..hidden].to_vec()).collect();
    assert_eq!(read(device, numbers_of_rows.len(), hidden, &taken), expected);
}

fn check_gelu<D: Device>(device: &D, rows: usize, width: usize) {
    let (x, bias) = (numbers(rows * width, 1, 3.0), numbers(width, 2, 1.0));
    let mut there = Halves::upload(device, &x).unwrap();
    encoder::add_bias_and_gelu(device, rows, &mut there, &Floats::upload(device, &bias).unwrap()).unwrap();
    let mut expected: Vec<f32> = x.iter().enumerate().map(|(i, x)| x + bias[i % width]).collect();
    gelu::in_place(Isa::BASELINE, &mut expected);
    near("gelu", &read(device, rows, width, &there), &expected);
}

fn check_logits<D: Device>(device: &D, rows: usize, hidden: usize, outputs: usize) {
    let (states, weight) = (numbers(rows * hidden, 1, 1.0), numbers(outputs * hidden, 2, 0.1));
    let bias = numbers(outputs, 3, 1.0);
    let states_there = Halves::upload(device, &states).unwrap();
    let head = (&Floats::upload(device, &weight).unwrap(), &Floats::upload(device, &bias).unwrap());
    let mut out = Floats::room(device, rows * outputs).unwrap();
    encoder::logits(device, rows, &states_there, head, &mut out).unwrap();
    let logit = |row: &[f32], output: usize| -> f32 {
        row.iter().zip(&weight[output * hidden..]).map(|(x, weight)| x * weight).sum::<f32>() + bias[output]
    };
    let expected: Vec<f32> = states
        .chunks(hidden)
        .flat_map(|row| (0..outputs).map(|output| logit(row, output)).collect::<Vec<_>>())
        .collect();
    near("logits", &out.download(device, rows * outputs).unwrap(), &expected);
}

/// Products whose sizes differ, so that no two can be taken for each other.
fn check_products<D: Device>(device: &D) {
    let (rows, inputs, outputs, first_output) = (5, 34, 18, 3);
    let (x, weight) = (numbers(rows * inputs, 1, 1.0), numbers((first_output + outputs) * inputs, 2, 0.3));
    let mut out = Halves::room(device, rows * outputs).unwrap();
    let (x_there, there) = (Halves::upload(device, &x).unwrap(), Halves::upload(device, &weight).unwrap());
    encoder::multiply(device, Product { rows, inputs, outputs, first_output }, &x_there, &there, &mut out).unwrap();
    let dot = |row: usize, output: usize| -> f32 {
        let (x, weight) = (&x[row * inputs..][..inputs], &weight[(first_output + output) * inputs..][..inputs]);
        x.iter().zip(weight).map(|(x, weight)| x * weight).sum()
    };
    let expected: Vec<f32> = (0..rows * outputs).map(|i| dot(i / outputs, i % outputs)).collect();
    near("product", &read(device, rows, outputs, &out), &expected);
}

/// Attention over sequences of the given lengths, with queries for the first `n_queries` of each or all.
fn check_attention<D: Device>(device: &D, heads: Heads, lengths: &[usize], n_queries: usize, scale: f32) {
    let hidden = heads.count * heads.size;
    let of_queries: Vec<usize> = lengths.iter().map(|&length| length.min(n_queries)).collect();
    let (n_keys, n_rows) = (lengths.iter().sum::<usize>(), of_queries.iter().sum::<usize>());
    let (queries, rows) = (numbers(n_rows * hidden, 1, scale), numbers(n_keys * 2 * hidden, 2, scale));
    let bias = numbers(3 * hidden, 3, 0.4);
    let bias_there = Floats::upload(device, &bias).unwrap();
    let bounds = Bounds::upload(device, lengths).unwrap();
    let query_bounds = Bounds::upload(device, &of_queries).unwrap();
    let rows_there = Halves::upload(device, &rows).unwrap();
    let context = Context { rows: &rows_there, bias: &bias_there, bounds: &bounds };
    let mut out = Halves::room(device, n_rows * hidden).unwrap();
    let queries_there = Halves::upload(device, &queries).unwrap();
    encoder::attend(device, heads, (&queries_there, &query_bounds), &context, &mut out).unwrap();
    let actual = read(device, n_rows, hidden, &out);

    let norm = (heads.size as f32).powf(-0.5);
    let queries: Vec<f32> = queries.iter().enumerate().map(|(i, q)| (q + bias[i % hidden]) * norm).collect();
    let rows: Vec<f32> = rows.iter().enumerate().map(|(i, x)| x + bias[hidden + i % (2 * hidden)]).collect();
    let mut key_values = KeyValues::default();
    let isa = Isa::BASELINE;
    key_values.store(isa, heads, lengths.iter().copied(), &rows, 2 * hidden, hidden);
    let mut expected = vec![0.0; n_rows * hidden];
    let mut first = 0;
    for (part, &n) in of_queries.iter().enumerate() {
        for head in 0..heads.count {
            let at = first * hidden + head * heads.size;
            let piece = std::iter::once(key_values.piece(heads, part, head));
            let mut mixed = vec![0.0; n * heads.size];
            let of_head = Rows::new(&queries[at..], hidden, n);
            let out = RowsMut::new(&mut mixed, heads.size);
            attention::attend(isa, heads, of_head, piece, &mut Scratch::new(heads), out);
            for (row, mixed) in mixed.chunks(heads.size).enumerate() {
                expected[at + row * hidden..][..heads.size].copy_from_slice(mixed);
            }
        }
        first += n;
    }
    near(&format!("attention, {heads:?}, {lengths:?}"), &actual, &expected);
}

fn check_all<D: Device>(device: &D) {
    for (rows, hidden) in [(1, 2), (3, 66), (4, 128), (9, 384)] {
        check_norms(device, rows, hidden);
        check_gelu(device, rows, hidden);
        check_logits(device, rows, hidden, 3);
    }
    check_products(device);
    for size in encoder::HEAD_SIZES {
        let heads = Heads { count: 2, size };
        check_attention(device, heads, &[1, 15, 16, 17], usize::MAX, 1.0);
        check_attention(device, heads, &[63, 2, 64, 65, 130], usize::MAX, 1.0);
        check_attention(device, heads, &[40, 1, 90], 1, 1.0);
        check_attention(device, Heads { count: 1, size }, &[70], usize::MAX, 3.0);
    }
}

#[test]
fn cuda_kernels_emulated_are_near_plain_arithmetic() {
    for descending in [false, true] {
        check_all(&Emulated { descending, ..Emulated::default() });
    }
}

#[cfg(feature = "cuda")]
#[test]
fn cuda_kernels_on_a_gpu_are_near_plain_arithmetic() {
    match portcullis_kernels::cuda::Gpu::open(0) {
        Ok(gpu) => check_all(&gpu),
        Err(error) => eprintln!("skipped: no CUDA device: {error}"),
    }
}

#[test]
#[should_panic(expected = "ids.end")]
fn cuda_ids_beyond_the_table_are_refused() {
    let device = Emulated::default();
    let tables = Tables {
        words: Halves::upload(&device, &[0.0; 4]).unwrap(),
        places: Halves::upload(&device, &[0.0; 4]).unwrap(),
    };
    let at = Indices::upload(&device, &[0]).unwrap();
    let mut out = Halves::room(&device, 4).unwrap();
    let (norm, ..) = norm(&device, 4);
    let _ = encoder::embed_and_norm(&device, (&Indices::upload(&device, &[1]).unwrap(), &at), &tables, &norm, &mut out);
}
