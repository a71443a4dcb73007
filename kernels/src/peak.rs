//! What a core can do at most: multiply-adds in registers, with nothing to load. Kernels are measured against it.

use crate::Isa;

/// Does twelve independent multiply-adds of f32 vectors `steps` times, as the kernels of [`crate::gemm::f32`] do between
/// loads, and returns the number of multiplications and additions. None where this was not written down.
pub fn f32(isa: Isa, steps: u64) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = isa.avx2 {
        return Some(x86::f32(proof, steps));
    }
    let _ = (isa, steps);
    None
}

/// The same for the 16-bit integers of [`crate::gemm::int16`].
pub fn int16(isa: Isa, steps: u64) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = isa.avx512vnni {
        return Some(x86::int16_avx512vnni(proof, steps));
    } else if let Some(proof) = isa.avxvnni {
        return Some(x86::int16_avxvnni(proof, steps));
    } else if let Some(proof) = isa.avx2 {
        return Some(x86::int16(proof, steps));
    }
    let _ = (isa, steps);
    None
}

/// The same for [`crate::gemm::bf16`], where the CPU has an instruction for it; elsewhere its peak is that of f32.
pub fn bf16(isa: Isa, steps: u64) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if let Some(proof) = isa.avx512bf16 {
        return Some(x86::bf16(proof, steps));
    }
    f32(isa, steps)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    use crate::isa::x86::{Avx2, Avx512Bf16, Avx512Vnni, AvxVnni};

    /// Sums that do not wait for each other: as many as hide the latency of any of the instructions.
    const SUMS: u64 = 12;

    /// Repeats an instruction for each sum, `steps` times, with operands that are 0. Written in assembly, since a compiler
    /// would find that the result is not used.
    macro_rules! repeat {
        ($steps:expr, $($line:expr),+ $(,)?) => {
            // SAFETY: the caller's proof says that the CPU has the instructions. They change nothing but the registers that
            // are listed and the counter.
            unsafe {
                asm!(
                    "test {n}, {n}",
                    "jz 3f",
                    "vzeroall",
                    "2:",
                    $($line,)+
                    "dec {n}",
                    "jnz 2b",
                    "3:",
                    "vzeroupper",
                    n = inout(reg) $steps => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                    out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options(nomem, nostack)
                );
            }
        };
    }

    /// One line for each sum.
    macro_rules! each_sum {
        ($repeat:ident, $steps:expr, $line:ident) => {
            $repeat!(
                $steps,
                $line!("0"),
                $line!("1"),
                $line!("2"),
                $line!("3"),
                $line!("4"),
                $line!("5"),
                $line!("6"),
                $line!("7"),
                $line!("8"),
                $line!("9"),
                $line!("10"),
                $line!("11"),
            )
        };
    }

    macro_rules! f32_line {
        ($sum:literal) => {
            concat!("vfmadd231ps ymm", $sum, ", ymm14, ymm15")
        };
    }

    macro_rules! int16_line {
        ($sum:literal) => {
            concat!("vpmaddwd ymm13, ymm14, ymm15\nvpaddd ymm", $sum, ", ymm", $sum, ", ymm13")
        };
    }

    macro_rules! int16_avxvnni_line {
        ($sum:literal) => {
            concat!("{{vex}} vpdpwssd ymm", $sum, ", ymm14, ymm15")
        };
    }

    macro_rules! int16_avx512vnni_line {
        ($sum:literal) => {
            concat!("vpdpwssd zmm", $sum, ", zmm14, zmm15")
        };
    }

    macro_rules! bf16_line {
        ($sum:literal) => {
            concat!("vdpbf16ps zmm", $sum, ", zmm14, zmm15")
        };
    }

    pub(super) fn f32(_proof: Avx2, steps: u64) -> u64 {
        each_sum!(repeat, steps, f32_line);
        steps * SUMS * 8 * 2
    }

    pub(super) fn int16(_proof: Avx2, steps: u64) -> u64 {
        each_sum!(repeat, steps, int16_line);
        steps * SUMS * 16 * 2
    }

    pub(super) fn int16_avxvnni(_proof: AvxVnni, steps: u64) -> u64 {
        each_sum!(repeat, steps, int16_avxvnni_line);
        steps * SUMS * 16 * 2
    }

    pub(super) fn int16_avx512vnni(_proof: Avx512Vnni, steps: u64) -> u64 {
        each_sum!(repeat, steps, int16_avx512vnni_line);
        steps * SUMS * 32 * 2
    }

    pub(super) fn bf16(_proof: Avx512Bf16, steps: u64) -> u64 {
        each_sum!(repeat, steps, bf16_line);
        steps * SUMS * 32 * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_for_every_kernel_that_there_is() {
        for isa in Isa::available() {
            let is_baseline = isa.name() == Isa::BASELINE.name() || cfg!(not(target_arch = "x86_64"));
            for steps in [0, 1, 7] {
                assert_eq!(f32(isa, steps), (!is_baseline).then_some(steps * 12 * 16), "{isa:?}");
                assert_eq!([int16(isa, steps), bf16(isa, steps)].map(|n| n.is_none()), [is_baseline; 2], "{isa:?}");
            }
        }
    }
}
