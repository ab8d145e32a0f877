//! `model.wta` as a C header.

use super::ModelFile;
use crate::error::Result;

/// Bytes in a line of the array.
const LINE: usize = 16;

/// A header of C99 (and C++): the array, aligned, and the description as macros. `name` is for its first line.
///
/// # Errors
///
/// None for a file that was made on this machine.
pub fn header(file: &ModelFile, name: &str) -> Result<String> {
    let model = file.model()?;
    let input = model.network().input();
    // A comment ends where it ends.
    let name = name.replace("*/", "* /");
    let mut text = format!(
        "/* {name}: made by `wta export`, to be made again and not to be edited. */

#ifndef WTA_MODEL_H
#define WTA_MODEL_H

/* Bytes of the model. */
#define WTA_MODEL_LEN {}u
/* The input: height x width positions with the channels side by side. */
#define WTA_MODEL_CHANNELS {}u
#define WTA_MODEL_HEIGHT {}u
#define WTA_MODEL_WIDTH {}u
/* What each number of the input is multiplied by. */
#define WTA_MODEL_SCALE {:?}f
/* Features of an image. */
#define WTA_MODEL_FEATURES {}u
/* Classes of the classifier; 0 for none. */
#define WTA_MODEL_CLASSES {}u

#if defined(__cplusplus) && __cplusplus >= 201103L
#define WTA_MODEL_ALIGN alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define WTA_MODEL_ALIGN _Alignas(16)
#elif defined(__GNUC__) || defined(__ICCARM__) || defined(__CC_ARM)
#define WTA_MODEL_ALIGN __attribute__((aligned(16)))
#else
#error \"say here how this compiler aligns an array to 16 bytes\"
#endif

/* The bytes of model.wta, in flash. */
WTA_MODEL_ALIGN static const unsigned char wta_model[WTA_MODEL_LEN] = {{\n",
        file.bytes().len(),
        input.channels,
        input.height,
        input.width,
        model.scale(),
        model.features(),
        model.classes(),
    );
    for line in file.bytes().chunks(LINE) {
        text.push_str("    ");
        text.extend(line.iter().map(|byte| format!("0x{byte:02x},")));
        text.push('\n');
    }
    text.push_str("};\n\n#endif\n");
    Ok(text)
}
