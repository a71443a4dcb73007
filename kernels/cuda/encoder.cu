// What a BERT encoder needs on an NVIDIA GPU besides matrix products, which cuBLAS does: embedding, layer norm, GELU,
// attention and heads. States are f16, all sums f32. Windows lie end to end; where each begins is given, nothing is padded.
//
// Nothing here checks its arguments: kernels/src/cuda.rs does, before it launches. The same text is compiled for the CPU by
// emulate.cpp, which is how it is tested where there is no GPU.

#ifdef __CUDACC__
#include <cuda_fp16.h>
#include <stdint.h>

/// c += a b for tiles of 16 x 16 and 16 x 8, spread over a warp as PTX lays out mma.m16n8k16.
__device__ void multiply_tiles(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
#include "emulator.hpp"
#endif

/// Threads of a warp, and a mask of all of them.
constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;
/// Warps of a block in kernels that give each row to a warp.
constexpr int ROWS_PER_BLOCK = 4;
/// The widest row that a norm holds.
constexpr int MAX_HIDDEN = 1024;
/// Queries of a block of attention, 16 a warp, and the keys that it holds at once.
constexpr int QUERIES = 64;
constexpr int KEYS = 64;
/// Elements between rows of tiles in shared memory, beyond the rows: they keep a warp's reads on different banks.
constexpr int PADDING = 8;

/// Two elements of f16 as one word, the first in the low half.
__device__ uint32_t pack(float first, float second) {
    const __half pair[2] = {__float2half_rn(first), __float2half_rn(second)};
    uint32_t word;
    memcpy(&word, pair, sizeof word);
    return word;
}

/// The word at an even element.
__device__ uint32_t word_at(const __half *elements) { return *reinterpret_cast<const uint32_t *>(elements); }

__device__ void store_pair(__half *elements, float first, float second) {
    *reinterpret_cast<uint32_t *>(elements) = pack(first, second);
}

__device__ float sum_over_warp(float value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(ALL_LANES, value, distance);
    return value;
}

/// Writes the layer norm of a row that the warp holds in `row`. A lane reads what it wrote itself, so that nobody waits.
__device__ void norm_row(const float *row, const float *weight, const float *bias, float eps, int hidden, __half *out) {
    const int first = 2 * (threadIdx.x % WARP);
    float sum = 0.0f;
    for (int i = first; i < hidden; i += 2 * WARP) sum += row[i] + row[i + 1];
    const float mean = sum_over_warp(sum) / hidden;
    float squares = 0.0f;
    for (int i = first; i < hidden; i += 2 * WARP) {
        const float low = row[i] - mean, high = row[i + 1] - mean;
        squares += low * low + high * high;
    }
    const float scale = 1.0f / sqrtf(sum_over_warp(squares) / hidden + eps);
    for (int i = first; i < hidden; i += 2 * WARP) {
        store_pair(out + i, (row[i] - mean) * scale * weight[i] + bias[i],
                   (row[i + 1] - mean) * scale * weight[i + 1] + bias[i + 1]);
    }
}

/// Each token's word and place (position and type, summed), normed. A warp a row.
extern "C" __global__ void embed_and_norm(const uint32_t *ids, const uint32_t *places, const __half *words,
                                          const __half *place_table, const float *weight, const float *bias, float eps,
                                          int hidden, int n_rows, __half *out) {
    __shared__ float rows[ROWS_PER_BLOCK][MAX_HIDDEN];
    const int warp = threadIdx.x / WARP, number = blockIdx.x * ROWS_PER_BLOCK + warp;
    if (number >= n_rows) return;
    const __half *word = words + (size_t)ids[number] * hidden, *place = place_table + (size_t)places[number] * hidden;
    for (int i = 2 * (threadIdx.x % WARP); i < hidden; i += 2 * WARP) {
        rows[warp][i] = __half2float(word[i]) + __half2float(place[i]);
        rows[warp][i + 1] = __half2float(word[i + 1]) + __half2float(place[i + 1]);
    }
    norm_row(rows[warp], weight, bias, eps, hidden, out + (size_t)number * hidden);
}

/// states = norm(states + added + added_bias). A warp a row.
extern "C" __global__ void add_and_norm(__half *states, const __half *added, const float *added_bias,
                                        const float *weight, const float *bias, float eps, int hidden, int n_rows) {
    __shared__ float rows[ROWS_PER_BLOCK][MAX_HIDDEN];
    const int warp = threadIdx.x / WARP, number = blockIdx.x * ROWS_PER_BLOCK + warp;
    if (number >= n_rows) return;
    __half *state = states + (size_t)number * hidden;
    const __half *other = added + (size_t)number * hidden;
    for (int i = 2 * (threadIdx.x % WARP); i < hidden; i += 2 * WARP) {
        rows[warp][i] = __half2float(state[i]) + __half2float(other[i]) + added_bias[i];
        rows[warp][i + 1] = __half2float(state[i + 1]) + __half2float(other[i + 1]) + added_bias[i + 1];
    }
    norm_row(rows[warp], weight, bias, eps, hidden, state);
}

__device__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }

/// GELU of rows of `width` elements to which a bias is added first, in place. A thread a pair.
extern "C" __global__ void add_bias_and_gelu(__half *rows, const float *bias, int width, int n_pairs) {
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= n_pairs) return;
    __half *elements = rows + 2 * (size_t)pair;
    const int column = 2 * (pair % (width / 2));
    store_pair(elements, gelu(__half2float(elements[0]) + bias[column]),
               gelu(__half2float(elements[1]) + bias[column + 1]));
}

/// The rows of `from` whose numbers are given, one after another. A thread a pair.
extern "C" __global__ void take_rows(const __half *from, const uint32_t *numbers, int hidden, int n_pairs, __half *to) {
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= n_pairs) return;
    const int row = pair / (hidden / 2), column = 2 * (pair % (hidden / 2));
    *reinterpret_cast<uint32_t *>(to + 2 * (size_t)pair) = word_at(from + (size_t)numbers[row] * hidden + column);
}

/// An affine map from each state to a few logits. A warp a row.
extern "C" __global__ void logits(const __half *states, const float *weight, const float *bias, int hidden, int n_outputs,
                                  int n_rows, float *out) {
    const int lane = threadIdx.x % WARP, number = blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
    if (number >= n_rows) return;
    const __half *state = states + (size_t)number * hidden;
    for (int output = 0; output < n_outputs; ++output) {
        float sum = 0.0f;
        for (int i = lane; i < hidden; i += WARP) sum += __half2float(state[i]) * weight[output * hidden + i];
        sum = sum_over_warp(sum);
        if (lane == 0) out[(size_t)number * n_outputs + output] = sum + bias[output];
    }
}

/// A pair of elements of a head's row with their bias, or zeros where there is no such row.
__device__ uint32_t biased_pair(const __half *row, const float *bias, int column, bool exists) {
    if (!exists) return 0;
    return pack(__half2float(row[column]) + bias[column], __half2float(row[column + 1]) + bias[column + 1]);
}

/// Attention of one head over one window, 64 queries a block, 16 a warp, with a softmax that runs over blocks of keys.
/// Within a tile of a warp, the lanes of a group of four hold rows `group` and `group + 8`, pairs of columns each.
template <int SIZE>
__device__ void attend(const __half *queries, int query_stride, const float *query_bias, const __half *keys,
                       const float *key_bias, const __half *values, const float *value_bias, int key_stride,
                       const uint32_t *query_starts, const uint32_t *key_starts, float scale, __half *out,
                       int out_stride) {
    __shared__ __half key_tile[KEYS][SIZE + PADDING];
    // Transposed, so that two successive keys are a word.
    __shared__ __half value_tile[SIZE][KEYS + PADDING];
    const int window = blockIdx.x, at = blockIdx.y * SIZE;
    const int group = threadIdx.x % WARP / 4, member = threadIdx.x % 4;
    const uint32_t first_query = query_starts[window], first_key = key_starts[window];
    const int n_queries = query_starts[window + 1] - first_query, n_keys = key_starts[window + 1] - first_key;
    if ((int)blockIdx.z * QUERIES >= n_queries) return;
    const int row = blockIdx.z * QUERIES + threadIdx.x / WARP * 16 + group;

    uint32_t query_tiles[SIZE / 16][4];
    for (int k = 0; k < SIZE / 16; ++k) {
        for (int part = 0; part < 4; ++part) {
            const int query = row + part % 2 * 8, column = k * 16 + part / 2 * 8 + member * 2;
            const __half *elements = queries + (size_t)(first_query + query) * query_stride + at;
            query_tiles[k][part] = biased_pair(elements, query_bias + at, column, query < n_queries);
        }
    }
    float mixed[SIZE / 8][4] = {};
    float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0.0f, 0.0f};

    for (int start = 0; start < n_keys; start += KEYS) {
        __syncthreads();
        for (int i = threadIdx.x; i < KEYS * SIZE / 2; i += blockDim.x) {
            const int key = i / (SIZE / 2), column = 2 * (i % (SIZE / 2));
            const bool exists = start + key < n_keys;
            const size_t offset = (size_t)(first_key + start + key) * key_stride + at;
            const uint32_t key_pair = biased_pair(keys + offset, key_bias + at, column, exists);
            const uint32_t value_pair = biased_pair(values + offset, value_bias + at, column, exists);
            *reinterpret_cast<uint32_t *>(&key_tile[key][column]) = key_pair;
            __half pair[2];
            memcpy(pair, &value_pair, sizeof pair);
            value_tile[column][key] = pair[0];
            value_tile[column + 1][key] = pair[1];
        }
        __syncthreads();

        float scores[KEYS / 8][4] = {};
        for (int n = 0; n < KEYS / 8; ++n) {
            for (int k = 0; k < SIZE / 16; ++k) {
                const __half *tile = &key_tile[n * 8 + group][k * 16 + member * 2];
                const uint32_t key_pairs[2] = {word_at(tile), word_at(tile + 8)};
                multiply_tiles(scores[n], query_tiles[k], key_pairs);
            }
            for (int i = 0; i < 4; ++i) {
                const int key = start + n * 8 + member * 2 + i % 2;
                scores[n][i] = key < n_keys ? scores[n][i] * scale : -INFINITY;
            }
        }
        // `scale` has log2(e) in it, so that powers of two do.
        for (int half = 0; half < 2; ++half) {
            float highest = largest[half];
            for (int n = 0; n < KEYS / 8; ++n) {
                highest = fmaxf(highest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
            }
            highest = fmaxf(highest, __shfl_xor_sync(ALL_LANES, highest, 1));
            highest = fmaxf(highest, __shfl_xor_sync(ALL_LANES, highest, 2));
            const float kept = exp2f(largest[half] - highest);
            largest[half] = highest;
            total[half] *= kept;
            for (int d = 0; d < SIZE / 8; ++d) {
                mixed[d][2 * half] *= kept;
                mixed[d][2 * half + 1] *= kept;
            }
            for (int n = 0; n < KEYS / 8; ++n) {
                for (int i = 2 * half; i < 2 * half + 2; ++i) {
                    scores[n][i] = exp2f(scores[n][i] - highest);
                    total[half] += scores[n][i];
                }
            }
        }
        // What two tiles of scores hold is, pair by pair, what a tile of 16 keys takes.
        for (int k = 0; k < KEYS / 16; ++k) {
            const float(&low)[4] = scores[2 * k];
            const float(&high)[4] = scores[2 * k + 1];
            const uint32_t weights[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                                         pack(high[2], high[3])};
            for (int d = 0; d < SIZE / 8; ++d) {
                const __half *tile = &value_tile[d * 8 + group][k * 16 + member * 2];
                const uint32_t value_pairs[2] = {word_at(tile), word_at(tile + 8)};
                multiply_tiles(mixed[d], weights, value_pairs);
            }
        }
    }

    for (int half = 0; half < 2; ++half) {
        float sum = total[half] + __shfl_xor_sync(ALL_LANES, total[half], 1);
        sum += __shfl_xor_sync(ALL_LANES, sum, 2);
        const int query = row + 8 * half;
        if (query >= n_queries) continue;
        __half *elements = out + (size_t)(first_query + query) * out_stride + at + member * 2;
        for (int d = 0; d < SIZE / 8; ++d) {
            store_pair(elements + d * 8, mixed[d][2 * half] / sum, mixed[d][2 * half + 1] / sum);
        }
    }
}

#define ATTENTION(SIZE)                                                                                               \
    extern "C" __global__ void __launch_bounds__(128) attention_##SIZE(                                               \
        const __half *queries, int query_stride, const float *query_bias, const __half *keys, const float *key_bias,  \
        const __half *values, const float *value_bias, int key_stride, const uint32_t *query_starts,                  \
        const uint32_t *key_starts, float scale, __half *out, int out_stride) {                                       \
        attend<SIZE>(queries, query_stride, query_bias, keys, key_bias, values, value_bias, key_stride, query_starts, \
                     key_starts, scale, out, out_stride);                                                             \
    }

ATTENTION(32)
ATTENTION(64)
