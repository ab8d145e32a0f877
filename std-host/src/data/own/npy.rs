//! The header of a `.npy` file.
//!
//! NumPy writes a Python dictionary. Python 2 wrote its long integers with an `L`, and other programs write
//! double quotes.

use std::io::Read;

use super::header::{Header, MOST_HEADER, content_of, cut_off, promised};

/// The first bytes of every `.npy` file.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Reads the header of a `.npy` file of `stored` bytes.
pub(super) fn npy(reader: &mut (impl Read + ?Sized), stored: u64) -> std::result::Result<Header, String> {
    let mut magic = [0; 8];
    reader.read_exact(&mut magic).map_err(cut_off)?;
    let [start @ .., major, _] = magic;
    if start != *MAGIC {
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
    let description = value(&text, "descr").ok_or_else(damaged)?;
    if description.starts_with(['[', '(']) {
        return Err("has records of several fields, but samples are plain numbers; save one field".to_owned());
    }
    let (description, _) = quoted(description).ok_or_else(damaged)?;
    let mut letters = description.chars();
    let (order, letter) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
    let content = letters.as_str().parse().ok().and_then(|bytes| content_of(letter, bytes));
    let content = content.filter(|_| matches!(order, '<' | '>' | '|' | '=')).ok_or_else(|| {
        format!(
            "has numbers of NumPy's type {description}, but bool, integers, float16, float32 and float64 are \
             read; convert it"
        )
    })?;
    let fortran = match value(&text, "fortran_order").ok_or_else(damaged)? {
        rest if rest.starts_with("True") => true,
        rest if rest.starts_with("False") => false,
        _ => return Err(damaged()),
    };
    let shape = value(&text, "shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let shape = sizes(shape.ok_or_else(damaged)?.0).ok_or_else(damaged)?;
    let there = stored - before - len;
    if promised(&shape, content) != Some(there) {
        let dimensions = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "has {there} bytes of numbers, which is not what its header says, shape ({dimensions}) of type \
             {description}; write it again"
        ));
    }
    Ok(Header { content, big_endian: order == '>', fortran, shape, start: before + len })
}

/// What stands behind a key of the dictionary.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let after = ['\'', '"'].iter().find_map(|quote| {
        let (_, rest) = text.split_once(&format!("{quote}{key}{quote}"))?;
        rest.trim_start().strip_prefix(':')
    });
    after.map(str::trim_start)
}

/// The string that a text begins with, and the rest. Python 2 may have written a `u` before it, Python 3 a
/// `b`.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(['u', 'b']).unwrap_or(text);
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text.get(1..)?.split_once(quote)
}

/// `3, 4L, 5`
fn sizes(text: &str) -> Option<Vec<usize>> {
    let sizes = text.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.strip_suffix(['L', 'l']).unwrap_or(size).parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str, numbers: usize) -> std::result::Result<Header, String> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.bytes());
        npy(&mut &file[..], (file.len() + numbers) as u64)
    }

    #[test]
    fn python_2_and_double_quotes_are_numpys() {
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4L, 6L), }",
            r#"{"descr": "<f4", "fortran_order": False, "shape": (4, 6), }"#,
            "{'shape': (4, 6L,), 'fortran_order': False, 'descr': u'<f4'}",
            "{'descr':'=f4','fortran_order':False,'shape':(4,6)}",
        ] {
            let found = header(text, 96).unwrap();
            assert_eq!(
                (&found.shape[..], found.fortran, found.start),
                (&[4, 6][..], false, 10 + text.len() as u64)
            );
        }
    }

    #[test]
    fn what_is_no_header_is_told() {
        for (text, expected) in [
            ("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (4, 6), }", "not NumPy's"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4, -6), }", "not NumPy's"),
            ("{'descr': <f4, 'fortran_order': False}", "not NumPy's"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 6), }", "several fields"),
            ("{'descr': '<f16', 'fortran_order': False, 'shape': (4, 6), }", "type <f16"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 7), }", "shape (4, 7) of type <f4"),
        ] {
            let problem = header(text, 96).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
