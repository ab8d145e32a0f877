//! The header of a safetensors file.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use super::header::{Header, MOST_HEADER, cut_off, promised, type_of};

/// A tensor as a safetensors file describes it.
#[derive(Deserialize)]
pub(super) struct Tensor {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) data_offsets: [u64; 2],
}

/// Reads the descriptions of a safetensors file of `stored` bytes. Also returns where the tensors' data
/// begin.
pub(super) fn tensors(
    reader: &mut impl Read,
    stored: u64,
) -> std::result::Result<(BTreeMap<String, Tensor>, u64), String> {
    let mut len = [0; 8];
    reader.read_exact(&mut len).map_err(cut_off)?;
    let len = u64::from_le_bytes(len);
    if len > MOST_HEADER || len + 8 > stored {
        return Err("is neither a .npy nor a whole .safetensors file; write it again".to_owned());
    }
    let mut text = vec![0; len as usize];
    reader.read_exact(&mut text).map_err(cut_off)?;
    let damaged = |error: serde_json::Error| format!("is not a safetensors file ({error}); write it again");
    let mut values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&text).map_err(damaged)?;
    values.remove("__metadata__");
    let mut tensors = BTreeMap::new();
    for (name, value) in values {
        tensors.insert(name, serde_json::from_value(value).map_err(damaged)?);
    }
    Ok((tensors, len + 8))
}

/// Reads the header of a safetensors file of `stored` bytes. The caller then still has to skip
/// [`Header::start`] bytes.
pub(super) fn safetensors(
    reader: &mut impl Read,
    stored: u64,
    name: Option<&str>,
) -> std::result::Result<Header, String> {
    let (mut tensors, before) = tensors(reader, stored)?;
    let names = tensors.keys().cloned().collect::<Vec<_>>().join(", ");
    let name = match (name, tensors.keys().next()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(only)) if tensors.len() == 1 => only.clone(),
        _ => return Err(format!("has the tensors {names}; say which by tensor or label_tensor in [data]")),
    };
    let Tensor { dtype, shape, data_offsets: [start, end] } =
        tensors.remove(&name).ok_or_else(|| format!("has no tensor {name}, only {names}"))?;
    let letter = dtype.chars().next().unwrap_or(' ').to_ascii_lowercase();
    let bits: usize = dtype.get(1..).and_then(|bits| bits.parse().ok()).unwrap_or(0);
    let Some(kind) = type_of(letter, bits / 8).filter(|_| bits.is_multiple_of(8)) else {
        return Err(format!(
            "tensor {name} is of type {dtype}, but F32, F64 and integers are read; convert it"
        ));
    };
    if end.checked_sub(start) != promised(&shape, kind) || end > stored - before {
        return Err(format!(
            "is cut off or damaged at tensor {name}, whose length is not that of its shape; write it again"
        ));
    }
    Ok(Header { kind, big_endian: false, fortran: false, shape, start })
}
