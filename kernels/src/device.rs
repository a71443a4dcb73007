//! What a device with a memory of its own must do so that an encoder runs on it: hold memory, launch the kernels of
//! `cuda/encoder.cu` and multiply matrices. [`encoder`] puts these together and checks all sizes.
//!
//! A GPU is one (`cuda`, a feature of this crate); the tests have another, which runs the same kernels on a CPU.

pub mod encoder;

use std::marker::PhantomData;

use half::f16;

/// Why a device did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no room; what was there before is as it was.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// Anything else. Most such errors leave the device useless to this process.
    #[error("the device failed: {0}")]
    Failed(String),
}

/// A device, as one queue of work that is done in the order in which it was asked for.
pub trait Device: Sized {
    /// Some of its memory.
    type Memory: std::fmt::Debug + Send + Sync;
    /// Work that can be asked for again as a whole.
    type Recording: std::fmt::Debug + Send;

    /// The device's name.
    fn name(&self) -> &str;

    /// Another queue of the same device, when all work of this one is done. What both do runs side by side; memory of either
    /// may be read by both.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn fork(&self) -> Result<Self, DeviceError>;

    /// Copies bytes to the device.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn upload(&self, bytes: &[u8]) -> Result<Self::Memory, DeviceError>;

    /// Takes memory, which may hold anything.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn allocate(&self, n_bytes: usize) -> Result<Self::Memory, DeviceError>;

    /// Copies bytes to the start of some memory.
    ///
    /// # Errors
    /// [`DeviceError`].
    ///
    /// # Panics
    /// If there are not so many bytes.
    fn write(&self, memory: &mut Self::Memory, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Waits for all work that was asked for, and copies the first bytes of some memory from the device.
    ///
    /// # Errors
    /// [`DeviceError`], of any of that work.
    ///
    /// # Panics
    /// If there are not so many bytes.
    fn download(&self, memory: &Self::Memory, n_bytes: usize) -> Result<Vec<u8>, DeviceError>;

    /// Runs a kernel.
    ///
    /// # Safety
    /// The arguments are those of the kernel, in their order, and it reads and writes nothing outside the memory among them
    /// for this grid.
    ///
    /// # Errors
    /// [`DeviceError`].
    unsafe fn launch(&self, launch: &Launch, arguments: &mut [Argument<'_, Self::Memory>]) -> Result<(), DeviceError>;

    /// Writes to `out` the rows of `x` times the transpose of `weight`, all row by row in f16, with sums in f32.
    ///
    /// # Safety
    /// The memory is as long as [`Product`] says.
    ///
    /// # Errors
    /// [`DeviceError`].
    unsafe fn multiply(
        &self,
        product: Product,
        x: &Self::Memory,
        weight: &Self::Memory,
        out: &mut Self::Memory,
    ) -> Result<(), DeviceError>;

    /// Records the launches and products that `work` asks for, and does none of them. `work` may ask for nothing else. The
    /// recording keeps the memory that it is about.
    ///
    /// # Errors
    /// [`DeviceError`]; nothing was done then.
    fn record(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<Self::Recording, DeviceError>;

    /// Does what was recorded on this queue, with what its memory now holds.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn replay(&self, recording: &Self::Recording) -> Result<(), DeviceError>;
}

/// Which kernel runs, and on how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Blocks, in three dimensions.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
}

/// One argument of a kernel.
#[derive(Debug)]
pub enum Argument<'a, M> {
    /// Memory that is read, from a byte on.
    Input(&'a M, usize),
    /// Memory that is written, and maybe read.
    Output(&'a mut M),
    /// A number.
    Integer(i32),
    /// A number.
    Float(f32),
}

/// The sizes of a product of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of `x` and of `out`.
    pub rows: usize,
    /// Columns of `x` and of `weight`.
    pub inputs: usize,
    /// Rows of `weight` that are used, and columns of `out`.
    pub outputs: usize,
    /// The first row of `weight` that is used.
    pub first_output: usize,
}

/// Elements of one type on a device.
#[derive(Debug)]
pub struct Array<M, T> {
    memory: M,
    length: usize,
    elements: PhantomData<T>,
}

/// Numbers of 16 bits.
pub type Halves<M> = Array<M, f16>;
/// Numbers of 32 bits.
pub type Floats<M> = Array<M, f32>;

impl<M> Halves<M> {
    /// Rounds numbers to the nearest that 16 bits can hold, and uploads them.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload<D: Device<Memory = M>>(device: &D, numbers: &[f32]) -> Result<Self, DeviceError> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect();
        Ok(Self { memory: device.upload(&bytes)?, length: numbers.len(), elements: PhantomData })
    }

    /// The first `n` numbers, when all work that was asked for is done.
    ///
    /// # Errors
    /// Those of the device, of any of that work.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn download<D: Device<Memory = M>>(&self, device: &D, n: usize) -> Result<Vec<f32>, DeviceError> {
        assert!(n <= self.length, "{n} of {} numbers", self.length);
        let bytes = device.download(&self.memory, n * size_of::<f16>())?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect())
    }
}

impl<M> Floats<M> {
    /// Uploads numbers.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload<D: Device<Memory = M>>(device: &D, numbers: &[f32]) -> Result<Self, DeviceError> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(Self { memory: device.upload(&bytes)?, length: numbers.len(), elements: PhantomData })
    }

    /// The first `n` numbers, when all work that was asked for is done.
    ///
    /// # Errors
    /// Those of the device, of any of that work.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn download<D: Device<Memory = M>>(&self, device: &D, n: usize) -> Result<Vec<f32>, DeviceError> {
        assert!(n <= self.length, "{n} of {} numbers", self.length);
        let bytes = device.download(&self.memory, n * size_of::<f32>())?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }
}

impl<M, T> Array<M, T> {
    /// Room for elements, to be written before it is read.
    ///
    /// # Errors
    /// Those of the device.
    pub fn room<D: Device<Memory = M>>(device: &D, length: usize) -> Result<Self, DeviceError> {
        Ok(Self { memory: device.allocate(length * size_of::<T>())?, length, elements: PhantomData })
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn input(&self) -> Argument<'_, M> {
        self.input_from(0)
    }

    fn input_from(&self, element: usize) -> Argument<'_, M> {
        Argument::Input(&self.memory, element * size_of::<T>())
    }

    fn output(&mut self) -> Argument<'_, M> {
        Argument::Output(&mut self.memory)
    }
}

/// Numbers of rows or places on a device, none of which reaches `end`, whatever is written over them.
#[derive(Debug)]
pub struct Indices<M> {
    array: Array<M, u32>,
    end: usize,
}

impl<M> Indices<M> {
    /// Uploads numbers.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload<D: Device<Memory = M>>(device: &D, numbers: &[u32]) -> Result<Self, DeviceError> {
        let end = numbers.iter().max().map_or(0, |&largest| largest as usize + 1);
        let mut indices = Self::zeros(device, numbers.len(), end)?;
        indices.write(device, numbers)?;
        Ok(indices)
    }

    /// So many zeros, to be written over by numbers below `end`.
    ///
    /// # Errors
    /// Those of the device.
    ///
    /// # Panics
    /// If not even 0 is below `end`, and there is a number.
    pub fn zeros<D: Device<Memory = M>>(device: &D, length: usize, end: usize) -> Result<Self, DeviceError> {
        assert!(length == 0 || end > 0, "no number is below 0");
        let memory = device.upload(&vec![0; length * size_of::<u32>()])?;
        Ok(Self { array: Array { memory, length, elements: PhantomData }, end })
    }

    /// Writes numbers over the first ones.
    ///
    /// # Errors
    /// Those of the device.
    ///
    /// # Panics
    /// If there are not so many, or one is not below the end.
    pub fn write<D: Device<Memory = M>>(&mut self, device: &D, numbers: &[u32]) -> Result<(), DeviceError> {
        assert!(numbers.len() <= self.len(), "{} numbers for {}", numbers.len(), self.len());
        assert!(numbers.iter().all(|&number| (number as usize) < self.end), "a number is not below {}", self.end);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        device.write(&mut self.array.memory, &bytes)
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }
}

/// Where sequences that lie end to end begin and end, on a device.
#[derive(Debug)]
pub struct Bounds<M> {
    starts: Indices<M>,
    longest: usize,
}

impl<M> Bounds<M> {
    /// The bounds of sequences of the given lengths.
    ///
    /// # Errors
    /// Those of the device.
    pub fn upload<D: Device<Memory = M>>(device: &D, lengths: &[usize]) -> Result<Self, DeviceError> {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut bounds = Self::room(device, lengths.len(), lengths.iter().sum(), longest)?;
        bounds.write(device, lengths)?;
        Ok(bounds)
    }

    /// Of so many empty sequences, to be written over by some that have so many rows together and in the longest, at most.
    ///
    /// # Errors
    /// Those of the device.
    pub fn room<D: Device<Memory = M>>(
        device: &D,
        count: usize,
        rows: usize,
        longest: usize,
    ) -> Result<Self, DeviceError> {
        Ok(Self { starts: Indices::zeros(device, count + 1, rows + 1)?, longest })
    }

    /// Writes over all sequences; those that have no length are empty.
    ///
    /// # Errors
    /// Those of the device.
    ///
    /// # Panics
    /// If there is no room for so many sequences or rows.
    pub fn write<D: Device<Memory = M>>(&mut self, device: &D, lengths: &[usize]) -> Result<(), DeviceError> {
        assert!(lengths.len() <= self.len(), "{} sequences for {}", lengths.len(), self.len());
        assert!(lengths.iter().all(|&length| length <= self.longest), "a sequence has more than {} rows", self.longest);
        let mut end = 0;
        let lengths = lengths.iter().copied().chain(std::iter::repeat(0)).take(self.len());
        let ends = lengths.map(|length| {
            end += length;
            end as u32
        });
        let starts: Vec<u32> = std::iter::once(0).chain(ends).collect();
        self.starts.write(device, &starts)
    }

    /// How many sequences there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of all sequences, at most.
    pub fn rows(&self) -> usize {
        self.starts.end.saturating_sub(1)
    }
}
