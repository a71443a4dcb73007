//! With the feature `cuda`: compiles `cuda/encoder.cu` to a fatbin, with machine code for Hopper and PTX that the driver
//! compiles for any other GPU from compute capability 8.0 on. Without it: nothing.
#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::path::PathBuf;
use std::process::{Command, ExitCode};

const SOURCE: &str = "cuda/encoder.cu";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=NVCC");
    println!("cargo::rerun-if-env-changed=PATH");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), String> {
    let nvcc = std::env::var("NVCC").unwrap_or_else(|_| "nvcc".to_owned());
    let out = PathBuf::from(std::env::var("OUT_DIR").map_err(|error| error.to_string())?);
    let status = Command::new(&nvcc)
        .args(["-fatbin", "-O3", "-std=c++17"])
        .args(["-gencode=arch=compute_90a,code=sm_90a", "-gencode=arch=compute_80,code=compute_80", "-o"])
        .arg(out.join("encoder.fatbin"))
        .arg(SOURCE)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{nvcc} could not compile kernels/{SOURCE}: {status}")),
        Err(error) => Err(format!(
            "the feature `cuda` needs NVIDIA's compiler, and {nvcc} cannot be run ({error}). To install it without a GPU: \
             scripts/setup-cuda-toolchain && . target/cuda/env.sh"
        )),
    }
}
