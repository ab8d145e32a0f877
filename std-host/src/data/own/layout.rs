//! What the dimensions of an array are: channels, rows and columns, or time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wta_core::Shape;

use super::header::by;
use crate::data::form::Form;

/// Where an array has its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Before the rows and columns, or the time: N x C x H x W, N x C x T, as in PyTorch.
    ChannelsFirst,
    /// Behind them: N x H x W x C, N x T x C, as in Keras and OpenCV.
    ChannelsLast,
}

/// What samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Rows and columns, of one channel or several.
    Images,
    /// Values along time, of one channel or several.
    Signals,
    /// Values without an order.
    Vectors,
}

/// What an array's dimensions are told to be, by the keys of `[data]`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) layout: Option<Layout>,
    pub(super) kind: Option<Kind>,
}

/// The samples of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Their shape; a signal is an image of one row.
    pub(super) shape: Shape,
    pub(super) form: Form,
    /// Whether the channels lie one after the other.
    pub(super) planes: bool,
    /// Whether that was guessed, and another guess would be possible.
    guess: Option<&'static str>,
}

impl Sample {
    /// The samples of an array, of whose dimensions `rest` are those after the first.
    ///
    /// Of two dimensions it is guessed, unless told, whether they are rows and columns, or channels and
    /// time: sides of a similar length are an image.
    pub(super) fn new(rest: &[usize], told: Told) -> Result<Self, String> {
        let Told { layout, kind } = told;
        let last = layout == Some(Layout::ChannelsLast);
        let sample = |shape, form, planes| Self { shape, form, planes, guess: None };
        let found = match (rest, kind) {
            (&[len], kind) => {
                let form = if kind == Some(Kind::Signals) { Form::Signal } else { Form::Vector };
                sample(Shape::new(1, 1, len), form, false)
            }
            (_, Some(Kind::Vectors)) => {
                let len = rest.iter().try_fold(1usize, |len, size| len.checked_mul(*size));
                sample(Shape::new(1, 1, len.ok_or("is too large")?), Form::Vector, false)
            }
            (&[height, width], Some(Kind::Images)) => {
                sample(Shape::new(1, height, width), Form::Image, false)
            }
            (&[height, width], None) if layout.is_none() && looks_like_an_image(height, width) => {
                let guess = "for channels and time set data.kind = \"signals\"";
                Self { guess: Some(guess), ..sample(Shape::new(1, height, width), Form::Image, false) }
            }
            (&[time, channels], _) if last => sample(Shape::new(channels, 1, time), Form::Signal, false),
            (&[channels, time], _) => {
                let guess = match kind {
                    _ if layout.is_none() && channels > time => {
                        Some("for time x channels set data.layout = \"channels-last\"")
                    }
                    None if layout.is_none() => Some("for rows and columns set data.kind = \"images\""),
                    _ => None,
                };
                Self { guess, ..sample(Shape::new(channels, 1, time), Form::Signal, true) }
            }
            (&[height, width, channels], _) if last => {
                let shape = Shape::new(channels, height, width);
                sample(shape, form(shape, kind), false)
            }
            (&[channels, height, width], _) => {
                let shape = Shape::new(channels, height, width);
                let channels_last = layout.is_none() && matches!(width, 1..=4) && height > 4 && channels > 4;
                let guess = "for rows x columns x channels set data.layout = \"channels-last\"";
                Self { guess: channels_last.then_some(guess), ..sample(shape, form(shape, kind), true) }
            }
            _ => {
                return Err(format!(
                    "is an array of N x {}, but samples are vectors (N x D), signals (N x channels x time) or \
                     images (N x rows x columns, N x channels x rows x columns); reshape it, or set data.shape",
                    by(rest)
                ));
            }
        };
        Ok(found)
    }

    /// What it was taken for, for people; with how to say that it is something else.
    pub(super) fn taken_as(&self) -> String {
        let Shape { channels, height, width } = self.shape;
        let with_channels = |what: String| match channels {
            1 => what,
            channels => format!("{what}, {channels} channels"),
        };
        let text = match self.form {
            Form::Vector => format!("vectors of {width} values"),
            Form::Signal => with_channels(format!("signals of {} time steps", height * width)),
            Form::Image => with_channels(format!("images of {height} x {width}")),
        };
        self.guess.map_or(text.clone(), |guess| format!("{text} ({guess})"))
    }
}

fn form(shape: Shape, kind: Option<Kind>) -> Form {
    match kind {
        Some(Kind::Images) => Form::Image,
        Some(Kind::Signals) => Form::Signal,
        Some(Kind::Vectors) => Form::Vector,
        None if shape.height == 1 || shape.width == 1 => Form::Signal,
        None => Form::Image,
    }
}

/// Whether two dimensions are rather rows and columns than channels and time.
fn looks_like_an_image(height: usize, width: usize) -> bool {
    let (short, long) = (height.min(width), height.max(width));
    short > 4 && long <= 2 * short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(rest: &[usize], layout: Option<Layout>, kind: Option<Kind>) -> (Shape, Form, bool) {
        let sample = Sample::new(rest, Told { layout, kind }).unwrap();
        (sample.shape, sample.form, sample.planes)
    }

    #[test]
    fn dimensions_are_what_people_have() {
        use Form::{Image, Signal, Vector};
        let last = Some(Layout::ChannelsLast);
        assert_eq!(taken(&[64], None, None), (Shape::new(1, 1, 64), Vector, false));
        assert_eq!(taken(&[64], None, Some(Kind::Signals)), (Shape::new(1, 1, 64), Signal, false));
        assert_eq!(taken(&[8, 8], None, None), (Shape::new(1, 8, 8), Image, false));
        assert_eq!(taken(&[6, 100], None, None), (Shape::new(6, 1, 100), Signal, true));
        assert_eq!(taken(&[100, 6], last, None), (Shape::new(6, 1, 100), Signal, false));
        assert_eq!(taken(&[8, 8], last, None), (Shape::new(8, 1, 8), Signal, false));
        assert_eq!(taken(&[8, 8], None, Some(Kind::Signals)), (Shape::new(8, 1, 8), Signal, true));
        assert_eq!(taken(&[6, 100], None, Some(Kind::Images)), (Shape::new(1, 6, 100), Image, false));
        assert_eq!(taken(&[3, 8, 9], None, None), (Shape::new(3, 8, 9), Image, true));
        assert_eq!(taken(&[8, 9, 3], last, None), (Shape::new(3, 8, 9), Image, false));
        assert_eq!(taken(&[3, 1, 9], None, None), (Shape::new(3, 1, 9), Signal, true));
        assert_eq!(taken(&[3, 8, 9], None, Some(Kind::Vectors)), (Shape::new(1, 1, 216), Vector, false));
        assert!(Sample::new(&[], Told::default()).unwrap_err().contains("N x D"));
        assert!(Sample::new(&[2, 3, 4, 5], Told::default()).unwrap_err().contains("data.shape"));
    }

    #[test]
    fn a_guess_says_how_to_correct_it() {
        let said = |rest: &[usize]| Sample::new(rest, Told::default()).unwrap().taken_as();
        assert!(said(&[6, 6, 3]).contains("images of 6 x 3, 6 channels (for rows x columns x channels set"));
        assert!(said(&[100, 6]).contains("6 time steps, 100 channels (for time x channels set data.layout"));
        assert!(said(&[8, 8]).contains("data.kind = \"signals\""));
        assert!(said(&[6, 100]).contains("data.kind = \"images\""));
        assert_eq!(said(&[3, 32, 32]), "images of 32 x 32, 3 channels");
        assert_eq!(said(&[7]), "vectors of 7 values");
    }
}
