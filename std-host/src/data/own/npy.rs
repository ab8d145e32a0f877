//! The header of a `.npy` file.

use std::io::Read;

use super::header::{Header, MOST_HEADER, cut_off, promised, type_of};

/// Reads the header of a `.npy` file of `stored` bytes. The caller then still has to skip [`Header::start`]
/// bytes.
pub(super) fn npy(reader: &mut impl Read, stored: u64) -> std::result::Result<Header, String> {
    let mut magic = [0; 8];
    reader.read_exact(&mut magic).map_err(cut_off)?;
    let [start @ .., major, _] = magic;
    if start != *b"\x93NUMPY" {
        return Err("is not a .npy file; save it with numpy.save".to_owned());
    }
    let (len, before) = match major {
        1 => {
            let mut len = [0; 2];
            reader.read_exact(&mut len).map_err(cut_off)?;
            (u64::from(u16::from_le_bytes(len)), 10)
        }
        2 | 3 => {
            let mut len = [0; 4];
            reader.read_exact(&mut len).map_err(cut_off)?;
            (u64::from(u32::from_le_bytes(len)), 12)
        }
        _ => {
            return Err(format!(
                "is a .npy file of version {major}, of which nothing is known; save it again"
            ));
        }
    };
    if len > MOST_HEADER || before + len > stored {
        return Err(cut_off(()));
    }
    let mut text = vec![0; len as usize];
    reader.read_exact(&mut text).map_err(cut_off)?;
    let text = String::from_utf8_lossy(&text);
    let damaged = || "has a header that is not NumPy's; save it again".to_owned();
    let value = |key: &str| {
        let (_, rest) = text.split_once(&format!("'{key}'"))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let description = value("descr").ok_or_else(damaged)?;
    let description = match description.strip_prefix('\'') {
        Some(rest) => rest.split('\'').next().unwrap_or_default(),
        None => {
            return Err("has records of several fields, but images are plain numbers; convert it".to_owned());
        }
    };
    let mut letters = description.chars();
    let (order, letter) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
    let kind = letters.as_str().parse().ok().and_then(|bytes| type_of(letter, bytes));
    let kind = kind.filter(|_| matches!(order, '<' | '>' | '|' | '=')).ok_or_else(|| {
        format!("has numbers of NumPy's type {description}, but float32, float64 and integers are read; convert it")
    })?;
    let fortran = value("fortran_order").ok_or_else(damaged)?.starts_with("True");
    let shape =
        value("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).ok_or_else(damaged)?.0;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> =
        sizes.map(|size| size.parse().map_err(|_| damaged())).collect::<std::result::Result<_, _>>()?;
    let there = stored - before - len;
    if promised(&shape, kind) != Some(there) {
        return Err(format!(
            "has {there} bytes of numbers, which is not what its header says, shape ({}) of type {description}; write \
             it again",
            shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    Ok(Header { kind, big_endian: order == '>', fortran, shape, start: 0 })
}
