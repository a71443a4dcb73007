//! The device that `fit` trains on, with candle's own kernels on a GPU: ours have no backward passes there.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use portcullis::model::DeviceChoice;

/// Opens a device. Auto is the first GPU if this build knows GPUs and there is one, else the CPU.
pub fn open(choice: DeviceChoice) -> Result<Device> {
    let gpu = |number: usize| Device::new_cuda(number).with_context(|| format!("opening cuda:{number}"));
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(number) => gpu(number),
        DeviceChoice::AllCuda => bail!("a training runs on one GPU: choose cuda:N"),
        DeviceChoice::Auto if cfg!(feature = "cuda") => Ok(gpu(0).unwrap_or(Device::Cpu)),
        DeviceChoice::Auto => Ok(Device::Cpu),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_a_gpu_that_is_not_is_an_error() {
        assert!(open(DeviceChoice::Cpu).unwrap().is_cpu());
        assert!(open(DeviceChoice::Auto).is_ok());
        assert!(open(DeviceChoice::Cuda(4000)).is_err());
        assert!(open(DeviceChoice::AllCuda).is_err());
    }
}
