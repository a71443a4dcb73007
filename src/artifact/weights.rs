//! `model.safetensors` to tensors, by nobody's word: the header is bounded before it is parsed, a name stands once, every type
//! is one that a scorer takes, every number is finite.
//!
//! That names and shapes are those of the encoder is checked where each is asked for, by the model itself.

use std::collections::{HashMap, HashSet};
use std::fmt;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::ArtifactError;
use super::manifest::WEIGHTS;

/// Bytes that the header may have: a hundred times what an encoder of 64 layers needs.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;
/// Bytes of the header's length, which stands before it.
const LENGTH_BYTES: usize = 8;

/// The tensors of a file by name, in f32 on the CPU.
///
/// # Errors
/// The first thing in the file that does not belong in a model.
pub fn read_weights(file: &[u8]) -> Result<HashMap<String, Tensor>, ArtifactError> {
    check_header(file)?;
    let tensors = SafeTensors::deserialize(file).map_err(invalid)?;
    tensors.iter().map(|(name, view)| Ok((name.to_owned(), read_tensor(name, &view)?))).collect()
}

/// What the safetensors library leaves open: it takes headers of 100 MB, and the last of two tensors of one name.
fn check_header(file: &[u8]) -> Result<(), ArtifactError> {
    let (length, rest) =
        file.split_first_chunk::<LENGTH_BYTES>().ok_or_else(|| invalid("there is no room for a header"))?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(invalid(format!("the header has {length} bytes; at most {MAX_HEADER_BYTES} are accepted")));
    }
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let header = header.ok_or_else(|| invalid("the header is longer than the file"))?;
    serde_json::from_slice::<DistinctNames>(header).map_err(invalid)?;
    Ok(())
}

fn read_tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor, ArtifactError> {
    let dtype = match view.dtype() {
        Dtype::F16 if is_finite::<2>(view.data(), 0x7c00) => DType::F16,
        Dtype::BF16 if is_finite::<2>(view.data(), 0x7f80) => DType::BF16,
        Dtype::F32 if is_finite::<4>(view.data(), 0x7f80_0000) => DType::F32,
        Dtype::F16 | Dtype::BF16 | Dtype::F32 => {
            return Err(invalid(format!("tensor {name} holds a number that is not finite")));
        }
        other => return Err(invalid(format!("tensor {name} is of type {other:?}; F16, BF16 and F32 are accepted"))),
    };
    Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)
        .and_then(|tensor| tensor.to_dtype(DType::F32))
        .map_err(invalid)
}

/// Whether no number of `N` little-endian bytes has all bits of its exponent set, which is what NaN and the infinities
/// have in common (IEEE 754).
fn is_finite<const N: usize>(data: &[u8], exponent: u32) -> bool {
    data.as_chunks::<N>().0.iter().all(|number| {
        let bits = number.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        bits & exponent != exponent
    })
}

fn invalid(reason: impl fmt::Display) -> ArtifactError {
    ArtifactError::invalid(WEIGHTS, reason)
}

/// A JSON object in which no name stands twice.
struct DistinctNames;

impl<'de> Deserialize<'de> for DistinctNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for DistinctNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(name) = names.replace(name) {
                return Err(serde::de::Error::custom(format!("tensor {name} stands there twice")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn one(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        file(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, data.len()), data)
    }

    fn refusal(file: &[u8]) -> String {
        read_weights(file).unwrap_err().to_string()
    }

    #[test]
    fn numbers_of_each_type_are_read() {
        for (dtype, data) in [("F16", [0, 0x3c, 0, 0xbe].as_slice()), ("BF16", &[0x80, 0x3f, 0xc0, 0xbf])] {
            let tensors = read_weights(&one(dtype, "[2]", data)).unwrap();
            assert_eq!(tensors["a"].to_vec1::<f32>().unwrap(), [1.0, -1.5], "{dtype}");
        }
        let data = [1.0_f32, -1.5].map(f32::to_le_bytes).concat();
        assert_eq!(read_weights(&one("F32", "[2,1]", &data)).unwrap()["a"].dims(), [2, 1]);
    }

    #[test]
    fn what_is_not_a_file_of_tensors_is_refused() {
        assert!(refusal(&[]).contains("no room"));
        assert!(refusal(&u64::MAX.to_le_bytes()).contains("at most 1048576"));
        assert!(refusal(&(MAX_HEADER_BYTES + 1).to_le_bytes()).contains("at most 1048576"));
        assert!(refusal(&MAX_HEADER_BYTES.to_le_bytes()).contains("longer than the file"));
        refusal(&file("{", &[]));
        refusal(&file(&"[".repeat(100_000), &[]));
    }

    #[test]
    fn sizes_that_contradict_each_other_are_refused() {
        refusal(&one("F16", "[3]", &[0; 4]));
        refusal(&one("F32", "[9223372036854775807, 4]", &[0; 4]));
        refusal(&file(r#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#, &[0; 4]));
        refusal(&file(r#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}}"#, &[0; 4]));
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let entry = r#""a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}"#;
        read_weights(&file(&format!("{{{entry}}}"), &[0; 2])).unwrap();
        assert!(refusal(&file(&format!("{{{entry},{entry}}}"), &[0; 2])).contains("tensor a stands there twice"));
    }

    #[test]
    fn other_types_are_refused() {
        for (dtype, bytes) in [("F64", 8), ("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)] {
            assert!(refusal(&one(dtype, "[1]", &vec![0; bytes])).contains("are accepted"), "{dtype}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        for number in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let data = [0.0, number, 1.0].map(f32::to_le_bytes).concat();
            assert!(refusal(&one("F32", "[3]", &data)).contains("not finite"), "{number}");
        }
        for number in [0x7c00_u16, 0xfc00, 0x7e00] {
            assert!(refusal(&one("F16", "[1]", &number.to_le_bytes())).contains("not finite"), "{number:x}");
        }
        assert!(refusal(&one("BF16", "[1]", &0x7f80_u16.to_le_bytes())).contains("not finite"));
        read_weights(&one("F32", "[1]", &f32::MAX.to_le_bytes())).unwrap();
        read_weights(&one("F16", "[1]", &0x7bff_u16.to_le_bytes())).unwrap();
    }
}
