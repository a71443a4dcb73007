//! A device that runs the kernels of `cuda/encoder.cu` on a CPU: the same source, compiled with `cuda/emulator.hpp`. Products
//! are this crate's own. What is rounded to f16 on a GPU is rounded here.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

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
    /// How often recorded work was done again.
    pub n_replayed: Arc<AtomicUsize>,
    /// What is being recorded.
    pub recorded: RefCell<Option<Recording>>,
}

/// Some memory. Recordings have it, too.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap()
    }
}

/// What was asked for, one by one.
pub type Recording = Vec<Work>;

/// A launch or a product.
#[derive(Clone, Debug)]
pub enum Work {
    Launch(Launch, Vec<Value>),
    Product(Product, [Memory; 3]),
}

/// An argument of a kernel.
#[derive(Clone, Debug)]
pub enum Value {
    Number([u8; 4]),
    Input(Memory, usize),
    Output(Memory),
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

impl Emulated {
    /// Does some work now, unless it is to be recorded.
    fn ask(&self, work: Work) -> Result<(), DeviceError> {
        if let Some(recorded) = &mut *self.recorded.borrow_mut() {
            recorded.push(work);
            return Ok(());
        }
        self.work(&work)
    }

    fn work(&self, work: &Work) -> Result<(), DeviceError> {
        self.check()?;
        match work {
            Work::Launch(launch, values) => self.run(launch, values),
            Work::Product(product, [x, weight, out]) => {
                multiply(*product, &x.bytes(), &weight.bytes(), &mut out.bytes())
            }
        }
        Ok(())
    }

    fn run(&self, launch: &Launch, values: &[Value]) {
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
        let mut send = |kind: u8, bytes: &[u8]| {
            input.write_all(&[kind]).unwrap();
            input.write_all(&(bytes.len() as u64).to_le_bytes()).unwrap();
            input.write_all(bytes).unwrap();
        };
        for value in values {
            match value {
                Value::Number(bytes) => send(0, bytes),
                Value::Input(memory, offset) => send(1, &memory.bytes()[*offset..]),
                Value::Output(memory) => send(2, &memory.bytes()),
            }
        }
        drop(input);
        let mut output = program.stdout.take().unwrap();
        for value in values {
            if let Value::Output(memory) = value {
                output.read_exact(&mut memory.bytes()).unwrap();
            }
        }
        assert!(program.wait().unwrap().success(), "{launch:?}");
    }
}

fn multiply(product: Product, x: &[u8], weight: &[u8], out: &mut [u8]) {
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
}

impl Device for Emulated {
    type Memory = Memory;
    type Recording = Recording;

    fn name(&self) -> &str {
        "emulated"
    }

    fn fork(&self) -> Result<Self, DeviceError> {
        self.check()?;
        let Self { descending, fails_after, n_replayed, .. } = self;
        let (fails_after, n_replayed) = (fails_after.clone(), n_replayed.clone());
        Ok(Self { descending: *descending, fails_after, n_replayed, recorded: RefCell::default() })
    }

    fn upload(&self, bytes: &[u8]) -> Result<Memory, DeviceError> {
        self.check().map(|()| Memory::new(bytes.to_vec()))
    }

    fn allocate(&self, n_bytes: usize) -> Result<Memory, DeviceError> {
        // What a kernel must not read is not a number.
        self.check().map(|()| Memory::new(vec![0xff; n_bytes]))
    }

    fn write(&self, memory: &mut Memory, bytes: &[u8]) -> Result<(), DeviceError> {
        self.check().map(|()| memory.bytes()[..bytes.len()].copy_from_slice(bytes))
    }

    fn download(&self, memory: &Memory, n_bytes: usize) -> Result<Vec<u8>, DeviceError> {
        self.check().map(|()| memory.bytes()[..n_bytes].to_vec())
    }

    unsafe fn launch(&self, launch: &Launch, arguments: &mut [Argument<'_, Memory>]) -> Result<(), DeviceError> {
        let value = |argument: &Argument<'_, Memory>| match argument {
            Argument::Integer(number) => Value::Number(number.to_le_bytes()),
            Argument::Float(number) => Value::Number(number.to_le_bytes()),
            Argument::Input(memory, offset) => Value::Input((*memory).clone(), *offset),
            Argument::Output(memory) => Value::Output((*memory).clone()),
        };
        self.ask(Work::Launch(*launch, arguments.iter().map(value).collect()))
    }

    unsafe fn multiply(
        &self,
        product: Product,
        x: &Memory,
        weight: &Memory,
        out: &mut Memory,
    ) -> Result<(), DeviceError> {
        self.ask(Work::Product(product, [x.clone(), weight.clone(), out.clone()]))
    }

    fn record(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<Recording, DeviceError> {
        self.recorded.replace(Some(Vec::new()));
        let asked = work();
        let recording = self.recorded.take().unwrap_or_default();
        asked.map(|()| recording)
    }

    fn replay(&self, recording: &Recording) -> Result<(), DeviceError> {
        self.n_replayed.fetch_add(1, Ordering::Relaxed);
        recording.iter().try_for_each(|work| self.work(work))
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32()).collect()
}
