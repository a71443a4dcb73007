// CUDA's threads on one thread of a CPU, so that encoder.cu can be tested where there is no GPU. A thread of a block is a
// context of its own that runs until it waits for others; blocks run one after another. Of CUDA there is as much as
// encoder.cu uses.
//
// It shows wrong indices, layouts, arithmetic, and barriers that not all reach. It does not show races that the order of
// threads hides (it runs them in either order), nor anything about speed.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(threads)

using __half = _Float16;
inline float __half2float(__half value) { return static_cast<float>(value); }
inline __half __float2half_rn(float value) { return static_cast<__half>(value); }

namespace emulator {

constexpr int WARP = 32;

struct Index {
    unsigned x = 0, y = 0, z = 0;
};

/// Threads wait until all have come.
struct Barrier {
    int arrived = 0, round = 0;
};

struct Thread {
    /// Where it begins, and where it goes on: a jump is a tenth of the cost of a switch of contexts.
    ucontext_t context;
    jmp_buf place;
    std::unique_ptr<char[]> stack;
    Index index;
    bool has_begun = false, is_done = false;
};

/// What a lane shows the others of its warp.
struct Shown {
    float value;
    uint32_t a[4], b[2];
};

inline std::vector<Thread> threads;
inline std::vector<Shown> shown;
inline std::vector<Barrier> warp_barriers;
inline Barrier block_barrier;
inline jmp_buf scheduler;
inline size_t current;
inline bool has_moved;
inline Index block, grid, block_size;
inline std::function<void()> body;

inline void wait(Barrier &barrier, int expected) {
    const int round = barrier.round;
    has_moved = true;
    if (++barrier.arrived == expected) {
        barrier.arrived = 0;
        ++barrier.round;
        return;
    }
    while (barrier.round == round)
        if (_setjmp(threads[current].place) == 0) _longjmp(scheduler, 1);
    has_moved = true;
}

inline void wait_for_warp() { wait(warp_barriers[current / WARP], WARP); }

inline void enter() {
    body();
    threads[current].is_done = true;
    has_moved = true;
    _longjmp(scheduler, 1);
}

/// Lets the current thread run until it waits or is done.
inline void go_on() {
    Thread &thread = threads[current];
    if (_setjmp(scheduler) != 0) return;
    if (thread.has_begun) _longjmp(thread.place, 1);
    thread.has_begun = true;
    setcontext(&thread.context);
}

/// Runs the threads of one block, in descending order if asked, until all are done.
inline void run_block(bool descending) {
    constexpr size_t STACK_BYTES = 64 * 1024;
    const size_t n = block_size.x;
    warp_barriers.assign(n / WARP, Barrier());
    block_barrier = Barrier();
    for (size_t i = 0; i < n; ++i) {
        Thread &thread = threads[i];
        if (!thread.stack) thread.stack = std::make_unique<char[]>(STACK_BYTES);
        thread.has_begun = thread.is_done = false;
        thread.index = {static_cast<unsigned>(i), 0, 0};
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.get();
        thread.context.uc_stack.ss_size = STACK_BYTES;
        thread.context.uc_link = nullptr;
        makecontext(&thread.context, enter, 0);
    }
    for (size_t n_done = 0; n_done < n;) {
        has_moved = false;
        n_done = 0;
        for (size_t i = 0; i < n; ++i) {
            current = descending ? n - 1 - i : i;
            if (!threads[current].is_done) go_on();
            n_done += threads[current].is_done;
        }
        if (n_done < n && !has_moved) {
            std::fprintf(stderr, "a barrier was not reached by all threads\n");
            std::exit(1);
        }
    }
}

/// Runs a kernel over a grid, with one dimension of threads, whole warps.
inline void run(Index blocks, unsigned n_threads, bool descending, std::function<void()> kernel) {
    grid = blocks;
    block_size = {n_threads, 1, 1};
    threads.resize(n_threads);
    shown.resize(n_threads);
    body = std::move(kernel);
    for (block.z = 0; block.z < grid.z; ++block.z)
        for (block.y = 0; block.y < grid.y; ++block.y)
            for (block.x = 0; block.x < grid.x; ++block.x) run_block(descending);
}

inline float half_of(uint32_t word, int which) {
    __half pair[2];
    std::memcpy(pair, &word, sizeof pair);
    return static_cast<float>(pair[which]);
}

}  // namespace emulator

#define threadIdx (emulator::threads[emulator::current].index)
#define blockIdx (emulator::block)
#define blockDim (emulator::block_size)

inline void __syncthreads() { emulator::wait(emulator::block_barrier, emulator::block_size.x); }

inline float __shfl_xor_sync(unsigned, float value, int distance) {
    emulator::shown[emulator::current].value = value;
    emulator::wait_for_warp();
    const float result = emulator::shown[emulator::current ^ distance].value;
    emulator::wait_for_warp();
    return result;
}

/// c += a b, by the layouts of mma.m16n8k16 in the PTX manual (9.7.14.5.8), read from elements to lanes: the other way round
/// than the kernels use them.
inline void multiply_tiles(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    using namespace emulator;
    std::memcpy(shown[current].a, a, sizeof a);
    std::memcpy(shown[current].b, b, sizeof b);
    wait_for_warp();
    const size_t lane = current % WARP;
    const Shown *lanes = &shown[current - lane];
    for (size_t i = 0; i < 4; ++i) {
        const size_t row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        for (size_t k = 0; k < 16; ++k) {
            const Shown &of_a = lanes[row % 8 * 4 + k % 8 / 2], &of_b = lanes[column * 4 + k % 8 / 2];
            c[i] += half_of(of_a.a[row / 8 + 2 * (k / 8)], k % 2) * half_of(of_b.b[k / 8], k % 2);
        }
    }
    wait_for_warp();
}
