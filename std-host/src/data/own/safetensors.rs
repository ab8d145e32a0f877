//! The header of a safetensors file.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use super::header::{Content, Header, MOST_HEADER, content_of, cut_off, promised};
use crate::data::element::Element;

/// A tensor as a safetensors file describes it.
#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

type Result<T> = std::result::Result<T, String>;

/// Reads the header of each tensor of a safetensors file of `stored` bytes. That of a tensor that cannot be
/// read says why.
pub(super) fn tensors(reader: &mut impl Read, stored: u64) -> Result<BTreeMap<String, Result<Header>>> {
    let mut len = [0; 8];
    reader.read_exact(&mut len).map_err(cut_off)?;
    let len = u64::from_le_bytes(len);
    if len > MOST_HEADER || len + 8 > stored {
        return Err("is no whole .safetensors file; write it again".to_owned());
    }
    let mut text = vec![0; len as usize];
    reader.read_exact(&mut text).map_err(cut_off)?;
    let damaged = |error: serde_json::Error| format!("is not a safetensors file ({error}); write it again");
    let mut values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text).map_err(damaged)?;
    values.remove("__metadata__");
    let mut tensors = BTreeMap::new();
    for (name, value) in values {
        let tensor: Tensor = serde_json::from_value(value).map_err(damaged)?;
        tensors.insert(name.clone(), header(&name, &tensor, len + 8, stored));
    }
    Ok(tensors)
}

fn header(name: &str, tensor: &Tensor, before: u64, stored: u64) -> Result<Header> {
    let Tensor { dtype, shape, data_offsets: [start, end] } = tensor;
    let content = match dtype.as_str() {
        "BOOL" => Some(Content::Numbers(Element::Bool)),
        "BF16" => Some(Content::Numbers(Element::BF16)),
        name => {
            let letter = name.chars().next().unwrap_or(' ').to_ascii_lowercase();
            let bits: usize = name.get(1..).and_then(|bits| bits.parse().ok()).unwrap_or(0);
            content_of(letter, bits / 8)
                .filter(|_| matches!(letter, 'f' | 'i' | 'u') && bits.is_multiple_of(8))
        }
    };
    let Some(content) = content else {
        return Err(format!(
            "tensor {name} is of type {dtype}, but BOOL, integers, F16, BF16, F32 and F64 are read; convert it"
        ));
    };
    if end.checked_sub(*start) != promised(shape, content) || *end > stored - before {
        return Err(format!(
            "is cut off or damaged at tensor {name}, whose length is not that of its shape; write it again"
        ));
    }
    Ok(Header { content, big_endian: false, fortran: false, shape: shape.clone(), start: before + start })
}
