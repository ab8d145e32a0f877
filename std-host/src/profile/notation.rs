//! Networks read from the notation of papers, which [`text`](super::text) writes.

use wta_core::{Conv, MAX_LAYERS, Network, Shape, Size};

use crate::error::{Error, Result};

/// The network of a notation: `3x32x32, 64conv3-64conv3-64deconv7` (channels, rows and columns of an image,
/// then the layers; a kernel of one row and nine columns is `1x9`, a stride comes behind it: `conv5/2`), or
/// `784-1000-784` (inputs, units of each layer, inputs).
///
/// # Errors
///
/// One sentence for what is no such notation, or no network.
pub fn network(text: &str) -> Result<Network> {
    let what = |why: &str| Error::Invalid(format!("{text:?} is no network: {why}"));
    let parsed = match text.split_once(',').or_else(|| text.split_once(':')) {
        Some((image, layers)) => convolutional(image.trim(), layers.trim()),
        None => fully_connected(text.trim()),
    };
    let network = parsed.map_err(|why| what(&why))?;
    network.map_err(|error| what(&error.to_string()))
}

/// What the core says to a notation that could be read.
type Parsed = std::result::Result<wta_core::Result<Network>, String>;

fn convolutional(image: &str, layers: &str) -> Parsed {
    let [channels, height, width] =
        numbers(image)
            .and_then(|numbers| <[usize; 3]>::try_from(numbers).ok())
            .ok_or("an image is written as channels, rows and columns, like 3x32x32")?;
    let mut layers: Vec<&str> = layers.split('-').map(str::trim).collect();
    let decoder = layers.pop().and_then(|last| last.split_once("deconv"));
    let (maps, atom) = decoder.ok_or("its last layer must be a deconvolution, like 64deconv7")?;
    let atom = size(atom).ok_or_else(|| unreadable(atom))?;
    let convs = layers.iter().map(|layer| conv(layer).ok_or_else(|| unreadable(layer)));
    let convs = convs.collect::<std::result::Result<Vec<Conv>, String>>()?;
    let code = convs.last().ok_or("it needs a convolution, like 64conv3-64deconv7")?.maps;
    if count(maps) != Some(code) {
        return Err(format!("the deconvolution must have the last convolution's {code} maps"));
    }
    if convs.len() > MAX_LAYERS {
        return Err(format!("an encoder has at most {MAX_LAYERS} layers"));
    }
    Ok(Network::convolutional(Shape::new(channels, height, width), &convs, atom))
}

fn fully_connected(text: &str) -> Parsed {
    let numbers: Option<Vec<usize>> = text.split('-').map(|number| count(number.trim())).collect();
    let forms = "write it like 3x32x32, 64conv3-64conv3-64deconv7 or 784-1000-784";
    match numbers.as_deref() {
        Some([input, units @ .., output]) if !units.is_empty() => {
            if input != output {
                return Err(format!("it must have as many outputs as inputs, {input}"));
            }
            if units.len() > MAX_LAYERS {
                return Err(format!("an encoder has at most {MAX_LAYERS} layers"));
            }
            Ok(Network::fully_connected(*input, units))
        }
        _ => Err(forms.to_owned()),
    }
}

fn unreadable(layer: &str) -> String {
    format!("{layer:?} is no layer; one is like 64conv3, 64conv1x9 or 64conv5/2")
}

/// `64conv1x9/1x2`.
fn conv(text: &str) -> Option<Conv> {
    let (maps, rest) = text.split_once("conv")?;
    let (kernel, stride) = rest.split_once('/').unwrap_or((rest, "1"));
    Some(Conv::with_stride(count(maps)?, size(kernel)?, size(stride)?))
}

/// `5`, or `1x9`.
fn size(text: &str) -> Option<Size> {
    match numbers(text)?.as_slice() {
        [side] => Some(Size::square(*side)),
        [height, width] => Some(Size::new(*height, *width)),
        _ => None,
    }
}

fn numbers(text: &str) -> Option<Vec<usize>> {
    text.split('x').map(count).collect()
}

/// Digits alone: what else Rust reads as a number is a slip here.
fn count(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::cases::cases;
    use crate::profile::text::network_and_sparsity;

    #[test]
    fn what_is_written_is_read() {
        let more = [
            "1x40x24, 96conv3-96conv3-96deconv5",
            "6x1x1024, 64conv1x9-64deconv1x17",
            "1x8x9, 6conv3x5/2-6deconv3",
            "9-4-3-9",
        ];
        let more = more.map(|text| (text.to_owned(), network(text).unwrap()));
        let known = cases().unwrap().into_iter().map(|case| {
            let text = network_and_sparsity(&case.network, &case.sparsity);
            (text.rsplit_once(", ").unwrap().0.to_owned(), case.network)
        });
        for (text, expected) in known.chain(more) {
            assert_eq!(network(&text).unwrap(), expected);
            let words = network_and_sparsity(&expected, &wta_core::Sparsity::SPATIAL);
            assert_eq!(words, format!("{text}, every winner"));
        }
        let spaced = network("3x32x32:64conv3 - 64deconv7").unwrap();
        assert_eq!(spaced, network("3x32x32, 64conv3-64deconv7").unwrap());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("conv127", "write it like"),
            ("784", "write it like"),
            ("784-1000", "write it like"),
            ("784-1000-783", "as many outputs as inputs, 784"),
            ("784-+10-784", "write it like"),
            ("9-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-9", "at most"),
            ("3x32, 64conv3-64deconv7", "channels, rows and columns"),
            ("3x32x32, 64conv3", "must be a deconvolution"),
            ("3x32x32, 64deconv3", "needs a convolution"),
            ("3x32x32, 64conv3-32deconv3", "the last convolution's 64 maps"),
            ("3x32x32, 64convx-64deconv3", "\"64convx\" is no layer"),
            ("3x32x32, 64conv3x3x3-64deconv3", "is no layer"),
            ("3x32x32, 64conv99999999999999999999-64deconv3", "is no layer"),
            ("3x32x32, 64conv33-64deconv3", "larger than the image"),
            ("3x32x32, 0conv3-0deconv3", ""),
            ("", "write it like"),
        ] {
            let error = network(text).unwrap_err().to_string();
            assert!(error.contains("is no network") && error.contains(why), "{text}: {error}");
        }
    }
}
