//! What a file is: its kind, what is in it, who reads it, and what is wrong with it.
//!
//! ```text
//! path ─▶ a folder ─▶ each file of the run, and whether they belong together
//!      └▶ a file ──▶ by its first bytes: safetensors ─▶ the kind by its tensors
//!                                        model.wta ───▶ what devices find in it
//!                                        text ────────▶ a recipe
//! ```
//!
//! Nothing is taken from a file's name, so that a file that was renamed is what it is.

mod device;
mod file;
mod finding;
mod folder;
mod numbers;
mod recipe;
mod tensors;

use std::path::Path;

pub use finding::{Fact, Finding};
pub use numbers::TensorFinding;

use crate::error::Result;

/// Looks at a file, or at a run folder and all its files. What is wrong with them is in
/// [`Finding::problems`]; the folder's own finding comes first.
///
/// # Errors
///
/// [`Error::Io`](crate::Error::Io) if there is no such file or it cannot be read,
/// [`Error::Memory`](crate::Error::Memory) if it is too large.
///
/// ```
/// let folder = std::env::temp_dir().join(format!("wta-inspect-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let recipe = folder.join("my.toml");
/// std::fs::write(&recipe, wta::recipe::text("digits-demo").unwrap())?;
/// let found = wta::inspect::inspect(&recipe)?;
/// assert_eq!(found[0].kind, "a recipe");
/// assert!(found[0].problems.is_empty());
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(path: &Path) -> Result<Vec<Finding>> {
    if path.is_dir() { folder::inspect(path) } else { Ok(vec![file::inspect(path)?]) }
}
