//! The user's own data: folders of pictures, and arrays.

pub(super) mod arrays;
mod decode;
pub(super) mod folder;
mod header;
pub(super) mod keys;
pub(super) mod loose;
mod npy;
mod raster;
mod safetensors;
pub(super) mod tree;
