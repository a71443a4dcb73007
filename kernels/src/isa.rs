//! One body of arithmetic, compiled for several instruction sets; the CPU decides at run time which of them runs.
//!
//! `PORTCULLIS_ISA` (`baseline`, `avx2` or `avx512vnni`) holds the choice down, so that what an older CPU would run can be
//! tested on a newer one. It never raises it: a value exists only if the CPU has the instructions.

use std::sync::OnceLock;

/// The environment variable that names the best instruction set to be used.
pub const ISA_VARIABLE: &str = "PORTCULLIS_ISA";

/// An instruction set that this CPU has: values of the better ones exist only where it does.
#[derive(Clone, Copy, Debug)]
pub struct Isa(pub(crate) Kind);

/// What an [`Isa`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(x86::Avx512Vnni),
}

impl Isa {
    /// What every CPU of the architecture has.
    pub const BASELINE: Self = Self(Kind::Baseline);

    /// The best that this CPU has and the environment allows. Both are looked at once.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::BASELINE))
    }

    /// All that this CPU has and the environment allows, the best last.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::BASELINE];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx2::detect().map(|proof| Self(Kind::Avx2(proof))));
            all.extend(x86::Avx512Vnni::detect().map(|proof| Self(Kind::Avx512Vnni(proof))));
        }
        let limit = std::env::var(ISA_VARIABLE).ok();
        // A name that is not among them holds nothing down: the best of a CPU may be less than the variable allows.
        if let Some(index) = all.iter().position(|isa| Some(isa.name()) == limit.as_deref()) {
            all.truncate(index + 1);
        }
        all
    }

    /// Its name, as reports and [`ISA_VARIABLE`] have it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(_) => "avx512vnni",
        }
    }

    /// Runs a body that was compiled for this instruction set. What it calls must be `#[inline(always)]`. A body in plain
    /// arithmetic gains nothing from AVX-512: compilers keep to 256 bits there.
    #[inline(always)]
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        match self.0 {
            Kind::Baseline => body(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => proof.run(body),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni(proof) => proof.avx2().run(body),
        }
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

    /// Proof that this CPU has AVX-512 F, BW and VNNI, and AVX2 and FMA.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512Vnni(Avx2);

    impl Avx512Vnni {
        pub(super) fn detect() -> Option<Self> {
            let has_all = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni");
            Avx2::detect().filter(|_| has_all).map(Self)
        }

        pub(crate) fn avx2(self) -> Avx2 {
            self.0
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
