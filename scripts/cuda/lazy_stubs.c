/* The functions of one of NVIDIA's libraries, which open that library at the first call of any of them.
 *
 * lazy_stubs.py compiles this file once for each library, with the library's functions in the file FUNCTIONS, one a line:
 * FUNCTION(index, name, kind). Each function is a jump through a slot of a table, as in a procedure linkage table. At first
 * the slot leads to lazy_resolve, later to the real function, whose arguments the jump leaves as they are. If the library
 * is not there, the function returns what its kind says: a status that is an error, no size, or a text.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#ifndef __x86_64__
#error "the jumps are written for x86-64"
#endif

typedef void (*function)(void);

/* A library need not have functions of every kind. */
#define MAYBE_UNUSED __attribute__((unused))

MAYBE_UNUSED static long absent_status(void) { return ABSENT_STATUS; }

MAYBE_UNUSED static size_t absent_size(void) { return 0; }

MAYBE_UNUSED static const char *absent_text(void) { return "unknown: " SONAME " cannot be opened"; }

/* cuGetErrorString and cuGetErrorName give the text through a pointer. */
MAYBE_UNUSED static int absent_text_out(int status, const char **text) {
    (void)status;
    *text = absent_text();
    return 0;
}

#define FUNCTION(index, name, kind) #name,
static const char *const names[] = {
#include FUNCTIONS
};
#undef FUNCTION

#define FUNCTION(index, name, kind) (function)absent_##kind,
static const function absent[] = {
#include FUNCTIONS
};
#undef FUNCTION

/* The slots, and for each a jump and the first target of its slot. */
asm(".pushsection .data\n"
    ".balign 8\n"
    "lazy_targets:\n"
    ".popsection");
#define FUNCTION(index, name, kind)              \
    asm(".pushsection .text\n"                   \
        ".globl " #name "\n"                     \
        ".type " #name ", @function\n"           \
        #name ":\n"                              \
        "jmp *lazy_targets+8*" #index "(%rip)\n" \
        "lazy_first_" #index ":\n"               \
        "movl $" #index ", %r11d\n"              \
        "jmp lazy_first_call\n"                  \
        ".size " #name ", .-" #name "\n"         \
        ".popsection\n"                          \
        ".pushsection .data\n"                   \
        ".quad lazy_first_" #index "\n"          \
        ".popsection");
#include FUNCTIONS
#undef FUNCTION

/* Finds the function whose index is in r11 and goes on to it. Every register that may hold an argument is kept; seven
 * pushes leave the stack aligned to 16 bytes, as a call demands. */
asm(".pushsection .text\n"
    "lazy_first_call:\n"
    "pushq %rdi\n"
    "pushq %rsi\n"
    "pushq %rdx\n"
    "pushq %rcx\n"
    "pushq %r8\n"
    "pushq %r9\n"
    "pushq %rax\n"
    "subq $128, %rsp\n"
    "movups %xmm0, (%rsp)\n"
    "movups %xmm1, 16(%rsp)\n"
    "movups %xmm2, 32(%rsp)\n"
    "movups %xmm3, 48(%rsp)\n"
    "movups %xmm4, 64(%rsp)\n"
    "movups %xmm5, 80(%rsp)\n"
    "movups %xmm6, 96(%rsp)\n"
    "movups %xmm7, 112(%rsp)\n"
    "movl %r11d, %edi\n"
    "call lazy_resolve\n"
    "movq %rax, %r11\n"
    "movups (%rsp), %xmm0\n"
    "movups 16(%rsp), %xmm1\n"
    "movups 32(%rsp), %xmm2\n"
    "movups 48(%rsp), %xmm3\n"
    "movups 64(%rsp), %xmm4\n"
    "movups 80(%rsp), %xmm5\n"
    "movups 96(%rsp), %xmm6\n"
    "movups 112(%rsp), %xmm7\n"
    "addq $128, %rsp\n"
    "popq %rax\n"
    "popq %r9\n"
    "popq %r8\n"
    "popq %rcx\n"
    "popq %rdx\n"
    "popq %rsi\n"
    "popq %rdi\n"
    "jmp *%r11\n"
    ".popsection");

/* Defined above, and known to this file alone. */
extern _Atomic(function) lazy_targets[] __attribute__((visibility("hidden")));

static void *library;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

static void open_library(void) { library = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL); }

__attribute__((used)) static function lazy_resolve(unsigned index) {
    pthread_once(&opened, open_library);
    function target = library == NULL ? NULL : (function)dlsym(library, names[index]);
    if (target == NULL) target = absent[index];
    atomic_store_explicit(&lazy_targets[index], target, memory_order_release);
    return target;
}
