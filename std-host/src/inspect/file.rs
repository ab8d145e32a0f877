//! A file, by its first bytes.

use std::path::Path;

use wta_core::model::MAGIC;

use super::finding::Finding;
use super::{device, recipe, tensors};
use crate::error::Result;
use crate::files::whole;
use crate::linear::Linear;

/// Looks at a file.
pub(super) fn inspect(path: &Path) -> Result<Finding> {
    let bytes = whole::read(path)?;
    let finding = Finding::new(path, bytes.len() as u64);
    if bytes.is_empty() {
        return Ok(finding.of("an empty file", "nobody").wrong("holds nothing".to_owned()));
    }
    if bytes.starts_with(&MAGIC) {
        return device::inspect(finding, &bytes);
    }
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(finding.of("a NumPy array", "`wta init`, which makes a recipe for it; numpy.load"));
    }
    if bytes.starts_with(b"\x89PNG") {
        return Ok(finding.of("a picture", "any viewer; `wta predict`"));
    }
    if bytes.starts_with(b"solver_type ") {
        let finding = finding.of("a classifier of LIBLINEAR", "`wta svm predict`; liblinear-predict");
        return Ok(match Linear::load(path) {
            Ok(linear) => finding
                .with("classes", linear.classes().names().join(", "))
                .with("features", linear.model().features.to_string()),
            Err(error) => finding.refused(&error),
        });
    }
    if is_safetensors(&bytes) {
        return Ok(tensors::inspect(finding, &bytes));
    }
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => recipe::inspect(finding, text),
        Err(_) => {
            finding.wrong("is no file of `wta`: neither safetensors, nor model.wta, nor a recipe".to_owned())
        }
    })
}

/// Whether a header of JSON begins behind 8 bytes of its length. These have a zero, and a text has none. All
/// else in a file whose numbers are 0 may be text.
fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{') && bytes.iter().take(8).any(|byte| *byte == 0)
}
