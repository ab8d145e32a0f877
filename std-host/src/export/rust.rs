//! `model.wta` as a Rust module.

use wta_core::{Conv, Model, Size};

use super::class_names;
use super::format::ModelFile;
use super::name::Name;
use super::ram::Ram;
use super::title::in_comment;
use crate::error::Result;

/// The number of bytes in a line of the literal.
const LINE: usize = 24;

/// A module that depends on `wta-core` alone: the aligned bytes, and the description as constants from which
/// lengths of buffers are computed. `title` appears in its first line. With a `name`, all lies in a module of
/// that name, so that a file that includes several has no name twice.
///
/// # Errors
///
/// None for a file that was made on this machine.
pub fn module(file: &ModelFile, title: &str, name: Option<&Name>) -> Result<String> {
    let title = in_comment(title);
    let model = file.model()?;
    let uses = constants(&model);
    let bytes = file.bytes();
    let mut literal = String::new();
    for line in bytes.chunks(LINE) {
        literal.push_str("    ");
        literal.extend(line.iter().map(|byte| format!("\\x{byte:02x}")));
        literal.push_str("\\\n");
    }
    let body = format!(
        "use wta_core::{{Conv, Network, Pool, PoolKind, Shape, Size, Threshold, extractor_len}};

/// The bytes of `model.wta`, in flash and aligned.
pub static MODEL: &[u8] = &BYTES.0;

{uses}
#[repr(C, align(16))]
struct Aligned([u8; {}]);

static BYTES: Aligned = Aligned(*b\"\\\n{literal}\");
",
        bytes.len()
    );
    Ok(match name {
        None => format!(
            "//! {title}: made by `wta export`, to be made again and not to be edited.
//!
//! A module of firmware that depends on `wta-core`: `wta_core::Model::parse(model::MODEL)`.

#![allow(dead_code, reason = \"no program needs everything\")]

{body}"
        ),
        Some(name) => format!(
            "// {title}: made by `wta export`, to be made again and not to be edited.

#[allow(
    unused_imports,
    ambiguous_glob_reexports,
    unreachable_pub,
    reason = \"the same without the name, for a file that is a module\"
)]
pub use {name}::*;

/// A module of firmware that depends on `wta-core`: `wta_core::Model::parse({name}::MODEL)`.
#[allow(dead_code, unreachable_pub, reason = \"no program needs everything\")]
pub mod {name} {{
{body}}}
"
        ),
    })
}

/// The description of the network and the lengths of buffers. What is said of the network is that of the last
/// layer of a stack.
fn constants(model: &Model<'_>) -> String {
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
    let scaled = if model.is_stacked() { "the features of the model below" } else { "samples" };
    let mut text = format!(
        "/// The network, of which lengths of buffers are made. What cannot be fails to compile.
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
pub const POOL: Pool = Pool {{
    kernel: {},
    stride: {},
    kind: PoolKind::{:?},
    threshold: Threshold::{:?},
}};

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

/// Preprocessing steps that `wta_core::Pipeline` applies, and an extractor alone does not.
pub const PREPROCESSING_STEPS: usize = {};

/// Layers of the stack in the file; 1 for none.
pub const LAYERS: usize = {};
",
        input.channels,
        input.height,
        input.width,
        layers.concat(),
        size(decoder),
        size(pool.kernel),
        size(pool.stride),
        pool.kind,
        pool.threshold,
        model.sqrt_features(),
        model.scale(),
        model.features(),
        model.classes(),
        model.lowest().preprocessing().len(),
        model.layers(),
    );
    text += &class_names::rust(model);
    let mut add = |about: &str, name: &str, number: usize| {
        text += &format!("\n/// {about}.\npub const {name}: usize = {number};\n");
    };
    let ram = Ram::of(model);
    if let Some(len) = ram.pipeline {
        add("Numbers in `f32` that `wta_core::Pipeline` needs, four bytes each", "PIPELINE_LEN", len);
    }
    for (with, prefix, int8) in [("", "INT8", ram.portable), (" with DSP instructions", "INT8_DSP", ram.dsp)]
    {
        let Some(int8) = int8 else { continue };
        let about = format!("Numbers in `i16` that `wta_core::int8::Int8Extractor` needs{with}");
        add(&about, &format!("{prefix}_EXTRACTOR_LEN"), int8.extractor);
        let about = format!("Numbers in `u32` that `wta_core::Int8Pipeline` needs{with}");
        add(&about, &format!("{prefix}_PIPELINE_LEN"), int8.pipeline);
    }
    text
}

fn conv(conv: Conv) -> String {
    format!("        Conv::with_stride({}, {}, {}),\n", conv.maps, size(conv.kernel), size(conv.stride))
}

fn size(size: Size) -> String {
    format!("Size::new({}, {})", size.height, size.width)
}
