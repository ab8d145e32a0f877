//! `model.wta` as a C header.

use wta_core::model::CHECKED_FROM;
use wta_core::{Method, Model, novelty_len, stream_training_len};

use super::class_names;
use super::format::ModelFile;
use super::name::Name;
use super::ram::Ram;
use super::title::in_comment;
use crate::error::Result;

/// The number of bytes in a line of the array.
const LINE: usize = 16;

/// A header for C99 (and C++) with the aligned array `wta_<name>`, and its description as macros
/// `WTA_<NAME>_...`; of a classifier also the array `wta_<name>_class_names`. `title` appears in its first
/// line. Headers of several models go into one file under several names; two of one name do not compile.
///
/// # Errors
///
/// None for a file that was made on this machine.
pub fn header(file: &ModelFile, title: &str, name: &Name) -> Result<String> {
    let model = file.model()?;
    let lowest = model.lowest();
    let input = lowest.network().input();
    let title = in_comment(title);
    let capitals = name.capitals();
    let crc = file.bytes().get(CHECKED_FROM - 4..).and_then(|bytes| bytes.first_chunk().copied());
    let crc = u32::from_le_bytes(crc.unwrap_or_default());
    let mut text = format!(
        "/* {title}: made by `wta export`, to be made again and not to be edited. */

#ifndef WTA_{capitals}_H
/* The CRC-32 of the model, which tells it from another one of this name. */
#define WTA_{capitals}_H 0x{crc:08x}u

/* Bytes of the model. */
#define WTA_{capitals}_LEN {}u
/* The input: height x width positions with the channels side by side. */
#define WTA_{capitals}_CHANNELS {}u
#define WTA_{capitals}_HEIGHT {}u
#define WTA_{capitals}_WIDTH {}u
/* What each number of the input is multiplied by. */
#define WTA_{capitals}_SCALE {:?}f
/* Features of an image. */
#define WTA_{capitals}_FEATURES {}u
/* Classes of the classifier; 0 for none. */
#define WTA_{capitals}_CLASSES {}u
{}
#if defined(__cplusplus) && __cplusplus >= 201103L
#define WTA_{capitals}_ALIGN alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define WTA_{capitals}_ALIGN _Alignas(16)
#elif defined(__GNUC__) || defined(__ICCARM__) || defined(__CC_ARM)
#define WTA_{capitals}_ALIGN __attribute__((aligned(16)))
#else
#error \"say here how this compiler aligns an array to 16 bytes\"
#endif

/* The bytes of model.wta, in flash. Each file that uses the array has a copy of its own: let one file do so, and others
   take the macros alone. */
WTA_{capitals}_ALIGN static const unsigned char wta_{name}[WTA_{capitals}_LEN] = {{\n",
        file.bytes().len(),
        input.channels,
        input.height,
        input.width,
        lowest.scale(),
        model.features(),
        model.classes(),
        memory_macros(&model, &capitals),
    );
    for line in file.bytes().chunks(LINE) {
        text.push_str("    ");
        text.extend(line.iter().map(|byte| format!("0x{byte:02x},")));
        text.push('\n');
    }
    text.push_str("};\n\n");
    text.push_str(&class_names::c(&model, name, &capitals));
    text += &format!(
        "#elif WTA_{capitals}_H != 0x{crc:08x}u\n\
         #error \"two models are called {name}: export one of them under another name\"\n\
         #endif\n"
    );
    Ok(text)
}

/// Macros with the RAM that the functions of wta.h need for this model. A function gets one if the model has
/// the sections that it needs.
fn memory_macros(model: &Model<'_>, capitals: &str) -> String {
    let network = model.network();
    let ram = Ram::of(model);
    let mut text = String::from("/* Bytes of memory that the functions of wta.h need. */\n");
    let mut define = |name: &str, bytes: &str| text += &format!("#define WTA_{capitals}_{name} {bytes}\n");
    if let Some(bytes) = ram.encode {
        define("ENCODE_BYTES", &format!("{bytes}u"));
    }
    if let (Some(portable), Some(dsp)) = (ram.portable, ram.dsp) {
        define("INT8_PORTABLE_BYTES", &format!("{}u", portable.bytes));
        define("INT8_DSP_BYTES", &format!("{}u", dsp.bytes));
        // Enough for both.
        define("INT8_BYTES", &format!("{}u", dsp.bytes.max(portable.bytes)));
    }
    if model.parameters().is_some_and(|parameters| parameters.has_decoder()) && model.below().is_none() {
        let novelty = novelty_len(&network) + network.code().channels;
        define("NOVELTY_BYTES", &format!("{}u", 4 * novelty));
        for (name, method) in [("SGD", Method::Sgd { momentum: 0.0 }), ("ADAM", Method::ADAM)] {
            let bytes = |batch| stream_training_len(&network, &method, batch).bytes();
            let image = bytes(1) - bytes(0);
            let training = format!("({}u + {image}u * (batch))", bytes(0));
            define(&format!("TRAIN_{name}_BYTES(batch)"), &training);
        }
    }
    text
}
