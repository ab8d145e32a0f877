//! The user's own data: pictures, arrays, tables.

mod archive;
pub(super) mod array;
pub(super) mod arrays;
pub(super) mod column;
mod decode;
pub(super) mod entries;
pub(super) mod folder;
mod fortran;
mod header;
pub(super) mod inputs;
pub(super) mod keys;
mod label;
mod labels;
pub(super) mod layout;
pub(super) mod look;
pub(super) mod loose;
mod npy;
pub(super) mod paths;
mod raster;
mod recording_files;
pub(super) mod recordings;
mod safetensors;
mod split_names;
mod table;
pub(super) mod tree;
mod wav;
