// Runs one kernel of encoder.cu on the CPU, for kernels/tests/cuda.rs.
//
//     emulate KERNEL DESCENDING GRID_X GRID_Y GRID_Z THREADS
//
// Reads the kernel's arguments from standard input: for each a kind, a length in bytes (u64) and so many bytes. Kind 0 is a
// number of four bytes, kind 1 memory that the kernel reads, kind 2 memory whose bytes are written to standard output
// after the kernel ran.
#include "encoder.cu"

#include <string>
#include <tuple>
#include <vector>

struct Argument {
    uint8_t kind;
    std::vector<char> bytes;
};

static std::vector<Argument> arguments;
static size_t next;

/// The next argument, as the type of the kernel's parameter.
struct Taken {
    Argument &argument;
    template <class T>
    operator T *() const { return reinterpret_cast<T *>(argument.bytes.data()); }
    operator int() const { return number<int>(); }
    operator float() const { return number<float>(); }
    template <class T>
    T number() const {
        T value;
        std::memcpy(&value, argument.bytes.data(), sizeof value);
        return value;
    }
};

static Taken take() { return Taken{arguments.at(next++)}; }

/// Calls a kernel with one argument after another.
template <class... Parameters>
static void call(void (*kernel)(Parameters...)) {
    next = 0;
    // Braces evaluate from left to right.
    std::tuple<Parameters...> parameters{static_cast<Parameters>(take())...};
    std::apply(kernel, parameters);
}

static bool read_arguments() {
    uint8_t kind;
    while (std::fread(&kind, 1, 1, stdin) == 1) {
        uint64_t length;
        if (std::fread(&length, sizeof length, 1, stdin) != 1) return false;
        Argument argument{kind, std::vector<char>(length)};
        if (std::fread(argument.bytes.data(), 1, length, stdin) != length) return false;
        arguments.push_back(std::move(argument));
    }
    return true;
}

#define KERNEL(name)                                                                            \
    if (kernel == #name) {                                                                      \
        emulator::run(grid, n_threads, descending, [] { call(name); });                         \
        is_known = true;                                                                        \
    }

int main(int count, char **words) {
    if (count != 7 || !read_arguments()) return 2;
    const std::string kernel = words[1];
    const bool descending = std::atoi(words[2]);
    const auto number = [&](int i) { return static_cast<unsigned>(std::atoi(words[i])); };
    const emulator::Index grid{number(3), number(4), number(5)};
    const unsigned n_threads = number(6);
    bool is_known = false;
    KERNEL(embed_and_norm)
    KERNEL(add_and_norm)
    KERNEL(add_bias_and_gelu)
    KERNEL(take_rows)
    KERNEL(logits)
    KERNEL(attention_32)
    KERNEL(attention_64)
    if (!is_known) return 2;
    for (const Argument &argument : arguments)
        if (argument.kind == 2) std::fwrite(argument.bytes.data(), 1, argument.bytes.size(), stdout);
    return 0;
}
