//! `model.wta` as a Rust module.

use wta_core::{Conv, Size};

use super::format::ModelFile;
use crate::error::Result;

/// The number of bytes in a line of the literal.
const LINE: usize = 24;

/// A module that depends on `wta-core` alone: the aligned bytes, and the description as constants from which
/// lengths of buffers are computed. `name` appears in its first line.
///
/// # Errors
///
/// None for a file that was made on this machine.
pub fn module(file: &ModelFile, name: &str) -> Result<String> {
    let model = file.model()?;
    let (network, pool) = (model.network(), model.pool());
    let (input, decoder) = (network.input(), network.decoder().conv.kernel);
    let layers: Vec<String> = network.layers().map(|layer| conv(layer.conv)).collect();
    let tied = if network.is_tied() {
        "    Ok(network) => match network.tied() {
        Ok(network) => network,
        Err(_) => panic!(\"not a network\"),
    },"
    } else {
        "    Ok(network) => network,"
    };
    let scaled = if model.is_stacked() { "features of the model below" } else { "pixels, as f32," };
    let mut text = format!(
        "//! {name}: made by `wta export`, to be made again and not to be edited.
//!
//! A module of firmware that depends on `wta-core`: `wta_core::Model::parse(model::MODEL)`.

#![allow(dead_code, reason = \"no program needs everything\")]

use wta_core::{{Conv, Network, Pool, PoolKind, Shape, Size, extractor_len}};

/// The bytes of `model.wta`, in flash and aligned.
pub static MODEL: &[u8] = &BYTES.0;

/// The network, of which lengths of buffers are made. What cannot be fails to compile.
pub const NETWORK: Network = match Network::convolutional(
    Shape::new({}, {}, {}),
    &[
{}    ],
    {},
) {{
{tied}
    Err(_) => panic!(\"not a network\"),
}};

/// The pooling of the code.
pub const POOL: Pool = Pool {{ kernel: {}, stride: {}, kind: PoolKind::{:?} }};

/// Numbers that `wta_core::Extractor` needs for features row by row.
pub const EXTRACTOR_LEN: usize = extractor_len(&NETWORK, &POOL);

/// Whether features are square roots: the activations' are pooled.
pub const ROOT: bool = {};

/// What {scaled} are multiplied by.
pub const SCALE: f32 = {:?};

/// Features of an image.
pub const FEATURES: usize = {};

/// Classes of the classifier; 0 for none.
pub const CLASSES: usize = {};

#[repr(C, align(16))]
struct Aligned([u8; {}]);

static BYTES: Aligned = Aligned(*b\"\\\n",
        input.channels,
        input.height,
        input.width,
        layers.concat(),
        size(decoder),
        size(pool.kernel),
        size(pool.stride),
        pool.kind,
        model.sqrt_features(),
        model.scale(),
        model.features(),
        model.classes(),
        file.bytes().len(),
    );
    for line in file.bytes().chunks(LINE) {
        text.push_str("    ");
        text.extend(line.iter().map(|byte| format!("\\x{byte:02x}")));
        text.push_str("\\\n");
    }
    text.push_str("\");\n");
    Ok(text)
}

fn conv(conv: Conv) -> String {
    format!("        Conv::with_stride({}, {}, {}),\n", conv.maps, size(conv.kernel), size(conv.stride))
}

fn size(size: Size) -> String {
    format!("Size::new({}, {})", size.height, size.width)
}
