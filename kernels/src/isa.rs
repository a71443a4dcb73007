//! One body of arithmetic, compiled for several instruction sets; the CPU decides at run time which of them runs.
//!
//! `PORTCULLIS_ISA` holds the choice down to one of the names that [`Isa::available`] gives, so that what an older CPU would
//! run can be tested on a newer one. It never raises it: a proof exists only if the CPU has the instructions.

use std::sync::OnceLock;

/// The environment variable that names the best instruction set to be used.
pub const ISA_VARIABLE: &str = "PORTCULLIS_ISA";

/// An instruction set that this CPU has, as proofs of what is in it. A kernel takes the best proof that it has a version for.
#[derive(Clone, Copy, Debug)]
pub struct Isa {
    name: &'static str,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx2: Option<x86::Avx2>,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avxvnni: Option<x86::AvxVnni>,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx512vnni: Option<x86::Avx512Vnni>,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx512bf16: Option<x86::Avx512Bf16>,
    #[cfg(target_arch = "aarch64")]
    pub(crate) neon: Option<arm::Neon>,
}

impl Isa {
    /// What every CPU of the architecture has, in plain arithmetic: the oracle of all kernels.
    pub const BASELINE: Self = Self {
        name: "baseline",
        #[cfg(target_arch = "x86_64")]
        avx2: None,
        #[cfg(target_arch = "x86_64")]
        avxvnni: None,
        #[cfg(target_arch = "x86_64")]
        avx512vnni: None,
        #[cfg(target_arch = "x86_64")]
        avx512bf16: None,
        #[cfg(target_arch = "aarch64")]
        neon: None,
    };

    /// The best that this CPU has and the environment allows. Both are looked at once.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::BASELINE))
    }

    /// All that this CPU has and the environment allows, the best last.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::BASELINE];
        all.extend(Self::better());
        let limit = std::env::var(ISA_VARIABLE).ok();
        // A name that is not among them holds nothing down: the best of a CPU may be less than the variable allows.
        if let Some(index) = all.iter().position(|isa| Some(isa.name) == limit.as_deref()) {
            all.truncate(index + 1);
        }
        all
    }

    #[cfg(target_arch = "x86_64")]
    fn better() -> impl Iterator<Item = Self> {
        let avx2 = x86::Avx2::detect().map(|proof| Self { name: "avx2", avx2: Some(proof), ..Self::BASELINE });
        let avxvnni =
            avx2.and_then(|isa| Some(Self { name: "avxvnni", avxvnni: Some(x86::AvxVnni::detect()?), ..isa }));
        let avx512vnni =
            avx2.and_then(|isa| Some(Self { name: "avx512vnni", avx512vnni: Some(x86::Avx512Vnni::detect()?), ..isa }));
        let avx512bf16 = avx512vnni
            .and_then(|isa| Some(Self { name: "avx512bf16", avx512bf16: Some(x86::Avx512Bf16::detect()?), ..isa }));
        [avx2, avxvnni, avx512vnni, avx512bf16].into_iter().flatten()
    }

    #[cfg(target_arch = "aarch64")]
    fn better() -> impl Iterator<Item = Self> {
        arm::Neon::detect().map(|proof| Self { name: "neon", neon: Some(proof) }).into_iter()
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn better() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    /// Its name, as reports and [`ISA_VARIABLE`] have it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Runs a body that was compiled for this instruction set. What it calls must be `#[inline(always)]`. A body in plain
    /// arithmetic gains nothing from AVX-512: compilers keep to 256 bits there. On aarch64 every body is compiled for NEON.
    #[inline(always)]
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.avx2 {
            return proof.run(body);
        }
        body()
    }
}

/// The proofs, which nobody outside can make.
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    /// Proof that this CPU has AVX2 and FMA.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(super) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
        }

        #[inline(always)]
        pub(super) fn run<R>(self, body: impl FnOnce() -> R) -> R {
            // SAFETY: `self` exists only if the CPU has AVX2 and FMA, which is all that the function asks for.
            unsafe { run(body) }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    fn run<R>(body: impl FnOnce() -> R) -> R {
        body()
    }

    /// Proof that this CPU has AVX2, FMA and AVX-VNNI, the form of VNNI that needs no AVX-512.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct AvxVnni(());

    impl AvxVnni {
        pub(super) fn detect() -> Option<Self> {
            Avx2::detect().filter(|_| is_x86_feature_detected!("avxvnni")).map(|_| Self(()))
        }
    }

    /// Proof that this CPU has AVX-512 F, BW and VNNI.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512Vnni(());

    impl Avx512Vnni {
        pub(super) fn detect() -> Option<Self> {
            let has_all = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni");
            has_all.then_some(Self(()))
        }
    }

    /// Proof that this CPU has AVX-512 F and BF16.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512Bf16(());

    impl Avx512Bf16 {
        pub(super) fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")).then_some(Self(()))
        }
    }
}

/// The proofs, which nobody outside can make.
#[cfg(target_arch = "aarch64")]
pub(crate) mod arm {
    /// Proof that this CPU has NEON.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Neon(());

    impl Neon {
        pub(super) fn detect() -> Option<Self> {
            std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_best_is_the_last_that_is_available() {
        let names: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        assert_eq!(names.first(), Some(&"baseline"));
        assert_eq!(names.last(), Some(&Isa::best().name()));
        println!("best: {}", Isa::best().name());
    }

    /// In a process of its own, since the choice is made once.
    #[test]
    fn the_environment_holds_the_choice_down() {
        let free: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        for name in free {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["isa::tests::the_best_is_the_last_that_is_available", "--exact", "--nocapture"])
                .env(ISA_VARIABLE, name)
                .output()
                .unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && printed.contains(&format!("best: {name}\n")), "{name}: {printed}");
        }
    }
}
