//! One body of arithmetic, compiled for several instruction sets; the CPU decides at run time which of them runs.

/// An instruction set that this CPU has: values of the better ones exist only where it does.
#[derive(Clone, Copy, Debug)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Proof),
}

impl Isa {
    /// What every CPU of the architecture has.
    pub const BASELINE: Self = Self(Kind::Baseline);

    /// The best that this CPU has. The standard library looks at the CPU once and remembers.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = avx2::Proof::new() {
            return Self(Kind::Avx2(proof));
        }
        Self::BASELINE
    }

    /// Runs a body that was compiled for this instruction set. What it calls must be `#[inline(always)]`.
    #[inline(always)]
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        match self.0 {
            Kind::Baseline => body(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => proof.run(body),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    /// Proof that this CPU has AVX2 and FMA.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Proof(());

    impl Proof {
        pub(super) fn new() -> Option<Self> {
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
}
