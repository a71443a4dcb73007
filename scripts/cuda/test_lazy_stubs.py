#!/usr/bin/env python3
"""Tests lazy_stubs.py with a C program and a library of its own: no CUDA and no network."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from lazy_stubs import Library, functions, make_archive

LIBRARY = Library("absentee", "absentee", "libabsentee.so.7", 100)

DECLARED = """
pub unsafe fn aSum(a: i64) -> absenteeResult {
    extern "C" {
        fn aSum(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, x: f64, y: f64, z: f32) -> absenteeResult;
    }
}
        extern "C" {
            fn aSize() -> usize;
        }
        extern "C" {
            fn aVoid(call: ::core::option::Option<unsafe extern "C" fn(a: *mut u8, b: [u8; 16]) -> i32>);
        }
        extern "C" {
            fn aName(status: absenteeResult) -> *const ::core::ffi::c_char;
        }
        extern "C" {
            fn cuGetErrorName(error: CUresult, text: *mut *const ::core::ffi::c_char) -> CUresult;
        }
        extern "C" {
            fn aSize() -> usize;
        }
"""

REAL = """
long aSum(long a, long b, long c, long d, long e, long f, long g, double x, double y, float z) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + (long)(8 * x + 9 * y + 10 * z);
}
"""

# Calls twice: once through the opening of the library, once through the filled slot.
PROGRAM = """
#include <stdio.h>
long aSum(long, long, long, long, long, long, long, double, double, float);
unsigned long aSize(void);
const char *aName(int);
int cuGetErrorName(int, const char **);
int main(void) {
    const char *text;
    for (int call = 0; call < 2; call++) printf("%ld ", aSum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10.0f));
    printf("%lu %s; ", aSize(), aName(3));
    int status = cuGetErrorName(3, &text);
    printf("%d %s\\n", status, text);
}
"""

ABSENT_TEXT = "unknown: libabsentee.so.7 cannot be opened"


class LazyStubs(unittest.TestCase):
    def test_declarations_are_read_with_their_kinds(self) -> None:
        self.assertEqual(
            functions(DECLARED),
            {"aName": "text", "aSize": "size", "aSum": "status", "aVoid": "size", "cuGetErrorName": "text_out"},
        )

    def test_calls_fail_without_the_library_and_reach_it_where_it_is(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = self.build(Path(folder))
            self.assertEqual(self.run_with(program), f"100 100 0 {ABSENT_TEXT}; 0 {ABSENT_TEXT}\n")
            self.compile(Path(folder), REAL, LIBRARY.soname, "-shared", "-fPIC")
            expected = sum(n * n for n in range(1, 11))
            # What the real library lacks is as absent as before.
            self.assertEqual(
                self.run_with(program, LD_LIBRARY_PATH=folder),
                f"{expected} {expected} 0 {ABSENT_TEXT}; 0 {ABSENT_TEXT}\n",
            )

    def test_the_program_does_not_need_the_library_to_start(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            needed = subprocess.check_output(["readelf", "--dynamic", self.build(Path(folder))], text=True)
            self.assertIn("libc.so", needed)
            self.assertNotIn("absentee", needed)

    def build(self, folder: Path) -> Path:
        make_archive(LIBRARY, functions(DECLARED), folder)
        return self.compile(folder, PROGRAM, "program", f"-L{folder}", "-labsentee")

    def compile(self, folder: Path, source: str, output: str, *flags: str) -> Path:
        source_file = folder / f"{output}.c"
        source_file.write_text(source)
        built = folder / output
        subprocess.run(["cc", "-o", built, source_file, *flags], check=True)
        return built

    def run_with(self, program: Path, **environment: str) -> str:
        return subprocess.check_output([program], env=environment, text=True)


if __name__ == "__main__":
    unittest.main()
