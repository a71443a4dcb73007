//! The arithmetic in which an encoder's matrix products run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The arithmetic of the matrix products. Everything else is f32; on a GPU, states are f16 between kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// The fastest that the device has kernels for and in which the model answers its golden inputs as it should.
    #[default]
    Auto,
    /// Integers: weights by output channel, activations by token.
    Int8,
    /// Half precision products, f32 sums: on GPUs.
    F16,
    /// bfloat16 products, f32 sums.
    Bf16,
    /// Single precision.
    F32,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Int8, Self::F16, Self::Bf16, Self::F32];

    /// The name in settings, flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
            .ok_or_else(|| "the precision must be auto, int8, f16, bf16 or f32".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
            assert_eq!(serde_json::to_string(&precision).unwrap(), format!("{:?}", precision.name()));
        }
        assert!("int4".parse::<Precision>().is_err());
    }
}
