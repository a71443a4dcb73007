//! A GPU of NVIDIA's as a [`Device`], through the driver and cuBLAS: a stream, our kernels, host memory that copies need not
//! wait for, and CUDA graphs for what is done again and again.
//!
//! Both libraries are opened when they are first called: where there is none, [`Gpu::open`] says so and nothing else happens.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use cudarc::cublas::result::{self as blas, CublasError};
use cudarc::cublas::sys::{
    cublasComputeType_t, cublasGemmAlgo_t, cublasHandle_t, cublasOperation_t, cublasStatus_t, cudaDataType,
};
use cudarc::driver::result::{memcpy_dtoh_async, memcpy_htod_async};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaGraph, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PinnedHostSlice,
    PushKernelArg,
};
use cudarc::nvrtc::Ptx;

use crate::device::{Argument, Device, DeviceError, Launch, Product};

/// `cuda/encoder.cu`, compiled by build.rs.
const FATBIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/encoder.fatbin"));
/// The kernels in it.
const KERNELS: [&str; 7] =
    ["embed_and_norm", "add_and_norm", "add_bias_and_gelu", "take_rows", "logits", "attention_32", "attention_64"];

/// Bytes of host memory for what is copied to and fro: the ids and places of 65,536 tokens and the logits of all of them.
const STAGING_BYTES: usize = 1 << 20;

/// A stream of a GPU with our kernels loaded.
#[derive(Debug)]
pub struct Gpu {
    name: String,
    kernels: HashMap<&'static str, CudaFunction>,
    blas: Blas,
    staging: RefCell<Staging>,
    /// The memory of the work that is being recorded.
    recorded: RefCell<Option<Vec<Memory>>>,
    stream: Arc<CudaStream>,
}

/// Some memory of a GPU. Recordings keep it, too.
#[derive(Clone, Debug)]
pub struct Memory(Arc<CudaSlice<u8>>);

/// Work as a CUDA graph, and the memory that it is about.
pub struct Recording {
    graph: CudaGraph,
    _memory: Vec<Memory>,
}

// SAFETY: a graph may be used by any thread, by one at a time (CUDA Driver API, "Graph object thread safety"). Neither a
// recording nor a graph is Sync.
unsafe impl Send for Recording {}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Gpu {
    /// How many GPUs there are: none without a driver.
    pub fn count() -> usize {
        CudaContext::device_count().ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// Opens the GPU with a number, counted from 0.
    ///
    /// # Errors
    /// There is no such GPU, no driver or no cuBLAS, or the GPU is older than compute capability 8.0.
    pub fn open(number: usize) -> Result<Self, DeviceError> {
        let context = CudaContext::new(number).map_err(driver)?;
        // SAFETY: what is written while others may read it is written and read on one stream; what several streams read was
        // complete before the second of them began (`fork`). So nothing needs events.
        unsafe { context.disable_event_tracking() };
        let module = context.load_module(Ptx::from_binary(FATBIN.to_vec())).map_err(driver)?;
        let kernels = KERNELS
            .into_iter()
            .map(|name| Ok((name, module.load_function(name).map_err(driver)?)))
            .collect::<Result<_, _>>()?;
        Self::on_new_stream(&context, kernels)
    }

    fn on_new_stream(
        context: &Arc<CudaContext>,
        kernels: HashMap<&'static str, CudaFunction>,
    ) -> Result<Self, DeviceError> {
        // Not the default stream, whose work cannot be recorded.
        let stream = context.new_stream().map_err(driver)?;
        Ok(Self {
            name: context.name().map_err(driver)?,
            kernels,
            blas: Blas::new(&stream)?,
            staging: RefCell::new(Staging::new(context)?),
            recorded: RefCell::default(),
            stream,
        })
    }

    /// Where a byte of some memory lies, for work on the stream. What is being recorded keeps it.
    fn address(&self, memory: &Memory, offset: usize) -> u64 {
        if let Some(recorded) = &mut *self.recorded.borrow_mut() {
            recorded.push(memory.clone());
        }
        let (address, _guard) = memory.0.device_ptr(&self.stream);
        address + offset as u64
    }
}

impl Drop for Gpu {
    /// Waits for the stream's work, which may be on memory that other streams own. On a lost device there is none.
    fn drop(&mut self) {
        let _ = self.stream.synchronize();
    }
}

impl Device for Gpu {
    type Memory = Memory;
    type Recording = Recording;

    fn name(&self) -> &str {
        &self.name
    }

    fn fork(&self) -> Result<Self, DeviceError> {
        self.stream.synchronize().map_err(driver)?;
        self.staging.borrow_mut().free_all();
        Self::on_new_stream(self.stream.context(), self.kernels.clone())
    }

    fn upload(&self, bytes: &[u8]) -> Result<Memory, DeviceError> {
        let mut memory = self.allocate(bytes.len())?;
        self.write(&mut memory, bytes)?;
        Ok(memory)
    }

    fn allocate(&self, n_bytes: usize) -> Result<Memory, DeviceError> {
        // CUDA gives no memory of no size.
        self.stream.alloc_zeros(n_bytes.max(1)).map(|slice| Memory(Arc::new(slice))).map_err(driver)
    }

    fn write(&self, memory: &mut Memory, bytes: &[u8]) -> Result<(), DeviceError> {
        assert!(bytes.len() <= memory.0.len(), "{} bytes for {}", bytes.len(), memory.0.len());
        self.stream.context().bind_to_thread().map_err(driver)?;
        let address = self.address(memory, 0);
        let mut staging = self.staging.borrow_mut();
        // Without staging, the call itself reads the bytes before it returns (CUDA Driver API, "API synchronization behavior").
        let from = match staging.room(bytes.len()) {
            Some(staged) => {
                staged.copy_from_slice(bytes);
                staged
            }
            None => bytes,
        };
        // SAFETY: the memory is large enough; staging is not written again before the stream was waited for.
        unsafe { memcpy_htod_async(address, from, self.stream.cu_stream()) }.map_err(driver)
    }

    fn download(&self, memory: &Memory, n_bytes: usize) -> Result<Vec<u8>, DeviceError> {
        assert!(n_bytes <= memory.0.len(), "{n_bytes} bytes of {}", memory.0.len());
        self.stream.context().bind_to_thread().map_err(driver)?;
        let address = self.address(memory, 0);
        let (mut staging, mut bytes) = (self.staging.borrow_mut(), Vec::new());
        let to = staging.room(n_bytes).unwrap_or_else(|| {
            bytes.resize(n_bytes, 0);
            &mut bytes
        });
        // SAFETY: there are so many bytes here and there, and nobody reads them here before the stream was waited for.
        let asked = unsafe { memcpy_dtoh_async(to, address, self.stream.cu_stream()) };
        let copied = asked.and_then(|()| self.stream.synchronize()).map(|()| to.to_vec());
        staging.free_all();
        copied.map_err(driver)
    }

    unsafe fn launch(&self, launch: &Launch, arguments: &mut [Argument<'_, Memory>]) -> Result<(), DeviceError> {
        let &Launch { kernel, grid: [x, y, z], threads } = launch;
        if x == 0 || y == 0 || z == 0 {
            return Ok(());
        }
        let function = self.kernels.get(kernel).ok_or_else(|| DeviceError::Failed(format!("no kernel {kernel}")))?;
        let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument)).collect();
        let mut builder = self.stream.launch_builder(function);
        for value in &values {
            match value {
                Value::Address(address) => builder.arg(address),
                Value::Integer(number) => builder.arg(number),
                Value::Float(number) => builder.arg(number),
            };
        }
        let config = LaunchConfig { grid_dim: (x, y, z), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the caller vouches for arguments and grid. Memory lives until the kernel is done: it is freed on the same
        // stream, or when this one was waited for (`drop`), or is kept by the recording.
        unsafe { builder.launch(config) }.map(drop).map_err(driver)
    }

    unsafe fn multiply(
        &self,
        product: Product,
        x: &Memory,
        weight: &Memory,
        out: &mut Memory,
    ) -> Result<(), DeviceError> {
        if product.rows == 0 {
            return Ok(());
        }
        self.stream.context().bind_to_thread().map_err(driver)?;
        let weight = self.address(weight, product.first_output * product.inputs * size_of::<half::f16>());
        // SAFETY: the caller vouches for the sizes; memory lives as long as with `launch`.
        unsafe { self.blas.multiply(product, self.address(x, 0), weight, self.address(out, 0)) }
    }

    fn record(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<Recording, DeviceError> {
        self.recorded.replace(Some(Vec::new()));
        // Other threads go on as ever.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let done = self.stream.begin_capture(mode).map_err(driver).and_then(|()| {
            let asked = work();
            // Whatever was asked for, the stream must leave the capture.
            let graph = self.stream.end_capture(CUgraphInstantiate_flags(0)).map_err(driver);
            asked.and(graph)
        });
        let memory = self.recorded.take().unwrap_or_default();
        let graph = done?.ok_or_else(|| DeviceError::Failed("CUDA: nothing was recorded".to_owned()))?;
        Ok(Recording { graph, _memory: memory })
    }

    fn replay(&self, recording: &Recording) -> Result<(), DeviceError> {
        recording.graph.launch().map_err(driver)
    }
}

/// Page-locked host memory, from which a copy goes on while the host does something else. It is given out from the start, and
/// all of it is free when the stream was waited for.
#[derive(Debug)]
struct Staging {
    memory: PinnedHostSlice<u8>,
    used: usize,
}

impl Staging {
    fn new(context: &Arc<CudaContext>) -> Result<Self, DeviceError> {
        // SAFETY: bytes are written before they are read.
        let memory = unsafe { context.alloc_pinned_with_flags(STAGING_BYTES, 0) }.map_err(driver)?;
        Ok(Self { memory, used: 0 })
    }

    /// So many bytes, if they are free.
    fn room(&mut self, n_bytes: usize) -> Option<&mut [u8]> {
        let end = self.used.checked_add(n_bytes).filter(|&end| end <= STAGING_BYTES)?;
        let room = self.memory.as_mut_slice().ok()?.get_mut(self.used..end)?;
        self.used = end;
        Some(room)
    }

    fn free_all(&mut self) {
        self.used = 0;
    }
}

/// An argument as a kernel takes it.
enum Value {
    Address(u64),
    Integer(i32),
    Float(f32),
}

impl Gpu {
    fn value(&self, argument: &Argument<'_, Memory>) -> Value {
        match argument {
            Argument::Input(memory, offset) => Value::Address(self.address(memory, *offset)),
            Argument::Output(memory) => Value::Address(self.address(memory, 0)),
            Argument::Integer(number) => Value::Integer(*number),
            Argument::Float(number) => Value::Float(*number),
        }
    }
}

/// A handle of cuBLAS on a stream.
#[derive(Debug)]
struct Blas {
    handle: cublasHandle_t,
    stream: Arc<CudaStream>,
}

// SAFETY: a handle may be used by any thread, by one at a time (cuBLAS, "Thread Safety"). `Gpu` is not Sync: the handle, a
// raw pointer, keeps it from that.
unsafe impl Send for Blas {}

impl Blas {
    fn new(stream: &Arc<CudaStream>) -> Result<Self, DeviceError> {
        stream.context().bind_to_thread().map_err(driver)?;
        let blas = Self { handle: blas::create_handle().map_err(cublas)?, stream: stream.clone() };
        // SAFETY: the handle was made just now, and the stream lives as long as it does.
        unsafe { blas::set_stream(blas.handle, stream.cu_stream().cast()) }.map_err(cublas)?;
        Ok(blas)
    }

    /// cuBLAS counts by columns: a matrix of ours, row by row, is its transpose to it. So out = x wᵀ is outᵀ = w xᵀ, where w is
    /// the transpose of what cuBLAS sees and x is seen as xᵀ.
    ///
    /// # Safety
    /// The addresses are of matrices of these sizes.
    unsafe fn multiply(&self, product: Product, x: u64, weight: u64, out: u64) -> Result<(), DeviceError> {
        let [rows, inputs, outputs] = [product.rows, product.inputs, product.outputs].map(|size| size as i32);
        let (alpha, beta) = (1.0_f32, 0.0_f32);
        // SAFETY: the caller vouches for the matrices; alpha and beta are read before the call returns.
        let done = unsafe {
            blas::gemm_ex(
                self.handle,
                cublasOperation_t::CUBLAS_OP_T,
                cublasOperation_t::CUBLAS_OP_N,
                outputs,
                rows,
                inputs,
                (&raw const alpha).cast(),
                weight as *const c_void,
                cudaDataType::CUDA_R_16F,
                inputs,
                x as *const c_void,
                cudaDataType::CUDA_R_16F,
                inputs,
                (&raw const beta).cast(),
                out as *mut c_void,
                cudaDataType::CUDA_R_16F,
                outputs,
                cublasComputeType_t::CUBLAS_COMPUTE_32F,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        };
        done.map_err(cublas)
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        if self.stream.context().bind_to_thread().is_ok() {
            // SAFETY: nobody has the handle any more. On a lost device this fails, which changes nothing.
            let _ = unsafe { blas::destroy_handle(self.handle) };
        }
    }
}

fn driver(error: DriverError) -> DeviceError {
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => DeviceError::OutOfMemory,
        _ => DeviceError::Failed(format!("CUDA: {error}")),
    }
}

fn cublas(error: CublasError) -> DeviceError {
    match error.0 {
        cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => DeviceError::OutOfMemory,
        _ => DeviceError::Failed(format!("cuBLAS: {error}")),
    }
}
