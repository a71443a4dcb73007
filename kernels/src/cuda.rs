//! A GPU of NVIDIA's as a [`Device`], through the driver and cuBLAS: one context, its default stream, our kernels.
//!
//! Both libraries are opened when they are first called: where there is none, [`Gpu::open`] says so and nothing else happens.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;

use cudarc::cublas::result::{self as blas, CublasError};
use cudarc::cublas::sys::{
    cublasComputeType_t, cublasGemmAlgo_t, cublasHandle_t, cublasOperation_t, cublasStatus_t, cudaDataType,
};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;

use crate::device::{Argument, Device, DeviceError, Launch, Product};

/// `cuda/encoder.cu`, compiled by build.rs.
const FATBIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/encoder.fatbin"));
/// The kernels in it.
const KERNELS: [&str; 7] =
    ["embed_and_norm", "add_and_norm", "add_bias_and_gelu", "take_rows", "logits", "attention_32", "attention_64"];

/// A GPU with our kernels loaded.
#[derive(Debug)]
pub struct Gpu {
    name: String,
    kernels: HashMap<&'static str, CudaFunction>,
    blas: Blas,
    stream: Arc<CudaStream>,
}

impl Gpu {
    /// Opens the GPU with a number, counted from 0.
    ///
    /// # Errors
    /// There is no such GPU, no driver or no cuBLAS, or the GPU is older than compute capability 8.0.
    pub fn open(number: usize) -> Result<Self, DeviceError> {
        let context = CudaContext::new(number).map_err(driver)?;
        // SAFETY: everything of this context is done on its one default stream, in order, so that nothing needs events.
        unsafe { context.disable_event_tracking() };
        let stream = context.default_stream();
        let module = context.load_module(Ptx::from_binary(FATBIN.to_vec())).map_err(driver)?;
        let kernels = KERNELS
            .into_iter()
            .map(|name| Ok((name, module.load_function(name).map_err(driver)?)))
            .collect::<Result<_, _>>()?;
        let blas = Blas::new(&stream)?;
        Ok(Self { name: context.name().map_err(driver)?, kernels, blas, stream })
    }
}

impl Device for Gpu {
    type Memory = CudaSlice<u8>;

    fn name(&self) -> &str {
        &self.name
    }

    fn upload(&self, bytes: &[u8]) -> Result<Self::Memory, DeviceError> {
        if bytes.is_empty() {
            return self.allocate(0);
        }
        self.stream.clone_htod(bytes).map_err(driver)
    }

    fn allocate(&self, n_bytes: usize) -> Result<Self::Memory, DeviceError> {
        // CUDA gives no memory of no size.
        self.stream.alloc_zeros(n_bytes.max(1)).map_err(driver)
    }

    fn download(&self, memory: &Self::Memory, n_bytes: usize) -> Result<Vec<u8>, DeviceError> {
        let bytes = match memory.slice(..n_bytes) {
            view if view.is_empty() => Vec::new(),
            view => self.stream.clone_dtoh(&view).map_err(driver)?,
        };
        self.stream.synchronize().map_err(driver)?;
        Ok(bytes)
    }

    unsafe fn launch(&self, launch: &Launch, arguments: &mut [Argument<'_, Self::Memory>]) -> Result<(), DeviceError> {
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
        // SAFETY: the caller vouches for arguments and grid. Memory is freed on the same stream, so that it lives until the
        // kernel is done.
        unsafe { builder.launch(config) }.map(drop).map_err(driver)
    }

    unsafe fn multiply(
        &self,
        product: Product,
        x: &Self::Memory,
        weight: &Self::Memory,
        out: &mut Self::Memory,
    ) -> Result<(), DeviceError> {
        if product.rows == 0 {
            return Ok(());
        }
        self.stream.context().bind_to_thread().map_err(driver)?;
        let weight = self.address(weight, product.first_output * product.inputs * size_of::<half::f16>());
        // SAFETY: the caller vouches for the sizes; memory is freed on the stream that the product runs on.
        unsafe { self.blas.multiply(product, self.address(x, 0), weight, self.address(out, 0)) }
    }
}

/// An argument as a kernel takes it.
enum Value {
    Address(u64),
    Integer(i32),
    Float(f32),
}

impl Gpu {
    fn value(&self, argument: &Argument<'_, CudaSlice<u8>>) -> Value {
        match argument {
            Argument::Input(memory, offset) => Value::Address(self.address(memory, *offset)),
            Argument::Output(memory) => Value::Address(self.address(memory, 0)),
            Argument::Integer(number) => Value::Integer(*number),
            Argument::Float(number) => Value::Float(*number),
        }
    }

    /// Where a byte of some memory lies, for work on the stream.
    fn address(&self, memory: &CudaSlice<u8>, offset: usize) -> u64 {
        let (address, _guard) = memory.device_ptr(&self.stream);
        address + offset as u64
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
