#!/usr/bin/env python3
"""Makes archives to link in place of NVIDIA's libraries, so that a program starts where these are missing.

candle links the driver and cuBLAS by name: the loader refuses such a program on a machine without a GPU. The archives
libcuda.a, libcublas.a, libcublasLt.a, libcurand.a and libnvrtc.a hold every function that the crate cudarc declares; the
first call opens the real library, and where there is none every call returns an error (lazy_stubs.c says how). A linker
that finds no libcuda.so beside libcuda.a takes the archive.

Refuses CPUs other than x86-64 and a cudarc in which it finds no functions.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple


class Library(NamedTuple):
    """One of NVIDIA's libraries, of CUDA 13."""

    name: str
    """As the linker is asked for it."""
    module: str
    """Where cudarc declares its functions."""
    soname: str
    """As it is opened."""
    absent_status: int
    """What its functions return if it cannot be opened."""


LIBRARIES = (
    Library("cuda", "driver", "libcuda.so.1", 100),  # CUDA_ERROR_NO_DEVICE
    Library("cublas", "cublas", "libcublas.so.13", 1),  # CUBLAS_STATUS_NOT_INITIALIZED
    Library("cublasLt", "cublaslt", "libcublasLt.so.13", 1),  # CUBLAS_STATUS_NOT_INITIALIZED
    Library("curand", "curand", "libcurand.so.10", 203),  # CURAND_STATUS_INITIALIZATION_FAILED
    Library("nvrtc", "nvrtc", "libnvrtc.so.13", 11),  # NVRTC_ERROR_INTERNAL_ERROR
)

DECLARATION = re.compile(r'extern "C" \{\s*fn (\w+)\(.*?\)(?: -> ([^;(){}]+))?;\s*\}', re.DOTALL)
TEXT_OUT = ("cuGetErrorString", "cuGetErrorName")


def kind(name: str, returned: str) -> str:
    """What a function does if its library is absent: the suffix of an `absent_` function of lazy_stubs.c."""
    if name in TEXT_OUT:
        return "text_out"
    if returned.endswith("c_char"):
        return "text"
    return "size" if returned in ("", "usize") else "status"


def functions(source: str) -> dict[str, str]:
    """The functions that a module of cudarc declares, by name, with their kinds. Versions of CUDA declare them anew."""
    return {name: kind(name, returned) for name, returned in sorted(DECLARATION.findall(source))}


def make_archive(library: Library, declared: dict[str, str], folder: Path) -> None:
    """Compiles the functions of a library into FOLDER/libNAME.a."""
    archive = (folder / f"lib{library.name}.a").resolve()
    archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as work:
        lines = (f"FUNCTION({index}, {name}, {kind})\n" for index, (name, kind) in enumerate(declared.items()))
        listed = Path(work, "functions.h")
        listed.write_text("".join(lines))
        stubs = Path(work, f"{library.name}_stubs.o")
        definitions = {
            "FUNCTIONS": f'"{listed}"',
            "SONAME": f'"{library.soname}"',
            "ABSENT_STATUS": library.absent_status,
        }
        defines = [f"-D{name}={value}" for name, value in definitions.items()]
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["cc", "-std=gnu11", "-O2", "-fPIC", "-Wall", *defines, "-c", source, "-o", stubs], check=True)
        subprocess.run(["ar", "rcs", archive, stubs], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cudarc", type=Path, help="the sources of the crate cudarc")
    parser.add_argument("folder", type=Path, help="where the archives go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for library in LIBRARIES:
        source = arguments.cudarc / "src" / library.module / "sys" / "mod.rs"
        declared = functions(source.read_text())
        if not declared:
            raise SystemExit(f"{source} declares no functions: is it a cudarc that this script does not know?")
        make_archive(library, declared, arguments.folder)
        print(f"lib{library.name}.a: {len(declared)} functions of {library.soname}")


if __name__ == "__main__":
    main()
