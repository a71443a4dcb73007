//! A device that runs the kernels of `cuda/encoder.cu` on a CPU: the same source, compiled with `cuda/emulator.hpp`. Products
//! are this crate's own. What is rounded to f16 on a GPU is rounded here.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use half::f16;
use portcullis_kernels::Isa;
use portcullis_kernels::device::{Argument, Device, DeviceError, Launch, Product};
use portcullis_kernels::gemm::{Rows, RowsMut, f32::Weights, padded};

/// The emulator, compiled once.
static PROGRAM: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("emulate");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let source = [source.join("cuda"), source.join("kernels/cuda")].into_iter().find(|folder| folder.is_dir()).unwrap();
    let compiler = Command::new("c++")
        .args(["-std=c++17", "-O2", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&program, &source.join("emulate.cpp")])
        .status();
    assert!(compiler.expect("a C++ compiler").success());
    (folder, program)
});

/// The emulated device. `descending` is the order in which it runs threads.
#[derive(Debug, Default)]
pub struct Emulated {
    pub descending: bool,
    /// When a call is to fail.
    pub fails_after: Failure,
}

/// Calls that still succeed before one fails, and whether that is for want of memory or for good. None if none fails.
pub type Failure = Arc<Mutex<Option<(usize, bool)>>>;

impl Emulated {
    fn check(&self) -> Result<(), DeviceError> {
        let mut failure = self.fails_after.lock().unwrap();
        match failure.take() {
            Some((0, true)) => Err(DeviceError::OutOfMemory),
            Some((0, false)) => Err(DeviceError::Failed("it is lost".to_owned())),
            left => {
                *failure = left.map(|(calls, is_memory)| (calls - 1, is_memory));
                Ok(())
            }
        }
    }
}

impl Device for Emulated {
    type Memory = Vec<u8>;

    fn name(&self) -> &str {
        "emulated"
    }

    fn upload(&self, bytes: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.check().map(|()| bytes.to_vec())
    }

    fn allocate(&self, n_bytes: usize) -> Result<Vec<u8>, DeviceError> {
        // What a kernel must not read is not a number.
        self.check().map(|()| vec![0xff; n_bytes])
    }

    fn download(&self, memory: &Vec<u8>, n_bytes: usize) -> Result<Vec<u8>, DeviceError> {
        self.check().map(|()| memory[..n_bytes].to_vec())
    }

    unsafe fn launch(&self, launch: &Launch, arguments: &mut [Argument<'_, Vec<u8>>]) -> Result<(), DeviceError> {
        self.check()?;
        let Launch { kernel, grid: [x, y, z], threads } = launch;
        let words = [u32::from(self.descending), *x, *y, *z, *threads].map(|number| number.to_string());
        let mut program = Command::new(&PROGRAM.1)
            .arg(kernel)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        for argument in &*arguments {
            let (kind, bytes): (u8, &[u8]) = match argument {
                Argument::Integer(number) => (0, &number.to_le_bytes()),
                Argument::Float(number) => (0, &number.to_le_bytes()),
                Argument::Input(memory, offset) => (1, &memory[*offset..]),
                Argument::Output(memory) => (2, memory),
            };
            input.write_all(&[kind]).unwrap();
            input.write_all(&(bytes.len() as u64).to_le_bytes()).unwrap();
            input.write_all(bytes).unwrap();
        }
        drop(input);
        let mut output = program.stdout.take().unwrap();
        for argument in arguments {
            if let Argument::Output(memory) = argument {
                output.read_exact(memory).unwrap();
            }
        }
        assert!(program.wait().unwrap().success(), "{launch:?}");
        Ok(())
    }

    unsafe fn multiply(
        &self,
        product: Product,
        x: &Vec<u8>,
        weight: &Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), DeviceError> {
        self.check()?;
        let Product { rows, inputs, outputs, first_output } = product;
        let x = numbers(&x[..rows * inputs * 2]);
        let weight = numbers(&weight[first_output * inputs * 2..][..outputs * inputs * 2]);
        let weights = Weights::pack(&weight, &vec![0.0; outputs], inputs);
        let width = padded(outputs);
        let mut products = vec![0.0; rows * width];
        weights.apply(Isa::best(), Rows::new(&x, inputs, rows), RowsMut::new(&mut products, width));
        for (row, out) in products.chunks(width).zip(out.chunks_exact_mut(outputs * 2)) {
            for (number, out) in row.iter().zip(out.chunks_exact_mut(2)) {
                out.copy_from_slice(&f16::from_f32(*number).to_le_bytes());
            }
        }
        Ok(())
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect()
}
